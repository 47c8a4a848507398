//! Every error's rule broken once, alone: just its code and its pointer are told. Every warning caused once.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::*;

pub(super) const K: &str = "/properties/orchestratorProfile/kubernetesConfig";
pub(super) const M: &str = "/properties/masterProfile";
pub(super) const P: &str = "/properties/agentPoolProfiles/0";
const F: &str = "/properties/featureFlags";
const ID: &str = "11111111-2222-3333-4444-555555555555";
const SUBNET: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/one";

/// A model with changes: each a pointer and its new value, null to take it out.
pub(super) fn changed(changes: &[(&str, Value)]) -> Value {
    let mut model = quickstart();
    for (pointer, value) in changes {
        let mut place = &mut model;
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        for step in parent.split('/').skip(1) {
            place = match place {
                Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
                _ => {
                    if place.get(step).is_none() {
                        place[step] = Value::Object(Map::new());
                    }
                    &mut place[step]
                }
            };
        }
        match (place, value) {
            (Value::Object(members), Value::Null) => {
                members.shift_remove(key);
            }
            (Value::Object(members), value) => {
                members.insert(key.into(), value.clone());
            }
            (Value::Array(items), value) => items.insert(key.parse().unwrap(), value.clone()),
            _ => unreachable!(),
        }
    }
    model
}

pub(super) fn at(root: &str, name: &str) -> String {
    format!("{root}/{name}")
}

