//! From a text to a [`Cluster`], with every fault on the way.
//!
//! Text → spanned JSON → today's version → the schema's spelling → `--set` → JSON Schema → types → defaults → rules. A fault ends no
//! step: the value that has it is taken out, nothing that follows from it is told again, and the rest is judged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use crate::base::{Diagnostic, Diagnostics, Secret, Source};

use super::cluster::Cluster;
use super::document::{self, child, is_at_or_below};
use super::findings::Findings;
use super::input::ApiModel;
use super::normalise::normalise;
use super::overrides;
use super::pointers::{LOCATION, MASTER, SERVICE_PRINCIPAL};
use super::resolve::{normal_location, resolve};
use super::rules;
use super::schema;
use super::versions;

/// What the command line says beside the model.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// `--set` arguments, as given: each `path=value[,path=value]`, relative to `properties`.
    pub set: Vec<String>,
    /// `--location`; used where the model names none, an error where it names another.
    pub location: Option<String>,
    /// `--dns-prefix`; an error where the model names one.
    pub dns_prefix: Option<String>,
    /// What `--auto-suffix` puts behind the prefix, wherever that came from.
    pub dns_suffix: Option<String>,
    /// `--client-id`; used where the model has no service principal.
    pub client_id: Option<String>,
    /// `--client-secret`; used where the model has no service principal.
    pub client_secret: Option<Secret>,
    /// The moment at which certificates have to be valid; `None`: their times are not looked at.
    pub now: Option<Timestamp>,
}

/// What came of reading a model.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The cluster; present if and only if no diagnostic is an error.
    pub cluster: Option<Cluster>,
    /// Everything that was found, in the order of the text.
    pub diagnostics: Diagnostics,
    /// Where each value came from.
    pub origins: Origins,
}

/// JSON pointer of a property → where its value came from.
pub type Origins = BTreeMap<String, Origin>;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The model's file.
    File,
    /// A `--set` argument or another option of the command line.
    Set,
    /// The engine.
    Default {
        /// Why this value.
        reason: String,
    },
}

/// Reads an API model, and the files that it puts on machines: their paths are relative to the folder of the source.
pub fn read(source: &Source, options: &ReadOptions) -> Reading {
    let node = match document::parse(source) {
        Ok(node) => node,
        Err(diagnostic) => {
            let mut diagnostics = Diagnostics::default();
            diagnostics.push(diagnostic);
            return Reading { cluster: None, diagnostics, origins: Origins::new() };
        }
    };
    let converted = versions::convert(node);
    let mut normalised = normalise(&converted.node);
    let mut document = normalised.value;
    let (set, set_diagnostics) = overrides::apply(&mut document, &options.set);
    for pointer in &set {
        normalised.spans.remove_below(pointer);
    }
    let mut findings = Findings::new(normalised.spans);
    // A document of another kind breaks every rule of this one; only the reason is told.
    if let Some(fault) = foreign(&document) {
        findings.push(fault);
        return Reading { cluster: None, diagnostics: findings.into_diagnostics(), origins: Origins::new() };
    }
    let set_over = |diagnostic: &Diagnostic| set.iter().any(|pointer| is_at_or_below(&diagnostic.pointer, pointer));
    normalised
        .diagnostics
        .into_iter()
        .chain(converted.diagnostics)
        .filter(|diagnostic| !set_over(diagnostic))
        .for_each(|diagnostic| findings.push(diagnostic));
    set_diagnostics.into_iter().for_each(|diagnostic| findings.push(diagnostic));
    normalised.meant.into_iter().for_each(|pointer| findings.excuse(pointer));
    let mut from_options = set;
    merge_options(&mut document, options, &mut findings, &mut from_options);

    let folder = Path::new(&source.name).parent().unwrap_or(Path::new(""));
    let model = typed(&mut document, &mut findings);
    let (cluster, defaults) = resolve(&model, folder, &mut findings);
    rules::judge(&cluster, &model, options.now, &mut findings);

    let mut origins = Origins::new();
    record(&document, "", &from_options, &mut origins);
    for (pointer, origin) in converted.origins {
        if origins.get(&pointer) == Some(&Origin::File) {
            origins.insert(pointer, origin);
        }
    }
    origins.extend(defaults);
    let cluster = (!findings.has_errors()).then_some(cluster);
    Reading { cluster, diagnostics: findings.into_diagnostics(), origins }
}

/// The reason why a document is not for this engine at all.
fn foreign(document: &Value) -> Option<Diagnostic> {
    if !document.is_object() {
        let fault = Diagnostic::error("wrong-type", "", "an API model is an object");
        return Some(fault.help("start with { \"apiVersion\": \"vlabs\", \"properties\": { … } }"));
    }
    if let Some(version) = document["apiVersion"].as_str().filter(|version| *version != versions::CURRENT) {
        let reason = versions::reason(version).map(|reason| format!(": {reason}")).unwrap_or_default();
        let message = format!("API models of version \"{version}\" cannot be read{reason}");
        let fault = Diagnostic::error("api-version-unsupported", "/apiVersion", message);
        return Some(fault.help("write \"vlabs\", and its properties"));
    }
    let pointer = "/properties/orchestratorProfile/orchestratorType";
    let kind =
        document.pointer(pointer).and_then(Value::as_str).filter(|kind| !kind.eq_ignore_ascii_case("Kubernetes"))?;
    let fault = Diagnostic::error(
        "orchestrator-unsupported",
        pointer,
        format!("{kind} clusters are not supported: the engine makes Kubernetes clusters"),
    );
    Some(fault.help("write \"Kubernetes\", or leave it out"))
}

