//! What others own stays: the cloud controller and the disk driver change the engine's resources between two
//! deployments.

use serde_json::Value as Json;

use super::{Place, QUICKSTART, Simulating, model};

/// Asks the simulator directly, as another client of Azure would.
pub struct Arm<'a> {
    simulating: &'a Simulating,
    client: reqwest::Client,
}

pub fn arm(simulating: &Simulating) -> Arm<'_> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Arm { simulating, client: reqwest::Client::new() }
}

impl Arm<'_> {
    async fn token(&self) -> String {
        let credentials = &self.simulating.credentials;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &credentials.client_id),
            ("client_secret", credentials.client_secret.expose()),
            ("scope", &format!("{}/.default", self.simulating.url)),
        ];
        let url = format!("{}/{}/oauth2/v2.0/token", self.simulating.url, credentials.tenant_id);
        let answer: Json = self.client.post(url).form(&form).send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    pub async fn get(&self, path: &str) -> Json {
        let request = self.client.get(format!("{}{path}", self.simulating.url)).bearer_auth(self.token().await);
        request.send().await.unwrap().json().await.unwrap()
    }

    pub async fn post(&self, path: &str) {
        let request = self.client.post(format!("{}{path}", self.simulating.url)).bearer_auth(self.token().await);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
    }

    pub async fn put(&self, path: &str, body: &Json) {
        let request = self.client.put(format!("{}{path}", self.simulating.url)).bearer_auth(self.token().await);
        let response = request.body(body.to_string()).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
    }

    /// Changes how the simulated world is set to be.
    pub async fn set(&self, settings: &Json) {
        let request = self.client.patch(format!("{}/simulator/settings", self.simulating.url));
        let response = request.json(settings).send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
    }

    /// The id of the subscription.
    pub fn subscription(&self) -> String {
        format!("/subscriptions/{}", self.simulating.credentials.subscription_id)
    }

    /// Reads a resource, changes it, and writes it back, as somebody in the portal would.
    pub async fn change(&self, path: &str, change: impl FnOnce(&mut Json)) {
        let mut body = self.get(path).await;
        change(&mut body);
        let request = self.client.put(format!("{}{path}", self.simulating.url)).bearer_auth(self.token().await);
        let response = request.json(&body).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
    }

    /// Deletes a resource, and waits until it is gone.
    pub async fn delete(&self, path: &str) {
        let url = format!("{}{path}", self.simulating.url);
        let response = self.client.delete(&url).bearer_auth(self.token().await).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
        for _ in 0..200 {
            let answer = self.client.get(&url).bearer_auth(self.token().await).send().await.unwrap();
            if answer.status().as_u16() == 404 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{path} is still there");
    }

    async fn resource(&self, kind: &str, name: &str, api_version: &str) -> Json {
        let subscription = &self.simulating.credentials.subscription_id;
        let path = format!(
            "/subscriptions/{subscription}/resourceGroups/quickstart/providers/{kind}/{name}?api-version={api_version}"
        );
        self.get(&path).await
    }
}

fn names(resource: &Json, array: &str) -> Vec<String> {
    let items = resource["properties"][array].as_array().unwrap_or_else(|| panic!("{array} of {resource}"));
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cloud_controllers_and_the_disk_drivers_changes_survive() {
    const NETWORK: &str = "2025-05-01";
    const COMPUTE: &str = "2025-04-01";
    let place = Place::new();
    let simulating = Simulating::start(&place);
    let arm = arm(&simulating);
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let kubenet = "orchestratorProfile.kubernetesConfig.networkPlugin=kubenet";
    let deploy = |extra: &[&str]| {
        let quickstart = model(QUICKSTART);
        let arguments = ["deploy", &quickstart, "--target", "simulator", "-o", folder, "--time-scale", "0", "--yes"];
        place.json(&[&arguments, &["--set", kubenet][..], extra].concat())
    };
    deploy(&[]);
    let machine = "k8s-agentpool1-81217699-0";
    let balancer = arm.resource("Microsoft.Network/loadBalancers", "quickstart", NETWORK).await;
    let own = |array: &str| names(&balancer, array).len();
    let own = (own("frontendIPConfigurations"), own("loadBalancingRules"), own("probes"));

    arm.post("/simulator/play/cloud-controller?group=quickstart&loadBalancer=quickstart").await;
    arm.post(&format!("/simulator/play/csi?group=quickstart&machine={machine}")).await;

    let plan = place.json(&["plan", &model(QUICKSTART), "-o", folder, "--set", kubenet]);
    assert_eq!(plan["steps"], serde_json::json!([]), "others' changes are no difference");

    // A real change to the same resources: the balancer's outbound rule, the machines' and the route table's tags.
    let changed = deploy(&[
        "--set",
        "orchestratorProfile.kubernetesConfig.outboundRuleIdleTimeoutInMinutes=20",
        "--set",
        "agentPoolProfiles[0].customVMTags.team=blue",
        "--set",
        "masterProfile.customVMTags.team=red",
    ]);
    let steps: Vec<&str> =
        changed["plan"]["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert!(steps.contains(&"update Microsoft.Network/loadBalancers quickstart"), "{steps:?}");
    assert!(steps.contains(&format!("update Microsoft.Compute/virtualMachines {machine}").as_str()), "{steps:?}");

    let balancer = arm.resource("Microsoft.Network/loadBalancers", "quickstart", NETWORK).await;
    assert_eq!(balancer["properties"]["outboundRules"][0]["properties"]["idleTimeoutInMinutes"], 20);
    assert_eq!(names(&balancer, "frontendIPConfigurations").len(), own.0 + 1);
    assert_eq!(names(&balancer, "loadBalancingRules").len(), own.1 + 1);
    assert_eq!(names(&balancer, "probes").len(), own.2 + 1);
    let routes = arm.resource("Microsoft.Network/routeTables", "k8s-master-81217699-routetable", NETWORK).await;
    assert_eq!(names(&routes, "routes").len(), 1, "the controller's route");
    let there = arm.resource("Microsoft.Compute/virtualMachines", machine, COMPUTE).await;
    assert_eq!(there["tags"]["team"], "blue");
    let disks = there["properties"]["storageProfile"]["dataDisks"].as_array().unwrap();
    assert_eq!(disks.iter().filter(|disk| disk["lun"] == 10).count(), 1, "the driver's disk");

    let arguments = [
        "plan",
        &model(QUICKSTART),
        "-o",
        folder,
        "--set",
        kubenet,
        "--set",
        "orchestratorProfile.kubernetesConfig.outboundRuleIdleTimeoutInMinutes=20",
        "--set",
        "agentPoolProfiles[0].customVMTags.team=blue",
        "--set",
        "masterProfile.customVMTags.team=red",
        "--exit-code",
    ];
    place.expect(0, &arguments);
    // Destroying takes what hangs on the engine's resources with it, and the volumes' disks where that is said.
    let destroyed = place.json(&["destroy", "-o", folder, "--yes", "--delete-volumes", "--time-scale", "0"]);
    assert_eq!(destroyed["complete"], true);
    assert_eq!(arm.get("/simulator/summary").await["total"], 0);
}
