//! `doctor`: what a cluster needs of its subscription, held against what Azure tells, before anything is made.
//!
//! Every finding has the numbers and a way out. What Azure does not tell is said to be untold, never taken for good.
//! Sources: the REST references of Resources, Authorization, Compute (usages, resource SKUs) and Network (usages,
//! CheckDnsNameAvailability) on learn.microsoft.com, read 2026-11-25.
//! Deliberately absent: what policies would refuse, which ARM tells only when something is made; their number is told.

mod judge;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use judge::{is_granted, judge_addresses, judge_processors, judge_sizes, judge_subnet};

use crate::contract::{Fault, FaultClass};
use crate::graph::Scope;
use crate::model::{Availability, Cluster, Image};
use crate::target::azure::{ArmClient, registration};

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it has to be.
    Good,
    /// It works, or is mended on the way; somebody should know.
    Note,
    /// Azure does not tell.
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

/// What a cluster needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demand {
    /// Machines by their size.
    pub machines: BTreeMap<String, u32>,
    /// The zones that machines of a size are put into.
    pub zones: BTreeMap<String, BTreeSet<String>>,
    /// The most fault domains that an availability set asks for.
    pub fault_domains: u32,
    /// Public addresses.
    pub public_addresses: u32,
    /// The label of the API server's public name.
    pub dns_label: Option<String>,
    /// Whether roles are assigned.
    pub assigns_roles: bool,
    /// Addresses that are taken from subnets which exist, by the subnet's id.
    pub subnet_addresses: BTreeMap<String, u32>,
    /// Marketplace images: publisher, offer, SKU, version.
    pub images: BTreeSet<[String; 4]>,
}

impl Demand {
    /// What a cluster needs that does not exist yet.
    pub fn of(cluster: &Cluster, assigns_roles: bool) -> Self {
        let mut demand = Self { assigns_roles, ..Self::default() };
        let control_plane = &cluster.control_plane;
        *demand.machines.entry(control_plane.vm_size.clone()).or_default() += control_plane.count;
        demand.images.extend(marketplace(&control_plane.image));
        for pool in &cluster.pools {
            *demand.machines.entry(pool.vm_size.clone()).or_default() += pool.count;
            if !pool.zones.is_empty() {
                demand.zones.entry(pool.vm_size.clone()).or_default().extend(pool.zones.iter().cloned());
            }
            if pool.availability == Availability::AvailabilitySet {
                demand.fault_domains = demand.fault_domains.max(pool.fault_domain_count);
            }
            if let Some(subnet) = &pool.subnet_id {
                *demand.subnet_addresses.entry(subnet.clone()).or_default() += pool.count * pool.addresses_per_node;
            }
            demand.images.extend(marketplace(&pool.image));
            if pool.public_ip_per_node {
                demand.public_addresses += pool.count;
            }
        }
        if cluster.public_fqdn() == cluster.api_server_host() {
            demand.public_addresses += 1;
            demand.dns_label = Some(cluster.dns_prefix.clone());
        }
        demand
    }
}

/// A marketplace image as Azure's addresses have it.
fn marketplace(image: &Image) -> Option<[String; 4]> {
    match image {
        Image::Marketplace { publisher, offer, sku, version, .. } => {
            Some([publisher, offer, sku, version].map(|part| part.to_string()))
        }
        _ => None,
    }
}

/// The providers that every cluster needs.
pub const PROVIDERS: [&str; 4] =
    ["Microsoft.Compute", "Microsoft.Network", "Microsoft.ManagedIdentity", "Microsoft.Authorization"];

/// What the one who makes a cluster must be allowed to do.
const ACTIONS: [&str; 6] = [
    "Microsoft.Resources/subscriptions/resourceGroups/write",
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Compute/virtualMachines/extensions/write",
    "Microsoft.Network/virtualNetworks/write",
    "Microsoft.Network/networkInterfaces/write",
    "Microsoft.Network/loadBalancers/write",
];
const ASSIGN_ROLES: &str = "Microsoft.Authorization/roleAssignments/write";

