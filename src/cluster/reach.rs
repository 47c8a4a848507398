//! Where people reach a cluster's API server from outside of it.
//!
//! On-prem its name is known to no name server. So the address stands in its place, beside the name that the API server's
//! certificate has: kubectl asks the one and expects the other (`tls-server-name`).

use std::net::{IpAddr, SocketAddr};

use serde_json::Value as Json;

use super::{ClusterError, Session};
use crate::contract::{AppliedResources, Platform};
use crate::expand::{API_SERVER_PORT, api_server_url, endpoint_name};
use crate::model::Cluster;

const PUBLIC_ADDRESS_TYPE: &str = "Microsoft.Network/publicIPAddresses";

/// How an API server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Its address, with scheme.
    pub server: String,
    /// The name in its certificate, where the address has none.
    pub tls_server_name: Option<String>,
}

/// How the API server of a cluster that is there is reached.
///
/// # Errors
/// A target that does not answer; on-prem, a name without an address.
pub async fn reach(session: &Session, cluster: &Cluster, applied: &AppliedResources) -> Result<Reach, ClusterError> {
    let platform = Platform::from(session.target.name());
    if platform == Platform::Azure || cluster.network.private_cluster.is_some() {
        return Ok(Reach { server: api_server_url(cluster, platform), tls_server_name: None });
    }
    let name = endpoint_name(cluster, platform);
    let addresses = applied.values().filter(|own| own.address.resource_type.eq_ignore_ascii_case(PUBLIC_ADDRESS_TYPE));
    for own in addresses {
        let seen = session.target.observe(&own.address).await?;
        if let Some(address) = seen.and_then(|seen| address_of(&seen.body, &name)) {
            return Ok(at(address, name));
        }
    }
    Err(ClusterError::NoAddress { name })
}

/// The address of a public address, if it has this name.
fn address_of(body: &Json, name: &str) -> Option<IpAddr> {
    let text = |pointer: &str| body.pointer(pointer).and_then(Json::as_str);
    let is_named = text("/properties/dnsSettings/fqdn")?.eq_ignore_ascii_case(name);
    text("/properties/ipAddress").filter(|_| is_named)?.parse().ok()
}

fn at(address: IpAddr, name: String) -> Reach {
    Reach { server: format!("https://{}", SocketAddr::new(address, API_SERVER_PORT)), tls_server_name: Some(name) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_address_with_the_name_is_asked_for_by_the_name() {
        let body = |fqdn: &str, address: &str| json!({ "properties": { "dnsSettings": { "fqdn": fqdn }, "ipAddress": address } });
        let of = |body: &Json| address_of(body, "demo.local.internal").map(|address| at(address, "n".into()).server);
        assert_eq!(of(&body("Demo.local.internal", "198.18.0.1")).as_deref(), Some("https://198.18.0.1:443"));
        assert_eq!(of(&body("demo.local.internal", "fd00::1")).as_deref(), Some("https://[fd00::1]:443"));
        assert_eq!(of(&body("other.local.internal", "198.18.0.1")), None);
        assert_eq!(of(&body("demo.local.internal", "no address")), None);
        assert_eq!(of(&json!({ "properties": { "ipAddress": "198.18.0.1" } })), None);
    }
}
