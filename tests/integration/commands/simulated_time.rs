//! A simulator of its own with Azure's limits and a clock that moves on demand, and the program that follows it.

use std::time::{Duration, Instant};

use super::{Place, QUICKSTART, Simulating, model};

#[test]
fn a_deployment_takes_azures_time_in_no_time_and_keeps_its_limits() {
    let place = Place::new();
    let simulating = Simulating::start_with(&place, &["--limits", "azure", "--virtual-clock"]);
    let (folder, began) = (place.cluster(), Instant::now());
    let folder = folder.to_str().unwrap();
    let pool = "agentPoolProfiles[0].count=15";
    let arguments = ["deploy", &model(QUICKSTART), "--target", "simulator", "-o", folder, "--set", pool, "--yes"];
    let deployed = place.json(&arguments);
    assert_eq!(deployed["complete"], true, "{deployed}");
    let seconds = deployed["seconds"].as_f64().unwrap();
    // A machine takes a minute, its extension forty seconds.
    assert!((100.0..400.0).contains(&seconds), "{seconds}");
    assert!(began.elapsed() < Duration::from_secs_f64(seconds), "{:?}", began.elapsed());
    let requests = place.requests();
    assert!(requests.iter().all(|(.., status)| *status != 429));
    // Interfaces and machines are told of by lists, a page for many.
    let lists =
        requests.iter().filter(|(method, path, _)| method == "GET" && path.ends_with("/virtualMachines")).count();
    assert!((1..40).contains(&lists), "{lists}");
    let learnt = std::fs::read_to_string(place.cluster().join("state/durations.json")).unwrap();
    assert!(learnt.contains("create Microsoft.Compute/virtualMachines"), "{learnt}");
    drop(simulating);
}

#[tokio::test]
async fn a_simulator_tells_how_it_keeps_time() {
    for (options, wanted) in [(&["--time-scale", "0"][..], (false, 0.0)), (&["--virtual-clock"][..], (true, 1.0))] {
        let place = Place::new();
        let simulating = Simulating::start_with(&place, options);
        let time = engine::server::simulated_time(&simulating.url).await.unwrap();
        assert_eq!((time.is_virtual, time.time_scale), wanted);
    }
}
