//! What the input says about parts of a machine and of the cluster stands in the files: the audit log, the sign-in to
//! container registries, proxies of controllers, containers of add-ons.

use std::collections::{BTreeMap, BTreeSet};

use engine::base::Secret;
use engine::bootstrap::{
    self, AuditPolicy, CloudIdentity, Container, ControlPlaneMachine, HostSettings, PrincipalSecret, Proxy, Start,
};
use engine::catalog::ADD_ON_CONTAINERS;

use super::fixture::{self, Written};

fn files(change: impl FnOnce(&mut ControlPlaneMachine)) -> Vec<Written> {
    let mut machine = fixture::control_plane(Start::Init);
    change(&mut machine);
    fixture::written(&bootstrap::control_plane(&machine).unwrap())
}

fn worker_files(change: impl FnOnce(&mut bootstrap::WorkerMachine)) -> Vec<Written> {
    let mut machine = fixture::worker();
    change(&mut machine);
    fixture::written(&bootstrap::worker(&machine).unwrap())
}

fn text<'a>(files: &'a [Written], end: &str) -> Option<&'a str> {
    files.iter().find(|file| file.path.ends_with(end)).map(|file| file.text.as_str())
}

const POLICY: &str = "/etc/kubernetes/audit/policy.yaml";
const CLUSTER: &str = "/kubeadm/cluster.yaml";
const LOG_VOLUME: &str = "  - name: \"audit-log\"\n    hostPath: \"/var/log/kubeaudit\"\n    mountPath: \"/var/log/kubeaudit\"\n    \
                          readOnly: false\n";
const POLICY_VOLUME: &str = "  - name: \"audit-policy\"\n    hostPath: \"/etc/kubernetes/audit\"\n    mountPath: \
                             \"/etc/kubernetes/audit\"\n    readOnly: true\n";

fn flag(name: &str, value: &str) -> String {
    format!("  - name: \"{name}\"\n    value: \"{value}\"\n")
}

#[test]
fn the_api_server_keeps_an_audit_log_without_secrets() {
    let standard = files(|_| ());
    let policy = text(&standard, POLICY).unwrap();
    let at = |part: &str| policy.find(part).unwrap_or_else(|| panic!("no {part}: {policy}"));
    assert!(
        at("- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [configmaps, secrets,")
            < at("- level: Request\n")
    );
    assert!(!policy.contains("RequestResponse"));
    let cluster = text(&standard, CLUSTER).unwrap();
    for (name, value) in [
        ("audit-log-path", "/var/log/kubeaudit/audit.log"),
        ("audit-log-maxage", "30"),
        ("audit-log-maxbackup", "10"),
        ("audit-log-maxsize", "100"),
        ("audit-policy-file", POLICY),
    ] {
        assert!(cluster.contains(&flag(name, value)), "{name}: {cluster}");
    }
    assert!(cluster.contains(LOG_VOLUME) && cluster.contains(POLICY_VOLUME), "{cluster}");

    let none = files(|machine| machine.audit_policy = AuditPolicy::None);
    assert_eq!(text(&none, POLICY), None);
    assert!(!text(&none, CLUSTER).unwrap().contains("audit"));
    let own = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n";
    let given = files(|machine| machine.audit_policy = AuditPolicy::Given(own.to_owned()));
    assert_eq!(text(&given, POLICY), Some(own));
}

