//! The functions a deferred value may call, evaluated on plain JSON. They are those of ARM's template language, and
//! mean what they mean there.
//!
//! Sources: Microsoft Learn, "ARM template functions" (read 2026-11-21); the hash algorithms of `uniqueString` and
//! `guid` have known vectors in the tests.

use serde_json::Value as Json;
use uuid::Uuid;

use super::Scope;

/// A function of the template language that can stand in a deferred value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `concat(text…)`: the texts put together.
    Concat,
    /// `copyIndex()`: the index of the instance within its series, offset included.
    CopyIndex,
    /// `guid(text…)`: a version 5 UUID of the texts.
    Guid,
    /// `uniqueString(text…)`: 13 letters that hash the texts.
    UniqueString,
    /// `resourceId(type, name…)`: the id of a resource of the group. Makes no edge.
    ResourceId,
    /// `subscriptionResourceId(type, name…)`: the id of a resource of the subscription. Makes no edge.
    SubscriptionResourceId,
    /// `resourceGroup()`: `id`, `name` and `location` of the group.
    ResourceGroup,
    /// `subscription()`: `id`, `subscriptionId` and `tenantId`.
    Subscription,
    /// Property access, written `value.name`: the first argument's entry under the following names.
    Property,
    /// Access to an array's item, written `array[index]`.
    Item,
    /// `mod(dividend, divisor)`: the remainder of a division of whole numbers.
    Mod,
    /// `base64(text)`: the base64 of the text's UTF-8, padded.
    Base64,
}

/// A function could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{function}` {problem}")]
pub struct FunctionError {
    /// The function's name.
    pub function: &'static str,
    /// What is wrong.
    pub problem: String,
}

const ALL: [Function; 12] = [
    Function::Concat,
    Function::CopyIndex,
    Function::Guid,
    Function::UniqueString,
    Function::ResourceId,
    Function::SubscriptionResourceId,
    Function::ResourceGroup,
    Function::Subscription,
    Function::Property,
    Function::Item,
    Function::Mod,
    Function::Base64,
];

impl Function {
    /// The name in the template language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Concat => "concat",
            Self::CopyIndex => "copyIndex",
            Self::Guid => "guid",
            Self::UniqueString => "uniqueString",
            Self::ResourceId => "resourceId",
            Self::SubscriptionResourceId => "subscriptionResourceId",
            Self::ResourceGroup => "resourceGroup",
            Self::Subscription => "subscription",
            Self::Property => "property",
            Self::Item => "item",
            Self::Mod => "mod",
            Self::Base64 => "base64",
        }
    }

    /// The function of that name; letter case does not count, as in the template language.
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.into_iter().find(|function| function.name().eq_ignore_ascii_case(name))
    }

    /// Its value for these arguments. `index` is that of the instance, if it belongs to a series.
    pub fn evaluate(self, scope: &Scope, index: Option<u32>, arguments: &[Json]) -> Result<Json, FunctionError> {
        let error = |problem: String| FunctionError { function: self.name(), problem };
        let texts = || {
            arguments
                .iter()
                .map(|argument| {
                    text_of(argument).ok_or_else(|| error(format!("takes texts and numbers, not {argument}")))
                })
                .collect::<Result<Vec<_>, _>>()
        };
        match self {
            Self::Concat => Ok(Json::String(texts()?.concat())),
            Self::CopyIndex => index.map(Json::from).ok_or_else(|| error("stands outside a series".to_owned())),
            Self::Guid => Ok(Json::String(guid(&texts()?).to_string())),
            Self::UniqueString => Ok(Json::String(unique_string(&texts()?))),
            Self::ResourceId | Self::SubscriptionResourceId => {
                let texts = texts()?;
                let Some((resource_type, names)) = texts.split_first() else {
                    return Err(error("needs a type and names".to_owned()));
                };
                if resource_type.split('/').count() != names.len() + 1 {
                    return Err(error(format!("needs one name per segment of `{resource_type}`, not {}", names.len())));
                }
                let name = names.join("/");
                Ok(Json::String(if self == Self::ResourceId {
                    scope.resource_id(resource_type, &name)
                } else {
                    scope.subscription_resource_id(resource_type, &name)
                }))
            }
            Self::ResourceGroup => Ok(serde_json::json!({
                "id": scope.group_id(), "name": scope.resource_group, "location": scope.location,
            })),
            Self::Subscription => Ok(serde_json::json!({
                "id": format!("/subscriptions/{}", scope.subscription_id),
                "subscriptionId": scope.subscription_id,
                "tenantId": scope.tenant_id,
            })),
            Self::Property => {
                let Some((target, names)) = arguments.split_first() else {
                    return Err(error("needs a value".to_owned()));
                };
                let mut value = target;
                for name in names {
                    let name = name.as_str().ok_or_else(|| error(format!("takes names, not {name}")))?;
                    value = value.get(name).ok_or_else(|| error(format!("finds no `{name}`")))?;
                }
                Ok(value.clone())
            }
            Self::Item => {
                let [Json::Array(items), index] = arguments else {
                    return Err(error("needs an array and an index".to_owned()));
                };
                let found = index.as_u64().and_then(|index| items.get(usize::try_from(index).ok()?));
                found.cloned().ok_or_else(|| error(format!("finds no item {index} among {}", items.len())))
            }
            Self::Mod => match arguments {
                [dividend, divisor] => dividend
                    .as_i64()
                    .zip(divisor.as_i64())
                    .and_then(|(dividend, divisor)| dividend.checked_rem(divisor))
                    .map(Json::from)
                    .ok_or_else(|| error(format!("cannot divide {dividend} by {divisor}"))),
                _ => Err(error("needs two numbers".to_owned())),
            },
            Self::Base64 => match arguments {
                [Json::String(text)] => {
                    use base64::Engine as _;
                    Ok(Json::String(base64::engine::general_purpose::STANDARD.encode(text)))
                }
                _ => Err(error("needs one text".to_owned())),
            },
        }
    }
}

