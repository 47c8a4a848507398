//! A client for anything that Azure Resource Manager has: every method, lists, and operations to their end.
//!
//! The executor does not use it, which makes single requests through [`super::AzureTarget`] and keeps time, order and
//! retries itself. This is for what happens outside a plan: looking at a subscription, registering a provider, an
//! action on a machine. It waits and retries by itself.
//!
//! Sources: Azure/azure-resource-manager-rpc, "Asynchronous operations"; the retry and polling rules of azure-core
//! (Azure/azure-sdk-for-python, read 2026-11-25).

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use serde_json::Value as Json;
use tokio::time::Instant;

use super::operations::{Purpose, Stage};
use super::pipeline::Pipeline;
use super::target::AzureSettings;
use crate::contract::{Fault, FaultClass, Remaining};
use crate::target::http::{Answer, HttpError};

/// How patient the client is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The wait between two questions about an operation, where the server does not say.
    pub ask_again: Duration,
    /// How often a request is made again that failed for a passing reason.
    pub retries: u32,
    /// The wait before the first of these; each further one is twice as long. The server's own word goes before it.
    pub retry_after: Duration,
    /// The most that one operation may take.
    pub overall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            ask_again: Duration::from_secs(10),
            retries: 4,
            retry_after: Duration::from_secs(1),
            overall: Duration::from_secs(3600),
        }
    }
}

/// No list of Azure's is that long; one that refers to itself in ever new ways would be.
const MOST_PAGES: usize = 10_000;

/// Where the result of an operation is to be had (`final-state-via` of Azure's interface descriptions).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FinalState {
    /// As is usual: after PUT and PATCH the resource; after POST the `Location`, if there is one.
    #[default]
    Usual,
    /// The address in `Location`.
    Location,
    /// The last answer about the operation itself.
    Operation,
    /// The address of the request.
    Original,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// The method.
    pub method: Method,
    /// Path and query below the endpoint, or a whole URL of it.
    pub path: &'a str,
    /// The body.
    pub body: Option<&'a Json>,
    /// Only if the resource is still of this version.
    pub etag: Option<&'a str>,
    /// Where the result is to be had, if the request begins an operation.
    pub final_state: FinalState,
}

impl<'a> Call<'a> {
    /// A request without a body.
    pub fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, body: None, etag: None, final_state: FinalState::default() }
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, body: &'a Json) -> Self {
        self.body = Some(body);
        self
    }

    /// The same with another place for the result.
    #[must_use]
    pub fn final_state(mut self, final_state: FinalState) -> Self {
        self.final_state = final_state;
        self
    }
}

/// What came of a request, at the end of the operation that it began.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The status of the last answer.
    pub status: u16,
    /// Its body, if it has one.
    pub body: Option<Json>,
    /// The version of what was read or written, where the server tells one.
    pub etag: Option<String>,
    /// How much the last answer leaves of each of Azure's budgets.
    pub remaining: Vec<(String, u64)>,
}

impl Outcome {
    fn of(answer: &Answer) -> Self {
        Self {
            status: answer.status.as_u16(),
            body: answer.json(),
            etag: answer.header("etag").map(str::to_owned),
            remaining: super::limits::told(answer),
        }
    }
}

/// The client.
pub struct ArmClient {
    pipeline: Pipeline,
    patience: Patience,
}

