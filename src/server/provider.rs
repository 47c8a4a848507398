//! What a provider does with a resource of a type, as data. One row per type; the rows are in `provider_network`,
//! `provider_compute` and `provider_other`.
//!
//! Source: recorded traffic of management.azure.com, 2018 to 2026 (azure-cli, azure-libraries-for-net,
//! azure-service-operator, azure-dev; read 2026-11-22). Durations are those between a PUT and the end of its operation in the
//! same recordings, rounded, where the clocks were kept; else what Azure's users commonly see.

use super::provider_compute::COMPUTE;
use super::provider_network::NETWORK;
use super::provider_other::OTHER;

/// What code a type needs beyond the data of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    Plain,
    VirtualNetwork,
    SecurityGroup,
    PublicAddress,
    LoadBalancer,
    NetworkInterface,
    Machine,
    ScaleSet,
    Extension,
    Disk,
    Identity,
    RoleAssignment,
    AvailabilitySet,
    StorageAccount,
    Lock,
    PolicyDefinition,
    PolicyAssignment,
}

/// Which headers announce an operation after a PUT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// None: it is done.
    None,
    /// `Azure-AsyncOperation`.
    Operation,
    /// `Azure-AsyncOperation`, which one in sixteen answers lacks.
    OperationMostly,
    /// `Azure-AsyncOperation` and `Location`.
    OperationAndLocation,
    /// `Location` with the resource's own path, on creation; it is done.
    OwnPath,
    /// `Location` of the operation and no body, on creation; an update is done at once.
    LocationOnly,
}

/// How a DELETE goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deletion {
    /// 200 and nothing; it is done.
    AtOnce,
    /// 200 and what it was; it is done. One that is not there: 204.
    AtOnceWithBody,
    /// 202 with `Azure-AsyncOperation` and `Location`.
    Later,
    /// 405: it goes with its parent only.
    Never,
}

/// How the URLs of a provider's operations look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `…/operations/{id}`, for `Location` `…/operationResults/{id}`; the status says only `status`.
    Network,
    /// `…/operations/{id}?p=…`, for `Location` the same with `monitor=true`; the status has times and a name.
    Compute,
    /// The same under `…/DiskOperations/`, and the status has the resource in `properties.output`.
    Disk,
    /// `…/asyncoperations/{id}?monitor=true`, which tells by its status code.
    Storage,
}

/// Who says that a resource is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// The gateway: `ResourceNotFound`.
    Gateway,
    /// The provider: `NotFound` with this text, in which `{}` is the name.
    Provider(&'static str, &'static str),
}

/// A property that others' references make appear.
#[derive(Debug, Clone, Copy)]
pub(super) struct BackReference {
    /// The array in `properties` whose items get it; empty: the resource itself.
    pub(super) holder: &'static str,
    /// The property.
    pub(super) property: &'static str,
    /// The last type segment of what refers to it, such as `ipConfigurations`.
    pub(super) from: &'static str,
    /// Whether it is an array of `{"id"}`, or one `{"id"}`.
    pub(super) many: bool,
}

/// One type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Provider {
    pub(super) resource_type: &'static str,
    pub(super) behaviour: Behaviour,
    /// The status of a PUT that creates, and of one that updates.
    pub(super) status: (u16, u16),
    pub(super) signal: Signal,
    pub(super) style: Style,
    /// `provisioningState` in the answer to a PUT that creates, and to one that updates. `None`: the type has none.
    pub(super) states: Option<(&'static str, &'static str)>,
    /// How long creating, updating and deleting take, in real seconds.
    pub(super) seconds: (f64, f64, f64),
    /// `Retry-After` of the PUT or DELETE, and of a poll while it runs, in real seconds; 0: the header is not there.
    pub(super) retry_after: (u32, u32),
    pub(super) deletion: Deletion,
    /// Whether it has etags, honours `If-Match`, and takes a PUT that changes nothing as done.
    pub(super) etag: bool,
    /// Whether it tells a `resourceGuid`.
    pub(super) resource_guid: bool,
    /// The arrays in `properties` whose items are resources of their own, with id, etag, type and state.
    pub(super) children: &'static [&'static str],
    /// Whether a list of the group's resources has it.
    pub(super) listed: bool,
    /// What the server adds where it is absent: place and JSON text, in this order.
    pub(super) defaults: &'static [(&'static str, &'static str)],
    /// What it takes and never tells.
    pub(super) write_only: &'static [&'static str],
    /// What it does not take, since it is its own to say.
    pub(super) server_owned: &'static [&'static str],
    /// What stays as it was where a later PUT leaves it out.
    pub(super) kept: &'static [&'static str],
    /// What may not be given another value once it has one: 409 `PropertyChangeNotAllowed`.
    pub(super) immutable: &'static [&'static str],
    pub(super) back_references: &'static [BackReference],
    pub(super) absence: Absence,
}

/// A type that nothing is known of: 201 and 200, done at once, no defaults.
pub(super) const PLAIN: Provider = Provider {
    resource_type: "",
    behaviour: Behaviour::Plain,
    status: (201, 200),
    signal: Signal::None,
    style: Style::Network,
    states: Some(("Succeeded", "Succeeded")),
    seconds: (0.0, 0.0, 0.0),
    retry_after: (0, 0),
    deletion: Deletion::AtOnce,
    etag: false,
    resource_guid: false,
    children: &[],
    listed: true,
    defaults: &[],
    write_only: &[],
    server_owned: &[],
    kept: &[],
    immutable: &[],
    back_references: &[],
    absence: Absence::Gateway,
};

/// All rows.
pub(super) fn all() -> impl Iterator<Item = &'static Provider> {
    NETWORK.iter().chain(COMPUTE).chain(OTHER)
}

/// The row of a type; letter case does not count.
pub(super) fn of_type(resource_type: &str) -> Option<&'static Provider> {
    all().find(|provider| provider.resource_type.eq_ignore_ascii_case(resource_type))
}

/// The row of a type, or [`PLAIN`].
pub(super) fn of_type_or_plain(resource_type: &str) -> &'static Provider {
    of_type(resource_type).unwrap_or(&PLAIN)
}

/// The array of a parent's `properties` in which children of this type lie (`…/virtualNetworks/subnets`), and the parent.
pub(super) fn parent_with_child(resource_type: &str) -> Option<(&'static Provider, &'static str)> {
    let (parent, array) = resource_type.rsplit_once('/')?;
    let parent = of_type(parent)?;
    let array = parent.children.iter().find(|child| child.eq_ignore_ascii_case(array))?;
    Some((parent, array))
}
