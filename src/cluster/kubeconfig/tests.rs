//! What becomes of a kubeconfig that others use too.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::document::Document;
use super::*;
use crate::base::Secret;
use crate::kubernetes::KubernetesCredentials;

/// As kubectl and others have left it, with what this engine knows nothing of.
const OTHERS: &str = r#"# mine
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: T1RIRVI=
    extensions:
    - extension:
        last-update: Sat, 28 Nov 2026 10:00:00 UTC
        provider: minikube.sigs.k8s.io
      name: cluster_info
    server: https://192.168.49.2:8443
  name: minikube
contexts:
- context:
    cluster: minikube
    namespace: "123"
    user: minikube
  name: minikube
- context: {cluster: minikube, user: "yes"}
  name: other
current-context: minikube
kind: Config
preferences: {}
users:
- name: minikube
  user:
    client-certificate: /home/me/.minikube/client.crt
    client-key: /home/me/.minikube/client.key
- name: "yes"
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
      - --on
      - "off"
      - "0x10"
      - "1e3"
      - "null"
      - 'it''s'
      - "a: b # c"
      command: get-token
      env: null
      interactiveMode: IfAvailable
      provideClusterInfo: false
    token: !!str 12345678901234567890
"#;

fn entry(authority: &str) -> KubeconfigEntry {
    KubeconfigEntry {
        name: "demo".into(),
        server: "https://198.18.0.1:443".into(),
        tls_server_name: Some("demo.local.internal".into()),
        authority: authority.into(),
        credentials: KubernetesCredentials::Certificate {
            certificate: "CERTIFICATE".into(),
            // As long as a real one, without a space to break it at.
            key: Secret::new("K".repeat(4000)),
        },
    }
}

fn value(path: &Path) -> Json {
    let document = file::look(path).unwrap_or_else(|error| panic!("{error}"));
    Json::Object(document.root)
}

fn names(value: &Json, list: &str) -> Vec<String> {
    let entries = value[list].as_array().unwrap();
    entries.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn entries_come_and_go_and_what_others_have_stays() {
    let place = tempfile::tempdir().unwrap();
    let (folder, file) = (place.path().join("cluster"), place.path().join("kube/config"));
    std::fs::create_dir(place.path().join("kube")).unwrap();
    std::fs::write(&file, OTHERS).unwrap();
    let before = value(&file);

    merge_kubeconfig(&folder, &file, &entry("CA")).unwrap();
    let merged = value(&file);
    assert_eq!(names(&merged, "clusters"), ["minikube", "demo"]);
    assert_eq!(names(&merged, "users"), ["minikube", "yes", "demo"]);
    assert_eq!(names(&merged, "contexts"), ["minikube", "other", "demo"]);
    assert_eq!(merged["current-context"], "demo");
    assert_eq!(
        merged["clusters"][1]["cluster"],
        json!({
            "certificate-authority-data": "Q0E=", "server": "https://198.18.0.1:443",
            "tls-server-name": "demo.local.internal",
        })
    );
    assert_eq!(merged["contexts"][2]["context"], json!({ "cluster": "demo", "user": "demo" }));
    assert_eq!(merged["users"][2]["user"]["client-certificate-data"], "Q0VSVElGSUNBVEU=");
    for list in ["clusters", "contexts", "users"] {
        for (index, own) in before[list].as_array().unwrap().iter().enumerate() {
            assert_eq!(own.to_string(), merged[list][index].to_string(), "with its order");
        }
    }
    let keys = |value: &Json| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&before), keys(&merged));
    let backup = place.path().join("kube/config.engine-backup");
    assert_eq!(std::fs::read_to_string(&backup).unwrap(), OTHERS);
    assert_eq!((mode(&file), mode(&backup)), (0o600, 0o600));
    assert!(!place.path().join("kube/config.lock").exists());
    assert_eq!(mode(&folder.join("kubeconfig/merged.json")), 0o600);

    let told = unmerge_kubeconfigs(&folder).unwrap();
    assert_eq!((told.len(), told[0].outcome.as_ref().unwrap()), (1, &true));
    assert_eq!(value(&file).to_string(), before.to_string(), "and the context is current that was before");
    assert!(!folder.join("kubeconfig/merged.json").exists());
    assert!(unmerge_kubeconfigs(&folder).unwrap().is_empty());
}

