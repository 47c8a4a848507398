//! Control-plane nodes and pools.

use std::collections::BTreeMap;

use crate::base::Diagnostic;
use crate::catalog::Cloud;

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::identity::Identity;
use super::super::input::{AgentPoolProfile, ApiModel};
use super::super::pointers::{KUBERNETES, MASTER, pool};
use super::super::pool::{Availability, Caching, Orchestration, OsDisk, Pool, Priority, Storage};

pub(super) fn judge(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    let Some(properties) = &model.properties else { return };
    control_plane(cluster, model, findings);
    let profiles = properties.agent_pool_profiles.as_deref().unwrap_or_default();
    for (pool, profile) in cluster.pools.iter().zip(profiles) {
        shape(pool, profile, findings);
        kind(cluster, pool, profile, findings);
        labels(pool, findings);
    }
    names(cluster, findings);
    mixture(cluster, findings);
    runtime(model, findings);
}

fn control_plane(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    let master = model.properties.as_ref().and_then(|properties| properties.master_profile.as_ref());
    if let Some(count) = master.and_then(|master| master.count)
        && ![1, 3, 5].contains(&count)
    {
        let fault = Diagnostic::error(
            "control-plane-count",
            format!("{MASTER}/count"),
            format!("a control plane cannot have {count} nodes"),
        );
        findings.judge(&[], fault.help("write 1, 3 or 5: etcd needs a majority"));
    }
    let prefix = &cluster.dns_prefix;
    let bytes = prefix.as_bytes();
    let fits = (3..=45).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric);
    if !fits {
        let fault = Diagnostic::error(
            "dns-prefix-form",
            format!("{MASTER}/dnsPrefix"),
            format!("\"{prefix}\" cannot be part of a DNS name"),
        );
        findings
            .judge(&[], fault.help("write 3 to 45 letters, digits and hyphens, from a letter to a letter or digit"));
    }
    let plane = &cluster.control_plane;
    disk(&plane.os_disk, MASTER, findings);
    if cluster.cloud == Cloud::Stack && plane.availability == Availability::ScaleSet {
        stack_scale_set(MASTER, findings);
    }
    if plane.availability == Availability::ScaleSet
        && let Some(pool) = cluster.pools.iter().find(|pool| pool.availability != Availability::ScaleSet)
    {
        let fault = Diagnostic::error(
            "control-plane-scale-set",
            self::pool(pool.index, "availabilityProfile"),
            "with control-plane nodes in a scale set, this pool has to be one, too",
        );
        findings.judge(&[&format!("{MASTER}/availabilityProfile")], fault.help("write \"VirtualMachineScaleSets\""));
    }
}

fn shape(pool: &Pool, profile: &AgentPoolProfile, findings: &mut Findings) {
    let at = |name: &str| self::pool(pool.index, name);
    if let Some(count) = profile.count
        && !(1..=1000).contains(&count)
    {
        let fault = Diagnostic::error("pool-count", at("count"), format!("a pool cannot have {count} nodes"));
        findings.judge(&[], fault.help("write a number from 1 to 1000"));
    }
    let name = pool.name.as_bytes();
    let fits = (1..=12).contains(&name.len())
        && name[0].is_ascii_lowercase()
        && name.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !fits {
        let proposal: String =
            pool.name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        let proposal: String =
            proposal.trim_start_matches(|letter: char| letter.is_ascii_digit()).chars().take(12).collect();
        let proposal = if proposal.is_empty() { "agentpool1".to_owned() } else { proposal };
        let fault = Diagnostic::error("pool-name", at("name"), format!("a pool cannot be called \"{}\"", pool.name));
        findings.judge(
            &[],
            fault.help(format!(
                "write a small letter, then up to eleven small letters and digits, such as \"{proposal}\""
            )),
        );
    }
    if let Some(role) = &profile.role {
        let fault = Diagnostic::error("pool-role", at("role"), format!("role \"{role}\" is OpenShift's"));
        findings.judge(&[], fault.help("leave it out; customNodeLabels can name a role"));
    }
    for (given, name) in [(profile.dns_prefix.is_some(), "dnsPrefix"), (profile.ports.is_some(), "ports")] {
        if given {
            let fault = Diagnostic::error("pool-ports", at(name), format!("{name} of a pool is not Kubernetes'"));
            findings.judge(&[], fault.help("leave it out; a Service of type LoadBalancer opens ports"));
        }
    }
}

