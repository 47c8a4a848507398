//! What flags of components say together: durations that are some, and nodes that are not given up too early.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::Diagnostic;

use super::super::cluster::Cluster;
use super::super::document::child;
use super::super::findings::Findings;
use super::super::pointers::{KUBERNETES, MASTER, pool};

/// Flags whose value is a duration, of any component.
const DURATIONS: [&str; 12] = [
    "--cluster-signing-duration",
    "--horizontal-pod-autoscaler-downscale-stabilization",
    "--horizontal-pod-autoscaler-sync-period",
    "--image-maximum-gc-age",
    "--image-minimum-gc-age",
    "--node-monitor-grace-period",
    "--node-monitor-period",
    "--node-status-update-frequency",
    "--request-timeout",
    "--route-reconciliation-period",
    "--streaming-connection-idle-timeout",
    "--sync-frequency",
];
const GRACE: &str = "--node-monitor-grace-period";
const FREQUENCY: &str = "--node-status-update-frequency";
/// Kubernetes' own values since 1.32.
const DEFAULT_GRACE: Duration = Duration::from_secs(50);
const DEFAULT_FREQUENCY: Duration = Duration::from_secs(10);
/// A node is given up after so many reports that did not come (aks-engine).
const REPORTS: u32 = 4;

pub(super) fn judge(cluster: &Cluster, findings: &mut Findings) {
    let given = &cluster.component_flags;
    let of_kubernetes = |name: &str| format!("{KUBERNETES}/{name}");
    let mut maps: Vec<(String, &BTreeMap<String, String>)> = vec![
        (of_kubernetes("apiServerConfig"), &given.api_server),
        (of_kubernetes("controllerManagerConfig"), &given.controller_manager),
        (of_kubernetes("schedulerConfig"), &given.scheduler),
        (of_kubernetes("kubeletConfig"), &given.kubelet),
        (format!("{MASTER}/kubernetesConfig/kubeletConfig"), &cluster.control_plane.kubelet_flags),
    ];
    let pools = cluster.pools.iter();
    maps.extend(pools.map(|pool| (self::pool(pool.index, "kubernetesConfig/kubeletConfig"), &pool.kubelet_flags)));
    for (root, flags) in &maps {
        for (flag, value) in flags.iter().filter(|(flag, _)| DURATIONS.contains(&flag.as_str())) {
            if duration(value).is_none() {
                let message = format!("\"{value}\" is no duration");
                let fault = Diagnostic::error("flag-duration", child(root, flag), message);
                findings.judge(&[], fault.help("write a number and its unit, such as 10s, 5m or 1h30m"));
            }
        }
    }
    let grace_pointer = child(&of_kubernetes("controllerManagerConfig"), GRACE);
    let grace = given.controller_manager.get(GRACE).map_or(Some(DEFAULT_GRACE), |text| duration(text));
    for (root, flags) in maps.iter().filter(|(root, _)| root.ends_with("kubeletConfig")) {
        let shared = given.kubelet.get(FREQUENCY);
        let (pointer, frequency) = match flags.get(FREQUENCY) {
            Some(text) => (child(root, FREQUENCY), duration(text)),
            None if root.starts_with(KUBERNETES) => {
                (grace_pointer.clone(), shared.map_or(Some(DEFAULT_FREQUENCY), |text| duration(text)))
            }
            None => continue,
        };
        if let (Some(grace), Some(frequency)) = (grace, frequency)
            && grace < frequency * REPORTS
        {
            let message = format!(
                "a node reports every {} s and is given up after {} s, before four reports are missing",
                frequency.as_secs(),
                grace.as_secs()
            );
            let fault = Diagnostic::error("node-grace-period", pointer, message);
            let least = (frequency * REPORTS).as_secs();
            findings.judge(
                &[&grace_pointer],
                fault.help(format!("set {GRACE} of controllerManagerConfig to {least}s or more")),
            );
        }
    }
}

/// A duration as Go writes it: `1h30m`, `500ms`, `0`.
fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|letter: char| letter.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let seconds = match &rest[digits..unit_end] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        sum = sum.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = &rest[unit_end..];
    }
    // Longer than a century is nobody's wish, and would not be multiplied safely.
    (!text.is_empty() && sum.as_secs() < 100 * 366 * 86_400).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, seconds) in
            [("10s", 10.0), ("1m", 60.0), ("5m0s", 300.0), ("1.5h", 5400.0), ("500ms", 0.5), ("0", 0.0)]
        {
            assert_eq!(duration(text), Duration::try_from_secs_f64(seconds).ok(), "{text}");
        }
        for text in ["", "10", "s", "10 s", "-1s", "1d", "..s", "999999999999h", "1e9s", "1s1"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
