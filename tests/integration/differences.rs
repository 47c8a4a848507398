//! Where the resources of a cluster differ from those that aks-engine made of the same model: one table, with reasons.
//! `docs/differences.md` is written from it.

use super::inventory::Finding;

/// A deliberate difference.
pub struct Difference {
    /// A stable name.
    pub name: &'static str,
    /// What is different.
    pub what: &'static str,
    /// Why.
    pub why: &'static str,
    /// Whether a finding is an instance of it.
    pub explains: fn(&Finding) -> bool,
}

const BILLING: &str = "/computeAksLinuxBilling";
const ROLE: &str = "Microsoft.Authorization/roleAssignments";
const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
const SHARED_ROLE: &str = "Microsoft.Authorization/roleAssignments of the shared identity";
const STORAGE: &str = "Microsoft.Storage/storageAccounts ";
const ADDRESS: &str = "Microsoft.Network/publicIPAddresses ";
const AVAILABILITY_SET: &str = "Microsoft.Compute/availabilitySets ";
const SCRIPT: &str = "Microsoft.Compute/virtualMachines/extensions";

/// All of them. What is always so and is no finding of a comparison (API versions, properties) stands here too.
pub const TABLE: &[Difference] = &[
    Difference {
        name: "resource-group",
        what: "The resource group is a resource of the graph, and everything waits for it. The template leaves it out.",
        why: "The engine creates it itself, with the cluster's tags, and destroy ends with it.",
        explains: |finding| match finding {
            Finding::Extra { key } => key.starts_with("Microsoft.Resources/resourceGroups "),
            Finding::ExtraPath { to, .. } => to.starts_with("Microsoft.Resources/resourceGroups "),
            _ => false,
        },
    },
    Difference {
        name: "billing-extension",
        what: "No extension `computeAksLinuxBilling` on any machine.",
        why: "It did nothing but tell Microsoft that aks-engine had made the machine.",
        explains: |finding| match finding {
            Finding::Missing { key } => key.ends_with(BILLING),
            Finding::MissingPath { from, .. } => from.ends_with(BILLING),
            _ => false,
        },
    },
    Difference {
        name: "role-name",
        what: "A role assignment's name is a GUID of group, principal and role. aks-engine's left the principal out. In the \
               template it stands in a nested deployment, which takes the principal as a parameter.",
        why: "A machine made anew has a new principal, and Azure refuses to change the principal of an assignment that \
              exists (RoleAssignmentUpdateNotPermitted).",
        explains: |_| false,
    },
    Difference {
        name: "roles-on-a-given-network",
        what: "No role for the machines' identities on a network in another resource group.",
        why: "The engine writes into its own group only. Whoever owns the network gives the role, by the command that the \
              verbs print; aks-engine gave it by a deployment into that group.",
        explains: |_| false,
    },
    Difference {
        name: "role-order",
        what: "A machine's script waits for the machine's role, a machine for the shared identity that it carries, and the \
               role of a shared identity for the identity.",
        why: "A node that starts before its role exists meets refusals; aks-engine left it to luck, or to an implicit order.",
        explains: |finding| match finding {
            Finding::ExtraPath { from, to } => {
                (from.starts_with(SCRIPT) && to.starts_with(ROLE)) || to.starts_with(IDENTITY)
            }
            _ => false,
        },
    },
    Difference {
        name: "identity-of-scale-set-control-planes",
        what: "A control plane in a scale set without service principal has a shared identity with its role.",
        why: "aks-engine's template asked for a service principal that nobody had given.",
        explains: |finding| match finding {
            Finding::Extra { key } => key.starts_with(IDENTITY) || key == SHARED_ROLE,
            _ => false,
        },
    },
    Difference {
        name: "internal-balancer-of-scale-set-control-planes",
        what: "A control plane in a scale set has an internal load balancer also when it is a single node, and waits for it.",
        why: "An instance made anew has another address; the balancer's lasts.",
        explains: |finding| match finding {
            Finding::Extra { key } => key.contains("k8s-master-internal-lb-"),
            Finding::ExtraPath { from, to } => from.contains("k8s-master-") && to.contains("k8s-master-internal-lb-"),
            _ => false,
        },
    },
    Difference {
        name: "version-tags",
        what: "The tag `aksEngineVersion` holds the engine's own version, `orchestrator` today's Kubernetes. Both are given \
               when a machine is made and not changed afterwards.",
        why: "The keys stay, because tools look for them. A tag that followed the engine's version would touch every \
              machine with every new engine.",
        explains: |finding| match finding {
            Finding::Tag { name, .. } => name == "aksEngineVersion" || name == "orchestrator",
            _ => false,
        },
    },
    Difference {
        name: "internal-balancer-and-security-group",
        what: "In a network that exists already the internal load balancer does not wait for the security group.",
        why: "It does not refer to it.",
        explains: |finding| match finding {
            Finding::MissingPath { from, to } => {
                from.contains("-internal-lb-") && to.starts_with("Microsoft.Network/networkSecurityGroups ")
            }
            _ => false,
        },
    },
    Difference {
        name: "api-versions",
        what: "Newer API versions of all resource types.",
        why: "Those of 2018 and 2019 cannot express what is used today, and are being retired.",
        explains: |_| false,
    },
    Difference {
        name: "ssh-closed",
        what: "The security group has no rule for SSH (and RDP) unless the model gives source ranges.",
        why: "aks-engine opened port 22 of the control plane to the world.",
        explains: |_| false,
    },
    Difference {
        name: "outbound-rules",
        what: "Standard load balancers have an outbound rule; the control plane's no longer has a rule on UDP port 1123.",
        why: "That rule only served to get outgoing connections translated. Every subnet has an explicit way out (by \
              `outboundType` a NAT gateway or routes of its owner take the rules' place), and says that it has no other (`defaultOutboundAccess`), as Azure has retired the implicit one.",
        explains: |_| false,
    },
    Difference {
        name: "disks-go-with-machines",
        what: "Disks of machines are of a stated kind, and are deleted with the machine, except etcd's.",
        why: "aks-engine deleted system disks itself and left data disks behind.",
        explains: |_| false,
    },
    Difference {
        name: "script-command",
        what: "The CustomScript only waits for the bootstrap's result; its command is in `settings`, not in \
               `protectedSettings`.",
        why: "It holds no secret any more, and everybody may read what runs.",
        explains: |_| false,
    },
    Difference {
        name: "managed-disks",
        what: "No storage accounts for machines' disks; disks are managed, and availability sets aligned with them.",
        why: "Azure retired unmanaged disks on 31 March 2026. On Azure Stack Hub, too, a machine with unmanaged disks takes \
              no managed ones, and volumes of pods are such since Kubernetes has dropped blobs. (aks-engine's storage accounts waited for the control plane's \
              public address, and the machines with them.)",
        explains: |finding| match finding {
            Finding::Field { key, name, theirs, .. } => {
                key.starts_with(AVAILABILITY_SET) && *name == "sku" && theirs.is_empty()
            }
            Finding::MissingPath { from, to } if !from.contains("k8s-master-") => {
                to.starts_with(ADDRESS) || to.starts_with(STORAGE)
            }
            _ => finding.mentions(STORAGE) && !finding.mentions("Microsoft.Storage/storageAccounts kv"),
        },
    },
    Difference {
        name: "availability-set-of-ephemeral-disks",
        what: "Machines with ephemeral system disks stand in an availability set.",
        why: "aks-engine's template refers to the set and does not make it, so that Azure refuses the template.",
        explains: |finding| match finding {
            Finding::Extra { key } => key.starts_with(AVAILABILITY_SET),
            Finding::ExtraPath { to, .. } => to.starts_with(AVAILABILITY_SET),
            _ => false,
        },
    },
    Difference {
        name: "outbound-addresses",
        what: "The workers' load balancer waits for all of its addresses.",
        why: "aks-engine's waited for the first only, although it holds all.",
        explains: |finding| match finding {
            Finding::ExtraPath { to, .. } => {
                to.starts_with("Microsoft.Network/publicIPAddresses k8s-agent-ip-outbound")
            }
            _ => false,
        },
    },
    Difference {
        name: "container-monitoring-tags",
        what: "No tags `clusterName` and `logAnalyticsWorkspaceResourceId` on control-plane machines.",
        why: "They served the add-on container-monitoring, whose agent Azure has retired.",
        explains: |finding| match finding {
            Finding::Tag { name, .. } => name == "clusterName" || name == "logAnalyticsWorkspaceResourceId",
            _ => false,
        },
    },
    Difference {
        name: "cosmos-etcd",
        what: "No Cosmos DB account in etcd's place; etcd runs on the control plane.",
        why: "Azure withdrew the etcd interface of Cosmos DB.",
        explains: |finding| finding.mentions("Microsoft.DocumentDB/databaseAccounts "),
    },
    Difference {
        name: "storage-account-of-the-key-vault",
        what: "No storage account beside the key vault that encrypts secrets.",
        why: "Nothing was ever in it.",
        explains: |finding| matches!(finding, Finding::Missing { key } if key.starts_with("Microsoft.Storage/storageAccounts kv")),
    },
    Difference {
        name: "application-gateway-firewall",
        what: "The firewall of an application gateway is a policy of its own, for which the gateway waits.",
        why: "Azure no longer takes new gateways with a firewall's settings inside.",
        explains: |finding| {
            finding.mentions("Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies k8s-appgw-")
        },
    },
    Difference {
        name: "role-on-the-gateway-identity",
        what: "Machines with identities of their own get no role on the identity of an application gateway's ingress \
               controller. A service principal and a shared identity that the engine makes do.",
        why: "It let aad-pod-identity, which is archived, hand the identity to machines; there is no single principal to give \
              it to.",
        explains: |finding| {
            *finding
                == Finding::Missing {
                    key: "Microsoft.Authorization/roleAssignments on microsoft.managedidentity/userassignedidentities"
                        .to_owned(),
                }
        },
    },
    Difference {
        name: "windows-images",
        what: "New pools of Windows start from Windows Server 2022 (or 2025) without desktop, with a disk of 128 GiB; plans of \
               2019 and before are replaced with a warning.",
        why: "aks-engine's own images and the older plans are gone, and today's containers are made for 2022 on.",
        explains: |_| false,
    },
    Difference {
        name: "network-policy-azure",
        what: "With networkPolicy `azure` Calico enforces the policies, and a warning tells so.",
        why: "Azure is ending its network policy manager. Calico goes with the same network plugin and enforces policies of \
              the same kind; Cilium would need a network of its own.",
        explains: |_| false,
    },
    Difference {
        name: "own-network-plugin",
        what: "networkPlugin `none` needs an add-on with a manifest (`data`), which brings the plugin.",
        why: "Without one no node becomes Ready, and a deployment would wait until its time is over.",
        explains: |_| false,
    },
    Difference {
        name: "audit-policy",
        what: "The API server's audit log lies where aks-engine's did and is as large, but its policy is another: no bodies \
               of secrets, configuration maps and tokens, and none of what is only read.",
        why: "aks-engine's log held the values of secrets, for whoever reads logs.",
        explains: |_| false,
    },
    Difference {
        name: "custom-file-mode",
        what: "Files of `customFiles` have the mode 0600 (aks-engine: 0644).",
        why: "Nobody but root reads the control plane's machines' files, and some of these hold credentials: webhooks, \
              providers of encryption.",
        explains: |_| false,
    },
    Difference {
        name: "registry-sign-in",
        what: "Kubelets sign in to Azure's container registries by Microsoft's credential provider, and know the identity \
               only. Workers have no `azure.json`.",
        why: "Kubernetes took the kubelet's own way out. Of what the controllers know, a worker needs nothing else.",
        explains: |_| false,
    },
    Difference {
        name: "gpu-drivers",
        what: "No driver is installed on machines with NVIDIA processors; a warning asks for an image that has one.",
        why: "Which one fits depends on the size, and a wrong one leaves a node without its processors.",
        explains: |_| false,
    },
    Difference {
        name: "given-certificates",
        what: "Of `certificateProfile`, the leaves of etcd are not used; the API server shows the given certificate to those who \
               ask for one of its names, beside the one that each machine makes.",
        why: "Both name a machine and its address, which nobody knows beforehand. etcd and the aggregation layer have CAs of \
              their own, which may be given, too.",
        explains: |_| false,
    },
    Difference {
        name: "secrets-in-a-key-vault",
        what: "A service principal's secret that lies in a key vault is put behind the customData of the Linux machines.",
        why: "What the engine itself writes holds it nowhere. Machines of Windows have no use for it where there is a metadata \
              service.",
        explains: |_| false,
    },
];

/// The table as a document.
pub fn document() -> String {
    let mut text = String::from(
        "# Differences from aks-engine\n\nWhere the resources that `engine` makes of a model differ from those that \
         aks-engine made of it. Names and tags are otherwise the same, and so is what waits for what. This file is written \
         from the table in `tests/integration/differences.rs`, against which the comparison with aks-engine's own \
         results is checked.\n\n| difference | what | why |\n| --- | --- | --- |\n",
    );
    for difference in TABLE {
        text.push_str(&format!("| {} | {} | {} |\n", difference.name, difference.what, difference.why));
    }
    text.push_str(&super::corpus::document());
    text
}

#[test]
fn the_document_is_the_table() {
    crate::golden::assert_kept("docs/differences.md", &document());
}
