//! The form of a file of faults, version 1. `docs/faults.md` shows it by example, `schemas/faults.json` is made of these
//! types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::server::quotas;

/// What goes wrong, and when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultPlan {
    /// The version of the form: 1.
    pub format: u32,
    /// Where the chance of `probability` comes from: the same seed gives the same faults.
    #[serde(default)]
    pub seed: u64,
    /// Asked in this order for each request; the first one that comes to pass is the request's fault.
    pub rules: Vec<Rule>,
}

impl FaultPlan {
    /// The version of the form that this engine reads and writes.
    pub const FORMAT: u32 = 1;
}

/// One kind of fault, and the requests that meet it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// What the log and the control address call it; without it, its number from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the request is for.
    #[serde(default)]
    pub on: Subject,
    /// The methods; without them, every one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Method>,
    /// The resource's full type, `*` and `?` standing for letters, without regard to case; without it, every one.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// The resource's name, in the same way: the last part of it. For Kubernetes the last part of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// How many such requests are spared at first.
    #[serde(default)]
    pub skip: u64,
    /// Of those after that, the first of so many meets it.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub every: u64,
    /// With which chance, from 0 to 1, those meet it.
    #[serde(default = "certain")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// How often it comes to pass: a number, or `"always"`.
    #[serde(default)]
    pub times: Times,
    /// Whether `skip`, `every` and `times` are counted for each resource by itself rather than for all together.
    #[serde(default)]
    pub each: bool,
    /// What goes wrong.
    pub fault: Mishap,
}

const fn one() -> u64 {
    1
}

const fn certain() -> f64 {
    1.0
}

/// What a request is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// One resource or resource group, or an action on it.
    #[default]
    Resource,
    /// A collection of resources.
    List,
    /// How an operation goes. Type and name are those of the resource that it works on.
    Poll,
    /// A token.
    Token,
    /// The API server of a cluster.
    Kubernetes,
    /// Anything else, such as the endpoints of the cloud, its locations, providers, and quotas.
    Other,
    /// All of these.
    Any,
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "there is nothing to say beyond the name")]
pub enum Method {
    Get,
    Head,
    Put,
    Patch,
    Post,
    Delete,
}

