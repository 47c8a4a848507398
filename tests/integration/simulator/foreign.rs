//! Clients that others wrote, on a simulator that holds what the engine deployed: azure-cli, Azure's packages for Python,
//! kubectl. `.ci/run` installs them outside the checkout; where they are not, the tests say so.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use engine::base::{SystemClock, SystemEntropy};
use engine::pki::{Given, KeyMaterial};
use engine::server::{RunningSimulator, Simulator, SimulatorSettings};
use serde_json::{Value as Json, json};

use super::super::examples::{self, simulator as played};

/// Where `.ci/run` installs what others wrote.
fn cache() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    cache.unwrap_or_else(|| home.join(".cache")).join("engine-ci")
}

/// A program in the cache; nothing, with a line that says so, if it is not there.
fn cached(path: &str) -> Option<PathBuf> {
    let program = cache().join(path);
    if program.is_file() {
        return Some(program);
    }
    println!("skipped: {} is not there", program.display());
    None
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/simulator").join(name)
}

/// A simulator on which these examples are deployed, each into a group named after itself.
async fn world(place: &Path, names: &[&str]) -> (RunningSimulator, Vec<String>) {
    let keys = KeyMaterial::generate(&Given::default(), &SystemClock, &SystemEntropy).unwrap();
    let simulator = Simulator::start(SimulatorSettings::new(place.join("world")).time_scale(0.0)).await.unwrap();
    let mut groups = Vec::new();
    for name in names {
        let example = examples::all().into_iter().find(|example| example.name == *name).unwrap();
        let deployed = played::deploy(&simulator, &example, &keys, &place.join(name)).await.unwrap();
        groups.push(deployed.session.scope.resource_group.clone());
    }
    (simulator, groups)
}

/// A command of a foreign client with nothing of this machine's settings for it.
fn command(program: &Path, home: &Path, simulator: &RunningSimulator) -> Command {
    let authority = home.join("ca.crt");
    std::fs::write(&authority, simulator.certificate_authority()).unwrap();
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("AZURE_CONFIG_DIR", home.join("azure"))
        .env("AZURE_CORE_COLLECT_TELEMETRY", "false")
        .env("REQUESTS_CA_BUNDLE", &authority)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONWARNINGS", "ignore");
    command
}

/// The examples that hold every type which the engine makes, and their variety.
const WIDE: [&str; 10] = [
    "quickstart",
    "application-gateway",
    "data-disks",
    "dual-stack",
    "key-vault-encryption",
    "kubenet",
    "private-cluster-with-jumpbox",
    "scale-sets",
    "spot-pool",
    "user-assigned-identity",
];

