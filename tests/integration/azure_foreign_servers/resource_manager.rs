//! `@azure-tools/azure-http-specs` under `tsp-spector`: every scenario of `azure/resource-manager`.
//!
//! The scenarios come from the package itself, so that a newer one brings its own; what an operation or an optional
//! body ends in is not in its data, and stands here. Whatever has neither fails the test.

use std::process::Command;

use engine::target::azure::{ArmClient, Call, Outcome};
use serde_json::{Value as Json, json};

use super::{ForeignServer, cache, client, settings};

const SPECS: &str = "node_modules/@azure-tools/azure-http-specs";
const RESOURCE_MANAGER: &str = "azure/resource-manager";
const PREFIX: &str = "Azure_ResourceManager_";

/// Scenarios that a generic client cannot express, each with its reason. There is none.
const LEFT_OUT: &[(&str, &str)] = &[];

#[tokio::test]
async fn every_scenario_of_the_resource_manager_specs() {
    let Some(folder) = cache("spector") else {
        println!(
            "skipped: @azure-tools/azure-http-specs and @typespec/spector are not here; .ci/run installs them by npm"
        );
        return;
    };
    let specs = format!("{SPECS}/specs");
    let arguments = ["node_modules/@typespec/spector/cmd/cli.mjs", "serve", &specs, "--port", "{port}"];
    let Some(server) = ForeignServer::start(&folder, &arguments).await else { return };
    let list = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/azure_foreign_servers/list_scenarios.mjs"))
        .arg(folder.join(format!("{SPECS}/dist/specs/{RESOURCE_MANAGER}")))
        .arg(server.url())
        .output()
        .unwrap();
    assert!(list.status.success(), "{}", String::from_utf8_lossy(&list.stderr));
    let scenarios: Json = serde_json::from_slice(&list.stdout).unwrap();
    let client = client(settings(&server.url()));
    let (mut passed, mut wrong) = (0, Vec::new());
    for scenario in scenarios.as_array().unwrap() {
        let title = scenario["title"].as_str().unwrap().trim_start_matches(PREFIX);
        if LEFT_OUT.iter().any(|(left_out, _)| *left_out == title) {
            continue;
        }
        match run(&client, title, scenario["requests"].as_array().unwrap()).await {
            Ok(()) => passed += 1,
            Err(why) => wrong.push(format!("{title}: {why}")),
        }
    }
    println!("{passed} of {} scenarios of azure/resource-manager pass", scenarios.as_array().unwrap().len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(passed > 60, "{passed}");
}

async fn run(client: &ArmClient, title: &str, requests: &[Json]) -> Result<(), String> {
    let first = &requests[0];
    if let Some(bodies) = optional_bodies(title) {
        for (body, expected) in bodies {
            let outcome = send(client, first, body.as_ref()).await.map_err(|fault| format!("{fault:?}"))?;
            same(outcome.body.as_ref().map(|answer| pick(answer, &expected)), Some(expected))?;
        }
        return Ok(());
    }
    let headers = first["headers"].as_array().unwrap();
    if headers.contains(&json!("location")) || headers.contains(&json!("azure-asyncoperation")) {
        let outcome = send(client, first, body_of(first).as_ref()).await.map_err(|fault| format!("{fault:?}"))?;
        let is_list = outcome.body.as_ref().is_some_and(|body| body.get("nextLink").is_some());
        let came = if is_list {
            let items = client.pages(outcome).await.map_err(|fault| format!("{fault:?}"))?;
            Some(items.iter().map(|item| item["name"].clone()).collect())
        } else {
            outcome.body
        };
        // A PUT ends in the resource, which the last of the requests reads.
        let read = || requests.last().and_then(|last| serde_json::from_str(last["answer"].as_str()?).ok());
        return same(came, end_of(title).unwrap_or_else(read));
    }
    for request in requests {
        let (status, answer) = (request["status"].as_u64().unwrap(), request["answer"].as_str());
        let answer: Option<Json> = answer.map(|answer| serde_json::from_str(answer).unwrap());
        match send(client, request, body_of(request).as_ref()).await {
            Ok(outcome) => {
                same(Some(u64::from(outcome.status)), Some(status))?;
                same(outcome.body, answer)?;
            }
            Err(fault) if status >= 400 => {
                let error = answer.unwrap_or_default();
                let told = error.pointer("/error/message").or_else(|| error.get("message")).and_then(Json::as_str);
                same(Some(fault.message.as_str()), told)?;
            }
            Err(fault) => return Err(format!("{fault:?}")),
        }
    }
    Ok(())
}

fn body_of(request: &Json) -> Option<Json> {
    serde_json::from_str(request["body"].as_str()?).ok()
}

async fn send(client: &ArmClient, request: &Json, body: Option<&Json>) -> Result<Outcome, engine::contract::Fault> {
    let query = request["query"].as_object().unwrap().iter();
    let query: Vec<String> = query.map(|(name, value)| format!("{name}={}", value.as_str().unwrap())).collect();
    let path = format!("{}?{}", request["path"].as_str().unwrap(), query.join("&"));
    let mut call = Call::new(request["method"].as_str().unwrap().parse().unwrap(), &path);
    call.body = body;
    client.call(call).await
}

fn same<T: PartialEq + std::fmt::Debug>(came: Option<T>, expected: Option<T>) -> Result<(), String> {
    if came == expected { Ok(()) } else { Err(format!("expected {expected:?}, came {came:?}")) }
}

/// The fields of an answer that `like` has.
fn pick(answer: &Json, like: &Json) -> Json {
    let fields = like.as_object().unwrap().keys();
    fields
        .map(|name| (name.clone(), answer.get(name).cloned().unwrap_or_default()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What an operation has to end in, where the package's data does not say (its handlers do; read 2026-11-25).
fn end_of(title: &str) -> Option<Option<Json>> {
    match title {
        "OperationTemplates_Lro_export" => Some(Some(json!({ "content": "order1,product1,1" }))),
        "OperationTemplates_Lro_exportArray" => {
            Some(Some(json!([{ "content": "order1,product1,1" }, { "content": "order2,product2,2" }])))
        }
        "OperationTemplates_Lro_delete" => Some(None),
        "OperationTemplates_LroPaging_postPagingLro" => Some(Some(json!(["product1", "product2"]))),
        "LargeHeader_LargeHeaders_two6k" => Some(Some(json!({ "succeeded": true }))),
        _ => None,
    }
}

/// Bodies that may be there or not, with what then comes.
fn optional_bodies(title: &str) -> Option<Vec<(Option<Json>, Json)>> {
    let allowance = json!({ "totalAllowed": 100, "reason": "Increased demand" });
    match title {
        "OperationTemplates_OptionalBody_patch" => Some(vec![
            (
                None,
                json!({ "properties": { "name": "widget1", "description": "A test widget", "provisioningState": "Succeeded" } }),
            ),
            (
                Some(json!({ "properties": { "name": "updated-widget", "description": "Updated description" } })),
                json!({ "properties": { "name": "updated-widget", "description": "Updated description", "provisioningState": "Succeeded" } }),
            ),
        ]),
        "OperationTemplates_OptionalBody_post" => Some(vec![
            (None, json!({ "result": "Action completed successfully" })),
            (
                Some(json!({ "actionType": "perform", "parameters": "test-parameters" })),
                json!({ "result": "Action completed successfully with parameters" }),
            ),
        ]),
        "OperationTemplates_OptionalBody_providerPost" => Some(vec![
            (None, json!({ "totalAllowed": 50, "status": "Changed to default allowance" })),
            (Some(allowance), json!({ "totalAllowed": 100, "status": "Changed to requested allowance" })),
        ]),
        _ => None,
    }
}
