//! `gateway`: what runs in the small machine beside an on-prem network. Nobody types it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::base::{SystemClock, take_large_pages};
use crate::cli::error::CliError;
use crate::cli::{Call, Exit};
use crate::gateway::{Gateway, GatewaySettings, METADATA, WIRE};
use crate::view::harmless;

/// Arguments of `engine gateway`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine gateway /var/lib/engine/gateway")]
pub struct Arguments {
    /// The folder with `gateway.json`; what machines say of themselves is written there
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The interface that is given the network's addresses; none: they are there already
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// It is a machine of the network: who asks is known by the hardware address, since the host's translation hides the other
    #[arg(long)]
    machine: bool,
    /// The haproxy that balances
    #[arg(long, value_name = "PROGRAM", default_value = "haproxy")]
    haproxy: PathBuf,
    /// The dnsmasq that gives machines addresses and names, where the gateway is their router
    #[arg(long, value_name = "PROGRAM", default_value = "dnsmasq")]
    dnsmasq: PathBuf,
    /// The keepalived that gives the addresses to one of two gateways
    #[arg(long, value_name = "PROGRAM", default_value = "keepalived")]
    keepalived: PathBuf,
    /// Balances nothing
    #[arg(long, conflicts_with = "haproxy")]
    no_balancers: bool,
    /// Where the metadata service listens
    #[arg(long, value_name = "ADDRESS", default_value_t = METADATA)]
    metadata: SocketAddr,
    /// Where the wire server listens
    #[arg(long, value_name = "ADDRESS", default_value_t = WIRE)]
    wire: SocketAddr,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    // haproxy inherits what is forbidden, and lives long.
    take_large_pages();
    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel::<String>();
    let settings = GatewaySettings {
        folder: arguments.folder.clone(),
        metadata: arguments.metadata,
        wire: arguments.wire,
        interface: arguments.interface.clone(),
        is_machine: arguments.machine,
        haproxy: (!arguments.no_balancers).then(|| arguments.haproxy.clone()),
        dnsmasq: arguments.dnsmasq.clone(),
        keepalived: arguments.keepalived.clone(),
        look_every: Duration::from_millis(500),
        clock: Arc::new(SystemClock),
        tell: Arc::new(move |line: &str| _ = sender.send(line.to_owned())),
    };
    let gateway =
        Gateway::start(settings).await.map_err(|error| CliError::new(Exit::Environment, error.to_string()))?;
    let (metadata, wire) = (gateway.metadata_address(), gateway.wire_address());
    call.output.note(&format!("gateway: metadata on {metadata}, wire server on {wire}\n"));
    let ended = ended();
    tokio::pin!(ended);
    loop {
        tokio::select! {
            () = &mut ended => break,
            Some(line) = lines.recv() => call.output.note(&format!("gateway: {}\n", harmless(&line))),
        }
    }
    gateway.shutdown().await;
    Ok(Exit::Success)
}

/// Somebody at a terminal, or systemd.
pub(super) async fn ended() {
    #[cfg(unix)]
    if let Ok(mut signal) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = signal.recv() => {}
        }
        return;
    }
    _ = tokio::signal::ctrl_c().await;
}
