//! Operations that go on after their request was answered, in every form Azure has.
//!
//! Source: Azure/azure-resource-manager-rpc, "Asynchronous operations", and the recorded traffic (read 2026-11-21).
//! A write ends in three ways: at once; by `Azure-AsyncOperation`, whose body has a `status`; by `Location`, which
//! answers 202 until it is done; or by the resource's own `provisioningState`. A deletion without either header is
//! over when a read finds nothing.
//!
//! A status read that fails with 408, 429 or 5xx says nothing about the operation, which goes on: the answer is
//! [`Progress::Running`] with the wait that was asked for. `Throttled`, `Transient` and `Unavailable` faults of a poll mean
//! that nothing could be asked; every other one is the operation's own end.

use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value as Json;

use super::error::fault_of_error;
use super::pipeline::Pipeline;
use crate::contract::{Address, Fault, FaultClass, Observation, OperationHandle, Progress};
use crate::target::http::Answer;

/// [`OperationHandle::kind`] of an operation whose body has a status.
const ASYNC_OPERATION: &str = "azure-async-operation";
/// [`OperationHandle::kind`] of an operation that answers 202 until it is done.
const LOCATION: &str = "location";
/// [`OperationHandle::kind`] of a write that shows in the resource itself, or of a deletion after which it is gone.
const RESOURCE: &str = "resource";

/// How far a state says that something has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Succeeded,
    Failed,
}

/// Every state but three is on its way.
fn state_of(word: &str) -> State {
    match word.to_ascii_lowercase().as_str() {
        "succeeded" => State::Succeeded,
        "failed" | "canceled" | "cancelled" => State::Failed,
        _ => State::Running,
    }
}

fn provisioning_state(body: &Json) -> Option<&str> {
    body.pointer("/properties/provisioningState")?.as_str()
}

/// The same of an answer of which nothing else is read: the resource that was sent comes back with it.
fn told_state(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Resource {
        properties: Properties,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Properties {
        provisioning_state: String,
    }
    answer.json_as::<Resource>().map(|resource| resource.properties.provisioning_state)
}

/// What an operation was begun for: it decides what its end looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A PUT or PATCH: a resource is there at the end.
    Write,
    /// A DELETE: nothing is there at the end.
    Delete,
    /// A POST: its answer is whatever the action gives.
    Action,
}

/// An operation that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation {
    /// Where to ask, byte for byte as it was given.
    pub(super) url: String,
    /// How to read the answer: one of the kinds above.
    pub(super) kind: &'static str,
    /// What it was begun for.
    pub(super) purpose: Purpose,
    /// Whether the answer that began it told the resource as made.
    pub(super) reads_as_made: bool,
}

/// How far an operation has come.
pub(super) enum Stage {
    /// It goes on; ask again after this time, if the server said so.
    Running(Operation, Option<Duration>),
    /// It has ended well, with this answer.
    Ended(Answer),
}

impl Pipeline {
    /// What the answer to a request with a success status means.
    pub(super) fn begun(&self, purpose: Purpose, own_url: &Url, answer: Answer) -> Result<Stage, Fault> {
        let state = told_state(&answer).map(|state| state_of(&state));
        if state == Some(State::Failed) && purpose == Purpose::Write {
            return Err(failure(answer.json().as_ref()));
        }
        let accepted = answer.status == StatusCode::ACCEPTED;
        // What an action answers at once has states of its own; a deletion's answer may show what was there.
        let under_way = accepted || (state == Some(State::Running) && purpose == Purpose::Write);
        let by_status = answer.header("azure-asyncoperation").filter(|_| answer.status != StatusCode::NO_CONTENT);
        let by_location = answer.header("location").filter(|_| under_way);
        let (url, kind) = match (by_status, by_location) {
            (Some(url), _) => (self.whole(url), ASYNC_OPERATION),
            (None, Some(url)) => (self.whole(url), LOCATION),
            (None, None) if under_way && purpose == Purpose::Action => {
                return Err(lost(
                    "NoOperationUrl",
                    "the request was accepted, and nothing says where to ask how it goes",
                ));
            }
            (None, None) if under_way => (own_url.as_str().to_owned(), RESOURCE),
            (None, None) => return Ok(Stage::Ended(answer)),
        };
        let mut wait = answer.retry_after(self.now());
        let reads_as_made = kind == ASYNC_OPERATION && state == Some(State::Succeeded) && !accepted;
        if reads_as_made {
            // It has ended as far as the resource tells; the operation will say so when it is asked.
            wait = wait.or(Some(Duration::ZERO));
        }
        Ok(Stage::Running(Operation { url, kind, purpose, reads_as_made }, wait))
    }

