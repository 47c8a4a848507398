//! The customData of one control-plane and one worker machine, with packed files unpacked so that a person can read
//! what changed. `ENGINE_UPDATE_GOLDENS=1` writes them.

use std::fmt::Write as _;
use std::path::Path;

use engine::bootstrap::{self, BootstrapError, CustomData, Start};

use super::fixture;

fn readable(data: &CustomData) -> String {
    let mut text = String::new();
    for file in fixture::written(data) {
        let _ = writeln!(text, "==== {} {}{}", file.path, file.mode, if file.packed { " packed" } else { "" });
        text.push_str(&file.text);
        if !file.text.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

fn check(case: &str, data: &CustomData) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(case).join("cloud-config.txt");
    let rendered = readable(data);
    if std::env::var_os("ENGINE_UPDATE_GOLDENS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &rendered).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = golden.lines().zip(rendered.lines()).position(|(left, right)| left != right);
    assert!(
        golden == rendered,
        "{} differs from line {} on; read the difference, then refresh with ENGINE_UPDATE_GOLDENS=1",
        path.display(),
        difference.map_or(golden.lines().count(), |line| line) + 1
    );
}

#[test]
fn control_plane_is_as_committed() {
    check("bootstrap-control-plane", &bootstrap::control_plane(&fixture::control_plane(Start::Init)).unwrap());
}

#[test]
fn worker_is_as_committed() {
    check("bootstrap-worker", &bootstrap::worker(&fixture::worker()).unwrap());
}

#[test]
fn the_same_input_gives_the_same_bytes_within_the_limit() {
    let first = bootstrap::control_plane(&fixture::control_plane(Start::Init)).unwrap();
    assert_eq!(first, bootstrap::control_plane(&fixture::control_plane(Start::Init)).unwrap());
    assert!(first.base64_length < bootstrap::LIMIT);
    let join = bootstrap::control_plane(&fixture::control_plane(Start::Join)).unwrap();
    let worker = bootstrap::worker(&fixture::worker()).unwrap();
    println!(
        "base64 characters: control plane, first: {}; control plane, joining: {}; worker: {}; limit {}",
        first.base64_length,
        join.base64_length,
        worker.base64_length,
        bootstrap::LIMIT
    );
}

#[test]
fn a_worker_holds_no_key_and_a_joining_machine_cannot_start_a_cluster() {
    let worker = bootstrap::worker(&fixture::worker()).unwrap();
    for file in fixture::written(&worker) {
        assert!(!file.path.contains("pki") || file.path == "/etc/engine/pki/ca.crt", "{}", file.path);
        assert!(!file.text.contains(".key of a cluster"), "{}", file.path);
        assert_ne!(file.path, "/etc/engine/azure.json");
    }
    let join = bootstrap::control_plane(&fixture::control_plane(Start::Join)).unwrap();
    for file in fixture::written(&join) {
        assert!(!file.text.contains("kind: InitConfiguration"), "{}", file.path);
        assert!(!file.path.contains("/addons/"), "{}", file.path);
    }
}

/// Through the kubelet's copy of the file, kube-proxy of a machine that joined would ask its peer for ever.
#[test]
fn kube_proxy_finds_the_api_server_as_its_node_does() {
    let data = bootstrap::control_plane(&fixture::control_plane(Start::Init)).unwrap();
    let files = fixture::written(&data);
    let proxy = &files.iter().find(|file| file.path.ends_with("-kube-proxy.yaml")).unwrap().text;
    assert!(proxy.contains("mountPath: /etc/hosts\n") && proxy.contains("path: /etc/hosts\n          type: File\n"));
}

#[test]
fn secrets_survive_quoting() {
    let mut machine = fixture::control_plane(Start::Init);
    let secret = "a\"b\\c'd$(e)`f`{}&<>é";
    machine.cluster.cloud.identity = bootstrap::CloudIdentity::ServicePrincipal {
        client_id: "11111111-2222-3333-4444-555555555555".to_owned(),
        secret: bootstrap::PrincipalSecret::Told(engine::base::Secret::new(secret)),
    };
    machine.cluster.cloud.instance_metadata = false;
    let data = bootstrap::control_plane(&machine).unwrap();
    let files = fixture::written(&data);
    let file = files.iter().find(|file| file.path == "/etc/engine/azure.json").unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&file.text).unwrap();
    assert_eq!(parsed["aadClientSecret"], secret);
    assert_eq!(parsed["useManagedIdentityExtension"], false);
    let debugged = format!("{data:?}");
    assert!(!debugged.contains("write_files"), "customData prints: {debugged}");
}

/// The cloud controller and the autoscaler look for machines of flexible scale sets only if they are told.
#[test]
fn controllers_are_told_of_flexible_nodes() {
    let told = |flexible: bool| {
        let mut machine = fixture::control_plane(Start::Init);
        machine.cluster.cloud.machine_type = bootstrap::MachineType::ScaleSet;
        machine.cluster.cloud.flexible_nodes = flexible;
        let files = fixture::written(&bootstrap::control_plane(&machine).unwrap());
        let file = files.into_iter().find(|file| file.path == "/etc/engine/azure.json").unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&file.text).unwrap();
        assert_eq!(parsed["vmType"], "vmss");
        parsed.get("enableVmssFlexNodes").cloned()
    };
    assert_eq!((told(true), told(false)), (Some(true.into()), None));
}

