//! `services`: what control-plane machines on-prem run, so that services of type LoadBalancer have addresses. Nobody types it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::Value as Json;

use super::gateway::ended;
use crate::base::{Secret, SystemClock, read_own_text};
use crate::cli::error::CliError;
use crate::cli::{Call, Exit};
use crate::kubernetes::{KubernetesClient, KubernetesCredentials, KubernetesSettings, Looked, ServiceAddresses};
use crate::target::http::HttpSettings;
use crate::view::harmless;

/// How often is looked, at least this long after the last look, and so many times as long as that took.
const LOOK_EVERY: Duration = Duration::from_secs(3);
const TIMES: u32 = 20;
/// How often where the network has no addresses, or something does not answer; and at most this long after a slow look, or one
/// slow moment of an API server would keep services waiting for many minutes.
const SELDOM: Duration = Duration::from_secs(30);

/// Arguments of `engine services`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine services /run/engine-services/kubeconfig")]
pub struct Arguments {
    /// Who asks the API server: certificates stand in the file itself
    #[arg(value_name = "KUBECONFIG")]
    kubeconfig: PathBuf,
    /// The network's gateway
    #[arg(long, value_name = "URL", default_value = "http://169.254.169.254")]
    gateway: String,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let refused = |error: &dyn std::fmt::Display| CliError::new(Exit::Environment, error.to_string());
    let api = KubernetesClient::new(settings(&arguments.kubeconfig)?).map_err(|error| refused(&error))?;
    let mut addresses =
        ServiceAddresses::new(api, &arguments.gateway, &SystemClock).map_err(|error| refused(&error))?;
    let ended = ended();
    tokio::pin!(ended);
    let mut told = String::new();
    loop {
        let begun = tokio::time::Instant::now();
        let looked = tokio::select! {
            () = &mut ended => return Ok(Exit::Success),
            looked = addresses.look() => looked,
        };
        let (line, pause) = match looked {
            Ok(Looked::Services(count, lines)) => {
                for line in lines {
                    call.output.note(&format!("services: {}\n", harmless(&line)));
                }
                (format!("{count} of type LoadBalancer"), pause_after(begun.elapsed()))
            }
            Ok(Looked::NoAddresses) => ("the network's gateway has no addresses for them".to_owned(), SELDOM),
            Err(fault) => (fault.message, SELDOM),
        };
        if line != told {
            call.output.note(&format!("services: {}\n", harmless(&line)));
            told = line;
        }
        tokio::select! {
            () = &mut ended => return Ok(Exit::Success),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// How long until the next look, after one that took so long.
fn pause_after(took: Duration) -> Duration {
    took.saturating_mul(TIMES).clamp(LOOK_EVERY, SELDOM)
}

/// The first of each that a kubeconfig of one cluster and one user holds, as `kubeadm kubeconfig user` writes it.
fn settings(path: &Path) -> Result<KubernetesSettings, CliError> {
    let unusable = |what: &str| {
        CliError::new(Exit::Environment, format!("{}: {what}", path.display()))
            .help("it has to hold one cluster and one user with certificates: `kubeadm kubeconfig user` writes one")
    };
    let text = read_own_text(path)?;
    // The reader's own message may quote what it has read.
    let root: Json = serde_saphyr::from_str(&text).map_err(|_| unusable("this is no YAML that can be read"))?;
    let said = |pointer: &str| root.pointer(pointer).and_then(Json::as_str);
    let decoded = |pointer: &str| {
        let bytes = said(pointer).and_then(|text| STANDARD.decode(text).ok())?;
        String::from_utf8(bytes).ok()
    };
    let server = said("/clusters/0/cluster/server").ok_or_else(|| unusable("it names no server"))?.to_owned();
    let authority = decoded("/clusters/0/cluster/certificate-authority-data");
    let certificate = decoded("/users/0/user/client-certificate-data").zip(decoded("/users/0/user/client-key-data"));
    let (certificate, key) = certificate.ok_or_else(|| unusable("its user has no certificate"))?;
    Ok(KubernetesSettings {
        server,
        certificate_authority: Some(authority.ok_or_else(|| unusable("it holds no authority's certificate"))?),
        credentials: KubernetesCredentials::Certificate { certificate, key: Secret::new(key) },
        http: HttpSettings::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_look_is_the_later_the_longer_one_took_but_never_late() {
        let seconds = |took| pause_after(Duration::from_secs_f64(took)).as_secs_f64();
        assert_eq!([0.0, 0.1, 0.25, 1.0, 1.5, 6.0, 90.0].map(seconds), [3.0, 3.0, 5.0, 20.0, 30.0, 30.0, 30.0]);
        assert_eq!(pause_after(Duration::MAX), SELDOM);
    }
}
