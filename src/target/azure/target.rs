//! The target: what the executor asks for, as requests.

use std::sync::Arc;

use reqwest::Method;
use serde_json::Value as Json;

use super::limits::Limits;
use super::operations::observation;
use super::pipeline::Pipeline;
use super::token::{Authority, CachedTokens, ClientSecretGrant, TokenSource};
use super::trace::Trace;
use crate::base::{Clock, Entropy, Secret, SystemClock, SystemEntropy};
use crate::contract::{
    Address, Budget, Charges, Fault, FaultClass, Future, Observation, OperationHandle, Page, Progress, Remaining,
    RequestKind, Support, Target, TargetName,
};
use crate::target::http::{HttpClient, HttpError, HttpSettings, parse_url};

/// Who asks.
#[derive(Clone)]
pub enum Credentials {
    /// An application with a client secret.
    ClientSecret {
        /// The tenant: a GUID or a domain name.
        tenant_id: String,
        /// The application's id.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
    },
    /// Whatever gives tokens for the audience.
    Tokens(Arc<dyn TokenSource>),
}

/// What an [`AzureTarget`] is made of.
#[derive(Clone)]
pub struct AzureSettings {
    /// Azure Resource Manager, such as `https://management.azure.com`; http is for loopback hosts only.
    pub endpoint: String,
    /// Where tokens come from, such as `https://login.microsoftonline.com`. Not used with [`Credentials::Tokens`].
    pub authority: String,
    /// Whom the tokens are for, such as `https://management.azure.com/`.
    pub audience: String,
    /// Who asks.
    pub credentials: Credentials,
    /// Whether the endpoint is the simulator's: then the target says so.
    pub simulated: bool,
    /// How long things take there, as a share of what they take in Azure, and with that how fast its budgets fill. Not 1
    /// with a simulator in a hurry only.
    pub time_scale: f64,
    /// How to connect.
    pub http: HttpSettings,
    /// Tells when a token ends.
    pub clock: Arc<dyn Clock>,
    /// Makes the ids of requests.
    pub entropy: Arc<dyn Entropy>,
    /// Where requests and answers are written, without secrets.
    pub trace: Option<Arc<dyn Trace>>,
}

impl AzureSettings {
    /// Settings with the system's clock and randomness, connecting as is usual.
    pub fn new(endpoint: &str, authority: &str, audience: &str, credentials: Credentials) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            authority: authority.to_owned(),
            audience: audience.to_owned(),
            credentials,
            simulated: false,
            time_scale: 1.0,
            http: HttpSettings::default(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            trace: None,
        }
    }
}

/// Azure, or the simulator.
pub struct AzureTarget {
    pub(super) pipeline: Pipeline,
    simulated: bool,
    time_scale: f64,
}

impl AzureTarget {
    /// A target. Nothing is sent yet.
    pub fn new(settings: AzureSettings) -> Result<Self, HttpError> {
        let (simulated, time_scale) = (settings.simulated, settings.time_scale);
        let pipeline = Pipeline::new(settings)?;
        Ok(Self { pipeline, simulated, time_scale })
    }

    /// The id that ties this target's requests together in Azure's activity log.
    pub fn correlation_id(&self) -> &str {
        &self.pipeline.correlation
    }

    async fn read(&self, address: &Address) -> Result<Option<Observation>, Fault> {
        let answer = self.pipeline.send(Method::GET, &self.pipeline.url_of(address), None, None).await?;
        if !answer.status.is_success() {
            let fault = self.pipeline.fault(&answer);
            return if fault.class == FaultClass::NotFound { Ok(None) } else { Err(fault) };
        }
        match answer.json().filter(Json::is_object) {
            Some(body) => Ok(Some(observation(&answer, body))),
            None => Err(Fault::new(FaultClass::Unavailable, "NoBody", "a read was answered without a resource")),
        }
    }

    async fn write(&self, address: &Address, body: &Json, etag: Option<&str>) -> Result<Progress, Fault> {
        let answer = self.pipeline.send(Method::PUT, &self.pipeline.url_of(address), Some(body), etag).await?;
        if answer.status.is_success() {
            return self.pipeline.after_write(address, answer).await;
        }
        let fault = self.pipeline.fault(&answer);
        if fault.code == "RoleAssignmentExists" {
            return match self.read(address).await? {
                Some(found) if is_same_assignment(&found.body, body) => Ok(Progress::Done(Some(found))),
                _ => Err(fault),
            };
        }
        Err(fault)
    }

