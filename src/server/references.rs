//! What a body refers to has to be there and be ready, and what is referred to cannot go.

use serde_json::{Value as Json, json};

use super::exchange::Refusal;
use super::index::{is_within, links};
use super::prepare::has_child;
use super::provider::{self, Behaviour, Provider, Style, parent_with_child};
use super::resource_id::ResourceId;
use super::world::World;

/// Checks all references of a body that is about to be written.
pub(super) fn check(world: &World, id: &str, body: &Json) -> Result<(), Refusal> {
    for link in links(id, body) {
        let Some(target) = ResourceId::of_text(&link.to) else { continue };
        let full_type = target.full_type();
        let found = match parent_with_child(&full_type) {
            Some((_, array)) => {
                let Some(parent) = target.parent() else { continue };
                if is_within(&link.to, id) {
                    if has_child(body, array, target.name()) { continue } else { None }
                } else {
                    world.entry(&parent.text()).filter(|parent| has_child(&parent.body, array, target.name()))
                }
            }
            // What nothing is known of may be anywhere: a gallery's image, a snapshot.
            None if provider::of_type(&full_type).is_none() || is_within(&link.to, id) => continue,
            None => world.entry(&target.text()),
        };
        let Some(found) = found else {
            if full_type.eq_ignore_ascii_case("Microsoft.ManagedIdentity/userAssignedIdentities") {
                return Err(identity_missing(id, &link.to));
            }
            return Err(missing(&link.to, id));
        };
        let of = provider::of_type_or_plain(&found.resource_type);
        let is_ready = found.state.is_empty() || found.state == "Succeeded";
        if !is_ready && of.style == Style::Network && of.etag {
            let kind = found.resource_type.rsplit('/').next().unwrap_or_default();
            return Err(Refusal::new(429, "RetryableError", "A retryable error occurred.").details(vec![json!({
                "code": "ReferencedResourceNotProvisioned",
                "message": format!(
                    "Cannot proceed with operation because resource {} used by resource {id} is not in Succeeded state. \
                     Resource is in {} state and the last operation that updated/is updating the resource is Put{kind}Operation.",
                    link.to, found.state
                ),
            })]));
        }
        check_taken(world, id, &link.to, &found.id, of)?;
    }
    Ok(())
}

/// A network card serves one machine, and a public address one configuration.
fn check_taken(world: &World, id: &str, to: &str, found: &str, of: &Provider) -> Result<(), Refusal> {
    let other = |kinds: &[&str]| {
        world
            .index
            .referrers(found)
            .find(|from| {
                let from = from.to_ascii_lowercase();
                !is_within(&from, id) && kinds.iter().any(|kind| from.contains(kind))
            })
            .map(str::to_owned)
    };
    match of.behaviour {
        Behaviour::NetworkInterface if id.to_ascii_lowercase().contains("/virtualmachines/") => {
            other(&["/virtualmachines/"]).map_or(Ok(()), |holder| Err(nic_in_use(found, &holder)))
        }
        Behaviour::PublicAddress => other(&["ipconfigurations/", "/natgateways/"]).map_or(Ok(()), |holder| {
            Err(Refusal::new(
                400,
                "PublicIPAddressInUse",
                format!(
                    "Resource {id} is referencing public IP address {to} that is already allocated to resource {holder}."
                ),
            )
            .details(Vec::new()))
        }),
        _ => Ok(()),
    }
}

fn missing(to: &str, id: &str) -> Refusal {
    Refusal::new(
        400,
        "InvalidResourceReference",
        format!(
            "Resource {to} referenced by resource {id} was not found. Please make sure that the referenced resource exists, \
             and that both resources are in the same region."
        ),
    )
    .details(Vec::new())
}

fn identity_missing(id: &str, to: &str) -> Refusal {
    let inner = format!("{{\"error\":{{\"code\":\"BadRequest\",\"message\":\"Resource '{to}' was not found.\"}}}}");
    Refusal::new(
        400,
        "FailedIdentityOperation",
        format!(
            "Identity operation for resource '{id}' failed with error 'Failed to perform resource identity operation. \
             Status: 'BadRequest'. Response: '{inner}'.'."
        ),
    )
    .by_gateway()
}