/// Code, pointer, changes.
pub(super) type Case = (&'static str, String, Vec<(String, Value)>);

pub(super) fn case(code: &'static str, pointer: String, changes: &[(String, Value)]) -> Case {
    (code, pointer, changes.to_vec())
}

/// A case of one change, at the pointer that is told.
pub(super) fn one(code: &'static str, root: &str, name: &str, value: Value) -> Case {
    case(code, at(root, name), &[(at(root, name), value)])
}

fn second_pool(name: &str, availability: &str) -> (String, Value) {
    let pool = json!({"name": name, "count": 1, "vmSize": "Standard_D2s_v5", "availabilityProfile": availability});
    ("/properties/agentPoolProfiles/1".into(), pool)
}

fn machine_cases() -> Vec<Case> {
    let scale_set = || json!("VirtualMachineScaleSets");
    let flexible = |others: &[(String, Value)]| {
        let own = vec![
            (at(P, "availabilityProfile"), scale_set()),
            (at(P, "orchestrationMode"), json!("Flexible")),
            (at(K, "userAssignedID"), json!("shared")),
        ];
        [own, others.to_vec()].concat()
    };
    vec![
        one("control-plane-count", M, "count", json!(2)),
        one("dns-prefix-form", M, "dnsPrefix", json!("a-")),
        one("pool-count", P, "count", json!(1001)),
        one("pool-name", P, "name", json!("Agent-1")),
        one("pool-name", P, "name", json!("master")),
        case(
            "pool-name-duplicate",
            "/properties/agentPoolProfiles/1/name".into(),
            &[second_pool("agentpool1", "AvailabilitySet")],
        ),
        case(
            "pool-availability-mix",
            "/properties/agentPoolProfiles/1/availabilityProfile".into(),
            &[second_pool("two", "VirtualMachineScaleSets")],
        ),
        one("pool-role", P, "role", json!("infra")),
        one("pool-ports", P, "ports", json!([80])),
        case("control-plane-scale-set", at(P, "availabilityProfile"), &[(at(M, "availabilityProfile"), scale_set())]),
        one("scale-set-only", P, "scaleSetPriority", json!("Spot")),
        one("scale-set-only", P, "singlePlacementGroup", json!(true)),
        one("scale-set-only", P, "orchestrationMode", json!("Flexible")),
        case("flexible-scale-set", at(P, "orchestrationMode"), &flexible(&[(at(K, "userAssignedID"), Value::Null)])),
        case(
            "flexible-scale-set",
            at(P, "vmssOverProvisioningEnabled"),
            &flexible(&[(at(P, "vmssOverProvisioningEnabled"), json!(true))]),
        ),
        case(
            "flexible-scale-set",
            at(P, "singlePlacementGroup"),
            &flexible(&[(at(P, "singlePlacementGroup"), json!(true))]),
        ),
        case(
            "flexible-scale-set",
            at(P, "platformFaultDomainCount"),
            &flexible(&[(at(P, "platformFaultDomainCount"), json!(5))]),
        ),
        one("eviction-policy", P, "scaleSetEvictionPolicy", json!("Delete")),
        case(
            "ephemeral-caching",
            at(P, "osDiskCachingType"),
            &[(at(P, "storageProfile"), json!("Ephemeral")), (at(P, "osDiskCachingType"), json!("ReadWrite"))],
        ),
        case(
            "stack-scale-set",
            at(P, "availabilityProfile"),
            &[(at(P, "availabilityProfile"), scale_set()), stack(), principal()],
        ),
        one("image-reference", P, "imageReference", json!({"name": "x"})),
        case("label-form", at(P, "customNodeLabels/a b"), &[(at(P, "customNodeLabels"), json!({"a b": "c"}))]),
        case(
            "label-reserved",
            at(P, "customNodeLabels/kubernetes.io~1role"),
            &[(at(P, "customNodeLabels"), json!({"kubernetes.io/role": "x"}))],
        ),
        case(
            "flag-reserved",
            at(K, "apiServerConfig/--anonymous-auth"),
            &[(at(K, "apiServerConfig"), json!({"--anonymous-auth": "false"}))],
        ),
        case(
            "flag-reserved",
            at(P, "kubernetesConfig/kubeletConfig/--cloud-config"),
            &[(at(P, "kubernetesConfig/kubeletConfig"), json!({"--cloud-config": "/etc/mine.json"}))],
        ),
        case("taint-form", at(P, "nodeTaints/0"), &[(at(P, "nodeTaints"), json!(["a=b:Never"]))]),
        case("addon-name", at(K, "addons/0/name"), &[(at(K, "addons"), json!([{"enabled": true}]))]),
        case("addon-name", at(K, "addons/0/name"), &[(at(K, "addons"), json!([{"name": "../x"}]))]),
        case("max-pods", at(K, "kubeletConfig/--max-pods"), &[(at(K, "kubeletConfig"), json!({"--max-pods": "4"}))]),
        case(
            "kubernetes-version-unsupported",
            "/properties/orchestratorProfile/orchestratorRelease".into(),
            &[("/properties/orchestratorProfile/orchestratorRelease".into(), json!("1.37"))],
        ),
        case(
            "kubernetes-version-mismatch",
            "/properties/orchestratorProfile/orchestratorVersion".into(),
            &[("/properties/orchestratorProfile/orchestratorVersion".into(), json!("1.34.1"))],
        ),
    ]
}

pub(super) fn stack() -> (String, Value) {
    ("/properties/customCloudProfile".into(), json!({"portalURL": "https://portal.westus2.azurestack.external/"}))
}

pub(super) fn principal() -> (String, Value) {
    ("/properties/servicePrincipalProfile".into(), json!({"clientId": "c", "secret": "s"}))
}

fn windows_pool(settings: Value) -> Value {
    let mut pool = json!({"name": "win", "count": 1, "vmSize": "Standard_D2s_v5", "osType": "Windows",
        "availabilityProfile": "AvailabilitySet"});
    if let (Value::Object(pool), Value::Object(settings)) = (&mut pool, settings) {
        pool.extend(settings);
    }
    pool
}

fn windows() -> (String, Value) {
    let profile = json!({"adminUsername": "azureuser", "adminPassword": "Canary-1234567"});
    ("/properties/windowsProfile".into(), profile)
}

fn address_cases() -> Vec<Case> {
    let own_vnet = |second: Value| {
        vec![
            (at(M, "vnetSubnetID"), json!(SUBNET)),
            (at(M, "vnetCidr"), json!("10.239.0.0/16")),
            (at(M, "firstConsecutiveStaticIP"), json!("10.239.255.5")),
            (at(P, "vnetSubnetID"), second),
        ]
    };
    let own_scale_sets = |agents: Value, address: Value| {
        vec![
            (at(M, "availabilityProfile"), json!("VirtualMachineScaleSets")),
            (at(P, "availabilityProfile"), json!("VirtualMachineScaleSets")),
            (at(M, "vnetSubnetID"), json!(SUBNET)),
            (at(M, "vnetCidr"), json!("10.239.0.0/16")),
            (at(M, "agentVnetSubnetID"), agents),
            (at(M, "firstConsecutiveStaticIP"), address),
        ]
    };
    let two_families = |pods: &str, services: &str| {
        vec![
            (at(F, "enableIPv6DualStack"), json!(true)),
            (at(K, "networkPlugin"), json!("kubenet")),
            (at(K, "clusterSubnet"), json!(pods)),
            (at(K, "serviceCidr"), json!(services)),
            (at(K, "dnsServiceIP"), json!("10.0.0.10")),
        ]
    };
    let services = |range: &str, address: &str| {
        vec![(at(K, "serviceCidr"), json!(range)), (at(K, "dnsServiceIP"), json!(address))]
    };
    vec![
        one("cidr-form", K, "clusterSubnet", json!("10.240.0.0/40")),
        one("address-form", M, "firstConsecutiveStaticIP", json!("10.240.0.300")),
        case(
            "network-policy-plugin",
            at(K, "networkPolicy"),
            &[(at(K, "networkPlugin"), json!("kubenet")), (at(K, "networkPolicy"), json!("cilium"))],
        ),
        one("cluster-subnet-size", K, "clusterSubnet", json!("10.240.1.0/24")),
        case("service-range-pair", at(K, "dnsServiceIP"), &[(at(K, "serviceCidr"), json!("10.1.0.0/16"))]),
        case("dns-service-ip-outside", at(K, "dnsServiceIP"), &services("10.0.0.0/16", "10.1.0.10")),
        case("dns-service-ip-reserved", at(K, "dnsServiceIP"), &services("10.0.0.0/16", "10.0.0.1")),
        one("subnet-outside-vnet", K, "clusterSubnet", json!("172.16.0.0/16")),
        case("ranges-overlap", at(K, "serviceCidr"), &services("10.241.0.0/16", "10.241.0.10")),
        one("static-ip-outside-subnet", M, "firstConsecutiveStaticIP", json!("10.1.0.5")),
        one("static-ip-reserved", M, "firstConsecutiveStaticIP", json!("10.240.0.3")),
        case(
            "ipv6-unsupported",
            "/properties/featureFlags/enableIPv6Only".into(),
            &[("/properties/featureFlags".into(), json!({"enableIPv6Only": true}))],
        ),
        case("dual-stack-unsupported", at(K, "networkPlugin"), &[(at(F, "enableIPv6DualStack"), json!(true))]),
        case(
            "dual-stack-unsupported",
            at(K, "networkPolicy"),
            &[
                (at(F, "enableIPv6DualStack"), json!(true)),
                (at(K, "networkPlugin"), json!("kubenet")),
                (at(K, "networkPolicy"), json!("calico")),
            ],
        ),
        one("ipv6-range", K, "clusterSubnet", json!("10.240.0.0/12,fc00::/48")),
        case("ipv6-range", at(K, "serviceCidr"), &two_families("10.244.0.0/16", "10.0.0.0/16,fd00::/64")),
        case(
            "ipv6-range",
            at(K, "clusterSubnet"),
            &two_families("10.244.0.0/16,10.245.0.0/16", "10.0.0.0/16,fd00::/108"),
        ),
        case(
            "ranges-overlap",
            at(K, "serviceCidr"),
            &two_families("10.244.0.0/16,fd00::/48", "10.0.0.0/16,fd00::/108"),
        ),
        case("custom-vnet-partial", at(P, "vnetSubnetID"), &own_vnet(Value::Null)),
        case("custom-vnet-mixed", at(P, "vnetSubnetID"), &own_vnet(json!(SUBNET.replace("/v/", "/w/")))),
        case("subnet-id-form", at(P, "vnetSubnetID"), &own_vnet(json!("one"))),
        case(
            "custom-vnet-static-ip",
            at(M, "firstConsecutiveStaticIP"),
            &[own_vnet(json!(SUBNET)), vec![(at(M, "firstConsecutiveStaticIP"), Value::Null)]].concat(),
        ),
        case(
            "custom-vnet-mixed",
            at(M, "agentVnetSubnetID"),
            &[
                own_scale_sets(json!(SUBNET.replace("/v/", "/w/")), Value::Null),
                vec![(at(P, "vnetSubnetID"), json!(SUBNET))],
            ]
            .concat(),
        ),
        case("custom-vnet-agent-subnet", at(M, "agentVnetSubnetID"), &own_scale_sets(Value::Null, Value::Null)),
        case(
            "outbound-addresses",
            at(K, "loadBalancerOutboundIPs"),
            &[
                (at(K, "loadBalancerSku"), json!("Basic")),
                (at(K, "loadBalancerOutboundIPs"), json!(2)),
                stack(),
                principal(),
            ],
        ),
        case(
            "outbound-type",
            at(K, "outboundType"),
            &[(at(K, "outboundType"), json!("natGateway")), stack(), principal()],
        ),
        case(
            "outbound-type",
            at(K, "outboundType"),
            &[own_vnet(json!(SUBNET)), vec![(at(K, "outboundType"), json!("natGateway"))]].concat(),
        ),
        one("outbound-type", K, "outboundType", json!("userDefinedRouting")),
        case(
            "outbound-type",
            at(K, "outboundType"),
            &[
                own_vnet(json!(SUBNET)),
                vec![(at(K, "outboundType"), json!("userDefinedRouting")), (at(K, "networkPlugin"), json!("kubenet"))],
            ]
            .concat(),
        ),
        case(
            "stack-network-plugin",
            at(K, "networkPlugin"),
            &[(at(K, "networkPlugin"), json!("cilium")), stack(), principal()],
        ),
    ]
}

fn capacity_cases() -> Vec<Case> {
    let count = at(P, "count");
    let scale_sets = || (at(P, "availabilityProfile"), json!("VirtualMachineScaleSets"));
    let kubenet = || (at(K, "networkPlugin"), json!("kubenet"));
    let pool = |name: &str, count: u32| json!({"name": name, "count": count, "vmSize": "Standard_D2s_v5", "availabilityProfile": "VirtualMachineScaleSets"});
    vec![
        case(
            "subnet-size",
            at(K, "clusterSubnet"),
            &[(at(K, "clusterSubnet"), json!("10.241.0.0/23")), (count.clone(), json!(20))],
        ),
        case(
            "vnet-addresses",
            at(K, "maxPods"),
            &[scale_sets(), (count.clone(), json!(1000)), (at(K, "maxPods"), json!(70))],
        ),
        one("interface-addresses", K, "maxPods", json!(256)),
        case("pod-range-size", at(K, "clusterSubnet"), &[kubenet(), (at(K, "clusterSubnet"), json!("10.244.0.0/23"))]),
        case(
            "route-table-size",
            count.clone(),
            &[kubenet(), scale_sets(), (at(K, "clusterSubnet"), json!("10.244.0.0/14")), (count.clone(), json!(400))],
        ),
        case("availability-set-size", count.clone(), &[(count.clone(), json!(201))]),
        case(
            "placement-group-size",
            count.clone(),
            &[scale_sets(), (at(P, "singlePlacementGroup"), json!(true)), (count.clone(), json!(101))],
        ),
        case(
            "managed-image-size",
            "/properties/agentPoolProfiles/1/count".into(),
            &[
                scale_sets(),
                ("/properties/agentPoolProfiles/1".into(), pool("two", 601)),
                (
                    "/properties/agentPoolProfiles/1/imageReference".into(),
                    json!({"name": "image", "resourceGroup": "images"}),
                ),
            ],
        ),
        case(
            "protection-missing",
            at(K, "enableEncryptionWithExternalKms"),
            &[
                (at(K, "enableEncryptionWithExternalKms"), json!(true)),
                stack(),
                (
                    "/properties/servicePrincipalProfile".into(),
                    json!({"clientId": "c", "secret": "s", "objectId": "00000000-0000-0000-0000-000000000001"}),
                ),
            ],
        ),
        case(
            "sign-in",
            "/properties/aadProfile".into(),
            &[("/properties/aadProfile".into(), json!({"clientAppID": ID, "serverAppID": ID}))],
        ),
        case(
            "vault-secrets",
            "/properties/linuxProfile/secrets/0/sourceVault/id".into(),
            &[(
                "/properties/linuxProfile/secrets".into(),
                json!([{"sourceVault": {"id": ""}, "vaultCertificates": [{"certificateUrl": "https://v.vault.azure.net/secrets/c/1"}]}]),
            )],
        ),
        case(
            "encryption-key-form",
            at(K, "etcdEncryptionKey"),
            &[(at(K, "enableDataEncryptionAtRest"), json!(true)), (at(K, "etcdEncryptionKey"), json!("c2hvcnQ="))],
        ),
        case(
            "key-vault-access",
            "/properties/servicePrincipalProfile/objectId".into(),
            &[
                (at(K, "enableEncryptionWithExternalKms"), json!(true)),
                (at(K, "useManagedIdentity"), json!(false)),
                principal(),
            ],
        ),
        case(
            "key-vault-access",
            at(K, "userAssignedID"),
            &[
                (at(K, "enableEncryptionWithExternalKms"), json!(true)),
                (
                    at(K, "userAssignedID"),
                    json!(
                        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
                    ),
                ),
            ],
        ),
        case(
            "protection-missing",
            "/properties/featureFlags/enforceUbuntuDisaStig".into(),
            &[("/properties/featureFlags".into(), json!({"enforceUbuntuDisaStig": true}))],
        ),
        one("range-reserved", M, "vnetCidr", json!("0.0.0.0/0")),
        case(
            "static-ip-hidden",
            at(M, "firstConsecutiveStaticIP"),
            &[
                (at(M, "vnetSubnetID"), json!(SUBNET)),
                (at(P, "vnetSubnetID"), json!(SUBNET)),
                (at(M, "firstConsecutiveStaticIP"), json!("10.0.1.5")),
            ],
        ),
        case(
            "static-ip-balancer",
            at(M, "firstConsecutiveStaticIP"),
            &[
                (at(M, "availabilityProfile"), json!("VirtualMachineScaleSets")),
                scale_sets(),
                (at(M, "firstConsecutiveStaticIP"), json!("10.240.255.8")),
            ],
        ),
    ]
}

/// What a fault proposes is right: the model with it has no fault.
#[test]
fn a_proposed_range_mends_the_model() {
    let kubenet = (at(K, "networkPlugin"), json!("kubenet"));
    let scale_set = (at(P, "availabilityProfile"), json!("VirtualMachineScaleSets"));
    for (pointer, changes) in [
        (at(K, "clusterSubnet"), vec![(at(K, "clusterSubnet"), json!("10.241.0.0/23")), (at(P, "count"), json!(200))]),
        (
            at(K, "clusterSubnet"),
            vec![kubenet.clone(), (at(K, "clusterSubnet"), json!("10.244.0.0/20")), (at(P, "count"), json!(150))],
        ),
        (at(M, "vnetCidr"), vec![kubenet, (at(M, "vnetCidr"), json!("192.168.9.0/26")), (at(P, "count"), json!(150))]),
        (
            at(K, "clusterSubnet"),
            vec![scale_set, (at(K, "clusterSubnet"), json!("10.241.0.0/18")), (at(P, "count"), json!(1000))],
        ),
    ] {
        let changes: Vec<(&str, Value)> =
            changes.iter().map(|(pointer, value)| (pointer.as_str(), value.clone())).collect();
        let reading = read_value(&changed(&changes));
        let faults: Vec<_> = reading.diagnostics.iter().filter(|fault| fault.severity == Severity::Error).collect();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].pointer, pointer);
        let help = faults[0].help.clone().unwrap();
        let range = help.split_whitespace().find(|word| word.contains('/')).unwrap().trim_end_matches(',').to_owned();
        let mended = [changes, vec![(pointer.as_str(), json!(range))]].concat();
        assert_eq!(errors(&read_value(&changed(&mended)).diagnostics), Vec::<String>::new(), "{help}");
    }
}