/// Flags of the user's go over the engine's, and what they name is seen by the API server's container.
#[test]
fn flags_of_the_audit_log_take_their_folders_with_them() {
    let with = |flags: &[(&str, &str)], policy: AuditPolicy| {
        let flags: BTreeMap<String, String> =
            flags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        files(|machine| {
            machine.audit_policy = policy;
            machine.api_server_arguments = flags;
        })
    };
    let moved = with(&[("audit-log-path", "/data/audit/log"), ("audit-log-maxage", "7")], AuditPolicy::Standard);
    let cluster = text(&moved, CLUSTER).unwrap();
    assert!(
        cluster.contains("    mountPath: \"/data/audit\"\n    readOnly: false\n") && !cluster.contains("kubeaudit")
    );
    assert!(cluster.contains(&flag("audit-log-maxage", "7")) && cluster.contains(POLICY_VOLUME));
    let printed = with(&[("audit-log-path", "-")], AuditPolicy::Standard);
    assert!(!text(&printed, CLUSTER).unwrap().contains("- name: \"audit-log\"\n"));
    // A policy that is one of the user's files, as with aks-engine.
    let file = with(&[("audit-policy-file", "/etc/kubernetes/mine.yaml")], AuditPolicy::Standard);
    assert_eq!(text(&file, POLICY), None);
    let cluster = text(&file, CLUSTER).unwrap();
    assert!(cluster.contains(LOG_VOLUME) && !cluster.contains(POLICY_VOLUME), "{cluster}");
    let alone = with(&[("audit-log-path", "/var/log/kubeaudit/audit.log")], AuditPolicy::None);
    assert!(text(&alone, CLUSTER).unwrap().contains(LOG_VOLUME));
}

const PROVIDER: &str = "/etc/engine/registry-provider.yaml";
const REGISTRY: &str = "/etc/engine/registry.json";

#[test]
fn kubelets_sign_in_to_the_clouds_registries() {
    let managed = worker_files(|_| ());
    let provider = text(&managed, PROVIDER).unwrap();
    assert!(provider.contains("  - \"*.azurecr.io\"\n") && !provider.contains("env:"), "{provider}");
    let registry: serde_json::Value = serde_json::from_str(text(&managed, REGISTRY).unwrap()).unwrap();
    let expected = serde_json::json!({
        "cloud": "AzurePublicCloud", "tenantId": "@TENANT@", "useManagedIdentityExtension": true,
        "userAssignedIdentityID": "", "aadClientId": "", "aadClientSecret": "",
    });
    assert_eq!(registry, expected);
    let join = text(&managed, "/kubeadm/join.yaml").unwrap();
    assert!(join.contains(&flag("image-credential-provider-config", PROVIDER)), "{join}");
    assert!(join.contains(&flag("image-credential-provider-bin-dir", "/opt/engine/registry")), "{join}");

    // A service principal signs in by its secret, which is in no file that others read; it need not ask for its tenant.
    let principal = worker_files(|machine| {
        machine.cluster.cloud.registry_suffix = "azurecr.cn".to_owned();
        machine.cluster.cloud.identity = CloudIdentity::ServicePrincipal {
            client_id: "id".to_owned(),
            secret: PrincipalSecret::Told(Secret::new("a\"b")),
        };
    });
    assert!(text(&principal, PROVIDER).unwrap().contains("  - \"*.azurecr.cn\"\n"));
    let registry: serde_json::Value = serde_json::from_str(text(&principal, REGISTRY).unwrap()).unwrap();
    assert_eq!((&registry["aadClientId"], &registry["aadClientSecret"]), (&"id".into(), &"a\"b".into()));
    assert_eq!(registry["tenantId"], "");
    assert!(principal.iter().all(|file| !file.text.contains("a\\\"b") || file.mode == "0600"));

    let stack = worker_files(|machine| machine.cluster.cloud.environment = "{}".to_owned());
    let provider = text(&stack, PROVIDER).unwrap();
    assert!(provider.contains("*.azurecr.*") && provider.contains("AZURE_ENVIRONMENT_FILEPATH"), "{provider}");

    // A provider of the user's own stands alone.
    let flags = BTreeMap::from([("image-credential-provider-config".to_owned(), "/etc/mine.yaml".to_owned())]);
    let own = worker_files(|machine| machine.cluster.kubelet_arguments = flags);
    assert!(text(&own, PROVIDER).is_none() && text(&own, REGISTRY).is_none());
    assert!(!text(&own, "/kubeadm/join.yaml").unwrap().contains("bin-dir"));
}

