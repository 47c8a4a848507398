//! Graphs built by hand, written as templates.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]

use serde_json::{Value as Json, json};

use super::*;
use crate::base::Secret;
use crate::contract::KeyVaultSecret;
use crate::graph::{Function, GROUP_TYPE, Lookup, Member, Reference, Resource, ResourceGraph, Scope, Series, Value};

fn graph(resources: Vec<Resource>) -> ResourceGraph {
    let scope = Scope {
        subscription_id: "s".into(),
        tenant_id: "t".into(),
        resource_group: "rg".into(),
        location: "westus2".into(),
    };
    ResourceGraph::build(scope, resources).unwrap()
}

fn emission(outputs: Vec<(&str, Value)>) -> Emission<'_> {
    Emission {
        cluster: "corpus",
        deployments_api_version: "2025-04-01",
        outputs,
        secret_lengths: Default::default(),
        in_key_vaults: Default::default(),
    }
}

fn emitted(resources: Vec<Resource>) -> Template {
    emit(&graph(resources), &emission(Vec::new())).unwrap()
}

/// The `properties` of the only resource whose body is `value`, beside a few to refer to.
fn written(value: Value) -> Json {
    let series = Series { name: "pool".into(), offset: 3, count: 2_u32.into() };
    let resources = vec![
        Resource::new("group", GROUP_TYPE, "1", "rg"),
        Resource::new("balancer", "Microsoft.Network/loadBalancers", "2025-05-01", "it's"),
        Resource::new("card", "Microsoft.Network/networkInterfaces", "2025-05-01", Value::indexed("nic-"))
            .in_series(series.clone()),
        Resource::new("holder", "N/holders", "1", Value::indexed("holder-")).properties(value).in_series(series),
    ];
    emitted(resources).template["resources"][2]["properties"].clone()
}

#[test]
fn values_are_written_as_the_language_wants_them() {
    let attribute = |symbol: &str, path: &[&str]| Value::from(Reference::attribute(symbol, path));
    for (value, expected) in [
        (json!({"a": [1, -2.5, null, true, "x"]}).into(), json!({"a": [1, -2.5, null, true, "x"]})),
        ("[not an expression]".into(), json!("[[not an expression]")),
        ("[left open".into(), json!("[left open")),
        (Value::object([("[key]", 1_u32.into())]), json!({"[[key]": 1})),
        (Value::concat(["a".into(), "b".into()]), json!("ab")),
        (Value::concat(["[a".into(), "]".into()]), json!("[[a]")),
        (Value::index(), json!("[copyIndex(parameters('poolOffset'))]")),
        (Value::id_of("balancer"), json!("[resourceId('Microsoft.Network/loadBalancers', 'it''s')]")),
        (
            "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/loadBalancers/it's".into(),
            json!("[resourceId('Microsoft.Network/loadBalancers', 'it''s')]"),
        ),
        (
            Value::part_of("balancer", "backendAddressPools", "pool"),
            json!("[resourceId('Microsoft.Network/loadBalancers/backendAddressPools', 'it''s', 'pool')]"),
        ),
        (
            Value::concat([Value::id_of("balancer"), "/probes/p-".into(), Value::index()]),
            json!(
                "[resourceId('Microsoft.Network/loadBalancers/probes', 'it''s', \
                 concat('p-', copyIndex(parameters('poolOffset'))))]"
            ),
        ),
        (
            Value::concat([Value::id_of("balancer"), "?x".into()]),
            json!("[concat(resourceId('Microsoft.Network/loadBalancers', 'it''s'), '?x')]"),
        ),
        (
            Value::id_of_same_index("card"),
            json!(
                "[resourceId('Microsoft.Network/networkInterfaces', concat('nic-', copyIndex(parameters('poolOffset'))))]"
            ),
        ),
        (Reference::attribute("card", &["name"]).of(Member::Index(4)).into(), json!("nic-4")),
        (
            Reference::attribute("card", &["properties", "macAddress"]).of(Member::Index(4)).into(),
            json!("[reference(resourceId('Microsoft.Network/networkInterfaces', 'nic-4'), '2025-05-01').macAddress]"),
        ),
        (
            Reference::id("card").of(Member::Every).into(),
            json!(
                "[createArray(resourceId('Microsoft.Network/networkInterfaces', 'nic-3'), \
                 resourceId('Microsoft.Network/networkInterfaces', 'nic-4'))]"
            ),
        ),
        (
            attribute("balancer", &["sku", "a b", "0"]),
            json!(
                "[reference(resourceId('Microsoft.Network/loadBalancers', 'it''s'), '2025-05-01', 'Full').sku['a b'][0]]"
            ),
        ),
        (attribute("group", &["id"]), json!("[resourceGroup().id]")),
        (
            Value::Call(Function::Item, vec![json!(["1", "2"]).into(), Value::index()]),
            json!("[createArray('1', '2')[copyIndex(parameters('poolOffset'))]]"),
        ),
        (
            Value::Call(Function::Guid, vec![json!({"a": [1.5, false, null]}).into()]),
            json!("[guid(createObject('a', createArray(json('1.5'), false(), null())))]"),
        ),
        (Value::secret("pool/customData"), json!("[parameters('poolCustomData')]")),
    ] {
        assert_eq!(written(Value::object([("v", value)]))["v"], expected);
    }
}

