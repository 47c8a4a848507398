//! The field's own tools over what is rendered. A tool that is not installed is named in one line and skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use engine::bootstrap::{self, CustomData, Network, Start};

use super::fixture;

/// Every kind of machine that is rendered differently.
fn machines() -> Vec<(&'static str, CustomData)> {
    let mut azure = fixture::control_plane(Start::Init);
    azure.cluster.network = Network::Azure {
        plugin_url: "https://packages.aks.azure.com/azure-cni/v1.6.43/binaries/azure-vnet-cni-linux-amd64-v1.6.43.tgz"
            .to_owned(),
        plugin_sha256: String::new(),
    };
    azure.cluster.cloud.instance_metadata = false;
    azure.cluster.cloud.cloud_name = "AzureStackCloud".to_owned();
    azure.cluster.cloud.environment = "{\"name\":\"AzureStackCloud\"}\n".to_owned();
    azure.cluster.software = bootstrap::Software::PreparedImage;
    let mut azure_worker = fixture::worker();
    azure_worker.cluster = azure.cluster.clone();
    let mut encrypting = fixture::control_plane(Start::Init);
    encrypting.encryption = fixture::encryption();
    encrypting.cluster.cloud.identity = bootstrap::CloudIdentity::ServicePrincipal {
        client_id: "11111111-2222-3333-4444-555555555555".to_owned(),
        secret: bootstrap::PrincipalSecret::Told(engine::base::Secret::new("a'b\"c")),
    };
    let mut calico = fixture::control_plane(Start::Init);
    calico.cluster.network = Network::AddOn { routes: true };
    calico.add_ons = fixture::all_add_ons(true);
    let mut cilium = fixture::control_plane(Start::Init);
    cilium.cluster.network = Network::AddOn { routes: false };
    cilium.add_ons = fixture::all_add_ons(false);
    let mut on_prem = fixture::on_prem();
    on_prem.cluster.slow_host = true;
    vec![
        ("control plane with all add-ons", bootstrap::control_plane(&calico).unwrap()),
        ("control plane with Cilium", bootstrap::control_plane(&cilium).unwrap()),
        ("control plane with a key vault", bootstrap::control_plane(&encrypting).unwrap()),
        ("control plane on-prem", bootstrap::control_plane(&on_prem).unwrap()),
        ("control plane", bootstrap::control_plane(&fixture::control_plane(Start::Init)).unwrap()),
        ("joining control plane", bootstrap::control_plane(&fixture::control_plane(Start::Join)).unwrap()),
        ("worker", bootstrap::worker(&fixture::worker()).unwrap()),
        ("control plane on Stack", bootstrap::control_plane(&azure).unwrap()),
        ("worker on Stack", bootstrap::worker(&azure_worker).unwrap()),
    ]
}

/// Where a tool is, or `None` and a line that says that it is missing.
pub fn tool(name: &str) -> Option<PathBuf> {
    let found =
        std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: `{name}` is not installed");
    }
    found
}

/// Runs a command that has to succeed, and gives what it said.
pub fn run(command: &mut Command, about: &str) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{about}: {said}");
    said
}

/// Writes all files of all machines that `wanted` picks below `folder`.
fn lay_out(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for (name, data) in machines() {
        for file in fixture::written(&data).iter().filter(|file| wanted(&file.path)) {
            let path = folder.join(name.replace(' ', "-")).join(file.path.trim_start_matches('/'));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &file.text).unwrap();
            paths.push(path);
        }
    }
    assert!(!paths.is_empty());
    paths
}

#[test]
fn cloud_init_accepts_the_document() {
    let Some(cloud_init) = tool("cloud-init") else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, data) in machines() {
        let path = folder.path().join("user-data");
        std::fs::write(&path, data.cloud_config.expose()).unwrap();
        run(Command::new(&cloud_init).args(["schema", "--config-file"]).arg(&path), name);
    }
}

