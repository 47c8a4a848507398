//! Every class of fault, and every error that was recorded.

use std::path::Path;

use reqwest::StatusCode;

use super::super::codes::facts;
use super::super::error::{fault_of_answer, fault_of_error};
use super::*;
use crate::base::{Clock, SystemClock};
use crate::contract::FaultClass::{self, *};
use crate::target::http::Answer;

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: Default::default(),
        body: body.as_bytes().to_vec(),
    }
}

fn fault(status: u16, body: &Json) -> Fault {
    fault_of_answer(&answer(status, &body.to_string()), SystemClock.now())
}

fn coded(status: u16, code: &str, message: &str) -> Fault {
    fault(status, &json!({ "error": { "code": code, "message": message } }))
}

#[test]
fn codes_have_their_class() {
    for (status, code, message, class) in [
        (429, "TooManyRequests", "m", Throttled),
        (429, "RetryableError", "A retryable error occurred.", Busy),
        (409, "AnotherOperationInProgress", "m", Busy),
        (400, "PrincipalNotFound", "m", NotYet),
        (412, "PreconditionFailed", "m", Conflict),
        (400, "QuotaExceeded", "m", Quota),
        (409, "OperationNotAllowed", "results in exceeding approved Total Regional Cores quota", Quota),
        (409, "OperationNotAllowed", "Disk d is attached to VM v", Busy),
        (409, "OperationNotAllowed", "Unmanaged disks are not supported", Invalid),
        (400, "PublicIPCountLimitReached", "m", Quota),
        (409, "SkuNotAvailable", "m", Capacity),
        (409, "AllocationFailed", "m", Capacity),
        (409, "ZonalAllocationFailed", "m", Capacity),
        (403, "AuthorizationFailed", "m", Forbidden),
        (403, "RequestDisallowedByPolicy", "m", Forbidden),
        (409, "ScopeLocked", "m", Forbidden),
        (403, "LinkedAuthorizationFailed", "m", Forbidden),
        (404, "SubscriptionNotFound", "m", Forbidden),
        (401, "InvalidAuthenticationToken", "m", Authentication),
        (409, "VMExtensionProvisioningError", "m", Failed),
        (409, "OSProvisioningTimedOut", "m", Failed),
        (409, "RoleAssignmentExists", "m", Invalid),
        (503, "ServerTimeout", "m", Transient),
        // Codes that nobody knows: the status decides.
        (400, "X", "m", Invalid),
        (401, "X", "m", Authentication),
        (403, "X", "m", Forbidden),
        (404, "X", "m", NotFound),
        (409, "X", "m", Conflict),
        (412, "X", "m", Conflict),
        (429, "X", "m", Throttled),
        (500, "X", "m", Transient),
        (503, "InternalServerError", "m", Transient),
    ] {
        let fault = coded(status, code, message);
        assert_eq!((fault.class, fault.code.as_str()), (class, code), "{status} {code}: {fault:?}");
        assert_eq!(fault.message, message);
    }
}

#[test]
fn the_deepest_layer_speaks_and_the_most_telling_one_decides() {
    let body = json!({ "error": { "code": "RetryableError", "message": "A retryable error occurred.", "details": [
        { "code": "ReferencedResourceNotProvisioned", "message": "Cannot proceed\r\n  because …" },
    ] } });
    let told = fault(429, &body);
    assert_eq!((told.class, told.code.as_str()), (Busy, "ReferencedResourceNotProvisioned"));
    assert_eq!(told.message, "Cannot proceed because …");

    // A deployment: JSON within a message within a detail.
    let inner =
        json!({ "error": { "code": "SkuNotAvailable", "message": "Standard_B2s is not available" } }).to_string();
    let body = json!({ "error": { "code": "DeploymentFailed", "message": "At least one …", "details": [
        { "code": "Conflict", "message": inner },
    ] } });
    let told = fault_of_error(&body["error"], None);
    assert_eq!((told.class, told.code.as_str()), (Capacity, "SkuNotAvailable"));
    assert_eq!(told.message, "Standard_B2s is not available");

    // Details side by side are all told.
    let body = json!({ "error": { "code": "InvalidTemplateDeployment", "message": "See inner errors.", "details": [
        { "code": "QuotaExceeded", "message": "cores" }, { "code": "SkuNotAvailable", "message": "size" },
        { "code": "X", "message": "third" }, { "code": "Y", "message": "fourth" },
    ] } });
    let told = fault(400, &body);
    assert_eq!((told.class, told.message.as_str()), (Quota, "cores; size; third; and 1 more"));
}

