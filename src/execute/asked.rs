//! What values of a plan ask of finished resources, beyond ids and names. Only that is kept of what was read: the bodies
//! of thousands of machines are a hundred megabytes.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::contract::{Observation, Operation};
use crate::graph::Value;
use crate::plan::Plan;

type Path = Vec<Arc<str>>;

/// The paths that are asked for, by the symbol of the resource.
#[derive(Debug, Default)]
pub(super) struct Asked(HashMap<Arc<str>, Vec<Path>>);

impl Asked {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut asked = Self::default();
        for step in &plan.steps {
            let Operation::Change(change) = &step.operation else { continue };
            for value in [&change.name, &*change.body] {
                value.walk(&mut |value| {
                    let Value::Reference(reference) = value else { return };
                    if reference.is_static() {
                        return;
                    }
                    let paths = asked.0.entry(Arc::clone(&reference.symbol)).or_default();
                    if !paths.contains(&reference.path) {
                        paths.push(reference.path.clone());
                    }
                });
            }
        }
        asked
    }

    /// What is asked for of a resource with this symbol; nothing if nothing is.
    pub(super) fn keep(&self, symbol: &str, observation: Observation) -> Option<Observation> {
        let paths: Vec<&[Arc<str>]> = self.0.get(symbol)?.iter().map(Vec::as_slice).collect();
        Some(Observation { body: only(observation.body, &paths), etag: observation.etag })
    }
}

/// The parts of a body to which the paths lead. Letter case does not count, as when they are looked up.
fn only(body: Json, paths: &[&[Arc<str>]]) -> Json {
    let Json::Object(entries) = body else { return body };
    if paths.iter().any(|path| path.is_empty()) {
        return Json::Object(entries);
    }
    let mut kept = Map::new();
    for (name, value) in entries {
        let below: Vec<&[Arc<str>]> = paths
            .iter()
            .filter_map(|path| path.split_first())
            .filter(|(first, _)| first.eq_ignore_ascii_case(&name))
            .map(|(_, rest)| rest)
            .collect();
        if !below.is_empty() {
            kept.insert(name, only(value, &below));
        }
    }
    Json::Object(kept)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_asked_for_is_kept() {
        let paths: [Path; 2] = [
            vec!["identity".into(), "principalId".into()],
            vec!["properties".into(), "ips".into(), "0".into(), "address".into()],
        ];
        let asked = Asked([("vm".into(), paths.to_vec())].into());
        let body = json!({
            "id": "/x", "Identity": { "principalId": "p", "tenantId": "t" },
            "properties": { "ips": [{ "address": "10.0.0.4", "name": "a" }], "osProfile": { "computerName": "vm" } },
        });
        let kept = asked.keep("vm", Observation { body: body.clone(), etag: None }).map(|kept| kept.body);
        assert_eq!(
            kept,
            Some(json!({
                "Identity": { "principalId": "p" },
                "properties": { "ips": [{ "address": "10.0.0.4", "name": "a" }] },
            }))
        );
        assert_eq!(asked.keep("nic", Observation { body, etag: None }), None);
    }
}