/// kubeadm itself reads its configuration, and makes the leaves of a control-plane machine from the engine's keys.
#[test]
fn kubeadm_accepts_configuration_and_keys() {
    let Some(kubeadm) = super::rendered::kubeadm(engine::catalog::DEFAULT_KUBERNETES_RELEASE) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let material = engine::pki::KeyMaterial::generate(
        &engine::pki::Given::default(),
        &engine::base::SystemClock,
        &engine::base::SystemEntropy,
    )
    .unwrap();
    let mut machine = fixture::control_plane(Start::Init);
    machine.keys = (&material).into();
    machine.cluster.certificate_authority = material.cluster_ca.certificate.clone();
    machine.cluster.bootstrap_token = material.bootstrap_token.clone();
    let certificates = path("pki");
    for file in fixture::written(&bootstrap::control_plane(&machine).unwrap()) {
        let text = file
            .text
            .replace("@NODE_NAME@", "k8s-master-12345678-0")
            .replace("@NODE_ADDRESS@", "10.255.255.5")
            .replace("/etc/kubernetes/pki", certificates.to_str().unwrap())
            .replace("/etc/engine/kubeadm", folder.path().to_str().unwrap());
        if let Some(name) = file.path.strip_prefix("/etc/engine/pki/") {
            std::fs::create_dir_all(certificates.join("etcd")).unwrap();
            std::fs::write(certificates.join(name), text).unwrap();
        } else if let Some(name) = file.path.strip_prefix("/etc/engine/kubeadm/") {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            std::fs::write(path(name), text).unwrap();
        }
    }
    let joined = ["init.yaml", "cluster.yaml"].map(|name| std::fs::read_to_string(path(name)).unwrap()).join("---\n");
    std::fs::write(path("start.yaml"), joined).unwrap();
    for name in ["start.yaml", "join.yaml"] {
        let said = run(Command::new(&kubeadm).args(["config", "validate", "--config"]).arg(path(name)), name);
        // A field that it does not know is a warning only.
        assert!(!said.contains("unknown field") && !said.contains("WARNING"), "{name}: {said}");
        println!("{name}: {said}");
    }
    let said = run(
        Command::new(&kubeadm).args(["init", "phase", "certs", "all", "--config"]).arg(path("start.yaml")),
        "init phase certs",
    );
    for taken in ["existing ca certificate authority", "existing etcd/ca certificate", "the existing \"sa\" key"] {
        assert!(said.contains(taken), "{said}");
    }
    let leaf = std::fs::read(certificates.join("apiserver.crt")).unwrap();
    let (_, leaf) = x509_parser::pem::parse_x509_pem(&leaf).unwrap();
    let leaf = leaf.parse_x509().unwrap();
    let (_, authority) = x509_parser::pem::parse_x509_pem(material.cluster_ca.certificate.as_bytes()).unwrap();
    leaf.verify_signature(Some(authority.parse_x509().unwrap().public_key())).unwrap();
    assert_eq!(
        std::fs::read_to_string(certificates.join("ca.crt")).unwrap(),
        material.cluster_ca.certificate,
        "kubeadm keeps the authority"
    );
    run(
        Command::new(&kubeadm)
            .args(["kubeconfig", "user", "--client-name", "engine-join", "--org", "system:masters"])
            .args(["--validity-period", "24h", "--config"])
            .arg(path("cluster.yaml")),
        "kubeconfig user",
    );
    // What a joining machine asks etcd with, before kubeadm joins it.
    for kind in ["crt", "key"] {
        std::fs::remove_file(certificates.join(format!("etcd/healthcheck-client.{kind}"))).unwrap();
    }
    run(
        Command::new(&kubeadm)
            .args(["init", "phase", "certs", "etcd-healthcheck-client", "--config"])
            .arg(path("cluster.yaml")),
        "init phase certs etcd-healthcheck-client",
    );
    assert!(certificates.join("etcd/healthcheck-client.key").exists());
}

/// The two parts in which a control-plane machine joins are all phases of each minor's kubeadm, by their names.
#[test]
fn kubeadm_knows_the_parts_of_a_join() {
    let files = fixture::written(&bootstrap::control_plane(&fixture::control_plane(Start::Join)).unwrap());
    let script = &files.iter().find(|file| file.path == "/opt/engine/steps.sh").unwrap().text;
    let lines = |name: &str| -> Vec<&str> {
        script.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
    };
    let until = lines("until_etcd").join(",").replace("$until_etcd,", "");
    let after = lines("after_etcd").join(",");
    assert!(until.ends_with(",etcd-join") && after.ends_with(",wait-control-plane"), "{until} {after}");
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("join.yaml");
    // Where nothing is to be done, nobody is asked.
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\nnodeRegistration: {name: node-1, criSocket: \
                \"unix:///run/containerd/containerd.sock\"}\ncontrolPlane: {localAPIEndpoint: {advertiseAddress: 10.255.255.6}}\n\
                discovery: {bootstrapToken: {token: abcdef.0123456789abcdef, apiServerEndpoint: \"127.0.0.1:1\", \
                unsafeSkipCAVerification: true}}\n";
    std::fs::write(&configuration, text).unwrap();
    for release in super::rendered::releases() {
        let Some(kubeadm) = super::rendered::kubeadm(release) else { continue };
        let said = |phases: String| {
            let mut command = Command::new(&kubeadm);
            let output = command
                .args(["join", "--config"])
                .arg(&configuration)
                .args(["--skip-phases", &phases])
                .output()
                .unwrap();
            String::from_utf8_lossy(&output.stderr).into_owned()
        };
        let known = said(format!("{until},{after}"));
        assert!(!known.contains("invalid phase name") && !known.contains("[preflight]"), "{release}: {known}");
        let unknown = said(format!("{until},{after},another"));
        assert!(unknown.contains("invalid phase name: another"), "{release}: {unknown}");
    }
}

#[test]
fn shellcheck_and_bash_accept_the_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let mut scripts = lay_out(folder.path(), |path| Path::new(path).extension().is_some_and(|end| end == "sh"));
    let wait = folder.path().join("wait.sh");
    std::fs::write(&wait, format!("#!/bin/sh\n{}\n", bootstrap::wait_command(45).unwrap())).unwrap();
    scripts.push(wait);
    for script in &scripts {
        run(Command::new("bash").arg("-n").arg(script), &script.display().to_string());
    }
    let Some(shellcheck) = tool("shellcheck") else { return };
    run(Command::new(shellcheck).arg("--severity=style").args(&scripts), "shellcheck");
}

