//! What a box of the picture stands for.

/// What kind of thing a box stands for. It decides colour and shape, and is what the page filters by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The resource group.
    Group,
    /// A virtual network.
    Network,
    /// A subnet of a virtual network.
    Subnet,
    /// The control plane and its machines.
    ControlPlane,
    /// A pool of Linux machines.
    Worker,
    /// A pool of Windows machines.
    Windows,
    /// A load balancer.
    Balancer,
    /// A public address.
    Address,
    /// A network security group or a route table: who may send what where.
    Rules,
    /// An identity or a role assignment.
    Access,
    /// Anything else.
    Other,
}

impl Kind {
    /// Every kind that a reader may want to single out, in the order of the legend.
    pub(super) const IN_LEGEND: [Self; 8] = [
        Self::ControlPlane,
        Self::Worker,
        Self::Windows,
        Self::Balancer,
        Self::Address,
        Self::Rules,
        Self::Access,
        Self::Other,
    ];

    /// The class in style sheets.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Network => "network",
            Self::Subnet => "subnet",
            Self::ControlPlane => "control-plane",
            Self::Worker => "worker",
            Self::Windows => "windows",
            Self::Balancer => "balancer",
            Self::Address => "address",
            Self::Rules => "rules",
            Self::Access => "access",
            Self::Other => "other",
        }
    }

    /// The kind in the legend.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Group => "Resource group",
            Self::Network => "Network",
            Self::Subnet => "Subnet",
            Self::ControlPlane => "Control plane",
            Self::Worker => "Linux machines",
            Self::Windows => "Windows machines",
            Self::Balancer => "Load balancers",
            Self::Address => "Public addresses",
            Self::Rules => "Network rules",
            Self::Access => "Identities and roles",
            Self::Other => "Other",
        }
    }

    /// The outline of the kind's sign in a square of 14 units. No two are alike, so that nobody depends on colours.
    pub(super) fn outline(self) -> &'static str {
        match self {
            Self::Group => "M1 3h5l1.5 2H13v7H1z",
            Self::Network => "M1 1h12v12H1zM1 7h12M7 1v12",
            Self::Subnet => "M1 1h12v12H1zM1 7h12",
            Self::ControlPlane => "M7 0l6 3.5v7L7 14l-6-3.5v-7z",
            Self::Worker => "M7 1a6 6 0 1 1 0 12a6 6 0 1 1 0-12z",
            Self::Windows => "M1 1h5.4v5.4H1zM7.6 1H13v5.4H7.6zM1 7.6h5.4V13H1zM7.6 7.6H13V13H7.6z",
            Self::Balancer => "M7 0l7 7l-7 7l-7-7z",
            Self::Address => "M7 14L2.2 7.6A5 5 0 1 1 11.8 7.6z",
            Self::Rules => "M7 0l6 2v5c0 3.6-2.6 5.8-6 7c-3.4-1.2-6-3.4-6-7V2z",
            Self::Access => "M7 0l7 13H0z",
            Self::Other => "M5 1h4v4h4v4H9v4H5V9H1V5h4z",
        }
    }
}

/// Something that is drawn: its kind, its name, and what is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What kind of thing.
    pub kind: Kind,
    /// What it is in words, such as `Load balancer`.
    pub what: String,
    /// Its name; for a thing that each machine of a pool has, their number, such as `× 3`.
    pub name: String,
    /// What is told besides, a label and a text each.
    pub details: Vec<(&'static str, String)>,
}

impl Item {
    pub(super) fn new(kind: Kind, what: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, what: what.into(), name: name.into(), details: Vec::new() }
    }

    /// The same with one more detail, if there is something to tell.
    pub(super) fn detail(mut self, label: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.details.push((label, text));
        }
        self
    }

    /// What it is called when read aloud.
    pub(super) fn label(&self) -> String {
        format!("{} {}", self.what, self.name)
    }
}
