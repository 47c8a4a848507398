//! A cluster of three control-plane machines and its machines' customData. Every key is a placeholder.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use engine::base::Secret;
use engine::bootstrap::{
    self, AddOns, AzureCloud, CloudIdentity, ClusterSettings, ControlPlaneKeys, ControlPlaneMachine, CustomData,
    DiskDriverImages, Encryption, Images, KeyVault, MachineType, Network, NodeSettings, PackageSource, Packages,
    ProxyMode, RegistryProvider, Software, Start, WorkerMachine,
};
use engine::pki::ServiceAccountKey;

pub fn placeholder(name: &str) -> String {
    format!("-----BEGIN PLACEHOLDER-----\n{name} of a cluster that never was\n-----END PLACEHOLDER-----\n")
}

pub fn cluster() -> ClusterSettings {
    let image = |name: &str| format!("registry.k8s.io/{name}");
    let sidecar = |name: &str| format!("mcr.microsoft.com/oss/v2/kubernetes-csi/{name}");
    ClusterSettings {
        name: "demo".to_owned(),
        kubernetes_version: "1.35.9".to_owned(),
        endpoint_name: "demo.westus2.cloudapp.azure.com".to_owned(),
        api_server_port: 443,
        internal_balancer_port: 4443,
        internal_address: "10.255.255.15".parse().unwrap(),
        control_plane_addresses: (5..8).map(|last| format!("10.255.255.{last}").parse().unwrap()).collect(),
        subject_alternative_names: vec!["api.demo.example".to_owned()],
        pod_subnet: "10.244.0.0/16".parse().unwrap(),
        node_pod_prefix_length: 24,
        service_subnet: "10.0.0.0/16".parse().unwrap(),
        ipv6: None,
        dns_service_address: "10.0.0.10".parse().unwrap(),
        dns_domain: "cluster.local".to_owned(),
        network: Network::Kubenet,
        windows_nodes: false,
        proxy_mode: ProxyMode::Iptables,
        certificate_authority: placeholder("ca.crt"),
        bootstrap_token: Secret::new("abcdef.0123456789abcdef"),
        software: Software::Packages(Packages {
            sources: vec![PackageSource::kubernetes("1.35"), PackageSource::docker("noble")],
            containerd_package: "containerd.io".to_owned(),
            containerd_version: "2.2.*".to_owned(),
            registry_provider: RegistryProvider {
                source: PackageSource::microsoft("24.04", "noble"),
                version: "1.35.8".to_owned(),
            },
        }),
        images: Images {
            repository: "registry.k8s.io".to_owned(),
            pause: image("pause:3.10.1"),
            kube_proxy: image("kube-proxy:v1.35.9"),
            coredns: image("coredns/coredns:v1.12.4"),
            cloud_controller_manager: "mcr.microsoft.com/oss/v2/kubernetes/azure-cloud-controller-manager:v1.35.8"
                .to_owned(),
            cloud_node_manager: "mcr.microsoft.com/oss/v2/kubernetes/azure-cloud-node-manager:v1.35.8".to_owned(),
            disk_driver: Some(DiskDriverImages {
                driver: sidecar("azuredisk-csi:v1.34.5"),
                provisioner: sidecar("csi-provisioner:v6.2.0"),
                attacher: sidecar("csi-attacher:v4.11.0"),
                resizer: sidecar("csi-resizer:v2.1.0"),
                liveness_probe: sidecar("livenessprobe:v2.18.0"),
                registrar: sidecar("csi-node-driver-registrar:v2.16.0"),
            }),
        },
        platform: engine::contract::Platform::Azure,
        slow_host: false,
        balances_services: false,
        cloud: AzureCloud {
            cloud_name: "AzurePublicCloud".to_owned(),
            tenant_id: String::new(),
            subscription_id: String::new(),
            resource_group: String::new(),
            location: "westus2".to_owned(),
            machine_type: MachineType::Standard,
            flexible_nodes: false,
            virtual_network: "k8s-vnet-12345678".to_owned(),
            virtual_network_resource_group: String::new(),
            subnet: "k8s-subnet".to_owned(),
            security_group: "k8s-master-12345678-nsg".to_owned(),
            route_table: "k8s-master-12345678-routetable".to_owned(),
            primary_availability_set: "agentpool-availabilitySet-12345678".to_owned(),
            primary_scale_set: String::new(),
            load_balancer_sku: "Standard".to_owned(),
            maximum_load_balancer_rules: 250,
            instance_metadata: true,
            identity: CloudIdentity::System,
            environment: String::new(),
            registry_suffix: "azurecr.io".to_owned(),
        },
        kernel_parameters: BTreeMap::new(),
        kubelet_arguments: BTreeMap::new(),
        deadline_minutes: 45,
    }
}

