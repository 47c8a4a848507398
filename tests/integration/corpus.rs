//! Every model of both corpora, with the newest Kubernetes there is: it generates, or is refused for a reason that
//! stands in the table. `docs/differences.md` shows the table.

use std::collections::BTreeMap;
use std::path::Path;

use engine::base::{Severity, Source, SystemClock, SystemEntropy};
use engine::bootstrap::Start;
use engine::catalog::kubernetes_releases;
use engine::contract::Platform;
use engine::expand::{expand, machine_payloads};
use engine::model::{ReadOptions, Reading, read};
use engine::pki::{Given, KeyMaterial};
use serde_json::Value as Json;

use super::clusters;
use super::inventory::folders_with;

/// Why models of the corpus are refused.
pub struct Refusal {
    /// The code that they get.
    pub code: &'static str,
    /// How the pointer ends that they get it at.
    pub pointer: &'static str,
    /// Why it cannot be otherwise.
    pub why: &'static str,
}

/// All of them. A row that no model needs any more has to go.
pub const REFUSALS: &[Refusal] = &[
    Refusal {
        code: "admin-username",
        pointer: "/linuxProfile/adminUsername",
        why: "Azure refuses machines whose administrator is called `admin`.",
    },
    Refusal {
        code: "static-ip-outside-subnet",
        pointer: "/masterProfile/firstConsecutiveStaticIP",
        why: "The address is not one of the subnet's, so that Azure refuses the interfaces.",
    },
    Refusal {
        code: "protection-missing",
        pointer: "/kubernetesConfig/containerRuntime",
        why: "Clear Containers has ended, and Kata Containers is installed into a cluster by its own means; pods that ask \
              for a kernel of their own would run without one.",
    },
    Refusal {
        code: "not-one-of",
        pointer: "/kubernetesConfig/networkPolicy",
        why: "The engine does not install Antrea. Calico and Cilium enforce policies of Kubernetes' own kind.",
    },
    Refusal {
        code: "ssh-public-key",
        pointer: "/linuxProfile/ssh/publicKeys/0/keyData",
        why: "The example leaves the public key to its user; with it, nobody could log in.",
    },
    Refusal {
        code: "sign-in",
        pointer: "/aadProfile",
        why: "The example leaves the applications of the sign-in to its user; aks-engine refuses it as it is, too.",
    },
    Refusal {
        code: "vault-secrets",
        pointer: "/sourceVault/id",
        why: "The example leaves the key vault to its user; Azure refuses machines as they are.",
    },
    Refusal {
        code: "vault-secrets",
        pointer: "/certificateUrl",
        why: "The example leaves the certificate to its user; Azure refuses machines as they are.",
    },
    Refusal {
        code: "not-supported-yet",
        pointer: "/certificateProfile/caCertificate",
        why: "The cluster's CA lies in a key vault, and the engine has to have it: it issues certificates by it.",
    },
    Refusal {
        code: "not-supported-yet",
        pointer: "/certificateProfile/caPrivateKey",
        why: "The cluster's CA lies in a key vault, and the engine has to have it: it issues certificates by it.",
    },
    Refusal { code: "custom-file", pointer: "/source", why: "The example names files of its author's own machine." },
    Refusal {
        code: "ipv6-unsupported",
        pointer: "/featureFlags/enableIPv6Only",
        why: "Azure gives no machine IPv6 addresses alone: each interface has an IPv4 address, too.",
    },
    Refusal {
        code: "dual-stack-unsupported",
        pointer: "/kubernetesConfig/networkPlugin",
        why: "Only kubenet gives pods addresses of both families; Azure CNI had IPv6 by translation, in a preview.",
    },
    Refusal { code: "dual-stack-unsupported", pointer: "/osType", why: "kubenet with two families is for Linux only." },
    Refusal {
        code: "flag-reserved",
        pointer: "/kubeletConfig/--node-ip",
        why: "The engine gives each node the address that it has.",
    },
    Refusal {
        code: "windows-network",
        pointer: "/kubernetesConfig/networkPolicy",
        why: "Azure ended its network policies on Windows on 30 September 2026, and nothing that the engine installs \
              enforces any there.",
    },
    Refusal {
        code: "service-principal-required",
        pointer: "/servicePrincipalProfile/clientId",
        why: "The example leaves the service principal to its user; aks-engine refuses it as it is, too.",
    },
    Refusal {
        code: "application-gateway-subnet",
        pointer: "/config/appgw-subnet",
        why: "The example leaves the range of the gateway's subnet to its user.",
    },
    Refusal {
        code: "api-version-unsupported",
        pointer: "/apiVersion",
        why: "The model is one of a cluster that Azure manages, or of DC/OS and Swarm.",
    },
    Refusal {
        code: "orchestrator-unsupported",
        pointer: "/orchestratorProfile/orchestratorType",
        why: "DC/OS, Swarm and OpenShift are not Kubernetes.",
    },
];

/// The table as a part of `docs/differences.md`.
pub fn document() -> String {
    let mut text = String::from(
        "\n## Models that are refused\n\nOf the example models of acs-engine and aks-engine, those that get one of these \
         faults are refused, also with a Kubernetes of today.\n\n| code | where | why |\n| --- | --- | --- |\n",
    );
    for refusal in REFUSALS {
        text.push_str(&format!("| `{}` | `…{}` | {} |\n", refusal.code, refusal.pointer, refusal.why));
    }
    text
}

