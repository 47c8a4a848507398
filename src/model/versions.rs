//! Older versions of the API model, brought to today's (`vlabs`) before anything else looks at them.
//!
//! acs-engine read six versions beside `vlabs`. Three of them describe Kubernetes clusters of one's own; their
//! properties are a part of today's, so what is here is mostly what they meant by leaving something out. Every value
//! that the text has keeps its place in the text.
//!
//! Source: acs-engine 36d434b, `pkg/api/{v20160930,v20170131,v20170701}/types.go`, `convertertoapi.go` (what these
//! versions mean by leaving something out), `const.go` (`DefaultNetworkPlugin`), `apiloader.go` and `agentPoolOnlyApi`
//! (the versions that are for others); read 2026-11-25.

use serde_json::{Value, json};

use crate::base::{Diagnostic, Span};

use super::document::{Content, Member, Node, child};
use super::pointers::{KUBERNETES, MASTER, PROPERTIES, pool};
use super::read::{Origin, Origins};

/// The version that the engine writes.
pub(super) const CURRENT: &str = "vlabs";

/// Older versions that describe Kubernetes clusters of one's own.
const READ: [&str; 3] = ["2016-09-30", "2017-01-31", "2017-07-01"];

/// Properties of those versions that have no successor, and why none is needed.
const GONE: [(&str, &str); 4] = [
    ("diagnosticsProfile", "boot diagnostics are on, with storage that Azure manages"),
    ("jumpboxProfile", "kubernetesConfig.privateCluster.jumpboxProfile makes a jumpbox"),
    ("customProfile", "it is of orchestrators that are not Kubernetes"),
    ("provisioningState", "the engine keeps a state of its own"),
];

/// Why a document of another version cannot be read, if that is known.
pub(super) fn reason(version: &str) -> Option<&'static str> {
    match version {
        "2016-03-30" => Some("it describes DC/OS and Swarm clusters, which are not supported"),
        "2017-08-31" | "2018-03-31" => {
            Some("it describes the agents of a cluster that Azure manages (AKS), which is not the engine's")
        }
        _ => None,
    }
}

/// What came of bringing a document to today's version.
pub(super) struct Converted {
    pub(super) node: Node,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Where values came from that the text does not have.
    pub(super) origins: Origins,
}

/// Brings a document of an older version to today's; leaves any other as it is.
pub(super) fn convert(node: Node) -> Converted {
    let version = member(&node, "apiVersion").and_then(text).filter(|version| READ.contains(version));
    let Some(version) = version.map(str::to_owned) else {
        return Converted { node, diagnostics: Vec::new(), origins: Origins::new() };
    };
    let mut converter = Converter { node, diagnostics: Vec::new(), origins: Origins::new(), version };
    converter.convert();
    Converted { node: converter.node, diagnostics: converter.diagnostics, origins: converter.origins }
}

struct Converter {
    node: Node,
    diagnostics: Vec<Diagnostic>,
    origins: Origins,
    version: String,
}

impl Converter {
    fn convert(&mut self) {
        if let Some(version) = member_mut(&mut self.node, "apiVersion") {
            let message = format!("models of version \"{}\" are read as \"{CURRENT}\"", self.version);
            let warning = Diagnostic::warning("api-version-converted", "/apiVersion", message);
            self.diagnostics
                .push(warning.at(version.span).help("go on with the apimodel.json that `engine generate` writes"));
            version.content = Content::Scalar(CURRENT.into());
        }
        for (name, reason) in GONE {
            if let Some(gone) = member_mut(&mut self.node, "properties").and_then(|properties| take(properties, name)) {
                let message = format!("{name} has no effect: {reason}");
                let warning = Diagnostic::warning("no-effect", child(PROPERTIES, name), message);
                self.diagnostics.push(warning.at(gone.key_span).help("leave it out to be rid of this warning"));
            }
        }
        let properties = |node| member(node, "properties");
        let pools = properties(&self.node).and_then(|properties| member(properties, "agentPoolProfiles"));
        let pools = pools.map_or(0, |pools| if let Content::Array(pools) = &pools.content { pools.len() } else { 0 });
        let principal = properties(&self.node).and_then(|own| member(own, "servicePrincipalProfile")).is_some();

        let meant = "what models of this version meant";
        for index in 0..pools {
            self.default(&pool(index, "availabilityProfile"), json!("AvailabilitySet"), meant);
            // An output of those versions that today's has not.
            self.drop_output(&pool(index, "fqdn"));
        }
        self.default(&format!("{MASTER}/vmSize"), json!("Standard_D2_v2"), meant);
        self.default(&format!("{KUBERNETES}/networkPlugin"), json!("kubenet"), meant);
        if principal {
            self.default(&format!("{KUBERNETES}/useManagedIdentity"), json!(false), meant);
        }
    }

    /// Gives a property the value that a model of an older version meant by leaving it out.
    fn default(&mut self, pointer: &str, value: Value, reason: &str) {
        let Some((place, key)) = place_of(&mut self.node, pointer, true) else { return };
        if member(place, key).is_some() {
            return;
        }
        let span = Span { start: place.span.start, end: place.span.start + 1 };
        if let Content::Object(members) = &mut place.content {
            let value = Node { span, content: Content::Scalar(value) };
            members.push(Member { key: key.to_owned(), key_span: span, value });
            self.origins.insert(pointer.to_owned(), Origin::Default { reason: reason.to_owned() });
        }
    }

    fn drop_output(&mut self, pointer: &str) {
        if let Some((place, key)) = place_of(&mut self.node, pointer, false) {
            take(place, key);
        }
    }
}

/// The object that holds a pointer's last key, and that key; what is missing on the way is made, if that is asked for.
fn place_of<'a, 'p>(node: &'a mut Node, pointer: &'p str, make: bool) -> Option<(&'a mut Node, &'p str)> {
    let (parents, key) = pointer.rsplit_once('/')?;
    let mut place = node;
    for step in parents.split('/').skip(1) {
        let span = Span { start: place.span.start, end: place.span.start + 1 };
        place = match &mut place.content {
            Content::Array(items) => items.get_mut(step.parse::<usize>().ok()?)?,
            Content::Object(members) => {
                let known = members.iter().position(|member| member.key.eq_ignore_ascii_case(step));
                let index = match known {
                    Some(index) => index,
                    None if make => {
                        let value = Node { span, content: Content::Object(Vec::new()) };
                        members.push(Member { key: step.to_owned(), key_span: span, value });
                        members.len() - 1
                    }
                    None => return None,
                };
                &mut members.get_mut(index)?.value
            }
            Content::Scalar(_) => return None,
        };
    }
    Some((place, key))
}

fn member<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let Content::Object(members) = &node.content else { return None };
    members.iter().find(|member| member.key.eq_ignore_ascii_case(name)).map(|member| &member.value)
}

fn member_mut<'a>(node: &'a mut Node, name: &str) -> Option<&'a mut Node> {
    let Content::Object(members) = &mut node.content else { return None };
    members.iter_mut().find(|member| member.key.eq_ignore_ascii_case(name)).map(|member| &mut member.value)
}

/// Takes a member out of an object.
fn take(node: &mut Node, name: &str) -> Option<Member> {
    let Content::Object(members) = &mut node.content else { return None };
    let index = members.iter().position(|member| member.key.eq_ignore_ascii_case(name))?;
    Some(members.remove(index))
}

fn text(node: &Node) -> Option<&str> {
    match &node.content {
        Content::Scalar(Value::String(text)) => Some(text),
        _ => None,
    }
}
