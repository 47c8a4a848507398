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
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::base::Source;
    use crate::cluster::{Request, testing};
    use crate::contract::{
        Address, Applied, Fault, Future, Observation, OperationHandle, Progress, Support, Target, TargetName,
    };
    use crate::graph::ResourceKey;
    use crate::model::{ReadOptions, read};

    /// A host on which every public address has this name and this address.
    struct OnHost(&'static str);

    impl Target for OnHost {
        fn name(&self) -> TargetName {
            TargetName::Libvirt
        }

        fn supports(&self, _: &str, _: &str) -> Support {
            Support::Yes
        }

        fn observe<'a>(&'a self, address: &'a Address) -> Future<'a, Result<Option<Observation>, Fault>> {
            assert_eq!(address.resource_type, PUBLIC_ADDRESS_TYPE, "nothing else is asked for");
            let body = (address.name == "front").then(|| body(self.0, "198.18.0.1"));
            Box::pin(std::future::ready(Ok(body.map(|body| Observation { body, etag: None }))))
        }

        fn normalise(&self, _: &Address, body: Json) -> Json {
            body
        }

        fn apply<'a>(&'a self, _: &'a Address, _: &'a Json, _: Option<&'a str>) -> Future<'a, Result<Progress, Fault>> {
            panic!("nothing is changed")
        }

        fn delete<'a>(&'a self, _: &'a Address) -> Future<'a, Result<Progress, Fault>> {
            panic!("nothing is changed")
        }

        fn poll<'a>(&'a self, _: &'a OperationHandle) -> Future<'a, Result<Progress, Fault>> {
            panic!("nothing is changed")
        }
    }

    fn body(fqdn: &str, address: &str) -> Json {
        json!({ "properties": { "dnsSettings": { "fqdn": fqdn }, "ipAddress": address } })
    }

    fn cluster(target: TargetName) -> Cluster {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEVYQU1QTEUtS0VZLVJFUExBQ0UtV0lUSC1ZT1VSUy0t me";
        let request = Request { name: "demo".into(), ..Request::default() };
        let text = request.starter(target, None, key.to_owned()).text();
        read(&Source { name: "demo".into(), text }, &ReadOptions::default()).cluster.unwrap()
    }

    fn applied(names: &[(&str, &str)]) -> AppliedResources {
        let scope = testing::session(Arc::new(OnHost("")), None).scope;
        let own = |(resource_type, name): &(&str, &str)| {
            let address = Address::new(&scope, resource_type, "1", name);
            (
                ResourceKey::named(resource_type, name),
                Applied { address: address.into(), body: Json::Null, after: Vec::new() },
            )
        };
        names.iter().map(own).collect()
    }

    #[tokio::test]
    async fn on_prem_the_address_is_asked_and_the_name_expected() {
        let applied = applied(&[
            ("Microsoft.Network/virtualNetworks", "vnet"),
            (PUBLIC_ADDRESS_TYPE, "another"),
            (PUBLIC_ADDRESS_TYPE, "front"),
        ]);
        let cluster = cluster(TargetName::Libvirt);
        let session = testing::session(Arc::new(OnHost("demo.local.internal")), None);
        let reached = reach(&session, &cluster, &applied).await.unwrap();
        assert_eq!(reached.server, "https://198.18.0.1:443");
        assert_eq!(reached.tls_server_name.as_deref(), Some("demo.local.internal"));

        let session = testing::session(Arc::new(OnHost("other.local.internal")), None);
        let error = reach(&session, &cluster, &applied).await.unwrap_err();
        assert!(error.to_string().contains("demo.local.internal"), "{error}");
        // Elsewhere name servers know the name, and nothing is looked at.
        let cloud = testing::session(Arc::new(crate::target::memory::MemoryTarget::default()), None);
        let reached = reach(&cloud, &cluster, &applied).await.unwrap();
        assert!(reached.server.starts_with("https://demo.local.") && reached.tls_server_name.is_none(), "{reached:?}");
    }

    #[test]
    fn an_address_is_that_of_the_name() {
        let of = |body: &Json| address_of(body, "demo.local.internal").map(|address| at(address, "n".into()).server);
        assert_eq!(of(&body("Demo.local.internal", "198.18.0.1")).as_deref(), Some("https://198.18.0.1:443"));
        assert_eq!(of(&body("demo.local.internal", "fd00::1")).as_deref(), Some("https://[fd00::1]:443"));
        assert_eq!(of(&body("other.local.internal", "198.18.0.1")), None);
        assert_eq!(of(&body("demo.local.internal", "no address")), None);
        assert_eq!(of(&json!({ "properties": { "ipAddress": "198.18.0.1" } })), None);
    }
}
