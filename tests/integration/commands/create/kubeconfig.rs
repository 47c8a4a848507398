//! Which kubeconfig a cluster is put into, and that kubectl finds the cluster by it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{Home, OTHERS, read, said};
use crate::commands::{QUICKSTART, model};

#[test]
fn the_file_is_the_one_that_is_said_or_the_variables_first_or_none_of_the_users() {
    let home = Home::new();
    home.create(0, &["--kubeconfig", "own/config"]);
    assert_eq!(read(&home.place.path("own/config"))["current-context"], "demo");

    let create = ["create", "demo", "--time-scale", "0"];
    let mut command = home.command(&create);
    command.env("KUBECONFIG", format!("{}:/nowhere/config", home.place.path("first").display()));
    said(0, &command.output().unwrap());
    assert_eq!(read(&home.place.path("first"))["clusters"].as_array().unwrap().len(), 1);

    let output = home.engine(&[&create[..], &["--no-merge"]].concat());
    said(0, &output);
    let own = "_output/demo/kubeconfig/config";
    assert!(String::from_utf8_lossy(&output.stdout).contains(&format!("/{own} --context demo")));
    assert_eq!(read(&home.place.path(own))["current-context"], "demo");
    assert_eq!(std::fs::read_to_string(home.config()).unwrap(), OTHERS, "nothing was put there");

    // `destroy` finds all of them.
    let told = said(0, &home.engine(&["destroy", "-o", "_output/demo", "--yes", "--time-scale", "0"]));
    for file in ["own/config", "first", own] {
        assert!(told.contains(file), "{file}: {told}");
        assert_eq!(read(&home.place.path(file))["clusters"], json!([]), "{file}");
    }
}

#[test]
fn a_cluster_that_was_deployed_is_put_there_too_and_goes_with_an_interrupted_destruction() {
    let home = Home::new();
    let folder = "_output/quickstart";
    said(0, &home.engine(&["deploy", &model(QUICKSTART), "--target", "simulator", "--time-scale", "0"]));
    assert_eq!(std::fs::read_to_string(home.config()).unwrap(), OTHERS);
    let output = home.engine(&["kubeconfig", folder, "--time-scale", "0"]);
    said(0, &output);
    assert!(String::from_utf8_lossy(&output.stdout).contains("the context quickstart leads to https://127.0.0.1:"));
    assert_eq!(read(&home.config())["current-context"], "quickstart");

    // Killed in the middle, resumed to its end.
    let mut destroying = home.command(&["destroy", "-o", folder, "--yes", "--time-scale", "0"]);
    destroying.env("ENGINE_JOURNAL_HOLD_AFTER", "6").stdout(Stdio::null()).stderr(Stdio::null());
    let mut destroying = destroying.spawn().unwrap();
    let journal = home.place.path(folder).join("state/journal.jsonl");
    for _ in 0..1000 {
        if std::fs::read_to_string(&journal).is_ok_and(|text| text.lines().count() > 6) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    destroying.kill().unwrap();
    destroying.wait().unwrap();
    assert_eq!(read(&home.config())["current-context"], "quickstart", "it is not gone yet");
    let told = said(0, &home.engine(&["resume", "-o", folder, "--time-scale", "0"]));
    assert!(told.contains("took the context quickstart out of"), "{told}");
    assert_eq!(read(&home.config()), serde_saphyr::from_str::<serde_json::Value>(OTHERS).unwrap());
    assert!(said(64, &home.engine(&["kubeconfig", folder])).contains("holds no cluster"));
}

#[test]
fn a_kubeconfig_that_is_held_does_not_keep_a_destruction_from_its_end() {
    let home = Home::new();
    home.create(0, &[]);
    std::fs::write(home.place.path("home/.kube/config.lock"), "").unwrap();
    let destroy = ["destroy", "-o", "_output/demo", "--yes", "--time-scale", "0"];
    let told = said(0, &home.engine(&destroy));
    assert!(told.contains("warning:") && told.contains("config.lock"), "{told}");
    // What could not be done is done the next time.
    std::fs::remove_file(home.place.path("home/.kube/config.lock")).unwrap();
    assert!(said(0, &home.engine(&destroy)).contains("took the context demo out of"));
}

#[test]
fn kubectl_finds_the_nodes_by_the_context() {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"))).unwrap_or_default();
    let kubectl = cache.join("engine-ci/kubectl/1.35/kubectl");
    if !kubectl.is_file() {
        println!("skipped: {} is not there", kubectl.display());
        return;
    }
    let home = Home::new();
    home.create(0, &["--nodes", "2"]);
    let folder = home.folder().join("simulator");
    let mut simulator = home.command(&["simulate", folder.to_str().unwrap(), "--time-scale", "0"]);
    let mut simulator = simulator.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..200 {
        if matches!(engine::server::find_running(&folder), Ok(Some(_))) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(&kubectl);
        command.env_clear().env("HOME", home.place.path("home")).args(arguments);
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let nodes = ask(&["--context", "demo", "get", "nodes", "--no-headers"]);
    // What the engine has written is a file that kubectl can change, and the engine after it.
    let namespace = ask(&["config", "set-context", "demo", "--namespace", "work"]);
    let contexts = ask(&["config", "get-contexts", "-o", "name"]);
    simulator.kill().unwrap();
    simulator.wait().unwrap();
    assert!(nodes.0 && nodes.1.matches(" Ready ").count() == 3, "{nodes:?}");
    assert!(namespace.0 && contexts.0 && contexts.1.lines().eq(["demo", "work"]), "{namespace:?} {contexts:?}");
    home.create(0, &[]);
    let config = read(&home.config());
    let own = config["contexts"].as_array().unwrap().iter().find(|context| context["name"] == "demo").unwrap();
    assert_eq!(own["context"], json!({ "cluster": "demo", "namespace": "work", "user": "demo" }));
    let view = ask(&["config", "view", "--raw", "-o", "jsonpath={.users[?(@.name=='me')].user.token}"]);
    assert_eq!(view, (true, "canary-of-another-cluster".to_owned()));
}
