//! Which credentials to sign in with: flags first, then the environment, as the Azure SDKs and aks-engine have it.
//!
//! Sources: aks-engine's `--auth-method`, `--client-id`, `--client-secret`, `--certificate-path`, `--private-key-path`,
//! `--identity-system`; learn.microsoft.com, "Credential chains in the Azure Identity library" and
//! "EnvironmentCredential"; Azure DevOps' AzureCLI@2 (`AZURESUBSCRIPTION_…`); read 2026-11-25.

use std::path::PathBuf;
use std::sync::Arc;

use super::{
    ARC_KEYS, AssertionGrant, Authority, AzureCliGrant, AzurePipelines, CachedTokens, CertificateAssertions,
    CertificateError, ClientCertificate, ClientSecretGrant, FederatedFile, GithubActions, METADATA_SERVICE,
    ManagedIdentityGrant, ManagedService, Signing, TokenGrant, TokenSource,
};
use crate::base::{Clock, Entropy, Environment, Secret};
use crate::target::http::{HttpError, HttpSettings};

/// How to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// A client secret.
    ClientSecret,
    /// A client certificate.
    ClientCertificate,
    /// The Azure CLI.
    Cli,
    /// A token file that somebody keeps fresh.
    WorkloadIdentity,
    /// A service connection of Azure Pipelines.
    AzurePipelines,
    /// A workflow of GitHub.
    GithubActions,
    /// The identity of this machine.
    ManagedIdentity,
}

impl AuthMethod {
    /// All of them; the first three are aks-engine's.
    pub const ALL: [Self; 7] = [
        Self::ClientSecret,
        Self::ClientCertificate,
        Self::Cli,
        Self::WorkloadIdentity,
        Self::AzurePipelines,
        Self::GithubActions,
        Self::ManagedIdentity,
    ];

    /// The word of `--auth-method`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret",
            Self::ClientCertificate => "client_certificate",
            Self::Cli => "cli",
            Self::WorkloadIdentity => "workload_identity",
            Self::AzurePipelines => "azure_pipelines",
            Self::GithubActions => "github_actions",
            Self::ManagedIdentity => "managed_identity",
        }
    }

    /// The method of a word, hyphens for underscores allowed.
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.replace('-', "_");
        Self::ALL.into_iter().find(|method| method.word().eq_ignore_ascii_case(&word))
    }
}

/// Who knows the principals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IdentitySystem {
    /// Microsoft Entra ID, once Azure Active Directory.
    #[default]
    AzureAd,
    /// AD FS, on disconnected Azure Stack Hubs.
    Adfs,
}

impl IdentitySystem {
    /// The system of a word of `--identity-system`.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().replace('-', "_").as_str() {
            "azure_ad" => Some(Self::AzureAd),
            "adfs" => Some(Self::Adfs),
            _ => None,
        }
    }
}

/// What is known about signing in.
#[derive(Debug, Clone, Default)]
pub struct SignIn {
    /// How, if it is said.
    pub method: Option<AuthMethod>,
    /// Who knows the principals.
    pub identity_system: IdentitySystem,
    /// Where tokens come from, such as `https://login.microsoftonline.com`.
    pub authority: String,
    /// Whom the tokens are for.
    pub audience: String,
    /// The tenant.
    pub tenant_id: Option<String>,
    /// The application, or the one of several identities of the machine.
    pub client_id: Option<String>,
    /// The application's secret.
    pub client_secret: Option<Secret>,
    /// Its certificate, PEM or PFX.
    pub certificate: Option<PathBuf>,
    /// The certificate's key, where it is in a file of its own.
    pub private_key: Option<PathBuf>,
    /// What opens the PFX.
    pub certificate_password: Option<Secret>,
    /// Whether the certificate's chain is sent along.
    pub send_chain: bool,
}

/// Why nobody can be signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Something that the method needs is not there.
    #[error("signing in to Azure by {} needs {what}", method.word())]
    Missing {
        /// The method.
        method: AuthMethod,
        /// What is missing: `--client-id`.
        what: &'static str,
        /// Where it may be given otherwise: `AZURE_CLIENT_ID`.
        variable: &'static str,
    },
    /// A word in the environment has no meaning.
    #[error("{variable} is `{value}`")]
    Word {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// No client can be made.
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl SignInError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Missing { what, variable, .. } => Some(format!("give {what} or set {variable}")),
            Self::Word { .. } => Some(format!("the methods are {}", AuthMethod::ALL.map(AuthMethod::word).join(", "))),
            Self::Certificate(_) | Self::Http(_) => None,
        }
    }
}

