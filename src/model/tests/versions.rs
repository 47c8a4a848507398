//! Models of older versions: what they become, and that faults keep their places.

use super::*;

fn old(version: &str) -> Source {
    let name = format!("tests/models/versions/{version}.json");
    Source { text: std::fs::read_to_string(root().join(&name)).unwrap(), name }
}

const VERSIONS: [&str; 3] = ["2016-09-30", "2017-01-31", "2017-07-01"];

/// The whole model that each becomes is kept.
#[test]
fn older_versions_become_todays() {
    for version in VERSIONS {
        let options = ReadOptions { location: Some("westus2".into()), ..ReadOptions::default() };
        let reading = read(&old(version), &options);
        assert_eq!(errors(&reading.diagnostics), Vec::<String>::new(), "{version}");
        let told: Vec<&str> = reading.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        assert!(told.contains(&"api-version-converted"), "{version}: {told:?}");
        let cluster = reading.cluster.unwrap();
        there_and_back(&cluster, version);
        assert!(cluster.pools.iter().all(|pool| pool.availability == Availability::AvailabilitySet));
        assert_eq!(cluster.network.plugin, NetworkPlugin::Kubenet);
        assert!(!cluster.identity.is_managed());
        let pointer = "/properties/agentPoolProfiles/0/availabilityProfile";
        assert!(matches!(&reading.origins[pointer], Origin::Default { reason } if reason.contains("meant")));

        let golden = root().join(format!("tests/golden/versions/{version}.json"));
        let fresh = serde_json::to_string_pretty(&cluster.to_api_model()).unwrap() + "\n";
        if std::env::var_os("ENGINE_UPDATE_GOLDENS").is_some_and(|value| value == "1") {
            std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
            std::fs::write(&golden, &fresh).unwrap();
        }
        assert!(std::fs::read_to_string(&golden).unwrap_or_default() == fresh, "{} differs", golden.display());
    }
}

#[test]
fn a_fault_of_an_older_version_has_its_place() {
    let mut source = old("2017-07-01");
    source.text = source.text.replace("\"count\": 3", "\"count\": 4").replace("Standard_D3_v2\"", "x\", \"vmSzie\": 1");
    let options = ReadOptions { location: Some("westus2".into()), ..ReadOptions::default() };
    let reading = read(&source, &options);
    let told: Vec<(&str, &str)> = reading
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| {
            let span = diagnostic.span.unwrap();
            (diagnostic.code, &source.text[span.start..span.end])
        })
        .collect();
    assert_eq!(told, [("control-plane-count", "4"), ("unknown-key", "\"vmSzie\"")]);
}

/// What is no Kubernetes cluster of one's own gets one fault, and nothing else is told.
#[test]
fn what_is_for_others_gets_one_fault() {
    for (version, orchestrator, code) in [
        ("2016-03-30", "Swarm", "api-version-unsupported"),
        ("2017-08-31", "Kubernetes", "api-version-unsupported"),
        ("2018-03-31", "Kubernetes", "api-version-unsupported"),
        ("2031-01-01", "Kubernetes", "api-version-unsupported"),
        ("2016-09-30", "DCOS", "orchestrator-unsupported"),
        ("2017-01-31", "SwarmMode", "orchestrator-unsupported"),
        ("2017-07-01", "DockerCE", "orchestrator-unsupported"),
        ("vlabs", "OpenShift", "orchestrator-unsupported"),
    ] {
        let model = serde_json::json!({
            "apiVersion": version,
            "properties": { "nonsense": 1, "orchestratorProfile": { "orchestratorType": orchestrator } },
        });
        let reading = read_value(&model);
        let told: Vec<&str> = reading.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(told, [code], "{version} {orchestrator}");
        let message = &reading.diagnostics.iter().next().unwrap().message;
        let named = if code.starts_with("api") { version } else { orchestrator };
        assert!(message.contains(named), "{message}");
    }
}

/// A document of an older version in which nothing is as it should be: faults, and no panic.
#[test]
fn an_older_version_may_be_wrong_all_over() {
    for version in VERSIONS {
        for properties in ["null", "[]", "\"\"", "{\"agentPoolProfiles\": {}}", "{\"masterProfile\": []}"] {
            let text = format!("{{\"apiVersion\": \"{version}\", \"properties\": {properties}}}");
            let reading = read(&source(&text), &ReadOptions::default());
            assert!(reading.diagnostics.has_errors(), "{text}");
        }
    }
}
