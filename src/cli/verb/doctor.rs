//! `doctor`: whether a cluster can be made here, before anything is made.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::catalog::Cloud;
use crate::cli::azure::{self, Access};
use crate::cli::chosen_image::ChosenImage;
use crate::cli::error::CliError;
use crate::cli::host::{Question, look, look_at_each, newest_kernel, tell, tell_of_several};
use crate::cli::libvirt;
use crate::cli::options::{ModelOptions, PlaceOptions, TargetOptions};
use crate::cli::place::{self, describe_target, folder_for_model, read_model};
use crate::cli::preflight::render_findings;
use crate::cli::session::{Wanted, connect};
use crate::cli::{Call, Exit};
use crate::cluster::{Demand, HostDemand, PROVIDERS, Verdict, doctor};
use crate::contract::TargetName;
use crate::graph::Scope;
use crate::model::{Cluster, Identity};
use crate::target::azure::{ArmClient, Patience, register};

/// Arguments of `engine doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  engine doctor --target azure -l westus2\n  \
                        engine doctor apimodels/quickstart.json --target azure --register\n  \
                        engine doctor apimodels/on-prem.json --target libvirt --probe")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    place: PlaceOptions,
    #[command(flatten)]
    target: TargetOptions,
    /// Registers the subscription with the resource providers that it needs, and waits until it is
    #[arg(long)]
    register: bool,
    /// Starts a machine without a disk for 20 s to see whether KVM works; libvirt only
    #[arg(long)]
    probe: bool,
    /// The storage pool, if it is not the model's; libvirt only
    #[arg(long, value_name = "NAME")]
    storage_pool: Option<String>,
}

/// How long to wait between two looks at a registration.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let Arguments { model, place, target, register: registers, .. } = arguments;
    let path = model.path();
    let cluster = match path {
        Some(_) => Some(read_model(path, model, target.into(), &call.output)?.cluster),
        None => None,
    };
    let name = place::target(call, target, None, cluster.as_ref())?;
    let location = cluster.as_ref().map(|cluster| cluster.location.clone()).or_else(|| model.location.clone());
    let prefix = cluster.as_ref().map(|cluster| cluster.dns_prefix.clone());
    let resource_group = place.resource_group.clone().or(prefix).unwrap_or_default();
    if name == TargetName::Libvirt {
        return host(call, arguments, cluster.as_ref(), &resource_group);
    }
    if arguments.probe || arguments.storage_pool.is_some() {
        let message = format!("there is no host to look at on the target `{}`", name.word());
        return Err(CliError::usage(message).help("leave out --probe and --storage-pool, or say --target libvirt"));
    }
    let (location, cloud) =
        (location.unwrap_or_default(), cluster.as_ref().map_or(Cloud::Public, |cluster| cluster.cloud));
    let place = Place { name, cloud, resource_group, location, folder: folder(path, place, cluster.as_ref()) };
    let (arm, scope, connected) = place.connect(call, target).await?;
    let demand = cluster
        .as_ref()
        .map(|cluster| Demand::of(cluster, !matches!(cluster.identity, Identity::ServicePrincipal { .. })));
    let registered =
        if *registers { register(&arm, &scope.subscription_id, &PROVIDERS, ASK_AGAIN).await } else { Ok(Vec::new()) };
    let findings = match &registered {
        Ok(_) => doctor(&arm, &scope, demand.as_ref()).await,
        Err(fault) => Err(fault.clone()),
    };
    if let Some(connected) = connected {
        connected.close(call).await;
    }
    let (registered, findings) = (registered?, findings?);
    let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
    call.output.data(&json!({
        "format": 1, "target": name.word(), "simulated": name == TargetName::Simulator,
        "registered": registered, "findings": findings, "ok": bad == 0,
    }));
    for namespace in &registered {
        call.output.text(&format!("registered {namespace}\n"));
    }
    let title = call.output.style.strong(&describe_target(name));
    call.output.text(&format!("{title}\n{}", render_findings(&findings, call.output.style)));
    Ok(if bad == 0 { Exit::Success } else { Exit::Environment })
}

/// The same of the hosts on-prem.
fn host(call: &Call, arguments: &Arguments, cluster: Option<&Cluster>, group: &str) -> Result<Exit, CliError> {
    if arguments.register {
        return Err(CliError::usage("a host has no resource providers").help("leave out --register"));
    }
    let on_prem = cluster.and_then(|cluster| cluster.on_prem.clone()).unwrap_or_default();
    let image = ChosenImage::of(call, cluster)?;
    let pool = arguments.storage_pool.as_deref().unwrap_or(&on_prem.storage_pool);
    let hosts = libvirt::hosts(&on_prem, arguments.target.connect.as_deref());
    let demand = cluster.map(HostDemand::of);
    let kernel = arguments.probe.then(|| newest_kernel(call)).flatten();
    let question = Question {
        uri: "",
        pool,
        image: &image.volume,
        image_folder: image.folder.as_ref().map(|folder| folder.path.as_path()),
        kernel: kernel.as_deref(),
        group,
        demand: demand.as_ref(),
        probes: arguments.probe,
    };
    let more = json!({ "storagePool": pool });
    if let [(_, uri)] = hosts[..] {
        let hypervisor = libvirt::open_host(uri)?;
        let findings = look(call, &*hypervisor, &Question { uri, ..question });
        return Ok(tell(call, uri, &findings, &more));
    }
    Ok(tell_of_several(call, &look_at_each(call, &hosts, &question), &more))
}

/// The folder of the simulator, which lies in the cluster's.
fn folder(path: Option<&PathBuf>, place: &PlaceOptions, cluster: Option<&Cluster>) -> PathBuf {
    match cluster {
        Some(cluster) => folder_for_model(path.map(PathBuf::as_path).unwrap_or(Path::new("")), place, cluster),
        None => place.output_directory.clone().unwrap_or_else(|| PathBuf::from("_output")),
    }
}

/// What is looked at.
struct Place {
    name: TargetName,
    cloud: Cloud,
    resource_group: String,
    location: String,
    folder: PathBuf,
}

impl Place {
    /// A client, the scope, and what has to be closed.
    async fn connect(
        self,
        call: &Call,
        options: &TargetOptions,
    ) -> Result<(Arc<ArmClient>, Scope, Option<crate::cli::session::Connected>), CliError> {
        let Self { name, cloud, resource_group, location, folder } = self;
        if name == TargetName::Azure {
            // No cluster is needed, hence none of its keys.
            let Access { settings, tenant_id, subscription_id, .. } = azure::access(call, options, cloud).await?;
            let client = ArmClient::new(settings, Patience::default())
                .map_err(|error| CliError::new(Exit::Environment, error.to_string()))?;
            return Ok((Arc::new(client), Scope { subscription_id, tenant_id, resource_group, location }, None));
        }
        let wanted = Wanted::group(name, &folder, cloud, resource_group, location);
        let connected = connect(call, options, wanted).await?;
        Ok((Arc::clone(connected.arm()?), connected.session.scope.clone(), Some(connected)))
    }
}