fn people_cases() -> Vec<Case> {
    const L: &str = "/properties/linuxProfile";
    const W: &str = "/properties/windowsProfile";
    const S: &str = "/properties/servicePrincipalProfile";
    let windows = |profile: Value| vec![(at(P, "osType"), json!("Windows")), (W.to_owned(), profile)];
    let account = |mut profile: Value| {
        profile["adminUsername"] = json!("azureuser");
        profile["adminPassword"] = json!("Passw0rd-canary");
        profile
    };
    let unmanaged = |profile: Value| vec![(at(K, "useManagedIdentity"), json!(false)), (S.to_owned(), profile)];
    vec![
        case("location-required", "/location".into(), &[("/location".into(), Value::Null)]),
        case("location-form", "/location".into(), &[("/location".into(), json!("west_us"))]),
        one("admin-username", L, "adminUsername", json!("root")),
        one("admin-username", L, "adminUsername", json!("test1")),
        one("admin-username", L, "adminUsername", json!("video")),
        one("mtu", L, "eth0MTU", json!(1400)),
        case(
            "proxy-url",
            at(L, "httpProxyConfig/httpsProxy"),
            &[(at(L, "httpProxyConfig"), json!({"httpProxy": "http://a.example:1", "httpsProxy": "http://a b"}))],
        ),
        case(
            "certificate-form",
            at(L, "httpProxyConfig/trustedCa"),
            &[(at(L, "httpProxyConfig"), json!({"trustedCa": "bm8="}))],
        ),
        case(
            "search-domain-form",
            at(L, "customSearchDomain/name"),
            &[(at(L, "customSearchDomain"), json!({"name": "-a.example"}))],
        ),
        case(
            "kernel-parameter",
            at(P, "sysctldConfig/somaxconn"),
            &[(at(P, "sysctldConfig"), json!({"somaxconn": "1"}))],
        ),
        case(
            "ssh-public-key",
            at(L, "ssh/publicKeys/0/keyData"),
            &[(at(L, "ssh/publicKeys/0/keyData"), json!("-----BEGIN"))],
        ),
        case("windows-profile-required", W.into(), &windows(Value::Null)),
        case("windows-credentials", at(W, "adminPassword"), &windows(json!({"adminUsername": "azureuser"}))),
        case(
            "windows-password",
            at(W, "adminPassword"),
            &windows(json!({"adminUsername": "azureuser", "adminPassword": "password"})),
        ),
        case(
            "windows-password",
            at(W, "adminPassword"),
            &windows(json!({"adminUsername": "azureuser", "adminPassword": "P@ssword123"})),
        ),
        case(
            "windows-username",
            at(W, "adminUsername"),
            &windows(json!({"adminUsername": "Administrator", "adminPassword": "Passw0rd-canary"})),
        ),
        case(
            "windows-network",
            at(K, "networkPolicy"),
            &[windows(account(json!({}))), vec![(at(K, "networkPolicy"), json!("calico"))]].concat(),
        ),
        case(
            "windows-network",
            at(K, "networkPlugin"),
            &[windows(account(json!({}))), vec![(at(K, "networkPlugin"), json!("cilium"))]].concat(),
        ),
        case(
            "windows-image-url",
            at(W, "windowsImageSourceUrl"),
            &windows(account(json!({"windowsImageSourceUrl": "https://a.blob.core.windows.net/b/c.vhd?sig=canary"}))),
        ),
        case("image-reference", at(W, "imageReference"), &windows(account(json!({"imageReference": {"name": "x"}})))),
        case(
            "windows-isolation",
            at(W, "windowsRuntimes/hypervRuntimes/1"),
            &windows(account(json!({"windowsRuntimes": {"hypervRuntimes": [
                {"buildNumber": "17763"}, {"buildNumber": "17763"}]}}))),
        ),
        case(
            "windows-isolation",
            at(W, "windowsRuntimes/default"),
            &windows(account(json!({"windowsRuntimes": {"default": "hyperv"}}))),
        ),
        case("service-principal-required", at(S, "clientId"), &unmanaged(Value::Null)),
        case("service-principal-secret", at(S, "secret"), &unmanaged(json!({"clientId": "c"}))),
        case(
            "portal-url",
            "/properties/customCloudProfile/portalURL".into(),
            &[("/properties/customCloudProfile".into(), json!({"portalURL": "x"})), principal()],
        ),
        case(
            "mirror-url",
            "/properties/softwareProfile/mirror".into(),
            &[("/properties/softwareProfile".into(), json!({"source": "mirror"}))],
        ),
        case("required-property", at(M, "vmSize"), &[(at(M, "vmSize"), Value::Null)]),
        one("wrong-type", M, "count", json!("3")),
        one("not-one-of", P, "osType", json!("Linus")),
        one("out-of-range", P, "osDiskSizeGB", json!(4096)),
        case(
            "wrong-form",
            "/properties/orchestratorProfile/orchestratorRelease".into(),
            &[("/properties/orchestratorProfile/orchestratorRelease".into(), json!("latest"))],
        ),
        one("unknown-key", M, "vmSzie", json!("x")),
        case("api-version-unsupported", "/apiVersion".into(), &[("/apiVersion".into(), json!("2016-03-30"))]),
        case(
            "orchestrator-unsupported",
            "/properties/orchestratorProfile/orchestratorType".into(),
            &[("/properties/orchestratorProfile/orchestratorType".into(), json!("DCOS"))],
        ),
    ]
}

