//! Locks, policies and quotas: what refuses a request that is right in itself.

use reqwest::Method;
use serde_json::json;

use super::{COMPUTE, Cloud, GROUPS, NETWORK};

const LOCKS: &str = "2020-05-01";
const POLICIES: &str = "2023-04-01";

#[tokio::test]
async fn locks_keep_things_from_being_deleted_or_changed() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    cloud.make_network().await;
    let network = cloud.id("Microsoft.Network/virtualNetworks/net");
    let lock = format!("{network}/providers/Microsoft.Authorization/locks/keep");
    let level = |level: &str| json!({"properties": {"level": level, "notes": "why"}});
    assert_eq!(cloud.put(&lock, LOCKS, level("Never")).await.code(), "LockLevelInvalid");
    assert_eq!(cloud.put(&lock, LOCKS, level("CanNotDelete")).await.status, 201);
    let refused = cloud.delete(&network, NETWORK).await;
    assert_eq!((refused.status, refused.code()), (409, "ScopeLocked"));
    assert!(refused.body["error"]["message"].as_str().unwrap().contains(&network));
    // What holds it cannot go either, and it can be changed.
    assert_eq!(cloud.delete(&cloud.group(), GROUPS).await.code(), "ScopeLocked");
    let body = cloud.get(&network, NETWORK).await.body;
    assert_eq!(cloud.put(&network, NETWORK, body.clone()).await.status, 200);

    assert_eq!(cloud.put(&lock, LOCKS, level("ReadOnly")).await.status, 200);
    let refused = cloud.put(&network, NETWORK, body.clone()).await;
    assert_eq!((refused.status, refused.code()), (409, "ScopeLocked"));
    assert_eq!(cloud.make_card("beside").await.status, 201);
    let list = cloud.get(&format!("{}/providers/Microsoft.Authorization/locks", cloud.group()), LOCKS).await;
    assert_eq!(list.body["value"][0]["properties"]["level"], "ReadOnly");
    let at = format!("{}/providers/Microsoft.Authorization/locks?$filter=atScope()&api-version={LOCKS}", cloud.group());
    assert_eq!(cloud.send(Method::GET, &at, &[], None).await.body["value"], json!([]));
    let nowhere = format!("{}/resourceGroups/none/providers/Microsoft.Authorization/locks", cloud.subscription);
    assert_eq!(cloud.get(&nowhere, LOCKS).await.code(), "ResourceGroupNotFound");

    assert_eq!(cloud.delete(&lock, LOCKS).await.status, 200);
    assert_eq!(cloud.put(&network, NETWORK, body).await.status, 200);
    // One on the group holds for what is in it.
    let of_group = format!("{}/providers/Microsoft.Authorization/locks/all", cloud.group());
    assert_eq!(cloud.put(&of_group, LOCKS, level("ReadOnly")).await.status, 201);
    assert_eq!(cloud.make_card("another").await.code(), "ScopeLocked");
    let stop = format!("{}/deallocate?api-version={COMPUTE}", cloud.machine_id("vm"));
    assert_eq!(cloud.send(Method::POST, &stop, &[], None).await.code(), "ScopeLocked");
}

