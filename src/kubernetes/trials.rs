//! The acts against an API server that answers as each test says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{KubernetesClient, KubernetesCredentials, KubernetesSettings, MemberActions, MemberSettings};
use crate::base::{Clock, Secret};
use crate::contract::{Act, Action, Fault, FaultClass, Progress};
use crate::target::http::HttpSettings;
use crate::target::testing::{FakeServer, Reply, Seen};

const NOW: &str = "2026-11-22T08:00:00Z";
const TOKEN: &str = "canary-token-0123456789";

/// A clock that is set by hand.
struct Hands(Mutex<Timestamp>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

fn client(server: &FakeServer) -> KubernetesClient {
    KubernetesClient::new(KubernetesSettings {
        server: format!("{}/kubernetes/rg", server.url),
        certificate_authority: None,
        credentials: KubernetesCredentials::Token(Secret::new(TOKEN)),
        http: HttpSettings::default(),
    })
    .unwrap()
}

fn actions(server: &FakeServer) -> (MemberActions, Arc<Hands>) {
    let clock = Arc::new(Hands(Mutex::new(NOW.parse().unwrap())));
    let settings = MemberSettings {
        bootstrap_token: Some(Secret::new("abcdef.0123456789abcdef")),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ..MemberSettings::default()
    };
    (MemberActions::new(client(server), settings), clock)
}

fn node(name: &str, ready: bool) -> Json {
    let status = if ready { "True" } else { "False" };
    json!({
        "kind": "Node",
        "metadata": { "name": name, "labels": { "node-role.kubernetes.io/control-plane": "", "x": "y" } },
        "spec": { "unschedulable": true },
        "status": {
            "conditions": [{ "type": "Ready", "status": status, "reason": "KubeletNotReady", "message": "cni plugin not initialized" }],
            "addresses": [{ "type": "InternalIP", "address": "10.240.0.4" }],
            "nodeInfo": { "kubeletVersion": "v1.35.1" },
        },
    })
}

fn pod(name: &str, more: &Json) -> Json {
    let mut pod = json!({ "metadata": { "name": name, "namespace": "default", "uid": format!("uid-{name}") }, "status": { "phase": "Running" } });
    for (field, value) in more.as_object().unwrap() {
        for (inner, value) in value.as_object().unwrap() {
            pod[field][inner] = value.clone();
        }
    }
    pod
}

fn no_such_thing() -> Reply {
    Reply::json(
        404,
        json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "message": "not found", "code": 404 }),
    )
}

fn is_eviction(seen: &Seen) -> bool {
    seen.path.ends_with("/eviction")
}

fn drain() -> Act {
    Act::CordonAndDrain { node: "n1".into() }
}

async fn poll(actions: &MemberActions, act: &Act, progress: Progress) -> Result<Progress, Fault> {
    match progress {
        Progress::Running(operation, _) => actions.poll(act, &operation).await,
        Progress::Done(_) => Ok(progress),
    }
}

#[tokio::test]
async fn nodes_are_listed_page_by_page() {
    let server = FakeServer::start(|_, seen, _| match seen.path.contains("continue=next%3D") {
        false => Reply::json(200, json!({ "metadata": { "continue": "next=" }, "items": [node("n2", false)] })),
        true => Reply::json(200, json!({ "metadata": {}, "items": [node("n1", true)] })),
    })
    .await;
    let nodes = client(&server).nodes().await.unwrap();
    assert_eq!(
        nodes.iter().map(|node| (node.name.as_str(), node.ready)).collect::<Vec<_>>(),
        [("n1", true), ("n2", false)]
    );
    assert_eq!(nodes[0].roles, ["control-plane"]);
    assert_eq!((nodes[0].version.as_str(), nodes[0].internal_address.as_str()), ("v1.35.1", "10.240.0.4"));
    assert_eq!((nodes[0].reason.as_str(), nodes[1].reason.as_str()), ("", "cni plugin not initialized"));
    let seen = server.seen();
    assert_eq!(seen[0].path, "/kubernetes/rg/api/v1/nodes?limit=500");
    assert_eq!(seen[0].header("authorization"), format!("Bearer {TOKEN}"));
}