fn node(role: &str) -> NodeSettings {
    NodeSettings {
        labels: BTreeMap::from([("kubernetes.azure.com/role".to_owned(), role.to_owned())]),
        taints: Vec::new(),
        maximum_pods: 110,
        custom_files: Vec::new(),
        host: engine::bootstrap::HostSettings::default(),
    }
}

/// Every add-on at once, network policies by Calico or by Cilium.
pub fn all_add_ons(calico: bool) -> AddOns {
    let sidecar = |name: &str| format!("mcr.microsoft.com/oss/v2/kubernetes-csi/{name}");
    let class = |name, provisioner| bootstrap::StorageClass {
        name,
        provisioner,
        sku: "Premium_LRS",
        binding: "WaitForFirstConsumer",
        options: &["mfsymlinks"],
    };
    AddOns {
        metrics_server: Some("registry.k8s.io/metrics-server/metrics-server:v0.8.1".to_owned()),
        file_driver: Some(bootstrap::FileDriverImages {
            driver: sidecar("azurefile-csi:v1.35.7"),
            provisioner: sidecar("csi-provisioner:v6.2.0"),
            resizer: sidecar("csi-resizer:v2.1.0"),
            liveness_probe: sidecar("livenessprobe:v2.18.0"),
            registrar: sidecar("csi-node-driver-registrar:v2.16.0"),
        }),
        storage_classes: vec![
            class("managed-csi-premium", "disk.csi.azure.com"),
            class("azurefile", "file.csi.azure.com"),
        ],
        cluster_autoscaler: Some(bootstrap::ClusterAutoscaler {
            image: "registry.k8s.io/autoscaling/cluster-autoscaler:v1.35.2".to_owned(),
            pools: vec![bootstrap::ScaledPool { scale_set: "k8s-pool-1-vmss".to_owned(), minimum: 1, maximum: 5 }],
            arguments: vec![("scan-interval".to_owned(), "1m".to_owned())],
        }),
        network_policy: Some(if calico {
            bootstrap::PolicyEngine::Calico {
                node_image: "quay.io/calico/node:v3.32.1".to_owned(),
                cni_image: "quay.io/calico/cni:v3.32.1".to_owned(),
                owns_interfaces: true,
                definitions: bootstrap::Download {
                    name: "05-calico-definitions.yaml".to_owned(),
                    url: "https://example.test/crds.yaml".to_owned(),
                    sha256: "0".repeat(64),
                },
            }
        } else {
            bootstrap::PolicyEngine::Cilium {
                agent_image: "quay.io/cilium/cilium:v1.19.6".to_owned(),
                operator_image: "quay.io/cilium/operator-generic:v1.19.6".to_owned(),
            }
        }),
        nvidia_device_plugin: Some("nvcr.io/nvidia/k8s-device-plugin:v0.19.3".to_owned()),
        node_problem_detector: Some("registry.k8s.io/node-problem-detector/node-problem-detector:v1.35.2".to_owned()),
        secrets_store: Some(bootstrap::SecretsStoreImages {
            driver: "registry.k8s.io/csi-secrets-store/driver:v1.6.0".to_owned(),
            provider: "mcr.microsoft.com/oss/v2/azure/secrets-store/provider-azure:v1.8.2".to_owned(),
            liveness_probe: sidecar("livenessprobe:v2.18.0"),
            registrar: sidecar("csi-node-driver-registrar:v2.16.0"),
        }),
        flannel: None,
        local_path: None,
        containers: BTreeMap::new(),
        given: vec![bootstrap::GivenManifest {
            name: "own".to_owned(),
            manifest: "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: own\n".to_owned(),
        }],
    }
}

/// A control-plane machine on-prem that starts a cluster, with what it has in place of Azure's add-ons.
pub fn on_prem() -> ControlPlaneMachine {
    let mut machine = control_plane(Start::Init);
    machine.cluster.platform = engine::contract::Platform::OnPrem;
    machine.cluster.balances_services = true;
    machine.cluster.network = Network::AddOn { routes: false };
    machine.cluster.software = Software::PreparedImage;
    machine.cluster.images.disk_driver = None;
    machine.add_ons = AddOns {
        flannel: Some(bootstrap::Flannel {
            image: "ghcr.io/flannel-io/flannel:v0.28.4".to_owned(),
            plugin_image: "ghcr.io/flannel-io/flannel-cni-plugin:v1.9.1-flannel1".to_owned(),
            owns_interfaces: true,
        }),
        local_path: Some(bootstrap::LocalPath {
            image: "docker.io/rancher/local-path-provisioner:v0.0.30".to_owned(),
            shell_image: "docker.io/library/busybox:latest".to_owned(),
        }),
        ..AddOns::default()
    };
    machine
}

