//! Every example on the simulator, in this process: deployed, a plan without steps afterwards, destroyed, nothing left.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::base::{Environment, SystemClock, SystemEntropy, SystemTimer};
use engine::cluster::{Definition, Session, prepare_deploy, prepare_destroy};
use engine::contract::{Address, Progress, Target};
use engine::execute::{Cancel, Settings};
use engine::graph::{GROUP_TYPE, Scope};
use engine::kubernetes::{KubernetesClient, KubernetesCredentials, KubernetesSettings, MemberActions, MemberSettings};
use engine::model::Cluster;
use engine::pki::{Given, KeyMaterial};
use engine::server::{RunningSimulator, Simulator, SimulatorSettings};
use engine::target::azure::{
    Authority, AzureSettings, AzureTarget, CachedTokens, ClientSecretGrant, Credentials, KeyVaultReader,
    TokenSource as _,
};
use engine::target::http::HttpSettings;
use serde_json::{Value as Json, json};

use super::super::clusters;
use super::{Example, all};

/// Examples that the simulator cannot play, and why.
const NOT_PLAYED: &[(&str, &str)] = &[];

/// An example that takes longer waits for something that never comes.
const LONGEST: Duration = Duration::from_secs(60);

/// The subscription that stands in examples.
const PLACEHOLDER: &str = "00000000-0000-0000-0000-000000000000";

/// What an example takes for granted: group, type, API version, name, body.
type Existing = (&'static str, &'static str, &'static str, &'static str, fn() -> Json);

fn existing(example: &str) -> Vec<Existing> {
    match example {
        "custom-vnet" => vec![("network", "Microsoft.Network/virtualNetworks", "2025-05-01", "office", || {
            let subnet = |name: &str, prefix: &str| json!({ "name": name, "properties": { "addressPrefix": prefix } });
            json!({ "location": "westus2", "properties": {
                "addressSpace": { "addressPrefixes": ["10.100.0.0/16"] },
                "subnets": [subnet("control-plane", "10.100.0.0/24"), subnet("workers", "10.100.1.0/24")],
            } })
        })],
        _ => Vec::new(),
    }
}

/// Makes a resource and waits for it.
async fn make(target: &dyn Target, address: &Address, body: &Json) {
    let mut progress = target.apply(address, body, None).await.unwrap();
    while let Progress::Running(handle, _) = progress {
        tokio::time::sleep(Duration::from_millis(20)).await;
        progress = target.poll(&handle).await.unwrap();
    }
}

/// A connection to the cluster of `scope`, as the program makes it.
async fn connect(simulator: &RunningSimulator, scope: Scope, keys: &KeyMaterial) -> Session {
    let (url, who, clock) = (simulator.arm_url(), simulator.credentials(), Arc::new(SystemClock));
    let http = HttpSettings::default();
    let secret = who.client_secret.clone();
    let authority = Authority::entra(url, &who.tenant_id, url).unwrap();
    let grant = ClientSecretGrant::new(&http, authority, &who.client_id, secret, clock.clone()).unwrap();
    let tokens = Arc::new(CachedTokens::new(grant, clock.clone()));
    let credentials = KubernetesCredentials::Token(tokens.token().await.unwrap());
    let address = format!("{url}/vaults");
    let vaults = KeyVaultReader::of_server(&http, &address, Arc::clone(&tokens) as _, clock.clone()).unwrap();
    let mut azure = AzureSettings::new(url, url, url, Credentials::Tokens(tokens));
    azure.simulated = true;
    azure.time_scale = 0.0;
    let server = simulator.kubernetes_url(&scope.resource_group);
    let settings = KubernetesSettings { server, certificate_authority: None, credentials, http };
    let kubernetes = KubernetesClient::new(settings).unwrap();
    let members = MemberSettings {
        bootstrap_token: Some(keys.bootstrap_token.clone()),
        ask_again: Duration::from_millis(50),
        ..MemberSettings::default()
    };
    let mut settings = Settings::default();
    settings.polling.share = 0.0;
    Session {
        target: Arc::new(AzureTarget::new(azure).unwrap()),
        actions: vec![Arc::new(MemberActions::new(kubernetes.clone(), members))],
        vaults: Arc::new(vaults),
        kubernetes: Some(kubernetes),
        scope,
        clock,
        timer: Arc::new(SystemTimer),
        entropy: Arc::new(SystemEntropy),
        environment: Environment::default(),
        settings,
    }
}

/// The resources of a group that a simulator has kept that runs no more.
fn kept(world: &Path, group: &str) -> Vec<String> {
    let store = engine::target::memory::Store::open(&world.join("simulator.jsonl")).unwrap();
    let within = format!("/resourcegroups/{group}");
    let keys = store.range("").map(|(key, _)| key.to_lowercase()).filter(|key| key.contains(&within));
    keys.collect()
}

