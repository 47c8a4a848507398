//! `explain`, and `--strict`: what a model comes to, and what is not let pass.

use super::{Place, QUICKSTART, model};

#[test]
fn explain_shows_where_values_come_from() {
    let place = Place::new();
    let quickstart = model(QUICKSTART);
    let set = ["--set", "masterProfile.count=3"];
    let all = place.json(&[&["explain", &quickstart][..], &set].concat());
    let value = |pointer: &str| {
        let values = all["values"].as_array().unwrap();
        values.iter().find(|value| value["pointer"] == pointer).unwrap_or_else(|| panic!("{pointer}")).clone()
    };
    assert_eq!(value("/location")["origin"], "file");
    let count = value("/properties/masterProfile/count");
    assert_eq!((&count["value"], &count["origin"]), (&3.into(), &"set".into()));
    let plugin = value("/properties/orchestratorProfile/kubernetesConfig/networkPlugin");
    assert_eq!((&plugin["value"], &plugin["origin"]), (&"azure".into(), &"default".into()));
    assert!(!plugin["reason"].as_str().unwrap().is_empty());

    let table = place.expect(0, &[&["explain", &quickstart, "masterProfile"][..], &set].concat());
    assert!(table.lines().all(|line| line.starts_with("/properties/masterProfile/")), "{table}");
    let count = table.lines().find(|line| line.contains("/masterProfile/count ")).unwrap();
    assert!(count.ends_with("command line"), "{count}");

    let output = place.engine(&["explain", &quickstart, "masterProfile.cuont"]);
    assert_eq!(output.status.code(), Some(64));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("did you mean `/properties/masterProfile/count`?"), "{told}");
}

#[test]
fn explain_shows_no_secret() {
    let place = Place::new();
    let secrets = "orchestratorProfile.kubernetesConfig.useManagedIdentity=false,\
                   servicePrincipalProfile.clientId=application,servicePrincipalProfile.secret=canary";
    for form in [&[][..], &["--json"]] {
        let output = place.engine(&[&["explain", &model(QUICKSTART), "--set", secrets], form].concat());
        assert_eq!(output.status.code(), Some(0));
        let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(told.contains("servicePrincipalProfile/secret") && !told.contains("canary"), "{told}");
    }
}

#[test]
fn strict_takes_warnings_for_errors() {
    let place = Place::new();
    let quickstart = model(QUICKSTART);
    let folder = place.cluster();
    let folder_name = folder.to_str().unwrap();
    // The example leaves the API server open, which is worth a warning.
    let validated = place.json(&["validate", &quickstart]);
    assert_eq!(validated["diagnostics"][0]["code"], "api-server-open");
    assert_eq!(validated["diagnostics"][0]["severity"], "warning");
    for arguments in [
        &["validate"][..],
        &["generate", "-o", folder_name],
        &["plan", "-o", folder_name, "--target", "simulator"],
        &["deploy", "-o", folder_name, "--target", "simulator"],
    ] {
        let output = place.engine(&[arguments, &[&quickstart, "--strict", "--json"]].concat());
        assert_eq!(output.status.code(), Some(65), "{arguments:?}");
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["diagnostics"][0]["severity"], "error", "{told}");
        assert!(!folder.exists(), "{arguments:?} wrote something");
    }
    let closed = "masterProfile.HTTPSourceAddressPrefix=192.0.2.0/24";
    place.expect(0, &["validate", &quickstart, "--strict", "--set", closed]);
}
