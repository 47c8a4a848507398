//! Clusters expanded, and their graphs looked at.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]

use serde_json::{Value as Json, json};

mod host;
mod instructions;
mod on_prem;
mod scale_sets;
mod ways_out;

use super::*;
use crate::base::{Secret, Source};
use crate::graph::{Context, Lookup, Node, Reference, ResourceGraph, Scope};
use crate::model::{Cluster, ReadOptions, read};

const QUICKSTART: &str = include_str!("../../../apimodels/quickstart.json");

/// The quick start's cluster with some of the model's `properties` put over its own; null takes one away.
fn cluster(over: Json) -> Cluster {
    fn merge(into: &mut Json, over: Json) {
        match (into, over) {
            (Json::Object(into), Json::Object(over)) => {
                for (name, value) in over {
                    if value.is_null() {
                        into.shift_remove(&name);
                    } else {
                        merge(into.entry(name).or_insert(Json::Null), value);
                    }
                }
            }
            (into, over) => *into = over,
        }
    }
    let mut model: Json = serde_json::from_str(QUICKSTART).unwrap();
    merge(&mut model["properties"], over);
    let reading = read(&Source { name: "m".into(), text: model.to_string() }, &ReadOptions::default());
    reading.cluster.unwrap_or_else(|| panic!("{:#?}", reading.diagnostics))
}

fn scope() -> Scope {
    Scope {
        subscription_id: "00000000-0000-0000-0000-000000000000".into(),
        tenant_id: "t".into(),
        resource_group: "rg".into(),
        location: "westus2".into(),
    }
}

fn graph_of(cluster: &Cluster) -> ResourceGraph {
    let payloads = Payloads { wait_command: "wait".into(), windows_wait_command: "wait".into() };
    expand(cluster, &scope(), &payloads).unwrap()
}

fn graph(over: Json) -> ResourceGraph {
    graph_of(&cluster(over))
}

/// What is known once everything exists: ids and names as they are, other attributes by their path.
struct Finished<'a>(&'a ResourceGraph);

impl Lookup for Finished<'_> {
    fn attribute(&self, reference: &Reference, index: Option<u32>) -> Option<Json> {
        Some(self.0.static_attribute(reference, index).unwrap_or_else(|| reference.path.join(".").into()))
    }

    fn secret(&self, handle: &str) -> Option<Secret> {
        Some(Secret::new(format!("secret {handle}")))
    }
}

fn body(graph: &ResourceGraph, node: &Node) -> Json {
    let context = Context { scope: graph.scope(), index: node.index, lookup: &Finished(graph) };
    node.resource.body().resolve(&context).unwrap()
}

/// The bodies of a symbol's instances.
fn bodies(graph: &ResourceGraph, symbol: &str) -> Vec<Json> {
    graph.instances(symbol).map(|node| body(graph, node)).collect()
}

fn dependencies(graph: &ResourceGraph, symbol: &str) -> Vec<String> {
    let first = graph.instances(symbol).next().unwrap();
    graph.dependencies(&first.key).into_iter().map(|node| node.resource.symbol.to_string()).collect()
}

fn rules(graph: &ResourceGraph) -> Vec<(String, Json)> {
    let group = &bodies(graph, "security-group")[0];
    let rules = group["properties"]["securityRules"].as_array().unwrap();
    let text = |rule: &Json| rule["name"].as_str().unwrap().to_owned();
    rules.iter().map(|rule| (text(rule), rule["properties"].clone())).collect()
}

#[test]
fn ssh_is_closed_unless_the_model_opens_it() {
    let closed = rules(&graph(json!({})));
    assert_eq!(closed.len(), 1);
    assert_eq!((&*closed[0].0, &closed[0].1["destinationPortRange"]), ("allow_kube_tls", &json!("443")));
    let mut cluster = cluster(json!({}));
    cluster.network.ssh_source_ranges = vec!["192.0.2.0/24".parse().unwrap()];
    cluster.network.api_server_source_ranges =
        vec!["192.0.2.0/24".parse().unwrap(), "198.51.100.7/32".parse().unwrap()];
    cluster.network.block_outbound_internet = true;
    let open = rules(&graph_of(&cluster));
    let names: Vec<&str> = open.iter().map(|rule| rule.0.as_str()).collect();
    assert_eq!(names, ["allow_kube_tls", "allow_ssh", "allow_vnet", "block_outbound"]);
    assert_eq!(open[0].1["sourceAddressPrefixes"], json!(["192.0.2.0/24", "198.51.100.7/32"]));
    assert_eq!(open[1].1["sourceAddressPrefix"], "192.0.2.0/24");
    let priorities: Vec<u64> = open.iter().map(|rule| rule.1["priority"].as_u64().unwrap()).collect();
    assert_eq!(priorities, [100, 101, 110, 120]);
}

