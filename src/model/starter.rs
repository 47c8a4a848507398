//! A model to begin with, in which comments explain each value. It is text, not a serialised value: a serialiser writes
//! no comments. That it reads without a fault is tested, and is looked at each time before one is written.

use serde_json::Value;

use super::on_prem::OnPremSize;
use crate::contract::TargetName;

/// What a model to begin with says.
#[derive(Debug, Clone)]
pub struct Starter {
    /// The cluster's name.
    pub dns_prefix: String,
    /// The location.
    pub location: String,
    /// How many control-plane machines.
    pub control_plane_count: u32,
    /// How many worker machines.
    pub worker_count: u32,
    /// The size of all machines.
    pub vm_size: String,
    /// The version of Kubernetes: a minor one (`1.36`), of which the newest patch is taken, or one to the patch.
    pub release: String,
    /// The administrator's SSH public key.
    pub ssh_key: String,
    /// Hosts of one's own, if the cluster is made there.
    pub on_prem: Option<StarterOnPrem>,
}

/// What a model to begin with says of hosts of one's own.
#[derive(Debug, Clone)]
pub struct StarterOnPrem {
    /// Where the cluster is made.
    pub target: TargetName,
    /// Where the host's libvirt is, if that is not for the command line to say.
    pub uri: Option<String>,
    /// The image, if it is not the one of the version of Kubernetes: a volume, or a folder with a slash in it.
    pub image: Option<String>,
    /// What machines have.
    pub size: OnPremSize,
    /// Whether everything gets more time.
    pub slow_host: bool,
}

impl Starter {
    /// The text of the model.
    pub fn text(&self) -> String {
        let Self { control_plane_count, worker_count, .. } = self;
        let [dns_prefix, location, vm_size, ssh_key] =
            [&self.dns_prefix, &self.location, &self.vm_size, &self.ssh_key].map(|text| quoted(text));
        let version = self.version();
        let (of_location, of_name, network, profile) = match &self.on_prem {
            None => (
                "Where the cluster is made; `az account list-locations` names them all.",
                "cloudapp.azure.com",
                String::new(),
                String::new(),
            ),
            Some(on_prem) => (
                "A word for the place, which is part of the API server's name.",
                "internal",
                NETWORK.to_owned(),
                on_prem.text(&vm_size),
            ),
        };
        format!(
            r#"// An API model: everything that makes a cluster. Lines that begin so are comments; they may stand anywhere.
// `engine validate` tells its faults, `engine explain` shows every value with its default and the reason.
{{
  "apiVersion": "vlabs",
  // {of_location}
  "location": {location},
  "properties": {{
{profile}    "orchestratorProfile": {{
{version}{network}
    }},
    "masterProfile": {{
      // 1 for trying things out, 3 or 5 for a control plane that outlives a machine.
      "count": {control_plane_count},
      // The name of the cluster: <this>.<location>.{of_name} is its API server.
      "dnsPrefix": {dns_prefix},
      "vmSize": {vm_size}
    }},
    "agentPoolProfiles": [
      // Each pool has machines of one kind. Add more pools for other sizes, zones, or Windows.
      {{
        "name": "agentpool1",
        // `engine scale` changes this later.
        "count": {worker_count},
        "vmSize": {vm_size},
        // Machines of their own, which the engine drains one by one; or "VirtualMachineScaleSets".
        "availabilityProfile": "AvailabilitySet"
      }}
    ],
    "linuxProfile": {{
      // Who may sign in to the machines by SSH, and with which keys.
      "adminUsername": "azureuser",
      "ssh": {{
        "publicKeys": [
          {{ "keyData": {ssh_key} }}
        ]
      }}
    }}
  }}
}}
"#
        )
    }

    fn version(&self) -> String {
        let version = quoted(&self.release);
        if self.release.matches('.').count() < 2 {
            format!(
                "      // The minor version of Kubernetes; its newest patch is taken. `engine get-versions` lists them.\n      \
                 \"orchestratorRelease\": {version}"
            )
        } else {
            format!("      // Just this version of Kubernetes.\n      \"orchestratorVersion\": {version}")
        }
    }
}

/// On-prem pods are reached through tunnels whatever the plugin is; this one gives them a range of their own.
const NETWORK: &str = ",\n      // Pods have addresses of their own, whatever network the machines stand in.\n      \
                       \"kubernetesConfig\": { \"networkPlugin\": \"kubenet\" }";

