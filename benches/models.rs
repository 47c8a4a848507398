//! The three sizes that are measured, as models. The program itself is measured with what
//! `cargo bench --bench generate -- --write-models FOLDER` writes.

use serde_json::{Value, json};

#[allow(dead_code, reason = "not every benchmark that has this module takes all of it")]
/// A size: its name, and the pools with their number of machines.
pub struct Size {
    /// Also the name of its file.
    pub name: &'static str,
    pools: u32,
    machines_each: u32,
}

/// Three control-plane machines and so many workers, all machines of their own in availability sets.
pub const SIZES: [Size; 3] = [
    Size { name: "3 + 100 machines", pools: 1, machines_each: 100 },
    Size { name: "3 + 1,000 in 5 pools", pools: 5, machines_each: 200 },
    Size { name: "3 + 5,000 in 25 pools", pools: 25, machines_each: 200 },
];

impl Size {
    /// So many machines in five pools, besides the control plane.
    #[allow(dead_code, reason = "not every benchmark that has this module takes a number")]
    pub const fn in_five_pools(machines: u32) -> Self {
        Self { name: "machines in five pools", pools: 5, machines_each: machines / 5 }
    }

    /// The file's name.
    pub fn file(&self) -> String {
        format!("{}.json", self.pools * self.machines_each)
    }

    /// The model. Each pool has a size and a label of its own, so that no two have the same customData by chance.
    pub fn model(&self) -> Value {
        const VM_SIZES: [&str; 3] = ["Standard_D2s_v5", "Standard_D4s_v5", "Standard_D8s_v5"];
        let pools: Vec<Value> = (0..self.pools)
            .map(|pool| {
                json!({
                    "name": format!("pool{pool}"),
                    "count": self.machines_each,
                    "vmSize": VM_SIZES[pool as usize % VM_SIZES.len()],
                    "availabilityProfile": "AvailabilitySet",
                    "customNodeLabels": { "example.com/pool": format!("number-{pool}") },
                })
            })
            .collect();
        json!({
            "apiVersion": "vlabs",
            "location": "westus2",
            "properties": {
                "orchestratorProfile": {
                    "orchestratorRelease": "1.35",
                    // Azure CNI: kubenet's route table ends at 400 machines. A network has 65,536 addresses for pods.
                    "kubernetesConfig": { "loadBalancerSku": "Standard", "networkPlugin": "azure", "maxPods": 10 },
                },
                "masterProfile": { "count": 3, "dnsPrefix": "benchmark", "vmSize": "Standard_D8s_v5" },
                "agentPoolProfiles": pools,
                "linuxProfile": {
                    "adminUsername": "azureuser",
                    "ssh": { "publicKeys": [{
                        "keyData": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEVYQU1QTEUtS0VZLVJFUExBQ0UtV0lUSC1ZT1VSUy0t example",
                    }] },
                },
            },
        })
    }
}
