//! Resources that are recorded and nothing else: what they ask for is there without them, or means nothing on one host.
//!
//! Availability sets say on which hosts machines are made; proximity groups mean nothing on one host, and little on one wire. Route tables: the host routes between subnets. Role assignments
//! and identities: nothing here asks Azure's directory. NAT gateways: the host lets machines out.

use serde_json::{Value as Json, json};

use super::body;
use super::names::uuid_of;
use super::work::Work;
use crate::contract::{Address, Fault, Progress, Support};

/// The types, in lower case.
const RECORDED: [&str; 6] = [
    "microsoft.compute/availabilitysets",
    "microsoft.compute/proximityplacementgroups",
    "microsoft.network/routetables",
    "microsoft.network/natgateways",
    "microsoft.authorization/roleassignments",
    "microsoft.managedidentity/userassignedidentities",
];

/// Types that cannot be realised: the type in lower case, the reason, the way out.
const REFUSED: [(&str, &str, &str); 6] = [
    (
        "microsoft.compute/virtualmachinescalesets",
        "scale sets cannot be made by libvirt",
        "use `availabilityProfile: AvailabilitySet` for the pool",
    ),
    ("microsoft.storage/storageaccounts", "there is no blob storage on-prem", "use managed disks"),
    (
        "microsoft.keyvault/vaults",
        "there is no key vault on-prem",
        "leave out `enableEncryptionWithExternalKms`; `enableDataEncryptionAtRest` keeps the key on the machines",
    ),
    (
        "microsoft.network/applicationgateways",
        "there is no application gateway on-prem",
        "leave out the add-on `appgw-ingress`",
    ),
    ("microsoft.network/privateendpoints", "there are no private endpoints on-prem", "leave out what asks for one"),
    ("microsoft.network/bastionhosts", "there is no bastion on-prem", "reach the machines from the host"),
];

/// Whether a type is only recorded.
pub fn is_recorded(resource_type: &str) -> bool {
    RECORDED.contains(&resource_type.to_ascii_lowercase().as_str())
}

/// Why a type cannot be realised.
pub fn refusal(resource_type: &str) -> Support {
    let own = resource_type.to_ascii_lowercase();
    let found = REFUSED.iter().find(|(refused, _, _)| own == *refused || own.starts_with(&format!("{refused}/")));
    match found {
        Some((_, reason, help)) => Support::No { reason: (*reason).to_owned(), help: (*help).to_owned() },
        None => Support::No {
            reason: "it has no counterpart on-prem".to_owned(),
            help: "leave out what asks for it, or deploy to Azure".to_owned(),
        },
    }
}

impl Work<'_> {
    /// Records a resource.
    pub(super) fn apply_nothing(&mut self, address: &Address, body: Json) -> Result<Progress, Fault> {
        let mut body = body::completed(address, body, "Succeeded");
        if address.resource_type.to_ascii_lowercase().ends_with("/userassignedidentities") {
            body["properties"]["principalId"] = json!(uuid_of(&format!("{}/principal", address.id)).to_string());
            body["properties"]["clientId"] = json!(uuid_of(&format!("{}/client", address.id)).to_string());
            body["properties"]["tenantId"] = json!(uuid_of("tenant").to_string());
        }
        self.done(address, body, Json::Null)
    }

    /// Forgets a resource.
    pub(super) fn delete_nothing(&mut self, address: &Address) -> Result<Progress, Fault> {
        self.remove(&address.id)?;
        Ok(Progress::Done(None))
    }
}
