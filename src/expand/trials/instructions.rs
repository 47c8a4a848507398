//! What the owner of a network that exists already is told.

use super::*;

const NETWORK: &str = "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v";

fn in_given_network(kubernetes: Json, others: Json) -> Cluster {
    let subnet = |name: &str| format!("{NETWORK}/subnets/{name}");
    let mut over = json!({
        "orchestratorProfile": { "kubernetesConfig": kubernetes },
        "masterProfile": { "vnetSubnetId": subnet("one"), "firstConsecutiveStaticIP": "10.1.0.5",
            "vnetCidr": "10.1.0.0/16", "count": 3 },
        "agentPoolProfiles": [{ "name": "a", "count": 1, "vmSize": "Standard_D2s_v5",
            "availabilityProfile": "AvailabilitySet", "vnetSubnetId": subnet("two") }],
    });
    for (name, value) in others.as_object().unwrap() {
        over[name] = value.clone();
    }
    cluster(over)
}

#[test]
fn in_a_network_of_the_engines_own_nobody_has_to_do_anything() {
    assert_eq!(instructions(&cluster(json!({})), "rg"), []);
}

#[test]
fn routes_are_attached_to_each_subnet_with_kubenet_only() {
    let cluster = in_given_network(json!({ "networkPlugin": "kubenet" }), json!({}));
    let told = instructions(&cluster, "rg");
    let table = "\"$(az network route-table show --resource-group rg --name k8s-master-81217699-routetable --query id \
                 --output tsv)\"";
    let update =
        |name: &str| format!("az network vnet subnet update --ids {NETWORK}/subnets/{name} --route-table {table}");
    assert_eq!(told[0].commands, [update("one"), update("two")]);
    assert_eq!(told[0].after, ["route-table"]);
    assert!(graph_of(&cluster).declaration("route-table").is_some());
    assert!(told[0].lines().ends_with(&format!(":\n  {}\n  {}", update("one"), update("two"))));

    let without_routes = instructions(&in_given_network(json!({ "networkPlugin": "azure" }), json!({})), "rg");
    assert!(without_routes.iter().all(|instruction| !instruction.lines().contains("route-table")));
}

#[test]
fn the_role_goes_to_whoever_the_cluster_is() {
    let commands = |kubernetes: Json, others: Json| {
        let told = instructions(&in_given_network(kubernetes, others), "rg");
        let symbols = told[0].after.clone();
        let principal = |command: &String| {
            let rest = command.split_once("--assignee-object-id ").unwrap().1;
            let (principal, rest) = rest.split_once(" --assignee-principal-type ServicePrincipal").unwrap();
            assert_eq!(rest, format!(" --scope {NETWORK}"));
            principal.to_owned()
        };
        (told[0].commands.iter().map(principal).collect::<Vec<_>>(), symbols)
    };
    let (own, symbols) = commands(json!({}), json!({}));
    let of = |index: u32| {
        format!(
            "\"$(az vm show --resource-group rg --name k8s-master-81217699-{index} --query identity.principalId --output \
             tsv)\""
        )
    };
    assert_eq!(own, [of(0), of(1), of(2)]);
    assert!(symbols.contains(&"master-machine".to_owned()));
    let (shared, symbols) = commands(json!({ "userAssignedID": "me" }), json!({}));
    assert_eq!(shared, ["\"$(az identity show --resource-group rg --name me --query principalId --output tsv)\""]);
    assert_eq!(symbols, ["identity"]);
    let unmanaged = json!({ "useManagedIdentity": false });
    let principal = json!({ "servicePrincipalProfile": { "clientId": "c", "secret": "s" } });
    let (principal, _) = commands(unmanaged, principal);
    assert_eq!(principal, ["\"$(az ad sp show --id c --query id --output tsv)\""]);
}

#[test]
fn in_the_clusters_own_group_the_role_is_there() {
    let cluster = in_given_network(json!({}), json!({}));
    assert_eq!(instructions(&cluster, "NET"), []);
    assert_eq!(instructions(&cluster, "rg").len(), 1);
}

/// The commands are copied into a shell.
#[test]
fn a_name_cannot_become_a_command() {
    let mut cluster = in_given_network(json!({ "networkPlugin": "kubenet" }), json!({}));
    for subnet in [&mut cluster.control_plane.subnet_id, &mut cluster.pools[0].subnet_id] {
        *subnet = Some(format!("{NETWORK}/subnets/x'; $(reboot)\n`reboot`"));
    }
    let told = instructions(&cluster, "r g")[0].lines();
    assert!(told.contains(&format!("'{NETWORK}/subnets/x'\\''; $(reboot)`reboot`'")), "{told}");
    assert!(told.contains("--resource-group 'r g'"), "{told}");
    assert_eq!(told.lines().count(), 2, "{told}");
}
