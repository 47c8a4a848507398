//! Cases of the rules about forms of values, add-ons, zones and flags' values.

use serde_json::{Value, json};

use super::broken::{Case, K, M, P, at, case, one, principal, stack};

const GUID: &str = "11111111-2222-3333-4444-555555555555";

/// A file for the control plane with a fault.
fn custom_file(name: &str, file: Value) -> Case {
    let pointer = at(M, &format!("customFiles/0/{name}"));
    case("custom-file", pointer, &[(at(M, "customFiles"), json!([file]))])
}

/// A model whose control plane runs a script first, with some of the extension's properties changed.
pub(super) fn script(changes: &[(&str, Value)]) -> Vec<(String, Value)> {
    let mut profile = json!({"name": "hello", "version": "v1", "script": "bin/hello.sh",
        "rootURL": "https://a.example/root", "urlQuery": "sv=1&sig=a%2Fb", "extensionParameters": "canary"});
    for (name, value) in changes {
        profile[*name] = value.clone();
    }
    vec![
        ("/properties/extensionProfiles".into(), json!([profile])),
        (at(M, "preProvisionExtension"), json!({"name": "hello"})),
    ]
}

fn script_case(property: &str, value: Value) -> Case {
    let pointer = format!("/properties/extensionProfiles/0/{property}");
    case("extension-script", pointer, &script(&[(property, value)]))
}

