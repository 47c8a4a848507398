//! What is peculiar about a type of resource, as data: what cannot change, what a read never returns.
//!
//! Sources: the recordings of Azure's own traffic (PUT against GET per type) and Microsoft Learn's REST reference for
//! the API versions in `catalog` (both read 2026-11-21).

/// The peculiarities of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeFacts {
    /// The type, in its canonical case.
    pub resource_type: &'static str,
    /// Pointers that cannot change on a resource that exists, `*` standing for any item of an array; a difference there
    /// concerns new ones only. (What a read never returns needs no list: it is a secret, and compared by its digest.)
    pub new_only: &'static [&'static str],
    /// Whether the provider refuses a write whose `If-Match` is not the current version.
    pub honours_etag: bool,
    /// Whether the resource is a machine, or holds machines: no verb deletes one but those that say so.
    pub is_machine: bool,
    /// Whether it cannot be deleted by itself, and goes with the resource that it is a part of.
    pub goes_with_parent: bool,
    /// How long one takes to be made, in seconds: an estimate for weights until former runs tell better.
    pub expected_seconds: u32,
}

const DEFAULT: TypeFacts = TypeFacts {
    resource_type: "",
    new_only: &[],
    honours_etag: false,
    is_machine: false,
    goes_with_parent: false,
    expected_seconds: 10,
};

const TABLE: &[TypeFacts] = &[
    TypeFacts { resource_type: "Microsoft.Resources/resourceGroups", expected_seconds: 1, ..DEFAULT },
    TypeFacts { resource_type: "Microsoft.Network/virtualNetworks", honours_etag: true, ..DEFAULT },
    TypeFacts { resource_type: "Microsoft.Network/networkSecurityGroups", honours_etag: true, ..DEFAULT },
    TypeFacts { resource_type: "Microsoft.Network/routeTables", honours_etag: true, ..DEFAULT },
    TypeFacts {
        resource_type: "Microsoft.Network/publicIPAddresses",
        honours_etag: true,
        expected_seconds: 5,
        ..DEFAULT
    },
    TypeFacts { resource_type: "Microsoft.Network/loadBalancers", honours_etag: true, expected_seconds: 5, ..DEFAULT },
    TypeFacts { resource_type: "Microsoft.Network/natGateways", honours_etag: true, ..DEFAULT },
    TypeFacts {
        resource_type: "Microsoft.Network/networkInterfaces",
        honours_etag: true,
        expected_seconds: 3,
        ..DEFAULT
    },
    TypeFacts {
        resource_type: "Microsoft.Network/applicationGateways",
        // They are the ingress controller's, once the gateway is there.
        new_only: &[
            "/properties/backendAddressPools",
            "/properties/backendHttpSettingsCollection",
            "/properties/frontendPorts",
            "/properties/httpListeners",
            "/properties/requestRoutingRules",
        ],
        honours_etag: true,
        expected_seconds: 300,
        ..DEFAULT
    },
    TypeFacts { resource_type: "Microsoft.Compute/availabilitySets", expected_seconds: 1, ..DEFAULT },
    TypeFacts {
        resource_type: "Microsoft.Compute/virtualMachines",
        new_only: &[
            "/properties/osProfile",
            // It can change, but by a restart, of all machines of a pool or of all control-plane nodes at once.
            "/properties/hardwareProfile",
            "/properties/storageProfile/imageReference",
            "/properties/storageProfile/osDisk",
            "/properties/availabilitySet",
            "/properties/storageProfile/dataDisks/*/managedDisk",
            "/zones",
        ],
        is_machine: true,
        expected_seconds: 60,
        ..DEFAULT
    },
    TypeFacts {
        resource_type: "Microsoft.Compute/virtualMachines/extensions",
        // The script waits for the machine's first start; running it again on a machine that runs does nothing.
        new_only: &["/properties/settings", "/properties/protectedSettings"],
        expected_seconds: 120,
        ..DEFAULT
    },
    TypeFacts {
        resource_type: "Microsoft.Compute/virtualMachineScaleSets",
        new_only: &["/zones"],
        is_machine: true,
        expected_seconds: 120,
        ..DEFAULT
    },
    TypeFacts { resource_type: "Microsoft.Authorization/roleAssignments", expected_seconds: 5, ..DEFAULT },
    TypeFacts { resource_type: "Microsoft.ManagedIdentity/userAssignedIdentities", expected_seconds: 5, ..DEFAULT },
    TypeFacts {
        resource_type: "Microsoft.KeyVault/vaults/keys",
        // An existing key is returned as it is, whatever is written.
        new_only: &["/properties"],
        goes_with_parent: true,
        ..DEFAULT
    },
];

/// The peculiarities of a type; letter case does not count. An unknown type has none.
pub fn facts(resource_type: &str) -> &'static TypeFacts {
    TABLE.iter().find(|facts| facts.resource_type.eq_ignore_ascii_case(resource_type)).unwrap_or(&DEFAULT)
}

/// Whether a pointer is one of `patterns` or lies below one; a segment `*` of a pattern is any segment.
pub fn covered(pointer: &str, patterns: &[impl AsRef<str>]) -> bool {
    patterns.iter().any(|pattern| {
        let mut segments = pointer.split('/');
        pattern
            .as_ref()
            .split('/')
            .all(|wanted| segments.next().is_some_and(|segment| wanted == "*" || wanted == segment))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_lies_below_it() {
        let patterns = ["/properties/osProfile", "/properties/disks/*/size"];
        assert!(covered("/properties/osProfile/customData", &patterns));
        assert!(covered("/properties/disks/data-0/size", &patterns));
        assert!(!covered("/properties/osProfiles", &patterns));
        assert!(!covered("/properties/disks/data-0", &patterns));
        assert!(!covered("/properties", &patterns));
    }

    #[test]
    fn types_are_found_without_case() {
        assert!(facts("microsoft.compute/VIRTUALMACHINES").is_machine);
        assert!(!facts("Contoso.Things/widgets").is_machine);
    }
}
