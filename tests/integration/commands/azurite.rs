//! States in Azure Blob, as azurite serves it: Microsoft's own emulator, an npm package that `.ci/run` installs outside the
//! checkout. Without it the tests say so and pass.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::{Place, QUICKSTART, model};

/// azurite's account and its key, which everybody knows (Microsoft Learn, "Use the Azurite emulator", read 2026-11-28).
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

struct Azurite {
    child: Child,
    port: u16,
}

impl Azurite {
    /// Starts it with a container `states`. None, with a line that says why, where it is not installed.
    fn start() -> Option<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
        let main = cache.join("engine-ci/azurite/node_modules/azurite/dist/src/blob/main.js");
        if !main.is_file() {
            println!("skipped: azurite is not installed; .ci/run does that");
            return None;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("node")
            .arg(main)
            .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string(), "--inMemoryPersistence"])
            .args(["--silent", "--skipApiVersionCheck", "--disableTelemetry"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            println!("skipped: node cannot be started");
            return None;
        };
        let mut this = Self { child, port };
        let patience = Instant::now() + Duration::from_secs(120);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(this.child.try_wait().unwrap().is_none(), "azurite ended by itself");
            assert!(Instant::now() < patience, "azurite does not listen");
            std::thread::sleep(Duration::from_millis(100));
        }
        this.create_container("states");
        Some(this)
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)
    }

    /// By Shared Key (Microsoft Learn, "Authorize with Shared Key", read 2026-11-28).
    fn create_container(&self, name: &str) {
        let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let version = "2021-08-06";
        let to_sign = format!(
            "PUT{}x-ms-date:{date}\nx-ms-version:{version}\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container",
            "\n".repeat(12)
        );
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &STANDARD.decode(KEY).unwrap());
        let signature = STANDARD.encode(ring::hmac::sign(&key, to_sign.as_bytes()));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = reqwest::Client::new()
            .put(format!("{}/{name}?restype=container", self.endpoint()))
            .header("x-ms-date", date)
            .header("x-ms-version", version)
            .header("content-length", "0")
            .header("authorization", format!("SharedKey {ACCOUNT}:{signature}"))
            .send();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let response = runtime.block_on(request).unwrap();
        assert_eq!(response.status().as_u16(), 201, "the container");
    }

    /// A machine from which the store can be reached, with a folder of its own.
    fn machine(&self) -> Machine {
        let place = Place::new();
        std::fs::write(place.path("state.key"), STANDARD.encode([7; 32])).unwrap();
        Machine { place, endpoint: self.endpoint() }
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Machine {
    place: Place,
    endpoint: String,
}

/// A verb with what has to be said about a simulator in `place`'s folder.
impl Machine {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command.envs([
            ("AZURE_STORAGE_ENDPOINT", self.endpoint.as_str()),
            ("AZURE_STORAGE_KEY", KEY),
            ("ENGINE_STATE_KEY", "state.key"),
            ("ENGINE_STATE_LOCK_SECONDS", "4"),
            ("ENGINE_TIME_SCALE", "0"),
        ]);
        command
    }

    fn engine(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn expect(&self, code: i32, arguments: &[&str]) -> (String, String) {
        let output = self.engine(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, told) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "engine {arguments:?}\n{out}\n{told}");
        (out, told)
    }

    fn json(&self, arguments: &[&str]) -> Json {
        serde_json::from_str(&self.expect(0, &[arguments, &["--json"]].concat()).0).unwrap()
    }

    /// Begins a deployment that stops moving after so many records, and waits until it stands there.
    fn held(&self, address: &str, records: usize) -> Child {
        let arguments = ["deploy", &model(QUICKSTART), "--target", "simulator", "--state", address];
        let mut process = self
            .command(&arguments)
            .env("ENGINE_JOURNAL_HOLD_AFTER", records.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It stands there once what is finished does not change any more.
        let mut last = None;
        for _ in 0..600 {
            assert!(process.try_wait().unwrap().is_none(), "the deployment ended");
            std::thread::sleep(Duration::from_millis(700));
            let shown = self.engine(&["state", "show", "--state", address, "--json"]);
            let shown: Json = serde_json::from_slice(&shown.stdout).unwrap_or_default();
            let finished = shown["run"]["finished"].as_u64().filter(|finished| *finished > 0);
            if finished.is_some() && finished == last {
                return process;
            }
            last = finished;
        }
        killed(process);
        panic!("the deployment did not come to record {records}");
    }
}

fn killed(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn a_cluster_lives_with_its_state_in_azure_blob() {
    let Some(azurite) = Azurite::start() else { return };
    let address = "azblob://devstoreaccount1/states/teams/quickstart";
    let here = azurite.machine();
    let deployed = here.json(&["deploy", &model(QUICKSTART), "--target", "simulator", "--state", address]);
    assert_eq!(deployed["complete"], true);
    assert!(!here.place.path("_output/quickstart/state/state.json").exists(), "it is kept in the store only");
    // The folder knows where its state is.
    here.expect(0, &["plan", "-m", "_output/quickstart/apimodel.json", "--exit-code"]);
    assert_eq!(here.json(&["state", "show"])["place"], address);

    // From another machine, by the address, and by the tag of the resource group.
    let simulator = here.place.path("_output/quickstart/simulator");
    let simulator = simulator.to_str().unwrap();
    for arguments in [&["--state", address][..], &["-g", "quickstart", "--target", "simulator"]] {
        let there = azurite.machine();
        let status = there.json(&[&["status", "--simulator", simulator], arguments].concat());
        assert_eq!(status["nodes"].as_array().unwrap().len(), 3, "{arguments:?}");
        for name in ["apimodel.json", "ca.key", "kubeconfig/kubeconfig.westus2.json"] {
            let read = |machine: &Machine| std::fs::read(machine.place.path("_output/quickstart").join(name)).unwrap();
            assert!(read(&here) == read(&there), "{name}");
        }
        assert!(!there.place.path("_output/quickstart/azuredeploy.json").exists());
    }
    let there = azurite.machine();
    there.expect(0, &["plan", "-g", "quickstart", "--target", "simulator", "--simulator", simulator, "--exit-code"]);
    let flags = ["--simulator", simulator, "--target", "simulator", "--yes"];
    there.expect(0, &[&["scale", "-g", "quickstart", "-c", "3"][..], &flags].concat());
    // The first machine sees the new number, not its own old one.
    here.expect(0, &["plan", "-m", "_output/quickstart/apimodel.json", "--exit-code"]);
    assert_eq!(here.json(&["status"])["nodes"].as_array().unwrap().len(), 4);
    here.expect(64, &["status", "-g", "another", "--target", "simulator", "--simulator", simulator]);
    there.expect(0, &["destroy", "--yes", "--simulator", simulator]);
    assert_eq!(here.json(&["state", "show"])["resources"], serde_json::json!([]));
}

#[test]
fn a_killed_deployment_is_resumed_from_another_machine_and_two_at_once_are_not() {
    let Some(azurite) = Azurite::start() else { return };
    let address = "azblob://devstoreaccount1/states/killed";
    let here = azurite.machine();
    let first = here.held(address, 30);
    let told = here.expect(73, &["deploy", &model(QUICKSTART), "--target", "simulator", "--state", address]).1;
    assert!(told.contains(&format!("process {}", first.id())) && told.contains("engine unlock"), "{told}");
    killed(first);

    let there = azurite.machine();
    let simulator = here.place.path("_output/quickstart/simulator");
    let resume = ["resume", "--state", address, "--simulator", simulator.to_str().unwrap()];
    // The lock of one that was killed outlives it for a while.
    let told = there.engine(&resume);
    if told.status.code() == Some(73) {
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!(there.json(&resume)["complete"], true);
    } else {
        assert_eq!(told.status.code(), Some(0), "{}", String::from_utf8_lossy(&told.stderr));
    }
    let repeated: Vec<String> = accepted_twice(&here);
    assert_eq!(repeated, Vec::<String>::new());
    here.expect(0, &["plan", "-m", "_output/quickstart/apimodel.json", "--exit-code"]);
}

fn accepted_twice(machine: &Machine) -> Vec<String> {
    let text = std::fs::read_to_string(machine.place.path("_output/quickstart/simulator/requests.jsonl")).unwrap();
    let mut writes = std::collections::BTreeMap::<String, usize>::new();
    for line in text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok()) {
        let path = line["path"].as_str().unwrap_or_default().to_lowercase();
        if line["method"] == "PUT" && line["status"].as_u64().is_some_and(|status| status < 300) {
            *writes.entry(path).or_default() += 1;
        }
    }
    writes.into_iter().filter(|(path, times)| *times > 1 && !path.contains("/secrets/")).map(|(path, _)| path).collect()
}

/// Stopped for longer than its lock lives; by the time it goes on, somebody else has taken the run over.
#[test]
fn a_holder_that_was_stopped_beyond_its_heartbeat_writes_nothing_more() {
    let Some(azurite) = Azurite::start() else { return };
    let address = "azblob://devstoreaccount1/states/stopped";
    let here = azurite.machine();
    let simulator = here.place.path("simulator");
    let simulator = simulator.to_str().unwrap();
    // The simulator outside of the process that is stopped, and slow enough for that to be in the middle.
    let mut simulating = here
        .command(&["simulate", simulator, "--time-scale", "0.05"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(60);
    while !matches!(engine::server::find_running(std::path::Path::new(simulator)), Ok(Some(_))) {
        assert!(Instant::now() < patience, "the simulator does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    let quickstart = model(QUICKSTART);
    let arguments = ["deploy", &quickstart, "--target", "simulator", "--simulator", simulator, "--state", address];
    let first = here.command(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &first.id().to_string()]).status().unwrap();
        assert!(sent.success());
    };
    let seen = |wanted: u64| {
        let shown = here.engine(&["state", "show", "--state", address, "--json"]);
        let shown: Json = serde_json::from_slice(&shown.stdout).unwrap_or_default();
        shown["run"]["finished"].as_u64().is_some_and(|finished| finished >= wanted)
    };
    let patience = Instant::now() + Duration::from_secs(90);
    while !seen(2) {
        assert!(Instant::now() < patience, "the deployment does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    signal("-STOP");
    std::thread::sleep(Duration::from_secs(5));
    let there = azurite.machine();
    let resumed = there.json(&["resume", "--state", address, "--simulator", simulator]);
    assert_eq!(resumed["complete"], true);
    let before = there.json(&["state", "show"]);
    signal("-CONT");
    let output = first.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(73), "{told}");
    assert!(told.contains("was taken away"), "{told}");
    assert_eq!(there.json(&["state", "show"]), before);
    there.expect(0, &["plan", "-m", "_output/quickstart/apimodel.json", "--exit-code", "--simulator", simulator]);
    let _ = simulating.kill();
    let _ = simulating.wait();
}

#[test]
fn a_state_moves_into_a_store_and_two_do_not_go_on_side_by_side() {
    let Some(azurite) = Azurite::start() else { return };
    let address = "azblob://devstoreaccount1/states/moved";
    let here = azurite.machine();
    here.expect(0, &["deploy", &model(QUICKSTART), "--target", "simulator"]);
    let told = here.expect(64, &["status", "-o", "_output/quickstart", "--state", address]).1;
    assert!(told.contains("engine state push"), "{told}");
    here.expect(0, &["state", "pull", "--out", "state.json"]);
    here.expect(0, &["state", "push", "state.json", "-o", "_output/quickstart", "--state", address]);
    assert_eq!(here.json(&["state", "show"])["place"], address);
    assert!(!here.place.path("_output/quickstart/state/state.json").exists());
    let other = "azblob://devstoreaccount1/states/other";
    here.expect(64, &["status", "-o", "_output/quickstart", "--state", other]);
    // Nobody moved the tag yet: the next deployment does, and nothing else.
    let plan = here.json(&["plan", "-m", "_output/quickstart/apimodel.json"]);
    assert_eq!((&plan["create"], &plan["update"], &plan["delete"]), (&0.into(), &1.into(), &0.into()), "{plan:#}");

    // The wrong key, none, no container, and nobody there.
    std::fs::write(here.place.path("wrong.key"), STANDARD.encode([8; 32])).unwrap();
    here.expect(77, &["status", "--state-key", "wrong.key"]);
    let none = here.command(&["status"]).env_remove("ENGINE_STATE_KEY").output().unwrap();
    assert_eq!(none.status.code(), Some(77));
    let refused = here.command(&["status"]).env("AZURE_STORAGE_KEY", STANDARD.encode("another")).output().unwrap();
    assert_eq!(refused.status.code(), Some(77), "{}", String::from_utf8_lossy(&refused.stderr));
    let nowhere = ["deploy", &model(QUICKSTART), "-o", "new", "--target", "simulator", "--state"];
    let told = here.expect(69, &[&nowhere[..], &["azblob://devstoreaccount1/none/x"]].concat()).1;
    assert!(told.contains("create it first"), "{told}");
    for name in ["state.key", "wrong.key"] {
        let secret = std::fs::read_to_string(here.place.path(name)).unwrap();
        assert!(!told.contains(&secret) && !told.contains(KEY));
    }
}
