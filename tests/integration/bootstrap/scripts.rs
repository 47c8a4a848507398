//! The rendered scripts run by bash below a folder of their own, with stand-ins on PATH for every program that would
//! change a machine. The stand-ins write down their calls.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use engine::bootstrap::{self, CustomData, Network, Start};

use super::fixture::{self, Root};

const STAND_IN: &str = include_str!("stand-in.sh");
const PROGRAMS: [&str; 23] = [
    "apt-get",
    "apt-mark",
    "augenrules",
    "blkid",
    "curl",
    "pkill",
    "hostname",
    "ip",
    "iptables",
    "kubeadm",
    "kubectl",
    "mkfs.ext4",
    "modprobe",
    "mount",
    "mountpoint",
    "netplan",
    "networkctl",
    "sleep",
    "swapoff",
    "sysctl",
    "systemctl",
    "unattended-upgrade",
    "update-ca-certificates",
];

/// A machine below a temporary folder.
pub(super) struct Machine {
    root: Root,
}

impl std::ops::Deref for Machine {
    type Target = Root;

    fn deref(&self) -> &Root {
        &self.root
    }
}

impl Machine {
    pub(super) fn new(data: &CustomData, hostname: &str, address: &str) -> Self {
        let machine = Self { root: Root::new() };
        machine.give(data);
        machine.write("/etc/hosts", "127.0.0.1 localhost\n");
        machine.write("/etc/fstab", "LABEL=root / ext4 defaults 0 1\n/swapfile none swap sw 0 0\n");
        machine.write("/dev/disk/azure/scsi1/lun0", "");
        machine.write("/world/hostname", hostname);
        machine.write("/world/address", address);
        machine.write("/world/addresses", &format!("{address}/12\n"));
        machine.write("/world/healthy", "");
        machine.stand_in("/bin", STAND_IN, &PROGRAMS);
        machine
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", self.path("/bin").display());
        command.env_clear().env("PATH", path).env("ENGINE_ROOT", self.folder());
        command
    }

    fn boot(&self) -> Output {
        // The stand-in for sleep does not sleep, so a machine that waits for what never comes is cut off soon.
        let mut command = self.command("timeout");
        command.arg("30").arg(self.path("/opt/engine/bootstrap.sh")).output().unwrap()
    }

    /// Boots, and gives the result.
    pub(super) fn result(&self) -> serde_json::Value {
        let output = self.boot();
        let text = self.read("/var/lib/engine/result.json");
        serde_json::from_str(&text).unwrap_or_else(|cause| {
            panic!("{cause}: {text}\n{}\n{}", String::from_utf8_lossy(&output.stderr), self.log())
        })
    }

    pub(super) fn log(&self) -> String {
        self.read("/var/log/azure/cluster-provision.log")
    }

    pub(super) fn calls(&self) -> String {
        self.read("/world/calls")
    }

    pub(super) fn count(&self, call: &str) -> usize {
        self.calls().lines().filter(|line| line.starts_with(call)).count()
    }

    pub(super) fn joins(&self) -> usize {
        joins_among(&self.calls())
    }

    pub(super) fn succeed(&self) {
        let result = self.result();
        assert_eq!(result["status"], "succeeded", "{result}\n{}", self.log());
    }
}

fn control_plane(start: Start, minutes: u32) -> CustomData {
    let mut machine = fixture::control_plane(start);
    machine.cluster.deadline_minutes = minutes;
    bootstrap::control_plane(&machine).unwrap()
}

fn worker(minutes: u32) -> CustomData {
    let mut machine = fixture::worker();
    machine.cluster.deadline_minutes = minutes;
    bootstrap::worker(&machine).unwrap()
}

/// How often kubeadm was told to make a machine a node: of a control-plane machine the second part of a join.
pub(super) fn joins_among(calls: &str) -> usize {
    let joins = |line: &&str| {
        line.starts_with("kubeadm join --config")
            && !line.contains(" --skip-phases control-plane-prepare/control-plane,")
    };
    calls.lines().filter(joins).count()
}

fn master(start: Start, minutes: u32, index: u32) -> Machine {
    let address = format!("10.255.255.{}", 5 + index);
    Machine::new(&control_plane(start, minutes), &format!("K8S-master-12345678-{index}"), &address)
}