fn text_of(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// ARM's `guid()`: UUID version 5 of the texts joined by `-`, in the template language's own namespace.
pub fn guid(texts: &[String]) -> Uuid {
    const NAMESPACE: Uuid = Uuid::from_u128(0x11fb_06fb_712d_4ddd_98c7_e71b_bd58_8830);
    Uuid::new_v5(&NAMESPACE, texts.join("-").as_bytes())
}

/// ARM's `uniqueString()`: a 64-bit Murmur hash in two lanes of the texts joined by `-`, as 13 letters of
/// `a`-`z` and `2`-`7`, the five highest bits first.
pub fn unique_string(texts: &[String]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut hash = murmur(texts.join("-").as_bytes());
    let mut letters = String::with_capacity(13);
    for _ in 0..13 {
        letters.push(char::from(ALPHABET[(hash >> 59) as usize]));
        hash <<= 5;
    }
    letters
}

fn murmur(bytes: &[u8]) -> u64 {
    const FIRST: u32 = 0xab0e_9789;
    const SECOND: u32 = 0x239b_961b;
    let mix_first = |lane: u32| lane.wrapping_mul(SECOND).rotate_left(15).wrapping_mul(FIRST);
    let mix_second = |lane: u32| lane.wrapping_mul(FIRST).rotate_left(17).wrapping_mul(SECOND);
    // Little-endian, missing bytes are zero.
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));

    let (mut low, mut high) = (0_u32, 0_u32);
    let mut blocks = bytes.chunks_exact(8);
    for block in &mut blocks {
        low = (low ^ mix_first(word(&block[..4]))).rotate_left(19).wrapping_add(high);
        low = low.wrapping_mul(5).wrapping_add(0x561c_cd1b);
        high = (high ^ mix_second(word(&block[4..]))).rotate_left(13).wrapping_add(low);
        high = high.wrapping_mul(5).wrapping_add(0x0bca_a747);
    }
    let rest = blocks.remainder();
    if rest.len() > 4 {
        high ^= mix_second(word(&rest[4..]));
    }
    if !rest.is_empty() {
        low ^= mix_first(word(&rest[..rest.len().min(4)]));
    }
    let length = bytes.len() as u32;
    low ^= length;
    high ^= length;
    low = low.wrapping_add(high);
    high = high.wrapping_add(low);
    low = finish(low);
    high = finish(high);
    low = low.wrapping_add(high);
    high = high.wrapping_add(low);
    u64::from(high) << 32 | u64::from(low)
}

