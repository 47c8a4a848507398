//! Scripts that machines run before they become nodes.

use serde_json::json;

use super::*;

fn with(profiles: &Value, plane: &Value, pool: &Value) -> Reading {
    let mut model = quickstart();
    let properties = &mut model["properties"];
    properties["extensionProfiles"] = profiles.clone();
    properties["masterProfile"]["preProvisionExtension"] = plane.clone();
    properties["agentPoolProfiles"][0]["preProvisionExtension"] = pool.clone();
    read_value(&model)
}

#[test]
fn a_script_is_found_by_its_name_and_lies_where_aks_engine_looked_for_it() {
    let profiles = json!([
        {"name": "idle", "version": "v1"},
        {"name": "hello-world", "version": "v1", "script": "hello.sh"},
        {"name": "own", "version": "v2", "script": "bin/x.sh", "rootURL": "https://a.example/root",
            "urlQuery": "sig=canary", "extensionParameters": "canary"},
    ]);
    let reading = with(&profiles, &json!({"name": "Hello-World", "singleOrAll": "All"}), &json!({"name": "own"}));
    assert_eq!(errors(&reading.diagnostics), Vec::<String>::new());
    let cluster = reading.cluster.unwrap();
    let url = |script: &Option<PreProvisionScript>| script.as_ref().unwrap().url().expose().to_owned();
    assert_eq!(
        url(&cluster.control_plane.pre_provision),
        "https://raw.githubusercontent.com/Azure/aks-engine/master/extensions/hello-world/v1/hello.sh"
    );
    let own = &cluster.pools[0].pre_provision;
    assert_eq!(url(own), "https://a.example/root/extensions/own/v2/bin/x.sh?sig=canary");
    assert_eq!(own.as_ref().unwrap().parameters.as_ref().unwrap().expose(), "canary");
    assert!(!format!("{cluster:?}").contains("canary"));
    let default = &reading.origins["/properties/extensionProfiles/1/rootURL"];
    assert!(matches!(default, Origin::Default { .. }));
    there_and_back(&cluster, "scripts");
}

/// What links to a template is told, as before, and breaks nothing.
#[test]
fn an_extension_that_links_to_a_template_has_no_effect_and_says_so() {
    let mut model = quickstart();
    model["properties"]["extensionProfiles"] = json!([{"name": "x", "version": "v1", "rootURL": "http://a.example/"}]);
    model["properties"]["masterProfile"]["extensions"] = json!([{"name": "x"}]);
    let reading = read_value(&model);
    let told: Vec<&str> =
        reading.diagnostics.iter().filter(|told| told.code == "no-effect").map(|told| told.pointer.as_str()).collect();
    assert_eq!(told, ["/properties/masterProfile/extensions"]);
    assert!(reading.cluster.unwrap().control_plane.pre_provision.is_none());
}

#[test]
fn windows_runs_none_and_says_so() {
    let mut model = quickstart();
    let properties = &mut model["properties"];
    properties["extensionProfiles"] = json!([{"name": "x", "version": "v1", "script": "x.ps1"}]);
    let pool = json!({"name": "win", "count": 1, "vmSize": "Standard_D2s_v5", "osType": "Windows",
        "availabilityProfile": "AvailabilitySet", "preProvisionExtension": {"name": "x"}});
    properties["agentPoolProfiles"].as_array_mut().unwrap().push(pool);
    properties["windowsProfile"] = json!({"adminUsername": "azureuser", "adminPassword": "Canary-1234567"});
    let reading = read_value(&model);
    let pointer = "/properties/agentPoolProfiles/1/preProvisionExtension";
    let told = reading.diagnostics.iter().filter(|told| told.pointer == pointer).map(|told| told.code);
    assert_eq!(told.collect::<Vec<_>>(), ["no-effect"]);
    assert!(reading.cluster.unwrap().pools[1].pre_provision.is_none());
}
