//! A model to begin with, in which comments explain each value. It is text, not a serialised value: a serialiser writes
//! no comments. That it reads without a fault is tested, and is looked at each time before one is written.

use serde_json::Value;

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
    /// The minor version of Kubernetes.
    pub release: String,
    /// The administrator's SSH public key.
    pub ssh_key: String,
}

impl Starter {
    /// The text of the model.
    pub fn text(&self) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        let Self { control_plane_count, worker_count, .. } = self;
        let [dns_prefix, location, vm_size, release, ssh_key] =
            [&self.dns_prefix, &self.location, &self.vm_size, &self.release, &self.ssh_key].map(|text| quoted(text));
        format!(
            r#"// An API model: everything that makes a cluster. Lines that begin so are comments; they may stand anywhere.
// `engine validate` tells its faults, `engine explain` shows every value with its default and the reason.
{{
  "apiVersion": "vlabs",
  // Where the cluster is made; `az account list-locations` names them all.
  "location": {location},
  "properties": {{
    "orchestratorProfile": {{
      // The minor version of Kubernetes; its newest patch is taken. `engine get-versions` lists them.
      "orchestratorRelease": {release}
    }},
    "masterProfile": {{
      // 1 for trying things out, 3 or 5 for a control plane that outlives a machine.
      "count": {control_plane_count},
      // The name of the cluster: <this>.<location>.cloudapp.azure.com is its API server.
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Source;
    use crate::model::{ReadOptions, read};

    #[test]
    fn it_reads_without_a_fault_and_says_what_was_asked_for() {
        let starter = Starter {
            dns_prefix: "begin".into(),
            location: "westus2".into(),
            control_plane_count: 3,
            worker_count: 4,
            vm_size: "Standard_D2s_v5".into(),
            release: crate::catalog::DEFAULT_KUBERNETES_RELEASE.into(),
            ssh_key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEVYQU1QTEUtS0VZLVJFUExBQ0UtV0lUSC1ZT1VSUy0t a \"b\"".into(),
        };
        let reading = read(&Source { name: "begin".into(), text: starter.text() }, &ReadOptions::default());
        assert!(!reading.diagnostics.has_errors(), "{:#?}", reading.diagnostics);
        assert_eq!(
            reading.cluster.map(|cluster| (cluster.dns_prefix.clone(), cluster.node_count())),
            Some(("begin".to_owned(), 7))
        );
    }
}
