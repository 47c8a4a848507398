//! The scenarios of long-running operations and what a client has to come back with.
//!
//! Methods, paths and `final-state-via` are those of the package's `swagger/lro.json`; the expected ends follow from its
//! descriptions (read 2026-11-25). An operation that ends as failed or cancelled is a fault, after a DELETE too.

use engine::target::azure::FinalState;

/// What has to come.
#[derive(Debug)]
pub(super) enum Expected {
    /// This body.
    Body(&'static str),
    /// This status without a body.
    Nothing(u16),
    /// A fault with this code, and this in its message.
    Fault(&'static str, &'static str),
}

/// One scenario.
pub(super) struct Scenario {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) via: FinalState,
    pub(super) expected: Expected,
}

const fn of(method: &'static str, path: &'static str, expected: Expected) -> Scenario {
    Scenario { method, path, via: FinalState::Usual, expected }
}

const fn via(mut scenario: Scenario, via: FinalState) -> Scenario {
    scenario.via = via;
    scenario
}

const PRODUCT: Expected =
    Expected::Body(r#"{ "properties": { "provisioningState": "Succeeded" }, "id": "100", "name": "foo" }"#);

/// All of them.
pub(super) const SCENARIOS: &[Scenario] = &[
    of("PUT", "/lro/put/200/succeeded", PRODUCT),
    of("PATCH", "/lro/patch/200/succeeded/ignoreheaders", PRODUCT),
    of(
        "PATCH",
        "/lro/patch/201/retry/onlyAsyncHeader",
        Expected::Body(
            r#"{ "properties": { "provisioningState": "Succeeded" }, "id": "/lro/patch/201/retry/onlyAsyncHeader", "name": "foo" }"#,
        ),
    ),
    of(
        "PATCH",
        "/lro/patch/202/retry/asyncAndLocationHeader",
        Expected::Body(
            r#"{ "properties": { "provisioningState": "Succeeded" }, "id": "/lro/patch/202/retry/asyncAndLocationHeader", "name": "foo" }"#,
        ),
    ),
    of("PUT", "/lro/put/201/succeeded", PRODUCT),
    of("POST", "/lro/list", Expected::Body(r#"[{ "id": "100", "name": "foo" }]"#)),
    of("PUT", "/lro/put/200/succeeded/nostate", Expected::Body(r#"{ "id": "100", "name": "foo" }"#)),
    of("PUT", "/lro/put/202/retry/200", Expected::Body(r#"{ "id": "100", "name": "foo" }"#)),
    of("PUT", "/lro/put/201/creating/succeeded/200", PRODUCT),
    of("PUT", "/lro/put/200/updating/succeeded/200", PRODUCT),
    of("PUT", "/lro/put/201/created/failed/200", Expected::Fault("Failed", "")),
    of("PUT", "/lro/put/200/accepted/canceled/200", Expected::Fault("Canceled", "")),
    of("PUT", "/lro/put/noheader/202/200", PRODUCT),
    of("PUT", "/lro/putasync/retry/succeeded", PRODUCT),
    of("PUT", "/lro/putasync/noretry/succeeded", PRODUCT),
    of("PUT", "/lro/putasync/retry/failed", Expected::Fault("Failed", "")),
    of("PUT", "/lro/putasync/noretry/canceled", Expected::Fault("Canceled", "")),
    of("PUT", "/lro/putasync/noheader/201/200", PRODUCT),
    of("PUT", "/lro/putnonresource/202/200", Expected::Body(r#"{ "name": "sku", "id": "100" }"#)),
    of("PUT", "/lro/putnonresourceasync/202/200", Expected::Body(r#"{ "name": "sku", "id": "100" }"#)),
    of(
        "PUT",
        "/lro/putsubresource/202/200",
        Expected::Body(r#"{ "properties": { "provisioningState": "Succeeded" }, "id": "100", "subresource": "sub1" }"#),
    ),
    of(
        "PUT",
        "/lro/putsubresourceasync/202/200",
        Expected::Body(r#"{ "properties": { "provisioningState": "Succeeded" }, "id": "100", "subresource": "sub1" }"#),
    ),
    of("DELETE", "/lro/delete/provisioning/202/accepted/200/succeeded", PRODUCT),
    of("DELETE", "/lro/delete/provisioning/202/deleting/200/failed", Expected::Fault("Failed", "")),
    of("DELETE", "/lro/delete/provisioning/202/deleting/200/canceled", Expected::Fault("Canceled", "")),
    of("DELETE", "/lro/delete/204/succeeded", Expected::Nothing(204)),
    of("DELETE", "/lro/delete/202/retry/200", Expected::Nothing(200)),
    of("DELETE", "/lro/delete/202/noretry/204", Expected::Nothing(204)),
    of("DELETE", "/lro/delete/noheader", Expected::Nothing(204)),
    of("DELETE", "/lro/deleteasync/noheader/202/204", Expected::Body(r#"{ "status": "Succeeded" }"#)),
    of("DELETE", "/lro/deleteasync/retry/succeeded", Expected::Body(r#"{ "status": "Succeeded" }"#)),
    of("DELETE", "/lro/deleteasync/noretry/succeeded", Expected::Body(r#"{ "status": "Succeeded" }"#)),
    of("DELETE", "/lro/deleteasync/retry/failed", Expected::Fault("Failed", "")),
    of("DELETE", "/lro/deleteasync/retry/canceled", Expected::Fault("Canceled", "")),
    of("POST", "/lro/post/payload/200", Expected::Body(r#"{ "id": "1", "name": "product" }"#)),
    of("POST", "/lro/post/202/retry/200", PRODUCT),
    of("POST", "/lro/post/202/noretry/204", Expected::Nothing(204)),
    via(
        of("POST", "/lro/LROPostDoubleHeadersFinalLocationGet", Expected::Body(r#"{ "id": "100", "name": "foo" }"#)),
        FinalState::Location,
    ),
    via(
        of(
            "POST",
            "/lro/LROPostDoubleHeadersFinalAzureHeaderGet",
            Expected::Body(r#"{ "status": "succeeded", "id": "100" }"#),
        ),
        FinalState::Operation,
    ),
    of(
        "POST",
        "/lro/LROPostDoubleHeadersFinalAzureHeaderGetDefault",
        Expected::Body(r#"{ "id": "100", "name": "foo" }"#),
    ),
    of("POST", "/lro/postasync/retry/succeeded", PRODUCT),
    of("POST", "/lro/postasync/noretry/succeeded", PRODUCT),
    of("POST", "/lro/postasync/retry/failed", Expected::Fault("", "Internal Server Error")),
    of("POST", "/lro/postasync/retry/canceled", Expected::Fault("Canceled", "")),
    of("PUT", "/lro/retryerror/put/201/creating/succeeded/200", PRODUCT),
    of("PUT", "/lro/retryerror/putasync/retry/succeeded", PRODUCT),
    of("DELETE", "/lro/retryerror/delete/provisioning/202/accepted/200/succeeded", PRODUCT),
    of("DELETE", "/lro/retryerror/delete/202/retry/200", PRODUCT),
    of("DELETE", "/lro/retryerror/deleteasync/retry/succeeded", Expected::Body(r#"{ "status": "Succeeded" }"#)),
    of("POST", "/lro/retryerror/post/202/retry/200", PRODUCT),
    of("POST", "/lro/retryerror/postasync/retry/succeeded", Expected::Body(r#"{ "name": "sku", "id": "100" }"#)),
    of("PUT", "/lro/nonretryerror/put/400", Expected::Fault("", "Expected bad request message")),
    of("PUT", "/lro/nonretryerror/put/201/creating/400", Expected::Fault("", "Error from the server")),
    of("PUT", "/lro/nonretryerror/put/201/creating/400/invalidjson", Expected::Fault("NotJson", "")),
    of("PUT", "/lro/nonretryerror/putasync/retry/400", Expected::Fault("", "400 without a body")),
    of("DELETE", "/lro/nonretryerror/delete/400", Expected::Fault("", "Expected bad request message")),
    of("DELETE", "/lro/nonretryerror/delete/202/retry/400", Expected::Fault("", "Expected bad request message")),
    of("DELETE", "/lro/nonretryerror/deleteasync/retry/400", Expected::Fault("", "Expected bad request message")),
    of("POST", "/lro/nonretryerror/post/400", Expected::Fault("", "Expected bad request message")),
    of("POST", "/lro/nonretryerror/post/202/retry/400", Expected::Fault("", "Expected bad request message")),
    of("POST", "/lro/nonretryerror/postasync/retry/400", Expected::Fault("", "Expected bad request message")),
    of("PUT", "/lro/error/put/201/noprovisioningstatepayload", Expected::Fault("NoBody", "")),
    of("PUT", "/lro/error/putasync/retry/nostatus", Expected::Fault("NoStatus", "")),
    of("PUT", "/lro/error/putasync/retry/nostatuspayload", Expected::Fault("NoStatus", "")),
    of("DELETE", "/lro/error/delete/204/nolocation", Expected::Nothing(204)),
    of("DELETE", "/lro/error/deleteasync/retry/nostatus", Expected::Fault("NoStatus", "")),
    of("POST", "/lro/error/post/202/nolocation", Expected::Fault("NoOperationUrl", "")),
    of("POST", "/lro/error/postasync/retry/nopayload", Expected::Fault("NoStatus", "")),
    of("PUT", "/lro/error/put/200/invalidjson", Expected::Fault("NotJson", "")),
    of("PUT", "/lro/error/putasync/retry/invalidheader", Expected::Fault("NotJson", "404")),
    of("PUT", "/lro/error/putasync/retry/invalidjsonpolling", Expected::Fault("NotJson", "")),
    of("DELETE", "/lro/error/delete/202/retry/invalidheader", Expected::Fault("NotJson", "404")),
    of("DELETE", "/lro/error/deleteasync/retry/invalidheader", Expected::Fault("NotJson", "404")),
    of("DELETE", "/lro/error/deleteasync/retry/invalidjsonpolling", Expected::Fault("NotJson", "")),
    of("POST", "/lro/error/post/202/retry/invalidheader", Expected::Fault("NotJson", "404")),
    of("POST", "/lro/error/postasync/retry/invalidheader", Expected::Fault("NotJson", "404")),
    of("POST", "/lro/error/postasync/retry/invalidjsonpolling", Expected::Fault("NotJson", "")),
    of("PUT", "/lro/customheader/putasync/retry/succeeded", PRODUCT),
    of("PUT", "/lro/customheader/put/201/creating/succeeded/200", PRODUCT),
    of("POST", "/lro/customheader/post/202/retry/200", Expected::Nothing(200)),
    of("POST", "/lro/customheader/postasync/retry/succeeded", Expected::Body(r#"{ "status": "Succeeded" }"#)),
];
