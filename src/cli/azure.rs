//! From options and environment to a way to Azure: which cloud, which root certificates, which proxy, signed in as whom.

use std::path::Path;
use std::sync::Arc;

use super::error::CliError;
use super::options::TargetOptions;
use super::{Call, Exit};
use crate::base::{Clock, Entropy, SystemClock, SystemEntropy, read_text};
use crate::catalog::Cloud;
use crate::contract::KeyVaults;
use crate::target::azure::{
    AzureSettings, CloudVaults, Credentials, Endpoints, IdentitySystem, JsonLines, KeyVaultReader, SignIn, SignInError,
    Trace,
};
use crate::target::http::HttpSettings;

/// A way to Azure.
pub struct Access {
    /// The settings of a target or client.
    pub settings: AzureSettings,
    /// The tenant.
    pub tenant_id: String,
    /// The subscription.
    pub subscription_id: String,
    /// Reads secrets that lie in key vaults, signed in as the same.
    pub vaults: Arc<dyn KeyVaults>,
}

/// A way to Azure.
///
/// # Errors
/// Something that is needed and not given; a file that cannot be read; a cloud that does not tell where to sign in.
pub async fn access(call: &Call, options: &TargetOptions, cloud: Cloud) -> Result<Access, CliError> {
    let given = |option: &Option<String>, name: &str, flag: &str| {
        option.clone().or_else(|| call.environment.get(name).map(str::to_owned)).ok_or_else(|| {
            CliError::new(Exit::Authentication, format!("signing in to Azure needs {flag}"))
                .help(format!("give {flag} or set {name}"))
        })
    };
    let http = http(call, options)?;
    let subscription_id = given(&options.subscription_id, "AZURE_SUBSCRIPTION_ID", "--subscription-id")?;
    let endpoints = endpoints(call, options, cloud, &http).await?;
    let identity_system = options.identity_system.unwrap_or(endpoints.identity_system);
    let tenant_id = match identity_system {
        // AD FS has one tenant without a name; by this word the engines before called it.
        IdentitySystem::Adfs => options.tenant_id.clone().unwrap_or_else(|| "adfs".to_owned()),
        IdentitySystem::AzureAd => given(&options.tenant_id, "AZURE_TENANT_ID", "--tenant-id")?,
    };
    let sign_in = SignIn {
        method: options.auth_method,
        identity_system,
        authority: endpoints.authority.clone(),
        audience: endpoints.audience.clone(),
        tenant_id: Some(tenant_id.clone()),
        client_id: options.client_id.clone(),
        client_secret: options.client_secret.clone(),
        certificate: options.certificate_path.clone(),
        private_key: options.private_key_path.clone(),
        ..SignIn::default()
    };
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let of_cloud = CloudVaults::of(options.azure_env.unwrap_or(cloud), &endpoints);
    let for_vaults = SignIn { audience: of_cloud.audience.clone(), ..sign_in.clone() };
    let choose = |sign_in: SignIn| {
        let chosen = sign_in.choose(&call.environment, &http, &clock, &entropy).map_err(|error| unable(&error))?;
        Ok::<_, CliError>(chosen.tokens)
    };
    let vaults = KeyVaultReader::of_cloud(&http, &of_cloud, choose(for_vaults)?, Arc::clone(&clock))
        .map_err(|error| CliError::new(Exit::Environment, error.to_string()))?;
    let credentials = Credentials::Tokens(choose(sign_in)?);
    let mut settings =
        AzureSettings::new(&endpoints.resource_manager, &endpoints.authority, &endpoints.audience, credentials);
    settings.http = http;
    settings.trace = options.trace.as_deref().map(trace).transpose()?;
    Ok(Access { settings, tenant_id, subscription_id, vaults: Arc::new(vaults) })
}

fn unable(error: &SignInError) -> CliError {
    let this = CliError::new(Exit::Authentication, error.to_string());
    match error.help() {
        Some(help) => this.help(help),
        None => this,
    }
}

/// Proxies by the environment, root certificates by flag or by a variable that Azure's or Python's tools know.
fn http(call: &Call, options: &TargetOptions) -> Result<HttpSettings, CliError> {
    let mut http = HttpSettings::default().with_environment(&call.environment);
    let variables = ["AZURE_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"];
    let by_variable = || variables.iter().find_map(|name| call.environment.get(name)).map(Path::new);
    if let Some(path) = options.ca_bundle.as_deref().or_else(by_variable) {
        http.root_certificates.push(read_text(path)?);
    }
    Ok(http)
}

async fn endpoints(
    call: &Call,
    options: &TargetOptions,
    cloud: Cloud,
    http: &HttpSettings,
) -> Result<Endpoints, CliError> {
    let address = options.resource_manager.as_deref().or_else(|| call.environment.get("AZURE_RESOURCE_MANAGER"));
    if let Some(address) = address {
        return Ok(Endpoints::discover(http, address).await?);
    }
    let facts = options.azure_env.unwrap_or(cloud).facts();
    if facts.resource_manager.is_empty() {
        return Err(CliError::usage(format!("{} has an address of its own", facts.environment))
            .help("give --resource-manager, such as https://management.local.azurestack.external"));
    }
    Ok(Endpoints {
        resource_manager: facts.resource_manager.to_owned(),
        authority: facts.login_authority.to_owned(),
        audience: facts.audience.to_owned(),
        identity_system: IdentitySystem::AzureAd,
    })
}

/// A file that only its owner reads: there is no secret in it, but there are names and addresses.
pub fn trace(path: &Path) -> Result<Arc<dyn Trace>, CliError> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options
        .open(path)
        .map_err(|error| CliError::new(Exit::Environment, format!("{} cannot be written: {error}", path.display())))?;
    Ok(Arc::new(JsonLines::new(file)))
}