#[test]
fn the_first_machine_starts_the_cluster() {
    let machine = master(Start::Init, 45, 0);
    machine.succeed();
    assert_eq!((machine.count("kubeadm init --config"), machine.joins()), (1, 0));
    assert_eq!(machine.count("kubectl --kubeconfig"), 1, "{}", machine.calls());
    assert!(machine.calls().contains("apply --server-side --force-conflicts --field-manager=engine"));
    let configuration = machine.read("/world/init.yaml");
    assert!(configuration.contains("advertiseAddress: \"10.255.255.5\"") && !configuration.contains('@'));
    assert!(configuration.contains("name: \"k8s-master-12345678-0\""));
    assert!(machine.read("/etc/hosts").contains("10.255.255.5 demo.westus2.cloudapp.azure.com # engine: API server\n"));
    let cloud: serde_json::Value = serde_json::from_str(&machine.read("/etc/kubernetes/azure.json")).unwrap();
    assert_eq!(cloud["resourceGroup"], "demo_(group)");
    assert_eq!(cloud["vnetResourceGroup"], "demo_(group)");
    assert_eq!(cloud["tenantId"], "22222222-0000-0000-0000-000000000000");
    let mounts = machine.read("/etc/fstab");
    assert!(mounts.contains("# /swapfile") && mounts.contains("LABEL=etcd_disk "), "{mounts}");
    assert!(mounts.contains(",x-systemd.required-by=kubelet.service "), "the kubelet starts without etcd's data");
    assert!(machine.calls().contains("kubelet=1.35.9-* kubeadm=1.35.9-* kubectl=1.35.9-*"));
    let log = machine.log();
    assert!(!log.contains("abcdef.0123456789abcdef"), "the log shows the token");
    for step in [
        "host",
        "trust",
        "proxy",
        "interface",
        "cloud",
        "updates",
        "extension",
        "packages",
        "registry",
        "time",
        "audit",
        "runtime",
        "network",
        "etcd_disk",
        "keys",
        "init",
        "upkeep",
        "add_ons",
        "endpoint",
        "timers",
        "ready",
    ] {
        assert!(log.contains(&format!("step {step}: done in ")), "{step}: {log}");
    }
    // Running it again changes nothing and calls nothing.
    let calls = machine.calls();
    machine.succeed();
    assert_eq!(machine.calls(), calls);
}

#[test]
fn the_others_join_through_a_healthy_peer_one_at_a_time() {
    let machine = master(Start::Init, 45, 2);
    machine.write("/world/healthy", "10.255.255.6\n");
    machine.succeed();
    assert_eq!((machine.count("kubeadm init --config"), machine.joins()), (0, 1));
    assert!(machine.read("/world/hosts-while-joining").contains("10.255.255.6 demo."));
    assert!(machine.read("/etc/hosts").contains("10.255.255.7 demo."));
    assert_eq!(machine.read("/etc/hosts").matches("demo.").count(), 1);
    assert!(machine.read("/world/leases").contains("\"holderIdentity\": \"k8s-master-12345678-2\""));
    assert!(!machine.path("/world/lease").exists(), "the lease is not given back");
    assert!(!machine.path("/var/lib/engine/join.conf").exists());
    assert!(!machine.calls().contains("apply --server-side"));
}

#[test]
fn a_held_lease_keeps_a_machine_waiting_and_an_old_one_does_not() {
    let machine = master(Start::Join, 0, 1);
    machine.write("/world/healthy", "10.255.255.5\n");
    machine.write("/world/lease", "k8s-master-12345678-2|2999-01-01T00:00:00.000000Z|3\n");
    let result = machine.result();
    assert_eq!((&result["status"], &result["step"]), (&"failed".into(), &"join".into()));
    assert!(result["cause"].as_str().unwrap().contains("k8s-master-12345678-2 is joining, waiting"), "{result}");
    assert_eq!(machine.joins(), 0);
    machine.write("/world/lease", "k8s-master-12345678-2|2001-01-01T00:00:00.000000Z|3\n");
    machine.succeed();
    assert!(machine.read("/world/leases").contains("\"resourceVersion\": \"3\""));
}

#[test]
fn told_to_join_never_starts_a_cluster() {
    let machine = master(Start::Join, 0, 0);
    let result = machine.result();
    assert_eq!((&result["status"], &result["step"]), (&"failed".into(), &"join".into()));
    assert_eq!(machine.count("kubeadm"), 0, "{}", machine.calls());
    machine.write("/world/healthy", "10.255.255.6\n");
    machine.succeed();
    assert_eq!((machine.count("kubeadm init --config"), machine.joins()), (0, 1));
}

#[test]
fn a_rebuilt_first_machine_does_not_start_a_second_cluster() {
    // A peer of the same authority answers.
    let machine = master(Start::Init, 0, 0);
    machine.write("/world/healthy", "10.255.255.6\n");
    let result = machine.result();
    assert_eq!(result["step"], "init");
    assert!(result["cause"].as_str().unwrap().contains("already answers at 10.255.255.6"), "{result}");
    // The disk holds data.
    let machine = master(Start::Init, 0, 0);
    machine.write("/world/formatted", "");
    machine.write("/world/mounted", "");
    machine.write("/var/lib/etcddisk/etcd/member/snap/db", "data");
    let result = machine.result();
    assert!(result["cause"].as_str().unwrap().contains("holds the data of a cluster"), "{result}");
    assert_eq!(machine.count("kubeadm init --config"), 0);
    assert_eq!(machine.count("mkfs.ext4"), 0);
    assert!(machine.path("/var/lib/etcddisk/etcd/member/snap/db").exists());
}

