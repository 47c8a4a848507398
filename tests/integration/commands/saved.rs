//! A plan that is kept, approved, and carried out later: just that one, or nothing.

use super::{Place, QUICKSTART, Simulating, model};

const PLAN: &str = "cluster.plan";

fn stale(place: &Place, arguments: &[&str]) -> String {
    let output = place.engine(arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(76), "{arguments:?}\n{told}");
    told
}

fn keep(place: &Place, model: &str, more: &[&str]) {
    let folder = place.cluster();
    let arguments = ["plan", model, "--target", "simulator", "-o", folder.to_str().unwrap(), "--out", PLAN];
    place.expect(0, &[&arguments, more].concat());
}

#[test]
fn a_kept_plan_runs_as_it_was_shown_and_only_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let folder = place.cluster();
    let secret = "canary-of-the-principal";
    let principal = [
        "--set",
        "orchestratorProfile.kubernetesConfig.useManagedIdentity=false",
        "--client-id",
        "11111111-2222-3333-4444-555555555555",
        "--client-secret",
        secret,
    ];
    keep(&place, &model(QUICKSTART), &principal);
    let text = std::fs::read_to_string(place.path(PLAN)).unwrap();
    let saved: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(!text.contains(secret) && !text.contains("PRIVATE KEY"));
    for name in ["ca.key", "bootstrap-token"] {
        let key = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(!text.contains(key.trim()), "{name}");
    }
    assert!(!folder.join("apimodel.json").exists() && !folder.join("state").exists(), "nothing is decided yet");
    let planned = std::fs::read_dir(folder.join("planned")).unwrap().next().unwrap().unwrap();
    assert_eq!(planned.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    // The secret is in the model that was kept; nothing has to be said again.
    let deployed = place.json(&["deploy", PLAN, "--time-scale", "0"]);
    assert_eq!(deployed["complete"], true);
    assert_eq!(
        deployed["plan"]["steps"].as_array().unwrap().len(),
        saved["content"]["plan"]["steps"].as_array().unwrap().len()
    );
    assert!(!folder.join("planned").exists());

    let told = stale(&place, &["deploy", PLAN]);
    assert!(told.contains("is gone, the model of this plan"), "{told}");
    place.expect(0, &["plan", "-m", folder.join("apimodel.json").to_str().unwrap(), "--exit-code"]);
}

#[test]
fn test_20_a_plan_for_a_world_that_has_moved_is_refused_by_name() {
    let place = Place::new();
    let folder = place.cluster();
    let apimodel = folder.join("apimodel.json");
    let apimodel = apimodel.to_str().unwrap();
    let shown = folder.to_str().unwrap();
    place.expect(0, &["deploy", &model(QUICKSTART), "--target", "simulator", "-o", shown, "--time-scale", "0"]);
    let changed = ["--set", "orchestratorProfile.kubernetesConfig.outboundRuleIdleTimeoutInMinutes=20"];

    // Somebody else changes one of the resources that the plan changes.
    keep(&place, apimodel, &changed);
    let running = Simulating::start(&place);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let client = super::foreigners::arm(&running);
        client.post("/simulator/play/cloud-controller?group=quickstart&loadBalancer=quickstart").await;
    });
    drop(running);
    let told = stale(&place, &["deploy", PLAN]);
    assert!(told.contains("quickstart was changed"), "{told}");

    // The engine itself has deployed something since.
    keep(&place, apimodel, &changed);
    place.expect(0, &["scale", "-m", apimodel, "--new-node-count", "3", "--yes", "--time-scale", "0"]);
    let told = stale(&place, &["deploy", PLAN]);
    assert!(told.contains("is gone, the model of this plan"), "{told}");

    // Somebody edits the model that was kept.
    let more = ["--set", "agentPoolProfiles[0].customVMTags.team=blue"];
    keep(&place, apimodel, &more);
    let planned = std::fs::read_dir(folder.join("planned")).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&planned).unwrap();
    std::fs::write(&planned, text.replace("blue", "red")).unwrap();
    let told = stale(&place, &["deploy", PLAN]);
    assert!(told.contains("the model means something else"), "{told}");
}

#[test]
fn what_is_no_plan_or_damaged_or_asked_to_be_another_is_told() {
    let place = Place::new();
    keep(&place, &model(QUICKSTART), &[]);
    let told = |code: i32, arguments: &[&str]| {
        let output = place.engine(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        text
    };
    let more = told(64, &["deploy", PLAN, "--set", "masterProfile.count=3"]);
    assert!(more.contains("carried out as it is"), "{more}");
    let text = std::fs::read_to_string(place.path(PLAN)).unwrap();
    std::fs::write(place.path(PLAN), text.replacen("create", "delete", 1)).unwrap();
    let damaged = told(72, &["deploy", PLAN]);
    assert!(damaged.contains("does not match its checksum"), "{damaged}");
}
