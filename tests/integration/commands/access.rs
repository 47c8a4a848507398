//! `ssh` and `console`: who is meant, what is run, and what is told where nothing can be.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use engine::contract::TargetName;
use engine::state::Snapshot;
use serde_json::Value as Json;

use super::{Place, QUICKSTART, Simulating, model};

/// A cluster whose machines a simulator has, and whose state says that they are elsewhere.
struct Elsewhere {
    place: Place,
    cloud: Simulating,
    folder: String,
}

impl Elsewhere {
    fn new(target: TargetName, set: &[&str]) -> Self {
        let place = Place::new();
        let cloud = Simulating::start(&place);
        let folder = place.cluster().to_str().unwrap().to_owned();
        let quickstart = model(QUICKSTART);
        let deploy = ["deploy", &quickstart, "--target", "simulator", "-o", &folder, "--time-scale", "0"];
        place.expect(0, &[&deploy[..], set].concat());
        let state = place.cluster().join("state/state.json");
        let mut snapshot = Snapshot::import(&state).unwrap();
        snapshot.identity.target = target;
        snapshot.export(&state).unwrap();
        Self { place, cloud, folder }
    }

    /// A program of this name in an own folder of programs, which writes down its arguments and ends with 7.
    fn stand_in(&self, name: &str) {
        let path = self.place.path("programs").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "#!/bin/sh\nprintf '%s\\n' \"$@\" >told\nexit 7\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let who = &self.cloud.credentials;
        // What stands behind two dashes is the machine's.
        let (verb, rest) = arguments.split_at(1);
        let mut command = self.place.command(&[verb, &["-o", &self.folder], rest].concat());
        command.env("PATH", self.place.path("programs")).envs([
            ("AZURE_RESOURCE_MANAGER", self.cloud.url.as_str()),
            ("AZURE_TENANT_ID", who.tenant_id.as_str()),
            ("AZURE_SUBSCRIPTION_ID", who.subscription_id.as_str()),
            ("AZURE_CLIENT_ID", who.client_id.as_str()),
            ("AZURE_CLIENT_SECRET", who.client_secret.expose()),
        ]);
        command.output().unwrap()
    }

