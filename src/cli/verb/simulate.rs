//! `simulate`: the simulator on its own, until it is interrupted.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::{Call, Exit, faults};
use crate::server::{Limiting, Simulator, SimulatorSettings};

/// Arguments of `engine simulate`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    engine simulate _output/quickstart/simulator --listen 127.0.0.1:0\n  \
    engine simulate _output/quickstart/simulator --limits azure --virtual-clock\n  \
    (in another terminal) engine deploy apimodels/quickstart.json --target simulator")]
pub struct Arguments {
    /// The folder in which it keeps everything
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Where it listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How long things take, as a share of what they take in Azure: 0.02 if nothing is said, 1 with a virtual clock
    #[arg(long, value_name = "FACTOR")]
    time_scale: Option<f64>,
    /// What goes wrong, by a file (docs/faults.md)
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Whether requests beyond a limit are refused, as Azure does with 429
    #[arg(long, value_name = "WHOSE", value_enum, default_value_t = Limits::None)]
    limits: Limits,
    /// Lets time stand still while a request is in flight, and move on at once when there is nothing to do
    #[arg(long)]
    virtual_clock: bool,
}

/// Whose limits are kept.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Limits {
    /// Nobody's: responses tell Azure's, and nothing is refused
    None,
    /// Azure's, as they are documented
    Azure,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let plan = faults::read(arguments.faults.as_deref())?;
    let usual = if arguments.virtual_clock { 1.0 } else { crate::server::DEFAULT_TIME_SCALE };
    let settings = SimulatorSettings::new(arguments.folder.clone()).time_scale(arguments.time_scale.unwrap_or(usual));
    let mut settings = settings.faults(plan.clone());
    settings.virtual_clock = arguments.virtual_clock;
    settings.limiting = match arguments.limits {
        Limits::None => Limiting::Told,
        Limits::Azure => Limiting::Azure,
    };
    settings.listen = arguments.listen;
    let simulator =
        Simulator::start(settings).await.map_err(|error| CliError::new(Exit::Environment, error.to_string()))?;
    let credentials = simulator.credentials();
    let file = arguments.folder.join("simulator.json");
    let style = call.output.style;
    call.output.text(&format!("{} on {}\n\n", style.strong("SIMULATED Azure"), simulator.arm_url()));
    for (name, value) in [
        ("subscription", credentials.subscription_id.as_str()),
        ("tenant", &credentials.tenant_id),
        ("client id", &credentials.client_id),
        ("client secret", &format!("in {}", file.display())),
        ("Kubernetes", &simulator.kubernetes_url("<resource group>")),
        ("over TLS", &simulator.tls_url()),
        ("to trust", &arguments.folder.join("simulator-ca.crt").display().to_string()),
    ] {
        call.output.text(&format!("  {name:<14} {value}\n"));
    }
    if !plan.rules.is_empty() {
        call.output.text(&format!("  {:<14} {} rules\n", "faults", plan.rules.len()));
    }
    call.output.text("\nCtrl-C stops it; what it holds stays in its folder.\n");
    call.output.data(&json!({
        "format": 1,
        "url": simulator.arm_url(),
        "tlsUrl": simulator.tls_url(),
        "certificateAuthority": arguments.folder.join("simulator-ca.crt").display().to_string(),
        "subscriptionId": credentials.subscription_id,
        "tenantId": credentials.tenant_id,
        "clientId": credentials.client_id,
        "credentials": file.display().to_string(),
    }));
    let _ = tokio::signal::ctrl_c().await;
    faults::tell(call, &plan, &simulator);
    simulator.shutdown().await;
    Ok(Exit::Success)
}