pub(super) fn cases() -> Vec<Case> {
    let scale_set = || (at(P, "availabilityProfile"), json!("VirtualMachineScaleSets"));
    let on_stack = |name: &str, value: Value| vec![(at(P, name), value), stack(), principal()];
    let addon = |addon: Value| (at(K, "addons"), json!([addon]));
    let autoscaler = |name: &str, least: &str| {
        let pools = json!([{"name": name, "config": {"min-nodes": least, "max-nodes": "3"}}]);
        addon(json!({"name": "cluster-autoscaler", "enabled": true, "pools": pools}))
    };
    let of_container = |code: &'static str, name: &str, container: Value| {
        let addon = addon(json!({"name": "azuredisk-csi-driver", "containers": [container]}));
        case(code, at(K, &format!("addons/0/containers/0/{name}")), &[addon])
    };
    let container = |name: &str, container: Value| of_container("addon-container", name, container);
    let resources = |name: &str, container: Value| of_container("addon-resources", name, container);
    let gateway = |config: Value| addon(json!({"name": "appgw-ingress", "enabled": true, "config": config}));
    let gateway_subnet = |range: &str| gateway(json!({"appgw-subnet": range}));
    let of_gateway = |name: &str| at(K, &format!("addons/0/config/{name}"));
    let many: serde_json::Map<String, Value> = (0..46).map(|number| (format!("tag{number}"), json!("x"))).collect();
    let jumpbox = |name: &str, value: &str| {
        let told = at(K, &format!("privateCluster/jumpboxProfile/{name}"));
        case("jumpbox-form", told.clone(), &[(at(K, "privateCluster/enabled"), json!(true)), (told, json!(value))])
    };
    vec![
        one("resource-id-form", P, "diskEncryptionSetID", json!("one")),
        one("resource-id-form", M, "proximityPlacementGroupID", json!("/subscriptions/s")),
        case(
            "resource-id-form",
            at(P, "loadBalancerBackendAddressPoolIDs/0"),
            &[(at(P, "loadBalancerBackendAddressPoolIDs"), json!([""]))],
        ),
        case(
            "resource-id-form",
            "/properties/servicePrincipalProfile/keyvaultSecretRef/vaultID".into(),
            &[
                (at(K, "useManagedIdentity"), json!(false)),
                (
                    "/properties/servicePrincipalProfile".into(),
                    json!({"clientId": "c", "keyvaultSecretRef": {"vaultID": "/subscriptions/s", "secretName": "n"}}),
                ),
            ],
        ),
        one("resource-id-form", K, "userAssignedID", json!("/subscriptions/s/resourceGroups/g")),
        case(
            "guid-form",
            "/properties/aadProfile/adminGroupID".into(),
            &[(
                "/properties/aadProfile".into(),
                json!({"adminGroupID": "me", "tenantID": GUID, "clientAppID": GUID, "serverAppID": GUID}),
            )],
        ),
        case("tag-form", "/tags/a<b".into(), &[("/tags".into(), json!({"a<b": "x"}))]),
        case("tag-form", at(P, "customVMTags/a"), &[(at(P, "customVMTags"), json!({"a": "x".repeat(257)}))]),
        case("tag-count", at(M, "customVMTags"), &[(at(M, "customVMTags"), Value::Object(many))]),
        jumpbox("name", "no such-"),
        jumpbox("username", "a b"),
        jumpbox("publicKey", "none"),
        case(
            "data-directory",
            at(K, "containerRuntimeConfig/dataDir"),
            &[(at(K, "containerRuntimeConfig"), json!({"dataDir": "mnt"}))],
        ),
        one("etcd-storage-limit", K, "etcdStorageLimitGB", json!(1)),
        case(
            "flag-duration",
            at(K, "controllerManagerConfig/--node-monitor-grace-period"),
            &[(at(K, "controllerManagerConfig"), json!({"--node-monitor-grace-period": "5 minutes"}))],
        ),
        case(
            "node-grace-period",
            at(K, "kubeletConfig/--node-status-update-frequency"),
            &[(at(K, "kubeletConfig"), json!({"--node-status-update-frequency": "1m"}))],
        ),
        case(
            "node-grace-period",
            at(P, "kubernetesConfig/kubeletConfig/--node-status-update-frequency"),
            &[(at(P, "kubernetesConfig/kubeletConfig"), json!({"--node-status-update-frequency": "13s"}))],
        ),
        case(
            "node-grace-period",
            at(K, "controllerManagerConfig/--node-monitor-grace-period"),
            &[(at(K, "controllerManagerConfig"), json!({"--node-monitor-grace-period": "39s"}))],
        ),
        case("addon-data", at(K, "addons/0/data"), &[addon(json!({"name": "mine", "data": "%"}))]),
        case(
            "addon-data",
            at(K, "addons/0/data"),
            &[addon(json!({"name": "mine", "data": "YQ==", "config": {"a": "b"}}))],
        ),
        // A Pod, and a policy of a version that is gone.
        case(
            "addon-data",
            at(K, "addons/0/data"),
            &[addon(json!({"name": "audit-policy", "data": "a2luZDogUG9kCg=="}))],
        ),
        case(
            "addon-data",
            at(K, "addons/0/data"),
            &[addon(json!({
                "name": "audit-policy",
                "data": "YXBpVmVyc2lvbjogYXVkaXQuazhzLmlvL3YxYmV0YTEKa2luZDogUG9saWN5CnJ1bGVzOiBbXQo=",
            }))],
        ),
        case("network-plugin-missing", at(K, "networkPlugin"), &[(at(K, "networkPlugin"), json!("none"))]),
        // A policy of the audit log makes no interfaces, nor does an add-on that is switched off.
        case(
            "network-plugin-missing",
            at(K, "networkPlugin"),
            &[
                (at(K, "networkPlugin"), json!("none")),
                (
                    at(K, "addons"),
                    json!([
                        {"name": "audit-policy", "data": "YXBpVmVyc2lvbjogYXVkaXQuazhzLmlvL3YxCmtpbmQ6IFBvbGljeQpydWxlczogW10K"},
                        {"name": "flannel", "enabled": false, "data": "YTogYgo="},
                    ]),
                ),
            ],
        ),
        container("name", json!({"name": "csi-atacher"})),
        container("name", json!({"cpuRequests": "1"})),
        container("image", json!({"name": "azuredisk", "image": "a b"})),
        resources("cpuRequests", json!({"name": "azuredisk", "cpuRequests": "much"})),
        resources("memoryLimits", json!({"name": "azuredisk", "memoryLimits": "1 Gi"})),
        resources("memoryRequests", json!({"name": "azuredisk", "memoryRequests": "1Gi", "memoryLimits": "1000Mi"})),
        case(
            "addon-container",
            at(K, "addons/0/containers/1/name"),
            &[addon(json!({
                "name": "azuredisk-csi-driver",
                "containers": [{"name": "liveness-probe"}, {"name": "livenessprobe"}],
            }))],
        ),
        case("autoscaler-pool", at(K, "addons/0/pools/0/name"), &[scale_set(), autoscaler("nowhere", "1")]),
        case("autoscaler-pool", at(K, "addons/0/pools/0/name"), &[autoscaler("agentpool1", "1")]),
        case(
            "autoscaler-range",
            at(K, "addons/0/pools/0/config/min-nodes"),
            &[scale_set(), autoscaler("agentpool1", "4")],
        ),
        case(
            "autoscaler-range",
            at(K, "addons/0/pools/0/config/min-nodes"),
            &[scale_set(), autoscaler("agentpool1", "few")],
        ),
        custom_file("source", json!({"source": "nowhere.yaml", "dest": "/etc/a"})),
        custom_file("source", json!({"dest": "/etc/a"})),
        custom_file("source", json!({"source": "src", "dest": "/etc/a"})),
        custom_file("dest", json!({"source": "Cargo.toml", "dest": "etc/a"})),
        custom_file("dest", json!({"source": "Cargo.toml", "dest": "/etc/../a"})),
        custom_file("dest", json!({"source": "Cargo.toml", "dest": "/etc/kubernetes/manifests/a.yaml"})),
        case(
            "application-gateway-identity",
            "/properties/servicePrincipalProfile/objectId".into(),
            &[gateway_subnet("10.1.0.0/24"), (at(K, "useManagedIdentity"), json!(false)), principal()],
        ),
        case(
            "application-gateway-network",
            at(K, "networkPlugin"),
            &[gateway_subnet("10.1.0.0/24"), (at(K, "networkPlugin"), json!("kubenet"))],
        ),
        case("application-gateway-subnet", of_gateway("appgw-subnet"), &[gateway(json!({}))]),
        case("application-gateway-subnet", of_gateway("appgw-subnet"), &[gateway_subnet("10.1.0.0/29")]),
        case("application-gateway-subnet", of_gateway("appgw-subnet"), &[gateway_subnet("192.168.0.0/24")]),
        case("application-gateway-subnet", of_gateway("appgw-subnet"), &[gateway_subnet("10.240.7.0/24")]),
        case(
            "application-gateway-sku",
            of_gateway("appgw-sku"),
            &[gateway(json!({"appgw-subnet": "10.1.0.0/24", "appgw-sku": "WAF_Medium"}))],
        ),
        case(
            "application-gateway-address",
            of_gateway("appgw-private-ip"),
            &[gateway(json!({"appgw-subnet": "10.1.0.0/24", "appgw-private-ip": "10.1.1.10"}))],
        ),
        case("extension-unknown", at(P, "extensions/0/name"), &[(at(P, "extensions"), json!([{"name": "x"}]))]),
        case(
            "extension-unknown",
            at(M, "preProvisionExtension/name"),
            &[(at(M, "preProvisionExtension"), json!({"name": "x"}))],
        ),
        script_case("rootURL", json!("http://a.example/")),
        script_case("rootURL", json!("https://a.example/\"; x")),
        script_case("urlQuery", json!("a b")),
        script_case("version", json!("../v1")),
        script_case("script", json!("../../x.sh")),
        script_case("script", Value::Null),
        case(
            "not-supported-yet",
            "/properties/extensionProfiles/0/parametersKeyvaultSecretRef".into(),
            &script(&[("parametersKeyvaultSecretRef", json!({"vaultID": "v", "secretName": "s"}))]),
        ),
        case("zone-form", at(P, "availabilityZones/0"), &[(at(P, "availabilityZones"), json!(["4"]))]),
        case("zone-form", at(P, "availabilityZones/1"), &[(at(P, "availabilityZones"), json!(["1", "1"]))]),
        case("stack-zones", at(P, "availabilityZones"), &on_stack("availabilityZones", json!(["1"]))),
        case(
            "stack-accelerated-networking",
            at(P, "acceleratedNetworkingEnabled"),
            &on_stack("acceleratedNetworkingEnabled", json!(true)),
        ),
        case(
            "stack-etcd-disk",
            at(K, "etcdDiskSizeGB"),
            &[(at(K, "etcdDiskSizeGB"), json!("2048")), stack(), principal()],
        ),
        one("protection-missing", K, "containerRuntime", json!("kata-containers")),
    ]
}

