//! Conditions of policies, as far as they speak of a request alone: `allOf`, `anyOf`, `not`, and comparisons of fields.
//!
//! Source: Microsoft Learn, "Azure Policy definition structure policy rule", in a stored copy read 2026-11-28. Aliases are taken as
//! paths within `properties`, or at the top, which is what most of them are; locations count as they are written.

use serde_json::Value as Json;

use super::places::text;

/// What a policy looks at.
pub(super) struct Subject<'a> {
    /// In full.
    pub(super) resource_type: &'a str,
    pub(super) name: &'a str,
    pub(super) body: &'a Json,
    /// What the assignment gives for the definition's parameters.
    pub(super) parameters: &'a Json,
}

/// Comparisons that are known here.
const COMPARISONS: [&str; 11] =
    ["equals", "notEquals", "in", "notIn", "like", "notLike", "exists", "contains", "notContains", "greater", "less"];

/// Whether a condition is one that this can judge.
pub(super) fn is_known(condition: &Json) -> bool {
    let Some(fields) = condition.as_object() else { return false };
    if let Some(all) = fields.get("allOf").or_else(|| fields.get("anyOf")) {
        return all.as_array().is_some_and(|all| all.iter().all(is_known));
    }
    if let Some(inner) = fields.get("not") {
        return is_known(inner);
    }
    fields.get("field").is_some_and(Json::is_string)
        && fields.len() == 2
        && fields.keys().any(|name| COMPARISONS.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

impl Subject<'_> {
    /// Whether a condition holds.
    pub(super) fn meets(&self, condition: &Json) -> bool {
        let Some(fields) = condition.as_object() else { return false };
        if let Some(Json::Array(all)) = fields.get("allOf") {
            return all.iter().all(|inner| self.meets(inner));
        }
        if let Some(Json::Array(any)) = fields.get("anyOf") {
            return any.iter().any(|inner| self.meets(inner));
        }
        if let Some(inner) = fields.get("not") {
            return !self.meets(inner);
        }
        let Some(field) = text(condition, "/field") else { return false };
        let value = self.field(&self.given(field));
        let Some((comparison, wanted)) = fields.iter().find(|(name, _)| name.as_str() != "field") else { return false };
        self.compare(&comparison.to_ascii_lowercase(), value.as_ref(), wanted)
    }

    fn compare(&self, comparison: &str, value: Option<&Json>, wanted: &Json) -> bool {
        if let Some(positive) = comparison.strip_prefix("not") {
            return !self.compare(positive, value, wanted);
        }
        let wanted = match wanted {
            Json::String(text) => self.parameter(text).unwrap_or_else(|| wanted.clone()),
            other => other.clone(),
        };
        let same = |one: &Json, other: &Json| told(one).eq_ignore_ascii_case(&told(other));
        let number = |value: &Json| value.as_f64().or_else(|| value.as_str()?.parse().ok());
        match comparison {
            "exists" => value.is_some() == (told(&wanted).eq_ignore_ascii_case("true")),
            "equals" => value.is_some_and(|value| same(value, &wanted)),
            "in" => {
                value.is_some_and(|value| wanted.as_array().is_some_and(|all| all.iter().any(|one| same(value, one))))
            }
            "like" => value.is_some_and(|value| is_like(&told(value), &told(&wanted))),
            "contains" => value
                .is_some_and(|value| told(value).to_ascii_lowercase().contains(&told(&wanted).to_ascii_lowercase())),
            "greater" => value.and_then(number) > number(&wanted),
            "less" => value.and_then(number).is_some_and(|value| Some(value) < number(&wanted)),
            _ => false,
        }
    }

    /// What `[parameters('name')]` stands for.
    fn parameter(&self, expression: &str) -> Option<Json> {
        let name = expression.strip_prefix("[parameters('")?.strip_suffix("')]")?;
        let mut parameters = self.parameters.as_object()?.iter();
        parameters.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    }

    fn given(&self, field: &str) -> String {
        self.parameter(field).map_or_else(|| field.to_owned(), |value| told(&value))
    }

    fn field(&self, field: &str) -> Option<Json> {
        let tag = field
            .strip_prefix("tags.")
            .or_else(|| field.strip_prefix("tags['")?.strip_suffix("']"))
            .or_else(|| field.strip_prefix("tags[")?.strip_suffix(']'));
        if let Some(tag) = tag {
            return insensitive(self.body.get("tags")?, tag).cloned();
        }
        match field.to_ascii_lowercase().as_str() {
            "type" => return Some(self.resource_type.into()),
            "name" | "fullname" => return Some(self.name.into()),
            "location" | "kind" | "tags" => return self.body.get(field.to_ascii_lowercase()).cloned(),
            _ => {}
        }
        // An alias: the type, and a path. One of another type is of no resource like this.
        let path = field.get(self.resource_type.len()..)?.strip_prefix('/')?;
        field.get(..self.resource_type.len()).filter(|prefix| prefix.eq_ignore_ascii_case(self.resource_type))?;
        // The size of a machine goes by the name that it has in scale sets.
        if self.resource_type.eq_ignore_ascii_case("Microsoft.Compute/virtualMachines") && path == "sku.name" {
            return self.body.pointer("/properties/hardwareProfile/vmSize").cloned();
        }
        let walk = |mut value: &Json| {
            for name in path.split('.') {
                value = insensitive(value, name)?;
            }
            Some(value.clone())
        };
        self.body.get("properties").and_then(walk).or_else(|| walk(self.body))
    }
}

fn insensitive<'a>(value: &'a Json, name: &str) -> Option<&'a Json> {
    value.as_object()?.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn told(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `*` stands for anything; there is one at most.
fn is_like(value: &str, pattern: &str) -> bool {
    let (value, pattern) = (value.to_ascii_lowercase(), pattern.to_ascii_lowercase());
    match pattern.split_once('*') {
        None => value == pattern,
        Some((start, end)) => {
            value.len() >= start.len() + end.len() && value.starts_with(start) && value.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_hold_or_not() {
        let body = json!({
            "location": "westus2", "tags": {"Owner": "me"}, "sku": {"name": "Standard"},
            "properties": {"hardwareProfile": {"vmSize": "Standard_D2s_v3"}, "osProfile": {"computerName": "x"}, "count": 4},
        });
        let parameters = json!({"places": ["eastus", "WestUS2"], "tag": "owner"});
        let subject = Subject {
            resource_type: "Microsoft.Compute/virtualMachines",
            name: "vm1",
            body: &body,
            parameters: &parameters,
        };
        for (condition, expected) in [
            (json!({"field": "type", "equals": "microsoft.compute/VIRTUALMACHINES"}), true),
            (json!({"field": "location", "in": "[parameters('Places')]"}), true),
            (json!({"not": {"field": "location", "notIn": ["eastus"]}}), false),
            (json!({"field": "tags.owner", "exists": "true"}), true),
            (json!({"field": "tags['cost']", "exists": false}), true),
            (json!({"field": "name", "like": "vm*"}), true),
            (json!({"field": "name", "notLike": "*2"}), true),
            (json!({"field": "Microsoft.Compute/virtualMachines/sku.name", "equals": "standard_d2s_v3"}), true),
            (json!({"field": "Microsoft.Compute/virtualMachines/osProfile.computerName", "contains": "X"}), true),
            (json!({"field": "Microsoft.Compute/virtualMachines/count", "greater": 3}), true),
            (json!({"field": "Microsoft.Compute/virtualMachines/count", "less": 4}), false),
            (json!({"field": "Microsoft.Compute/disks/sku.name", "exists": true}), false),
            (json!({"anyOf": [{"field": "kind", "exists": true}, {"field": "type", "equals": "x"}]}), false),
        ] {
            assert!(is_known(&condition), "{condition}");
            assert_eq!(subject.meets(&condition), expected, "{condition}");
        }
        for strange in
            [json!(7), json!({"value": "x", "equals": "x"}), json!({"field": "type", "matchInsensitively": "x"})]
        {
            assert!(!is_known(&strange), "{strange}");
        }
    }
}