/// The types that have to be among what is walked.
const TYPES: [&str; 17] = [
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.Compute/availabilitySets",
    "Microsoft.Compute/disks",
    "Microsoft.Compute/virtualMachineScaleSets",
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
    "Microsoft.Compute/virtualMachines",
    "Microsoft.KeyVault/vaults",
    "Microsoft.ManagedIdentity/userAssignedIdentities",
    "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies",
    "Microsoft.Network/applicationGateways",
    "Microsoft.Network/loadBalancers",
    "Microsoft.Network/networkInterfaces",
    "Microsoft.Network/networkSecurityGroups",
    "Microsoft.Network/publicIPAddresses",
    "Microsoft.Network/routeTables",
    "Microsoft.Network/virtualNetworks",
    "Microsoft.Resources/resourceGroups",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azures_packages_for_python_understand_every_resource() {
    let Some(python) = cached("azure-clients/bin/python3") else { return };
    let place = tempfile::tempdir().unwrap();
    let (simulator, _) = world(place.path(), &WIDE).await;
    let who = simulator.credentials();
    let given = json!({
        "url": simulator.tls_url(), "tenant": who.tenant_id, "subscription": who.subscription_id,
        "client": who.client_id, "secret": who.client_secret.expose(),
    });
    let mut walk = command(&python, place.path(), &simulator)
        .arg(script("walk.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    walk.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let began = Instant::now();
    let output = tokio::task::spawn_blocking(move || walk.wait_with_output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Json = serde_json::from_slice(&output.stdout).unwrap();
    println!("walked in {:.1} s: {}", began.elapsed().as_secs_f32(), told["types"]);
    for kind in TYPES {
        assert!(told["types"][kind].as_u64().is_some_and(|count| count > 0), "no {kind} was walked: {}", told["types"]);
    }
    let faults: Vec<&str> = told["faults"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// azure-cli, which takes commands one after the other.
struct AzureCli {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl AzureCli {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .arg(script("az.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    /// Runs a command line whose words have no spaces in them.
    fn ask(&mut self, line: &str) -> Json {
        let words: Vec<&str> = line.split(' ').collect();
        let began = Instant::now();
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{}", json!(words)).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        println!("az {} {}: {:.1} s", words[0], words.get(1).unwrap_or(&""), began.elapsed().as_secs_f32());
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{}: no answer: {answer}", words[0]))
    }

    fn run(&mut self, line: &str) -> Json {
        let mut answer = self.ask(line);
        assert_eq!(answer["code"], 0, "{line}: {answer}");
        answer["result"].take()
    }

    fn fail(&mut self, line: &str) -> String {
        let answer = self.ask(line);
        assert_ne!(answer["code"], 0, "{line}: {answer}");
        answer["error"].as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for AzureCli {
    fn drop(&mut self) {
        // It ends with its input; one that hangs is ended.
        drop(self.child.stdin.take());
        for _ in 0..50 {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn names(list: &Json) -> Vec<&str> {
    list.as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_cli_lists_shows_and_deletes_what_was_made() {
    let Some(python) = cached("azure-clients/bin/python3") else { return };
    let place = tempfile::tempdir().unwrap();
    let (simulator, groups) = world(place.path(), &["quickstart"]).await;
    let az = command(&python, place.path(), &simulator);
    let who = simulator.credentials().clone();
    let url = simulator.tls_url();
    let group = groups[0].clone();
    tokio::task::spawn_blocking(move || drive(AzureCli::start(az), &url, &who, &group)).await.unwrap();
    simulator.shutdown().await;
}

fn drive(mut az: AzureCli, url: &str, who: &engine::server::Credentials, group: &str) {
    az.run("config set core.instance_discovery=false core.only_show_errors=true");
    az.run(&format!(
        "cloud register --name Simulated --endpoint-resource-manager {url} --endpoint-management {url} \
         --endpoint-active-directory {url} --endpoint-active-directory-resource-id {url} \
         --endpoint-active-directory-graph-resource-id {url} --suffix-keyvault-dns .vault.azure.net"
    ));
    az.run("cloud set --name Simulated");
    let login = |secret: &str| {
        format!("login --service-principal --username {} --tenant {} --password={secret}", who.client_id, who.tenant_id)
    };
    assert!(az.fail(&login("wrong")).contains("AADSTS7000215"));
    let accounts = az.run(&login(who.client_secret.expose()));
    assert_eq!(accounts[0]["id"], who.subscription_id.as_str());

    // A group of its own, in all its life.
    let made = az.run("group create --name by-hand --location westus2 --tags by=hand");
    assert_eq!(made["properties"]["provisioningState"], "Succeeded");
    assert_eq!(names(&az.run("group list --tag by=hand")), ["by-hand"]);
    az.run("network nsg create --resource-group by-hand --name guard");
    az.run("network nsg rule create --resource-group by-hand --nsg-name guard --name ssh --priority 100 --destination-port-ranges 22");
    az.run("network vnet create --resource-group by-hand --name net --address-prefixes 10.9.0.0/16 --subnet-name one --subnet-prefixes 10.9.0.0/24 --nsg guard");
    assert!(
        az.fail("network nsg delete --resource-group by-hand --name guard")
            .contains("InUseNetworkSecurityGroupCannotBeDeleted")
    );
    az.run("lock create --resource-group by-hand --name keep --lock-type CanNotDelete");
    assert!(az.fail("group delete --name by-hand --yes").contains("ScopeLocked"));
    az.run("lock delete --resource-group by-hand --name keep");
    az.run("group delete --name by-hand --yes");
    assert_eq!(az.run("group exists --name by-hand"), false);
    assert!(az.fail("group show --name by-hand").contains("ResourceGroupNotFound"));

    // What the engine made.
    let resources = az.run(&format!("resource list --resource-group {group}"));
    assert!(resources.as_array().unwrap().len() > 10, "{resources}");
    let machines = az.run(&format!("vm list --resource-group {group} --show-details"));
    let machine = machines.as_array().unwrap().iter().find(|one| one["tags"]["poolName"] != "master").unwrap();
    assert_eq!(machine["powerState"], "VM running");
    assert!(machine["privateIps"].as_str().unwrap().starts_with("10."), "{machine}");
    let (name, id) = (machine["name"].as_str().unwrap(), machine["id"].as_str().unwrap());
    let shown = az.run(&format!("resource show --ids {id}"));
    assert_eq!(shown["properties"]["vmId"], machine["vmId"]);
    let balancers = az.run(&format!("network lb list --resource-group {group}"));
    assert!(!names(&balancers).is_empty());
    let networks = az.run(&format!("network vnet list --resource-group {group}"));
    let subnets =
        az.run(&format!("network vnet subnet list --resource-group {group} --vnet-name {}", names(&networks)[0]));
    assert!(!names(&subnets).is_empty());
    az.run(&format!("vm deallocate --resource-group {group} --name {name}"));
    let view = az.run(&format!("vm get-instance-view --resource-group {group} --name {name}"));
    let codes: Vec<&str> =
        view["instanceView"]["statuses"].as_array().unwrap().iter().filter_map(|one| one["code"].as_str()).collect();
    assert!(codes.contains(&"PowerState/deallocated"), "{codes:?}");
    az.run(&format!("vm delete --resource-group {group} --name {name} --yes"));
    assert!(az.fail(&format!("vm show --resource-group {group} --name {name}")).contains("NotFound"));
    let assignments =
        az.run("role assignment list --all --fill-principal-name false --fill-role-definition-name false");
    assert!(!assignments.as_array().unwrap().is_empty());
    assert!(!az.run("vm list-usage --location westus2").as_array().unwrap().is_empty());
    az.run(&format!("group delete --name {group} --yes"));
    assert_eq!(az.run("group list"), json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_lists_the_nodes() {
    let Some(kubectl) = cached("kubectl/1.35/kubectl") else { return };
    let place = tempfile::tempdir().unwrap();
    let (simulator, groups) = world(place.path(), &["quickstart"]).await;
    let who = simulator.credentials();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let token: Json = client
        .post(format!("{}/{}/oauth2/v2.0/token", simulator.arm_url(), who.tenant_id))
        .form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &who.client_id),
            ("client_secret", who.client_secret.expose()),
            ("scope", &format!("{}/.default", simulator.arm_url())),
        ])
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let path = format!("{}/simulator/kubeconfig?group={}", simulator.arm_url(), groups[0]);
    assert_eq!(client.get(&path).send().await.unwrap().status(), 401);
    let kubeconfig = client.get(&path).bearer_auth(token["access_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(kubeconfig.status(), 200);
    let file = place.path().join("kubeconfig");
    std::fs::write(&file, kubeconfig.bytes().await.unwrap()).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = command(&kubectl, place.path(), &simulator);
        command.env("KUBECONFIG", &file).args(arguments);
        async move {
            let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            let complained = String::from_utf8_lossy(&output.stderr).into_owned();
            (output.status.success(), said, complained)
        }
    };
    let (good, nodes, complained) = run(&["get", "nodes"]).await;
    assert!(good, "{complained}");
    println!("{nodes}");
    let lines: Vec<&str> = nodes.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]);
    assert!(lines.len() > 2 && lines[1..].iter().all(|line| line.contains(" Ready ") && line.contains(" v1.")));
    assert!(nodes.contains("control-plane"));
    let name = lines.last().unwrap().split_whitespace().next().unwrap().to_owned();
    let (good, version, complained) = run(&["version", "-o", "json"]).await;
    assert!(good && version.contains("serverVersion"), "{complained}");
    let (good, _, complained) = run(&["cordon", &name]).await;
    assert!(good, "{complained}");
    let (_, nodes, _) = run(&["get", "node", &name]).await;
    assert!(nodes.contains("Ready,SchedulingDisabled"), "{nodes}");
    let (good, pods, complained) =
        run(&["get", "pods", "--all-namespaces", "--field-selector", &format!("spec.nodeName={name}")]).await;
    assert!(good && pods.contains("kube-proxy"), "{pods}{complained}");
    let (good, _, complained) = run(&["drain", &name, "--ignore-daemonsets", "--force", "--timeout=20s"]).await;
    assert!(good, "{complained}");
    let (good, _, complained) = run(&["get", "node", "nobody"]).await;
    assert!(!good && complained.contains("NotFound"), "{complained}");
}