#[test]
fn control_plane_machines_have_lasting_addresses_and_disks() {
    let mut cluster = cluster(json!({"masterProfile": {"count": 3}}));
    cluster.control_plane.first_consecutive_static_ip = "10.240.0.255".parse().unwrap();
    let graph = graph_of(&cluster);
    let interfaces = bodies(&graph, "master-interface");
    let first = |interface: &Json| interface["properties"]["ipConfigurations"][0]["properties"].clone();
    let addresses: Vec<Json> =
        interfaces.iter().map(|interface| first(interface)["privateIPAddress"].clone()).collect();
    assert_eq!(addresses, ["10.240.0.255", "10.240.1.0", "10.240.1.1"]);
    assert_eq!(first(&interfaces[0])["loadBalancerBackendAddressPools"].as_array().unwrap().len(), 2);
    let rule = first(&interfaces[2])["loadBalancerInboundNatRules"][0]["id"].as_str().unwrap().to_owned();
    assert!(rule.ends_with("/inboundNatRules/SSH-k8s-master-81217699-2"), "{rule}");
    let balancer = &bodies(&graph, "public-balancer")[0]["properties"];
    let ports: Vec<&Json> = balancer["inboundNatRules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| &rule["properties"]["frontendPort"])
        .collect();
    assert_eq!(ports, [22, 2201, 2202]);
    let internal = &bodies(&graph, "internal-balancer")[0]["properties"];
    assert_eq!(internal["frontendIPConfigurations"][0]["properties"]["privateIPAddress"], "10.240.1.9");
    assert_eq!(internal["loadBalancingRules"][0]["properties"]["backendPort"], 4443);
    let disk = bodies(&graph, "master-machine")[1]["properties"]["storageProfile"]["dataDisks"][0].clone();
    assert_eq!((&disk["name"], disk.get("deleteOption")), (&json!("k8s-master-81217699-1-etcddisk"), None));
}

#[test]
fn a_script_waits_for_the_role_of_its_machine() {
    let graph = graph(json!({}));
    assert_eq!(dependencies(&graph, "master-script"), ["group", "master-machine", "master-role"]);
    assert_eq!(dependencies(&graph, "agentpool1-role"), ["group", "agentpool1-machine"]);
    let role = |symbol: &str| {
        let definition = bodies(&graph, symbol)[0]["properties"]["roleDefinitionId"].as_str().unwrap().to_owned();
        definition.rsplit('/').next().unwrap().to_owned()
    };
    assert_eq!(role("master-role"), "b24988ac-6180-42a0-ab88-20f7382dd24c");
    assert_eq!(role("agentpool1-role"), "acdd72a7-3385-48ef-bd42-f606fba81ae7");
    let names: Vec<_> = graph.instances("agentpool1-script").map(|node| node.name.clone().unwrap()).collect();
    assert_eq!(
        names.iter().map(|name| &**name).collect::<Vec<_>>(),
        ["k8s-agentpool1-81217699-0/cse-agent-0", "k8s-agentpool1-81217699-1/cse-agent-1"]
    );
}

#[test]
fn a_shared_identity_comes_before_the_machines_and_its_role_before_the_scripts() {
    let config =
        json!({"orchestratorProfile": {"kubernetesConfig": {"useManagedIdentity": true, "userAssignedID": "me"}}});
    let graph = graph(config);
    assert!(dependencies(&graph, "agentpool1-machine").contains(&"identity".to_owned()));
    assert!(dependencies(&graph, "agentpool1-script").contains(&"identity-role".to_owned()));
    let id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers\
              /Microsoft.ManagedIdentity/userAssignedIdentities/me";
    assert_eq!(bodies(&graph, "master-machine")[0]["identity"]["userAssignedIdentities"], json!({id: {}}));
    let template = crate::arm::emit(
        &graph,
        &crate::arm::Emission {
            cluster: "c",
            deployments_api_version: "1",
            outputs: Vec::new(),
            secret_lengths: Default::default(),
            in_key_vaults: Default::default(),
        },
    );
    let text = template.unwrap().text();
    assert!(!text.contains("00000000-0000"), "a template holds in any subscription");
}

#[test]
fn a_service_principal_needs_no_identity_and_no_role() {
    let graph = graph(json!({
        "orchestratorProfile": {"kubernetesConfig": {"useManagedIdentity": false}},
        "servicePrincipalProfile": {"clientId": "c", "secret": "s"},
    }));
    assert!(
        graph.nodes().all(|node| node.resource.resource_type.as_ref() != "Microsoft.Authorization/roleAssignments")
    );
    assert_eq!(bodies(&graph, "master-machine")[0].get("identity"), None);
}

#[test]
fn what_lies_in_a_key_vault_is_named_and_put_where_it_belongs() {
    let vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/vault";
    let cluster = cluster(json!({
        "orchestratorProfile": {"kubernetesConfig": {"useManagedIdentity": false}},
        "servicePrincipalProfile": {"clientId": "c", "secret": format!("{vault}/secrets/principal/1")},
        "linuxProfile": {"ssh": {"publicKeys": [{"keyData": format!("{vault}/secrets/key")}]}},
    }));
    let graph = graph_of(&cluster);
    let profile = |symbol: &str| bodies(&graph, symbol)[0]["properties"]["osProfile"].clone();
    // Base64 twice, behind what is rendered: for the cloud's controllers, and for container registries.
    let twice = "YzJWamNtVjBJSE5sY25acFkyVlFjbWx1WTJsd1lXd3ZZMnhwWlc1MFUyVmpjbVYw";
    assert_eq!(profile("master-machine")["customData"], format!("secret master/customData{twice}"));
    assert_eq!(profile("agentpool1-machine")["customData"], format!("secret agentpool1/customData{twice}"));
    let key = &profile("agentpool1-machine")["linuxConfiguration"]["ssh"]["publicKeys"][0]["keyData"];
    assert_eq!(key, "secret linux/sshPublicKey0");
    let keys = engine_keys();
    let payloads =
        machine_payloads(&cluster, crate::contract::Platform::Azure, &keys, crate::bootstrap::Start::Init).unwrap();
    let places: Vec<(&str, &str)> =
        payloads.in_key_vaults.iter().map(|(handle, place)| (handle.as_str(), place.name.as_str())).collect();
    assert_eq!(places, [("linux/sshPublicKey0", "key"), (PRINCIPAL_SECRET_HANDLE, "principal")]);
    // The resources name just the secrets that are rendered or lie in vaults, and the machines leave room for theirs.
    let known: Vec<String> = payloads.secrets.keys().chain(payloads.in_key_vaults.keys()).cloned().collect();
    assert!(secret_handles(&graph).iter().all(|handle| known.contains(&handle.to_string())), "{known:?}");
    for pool in ["master", "agentpool1"] {
        let room = payloads.lengths[pool] - payloads.secrets[&custom_data_handle(pool)].expose().len();
        let appended = matches!(custom_data(&cluster, pool), crate::graph::Value::Call(..));
        assert_eq!((room > 0, appended), (true, true), "{pool}");
    }
}

fn engine_keys() -> crate::pki::KeyMaterial {
    crate::pki::KeyMaterial::generate(
        &crate::pki::Given::default(),
        &crate::base::SystemClock,
        &crate::base::SystemEntropy,
    )
    .unwrap()
}

#[test]
fn in_a_given_network_interfaces_carry_the_security_group() {
    let id = "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/nodes";
    let pool = json!([{
        "name": "agentpool1", "count": 2, "vmSize": "Standard_D2s_v5", "availabilityProfile": "AvailabilitySet",
        "vnetSubnetId": id,
    }]);
    let cluster = cluster(json!({
        "orchestratorProfile": {"kubernetesConfig": {"networkPlugin": "kubenet"}},
        "masterProfile": {"vnetSubnetId": id, "firstConsecutiveStaticIP": "10.1.0.5", "vnetCidr": "10.1.0.0/16"},
        "agentPoolProfiles": pool,
    }));
    let graph = graph_of(&cluster);
    assert!(graph.declaration("virtual-network").is_none());
    assert!(graph.declaration("route-table").is_some());
    assert!(dependencies(&graph, "agentpool1-interface").contains(&"security-group".to_owned()));
    let subnet =
        &bodies(&graph, "agentpool1-interface")[0]["properties"]["ipConfigurations"][0]["properties"]["subnet"];
    assert_eq!(subnet, &json!({"id": id}));
    let outputs: Vec<_> =
        outputs(&cluster).into_iter().map(|(name, value)| (name, value.as_str().map(str::to_owned))).collect();
    for (name, value) in [("vnetResourceGroup", "net"), ("virtualNetworkName", "v"), ("subnetName", "nodes")] {
        assert!(outputs.contains(&(name, Some(value.to_owned()))), "{outputs:?}");
    }
}

#[test]
fn an_autoscaler_owns_the_capacity_of_scale_sets() {
    let pools = json!([{"name": "pool", "count": 3, "vmSize": "Standard_D2s_v5", "scaleSetPriority": "Spot"}]);
    let capacity_is_initial = |addons: Json| {
        let graph = graph(json!({
            "agentPoolProfiles": pools, "orchestratorProfile": {"kubernetesConfig": {"addons": addons}},
        }));
        let set = graph.declaration("pool-scale-set").unwrap();
        set.initial.iter().any(|pointer| &**pointer == "/sku/capacity")
    };
    assert!(!capacity_is_initial(json!([])));
    assert!(capacity_is_initial(json!([{"name": "cluster-autoscaler", "enabled": true}])));
    let graph = graph(json!({"agentPoolProfiles": pools}));
    let set = &bodies(&graph, "pool-scale-set")[0];
    assert_eq!(set["sku"], json!({"name": "Standard_D2s_v5", "tier": "Standard", "capacity": 3}));
    let profile = &set["properties"]["virtualMachineProfile"];
    assert_eq!((&profile["priority"], &profile["billingProfile"]), (&json!("Spot"), &json!({"maxPrice": -1})));
    assert_eq!(profile["extensionProfile"]["extensions"][0]["name"], "vmssCSE");
    assert_eq!(profile["osProfile"]["customData"], "secret pool/customData");
}

#[test]
fn zones_take_turns_and_replace_the_availability_set() {
    let mut cluster = cluster(json!({"masterProfile": {"count": 5}}));
    cluster.control_plane.zones = vec!["1".into(), "2".into(), "3".into()];
    let graph = graph_of(&cluster);
    let zones: Vec<Json> = bodies(&graph, "master-machine").iter().map(|body| body["zones"][0].clone()).collect();
    assert_eq!(zones, ["1", "2", "3", "1", "2"]);
    assert!(graph.declaration("master-availability-set").is_none());
}

#[test]
fn a_private_cluster_goes_out_but_is_not_reached() {
    let private = json!({"privateCluster": {"enabled": true, "jumpboxProfile": {
        "name": "jump", "vmSize": "Standard_D2s_v5", "publicKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEVYQU1QTEUtS0VZLVJFUExBQ0UtV0lUSC1ZT1VSUy0t example",
    }}});
    let cluster = cluster(json!({"orchestratorProfile": {"kubernetesConfig": private}}));
    let graph = graph_of(&cluster);
    let balancer = &bodies(&graph, "public-balancer")[0]["properties"];
    assert_eq!(balancer.get("loadBalancingRules"), None);
    assert_eq!(balancer["outboundRules"].as_array().unwrap().len(), 1);
    assert_eq!(bodies(&graph, "public-address")[0]["properties"].get("dnsSettings"), None);
    assert_eq!(rules(&graph)[0].1["sourceAddressPrefix"], "VirtualNetwork");
    assert!(graph.declaration("jumpbox-machine").is_some());
    let ssh = |graph: &ResourceGraph| {
        bodies(graph, "jumpbox-security-group")[0]["properties"]["securityRules"][0]["properties"].clone()
    };
    assert_eq!(ssh(&graph)["sourceAddressPrefix"], "*");
    let mut narrow = cluster.clone();
    narrow.network.ssh_source_ranges = vec!["203.0.113.0/24".parse().unwrap()];
    assert_eq!(
        ssh(&graph_of(&narrow))["sourceAddressPrefix"],
        "203.0.113.0/24",
        "a jumpbox keeps to the model's ranges"
    );
    assert!(outputs(&cluster).iter().all(|(name, _)| *name != "masterFQDN"));
}

#[test]
fn a_control_plane_in_a_scale_set_is_one_resource_without_lasting_names() {
    let scale_set = "VirtualMachineScaleSets";
    let over = json!({
        "masterProfile": { "count": 3, "availabilityProfile": scale_set },
        "agentPoolProfiles": [{ "name": "a", "count": 1, "vmSize": "Standard_D2s_v5", "availabilityProfile": scale_set }],
    });
    let cluster = cluster(over);
    let graph = graph_of(&cluster);
    let set = &bodies(&graph, "master-scale-set")[0];
    assert_eq!(set["sku"]["capacity"], 3);
    assert_eq!(
        (&set["properties"]["overprovision"], &set["properties"]["upgradePolicy"]["mode"]),
        (&json!(false), &json!("Manual"))
    );
    let profile = &set["properties"]["virtualMachineProfile"];
    let prefix = format!("k8s-master-{}-vmss", cluster.name_suffix);
    assert_eq!(profile["osProfile"]["computerNamePrefix"], prefix);
    let etcd = &profile["storageProfile"]["dataDisks"][0];
    assert_eq!((&etcd["lun"], &etcd["createOption"], etcd.get("name")), (&json!(0), &json!("Empty"), None));
    let first = &profile["networkProfile"]["networkInterfaceConfigurations"][0]["properties"]["ipConfigurations"][0];
    let of = |place: &str| first["properties"][place].to_string();
    assert!(of("subnet").ends_with("/subnets/subnetmaster\"}"), "{first}");
    assert!(of("loadBalancerInboundNatPools").contains("-natpools"), "{first}");
    assert_eq!(first["properties"]["loadBalancerBackendAddressPools"].as_array().unwrap().len(), 2);
    let subnets = &bodies(&graph, "virtual-network")[0]["properties"]["subnets"];
    let named = |place: usize| (subnets[place]["name"].clone(), subnets[place]["properties"]["addressPrefix"].clone());
    assert_eq!(named(0), (json!("subnetmaster"), json!("10.240.0.0/16")));
    assert_eq!(named(1), (json!("subnetagent"), json!("10.248.0.0/13")));
    assert!(bodies(&graph, "a-scale-set")[0].to_string().contains("/subnets/subnetagent"));
    // One identity that outlives the instances: what instances are given goes when they do.
    assert_eq!(set["identity"]["type"], "UserAssigned");
    let balancer = &bodies(&graph, "internal-balancer")[0];
    assert!(balancer.to_string().contains("\"10.240.255.10\""), "{balancer}");
}

#[test]
fn the_handles_of_a_graph_are_known() {
    let handles = secret_handles(&graph(json!({})));
    let handles: Vec<&str> = handles.iter().map(|handle| &**handle).collect();
    assert_eq!(handles, ["agentpool1/customData", "master/customData"]);
    assert_eq!(custom_data_handle(CONTROL_PLANE_POOL), "master/customData");
}

#[test]
fn two_resources_of_one_name_are_no_graph() {
    let mut cluster = cluster(json!({}));
    cluster.pools[0].name = "master".to_owned();
    let payloads = Payloads { wait_command: "wait".into(), windows_wait_command: "wait".into() };
    assert!(matches!(expand(&cluster, &scope(), &payloads), Err(ExpandError::Graph(_))));
}

/// Of one pool only, and over the cluster's.
#[test]
fn a_pools_own_kubelet_flags_reach_its_machines() {
    let flagged = |flags: Json| {
        let config = json!({ "kubeletConfig": { "--pod-max-pids": "100" } });
        let mut pool = json!({ "name": "pool", "count": 1, "vmSize": "Standard_D2s_v5",
            "availabilityProfile": "AvailabilitySet" });
        pool["kubernetesConfig"] = json!({ "kubeletConfig": flags });
        let cluster = cluster(json!({ "orchestratorProfile": { "kubernetesConfig": config },
            "agentPoolProfiles": [pool] }));
        let settings = super::machine_settings::kubelet_arguments(&cluster, &cluster.pools[0]);
        settings["pod-max-pids"].clone()
    };
    assert_eq!(flagged(json!({})), "100");
    assert_eq!(flagged(json!({ "--pod-max-pids": "7" })), "7");
}

#[test]
fn every_body_is_known_once_its_neighbours_are() {
    let graph = graph(json!({"masterProfile": {"count": 5}}));
    for node in graph.nodes() {
        let body = body(&graph, node);
        assert!(body.is_object(), "{}", node.key);
    }
}

/// Signed in by a token for the API server's own application; what the model says of the flags goes first.
#[test]
fn sign_in_becomes_the_api_servers_arguments() {
    let id = |digit: u32| format!("00000000-0000-0000-0000-00000000000{digit}");
    let profile = json!({ "clientAppID": id(1), "serverAppID": id(2), "tenantID": id(3) });
    let over = json!({ "aadProfile": profile });
    let arguments = super::protection::sign_in_arguments(&cluster(over));
    assert_eq!(arguments["oidc-issuer-url"], format!("https://sts.windows.net/{}/", id(3)));
    assert_eq!(arguments["oidc-client-id"], id(2));
    assert_eq!((&*arguments["oidc-username-claim"], &*arguments["oidc-groups-claim"]), ("oid", "groups"));
    assert!(super::protection::sign_in_arguments(&cluster(json!({}))).is_empty());
}
