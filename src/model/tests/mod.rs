//! The whole path from a text to a cluster: the corpus, the engine's own examples, every rule broken once, and there
//! and back again.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::base::{Diagnostics, Severity, Source};

mod broken;
mod broken_values;
mod certificates;
mod on_prem;
mod key_vaults;
mod custom_files;
mod extensions;
mod versions;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source(text: &str) -> Source {
    Source { name: "test".into(), text: text.into() }
}

fn read_value(model: &Value) -> Reading {
    read(&source(&serde_json::to_string_pretty(model).unwrap()), &ReadOptions::default())
}

/// `code pointer` of each error.
fn errors(diagnostics: &Diagnostics) -> Vec<String> {
    diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| format!("{} {}", diagnostic.code, diagnostic.pointer))
        .collect()
}

fn model_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn quickstart() -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("apimodels/quickstart.json")).unwrap()).unwrap()
}

#[test]
fn examples_resolve_without_errors() {
    let files = model_files(&root().join("apimodels"));
    assert!(files.len() >= 2);
    for file in files {
        let reading = read(&source(&std::fs::read_to_string(&file).unwrap()), &ReadOptions::default());
        assert_eq!(errors(&reading.diagnostics), Vec::<String>::new(), "{}", file.display());
        there_and_back(&reading.cluster.unwrap(), &file.display().to_string());
    }
}

fn there_and_back(cluster: &Cluster, name: &str) {
    let model = cluster.to_api_model();
    let again = read_value(&model);
    let told: Vec<_> = again.diagnostics.iter().filter(|diagnostic| !diagnostic.code.ends_with("-open")).collect();
    let harmless = [
        "kubernetes-version-unknown",
        "ipvs-deprecated",
        "accelerated-networking-unknown",
        "addon-replaced",
        "addon-not-installed",
        "service-range-in-vnet",
        "pods-over-node-range",
        "zones-without-machines",
        "nowhere-to-schedule",
        "cluster-size",
        "etcd-storage-limit-large",
        "zones-partial",
        "gpu-driver",
        "one-host",
        "on-prem-size-unknown",
        "outbound-routing",
        "certificate-unused",
    ];
    // What the model says stays in it, even if nothing follows from it; defaults are not told.
    let kept = [
        "/addons/",
        "/etcdEncryptionKey",
        "/cloudControllerManagerConfig",
        "/eth0MTU",
        "/linuxProfile/enableUnattendedUpgrades",
        "/linuxProfile/runUnattendedUpgradesOnBootstrap",
        "/objectId",
        "/masterProfile/singlePlacementGroup",
    ];
    assert!(
        told.iter().all(|fault| {
            harmless.contains(&fault.code)
                || (fault.code == "no-effect" && kept.iter().any(|part| fault.pointer.contains(part)))
        }),
        "{name}: {told:?}"
    );
    assert_eq!(again.cluster.as_ref(), Some(cluster), "{name}");
    // Nothing of a complete model is left to a default.
    let defaults: Vec<_> =
        again.origins.iter().filter(|(_, origin)| matches!(origin, Origin::Default { .. })).collect();
    let basic = cluster.network.load_balancer.sku == LoadBalancerSku::Basic;
    let allowed = |pointer: &str| {
        (pointer.ends_with("firstConsecutiveStaticIP") && cluster.control_plane.subnet_id.is_some())
            || (pointer.ends_with("loadBalancerOutboundIPs") && basic)
    };
    assert!(defaults.iter().all(|(pointer, _)| allowed(pointer)), "{name}: {defaults:?}");
}

#[test]
fn every_value_has_an_origin() {
    let reading = read_value(&quickstart());
    let model = reading.cluster.unwrap().to_api_model();
    let mut leaves = Vec::new();
    collect_leaves(&model, String::new(), &mut leaves);
    let missing: Vec<_> = leaves
        .iter()
        .filter(|leaf| !reading.origins.keys().any(|known| leaf.starts_with(known.as_str())))
        // What is always written: the only orchestrator there is.
        .filter(|leaf| !leaf.ends_with("/orchestratorType"))
        .collect();
    assert_eq!(missing, Vec::<&String>::new());
}

fn collect_leaves(value: &Value, pointer: String, leaves: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| collect_leaves(value, document::child(&pointer, key), leaves));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| collect_leaves(value, format!("{pointer}/{index}"), leaves));
        }
        _ => leaves.push(pointer),
    }
}

