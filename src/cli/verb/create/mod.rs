//! `create`: from a name to a cluster on a host of one's own, in six steps. Killed at any of them, the same command goes on.
//!
//! Deliberately absent: what a host and an image need (`ground`), and what is done to the cluster, which is `deploy`'s.

mod ground;
mod host;
mod machines;
mod outcome;
mod site;
mod steps;

use std::path::{Path, PathBuf};

use clap::Args;

use self::ground::{Ground, ImageOptions, ImageWanted, ground, obtain};
use self::machines::{Made, Manner, await_nodes, make};
use self::outcome::Outcome;
use self::site::{Site, SiteModel};
use self::steps::Steps;
use crate::base::{SystemClock, SystemEntropy};
use crate::cli::error::CliError;
use crate::cli::options::{StateOptions, TargetOptions, target_name, time_scale};
use crate::cli::preflight::{refuse_bad, tell_findings};
use crate::cli::session::{Connected, Wanted, connect};
use crate::cli::telling::TellingOptions;
use crate::cli::{Call, Exit, kubeconfig};
use crate::cluster::{Definition, Request, VIRTUALISATION, Verdict, kubeconfig_file, merge_kubeconfig};
use crate::contract::TargetName;

/// Arguments of `engine create`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    engine create demo --nodes 2\n  \
    engine create production --nodes 5 --control-plane-nodes 3 --kubernetes 1.36 --connect qemu+ssh://root@rack-1/system\n  \
    engine create rehearsal --nodes 2 --target simulator --kubeconfig rehearsal.kubeconfig\n\n\
    Six steps: the host is looked at, and prepared if it lacks its storage pool; the image is found, or built; the model is \
    written into the cluster's folder, once the host was held against what a new cluster needs, as by `engine doctor \
    --probe`; the machines are made, after the plan was shown; their nodes are waited for; the \
    cluster is put into your kubeconfig as the context NAME.\n\n\
    The same command goes on where it was stopped, and does nothing twice. What is not said is not asked for: `engine create \
    NAME` is enough for that. A folder that holds another cluster than the one that is asked for is refused.\n\n\
    Exit codes: 0 done; 64 the name is another cluster's, or what is asked for is not what is there; 65 no such cluster can \
    be made; 69 the host does not answer; 75 partly done, the same command goes on; 78 the host lacks something; 130 \
    interrupted.")]
pub struct Arguments {
    /// The cluster's name, 3 to 45 letters, digits and hyphens: its folder, its machines and its context are called so
    #[arg(value_name = "NAME")]
    name: String,
    /// How many worker machines; a new cluster has one if nothing is said
    #[arg(long, value_name = "NUMBER")]
    nodes: Option<u32>,
    /// How many control-plane machines, 1, 3 or 5; a new cluster has one if nothing is said
    #[arg(long, value_name = "NUMBER")]
    control_plane_nodes: Option<u32>,
    /// The version of Kubernetes, such as 1.36 or 1.36.4
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<String>,
    /// Gives everything more time, for hosts that emulate processors
    #[arg(long)]
    slow_host: bool,
    /// The SSH public key of the machines' administrator; without it, the first one in ~/.ssh, else a new one in the
    /// cluster's folder
    #[arg(long, value_name = "FILE")]
    ssh_public_key: Option<PathBuf>,
    /// The cluster's folder; without it, `_output/NAME`
    #[arg(short = 'o', long, alias = "deployment-dir", value_name = "FOLDER")]
    output_directory: Option<PathBuf>,
    #[command(flatten)]
    state: StateOptions,
    // Last, because their options stand under headings of their own.
    #[command(flatten)]
    image: ImageOptions,
    #[command(flatten)]
    kubeconfig: KubeconfigOptions,
    #[command(flatten)]
    place: HostOptions,
    #[command(flatten)]
    telling: TellingOptions,
}

