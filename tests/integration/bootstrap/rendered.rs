//! The field's own tools over what the examples and the corpus become: every machine's document by cloud-init, every
//! script by shellcheck, every unit by systemd, every configuration of kubeadm by kubeadm itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use base64::Engine as _;
use engine::bootstrap::Start;
use engine::contract::Platform;
use engine::expand::{custom_data_handle, machine_payloads};
use engine::model::{Cluster, OnPrem, OperatingSystem};
use engine::pki::KeyMaterial;

use super::fixture::{Written, written_in};
use super::tools::{run, tool};
use crate::{clusters, examples, inventory, shared};

pub static KEYS: LazyLock<KeyMaterial> = LazyLock::new(|| {
    KeyMaterial::generate(&engine::pki::Given::default(), &engine::base::SystemClock, &engine::base::SystemEntropy)
        .unwrap()
});

/// The minor versions that a new cluster may have.
pub fn releases() -> Vec<&'static str> {
    engine::catalog::kubernetes_releases()
        .iter()
        .filter(|release| release.creatable)
        .map(|release| release.release)
        .collect()
}

/// A kubeadm of this minor version: the one that `.ci/kubeadm` builds, or the one that is installed.
pub fn kubeadm(release: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let built = cache.join("engine-ci/kubeadm").join(release).join("kubeadm");
    if built.is_file() {
        return Some(built);
    }
    let installed = tool("kubeadm")?;
    let version = Command::new(&installed).args(["version", "--output", "short"]).output().unwrap();
    if String::from_utf8_lossy(&version.stdout).starts_with(&format!("v{release}.")) {
        return Some(installed);
    }
    println!("skipped: no kubeadm {release}; `.ci/kubeadm {release}` builds it");
    None
}

/// The documents of a cluster's Linux machines, by pool, for a machine that starts and one that joins.
pub fn documents(cluster: &Cluster, platform: Platform) -> Vec<(String, String)> {
    let mut documents = Vec::new();
    for (start, word) in [(Start::Init, "start"), (Start::Join, "join")] {
        let payloads = machine_payloads(cluster, platform, &KEYS, start).unwrap();
        let linux = cluster.pools.iter().filter(|pool| pool.operating_system == OperatingSystem::Linux);
        let pools = linux.map(|pool| pool.name.as_str()).chain(["master"]);
        for pool in pools.filter(|pool| start == Start::Init || *pool == "master") {
            let packed = payloads.secrets[&custom_data_handle(pool)].expose();
            let text = base64::engine::general_purpose::STANDARD.decode(packed).unwrap();
            documents.push((format!("{pool}, {word}"), String::from_utf8(text).unwrap()));
        }
    }
    documents
}

/// Every example's documents in a minor version.
fn examples_of(release: &str) -> Vec<(String, String)> {
    let set = format!("orchestratorProfile.orchestratorRelease={release}");
    let mut all = Vec::new();
    for example in examples::all() {
        let version = "orchestratorProfile.orchestratorVersion=";
        let sets: Vec<&str> =
            if example.text.contains("orchestratorVersion") { vec![&set, version] } else { vec![&set] };
        let cluster = clusters::read_model(&example.text, &sets).unwrap();
        // Each for what the model names, and on-prem too.
        let own = cluster.target.map_or(Platform::Azure, Platform::from);
        for platform in std::iter::once(own).chain((own != Platform::OnPrem).then_some(Platform::OnPrem)) {
            if platform != own && machine_payloads(&cluster, platform, &KEYS, Start::Init).is_err() {
                continue;
            }
            let named = |(name, text)| (format!("{} ({platform:?}): {name}", example.name), text);
            all.extend(documents(&cluster, platform).into_iter().map(named));
        }
    }
    all
}

#[test]
fn cloud_init_accepts_every_example() {
    let Some(cloud_init) = tool("cloud-init") else { return };
    let folder = tempfile::tempdir().unwrap();
    let documents = examples_of(engine::catalog::DEFAULT_KUBERNETES_RELEASE);
    // What a schema sees is the same in most of them.
    let shapes: BTreeMap<String, &(String, String)> =
        documents.iter().map(|document| (shape(&document.1), document)).collect();
    for (index, (name, text)) in shapes.values().enumerate() {
        let path = folder.path().join(format!("{index}.yaml"));
        std::fs::write(&path, text).unwrap();
        run(Command::new(&cloud_init).args(["schema", "--config-file"]).arg(&path), name);
    }
    println!("{} documents in {} shapes", documents.len(), shapes.len());
}

/// A document without the contents of its files.
fn shape(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("  content: ")).collect::<Vec<&str>>().join("\n")
}

