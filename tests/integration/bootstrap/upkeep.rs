//! What control-plane machines do for the cluster from time to time: kubelets' serving certificates, judged over real
//! requests that openssl makes, and the token of pools that grow by themselves.

use std::process::Command;

use base64::Engine as _;
use engine::bootstrap::{self, Start};

use super::fixture::{self, Root};

const NODES: &str = r#"k8s-master-12345678-0 {"node-role.kubernetes.io/control-plane":""} InternalIP=10.255.255.5 Hostname=k8s-master-12345678-0
k8s-pool-1 {"agentpool":"pool"} Hostname=k8s-pool-1 InternalIP=10.240.0.4
k8s-pool-2 {"agentpool":"pool"} Hostname=k8s-pool-2 InternalIP=10.240.0.5 ExternalIP=192.0.2.7
k8s-pool-3 {"agentpool":"pool"} Hostname=k8s-pool-3 InternalIP=10.255.255.6
k8s-pool-4 {"agentpool":"pool"} Hostname=k8s-pool-4 InternalIP=10.240.0.4
k8s-pool-6 {"agentpool":"pool"} Hostname=k8s-pool-6 InternalIP=10.240.0.9 InternalIP=fd00::4:9
"#;

/// Answers from files below `/world`, and writes down what is approved and patched.
const KUBECTL: &str = r#"#!/bin/bash
case "$*" in
  *'get certificatesigningrequests'*) cat "$ENGINE_ROOT/world/requests" ;;
  *'get nodes'*) cat "$ENGINE_ROOT/world/nodes" ;;
  *'certificate approve '*) echo "${*: -1}" >>"$ENGINE_ROOT/world/approved" ;;
  *'get secret bootstrap-token-abcdef '*) [ ! -e "$ENGINE_ROOT/world/token" ] || echo secret/bootstrap-token-abcdef ;;
  *'patch secret bootstrap-token-abcdef '*) echo "${*: -1}" >>"$ENGINE_ROOT/world/patches" ;;
  *) exit 1 ;;
esac
"#;

/// Answers as the API server does, from a file below `/world`.
const CURL: &str = r#"#!/bin/bash
case "$*" in
  *'--cert '*/var/lib/kubelet/pki/kubelet-client-current.pem\ https://*/apis/certificates.k8s.io/v1/certificatesigningrequests?fieldSelector=*) cat "$ENGINE_ROOT/world/answer" ;;
  *) exit 2 ;;
esac
"#;

/// A control-plane machine's files, and the world that its API server tells of.
struct Machine {
    root: Root,
}

impl std::ops::Deref for Machine {
    type Target = Root;

    fn deref(&self) -> &Root {
        &self.root
    }
}

impl Machine {
    fn new() -> Self {
        let machine = Self { root: Root::new() };
        let mut control_plane = fixture::control_plane(Start::Join);
        control_plane.keeps_token = true;
        machine.give(&bootstrap::control_plane(&control_plane).unwrap());
        machine.write("/run/keep", "");
        machine.write_with_mode("/bin/kubectl", KUBECTL, 0o755);
        machine.write_with_mode("/bin/curl", CURL, 0o755);
        machine.write("/var/lib/kubelet/pki/kubelet-client-current.pem", "");
        machine.write("/world/nodes", NODES);
        machine
    }

