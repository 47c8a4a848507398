//! What machines are told on-prem: it differs from Azure's in the values of the tables in `docs/on-prem.md`, in no other.

use std::collections::{BTreeMap, BTreeSet};

use engine::bootstrap::Start;
use engine::contract::Platform;
use engine::expand::{endpoint_name, machine_payloads};
use engine::model::{Cluster, NetworkPlugin};
use serde_json::{Value as Json, json};

use super::fixture::written_in;
use super::rendered::{KEYS, documents};
use crate::{clusters, examples, golden};

/// One row: what may differ in which files, and which files may be on one side only.
#[derive(Debug, Default)]
struct Row {
    value: String,
    /// Parts of lines, each with the files that it may differ in.
    lines: Vec<(String, Vec<String>)>,
    gone: Vec<String>,
    new: Vec<String>,
    /// Files that may be others altogether.
    whole: Vec<String>,
}

/// What stands between backquotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of the table below a heading.
fn table(heading: &str) -> Vec<Row> {
    let text = std::fs::read_to_string(golden::path("docs/on-prem.md")).unwrap();
    let section = text.split(&format!("## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap().to_owned();
    let cells = section.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        (cells.len() == 5 && cells[0] != "value" && cells[0] != "---")
            .then(|| (cells[0].to_owned(), cells[1].to_owned()))
    });
    let rows: Vec<Row> = cells
        .map(|(value, place)| {
            let mut row = Row { value, ..Row::default() };
            for part in place.split("; ") {
                if let Some(files) = part.strip_prefix("gone: ").or_else(|| part.strip_prefix("also gone: ")) {
                    row.gone = quoted(files);
                } else if let Some(files) = part.strip_prefix("new: ") {
                    row.new = quoted(files);
                } else if let Some(files) = part.strip_prefix("all of: ") {
                    row.whole = quoted(files);
                } else if let Some((lines, files)) = part.split_once(" in `") {
                    let files = quoted(&format!("`{files}"));
                    row.lines.extend(quoted(lines).into_iter().map(|line| (line, files.clone())));
                }
            }
            row
        })
        .collect();
    assert!(rows.len() >= 8, "{rows:?}");
    rows
}

/// The files of each machine: `pool, start` → path → text.
type Machines = BTreeMap<String, BTreeMap<String, String>>;

fn machines(cluster: &Cluster, platform: Platform) -> Machines {
    let files = |text: &str| written_in(text).into_iter().map(|file| (file.path, file.text)).collect();
    documents(cluster, platform).iter().map(|(name, text)| (name.clone(), files(text))).collect()
}

/// The lines of one text that the other lacks, and the other way round.
fn differing(left: &str, right: &str) -> Vec<String> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    left.lines().for_each(|line| *counts.entry(line).or_default() += 1);
    right.lines().for_each(|line| *counts.entry(line).or_default() -= 1);
    counts.into_iter().filter(|(_, count)| *count != 0).map(|(line, _)| line.to_owned()).collect()
}

/// Holds two renderings against a table; gives the rows that were needed, by their place.
fn compare(rows: &[Row], left: &Machines, right: &Machines, about: &str) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>());
    for (machine, before) in left {
        let after = &right[machine];
        for path in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            let about = format!("{about}: {machine}: {path}");
            let allowed: Vec<usize> = match (before.get(path), after.get(path)) {
                (Some(before), Some(after)) => differing(before, after)
                    .iter()
                    .map(|line| {
                        let fits = |row: &&Row| {
                            row.whole.contains(path)
                                || row
                                    .lines
                                    .iter()
                                    .any(|(part, files)| files.contains(path) && line.contains(part.as_str()))
                        };
                        rows.iter().position(|row| fits(&row)).unwrap_or_else(|| panic!("{about}: `{line}`"))
                    })
                    .collect(),
                (Some(_), None) => vec![
                    rows.iter().position(|row| row.gone.contains(path)).unwrap_or_else(|| panic!("{about}: is gone")),
                ],
                (None, _) => vec![
                    rows.iter().position(|row| row.new.contains(path)).unwrap_or_else(|| panic!("{about}: is new")),
                ],
            };
            needed.extend(allowed);
        }
    }
    needed
}

/// A text of the one side in the words of the other.
fn reworded(machines: Machines, words: &[(String, String)]) -> Machines {
    let reword = |text: String| words.iter().fold(text, |text, (from, to)| text.replace(from, to));
    let files = |files: BTreeMap<String, String>| files.into_iter().map(|(path, text)| (path, reword(text))).collect();
    machines.into_iter().map(|(name, all)| (name, files(all))).collect()
}

fn model(name: &str, over: &Json) -> Cluster {
    let example = examples::all().into_iter().find(|example| example.name == name).unwrap();
    let mut model: Json = serde_json::from_str(&example.text).unwrap();
    for (key, value) in over.as_object().unwrap() {
        model["properties"][key] = value.clone();
    }
    clusters::read_model(&model.to_string(), &[]).unwrap()
}