/// Murmur3's finaliser.
fn finish(mut lane: u32) -> u32 {
    lane = (lane ^ lane >> 16).wrapping_mul(0x85eb_ca6b);
    lane = (lane ^ lane >> 13).wrapping_mul(0xc2b2_ae35);
    lane ^ lane >> 16
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    /// Vectors of Azure's own engine, as published in bicep's tests and snapshots (read 2026-11-21).
    #[test]
    fn unique_string_is_arms() {
        for (input, expected) in [
            (&["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/myRg"][..], "js26ofeqkqeve"),
            (&["snap", "crackle", "pop"], "byghxckddilkc"),
            (&["hello", "world"], "a7wkljktk6wne"),
            (&["test"], "rbgf3xv4ufgzg"),
            (&["abc"], "cgtzqvhu4i23s"),
            (&["foo", "bar", "baz"], "xzi4ioaxtmth4"),
        ] {
            assert_eq!(unique_string(&texts(input)), expected, "{input:?}");
        }
    }

    #[test]
    fn guid_is_arms() {
        assert_eq!(guid(&texts(&["foo", "bar", "baz"])).to_string(), "2ed86837-7c7c-5eaa-9864-dd077fd19b0d");
    }

    #[test]
    fn resource_id_wants_a_name_per_segment() {
        let scope = Scope {
            subscription_id: "s".into(),
            tenant_id: "t".into(),
            resource_group: "g".into(),
            location: "l".into(),
        };
        let call = |arguments: &[&str]| {
            let arguments: Vec<Json> = arguments.iter().map(|text| Json::from(*text)).collect();
            Function::ResourceId.evaluate(&scope, None, &arguments)
        };
        assert_eq!(
            call(&["Microsoft.Network/virtualNetworks/subnets", "v", "s"]).unwrap(),
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/s"
        );
        assert!(call(&["Microsoft.Network/virtualNetworks/subnets", "v"]).is_err());
        assert!(Function::CopyIndex.evaluate(&scope, None, &[]).is_err());
    }

    #[test]
    fn items_are_taken_in_turn() {
        let scope = Scope {
            subscription_id: "s".into(),
            tenant_id: "t".into(),
            resource_group: "g".into(),
            location: "l".into(),
        };
        let evaluate = |function: Function, arguments: &[Json]| function.evaluate(&scope, None, arguments);
        let zones = serde_json::json!(["1", "2", "3"]);
        let turn = evaluate(Function::Mod, &[4.into(), 3.into()]).unwrap();
        assert_eq!(evaluate(Function::Item, &[zones.clone(), turn]).unwrap(), "2");
        assert!(evaluate(Function::Item, &[zones, 3.into()]).is_err());
        assert!(evaluate(Function::Mod, &[1.into(), 0.into()]).is_err());
    }

    #[test]
    fn base64_is_that_of_utf8_and_takes_one_text() {
        let scope = Scope {
            subscription_id: "s".into(),
            tenant_id: "t".into(),
            resource_group: "g".into(),
            location: "l".into(),
        };
        let encode = |arguments: &[Json]| Function::Base64.evaluate(&scope, None, arguments);
        // RFC 4648, 10; and a letter of two bytes.
        for (text, encoded) in [("", ""), ("fo", "Zm8="), ("foobar", "Zm9vYmFy"), ("é", "w6k=")] {
            assert_eq!(encode(&[text.into()]).unwrap(), encoded);
        }
        assert!(encode(&[1.into()]).is_err() && encode(&["a".into(), "b".into()]).is_err());
    }

    #[test]
    fn names_are_unique_and_found_without_case() {
        for function in ALL {
            assert_eq!(Function::from_name(&function.name().to_uppercase()), Some(function));
        }
    }
}
