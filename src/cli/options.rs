//! Options that several verbs share. Names and letters are aks-engine's.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::base::Secret;
use crate::catalog::Cloud;
use crate::contract::TargetName;
use crate::state::remote::Address;
use crate::target::azure::{AuthMethod, IdentitySystem};

/// Which API model, and what the command line says beside it.
#[derive(Debug, Clone, Args)]
pub struct ModelOptions {
    /// The API model (also `-m`)
    #[arg(value_name = "MODEL", conflicts_with = "api_model")]
    pub positional: Option<PathBuf>,
    /// The API model
    #[arg(short = 'm', long, value_name = "FILE")]
    pub api_model: Option<PathBuf>,
    /// Sets values of the model: `path=value[,path=value]`, relative to `properties`; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// The location; must be the model's, if that names one
    #[arg(short = 'l', long, value_name = "LOCATION")]
    pub location: Option<String>,
    /// The DNS prefix, if the model names none
    #[arg(short = 'p', long, value_name = "PREFIX")]
    pub dns_prefix: Option<String>,
    /// Takes the model's warnings for errors
    #[arg(long)]
    pub strict: bool,
    /// What is put behind the DNS prefix.
    #[arg(skip)]
    pub dns_suffix: Option<String>,
}

impl ModelOptions {
    /// The path of the model, wherever it was given.
    pub fn path(&self) -> Option<&PathBuf> {
        // `-m` may be a setting, which gives way to what is said.
        self.positional.as_ref().or(self.api_model.as_ref())
    }
}

/// Where the cluster's folder is, and its resource group.
#[derive(Debug, Clone, Args)]
pub struct PlaceOptions {
    /// The cluster's folder; without it, `_output/<DNS prefix>`
    #[arg(short = 'o', long, alias = "deployment-dir", value_name = "FOLDER")]
    pub output_directory: Option<PathBuf>,
    /// The resource group; without it, the DNS prefix
    #[arg(short = 'g', long, value_name = "NAME")]
    pub resource_group: Option<String>,
    #[command(flatten)]
    pub state: StateOptions,
}

/// Where the state is kept, if not in the cluster's folder.
#[derive(Debug, Clone, Default, Args)]
pub struct StateOptions {
    /// Where the state is kept, if not in the cluster's folder: azblob://ACCOUNT/CONTAINER/PREFIX, s3://BUCKET/PREFIX or
    /// gs://BUCKET/PREFIX [env: ENGINE_STATE]
    #[arg(long, value_name = "URL", value_parser = state_address)]
    pub state: Option<Address>,
    /// The file with the key that encrypts the state there: 32 bytes in base64. Without it, the passphrase in
    /// ENGINE_STATE_PASSPHRASE [env: ENGINE_STATE_KEY]
    #[arg(long, value_name = "FILE")]
    pub state_key: Option<PathBuf>,
}

/// Which folder of a cluster that exists.
#[derive(Debug, Clone, Default, Args)]
pub struct ExistingOptions {
    /// The cluster's `apimodel.json`, or the folder it lies in
    #[arg(value_name = "CLUSTER", conflicts_with_all = ["api_model", "output_directory"])]
    pub positional: Option<PathBuf>,
    /// The cluster's `apimodel.json`
    #[arg(short = 'm', long, value_name = "FILE")]
    pub api_model: Option<PathBuf>,
    /// The cluster's folder
    #[arg(short = 'o', long, alias = "deployment-dir", value_name = "FOLDER")]
    pub output_directory: Option<PathBuf>,
    /// The resource group: it finds the cluster, also one whose state its tag tells; with a folder it is a check
    #[arg(short = 'g', long, value_name = "NAME")]
    pub resource_group: Option<String>,
    /// The location, as a check: it must be the cluster's
    #[arg(short = 'l', long, value_name = "LOCATION")]
    pub location: Option<String>,
    #[command(flatten)]
    pub state: StateOptions,
}

/// Which cluster's state, for verbs whose first word is something else.
#[derive(Debug, Clone, Args)]
pub struct StatePlaceOptions {
    /// The cluster's folder
    #[arg(short = 'o', long, alias = "deployment-dir", value_name = "FOLDER")]
    pub output_directory: Option<PathBuf>,
    /// The resource group of the cluster
    #[arg(short = 'g', long, value_name = "NAME")]
    pub resource_group: Option<String>,
    #[command(flatten)]
    pub state: StateOptions,
}

impl From<&StatePlaceOptions> for ExistingOptions {
    fn from(options: &StatePlaceOptions) -> Self {
        Self {
            output_directory: options.output_directory.clone(),
            resource_group: options.resource_group.clone(),
            state: options.state.clone(),
            ..Self::default()
        }
    }
}

/// The service principal that a model without one gets.
#[derive(Debug, Clone, Default)]
pub struct ServicePrincipalOptions {
    /// Its application id.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<Secret>,
}

impl From<&TargetOptions> for ServicePrincipalOptions {
    fn from(target: &TargetOptions) -> Self {
        Self { client_id: target.client_id.clone(), client_secret: target.client_secret.clone() }
    }
}

/// The form of an answer, as `-o` of aks-engine's small verbs has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    Human,
    /// Data, as `--json` gives it
    Json,
}

