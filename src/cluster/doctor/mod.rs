//! Whether a cluster can be made here: what is needed of a subscription, held against what Azure tells, before anything is
//! made. `doctor` looks at all of it for a model; the preflight of the verbs that change something, at what concerns the
//! steps of their plan. Of a host on-prem, `host` judges the same.
//!
//! Every finding has the numbers and a way out. What Azure does not tell is said to be untold, never taken for good.
//! Sources: the REST references of Resources, Authorization, Compute (usages, resource SKUs) and Network (usages,
//! CheckDnsNameAvailability) on learn.microsoft.com, read 2026-11-25; of locks and policies see `rules.rs`.

mod demand;
mod host;
mod judge;
mod look;
mod rules;

use look::Look;

pub use demand::Demand;
pub use host::{HostDemand, HostView, MachineDemand, VIRTUALISATION, judge_host};

use super::Prepared;
use crate::contract::Fault;
use crate::graph::Scope;
use crate::target::azure::ArmClient;

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it has to be.
    Good,
    /// It works, or is mended on the way; somebody should know.
    Note,
    /// Who was asked does not tell.
    Untold,
    /// The cluster cannot be made so.
    Bad,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was looked at.
    pub about: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found, with numbers.
    pub message: String,
    /// A way out, where one is needed.
    pub help: Option<String>,
}

impl Finding {
    /// A finding. What is good needs no help.
    pub fn new(about: &str, verdict: Verdict, message: impl Into<String>, help: &str) -> Self {
        let help = Some(help.to_owned()).filter(|_| verdict != Verdict::Good);
        Self { about: about.to_owned(), verdict, message: message.into(), help }
    }

    /// What a fault keeps one from knowing.
    fn untold(about: &str, fault: &Fault) -> Self {
        let help = "Ask somebody who may read it, or see the portal.";
        Self::new(about, Verdict::Untold, format!("Azure does not tell: {}", fault.message), help)
    }
}

/// The providers that every cluster needs.
pub const PROVIDERS: [&str; 4] =
    ["Microsoft.Compute", "Microsoft.Network", "Microsoft.ManagedIdentity", "Microsoft.Authorization"];

/// Looks at everything. Only what keeps one from looking at all is a fault.
///
/// # Errors
/// Nobody can be signed in, or nothing answers.
pub async fn doctor(client: &ArmClient, scope: &Scope, demand: Option<&Demand>) -> Result<Vec<Finding>, Fault> {
    let look = Look { client, scope };
    let mut findings = look.subscription().await?;
    if findings.iter().any(|finding| finding.verdict == Verdict::Bad) {
        return Ok(findings);
    }
    findings.extend(look.location().await?);
    findings.extend(look.providers().await?);
    let (subscription, group) = (look.subscription_id(), scope.group_id());
    let is_there =
        !scope.resource_group.is_empty() && client.get(&format!("{group}?api-version=2018-05-01")).await?.is_some();
    let place = if is_there { group } else { subscription };
    let mut needed = demand.cloned().unwrap_or_else(Demand::of_any);
    needed.writes.insert(place.clone());
    findings.extend(look.permissions(&place, &needed).await?);
    findings.extend(look.locks(&needed).await?);
    findings.extend(look.policies(&place, &needed).await?);
    if demand.is_some() {
        findings.extend(look.compute(&needed, !is_there).await?);
        findings.extend(look.images(&needed).await?);
        // A cluster that exists has its addresses and its name already.
        if !is_there {
            findings.extend(look.subnets(&needed).await?);
            findings.extend(look.addresses(&needed).await?);
            findings.extend(look.names(&needed).await?);
        }
    }
    Ok(findings)
}

/// Looks, at once, at what concerns a demand, and gives what is not as it should be. What cannot be looked at is untold:
/// whether it can be done is then known when it is done.
pub async fn preflight(client: &ArmClient, scope: &Scope, demand: &Demand) -> Vec<Finding> {
    if demand.actions.is_empty() {
        return Vec::new();
    }
    let look = Look { client, scope };
    let place = if demand.makes_group { look.subscription_id() } else { scope.group_id() };
    let location = async { if demand.makes_group { look.location().await } else { Ok(Vec::new()) } };
    let (location, permissions, locks, policies, compute, images, subnets, addresses, names) = tokio::join!(
        location,
        look.permissions(&place, demand),
        look.locks(demand),
        look.policies(&place, demand),
        look.compute(demand, true),
        look.images(demand),
        look.subnets(demand),
        look.addresses(demand),
        look.names(demand),
    );
    let looked = [
        ("location", location),
        ("permissions", permissions),
        ("locks", locks),
        ("policies", policies),
        ("sizes", compute),
        ("images", images),
        ("subnets", subnets),
        ("public addresses", addresses),
        ("names", names),
    ];
    let findings = looked
        .into_iter()
        .flat_map(|(about, found)| found.unwrap_or_else(|fault| vec![Finding::untold(about, &fault)]));
    findings.filter(|finding| finding.verdict != Verdict::Good).collect()
}

impl Prepared {
    /// Holds what the plan needs against what Azure tells: see [`preflight`]. Nothing is asked for a plan without steps.
    pub async fn preflight(&self, client: &ArmClient) -> Vec<Finding> {
        preflight(client, &self.plan.scope, &self.demand).await
    }
}
