//! What is asked of Azure, one read for each question, and how the answers are judged.

use serde_json::{Value as Json, json};

use super::demand::ASSIGN_ROLES;
use super::judge::{judge_addresses, judge_processors, judge_sizes, judge_subnet};
use super::rules::{denying, is_granted, judge_locks};
use super::{Demand, Finding, PROVIDERS, Verdict};
use crate::contract::{Fault, FaultClass};
use crate::graph::Scope;
use crate::target::azure::{ArmClient, registration};

/// Asks.
pub(super) struct Look<'a> {
    pub client: &'a ArmClient,
    pub scope: &'a Scope,
}

type Findings = Result<Vec<Finding>, Fault>;

impl Look<'_> {
    pub(super) fn subscription_id(&self) -> String {
        format!("/subscriptions/{}", self.scope.subscription_id)
    }

    /// A list, or the finding that it is untold. What keeps everything away is a fault.
    async fn list(&self, about: &str, path: &str) -> Result<Result<Vec<Json>, Finding>, Fault> {
        match self.client.list(path).await {
            Ok(items) => Ok(Ok(items)),
            Err(fault) if is_untold(&fault) => Ok(Err(Finding::untold(about, &fault))),
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn subscription(&self) -> Findings {
        let found = self.client.get(&format!("{}?api-version=2022-12-01", self.subscription_id())).await?;
        let word = |name: &str| found.as_ref().and_then(|body| body.get(name)?.as_str());
        let (state, name) = (word("state").unwrap_or("unknown"), word("displayName").unwrap_or_default());
        let is_good = matches!(state, "Enabled" | "PastDue" | "Warned");
        let message = format!("{} {name} is {state}", self.scope.subscription_id);
        let help = "Check the id, and that the identity may see it (`az account list`).";
        Ok(vec![Finding::new("subscription", if is_good { Verdict::Good } else { Verdict::Bad }, message, help)])
    }

    pub(super) async fn location(&self) -> Findings {
        let wanted = &self.scope.location;
        let path = format!("{}/locations?api-version=2022-12-01", self.subscription_id());
        let found = match self.list("location", &path).await? {
            Ok(found) => found,
            Err(untold) => return Ok(vec![untold]),
        };
        let names: Vec<&str> = found.iter().filter_map(|place| place.get("name")?.as_str()).collect();
        if wanted.is_empty() || names.iter().any(|name| name.eq_ignore_ascii_case(wanted)) {
            let message = format!("{wanted} is one of {} locations", names.len());
            return Ok(vec![Finding::new("location", Verdict::Good, message, "")]);
        }
        let help = format!("Take one of: {}.", names.join(", "));
        let message = format!("the subscription has no location `{wanted}`");
        Ok(vec![Finding::new("location", Verdict::Bad, message, &help)])
    }

    pub(super) async fn providers(&self) -> Findings {
        let mut missing = Vec::new();
        for namespace in PROVIDERS {
            match registration(self.client, &self.scope.subscription_id, namespace).await?.as_deref() {
                Some("Registered") => {}
                Some(state) => missing.push(format!("{namespace} is {state}")),
                None => missing.push(format!("this cloud has no {namespace}")),
            }
        }
        Ok(vec![if missing.is_empty() {
            let message = format!("the subscription is registered with all {} that are needed", PROVIDERS.len());
            Finding::new("providers", Verdict::Good, message, "")
        } else {
            let help = "Run `engine doctor --register`, or `az provider register --namespace <name> --wait`.";
            Finding::new("providers", Verdict::Bad, missing.join("; "), help)
        }])
    }

    pub(super) async fn permissions(&self, place: &str, demand: &Demand) -> Findings {
        let path = format!("{place}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01");
        let granted = match self.list("permissions", &path).await? {
            Ok(granted) => granted,
            Err(untold) => return Ok(vec![untold]),
        };
        let missing: Vec<&str> =
            demand.actions.iter().map(String::as_str).filter(|action| !is_granted(&granted, action)).collect();
        if missing.is_empty() {
            let message = format!("everything that is needed is allowed on {place}");
            return Ok(vec![Finding::new("permissions", Verdict::Good, message, "")]);
        }
        let help = if missing == [ASSIGN_ROLES] {
            "Give the identity the role User Access Administrator as well, or give the machines no identity of their own."
        } else {
            "Give the identity the role Contributor; for role assignments also User Access Administrator."
        };
        let message =
            format!("{} of {} are not allowed on {place}: {}", missing.len(), demand.actions.len(), missing.join(", "));
        Ok(vec![Finding::new("permissions", Verdict::Bad, message, help)])
    }

    /// All locks of the subscription, or those of the group where only these may be read.
    pub(super) async fn locks(&self, demand: &Demand) -> Findings {
        let path = |place: &str| format!("{place}/providers/Microsoft.Authorization/locks?api-version=2020-05-01");
        let mut found = self.list("locks", &path(&self.subscription_id())).await?;
        if found.is_err() && !demand.makes_group && !self.scope.resource_group.is_empty() {
            found = self.list("locks", &path(&self.scope.group_id())).await?;
        }
        Ok(vec![match found {
            Ok(locks) => judge_locks(&locks, demand, self.scope),
            Err(untold) => untold,
        }])
    }

    /// Which policies apply, and, of what is known of the resources to come, whether one of them would deny it.
    pub(super) async fn policies(&self, place: &str, demand: &Demand) -> Findings {
        let about = "policies";
        let path = format!("{place}/providers/Microsoft.Authorization/policyAssignments?api-version=2022-06-01");
        let policies = match self.list(about, &path).await? {
            Ok(policies) => policies,
            Err(untold) => return Ok(vec![untold]),
        };
        let enforced = policies.iter().filter(|policy| {
            policy.pointer("/properties/enforcementMode").and_then(Json::as_str) != Some("DoNotEnforce")
        });
        let count = enforced.count();
        if count == 0 {
            return Ok(vec![Finding::new(about, Verdict::Good, format!("none on {place}"), "")]);
        }
        if demand.contents.is_empty() {
            let help = "Whether one of them refuses something is known only when it is made; the refusal names it.";
            let message = format!("{count} apply to {place}");
            let verdict = if demand.writes.is_empty() { Verdict::Good } else { Verdict::Note };
            return Ok(vec![Finding::new(about, verdict, message, help)]);
        }
        let asked = demand.contents.iter().map(|content| self.restrictions(place, content));
        let answers = futures_util::future::join_all(asked).await;
        let mut findings = Vec::new();
        let mut untold = None;
        for (content, answer) in demand.contents.iter().zip(answers) {
            match answer {
                Ok(answer) => {
                    let policies = denying(&answer.unwrap_or_default());
                    if !policies.is_empty() {
                        let (name, kind) = (&content["name"], &content["type"]);
                        let (name, kind) = (name.as_str().unwrap_or_default(), kind.as_str().unwrap_or_default());
                        let message = format!("{kind} {name} and its like are denied by {}", policies.join(", "));
                        let help = "Change the model so that it complies, or ask whoever assigned the policy for an exemption \
                                    (`az policy exemption create`).";
                        findings.push(Finding::new("policy", Verdict::Bad, message, help));
                    }
                }
                // One finding for all: the reason is the same.
                Err(fault) => untold = Some(Finding::untold(about, &fault)),
            }
        }
        findings.extend(untold);
        if findings.is_empty() {
            let message = format!("none of {count} on {place} denies what is to be made");
            findings.push(Finding::new(about, Verdict::Good, message, ""));
        }
        Ok(findings)
    }

    /// What policies say to a resource that might be made.
    async fn restrictions(&self, place: &str, content: &Json) -> Result<Option<Json>, Fault> {
        let path = format!("{place}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions?api-version=2022-03-01");
        let details = json!({ "resourceContent": content, "scope": self.scope.group_id() });
        self.client.post(&path, &json!({ "resourceDetails": details })).await
    }

    /// Sizes, zones and fault domains; with `counts` also processors.
    pub(super) async fn compute(&self, demand: &Demand, counts: bool) -> Findings {
        if demand.sizes().is_empty() && demand.fault_domains == 0 {
            return Ok(Vec::new());
        }
        let (location, compute) = (&self.scope.location, self.compute_id());
        let skus = format!("{compute}/skus?api-version=2021-07-01&$filter=location%20eq%20'{location}'");
        let usages = format!("{compute}/locations/{location}/usages?api-version=2024-07-01");
        let usages = async {
            if counts && !demand.sizes().is_empty() {
                self.list("vCPU quota", &usages).await
            } else {
                Ok(Ok(Vec::new()))
            }
        };
        let (skus, usages) = tokio::join!(self.list("sizes", &skus), usages);
        let skus = match skus? {
            Ok(skus) => skus,
            Err(untold) => return Ok(vec![untold]),
        };
        let mut findings = judge_sizes(&skus, demand, location);
        match usages? {
            Ok(usages) if counts => findings.extend(judge_processors(&skus, &usages, demand, location)),
            Ok(_) => {}
            Err(untold) => findings.push(untold),
        }
        Ok(findings)
    }

    fn compute_id(&self) -> String {
        format!("{}/providers/Microsoft.Compute", self.subscription_id())
    }

    fn network_id(&self) -> String {
        format!("{}/providers/Microsoft.Network/locations/{}", self.subscription_id(), self.scope.location)
    }

    pub(super) async fn images(&self, demand: &Demand) -> Findings {
        let (location, compute) = (&self.scope.location, self.compute_id());
        let mut findings = Vec::new();
        for [publisher, offer, sku, version] in &demand.images {
            let (about, name) = ("image", format!("{publisher}:{offer}:{sku}:{version}"));
            let path = format!(
                "{compute}/locations/{location}/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions?api-version=2024-07-01"
            );
            let help = "See `az vm image list --all --publisher <publisher>` for what is on offer; take another image.";
            // The answer is an array as such.
            findings.push(match self.client.get(&path).await {
                Ok(Some(Json::Array(found))) => {
                    let is_it = |image: &Json| version == "latest" || image["name"] == *version;
                    if found.iter().any(is_it) {
                        Finding::new(about, Verdict::Good, format!("{name} is on offer in {location}"), "")
                    } else {
                        let message = format!("{location} does not offer {name}, of {} versions", found.len());
                        Finding::new(about, Verdict::Bad, message, help)
                    }
                }
                Ok(_) => Finding::new(about, Verdict::Untold, format!("{location} does not tell of {name}"), help),
                Err(fault) if is_untold(&fault) => Finding::untold(about, &fault),
                Err(fault) => return Err(fault),
            });
        }
        Ok(findings)
    }

    pub(super) async fn subnets(&self, demand: &Demand) -> Findings {
        let mut findings = Vec::new();
        for (id, needed) in &demand.subnet_addresses {
            findings.push(match self.client.get(&format!("{id}?api-version=2018-11-01")).await {
                Ok(found) => judge_subnet(id, *needed, found.as_ref()),
                Err(fault) if is_untold(&fault) => Finding::untold("subnet", &fault),
                Err(fault) => return Err(fault),
            });
        }
        Ok(findings)
    }

    pub(super) async fn addresses(&self, demand: &Demand) -> Findings {
        if demand.public_addresses == 0 {
            return Ok(Vec::new());
        }
        let path = format!("{}/usages?api-version=2024-05-01", self.network_id());
        Ok(match self.list("public addresses", &path).await? {
            Ok(usages) => judge_addresses(&usages, demand.public_addresses, &self.scope.location),
            Err(untold) => vec![untold],
        })
    }

    pub(super) async fn names(&self, demand: &Demand) -> Findings {
        let (location, about) = (&self.scope.location, "name");
        let mut findings = Vec::new();
        for label in &demand.dns_labels {
            let path = format!(
                "{}/CheckDnsNameAvailability?domainNameLabel={label}&api-version=2024-05-01",
                self.network_id()
            );
            findings.push(match self.client.get(&path).await {
                Ok(Some(body)) if body.get("available") == Some(&Json::Bool(true)) => {
                    Finding::new(about, Verdict::Good, format!("{label}.{location} is free"), "")
                }
                Ok(Some(_)) => {
                    let message = format!("{label}.{location} is somebody's already");
                    Finding::new(about, Verdict::Bad, message, "Take another DNS prefix (`dnsPrefix`).")
                }
                Ok(None) => {
                    Finding::new(about, Verdict::Untold, format!("Azure does not tell of {label}"), "See the portal.")
                }
                Err(fault) if is_untold(&fault) => Finding::untold(about, &fault),
                Err(fault) => return Err(fault),
            });
        }
        Ok(findings)
    }
}

/// Whether a fault keeps one from knowing this and nothing else.
fn is_untold(fault: &Fault) -> bool {
    matches!(fault.class, FaultClass::NotFound | FaultClass::Forbidden | FaultClass::Invalid)
}
