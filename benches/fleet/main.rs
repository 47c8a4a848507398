//! A deployment of 1,000 machines at the limit of what Azure allows: the program against the simulator, both as processes
//! of their own, with Azure's documented limits and the virtual clock; held against what no order of requests could
//! go below, and against an executor that has ten steps under way at a time.
//!
//! Each machine is an interface, a machine and an extension: the network is Cilium's, and all machines have one identity.
//! With `--own-identities` each has one of its own, with a role assignment, and its pods' addresses are the interface's.
//!
//! `cargo bench --bench fleet`; `-- --machines 1000`, `-- --own-identities` and `-- --no-plain` are its options. It fails if a
//! step fails or the time is more than 1.05 of the bound.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and may fail by a panic"
)]

mod bound;
#[path = "../models.rs"]
#[allow(dead_code, reason = "another bench uses the rest")]
mod models;
mod plain;
mod process;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use self::bound::{Writes, bound};
use self::models::Size;
use self::process::{Cost, run};

const ENGINE: &str = env!("CARGO_BIN_EXE_engine");
/// The most that the time may be, as a share of the bound.
const LONGEST: f64 = 1.05;

/// The simulator as a process of its own, which is stopped in the end.
pub struct Azure(std::process::Child);

impl Azure {
    pub fn start(folder: &Path) -> Self {
        let mut command = Command::new(ENGINE);
        command.arg("simulate").arg(folder).args(["--limits", "azure", "--virtual-clock"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let running = || engine::server::find_running(folder).ok().flatten().is_some();
        let began = std::time::Instant::now();
        while !running() {
            assert!(began.elapsed().as_secs() < 30, "the simulator does not start");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Self(child)
    }

    /// How many requests were refused because there were too many, and how many there were, by what the simulator logs.
    pub fn requests(folder: &Path) -> (usize, usize) {
        let log = std::fs::read_to_string(folder.join("requests.jsonl")).unwrap();
        let lines: Vec<Json> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (lines.iter().filter(|line| line["status"] == 429).count(), lines.len())
    }
}

impl Drop for Azure {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What became of a deployment by the program.
struct Deployed {
    result: Json,
    cost: Cost,
}

fn deploy(folder: &Path, azure: &Path, model: &Path) -> Deployed {
    let mut command = Command::new(ENGINE);
    command.args(["deploy", "--json", "--yes", "--target", "simulator"]);
    command.arg(model).arg("--simulator").arg(azure).arg("-o").arg(folder);
    let (output, cost) = run(&mut command);
    Deployed { result: serde_json::from_slice(&output).unwrap_or_default(), cost }
}

fn model_of(machines: u32, own_identities: bool) -> Json {
    let mut model = Size::in_five_pools(machines).model();
    if !own_identities {
        model["properties"]["orchestratorProfile"]["kubernetesConfig"] = json!({
            "loadBalancerSku": "Standard", "networkPlugin": "cilium", "clusterSubnet": "172.16.0.0/12",
            "useManagedIdentity": true, "userAssignedID": "fleet",
        });
    }
    model
}

fn tell(name: &str, seconds: f64, bound: f64, (refused, requests): (usize, usize)) {
    println!(
        "{name:<34} {seconds:>8.1} s  {:>6.3} of the bound  {requests:>6} requests, {refused} refused",
        seconds / bound
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = arguments.iter().position(|argument| argument == "--machines").and_then(|at| arguments.get(at + 1));
    let machines: u32 = number.and_then(|number| number.parse().ok()).unwrap_or(1_000);
    let place = tempfile::tempdir().unwrap();
    let model = place.path().join("apimodel.json");
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    std::fs::write(&model, model_of(machines, has("--own-identities")).to_string()).unwrap();

    let mut limit = 0.0;
    // The second one knows how long things take.
    for (name, again) in [("engine, nothing learnt", false), ("engine, after a former run", true)] {
        let azure = place.path().join(if again { "azure-2" } else { "azure-1" });
        let folder = place.path().join(if again { "cluster-2" } else { "cluster-1" });
        if again {
            let learnt = place.path().join("cluster-1/state/durations.json");
            std::fs::create_dir_all(folder.join("state")).unwrap();
            std::fs::copy(learnt, folder.join("state/durations.json")).unwrap();
        }
        let simulator = Azure::start(&azure);
        let deployed = deploy(&folder, &azure, &model);
        drop(simulator);
        let Deployed { result, cost } = deployed;
        assert_eq!(result["complete"], true, "{} {}", result["failed"], String::from_utf8_lossy(&cost.errors));
        let writes = Writes::of_plan(&result["plan"]);
        limit = bound(&writes, !again);
        let seconds = result["seconds"].as_f64().unwrap();
        tell(name, seconds, limit, Azure::requests(&azure));
        println!("{:<34} {:>8.2} s of CPU, {:.0} MB at most, {:.1} s real", "", cost.cpu, cost.peak, cost.wall);
        assert!(seconds <= LONGEST * limit, "{seconds} s are more than {LONGEST} of {limit} s");
    }
    if !has("--no-plain") {
        let azure = place.path().join("azure-3");
        let simulator = Azure::start(&azure);
        let seconds = plain::deploy(&place.path().join("cluster-3"), &azure, &model);
        drop(simulator);
        tell("ten at a time", seconds, limit, Azure::requests(&azure));
    }
}
