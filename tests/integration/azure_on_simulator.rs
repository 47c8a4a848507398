//! The Azure client against the simulator: two halves of a protocol that know nothing of each other.

use std::sync::Arc;
use std::time::Duration;

use engine::base::{Clock, Secret, SystemClock};
use engine::contract::{
    Act, Action as _, Address, Fault, FaultClass, Observation, OperationHandle, Progress, Target as _, TargetName,
};
use engine::graph::{GROUP_TYPE, Scope};
use engine::kubernetes::{KubernetesClient, KubernetesCredentials, KubernetesSettings, MemberActions, MemberSettings};
use engine::server::{RunningSimulator, Simulator, SimulatorSettings};
use engine::target::azure::{
    Authority, AzureSettings, AzureTarget, CachedTokens, ClientSecretGrant, Credentials, TokenSource as _,
};
use engine::target::http::HttpSettings;
use serde_json::json;

const COMPUTE: &str = "2025-04-01";
const NETWORK: &str = "2025-05-01";
const GROUP: &str = "2025-04-01";

fn target(simulator: &RunningSimulator, client_secret: &Secret) -> AzureTarget {
    let who = simulator.credentials();
    let credentials = Credentials::ClientSecret {
        tenant_id: who.tenant_id.clone(),
        client_id: who.client_id.clone(),
        client_secret: client_secret.clone(),
    };
    let url = simulator.arm_url();
    let mut settings = AzureSettings::new(url, simulator.authority_url(), "https://management.azure.com/", credentials);
    settings.simulated = true;
    AzureTarget::new(settings).unwrap()
}

fn scope(simulator: &RunningSimulator) -> Scope {
    Scope {
        subscription_id: simulator.credentials().subscription_id.clone(),
        tenant_id: simulator.credentials().tenant_id.clone(),
        resource_group: "rg".into(),
        location: "westus2".into(),
    }
}

async fn to_the_end(
    target: &AzureTarget,
    begun: Result<Progress, Fault>,
) -> Result<(Option<Observation>, Vec<OperationHandle>), Fault> {
    let mut handles = Vec::new();
    let mut progress = begun?;
    for _ in 0..200 {
        match progress {
            Progress::Done(found) => return Ok((found, handles)),
            Progress::Running(handle, wait) => {
                let wait = wait.unwrap_or(Duration::from_millis(50));
                tokio::time::sleep(wait.clamp(Duration::from_millis(5), Duration::from_millis(200))).await;
                progress = target.poll(&handle).await?;
                handles.push(handle);
            }
        }
    }
    panic!("it never ends: {handles:?}");
}