#[test]
fn an_address_is_no_endpoint_name_and_a_large_file_is_named() {
    let mut machine = fixture::worker();
    machine.cluster.endpoint_name = "10.255.255.15".to_owned();
    assert!(matches!(bootstrap::worker(&machine), Err(BootstrapError::Input { field: "endpoint_name", .. })));

    let mut machine = fixture::worker();
    let noise: String = (0..2000).map(|index| engine::base::digest(format!("{index}").as_bytes())).collect();
    machine
        .node
        .custom_files
        .push(bootstrap::CustomFile { path: "/opt/big".to_owned(), content: engine::base::Secret::new(noise) });
    let error = bootstrap::worker(&machine).unwrap_err().to_string();
    assert!(error.contains("the biggest parts are `/opt/big` ("), "{error}");
}

#[test]
fn every_add_on_at_once_is_within_the_limit_and_applied_in_order() {
    for calico in [true, false] {
        let mut machine = fixture::control_plane(Start::Init);
        machine.add_ons = fixture::all_add_ons(calico);
        let data = bootstrap::control_plane(&machine).unwrap();
        println!("all add-ons: {} of {} base64 characters", data.base64_length, bootstrap::LIMIT);
        let names: Vec<String> = fixture::written(&data)
            .iter()
            .filter_map(|file| file.path.strip_prefix("/etc/kubernetes/addons/").map(str::to_owned))
            .collect();
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(names, sorted, "kubectl applies a folder by name");
        let place = |part: &str| names.iter().position(|name| name.contains(part)).unwrap_or_else(|| panic!("{part}"));
        // A node needs its network and the cloud's manager to become Ready; all else needs Ready nodes.
        assert!(place(if calico { "calico" } else { "cilium" }) < place("coredns"));
        assert!(place("cloud-node-manager") < place("metrics-server"));
        assert_eq!(place("own"), names.len() - 1);
    }
}

#[test]
fn the_api_server_sees_the_users_files_below_etc_kubernetes() {
    let mut machine = fixture::control_plane(Start::Init);
    for path in ["/opt/mine", "/etc/kubernetes/admission.yaml"] {
        let content = engine::base::Secret::new("mine");
        machine.node.custom_files.push(bootstrap::CustomFile { path: path.to_owned(), content });
    }
    let files = fixture::written(&bootstrap::control_plane(&machine).unwrap());
    let text = |path: &str| files.iter().find(|file| file.path == path).unwrap().text.clone();
    assert_eq!((text("/opt/mine"), text("/etc/kubernetes/admission.yaml")), ("mine".to_owned(), "mine".to_owned()));
    let kubeadm = text("/etc/engine/kubeadm/cluster.yaml");
    let path = "/etc/kubernetes/admission.yaml";
    let volume = format!("hostPath: \"{path}\"\n    mountPath: \"{path}\"\n    readOnly: true\n    pathType: File\n");
    assert!(kubeadm.contains(&volume) && !kubeadm.contains("/opt/mine"), "{kubeadm}");
}

#[test]
fn a_group_administers_the_cluster_only_where_one_is_named() {
    let binding = |administrators: &str| {
        let mut machine = fixture::control_plane(Start::Init);
        machine.administrators = administrators.to_owned();
        let files = fixture::written(&bootstrap::control_plane(&machine).unwrap());
        files.into_iter().find(|file| file.path.ends_with("administrators.yaml")).map(|file| file.text)
    };
    let group = "55555555-0000-0000-0000-000000000000";
    assert!(binding(group).unwrap().contains(&format!("kind: Group\n  name: \"{group}\"")));
    assert_eq!(binding(""), None);
}
