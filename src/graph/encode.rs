//! A value as JSON and back, for plans on disk: literals are themselves, what is deferred is an object with one
//! reserved key. A literal object that looks like one of those is wrapped, so that nothing is mistaken.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value as Json};

use super::{Function, Member, Reference, Value};

const REFERENCE: &str = "$reference";
const CALL: &str = "$call";
const SECRET: &str = "$secret";
const LITERAL: &str = "$literal";

fn is_reserved<S: AsRef<str>>(mut names: impl ExactSizeIterator<Item = S>) -> bool {
    names.len() == 1 && names.next().is_some_and(|name| [REFERENCE, CALL, SECRET, LITERAL].contains(&name.as_ref()))
}

#[derive(Serialize)]
struct ReferenceContent<'a> {
    symbol: &'a str,
    member: MemberContent,
    path: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum MemberContent {
    Word(&'static str),
    Index(u32),
}

impl<'a> From<&'a Reference> for ReferenceContent<'a> {
    fn from(reference: &'a Reference) -> Self {
        Self {
            symbol: &reference.symbol,
            member: match reference.member {
                Member::Only => MemberContent::Word("only"),
                Member::SameIndex => MemberContent::Word("sameIndex"),
                Member::Every => MemberContent::Word("every"),
                Member::Index(index) => MemberContent::Index(index),
            },
            path: reference.path.iter().map(|segment| &**segment).collect(),
        }
    }
}

#[derive(Serialize)]
struct CallContent<'a> {
    function: &'a str,
    arguments: &'a [Value],
}

/// The entries of an object, whatever their names.
struct Plain<'a>(&'a IndexMap<Arc<str>, Value>);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (&**name, value)))
    }
}

fn decode(json: Json) -> Result<Value, String> {
    let Json::Object(mut entries) = json else {
        return match json {
            Json::Array(values) => Ok(Value::Array(values.into_iter().map(decode).collect::<Result<_, _>>()?)),
            literal => Ok(literal.into()),
        };
    };
    if !is_reserved(entries.keys()) {
        return decode_object(entries);
    }
    if let Some(content) = entries.remove(LITERAL) {
        let Json::Object(entries) = content else { return Err(format!("`{LITERAL}` holds no object")) };
        return decode_object(entries);
    }
    if let Some(Json::String(handle)) = entries.get(SECRET) {
        return Ok(Value::Secret(handle.as_str().into()));
    }
    if let Some(content) = entries.get(REFERENCE) {
        return decode_reference(content).map(Value::Reference).ok_or_else(|| format!("`{REFERENCE}` is malformed"));
    }
    let malformed = || format!("`{CALL}` is malformed");
    let mut content = entries.remove(CALL).ok_or_else(malformed)?;
    let name = content["function"].as_str().ok_or_else(malformed)?;
    let function = Function::from_name(name).ok_or_else(|| format!("there is no function `{name}`"))?;
    let Json::Array(arguments) = content["arguments"].take() else { return Err(malformed()) };
    Ok(Value::Call(function, arguments.into_iter().map(decode).collect::<Result<_, _>>()?))
}

fn decode_object(entries: Map<String, Json>) -> Result<Value, String> {
    let mut object = IndexMap::with_capacity(entries.len());
    for (name, value) in entries {
        object.insert(Arc::from(name), decode(value)?);
    }
    Ok(Value::Object(object))
}

fn decode_reference(content: &Json) -> Option<Reference> {
    let member = match &content["member"] {
        Json::String(word) => match word.as_str() {
            "only" => Member::Only,
            "sameIndex" => Member::SameIndex,
            "every" => Member::Every,
            _ => return None,
        },
        index => Member::Index(u32::try_from(index.as_u64()?).ok()?),
    };
    let path =
        content["path"].as_array()?.iter().map(|segment| segment.as_str().map(Arc::from)).collect::<Option<_>>()?;
    Some(Reference { symbol: content["symbol"].as_str()?.into(), member, path })
}

// Piece by piece, without a copy of the whole: a plan has the same bodies thousands of times.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(values) => serializer.collect_seq(values),
            Self::Object(entries) if is_reserved(entries.keys()) => serializer.collect_map([(LITERAL, Plain(entries))]),
            Self::Object(entries) => Plain(entries).serialize(serializer),
            Self::Secret(handle) => serializer.collect_map([(SECRET, &**handle)]),
            Self::Reference(reference) => serializer.collect_map([(REFERENCE, ReferenceContent::from(reference))]),
            Self::Call(function, arguments) => {
                serializer.collect_map([(CALL, CallContent { function: function.name(), arguments })])
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        decode(Json::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_value_survives_the_disk() {
        let value = Value::object([
            ("literal", json!({"a": [1, -2.5, null, true, "x"]}).into()),
            ("looks deferred", Value::object([(SECRET, "not one".into())])),
            ("secret", Value::secret("agentpool1/customData")),
            ("own interface", Value::id_of_same_index("agentpool1-nic")),
            ("third", Reference::id("master").of(Member::Index(2)).into()),
            ("all", Reference::attribute("master", &["properties", "vmId"]).of(Member::Every).into()),
            ("name", Value::indexed("k8s-master-")),
        ]);
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_value_has_the_form_that_plans_on_disk_have() {
        let value = Value::object([
            ("literal", json!({"a": [1, -2.5, null, true, "x"]}).into()),
            ("wrapped", Value::object([(SECRET, "not one".into())])),
            ("secret", Value::secret("agentpool1/customData")),
            ("third", Reference::id("master").of(Member::Index(2)).into()),
            ("all", Reference::attribute("master", &["properties", "vmId"]).of(Member::Every).into()),
            ("name", Value::concat(["a-".into(), Reference::id("master").into()])),
        ]);
        let expected = concat!(
            r#"{"literal":{"a":[1,-2.5,null,true,"x"]},"wrapped":{"$literal":{"$secret":"not one"}},"#,
            r#""secret":{"$secret":"agentpool1/customData"},"#,
            r#""third":{"$reference":{"symbol":"master","member":2,"path":["id"]}},"#,
            r#""all":{"$reference":{"symbol":"master","member":"every","path":["properties","vmId"]}},"#,
            r#""name":{"$call":{"function":"concat","arguments":["a-","#,
            r#"{"$reference":{"symbol":"master","member":"only","path":["id"]}}]}}}"#
        );
        assert_eq!(serde_json::to_string(&value).unwrap(), expected);
    }

    #[test]
    fn a_damaged_value_is_refused() {
        for text in [
            r#"{"$call": {"function": "frobnicate", "arguments": []}}"#,
            r#"{"$call": 1}"#,
            r#"{"$reference": {"symbol": "a", "member": "some", "path": []}}"#,
            r#"{"$literal": 3}"#,
        ] {
            assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
        }
    }
}