#[test]
fn shellcheck_and_systemd_accept_every_example() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scripts, mut units, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (_, text) in examples_of(engine::catalog::DEFAULT_KUBERNETES_RELEASE) {
        for Written { path, text, .. } in written_in(&text) {
            let end = path.rsplit('.').next().unwrap_or_default().to_owned();
            if !["sh", "service", "timer"].contains(&end.as_str()) || !seen.insert((path.clone(), text.clone())) {
                continue;
            }
            let file = folder.path().join(seen.len().to_string()).join(path.trim_start_matches('/'));
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            let text = text
                .replace("ExecStart=/opt/engine/", "ExecStart=/bin/true /")
                .replace("ExecStart=/usr/bin/engine", "ExecStart=/bin/true")
                .replace("/usr/sbin/nft", "/bin/true");
            std::fs::write(&file, text).unwrap();
            if end == "sh" { scripts.push(file) } else { units.push(file) }
        }
    }
    assert!(scripts.len() > 10 && units.len() >= 4, "{} {}", scripts.len(), units.len());
    for script in &scripts {
        run(Command::new("bash").arg("-n").arg(script), &script.display().to_string());
    }
    if let Some(shellcheck) = tool("shellcheck") {
        run(Command::new(shellcheck).arg("--severity=style").args(&scripts), "shellcheck");
    }
    if let Some(analyze) = tool("systemd-analyze") {
        for unit in &units {
            run(Command::new(&analyze).arg("verify").arg(unit), &unit.display().to_string());
        }
    }
    println!("{} scripts, {} units", scripts.len(), units.len());
}

/// kubeadm's own judgement of each configuration, once for each that differs.
#[derive(Default)]
struct Judged {
    seen: BTreeSet<String>,
}

impl Judged {
    fn judge(&mut self, kubeadm: &std::path::Path, name: &str, document: &str) {
        let files = written_in(document);
        let text = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.clone());
        let cluster = text("/etc/engine/kubeadm/cluster.yaml");
        let start = text("/etc/engine/kubeadm/init.yaml")
            .map(|init| format!("{init}---\n{}", cluster.clone().unwrap_or_default()));
        let join = text("/etc/engine/kubeadm/join.yaml");
        assert!(join.is_some(), "{name}: no join.yaml");
        for (kind, configuration) in [("start", start), ("join", join)] {
            let Some(configuration) = configuration else { continue };
            let folder = tempfile::tempdir().unwrap();
            let below = folder.path().to_str().unwrap();
            let filled = configuration
                .replace("@NODE_NAME@", "k8s-master-12345678-0")
                .replace("@NODE_ADDRESS@", "10.255.255.5")
                .replace(KEYS.bootstrap_token.expose(), "abcdef.0123456789abcdef");
            if !self.seen.insert(filled.clone()) {
                continue;
            }
            let path = folder.path().join("configuration.yaml");
            std::fs::write(&path, filled.replace("/etc/engine/kubeadm", below)).unwrap();
            for file in files.iter().filter(|file| file.path.starts_with("/etc/engine/kubeadm/")) {
                let place = folder.path().join(file.path.trim_start_matches("/etc/engine/kubeadm/"));
                std::fs::create_dir_all(place.parent().unwrap()).unwrap();
                std::fs::write(place, &file.text).unwrap();
            }
            let mut command = Command::new(kubeadm);
            let said = run(command.args(["config", "validate", "--config"]).arg(&path), &format!("{name}: {kind}"));
            // A field that it does not know is a warning only.
            assert!(!said.contains("unknown field") && !said.contains("WARNING"), "{name}: {kind}: {said}");
        }
    }
}

#[test]
fn kubeadm_accepts_every_examples_configuration() {
    for release in releases() {
        let Some(kubeadm) = kubeadm(release) else { continue };
        let mut judged = Judged::default();
        for (name, document) in examples_of(release) {
            judged.judge(&kubeadm, &format!("{release}, {name}"), &document);
        }
        println!("kubeadm {release}: {} configurations of the examples are valid", judged.seen.len());
        assert!(judged.seen.len() > 20, "{}", judged.seen.len());
        let images = run(Command::new(&kubeadm).args(["config", "images", "list"]), "images");
        let known = engine::catalog::kubernetes_release(release).unwrap();
        for image in [
            format!("pause:{}", known.pause),
            format!("etcd:{}-0", known.etcd),
            format!("coredns/coredns:v{}", known.coredns),
        ] {
            assert!(images.contains(&format!("registry.k8s.io/{image}\n")), "{release}: {image} in {images}");
        }
    }
}

#[test]
fn kubeadm_accepts_every_configuration_of_the_corpus() {
    let Some(corpus) = shared::folder("corpus") else { return };
    let release = engine::catalog::DEFAULT_KUBERNETES_RELEASE;
    let Some(kubeadm) = kubeadm(release) else { return };
    let mut judged = Judged::default();
    let mut read = [0; 3];
    let parts = [("aks-engine", "resources.json"), ("acs-engine", "apimodel.json")];
    for (name, folder) in parts.iter().flat_map(|(part, file)| inventory::folders_with(&corpus, part, file)) {
        let Ok(cluster) = inventory::read_today(&folder) else { continue };
        let slow = OnPrem { slow_host: true, ..OnPrem::default() };
        let places = [(Platform::Azure, None), (Platform::OnPrem, None), (Platform::OnPrem, Some(slow))];
        for (count, (platform, on_prem)) in read.iter_mut().zip(places) {
            let cluster = Cluster { on_prem, ..cluster.clone() };
            if machine_payloads(&cluster, platform, &KEYS, Start::Init).is_err() {
                continue;
            }
            *count += 1;
            for (machine, document) in documents(&cluster, platform) {
                judged.judge(&kubeadm, &format!("{name}: {machine} ({platform:?})"), &document);
            }
        }
    }
    println!(
        "kubeadm {release}: {} configurations of the corpus are valid, of {read:?} models for Azure, on-prem, on slow hosts",
        judged.seen.len()
    );
    assert!(read.iter().all(|count| *count > 20), "{read:?}");
}