#[test]
fn the_corpus_is_read() {
    let corpus = root().join("../shared/corpus/aks-engine");
    let files: Vec<PathBuf> = model_files(&corpus)
        .into_iter()
        .filter(|file| file.ends_with("apimodel.json") && file.with_file_name("resources.json").exists())
        .collect();
    if files.is_empty() {
        eprintln!("no corpus beside the repository: nothing compared");
        return;
    }
    let options = ReadOptions {
        set: vec!["orchestratorProfile.orchestratorRelease=1.35,orchestratorProfile.orchestratorVersion=".into()],
        location: None,
        ..ReadOptions::default()
    };
    let mut refused = Vec::new();
    for file in &files {
        let name = file.parent().unwrap().strip_prefix(&corpus).unwrap().display().to_string();
        let text = std::fs::read_to_string(file).unwrap();
        let has_location = text.contains("\"location\": \"") && text.find("\"location\"") < text.find("\"properties\"");
        let options = ReadOptions { location: (!has_location).then(|| "westus2".into()), ..options.clone() };
        let reading = read(&source(&text), &options);
        match reading.cluster {
            Some(cluster) => there_and_back(&cluster, &name),
            None => {
                let mut errors = errors(&reading.diagnostics);
                // What cannot be built yet is understood all the same.
                errors.retain(|error| !error.starts_with("not-supported-yet "));
                if !errors.is_empty() {
                    refused.push((name, errors));
                }
            }
        }
    }
    eprintln!("{} of {} models resolve; refused:", files.len() - refused.len(), files.len());
    refused.iter().for_each(|(name, errors)| eprintln!("  {name}: {}", errors.join(", ")));
    for name in ["kubernetes", "kubernetes-D2", "multiple-masters/kubernetes-3-masters", "kubernetes-vmss/kubernetes"] {
        assert!(refused.iter().all(|(refused, _)| refused != name), "{name}");
    }
    assert!(refused.len() <= 10, "{refused:#?}");
}

#[test]
fn ten_faults_are_ten_diagnostics() {
    let file = root().join("tests/models/ten-faults.json");
    let source = Source { name: "ten-faults.json".into(), text: std::fs::read_to_string(file).unwrap() };
    let reading = read(&source, &ReadOptions::default());
    let told: Vec<String> = reading
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| {
            let position = source.position(diagnostic.span.unwrap().start);
            format!("{}:{} {}", position.line, position.column, diagnostic.code)
        })
        .collect();
    assert_eq!(
        told,
        [
            "6:30 kubernetes-version-unsupported",
            "8:26 cidr-form",
            "10:25 dns-service-ip-outside",
            "14:16 control-plane-count",
            "16:7 unknown-key",
            "20:17 pool-name",
            "21:18 wrong-type",
            "23:32 not-one-of",
            "28:7 duplicate-key",
            "30:23 out-of-range",
        ]
    );
    let helps: Vec<&str> = reading.diagnostics.iter().filter_map(|diagnostic| diagnostic.help.as_deref()).collect();
    assert!(helps.contains(&"did you mean \"vmSize\"?"), "{helps:?}");
}

#[test]
fn keys_and_words_are_matched_without_regard_to_case() {
    let mut model = quickstart();
    let pool = &mut model["properties"]["agentPoolProfiles"][0];
    pool["OSDiskSizeGb"] = 64.into();
    pool["VMSIZE"] = pool["vmSize"].take();
    pool["OSTYPE"] = "linux".into();
    pool.as_object_mut().unwrap().shift_remove("vmSize");
    let reading = read_value(&model);
    assert_eq!(errors(&reading.diagnostics), Vec::<String>::new());
    assert_eq!(reading.cluster.unwrap().pools[0].os_disk.size_gib, Some(64));
}

#[test]
fn twins_are_told_whatever_the_case_of_their_letters() {
    let text = serde_json::to_string(&quickstart()).unwrap().replacen("\"count\":1,", "\"count\":1,\"Count\":3,", 1);
    let reading = read(&source(&text), &ReadOptions::default());
    assert_eq!(errors(&reading.diagnostics), ["duplicate-key /properties/masterProfile/count"]);
}

#[test]
fn quickstart_is_the_cluster_it_describes() {
    let cluster = read_value(&quickstart()).cluster.unwrap();
    assert_eq!(cluster.kubernetes_release(), "1.35");
    assert_eq!(cluster.name_suffix, crate::catalog::name_suffix("quickstart"));
    assert_eq!(cluster.node_count(), 3);
    assert_eq!(cluster.public_fqdn(), "quickstart.westus2.cloudapp.azure.com");
    assert_eq!(cluster.control_plane.first_consecutive_static_ip.to_string(), "10.255.255.5");
    assert_eq!(cluster.control_plane.internal_balancer_address().to_string(), "10.255.255.15");
    assert!(!cluster.control_plane.has_internal_balancer());
    assert_eq!(cluster.network.dns_service_ip.to_string(), "10.0.0.10");
    assert_eq!(cluster.identity, Identity::SystemAssigned);
    assert_eq!(cluster.pools[0].addresses_per_node, 31);
    assert!(cluster.network.ssh_source_ranges.is_empty());
}