/// What was chosen.
pub struct Chosen {
    /// How people are told.
    pub method: AuthMethod,
    /// Where tokens come from.
    pub tokens: Arc<dyn TokenSource>,
}

impl SignIn {
    /// What the flags left open, from the environment.
    #[must_use]
    pub fn with_environment(mut self, environment: &Environment) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| environment.get(name)).map(str::to_owned);
        let fill = |field: &mut Option<String>, names: &[&str]| *field = field.take().or_else(|| first(names));
        fill(&mut self.tenant_id, &["AZURE_TENANT_ID", "AZURESUBSCRIPTION_TENANT_ID"]);
        fill(&mut self.client_id, &["AZURE_CLIENT_ID", "AZURESUBSCRIPTION_CLIENT_ID"]);
        let secret = |names: &[&str]| first(names).map(Secret::new);
        self.client_secret = self.client_secret.or_else(|| secret(&["AZURE_CLIENT_SECRET"]));
        self.certificate = self.certificate.or_else(|| first(&["AZURE_CLIENT_CERTIFICATE_PATH"]).map(PathBuf::from));
        self.certificate_password =
            self.certificate_password.or_else(|| secret(&["AZURE_CLIENT_CERTIFICATE_PASSWORD"]));
        self.send_chain |= environment
            .get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN")
            .is_some_and(|word| word == "1" || word.eq_ignore_ascii_case("true"));
        if let Some(host) = environment.get("AZURE_AUTHORITY_HOST") {
            host.trim_end_matches('/').clone_into(&mut self.authority);
        }
        self
    }

    /// The method: as said, or the one whose material is at hand, the most particular first.
    ///
    /// # Errors
    /// `ENGINE_AUTH_METHOD` is no method.
    pub fn method(&self, environment: &Environment) -> Result<AuthMethod, SignInError> {
        if let Some(method) = self.method {
            return Ok(method);
        }
        if let Some(word) = environment.get("ENGINE_AUTH_METHOD") {
            let unknown = || SignInError::Word { variable: "ENGINE_AUTH_METHOD", value: word.to_owned() };
            return AuthMethod::from_word(word).ok_or_else(unknown);
        }
        let has = |name: &str| environment.get(name).is_some();
        Ok(if self.certificate.is_some() {
            AuthMethod::ClientCertificate
        } else if self.client_secret.is_some() {
            AuthMethod::ClientSecret
        } else if has("AZURE_FEDERATED_TOKEN_FILE") {
            AuthMethod::WorkloadIdentity
        } else if has("SYSTEM_OIDCREQUESTURI") && has("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID") {
            AuthMethod::AzurePipelines
        } else if has("ACTIONS_ID_TOKEN_REQUEST_URL") && self.client_id.is_some() {
            AuthMethod::GithubActions
        } else if has("IDENTITY_ENDPOINT") {
            AuthMethod::ManagedIdentity
        } else if self.client_id.is_some() {
            // An application without a proof: say what is missing, rather than sign in as somebody else.
            AuthMethod::ClientSecret
        } else {
            AuthMethod::Cli
        })
    }

    /// Where tokens come from.
    ///
    /// # Errors
    /// Something that the method needs is missing or cannot be read.
    pub fn choose(
        self,
        environment: &Environment,
        http: &HttpSettings,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Chosen, SignInError> {
        let this = self.with_environment(environment);
        let method = this.method(environment)?;
        let tokens = match method {
            AuthMethod::Cli => {
                let tenant = this.tenant_id.filter(|_| this.identity_system == IdentitySystem::AzureAd);
                cached(AzureCliGrant::new(&this.audience, tenant, Arc::clone(clock)), clock)
            }
            AuthMethod::ManagedIdentity => {
                let service = managed_service(environment);
                cached(
                    ManagedIdentityGrant::new(http, service, &this.audience, this.client_id, Arc::clone(clock))?,
                    clock,
                )
            }
            _ => this.application(method, environment, http, clock, entropy)?,
        };
        Ok(Chosen { method, tokens })
    }

    fn application(
        self,
        method: AuthMethod,
        environment: &Environment,
        http: &HttpSettings,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Arc<dyn TokenSource>, SignInError> {
        let missing = |what, variable| SignInError::Missing { method, what, variable };
        let given = |name: &'static str| environment.get(name).ok_or_else(|| missing(name, name));
        let client_id = self.client_id.ok_or_else(|| missing("--client-id", "AZURE_CLIENT_ID"))?;
        let authority = match self.identity_system {
            IdentitySystem::Adfs => Authority::adfs(&self.authority, &self.audience)?,
            IdentitySystem::AzureAd => {
                let tenant = self.tenant_id.ok_or_else(|| missing("--tenant-id", "AZURE_TENANT_ID"))?;
                Authority::entra(&self.authority, &tenant, &self.audience)?
            }
        };
        let grant = |source: Box<dyn super::AssertionSource>| {
            AssertionGrant::new(http, authority.clone(), &client_id, source, Arc::clone(clock))
        };
        Ok(match method {
            AuthMethod::ClientCertificate => {
                let path =
                    self.certificate.ok_or_else(|| missing("--certificate-path", "AZURE_CLIENT_CERTIFICATE_PATH"))?;
                let password = self.certificate_password.as_ref();
                let certificate = ClientCertificate::read(&path, self.private_key.as_deref(), password)?;
                let signing = match self.identity_system {
                    IdentitySystem::AzureAd => Signing::Ps256,
                    IdentitySystem::Adfs => Signing::Rs256,
                };
                let (clock, entropy) = (Arc::clone(clock), Arc::clone(entropy));
                let with_chain = self.send_chain;
                let source =
                    CertificateAssertions { certificate, signing, with_chain, clock: Arc::clone(&clock), entropy };
                cached(grant(Box::new(source))?, &clock)
            }
            AuthMethod::WorkloadIdentity => {
                let file = FederatedFile(PathBuf::from(given("AZURE_FEDERATED_TOKEN_FILE")?));
                cached(grant(Box::new(file))?, clock)
            }
            AuthMethod::AzurePipelines => {
                let connection = given("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID")?;
                let token = Secret::new(given("SYSTEM_ACCESSTOKEN")?);
                let source = AzurePipelines::new(http, given("SYSTEM_OIDCREQUESTURI")?, connection, token)?;
                cached(grant(Box::new(source))?, clock)
            }
            AuthMethod::GithubActions => {
                let token = Secret::new(given("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?);
                let source = GithubActions::new(http, given("ACTIONS_ID_TOKEN_REQUEST_URL")?, token)?;
                cached(grant(Box::new(source))?, clock)
            }
            AuthMethod::ClientSecret | AuthMethod::Cli | AuthMethod::ManagedIdentity => {
                let secret = self.client_secret.ok_or_else(|| missing("--client-secret", "AZURE_CLIENT_SECRET"))?;
                cached(ClientSecretGrant::new(http, authority, &client_id, secret, Arc::clone(clock))?, clock)
            }
        })
    }
}

fn cached(grant: impl TokenGrant + 'static, clock: &Arc<dyn Clock>) -> Arc<dyn TokenSource> {
    Arc::new(CachedTokens::new(grant, Arc::clone(clock)))
}

/// By what the platform sets, the service that is there.
fn managed_service(environment: &Environment) -> ManagedService {
    match (environment.get("IDENTITY_ENDPOINT"), environment.get("IDENTITY_HEADER"), environment.get("IMDS_ENDPOINT")) {
        (Some(endpoint), Some(header), _) => {
            ManagedService::AppService { endpoint: endpoint.to_owned(), header: Secret::new(header) }
        }
        (Some(endpoint), None, Some(_)) => {
            ManagedService::Arc { endpoint: endpoint.to_owned(), keys: PathBuf::from(ARC_KEYS) }
        }
        _ => {
            let host = environment.get("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or(METADATA_SERVICE);
            ManagedService::Machine(host.trim_end_matches('/').to_owned())
        }
    }
}
