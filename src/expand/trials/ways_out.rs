//! How nodes get out: by rules of balancers, by a NAT gateway, or by routes of somebody else.

use super::*;

const SUBNET: &str = "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/nodes";

fn outbound(kubernetes: Json, others: Json) -> Json {
    let mut over = others;
    over["orchestratorProfile"] = json!({ "kubernetesConfig": kubernetes });
    over
}

/// Every resource that would let something out, by type.
fn ways_out(graph: &ResourceGraph) -> (usize, usize) {
    let rules = |symbol: &str| {
        let balancers = graph.declaration(symbol).map(|_| bodies(graph, symbol)).unwrap_or_default();
        let of = |body: &Json| body["properties"]["outboundRules"].as_array().map_or(0, Vec::len);
        balancers.iter().map(of).sum::<usize>()
    };
    let gateways = graph.nodes().filter(|node| node.resource.resource_type.as_ref() == "Microsoft.Network/natGateways");
    (rules("public-balancer") + rules("worker-balancer"), gateways.count())
}

#[test]
fn each_subnet_has_one_way_out() {
    let by_rules = graph(json!({}));
    assert_eq!(ways_out(&by_rules), (2, 0));
    let subnet = |graph: &ResourceGraph| bodies(graph, "virtual-network")[0]["properties"]["subnets"].clone();
    assert_eq!(subnet(&by_rules)[0]["properties"].get("natGateway"), None);

    let by_gateway = graph(outbound(
        json!({ "outboundType": "natGateway", "loadBalancerOutboundIPs": 2, "outboundRuleIdleTimeoutInMinutes": 10 }),
        json!({}),
    ));
    assert_eq!(ways_out(&by_gateway), (0, 1));
    assert!(by_gateway.declaration("worker-balancer").is_none());
    let gateway = &bodies(&by_gateway, "nat-gateway")[0];
    assert_eq!(gateway["sku"]["name"], "Standard");
    assert_eq!(gateway.get("zones"), None);
    assert_eq!(gateway["properties"]["idleTimeoutInMinutes"], 10);
    let addresses = gateway["properties"]["publicIpAddresses"].as_array().unwrap();
    let names: Vec<&str> = addresses.iter().map(|id| id["id"].as_str().unwrap().rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["k8s-natgw-ip-81217699", "k8s-natgw-ip-81217699-2"]);
    let id = subnet(&by_gateway)[0]["properties"]["natGateway"]["id"].as_str().unwrap().to_owned();
    assert!(id.ends_with("/natGateways/k8s-natgw-81217699"), "{id}");
    // The API server is still reached from outside, and workers stand in no balancer until a service asks for one.
    assert!(by_gateway.declaration("public-balancer").is_some());
    let worker = &bodies(&by_gateway, "agentpool1-interface")[0]["properties"]["ipConfigurations"][0]["properties"];
    assert_eq!(worker.get("loadBalancerBackendAddressPools"), None);
}

#[test]
fn a_private_cluster_behind_a_nat_gateway_has_no_public_balancer() {
    let private = json!({ "outboundType": "natGateway", "privateCluster": { "enabled": true } });
    let graph = graph(outbound(private, json!({ "masterProfile": { "count": 3 } })));
    assert_eq!(ways_out(&graph), (0, 1));
    assert!(graph.declaration("public-balancer").is_none() && graph.declaration("public-address").is_none());
    let master = &bodies(&graph, "master-interface")[0]["properties"]["ipConfigurations"][0]["properties"];
    assert_eq!(master["loadBalancerBackendAddressPools"].as_array().unwrap().len(), 1, "the internal one");
}

#[test]
fn a_nat_gateway_stands_in_the_zone_that_all_machines_stand_in() {
    let zones_of = |plane: Json, pool: Json| {
        let pool = json!([{ "name": "a", "count": 3, "vmSize": "Standard_D2s_v5",
            "availabilityProfile": "AvailabilitySet", "availabilityZones": pool }]);
        let others = json!({ "masterProfile": { "count": 3, "availabilityZones": plane }, "agentPoolProfiles": pool });
        let graph = graph(outbound(json!({ "outboundType": "natGateway" }), others));
        let address = bodies(&graph, "k8s-natgw-ip-81217699")[0].get("zones").cloned();
        assert_eq!(bodies(&graph, "nat-gateway")[0].get("zones").cloned(), address);
        address
    };
    assert_eq!(zones_of(json!(["2"]), json!(["2"])), Some(json!(["2"])));
    assert_eq!(zones_of(json!(["2"]), json!(["1"])), None);
    assert_eq!(zones_of(json!(["1", "2", "3"]), json!(["1", "2", "3"])), None);
}

#[test]
fn with_routes_of_somebody_else_nothing_is_made() {
    let pool = json!([{ "name": "a", "count": 1, "vmSize": "Standard_D2s_v5",
        "availabilityProfile": "AvailabilitySet", "vnetSubnetId": SUBNET }]);
    let others = json!({
        "masterProfile": { "vnetSubnetId": SUBNET, "firstConsecutiveStaticIP": "10.1.0.5", "vnetCidr": "10.1.0.0/16" },
        "agentPoolProfiles": pool,
    });
    let graph = graph(outbound(json!({ "outboundType": "userDefinedRouting" }), others));
    assert_eq!(ways_out(&graph), (0, 0));
    assert!(graph.declaration("worker-balancer").is_none());
}
