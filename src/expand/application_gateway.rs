//! The application gateway of the add-on `appgw-ingress`: its public address, the identity of the ingress controller, and
//! the roles of both.
//!
//! The gateway begins with one listener that leads nowhere, because Azure takes none without; from then on its listeners
//! and rules are the ingress controller's. A web application firewall is a policy of its own, since Azure gives up those that are
//! settings of a gateway (learn.microsoft.com, "Upgrade to Azure Application Gateway WAF policy"; PSRule.Rules.Azure,
//! "Migrate to Application Gateway WAF policy": retired on 15 March 2027). Of its rules' versions 3.2 is one of the three that
//! are kept up ("Azure Web Application Firewall ruleset support policy"; all in stored copies read 2026-11-28).
//!
//! Deliberately absent: the ingress controller, which the cluster's owner installs by Helm.

use super::ExpandError;
use super::context::{Context, group_id, symbol};
use super::identity::{Role, role_definition};
use super::security::named;
use crate::graph::{Function, Reference, Resource, Value};
use crate::model::{ApplicationGateway, Identity};

const GATEWAY_TYPE: &str = "Microsoft.Network/applicationGateways";
const FIREWALL_TYPE: &str = "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies";
const ADDRESS_TYPE: &str = "Microsoft.Network/publicIPAddresses";
const IDENTITY_TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
const ROLE_TYPE: &str = "Microsoft.Authorization/roleAssignments";

/// The gateway's subnet in the virtual network (aks-engine's name).
pub(super) const SUBNET: &str = "appgw-subnet";

/// How many instances serve, until somebody changes it.
const CAPACITY: u32 = 2;

const ADDRESS: &str = "gateway-address";
const IDENTITY: &str = "gateway-identity";
const FIREWALL: &str = "gateway-firewall";
const GATEWAY: &str = "gateway";

pub(super) fn build(context: &Context<'_>) -> Result<Vec<Resource>, ExpandError> {
    let Some(gateway) = context.cluster.application_gateway() else { return Ok(Vec::new()) };
    let names = context.names;
    let address = context
        .resource(ADDRESS, ADDRESS_TYPE, names.gateway_address())?
        .field("sku", Value::object([("name", "Standard".into())]))
        .properties(Value::object([("publicIPAllocationMethod", "Static".into())]));
    let identity = context.resource(IDENTITY, IDENTITY_TYPE, names.gateway_identity())?.properties(Value::object([]));
    let mut resources = vec![address, identity];
    if gateway.has_firewall {
        resources.push(firewall(context)?);
    }
    resources.push(self::gateway(context, &gateway)?);
    resources.extend(roles(context)?);
    Ok(resources)
}

fn firewall(context: &Context<'_>) -> Result<Resource, ExpandError> {
    let rules = Value::object([("ruleSetType", "OWASP".into()), ("ruleSetVersion", "3.2".into())]);
    let properties = Value::object([
        ("managedRules", Value::object([("managedRuleSets", Value::array([rules]))])),
        // aks-engine's mode: it tells what it would stop.
        ("policySettings", Value::object([("state", "Enabled".into()), ("mode", "Detection".into())])),
    ]);
    Ok(context.resource(FIREWALL, FIREWALL_TYPE, context.names.gateway())?.properties(properties))
}

