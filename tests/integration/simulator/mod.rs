//! The simulator over a real socket, asked by a plain HTTP client.

mod directory;
mod faults;
mod flexible;
mod foreign;
mod kubernetes;
mod lifecycle;
mod play;
mod protocol;
mod recordings;
mod rules;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use engine::base::{Clock, SeededEntropy};
use engine::server::{RunningSimulator, Simulator, SimulatorSettings};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value as Json, json};

pub const NETWORK: &str = "2025-05-01";
pub const COMPUTE: &str = "2025-04-01";
pub const DISKS: &str = "2025-01-02";
pub const IDENTITY: &str = "2024-11-30";
pub const ROLES: &str = "2022-04-01";
pub const GROUPS: &str = "2025-04-01";

/// A clock that goes on when it is told to.
pub struct StepClock(AtomicI64);

impl StepClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_790_000_000_000)))
    }

    pub fn go_on(&self, seconds: f64) {
        self.0.fetch_add((seconds * 1000.0) as i64, Ordering::SeqCst);
    }
}

impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Json,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub fn state(&self) -> &str {
        self.body["properties"]["provisioningState"].as_str().unwrap_or_default()
    }
}

/// A simulator and a client that has a token for it.
pub struct Cloud {
    pub simulator: RunningSimulator,
    pub client: reqwest::Client,
    pub clock: Arc<StepClock>,
    pub token: String,
    pub subscription: String,
}

impl Cloud {
    /// At real time by a clock that stands still until it is told.
    pub async fn start(folder: &Path) -> Self {
        Self::start_with(folder, 1.0, StepClock::new()).await
    }

    pub async fn start_with(folder: &Path, time_scale: f64, clock: Arc<StepClock>) -> Self {
        Self::start_as(SimulatorSettings::new(folder).time_scale(time_scale), clock).await
    }

    pub async fn start_as(mut settings: SimulatorSettings, clock: Arc<StepClock>) -> Self {
        // The client wants a provider of cryptography even where it uses none.
        _ = rustls::crypto::ring::default_provider().install_default();
        settings.clock = clock.clone();
        settings.entropy = Arc::new(SeededEntropy::new(7));
        let simulator = Simulator::start(settings).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let subscription = format!("/subscriptions/{}", simulator.credentials().subscription_id);
        let mut cloud = Self { simulator, client, clock, token: String::new(), subscription };
        cloud.token = cloud.new_token().await;
        cloud
    }

    pub async fn new_token(&self) -> String {
        let credentials = self.simulator.credentials();
        let answer = self
            .client
            .post(format!("{}/{}/oauth2/v2.0/token", self.simulator.authority_url(), credentials.tenant_id))
            .form(&[
                ("grant_type", "client_credentials"),
                ("client_id", &credentials.client_id),
                ("client_secret", credentials.client_secret.expose()),
                ("scope", &format!("{}/.default", self.simulator.arm_url())),
            ])
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Json>().await.unwrap()["access_token"].as_str().unwrap().to_owned()
    }

    /// Sends a request to a path, or to a whole URL of the simulator.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<&Json>) -> Answer {
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.simulator.arm_url()) };
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(if text.is_empty() { Json::Null } else { Json::String(text) });
        Answer { status, headers, body }
    }

    pub fn group(&self) -> String {
        format!("{}/resourceGroups/rg", self.subscription)
    }

    /// The path of a resource of the group `rg`, without a version.
    pub fn id(&self, kind_and_name: &str) -> String {
        format!("{}/providers/{kind_and_name}", self.group())
    }

    pub async fn get(&self, path: &str, version: &str) -> Answer {
        self.send(Method::GET, &format!("{path}?api-version={version}"), &[], None).await
    }

    pub async fn put(&self, path: &str, version: &str, body: Json) -> Answer {
        self.send(Method::PUT, &format!("{path}?api-version={version}"), &[], Some(&body)).await
    }

    pub async fn delete(&self, path: &str, version: &str) -> Answer {
        self.send(Method::DELETE, &format!("{path}?api-version={version}"), &[], None).await
    }

    pub async fn make_group(&self) {
        let answer = self.put(&self.group(), GROUPS, json!({"location": "westus2"})).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    /// A network `net` with the subnet `nodes`, ready.
    pub async fn make_network(&self) -> String {
        let id = self.id("Microsoft.Network/virtualNetworks/net");
        let body = json!({"location": "westus2", "properties": {
            "addressSpace": {"addressPrefixes": ["10.240.0.0/16"]},
            "subnets": [{"name": "nodes", "properties": {"addressPrefix": "10.240.0.0/24"}}],
        }});
        assert_eq!(self.put(&id, NETWORK, body).await.status, 201);
        self.clock.go_on(30.0);
        format!("{id}/subnets/nodes")
    }

    pub async fn make_card(&self, name: &str) -> Answer {
        let subnet = self.id("Microsoft.Network/virtualNetworks/net/subnets/nodes");
        let body = json!({"location": "westus2", "properties": {"ipConfigurations": [
            {"name": "ipconfig1", "properties": {"subnet": {"id": subnet}, "primary": true}},
        ]}});
        self.put(&self.id(&format!("Microsoft.Network/networkInterfaces/{name}")), NETWORK, body).await
    }

    pub fn machine_body(&self, name: &str) -> Json {
        let card = self.id(&format!("Microsoft.Network/networkInterfaces/{name}-nic"));
        let pool = if name.contains("master") { "master" } else { "agents" };
        json!({"location": "westus2", "tags": {"poolName": pool, "orchestrator": "Kubernetes:1.35.9"}, "properties": {
            "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
            "osProfile": {
                "computerName": name, "adminUsername": "azureuser", "adminPassword": "canary-password",
                "customData": "Y2FuYXJ5LWN1c3RvbQ==",
            },
            "storageProfile": {"imageReference": {
                "publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest",
            }},
            "networkProfile": {"networkInterfaces": [{"id": card}]},
        }})
    }

    /// A network card and a machine on it; not waited for.
    pub async fn make_machine(&self, name: &str) -> Answer {
        assert_eq!(self.make_card(&format!("{name}-nic")).await.status, 201);
        self.put(&self.machine_id(name), COMPUTE, self.machine_body(name)).await
    }

    pub fn machine_id(&self, name: &str) -> String {
        self.id(&format!("Microsoft.Compute/virtualMachines/{name}"))
    }

    /// Calls the Kubernetes of the group `rg`.
    pub async fn kubernetes(&self, method: Method, path: &str, body: Option<&Json>) -> Answer {
        self.send(method, &format!("{}{path}", self.simulator.kubernetes_url("rg")), &[], body).await
    }
}