#[test]
fn the_inner_wait_script_is_accepted_too() {
    let Some(shellcheck) = tool("shellcheck") else { return };
    let command = bootstrap::wait_command(45).unwrap();
    let inner = command.strip_prefix("/bin/bash -c '").unwrap().strip_suffix('\'').unwrap().replace(r"'\''", "'");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inner.sh");
    std::fs::write(&path, format!("#!/bin/bash\n{inner}\n")).unwrap();
    run(Command::new("bash").arg("-n").arg(&path), "inner");
    // SC2012: the names are ours.
    run(Command::new(shellcheck).arg("--exclude=SC2012,SC2001").arg(&path), "inner");
}

/// The files that machine images are made with, which end so.
fn image_files(end: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/image");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{end}");
    paths
}

#[test]
fn shellcheck_and_sh_accept_what_builds_images() {
    let scripts = image_files(".sh");
    for script in &scripts {
        run(Command::new("sh").arg("-n").arg(script), &script.display().to_string());
    }
    let Some(shellcheck) = tool("shellcheck") else { return };
    run(Command::new(shellcheck).arg("--severity=style").args(&scripts), "shellcheck");
}

#[test]
fn systemd_accepts_the_units_of_images() {
    let Some(analyze) = tool("systemd-analyze") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut units = Vec::new();
    for unit in image_files(".service") {
        // The programs are not installed here, so a stand-in takes their place.
        let text: String =
            std::fs::read_to_string(&unit)
                .unwrap()
                .lines()
                .map(|line| {
                    if line.starts_with("ExecStart=/") {
                        "ExecStart=/bin/true\n".to_owned()
                    } else {
                        format!("{line}\n")
                    }
                })
                .collect();
        let path = folder.path().join(unit.file_name().unwrap());
        std::fs::write(&path, text).unwrap();
        units.push(path);
    }
    let said = run(Command::new(&analyze).arg("verify").args(&units), "systemd-analyze");
    assert!(!said.contains("Unknown") && !said.contains("Failed to parse"), "{said}");
}

#[test]
fn systemd_accepts_the_units() {
    let Some(analyze) = tool("systemd-analyze") else { return };
    let folder = tempfile::tempdir().unwrap();
    for unit in lay_out(folder.path(), |path| path.ends_with(".service") || path.ends_with(".timer")) {
        // The commands are not installed here, so a stand-in takes their place.
        let text = std::fs::read_to_string(&unit)
            .unwrap()
            .replace("ExecStart=/opt/engine/", "ExecStart=/bin/true ")
            .replace("ExecStart=/usr/bin/engine", "ExecStart=/bin/true")
            .replace("/usr/sbin/nft", "/bin/true");
        std::fs::write(&unit, text).unwrap();
        run(Command::new(&analyze).arg("verify").arg(&unit), &unit.display().to_string());
    }
}

#[test]
fn kubernetes_accepts_the_add_ons() {
    let Some(validate) = tool("kubernetes-validate") else { return };
    let folder = tempfile::tempdir().unwrap();
    let manifests = lay_out(folder.path(), |path| path.contains("/addons/") || path.ends_with("-plugin.yaml"));
    for release in engine::catalog::kubernetes_releases().iter().filter(|release| release.creatable) {
        let mut command = Command::new(&validate);
        command.args(["--kubernetes-version", release.release, "--strict"]).args(&manifests);
        run(&mut command, &format!("kubernetes-validate {}", release.release));
    }
}

/// The packet rules of a machine of each kind: nft's own judgement, and what they say.
#[test]
fn nft_accepts_the_packet_rules() {
    let folder = tempfile::tempdir().unwrap();
    for rules in lay_out(folder.path(), |path| path.ends_with("/rules.nft")) {
        let text = std::fs::read_to_string(&rules).unwrap();
        let control_plane = rules.display().to_string().contains("control-plane");
        assert!(text.contains("    ip daddr 169.254.169.254 drop\n"), "{text}");
        assert!(text.contains("    ip daddr 168.63.129.16 tcp dport { 80, 443, 32526 } drop\n"), "{text}");
        assert!(text.contains("ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 fib daddr type != local masquerade\n"));
        assert_eq!(text.contains("fib daddr type local tcp dport 4443 redirect to :443\n"), control_plane, "{text}");
        let Some(nft) = tool("nft") else { continue };
        // In a network of its own, so that the host's rules are not even looked at.
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net"]).arg(nft).args(["--check", "--file"]).arg(&rules);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if said.contains("Operation not permitted") || said.contains("unshare failed") {
            println!("skipped: no packet rules here: {said}");
            continue;
        }
        assert!(output.status.success(), "{}: {said}", rules.display());
    }
}