#[test]
fn machines_are_told_what_azures_are_told_but_for_the_documented_values() {
    let rows = table("What machines are told otherwise");
    let mut needed = BTreeSet::new();
    let (mut compared, mut refused) = (0, Vec::new());
    for example in examples::all() {
        let cluster = clusters::read_model(&example.text, &[]).unwrap();
        if let Err(error) = machine_payloads(&cluster, Platform::OnPrem, &KEYS, Start::Init) {
            let told = error.to_string();
            assert!(told.starts_with("on-prem there is nothing for "), "{}: {told}", example.name);
            refused.push(example.name);
            continue;
        }
        let left = machines(&cluster, Platform::Azure);
        let right = machines(&cluster, Platform::OnPrem);
        let mut words = vec![(endpoint_name(&cluster, Platform::OnPrem), endpoint_name(&cluster, Platform::Azure))];
        needed.insert(rows.iter().position(|row| row.value == "name of the API server").unwrap());
        if cluster.network.plugin == NetworkPlugin::Azure {
            needed.insert(rows.iter().position(|row| row.value.starts_with("range of pods")).unwrap());
            let flannel = &right["master, start"]["/etc/kubernetes/addons/16-flannel.yaml"];
            let range = flannel.split("\"Network\": \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
            words.push((range, cluster.network.cluster_subnet.to_string()));
        }
        needed.extend(compare(&rows, &left, &reworded(right, &words), &example.name));
        compared += 1;
    }
    assert!(compared >= 20, "{compared}");
    // Those that are refused are known, so that none drops out unseen.
    let expected = [
        "azure-stack",
        "cluster-autoscaler",
        "dual-stack",
        "key-vault-encryption",
        "key-vault-secrets",
        "private-cluster-with-jumpbox",
        "scale-set-control-plane",
        "windows-pool",
    ];
    assert_eq!(refused, expected);
    for (place, row) in rows.iter().enumerate() {
        assert!(needed.contains(&place), "no example needs the row \"{}\"", row.value);
    }
}

#[test]
fn slow_hosts_get_more_time_and_nothing_else() {
    let rows = table("Slow hosts");
    let mut needed = BTreeSet::new();
    for name in ["on-prem", "three-control-plane-nodes"] {
        let ordinary = model(name, &json!({ "onPremProfile": {} }));
        let slow = model(name, &json!({ "onPremProfile": { "slowHost": true } }));
        let of = |cluster: &Cluster, platform| machines(cluster, platform);
        needed.extend(compare(&rows, &of(&ordinary, Platform::OnPrem), &of(&slow, Platform::OnPrem), name));
        // On Azure nobody looks at it.
        assert_eq!(of(&ordinary, Platform::Azure), of(&slow, Platform::Azure));
    }
    for (place, row) in rows.iter().enumerate() {
        assert!(needed.contains(&place), "nothing needs the row \"{}\"", row.value);
    }
}

/// kubeadm itself puts the patches over its manifests, and judges what comes out.
#[test]
fn kubeadm_takes_the_patient_probes() {
    let cluster = model("on-prem", &json!({ "onPremProfile": { "slowHost": true } }));
    let release = cluster.kubernetes_release();
    let Some(kubeadm) = super::rendered::kubeadm(&release) else { return };
    let files = &machines(&cluster, Platform::OnPrem)["master, start"];
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().to_str().unwrap();
    let fill = |path: &str| {
        files[path]
            .replace("@NODE_NAME@", "k8s-master-12345678-0")
            .replace("@NODE_ADDRESS@", "10.240.255.5")
            .replace(KEYS.bootstrap_token.expose(), "abcdef.0123456789abcdef")
            .replace("/etc/engine/kubeadm", below)
            .replace("/etc/kubernetes/pki", &format!("{below}/pki"))
    };
    let configuration =
        format!("{}---\n{}", fill("/etc/engine/kubeadm/init.yaml"), fill("/etc/engine/kubeadm/cluster.yaml"));
    std::fs::write(folder.path().join("start.yaml"), configuration).unwrap();
    std::fs::create_dir_all(folder.path().join("patches")).unwrap();
    for (path, text) in files {
        if let Some(name) = path.strip_prefix("/etc/engine/kubeadm/patches/") {
            std::fs::write(folder.path().join("patches").join(name), text).unwrap();
        }
    }
    let start = folder.path().join("start.yaml");
    let manifests = folder.path().join("dry-run");
    std::fs::create_dir(&manifests).unwrap();
    for phase in [["control-plane", "all"], ["etcd", "local"]] {
        let mut command = std::process::Command::new(&kubeadm);
        command.env("KUBEADM_INIT_DRYRUN_DIR", &manifests).args(["init", "phase"]).args(phase);
        super::tools::run(command.args(["--dry-run", "--config"]).arg(&start), phase[0]);
    }
    let mut said = String::new();
    for component in ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"] {
        said += &std::fs::read_to_string(manifests.join(format!("{component}.yaml"))).unwrap();
    }
    // Each has a probe of liveness and of start, and all but the controller manager one of readiness.
    assert_eq!(said.matches("timeoutSeconds: 60").count(), 11, "{said}");
    assert!(!said.contains("periodSeconds: 1\n"), "nobody is asked each second: {said}");
    assert!(said.contains("--heartbeat-interval=1000") && said.contains("--leader-elect=false"), "{said}");
}