#[test]
fn what_asks_the_cloud_goes_by_the_proxy() {
    let everything = |proxied: bool| {
        files(|machine| {
            machine.add_ons = fixture::all_add_ons(true);
            let address = |port: u16| Some(Secret::new(format!("http://user:word@proxy.example:{port}")));
            let proxy = Proxy { http: address(3128), https: address(3129), bypass: vec!["a.example".to_owned()] };
            machine.node.host = HostSettings { proxy: proxied.then_some(proxy), ..HostSettings::default() };
        })
    };
    let files = everything(true);
    let secret = text(&files, "/05-proxy.yaml").unwrap();
    assert!(secret.contains("  HTTPS_PROXY: \"http://user:word@proxy.example:3129\"\n"), "{secret}");
    assert!(secret.contains("169.254.169.254,168.63.129.16") && secret.contains("a.example"), "{secret}");
    let reference = "        envFrom:\n        - secretRef:\n            name: engine-proxy\n";
    let by_proxy: BTreeMap<&str, usize> = files
        .iter()
        .filter(|file| file.text.contains(reference))
        .map(|file| (file.path.rsplit('/').next().unwrap(), file.text.matches(reference).count()))
        .collect();
    let expected = [
        ("20-cloud-controller-manager.yaml", 1),
        ("40-disk-driver.yaml", 2),
        ("41-file-driver.yaml", 2),
        ("51-cluster-autoscaler.yaml", 1),
        ("54-secrets-store.yaml", 1),
    ];
    assert_eq!(by_proxy, BTreeMap::from(expected));
    // Passwords are in the one secret, and not in the manifests of those that use it.
    for file in files.iter().filter(|file| file.path.contains("/addons/") && !file.path.ends_with("/05-proxy.yaml")) {
        assert!(!file.text.contains("proxy.example"), "{}", file.path);
    }
    let without = everything(false);
    assert!(without.iter().all(|file| !file.text.contains("name: engine-proxy")));
}

/// Container, image and resources, in the order of the manifests.
fn containers(manifest: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut name = String::new();
    let mut image = None;
    for line in manifest.lines() {
        if let Some(container) = line.strip_prefix("      - name: ") {
            container.clone_into(&mut name);
            image = None;
        } else if let Some(reference) = line.strip_prefix("        image: ") {
            image = Some(reference.to_owned());
        } else if let Some(resources) = line.strip_prefix("        resources: ") {
            found.push((name.clone(), image.clone().unwrap(), resources.to_owned()));
        }
    }
    found
}

/// Where an add-on of the model lies on the machine.
const MANIFESTS: [(&str, &str); 12] = [
    ("azuredisk-csi-driver", "/40-disk-driver.yaml"),
    ("azurefile-csi-driver", "/41-file-driver.yaml"),
    ("cloud-node-manager", "/21-cloud-node-manager.yaml"),
    ("cluster-autoscaler", "/51-cluster-autoscaler.yaml"),
    ("coredns", "/30-coredns.yaml"),
    ("csi-secrets-store", "/54-secrets-store.yaml"),
    ("flannel", "/16-flannel.yaml"),
    ("kube-proxy", "/10-kube-proxy.yaml"),
    ("local-path-provisioner", "/43-local-path.yaml"),
    ("metrics-server", "/50-metrics-server.yaml"),
    ("node-problem-detector", "/53-node-problem-detector.yaml"),
    ("nvidia-device-plugin", "/52-nvidia-device-plugin.yaml"),
];

