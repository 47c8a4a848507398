//! Ids of resources, as ARM reads them: letter case does not count, a child's id holds its parent's, and an extension
//! resource (a role assignment) has another resource, a group or the subscription as its scope.

use super::exchange::Refusal;

/// An id taken apart, or the collection that it would be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResourceId {
    /// What stands before the last `/providers/`, with a slash in front and none at the end.
    pub(super) scope: String,
    /// The resource group, if the scope is in one.
    pub(super) group: Option<String>,
    /// The provider's namespace.
    pub(super) namespace: String,
    /// The type's segments after the namespace.
    pub(super) types: Vec<String>,
    /// The names, one for each type; one fewer for a collection.
    pub(super) names: Vec<String>,
}

impl ResourceId {
    /// Takes the segments of a path apart: `subscriptions/…[/resourceGroups/…]/providers/namespace/type/name…`.
    /// Nothing if it is not of that form.
    pub(super) fn of_segments(segments: &[String]) -> Option<Self> {
        let provider = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers"))?;
        let (scope, rest) = segments.split_at(provider);
        let (namespace, rest) = rest.get(1..)?.split_first()?;
        if rest.is_empty() || !scope.first()?.eq_ignore_ascii_case("subscriptions") {
            return None;
        }
        let group = (scope.len() >= 4 && scope[2].eq_ignore_ascii_case("resourceGroups")).then(|| scope[3].clone());
        let scope = scope.iter().fold(String::new(), |text, segment| text + "/" + segment);
        Some(Self {
            scope,
            group,
            namespace: namespace.clone(),
            types: rest.iter().step_by(2).cloned().collect(),
            names: rest.iter().skip(1).step_by(2).cloned().collect(),
        })
    }

    /// The same from the text of an id.
    pub(super) fn of_text(id: &str) -> Option<Self> {
        let segments: Vec<String> = id.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
        Self::of_segments(&segments).filter(|id| !id.is_collection())
    }

    /// Whether it names a collection, not one resource.
    pub(super) fn is_collection(&self) -> bool {
        self.names.len() < self.types.len()
    }

    /// The full type, as written.
    pub(super) fn full_type(&self) -> String {
        format!("{}/{}", self.namespace, self.types.join("/"))
    }

    /// The last name.
    pub(super) fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    /// The whole id.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}/providers/{}", self.scope, self.namespace);
        for (index, part) in self.types.iter().enumerate() {
            text.push('/');
            text.push_str(part);
            if let Some(name) = self.names.get(index) {
                text.push('/');
                text.push_str(name);
            }
        }
        text
    }

    /// The parent of a child; for a collection of children the resource they belong to.
    pub(super) fn parent(&self) -> Option<Self> {
        let names = self.types.len().checked_sub(1).filter(|count| *count > 0)?;
        Some(Self { types: self.types[..names].to_vec(), names: self.names[..names].to_vec(), ..self.clone() })
    }

    /// Refuses names that no provider takes.
    pub(super) fn check_names(&self) -> Result<(), Refusal> {
        for name in &self.names {
            // The last one stands for bytes that were no text.
            let is_odd = |c: char| c.is_control() || "/\\<>%&?#\u{fffd}".contains(c);
            if name.is_empty() || name.len() > 260 || name.ends_with('.') || name.chars().any(is_odd) {
                return Err(Refusal::new(
                    400,
                    "InvalidResourceName",
                    format!("Resource name {} is invalid.", name.escape_debug()),
                )
                .by_gateway());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn ids_have_scopes_parents_and_collections() {
        let id = ResourceId::of_text(
            "/subscriptions/s/resourcegroups/rg/providers/Microsoft.Compute/virtualMachines/vm/extensions/cse",
        )
        .unwrap();
        assert_eq!((id.group.as_deref(), id.name()), (Some("rg"), "cse"));
        assert_eq!(id.full_type(), "Microsoft.Compute/virtualMachines/extensions");
        assert_eq!(id.parent().unwrap().name(), "vm");
        assert_eq!(id.parent().unwrap().parent(), None);

        let role = ResourceId::of_text(&format!("{}/providers/Microsoft.Authorization/roleAssignments/r", id.text()));
        assert_eq!(role.unwrap().scope, id.text());
        assert_eq!(ResourceId::of_text("/subscriptions/s/providers/Microsoft.Compute/virtualMachines"), None);
        assert_eq!(ResourceId::of_text("/subscriptions/s/providers/x"), None);
        assert_eq!(ResourceId::of_text("/providers/a/b/c"), None);
    }

    #[test]
    fn odd_names_are_refused() {
        for name in ["..", "a.", "", "a\u{0}b", "a<b", "a/b"] {
            let id = ResourceId {
                scope: String::new(),
                group: None,
                namespace: "n".to_owned(),
                types: vec!["t".to_owned()],
                names: vec![name.to_owned()],
            };
            assert!(id.check_names().is_err(), "{name:?}");
        }
    }
}