pub fn control_plane(start: Start) -> ControlPlaneMachine {
    let secret = |name| Secret::new(placeholder(name));
    ControlPlaneMachine {
        cluster: cluster(),
        node: node("master"),
        add_ons: AddOns::default(),
        start,
        keys: ControlPlaneKeys {
            ca_key: secret("ca.key"),
            etcd_ca_certificate: placeholder("etcd/ca.crt"),
            etcd_ca_key: secret("etcd/ca.key"),
            front_proxy_ca_certificate: placeholder("front-proxy-ca.crt"),
            front_proxy_ca_key: secret("front-proxy-ca.key"),
            service_account: ServiceAccountKey { private: secret("sa.key"), public: placeholder("sa.pub") },
            api_server: None,
            kubelet_client: None,
        },
        encryption: Encryption::default(),
        audit_policy: bootstrap::AuditPolicy::Standard,
        administrators: "55555555-0000-0000-0000-000000000000".to_owned(),
        token_hours: 48,
        keeps_token: false,
        etcd_quota_bytes: 2 << 30,
        api_server_arguments: BTreeMap::new(),
        controller_manager_arguments: BTreeMap::new(),
        scheduler_arguments: BTreeMap::new(),
    }
}

/// A key of 32 zeros and a vault.
pub fn encryption() -> Encryption {
    Encryption {
        key: Some(Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
        reads_aescbc: true,
        key_vault: Some(KeyVault {
            name: "kvabcdefghijklm".to_owned(),
            key_name: "k8s".to_owned(),
            suffix: "vault.azure.net".to_owned(),
            login_authority: "https://login.microsoftonline.com".to_owned(),
            image: "mcr.microsoft.com/oss/v2/azure/kms/keyvault:v0.11.0".to_owned(),
        }),
    }
}

pub fn worker() -> WorkerMachine {
    let mut node = node("agent");
    node.labels.insert("agentpool".to_owned(), "linuxpool".to_owned());
    node.taints.push("dedicated=batch:NoSchedule".to_owned());
    WorkerMachine { cluster: cluster(), node }
}

/// A file as the machine finds it.
#[derive(Debug)]
pub struct Written {
    pub path: String,
    pub mode: String,
    pub packed: bool,
    pub text: String,
}

/// What cloud-init would write, read out of the document line by line as the template lays it out.
pub fn written(data: &CustomData) -> Vec<Written> {
    written_in(data.cloud_config.expose())
}

/// The same of a document's text.
pub fn written_in(document: &str) -> Vec<Written> {
    let mut files = Vec::new();
    let mut packed = false;
    let mut appended = false;
    let (mut path, mut mode) = (String::new(), String::new());
    // YAML's long escapes as JSON has them.
    let text = |quoted: &str| serde_json::from_str::<String>(&quoted.replace("\\U0000", "\\u")).unwrap();
    for line in document.lines() {
        if appended {
            // The last file: the base64 that the cloud puts behind the document.
            let bytes = base64::engine::general_purpose::STANDARD.decode(line.trim()).unwrap();
            let text = String::from_utf8(bytes).unwrap();
            files.push(Written { path: path.clone(), mode: mode.clone(), packed, text });
            break;
        } else if line == "  content: |" {
            appended = true;
        } else if let Some(value) = line.strip_prefix("- path: ") {
            path = text(value);
            packed = false;
        } else if let Some(value) = line.strip_prefix("  permissions: ") {
            mode = text(value);
        } else if line == "  encoding: gz+b64" {
            packed = true;
        } else if let Some(value) = line.strip_prefix("  content: ") {
            let content = text(value);
            let text = if packed { unpack(&content) } else { content };
            files.push(Written { path: path.clone(), mode: mode.clone(), packed, text });
        }
    }
    files
}

fn unpack(content: &str) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(content).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    text
}

/// A folder that stands for a machine's root.
pub struct Root {
    folder: tempfile::TempDir,
}

impl Root {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path of the machine as one of the host.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder().join(path.trim_start_matches('/'))
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn write_with_mode(&self, path: &str, text: &str, mode: u32) {
        self.write(path, text);
        std::fs::set_permissions(self.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// What a file holds; nothing if it is not there.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// Writes what cloud-init would write.
    pub fn give(&self, data: &CustomData) {
        for file in written(data) {
            self.write_with_mode(&file.path, &file.text, u32::from_str_radix(&file.mode, 8).unwrap());
        }
    }

    /// One program under many names.
    pub fn stand_in(&self, folder: &str, text: &str, programs: &[&str]) {
        self.write_with_mode(&format!("{folder}/stand-in"), text, 0o755);
        for program in programs {
            std::os::unix::fs::symlink("stand-in", self.path(folder).join(program)).unwrap();
        }
    }
}

/// customData behind which the cloud has put a secret, as the machine gets it.
pub fn with_appended(data: &CustomData, secret: &str) -> CustomData {
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let whole = format!("{}{}", data.base64.expose(), encode(&encode(secret)));
    let document = base64::engine::general_purpose::STANDARD.decode(&whole).unwrap();
    CustomData {
        cloud_config: Secret::new(String::from_utf8(document).unwrap()),
        base64: Secret::new(whole),
        ..data.clone()
    }
}
