//! customData of Windows machines: one script of PowerShell with all files in it.
//!
//! Azure puts customData into `C:\AzureData\CustomData.bin` and does not run it; the command of the CustomScriptExtension
//! does, as a task of the system that goes on after a restart. The kubelet and kube-proxy are services: the images of
//! kube-proxy for host-process containers are a community's own, and its program comes with every release of Kubernetes.
//!
//! Source: kubernetes-sigs/sig-windows-tools (`hostprocess`), Azure/AgentBaker (`staging/cse/windows`),
//! kubernetes/kubernetes (`cluster/gce/windows`), read 2026-11-25.

use ipnet::IpNet;
use serde::Serialize;

use super::custom_data::{CustomData, measure, shares};
use super::input::{ClusterSettings, Network, NodeSettings};
use super::machine::check;
use super::view::MachineView;
use super::{BootstrapError, templates};

/// The folder of what only the system and administrators may read. The scripts name it, too.
const FOLDER: &str = r"C:\AzureData\engine";

/// PowerShell takes a script without a byte order mark for one in the machine's own code page.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The end of a script behind which the cloud puts the base64 of a service principal's secret.
const APPENDED_BELOW: &str =
    "# Below stands the service principal's secret in base64, as the cloud has put it there.\n# ";

/// What containerd replaces by a node's range of pods, in its own templates' form.
const POD_RANGE: &str = "{{.PodCIDR}}";

/// All that the machines of one pool of Windows workers are told; the same for each of them.
#[derive(Debug, Clone)]
pub struct WindowsMachine {
    /// The cluster. Of its software and its network's plugin only the kind counts: `software` says where files are.
    pub cluster: ClusterSettings,
    /// The nodes.
    pub node: NodeSettings,
    /// Where programs come from.
    pub software: WindowsSoftware,
    /// The ranges of the virtual network: what pods send there keeps their address.
    pub virtual_network_ranges: Vec<IpNet>,
    /// Whether administrators can log in by SSH.
    pub ssh_enabled: bool,
    /// Their public keys, in OpenSSH's one-line form.
    pub ssh_public_keys: Vec<String>,
}

/// Where a Windows machine's programs come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowsSoftware {
    /// Files by their addresses.
    Files(WindowsFiles),
    /// The machine's image holds everything at the places where the scripts put it.
    PreparedImage,
}

/// Addresses of programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowsFiles {
    /// The folder of kubelet, kubeadm, kubectl, kube-proxy and kube-log-runner; beside each lies its SHA-256.
    pub kubernetes_url: String,
    /// The archive of containerd; beside it lies its SHA-256.
    pub containerd_url: String,
    /// The archive of the network plugin.
    pub network_plugin_url: String,
    /// Whether all comes from a mirror, so that Microsoft's own servers are not asked for anything.
    pub mirror: bool,
}

/// A file as the template wants it.
#[derive(Serialize)]
struct FileView {
    path: String,
    content: String,
}

/// What the templates for Windows may ask.
#[derive(Serialize)]
struct WindowsView<'a> {
    #[serde(flatten)]
    machine: MachineView<'a>,
    kubernetes_url: &'a str,
    containerd_url: &'a str,
    windows_plugin_url: &'a str,
    has_mirror: bool,
    hns_network: &'static str,
    search_domain: String,
    inner_ranges: Vec<String>,
    windows_kubelet_arguments: Vec<String>,
    ssh_enabled: bool,
    ssh_public_keys: &'a [String],
    files: Vec<FileView>,
}

/// The parts of the script.
#[derive(Serialize)]
struct Script<'a> {
    settings: &'a str,
    library: &'a str,
    host: &'a str,
    node: &'a str,
}

/// customData of the machines of a pool of Windows workers: the same bytes for each of them.
///
/// # Errors
/// As [`super::worker`].
pub fn windows_worker(machine: &WindowsMachine) -> Result<CustomData, BootstrapError> {
    check(&machine.cluster)?;
    let mut view = WindowsView::new(machine);
    view.files = files(machine, &view)?;
    // The files are whole texts of other templates, and may hold what a rendered text may not.
    let settings = templates::assemble("windows/settings.ps1", &view)?;
    let library = templates::render("windows/library.ps1", &view)?;
    let host = templates::render("windows/steps-host.ps1", &view)?;
    let node = templates::render("windows/steps-node.ps1", &view)?;
    let script = Script { settings: &settings, library: &library, host: &host, node: &node };
    let text = templates::assemble("windows/bootstrap.ps1", &script)?;
    let scripts = [("library", &library), ("steps of the host", &host), ("steps of the node", &node)];
    let files = view.files.iter().map(|file| (file.path.as_str(), file.content.as_str()));
    let parts = shares(scripts.into_iter().map(|(name, text)| (name, text.as_str())).chain(files));
    let appended = view.machine.cloud_file && machine.cluster.cloud.identity.is_appended();
    let ending = if appended { APPENDED_BELOW } else { "" };
    measure(format!("{BYTE_ORDER_MARK}{text}{ending}"), parts, appended)
}

