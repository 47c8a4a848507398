//! The program as its users run it: commands, exit codes, files, and a simulator behind a real socket.

mod access;
mod azurite;
mod create;
mod explain;
pub mod foreigners;
mod given_networks;
mod given_up;
mod hosts;
mod image;
mod import;
pub mod killed;
mod leftovers;
mod lifecycle;
mod lost;
mod powershell;
mod preflight;
mod refusals;
mod rehearsal;
mod repeatable;
mod small;
mod terminal;
mod trouble;
mod saved;
mod secrets;
mod telling;
mod state;
mod simulated_time;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

/// A folder in which one cluster lives, and the program to run in it.
pub struct Place {
    root: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    /// The folder of the cluster.
    pub fn cluster(&self) -> PathBuf {
        self.root.path().join("cluster")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A command that sees nothing of the environment of whoever runs the tests.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_engine"));
        command.env_clear().current_dir(self.root.path()).args(arguments).stdin(Stdio::null());
        command
    }

    pub fn engine(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must end with `code`, and gives its standard output.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.engine(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(
            output.status.code(),
            Some(code),
            "engine {arguments:?}\n{}\n{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    pub fn json(&self, arguments: &[&str]) -> Json {
        let text = self.expect(0, &[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{text}"))
    }

    /// The requests that the simulator has answered, as `(method, path, status)`.
    pub fn requests(&self) -> Vec<(String, String, u64)> {
        let text = std::fs::read_to_string(self.cluster().join("simulator/requests.jsonl")).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str::<Json>(line).ok())
            .map(|line| {
                let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
                (text("method"), text("path"), line["status"].as_u64().unwrap_or_default())
            })
            .collect()
    }

    /// How often a write of each resource was accepted.
    pub fn accepted_writes(&self) -> BTreeMap<String, usize> {
        let mut writes = BTreeMap::new();
        for (method, path, status) in self.requests() {
            if method == "PUT" && (200..300).contains(&status) {
                *writes.entry(path.to_lowercase()).or_default() += 1;
            }
        }
        writes
    }
}

/// A model of the repository.
pub fn model(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).display().to_string()
}

pub const QUICKSTART: &str = "apimodels/quickstart.json";

/// The simulator as a process of its own. It is stopped when this is dropped.
pub struct Simulating {
    process: Child,
    pub url: String,
    pub credentials: engine::server::Credentials,
}

impl Simulating {
    pub fn start(place: &Place) -> Self {
        Self::start_with(place, &["--time-scale", "0"])
    }

    pub fn start_with(place: &Place, options: &[&str]) -> Self {
        let folder = place.cluster().join("simulator");
        let arguments = [&["simulate", folder.to_str().unwrap()][..], options].concat();
        let mut process = place.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        for _ in 0..200 {
            if let Ok(Some((url, credentials))) = engine::server::find_running(&folder) {
                return Self { process, url, credentials };
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        process.kill().unwrap();
        process.wait().unwrap();
        panic!("the simulator did not start");
    }
}

impl Drop for Simulating {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