#[test]
fn a_joining_machine_keeps_the_old_data_aside() {
    let machine = master(Start::Join, 45, 0);
    machine.write("/world/healthy", "10.255.255.6\n");
    machine.write("/world/formatted", "");
    machine.write("/world/mounted", "");
    machine.write("/var/lib/etcddisk/etcd/member/snap/db", "data");
    machine.succeed();
    assert_eq!(machine.read("/var/lib/etcddisk/etcd.previous/member/snap/db"), "data");
    assert!(!machine.path("/var/lib/etcddisk/etcd/member").exists());
}

#[test]
fn a_foreign_disk_is_not_formatted() {
    let machine = master(Start::Init, 0, 0);
    machine.write("/world/foreign", "");
    let result = machine.result();
    assert_eq!(result["step"], "etcd_disk");
    assert!(result["cause"].as_str().unwrap().contains("holds something else"), "{result}");
    assert_eq!(machine.count("mkfs.ext4"), 0);
}

#[test]
fn each_step_that_fails_is_named_and_resumed() {
    let faults = [
        ("host", "modprobe br_netfilter"),
        ("cloud", "curl*identity/info*"),
        ("packages", "apt-get*install*"),
        ("registry", "apt-get*SourceParts*install*"),
        ("runtime", "systemctl restart containerd"),
        ("network", "systemctl start engine-network-rules.service"),
        ("etcd_disk", "mkfs.ext4*"),
        ("init", "kubeadm init*"),
        ("add_ons", "kubectl*apply*"),
        ("endpoint", "curl*--resolve*:10.255.255.5 *"),
        ("ready", "curl*/api/v1/nodes/*"),
    ];
    for (step, fault) in faults {
        let machine = master(Start::Init, 0, 0);
        machine.write("/world/fail", fault);
        let result = machine.result();
        assert_eq!(
            (&result["status"], &result["step"]),
            (&"failed".into(), &step.into()),
            "{result}\n{}",
            machine.log()
        );
        let cause = result["cause"].as_str().unwrap();
        assert!(!cause.is_empty() && !cause.contains('\n'), "{step}: {cause}");
        if !matches!(step, "endpoint") {
            assert!(cause.contains("was told to fail"), "{step}: {cause}");
        }
        let done = std::fs::read_dir(machine.path("/var/lib/engine/steps")).unwrap().count();

        std::fs::remove_file(machine.path("/world/calls")).unwrap();
        machine.write("/world/fail", "");
        machine.succeed();
        // What was done before is not done again.
        let calls = machine.calls();
        assert_eq!(calls.contains("swapoff"), done == 0, "{step}: {calls}");
        if matches!(step, "add_ons" | "endpoint" | "ready") {
            assert_eq!(machine.count("kubeadm"), 0, "{step}: {calls}");
        }
        // An interrupted start goes on over what is there; nothing is reset.
        if step == "init" {
            assert!(
                calls.contains("--ignore-preflight-errors DirAvailable--var-lib-etcddisk-etcd,Port-10250,"),
                "{calls}"
            );
        }
        assert_eq!(machine.count("kubeadm reset"), 0);
    }
}

#[test]
fn a_worker_joins_when_the_control_plane_comes() {
    let machine = Machine::new(&worker(0), "k8s-linuxpool-12345678-11", "10.240.0.11");
    let result = machine.result();
    assert_eq!((&result["status"], &result["step"]), (&"failed".into(), &"join".into()));
    assert_eq!(machine.count("kubeadm"), 0);
    machine.write("/world/healthy", "10.255.255.15\n");
    machine.succeed();
    assert_eq!(machine.joins(), 1);
    assert!(machine.read("/etc/hosts").contains("10.255.255.15 demo."));
    assert!(!machine.path("/etc/kubernetes/azure.json").exists());
    let registry: serde_json::Value = serde_json::from_str(&machine.read("/etc/kubernetes/registry.json")).unwrap();
    assert_eq!(registry["tenantId"], "22222222-0000-0000-0000-000000000000");
    assert_eq!(registry["subscriptionId"], serde_json::Value::Null, "a worker need not know it");
    assert!(!machine.read("/world/join.yaml").contains("controlPlane:"));
}