/// Looks at everything. Only what keeps one from looking at all is a fault.
///
/// # Errors
/// Nobody can be signed in, or nothing answers.
pub async fn doctor(client: &ArmClient, scope: &Scope, demand: Option<&Demand>) -> Result<Vec<Finding>, Fault> {
    let doctor = Doctor { client, scope, findings: Vec::new() };
    doctor.look(demand).await
}

struct Doctor<'a> {
    client: &'a ArmClient,
    scope: &'a Scope,
    findings: Vec<Finding>,
}

impl Doctor<'_> {
    async fn look(mut self, demand: Option<&Demand>) -> Result<Vec<Finding>, Fault> {
        let subscription = format!("/subscriptions/{}", self.scope.subscription_id);
        let found = self.client.get(&format!("{subscription}?api-version=2022-12-01")).await?;
        let state = found.as_ref().and_then(|body| body.get("state")?.as_str()).unwrap_or("unknown");
        let is_good = matches!(state, "Enabled" | "PastDue" | "Warned");
        let name = found.as_ref().and_then(|body| body.get("displayName")?.as_str()).unwrap_or_default();
        let message = format!("{} {name} is {state}", self.scope.subscription_id);
        let help = "Check the id, and that the identity may see it (`az account list`).";
        self.tell("subscription", if is_good { Verdict::Good } else { Verdict::Bad }, message, help);
        if !is_good {
            return Ok(self.findings);
        }
        self.location(&subscription).await?;
        self.providers().await?;
        let group = format!("{subscription}/resourceGroups/{}", self.scope.resource_group);
        let is_there = !self.scope.resource_group.is_empty()
            && self.client.get(&format!("{group}?api-version=2018-05-01")).await?.is_some();
        let place = if is_there { group } else { subscription.clone() };
        self.permissions(&place, demand.is_some_and(|demand| demand.assigns_roles)).await?;
        self.locks(&place).await?;
        self.policies(&place).await?;
        if let Some(demand) = demand {
            self.compute(&subscription, demand, is_there).await?;
            self.network(&subscription, demand, is_there).await?;
        }
        Ok(self.findings)
    }

    fn tell(&mut self, about: &str, verdict: Verdict, message: String, help: &str) {
        let help = Some(help.to_owned()).filter(|_| verdict != Verdict::Good);
        self.findings.push(Finding { about: about.to_owned(), verdict, message, help });
    }

    /// A list, or a finding that it is untold. What keeps everything away is a fault.
    async fn list(&mut self, about: &str, path: &str) -> Result<Option<Vec<Json>>, Fault> {
        match self.client.list(path).await {
            Ok(items) => Ok(Some(items)),
            Err(fault) if matches!(fault.class, FaultClass::NotFound | FaultClass::Forbidden | FaultClass::Invalid) => {
                let help = "Ask somebody who may read it, or see the portal.";
                self.tell(about, Verdict::Untold, format!("Azure does not tell: {}", fault.message), help);
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    async fn location(&mut self, subscription: &str) -> Result<(), Fault> {
        let wanted = self.scope.location.clone();
        let Some(found) = self.list("location", &format!("{subscription}/locations?api-version=2022-12-01")).await?
        else {
            return Ok(());
        };
        let names: Vec<&str> = found.iter().filter_map(|place| place.get("name")?.as_str()).collect();
        if wanted.is_empty() || names.iter().any(|name| name.eq_ignore_ascii_case(&wanted)) {
            self.tell("location", Verdict::Good, format!("{wanted} is one of {} locations", names.len()), "");
        } else {
            let help = format!("Take one of: {}.", names.join(", "));
            self.tell("location", Verdict::Bad, format!("the subscription has no location `{wanted}`"), &help);
        }
        Ok(())
    }

    async fn providers(&mut self) -> Result<(), Fault> {
        let mut missing = Vec::new();
        for namespace in PROVIDERS {
            match registration(self.client, &self.scope.subscription_id, namespace).await?.as_deref() {
                Some("Registered") => {}
                Some(state) => missing.push(format!("{namespace} is {state}")),
                None => missing.push(format!("this cloud has no {namespace}")),
            }
        }
        if missing.is_empty() {
            let message = format!("the subscription is registered with all {} that are needed", PROVIDERS.len());
            self.tell("providers", Verdict::Good, message, "");
        } else {
            let help = "Run `engine doctor --register`, or `az provider register --namespace <name> --wait`.";
            self.tell("providers", Verdict::Bad, missing.join("; "), help);
        }
        Ok(())
    }

    async fn permissions(&mut self, place: &str, assigns_roles: bool) -> Result<(), Fault> {
        let path = format!("{place}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01");
        let Some(granted) = self.list("permissions", &path).await? else { return Ok(()) };
        let wanted = ACTIONS.into_iter().chain(Some(ASSIGN_ROLES).filter(|_| assigns_roles));
        let missing: Vec<&str> = wanted.filter(|action| !is_granted(&granted, action)).collect();
        if missing.is_empty() {
            self.tell("permissions", Verdict::Good, format!("everything that is needed is allowed on {place}"), "");
        } else {
            let help = if missing == [ASSIGN_ROLES] {
                "Give the identity the role User Access Administrator as well, or give the machines no identity of their own."
            } else {
                "Give the identity the role Contributor; for role assignments also User Access Administrator."
            };
            self.tell("permissions", Verdict::Bad, format!("not allowed on {place}: {}", missing.join(", ")), help);
        }
        Ok(())
    }

    async fn locks(&mut self, place: &str) -> Result<(), Fault> {
        let path = format!("{place}/providers/Microsoft.Authorization/locks?api-version=2020-05-01");
        let Some(locks) = self.list("locks", &path).await? else { return Ok(()) };
        let level =
            |lock: &Json| lock.pointer("/properties/level").and_then(Json::as_str).unwrap_or_default().to_owned();
        let named = |lock: &Json| format!("{} ({})", lock["name"].as_str().unwrap_or_default(), level(lock));
        let told: Vec<String> = locks.iter().map(named).collect();
        if locks.iter().any(|lock| level(lock).eq_ignore_ascii_case("ReadOnly")) {
            let help = "Remove the read-only lock (`az lock list`), or ask whoever set it.";
            self.tell("locks", Verdict::Bad, format!("nothing can be changed: {}", told.join(", ")), help);
        } else if !locks.is_empty() {
            let help = "Creating works. `destroy` and scaling down need the lock removed first.";
            self.tell("locks", Verdict::Note, format!("nothing can be deleted: {}", told.join(", ")), help);
        } else {
            self.tell("locks", Verdict::Good, format!("none on {place}"), "");
        }
        Ok(())
    }

    async fn policies(&mut self, place: &str) -> Result<(), Fault> {
        let path = format!("{place}/providers/Microsoft.Authorization/policyAssignments?api-version=2022-06-01");
        let Some(policies) = self.list("policies", &path).await? else { return Ok(()) };
        let enforced = policies.iter().filter(|policy| {
            policy.pointer("/properties/enforcementMode").and_then(Json::as_str) != Some("DoNotEnforce")
        });
        match enforced.count() {
            0 => self.tell("policies", Verdict::Good, format!("none on {place}"), ""),
            count => {
                let help = "Whether one of them refuses something is known only when it is made; the refusal names it.";
                self.tell("policies", Verdict::Note, format!("{count} apply to {place}"), help);
            }
        }
        Ok(())
    }

    async fn compute(&mut self, subscription: &str, demand: &Demand, exists: bool) -> Result<(), Fault> {
        let location = &self.scope.location.clone();
        let compute = format!("{subscription}/providers/Microsoft.Compute");
        let path = format!("{compute}/skus?api-version=2021-07-01&$filter=location%20eq%20'{location}'");
        let Some(skus) = self.list("sizes", &path).await? else { return Ok(()) };
        let sizes = judge_sizes(&skus, demand, location);
        self.findings.extend(sizes);
        self.images(&compute, demand).await?;
        // What a cluster that exists uses is in the usages already.
        if exists {
            return Ok(());
        }
        let path = format!("{compute}/locations/{location}/usages?api-version=2024-07-01");
        if let Some(usages) = self.list("vCPU quota", &path).await? {
            self.findings.extend(judge_processors(&skus, &usages, demand, location));
        }
        Ok(())
    }

    async fn images(&mut self, compute: &str, demand: &Demand) -> Result<(), Fault> {
        let location = &self.scope.location.clone();
        for [publisher, offer, sku, version] in &demand.images {
            let (about, name) = ("image", format!("{publisher}:{offer}:{sku}:{version}"));
            let path = format!(
                "{compute}/locations/{location}/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions?api-version=2024-07-01"
            );
            let help = "See `az vm image list --all --publisher <publisher>` for what is on offer; take another image.";
            // The answer is an array as such.
            match self.client.get(&path).await {
                Ok(Some(Json::Array(found))) => {
                    let is_it = |image: &Json| version == "latest" || image["name"] == *version;
                    if found.iter().any(is_it) {
                        self.tell(about, Verdict::Good, format!("{name} is on offer in {location}"), "");
                    } else {
                        let message = format!("{location} does not offer {name}, of {} versions", found.len());
                        self.tell(about, Verdict::Bad, message, help);
                    }
                }
                Ok(_) => self.tell(about, Verdict::Untold, format!("{location} does not tell of {name}"), help),
                Err(fault) if matches!(fault.class, FaultClass::Forbidden | FaultClass::Invalid) => {
                    self.tell(about, Verdict::Untold, format!("Azure does not tell: {}", fault.message), help);
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    async fn subnets(&mut self, demand: &Demand) -> Result<(), Fault> {
        for (id, needed) in &demand.subnet_addresses {
            let found = self.client.get(&format!("{id}?api-version=2018-08-01")).await?;
            self.findings.push(judge_subnet(id, *needed, found.as_ref()));
        }
        Ok(())
    }

    async fn network(&mut self, subscription: &str, demand: &Demand, exists: bool) -> Result<(), Fault> {
        let location = &self.scope.location.clone();
        let place = format!("{subscription}/providers/Microsoft.Network/locations/{location}");
        // A cluster that exists has its addresses and its name already.
        if exists {
            return Ok(());
        }
        self.subnets(demand).await?;
        if let Some(usages) = self.list("public addresses", &format!("{place}/usages?api-version=2024-05-01")).await? {
            self.findings.extend(judge_addresses(&usages, demand.public_addresses, location));
        }
        let Some(label) = demand.dns_label.as_ref() else { return Ok(()) };
        let path = format!("{place}/CheckDnsNameAvailability?domainNameLabel={label}&api-version=2024-05-01");
        match self.client.get(&path).await {
            Ok(Some(body)) if body.get("available") == Some(&Json::Bool(true)) => {
                self.tell("name", Verdict::Good, format!("{label}.{location} is free"), "");
            }
            Ok(Some(_)) => {
                let help = "Take another DNS prefix (`dnsPrefix`).";
                self.tell("name", Verdict::Bad, format!("{label}.{location} is somebody's already"), help);
            }
            Ok(None) => {
                self.tell("name", Verdict::Untold, format!("Azure does not tell of {label}"), "See the portal.")
            }
            Err(fault) if matches!(fault.class, FaultClass::Forbidden | FaultClass::Invalid) => {
                self.tell(
                    "name",
                    Verdict::Untold,
                    format!("Azure does not tell: {}", fault.message),
                    "See the portal.",
                );
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }
}