#[test]
fn a_series_is_a_loop_that_waits_for_its_neighbour() {
    let series = Series { name: "pool".into(), offset: 0, count: 3_u32.into() };
    let all = Reference::id("machine").of(Member::Every);
    let mut last = Resource::new("last", "N/lasts", "1", "last");
    last.after = vec![all];
    let template = emitted(vec![
        Resource::new("card", "N/cards", "1", Value::indexed("card-")).in_series(series.clone()),
        Resource::new("machine", "N/machines", "1", Value::indexed("machine-"))
            .properties(Value::object([("card", Value::id_of_same_index("card"))]))
            .in_series(series),
        last,
    ]);
    let resources = &template.template["resources"];
    assert_eq!(resources[1]["copy"], json!({"name": "machine", "count": "[parameters('poolCount')]"}));
    assert_eq!(
        resources[1]["dependsOn"],
        json!(["[resourceId('N/cards', concat('card-', copyIndex(parameters('poolOffset'))))]"])
    );
    assert_eq!(resources[2]["dependsOn"], json!(["machine"]));
    assert_eq!(template.parameters["poolCount"], Parameter::Value(3.into()));
    assert_eq!(template.parameters["poolOffset"], Parameter::Value(0.into()));
}

#[test]
fn a_name_that_another_resource_gives_comes_in_as_a_parameter() {
    let series = Series { name: "pool".into(), offset: 0, count: 1_u32.into() };
    let principal = Value::from(Reference::attribute("machine", &["identity", "principalId"]).of(Member::SameIndex));
    let mut script = Resource::new("script", "N/scripts", "1", Value::indexed("s-")).in_series(series.clone());
    script.after = vec![Reference::id("role").of(Member::SameIndex)];
    let template = emitted(vec![
        Resource::new("machine", "N/machines", "1", Value::indexed("machine-")).in_series(series.clone()),
        Resource::new("role", "N/roles", "1", Value::Call(Function::Guid, vec![principal.clone(), Value::index()]))
            .properties(Value::object([("principalId", principal), ("machine", Value::id_of_same_index("machine"))]))
            .in_series(series),
        script,
    ]);
    let role = &template.template["resources"][1];
    assert_eq!(role["type"], "Microsoft.Resources/deployments");
    assert_eq!(role["name"], "[concat('corpus-role-', copyIndex(parameters('poolOffset')))]");
    assert_eq!(
        role["properties"]["parameters"],
        json!({
            "principalId": { "value": "[reference(resourceId('N/machines', concat('machine-', \
                                       copyIndex(parameters('poolOffset')))), '1', 'Full').identity.principalId]" },
            "index": { "value": "[copyIndex(parameters('poolOffset'))]" },
        })
    );
    let inner = &role["properties"]["template"]["resources"][0];
    assert_eq!(inner["name"], "[guid(parameters('principalId'), parameters('index'))]");
    assert_eq!(inner["properties"]["principalId"], "[parameters('principalId')]");
    assert_eq!(inner["properties"]["machine"], "[resourceId('N/machines', concat('machine-', parameters('index')))]");
    assert_eq!(inner.get("dependsOn"), None, "the deployment around it waits");
    assert_eq!(
        template.template["resources"][2]["dependsOn"][0],
        "[resourceId('Microsoft.Resources/deployments', concat('corpus-role-', copyIndex(parameters('poolOffset'))))]"
    );
}

/// `count` machines of two resources each in a pool, beside a network.
fn pool(count: u32) -> Vec<Resource> {
    let series = Series { name: "pool".into(), offset: 5, count: count.into() };
    let body = |entries: [(&str, Value); 2]| Value::object(entries);
    vec![
        Resource::new("network", "N/networks", "1", "network"),
        Resource::new("card", "N/cards", "1", Value::indexed("card-"))
            .properties(body([("network", Value::id_of("network")), ("x", Value::Null)]))
            .in_series(series.clone()),
        Resource::new("machine", "N/machines", "1", Value::indexed("machine-"))
            .properties(body([("card", Value::id_of_same_index("card")), ("data", Value::secret("pool/customData"))]))
            .in_series(series),
    ]
}

