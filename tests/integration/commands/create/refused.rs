//! What is refused before anything is made.

use std::process::Stdio;

use super::{Home, OTHERS, said};
use crate::commands::{QUICKSTART, model};

/// Runs `create`, which must be refused, and gives what it said. Nothing is made, and nothing of others changes.
fn refused(home: &Home, code: i32, arguments: &[&str]) -> String {
    let config = std::fs::read(home.config()).unwrap();
    let told = said(code, &home.engine(&[&["create"], arguments].concat()));
    assert!(!home.place.path("_output").exists(), "{arguments:?}: {told}");
    assert_eq!(std::fs::read(home.config()).unwrap(), config, "{arguments:?}");
    assert!(told.contains("help:") || told.contains("= help"), "{arguments:?} has no remedy: {told}");
    told
}

#[test]
fn what_no_cluster_can_be_is_told_as_of_any_model() {
    let home = Home::new();
    let simulator = ["--target", "simulator"];
    for (arguments, code) in [
        (&["demo", "--control-plane-nodes", "2"][..], "control-plane-count"),
        (&["demo", "--nodes", "0"], "pool-count"),
        (&["1st"], "dns-prefix-form"),
        (&["a/../b"], "dns-prefix-form"),
        (&["demo", "--kubernetes", "1.20"], "kubernetes-version-unsupported"),
        (&["demo", "--connect", "qemu+ext:///system?command=sh"], "on-prem-host"),
        (&["demo", "--connect", "test:///default"], "on-prem-host"),
    ] {
        let told = refused(&home, 65, &[arguments, &simulator].concat());
        assert!(told.contains(code), "{arguments:?}: {told}");
    }
    let private = home.place.path("key");
    std::fs::write(&private, "-----BEGIN OPENSSH PRIVATE KEY-----\n").unwrap();
    let told = refused(&home, 64, &["demo", "--ssh-public-key", private.to_str().unwrap()]);
    assert!(told.contains("is a private key"), "{told}");
}

#[test]
fn a_name_or_a_place_that_is_another_clusters_is_refused() {
    let home = Home::new();
    // By its kubeconfig.
    let told = refused(&home, 64, &["work", "--target", "simulator"]);
    assert!(told.contains("has a cluster `work` already") && told.contains("kubectl config delete-cluster work"));
    assert!(!told.contains("canary"), "{told}");
    // By a file that is none.
    std::fs::write(home.config(), "clusters: [canary").unwrap();
    let told = refused(&home, 78, &["demo", "--target", "simulator"]);
    assert!(told.contains(".kube/config:") && told.contains("is no kubeconfig") && !told.contains("canary"), "{told}");
    std::fs::write(home.config(), OTHERS).unwrap();
    // By no file at all.
    let output = home.place.engine(&["create", "demo", "--target", "simulator"]);
    assert!(said(78, &output).contains("--kubeconfig"));
    refused(&home, 64, &["demo", "--target", "azure"]);
    let output = home.engine(&["create", "demo", "--no-merge", "--kubeconfig", "x"]);
    assert_eq!(output.status.code(), Some(64));

    // By its folder.
    let quickstart = model(QUICKSTART);
    said(0, &home.engine(&["deploy", &quickstart, "--target", "simulator", "--time-scale", "0", "-o", "there"]));
    let told = said(64, &home.engine(&["create", "demo", "-o", "there", "--target", "libvirt"]));
    for part in ["its name is quickstart, not demo", "target simulator, not on libvirt", "name another folder"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // By a cluster whose model is gone: what is there must not change by a new one.
    let apimodel = home.place.path("there/apimodel.json");
    let text = std::fs::read(&apimodel).unwrap();
    std::fs::remove_file(&apimodel).unwrap();
    let told = said(64, &home.engine(&["create", "quickstart", "-o", "there"]));
    assert!(told.contains("apimodel.json is gone") && !apimodel.exists(), "{told}");
    std::fs::write(&apimodel, text).unwrap();
    // A run of another verb has to end first.
    let mut destroying = home.command(&["destroy", "-o", "there", "--yes", "--time-scale", "0"]);
    destroying.env("ENGINE_JOURNAL_HOLD_AFTER", "6").stdout(Stdio::null()).stderr(Stdio::null());
    let mut destroying = destroying.spawn().unwrap();
    let journal = home.place.path("there/state/journal.jsonl");
    for _ in 0..1000 {
        if std::fs::read_to_string(&journal).is_ok_and(|text| text.lines().count() > 6) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    destroying.kill().unwrap();
    destroying.wait().unwrap();
    let told = said(64, &home.engine(&["create", "quickstart", "-o", "there"]));
    assert!(told.contains("`destroy` was interrupted") && told.contains("engine resume -o there"), "{told}");
}

#[cfg(not(feature = "libvirt"))]
#[test]
fn a_build_without_libvirt_says_how_to_get_it() {
    let home = Home::new();
    assert!(refused(&home, 64, &["demo", "--nodes", "2"]).contains("--features libvirt"));
}
