//! `create`: a cluster on hosts of one's own from a few words. What is asked for becomes a model, and what is there already
//! is held against it.

use std::path::Path;

use crate::catalog::DEFAULT_KUBERNETES_RELEASE;
use crate::contract::TargetName;
use crate::model::{Cluster, OnPremSize, Starter, StarterOnPrem};
use crate::target::libvirt::DEFAULT_URI;

/// What a cluster shall be. What is not said is not asked for: a new cluster gets what is usual, one that is there keeps what
/// it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The cluster's name.
    pub name: String,
    /// Where it shall be.
    pub target: Option<TargetName>,
    /// How many worker machines.
    pub nodes: Option<u32>,
    /// How many control-plane machines.
    pub control_plane_nodes: Option<u32>,
    /// The version of Kubernetes: a minor one (`1.36`), or one to the patch; with or without a leading `v`.
    pub kubernetes: Option<String>,
    /// Where the host's libvirt is.
    pub uri: Option<String>,
    /// Everything gets more time. Without it nothing is said about that.
    pub slow_host: bool,
}

/// In what a cluster is another than the one that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What it has, and what is asked for.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// Clusters on-prem have no region; this is part of their names.
const LOCATION: &str = "local";
/// Every machine has this size, by Azure's name, and what follows: less than Azure's 8 GiB, of which few hosts have several
/// times.
const VM_SIZE: &str = "Standard_D2s_v5";
const SIZE: OnPremSize = OnPremSize { processors: 2, memory_mib: 4096 };

impl Request {
    /// A model to begin with, on a target. `image` is what machines start from, if it is not the one of the version of
    /// Kubernetes.
    pub fn starter(&self, target: TargetName, image: Option<String>, ssh_key: String) -> Starter {
        Starter {
            dns_prefix: self.name.clone(),
            location: LOCATION.to_owned(),
            control_plane_count: self.control_plane_nodes.unwrap_or(1),
            worker_count: self.nodes.unwrap_or(1),
            vm_size: VM_SIZE.to_owned(),
            release: self.version().unwrap_or(DEFAULT_KUBERNETES_RELEASE).to_owned(),
            ssh_key,
            on_prem: Some(StarterOnPrem {
                target,
                uri: self.uri.clone(),
                image,
                size: SIZE,
                slow_host: self.slow_host,
            }),
        }
    }

    fn version(&self) -> Option<&str> {
        let version = self.kubernetes.as_deref()?;
        Some(version.strip_prefix('v').unwrap_or(version))
    }