fn gateway(context: &Context<'_>, gateway: &ApplicationGateway) -> Result<Resource, ExpandError> {
    let part = |collection: &str, name: &str| Value::sub_resource(Value::part_of(GATEWAY, collection, name));
    let subnet = || Value::sub_resource(Value::part_of(symbol::VIRTUAL_NETWORK, "subnets", SUBNET));
    let public = Value::object([("publicIPAddress", Value::sub_resource(Value::id_of(ADDRESS)))]);
    let mut front_ends = vec![named("appGatewayFrontendIP", public)];
    if let Some(address) = gateway.private_address {
        let private = Value::object([
            ("subnet", subnet()),
            ("privateIPAddress", address.to_string().into()),
            ("privateIPAllocationMethod", "Static".into()),
        ]);
        front_ends.push(named("appGatewayPrivateFrontendIP", private));
    }
    let kind: Value = if gateway.has_firewall { "WAF_v2" } else { "Standard_v2" }.into();
    let listener = Value::object([
        ("protocol", "Http".into()),
        ("frontendIPConfiguration", part("frontendIPConfigurations", "appGatewayFrontendIP")),
        ("frontendPort", part("frontendPorts", "httpPort")),
    ]);
    let rule = Value::object([
        ("ruleType", "Basic".into()),
        ("priority", 100_u32.into()),
        ("httpListener", part("httpListeners", "httpListener")),
        ("backendAddressPool", part("backendAddressPools", "bepool")),
        ("backendHttpSettings", part("backendHttpSettingsCollection", "setting")),
    ]);
    let setting = Value::object([("port", 80_u32.into()), ("protocol", "Http".into())]);
    let one = |name: &str, properties: Value| Value::array([named(name, properties)]);
    let mut properties = Value::object([
        ("sku", Value::object([("name", kind.clone()), ("tier", kind), ("capacity", CAPACITY.into())])),
        ("gatewayIPConfigurations", one("appGatewayIP", Value::object([("subnet", subnet())]))),
        ("frontendIPConfigurations", Value::array(front_ends)),
        ("frontendPorts", one("httpPort", Value::object([("port", 80_u32.into())]))),
        ("backendAddressPools", one("bepool", Value::object([("backendAddresses", Value::array([]))]))),
        ("backendHttpSettingsCollection", one("setting", setting)),
        ("httpListeners", one("httpListener", listener)),
        ("requestRoutingRules", one("rule", rule)),
    ]);
    if gateway.has_firewall {
        properties.insert("firewallPolicy", Value::sub_resource(Value::id_of(FIREWALL)));
    }
    Ok(context.resource(GATEWAY, GATEWAY_TYPE, context.names.gateway())?.properties(properties))
}

/// The controller writes the gateway and reads the group; the cluster hands its machines the controller's identity.
fn roles(context: &Context<'_>) -> Result<Vec<Resource>, ExpandError> {
    let names = context.names;
    let controller = Value::from(Reference::attribute(IDENTITY, &["properties", "principalId"]));
    let on = |owner: &str, owner_type: &str| (format!("{owner_type}/providers/roleAssignments"), owner.to_owned());
    let mut roles = vec![
        role(context, "gateway-role", Some(on(&names.gateway(), GATEWAY_TYPE)), Role::Contributor, controller.clone())?,
        role(context, "gateway-group-role", None, Role::Reader, controller)?,
    ];
    let cluster = match &context.cluster.identity {
        Identity::ServicePrincipal { object_id: Some(id), .. } => Some(id.as_str().into()),
        Identity::UserAssigned { .. } if context.cluster.identity.name_to_create().is_some() => {
            Some(Reference::attribute(symbol::IDENTITY, &["properties", "principalId"]).into())
        }
        // Nobody knows the principal of one that exists; and machines' own identities are no single principal.
        _ => None,
    };
    if let Some(cluster) = cluster {
        let scope = Some(on(&names.gateway_identity(), IDENTITY_TYPE));
        roles.push(role(context, "gateway-identity-role", scope, Role::ManagedIdentityOperator, cluster)?);
    }
    Ok(roles)
}

/// A role on the resource group, or on the resource in it that `owner` names by the assignment's type and its own name.
fn role(
    context: &Context<'_>,
    symbol: &str,
    owner: Option<(String, String)>,
    role: Role,
    principal: Value,
) -> Result<Resource, ExpandError> {
    let (resource_type, prefix) = match owner {
        None => (ROLE_TYPE.to_owned(), String::new()),
        Some((resource_type, owner)) => (resource_type, format!("{owner}/Microsoft.Authorization/")),
    };
    let seed = vec![group_id(), prefix.as_str().into(), principal.clone(), role.definition().into()];
    let guid = Value::Call(Function::Guid, seed);
    let name = if prefix.is_empty() { guid } else { Value::concat([prefix.into(), guid]) };
    let mut resource = context.bare_resource(symbol, &resource_type, name)?.properties(Value::object([
        ("roleDefinitionId", role_definition(role)),
        ("principalId", principal),
        ("principalType", "ServicePrincipal".into()),
    ]));
    resource.after = vec![Reference::id(GATEWAY), Reference::id(IDENTITY)];
    Ok(resource)
}
