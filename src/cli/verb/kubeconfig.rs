//! `kubeconfig`: a cluster that is there, for kubectl.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::base::{Source, SystemClock, SystemEntropy, read_text};
use crate::cli::error::CliError;
use crate::cli::existing::{existing_snapshot, look_at_existing};
use crate::cli::options::{ExistingOptions, TargetOptions};
use crate::cli::state::existing_store;
use crate::cli::{Call, Exit, kubeconfig};
use crate::cluster::{ClusterError, kubeconfig_file, merge_kubeconfig};
use crate::model::{self, ReadOptions};
use crate::pki::{Given, KeyMaterial};

/// Arguments of `engine kubeconfig`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    engine kubeconfig -o _output/demo && kubectl --context demo get nodes\n  \
    engine kubeconfig -o _output/demo --kubeconfig demo.kubeconfig\n\n\
    Cluster, user and context get the cluster's name, and the context becomes the current one. What else is there stays as \
    it is, but for comments; the file before is kept as FILE.engine-backup. A name that is another cluster's is refused. \
    `engine destroy` takes them out again.")]
pub struct Arguments {
    #[command(flatten)]
    existing: ExistingOptions,
    /// The kubeconfig; without it, the first that KUBECONFIG names, else ~/.kube/config
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    #[command(flatten)]
    target: TargetOptions,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let file = kubeconfig_file(arguments.kubeconfig.as_deref(), &call.environment)?;
    let store = existing_store(call, &arguments.existing, &arguments.target).await?;
    let snapshot = existing_snapshot(&store, &arguments.existing)?;
    let folder = store.folder();
    if snapshot.applied.is_empty() {
        return Err(ClusterError::NoCluster { folder: folder.to_owned() }.into());
    }
    let path = folder.join("apimodel.json");
    let source = Source { name: path.display().to_string(), text: read_text(&path)? };
    let reading = model::read(&source, &ReadOptions::default());
    let Some(cluster) = reading.cluster else {
        let mut error = CliError::new(Exit::Definition, format!("{} has faults", source.name));
        error.diagnostics = Some(Box::new((source, reading.diagnostics)));
        return Err(error);
    };
    let keys = KeyMaterial::load_or_generate(folder, &Given::default(), &SystemClock, &SystemEntropy)
        .map_err(ClusterError::from)?;
    let connected = look_at_existing(call, &store, &arguments.existing, &arguments.target).await?;
    let entry = kubeconfig::entry(&connected, &cluster, &keys, &snapshot.applied).await;
    connected.close(call).await;
    let entry = entry?;
    merge_kubeconfig(folder, &file, &entry)?;
    let shown = file.display();
    call.output.text(&format!(
        "{} {shown}: the context {} leads to {}\n",
        call.output.style.good("Written:"),
        entry.name,
        entry.server
    ));
    call.output.data(&json!({
        "format": 1,
        "file": shown.to_string(),
        "context": entry.name,
        "server": entry.server,
        "tlsServerName": entry.tls_server_name,
    }));
    Ok(Exit::Success)
}
