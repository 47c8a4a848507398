//! Load balancers and their public addresses: the control plane's public one (API server, SSH by translation), its
//! internal one, and the workers', through which they reach the Internet and on which the cloud controller puts services.

use super::ExpandError;
use super::context::{API_SERVER_PORT, Context, INTERNAL_BALANCER_PORT, symbol};
use super::security::named;
use crate::graph::{Resource, Value};
use crate::model::LoadBalancerSku;

const BALANCER_TYPE: &str = "Microsoft.Network/loadBalancers";
const ADDRESS_TYPE: &str = "Microsoft.Network/publicIPAddresses";

/// When an idle connection to the API server is dropped, in minutes (aks-engine's).
const IDLE_MINUTES: u32 = 5;

/// The workers' outgoing ports: Azure divides them among the machines that are there.
const AUTOMATIC_PORTS: u32 = 0;

/// The names of the API server's rule and probe (aks-engine's).
const RULE: &str = "LBRuleHTTPS";
const PROBE: &str = "tcpHTTPSProbe";
const INTERNAL_RULE: &str = "InternalLBRuleHTTPS";

pub(super) fn build(context: &Context<'_>) -> Result<Vec<Resource>, ExpandError> {
    let mut resources = Vec::new();
    if has_public_balancer(context) {
        resources.push(control_plane_address(context)?);
        resources.push(public_balancer(context)?);
    }
    if context.cluster.control_plane.has_internal_balancer() {
        resources.push(internal_balancer(context)?);
    }
    // Without an outbound rule the cloud controller makes it, once a service asks for one.
    if context.has_outbound_rules() && !context.cluster.pools.is_empty() {
        resources.extend(worker_balancer(context)?);
    }
    Ok(resources)
}

/// Whether the control plane has a public load balancer: for the API server, and where an outbound rule is the way out.
pub(super) fn has_public_balancer(context: &Context<'_>) -> bool {
    context.cluster.network.private_cluster.is_none() || context.has_outbound_rules()
}

/// Whether the API server can be reached from outside the network.
pub(super) fn has_public_endpoint(context: &Context<'_>) -> bool {
    context.cluster.network.private_cluster.is_none()
}

/// The name of the rule that leads SSH to a control-plane machine, for the machine at the instance's index.
pub(super) fn ssh_rule_prefix(context: &Context<'_>) -> String {
    format!("SSH-{}", context.names.control_plane_prefix())
}

fn sku(context: &Context<'_>) -> Value {
    Value::object([("name", context.cluster.network.load_balancer.sku.word().into())])
}

fn address(context: &Context<'_>, symbol: &str, name: String) -> Result<Resource, ExpandError> {
    let allocation = match context.cluster.network.load_balancer.sku {
        LoadBalancerSku::Standard => "Static",
        LoadBalancerSku::Basic => "Dynamic",
    };
    let address = context.resource(symbol, ADDRESS_TYPE, name)?.field("sku", sku(context));
    Ok(address.properties(Value::object([("publicIPAllocationMethod", allocation.into())])))
}

fn control_plane_address(context: &Context<'_>) -> Result<Resource, ExpandError> {
    let mut resource = address(context, symbol::PUBLIC_ADDRESS, context.names.public_address())?;
    if has_public_endpoint(context) {
        let label = context.cluster.dns_prefix.as_str().into();
        resource.properties.insert("dnsSettings", Value::object([("domainNameLabel", label)]));
    }
    Ok(resource)
}

