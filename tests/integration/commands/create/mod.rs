//! From a name to a cluster, on the simulator: the six steps, what is refused before the first, and going on after each.

mod kubeconfig;
mod refused;
mod resumed;

use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value as Json, json};

use super::Place;

/// A place with a home, in which kubectl has been used already.
pub struct Home {
    pub place: Place,
}

/// As kubectl writes it.
const OTHERS: &str = "apiVersion: v1
clusters:
- cluster:
    server: https://192.0.2.1:6443
  name: work
contexts:
- context:
    cluster: work
    namespace: mine
    user: me
  name: work
current-context: work
kind: Config
preferences: {}
users:
- name: me
  user:
    token: canary-of-another-cluster
";

impl Home {
    pub fn new() -> Self {
        let home = Self { place: Place::new() };
        std::fs::create_dir_all(home.config().parent().unwrap()).unwrap();
        std::fs::write(home.config(), OTHERS).unwrap();
        home
    }

    /// The usual kubeconfig.
    pub fn config(&self) -> PathBuf {
        self.place.path("home/.kube/config")
    }

    /// The cluster's folder.
    pub fn folder(&self) -> PathBuf {
        self.place.path("_output/demo")
    }

    pub fn engine(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.place.command(arguments);
        command.env("HOME", self.place.path("home"));
        command
    }

    /// Runs `create demo` on the simulator, which must end with `code`; gives what it said on standard error.
    pub fn create(&self, code: i32, arguments: &[&str]) -> String {
        let target = ["create", "demo", "--target", "simulator", "--time-scale", "0"];
        said(code, &self.engine(&[&target[..], arguments].concat()))
    }

    /// The same, with what it gave as data.
    pub fn created(&self, arguments: &[&str]) -> Json {
        let target = ["create", "demo", "--target", "simulator", "--time-scale", "0", "--json"];
        let output = self.engine(&[&target[..], arguments].concat());
        said(0, &output);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// How many writes of resources the simulator has accepted.
    pub fn writes(&self) -> usize {
        let text = std::fs::read_to_string(self.folder().join("simulator/requests.jsonl")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        lines
            .filter(|line| line["method"] == "PUT" && line["status"].as_u64().is_some_and(|status| status < 300))
            .count()
    }
}

/// What a command said on standard error, which must have ended with `code`.
pub fn said(code: i32, output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{told}\n{}", String::from_utf8_lossy(&output.stdout));
    told
}

/// A kubeconfig as a value.
pub fn read(path: &std::path::Path) -> Json {
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_name_becomes_a_cluster_with_its_context() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let told = home.create(0, &["--nodes", "2"]);
    for (number, name) in ["host", "image", "model", "machines", "nodes", "kubeconfig"].iter().enumerate() {
        let line = told.lines().find(|line| line.contains(&format!(" {}/6 {name}", number + 1)));
        let line = line.unwrap_or_else(|| panic!("{name}: {told}"));
        assert!(line.starts_with("SIMULATED ✓") && line.ends_with(" s"), "{line}");
        assert_eq!(line.contains("skipped"), number < 2, "{line}");
    }
    assert!(told.contains("5/6 nodes       3 nodes are Ready"), "{told}");

    // The model is the starter's, with the hosts' profile; it is complete by now.
    let folder = home.folder();
    let model: Json = serde_json::from_str(&std::fs::read_to_string(folder.join("apimodel.json")).unwrap()).unwrap();
    let properties = &model["properties"];
    assert_eq!((&model["location"], &properties["target"]), (&json!("local"), &json!("simulator")));
    assert_eq!(properties["agentPoolProfiles"][0]["count"], 2);
    let size = &properties["onPremProfile"]["sizes"]["Standard_D2s_v5"];
    assert_eq!(*size, json!({ "processors": 2, "memoryMiB": 4096 }));
    // Whoever has no key gets one.
    let key = folder.join("azureuser_ed25519");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let public = std::fs::read_to_string(folder.join("azureuser_ed25519.pub")).unwrap();
    assert_eq!(properties["linuxProfile"]["ssh"]["publicKeys"][0]["keyData"], public.trim());
    let mut keygen = std::process::Command::new("ssh-keygen");
    match keygen.args(["-y", "-P", "", "-f"]).arg(&key).output() {
        Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stdout), public, "{output:?}"),
        Err(error) => println!("skipped: ssh-keygen: {error}"),
    }

