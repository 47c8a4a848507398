//! Each value of a cluster's model, and where it came from.
//!
//! Deliberately absent: how that looks (`view`).

use serde_json::Value;

use crate::base::closest;

use super::cluster::Cluster;
use super::document::{child, is_at_or_below};
use super::read::{Origin, Origins};
use super::resolve::is_secret_setting;
use super::schema;

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// Where it stands in the complete model (RFC 6901), such as `/properties/masterProfile/count`.
    pub pointer: String,
    /// The value; `None` if it must not be seen.
    pub value: Option<Value>,
    /// Where it came from; `None` if it follows from values that stand elsewhere in the file.
    pub origin: Option<Origin>,
}

/// Every value of a cluster's complete model at a pointer and below it, in the model's order. Empty lists and objects
/// count as values. The pointer may be written without regard to case, or as in `--set`
/// (`masterProfile.count`, `agentPoolProfiles[0]`); empty: everything.
///
/// # Errors
/// Nothing stands there; gives the nearest pointer that has something.
pub fn explain(cluster: &Cluster, origins: &Origins, pointer: &str) -> Result<Vec<Explained>, Option<String>> {
    let mut leaves = Vec::new();
    collect(&cluster.to_api_model(), String::new(), &mut leaves);
    let wanted = as_pointer(pointer).to_ascii_lowercase();
    let below = |leaf: &str| is_at_or_below(&leaf.to_ascii_lowercase(), &wanted);
    let explained: Vec<Explained> = leaves
        .iter()
        .filter(|(leaf, _)| below(leaf))
        .map(|(leaf, value)| Explained {
            pointer: leaf.clone(),
            value: (!is_secret(leaf)).then(|| value.clone()),
            origin: origin(leaf, origins),
        })
        .collect();
    if explained.is_empty() && !wanted.is_empty() {
        let known = leaves.iter().flat_map(|(leaf, _)| ancestors(leaf)).collect::<std::collections::BTreeSet<&str>>();
        return Err(closest(&as_pointer(pointer), known).map(str::to_owned));
    }
    Ok(explained)
}

/// A path of `--set`, or a pointer, as a pointer without a slash at its end.
fn as_pointer(text: &str) -> String {
    let text = text.trim_end_matches('/');
    if text.is_empty() || text.starts_with('/') {
        return text.to_owned();
    }
    let path = text.replace('[', ".").replace(']', "").replace('.', "/");
    let path = path.strip_prefix("properties/").unwrap_or(&path);
    format!("/properties/{path}")
}

/// A pointer and all that hold it, but for the whole document.
fn ancestors(pointer: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(pointer), |pointer| pointer.rsplit_once('/').map(|(above, _)| above))
        .filter(|pointer| !pointer.is_empty())
}

fn collect(value: &Value, pointer: String, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(key, value)| collect(value, child(&pointer, key), leaves));
        }
        Value::Array(items) if !items.is_empty() => {
            let items = items.iter().enumerate();
            items.for_each(|(index, value)| collect(value, child(&pointer, &index.to_string()), leaves));
        }
        _ => leaves.push((pointer, value.clone())),
    }
}

/// What is recorded for a value, or for what holds it.
fn origin(pointer: &str, origins: &Origins) -> Option<Origin> {
    ancestors(pointer).find_map(|pointer| origins.get(pointer)).cloned()
}

/// Whether the schema, or the name of an add-on's setting, says that a value must not be seen.
fn is_secret(pointer: &str) -> bool {
    if ancestors(pointer).any(|pointer| schema::at(pointer)["writeOnly"] == Value::Bool(true)) {
        return true;
    }
    let mut parts = pointer.rsplit('/');
    let (name, holder) = (parts.next().unwrap_or_default(), parts.next());
    holder == Some("config") && is_secret_setting(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::base::Source;
    use crate::model::{ReadOptions, Reading, read};

    fn reading(changes: &str, set: &str) -> Reading {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/apimodels/quickstart.json");
        let mut model: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let Value::Object(changes) = serde_json::from_str(changes).unwrap() else { return reading("{}", set) };
        model["properties"].as_object_mut().unwrap().extend(changes);
        let source = Source { name: "test".into(), text: model.to_string() };
        read(&source, &ReadOptions { set: vec![set.into()], ..ReadOptions::default() })
    }

    fn told(reading: &Reading, pointer: &str) -> Result<Vec<Explained>, Option<String>> {
        explain(reading.cluster.as_ref().unwrap(), &reading.origins, pointer)
    }

    #[test]
    fn each_value_has_its_origin() {
        let reading = reading("{}", "masterProfile.count=3");
        let one = |pointer: &str| {
            let told = told(&reading, pointer).unwrap();
            assert_eq!(told.len(), 1, "{pointer}");
            told.into_iter().next().unwrap()
        };
        assert_eq!(one("/location").origin, Some(Origin::File));
        assert_eq!(one("masterProfile.count").origin, Some(Origin::Set));
        assert_eq!(one("MASTERPROFILE.COUNT").value, Some(3.into()));
        assert_eq!(one("agentPoolProfiles[0].osType").value, Some("Linux".into()));
        assert!(matches!(
            one("/properties/orchestratorProfile/kubernetesConfig/networkPlugin").origin,
            Some(Origin::Default { .. })
        ));
        let all = told(&reading, "").unwrap();
        assert!(all.len() > 50, "{}", all.len());
        // Only what is always so has no origin.
        let without: Vec<&str> =
            all.iter().filter(|value| value.origin.is_none()).map(|value| value.pointer.as_str()).collect();
        assert_eq!(without, ["/properties/orchestratorProfile/orchestratorType"]);
    }

    #[test]
    fn what_is_not_there_has_a_neighbour() {
        let reading = reading("{}", "masterProfile.count=1");
        assert_eq!(told(&reading, "masterProfile.cuont"), Err(Some("/properties/masterProfile/count".into())));
        assert_eq!(told(&reading, "/nothing/like/it/at/all"), Err(None));
    }

    #[test]
    fn secrets_are_not_shown() {
        let secrets = r#"{
            "servicePrincipalProfile": {"clientId": "c", "secret": "canary-one"},
            "certificateProfile": {"etcdServerPrivateKey": "canary-two"},
            "orchestratorProfile": {"kubernetesConfig": {"addons": [{"name": "x", "config": {"accessKey": "canary-three"}}]}}
        }"#;
        let reading = reading(secrets, "orchestratorProfile.kubernetesConfig.useManagedIdentity=false");
        let all = told(&reading, "").unwrap();
        assert!(!format!("{all:?}").contains("canary"), "{all:?}");
        assert_eq!(all.iter().filter(|value| value.value.is_none()).count(), 3);
    }
}
