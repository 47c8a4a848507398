//! What may have been applied where a write was begun of which nobody saw the end: what was applied before, or what the write
//! said, or some of either.

use serde_json::{Map, Value as Json};

use super::merge::{find, is_secret, matches};

/// What the digest of a secret is of which nobody knows what it is: no digest is like it.
const UNKNOWN: &str = "unknown";

/// The body that has every field and every item of both, so that the engine takes whatever of them is there for its own. Where
/// the two differ in a value, the later one stands for it: of values only their presence matters (see
/// [`difference`](super::difference)), save those of secrets. A secret that is not the same in both is [`doubtful`], for whichever
/// is wanted has to be sent.
pub fn union(earlier: &Json, later: &Json) -> Json {
    match (earlier, later) {
        (earlier, Json::Null) => earlier.clone(),
        (earlier, later) if is_secret(earlier) && earlier == later => later.clone(),
        (earlier, later) if is_secret(earlier) || is_secret(later) => doubtful(later.clone()),
        (Json::Object(earlier), Json::Object(later)) => {
            let mut body: Map<String, Json> = earlier.clone();
            for (name, value) in later {
                let known = earlier.keys().find(|known| known.eq_ignore_ascii_case(name));
                match known {
                    Some(known) => _ = body.insert(known.clone(), union(&earlier[known], value)),
                    None => _ = body.insert(name.clone(), doubtful(value.clone())),
                }
            }
            Json::Object(body)
        }
        (Json::Array(earlier), Json::Array(later)) => {
            let mut items: Vec<Json> = later
                .iter()
                .map(|item| find(earlier, item).map_or_else(|| doubtful(item.clone()), |before| union(before, item)))
                .collect();
            let is_joined = |item: &&Json| later.iter().any(|new| matches(item, new) || matches(new, item));
            items.extend(earlier.iter().filter(|item| !is_joined(item)).cloned());
            Json::Array(items)
        }
        (_, later) => doubtful(later.clone()),
    }
}

/// A body whose secrets are not known to be there: whatever is wanted of them differs.
pub fn doubtful(mut body: Json) -> Json {
    fn forget(body: &mut Json) {
        match body {
            body if is_secret(body) => body["digest"] = UNKNOWN.into(),
            Json::Object(entries) => entries.values_mut().for_each(forget),
            Json::Array(items) => items.iter_mut().for_each(forget),
            _ => {}
        }
    }
    forget(&mut body);
    body
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{carry, difference};
    use super::*;

    #[test]
    fn whatever_of_both_is_there_is_the_engines_own() {
        let rules = |rules: &[(&str, u32)]| {
            let rules = rules.iter().map(|(name, port)| json!({ "name": name, "properties": { "port": port } }));
            json!({ "properties": { "rules": rules.collect::<Vec<_>>() } })
        };
        let (before, begun) = (rules(&[("api", 443), ("old", 1)]), rules(&[("API", 6443), ("ssh", 22)]));
        let may_be = union(&before, &begun);
        assert_eq!(may_be, rules(&[("API", 6443), ("ssh", 22), ("old", 1)]));

        // The write has had its effect, and the rule for SSH is wanted no more: it goes, and nobody else's does.
        let wanted = rules(&[("api", 443)]);
        let observed = rules(&[("api", 6443), ("ssh", 22), ("theirs", 80)]);
        let fields = difference(&wanted, Some(&may_be), &observed, &|_| false);
        let pointers: Vec<&str> = fields.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/properties/rules/api/properties/port", "/properties/rules/ssh"]);
        assert_eq!(carry(&wanted, Some(&may_be), &observed, &|_| false), rules(&[("api", 443), ("theirs", 80)]),);
        // Or it has had none, and nothing is left to do.
        assert_eq!(difference(&before, Some(&may_be), &before, &|_| false), []);
    }

    #[test]
    fn a_secret_that_may_be_either_is_sent_again() {
        let secret = |digest: &str| json!({ "Data": { "$secret": "handle", "digest": digest }, "size": 1 });
        let fields =
            |wanted: &Json, applied: &Json| difference(wanted, Some(applied), &json!({ "size": 1 }), &|_| false);
        let may_be = union(&secret("1"), &secret("2"));
        assert_eq!((fields(&secret("1"), &may_be).len(), fields(&secret("2"), &may_be).len()), (1, 1));
        assert_eq!(fields(&secret("1"), &union(&secret("1"), &secret("1"))), []);
        // Also one that was not there before: nobody knows whether it is by now.
        let clear = json!({ "Data": "text", "size": 1 });
        for before in [json!(null), json!({ "size": 1 }), clear] {
            assert_eq!(fields(&secret("1"), &union(&before, &secret("1"))).len(), 1, "{before}");
        }
        let keys = |digest: &str| json!({ "keys": [{ "name": "a", "key": secret(digest)["Data"] }] });
        assert_eq!(union(&json!({ "keys": [] }), &keys("1")), keys(UNKNOWN));
    }

    #[test]
    fn items_without_a_name_are_not_there_twice() {
        let (one, more) = (json!([{ "a": 1 }]), json!([{ "a": 1, "b": 2 }]));
        assert_eq!((union(&one, &more), union(&more, &one)), (more.clone(), more.clone()));
        assert_eq!(union(&one, &json!(null)), one);
    }
}
