//! Where resources live: subscription, resource group, location; and the ids that follow from it.

use serde::{Deserialize, Serialize};

/// The type of a resource group, which is a resource of the graph like any other.
pub const GROUP_TYPE: &str = "Microsoft.Resources/resourceGroups";

/// The place a graph is made in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// The subscription, a GUID.
    pub subscription_id: String,
    /// The tenant, a GUID, or `adfs`.
    pub tenant_id: String,
    /// The resource group's name.
    pub resource_group: String,
    /// The location, such as `westus2`.
    pub location: String,
}

impl Scope {
    /// The id of the resource group.
    pub fn group_id(&self) -> String {
        format!("/subscriptions/{}/resourceGroups/{}", self.subscription_id, self.resource_group)
    }

    /// The id of a resource in the group. A child's type has more than one segment after the namespace
    /// (`Microsoft.Compute/virtualMachines/extensions`) and its name as many parts (`machine/extension`).
    pub fn resource_id(&self, resource_type: &str, name: &str) -> String {
        if resource_type.eq_ignore_ascii_case(GROUP_TYPE) {
            return format!("/subscriptions/{}/resourceGroups/{name}", self.subscription_id);
        }
        let mut id = self.group_id();
        push_provider_path(&mut id, resource_type, name);
        id
    }

    /// The id of a resource of the subscription itself, such as a role definition.
    pub fn subscription_resource_id(&self, resource_type: &str, name: &str) -> String {
        let mut id = format!("/subscriptions/{}", self.subscription_id);
        push_provider_path(&mut id, resource_type, name);
        id
    }
}

/// Appends `/providers/<namespace>/<type>/<name>[/<type>/<name>…]`.
fn push_provider_path(id: &mut String, resource_type: &str, name: &str) {
    let (namespace, types) = resource_type.split_once('/').unwrap_or((resource_type, ""));
    id.push_str("/providers/");
    id.push_str(namespace);
    for (kind, part) in types.split('/').zip(name.split('/')) {
        id.push('/');
        id.push_str(kind);
        id.push('/');
        id.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_interleave_types_and_names() {
        let scope = Scope {
            subscription_id: "s".into(),
            tenant_id: "t".into(),
            resource_group: "rg".into(),
            location: "westus2".into(),
        };
        assert_eq!(
            scope.resource_id("Microsoft.Compute/virtualMachines/extensions", "vm-0/cse"),
            "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-0/extensions/cse"
        );
        assert_eq!(
            scope.subscription_resource_id("Microsoft.Authorization/roleDefinitions", "r"),
            "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/r"
        );
        assert_eq!(scope.resource_id(GROUP_TYPE, "rg"), "/subscriptions/s/resourceGroups/rg");
    }
}