/// Which kubeconfig the cluster is put into.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Kubeconfig")]
struct KubeconfigOptions {
    /// The kubeconfig; without it, the first that KUBECONFIG names, else ~/.kube/config
    #[arg(long, value_name = "FILE", conflicts_with = "no_merge")]
    kubeconfig: Option<PathBuf>,
    /// Leaves your kubeconfig as it is: the cluster gets one of its own in its folder
    #[arg(long)]
    no_merge: bool,
}

/// Where the machines are made.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Target")]
struct HostOptions {
    /// Where: libvirt or simulator; a new cluster goes to libvirt if nothing is said [env: ENGINE_TARGET]
    #[arg(long, value_name = "TARGET", value_parser = target_name)]
    target: Option<TargetName>,
    /// The libvirt that machines are made by, such as qemu+ssh://host/system; without it, qemu:///system [env: LIBVIRT_DEFAULT_URI]
    #[arg(long, value_name = "URI")]
    connect: Option<String>,
    /// Goes on without asking whether the host has what the machines need, and whether a kernel comes up under KVM
    #[arg(long)]
    skip_preflight: bool,
    /// For tests: where gateways of libvirt's networks run as processes of this host
    #[arg(long, value_name = "FOLDER")]
    gateways: Option<PathBuf>,
    /// The folder of the simulator; without it, `simulator` in the cluster's folder
    #[arg(long, value_name = "FOLDER")]
    simulator: Option<PathBuf>,
    /// How long things take on the simulator, as a share of what they take in Azure
    #[arg(long, value_name = "FACTOR", value_parser = time_scale, default_value_t = crate::server::DEFAULT_TIME_SCALE)]
    time_scale: f64,
}

impl Arguments {
    fn request(&self) -> Request {
        Request {
            name: self.name.clone(),
            target: self.place.target,
            nodes: self.nodes,
            control_plane_nodes: self.control_plane_nodes,
            kubernetes: self.kubernetes.clone(),
            uri: self.place.connect.clone(),
            slow_host: self.slow_host,
        }
    }

    /// The options of a connection. What a model says of its host comes first, as everywhere.
    fn target_options(&self, site: &Site) -> TargetOptions {
        let HostOptions { connect, gateways, simulator, time_scale, .. } = self.place.clone();
        let host = site.model.cluster().on_prem.as_ref().and_then(|on_prem| on_prem.hosts.first());
        TargetOptions {
            connect: host.map(|host| host.uri.clone()).or(connect),
            gateways,
            simulator,
            time_scale,
            ..TargetOptions::of(site.target)
        }
    }

    /// The kubeconfig that the cluster is put into.
    fn kubeconfig_file(&self, call: &Call, folder: &Path) -> Result<PathBuf, CliError> {
        let own = self.kubeconfig.no_merge.then(|| folder.join("kubeconfig").join("config"));
        Ok(kubeconfig_file(own.or_else(|| self.kubeconfig.kubeconfig.clone()).as_deref(), &call.environment)?)
    }

    /// The command that goes on with this one: what is asked for is known by then.
    fn again(&self) -> String {
        let mut command = format!("engine create {}", self.name);
        if let Some(folder) = &self.output_directory {
            command.push_str(&format!(" -o {}", folder.display()));
        }
        if let Some(file) = &self.kubeconfig.kubeconfig {
            command.push_str(&format!(" --kubeconfig {}", file.display()));
        }
        if self.kubeconfig.no_merge {
            command.push_str(" --no-merge");
        }
        command
    }
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let site = site::look(call, arguments)?;
    let file = arguments.kubeconfig_file(call, &site.folder)?;
    site.refuse_other_cluster(&file, arguments.place.simulator.as_deref())?;
    let options = arguments.target_options(&site);
    let mut steps = Steps::begin(call, site.target == TargetName::Simulator);

    let ground = ground(call, site.target, &options)?;
    let on_prem = site.model.cluster().on_prem.clone().unwrap_or_default();
    let host = obtain(&steps, ground.host(&on_prem)?)?;
    steps.done(host.told);