fn kind(cluster: &Cluster, pool: &Pool, profile: &AgentPoolProfile, findings: &mut Findings) {
    let at = |name: &str| self::pool(pool.index, name);
    let scale_set = pool.availability == Availability::ScaleSet;
    if cluster.cloud == Cloud::Stack && scale_set {
        stack_scale_set(at("").trim_end_matches('/'), findings);
    }
    let wants = [
        (pool.priority != Priority::Regular, "scaleSetPriority"),
        (profile.vmss_over_provisioning_enabled == Some(true), "vmssOverProvisioningEnabled"),
        (pool.public_ip_per_node, "enableVMSSNodePublicIP"),
        (profile.single_placement_group == Some(true), "singlePlacementGroup"),
        (pool.orchestration == Orchestration::Flexible, "orchestrationMode"),
    ];
    for (_, name) in wants.into_iter().filter(|(wanted, _)| *wanted && !scale_set) {
        let fault = Diagnostic::error("scale-set-only", at(name), format!("{name} needs a scale set"));
        findings.judge(
            &[&at("availabilityProfile")],
            fault.help("write \"availabilityProfile\": \"VirtualMachineScaleSets\""),
        );
    }
    if profile.scale_set_eviction_policy.is_some() && pool.priority == Priority::Regular {
        let fault = Diagnostic::error(
            "eviction-policy",
            at("scaleSetEvictionPolicy"),
            "machines of priority Regular are not evicted",
        );
        findings.judge(&[&at("scaleSetPriority")], fault.help("leave it out, or write \"scaleSetPriority\": \"Spot\""));
    }
    disk(&pool.os_disk, at("").trim_end_matches('/'), findings);
    if scale_set && pool.orchestration == Orchestration::Flexible {
        flexible(cluster, pool, findings);
    }
}

/// What a scale set cannot have whose instances are machines of their own.
///
/// Sources, in stored copies read 2026-11-28: learn.microsoft.com, "Orchestration modes for Virtual Machine Scale Sets" (an
/// identity that is assigned only; one placement group is for some sizes, spread over a fixed number of fault domains),
/// "Migrate deployments and resources to Virtual Machine Scale Sets in Flexible orchestration" (no overprovisioning) and
/// "Choosing the right number of fault domains for Virtual Machine Scale Set".
fn flexible(cluster: &Cluster, pool: &Pool, findings: &mut Findings) {
    let at = |name: &str| self::pool(pool.index, name);
    let mode = at("orchestrationMode");
    let mut tell = |pointer: String, message: &str, help: &str| {
        let echo = if pointer == mode { Vec::new() } else { vec![mode.as_str()] };
        findings.judge(&echo, Diagnostic::error("flexible-scale-set", pointer, message).help(help));
    };
    if cluster.identity == Identity::SystemAssigned {
        tell(
            mode.clone(),
            "a scale set of mode Flexible has no identity of its own",
            "name one for all machines by kubernetesConfig.userAssignedID, such as \"cluster-identity\", or write \"Uniform\"",
        );
    }
    if pool.overprovision {
        tell(
            at("vmssOverProvisioningEnabled"),
            "a scale set of mode Flexible makes no more than asked for",
            "leave it out",
        );
    }
    if pool.single_placement_group && pool.fault_domain_count == 1 {
        tell(
            at("singlePlacementGroup"),
            "one placement group does not hold machines that Azure spreads over as many fault domains as it can",
            "leave it out, or write \"platformFaultDomainCount\": 2 or 3",
        );
    }
    if pool.fault_domain_count > 1 && !pool.zones.is_empty() || pool.fault_domain_count > 3 {
        tell(
            at("platformFaultDomainCount"),
            "a scale set of mode Flexible has 1 to 3 fault domains, and with zones 1",
            "leave it out: Azure spreads the machines over as many as it can",
        );
    }
}

fn stack_scale_set(root: &str, findings: &mut Findings) {
    let fault = Diagnostic::error(
        "stack-scale-set",
        format!("{root}/availabilityProfile"),
        "the engine makes no scale sets on Azure Stack Hub",
    );
    findings.judge(&[], fault.help("write \"AvailabilitySet\""));
}