    /// In what a cluster that is there, on `target`, in `folder`, is another one.
    pub fn differences(&self, known: &Cluster, target: TargetName, folder: &Path) -> Vec<Difference> {
        let folder = folder.display();
        let mut differences = Vec::new();
        let mut differs = |message: String, help: String| differences.push(Difference { message, help });
        if known.dns_prefix != self.name {
            let message = format!("its name is {}, not {}", known.dns_prefix, self.name);
            differs(message, "name another folder with `-o`".to_owned());
        }
        if let Some(asked) = self.target.filter(|asked| *asked != target) {
            let message = format!("it is on the target {}, not on {}", target.word(), asked.word());
            differs(message, format!("choose another name; or `engine destroy -o {folder}` first"));
        }
        let nodes = known.pools.iter().fold(0_u32, |sum, pool| sum.saturating_add(pool.count));
        if let Some(asked) = self.nodes.filter(|asked| *asked != nodes) {
            let scale = match known.pools.as_slice() {
                [_] => format!("`engine scale -o {folder} --new-node-count {asked}` changes that"),
                _ => format!("`engine scale -o {folder} --node-pool NAME --new-node-count NUMBER` changes that"),
            };
            differs(format!("it has {} worker machines, not {asked}", nodes), scale);
        }
        let count = known.control_plane.count;
        if let Some(asked) = self.control_plane_nodes.filter(|asked| *asked != count) {
            let message = format!("it has {count} control-plane machines, not {asked}");
            differs(message, "that stays as it is: choose another name for a cluster of its own".to_owned());
        }
        let (exact, release) = (known.kubernetes_version.to_string(), known.kubernetes_release());
        if let Some(asked) = self.version().filter(|asked| *asked != exact && *asked != release) {
            let message = format!("it has Kubernetes {exact}, not {asked}");
            differs(message, "leave --kubernetes out, or choose another name for a cluster of its own".to_owned());
        }
        let own = known.on_prem.clone().unwrap_or_default();
        let uri = own.hosts.first().map_or(DEFAULT_URI, |host| host.uri.as_str());
        if let Some(asked) = self.uri.as_deref().filter(|asked| *asked != uri) {
            differs(
                format!("its host is {uri}, not {asked}"),
                "leave --connect out, or choose another name".to_owned(),
            );
        }
        if self.slow_host && !own.slow_host {
            let message = "its host is not called slow".to_owned();
            differs(message, format!("leave --slow-host out, or write it into {folder}/apimodel.json"));
        }
        differences
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::base::Source;
    use crate::model::{ReadOptions, read};

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEVYQU1QTEUtS0VZLVJFUExBQ0UtV0lUSC1ZT1VSUy0t me";

    fn request() -> Request {
        Request { name: "demo".into(), nodes: Some(2), ..Request::default() }
    }

    fn made(request: &Request, target: TargetName) -> Cluster {
        let text = request.starter(target, None, KEY.to_owned()).text();
        let reading = read(&Source { name: "demo".into(), text }, &ReadOptions::default());
        assert!(!reading.diagnostics.has_errors(), "{:#?}", reading.diagnostics);
        reading.cluster.unwrap()
    }

    #[test]
    fn what_is_asked_for_is_what_is_made() {
        for request in [
            request(),
            Request { control_plane_nodes: Some(3), kubernetes: Some("v1.36".into()), ..request() },
            Request { slow_host: true, uri: Some("qemu+ssh://root@rack/system".into()), ..request() },
            Request { kubernetes: Some("1.36.2".into()), target: Some(TargetName::Simulator), ..request() },
        ] {
            let target = request.target.unwrap_or(TargetName::Libvirt);
            let cluster = made(&request, target);
            assert_eq!(request.differences(&cluster, target, Path::new("f")), [], "{request:?}");
            // Whoever says nothing takes what is there.
            let silent = Request { name: "demo".into(), ..Request::default() };
            assert_eq!(silent.differences(&cluster, target, Path::new("f")), [], "{request:?}");
        }
    }

    #[test]
    fn each_difference_is_told_with_what_to_do() {
        let cluster = made(&request(), TargetName::Libvirt);
        for (asked, told, help) in [
            (
                Request { nodes: Some(3), ..request() },
                "2 worker machines, not 3",
                "engine scale -o f --new-node-count 3",
            ),
            (Request { control_plane_nodes: Some(3), ..request() }, "1 control-plane machines, not 3", "another name"),
            (Request { kubernetes: Some("1.36".into()), ..request() }, "not 1.36", "leave --kubernetes out"),
            (Request { target: Some(TargetName::Simulator), ..request() }, "libvirt, not on simulator", "destroy"),
            (Request { uri: Some("qemu+ssh://a/system".into()), ..request() }, "not qemu+ssh://a/system", "--connect"),
            (Request { slow_host: true, ..request() }, "slow", "f/apimodel.json"),
            (Request { name: "other".into(), ..request() }, "demo, not other", "-o"),
        ] {
            let differences = asked.differences(&cluster, TargetName::Libvirt, Path::new("f"));
            let [difference] = differences.as_slice() else { unreachable!("{asked:?}: {differences:?}") };
            assert!(difference.message.contains(told), "{difference:?}");
            assert!(difference.help.contains(help), "{difference:?}");
        }
        let usual = Request { uri: Some(DEFAULT_URI.into()), ..request() };
        assert_eq!(
            usual.differences(&cluster, TargetName::Libvirt, Path::new("f")),
            [],
            "that is what is asked anyway"
        );
    }
}
