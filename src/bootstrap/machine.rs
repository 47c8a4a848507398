//! Which files a machine gets, by its role.

use std::net::IpAddr;

use super::custom_data::{CustomData, MachineFile, PRINCIPAL_SECRET, Packer};
use super::input::{ClusterSettings, ControlPlaneMachine, CustomFile, Network, NodeSettings, Start, WorkerMachine};
use super::view::MachineView;
use super::{BootstrapError, addons, audit, encryption, patience, templates};
use crate::contract::Platform;

impl Packer {
    /// customData of the machines of the control plane: the same bytes for each of them.
    ///
    /// # Errors
    /// When an input cannot work, a template cannot be rendered, or the result is longer than the cloud takes.
    pub fn control_plane(&mut self, machine: &ControlPlaneMachine) -> Result<CustomData, BootstrapError> {
        self.pack(&control_plane_files(machine)?, appended(&machine.cluster))
    }

    /// customData of the machines of a worker pool: the same bytes for each of them.
    ///
    /// # Errors
    /// As [`control_plane`](Self::control_plane).
    pub fn worker(&mut self, machine: &WorkerMachine) -> Result<CustomData, BootstrapError> {
        self.pack(&worker_files(machine)?, appended(&machine.cluster))
    }
}

/// [`Packer::control_plane`] for a cluster of nothing else.
///
/// # Errors
/// As there.
pub fn control_plane(machine: &ControlPlaneMachine) -> Result<CustomData, BootstrapError> {
    Packer::default().control_plane(machine)
}

/// [`Packer::worker`] for a single pool.
///
/// # Errors
/// As there.
pub fn worker(machine: &WorkerMachine) -> Result<CustomData, BootstrapError> {
    Packer::default().worker(machine)
}

/// The command of a machine's CustomScript: it waits for the bootstrap's result for `deadline_minutes` at most (and five
/// more for what comes before the bootstrap), prints one line, and ends with status 0 or 1. It changes nothing.
///
/// # Errors
/// When its template cannot be rendered.
pub fn wait_command(deadline_minutes: u32) -> Result<String, BootstrapError> {
    #[derive(serde::Serialize)]
    struct View {
        seconds: u32,
    }
    let script = templates::render("scripts/wait.sh", &View { seconds: (deadline_minutes + 5) * 60 })?;
    let lines: Vec<&str> = script.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    Ok(format!("/bin/bash -c {}", templates::shell_word(lines.join("\n").trim())))
}

/// The name of a given certificate of the API server, below Kubernetes' folder of certificates.
pub(super) const GIVEN_API_SERVER: &str = "apiserver-given";

/// The file whose content the cloud puts behind customData: for the cloud's controllers and for container registries.
fn appended(cluster: &ClusterSettings) -> Option<&'static str> {
    cluster.cloud.identity.is_appended().then_some(PRINCIPAL_SECRET)
}

/// Whether a machine has the cloud controllers' configuration. Where there is no metadata service, every node's manager
/// asks the cloud itself.
pub(super) fn has_cloud_file(cluster: &ClusterSettings, control_plane: bool) -> bool {
    cluster.platform == Platform::Azure && (control_plane || !cluster.cloud.instance_metadata)
}

pub(super) fn check(cluster: &ClusterSettings) -> Result<(), BootstrapError> {
    if cluster.endpoint_name.parse::<IpAddr>().is_ok() {
        return Err(BootstrapError::Input {
            field: "endpoint_name",
            value: cluster.endpoint_name.clone(),
            reason: "it has to be a name, because it leads to a peer while a machine joins and to the machine itself afterwards",
        });
    }
    Ok(())
}

