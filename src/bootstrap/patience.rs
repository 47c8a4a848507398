//! How long everything may take: on ordinary machines, and on those whose processors are emulated in software, where the same
//! work takes ten times as long and whoever waits for less ends what works.
//!
//! Sources: etcd's `docs/tuning`, from memory (an election lasts ten heartbeats or more, at most 50 s); kubeadm v1beta4's `Timeouts`;
//! Kubernetes' `leaderelection` and node leases, kubernetes/kubernetes v1.36.4, read 2026-11-28. The figures are of machines
//! under QEMU's software emulation.

use serde::Serialize;

use super::custom_data::MachineFile;
use super::input::ControlPlaneMachine;
use super::view::Pair;
use super::{BootstrapError, templates};

/// What templates may ask about time.
#[derive(Serialize)]
pub(super) struct PatienceView {
    /// Whether everything gets more of it.
    pub slow: bool,
    /// By how much scripts multiply what they wait for an answer.
    factor: u32,
    /// How long one attempt of kubeadm may take.
    attempt_seconds: u32,
    /// How long a probe waits for an answer.
    probe_seconds: u32,
    /// kubeadm's timeouts, where they are not its own.
    timeouts: Vec<Pair>,
}

fn pairs(all: &[(&str, &str)]) -> Vec<Pair> {
    all.iter().map(|(name, value)| Pair { name: (*name).to_owned(), value: (*value).to_owned() }).collect()
}

impl PatienceView {
    pub(super) fn new(slow: bool) -> Self {
        let health = ("controlPlaneComponentHealthCheck", if slow { "40m0s" } else { "10m0s" });
        let more = [
            ("discovery", "30m0s"),
            ("etcdAPICall", "20m0s"),
            ("kubeletHealthCheck", "20m0s"),
            ("kubernetesAPICall", "30m0s"),
            ("tlsBootstrap", "30m0s"),
        ];
        let mut timeouts = pairs(&[health]);
        if slow {
            timeouts.extend(pairs(&more));
        }
        Self {
            slow,
            factor: if slow { 6 } else { 1 },
            attempt_seconds: if slow { 5400 } else { 1100 },
            probe_seconds: if slow { 60 } else { 5 },
            timeouts,
        }
    }
}

/// etcd's arguments. It tells of each request that takes longer than 0.1 s, in three long lines; here all do.
pub(super) fn etcd(slow: bool) -> Vec<(&'static str, String)> {
    if slow {
        vec![
            ("election-timeout", "10000".to_owned()),
            ("heartbeat-interval", "1000".to_owned()),
            ("log-level", "error".to_owned()),
        ]
    } else {
        Vec::new()
    }
}

/// Arguments of the API server: each minute it asks etcd for each type of object how many there are, for its metrics, and half a
/// hundred questions at once take etcd ten seconds here (k8s.io/apiserver v0.36.4, `startObservingCount`, read 2026-11-30).
pub(super) fn api_server(slow: bool) -> Vec<(&'static str, String)> {
    if slow { vec![("etcd-count-metric-poll-period", "0s".to_owned())] } else { Vec::new() }
}

/// Arguments of the controllers that elect a leader among themselves. Where there is one of each, there is nobody to elect,
/// and one that starts again need not wait until its own old lease has ended.
pub(super) fn election(machine: &ControlPlaneMachine) -> Vec<(&'static str, String)> {
    if !machine.cluster.slow_host {
        return Vec::new();
    }
    if machine.cluster.control_plane_addresses.len() == 1 {
        return vec![("leader-elect", "false".to_owned())];
    }
    vec![
        ("leader-elect-lease-duration", "120s".to_owned()),
        ("leader-elect-renew-deadline", "90s".to_owned()),
        ("leader-elect-retry-period", "15s".to_owned()),
    ]
}

/// Arguments of kubelets: how often they measure every control group by themselves takes a quarter of their work.
pub(super) fn kubelet(slow: bool) -> Vec<(&'static str, &'static str)> {
    if slow { vec![("housekeeping-interval", "60s")] } else { Vec::new() }
}

/// Arguments of the controller manager: a node is gone once several of its leases have ended.
pub(super) fn nodes(slow: bool) -> Vec<(&'static str, String)> {
    if slow { vec![("node-monitor-grace-period", "400s".to_owned())] } else { Vec::new() }
}

/// How long the pod may take that makes a volume's folder, in seconds; nothing: the provisioner's own two minutes
/// (local-path-provisioner v0.0.30, `provisioner.go`, read 2026-11-28).
pub(super) fn volume_seconds(slow: bool) -> Option<u32> {
    slow.then_some(1800)
}

#[derive(Serialize)]
struct UnitView {
    kubelet: bool,
}

/// What the units of the long-lived programs are told: as files, so that systemd reads them with those that it has to read anyway.
pub(super) fn units(slow: bool) -> Result<Vec<MachineFile>, BootstrapError> {
    let units: &[&str] = if slow { &["containerd", "kubelet"] } else { &[] };
    let file = |unit: &&str| {
        let text = templates::render("systemd/slow-host.conf", &UnitView { kubelet: *unit == "kubelet" })?;
        Ok(MachineFile::new(format!("/etc/systemd/system/{unit}.service.d/80-engine-slow-host.conf"), "0644", text))
    };
    units.iter().map(file).collect()
}

/// The folder of what kubeadm puts over its own manifests.
const PATCHES: &str = "/etc/engine/kubeadm/patches";

#[derive(Serialize)]
struct PatchView {
    component: &'static str,
    /// The share of the processors: Kubernetes' notation.
    processors: &'static str,
    /// Whether kubeadm asks it each second whether it is ready.
    readiness: bool,
    probe_seconds: u32,
}

/// The patches of a control-plane machine's manifests.
pub(super) fn patches(slow: bool) -> Result<Vec<MachineFile>, BootstrapError> {
    // An API server that does not get through its first half minute of work, because those who wait for it ask again and
    // again, ends itself (`PostStartHook … failed`). So it and etcd get more than kubeadm asks for; the others no less, since
    // controllers that come to nothing keep the whole cluster waiting.
    const COMPONENTS: [(&str, &str); 4] =
        [("etcd", "500m"), ("kube-apiserver", "700m"), ("kube-controller-manager", "200m"), ("kube-scheduler", "100m")];
    let components: &[(&'static str, &'static str)] = if slow { &COMPONENTS } else { &[] };
    let patch = |(component, processors): &(&'static str, &'static str)| {
        let readiness = *component != "kube-controller-manager";
        let probe_seconds = PatienceView::new(slow).probe_seconds;
        let view = PatchView { component, processors, readiness, probe_seconds };
        let text = templates::render("kubeadm/patient.yaml", &view)?;
        Ok(MachineFile::new(format!("{PATCHES}/{component}+strategic.yaml"), "0600", text))
    };
    components.iter().map(patch).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn units_are_told_on_slow_hosts_only() {
        assert!(units(false).unwrap().is_empty());
        let files = units(true).unwrap();
        let text = |unit: &str| {
            let path = format!("/etc/systemd/system/{unit}.service.d/80-engine-slow-host.conf");
            files.iter().find(|file| file.path == path).unwrap().content.expose().to_owned()
        };
        let both = "[Service]\nEnvironment=GOGC=400 GODEBUG=asyncpreemptoff=1\nTimerSlackNSec=10ms\n";
        assert_eq!(text("containerd"), both);
        assert_eq!(text("kubelet"), format!("{both}LogRateLimitIntervalSec=60\nLogRateLimitBurst=200\n"));
    }
}