    fn run(&self, script: &str) -> String {
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.path("/bin").display());
        let mut command = Command::new(self.path(script));
        let output = command.env_clear().env("PATH", path).env("ENGINE_ROOT", self.folder()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// A request as openssl makes one.
    fn request(&self, subject: &str, names: Option<&str>) -> String {
        let mut command = Command::new("openssl");
        command.args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout"]);
        command.arg(self.path("/world/key")).args(["-subj", subject]);
        if let Some(names) = names {
            command.args(["-addext", &format!("subjectAltName={names}")]);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// The last byte of the signature is another.
fn tampered(request: &str) -> String {
    let packed: String = request.lines().filter(|line| !line.starts_with('-')).collect();
    let mut bytes = base64::engine::general_purpose::STANDARD.decode(packed).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let packed = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{packed}\n-----END CERTIFICATE REQUEST-----\n")
}

const SERVING: &str = "kubernetes.io/kubelet-serving";
const USAGES: &str = r#"["digital signature","server auth"]"#;
const GROUPS: &str = r#"["system:nodes","system:authenticated"]"#;

#[test]
fn serving_certificates_are_approved_for_a_nodes_own_name_and_address_only() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: `openssl` is not installed");
        return;
    }
    let machine = Machine::new();
    let mut requests = String::new();
    let mut expected = Vec::new();
    let mut line = |name: &str, signer: &str, done: &str, usages: &str, groups: &str, body: &str, user: &str| {
        requests.push_str(&format!("{name}|{signer}|{done}|{usages}|{groups}|{}|{user}\n", base64(body)));
    };
    let subject = |node: &str| format!("/O=system:nodes/CN=system:node:{node}");
    let user = |node: &str| format!("system:node:{node}");

    let right = machine.request(&subject("k8s-pool-2"), Some("DNS:k8s-pool-2,IP:10.240.0.5"));
    let both = machine.request(&subject("k8s-pool-2"), Some("DNS:k8s-pool-2,IP:10.240.0.5,IP:192.0.2.7"));
    let six = machine.request(&subject("k8s-pool-6"), Some("DNS:k8s-pool-6,IP:10.240.0.9,IP:fd00::4:9"));
    let master = "k8s-master-12345678-0";
    let of_master = machine.request(&subject(master), Some(&format!("DNS:{master},IP:10.255.255.5")));
    let encipherment = r#"["key encipherment","digital signature","server auth"]"#;
    line("right", SERVING, "", USAGES, GROUPS, &right, &user("k8s-pool-2"));
    line("right-rsa", SERVING, "", encipherment, GROUPS, &right, &user("k8s-pool-2"));
    line("right-both", SERVING, "", USAGES, GROUPS, &both, &user("k8s-pool-2"));
    line("right-six", SERVING, "", USAGES, GROUPS, &six, &user("k8s-pool-6"));
    line("right-master", SERVING, "", USAGES, GROUPS, &of_master, &user(master));
    // Approved or denied before, and another signer's: nothing is said of them.
    line("done", SERVING, "Approved", USAGES, GROUPS, &right, &user("k8s-pool-2"));
    line("denied", SERVING, "Denied", USAGES, GROUPS, &right, &user("k8s-pool-2"));
    line("signer", "kubernetes.io/kube-apiserver-client", "", USAGES, GROUPS, &right, &user("k8s-pool-2"));

    let mut wrong = |name: &str, usages: &str, groups: &str, body: &str, user: &str, reason: &str| {
        line(name, SERVING, "", usages, groups, body, user);
        expected.push(format!("left {name} of {user}: {reason}\n"));
    };
    let two = user("k8s-pool-2");
    let ask = |names: &str| machine.request(&subject("k8s-pool-2"), Some(names));
    let client = r#"["digital signature","client auth","server auth"]"#;
    let people = r#"["system:masters","system:authenticated"]"#;
    wrong("usages", client, GROUPS, &right, &two, &format!("its usages are {client}"));
    wrong("groups", USAGES, people, &right, &two, "its requester is not in the group of nodes");
    wrong("person", USAGES, GROUPS, &right, "kubernetes-admin", "its requester is no node");
    let piped = format!("x|{two}");
    wrong("piped", USAGES, GROUPS, &right, &piped, "its requester is no node");
    wrong("other", USAGES, GROUPS, &right, &user("k8s-pool-1"), "its subject is not the node");
    wrong("nobody", USAGES, GROUPS, &right, &user("k8s-pool-9"), "there is no node k8s-pool-9");
    wrong("name", USAGES, GROUPS, &ask("DNS:k8s-pool-1,IP:10.240.0.5"), &two, "it does not name its node");
    wrong(
        "extra-name",
        USAGES,
        GROUPS,
        &ask("DNS:k8s-pool-2,DNS:kubernetes.default.svc,IP:10.240.0.5"),
        &two,
        "it names DNS:kubernetes.default.svc, which is not its node's",
    );
    wrong(
        "extra-address",
        USAGES,
        GROUPS,
        &ask("DNS:k8s-pool-2,IP:10.240.0.5,IP:10.240.0.6"),
        &two,
        "it names IP Address:10.240.0.6, which is not its node's",
    );
    wrong(
        "mail",
        USAGES,
        GROUPS,
        &ask("DNS:k8s-pool-2,IP:10.240.0.5,email:a@example.com"),
        &two,
        "it names email:a@example.com, which is not its node's",
    );
    wrong(
        "address-of-another",
        USAGES,
        GROUPS,
        &ask("DNS:k8s-pool-2,IP:10.240.0.4"),
        &two,
        "it names IP Address:10.240.0.4, which is not its node's",
    );
    // What a node says of itself is not believed where another says it too, or where it is the control plane's.
    wrong(
        "claimed",
        USAGES,
        GROUPS,
        &machine.request(&subject("k8s-pool-4"), Some("DNS:k8s-pool-4,IP:10.240.0.4")),
        &user("k8s-pool-4"),
        "it names IP Address:10.240.0.4, which is another node's as well",
    );
    wrong(
        "control-plane",
        USAGES,
        GROUPS,
        &machine.request(&subject("k8s-pool-3"), Some("DNS:k8s-pool-3,IP:10.255.255.6")),
        &user("k8s-pool-3"),
        "it names IP Address:10.255.255.6, which is the control plane's",
    );
    wrong("no-address", USAGES, GROUPS, &ask("DNS:k8s-pool-2"), &two, "it names no address of its node");
    let bare = machine.request(&subject("k8s-pool-2"), None);
    wrong("no-name", USAGES, GROUPS, &bare, &two, "it names no host");
    let people = machine.request("/O=system:masters/CN=system:node:k8s-pool-2", Some("DNS:k8s-pool-2,IP:10.240.0.5"));
    wrong("organisation", USAGES, GROUPS, &people, &two, "its subject is not the node");
    wrong("signature", USAGES, GROUPS, &tampered(&right), &two, "its signature is wrong");
    wrong("garbage", USAGES, GROUPS, "not a request", &two, "it cannot be read, or its signature is wrong");

    machine.write("/world/requests", &requests);
    let said = machine.run("/opt/engine/approve-serving.sh");
    let approved = machine.read("/world/approved");
    assert_eq!(approved, "right\nright-rsa\nright-both\nright-six\nright-master\n", "{said}");
    for line in &expected {
        assert!(said.contains(line.as_str()), "no {line:?} in:\n{said}");
    }
    assert_eq!(said.lines().count(), expected.len(), "{said}");
    // Once more: nothing is told twice.
    assert_eq!(machine.run("/opt/engine/approve-serving.sh"), "");
    // Nothing to do: the nodes are not even asked for.
    machine.write("/world/requests", "done|kubernetes.io/kubelet-serving|Approved|[]|[]||system:node:x\n");
    std::fs::remove_file(machine.path("/world/nodes")).unwrap();
    assert_eq!(machine.run("/opt/engine/approve-serving.sh"), "");
}

/// kubectl is started only if there is something to decide, or if nobody says that there is not.
#[test]
fn requests_are_looked_at_only_when_some_are_undecided() {
    let item = |decision: &str| format!(r#"{{"spec":{{"signerName":"{SERVING}"}},"status":{{{decision}}}}}"#);
    let decided = |kind: &str| item(&format!(r#""conditions":[{{"type":"{kind}","status":"True"}}]"#));
    // What somebody writes into a request decides nothing.
    let written = item("").replacen('{', r#"{"metadata":{"annotations":{"type":"Approved"}},"#, 1);
    let machine = Machine::new();
    for (items, looked_at) in [
        (vec![], false),
        (vec![decided("Approved"), decided("Denied")], false),
        (vec![decided("Approved"), item("")], true),
        (vec![decided("Approved"), written], true),
    ] {
        machine.write("/world/answer", &format!(r#"{{"items":[{}]}}"#, items.join(",")));
        machine.write("/world/looked", "");
        machine.write_with_mode("/bin/kubectl", "#!/bin/sh\necho \"$*\" >>\"$ENGINE_ROOT/world/looked\"\n", 0o755);
        machine.run("/opt/engine/approve-serving.sh");
        assert_eq!(machine.read("/world/looked").contains("certificatesigningrequests"), looked_at, "{items:?}");
    }
    // A server that does not answer in time is not asked for more, and one that refuses is asked as somebody else.
    for (status, looked_at) in [(7, false), (28, false), (22, true)] {
        machine.write("/world/looked", "");
        machine.write_with_mode("/bin/curl", &format!("#!/bin/sh\nexit {status}\n"), 0o755);
        machine.run("/opt/engine/approve-serving.sh");
        assert_eq!(machine.read("/world/looked").contains("certificatesigningrequests"), looked_at, "{status}");
    }
}

#[test]
fn a_token_is_kept_alive_while_it_is_there() {
    let machine = Machine::new();
    machine.run("/opt/engine/renew-token.sh");
    assert_eq!(machine.read("/world/patches"), "", "a token that was deleted must not come back");
    machine.write("/world/token", "");
    machine.run("/opt/engine/renew-token.sh");
    let patch: serde_json::Value = serde_json::from_str(&machine.read("/world/patches")).unwrap();
    let until: jiff::Timestamp = patch["stringData"]["expiration"].as_str().unwrap().parse().unwrap();
    let hours = until.duration_since(jiff::Timestamp::now()).as_hours();
    assert!((22..=24).contains(&hours), "{patch}");
}

#[test]
fn the_token_is_kept_only_where_pools_grow_by_themselves() {
    let files = |keeps_token| {
        let mut machine = fixture::control_plane(Start::Init);
        machine.keeps_token = keeps_token;
        fixture::written(&bootstrap::control_plane(&machine).unwrap())
    };
    let has = |files: &[fixture::Written], path: &str| files.iter().any(|file| file.path == path);
    assert!(has(&files(true), "/etc/systemd/system/engine-renew-token.timer"));
    assert!(!has(&files(false), "/etc/systemd/system/engine-renew-token.timer"));
    for keeps_token in [true, false] {
        assert!(has(&files(keeps_token), "/etc/systemd/system/engine-approve-serving.timer"));
    }
    let worker = fixture::written(&bootstrap::worker(&fixture::worker()).unwrap());
    assert!(!has(&worker, "/opt/engine/approve-serving.sh"));
}
