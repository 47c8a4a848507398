//! `$filter` of the lists of groups and resources, as far as clients use it: comparisons for equality, `and`, `or`.
//!
//! Sources, in a stored copy read 2026-11-28: learn.microsoft.com, "ResourcesListOptionalParams interface" of
//! `@azure/arm-resources`, which names the properties and operators.

use serde_json::Value as Json;

use super::exchange::{Refusal, Request};
use super::places::text;
use super::resource_id::ResourceId;

/// A filter: any of these, of which all parts have to hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filter(Vec<Vec<Comparison>>);

#[derive(Debug, PartialEq, Eq)]
struct Comparison {
    /// In lower case.
    field: String,
    is_equal: bool,
    value: String,
}

const FIELDS: [&str; 6] = ["resourcetype", "name", "location", "resourcegroup", "tagname", "tagvalue"];

impl Filter {
    /// The filter of a request; without one, everything passes.
    pub(super) fn of(request: &Request) -> Result<Self, Refusal> {
        let Some(written) = request.query("$filter") else { return Ok(Self(Vec::new())) };
        Self::parse(written).ok_or_else(|| {
            Refusal::new(
                400,
                "InvalidFilterInQueryString",
                format!("Invalid $filter '{}' specified in the query string.", written.escape_debug()),
            )
            .by_gateway()
        })
    }

    fn parse(written: &str) -> Option<Self> {
        let mut alternatives = vec![Vec::new()];
        let mut words = words(written)?.into_iter();
        loop {
            let field = words.next()?.to_ascii_lowercase();
            let is_equal = match words.next()?.to_ascii_lowercase().as_str() {
                "eq" => true,
                "ne" => false,
                _ => return None,
            };
            let value = words.next()?.strip_prefix('\'')?.to_owned();
            if !FIELDS.contains(&field.as_str()) {
                return None;
            }
            alternatives.last_mut()?.push(Comparison { field, is_equal, value });
            match words.next().map(|word| word.to_ascii_lowercase()).as_deref() {
                None => return Some(Self(alternatives)),
                Some("and") => {}
                Some("or") => alternatives.push(Vec::new()),
                Some(_) => return None,
            }
        }
    }

    /// Whether a resource as it is told is wanted.
    pub(super) fn lets_pass(&self, resource: &Json) -> bool {
        self.0.is_empty() || self.0.iter().any(|parts| holds(parts, resource))
    }
}

/// Words, and texts in quotes with the opening quote left in front; a quote in a text is written twice.
fn words(written: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut letters = written.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter.is_whitespace() {
            continue;
        }
        let mut word = String::from(letter);
        if letter == '\'' {
            loop {
                match letters.next()? {
                    '\'' if letters.peek() == Some(&'\'') => {
                        letters.next();
                        word.push('\'');
                    }
                    '\'' => break,
                    other => word.push(other),
                }
            }
        } else {
            while let Some(other) = letters.next_if(|other| !other.is_whitespace() && *other != '\'') {
                word.push(other);
            }
        }
        words.push(word);
    }
    Some(words)
}

fn holds(parts: &[Comparison], resource: &Json) -> bool {
    // The name of a tag and its value are one question.
    let of = |field: &str| parts.iter().find(|part| part.field == field);
    parts.iter().all(|part| {
        let tags = || resource["tags"].as_object().into_iter().flatten();
        let is_same = match part.field.as_str() {
            "tagname" => tags().any(|(name, value)| {
                name.eq_ignore_ascii_case(&part.value)
                    && of("tagvalue").is_none_or(|wanted| (value == wanted.value.as_str()) == wanted.is_equal)
            }),
            "tagvalue" => of("tagname").is_some() || tags().any(|(_, value)| value == part.value.as_str()),
            "resourcegroup" => text(resource, "/id")
                .and_then(ResourceId::of_text)
                .and_then(|id| id.group)
                .is_some_and(|group| group.eq_ignore_ascii_case(&part.value)),
            field => {
                let field = if field == "resourcetype" { "/type".to_owned() } else { format!("/{field}") };
                text(resource, &field).is_some_and(|there| there.eq_ignore_ascii_case(&part.value))
            }
        };
        // What is said of a tag's value was weighed already where it stands beside a name.
        is_same == part.is_equal || (part.field == "tagvalue" && of("tagname").is_some())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn resources_pass_that_are_asked_for() {
        let resource = json!({
            "id": "/subscriptions/s/resourceGroups/RG/providers/Microsoft.Network/virtualNetworks/o'net",
            "name": "o'net", "type": "Microsoft.Network/virtualNetworks", "location": "westus2",
            "tags": {"pool": "a", "made": "b"},
        });
        for (filter, expected) in [
            ("resourceType eq 'microsoft.network/virtualnetworks'", true),
            ("resourceType eq 'Microsoft.Network/x'", false),
            ("resourceType eq 'x' or name eq 'o''net'", true),
            ("resourceGroup eq 'rg' and resourceType eq 'x'", false),
            ("resourceGroup eq 'rg' and location ne 'eastus'", true),
            ("tagName eq 'pool'", true),
            ("tagName eq 'pool' and tagValue eq 'a'", true),
            ("tagName eq 'pool' and tagValue eq 'b'", false),
            ("tagValue eq 'b'", true),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().lets_pass(&resource), expected, "{filter}");
        }
        for broken in [
            "",
            "name",
            "name eq",
            "name eq x",
            "name eq 'x",
            "name gt 'x'",
            "size eq 'x'",
            "name eq 'x' xor",
            "(name eq 'x')",
        ] {
            assert_eq!(Filter::parse(broken), None, "{broken}");
        }
    }
}