impl ArmClient {
    /// A client of the same place and as the same principal as a target would be.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn new(settings: AzureSettings, patience: Patience) -> Result<Self, HttpError> {
        Ok(Self { pipeline: Pipeline::new(settings)?, patience })
    }

    /// What is left of Azure's budgets, as far as it was told.
    pub fn remaining(&self) -> Vec<Remaining> {
        self.pipeline.limits.all()
    }

    /// Reads something; nothing if it is not there.
    ///
    /// # Errors
    /// Whatever keeps the answer away.
    pub async fn get(&self, path: &str) -> Result<Option<Json>, Fault> {
        match self.call(Call::new(Method::GET, path)).await {
            Ok(outcome) => Ok(outcome.body),
            Err(fault) if fault.class == FaultClass::NotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Asks something that takes a body; nothing if the answer has none.
    ///
    /// # Errors
    /// Whatever keeps the answer away.
    pub async fn post(&self, path: &str, body: &Json) -> Result<Option<Json>, Fault> {
        Ok(self.call(Call::new(Method::POST, path).body(body)).await?.body)
    }

    /// All items of a list, page after page.
    ///
    /// # Errors
    /// Whatever keeps a page away; a page that leads back to an earlier one.
    pub async fn list(&self, path: &str) -> Result<Vec<Json>, Fault> {
        let first = self.call(Call::new(Method::GET, path)).await?;
        self.pages(first).await
    }

    /// All items, beginning with the page in `first`.
    ///
    /// # Errors
    /// As for [`Self::list`].
    pub async fn pages(&self, first: Outcome) -> Result<Vec<Json>, Fault> {
        let (mut items, mut seen, mut page) = (Vec::new(), BTreeSet::new(), first.body);
        loop {
            let mut body = page.unwrap_or_default();
            match body.get_mut("value") {
                Some(Json::Array(more)) => items.append(more),
                _ => {
                    return Err(Fault::new(
                        FaultClass::Unavailable,
                        "NoList",
                        "the answer is no list: it has no `value`",
                    ));
                }
            }
            let Some(next) = body.get("nextLink").and_then(Json::as_str).filter(|next| !next.is_empty()) else {
                return Ok(items);
            };
            if !seen.insert(next.to_owned()) || seen.len() > MOST_PAGES {
                return Err(Fault::new(FaultClass::Unavailable, "EndlessList", "the pages of a list lead in a circle"));
            }
            page = self.call(Call::new(Method::GET, next)).await?.body;
        }
    }

    /// Makes a request and waits for the end of what it begins.
    ///
    /// # Errors
    /// The fault that ended it, after the retries that it is worth.
    pub async fn call(&self, call: Call<'_>) -> Result<Outcome, Fault> {
        let url = self.url(call.path)?;
        let until = Instant::now() + self.patience.overall;
        let answer = self.persistent(&call.method, || self.once(&call, &url)).await?;
        let purpose = match call.method.as_str() {
            "PUT" | "PATCH" => Purpose::Write,
            "DELETE" => Purpose::Delete,
            "POST" => Purpose::Action,
            _ => return Ok(Outcome::of(&answer)),
        };
        // A PATCH that answers 200 with the finished resource has begun nothing, whatever its headers say.
        let is_finished = |answer: &Answer| {
            let state = answer
                .json()
                .and_then(|body| Some(body.pointer("/properties/provisioningState")?.as_str()? == "Succeeded"));
            answer.status == StatusCode::OK && state == Some(true)
        };
        if call.method == Method::PATCH && is_finished(&answer) {
            return Ok(Outcome::of(&answer));
        }
        let location = answer.header("location").map(|location| self.url(location));
        let had_operation = answer.header("azure-asyncoperation").is_some();
        let end = match self.pipeline.begun(purpose, &url, answer)? {
            Stage::Ended(answer) => {
                let is_empty_write =
                    purpose == Purpose::Write && answer.status != StatusCode::NO_CONTENT && answer.is_empty();
                return if is_empty_write { self.result(&url, until).await } else { Ok(Outcome::of(&answer)) };
            }
            running @ Stage::Running(..) => self.to_the_end(running, until).await?,
        };
        let via = match (call.final_state, purpose) {
            (FinalState::Usual, Purpose::Write) if had_operation => FinalState::Original,
            (FinalState::Usual, Purpose::Action) if had_operation && location.is_some() => FinalState::Location,
            (FinalState::Location, _) if !had_operation => FinalState::Operation,
            (FinalState::Usual, _) => FinalState::Operation,
            (told, _) => told,
        };
        match (via, location) {
            (FinalState::Original, _) => self.result(&url, until).await,
            (FinalState::Location, Some(location)) => {
                let (location, get) = (location?, Call::new(Method::GET, ""));
                let answer = self.persistent(&Method::GET, || self.once(&get, &location)).await?;
                Ok(Outcome::of(&answer))
            }
            _ => Ok(Outcome::of(&end)),
        }
    }

    fn url(&self, path: &str) -> Result<Url, Fault> {
        self.pipeline
            .endpoint
            .join(path)
            .map_err(|_| Fault::new(FaultClass::Invalid, "Address", "the request's address is malformed"))
    }

    /// One request; an error status is a fault.
    async fn once(&self, call: &Call<'_>, url: &Url) -> Result<Answer, Fault> {
        let answer = self.pipeline.send(call.method.clone(), url, call.body, call.etag).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(self.pipeline.fault(&answer)) }
    }

    /// Makes a request again while that may help.
    async fn persistent<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        method: &Method,
        request: impl Fn() -> F,
    ) -> Result<T, Fault> {
        let mut wait = self.patience.retry_after;
        for _ in 0..self.patience.retries {
            match request().await {
                Err(fault) if is_worth_another(&fault, method) => {
                    tokio::time::sleep(fault.retry_after.unwrap_or(wait)).await;
                    wait *= 2;
                }
                other => return other,
            }
        }
        request().await
    }

    async fn to_the_end(&self, mut stage: Stage, until: Instant) -> Result<Answer, Fault> {
        loop {
            match stage {
                Stage::Ended(answer) => return Ok(answer),
                Stage::Running(operation, wait) => {
                    let wait = wait.unwrap_or(self.patience.ask_again);
                    if Instant::now() + wait > until {
                        return Err(Fault::new(FaultClass::TimedOut, "OperationTimeout", "the operation does not end"));
                    }
                    tokio::time::sleep(wait).await;
                    let ask = || self.pipeline.advance(operation.clone());
                    stage = self.persistent(&Method::GET, ask).await?;
                }
            }
        }
    }

    async fn result(&self, url: &Url, until: Instant) -> Result<Outcome, Fault> {
        let stage = self.persistent(&Method::GET, || self.pipeline.read_result(url)).await?;
        Ok(Outcome::of(&self.to_the_end(stage, until).await?))
    }
}

/// A request that may have had an effect is made again only if the server itself says that it had none worth the name:
/// an action is not idempotent.
fn is_worth_another(fault: &Fault, method: &Method) -> bool {
    let answered = !["Timeout", "ConnectionLost"].contains(&fault.code.as_str());
    match fault.class {
        FaultClass::Throttled => true,
        FaultClass::Transient | FaultClass::Unavailable => *method != Method::POST || answered,
        _ => false,
    }
}
