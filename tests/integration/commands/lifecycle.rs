//! From a model to a running cluster, up, down, and back to nothing.

use super::{Place, QUICKSTART, model};

fn count(resources: &serde_json::Value, resource_type: &str) -> usize {
    let ids = resources.as_array().unwrap();
    ids.iter().filter(|id| id.as_str().unwrap().contains(&format!("/{resource_type}/"))).count()
}

#[test]
fn a_cluster_lives_from_deploy_to_destroy() {
    let place = Place::new();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let apimodel = format!("{folder}/apimodel.json");

    let plan = place.json(&["plan", &model(QUICKSTART), "--target", "simulator", "-o", folder]);
    assert_eq!((&plan["create"], &plan["update"], &plan["delete"]), (&21.into(), &0.into(), &0.into()));
    assert!(!place.cluster().join("apimodel.json").exists(), "a plan writes nothing of the cluster");

    let deployed =
        place.json(&["deploy", &model(QUICKSTART), "--target", "simulator", "-o", folder, "--time-scale", "0"]);
    assert_eq!(deployed["complete"], true);
    assert_eq!(deployed["simulated"], true);
    assert_eq!(deployed["plan"]["digest"].as_str().unwrap().len(), 71);
    assert_eq!(count(&deployed["resources"], "virtualMachines"), 6, "three machines, each with its script");

    place.expect(0, &["plan", "-m", &apimodel, "--exit-code"]);
    // How fast time went as the machines were made is theirs: whoever looks by another time finds what was awaited.
    let status = place.json(&["status", "-o", folder, "--time-scale", "1"]);
    assert_eq!(status["nodes"].as_array().unwrap().iter().filter(|node| node["ready"] == true).count(), 3);
    assert_eq!(status["missing"], serde_json::json!([]));

    let scale = |number: &str| {
        place.json(&["scale", "-m", &apimodel, "--node-pool", "agentpool1", "--new-node-count", number, "--yes"])
    };
    let grown = scale("3");
    let steps: Vec<&str> =
        grown["plan"]["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert!(steps.contains(&"renew the bootstrap token"), "{steps:?}");
    assert!(steps.iter().any(|step| step.starts_with("wait for k8s-agentpool1-") && step.ends_with("-2 to be Ready")));
    assert_eq!(place.json(&["status", "-o", folder])["nodes"].as_array().unwrap().len(), 4);
    place.expect(0, &["plan", "-m", &apimodel, "--exit-code"]);

    let shrunk = scale("2");
    let steps: Vec<&str> =
        shrunk["plan"]["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert!(steps[0].starts_with("cordon and drain k8s-agentpool1-"), "{steps:?}");
    assert_eq!(place.json(&["status", "-o", folder])["nodes"].as_array().unwrap().len(), 3);
    place.expect(0, &["plan", "-m", &apimodel, "--exit-code"]);

    let destroyed = place.json(&["destroy", "-o", folder, "--yes"]);
    assert_eq!(destroyed["resources"], serde_json::json!([]));
    let left = std::fs::read_to_string(place.cluster().join("simulator/simulator.jsonl")).unwrap();
    assert!(!left.is_empty());
    let running = super::Simulating::start(&place);
    let summary = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let client = super::foreigners::arm(&running);
        client.get("/simulator/summary").await
    });
    assert_eq!(summary["total"], 0, "{summary}");
    drop(running);

    // What was destroyed can be made again: a first machine starts a cluster again.
    let again = place.json(&["deploy", "-m", &apimodel, "--target", "simulator", "-o", folder, "--time-scale", "0"]);
    assert_eq!(again["complete"], true);
}

#[test]
fn two_generations_are_the_same_bytes_and_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let folder = place.cluster();
    let files = || {
        let mut files = Vec::new();
        for entry in ["apimodel.json", "azuredeploy.json", "azuredeploy.parameters.json", "ca.key", "sa.key"] {
            files.push((entry, std::fs::read(folder.join(entry)).unwrap()));
            let mode = std::fs::metadata(folder.join(entry)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{entry}");
        }
        files.push(("kubeconfig", std::fs::read(folder.join("kubeconfig/kubeconfig.westus2.json")).unwrap()));
        files
    };
    let generate = || place.expect(0, &["generate", &model(QUICKSTART), "-o", folder.to_str().unwrap()]);
    generate();
    let first = files();
    generate();
    for ((name, first), (_, second)) in first.iter().zip(files()) {
        assert!(*first == second, "{name} differs");
    }
    // What was written is read back to the same cluster.
    place
        .expect(0, &["generate", "-m", folder.join("apimodel.json").to_str().unwrap(), "-o", folder.to_str().unwrap()]);
    assert!(first == files());
}

#[test]
fn tokens_that_others_are_to_trust_are_signed_by_rsa() {
    let place = Place::new();
    let mut cluster: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(model(QUICKSTART)).unwrap()).unwrap();
    // The length of a public key as SubjectPublicKeyInfo, and so its kind.
    let key_of = |folder: &str, cluster: &serde_json::Value| {
        std::fs::write(place.path("model.json"), cluster.to_string()).unwrap();
        place.expect(0, &["generate", "model.json", "-o", folder]);
        let public = std::fs::read(place.path(folder).join("sa.pub")).unwrap();
        x509_parser::pem::parse_x509_pem(&public).unwrap().1.contents.len()
    };
    assert_eq!(key_of("alone", &cluster), 91, "P-256");
    let settings = cluster.pointer_mut("/properties/orchestratorProfile/kubernetesConfig").unwrap();
    settings["apiServerConfig"] = serde_json::json!({ "--service-account-issuer": "https://issuer.example.com/" });
    assert_eq!(key_of("trusted", &cluster), 294, "RSA-2048");
    assert_eq!(key_of("alone", &cluster), 91, "a cluster keeps the key that it has");
}
