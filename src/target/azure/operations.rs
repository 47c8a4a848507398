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

impl Pipeline {
    /// What the answer to a PUT with a success status means.
    pub(super) async fn after_write(&self, address: &Address, answer: &Answer) -> Result<Progress, Fault> {
        let body = answer.json();
        let state = body.as_ref().and_then(provisioning_state).map(state_of);
        if state == Some(State::Failed) {
            return Err(failure(body.as_ref()));
        }
        let accepted = answer.status == StatusCode::ACCEPTED;
        let mut wait = answer.retry_after(self.now());
        let operation = if let Some(url) = answer.header("azure-asyncoperation") {
            if state == Some(State::Succeeded) && !accepted {
                // It has ended as far as the resource tells; the operation will say so when it is asked.
                wait = wait.or(Some(Duration::ZERO));
            }
            self.handle(url, ASYNC_OPERATION, Some(address))
        } else if let Some(url) = answer.header("location").filter(|_| accepted || state == Some(State::Running)) {
            self.handle(url, LOCATION, Some(address))
        } else if accepted || state == Some(State::Running) {
            self.handle(self.url_of(address).as_str(), RESOURCE, Some(address))
        } else {
            // Done at once. A body that is no resource is replaced by a read.
            return match body.filter(|body| body.get("id").is_some_and(Json::is_string)) {
                Some(body) => Ok(Progress::Done(Some(observation(answer, body)))),
                None => self.result(Some(address)).await,
            };
        };
        Ok(Progress::Running(operation, wait))
    }

    /// What the answer to a DELETE with a success status means.
    pub(super) fn after_delete(&self, address: &Address, answer: &Answer) -> Progress {
        let wait = answer.retry_after(self.now());
        let accepted = answer.status == StatusCode::ACCEPTED;
        let operation = match (answer.header("azure-asyncoperation"), answer.header("location")) {
            (Some(url), _) if answer.status != StatusCode::NO_CONTENT => self.handle(url, ASYNC_OPERATION, None),
            (None, Some(url)) if accepted => self.handle(url, LOCATION, None),
            _ if accepted => self.handle(self.url_of(address).as_str(), RESOURCE, None),
            _ => return Progress::Done(None),
        };
        Progress::Running(operation, wait)
    }

    /// A URL as it was given; one that is relative to the endpoint is made whole.
    fn handle(&self, url: &str, kind: &str, result: Option<&Address>) -> OperationHandle {
        let url = match Url::parse(url) {
            Ok(_) => url.to_owned(),
            Err(_) => self.endpoint.join(url).map_or_else(|_| url.to_owned(), String::from),
        };
        OperationHandle { url, kind: kind.to_owned(), result: result.cloned() }
    }

    /// Asks how an operation goes.
    pub(super) async fn ask(&self, operation: &OperationHandle) -> Result<Progress, Fault> {
        let url = Url::parse(&operation.url).ok().filter(|url| self.is_ours(url)).ok_or_else(|| {
            lost("ForeignAddress", "the operation's URL does not belong to this target; the token is not sent there")
        })?;
        let known = [ASYNC_OPERATION, LOCATION, RESOURCE].contains(&operation.kind.as_str());
        if !known {
            return Err(lost("UnknownOperation", "the operation is of a kind that this target does not know"));
        }
        let answer = self.send(Method::GET, &url, None, None).await?;
        let wait = answer.retry_after(self.now());
        let running = || Ok(Progress::Running(operation.clone(), wait));
        match answer.status.as_u16() {
            404 | 410 if operation.kind == RESOURCE && operation.result.is_none() => return Ok(Progress::Done(None)),
            404 | 410 => return Err(lost("OperationNotFound", "the operation is not known any more")),
            408 | 429 | 500..=599 => return running(),
            400.. => return Err(self.fault(&answer)),
            _ => {}
        }
        let body = answer.json();
        match operation.kind.as_str() {
            ASYNC_OPERATION => {
                let status = body
                    .as_ref()
                    .and_then(|body| body.get("status").and_then(Json::as_str).or_else(|| provisioning_state(body)));
                match status.map(state_of) {
                    Some(State::Running) => running(),
                    Some(State::Failed) => Err(failure(body.as_ref())),
                    Some(State::Succeeded) => self.result(operation.result.as_ref()).await,
                    None if answer.status == StatusCode::ACCEPTED => running(),
                    None if answer.status == StatusCode::NO_CONTENT => self.result(operation.result.as_ref()).await,
                    None => Err(lost("NoStatus", "the operation's answer has no status")),
                }
            }
            LOCATION if answer.status == StatusCode::ACCEPTED => running(),
            LOCATION => self.after_location(operation, &answer, body, wait).await,
            _ => match (&operation.result, body) {
                // A deletion: it is still there.
                (None, _) => running(),
                (Some(_), Some(body)) => match provisioning_state(&body).map(state_of) {
                    Some(State::Running) => running(),
                    Some(State::Failed) => Err(failure(Some(&body))),
                    Some(State::Succeeded) | None => Ok(Progress::Done(Some(observation(&answer, body)))),
                },
                (Some(_), None) => Err(lost("NoStatus", "the resource's answer has no body")),
            },
        }
    }

    /// The final answer at a `Location`: the resource itself, or a status like an operation's, or nothing.
    async fn after_location(
        &self,
        operation: &OperationHandle,
        answer: &Answer,
        body: Option<Json>,
        wait: Option<Duration>,
    ) -> Result<Progress, Fault> {
        let is_result = |body: &Json| {
            let id = body.get("id").and_then(Json::as_str);
            operation.result.as_ref().is_some_and(|address| id.is_some_and(|id| id.eq_ignore_ascii_case(&address.id)))
        };
        let state = body.as_ref().and_then(|body| {
            // A status counts only where it stands for the operation, not in a resource that has a field of this name.
            let status = body.get("status").and_then(Json::as_str).filter(|_| body.get("properties").is_none());
            status.or_else(|| provisioning_state(body)).map(state_of)
        });
        match (state, body) {
            (Some(State::Running), _) => Ok(Progress::Running(operation.clone(), wait)),
            (Some(State::Failed), body) => Err(failure(body.as_ref())),
            (_, Some(body)) if is_result(&body) => Ok(Progress::Done(Some(observation(answer, body)))),
            _ => self.result(operation.result.as_ref()).await,
        }
    }

    /// The end of an operation: after a write the resource is read, and may still be on its way.
    async fn result(&self, address: Option<&Address>) -> Result<Progress, Fault> {
        let Some(address) = address else { return Ok(Progress::Done(None)) };
        let url = self.url_of(address);
        let answer = self.send(Method::GET, &url, None, None).await?;
        let by_itself = || self.handle(url.as_str(), RESOURCE, Some(address));
        match answer.status.as_u16() {
            404 | 410 => return Err(lost("ResultNotFound", "the operation ended well, but the resource is not there")),
            408 | 429 | 500..=599 => return Ok(Progress::Running(by_itself(), answer.retry_after(self.now()))),
            400.. => return Err(self.fault(&answer)),
            _ => {}
        }
        let Some(body) = answer.json() else {
            return Err(lost("NoBody", "the operation ended well, but the resource's answer has no body"));
        };
        match provisioning_state(&body).map(state_of) {
            Some(State::Running) => Ok(Progress::Running(by_itself(), answer.retry_after(self.now()))),
            Some(State::Failed) => Err(failure(Some(&body))),
            Some(State::Succeeded) | None => Ok(Progress::Done(Some(observation(&answer, body)))),
        }
    }
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