    let kubernetes = &site.model.cluster().kubernetes_version;
    let wanted = ImageWanted { kubernetes, on_prem: &on_prem, options: &arguments.image };
    let image = obtain(&steps, ground.image(&wanted)?)?;
    steps.done(image.told);

    // Before the model is written, so that whoever has to ask for something else finds nothing in the way. Where there is a
    // cluster, it has been made on this host.
    if site.living.is_none() && !arguments.place.skip_preflight {
        preflight(call, &site, &*ground, image.value.as_deref())?;
    }
    let (cluster, told) = site.write(call, image.value)?;
    steps.done(told);

    let definition = Definition::new(cluster, None, &site.store, &SystemClock, &SystemEntropy)?.on(site.target);
    let connected = connect_to(call, &site, &options, &definition).await?;
    let exit = on_target(call, arguments, &site, &connected, definition, &file, &mut steps).await;
    connected.close(call).await;
    exit
}

/// Refuses a new cluster that the host cannot take, with every reason at once.
fn preflight(call: &Call, site: &Site, ground: &dyn Ground, image: Option<&str>) -> Result<(), CliError> {
    let findings = ground.judge(call, site.model.cluster(), image)?;
    tell_findings(call, &findings);
    let kvm = findings.iter().any(|it| it.verdict == Verdict::Bad && it.about == VIRTUALISATION);
    refuse_bad(findings, "in the way of this cluster; nothing of it was made").map_err(|error| {
        // A model that is there says itself whether its host is slow.
        if !kvm || !matches!(site.model, SiteModel::New(_)) {
            return error;
        }
        let help = error.help.clone().unwrap_or_default();
        error.help(format!("{help}; --slow-host does without KVM"))
    })
}

async fn connect_to(
    call: &Call,
    site: &Site,
    options: &TargetOptions,
    definition: &Definition,
) -> Result<Connected, CliError> {
    let known_group = site.living.as_ref().map(|snapshot| snapshot.identity.scope.resource_group.clone());
    let resource_group = known_group.unwrap_or_else(|| definition.cluster.dns_prefix.clone());
    connect(call, options, Wanted::cluster(definition, site.target, resource_group)).await
}

/// The steps that need the target.
async fn on_target(
    call: &Call,
    arguments: &Arguments,
    site: &Site,
    connected: &Connected,
    definition: Definition,
    file: &Path,
    steps: &mut Steps<'_>,
) -> Result<Exit, CliError> {
    let again = arguments.again();
    let (cluster, keys) = (definition.cluster.clone(), definition.keys.clone());
    let manner = Manner { telling: &arguments.telling, again: &again };
    let Made { exit, run, snapshot, steps: ended } = make(call, site, connected, definition, steps, &manner).await?;
    let mut outcome = Outcome { arguments, site, file, exit, run, nodes: Vec::new(), entry: None };
    let Some(snapshot) = snapshot.filter(|_| exit == Exit::Success) else {
        call.output.data(&outcome.as_json(steps));
        return Ok(exit);
    };
    let resources = snapshot.applied.len();
    steps.done(match ended {
        0 => format!("{resources} resources, as they shall be"),
        steps => format!("{resources} resources, {steps} steps"),
    });

    outcome.nodes = await_nodes(connected, &cluster, &snapshot, steps, &again).await?;
    steps.done(format!("{} nodes are Ready", outcome.nodes.len()));

    let partly = |mut error: CliError| {
        // The cluster is there; what is missing is a way to it.
        error.exit = Exit::Partial;
        error.help = error.help.map(|help| format!("{help}; then run the same command again: {again}"));
        error
    };
    let entry = kubeconfig::entry(connected, &cluster, &keys, &snapshot.applied).await.map_err(partly)?;
    merge_kubeconfig(&site.folder, file, &entry).map_err(|error| partly(error.into()))?;
    steps.done(format!("the context {} of {} leads to {}", entry.name, file.display(), entry.server));
    outcome.entry = Some(entry);

    call.output.data(&outcome.as_json(steps));
    outcome.tell(call, &cluster, steps);
    Ok(Exit::Success)
}
