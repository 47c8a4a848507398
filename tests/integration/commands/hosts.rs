//! Hosts on-prem without a host: `host init` and `doctor --target libvirt` where there is no libvirt, or none that serves.
//! `tests/real/host` prepares a real one.

use std::process::Output;

use super::{Place, model};

fn refused(output: &Output, code: i32, parts: &[&str]) {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{told}");
    for part in parts {
        assert!(told.contains(part), "`{part}` is missing:\n{told}");
    }
}

#[cfg(not(feature = "libvirt"))]
#[test]
fn a_build_without_libvirt_says_how_to_get_it() {
    let place = Place::new();
    for arguments in [&["host", "init", "--yes"][..], &["doctor", "--target", "libvirt"], &["doctor", &model(ON_PREM)]]
    {
        refused(&place.engine(arguments), 64, &["--features libvirt"]);
    }
}

const ON_PREM: &str = "apimodels/on-prem.json";

#[test]
fn what_is_for_hosts_is_for_hosts_alone() {
    let place = Place::new();
    let simulator = ["doctor", "--target", "simulator"];
    refused(&place.engine(&[&simulator[..], &["--probe"]].concat()), 64, &["no host to look at", "--target libvirt"]);
    refused(&place.engine(&[&simulator[..], &["--storage-pool", "a"]].concat()), 64, &["no host to look at"]);
    refused(&place.engine(&["doctor", &model(ON_PREM), "--register"]), 64, &["no resource providers"]);
    refused(&place.engine(&["host", "init", "--bridge", "br0", "--no-bridge"]), 64, &["--no-bridge"]);
}

#[cfg(feature = "libvirt")]
mod with_library {
    use serde_json::Value as Json;

    use super::*;

    /// libvirt's own test driver, in which nothing is real.
    const TEST: &str = "test:///default";

    #[test]
    fn where_nothing_answers_it_is_said_what_to_do() {
        let place = Place::new();
        let nowhere = "qemu+unix:///system?socket=/nowhere/libvirt-sock";
        for verb in [&["doctor", "--target", "libvirt"][..], &["host", "init", "--yes"]] {
            let output = place.engine(&[verb, &["--connect", nowhere]].concat());
            refused(&output, 69, &[nowhere, "apt install libvirt-daemon-system", "systemctl enable --now libvirtd"]);
            let output = place.engine(&[verb, &["--connect", "nonsense:///system"]].concat());
            refused(&output, 69, &["nonsense:///system"]);
        }
        let output = place
            .command(&["doctor", "--target", "libvirt", "--json"])
            .env("LIBVIRT_DEFAULT_URI", nowhere)
            .output()
            .unwrap();
        let told: Json = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["exitCode"], 69);
        assert!(told["error"].as_str().unwrap().contains(nowhere), "{told}");
    }

    #[test]
    fn what_is_not_qemu_is_told_with_another_way() {
        let place = Place::new();
        let output = place.engine(&["doctor", "--target", "libvirt", "--connect", TEST]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(78), "{told}");
        assert!(told.contains("bad") && told.contains("machines are made by QEMU"), "{told}");
        assert!(told.contains("Use qemu:///system"), "{told}");
        // The model's host goes before what the command line says.
        let arguments = ["doctor", &model(ON_PREM), "--connect", TEST, "--json"];
        let output = place
            .command(
                &[&arguments[..], &["--set", "onPremProfile.hosts[0].uri=qemu+unix:///system?socket=/nowhere"]]
                    .concat(),
            )
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(69), "{}", String::from_utf8_lossy(&output.stdout));
    }

    #[test]
    fn a_host_is_shown_what_is_done_before_it_is_asked() {
        let place = Place::new();
        let init = |more: &[&str]| place.engine(&[&["host", "init", "--connect", TEST], more].concat());
        let output =
            init(&["--storage", "/srv/engine", "--addresses", "192.168.1.48/28,192.168.1.70", "--bridge", "br0"]);
        refused(
            &output,
            64,
            &[
                "storage pool engine: defined, in /srv/engine",
                "storage pool engine: started",
                "engine.host.json in it: written, with addresses 192.168.1.48/28, 192.168.1.70 and bridge br0",
                "--yes",
            ],
        );
        for (wrong, part) in [
            (&["--storage", "relative"][..], "no folder of the host"),
            (&["--addresses", "10.0.0.0/33"], "no range of addresses"),
            (&["--bridge", "a/b"], "no bridge's name"),
            (&["--storage-pool", "a/b"], "no storage pool's name"),
        ] {
            refused(&init(&[wrong, &["--yes"]].concat()), 64, &[part]);
        }
        // The test driver has pools, and keeps nothing in them: what was done is told, and what was not.
        let output = init(&["--yes"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("done: storage pool engine: starts with the host"), "{told}");
        assert!(!told.contains("done: engine.host.json") && told.contains("run it again"), "{told}");
    }
}