/// Lays the other options of the command line over the document.
fn merge_options(
    document: &mut Value,
    options: &ReadOptions,
    findings: &mut Findings,
    from_options: &mut BTreeSet<String>,
) {
    if let Some(location) = &options.location {
        match document["location"].as_str() {
            None => put(document, LOCATION, location.as_str().into(), from_options),
            Some(own) if normal_location(own) != normal_location(location) => {
                let message = format!("the model says {own}, the command line {location}");
                findings.push(
                    Diagnostic::error("location-conflict", LOCATION, message).help("let only one of them say it"),
                );
            }
            Some(_) => {}
        }
    }
    if let Some(prefix) = &options.dns_prefix {
        let pointer = format!("{MASTER}/dnsPrefix");
        if document.pointer(&pointer).is_some() {
            let message = "the model and the command line both say the prefix";
            findings.push(Diagnostic::error("dns-prefix-conflict", pointer, message).help("leave out --dns-prefix"));
        } else {
            put(document, &pointer, prefix.as_str().into(), from_options);
        }
    }
    if let Some(suffix) = &options.dns_suffix {
        let pointer = format!("{MASTER}/dnsPrefix");
        if let Some(Value::String(prefix)) = document.pointer_mut(&pointer) {
            prefix.push_str(suffix);
            from_options.insert(pointer);
        }
    }
    let own = document.pointer(SERVICE_PRINCIPAL);
    let free = own.is_none_or(|own| own.get("clientId").is_none() && own.get("secret").is_none());
    if let (Some(id), Some(secret), true) = (&options.client_id, &options.client_secret, free) {
        put(document, &format!("{SERVICE_PRINCIPAL}/clientId"), id.as_str().into(), from_options);
        put(document, &format!("{SERVICE_PRINCIPAL}/secret"), secret.expose().into(), from_options);
    }
}

/// Puts a value where it belongs, if what should hold it is, or can become, an object.
fn put(document: &mut Value, pointer: &str, value: Value, from_options: &mut BTreeSet<String>) {
    let mut place = document;
    for key in pointer.split('/').skip(1) {
        if place.is_null() {
            *place = Value::Object(serde_json::Map::new());
        }
        let Value::Object(members) = place else { return };
        place = members.entry(key.to_owned()).or_insert(Value::Null);
    }
    *place = value;
    from_options.insert(pointer.to_owned());
}

/// The document as types. What the schema refuses is told and taken out.
fn typed(document: &mut Value, findings: &mut Findings) -> ApiModel {
    // Taking out a value can at most uncover that it was needed, so two rounds are enough; the third is for safety.
    for _ in 0..3 {
        let faults = schema::check(document);
        let mut removed = false;
        for fault in faults {
            let pointer = fault.diagnostic.pointer.clone();
            findings.judge(&[], fault.diagnostic);
            if fault.remove {
                removed |= take_out(document, &pointer);
            }
        }
        if !removed {
            break;
        }
    }
    match serde_path_to_error::deserialize(&*document) {
        Ok(model) => model,
        Err(error) => {
            // The schema and the types are the same, except for numbers that no type can hold.
            let pointer =
                error.path().iter().fold(String::new(), |pointer, segment| child(&pointer, &segment.to_string()));
            let pointer = pointer.replace("/[", "/").replace(']', "");
            findings.judge(&[], Diagnostic::error("wrong-type", pointer, error.inner().to_string()));
            ApiModel::default()
        }
    }
}

/// Takes a value out of its object; in a list its place is kept by an empty value of the right type.
fn take_out(document: &mut Value, pointer: &str) -> bool {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return false };
    let schema = schema::at(pointer);
    match document.pointer_mut(parent) {
        Some(Value::Object(members)) => members.remove(&key.replace("~1", "/").replace("~0", "~")).is_some(),
        Some(Value::Array(items)) => {
            let Some(item) = key.parse().ok().and_then(|index: usize| items.get_mut(index)) else { return false };
            *item = schema::placeholder(schema);
            true
        }
        _ => false,
    }
}

/// Notes where each value of a document came from.
fn record(value: &Value, pointer: &str, set: &BTreeSet<String>, origins: &mut Origins) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| record(value, &child(pointer, key), set, origins))
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| record(value, &child(pointer, &index.to_string()), set, origins)),
        _ => {
            let from_options = set.iter().any(|root| is_at_or_below(pointer, root));
            origins.insert(pointer.to_owned(), if from_options { Origin::Set } else { Origin::File });
        }
    }
}