fn disk(disk: &OsDisk, root: &str, findings: &mut Findings) {
    if disk.storage == Storage::Ephemeral && disk.caching != Caching::ReadOnly {
        let fault = Diagnostic::error(
            "ephemeral-caching",
            format!("{root}/osDiskCachingType"),
            "an ephemeral disk is cached for reading",
        );
        findings.judge(&[&format!("{root}/storageProfile")], fault.help("write \"ReadOnly\", or leave it out"));
    }
}

fn names(cluster: &Cluster, findings: &mut Findings) {
    for pool in cluster.pools.iter().filter(|pool| pool.name == "master") {
        let message = "the control plane's machines are called \"master\" already";
        let fault = Diagnostic::error("pool-name", self::pool(pool.index, "name"), message);
        findings.judge(&[], fault.help("give the pool another name"));
    }
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for pool in cluster.pools.iter().filter(|pool| !pool.name.is_empty()) {
        if let Some(other) = first.insert(&pool.name, pool.index) {
            let message = format!("pool {other} is called \"{}\", too", pool.name);
            let fault = Diagnostic::error("pool-name-duplicate", self::pool(pool.index, "name"), message);
            findings.judge(&[&self::pool(other, "name")], fault.help("give each pool a name of its own"));
        }
    }
}

fn mixture(cluster: &Cluster, findings: &mut Findings) {
    let Some(first) = cluster.pools.first() else { return };
    let Some(other) = cluster.pools.iter().find(|pool| pool.availability != first.availability) else { return };
    let fault = Diagnostic::error(
        "pool-availability-mix",
        self::pool(other.index, "availabilityProfile"),
        format!("pool \"{}\" and pool \"{}\" have different availability profiles", first.name, other.name),
    );
    findings.judge(
        &[&self::pool(first.index, "availabilityProfile")],
        fault.help("give all pools the same, or leave it out everywhere"),
    );
}

fn labels(pool: &Pool, findings: &mut Findings) {
    for (key, value) in &pool.labels {
        let (prefix, name) = key.split_once('/').map_or((None, key.as_str()), |(prefix, name)| (Some(prefix), name));
        let prefix_fits = prefix.is_none_or(|prefix| {
            (1..=253).contains(&prefix.len())
                && prefix
                    .split('.')
                    .all(|part| is_word(part, 63, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit(), b"-"))
        });
        let word = |text: &str| is_word(text, 63, |byte: u8| byte.is_ascii_alphanumeric(), b"-_.");
        if !prefix_fits || !word(name) || !(value.is_empty() || word(value)) {
            let pointer = super::super::document::child(&self::pool(pool.index, "customNodeLabels"), key);
            let fault = Diagnostic::error("label-form", pointer, format!("\"{key}={value}\" is not a label"));
            findings.judge(&[], fault.help("key and value: up to 63 letters, digits, -, _ and ., from a letter or digit to one; the key may have a domain and / before it"));
        }
    }
}

/// Whether a text starts and ends with letters and has letters and `inside` between.
fn is_word(text: &str, longest: usize, letter: impl Fn(u8) -> bool, inside: &[u8]) -> bool {
    let bytes = text.as_bytes();
    (1..=longest).contains(&bytes.len())
        && bytes.iter().all(|byte| letter(*byte) || inside.contains(byte))
        && bytes.first().is_some_and(|byte| letter(*byte))
        && bytes.last().is_some_and(|byte| letter(*byte))
}

fn runtime(model: &ApiModel, findings: &mut Findings) {
    let orchestrator = model.properties.as_ref().and_then(|properties| properties.orchestrator_profile.as_ref());
    let kubernetes = orchestrator.and_then(|orchestrator| orchestrator.kubernetes_config.as_ref());
    if kubernetes.and_then(|kubernetes| kubernetes.container_runtime.as_deref()) == Some("docker") {
        let warning = Diagnostic::warning(
            "runtime-replaced",
            format!("{KUBERNETES}/containerRuntime"),
            "Kubernetes 1.24 dropped Docker; nodes run containerd",
        );
        findings.judge(&[], warning.help("write \"containerd\", or leave it out"));
    }
}
