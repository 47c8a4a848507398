//! From options to a connection: the simulator is started or found, Azure is signed in to.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::azure::{self, Access};
use super::error::CliError;
use super::options::TargetOptions;
use super::{Call, Exit, faults};
use crate::base::{Clock, Secret, SystemClock, SystemEntropy, SystemTimer, Timer};
use crate::catalog::Cloud;
use crate::cluster::{Definition, Session};
use crate::contract::{Action, FaultClass, KeyVaults, Target, TargetName};
use crate::execute::Settings;
use crate::graph::Scope;
use crate::kubernetes::{KubernetesClient, KubernetesCredentials, KubernetesSettings, MemberActions, MemberSettings};
use crate::model::Cluster;
use crate::pki::KeyMaterial;
use crate::server::{FaultPlan, RunningSimulator, Simulator, SimulatorSettings, follow, simulated_time};
use crate::target::azure::{
    ArmClient, Authority, AzureSettings, AzureTarget, CachedTokens, ClientSecretGrant, Credentials, KeyVaultReader,
    Patience, TokenSource as _, Trace, register,
};
use crate::target::http::HttpSettings;

/// What a connection has to know of the cluster.
pub struct Wanted<'a> {
    /// Which target.
    pub target: TargetName,
    /// The cluster's folder.
    pub folder: &'a Path,
    /// Which Azure.
    pub cloud: Cloud,
    /// The resource group.
    pub resource_group: String,
    /// The location.
    pub location: String,
    /// The cluster as its model has it, where there is one.
    #[cfg_attr(not(feature = "libvirt"), expect(dead_code, reason = "only the target libvirt asks for it"))]
    pub cluster: Option<&'a Cluster>,
    /// The cluster's keys and the address of its API server.
    pub keys: Option<(&'a KeyMaterial, String)>,
    /// Whether the cluster is only looked at: then a host that does not answer keeps nobody from what is on the others.
    #[cfg_attr(not(feature = "libvirt"), expect(dead_code, reason = "only the target libvirt asks for it"))]
    pub only_looks: bool,
}

impl<'a> Wanted<'a> {
    /// For work on a cluster that is defined.
    pub fn cluster(definition: &'a Definition, target: TargetName, resource_group: String) -> Self {
        let cluster = &definition.cluster;
        Self {
            target,
            folder: definition.store.folder(),
            cloud: cluster.cloud,
            resource_group,
            location: cluster.location.clone(),
            cluster: Some(cluster),
            keys: Some((&definition.keys, definition.server())),
            only_looks: false,
        }
    }

    /// For a resource group of which no model tells anything.
    pub fn group(target: TargetName, folder: &'a Path, cloud: Cloud, resource_group: String, location: String) -> Self {
        Self { target, folder, cloud, resource_group, location, cluster: None, keys: None, only_looks: false }
    }
}

/// A connection, and the simulator if it runs in this process.
pub struct Connected {
    /// The connection.
    pub session: Session,
    /// For what is not part of a plan: looking at the subscription, registering providers. Only Azure has it, and what
    /// stands for Azure.
    pub arm: Option<Arc<ArmClient>>,
    /// With it machines join.
    pub bootstrap_token: Option<Secret>,
    /// What is to be known before machines are made there.
    pub cautions: Vec<String>,
    /// Which hosts could not be asked by one who only looks, and why; nothing if all could.
    pub absence: Option<String>,
    /// With what was to go wrong on it.
    pub(super) simulator: Option<(RunningSimulator, FaultPlan)>,
}

impl Connected {
    /// The client for what is not part of a plan.
    ///
    /// # Errors
    /// The target is none of Azure's.
    pub fn arm(&self) -> Result<&Arc<ArmClient>, CliError> {
        self.arm.as_ref().ok_or_else(|| {
            let word = self.session.target.name().word();
            CliError::usage(format!("this cannot be done on the target `{word}`")).help("use azure or simulator")
        })
    }