#[tokio::test]
async fn the_servers_version_is_told() {
    let server = FakeServer::start(|_, _, _| Reply::json(200, json!({ "gitVersion": "v1.35.1" }))).await;
    assert_eq!(client(&server).server_version().await.unwrap(), "v1.35.1");
    assert_eq!(server.lines(), ["GET /kubernetes/rg/version"]);
}

#[tokio::test]
async fn a_node_is_waited_for_while_even_its_server_starts() {
    let server = FakeServer::start(|before, _, _| match before {
        0 => Reply::text(503, "starting"),
        1 => no_such_thing(),
        2 => Reply::json(200, node("n1", false)),
        _ => Reply::json(200, node("n1", true)),
    })
    .await;
    let (actions, _) = actions(&server);
    let act = Act::WaitUntilReady { node: "n1".into() };
    assert!(!actions.probe(&act).await.unwrap());
    let started = actions.start(&act).await.unwrap();
    assert!(matches!(started, Progress::Running(..)));
    let asked = poll(&actions, &act, started).await.unwrap();
    assert!(matches!(asked, Progress::Running(..)));
    assert_eq!(poll(&actions, &act, asked).await.unwrap(), Progress::Done(None));
    assert!(actions.probe(&act).await.unwrap());
}

#[tokio::test]
async fn a_node_that_does_not_become_ready_says_why() {
    let server = FakeServer::start(|_, _, _| Reply::json(200, node("n1", false))).await;
    let (actions, clock) = actions(&server);
    let act = Act::WaitUntilReady { node: "n1".into() };
    let started = actions.start(&act).await.unwrap();
    *clock.0.lock().unwrap() += jiff::SignedDuration::from_mins(21);
    let fault = poll(&actions, &act, started).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::TimedOut);
    assert!(fault.message.contains("n1") && fault.message.contains("cni plugin"), "{}", fault.message);
}

#[tokio::test]
async fn wrong_credentials_are_not_waited_for() {
    let server = FakeServer::start(|_, seen, _| {
        let echo = format!("Unauthorized {}", seen.header("authorization"));
        Reply::json(401, json!({ "kind": "Status", "reason": "Unauthorized", "message": echo }))
    })
    .await;
    let (actions, _) = actions(&server);
    let fault = actions.start(&Act::WaitUntilReady { node: "n1".into() }).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Authentication);
    assert!(!format!("{fault:?}").contains("canary"), "{fault:?}");
}