impl Method {
    /// The word in a request.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Times {
    /// So often.
    Number(#[schemars(range(min = 1))] u64),
    /// Each time.
    Word(Always),
}

impl Default for Times {
    fn default() -> Self {
        Self::Number(1)
    }
}

/// Each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Always {
    /// Each time.
    Always,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Mishap {
    /// Refused with 429, without effect.
    Throttled {
        /// How long the client is asked to wait, in the seconds of Azure: the time scale holds for them too.
        #[serde(default = "ten")]
        seconds: u32,
        /// How that is told.
        #[serde(default)]
        told: Told,
    },
    /// Refused in the error envelope of Resource Manager, without effect.
    Refused {
        /// The status, from 400 to 599.
        #[schemars(range(min = 400, max = 599))]
        status: u16,
        /// The code; without it, the usual one of the status.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// The connection is closed without an answer.
    Reset {
        /// Whether the request had its effect before.
        #[serde(default = "yes")]
        effect: bool,
    },
    /// The operation does not end, or so many seconds of Azure later than it should.
    Stuck {
        /// How much later; without it, never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<f64>,
    },
    /// The operation ends as `Failed`, and so does the resource.
    Fails {
        /// The code.
        code: String,
        /// The message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// The operation ends as `Succeeded`, and nothing has changed.
    Lies {},
    /// The operation's URL is not known when somebody asks; the operation goes on.
    Forgotten {},
    /// Accepted with 202, and no header says where to ask.
    Unaddressed {},
    /// There is no room for a machine, or none may be made.
    Allocation {
        /// In which way.
        code: Allocation,
    },
    /// The body comes slowly, in real time.
    Slow {
        /// So many bytes a second.
        #[schemars(range(min = 1))]
        bytes_per_second: u32,
    },
    /// The connection is closed within the body.
    Truncated {
        /// After so many bytes of it.
        #[serde(default = "ten")]
        bytes: u32,
    },
    /// A page of somebody in between comes as the answer; the request does not arrive.
    Page {
        /// The status, from 200 to 599.
        #[serde(default = "fine")]
        #[schemars(range(min = 200, max = 599))]
        status: u16,
        /// What it is said to be.
        #[serde(default = "html")]
        content_type: String,
        /// The body; without it, the page of a proxy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// An answer without end: so many MiB.
    Huge {
        /// How many, at most 1024.
        #[schemars(range(min = 1, max = 1024))]
        mebibytes: u32,
    },
}

impl Mishap {
    /// Whether it befalls an operation rather than an answer.
    pub(super) const fn is_of_operation(&self) -> bool {
        match self {
            Self::Stuck { .. } | Self::Fails { .. } | Self::Lies {} | Self::Forgotten {} => true,
            Self::Allocation { code } => !code.is_at_once(),
            _ => false,
        }
    }
}

const fn ten() -> u32 {
    10
}

const fn yes() -> bool {
    true
}

const fn fine() -> u16 {
    200
}

fn html() -> String {
    "text/html; charset=utf-8".to_owned()
}

/// How a client is told to wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// `Retry-After` in seconds.
    #[default]
    Seconds,
    /// `Retry-After` as a date.
    Date,
    /// Not at all.
    Nothing,
}

/// Why a machine cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Allocation {
    /// The size is not on offer in the location or zone: told at once.
    SkuNotAvailable,
    /// The region has no room: the operation fails.
    AllocationFailed,
    /// The zone has no room: the operation fails.
    ZonalAllocationFailed,
    /// The constraints of an availability set leave no room: the operation fails.
    OverconstrainedAllocationRequest,
    /// The subscription's cores are used up: told at once, as `OperationNotAllowed`.
    QuotaExceeded,
}

impl Allocation {
    /// Whether the request itself is refused.
    pub(super) const fn is_at_once(self) -> bool {
        matches!(self, Self::SkuNotAvailable | Self::QuotaExceeded)
    }

    /// Code and message, for a machine of a size in a location.
    ///
    /// Sources, in stored copies read 2026-11-28: Microsoft Learn, "Troubleshoot allocation failures when you create, restart, or
    /// resize VMs in Azure"; openshift/release#5182 (a zone); Azure-Samples/azuresandbox#70 (a size that is not on offer);
    /// jenkins-infra/helpdesk#3584 (constraints); [`quotas`] for processors.
    pub(super) fn words(self, size: &str, location: &str) -> (&'static str, String) {
        const MORE: &str =
            "Read more about improving likelihood of allocation success at https://aka.ms/allocation-guidance";
        let lacking = |place: &str| {
            format!(
                "Allocation failed. We do not have sufficient capacity for the requested VM size in this {place}. {MORE}"
            )
        };
        match self {
            Self::SkuNotAvailable => (
                "SkuNotAvailable",
                format!(
                    "The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: {size}' is \
                     currently not available in location '{location}'. Please try another size or deploy to a different \
                     location or different zone. See https://aka.ms/azureskunotavailable for details."
                ),
            ),
            Self::AllocationFailed => ("AllocationFailed", lacking("region")),
            Self::ZonalAllocationFailed => ("ZonalAllocationFailed", lacking("zone")),
            Self::OverconstrainedAllocationRequest => (
                "OverconstrainedAllocationRequest",
                "Allocation failed. VM(s) with the following constraints cannot be allocated, because the condition is too \
                 restrictive. Please remove some constraints and try again. Constraints applied are:\n  - Networking \
                 Constraints (such as Accelerated Networking or IPv6)\n  - VM Size\n"
                    .to_owned(),
            ),
            Self::QuotaExceeded => {
                (quotas::PROCESSORS_EXCEEDED, quotas::processors_exceeded("Total Regional", location, 10, 10, 2))
            }
        }
    }
}