#[test]
fn the_same_again_changes_nothing_and_what_people_added_stays() {
    let place = tempfile::tempdir().unwrap();
    let (folder, file) = (place.path().join("cluster"), place.path().join("new/config"));
    merge_kubeconfig(&folder, &file, &entry("CA")).unwrap();
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    // kubectl has set a namespace, and its own comment is there.
    let text = std::fs::read_to_string(&file).unwrap();
    let text = format!("# mine\n{}", text.replace("user: demo\n", "user: demo\n    namespace: work\n"));
    std::fs::write(&file, &text).unwrap();
    merge_kubeconfig(&folder, &file, &entry("CA")).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "not even written again");
    assert!(!place.path().join("new/config.engine-backup").exists());

    // Another address, and no name of its own any more.
    let moved = KubeconfigEntry { server: "https://other".into(), tls_server_name: None, ..entry("CA") };
    merge_kubeconfig(&folder, &file, &moved).unwrap();
    let now = value(&file);
    assert_eq!(now["clusters"].as_array().unwrap().len(), 1);
    assert_eq!(now["clusters"][0]["cluster"]["server"], "https://other");
    assert_eq!(now["clusters"][0]["cluster"].get("tls-server-name"), None);
    assert_eq!(now["contexts"][0]["context"]["namespace"], "work");
    // A token in the place of a certificate.
    let token = KubeconfigEntry { credentials: KubernetesCredentials::Token(Secret::new("t")), ..moved };
    merge_kubeconfig(&folder, &file, &token).unwrap();
    assert_eq!(value(&file)["users"][0]["user"], json!({ "token": "t" }));
    unmerge_kubeconfigs(&folder).unwrap();
    let left = value(&file);
    assert_eq!((&left["clusters"], &left["users"], &left["current-context"]), (&json!([]), &json!([]), &json!("")));
}

#[test]
fn another_clusters_name_is_refused_with_the_remedy_and_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let (folder, file) = (place.path().join("cluster"), place.path().join("config"));
    let refused = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let error = merge_kubeconfig(&folder, &file, &entry("CA")).unwrap_err();
        assert!(error.help().contains("kubectl config delete-cluster demo"), "{}", error.help());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        assert!(!folder.join("kubeconfig/merged.json").exists());
        error.to_string()
    };
    let cluster = |authority: &str| {
        format!("clusters:\n- name: demo\n  cluster: {{ {authority}, server: 'https://198.18.0.1:443' }}\n")
    };
    assert!(refused(&cluster("certificate-authority-data: T1RIRVI=")).contains("a cluster `demo`"));
    assert!(refused(&cluster("certificate-authority: /ca.crt")).contains("a cluster `demo`"));
    assert!(refused("users:\n- name: demo\n  user: { token: x }\n").contains("a user `demo`"));
    let context = "contexts:\n- name: demo\n  context: { cluster: other, user: other }\n";
    assert!(refused(context).contains("a context `demo`"));
    let own = cluster("certificate-authority-data: Q0E=");
    assert!(refused(&format!("{own}{context}")).contains("a context `demo`"));

    // Before there is a cluster, every one of its name is another; of a file that is not there nothing is.
    std::fs::write(&file, &own).unwrap();
    assert!(refuse_other_cluster(&file, "demo", None).is_err());
    assert!(refuse_other_cluster(&file, "demo", Some("CA\n")).is_ok(), "a newline at its end makes no other");
    assert!(refuse_other_cluster(&file, "demo-2", None).is_ok());
    assert!(refuse_other_cluster(&place.path().join("nothing"), "demo", None).is_ok());
}