/// An example that was deployed: the connection, and the definition it was deployed by.
pub struct Deployed {
    pub session: Session,
    pub cluster: Cluster,
}

impl Deployed {
    fn define(&self, folder: &Path) -> Result<Definition, String> {
        let store = engine::state::Store::open(folder);
        Definition::new(self.cluster.clone(), None, &store, &SystemClock, &SystemEntropy)
            .map_err(|error| error.to_string())
    }
}

/// Deploys an example into a group named after its DNS prefix; its files and state go into `folder`.
pub async fn deploy(
    simulator: &RunningSimulator,
    example: &Example,
    keys: &KeyMaterial,
    folder: &Path,
) -> Result<Deployed, String> {
    keys.files().write(folder).unwrap();
    let subscription = simulator.credentials().subscription_id.clone();
    let text = example.text.replace(PLACEHOLDER, &subscription);
    let cluster = clusters::read_model(&text, &[])?;
    let scope = Scope {
        subscription_id: subscription,
        tenant_id: simulator.credentials().tenant_id.clone(),
        resource_group: cluster.dns_prefix.clone(),
        location: cluster.location.clone(),
    };
    let session = connect(simulator, scope.clone(), keys).await;
    for (group, resource_type, version, name, body) in existing(&example.name) {
        let scope = Scope { resource_group: group.to_owned(), ..scope.clone() };
        let location = json!({ "location": cluster.location });
        make(session.target.as_ref(), &Address::new(&scope, GROUP_TYPE, "2025-04-01", group), &location).await;
        make(session.target.as_ref(), &Address::new(&scope, resource_type, version, name), &body()).await;
    }
    let deployed = Deployed { session, cluster };
    let told = |error: engine::cluster::ClusterError| error.to_string();
    let prepared = prepare_deploy(&deployed.session, deployed.define(folder)?, true).await.map_err(told)?;
    let finished = prepared.run(&deployed.session, Arc::new(()), Cancel::new()).await.map_err(told)?;
    if finished.summary.is_complete() { Ok(deployed) } else { Err(format!("deploy: {:?}", finished.summary)) }
}

async fn live_and_die(example: &Example, keys: &KeyMaterial) -> Result<(), String> {
    let place = tempfile::tempdir().unwrap();
    let (folder, world) = (place.path().join("cluster"), place.path().join("simulator"));
    let simulator = Simulator::start(SimulatorSettings::new(&world).time_scale(0.0)).await.unwrap();
    let deployed = deploy(&simulator, example, keys, &folder).await?;
    let session = &deployed.session;
    let told = |error: engine::cluster::ClusterError| error.to_string();
    let again = prepare_deploy(session, deployed.define(&folder)?, false).await.map_err(told)?;
    if !again.plan.is_empty() || !again.plan.notes.is_empty() {
        return Err(format!("the plan afterwards: {:#?} {:?}", again.plan.steps, again.plan.notes));
    }
    let store = engine::state::Store::open(&folder);
    let prepared = prepare_destroy(session, &store, None).await.map_err(told)?;
    let finished = prepared.run(session, Arc::new(()), Cancel::new()).await.map_err(told)?;
    if !finished.summary.is_complete() || !finished.snapshot.applied.is_empty() {
        return Err(format!("destroy: {:?}, left: {:?}", finished.summary, finished.snapshot.applied.keys()));
    }
    simulator.shutdown().await;
    let left = kept(&world, &deployed.cluster.dns_prefix);
    if left.is_empty() { Ok(()) } else { Err(format!("the simulator still has {left:?}")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_is_deployed_and_destroyed() {
    let keys = KeyMaterial::generate(&Given::default(), &SystemClock, &SystemEntropy).unwrap();
    let examples = all();
    for (name, _) in NOT_PLAYED {
        assert!(examples.iter().any(|example| example.name == *name), "{name}");
    }
    let mut running = tokio::task::JoinSet::new();
    let mut faults = Vec::new();
    for example in examples {
        if let Some((name, reason)) = NOT_PLAYED.iter().find(|(name, _)| *name == example.name) {
            println!("{name} is not played: {reason}");
            continue;
        }
        let keys = keys.clone();
        running.spawn(async move {
            let began = Instant::now();
            let result = tokio::time::timeout(LONGEST, live_and_die(&example, &keys)).await;
            let result = result.unwrap_or_else(|_| Err("it does not end".to_owned()));
            println!("{}: {:.1} s", example.name, began.elapsed().as_secs_f32());
            result.map_err(|cause| format!("{}: {cause}", example.name))
        });
        while running.len() >= 4 {
            faults.extend(running.join_next().await.unwrap().unwrap().err());
        }
    }
    faults.extend(running.join_all().await.into_iter().filter_map(Result::err));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