/// Any JSON, with keys and words of the schema among it.
fn any_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "vlabs",
        "Kubernetes",
        "kubenet",
        "azure",
        "10.0.0.0/8",
        "10.0.0.10",
        "::/0",
        "1.35",
        "Windows",
        "Spot",
        "",
        "ä\u{0}",
        "/a~b",
        "VirtualMachineScaleSets",
        "Ephemeral",
        "StorageAccount",
        "999999999999",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(property_names()), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// All names of properties in the schema.
fn property_names() -> Vec<String> {
    let roots = std::iter::once(schema()).chain(schema()["$defs"].as_object().unwrap().values());
    roots.flat_map(|root| root["properties"].as_object().into_iter().flatten()).map(|(name, _)| name.clone()).collect()
}

/// A value put somewhere into the example.
fn grafted(pointer: &str, graft: Value) -> Value {
    let mut model = quickstart();
    if let Some(place) = model.pointer_mut(pointer) {
        *place = graft;
    }
    model
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,64}") {
        read(&source(&text), &ReadOptions::default());
    }

    #[test]
    fn no_document_makes_the_reader_panic(graft in any_json(), place in 0..8_usize, set in "[a-z.\\[\\]0-9=,'\"]{0,24}") {
        let places = [
            "/properties", "/properties/orchestratorProfile", "/properties/orchestratorProfile/kubernetesConfig",
            "/properties/masterProfile", "/properties/agentPoolProfiles", "/properties/agentPoolProfiles/0",
            "/properties/linuxProfile", "/properties/linuxProfile/ssh",
        ];
        let model = grafted(places[place], graft);
        let reading = read(&source(&model.to_string()), &ReadOptions { set: vec![set], ..ReadOptions::default() });
        prop_assert_eq!(reading.cluster.is_none(), reading.diagnostics.has_errors());
    }
}

/// Gates that the asked Kubernetes takes stay; the flag goes with its last gate; the release decides.
#[test]
fn only_feature_gates_of_the_release_are_left() {
    let gates = |release: &str, flag: &str, value: &str| {
        let mut model = quickstart();
        let orchestrator = &mut model["properties"]["orchestratorProfile"];
        orchestrator["orchestratorRelease"] = release.into();
        orchestrator["kubernetesConfig"]["apiServerConfig"] = serde_json::json!({ flag: value });
        let reading = read_value(&model);
        let told = reading.diagnostics.iter().filter(|diagnostic| diagnostic.code == "feature-gate-dropped").count();
        (reading.cluster.unwrap().component_flags.api_server.get(flag).cloned(), told)
    };
    let flag = "--feature-gates";
    assert_eq!(gates("1.36", flag, "MountPropagation=true,DebugContainers=true"), (None, 2));
    assert_eq!(
        gates("1.36", flag, "MountPropagation=true, AllAlpha=false,kube:KubeletInUserNamespace=true"),
        (Some("AllAlpha=false,kube:KubeletInUserNamespace=true".into()), 1)
    );
    assert_eq!(gates("1.34", flag, "ImageVolume=false"), (Some("ImageVolume=false".into()), 0));
    assert_eq!(gates("1.36", flag, "ImageVolume=false"), (None, 1));
}

/// An early key beside today's one: left out if it says the same or nothing, a fault if it says something else.
#[test]
fn an_early_key_beside_todays_is_left_out_where_it_adds_nothing() {
    for (early, fault) in [("", false), ("<your id>", false), ("mine", false), ("another", true)] {
        let mut model = quickstart();
        model["properties"]["orchestratorProfile"]["kubernetesConfig"]["useManagedIdentity"] = false.into();
        for early_first in [true, false] {
            let (early, today) = (("servicePrincipalClientID", early), ("clientId", "mine"));
            let (first, second) = if early_first { (early, today) } else { (today, early) };
            model["properties"]["servicePrincipalProfile"] =
                serde_json::json!({ first.0: first.1, second.0: second.1, "secret": "canary" });
            let reading = read_value(&model);
            let codes: Vec<&str> = reading.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
            assert_eq!(codes.contains(&"duplicate-key"), fault, "{codes:?}");
            assert!(codes.contains(&"key-renamed"), "{codes:?}");
            if let Some(cluster) = reading.cluster {
                assert!(
                    matches!(&cluster.identity, Identity::ServicePrincipal { client_id, .. } if client_id == "mine")
                );
            }
        }
    }
}