#[tokio::test]
async fn a_group_and_a_network_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = Simulator::start(SimulatorSettings::new(folder.path()).time_scale(0.0)).await.unwrap();
    let target = Arc::new(target(&simulator, &simulator.credentials().client_secret));
    let scope = scope(&simulator);
    assert_eq!(target.name(), TargetName::Simulator);

    let group = Address::new(&scope, GROUP_TYPE, GROUP, "rg");
    let network = Address::new(&scope, "Microsoft.Network/virtualNetworks", NETWORK, "vnet");
    assert_eq!(target.observe(&group).await.unwrap(), None);
    assert_eq!(target.observe(&network).await.unwrap(), None);

    let body = json!({ "location": "West US 2", "tags": { "made": "by a test" } });
    let (made, _) = to_the_end(&target, target.apply(&group, &body, None).await).await.unwrap();
    assert_eq!(made.unwrap().provisioning_state(), Some("Succeeded"));

    let body = json!({ "location": "westus2", "properties": {
        "addressSpace": { "addressPrefixes": ["10.240.0.0/16"] },
        "subnets": [{ "name": "nodes", "properties": { "addressPrefix": "10.240.0.0/24" } }],
    } });
    let (made, handles) = to_the_end(&target, target.apply(&network, &body, None).await).await.unwrap();
    let made = made.unwrap();
    assert_eq!((made.provisioning_state(), made.is_in_progress()), (Some("Succeeded"), false));
    assert!(made.etag.is_some() && !handles.is_empty());
    let read = target.observe(&network).await.unwrap().unwrap();
    assert_eq!(target.normalise(&network, read.body.clone())["location"], "westus2");

    // A version that is not the current one.
    let fault = target.apply(&network, &body, Some("W/\"00000000-0000-0000-0000-000000000000\"")).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Conflict);

    // Something that refers to nothing, and something wrong.
    let nic = Address::new(&scope, "Microsoft.Network/networkInterfaces", NETWORK, "nic");
    let subnet = format!("{}/subnets/absent", network.id);
    let body = json!({ "location": "westus2", "properties": { "ipConfigurations": [
        { "name": "ipconfig1", "properties": { "subnet": { "id": subnet } } },
    ] } });
    let fault = to_the_end(&target, target.apply(&nic, &body, None).await).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Invalid, "{fault:?}");

    to_the_end(&target, target.delete(&network).await).await.unwrap();
    assert_eq!(target.observe(&network).await.unwrap(), None);
    to_the_end(&target, target.delete(&network).await).await.unwrap();
    to_the_end(&target, target.delete(&group).await).await.unwrap();
    assert_eq!(target.observe(&group).await.unwrap(), None);
    simulator.shutdown().await;
}

#[tokio::test]
async fn an_operation_is_taken_up_by_another_client() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = Simulator::start(SimulatorSettings::new(folder.path()).time_scale(0.01)).await.unwrap();
    let secret = simulator.credentials().client_secret.clone();
    let scope = scope(&simulator);
    let group = Address::new(&scope, GROUP_TYPE, GROUP, "rg");
    let network = Address::new(&scope, "Microsoft.Network/virtualNetworks", NETWORK, "vnet");
    let first = target(&simulator, &secret);
    to_the_end(&first, first.apply(&group, &json!({ "location": "westus2" }), None).await).await.unwrap();
    let body =
        json!({ "location": "westus2", "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/8"] } } });
    let Progress::Running(handle, _) = first.apply(&network, &body, None).await.unwrap() else {
        panic!("a network is made by an operation")
    };
    drop(first);
    let second = target(&simulator, &secret);
    let (made, _) = to_the_end(&second, second.poll(&handle).await).await.unwrap();
    assert_eq!(made.unwrap().provisioning_state(), Some("Succeeded"));
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_wrong_secret_is_refused_by_its_own_message() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = Simulator::start(SimulatorSettings::new(folder.path())).await.unwrap();
    let target = target(&simulator, &Secret::new("canary-of-a-wrong-secret"));
    let fault = target.observe(&Address::new(&scope(&simulator), GROUP_TYPE, GROUP, "rg")).await.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Authentication, "AADSTS7000215"), "{fault:?}");
    assert!(!format!("{fault:?}").contains("canary"));
    simulator.shutdown().await;
}