fn control_plane_files(machine: &ControlPlaneMachine) -> Result<Vec<MachineFile>, BootstrapError> {
    check(&machine.cluster)?;
    let view = MachineView::of_control_plane(machine);
    let mut files = common_files(&view, &machine.cluster, &machine.node)?;
    let mut add = |path: &str, mode, template: &str| -> Result<(), BootstrapError> {
        files.push(MachineFile::new(path, mode, templates::render(template, &view)?));
        Ok(())
    };
    add("/opt/engine/steps.sh", "0755", "scripts/steps-control-plane.sh")?;
    for name in [Some("approve-serving"), machine.keeps_token.then_some("renew-token")].into_iter().flatten() {
        add(&format!("/opt/engine/{name}.sh"), "0755", &format!("scripts/{name}.sh"))?;
        for kind in ["service", "timer"] {
            let unit = format!("engine-{name}.{kind}");
            add(&format!("/etc/systemd/system/{unit}"), "0644", &format!("systemd/{unit}"))?;
        }
    }
    if machine.cluster.balances_services {
        let unit = "engine-services.service";
        add(&format!("/etc/systemd/system/{unit}"), "0644", &format!("systemd/{unit}"))?;
    }
    add("/etc/engine/kubeadm/cluster.yaml", "0600", "kubeadm/cluster.yaml")?;
    if machine.start == Start::Init {
        add("/etc/engine/kubeadm/init.yaml", "0600", "kubeadm/init.yaml")?;
        if machine.cluster.slow_host {
            add("/opt/engine/slow-start.sh", "0755", "scripts/slow-start.sh")?;
        }
        files.extend(addons::files(machine, &view)?);
    }
    files.extend(patience::patches(machine.cluster.slow_host)?);
    files.extend(encryption::files(machine)?);
    files.extend(audit::files(machine)?);
    let keys = &machine.keys;
    let authority = &machine.cluster.certificate_authority;
    let pki = [
        ("ca.crt", authority.as_str()),
        ("ca.key", keys.ca_key.expose()),
        ("etcd/ca.crt", &keys.etcd_ca_certificate),
        ("etcd/ca.key", keys.etcd_ca_key.expose()),
        ("front-proxy-ca.crt", &keys.front_proxy_ca_certificate),
        ("front-proxy-ca.key", keys.front_proxy_ca_key.expose()),
        ("sa.key", keys.service_account.private.expose()),
        ("sa.pub", &keys.service_account.public),
    ];
    files.extend(pki.map(|(name, content)| MachineFile::new(format!("/etc/engine/pki/{name}"), "0600", content)));
    // The name of the one is kubeadm's, which takes what is there; the other stands beside kubeadm's own.
    for (name, pair) in [("apiserver-kubelet-client", &keys.kubelet_client), (GIVEN_API_SERVER, &keys.api_server)] {
        if let Some(pair) = pair {
            let parts = [("crt", pair.certificate.as_str()), ("key", pair.key.expose())];
            let file = |(kind, text)| MachineFile::new(format!("/etc/engine/pki/{name}.{kind}"), "0600", text);
            files.extend(parts.map(file));
        }
    }
    files.extend(machine.node.custom_files.iter().map(custom_file));
    Ok(files)
}

fn worker_files(machine: &WorkerMachine) -> Result<Vec<MachineFile>, BootstrapError> {
    check(&machine.cluster)?;
    let view = MachineView::of_worker(&machine.cluster, &machine.node);
    let mut files = common_files(&view, &machine.cluster, &machine.node)?;
    files.push(MachineFile::new("/opt/engine/steps.sh", "0755", templates::render("scripts/steps-worker.sh", &view)?));
    files.push(MachineFile::new("/etc/engine/pki/ca.crt", "0644", machine.cluster.certificate_authority.as_str()));
    files.extend(machine.node.custom_files.iter().map(custom_file));
    Ok(files)
}

fn custom_file(file: &CustomFile) -> MachineFile {
    MachineFile::new(file.path.as_str(), "0600", file.content.expose())
}