fn nic_in_use(nic: &str, holder: &str) -> Refusal {
    Refusal::new(
        400,
        "NicInUse",
        format!(
            "Network Interface {nic} is used by existing resource {holder}. In order to delete the network interface, it \
             must be dissociated from the resource. To learn more, see aka.ms/deletenic."
        ),
    )
    .details(Vec::new())
}

/// Why a resource cannot be deleted, if it is in use.
pub(super) fn in_use(world: &World, id: &str, provider: &Provider) -> Option<Refusal> {
    let users = world.index.outer_referrers(id);
    let user = (*users.first()?).to_owned();
    let name = id.rsplit('/').next().unwrap_or_default();
    let refuse = |code: &str, message: String| Some(Refusal::new(400, code, message).details(Vec::new()));
    match provider.behaviour {
        Behaviour::NetworkInterface => {
            let holder = users.iter().find(|user| user.to_ascii_lowercase().contains("/virtualmachines/"))?;
            Some(nic_in_use(id, holder))
        }
        Behaviour::SecurityGroup => refuse(
            "InUseNetworkSecurityGroupCannotBeDeleted",
            format!(
                "Network security group {id} cannot be deleted because it is in use by the following resources: {}. In order \
                 to delete the Network security group, remove the association with the resource(s). To learn how to do this, \
                 see aka.ms/deletensg.",
                users.join(", ")
            ),
        ),
        Behaviour::PublicAddress => refuse(
            "PublicIPAddressCannotBeDeleted",
            format!(
                "Public IP address {id} can not be deleted since it is still allocated to resource {user}. In order to delete \
                 the public IP, disassociate/detach the Public IP address from the resource.  To learn how to do this, see \
                 aka.ms/deletepublicip."
            ),
        ),
        Behaviour::VirtualNetwork => {
            let entry = world.entry(id)?;
            let (subnet, user) = super::places::items(&entry.body, "/properties/subnets").find_map(|subnet| {
                let name = subnet["name"].as_str()?;
                let user = world.index.referrers(&format!("{id}/subnets/{name}")).next()?;
                Some((name.to_owned(), user.to_owned()))
            })?;
            Some(subnet_in_use(&subnet, &user))
        }
        Behaviour::LoadBalancer => {
            let set = users.iter().find(|user| user.to_ascii_lowercase().contains("/virtualmachinescalesets/"))?;
            refuse(
                "LoadBalancerInUseByVirtualMachineScaleSet",
                format!(
                    "Cannot delete load balancer {id} since its child resources are in use by virtual machine scale set {set}."
                ),
            )
        }
        Behaviour::Disk => {
            Some(Refusal::new(409, "OperationNotAllowed", format!("Disk {name} is attached to VM {user}.")))
        }
        Behaviour::AvailabilitySet => Some(Refusal::new(
            409,
            "OperationNotAllowed",
            format!(
                "Availability Set '{name}' cannot be deleted. Before deleting an Availability Set please ensure that it does \
                 not contain any VM."
            ),
        )),
        Behaviour::Plain if provider.etag => {
            let kind = provider.resource_type.rsplit('/').next().unwrap_or_default().trim_end_matches('s');
            let kind = kind[..1].to_ascii_uppercase() + &kind[1..];
            refuse(
                &format!("InUse{kind}CannotBeDeleted"),
                format!("{kind} {name} is in use and cannot be deleted. It is used by {}.", users.join(", ")),
            )
        }
        _ => None,
    }
}

/// 400 `InUseSubnetCannotBeDeleted`.
pub(super) fn subnet_in_use(subnet: &str, user: &str) -> Refusal {
    Refusal::new(
        400,
        "InUseSubnetCannotBeDeleted",
        format!(
            "Subnet {subnet} is in use by {user} and cannot be deleted. In order to delete the subnet, delete all the \
             resources within the subnet. See aka.ms/deletesubnet."
        ),
    )
    .details(Vec::new())
}