    /// A URL as it was given; one that is relative to the endpoint is made whole.
    fn whole(&self, url: &str) -> String {
        match Url::parse(url) {
            Ok(_) => url.to_owned(),
            Err(_) => self.endpoint.join(url).map_or_else(|_| url.to_owned(), String::from),
        }
    }

    /// Asks once how an operation goes.
    pub(super) async fn advance(&self, operation: Operation) -> Result<Stage, Fault> {
        let url = Url::parse(&operation.url).ok().filter(|url| self.is_ours(url)).ok_or_else(|| {
            lost("ForeignAddress", "the operation's URL does not belong to this target; the token is not sent there")
        })?;
        let answer = self.send(Method::GET, &url, None, None).await?;
        let wait = answer.retry_after(self.now());
        match answer.status.as_u16() {
            404 | 410 if operation.kind == RESOURCE && operation.purpose == Purpose::Delete => {
                return Ok(Stage::Ended(answer));
            }
            404 | 410 => return Err(lost("OperationNotFound", "the operation is not known any more")),
            408 | 429 | 500..=599 => return Ok(Stage::Running(operation, wait)),
            400.. => return Err(self.fault(&answer)),
            _ => {}
        }
        let body = answer.json();
        let accepted = answer.status == StatusCode::ACCEPTED;
        let state = match operation.kind {
            ASYNC_OPERATION => {
                let status = body.as_ref().and_then(|body| body.get("status").and_then(Json::as_str));
                let state = status.or_else(|| body.as_ref().and_then(provisioning_state)).map(state_of);
                match state {
                    None if accepted => State::Running,
                    None if answer.status == StatusCode::NO_CONTENT => State::Succeeded,
                    None => return Err(lost("NoStatus", "the operation's answer has no status")),
                    Some(state) => state,
                }
            }
            LOCATION if accepted => State::Running,
            LOCATION if operation.purpose == Purpose::Action => State::Succeeded,
            LOCATION => state_at_location(body.as_ref()),
            // A deletion: it is still there.
            _ if operation.purpose == Purpose::Delete => State::Running,
            _ => match &body {
                None => return Err(lost("NoStatus", "the resource's answer has no body")),
                Some(body) => provisioning_state(body).map_or(State::Succeeded, state_of),
            },
        };
        match state {
            State::Running => Ok(Stage::Running(self.moved(operation, &answer), wait)),
            State::Failed => Err(failure(body.as_ref())),
            State::Succeeded => Ok(Stage::Ended(answer)),
        }
    }

    /// An operation may say anew, with each answer, where to ask.
    fn moved(&self, mut operation: Operation, answer: &Answer) -> Operation {
        let header = match operation.kind {
            ASYNC_OPERATION => answer.header("azure-asyncoperation"),
            LOCATION if answer.status == StatusCode::ACCEPTED => answer.header("location"),
            _ => None,
        };
        if let Some(url) = header {
            operation.url = self.whole(url);
        }
        operation
    }

    /// What the answer to a PUT with a success status means.
    pub(super) async fn after_write(&self, address: &Address, answer: Answer) -> Result<Progress, Fault> {
        match self.begun(Purpose::Write, &self.url_of(address), answer)? {
            Stage::Running(operation, wait) => Ok(Progress::Running(handle(operation, Some(address)), wait)),
            // Done at once. A body that is no resource is replaced by a read.
            Stage::Ended(answer) => match answer.json().filter(|body| body.get("id").is_some_and(Json::is_string)) {
                Some(body) => Ok(Progress::Done(Some(observation(&answer, body)))),
                None => self.result(Some(address)).await,
            },
        }
    }

    /// What the answer to a DELETE with a success status means.
    pub(super) fn after_delete(&self, address: &Address, answer: Answer) -> Result<Progress, Fault> {
        match self.begun(Purpose::Delete, &self.url_of(address), answer)? {
            Stage::Running(operation, wait) => Ok(Progress::Running(handle(operation, None), wait)),
            Stage::Ended(_) => Ok(Progress::Done(None)),
        }
    }