    /// Registers the subscription with these providers where it is not. Somebody who may not look or register may deploy
    /// all the same, if it is registered already: then Azure has the last word.
    ///
    /// # Errors
    /// Nothing answers; a registration that does not end.
    pub async fn register(&self, call: &Call, namespaces: &[&str]) -> Result<(), CliError> {
        let Some(arm) = &self.arm else { return Ok(()) };
        let subscription = &self.session.scope.subscription_id;
        match register(arm, subscription, namespaces, Duration::from_secs(5)).await {
            Ok(registered) => {
                for namespace in registered {
                    call.output.note(&format!("registered the subscription with {namespace}\n"));
                }
                Ok(())
            }
            Err(fault) if matches!(fault.class, FaultClass::Forbidden | FaultClass::NotFound | FaultClass::Invalid) => {
                Ok(())
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// Closes what has to be closed.
    pub async fn close(self, call: &Call) {
        if let Some((simulator, plan)) = self.simulator {
            faults::tell(call, &plan, &simulator);
            simulator.shutdown().await;
        }
    }
}

/// Connects.
///
/// # Errors
/// A target that this build or this verb cannot reach, credentials that are missing, a simulator that cannot start.
pub async fn connect(call: &Call, options: &TargetOptions, wanted: Wanted<'_>) -> Result<Connected, CliError> {
    if options.faults.is_some() && wanted.target != TargetName::Simulator {
        return Err(
            CliError::usage("faults are for the simulator").help("leave out --faults, or say --target simulator")
        );
    }
    match wanted.target {
        TargetName::Simulator => connect_simulator(call, options, wanted).await,
        TargetName::Azure => connect_azure(call, options, wanted).await,
        TargetName::Libvirt => super::libvirt::connect(call, options, wanted),
        TargetName::Stack => Err(CliError::new(
            Exit::Environment,
            format!("the target `{}` is not part of this version", wanted.target.word()),
        )
        .help("use azure, libvirt or simulator")),
    }
}

async fn connect_simulator(call: &Call, options: &TargetOptions, wanted: Wanted<'_>) -> Result<Connected, CliError> {
    let folder = options.simulator.clone().unwrap_or_else(|| wanted.folder.join("simulator"));
    let faults = faults::read(options.faults.as_deref())?;
    let settings = SimulatorSettings::new(folder.clone()).time_scale(options.time_scale).faults(faults.clone());
    let failed = |error: crate::server::ServerError| CliError::new(Exit::Environment, error.to_string());
    // One that runs in another process already is used as it is.
    let (url, credentials, simulator) = match crate::server::find_running(&folder).map_err(failed)? {
        Some(_) if options.faults.is_some() => {
            return Err(CliError::usage("a simulator runs in another process, with faults of its own")
                .help("give it the file by `engine simulate --faults FILE`"));
        }
        Some((url, credentials)) => (url, credentials, None),
        None => {
            let simulator = Simulator::start(settings).await.map_err(failed)?;
            (simulator.arm_url().to_owned(), simulator.credentials().clone(), Some(simulator))
        }
    };
    let scope = Scope {
        subscription_id: credentials.subscription_id.clone(),
        tenant_id: credentials.tenant_id.clone(),
        resource_group: wanted.resource_group,
        location: wanted.location,
    };
    let token = wanted.keys.map(|(keys, _)| keys.bootstrap_token.clone());
    let simulator = simulator.map(|simulator| (simulator, faults));
    let trace = options.trace.as_deref().map(azure::trace).transpose()?;
    attach(call, &url, &credentials, scope, TargetName::Simulator, token, simulator, trace).await
}

/// Connects to a simulator at work, which stands for the target of a name.
///
/// # Errors
/// A simulator that gives no token.
#[expect(clippy::too_many_arguments, reason = "two callers; each value is of another kind")]
pub async fn attach(
    call: &Call,
    url: &str,
    credentials: &crate::server::Credentials,
    scope: Scope,
    name: TargetName,
    bootstrap_token: Option<Secret>,
    simulator: Option<(RunningSimulator, FaultPlan)>,
    trace: Option<Arc<dyn Trace>>,
) -> Result<Connected, CliError> {
    // It may keep another time than this process would.
    let time = simulated_time(url).await?;
    let time_scale = time.time_scale;
    let (clock, timer): (Arc<dyn Clock>, Arc<dyn Timer>) = if time.is_virtual {
        let clock = follow(url, &time)?.0;
        (Arc::new(clock.clone()), Arc::new(clock))
    } else {
        (Arc::new(SystemClock), Arc::new(SystemTimer))
    };
    let http = HttpSettings::for_server(url);
    let unusable = |error: crate::target::http::HttpError| CliError::new(Exit::Environment, error.to_string());
    let authority = Authority::entra(url, &credentials.tenant_id, url).map_err(unusable)?;
    let secret = credentials.client_secret.clone();
    let grant = ClientSecretGrant::new(&http, authority, &credentials.client_id, secret, Arc::clone(&clock))
        .map_err(unusable)?;
    let tokens = Arc::new(CachedTokens::new(grant, Arc::clone(&clock)));
    let token = tokens.token().await?;
    let vaults =
        KeyVaultReader::of_server(&http, &format!("{url}/vaults"), Arc::clone(&tokens) as _, Arc::new(SystemClock))
            .map_err(unusable)?;
    let mut azure = AzureSettings::new(url, url, url, Credentials::Tokens(tokens));
    azure.simulated = name == TargetName::Simulator;
    azure.http = http.clone();
    azure.time_scale = time_scale;
    azure.clock = Arc::clone(&clock);
    azure.trace = trace;
    let arm = ArmClient::new(azure.clone(), Patience::default()).map_err(unusable)?;
    let target = AzureTarget::new(azure).map_err(unusable)?;
    let kubernetes = KubernetesClient::new(KubernetesSettings {
        server: format!("{url}/kubernetes/{}", scope.resource_group),
        certificate_authority: None,
        credentials: KubernetesCredentials::Token(token),
        http,
    })
    .map_err(unusable)?;
    let scaled = |seconds: f64| Duration::from_secs_f64(seconds * time_scale).max(Duration::from_millis(50));
    let members = MemberSettings {
        bootstrap_token: bootstrap_token.clone(),
        ask_again: scaled(5.0),
        clock: Arc::clone(&clock),
        ..MemberSettings::default()
    };
    let mut session = session(call, Arc::new(target), Arc::new(vaults), Some(kubernetes), members, scope);
    session.settings.polling.share = time_scale;
    session.settings.retries = session.settings.retries.scaled(time_scale);
    (session.clock, session.timer) = (clock, timer);
    Ok(Connected { session, arm: Some(Arc::new(arm)), bootstrap_token, cautions: Vec::new(), absence: None, simulator })
}

async fn connect_azure(call: &Call, options: &TargetOptions, wanted: Wanted<'_>) -> Result<Connected, CliError> {
    let Access { settings, tenant_id, subscription_id, vaults } = azure::access(call, options, wanted.cloud).await?;
    let unusable = |error: crate::target::http::HttpError| CliError::new(Exit::Environment, error.to_string());
    let arm = ArmClient::new(settings.clone(), Patience::default()).map_err(unusable)?;
    let http = settings.http.clone();
    let target = AzureTarget::new(settings).map_err(unusable)?;
    let (kubernetes, members) = administrator(wanted.keys, http)?;
    let bootstrap_token = members.bootstrap_token.clone();
    let scope = Scope { subscription_id, tenant_id, resource_group: wanted.resource_group, location: wanted.location };
    Ok(Connected {
        session: session(call, Arc::new(target), vaults, kubernetes, members, scope),
        arm: Some(Arc::new(arm)),
        bootstrap_token,
        cautions: Vec::new(),
        absence: None,
        simulator: None,
    })
}

/// The way to the members of a cluster whose keys are known, as its administrator.
///
/// # Errors
/// Certificates that no connection can be made with.
pub fn administrator(
    keys: Option<(&KeyMaterial, String)>,
    http: HttpSettings,
) -> Result<(Option<KubernetesClient>, MemberSettings), CliError> {
    let bootstrap_token = keys.as_ref().map(|(keys, _)| keys.bootstrap_token.clone());
    let kubernetes = keys.map(|(keys, server)| {
        KubernetesClient::new(KubernetesSettings {
            server,
            certificate_authority: Some(keys.cluster_ca.certificate.clone()),
            credentials: KubernetesCredentials::Certificate {
                certificate: keys.administrator.certificate.clone(),
                key: keys.administrator.key.clone(),
            },
            http,
        })
    });
    let kubernetes = kubernetes.transpose().map_err(|error| CliError::new(Exit::Environment, error.to_string()))?;
    Ok((kubernetes, MemberSettings { bootstrap_token, ..MemberSettings::default() }))
}

/// A session by which members are reached through the API server, if it is known.
pub fn session(
    call: &Call,
    target: Arc<dyn Target>,
    vaults: Arc<dyn KeyVaults>,
    kubernetes: Option<KubernetesClient>,
    members: MemberSettings,
    scope: Scope,
) -> Session {
    let act = |client: &KubernetesClient| Arc::new(MemberActions::new(client.clone(), members)) as Arc<dyn Action>;
    let actions: Vec<Arc<dyn Action>> = kubernetes.as_ref().map(act).into_iter().collect();
    Session {
        target,
        actions,
        vaults,
        kubernetes,
        scope,
        clock: Arc::new(SystemClock),
        timer: Arc::new(SystemTimer),
        entropy: Arc::new(SystemEntropy),
        environment: call.environment.clone(),
        settings: Settings::default(),
    }
}
