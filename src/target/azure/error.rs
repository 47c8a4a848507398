//! From an answer of Azure Resource Manager to a [`Fault`].
//!
//! An error comes in layers: `error.details[]`, `innererror`, and messages that hold JSON themselves. The deepest one
//! says what happened; the most telling one says what kind it is.

use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::Value as Json;

use super::codes::{CodeFacts, facts};
use crate::contract::{Fault, FaultClass};
use crate::target::http::Answer;

/// How deep layers are followed.
const DEEPEST: usize = 8;

/// How many details are told side by side.
const TOLD: usize = 3;

/// The longest message that is kept, in characters.
const LONGEST_MESSAGE: usize = 2000;

/// One layer of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Layer {
    code: String,
    message: String,
}

/// The fault that an answer with an error status tells, or one that does not speak the protocol.
pub(super) fn fault_of_answer(answer: &Answer, now: Timestamp) -> Fault {
    let mut fault = match answer.json().as_ref().and_then(error_object) {
        Some(error) => fault_of_error(error, Some(answer.status)),
        None if answer.is_empty() && answer.redirects_to().is_none() => empty(answer.status),
        None => foreign(answer),
    };
    fault.retry_after = answer.retry_after(now);
    fault.request_id = request_id(answer);
    fault
}

/// The fault that an error object tells: within an answer's body, or within the status of an operation that answered 200.
pub(super) fn fault_of_error(error: &Json, status: Option<StatusCode>) -> Fault {
    let layers = layers(error);
    let known: Vec<(CodeFacts, &Layer)> = layers
        .iter()
        .rev()
        .filter_map(|layer| facts(&layer.code, &layer.message).map(|facts| (facts, layer)))
        .collect();
    let telling = known.iter().find(|(facts, _)| !facts.vague).or_else(|| known.first());
    let code = telling.map(|(facts, _)| facts.code).or_else(|| layers.last().map(|layer| layer.code.as_str()));
    let class = match telling {
        // A vague code says less than the status that came with it.
        Some((facts, _)) if facts.vague => status.and_then(class_of_special_status).unwrap_or(facts.class),
        Some((facts, _)) => facts.class,
        None => status.map_or(FaultClass::Failed, class_of_status),
    };
    let mut fault = Fault::new(class, code.unwrap_or_default(), message(error, &layers));
    if let Some((facts, _)) = telling.filter(|(facts, _)| !facts.help.is_empty()) {
        fault.help = Some(with_namespace(facts.help, &layers));
    }
    fault
}

/// The object that holds `code` and `message`, in the spellings providers use.
fn error_object(body: &Json) -> Option<&Json> {
    let named = ["error", "Error", "odata.error"].iter().find_map(|name| body.get(name));
    named.or(Some(body)).filter(|error| !text(error, "code").is_empty() || !text(error, "message").is_empty())
}

/// A text field; a letter case that providers mix up, and OData's `{"value": …}`, included.
fn text(error: &Json, name: &str) -> String {
    let capital = name[..1].to_ascii_uppercase() + &name[1..];
    let value = error.get(name).or_else(|| error.get(&capital));
    let text = value.and_then(|value| value.as_str().or_else(|| value.get("value")?.as_str()));
    text.unwrap_or_default().trim().to_owned()
}

fn details(error: &Json) -> Vec<&Json> {
    let listed = error.get("details").or_else(|| error.get("Details")).and_then(Json::as_array);
    let listed = listed.into_iter().flatten().filter(|detail| detail.is_object());
    listed.chain(error.get("innererror").filter(|inner| !text(inner, "message").is_empty())).collect()
}

/// The error that a message holds as JSON, if it does.
fn within_message(message: &str) -> Option<Json> {
    let start = message.find('{')?;
    let inner: Json = serde_json::from_str(message[start..].trim_end()).ok()?;
    error_object(&inner).cloned()
}

/// The layers from the outermost to the deepest, along the first detail of each.
fn layers(error: &Json) -> Vec<Layer> {
    let mut layers = Vec::new();
    let mut error = Some(error.clone());
    while let Some(current) = error.take().filter(|_| layers.len() < DEEPEST) {
        let layer = Layer { code: text(&current, "code"), message: text(&current, "message") };
        error = within_message(&layer.message).or_else(|| details(&current).first().map(|detail| (*detail).clone()));
        layers.push(layer);
    }
    layers
}