/// Where resources are made, and as whom.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Target")]
pub struct TargetOptions {
    /// Where: azure, stack, libvirt or simulator [env: ENGINE_TARGET]
    #[arg(long, value_name = "TARGET", value_parser = target_name)]
    pub target: Option<TargetName>,
    /// How long things take on the simulator, as a share of what they take in Azure
    #[arg(long, value_name = "FACTOR", value_parser = time_scale, default_value_t = crate::server::DEFAULT_TIME_SCALE)]
    pub time_scale: f64,
    /// The folder of the simulator; without it, `simulator` in the cluster's folder
    #[arg(long, value_name = "FOLDER")]
    pub simulator: Option<PathBuf>,
    /// What goes wrong on the simulator, by a file (docs/faults.md)
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// The libvirt that machines are made by, such as qemu+ssh://host/system; without it, qemu:///system [env: LIBVIRT_DEFAULT_URI]
    #[arg(long, value_name = "URI")]
    pub connect: Option<String>,
    /// Where gateways of libvirt's networks run as processes of this host, for tests; without it, each network has a machine
    /// for a gateway
    #[arg(long, value_name = "FOLDER")]
    pub gateways: Option<PathBuf>,
    /// Which Azure, as a check: the model's location must belong to it
    #[arg(long, value_name = "NAME", value_parser = azure_environment)]
    pub azure_env: Option<Cloud>,
    /// The subscription [env: AZURE_SUBSCRIPTION_ID]
    #[arg(short = 's', long, value_name = "ID")]
    pub subscription_id: Option<String>,
    /// The tenant [env: AZURE_TENANT_ID]
    #[arg(long, value_name = "ID")]
    pub tenant_id: Option<String>,
    /// The application to sign in as [env: AZURE_CLIENT_ID]
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// Its secret; better given by the environment, where other processes do not see it [env: AZURE_CLIENT_SECRET]
    #[arg(long, value_name = "SECRET", value_parser = secret)]
    pub client_secret: Option<Secret>,
    /// How to sign in; without it, by what is given [env: ENGINE_AUTH_METHOD]
    #[arg(long, value_name = "METHOD", value_parser = auth_method)]
    pub auth_method: Option<AuthMethod>,
    /// The application's certificate, PEM or PFX [env: AZURE_CLIENT_CERTIFICATE_PATH]
    #[arg(long, value_name = "FILE")]
    pub certificate_path: Option<PathBuf>,
    /// The certificate's key, where it is in a file of its own
    #[arg(long, value_name = "FILE")]
    pub private_key_path: Option<PathBuf>,
    /// Who knows the application: azure_ad or adfs; without it, what the cloud tells
    #[arg(long, value_name = "SYSTEM", value_parser = identity_system)]
    pub identity_system: Option<IdentitySystem>,
    /// The cloud's Azure Resource Manager, for clouds that are not known by name [env: AZURE_RESOURCE_MANAGER]
    #[arg(long, value_name = "URL")]
    pub resource_manager: Option<String>,
    /// Root certificates of the cloud or of a proxy, besides the system's, in PEM [env: AZURE_CA_BUNDLE]
    #[arg(long, value_name = "FILE")]
    pub ca_bundle: Option<PathBuf>,
    /// Writes each request to the cloud with its answer, without secrets, to a file
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
}

impl TargetOptions {
    /// A target, and nothing else said.
    pub fn of(target: TargetName) -> Self {
        Self {
            target: Some(target),
            time_scale: crate::server::DEFAULT_TIME_SCALE,
            simulator: None,
            faults: None,
            connect: None,
            gateways: None,
            azure_env: None,
            subscription_id: None,
            tenant_id: None,
            client_id: None,
            client_secret: None,
            auth_method: None,
            certificate_path: None,
            private_key_path: None,
            identity_system: None,
            resource_manager: None,
            ca_bundle: None,
            trace: None,
        }
    }
}

/// The value of `--state`.
pub fn state_address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error: crate::state::StateError| format!("{error}; {}", error.help()))
}

/// The value of `--auth-method`.
pub fn auth_method(word: &str) -> Result<AuthMethod, String> {
    let words = || AuthMethod::ALL.map(AuthMethod::word).join(", ");
    AuthMethod::from_word(word).ok_or_else(|| format!("the methods are {}", words()))
}

/// The value of `--identity-system`.
pub fn identity_system(word: &str) -> Result<IdentitySystem, String> {
    IdentitySystem::from_word(word).ok_or_else(|| "the systems are azure_ad, adfs".to_owned())
}

/// The value of `--target`.
pub fn target_name(word: &str) -> Result<TargetName, String> {
    TargetName::from_word(word).ok_or_else(|| format!("the targets are {}", target_words()))
}

/// The targets' words, for messages.
pub fn target_words() -> String {
    TargetName::ALL.map(TargetName::word).join(", ")
}

/// The value of `--azure-env`.
pub fn azure_environment(name: &str) -> Result<Cloud, String> {
    Cloud::from_environment(name).ok_or_else(|| format!("the environments are {}", azure_environments()))
}

/// The names of `--azure-env`, for messages.
pub fn azure_environments() -> String {
    Cloud::ALL.map(|cloud| cloud.facts().environment).join(", ")
}

/// The value of `--time-scale`.
pub fn time_scale(text: &str) -> Result<f64, String> {
    let scale: f64 = text.parse().map_err(|_| "a number from 0 to 10 is needed".to_owned())?;
    if (0.0..=10.0).contains(&scale) { Ok(scale) } else { Err("a number from 0 to 10 is needed".to_owned()) }
}

/// The value of `--client-secret`.
#[expect(clippy::unnecessary_wraps, reason = "the form of a value parser")]
pub fn secret(text: &str) -> Result<Secret, String> {
    Ok(Secret::new(text))
}