    let config = read(&home.config());
    assert_eq!(config["current-context"], "demo");
    assert_eq!(config["contexts"][1], json!({ "name": "demo", "context": { "cluster": "demo", "user": "demo" } }));
    let server = config["clusters"][1]["cluster"]["server"].as_str().unwrap();
    assert!(server.starts_with("https://127.0.0.1:") && server.ends_with("/kubernetes/demo"), "{server}");
    assert_eq!(config["users"][0]["user"]["token"], "canary-of-another-cluster");
    assert_eq!(std::fs::metadata(home.config()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(home.place.path("home/.kube/config.engine-backup")).unwrap(), OTHERS);
    let token = config["users"][1]["user"]["token"].as_str().unwrap();
    assert!(token.len() > 50 && !told.contains(token) && !told.contains("canary"), "no secret is told");
}

#[test]
fn what_is_there_is_gone_on_with_changed_by_other_verbs_and_taken_away() {
    let home = Home::new();
    let made = home.created(&["--nodes", "2"]);
    assert_eq!((&made["complete"], &made["exitCode"], &made["simulated"]), (&json!(true), &json!(0), &json!(true)));
    assert_eq!(made["nodes"].as_array().unwrap().len(), 3);
    let names: Vec<&str> =
        made["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["host", "image", "model", "machines", "nodes", "kubeconfig"]);
    assert_eq!(made["run"]["verb"], "deploy");
    assert_eq!(made["kubeconfig"]["context"], "demo");
    let (writes, config) = (home.writes(), std::fs::read_to_string(home.config()).unwrap());
    assert!(writes > 10);

    // The same again, also without a word of how it shall be, and without the target.
    let again = home.created(&["--nodes", "2", "--control-plane-nodes", "1", "--kubernetes", "1.35"]);
    assert_eq!(again["run"]["plan"]["create"], 0);
    said(0, &home.engine(&["create", "demo", "--time-scale", "0"]));
    assert_eq!(home.writes(), writes, "nothing is made twice");
    assert_eq!(read(&home.config())["clusters"], serde_saphyr::from_str::<Json>(&config).unwrap()["clusters"]);

    // Another number is for `scale`.
    let told = home.create(64, &["--nodes", "3"]);
    assert!(told.contains("2 worker machines, not 3") && told.contains("engine scale -o _output/demo"), "{told}");
    said(0, &home.engine(&["scale", "-o", "_output/demo", "--new-node-count", "3", "--time-scale", "0"]));
    assert_eq!(home.created(&["--nodes", "3"])["nodes"].as_array().unwrap().len(), 4);

    let told = said(0, &home.engine(&["destroy", "-o", "_output/demo", "--yes", "--time-scale", "0"]));
    assert!(told.contains("took the context demo out of"), "{told}");
    let left = read(&home.config());
    assert_eq!(left, serde_saphyr::from_str::<Json>(OTHERS).unwrap(), "and the context is current that was before");

    // The folder of a cluster that is gone takes another one.
    let told = home.create(0, &["--nodes", "1"]);
    assert!(told.contains("is replaced: nothing is left of that cluster"), "{told}");
    assert_eq!(read(&home.config())["current-context"], "demo");
}

#[test]
fn what_to_do_next_is_told_on_standard_output() {
    let home = Home::new();
    let output = home.engine(&["create", "demo", "--target", "simulator", "--time-scale", "0"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0));
    assert!(told.contains("Ready. demo: 2 nodes with Kubernetes 1.35."), "{told}");
    for command in [
        "kubectl --context demo get nodes",
        "engine simulate _output/demo/simulator",
        "engine status -o _output/demo",
        "engine scale -o _output/demo --new-node-count",
        "engine destroy -o _output/demo",
    ] {
        assert!(told.contains(command), "{command}: {told}");
    }
}