#[test]
fn other_envelopes_are_understood() {
    for body in [
        json!({ "code": "AllocationFailed", "message": "m" }),
        json!({ "Code": "AllocationFailed", "Message": "m" }),
        json!({ "odata.error": { "code": "AllocationFailed", "message": { "lang": "en", "value": "m" } } }),
        json!({ "error": { "code": "BadRequest", "message": "", "innererror": { "code": "AllocationFailed", "message": "m" } } }),
    ] {
        let told = fault(400, &body);
        assert_eq!((told.class, told.message.as_str()), (Capacity, "m"), "{body}");
    }
}

#[test]
fn a_missing_registration_names_the_command() {
    let told =
        coded(409, "MissingSubscriptionRegistration", "not registered to use namespace 'Microsoft.Compute'. See");
    assert_eq!(told.class, Forbidden);
    assert_eq!(
        told.help.unwrap(),
        "Register the provider: `az provider register --namespace Microsoft.Compute --wait`."
    );
}

#[test]
fn a_page_for_people_is_shown_by_its_beginning() {
    let page = format!("<html>\x1b[31m\r\n<h1>Blocked by\tproxy</h1>{}", "x".repeat(5000));
    let told = fault_of_answer(&answer(403, &page), SystemClock.now());
    assert_eq!(told.class, Unavailable);
    assert!(told.message.contains("<h1>Blocked by proxy</h1>"), "{}", told.message);
    assert!(told.message.len() < 260 && !told.message.contains('\x1b'), "{}", told.message);
    assert!(told.help.is_some());
    assert_eq!(fault_of_answer(&answer(429, "<html>slow down</html>"), SystemClock.now()).class, Throttled);
    assert_eq!(fault_of_answer(&answer(404, ""), SystemClock.now()).class, Unavailable);
    assert_eq!(fault_of_answer(&answer(502, ""), SystemClock.now()).class, Transient);
}

#[test]
fn every_recorded_error_is_known() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        #[allow(clippy::print_stderr, reason = "a test says that it was left out")]
        {
            eprintln!("left out: there are no recordings at {}", folder.display());
        }
        return;
    };
    let mut met = 0;
    let mut classes = std::collections::BTreeMap::<FaultClass, usize>::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let recording: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for exchange in recording["exchanges"].as_array().unwrap() {
            let response = &exchange["response"];
            let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
            let body = &response["body"];
            let told = match body.get("error") {
                Some(error) if status < 400 => fault_of_error(error, None),
                Some(_) => fault(status, body),
                None => continue,
            };
            met += 1;
            *classes.entry(told.class).or_default() += 1;
            let what = format!("{}: {status} {body}", path.display());
            let known = facts(&told.code, &told.message).unwrap_or_else(|| panic!("unknown: {what}"));
            assert_eq!(known.class, told.class, "{what}");
            assert!(!told.message.is_empty() && !told.message.contains('\n'), "{what}");
            if told.class == Invalid || told.class == Forbidden || told.class == Quota || told.class == Capacity {
                assert!(told.help.is_some() || told.code == "InvalidTemplate", "no remedy: {what}");
            }
        }
    }
    assert!(met > 30, "{met}");
    assert!(classes.len() >= 9, "{classes:?}");
}