/// What every machine gets.
fn common_files(
    view: &MachineView,
    cluster: &ClusterSettings,
    node: &NodeSettings,
) -> Result<Vec<MachineFile>, BootstrapError> {
    let mut files = Vec::new();
    let mut add = |path: &str, mode, template: &str| -> Result<(), BootstrapError> {
        files.push(MachineFile::new(path, mode, templates::render(template, view)?));
        Ok(())
    };
    add("/etc/engine/settings.sh", "0600", "scripts/settings.sh")?;
    add("/opt/engine/bootstrap.sh", "0755", "scripts/bootstrap.sh")?;
    add("/opt/engine/library.sh", "0755", "scripts/library.sh")?;
    add("/opt/engine/steps-node.sh", "0755", "scripts/steps-node.sh")?;
    add("/opt/engine/steps-host.sh", "0755", "scripts/steps-host.sh")?;
    add("/etc/engine/network/rules.nft", "0644", "network/rules.nft")?;
    if view.host.proxied {
        add("/etc/engine/proxy.env", "0600", "host/proxy.env")?;
    }
    if node.host.extension.is_some() {
        add("/etc/engine/extension.sh", "0600", "host/extension.sh")?;
    }
    if node.host.audit {
        add("/etc/engine/audit.rules", "0644", "host/audit.rules")?;
    }
    add("/etc/systemd/system/engine-bootstrap.service", "0644", "systemd/engine-bootstrap.service")?;
    add("/etc/systemd/system/engine-network-rules.service", "0644", "systemd/engine-network-rules.service")?;
    add("/etc/sysctl.d/90-kubernetes.conf", "0644", "host/kernel-parameters.conf")?;
    add("/etc/engine/containerd.toml", "0644", "containerd/config.toml")?;
    add("/etc/engine/kubeadm/join.yaml", "0600", "kubeadm/join.yaml")?;
    add("/etc/engine/kubeadm/discovery.yaml", "0600", "kubeadm/discovery.yaml")?;
    files.extend(patience::units(cluster.slow_host)?);
    let patch = format!("{}\n", view.kubelet_patch);
    files.push(MachineFile::new("/etc/engine/kubeadm/patches/kubeletconfiguration+merge.json", "0600", patch));
    for (number, authority) in node.host.authorities.iter().enumerate() {
        files.push(MachineFile::new(format!("/etc/engine/trust/{number}.crt"), "0644", authority.as_str()));
    }
    let mut add = |path: &str, mode, template: &str| -> Result<(), BootstrapError> {
        files.push(MachineFile::new(path, mode, templates::render(template, view)?));
        Ok(())
    };
    if view.cloud_file {
        add("/etc/engine/azure.json", "0600", "cloud/azure.json")?;
    }
    if view.registry.wanted {
        add("/etc/engine/registry.json", "0600", "cloud/registry.json")?;
        add("/etc/engine/registry-provider.yaml", "0644", "cloud/registry-provider.yaml")?;
    }
    if let Some(source) = view.registry.source.as_ref().filter(|_| view.registry.wanted) {
        let text = templates::render("host/package-source.sources", source)?;
        files.push(MachineFile::new(format!("/etc/engine/registry/{}.sources", source.name), "0644", text));
    }
    for source in &view.package_sources {
        let text = templates::render("host/package-source.sources", source)?;
        files.push(MachineFile::new(format!("/etc/engine/packages/{}.sources", source.name), "0644", text));
    }
    let network = match cluster.network {
        Network::Kubenet => Some(("kubenet.conflist.template", templates::KUBENET_NETWORK)),
        Network::Azure { .. } => Some(("azure.conflist", templates::AZURE_NETWORK)),
        Network::AddOn { .. } => None,
    };
    let file = |(name, text)| MachineFile::new(format!("/etc/engine/network/{name}"), "0644", text);
    files.extend(network.map(file));
    if matches!(cluster.network, Network::Azure { .. }) {
        files.push(MachineFile::new(
            "/etc/cloud/cloud.cfg.d/95-engine-addresses.cfg",
            "0644",
            templates::AZURE_ADDRESSES,
        ));
    }
    if !cluster.cloud.environment.is_empty() && cluster.platform == Platform::Azure {
        files.push(MachineFile::new(
            "/etc/kubernetes/azurestackcloud.json",
            "0600",
            cluster.cloud.environment.as_str(),
        ));
    }
    Ok(files)
}
