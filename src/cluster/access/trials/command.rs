//! What `ssh` is told.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::ffi::OsString;
use std::path::PathBuf;

use super::*;

fn files(identity: Option<&str>) -> SshFiles {
    SshFiles {
        known_hosts: "/work/my cluster/50%/known_hosts".into(),
        identity: identity.map(PathBuf::from),
        hop_identity: identity.map(PathBuf::from),
    }
}

fn way(host: &str, hop: Option<Hop>) -> Way {
    Way {
        user: "ada".into(),
        host: host.parse().unwrap(),
        port: 22,
        alias: "vm.1".into(),
        public_keys: Vec::new(),
        hop,
    }
}

fn arguments(way: &Way, files: &SshFiles, command: &[&str]) -> Vec<String> {
    let command: Vec<OsString> = command.iter().map(OsString::from).collect();
    ssh_arguments(way, files, &command).unwrap().into_iter().map(|word| word.into_string().unwrap()).collect()
}

#[test]
fn a_key_is_kept_in_the_clusters_folder_and_never_taken_for_another() {
    assert_eq!(
        arguments(&way("10.0.0.5", None), &files(Some("/home/ada/.ssh/id 1")), &["sudo", "crictl", "ps"]),
        [
            "-o",
            "UserKnownHostsFile=\"/work/my cluster/50%%/known_hosts\"",
            "-o",
            "StrictHostKeyChecking=accept-new",
            "-o",
            "HostKeyAlias=vm.1",
            "-o",
            "IdentityFile=\"/home/ada/.ssh/id 1\"",
            "-o",
            "IdentitiesOnly=yes",
            "-l",
            "ada",
            "-p",
            "22",
            "--",
            "10.0.0.5",
            "sudo",
            "crictl",
            "ps",
        ]
    );
    // Whatever SSH finds.
    assert!(!arguments(&way("10.0.0.5", None), &files(None), &[]).concat().contains("Identit"));
    for wrong in ["/a\"b", "/a${HOME}", "~/x", "/a\nb", "/a\\b"] {
        let files = SshFiles { known_hosts: wrong.into(), ..files(None) };
        assert!(
            matches!(ssh_arguments(&way("10.0.0.5", None), &files, &[]), Err(ClusterError::NoWay { .. })),
            "{wrong}"
        );
    }
}

#[test]
fn a_machine_on_the_way_is_believed_as_little() {
    let hop = Hop::Machine(Box::new(way("203.0.113.7", None)));
    let told = arguments(&way("10.0.0.5", Some(hop)), &files(Some("/k'ey")), &[]);
    let proxy = told.iter().find_map(|word| word.strip_prefix("ProxyCommand=")).unwrap();
    assert_eq!(
        proxy,
        "ssh -o 'UserKnownHostsFile=\"/work/my cluster/50%%%%/known_hosts\"' -o StrictHostKeyChecking=accept-new \
         -o HostKeyAlias=vm.1 -o 'IdentityFile=\"/k'\\''ey\"' -o IdentitiesOnly=yes -l ada -p 22 -W '[%h]:%p' -- 203.0.113.7"
    );
    // One's own host is one's own affair.
    let hop =
        Hop::Host { user: Some("ops".into()), host: "rack-1".into(), port: Some(2222), identity: Some("/r".into()) };
    let told = arguments(&way("10.0.0.5", Some(hop)), &files(None), &[]);
    assert!(
        told.contains(&"ProxyCommand=ssh -o 'IdentityFile=\"/r\"' -l ops -p 2222 -W '[%h]:%p' -- rack-1".to_owned()),
        "{told:?}"
    );
}
