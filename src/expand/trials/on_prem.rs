//! The resources are the same on-prem; what machines run there is looked at from outside (`docs/on-prem.md`).

use serde_json::json;

use super::super::on_prem::pod_range;
use super::*;
use crate::bootstrap::Start;
use crate::contract::Platform;
use crate::pki::{Given, KeyMaterial};

fn payloads(cluster: &Cluster, platform: Platform, keys: &KeyMaterial) -> Result<MachinePayloads, ExpandError> {
    machine_payloads(cluster, platform, keys, Start::Init)
}

fn keys() -> KeyMaterial {
    KeyMaterial::generate(&Given::default(), &crate::base::SystemClock, &crate::base::SystemEntropy).unwrap()
}

/// Every body, with what it waits for.
fn resources(cluster: &Cluster, payloads: &MachinePayloads) -> Vec<(String, Json, Vec<String>)> {
    let graph = expand(cluster, &scope(), &payloads.payloads).unwrap();
    let of = |node: &Node| {
        let before = graph.dependencies(&node.key).into_iter().map(|node| node.key.as_str().to_owned()).collect();
        (node.key.as_str().to_owned(), body(&graph, node), before)
    };
    graph.nodes().map(of).collect()
}

#[test]
fn the_graph_is_the_same_on_each_platform() {
    let keys = keys();
    for over in [json!({}), json!({"onPremProfile": {"slowHost": true}}), json!({"masterProfile": {"count": 3}})] {
        let slow = over.pointer("/onPremProfile/slowHost").is_some();
        let cluster = cluster(over);
        let [azure, on_prem] =
            [Platform::Azure, Platform::OnPrem].map(|platform| payloads(&cluster, platform, &keys).unwrap());
        assert_ne!(azure.secrets, on_prem.secrets);
        let (left, right) = (resources(&cluster, &azure), resources(&cluster, &on_prem));
        let names = |all: &[(String, Json, Vec<String>)]| -> Vec<_> {
            all.iter().map(|(key, _, before)| (key.clone(), before.clone())).collect()
        };
        assert_eq!(names(&left), names(&right));
        for ((key, left, _), (_, right, _)) in left.iter().zip(&right) {
            // How long the script waits that waits for the bootstrap.
            let waits = slow && key.contains("/extensions");
            assert_eq!(left != right, waits, "{key}");
        }
    }
}

#[test]
fn pods_have_a_range_that_is_free() {
    let on_prem = |over| pod_range(&cluster(over), Platform::OnPrem).to_string();
    let kubernetes = |config: Json| json!({"orchestratorProfile": {"kubernetesConfig": config}});
    // Azure CNI's subnet is wide, and holds the first choice.
    assert_eq!(on_prem(json!({})), "10.128.0.0/12");
    assert_eq!(on_prem(kubernetes(json!({"networkPlugin": "kubenet"}))), "10.244.0.0/16");
    assert_eq!(
        on_prem(kubernetes(json!({"networkPlugin": "kubenet", "clusterSubnet": "10.64.0.0/16"}))),
        "10.64.0.0/16"
    );
    assert_eq!(
        on_prem(kubernetes(json!({"serviceCidr": "10.130.0.0/16", "dnsServiceIP": "10.130.0.10"}))),
        "172.16.0.0/12"
    );
    let mut large = cluster(kubernetes(json!({"clusterSubnet": "10.16.0.0/12"})));
    assert_eq!(pod_range(&large, Platform::OnPrem).to_string(), "10.244.0.0/16");
    large.pools[0].count = 300;
    assert_eq!(pod_range(&large, Platform::OnPrem).to_string(), "10.128.0.0/12");
    assert_eq!(pod_range(&large, Platform::Azure), large.network.cluster_subnet);
}

#[test]
fn what_only_azure_has_is_refused() {
    let keys = keys();
    let addon = |name: &str| json!({"orchestratorProfile": {"kubernetesConfig": {"addons": [{"name": name, "enabled": true}]}}});
    for (over, word) in [
        (addon("cluster-autoscaler"), "cluster-autoscaler"),
        (addon("csi-secrets-store"), "csi-secrets-store"),
        (
            json!({"orchestratorProfile": {"kubernetesConfig": {"enableEncryptionWithExternalKms": true}}}),
            "enableDataEncryptionAtRest",
        ),
        (
            json!({"featureFlags": {"enableIPv6DualStack": true},
                "orchestratorProfile": {"kubernetesConfig": {"networkPlugin": "kubenet"}}}),
            "enableIPv6DualStack",
        ),
        (
            json!({"orchestratorProfile": {"kubernetesConfig": {"privateCluster": {"enabled": true,
                "jumpboxProfile": {"name": "jump", "vmSize": "Standard_D2s_v5", "username": "azureuser",
                    "publicKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEVYQU1QTEUtS0VZLVJFUExBQ0UtV0lUSC1ZT1VSUy0t me"}}}}}),
            "engine ssh",
        ),
    ] {
        let cluster = cluster(over);
        payloads(&cluster, Platform::Azure, &keys).unwrap();
        let told = payloads(&cluster, Platform::OnPrem, &keys).unwrap_err();
        let ExpandError::Unsupported { what, instead } = &told else { panic!("{told:?}") };
        assert!(what.starts_with("on-prem there is nothing for") && instead.contains(word), "{what}: {instead}");
    }
}

#[test]
fn names_and_addresses_of_the_api_server() {
    let public = cluster(json!({}));
    assert_eq!(api_server_host(&public, Platform::Azure), "quickstart.westus2.cloudapp.azure.com");
    assert_eq!(api_server_host(&public, Platform::OnPrem), "quickstart.westus2.internal");
    let private = cluster(json!({"orchestratorProfile": {"kubernetesConfig": {"privateCluster": {"enabled": true}}}}));
    assert_eq!(api_server_host(&private, Platform::OnPrem), api_server_host(&private, Platform::Azure));
}