/// The stand-in for kubeadm says what it finds healthy, and writes it down among the signals that are sent.
#[test]
fn a_slow_host_is_spared_what_would_be_done_several_times() {
    let first = |slow: bool| {
        let mut machine = fixture::control_plane(Start::Init);
        machine.cluster.slow_host = slow;
        let data = bootstrap::control_plane(&machine).unwrap();
        Machine::new(&data, "k8s-master-12345678-0", "10.255.255.5")
    };
    let (stop, go_on) = ("-STOP -x kube-controller\n", "-CONT -x kube-controller\n");
    let (manager, server) = ("kube-controller-manager\n", "kube-apiserver\n");
    let cases = [
        (false, manager.to_owned(), manager.to_owned()),
        (
            true,
            format!("{manager}kube-scheduler\n{server}"),
            format!("{stop}{manager}kube-scheduler\n{go_on}{server}{go_on}"),
        ),
        // Nobody is kept waiting for what has happened, or by a kubeadm that says no more.
        (true, format!("{server}{manager}"), format!("{go_on}{server}{manager}{go_on}")),
        (true, manager.to_owned(), format!("{stop}{manager}{go_on}")),
    ];
    for (slow, checks, expected) in cases {
        let machine = first(slow);
        machine.write("/world/checks", &checks);
        machine.succeed();
        assert_eq!(machine.read("/world/signals"), expected, "slow: {slow}, {checks}");
        // What kubeadm is told to leave out is done all the same.
        let renewed = "/var/lib/kubelet/pki/kubelet-client-current.pem";
        let user = match slow {
            true => format!("    client-certificate: {renewed}\n    client-key: {renewed}\n"),
            false => "    client-certificate-data: QQ==\n    client-key-data: Qg==\n".to_owned(),
        };
        assert_eq!(machine.read("/etc/kubernetes/kubelet.conf"), format!("users:\n- name: n\n  user:\n{user}"));
        assert_eq!(machine.read("/world/init.yaml").contains("- kubelet-finalize\n"), slow);
    }
    // One that fails keeps nobody waiting either.
    let machine = first(true);
    machine.write("/world/checks", manager);
    machine.write("/world/init-fails", "");
    machine.succeed();
    assert_eq!(machine.read("/world/signals"), format!("{stop}{manager}{go_on}").repeat(2));
    assert_eq!(machine.count("kubeadm init --config"), 2);
    // kubeadm itself knows where else the certificate may be.
    let mut machine = fixture::control_plane(Start::Init);
    machine.cluster.slow_host = true;
    machine.cluster.kubelet_arguments.insert("cert-dir".to_owned(), "/elsewhere".to_owned());
    let machine = Machine::new(&bootstrap::control_plane(&machine).unwrap(), "k8s-master-12345678-0", "10.255.255.5");
    machine.write("/world/elsewhere", "");
    machine.succeed();
    assert!(machine.read("/etc/kubernetes/kubelet.conf").contains("client-key-data: "));
    assert!(!machine.read("/world/init.yaml").contains("- kubelet-finalize\n"));
}

/// Where processors are emulated a kubelet that waits takes what the machine needs that starts the cluster.
#[test]
fn machines_of_slow_hosts_join_once_the_cluster_is_started_to_the_end() {
    let slow = |minutes: u32| {
        let mut worker = fixture::worker();
        (worker.cluster.slow_host, worker.cluster.deadline_minutes) = (true, minutes);
        let mut joining = fixture::control_plane(Start::Join);
        (joining.cluster.slow_host, joining.cluster.deadline_minutes) = (true, minutes);
        [bootstrap::worker(&worker).unwrap(), bootstrap::control_plane(&joining).unwrap()]
    };
    let asked = "curl --silent --fail --max-time 30";
    for data in slow(180) {
        let machine = Machine::new(&data, "k8s-any-12345678-1", "10.255.255.6");
        machine.write("/world/healthy", "10.255.255.15\n");
        machine.succeed();
        assert_eq!(machine.joins(), 1);
        assert_eq!(machine.log().matches("the cluster is not started to the end yet").count(), 1, "{}", machine.log());
        let calls = machine.calls();
        let before = &calls[..calls.find("kubeadm join").unwrap()];
        assert_eq!(before.matches("/api/v1/namespaces/kube-public/configmaps/cluster-info").count(), 2, "{calls}");
    }
    // Once half of the time is over nobody is asked any more.
    for data in slow(0) {
        let machine = Machine::new(&data, "k8s-any-12345678-1", "10.255.255.6");
        machine.write("/world/healthy", "10.255.255.15\n");
        machine.succeed();
        assert!(machine.count(asked) > 0 && !machine.calls().contains("cluster-info"), "{}", machine.calls());
    }
    let machine = Machine::new(&worker(45), "k8s-any-12345678-1", "10.255.255.6");
    machine.write("/world/healthy", "10.255.255.15\n");
    machine.succeed();
    assert!(!machine.calls().contains("cluster-info"), "{}", machine.calls());
}