/// Errors that need more than a changed model; each has its own test.
const ELSEWHERE: [&str; 6] =
    ["syntax", "duplicate-key", "set-form", "set-path", "location-conflict", "dns-prefix-conflict"];

#[test]
fn each_rule_is_broken_alone() {
    let cases = [
        machine_cases(),
        address_cases(),
        capacity_cases(),
        people_cases(),
        broken_values::cases(),
        key_vaults::cases(),
        certificates::cases(),
        on_prem::cases(),
    ]
    .concat();
    let mut covered: BTreeSet<&str> = ELSEWHERE.into();
    for (code, pointer, changes) in &cases {
        let changes: Vec<(&str, Value)> =
            changes.iter().map(|(pointer, value)| (pointer.as_str(), value.clone())).collect();
        let model = changed(&changes);
        let reading = read_value(&model);
        // Some rules concern what cannot be built yet, which is told besides.
        let mut told = errors(&reading.diagnostics);
        told.retain(|fault| *code == "not-supported-yet" || !fault.starts_with("not-supported-yet "));
        assert_eq!(told, [format!("{code} {pointer}")], "{}", serde_json::to_string_pretty(&model).unwrap());
        assert!(reading.cluster.is_none());
        for diagnostic in reading.diagnostics.iter() {
            assert!(diagnostic.span.is_some() && diagnostic.help.is_some(), "{diagnostic:?}");
            let rule = RULES.iter().find(|rule| rule.code == diagnostic.code).unwrap();
            assert_eq!(rule.severity, diagnostic.severity, "{}", rule.code);
        }
        covered.insert(code);
    }
    let all: BTreeSet<&str> =
        RULES.iter().filter(|rule| rule.severity == Severity::Error).map(|rule| rule.code).collect();
    assert_eq!(covered, all);
}

