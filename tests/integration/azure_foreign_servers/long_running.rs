//! `@microsoft.azure/autorest.testserver`: 81 scenarios of long-running operations, in every form and malformation.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::base::Entropy;
use engine::target::azure::Call;
use serde_json::{Value as Json, json};

use super::forwarder::Forwarder;
use super::scenarios::{Expected, SCENARIOS};
use super::{ForeignServer, cache, client, settings};

const PACKAGE: &str = "node_modules/@microsoft.azure/autorest.testserver";

/// Scenarios that are left out, each with its reason. There is none.
const LEFT_OUT: &[(&str, &str, &str)] = &[];

/// Some scenarios want to see one client request id throughout.
struct OneId;

impl Entropy for OneId {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }

    fn uuid(&self) -> uuid::Uuid {
        uuid::uuid!("9C4D50EE-2D56-4CD3-8152-34347DC9F2B0")
    }
}

#[tokio::test]
async fn every_long_running_operation_of_the_autorest_test_server() {
    let Some(folder) = cache("testserver") else {
        println!("skipped: @microsoft.azure/autorest.testserver is not here; .ci/run installs it by npm");
        return;
    };
    let cli = format!("{PACKAGE}/dist/cli/cli.js");
    let Some(server) =
        ForeignServer::start(&folder, &[&cli, "run", "--port", "{port}", "--appendCoverage=false"]).await
    else {
        return;
    };
    every_scenario_is_known(&folder.join(PACKAGE));
    let forwarder = Forwarder::start(server.url()).await;
    let mut wrong = Vec::new();
    for scenario in SCENARIOS {
        forwarder.forget();
        let mut settings = settings(&forwarder.url);
        settings.entropy = Arc::new(OneId);
        let client = client(settings);
        let body = json!({ "location": "westus", "properties": {} });
        let mut call = Call::new(scenario.method.parse().unwrap(), scenario.path).final_state(scenario.via);
        if scenario.method != "DELETE" {
            call = call.body(&body);
        }
        let came = client.call(call).await;
        let right = match (&scenario.expected, &came) {
            (Expected::Body(text), Ok(outcome)) => outcome.body == Some(serde_json::from_str::<Json>(text).unwrap()),
            (Expected::Nothing(status), Ok(outcome)) => outcome.body.is_none() && outcome.status == *status,
            (Expected::Fault(code, part), Err(fault)) => fault.code == *code && fault.message.contains(part),
            _ => false,
        };
        if !right {
            wrong.push(format!(
                "{} {}: expected {:?}, came {came:?}",
                scenario.method, scenario.path, scenario.expected
            ));
        }
    }
    println!("{} of {} scenarios of long-running operations pass", SCENARIOS.len() - wrong.len(), SCENARIOS.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    every_counter_has_moved(&server).await;
}

/// Whatever the package's own description lists is in our table, or is left out for a reason.
fn every_scenario_is_known(package: &std::path::Path) {
    let text = std::fs::read_to_string(package.join("swagger/lro.json")).unwrap();
    let described: Json = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
    let listed: BTreeSet<(String, String)> = described["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(|method| (method.to_ascii_uppercase(), path.clone()))
        })
        .collect();
    let left_out = LEFT_OUT.iter().map(|(method, path, _)| (*method, *path));
    let ours: BTreeSet<(String, String)> = SCENARIOS
        .iter()
        .map(|scenario| (scenario.method, scenario.path))
        .chain(left_out)
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .collect();
    assert_eq!(ours, listed);
    assert_eq!(listed.len(), 81);
}

/// The server counts each scenario that a client went through to its end, in its own view.
async fn every_counter_has_moved(server: &ForeignServer) {
    let report: Json = reqwest::get(format!("{}/report/azure", server.url())).await.unwrap().json().await.unwrap();
    // The parametrised ones belong to another description, of endpoints that are put together by a template.
    let is_ours =
        |name: &str| (name.starts_with("LRO") || name.starts_with("CustomHeaderP")) && !name.contains("Parameterized");
    let counters = report.as_object().unwrap().iter().filter(|(name, _)| is_ours(name));
    let still: Vec<&String> = counters.filter(|(_, count)| count.as_u64() == Some(0)).map(|(name, _)| name).collect();
    assert!(still.is_empty(), "the server saw nobody finish {still:?}");
}
