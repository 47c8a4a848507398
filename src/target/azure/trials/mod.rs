//! The target against a server that answers as each test says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by a panic")]

mod errors;
mod operations;
mod requests;
mod sign_in;
mod tokens;
mod traces;

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{AzureSettings, AzureTarget, Credentials, FixedToken};
use crate::base::Secret;
use crate::contract::{Address, Fault, OperationHandle, Progress, Target};
use crate::graph::Scope;
use crate::target::testing::FakeServer;

/// A token that no error may show.
const TOKEN: &str = "canary-token-0123456789";

fn settings(server: &FakeServer) -> AzureSettings {
    let tokens = Credentials::Tokens(Arc::new(FixedToken(Secret::new(TOKEN))));
    AzureSettings::new(&server.url, &server.url, "https://management.azure.com/", tokens)
}

fn target(server: &FakeServer) -> AzureTarget {
    AzureTarget::new(settings(server)).unwrap()
}

fn address(resource_type: &str, name: &str) -> Address {
    let scope = Scope {
        subscription_id: "00000000-0000-0000-0000-000000000000".into(),
        tenant_id: "t".into(),
        resource_group: "rg".into(),
        location: "westus2".into(),
    };
    Address::new(&scope, resource_type, "2025-05-01", name)
}

fn vnet() -> Address {
    address("Microsoft.Network/virtualNetworks", "vnet")
}

/// A resource as it is read, in this provisioning state.
fn resource(state: &str) -> Json {
    json!({ "id": vnet().id, "name": "vnet", "etag": "W/\"1\"", "properties": { "provisioningState": state } })
}

/// Applies, and polls until it has ended; the operations on the way come along.
async fn to_the_end(target: &AzureTarget, begun: Progress) -> (Vec<OperationHandle>, Result<Option<Json>, Fault>) {
    let mut handles = Vec::new();
    let mut progress = begun;
    for _ in 0..20 {
        match progress {
            Progress::Done(found) => return (handles, Ok(found.map(|found| found.body))),
            Progress::Running(handle, _) => {
                progress = match target.poll(&handle).await {
                    Ok(progress) => progress,
                    Err(fault) => {
                        handles.push(handle);
                        return (handles, Err(fault));
                    }
                };
                handles.push(handle);
            }
        }
    }
    panic!("it never ends: {handles:?}");
}