/// Warnings: code and changes.
pub(super) fn warnings() -> Vec<(&'static str, Vec<(String, Value)>)> {
    let old_key = json!({"servicePrincipalClientID": "c", "secret": "s"});
    vec![
        ("api-version-converted", vec![("/apiVersion".into(), json!("2017-07-01"))]),
        (
            "key-renamed",
            vec![
                (at(K, "useManagedIdentity"), json!(false)),
                (
                    "/properties/servicePrincipalProfile".into(),
                    json!({"servicePrincipalClientID": "", "clientId": "c", "secret": "s"}),
                ),
            ],
        ),
        (
            "key-renamed",
            vec![(at(K, "useManagedIdentity"), json!(false)), ("/properties/servicePrincipalProfile".into(), old_key)],
        ),
        ("network-plugin-replaced", vec![(at(K, "networkPlugin"), json!("flannel"))]),
        ("distro-replaced", vec![(at(P, "distro"), json!("aks"))]),
        ("one-host", vec![("/properties/onPremProfile".into(), json!({})), (at(M, "count"), json!(3))]),
        (
            "on-prem-size-unknown",
            vec![("/properties/onPremProfile".into(), json!({})), (at(P, "vmSize"), json!("Standard_X9"))],
        ),
        ("no-effect", vec![(at(K, "podSecurityPolicyConfig"), json!("YQ=="))]),
        ("zones-partial", vec![(at(P, "availabilityZones"), json!(["1"]))]),
        ("etcd-storage-limit-large", vec![(at(K, "etcdStorageLimitGB"), json!(16))]),
        (
            "accelerated-networking-unknown",
            vec![(at(P, "vmSize"), json!("Standard_X9")), (at(P, "acceleratedNetworkingEnabled"), json!(true))],
        ),
    ]
}