fn public_balancer(context: &Context<'_>) -> Result<Resource, ExpandError> {
    let names = context.names;
    let part =
        |collection: &str, name: &str| Value::sub_resource(Value::part_of(symbol::PUBLIC_BALANCER, collection, name));
    let front_end = part("frontendIPConfigurations", &names.public_front_end());
    let backend = part("backendAddressPools", &names.control_plane_backend());
    let public = Value::sub_resource(Value::id_of(symbol::PUBLIC_ADDRESS));
    let mut properties = Value::object([
        (
            "frontendIPConfigurations",
            Value::array([named(names.public_front_end(), Value::object([("publicIPAddress", public)]))]),
        ),
        ("backendAddressPools", Value::array([Value::object([("name", names.control_plane_backend().into())])])),
    ]);
    if has_public_endpoint(context) {
        let mut rule = Value::object([
            ("frontendIPConfiguration", front_end.clone()),
            ("backendAddressPool", backend.clone()),
            ("protocol", "Tcp".into()),
            ("frontendPort", u32::from(API_SERVER_PORT).into()),
            ("backendPort", u32::from(API_SERVER_PORT).into()),
            ("enableFloatingIP", false.into()),
            ("idleTimeoutInMinutes", IDLE_MINUTES.into()),
            ("loadDistribution", "Default".into()),
            ("probe", part("probes", PROBE)),
        ]);
        if context.has_standard_balancer() {
            // Going out has a way of its own; two ways out for one address are refused.
            rule.insert("disableOutboundSnat", true.into());
            rule.insert("enableTcpReset", true.into());
        }
        properties.insert("loadBalancingRules", Value::array([named(RULE, rule)]));
        properties.insert("probes", Value::array([probe(API_SERVER_PORT)]));
        if context.cluster.control_plane.is_scale_set() {
            properties.insert("inboundNatPools", Value::array([ssh_pool(context, &front_end)]));
        } else {
            properties.insert("inboundNatRules", Value::array(ssh_rules(context, &front_end)));
        }
    }
    if context.has_outbound_rules() {
        properties.insert("outboundRules", outbound_rules(context, &backend, [front_end]));
    }
    let balancer = context.resource(symbol::PUBLIC_BALANCER, BALANCER_TYPE, names.public_balancer())?;
    Ok(balancer.field("sku", sku(context)).properties(properties))
}

/// One rule for each control-plane machine: port 22 leads to the first, 2201 to the second and so on. Whether anybody may
/// use them is the security group's to say.
fn ssh_rules(context: &Context<'_>, front_end: &Value) -> Vec<Value> {
    let prefix = ssh_rule_prefix(context);
    (0..context.cluster.control_plane.count)
        .map(|index| {
            let port = if index == 0 { 22 } else { 2200 + index };
            named(
                format!("{prefix}{index}"),
                Value::object([
                    ("frontendIPConfiguration", front_end.clone()),
                    ("protocol", "Tcp".into()),
                    ("frontendPort", port.into()),
                    ("backendPort", 22_u32.into()),
                    ("enableFloatingIP", false.into()),
                ]),
            )
        })
        .collect()
}

/// The name of the ports that lead SSH to a control plane's scale set (aks-engine's).
fn ssh_pool_name(context: &Context<'_>) -> String {
    format!("SSH-{}natpools", context.names.control_plane_prefix())
}

/// A scale set's instances take their ports from here, the first of them 50001.
fn ssh_pool(context: &Context<'_>, front_end: &Value) -> Value {
    named(
        ssh_pool_name(context),
        Value::object([
            ("frontendIPConfiguration", front_end.clone()),
            ("protocol", "Tcp".into()),
            ("frontendPortRangeStart", 50001_u32.into()),
            ("frontendPortRangeEnd", 50119_u32.into()),
            ("backendPort", 22_u32.into()),
            ("enableFloatingIP", false.into()),
        ]),
    )
}

/// The ports for SSH that a control plane's scale set takes from, if it can be reached from outside.
pub(super) fn control_plane_ssh_pools(context: &Context<'_>) -> Option<Value> {
    let pool = Value::part_of(symbol::PUBLIC_BALANCER, "inboundNatPools", &ssh_pool_name(context));
    has_public_endpoint(context).then(|| Value::array([Value::sub_resource(pool)]))
}

fn probe(port: u16) -> Value {
    named(
        PROBE,
        Value::object([
            ("protocol", "Tcp".into()),
            ("port", u32::from(port).into()),
            ("intervalInSeconds", 5_u32.into()),
            ("numberOfProbes", 2_u32.into()),
        ]),
    )
}

fn outbound_rules(context: &Context<'_>, backend: &Value, front_ends: impl IntoIterator<Item = Value>) -> Value {
    let idle = context.cluster.network.load_balancer.outbound_idle_timeout_minutes;
    Value::array([named(
        "LBOutboundRule",
        Value::object([
            ("frontendIPConfigurations", Value::array(front_ends)),
            ("backendAddressPool", backend.clone()),
            ("protocol", "All".into()),
            ("allocatedOutboundPorts", AUTOMATIC_PORTS.into()),
            ("idleTimeoutInMinutes", idle.into()),
            ("enableTcpReset", true.into()),
        ]),
    )])
}