#[tokio::test]
async fn policies_deny_what_they_describe() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    let definition = format!("{}/providers/Microsoft.Authorization/policyDefinitions/sizes", cloud.subscription);
    let rule = |effect: &str| {
        json!({"properties": {
            "displayName": "Allowed sizes",
            "parameters": {"sizes": {"type": "Array"}},
            "policyRule": {
                "if": {"allOf": [
                    {"field": "type", "equals": "Microsoft.Compute/virtualMachines"},
                    {"not": {"field": "Microsoft.Compute/virtualMachines/sku.name", "in": "[parameters('sizes')]"}},
                ]},
                "then": {"effect": effect},
            },
        }})
    };
    let strange = json!({"properties": {"policyRule": {"if": {"count": {}}, "then": {"effect": "deny"}}}});
    assert_eq!(cloud.put(&definition, POLICIES, strange).await.code(), "InvalidPolicyRule");
    let assignment = format!("{}/providers/Microsoft.Authorization/policyAssignments/small", cloud.group());
    let assign = |mode: &str| {
        json!({"properties": {
            "policyDefinitionId": definition, "enforcementMode": mode,
            "parameters": {"sizes": {"value": ["Standard_A1"]}},
        }})
    };
    assert_eq!(cloud.put(&assignment, POLICIES, assign("Default")).await.code(), "PolicyDefinitionNotFound");
    assert_eq!(cloud.put(&definition, POLICIES, rule("audit")).await.status, 201);
    assert_eq!(cloud.put(&assignment, POLICIES, assign("Default")).await.status, 201);
    cloud.make_network().await;
    assert_eq!(cloud.make_machine("allowed").await.status, 201);

    assert_eq!(cloud.put(&definition, POLICIES, rule("deny")).await.status, 201);
    let refused = cloud.make_machine("large").await;
    assert_eq!((refused.status, refused.code()), (403, "RequestDisallowedByPolicy"));
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("Allowed sizes"));
    assert_eq!(refused.body["error"]["target"], "large");
    let mut small = cloud.machine_body("large");
    small["properties"]["hardwareProfile"]["vmSize"] = "standard_a1".into();
    assert_eq!(cloud.put(&cloud.machine_id("large"), COMPUTE, small).await.status, 201);
    let list =
        cloud.get(&format!("{}/providers/Microsoft.Authorization/policyAssignments", cloud.group()), POLICIES).await;
    assert_eq!(list.body["value"][0]["properties"]["enforcementMode"], "Default");

    assert_eq!(cloud.put(&assignment, POLICIES, assign("DoNotEnforce")).await.status, 201);
    assert_eq!(cloud.make_machine("free").await.status, 201);
    assert_eq!(cloud.put(&assignment, POLICIES, assign("Default")).await.status, 201);
    assert_eq!(cloud.make_machine("again").await.status, 403);
    assert_eq!(cloud.delete(&assignment, POLICIES).await.status, 200);
    assert_eq!(cloud.put(&cloud.machine_id("again"), COMPUTE, cloud.machine_body("again")).await.status, 201);
}

#[tokio::test]
async fn quotas_refuse_what_exceeds_them() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    cloud.make_network().await;
    let quotas = json!({"quotas": {"standardDsv3Family": 4, "cores": 5, "PublicIPAddresses": 1}});
    assert_eq!(cloud.send(Method::PATCH, "/simulator/settings", &[], Some(&quotas)).await.status, 200);
    assert_eq!(cloud.make_machine("a").await.status, 201);
    assert_eq!(cloud.make_machine("b").await.status, 201);
    let refused = cloud.make_machine("c").await;
    assert_eq!((refused.status, refused.code()), (409, "OperationNotAllowed"));
    let message = refused.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("Current Limit: 4, Current Usage: 4, Additional Required: 2"), "{message}");
    // Of another family, but more than the region has; the same again is no more than it was.
    let mut other = cloud.machine_body("c");
    other["properties"]["hardwareProfile"]["vmSize"] = "Standard_D2s_v5".into();
    let refused = cloud.put(&cloud.machine_id("c"), COMPUTE, other).await;
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("Total Regional Cores"), "{refused:?}");
    cloud.clock.go_on(60.0);
    assert_eq!(cloud.put(&cloud.machine_id("b"), COMPUTE, cloud.machine_body("b")).await.status, 200);
    cloud.clock.go_on(60.0);
    let usages = format!("{}/providers/Microsoft.Compute/locations/westus2/usages", cloud.subscription);
    let usages = cloud.get(&usages, COMPUTE).await.body;
    let of = |name: &str| usages["value"].as_array().unwrap().iter().find(|one| one["name"]["value"] == name).unwrap();
    assert_eq!((&of("cores")["currentValue"], &of("cores")["limit"]), (&json!(4), &json!(5)));
    assert_eq!((&of("standardDsv3Family")["currentValue"], &of("standardDsv3Family")["limit"]), (&json!(4), &json!(4)));
    // Once one is gone there is room again.
    assert_eq!(cloud.delete(&cloud.machine_id("a"), COMPUTE).await.status, 202);
    cloud.clock.go_on(60.0);
    assert_eq!(cloud.put(&cloud.machine_id("c"), COMPUTE, cloud.machine_body("c")).await.status, 201);

    let address = |name: &str| cloud.id(&format!("Microsoft.Network/publicIPAddresses/{name}"));
    let body = json!({"location": "westus2", "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}});
    assert_eq!(cloud.put(&address("one"), NETWORK, body.clone()).await.status, 201);
    let refused = cloud.put(&address("two"), NETWORK, body).await;
    assert_eq!((refused.status, refused.code()), (400, "PublicIPCountLimitReached"));
}