#[test]
fn each_warning_is_caused() {
    let ranges = |ssh: &str| json!({"apiServerSourceRanges": ["192.0.2.0/24"], "sshSourceRanges": [ssh]});
    // A second pool, since pods without tolerations need one of Linux.
    let windows = |name: &str, value: Value| {
        let pool = json!({"name": "win", "count": 1, "vmSize": "Standard_D2s_v5", "osType": "Windows",
            "availabilityProfile": "AvailabilitySet"});
        let mut profile = json!({"adminUsername": "azureuser", "adminPassword": "Passw0rd-canary"});
        profile[name] = value;
        vec![("/properties/agentPoolProfiles/1".to_owned(), pool), ("/properties/windowsProfile".to_owned(), profile)]
    };
    let cases: Vec<(&str, Vec<(String, Value)>)> = vec![
        ("no-effect", vec![(at(K, "customHyperkubeImage"), json!("x"))]),
        (
            "kubernetes-version-unknown",
            vec![("/properties/orchestratorProfile/orchestratorVersion".into(), json!("1.35.99"))],
        ),
        ("flag-dropped", vec![(at(K, "controllerManagerConfig"), json!({"--pod-eviction-timeout": "5m0s"}))]),
        ("feature-gate-dropped", vec![(at(K, "kubeletConfig"), json!({"--feature-gates": "MountPropagation=true"}))]),
        (
            "flag-inherited",
            vec![(at(P, "kubernetesConfig/kubeletConfig"), json!({"--cloud-config": "/etc/kubernetes/azure.json"}))],
        ),
        ("distro-replaced", vec![(at(P, "distro"), json!("ubuntu-18.04"))]),
        ("windows-image-replaced", windows("windowsSku", json!("2019-Datacenter-Core-with-Containers-smalldisk"))),
        ("windows-image-replaced", windows("windowsPublisher", json!("microsoft-aks"))),
        ("windows-image-replaced", windows("imageVersion", json!("17763.1282.2006061953"))),
        ("no-effect", windows("windowsDockerVersion", json!("18.09.2"))),
        ("no-effect", windows("enableCSIProxy", json!(true))),
        (
            "no-effect",
            windows("windowsRuntimes", json!({"default": "process", "hypervRuntimes": [{"buildNumber": "17763"}]})),
        ),
        ("runtime-replaced", vec![(at(K, "containerRuntime"), json!("docker"))]),
        ("basic-load-balancer", vec![(at(K, "loadBalancerSku"), json!("basic"))]),
        (
            "unmanaged-disks-replaced",
            vec![
                (at(M, "storageProfile"), json!("StorageAccount")),
                (at(K, "useManagedIdentity"), json!(false)),
                stack(),
                principal(),
            ],
        ),
        ("unmanaged-disks-replaced", vec![(at(P, "storageProfile"), json!("StorageAccount"))]),
        (
            "low-priority-replaced",
            vec![(at(P, "scaleSetPriority"), json!("Low")), (at(P, "availabilityProfile"), Value::Null)],
        ),
        ("ipvs-deprecated", vec![(at(K, "kubeProxyMode"), json!("ipvs"))]),
        ("gpu-driver", vec![(at(P, "vmSize"), json!("Standard_NC6s_v3"))]),
        ("addon-replaced", vec![(at(K, "addons"), json!([{"name": "tiller", "enabled": true}]))]),
        (
            "addon-not-installed",
            vec![(at(K, "addons"), json!([{"name": "azure-policy", "enabled": true, "config": {"a": "b"}}]))],
        ),
        (
            "addon-image-inherited",
            vec![(
                at(K, "addons"),
                json!([{"name": "coredns", "containers": [{"name": "coredns", "image": "k8s.gcr.io/coredns:1.6.6"}]}]),
            )],
        ),
        (
            "no-effect",
            vec![(
                at(K, "addons"),
                json!([{"name": "azuredisk-csi-driver", "containers": [{"name": "csi-snapshotter", "cpuRequests": "1"}]}]),
            )],
        ),
        ("network-policy-replaced", vec![(at(K, "networkPolicy"), json!("azure"))]),
        (
            "flag-inherited",
            vec![(
                at(K, "apiServerConfig"),
                json!({"--audit-policy-file": "/etc/kubernetes/addons/audit-policy.yaml"}),
            )],
        ),
        (
            "addon-not-installed",
            vec![(
                at(K, "addons"),
                json!([{"name": "appgw-ingress", "enabled": true, "config": {"appgw-subnet": "10.1.0.0/24"}}]),
            )],
        ),
        ("no-effect", vec![(at(K, "addons"), json!([{"name": "coredns", "enabled": false}]))]),
        ("no-effect", vec![(at(K, "addons"), json!([{"name": "coredns", "config": {"a": "b"}}]))]),
        ("no-effect", vec![(at(K, "etcdEncryptionKey"), json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="))]),
        ("no-effect", vec![(at(K, "keyVaultSku"), json!("premium"))]),
        ("no-effect", vec![(at(K, "cloudControllerManagerConfig"), json!({"--v": "4"}))]),
        (
            "no-effect",
            vec![(
                "/properties/linuxProfile/customSearchDomain".into(),
                json!({"name": "a.example", "realmUser": "u"}),
            )],
        ),
        ("service-principal-unused", vec![principal()]),
        (
            "service-range-in-vnet",
            vec![
                (at(M, "vnetSubnetID"), json!(SUBNET)),
                (at(P, "vnetSubnetID"), json!(SUBNET)),
                (at(M, "vnetCidr"), json!("10.0.0.0/9")),
                (at(M, "firstConsecutiveStaticIP"), json!("10.1.0.5")),
            ],
        ),
        (
            "outbound-routing",
            vec![
                (at(M, "vnetSubnetID"), json!(SUBNET)),
                (at(P, "vnetSubnetID"), json!(SUBNET)),
                (at(M, "vnetCidr"), json!("10.239.0.0/16")),
                (at(M, "firstConsecutiveStaticIP"), json!("10.239.255.5")),
                (at(K, "outboundType"), json!("userDefinedRouting")),
            ],
        ),
        ("pods-over-node-range", vec![(at(K, "networkPlugin"), json!("kubenet")), (at(K, "maxPods"), json!(254))]),
        (
            "zones-without-machines",
            vec![
                (at(M, "availabilityZones"), json!(["1", "2", "3"])),
                (at(P, "availabilityZones"), json!(["1", "2", "3"])),
            ],
        ),
        ("certificate-unused", vec![("/properties/certificateProfile/etcdServerCertificate".into(), json!("x"))]),
        ("nowhere-to-schedule", vec![(at(P, "nodeTaints"), json!(["a=b:NoSchedule"]))]),
        (
            "cluster-size",
            [
                vec![(at(K, "maxPods"), json!(10))],
                vec![(at(P, "count"), json!(1000)), (at(P, "availabilityProfile"), Value::Null)],
                (1..=4)
                    .map(|index| {
                        let pool = json!({"name": format!("pool{index}"), "count": 1000, "vmSize": "Standard_D2s_v5"});
                        (format!("/properties/agentPoolProfiles/{index}"), pool)
                    })
                    .collect(),
            ]
            .concat(),
        ),
        ("ssh-open", vec![("/properties/accessProfile".into(), ranges("0.0.0.0/0"))]),
        ("api-server-open", vec![(at(M, "HTTPSourceAddressPrefix"), json!("*"))]),
    ];
    let mut covered = BTreeSet::new();
    for (code, changes) in cases.iter().chain(&broken_values::warnings()) {
        let mut changes: Vec<(&str, Value)> =
            changes.iter().map(|(pointer, value)| (pointer.as_str(), value.clone())).collect();
        let closed = ranges("192.0.2.0/24");
        if !code.ends_with("-open") {
            changes.push(("/properties/accessProfile", closed));
        }
        let reading = read_value(&changed(&changes));
        let told: Vec<&str> = reading.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(told, [*code]);
        there_and_back(&reading.cluster.unwrap(), code);
        covered.insert(*code);
    }
    let all: BTreeSet<&str> =
        RULES.iter().filter(|rule| rule.severity == Severity::Warning).map(|rule| rule.code).collect();
    assert_eq!(covered, all);
}

#[test]
fn settings_of_the_host_are_read_and_written() {
    let certificate = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap().cert;
    let packed = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, certificate.pem());
    let der = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, certificate.der());
    let proxy = json!({"httpProxy": "http://u:p@proxy.example:3128", "noProxy": [".a.example"], "trustedCa": packed});
    let reading = read_value(&changed(&[
        ("/properties/linuxProfile/httpProxyConfig", proxy),
        ("/properties/linuxProfile/customSearchDomain", json!({"name": "corp.example"})),
        ("/properties/linuxProfile/eth0MTU", json!(3900)),
        ("/properties/linuxProfile/enableUnattendedUpgrades", json!(false)),
        ("/properties/linuxProfile/runUnattendedUpgradesOnBootstrap", json!(true)),
        (&at(M, "auditDEnabled"), json!(true)),
        (&at(P, "sysctldConfig"), json!({"net.core.somaxconn": "16384"})),
        (
            "/properties/customCloudProfile",
            json!({"portalURL": "https://portal.local.azurestack.external/",
            "customCloudRootCertificates": format!("{packed},{der}")}),
        ),
        ("/location", json!("local")),
        (&principal().0, principal().1),
        (&at(K, "useManagedIdentity"), json!(false)),
    ]));
    assert_eq!(errors(&reading.diagnostics), Vec::<String>::new());
    let cluster = reading.cluster.unwrap();
    let told: Vec<&str> = reading.diagnostics.iter().map(|told| told.pointer.as_str()).collect();
    assert!(!told.iter().any(|pointer| pointer.starts_with("/properties/linuxProfile")), "{told:?}");
    there_and_back(&cluster, "settings of the host");
    let linux = &cluster.linux;
    let proxy = linux.proxy.as_ref().unwrap();
    assert_eq!(proxy.trusted_authorities.len(), 1);
    assert_eq!(cluster.stack.as_ref().unwrap().root_certificates, vec![proxy.trusted_authorities[0].clone(); 2]);
    assert_eq!(linux.search_domain.as_deref(), Some("corp.example"));
    assert_eq!(cluster.pools[0].kernel_parameters["net.core.somaxconn"], "16384");
    assert_eq!((cluster.control_plane.audit, cluster.pools[0].audit), (true, false));
}

#[test]
fn settings_of_linux_are_told_on_a_windows_pool() {
    for (name, value) in [("auditDEnabled", json!(true)), ("sysctldConfig", json!({"net.core.somaxconn": "1"}))] {
        let (at_profile, profile) = windows();
        let pool = windows_pool(json!({ name: value }));
        let reading = read_value(&changed(&[("/properties/agentPoolProfiles/1", pool), (&at_profile, profile)]));
        let pointer = format!("/properties/agentPoolProfiles/1/{name}");
        let told = reading.diagnostics.iter().filter(|told| told.pointer == pointer);
        assert_eq!(told.map(|told| told.code).collect::<Vec<_>>(), ["no-effect"]);
    }
}

#[test]
fn options_and_model_may_not_contradict() {
    let text = serde_json::to_string(&quickstart()).unwrap();
    let options = ReadOptions {
        location: Some("eastus".into()),
        dns_prefix: Some("other".into()),
        set: vec!["masterProfile.vmSzie=x".into(), "masterProfile".into()],
        ..ReadOptions::default()
    };
    let mut told = errors(&read(&source(&text), &options).diagnostics);
    told.sort();
    let expected = [
        "dns-prefix-conflict /properties/masterProfile/dnsPrefix",
        "location-conflict /location",
        "set-form ",
        "set-path /properties/masterProfile/vmSzie",
    ];
    assert_eq!(told, expected);
}

#[test]
fn options_fill_what_the_model_leaves_open() {
    let mut model = changed(&[
        ("/location", Value::Null),
        ("/properties/masterProfile/dnsPrefix", Value::Null),
        (&at(K, "useManagedIdentity"), json!(false)),
    ]);
    model["properties"]["servicePrincipalProfile"] = json!({"clientId": "", "secret": ""});
    let options = ReadOptions {
        location: Some("West US 2".into()),
        dns_prefix: Some("corpus".into()),
        dns_suffix: None,
        client_id: Some("id".into()),
        client_secret: Some(crate::base::Secret::new("canary")),
        set: vec!["masterProfile.count=3".into()],
        now: None,
    };
    let reading = read(&source(&model.to_string()), &options);
    assert_eq!(errors(&reading.diagnostics), Vec::<String>::new());
    let cluster = reading.cluster.unwrap();
    assert_eq!((cluster.location.as_str(), cluster.name_suffix.as_str()), ("westus2", "11600910"));
    assert_eq!(cluster.control_plane.count, 3);
    let suffixed = ReadOptions { dns_suffix: Some("-69a1".into()), ..options };
    let suffixed = read(&source(&model.to_string()), &suffixed).cluster.unwrap();
    assert_eq!(suffixed.dns_prefix, "corpus-69a1");
    assert_ne!(suffixed.name_suffix, cluster.name_suffix);
    assert!(matches!(&cluster.identity, Identity::ServicePrincipal { client_id, .. } if client_id == "id"));
    assert!(!format!("{cluster:?}").contains("canary"));
    assert_eq!(reading.origins["/properties/masterProfile/count"], Origin::Set);
    assert_eq!(reading.origins["/location"], Origin::Set);
    assert_eq!(reading.origins["/properties/masterProfile/vmSize"], Origin::File);
}