fn internal_balancer(context: &Context<'_>) -> Result<Resource, ExpandError> {
    let names = context.names;
    let plane = &context.cluster.control_plane;
    let part =
        |collection: &str, name: &str| Value::sub_resource(Value::part_of(symbol::INTERNAL_BALANCER, collection, name));
    let front_end = Value::object([
        ("privateIPAddress", plane.internal_balancer_address().to_string().into()),
        ("privateIPAllocationMethod", "Static".into()),
        ("subnet", context.control_plane_subnet()),
    ]);
    let mut rule = Value::object([
        ("frontendIPConfiguration", part("frontendIPConfigurations", &names.internal_front_end())),
        ("backendAddressPool", part("backendAddressPools", &names.control_plane_backend())),
        ("protocol", "Tcp".into()),
        ("frontendPort", u32::from(API_SERVER_PORT).into()),
        ("backendPort", u32::from(INTERNAL_BALANCER_PORT).into()),
        ("enableFloatingIP", false.into()),
        ("idleTimeoutInMinutes", IDLE_MINUTES.into()),
        ("loadDistribution", "Default".into()),
        ("probe", part("probes", PROBE)),
    ]);
    if context.has_standard_balancer() {
        rule.insert("enableTcpReset", true.into());
    }
    let balancer = context
        .resource(symbol::INTERNAL_BALANCER, BALANCER_TYPE, names.internal_balancer())?
        .field("sku", sku(context))
        .properties(Value::object([
            ("frontendIPConfigurations", Value::array([named(names.internal_front_end(), front_end)])),
            ("backendAddressPools", Value::array([Value::object([("name", names.control_plane_backend().into())])])),
            ("loadBalancingRules", Value::array([named(INTERNAL_RULE, rule)])),
            ("probes", Value::array([probe(INTERNAL_BALANCER_PORT)])),
        ]));
    Ok(balancer)
}

/// The addresses for outgoing connections and the balancer that carries them. It has the cluster's name, under which the
/// cloud controller looks for it and adds what services need.
fn worker_balancer(context: &Context<'_>) -> Result<Vec<Resource>, ExpandError> {
    let names = context.names;
    let mut resources = Vec::new();
    let (mut front_ends, mut used) = (Vec::new(), Vec::new());
    for number in 1..=context.cluster.network.load_balancer.outbound_ip_count.max(1) {
        let name = names.outbound_address(number);
        let public = Value::sub_resource(Value::id_of(&name));
        let front_end = names.outbound_front_end(number);
        used.push(Value::sub_resource(Value::part_of(symbol::WORKER_BALANCER, "frontendIPConfigurations", &front_end)));
        front_ends.push(named(front_end, Value::object([("publicIPAddress", public)])));
        resources.push(address(context, &name.clone(), name)?);
    }
    let backend = Value::sub_resource(worker_backend(context));
    let balancer = context
        .resource(symbol::WORKER_BALANCER, BALANCER_TYPE, names.worker_balancer())?
        .field("sku", sku(context))
        .properties(Value::object([
            ("frontendIPConfigurations", Value::array(front_ends)),
            ("backendAddressPools", Value::array([Value::object([("name", names.worker_balancer().into())])])),
            ("outboundRules", outbound_rules(context, &backend, used)),
        ]));
    resources.push(balancer);
    Ok(resources)
}

/// The id of the pool on the workers' balancer.
fn worker_backend(context: &Context<'_>) -> Value {
    Value::part_of(symbol::WORKER_BALANCER, "backendAddressPools", context.names.worker_balancer())
}

/// The pools of load balancers that a worker's interface stands in.
pub(super) fn worker_backends(context: &Context<'_>) -> Option<Value> {
    context.has_outbound_rules().then(|| Value::array([Value::sub_resource(worker_backend(context))]))
}

/// The pools of load balancers that a control-plane machine's interface stands in.
pub(super) fn control_plane_backends(context: &Context<'_>) -> Vec<Value> {
    let name = context.names.control_plane_backend();
    let of = |symbol: &str| Value::sub_resource(Value::part_of(symbol, "backendAddressPools", &name));
    let mut backends = Vec::new();
    if has_public_balancer(context) {
        backends.push(of(symbol::PUBLIC_BALANCER));
    }
    if context.cluster.control_plane.has_internal_balancer() {
        backends.push(of(symbol::INTERNAL_BALANCER));
    }
    backends
}