#[test]
fn what_became_another_clusters_is_not_taken_out() {
    let place = tempfile::tempdir().unwrap();
    let (folder, file) = (place.path().join("cluster"), place.path().join("config"));
    merge_kubeconfig(&folder, &file, &entry("CA")).unwrap();
    let text = std::fs::read_to_string(&file).unwrap().replace("Q0E=", "T1RIRVI=");
    std::fs::write(&file, &text).unwrap();
    let told = unmerge_kubeconfigs(&folder).unwrap();
    assert!(matches!(told[0].outcome, Ok(false)));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    // A user that another context has too stays with it; a context that leads elsewhere by now stays.
    merge_kubeconfig(&folder, &place.path().join("gone"), &entry("CA")).unwrap();
    std::fs::remove_file(place.path().join("gone")).unwrap();
    let shared = place.path().join("shared");
    merge_kubeconfig(&folder, &shared, &entry("CA")).unwrap();
    let mut document = value(&shared);
    document["contexts"].as_array_mut().unwrap().push(json!({
        "name": "work", "context": { "cluster": "demo", "user": "demo" },
    }));
    std::fs::write(&shared, document.to_string()).unwrap();
    let told = unmerge_kubeconfigs(&folder).unwrap();
    assert!(matches!((&told[0].outcome, &told[1].outcome), (Ok(false), Ok(true))), "{told:?}");
    let left = value(&shared);
    assert_eq!((names(&left, "contexts"), names(&left, "users")), (vec!["work".to_owned()], vec!["demo".to_owned()]));
    assert!(std::fs::read_to_string(&shared).unwrap().starts_with("{\n"), "what was JSON stays JSON");
}

#[test]
fn a_file_that_is_no_kubeconfig_is_told_without_its_content() {
    let path = Path::new("/home/me/.kube/config");
    let refused = |text: &str| match Document::read(text, path) {
        Ok(_) => panic!("{text}"),
        Err(error) => error.to_string(),
    };
    let told = refused("clusters:\n- name: a\n  cluster: {token: SECRET\nusers: ]");
    assert!(told.starts_with("/home/me/.kube/config:") && !told.contains("SECRET"), "{told}");
    for text in ["- SECRET", "SECRET", "clusters: {SECRET: 1}", "users: [SECRET]", "contexts: [{SECRET: x}]", "[1]"] {
        let told = refused(text);
        assert!(told.contains("is no kubeconfig") && !told.contains("SECRET"), "{told}");
    }
    assert!(refused("a: 1\na: 2").contains("config:2:"), "a name twice");
    assert!(refused("a: 1\n---\nb: 2\n").contains("is no kubeconfig"), "two documents");
    for empty in ["", "\n", "# a comment\n---\n", "\u{feff}"] {
        assert!(Document::read(empty, path).is_ok());
    }
    let lists = "clusters: null\ncontexts:\nusers: []\n";
    let mut document = Document::read(lists, path).unwrap_or_else(|error| panic!("{error}"));
    document.merge(&entry("CA"));
    assert!(document.text(path).unwrap().expose().contains("current-context: demo\n"));
}

#[test]
fn a_link_stays_a_link() {
    let place = tempfile::tempdir().unwrap();
    let (folder, file, target) =
        (place.path().join("cluster"), place.path().join("config"), place.path().join("dotfiles"));
    std::fs::write(&target, "apiVersion: v1\nkind: Config\n").unwrap();
    std::os::unix::fs::symlink(&target, &file).unwrap();
    merge_kubeconfig(&folder, &file, &entry("CA")).unwrap();
    assert!(std::fs::symlink_metadata(&file).unwrap().is_symlink());
    assert_eq!(names(&value(&target), "clusters"), ["demo"]);
}