#[tokio::test]
async fn members_join_are_drained_and_leave() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = Simulator::start(SimulatorSettings::new(folder.path()).time_scale(0.0)).await.unwrap();
    let secret = simulator.credentials().client_secret.clone();
    let target = target(&simulator, &secret);
    let scope = scope(&simulator);
    let address = |kind: &str, version: &str, name: &str| Address::new(&scope, kind, version, name);

    let network = address("Microsoft.Network/virtualNetworks", NETWORK, "vnet");
    let location = json!({ "location": "westus2" });
    let group = address(GROUP_TYPE, GROUP, "rg");
    to_the_end(&target, target.apply(&group, &location, None).await).await.unwrap();
    let body = json!({ "location": "westus2", "properties": {
        "addressSpace": { "addressPrefixes": ["10.240.0.0/16"] },
        "subnets": [{ "name": "nodes", "properties": { "addressPrefix": "10.240.0.0/24" } }],
    } });
    to_the_end(&target, target.apply(&network, &body, None).await).await.unwrap();
    let machine = |name: &str| address("Microsoft.Compute/virtualMachines", COMPUTE, name);
    for name in ["k8s-master-1-0", "k8s-pool-1-0", "k8s-pool-1-1"] {
        let card = address("Microsoft.Network/networkInterfaces", NETWORK, &format!("{name}-nic"));
        let body = json!({ "location": "westus2", "properties": { "ipConfigurations": [
            { "name": "ipconfig1", "properties": { "subnet": { "id": format!("{}/subnets/nodes", network.id) } } },
        ] } });
        to_the_end(&target, target.apply(&card, &body, None).await).await.unwrap();
        let body = json!({ "location": "westus2", "properties": {
            "hardwareProfile": { "vmSize": "Standard_D2s_v3" },
            "osProfile": { "computerName": name, "adminUsername": "azureuser", "customData": "I2Nsb3VkLWNvbmZpZw==",
                "linuxConfiguration": { "disablePasswordAuthentication": true,
                    "ssh": { "publicKeys": [{ "path": "/home/azureuser/.ssh/authorized_keys", "keyData": "ssh-rsa AAAA" }] } } },
            "storageProfile": {
                "imageReference": { "publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest" },
                "osDisk": { "createOption": "FromImage" },
            },
            "networkProfile": { "networkInterfaces": [{ "id": card.id }] },
        } });
        let (made, _) = to_the_end(&target, target.apply(&machine(name), &body, None).await).await.unwrap();
        assert_eq!(made.unwrap().provisioning_state(), Some("Succeeded"), "{name}");
    }

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let who = simulator.credentials();
    let grant = ClientSecretGrant::new(
        &HttpSettings::default(),
        Authority::entra(simulator.authority_url(), &who.tenant_id, "https://management.azure.com/").unwrap(),
        &who.client_id,
        secret,
        Arc::clone(&clock),
    )
    .unwrap();
    let token = CachedTokens::new(grant, clock).token().await.unwrap();
    let client = KubernetesClient::new(KubernetesSettings {
        server: simulator.kubernetes_url("rg"),
        certificate_authority: None,
        credentials: KubernetesCredentials::Token(token),
        http: HttpSettings::default(),
    })
    .unwrap();
    let settings =
        MemberSettings { bootstrap_token: Some(Secret::new("abcdef.0123456789abcdef")), ..MemberSettings::default() };
    let actions = MemberActions::new(client, settings);
    let act = async |act: Act| {
        let mut progress = actions.start(&act).await.unwrap();
        for _ in 0..200 {
            let Progress::Running(operation, _) = progress else { break };
            tokio::time::sleep(Duration::from_millis(10)).await;
            progress = actions.poll(&act, &operation).await.unwrap();
        }
        assert_eq!(progress, Progress::Done(None), "{act:?}");
        assert!(actions.probe(&act).await.unwrap(), "{act:?}");
    };
    let going = "k8s-pool-1-1".to_owned();
    act(Act::WaitUntilReady { node: going.clone() }).await;
    assert!(actions.client().server_version().await.unwrap().starts_with("v1."));
    assert_eq!(actions.client().nodes().await.unwrap().len(), 3);
    act(Act::RenewBootstrapToken).await;
    act(Act::RenewBootstrapToken).await;
    act(Act::CordonAndDrain { node: going.clone() }).await;
    assert!(actions.client().node(&going).await.unwrap().unwrap().cordoned);
    to_the_end(&target, target.delete(&machine(&going)).await).await.unwrap();
    act(Act::RemoveNode { node: going.clone() }).await;
    let left: Vec<_> =
        actions.client().nodes().await.unwrap().into_iter().map(|node| (node.name, node.ready)).collect();
    assert_eq!(left, [("k8s-master-1-0".to_owned(), true), ("k8s-pool-1-0".to_owned(), true)]);
    simulator.shutdown().await;
}
