//! Machines that somebody has deleted behind the engine's back.

use serde_json::{Value as Json, json};

use super::{Place, QUICKSTART, Simulating, model};

/// A cluster with three control-plane machines, and how the simulator is asked about it.
struct Cluster {
    place: Place,
    folder: String,
    running: Simulating,
}

impl Cluster {
    fn deployed() -> Self {
        let place = Place::new();
        let folder = place.cluster().to_str().unwrap().to_owned();
        let three = ["--set", "masterProfile.count=3"];
        let arguments = ["deploy", &model(QUICKSTART), "--target", "simulator", "-o", &folder, "--time-scale", "0"];
        place.expect(0, &[&arguments[..], &three].concat());
        let running = Simulating::start(&place);
        Self { place, folder, running }
    }

    fn delete(&self, machines: &[&str]) {
        let shown = self.place.json(&["state", "show", "-o", &self.folder]);
        let ids = shown["resources"].as_array().unwrap().iter().map(|own| own["id"].as_str().unwrap());
        let ids: Vec<&str> = ids.filter(|id| machines.iter().any(|machine| id.ends_with(machine))).collect();
        assert_eq!(ids.len(), machines.len(), "{ids:?}");
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let client = super::foreigners::arm(&self.running);
            for id in ids {
                client.delete(&format!("{id}?api-version=2025-04-01")).await;
            }
        });
    }

    fn machine(&self, part: &str) -> String {
        let shown = self.place.json(&["state", "show", "-o", &self.folder]);
        let mut ids = shown["resources"].as_array().unwrap().iter().map(|own| own["id"].as_str().unwrap());
        let found =
            ids.find(|id| id.contains("/virtualMachines/k8s-") && id.contains(part) && !id.contains("extensions"));
        found.unwrap().rsplit('/').next().unwrap().to_owned()
    }

    fn plan(&self) -> Vec<String> {
        vec!["plan".to_owned(), "-m".to_owned(), format!("{}/apimodel.json", self.folder)]
    }

    /// What is said when no plan is made.
    fn refused(&self) -> String {
        let plan = self.plan();
        let plan: Vec<&str> = plan.iter().map(String::as_str).collect();
        let output = self.place.engine(&plan);
        assert_eq!(output.status.code(), Some(78));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

#[test]
fn a_machine_that_is_gone_is_named_with_what_replacing_it_means() {
    let cluster = Cluster::deployed();
    let (plane, worker) = (cluster.machine("master"), cluster.machine("agentpool1"));
    let plane = format!("{}-1", plane.rsplit_once('-').unwrap().0);
    cluster.delete(&[&plane, &worker]);
    let plan = cluster.plan();
    let plan: Vec<&str> = plan.iter().map(String::as_str).collect();
    let told = cluster.place.json(&plan);
    let notes: Vec<&str> = told["notes"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    let note = |of: &str| notes.iter().find(|note| note.starts_with(of)).unwrap_or_else(|| panic!("{notes:?}"));
    assert!(note(&plane).contains("2 of 3 are left") && note(&plane).contains("out of etcd"), "{notes:?}");
    assert!(note(&worker).contains("makes anew what is missing"), "{notes:?}");

    let apimodel = format!("{}/apimodel.json", cluster.folder);
    cluster.place.expect(0, &["deploy", &apimodel, "-o", &cluster.folder, "--time-scale", "0"]);
    let told = cluster.place.json(&plan);
    assert_eq!((&told["create"], &told["notes"]), (&json!(0), &json!([])));
}

#[test]
fn what_nothing_could_join_any_more_is_refused() {
    let cluster = Cluster::deployed();
    let first = cluster.machine("master");
    let stem = first.rsplit_once('-').unwrap().0.to_owned();
    let machines: Vec<String> = (0..3).map(|index| format!("{stem}-{index}")).collect();
    // Whether etcd has a majority is for etcd to say: what has to be done if it has none is told.
    cluster.delete(&[&machines[0], &machines[2]]);
    let plan = cluster.plan();
    let plan: Vec<&str> = plan.iter().map(String::as_str).collect();
    let told = cluster.place.json(&plan)["notes"].to_string();
    let named = format!("{}, {} of the control plane were made and are not there any more", machines[0], machines[2]);
    assert!(told.contains(&named) && told.contains("1 of 3 are left"), "{told}");
    assert!(told.contains("it takes no new one") && told.contains("--force-new-cluster"), "{told}");
    // With the last one goes whatever new ones could join.
    cluster.delete(&[&machines[1]]);
    let told = cluster.refused();
    assert!(told.contains("no control-plane machine is left") && told.contains("engine destroy"), "{told}");
    // What is left can be deleted, and the cluster made anew.
    let apimodel = format!("{}/apimodel.json", cluster.folder);
    cluster.place.expect(0, &["destroy", "-o", &cluster.folder, "--yes", "--time-scale", "0"]);
    let place = ["--target", "simulator", "-o", &cluster.folder, "--time-scale", "0"];
    cluster.place.expect(0, &[&["deploy", &apimodel][..], &place].concat());
}