/// At most so many Kubernetes models of each corpus are refused.
const LIMITS: [(&str, usize); 2] = [("aks-engine", 15), ("acs-engine", 30)];

fn read_newest(folder: &Path) -> Reading {
    let newest = kubernetes_releases().iter().rev().find(|release| release.creatable).unwrap().release;
    let text = std::fs::read_to_string(folder.join("apimodel.json")).unwrap();
    let json: Json = serde_json::from_str(&text).unwrap();
    let nowhere = json["location"].as_str().unwrap_or_default().is_empty();
    let options = ReadOptions {
        set: vec![format!("orchestratorProfile.orchestratorRelease={newest},orchestratorProfile.orchestratorVersion=")],
        location: nowhere.then(|| "westus2".to_owned()),
        ..ReadOptions::default()
    };
    read(&Source { name: "apimodel.json".to_owned(), text }, &options)
}

fn is_kubernetes(folder: &Path) -> bool {
    let json: Json = serde_json::from_slice(&std::fs::read(folder.join("apimodel.json")).unwrap()).unwrap();
    let kind = json["properties"]["orchestratorProfile"]["orchestratorType"].as_str().unwrap_or("Kubernetes");
    kind.eq_ignore_ascii_case("kubernetes") && json["properties"]["masterProfile"].is_object()
}

#[test]
fn every_model_of_the_corpora_generates_or_is_refused_for_a_reason() {
    let Some(corpus) = crate::shared::folder("corpus") else { return };
    let keys = KeyMaterial::generate(&Given::default(), &SystemClock, &SystemEntropy).unwrap();
    let mut report = Vec::new();
    let mut used = vec![0_usize; REFUSALS.len()];
    let mut totals = BTreeMap::new();
    for (part, limit) in LIMITS {
        let (mut made, mut refused, mut foreign) = (0_usize, Vec::new(), 0_usize);
        for (name, folder) in folders_with(&corpus, part, "apimodel.json") {
            let reading = read_newest(&folder);
            let errors: Vec<(&str, &str)> = reading
                .diagnostics
                .iter()
                .filter(|diagnostic| diagnostic.severity == Severity::Error)
                .map(|diagnostic| (diagnostic.code, diagnostic.pointer.as_str()))
                .collect();
            for (code, pointer) in &errors {
                let row = REFUSALS.iter().position(|row| row.code == *code && pointer.ends_with(row.pointer));
                match row {
                    Some(row) => used[row] += 1,
                    None => report.push(format!("{name}: {code} {pointer} is in no row of the table")),
                }
            }
            let kubernetes = is_kubernetes(&folder);
            let Some(cluster) = reading.cluster else {
                if kubernetes && folder.join("refused.txt").is_file() {
                    foreign += 1;
                } else if kubernetes {
                    refused.push(name);
                } else {
                    foreign += 1;
                    if errors.len() != 1 {
                        report.push(format!("{name}: {} faults of a model that is not for the engine", errors.len()));
                    }
                }
                continue;
            };
            made += 1;
            let done = machine_payloads(&cluster, Platform::Azure, &keys, Start::Init)
                .and_then(|machines| expand(&cluster, &clusters::scope(&cluster), &machines.payloads))
                .map_err(|error| error.to_string())
                .and_then(|graph| clusters::template(&cluster, &graph));
            if let Err(cause) = done {
                report.push(format!("{name}: read, and then refused without a place: {cause}"));
            }
        }
        println!(
            "{part}: {made} generate, {} are refused; {foreign} are not Kubernetes, or refused by aks-engine too",
            refused.len()
        );
        if refused.len() > limit {
            report.push(format!("{part}: {} models are refused, more than {limit}: {refused:?}", refused.len()));
        }
        totals.insert(part, made + refused.len() + foreign);
    }
    for (row, _) in REFUSALS.iter().zip(&used).filter(|(_, used)| **used == 0) {
        report.push(format!("no model is refused by {} …{} any more: take the row out", row.code, row.pointer));
    }
    assert!(REFUSALS.iter().all(|row| !row.why.to_lowercase().contains("not built")), "a reason that is none");
    assert!(totals["aks-engine"] > 100 && totals["acs-engine"] > 150, "{totals:?}");
    assert!(report.is_empty(), "{}", report.join("\n"));
}

/// What `generate` writes as apimodel.json reads back to the same cluster, and is the same text again.
#[test]
fn what_is_written_reads_back_to_the_same() {
    let Some(corpus) = crate::shared::folder("corpus") else { return };
    let mut compared = 0_usize;
    for (part, _) in LIMITS {
        for (name, folder) in folders_with(&corpus, part, "apimodel.json") {
            let Some(cluster) = read_newest(&folder).cluster else { continue };
            let written = cluster.to_api_model();
            let source = Source { name: name.clone(), text: serde_json::to_string_pretty(&written).unwrap() };
            let again = read(&source, &ReadOptions::default());
            assert_eq!(again.cluster.as_ref(), Some(&cluster), "{name}: {:#?}", again.diagnostics);
            assert_eq!(again.cluster.unwrap().to_api_model(), written, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}