impl StarterOnPrem {
    /// The lines of the target and the profile.
    fn text(&self, vm_size: &str) -> String {
        let OnPremSize { processors, memory_mib } = self.size;
        let mut lines = vec![
            "// Where: `libvirt` for hosts of one's own, `simulator` for a rehearsal without any.".to_owned(),
            format!("\"target\": {},", quoted(self.target.word())),
            "\"onPremProfile\": {".to_owned(),
        ];
        if let Some(uri) = &self.uri {
            lines.push("  // The host, by its libvirt.".to_owned());
            lines.push(format!("  \"hosts\": [{{ \"name\": \"host\", \"uri\": {} }}],", quoted(uri)));
        }
        if let Some(image) = &self.image {
            lines.push("  // What machines start from: a volume of the storage pool, or a folder.".to_owned());
            lines.push(format!("  \"image\": {},", quoted(image)));
        }
        lines.push("  // What machines of a size have; without a word, what Azure's have.".to_owned());
        lines.push(format!(
            "  \"sizes\": {{ {vm_size}: {{ \"processors\": {processors}, \"memoryMiB\": {memory_mib} }} }},"
        ));
        lines.push("  // Whether everything gets more time: for hosts that emulate processors.".to_owned());
        lines.push(format!("  \"slowHost\": {}", self.slow_host));
        lines.push("},".to_owned());
        lines.iter().map(|line| format!("    {line}\n")).collect()
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::base::Source;
    use crate::model::{Cluster, OnPremImage, ReadOptions, read};

    fn starter() -> Starter {
        Starter {
            dns_prefix: "begin".into(),
            location: "westus2".into(),
            control_plane_count: 3,
            worker_count: 4,
            vm_size: "Standard_D2s_v5".into(),
            release: crate::catalog::DEFAULT_KUBERNETES_RELEASE.into(),
            ssh_key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEVYQU1QTEUtS0VZLVJFUExBQ0UtV0lUSC1ZT1VSUy0t a \"b\"".into(),
            on_prem: None,
        }
    }

    fn cluster(starter: &Starter) -> Cluster {
        let reading = read(&Source { name: "begin".into(), text: starter.text() }, &ReadOptions::default());
        assert!(!reading.diagnostics.has_errors(), "{:#?}\n{}", reading.diagnostics, starter.text());
        reading.cluster.unwrap()
    }

    #[test]
    fn it_reads_without_a_fault_and_says_what_was_asked_for() {
        let cluster = cluster(&starter());
        assert_eq!((cluster.dns_prefix.as_str(), cluster.node_count()), ("begin", 7));
        assert_eq!((cluster.target, cluster.on_prem), (None, None));
    }

    #[test]
    fn a_version_may_be_one_to_the_patch() {
        let exact = Starter { release: "1.36.2".into(), ..starter() };
        assert_eq!(cluster(&exact).kubernetes_version.to_string(), "1.36.2");
        let minor = Starter { release: "1.36".into(), ..starter() };
        assert_eq!(cluster(&minor).kubernetes_release(), "1.36");
    }

    #[test]
    fn hosts_of_ones_own_are_named_with_what_machines_have() {
        let size = OnPremSize { processors: 2, memory_mib: 4096 };
        let mut on_prem = StarterOnPrem { target: TargetName::Libvirt, uri: None, image: None, size, slow_host: false };
        let local = |on_prem: &StarterOnPrem| {
            cluster(&Starter { location: "local".into(), on_prem: Some(on_prem.clone()), ..starter() })
        };
        let plain = local(&on_prem);
        let profile = plain.on_prem.unwrap();
        assert_eq!(plain.target, Some(TargetName::Libvirt));
        assert_eq!((profile.hosts.len(), &profile.image, profile.slow_host), (0, &None, false));
        assert_eq!(profile.size("Standard_D2s_v5"), Some(size));

        on_prem.uri = Some("qemu+ssh://root@rack-1/system".into());
        on_prem.image = Some("an-image".into());
        on_prem.slow_host = true;
        on_prem.target = TargetName::Simulator;
        let full = local(&on_prem);
        let profile = full.on_prem.unwrap();
        assert_eq!(full.target, Some(TargetName::Simulator));
        assert_eq!(profile.hosts[0].uri, "qemu+ssh://root@rack-1/system");
        assert_eq!(profile.image, Some(OnPremImage::Volume("an-image".into())));
        assert!(profile.slow_host);
    }
}