    /// What the program was told.
    fn told(&self) -> Vec<String> {
        std::fs::read_to_string(self.place.path("told")).unwrap().lines().map(str::to_owned).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What is said of a refusal.
fn refused(output: &Output, code: i32, parts: &[&str]) {
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{told}");
    for part in parts {
        assert!(told.contains(part), "`{part}` is missing:\n{told}");
    }
}

#[test]
fn ssh_becomes_ssh_on_the_way_to_a_machine() {
    let here = Elsewhere::new(TargetName::Azure, &["--set", "accessProfile.sshSourceRanges=[192.0.2.0/24]"]);
    refused(&here.run(&["ssh", "master"]), 78, &["no program ssh", "openssh-client"]);
    here.stand_in("ssh");
    let output = here.run(&["ssh", "master", "--", "sudo", "crictl", "ps", "-a"]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    let told = here.told();
    let known = format!("UserKnownHostsFile=\"{}/known_hosts\"", here.folder);
    for option in [known.as_str(), "StrictHostKeyChecking=accept-new"] {
        let at = told.iter().position(|word| word == option).unwrap_or_else(|| panic!("{option}: {told:?}"));
        assert_eq!(told[at - 1], "-o");
    }
    assert!(!told.concat().contains("StrictHostKeyChecking=no") && !told.concat().contains("canary"), "{told:?}");
    let end = told.iter().position(|word| word == "--").unwrap();
    assert_eq!(&told[end - 4..end], ["-l", "azureuser", "-p", "22"]);
    assert_eq!(&told[end + 2..], ["sudo", "crictl", "ps", "-a"]);
    // A worker is reached through it, and a key that is named counts for both.
    std::fs::write(here.place.path("key"), "private").unwrap();
    assert_eq!(here.run(&["ssh", "agentpool1", "-i", "key"]).status.code(), Some(64), "two have it in their names");
    let all = here.place.json(&["state", "show", "-o", &here.folder]);
    let mut ids = all["resources"].as_array().unwrap().iter().map(|resource| resource["id"].as_str().unwrap());
    let worker =
        ids.find_map(|id| id.split_once("/virtualMachines/k8s-agentpool1").filter(|(_, end)| !end.contains('/')));
    let worker = &format!("k8s-agentpool1{}", worker.unwrap().1);
    let output = here.run(&["ssh", worker, "-i", "key", "--json"]);
    let data: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    assert_eq!((&data["machine"], &data["user"]), (&worker.as_str().into(), &"azureuser".into()));
    let command: Vec<&str> = data["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    let key = format!("IdentityFile=\"{}\"", here.place.path("key").display());
    let proxy = command.iter().find_map(|word| word.strip_prefix("ProxyCommand=")).unwrap();
    assert!(proxy.contains(&format!("-- {}", told[end + 1])) && proxy.contains(&key), "{proxy}");
    assert!(command.contains(&key.as_str()), "{command:?}");
    refused(&here.run(&["ssh", worker, "-i", "nowhere"]), 64, &["there is no key nowhere"]);
    // Within the network.
    let output = here.run(&["ssh", worker, "--private", "--json"]);
    let data: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert!(data["address"].as_str().unwrap().starts_with("10."), "{data}");
    assert!(!data["command"].to_string().contains("ProxyCommand"), "{data}");
}

#[test]
fn ssh_says_which_machines_there_are_and_why_none_is_reached() {
    let here = Elsewhere::new(TargetName::Azure, &[]);
    here.stand_in("ssh");
    refused(&here.run(&["ssh", "worker-9"]), 64, &["no machine `worker-9`", "k8s-master-", "k8s-agentpool1-"]);
    refused(&here.run(&["ssh"]), 64, &["no machine is named", "k8s-master-"]);
    refused(&here.run(&["ssh", "k8s"]), 64, &["several machines", "write more of one of k8s-agentpool1-"]);
    refused(&here.run(&["ssh", "master"]), 78, &["nothing lets SSH in", "sshSourceRanges", "--private", "--jump"]);
    refused(&here.run(&["ssh", "master", "--jump", "-oProxyCommand=x"]), 64, &["--jump"]);
    assert!(!here.place.path("told").exists(), "nothing was run");
    let place = Place::new();
    refused(&place.engine(&["ssh", "master", "-o", "nowhere"]), 64, &["holds no cluster"]);
}

#[test]
fn nothing_on_the_simulator_is_real() {
    let here = Elsewhere::new(TargetName::Simulator, &[]);
    refused(&here.run(&["ssh", "master"]), 78, &["no machine is real"]);
    refused(&here.run(&["console", "master"]), 78, &["not real"]);
}

#[test]
fn a_console_is_that_of_the_domain() {
    let here = Elsewhere::new(TargetName::Libvirt, &[]);
    refused(&here.run(&["console", "master"]), 78, &["no program virsh", "libvirt-clients"]);
    here.stand_in("virsh");
    let output = here.run(&["console", "master", "--force"]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("Ctrl+]"));
    let told = here.told();
    assert_eq!(&told[..4], ["--connect", "qemu:///system", "console", "--domain"]);
    assert!(told[4].starts_with("engine-quickstart-k8s-master-") && told[4].ends_with("-0"), "{told:?}");
    assert_eq!(&told[5..], ["--force"]);
    let output = here.run(&["console", "master", "--connect", "qemu+ssh://root@rack-1/system", "--json"]);
    let data: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&data["uri"], &data["domain"]), (&"qemu+ssh://root@rack-1/system".into(), &told[4].as_str().into()));
    refused(&here.run(&["console", "k8s"]), 64, &["several machines"]);
    refused(&here.run(&["console", "nobody"]), 64, &["no machine `nobody`", "k8s-master-"]);
}

#[test]
fn azure_has_a_console_of_its_own() {
    let here = Elsewhere::new(TargetName::Azure, &[]);
    refused(&here.run(&["console", "master"]), 78, &["az serial-console connect -g quickstart -n k8s-master-"]);
}