#[test]
fn a_failed_join_is_cleaned_and_a_joined_node_is_not_reset() {
    for data in [worker(45), control_plane(Start::Join, 45)] {
        let machine = Machine::new(&data, "k8s-any-12345678-1", "10.255.255.6");
        machine.write("/world/healthy", "10.255.255.15\n");
        machine.write("/world/join-half", "");
        machine.succeed();
        assert_eq!((machine.joins(), machine.count("kubeadm reset")), (2, 1));
        assert!(!machine.log().contains("abcdef.0123456789abcdef"));

        let machine = Machine::new(&data, "k8s-any-12345678-1", "10.255.255.6");
        machine.write("/world/healthy", "10.255.255.15\n");
        machine.write("/world/join-then-fail", "");
        machine.succeed();
        let counts = (machine.joins(), machine.count("kubeadm reset"));
        assert_eq!(counts, (1, 0), "{}\n{}", machine.log(), machine.calls());
    }
}

#[test]
fn a_node_that_is_not_ready_is_waited_for_and_its_reason_is_told() {
    let machine = Machine::new(&worker(45), "k8s-any-12345678-1", "10.255.255.6");
    machine.write("/world/healthy", "10.255.255.15\n");
    machine.write("/world/unready", "once\ntwice\n");
    machine.succeed();
    let told = r#"the node is not ready yet: the "network" is {not} ready"#;
    assert_eq!(machine.log().matches(told).count(), 1, "{}", machine.log());
    assert_eq!(machine.read("/world/unready"), "");
    assert!(
        machine.calls().contains("/var/lib/kubelet/pki/kubelet-client-current.pem https://"),
        "{}",
        machine.calls()
    );

    // A kubelet that keeps its certificate elsewhere.
    let machine = Machine::new(&worker(45), "k8s-any-12345678-1", "10.255.255.6");
    machine.write("/world/healthy", "10.255.255.15\n");
    machine.write("/world/elsewhere", "");
    machine.succeed();
    assert!(machine.calls().contains("get --raw /api/v1/nodes/k8s-any-12345678-1"), "{}", machine.calls());

    // It is what is told when the time is up.
    let machine = Machine::new(&worker(0), "k8s-any-12345678-1", "10.255.255.6");
    machine.write("/world/healthy", "10.255.255.15\n");
    machine.write("/world/unready", "once\n");
    let result = machine.result();
    assert_eq!(result["step"], "ready");
    assert!(result["cause"].as_str().unwrap().ends_with(r#"the "network" is {not} ready"#), "{result}");

    // So is an API server that does not answer.
    let machine = Machine::new(&worker(0), "k8s-any-12345678-1", "10.255.255.6");
    machine.write("/world/healthy", "10.255.255.15\n");
    machine.write("/world/mute", "");
    let result = machine.result();
    assert!(result["cause"].as_str().unwrap().ends_with("not ready yet: curl: (28) Operation timed out"), "{result}");

    // Without a network plugin there is nothing to ask the API server.
    let machine = Machine::new(&worker(0), "k8s-any-12345678-1", "10.255.255.6");
    machine.write("/world/healthy", "10.255.255.15\n");
    machine.write("/world/no-plugin", "");
    let result = machine.result();
    assert!(result["cause"].as_str().unwrap().ends_with("configuration to /etc/cni/net.d"), "{result}");
    assert!(!machine.calls().contains("/api/v1/nodes/"), "{}", machine.calls());
}

#[test]
fn a_machine_that_may_have_joined_is_not_reset() {
    for data in [worker(0), control_plane(Start::Join, 0)] {
        let machine = Machine::new(&data, "k8s-any-12345678-1", "10.255.255.6");
        machine.write("/world/healthy", "10.255.255.15\n");
        machine.write("/world/join-then-fail", "");
        machine.write("/world/fail", "kubectl*get node*");
        let result = machine.result();
        assert_eq!((&result["status"], &result["step"]), (&"failed".into(), &"join".into()), "{}", machine.log());
        assert_eq!((machine.joins(), machine.count("kubeadm reset")), (1, 0));
        machine.write("/world/fail", "");
        machine.succeed();
        assert_eq!((machine.joins(), machine.count("kubeadm reset")), (1, 0));
    }
}

#[test]
fn a_reset_gives_the_keys_back_before_the_next_attempt() {
    let machine = master(Start::Join, 45, 1);
    machine.write("/world/healthy", "10.255.255.5\n");
    machine.write("/world/join-half", "");
    machine.succeed();
    assert!(machine.read("/etc/kubernetes/pki/ca.key").contains("ca.key of a cluster"));
    let mode = std::fs::metadata(machine.path("/etc/kubernetes/pki/ca.key")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

#[test]
fn without_a_metadata_service_what_is_not_given_is_told() {
    let mut machine = fixture::worker();
    machine.cluster.cloud.instance_metadata = false;
    let machine = Machine::new(&bootstrap::worker(&machine).unwrap(), "k8s-linuxpool-12345678-0", "10.240.0.4");
    let result = machine.result();
    assert_eq!(result["step"], "cloud");
    assert_eq!(result["cause"], "azure.json lacks SUBSCRIPTION, and this cloud has no metadata service to ask");
}

#[test]
fn leaves_that_are_given_stand_where_they_serve() {
    let mut machine = fixture::control_plane(Start::Init);
    machine.cluster.deadline_minutes = 0;
    let pair = |name: &str| engine::pki::CertifiedKey {
        certificate: fixture::placeholder(&format!("{name}.crt")),
        key: engine::base::Secret::new(fixture::placeholder(&format!("{name}.key"))),
    };
    machine.keys.api_server = Some(pair("apiserver-given"));
    machine.keys.kubelet_client = Some(pair("apiserver-kubelet-client"));
    let data = bootstrap::control_plane(&machine).unwrap();
    let machine = Machine::new(&data, "k8s-master-12345678-0", "10.255.255.5");
    machine.succeed();
    for name in ["apiserver-given", "apiserver-kubelet-client"] {
        for (kind, mode) in [("crt", 0o644), ("key", 0o600)] {
            let path = format!("/etc/kubernetes/pki/{name}.{kind}");
            assert_eq!(machine.read(&path), fixture::placeholder(&format!("{name}.{kind}")));
            assert_eq!(std::fs::metadata(machine.path(&path)).unwrap().permissions().mode() & 0o777, mode, "{path}");
        }
    }
    let configuration = machine.read("/etc/engine/kubeadm/cluster.yaml");
    let both = "/etc/kubernetes/pki/apiserver-given.crt,/etc/kubernetes/pki/apiserver-given.key";
    assert!(configuration.contains("tls-sni-cert-key") && configuration.contains(both), "{configuration}");
    // Without any, kubeadm makes all.
    let plain = fixture::written(&control_plane(Start::Init, 0));
    assert!(!plain.iter().any(|file| file.path.contains("given") || file.text.contains("tls-sni-cert-key")));
}

/// A control-plane machine whose service principal's secret stands behind its customData.
fn with_appended(secret: &str) -> CustomData {
    let mut machine = fixture::control_plane(Start::Init);
    machine.cluster.deadline_minutes = 0;
    machine.cluster.cloud.identity = bootstrap::CloudIdentity::ServicePrincipal {
        client_id: "11111111-2222-3333-4444-555555555555".to_owned(),
        secret: bootstrap::PrincipalSecret::Appended,
    };
    fixture::with_appended(&bootstrap::control_plane(&machine).unwrap(), secret)
}

#[test]
fn a_secret_behind_custom_data_is_the_cloud_controllers() {
    // What is special to JSON, to sed, to bash and to YAML, a marker, and what a number would look like.
    for (secret, meant) in [
        ("canary\"b\\c'd$(e)&|/~@TENANT@ <%\u{e9}", "canary\"b\\c'd$(e)&|/~@TENANT@ <%\u{e9}"),
        ("canary\n", "canary"),
        ("1234567", "1234567"),
    ] {
        let machine = Machine::new(&with_appended(secret), "k8s-master-12345678-0", "10.255.255.5");
        machine.succeed();
        let cloud: serde_json::Value = serde_json::from_str(&machine.read("/etc/kubernetes/azure.json")).unwrap();
        assert_eq!(cloud["aadClientSecret"], meant);
        assert_eq!(cloud["tenantId"], "22222222-0000-0000-0000-000000000000");
        let mode = std::fs::metadata(machine.path("/etc/engine/principal-secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!machine.log().contains("canary") && !machine.calls().contains("canary"));
    }
    for secret in ["", "canary\nof two lines"] {
        let machine = Machine::new(&with_appended(secret), "k8s-master-12345678-0", "10.255.255.5");
        let result = machine.result();
        assert_eq!(result["step"], "cloud");
        let cause = result["cause"].as_str().unwrap();
        assert!(cause.starts_with("the service principal's secret in the key vault is empty"), "{cause}");
        assert!(!machine.log().contains("canary"));
    }
}

/// Has Azure CNI, without its archive, which an image that holds everything brings.
fn azure_worker() -> CustomData {
    let mut machine = fixture::worker();
    machine.cluster.deadline_minutes = 0;
    machine.cluster.network = Network::Azure { plugin_url: String::new(), plugin_sha256: String::new() };
    machine.cluster.software = bootstrap::Software::PreparedImage;
    bootstrap::worker(&machine).unwrap()
}

#[test]
fn the_addresses_of_pods_are_taken_off_the_machine() {
    let data = azure_worker();
    let machine = Machine::new(&data, "k8s-linuxpool-12345678-0", "10.240.0.4");
    machine.write("/world/healthy", "10.255.255.15\n");
    machine.write("/world/addresses", "10.240.0.40/12\n10.240.0.5/12\n10.240.0.4/12\n");
    machine.succeed();
    assert_eq!(machine.read("/world/addresses"), "10.240.0.4/12\n");
    let calls = machine.calls();
    let place = |call: &str| calls.find(call).unwrap_or_else(|| panic!("no `{call}` in {calls}"));
    assert!(place("netplan set network.ethernets.eth0.addresses=null") < place("netplan generate"));
    assert!(place("netplan generate") < place("networkctl reload"));
    // cloud-init does not give them back at the next start.
    let setting = machine.read("/etc/cloud/cloud.cfg.d/95-engine-addresses.cfg");
    assert!(setting.contains("apply_network_config_for_secondary_ips: false") && setting.contains("boot-new-instance"));
    assert!(machine.path("/etc/cni/net.d/10-azure.conflist").exists());

    // Where the machine has one address only, and with a network of pods' own, nothing is touched.
    for data in [data, worker(0)] {
        let machine = Machine::new(&data, "k8s-linuxpool-12345678-0", "10.240.0.4");
        machine.write("/world/healthy", "10.255.255.15\n");
        machine.succeed();
        assert_eq!((machine.count("netplan"), machine.count("networkctl")), (0, 0));
    }
    assert!(!fixture::written(&worker(0)).iter().any(|file| file.path.starts_with("/etc/cloud/")));
}

fn scale_set_member(start: Start, instance: &str, address: &str) -> Machine {
    let mut machine = fixture::control_plane(start);
    machine.cluster.deadline_minutes = 1;
    machine.cluster.control_plane_addresses.clear();
    let data = bootstrap::control_plane(&machine).unwrap();
    Machine::new(&data, &format!("k8s-master-12345678-vmss{instance}"), address)
}

#[test]
fn of_a_scale_set_the_first_instance_starts_and_the_others_find_a_peer_by_asking() {
    let first = scale_set_member(Start::Init, "000000", "10.240.0.4");
    first.succeed();
    assert_eq!((first.count("kubeadm init --config"), first.joins()), (1, 0));

    // Made anew, whatever was there before: another index, another address, nothing but joining.
    let later = scale_set_member(Start::Init, "00000a", "10.240.0.9");
    later.write("/world/healthy", "10.255.255.15\n10.240.0.5\n");
    later.write("/world/listed", "10.240.0.9 10.240.0.4 10.240.0.5");
    later.succeed();
    assert_eq!((later.count("kubeadm init --config"), later.joins()), (0, 1));
    // Neither itself, nor one that does not answer, nor the balancer.
    let hosts = later.read("/world/hosts-while-joining");
    assert!(hosts.contains("10.240.0.5 demo.westus2.cloudapp.azure.com"), "{hosts}");
    assert!(later.read("/etc/hosts").contains("10.240.0.9 demo.westus2.cloudapp.azure.com"));
}

#[test]
fn in_a_cluster_of_two_families_a_machine_has_two_addresses_and_both_kinds_of_rules() {
    let mut machine = fixture::control_plane(Start::Init);
    let (pod_subnet, service_subnet) = ("fc00::/48".parse().unwrap(), "fd00::/108".parse().unwrap());
    machine.cluster.ipv6 = Some(bootstrap::Ipv6Ranges { pod_subnet, service_subnet });
    let first = Machine::new(&bootstrap::control_plane(&machine).unwrap(), "k8s-master-12345678-0", "10.255.255.5");
    first.succeed();
    let start = first.read("/world/init.yaml");
    for line in [
        "value: \"10.255.255.5,2001:1234:5678:9abc::4\"",
        "podSubnet: \"10.244.0.0/16,fc00::/48\"",
        "serviceSubnet: \"10.0.0.0/16,fd00::/108\"",
        "- name: \"node-cidr-mask-size-ipv6\"\n    value: \"64\"",
        "- name: \"node-cidr-mask-size-ipv4\"\n    value: \"24\"",
    ] {
        assert!(start.contains(line), "{line}\n{start}");
    }
    assert!(first.read("/etc/sysctl.d/90-kubernetes.conf").contains("net.ipv6.conf.all.forwarding = 1"));
    assert!(
        first.read("/etc/kubernetes/addons/10-kube-proxy.yaml").contains("clusterCIDR: \"10.244.0.0/16,fc00::/48\"")
    );
    let rules = first.read("/etc/engine/network/rules.nft");
    for rule in [
        "ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 fib daddr type != local masquerade\n",
        "ip6 saddr fc00::/48 ip6 daddr != fc00::/48 fib daddr type != local masquerade\n",
    ] {
        assert!(rules.contains(rule), "{rules}");
    }
}

#[test]
fn scale_set_instances_count_in_base_36() {
    let machine = Machine::new(&control_plane(Start::Init, 45), "k8s-master-12345678-vmss000000", "10.255.255.5");
    machine.succeed();
    assert_eq!(machine.count("kubeadm init --config"), 1);
    let machine = Machine::new(&control_plane(Start::Init, 45), "k8s-master-12345678-vmss00000A", "10.255.255.6");
    machine.write("/world/healthy", "10.255.255.5\n");
    machine.succeed();
    assert_eq!((machine.count("kubeadm init --config"), machine.joins()), (0, 1));
}

#[test]
fn the_wait_command_tells_the_result_in_one_line() {
    let machine = Machine::new(&worker(0), "k8s-linuxpool-12345678-0", "10.240.0.4");
    let wait = || {
        let mut command = machine.command("/bin/sh");
        command.arg("-c").arg(bootstrap::wait_command(1).unwrap());
        let output = command.output().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
        )
    };
    machine.write("/var/lib/engine/result.json", "{\"status\":\"succeeded\",\"step\":\"\",\"cause\":\"\"}\n");
    assert_eq!(wait(), (true, "bootstrap: succeeded\n".to_owned()));
    machine.write(
        "/var/lib/engine/result.json",
        "{\"status\":\"failed\",\"step\":\"packages\",\"cause\":\"apt: no network\"}\n",
    );
    assert_eq!(wait(), (false, "bootstrap: step packages failed: apt: no network\n".to_owned()));
}

fn with_key_vault(start: Start, identity: bootstrap::CloudIdentity, index: u32) -> Machine {
    let mut machine = fixture::control_plane(start);
    machine.encryption = fixture::encryption();
    machine.cluster.cloud.identity = identity;
    let data = bootstrap::control_plane(&machine).unwrap();
    Machine::new(&data, &format!("k8s-master-12345678-{index}"), &format!("10.255.255.{}", 5 + index))
}

const PLUGIN: &str = "/etc/kubernetes/manifests/azure-key-vault.yaml";

#[test]
fn a_machine_waits_for_its_key_vault_before_it_starts_the_cluster() {
    let machine = with_key_vault(Start::Init, bootstrap::CloudIdentity::System, 0);
    machine.succeed();
    let calls = machine.calls();
    let place = |call: &str| calls.find(call).unwrap_or_else(|| panic!("{call}: {calls}"));
    let token = "metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";
    assert!(place(token) < place("kubeadm init"));
    assert_eq!(calls.matches("https://kvabcdefghijklm.vault.azure.net/keys/k8s?api-version=7.4").count(), 2, "{calls}");
    assert!(!calls.contains("a.token"), "{calls}");
    assert_eq!(machine.read("/world/header"), "Authorization: Bearer a.token\n");
    assert!(!machine.path("/var/lib/engine/key-vault-header").exists());
    assert!(machine.read(PLUGIN).contains("--key-version=0123456789abcdef0123456789abcdef\n"));
    assert!(machine.read("/etc/kubernetes/encryption/configuration.yaml").contains("secretbox"));
    assert!(machine.read("/world/init.yaml").contains("encryption-provider-config"));
}

#[test]
fn the_plugin_is_put_back_after_a_join_that_failed() {
    let principal = bootstrap::CloudIdentity::ServicePrincipal {
        client_id: "11111111-2222-3333-4444-555555555555".to_owned(),
        secret: bootstrap::PrincipalSecret::Told(engine::base::Secret::new("canary&secret")),
    };
    let machine = with_key_vault(Start::Join, principal, 1);
    machine.write("/world/healthy", "10.255.255.5\n");
    machine.write("/world/join-half", "");
    machine.succeed();
    assert_eq!((machine.count("kubeadm reset"), machine.joins()), (1, 2));
    assert!(machine.read(PLUGIN).contains("--key-version=0123456789abcdef0123456789abcdef\n"));
    let calls = machine.calls();
    assert!(calls.contains("https://login.microsoftonline.com/22222222-0000-0000-0000-000000000000/oauth2/v2.0/token"));
    assert!(!calls.contains("canary"), "{calls}");
}