/// What happened: the deepest message, or where details stand side by side, the deepest of each.
fn message(error: &Json, layers: &[Layer]) -> String {
    let mut told: Vec<String> = Vec::new();
    let side_by_side = details(error);
    if side_by_side.len() > 1 {
        for detail in &side_by_side {
            if let Some(layer) = self::layers(detail).into_iter().rev().find(|layer| !layer.message.is_empty()) {
                let one = one_line(&layer.message);
                if !told.contains(&one) {
                    told.push(one);
                }
            }
        }
        if told.len() > TOLD {
            let more = told.len() - TOLD;
            told.truncate(TOLD);
            told.push(format!("and {more} more"));
        }
    }
    if told.is_empty() {
        let deepest = layers.iter().rev().find(|layer| !layer.message.is_empty());
        told.extend(deepest.map(|layer| one_line(&layer.message)));
    }
    if told.is_empty() {
        return "the request was refused without a word".to_owned();
    }
    let message = told.join("; ");
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((cut, _)) => format!("{}…", &message[..cut]),
        None => message,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Puts the provider that a message names between quotes (`'Microsoft.DevTestLab'`) into a remedy.
fn with_namespace(help: &str, layers: &[Layer]) -> String {
    if !help.contains("{namespace}") {
        return help.to_owned();
    }
    let is_namespace = |word: &&str| {
        word.starts_with("Microsoft.") && word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '.')
    };
    let quoted = layers.iter().flat_map(|layer| layer.message.split('\'')).find(is_namespace);
    help.replace("{namespace}", quoted.unwrap_or("<namespace>"))
}

/// What a status alone says.
fn class_of_status(status: StatusCode) -> FaultClass {
    match status.as_u16() {
        401 => FaultClass::Authentication,
        403 => FaultClass::Forbidden,
        404 | 410 => FaultClass::NotFound,
        409 | 412 => FaultClass::Conflict,
        408 => FaultClass::Transient,
        429 => FaultClass::Throttled,
        300..=399 | 407 => FaultClass::Unavailable,
        500.. => FaultClass::Transient,
        _ => FaultClass::Invalid,
    }
}

/// The statuses that say more than a vague code does.
fn class_of_special_status(status: StatusCode) -> Option<FaultClass> {
    match status.as_u16() {
        401 => Some(FaultClass::Authentication),
        403 => Some(FaultClass::Forbidden),
        412 => Some(FaultClass::Conflict),
        500..=504 => Some(FaultClass::Transient),
        _ => None,
    }
}

/// An answer without a body. Azure never says 404 so: then something else answered.
fn empty(status: StatusCode) -> Fault {
    if status == StatusCode::NOT_FOUND {
        return Fault::new(FaultClass::Unavailable, "NotJson", "the answer is 404 without Azure's error body")
            .help(ADDRESS_HELP);
    }
    Fault::new(class_of_status(status), "", format!("the answer is {} without a body", status.as_u16()))
}

const ADDRESS_HELP: &str = "Something answers in Azure's place: see about a proxy, and that the cloud's endpoint is the \
                            right one.";

/// An answer that does not speak the protocol: a proxy's page, a captive portal, a wrong address.
pub(super) fn foreign(answer: &Answer) -> Fault {
    let status = answer.status.as_u16();
    let message = match answer.redirects_to() {
        Some(place) => format!("the answer is {status}, a redirect to {place}, where a JSON answer of Azure is due"),
        None => format!("the answer is {status} and not JSON: {}", answer.excerpt()),
    };
    // A gateway's page may stand for a limit; everything else says nothing about the request.
    let class = if status == 429 { FaultClass::Throttled } else { FaultClass::Unavailable };
    Fault::new(class, "NotJson", message).help(ADDRESS_HELP)
}

/// Whether an answer is a page for people where a machine was asked.
pub(super) fn is_foreign(answer: &Answer) -> bool {
    if answer.is_empty() {
        return answer.status.is_redirection();
    }
    !answer.is_json()
}

/// The id by which support finds the request.
fn request_id(answer: &Answer) -> Option<String> {
    ["x-ms-request-id", "x-ms-correlation-request-id"]
        .iter()
        .find_map(|name| answer.header(name))
        .map(|id| id.chars().filter(|letter| !letter.is_control()).take(80).collect())
}