#[tokio::test]
async fn draining_evicts_what_can_go_and_waits_for_what_cannot_yet() {
    let budget_has_room = Arc::new(AtomicBool::new(false));
    let room = Arc::clone(&budget_has_room);
    let server = FakeServer::start(move |before, seen, _| {
        let owner = |kind| json!({ "metadata": { "ownerReferences": [{ "kind": kind, "controller": true }] } });
        match seen.method.as_str() {
            "PATCH" => Reply::json(200, node("n1", true)),
            "POST" if seen.path.contains("guarded") && !room.load(Ordering::SeqCst) => Reply::json(
                429,
                json!({ "kind": "Status", "reason": "TooManyRequests", "message": "Cannot evict pod as it would violate the pod's disruption budget.",
                        "details": { "causes": [{ "reason": "DisruptionBudget", "message": "The disruption budget web needs 2 healthy pods and has 2 currently" }] } }),
            ),
            "POST" if seen.path.contains("vanished") => no_such_thing(),
            "POST" => Reply::json(201, json!({ "kind": "Status", "status": "Success" })),
            _ if seen.path.ends_with("/nodes/n1") => {
                let mut node = node("n1", true);
                node["spec"]["unschedulable"] = json!(before > 0);
                Reply::json(200, node)
            }
            _ => {
                let mut pods = vec![
                    pod("daemon", &owner("DaemonSet")),
                    pod("mirror", &json!({ "metadata": { "annotations": { "kubernetes.io/config.mirror": "x" } } })),
                    pod("ended", &json!({ "status": { "phase": "Succeeded" } })),
                ];
                if before < 1 {
                    pods.push(pod("plain", &owner("ReplicaSet")));
                    pods.push(pod("vanished", &json!({})));
                }
                if before < 3 {
                    pods.push(pod("guarded", &json!({})));
                }
                if before == 3 {
                    pods.push(pod("guarded", &json!({ "metadata": { "deletionTimestamp": "2026-11-22T08:00:30Z" } })));
                }
                Reply::json(200, json!({ "metadata": {}, "items": pods }))
            }
        }
    })
    .await;
    let (actions, _) = actions(&server);
    let act = drain();
    let mut progress = actions.start(&act).await.unwrap();
    assert!(matches!(progress, Progress::Running(_, Some(_))));
    let evictions = || server.seen().iter().filter(|seen| is_eviction(seen)).count();
    assert_eq!(evictions(), 3);
    progress = poll(&actions, &act, progress).await.unwrap();
    assert_eq!(evictions(), 4);
    budget_has_room.store(true, Ordering::SeqCst);
    progress = poll(&actions, &act, progress).await.unwrap();
    assert_eq!(evictions(), 5);
    // It was told to end, and is not told again.
    progress = poll(&actions, &act, progress).await.unwrap();
    assert!(matches!(progress, Progress::Running(..)));
    assert_eq!(evictions(), 5);
    assert_eq!(poll(&actions, &act, progress).await.unwrap(), Progress::Done(None));
    assert!(actions.probe(&act).await.unwrap());

    let seen = server.seen();
    let changes: Vec<_> = seen.iter().filter(|seen| seen.method == "PATCH").collect();
    assert_eq!((changes.len(), changes[0].header("content-type")), (1, "application/merge-patch+json"));
    assert_eq!(changes[0].json(), json!({ "spec": { "unschedulable": true } }));
    assert!(seen.iter().any(|seen| seen.path.contains("fieldSelector=spec.nodeName%3Dn1")));
    let eviction = seen.iter().find(|seen| is_eviction(seen)).unwrap();
    assert_eq!(eviction.path, "/kubernetes/rg/api/v1/namespaces/default/pods/plain/eviction");
    assert_eq!((&eviction.json()["apiVersion"], &eviction.json()["kind"]), (&json!("policy/v1"), &json!("Eviction")));
    assert_eq!(eviction.json()["deleteOptions"]["preconditions"]["uid"], "uid-plain");
    for spared in ["daemon", "mirror", "ended"] {
        assert!(!seen.iter().any(|seen| seen.path.contains(spared)), "{spared}");
    }
}

#[tokio::test]
async fn a_budget_that_never_gives_way_is_named() {
    let server = FakeServer::start(|_, seen, _| match seen.method.as_str() {
        "PATCH" => Reply::json(200, node("n1", true)),
        "POST" => Reply::json(
            429,
            json!({ "kind": "Status", "details": { "causes": [{ "message": "The disruption budget web needs 1 healthy pods" }] } }),
        ),
        _ if seen.path.ends_with("/nodes/n1") => Reply::json(200, node("n1", true)),
        _ => Reply::json(200, json!({ "metadata": {}, "items": [pod("guarded", &json!({}))] })),
    })
    .await;
    let (actions, clock) = actions(&server);
    let started = actions.start(&drain()).await.unwrap();
    assert!(!actions.probe(&drain()).await.unwrap());
    *clock.0.lock().unwrap() += jiff::SignedDuration::from_mins(16);
    let fault = poll(&actions, &drain(), started).await.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::TimedOut, "DrainBlocked"));
    assert!(fault.message.contains("default/guarded: The disruption budget web needs"), "{}", fault.message);
    assert!(fault.help.unwrap().contains("kubectl get pdb"));
}

#[tokio::test]
async fn a_dead_machines_pods_are_not_waited_for() {
    let server = FakeServer::start(|_, seen, _| match seen.method.as_str() {
        "PATCH" => Reply::json(200, node("n1", false)),
        _ if seen.path.ends_with("/nodes/n1") => Reply::json(200, node("n1", false)),
        _ => {
            let ending = json!({ "metadata": { "deletionTimestamp": "2026-11-22T07:58:00Z" } });
            Reply::json(200, json!({ "metadata": {}, "items": [pod("stuck", &ending)] }))
        }
    })
    .await;
    let (actions, _) = actions(&server);
    assert_eq!(actions.start(&drain()).await.unwrap(), Progress::Done(None));
}