#[test]
fn what_does_not_fit_goes_into_deployments_whose_number_follows_from_the_count() {
    assert_eq!(emitted(pool(399)).template["resources"].as_array().unwrap().len(), 3, "799 resources fit");
    let template = emitted(pool(400));
    let resources = template.template["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 2);
    let deployment = &resources[1];
    assert_eq!(
        deployment["copy"],
        json!({"name": "pool-machines", "count": "[div(add(parameters('poolCount'), 399), 400)]"})
    );
    assert_eq!(deployment["dependsOn"], json!(["[resourceId('N/networks', 'network')]"]));
    assert_eq!(
        deployment["properties"]["parameters"],
        json!({
            "poolOffset": { "value": "[add(parameters('poolOffset'), mul(400, copyIndex()))]" },
            "poolCount": { "value": "[min(400, sub(parameters('poolCount'), mul(400, copyIndex())))]" },
            "poolCustomData": { "value": "[parameters('poolCustomData')]" },
        })
    );
    let inner = &deployment["properties"]["template"];
    assert_eq!(inner["resources"].as_array().unwrap().len(), 2);
    assert_eq!(inner["resources"][0].get("dependsOn"), None);
    assert_eq!(inner["parameters"]["poolCustomData"]["type"], "securestring");
}

#[test]
fn limits_are_told() {
    let many = (0..801).map(|index| Resource::new(&format!("r{index}"), "N/t", "1", format!("r{index}"))).collect();
    let refused = emit(&graph(many), &emission(Vec::new())).unwrap_err();
    assert_eq!(refused, EmitError::TooMany { what: "resources", count: 801, limit: 800 });
    let long = Value::concat([Value::id_of("a"), "?".repeat(25_000).into()]);
    let resources = vec![
        Resource::new("a", "N/t", "1", "a"),
        Resource::new("b", "N/t", "1", "b").properties(Value::object([("x/y", long)])),
    ];
    let refused = emit(&graph(resources), &emission(Vec::new())).unwrap_err();
    let EmitError::LongExpression { pointer, .. } = refused else { panic!("{refused}") };
    assert_eq!(pointer, "/resources/1/properties/x~1y");
    let outside = Resource::new("a", "N/t", "1", "a").properties(Value::object([("x", Value::secret("x"))]));
    let refused = emit(&graph(vec![outside]), &emission(vec![("n", Value::index())])).unwrap_err();
    assert!(matches!(refused, EmitError::Inexpressible { .. }), "{refused}");
}

#[test]
fn secrets_are_in_the_parameters_file_only() {
    struct Vault;
    impl Lookup for Vault {
        fn attribute(&self, _: &Reference, _: Option<u32>) -> Option<Json> {
            None
        }
        fn secret(&self, handle: &str) -> Option<Secret> {
            (handle != "pool/b").then(|| Secret::new(format!("canary of {handle}")))
        }
    }
    let holder = |handles: &[&str]| {
        let values = handles.iter().map(|handle| Value::secret(handle));
        vec![Resource::new("a", "N/t", "1", "a").properties(Value::object([("x", Value::array(values))]))]
    };
    // Names of parameters do not differ by letter case alone.
    let template = emitted(holder(&["pool/customData", "poolCustomdata", "pool/customData"]));
    assert!(!template.text().contains("canary"));
    assert_eq!(template.parameters.keys().collect::<Vec<_>>(), ["poolCustomData", "poolCustomdata2"]);
    let file = template.parameters_file(&Vault).unwrap();
    let file: Json = serde_json::from_str(file.expose()).unwrap();
    assert_eq!(file["parameters"]["poolCustomData"]["value"], "canary of pool/customData");
    let refused = emitted(holder(&["pool/b"])).parameters_file(&Vault).unwrap_err();
    assert_eq!(refused, EmitError::Secret("pool/b".to_owned()));
}

#[test]
fn a_secret_in_a_key_vault_is_a_reference() {
    struct Nothing;
    impl Lookup for Nothing {
        fn attribute(&self, _: &Reference, _: Option<u32>) -> Option<Json> {
            None
        }
        fn secret(&self, _: &str) -> Option<Secret> {
            None
        }
    }
    let encoded = Value::Call(Function::Base64, vec![Value::secret("who/password")]);
    let value = Value::object([("x", Value::concat([Value::secret("who/name"), encoded]))]);
    let resources = vec![Resource::new("a", "N/t", "1", "a").properties(value)];
    let mut emission = emission(Vec::new());
    for (handle, version) in [("who/name", None), ("who/password", Some("1a".to_owned()))] {
        let (vault_id, name) = ("/subscriptions/s/vaults/v".to_owned(), handle.replace('/', "-"));
        emission.in_key_vaults.insert(handle.to_owned(), KeyVaultSecret { vault_id, name, version });
    }
    let template = emit(&graph(resources), &emission).unwrap();
    let expression = "[concat(parameters('whoName'), base64(parameters('whoPassword')))]";
    assert_eq!(template.template["resources"][0]["properties"]["x"], expression);
    assert_eq!(template.template["parameters"]["whoPassword"]["type"], "securestring");
    // Nobody has to know the secrets.
    let file: Json = serde_json::from_str(template.parameters_file(&Nothing).unwrap().expose()).unwrap();
    let vault = json!({ "id": "/subscriptions/s/vaults/v" });
    assert_eq!(
        file["parameters"],
        json!({
            "whoName": { "reference": { "keyVault": vault, "secretName": "who-name" } },
            "whoPassword": { "reference": { "keyVault": vault, "secretName": "who-password", "secretVersion": "1a" } },
        })
    );
}
