//! What the cluster made is told from what others made, and goes in the order in which it can.

use serde_json::json;

use super::*;
use crate::contract::Applied;

const GROUP: &str = "/subscriptions/s/resourceGroups/g";

fn item(kind: &str, name: &str, more: Json) -> Json {
    let mut item = json!({ "id": format!("{GROUP}/providers/{kind}/{name}"), "type": kind, "name": name });
    if let (Json::Object(item), Json::Object(more)) = (&mut item, more) {
        item.extend(more);
    }
    item
}

fn own(kind: &str, name: &str, after: &[(&str, &str)]) -> (ResourceKey, Applied) {
    let address = Address {
        resource_type: kind.into(),
        api_version: "1".into(),
        name: name.into(),
        id: format!("{GROUP}/providers/{kind}/{name}"),
    };
    let after = after.iter().map(|(kind, name)| ResourceKey::named(kind, name)).collect();
    (ResourceKey::named(kind, name), Applied { address: address.into(), body: Json::Null, after })
}

fn applied() -> AppliedResources {
    const MACHINE: &str = "Microsoft.Compute/virtualMachines";
    [
        own(GROUP_TYPE, "g", &[]),
        own("Microsoft.Network/virtualNetworks", "net", &[(GROUP_TYPE, "g")]),
        own(BALANCER, "mine", &[(GROUP_TYPE, "g")]),
        own("Microsoft.Compute/availabilitySets", "pool-set", &[(GROUP_TYPE, "g")]),
        own(MACHINE, "pool-0", &[(GROUP_TYPE, "g")]),
    ]
    .into()
}

fn listed() -> Vec<Json> {
    let service =
        json!({ "properties": { "frontendIPConfigurations": [{ "name": "a0123456789abcdef0123456789abcde" }] } });
    let claim = json!({ "tags": {
        "kubernetes.io-created-for-pvc-name": "data-0", "kubernetes.io-created-for-pvc-namespace": "shop",
    } });
    let holder = format!("{GROUP}/providers/Microsoft.Compute/virtualMachines/POOL-0");
    vec![
        item("Microsoft.Network/virtualNetworks", "NET", json!({})),
        item(BALANCER, "mine", json!({})),
        item(BALANCER, "kubernetes", service),
        item(BALANCER, "pool-set-internal", json!({})),
        item(BALANCER, "a-colleagues", json!({ "properties": { "frontendIPConfigurations": [{ "name": "front" }] } })),
        item(ADDRESS, "kubernetes-a1", json!({ "tags": { "k8s-azure-service": "default/web" } })),
        item(ADDRESS, "old", json!({ "tags": { "kubernetes-cluster-name": "kubernetes" } })),
        item(ADDRESS, "own", json!({ "tags": { "team": "x" } })),
        item(DISK, "any", json!({ "managedBy": holder })),
        item(DISK, "pool-0_OsDisk_1_abc", json!({})),
        item(DISK, "disk-of-a-claim", claim),
        item(DISK, "pvc-0d3a1a52-8f5b-4ff8-9a2e-2f7d9c2f3c11", json!({ "managedBy": holder })),
        item(DISK, "by-its-maker", json!({ "tags": { "k8s-azure-created-by": "kubernetes-azure-dd" } })),
        item(SNAPSHOT, "snapshot-1", json!({ "tags": { "k8s-azure-created-by": "kubernetes-azure-dd" } })),
        item(ACCOUNT, "f0123456789", json!({ "tags": { "K8s-Azure-Created-By": "azure" } })),
        item(ACCOUNT, "diagnostics", json!({ "tags": { "created-by": "somebody" } })),
        item(LINK_SERVICE, "pls-a1", json!({ "tags": { "k8s-azure-cluster-name": "kubernetes" } })),
        item(DISK, "backup", json!({})),
        item("Microsoft.Compute/virtualMachines/extensions", "pool-0/cse", json!({})),
    ]
}

#[test]
fn what_the_cluster_made_is_told_from_what_others_made() {
    let others = sort(&listed(), &applied());
    let names = |found: &[Found]| found.iter().map(|found| found.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&others.balancers), ["kubernetes", "pool-set-internal"]);
    assert_eq!(names(&others.tagged), ["kubernetes-a1", "old", "pls-a1"]);
    let volumes =
        ["disk-of-a-claim", "pvc-0d3a1a52-8f5b-4ff8-9a2e-2f7d9c2f3c11", "by-its-maker", "snapshot-1", "f0123456789"];
    assert_eq!(names(&others.volumes), volumes);
    assert_eq!(names(&others.foreign), ["a-colleagues", "own", "diagnostics", "backup"]);
    let disks: Vec<&str> = others.disks.iter().map(|(_, found)| found.name.as_str()).collect();
    assert_eq!(disks, ["any", "pool-0_OsDisk_1_abc"]);
}

#[test]
fn volumes_and_their_group_are_kept_unless_they_are_to_go() {
    let group = ResourceKey::named(GROUP_TYPE, "g");
    let mut kept = applied();
    let notes = take(sort(&listed(), &kept), &mut kept, false);
    assert!(!kept.contains_key(&group));
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0].starts_with(
            "3 disks of volumes, 1 snapshot of a volume, 1 storage account with files of volumes stay, with the"
        ) && notes[0].contains("disk-of-a-claim (of shop/data-0)"),
        "{notes:?}"
    );
    assert!(!kept.keys().any(|key| key.name().starts_with("pvc-")));
    let after = |of: &AppliedResources, kind: &str, name: &str| {
        of.get(&ResourceKey::named(kind, name))
            .map(|own| own.after.iter().map(|key| key.name().to_owned()).collect::<Vec<_>>())
    };
    let balancer = after(&kept, BALANCER, "kubernetes").unwrap_or_default();
    assert!(balancer.contains(&"net".to_owned()) && balancer.contains(&"kubernetes-a1".to_owned()), "{balancer:?}");
    assert!(!balancer.contains(&"pls-a1".to_owned()), "{balancer:?}");
    let link = after(&kept, LINK_SERVICE, "pls-a1").unwrap_or_default();
    assert!(link.contains(&"kubernetes".to_owned()) && link.contains(&"mine".to_owned()), "{link:?}");
    assert!(after(&kept, BALANCER, "mine").unwrap_or_default().contains(&"old".to_owned()));
    assert!(
        after(&kept, "Microsoft.Compute/virtualMachines", "pool-0").unwrap_or_default().contains(&"any".to_owned())
    );

    let mut gone = applied();
    let notes = take(sort(&listed(), &gone), &mut gone, true);
    assert!(gone.contains_key(&group) && gone.keys().any(|key| key.name().starts_with("pvc-")));
    assert!(gone.contains_key(&ResourceKey::named(ACCOUNT, "f0123456789")));
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("a-colleagues, backup, diagnostics, own"), "{notes:?}");
    let mut nothing = AppliedResources::new();
    assert!(take(Others::default(), &mut nothing, true).is_empty() && nothing.is_empty());
}