/// Each container that the catalog names is one of its add-on's manifest, and there is no other; each is what is said of
/// it, and nobody else is.
#[test]
fn containers_of_add_ons_are_what_is_said_of_them() {
    for known in ADD_ON_CONTAINERS {
        let on_prem = ["flannel", "local-path-provisioner"].contains(&known.add_on);
        let installed = |machine: &mut engine::bootstrap::ControlPlaneMachine| {
            if on_prem {
                *machine = fixture::on_prem();
            } else {
                machine.add_ons = fixture::all_add_ons(true);
            }
        };
        let plain = files(installed);
        let (_, manifest) = MANIFESTS.iter().find(|(add_on, _)| *add_on == known.add_on).unwrap();
        let before = containers(text(&plain, manifest).unwrap());
        let names: BTreeSet<&str> = before.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, known.containers.iter().copied().collect(), "{}", known.add_on);
        for name in known.containers {
            let said = Container {
                image: Some("example.com/other:1".to_owned()),
                memory: Some("7Mi".to_owned()),
                cpu_limit: Some("3".to_owned()),
                ..Container::default()
            };
            let files = files(|machine| {
                installed(machine);
                let said = BTreeMap::from([((*name).to_owned(), said)]);
                machine.add_ons.containers = BTreeMap::from([(known.add_on.to_owned(), said)]);
            });
            // Of both resources something is said, so nothing is left of the engine's own.
            let changed = (
                (*name).to_owned(),
                "\"example.com/other:1\"".to_owned(),
                "{requests: {memory: \"7Mi\"}, limits: {cpu: \"3\"}}".to_owned(),
            );
            let expected: Vec<_> = before
                .iter()
                .map(|container| if container.0 == **name { changed.clone() } else { container.clone() })
                .collect();
            assert_eq!(containers(text(&files, manifest).unwrap()), expected, "{}: {name}", known.add_on);
            for (file, plain) in files.iter().zip(&plain).filter(|(file, _)| !file.path.ends_with(manifest)) {
                assert_eq!(file.text, plain.text, "{}", file.path);
            }
        }
    }
    // What is not said stays: one of the processor leaves the memory as it is.
    let files = files(|machine| {
        let said = Container { cpu: Some("200m".to_owned()), ..Container::default() };
        let coredns = BTreeMap::from([("coredns".to_owned(), said)]);
        machine.add_ons.containers = BTreeMap::from([("coredns".to_owned(), coredns)]);
    });
    let (_, image, resources) = containers(text(&files, "/30-coredns.yaml").unwrap()).remove(0);
    assert_eq!(image, "\"registry.k8s.io/coredns/coredns:v1.12.4\"");
    assert_eq!(resources, "{requests: {cpu: \"200m\", memory: \"70Mi\"}, limits: {memory: \"170Mi\"}}");
}

/// Routing by eBPF would go past the packet rules that keep pods from the metadata service.
#[test]
fn cilium_leaves_packets_to_the_hosts_rules() {
    let files = files(|machine| {
        machine.cluster.network = bootstrap::Network::AddOn { routes: false };
        machine.add_ons = fixture::all_add_ons(false);
    });
    let cilium = text(&files, "/15-cilium.yaml").unwrap();
    for setting in [
        "enable-host-legacy-routing: \"true\"",
        "enable-bpf-masquerade: \"false\"",
        "kube-proxy-replacement: \"false\"",
    ] {
        assert!(cilium.contains(&format!("  {setting}\n")), "{setting}");
    }
    let rules = text(&files, "/rules.nft").unwrap();
    assert!(rules.contains("type filter hook forward") && rules.contains("ip daddr 169.254.169.254 drop"), "{rules}");
}

/// The pods that make a volume's folder run under the account that the provisioner is told, and its own default
/// (`local-path-provisioner-service-account`, v0.0.30) is not in this manifest: no volume would ever be made.
#[test]
fn pods_that_make_volumes_have_an_account_that_is_there() {
    let files = files(|machine| *machine = fixture::on_prem());
    let manifest = text(&files, "/43-local-path.yaml").unwrap();
    let account =
        manifest.split("---\n").find(|part| part.contains("kind: ServiceAccount\n") && part.starts_with("apiVersion"));
    let name = account.and_then(|part| part.lines().find_map(|line| line.strip_prefix("  name: "))).unwrap();
    assert!(manifest.contains(&format!("      serviceAccountName: {name}\n")), "{manifest}");
    let told = "- name: SERVICE_ACCOUNT_NAME\n          valueFrom:\n            fieldRef:\n              fieldPath: spec.serviceAccountName\n";
    assert!(manifest.contains(told), "{manifest}");
}
