//! What others do: ten steps at a time, each asked for when its answer says to ask again, and again after a refusal when that
//! says so. No budget, no list, nothing learnt; steps start in the same order.

use std::path::Path;
use std::sync::{Arc, Mutex};

use engine::base::{Clock, Environment, Secret, Source, SystemEntropy, Timer};
use engine::cluster::{Definition, Session, prepare_deploy};
use engine::contract::{
    Act, Action, Address, Fault, Future, Observation, OperationHandle, Progress, Support, Target, TargetName,
};
use engine::execute::{Cancel, Settings};
use engine::graph::Scope;
use engine::kubernetes::{KubernetesClient, KubernetesCredentials, KubernetesSettings, MemberActions, MemberSettings};
use engine::model::{ReadOptions, read};
use engine::server::{find_running, follow, simulated_time};
use engine::state::Store;
use engine::target::azure::{
    Authority, AzureSettings, AzureTarget, CachedTokens, ClientSecretGrant, Credentials, KeyVaultReader, TokenSource,
};
use engine::target::http::HttpSettings;
use serde_json::Value as Json;

/// A target that says nothing of budgets and lists.
struct Plain(AzureTarget);

impl Target for Plain {
    fn name(&self) -> TargetName {
        self.0.name()
    }

    fn supports(&self, resource_type: &str, api_version: &str) -> Support {
        self.0.supports(resource_type, api_version)
    }

    fn observe<'a>(&'a self, address: &'a Address) -> Future<'a, Result<Option<Observation>, Fault>> {
        self.0.observe(address)
    }

    fn normalise(&self, address: &Address, body: Json) -> Json {
        self.0.normalise(address, body)
    }

    fn apply<'a>(
        &'a self,
        address: &'a Address,
        body: &'a Json,
        etag: Option<&'a str>,
    ) -> Future<'a, Result<Progress, Fault>> {
        self.0.apply(address, body, etag)
    }

    fn delete<'a>(&'a self, address: &'a Address) -> Future<'a, Result<Progress, Fault>> {
        self.0.delete(address)
    }

    fn poll<'a>(&'a self, operation: &'a OperationHandle) -> Future<'a, Result<Progress, Fault>> {
        self.0.poll(operation)
    }
}

/// What waits for the nodes. It takes hours there, and a token is good for one.
struct Members {
    tokens: Arc<dyn TokenSource>,
    server: String,
    settings: MemberSettings,
    last: Mutex<Option<(Secret, Arc<MemberActions>)>>,
}

impl Members {
    async fn now(&self) -> Result<Arc<MemberActions>, Fault> {
        let token = self.tokens.token().await?;
        let mut last = self.last.lock().unwrap();
        if let Some((_, members)) = last.as_ref().filter(|(with, _)| *with == token) {
            return Ok(Arc::clone(members));
        }
        let members = Arc::new(MemberActions::new(client(&self.server, token.clone()), self.settings.clone()));
        *last = Some((token, Arc::clone(&members)));
        Ok(members)
    }
}

impl Action for Members {
    fn performs(&self, act: &Act) -> bool {
        matches!(act, Act::WaitUntilReady { .. })
    }

    fn probe<'a>(&'a self, act: &'a Act) -> Future<'a, Result<bool, Fault>> {
        Box::pin(async move { self.now().await?.probe(act).await })
    }

    fn start<'a>(&'a self, act: &'a Act) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(async move { self.now().await?.start(act).await })
    }

    fn poll<'a>(&'a self, act: &'a Act, operation: &'a OperationHandle) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(async move { self.now().await?.poll(act, operation).await })
    }
}

fn client(server: &str, token: Secret) -> KubernetesClient {
    let credentials = KubernetesCredentials::Token(token);
    let http = HttpSettings::for_server(server);
    KubernetesClient::new(KubernetesSettings {
        server: server.to_owned(),
        certificate_authority: None,
        credentials,
        http,
    })
    .unwrap()
}

/// Deploys, and tells how many seconds that took there.
pub fn deploy(folder: &Path, azure: &Path, model: &Path) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let text = std::fs::read_to_string(model).unwrap();
        let cluster =
            read(&Source { name: "apimodel.json".to_owned(), text }, &ReadOptions::default()).cluster.unwrap();
        let (url, who) = find_running(azure).unwrap().unwrap();
        let time = simulated_time(&url).await.unwrap();
        let (clock, _follower) = follow(&url, &time).unwrap();
        let (clock, timer): (Arc<dyn Clock>, Arc<dyn Timer>) = (Arc::new(clock.clone()), Arc::new(clock));
        let http = HttpSettings::default();
        let authority = Authority::entra(&url, &who.tenant_id, &url).unwrap();
        let secret = who.client_secret.clone();
        let grant = ClientSecretGrant::new(&http, authority, &who.client_id, secret, Arc::clone(&clock)).unwrap();
        let tokens = Arc::new(CachedTokens::new(grant, Arc::clone(&clock)));
        let address = format!("{url}/vaults");
        let vaults = KeyVaultReader::of_server(&http, &address, Arc::clone(&tokens) as _, Arc::clone(&clock)).unwrap();
        let mut settings = AzureSettings::new(&url, &url, &url, Credentials::Tokens(Arc::clone(&tokens) as _));
        settings.clock = Arc::clone(&clock);
        let scope = Scope {
            subscription_id: who.subscription_id.clone(),
            tenant_id: who.tenant_id.clone(),
            resource_group: cluster.dns_prefix.clone(),
            location: cluster.location.clone(),
        };
        let server = format!("{url}/kubernetes/{}", scope.resource_group);
        let kubernetes = client(&server, tokens.token().await.unwrap());
        let definition = Definition::new(cluster, None, &Store::open(folder), &*clock, &SystemEntropy).unwrap();
        let members = MemberSettings {
            bootstrap_token: Some(definition.keys.bootstrap_token.clone()),
            clock: Arc::clone(&clock),
            ..MemberSettings::default()
        };
        let actions: Vec<Arc<dyn Action>> =
            vec![Arc::new(Members { tokens, server, settings: members, last: Mutex::default() })];
        let session = Session {
            target: Arc::new(Plain(AzureTarget::new(settings).unwrap())),
            actions,
            vaults: Arc::new(vaults),
            kubernetes: Some(kubernetes),
            scope,
            clock,
            timer,
            entropy: Arc::new(SystemEntropy),
            environment: Environment::default(),
            settings: Settings { concurrency: 10, ..Settings::default() },
        };
        let prepared = prepare_deploy(&session, definition, true).await.unwrap();
        let finished = prepared.run(&session, Arc::new(()), Cancel::new()).await.unwrap();
        let failed = &finished.summary.failed;
        assert!(finished.summary.is_complete(), "{} failed, first {:?}", failed.len(), failed.first());
        finished.summary.took.as_secs_f64()
    })
}