    /// Asks how an operation of the journal goes.
    pub(super) async fn ask(&self, journalled: &OperationHandle) -> Result<Progress, Fault> {
        let kind = [ASYNC_OPERATION, LOCATION, RESOURCE].into_iter().find(|kind| *kind == journalled.kind);
        let kind =
            kind.ok_or_else(|| lost("UnknownOperation", "the operation is of a kind that this target does not know"))?;
        let purpose = if journalled.result.is_some() { Purpose::Write } else { Purpose::Delete };
        let result = journalled.result.as_ref();
        let reads_as_made = journalled.reads_as_made;
        match self.advance(Operation { url: journalled.url.clone(), kind, purpose, reads_as_made }).await? {
            Stage::Running(operation, wait) => Ok(Progress::Running(handle(operation, result), wait)),
            // Another read would tell what the first answer told.
            Stage::Ended(_) if reads_as_made => Ok(Progress::Done(None)),
            Stage::Ended(answer) => {
                let is_result = |body: &Json| {
                    let id = body.get("id").and_then(Json::as_str);
                    let is_own =
                        result.is_some_and(|address| id.is_some_and(|id| id.eq_ignore_ascii_case(&address.id)));
                    result.is_some() && (kind == RESOURCE || (kind == LOCATION && is_own))
                };
                match answer.json().filter(is_result) {
                    Some(body) => Ok(Progress::Done(Some(observation(&answer, body)))),
                    None => self.result(result).await,
                }
            }
        }
    }

    /// The end of an operation: after a write the resource is read, and may still be on its way.
    async fn result(&self, address: Option<&Address>) -> Result<Progress, Fault> {
        let Some(address) = address else { return Ok(Progress::Done(None)) };
        match self.read_result(&self.url_of(address)).await? {
            Stage::Running(operation, wait) => Ok(Progress::Running(handle(operation, Some(address)), wait)),
            Stage::Ended(answer) => Ok(Progress::Done(answer.json().map(|body| observation(&answer, body)))),
        }
    }

    /// Reads what an operation has made. It has a body, or it is a fault.
    pub(super) async fn read_result(&self, url: &Url) -> Result<Stage, Fault> {
        let answer = self.send(Method::GET, url, None, None).await?;
        let by_itself = || Operation {
            url: url.as_str().to_owned(),
            kind: RESOURCE,
            purpose: Purpose::Write,
            reads_as_made: false,
        };
        let wait = answer.retry_after(self.now());
        match answer.status.as_u16() {
            404 | 410 => return Err(lost("ResultNotFound", "the operation ended well, but the resource is not there")),
            408 | 429 | 500..=599 => return Ok(Stage::Running(by_itself(), wait)),
            400.. => return Err(self.fault(&answer)),
            _ => {}
        }
        let Some(body) = answer.json() else {
            return Err(lost("NoBody", "the operation ended well, but the resource's answer has no body"));
        };
        match provisioning_state(&body).map(state_of) {
            Some(State::Running) => Ok(Stage::Running(by_itself(), wait)),
            Some(State::Failed) => Err(failure(Some(&body))),
            Some(State::Succeeded) | None => Ok(Stage::Ended(answer)),
        }
    }
}

/// What the final answer at a `Location` says: it is the resource itself, or a status like an operation's, or nothing.
fn state_at_location(body: Option<&Json>) -> State {
    let Some(body) = body else { return State::Succeeded };
    // A status counts only where it stands for the operation, not in a resource that has a field of this name.
    let status = body.get("status").and_then(Json::as_str).filter(|_| body.get("properties").is_none());
    status.or_else(|| provisioning_state(body)).map_or(State::Succeeded, state_of)
}

/// What the journal keeps of an operation.
fn handle(operation: Operation, result: Option<&Address>) -> OperationHandle {
    let Operation { url, kind, reads_as_made, .. } = operation;
    OperationHandle { url, kind: kind.to_owned(), result: result.cloned(), reads_as_made }
}

/// A resource as an answer tells it.
pub(super) fn observation(answer: &Answer, body: Json) -> Observation {
    let in_body = || body.get("etag").and_then(Json::as_str).map(str::to_owned);
    let etag = answer.header("etag").map(str::to_owned).or_else(in_body);
    Observation { body, etag }
}

/// The fault that the body of an ended operation, or of a resource that failed, tells.
fn failure(body: Option<&Json>) -> Fault {
    let error = body.and_then(|body| {
        [body.get("error"), body.pointer("/properties/error")].into_iter().flatten().find(|error| error.is_object())
    });
    match error {
        Some(error) => {
            let mut fault = fault_of_error(error, None);
            // These classes would say that the question failed. It was answered: the operation is over, and is to be
            // begun again.
            if matches!(fault.class, FaultClass::Throttled | FaultClass::Transient | FaultClass::Unavailable) {
                fault.class = FaultClass::Busy;
            }
            fault
        }
        None => {
            let state =
                body.and_then(|body| body.get("status").and_then(Json::as_str).or_else(|| provisioning_state(body)));
            let state = state.unwrap_or("Failed").to_owned();
            let message = format!("the operation ended as {state}, without a reason");
            Fault::new(FaultClass::Failed, state, message)
                .help("See the activity log of the resource group for the reason.")
        }
    }
}

fn lost(code: &str, message: &str) -> Fault {
    Fault::new(FaultClass::OperationLost, code, message)
}