    async fn remove(&self, address: &Address) -> Result<Progress, Fault> {
        let answer = self.pipeline.send(Method::DELETE, &self.pipeline.url_of(address), None, None).await?;
        if answer.status.is_success() {
            return self.pipeline.after_delete(address, answer);
        }
        let fault = self.pipeline.fault(&answer);
        if fault.class == FaultClass::NotFound { Ok(Progress::Done(None)) } else { Err(fault) }
    }
}

/// Whether an assignment that exists gives the same role to the same principal. Ids of role definitions come back
/// with or without the subscription in front, and in another case.
fn is_same_assignment(found: &Json, wanted: &Json) -> bool {
    let text = |body: &Json, name: &str| {
        body.pointer(&format!("/properties/{name}")).and_then(Json::as_str).unwrap_or_default().to_ascii_lowercase()
    };
    let role = |body: &Json| text(body, "roleDefinitionId").rsplit('/').next().unwrap_or_default().to_owned();
    let (principal, wanted_role) = (text(wanted, "principalId"), role(wanted));
    !principal.is_empty() && principal == text(found, "principalId") && wanted_role == role(found)
}

impl Pipeline {
    /// The way to a place as a principal. Nothing is sent yet.
    pub(super) fn new(settings: AzureSettings) -> Result<Self, HttpError> {
        let AzureSettings { endpoint, authority, audience, credentials, http, clock, entropy, trace, .. } = settings;
        let tokens: Arc<dyn TokenSource> = match credentials {
            Credentials::Tokens(tokens) => tokens,
            Credentials::ClientSecret { tenant_id, client_id, client_secret } => {
                let authority = Authority::entra(&authority, &tenant_id, &audience)?;
                let grant = ClientSecretGrant::new(&http, authority, &client_id, client_secret, Arc::clone(&clock))?;
                Arc::new(CachedTokens::new(grant, Arc::clone(&clock)))
            }
        };
        let correlation = entropy.uuid().to_string();
        Ok(Self {
            http: HttpClient::new(&http)?,
            endpoint: parse_url(&endpoint)?,
            tokens,
            clock,
            entropy,
            correlation,
            limits: Limits::default(),
            trace,
            concealed: std::sync::Mutex::default(),
        })
    }
}

impl Target for AzureTarget {
    fn name(&self) -> TargetName {
        if self.simulated { TargetName::Simulator } else { TargetName::Azure }
    }

    fn supports(&self, _: &str, _: &str) -> Support {
        // Every type is Azure's own; which of them a region offers is asked before a deployment, not here.
        Support::Yes
    }

    fn observe<'a>(&'a self, address: &'a Address) -> Future<'a, Result<Option<Observation>, Fault>> {
        Box::pin(self.read(address))
    }

    fn normalise(&self, _: &Address, body: Json) -> Json {
        super::spelling::normalise(body)
    }

    fn apply<'a>(
        &'a self,
        address: &'a Address,
        body: &'a Json,
        etag: Option<&'a str>,
    ) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(self.write(address, body, etag))
    }

    fn delete<'a>(&'a self, address: &'a Address) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(self.remove(address))
    }

    fn budgets(&self) -> Vec<Budget> {
        super::budgets::budgets(self.time_scale)
    }

    fn charges(&self, kind: RequestKind, resource_type: &str) -> Charges {
        super::budgets::charges(kind, resource_type)
    }

    fn conceal(&self, secrets: Vec<Secret>) {
        self.pipeline.conceal(secrets);
    }

    fn remaining(&self) -> Vec<Remaining> {
        self.pipeline.limits.all()
    }

    fn tells_by_reading(&self) -> bool {
        true
    }

    fn can_list(&self) -> bool {
        true
    }

    fn list<'a>(&'a self, member: &'a Address, next: Option<&'a str>) -> Future<'a, Result<Page, Fault>> {
        Box::pin(self.read_page(member, next))
    }

    fn poll<'a>(&'a self, operation: &'a OperationHandle) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(self.pipeline.ask(operation))
    }
}