#[tokio::test]
async fn a_node_that_is_not_there_is_drained_and_removed() {
    let server = FakeServer::start(|_, _, _| no_such_thing()).await;
    let (actions, _) = actions(&server);
    let remove = Act::RemoveNode { node: "n1".into() };
    assert!(actions.probe(&drain()).await.unwrap() && actions.probe(&remove).await.unwrap());
    assert_eq!(actions.start(&drain()).await.unwrap(), Progress::Done(None));
    assert_eq!(actions.start(&remove).await.unwrap(), Progress::Done(None));
    assert_eq!(server.lines().last().unwrap(), "DELETE /kubernetes/rg/api/v1/nodes/n1");

    // A proxy's 404 is no word of the API server's.
    let server = FakeServer::start(|_, _, _| Reply::text(404, "<html>Not Found</html>")).await;
    let (actions, _) = self::actions(&server);
    assert_eq!(actions.start(&remove).await.unwrap_err().class, FaultClass::Unavailable);
}

#[tokio::test]
async fn a_bootstrap_token_is_made_or_renewed() {
    use base64::Engine as _;
    for exists in [false, true] {
        let server = FakeServer::start(move |_, seen, _| match seen.method.as_str() {
            "POST" if exists => Reply::json(409, json!({ "kind": "Status", "reason": "AlreadyExists" })),
            _ => Reply::json(201, json!({ "kind": "Secret" })),
        })
        .await;
        let (actions, _) = actions(&server);
        assert_eq!(actions.start(&Act::RenewBootstrapToken).await.unwrap(), Progress::Done(None));
        let sent = server.seen().last().unwrap().json();
        assert_eq!(sent["type"], "bootstrap.kubernetes.io/token");
        assert_eq!(sent["metadata"]["name"], "bootstrap-token-abcdef");
        assert_eq!(sent["stringData"]["expiration"], "2026-11-22T12:00:00Z");
        assert_eq!(sent["stringData"]["token-secret"], "0123456789abcdef");
        assert_eq!(server.seen().len(), if exists { 2 } else { 1 });
    }
    let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    for (secret, until, fresh) in [
        ("0123456789abcdef", "2026-11-22T11:30:00Z", true),
        ("0123456789abcdef", "2026-11-22T10:00:00Z", false),
        ("another", "2026-11-22T11:30:00Z", false),
    ] {
        let data = json!({ "expiration": encoded(until), "token-secret": encoded(secret) });
        let server =
            FakeServer::start(move |_, _, _| Reply::json(200, json!({ "kind": "Secret", "data": data }))).await;
        let (actions, _) = actions(&server);
        assert_eq!(actions.probe(&Act::RenewBootstrapToken).await.unwrap(), fresh, "{secret} {until}");
    }
    let server = FakeServer::start(|_, _, _| no_such_thing()).await;
    assert!(!actions(&server).0.probe(&Act::RenewBootstrapToken).await.unwrap());
}

#[tokio::test]
async fn what_needs_a_way_into_the_machine_is_not_performed() {
    let server = FakeServer::start(|_, _, _| Reply::empty(200)).await;
    let (actions, _) = actions(&server);
    for act in [
        Act::SnapshotEtcd { name: "s".into() },
        Act::RemoveEtcdMember { node: "n1".into() },
        Act::RunCommand { node: "n1".into(), command: vec!["true".into()], marker: "/m".into() },
    ] {
        assert!(!actions.performs(&act));
        assert_eq!(actions.start(&act).await.unwrap_err().class, FaultClass::Invalid);
    }
    assert!(actions.performs(&Act::RenewBootstrapToken) && actions.performs(&drain()));
    let without = MemberActions::new(client(&server), MemberSettings::default());
    assert!(!without.performs(&Act::RenewBootstrapToken));
}

#[test]
fn only_the_clusters_own_authority_is_trusted_and_must_be_readable() {
    let settings = |authority: Option<&str>| KubernetesSettings {
        server: "https://k8s.example".into(),
        certificate_authority: authority.map(str::to_owned),
        credentials: KubernetesCredentials::Token(Secret::new(TOKEN)),
        http: HttpSettings { timeout: Duration::from_secs(1), ..HttpSettings::default() },
    };
    assert!(KubernetesClient::new(settings(None)).is_ok());
    assert!(KubernetesClient::new(settings(Some("no certificate"))).is_err());
}