/// The command of a Windows machine's CustomScriptExtension: it runs the bootstrap, waits for its result for
/// `deadline_minutes` at most (and five more for what comes before it), prints one line, and ends with status 0 or 1.
///
/// Where the image lacks the feature Containers, the machine restarts; an extension does not outlive that, so the command
/// ends well before it, when everything is fetched, and the bootstrap goes on by itself.
///
/// # Errors
/// When its template cannot be rendered.
pub fn windows_wait_command(deadline_minutes: u32) -> Result<String, BootstrapError> {
    #[derive(Serialize)]
    struct View {
        seconds: u32,
    }
    let script = templates::render("windows/wait.ps1", &View { seconds: (deadline_minutes + 5) * 60 })?;
    let lines: Vec<&str> = script.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    // The script holds neither double quotes nor percent signs, which the command line would take for its own.
    Ok(format!(
        "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command \"{}\"",
        lines.join(" ").trim()
    ))
}

impl<'a> WindowsView<'a> {
    fn new(machine: &'a WindowsMachine) -> Self {
        let (cluster, node) = (&machine.cluster, &machine.node);
        let (kubernetes_url, containerd_url, windows_plugin_url, has_mirror) = match &machine.software {
            WindowsSoftware::Files(files) => (
                files.kubernetes_url.as_str(),
                files.containerd_url.as_str(),
                files.network_plugin_url.as_str(),
                files.mirror,
            ),
            WindowsSoftware::PreparedImage => ("", "", "", false),
        };
        let mut view = MachineView::of_worker(cluster, node);
        view.prepared_image = machine.software == WindowsSoftware::PreparedImage;
        let pairs = view.kubelet_flags.iter();
        let mut arguments: Vec<String> = pairs.map(|pair| format!("--{}={}", pair.name, pair.value)).collect();
        // Its serving certificate is the cluster's, as on Linux: the API server takes no other.
        if !arguments.iter().any(|argument| argument.starts_with("--rotate-server-certificates=")) {
            arguments.push("--rotate-server-certificates=true".to_owned());
        }
        if !node.taints.is_empty() {
            arguments.push(format!("--register-with-taints={}", node.taints.join(",")));
        }
        let mut inner_ranges = vec![cluster.pod_subnet];
        inner_ranges.extend(machine.virtual_network_ranges.iter().filter(|range| **range != cluster.pod_subnet));
        Self {
            machine: view,
            kubernetes_url,
            containerd_url,
            windows_plugin_url,
            has_mirror,
            hns_network: if cluster.network == Network::Kubenet { "l2bridge" } else { "azure" },
            search_domain: format!("svc.{}", cluster.dns_domain),
            inner_ranges: inner_ranges.iter().map(ToString::to_string).collect(),
            windows_kubelet_arguments: arguments,
            ssh_enabled: machine.ssh_enabled,
            ssh_public_keys: &machine.ssh_public_keys,
            files: Vec::new(),
        }
    }
}

fn files(machine: &WindowsMachine, view: &WindowsView<'_>) -> Result<Vec<FileView>, BootstrapError> {
    let mut files = Vec::new();
    let mut add = |path: String, content: String| files.push(FileView { path, content });
    add(format!(r"{FOLDER}\join.template"), templates::render("windows/join.yaml", view)?);
    add(format!(r"{FOLDER}\discovery.yaml"), templates::render("kubeadm/discovery.yaml", view)?);
    match machine.cluster.network {
        Network::Azure { .. } => {
            add(format!(r"{FOLDER}\azure.conflist"), templates::render("windows/azure.conflist", view)?);
        }
        Network::AddOn { .. } => {
            return Err(BootstrapError::Input {
                field: "network",
                value: "add-on".to_owned(),
                reason: "the add-ons that make pods' interfaces do not run on Windows",
            });
        }
        Network::Kubenet => {
            let text = templates::render("windows/kubenet.conf", view)?.replace("@POD_RANGE@", POD_RANGE);
            add(format!(r"{FOLDER}\kubenet.template"), text);
        }
    }
    add(r"C:\etc\containerd\config.toml".to_owned(), templates::render("windows/containerd.toml", view)?);
    if view.machine.cloud_file {
        add(r"C:\etc\kubernetes\azure.json".to_owned(), templates::render("cloud/azure.json", view)?);
    }
    if !machine.cluster.cloud.environment.is_empty() {
        add(r"C:\etc\kubernetes\azurestackcloud.json".to_owned(), machine.cluster.cloud.environment.clone());
    }
    for file in &machine.node.custom_files {
        add(file.path.clone(), file.content.expose().to_owned());
    }
    Ok(files)
}
