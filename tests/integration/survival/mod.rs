//! What a run of the engine has to survive, by number: the tests 6 to 20, 27 and 28 of the list of faults that an engine is
//! judged by. Each is named after its number and content; where a number has its tests elsewhere, they bear its number too.

mod cloud;
mod interrupts;
mod keeping;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use crate::commands::{Place, QUICKSTART, model};

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Told {
    pub code: i32,
    pub data: Json,
    pub notes: String,
}

impl Told {
    /// The codes of the steps that failed.
    pub fn failures(&self) -> Vec<String> {
        let failed = self.data["failed"].as_array().into_iter().flatten();
        failed.map(|step| step["fault"]["code"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// A place with faults to come.
pub struct Faulty {
    pub place: Place,
}

impl Faulty {
    pub fn new(rules: Json) -> Self {
        let this = Self { place: Place::new() };
        this.give(rules);
        this
    }

    /// Other faults from now on.
    pub fn give(&self, rules: Json) {
        let text = json!({ "format": 1, "seed": 11, "rules": rules }).to_string();
        std::fs::write(self.place.path("faults.json"), text).unwrap();
    }

    pub fn folder(&self) -> String {
        self.place.cluster().to_str().unwrap().to_owned()
    }

    /// Runs a verb on the cluster's folder at time scale 0, with the faults.
    pub fn run(&self, arguments: &[&str]) -> Told {
        self.run_at("0", arguments)
    }

    pub fn run_at(&self, time_scale: &str, arguments: &[&str]) -> Told {
        let folder = self.folder();
        let also = ["-o", &folder, "--time-scale", time_scale, "--faults", "faults.json", "--json"];
        let output = self.place.engine(&[arguments, &also].concat());
        Told {
            code: output.status.code().unwrap(),
            data: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            notes: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn deploy(&self) -> Told {
        self.run(&["deploy", &model(QUICKSTART), "--target", "simulator"])
    }

    /// The log of the simulator's requests.
    pub fn log(&self) -> Vec<Json> {
        let path: PathBuf = self.place.cluster().join("simulator/requests.jsonl");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Nothing is left to do, and nothing was accepted twice.
    pub fn has_converged(&self) {
        let apimodel = format!("{}/apimodel.json", self.folder());
        self.place.expect(0, &["plan", "-m", &apimodel, "--exit-code"]);
        self.was_accepted_once();
    }

    pub fn was_accepted_once(&self) {
        let log = self.log();
        let mut writes = times_by_path(log.iter().filter(|line| {
            let status = line["status"].as_u64().unwrap();
            // A page of somebody in between says nothing of what arrived.
            line["method"] == "PUT" && (200..300).contains(&status) && line["fault"] != "page"
        }));
        writes.retain(|path, times| *times > 1 && !path.contains("/secrets/"));
        assert!(writes.is_empty(), "accepted more than once: {writes:?}");
    }
}

/// How many of the requests each path had, however it was spelt.
pub fn times_by_path<'a>(requests: impl Iterator<Item = &'a Json>) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for request in requests {
        *times.entry(request["path"].as_str().unwrap().to_lowercase()).or_default() += 1;
    }
    times
}
