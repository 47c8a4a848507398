//! What a deployment tells at its end, under aks-engine's names.

use super::Names;
use super::context::symbol;
use crate::graph::{Function, Reference, Value};
use crate::model::Cluster;

/// The outputs of a cluster's template, in order. Those of resources that the cluster does not have are empty texts, as
/// aks-engine's are.
pub fn outputs(cluster: &Cluster) -> Vec<(&'static str, Value)> {
    let names = Names::of(cluster);
    let group = Value::Call(Function::Property, vec![Value::Call(Function::ResourceGroup, Vec::new()), "name".into()]);
    let (network_group, network, subnet) = match &cluster.control_plane.subnet_id {
        None => (group.clone(), names.virtual_network(), names.control_plane_subnet().to_owned()),
        Some(id) => {
            let part = |kind: &str| part_of_id(id, kind).unwrap_or_default().to_owned();
            (part("resourceGroups").into(), part("virtualNetworks"), part("subnets"))
        }
    };
    let route_table = if cluster.network.needs_route_table() { names.route_table() } else { String::new() };
    let mut outputs = vec![
        ("resourceGroup", group),
        ("vnetResourceGroup", network_group),
        ("virtualNetworkName", network.into()),
        ("subnetName", subnet.into()),
        ("securityGroupName", names.security_group().into()),
        ("routeTableName", route_table.into()),
        ("primaryAvailabilitySetName", names.primary_availability_set(cluster).into()),
        ("primaryScaleSetName", names.primary_scale_set(cluster).into()),
    ];
    if cluster.network.private_cluster.is_none() {
        let name = Reference::attribute(symbol::PUBLIC_ADDRESS, &["properties", "dnsSettings", "fqdn"]);
        outputs.push(("masterFQDN", name.into()));
    }
    if cluster.application_gateway().is_some() {
        outputs.push(("applicationGatewayName", names.gateway().into()));
    }
    outputs
}

/// The segment of a resource id that follows `kind`.
fn part_of_id<'a>(id: &'a str, kind: &str) -> Option<&'a str> {
    let mut segments = id.split('/');
    segments.find(|segment| segment.eq_ignore_ascii_case(kind))?;
    segments.next()
}
