//! Tests 7 to 14: what a cloud does on a bad day.

use serde_json::{Value as Json, json};

use super::{Faulty, Told, times_by_path};
use crate::commands::{Place, QUICKSTART, model};

fn is_done(told: &Told) {
    assert_eq!((told.code, &told.data["complete"]), (0, &json!(true)), "{}", told.notes);
}

#[test]
fn test_07_a_storm_of_429_is_weathered_with_bounded_requests() {
    let throttled = |told: &str| json!({ "kind": "throttled", "seconds": 20, "told": told });
    let faulty = Faulty::new(json!([
        { "name": "looks", "methods": ["GET"], "type": "Microsoft.Network/*", "each": true, "times": 20, "fault": throttled("seconds") },
        { "name": "polls", "on": "poll", "each": true, "times": 20, "fault": throttled("seconds") },
        { "name": "writes", "methods": ["PUT"], "each": true, "fault": throttled("date") },
        { "name": "reads", "methods": ["GET"], "each": true, "times": 3, "fault": throttled("nothing") },
    ]));
    let told = faulty.deploy();
    is_done(&told);
    assert!(told.notes.contains("again in"), "the wait is told: {}", told.notes);
    let log = faulty.log();
    // How often each address met a rule.
    let refused = |rule: &str| times_by_path(log.iter().filter(|line| line["fault"] == rule));
    let written = log.iter().filter(|line| line["method"] == "PUT" && line["status"] != 429).count();
    let writes = refused("writes");
    assert_eq!((writes.len(), writes.values().sum()), (written, written), "each write waits once");
    // What is asked for is asked for until the storm is over, and no more is asked for because of it: two addresses, a
    // security group and a network; two load balancers, and the network interfaces but those, one in sixteen, whose
    // answer names no operation.
    let (looks, polls) = (refused("looks"), refused("polls"));
    assert!(looks.values().chain(polls.values()).all(|times| *times == 20), "{looks:?} {polls:?}");
    assert!(looks.len() == 4 && (2..=5).contains(&polls.len()), "{looks:?} {polls:?}");
    let reads = refused("reads");
    assert!(reads.values().all(|times| *times <= 3) && (1..=15).contains(&reads.len()), "{reads:?}");
    let answered = log.iter().filter(|line| line["status"] != 429).count();
    assert!(answered < 250, "{answered} requests besides those refused");
    faulty.has_converged();
}

/// Times are those of the simulator's log; both ends have one clock.
#[test]
fn test_07_a_wait_that_is_asked_for_is_kept() {
    let machines = "Microsoft.Compute/virtualMachines";
    let faulty = Faulty::new(json!([
        { "type": machines, "methods": ["PUT"], "each": true, "fault": { "kind": "throttled", "seconds": 100 } },
    ]));
    is_done(&faulty.run_at("0.01", &["deploy", &model(QUICKSTART), "--target", "simulator"]));
    let log = faulty.log();
    let at = |line: &Json| line["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let mut waited = 0;
    for refused in log.iter().filter(|line| line["status"] == 429) {
        let mut again = log.iter().filter(|line| line["path"] == refused["path"] && line["method"] == "PUT");
        let again = again.find(|line| at(line) > at(refused)).unwrap();
        // 100 s at a hundredth.
        assert!(at(again) - at(refused) >= 1000, "{refused} {again}");
        waited += 1;
    }
    assert_eq!(waited, 3);
}

/// What cannot be looked at is told with its reason, beside all that can; it is not taken for gone.
#[test]
fn a_status_tells_what_it_could_not_look_at() {
    let faulty = Faulty::new(json!([]));
    is_done(&faulty.deploy());
    let refused = |resource_type: &str| {
        json!([{
            "methods": ["GET"], "type": resource_type, "times": "always",
            "fault": { "kind": "refused", "status": 403, "code": "AuthorizationFailed", "message": "no right to read" },
        }])
    };
    faulty.give(refused("Microsoft.Network/loadBalancers"));
    let told = faulty.run(&["status"]);
    assert_eq!(told.code, 78, "{}", told.notes);
    let unknown = told.data["unknown"].as_array().unwrap();
    assert!(!unknown.is_empty() && unknown.iter().all(|it| it["code"] == "AuthorizationFailed"), "{unknown:?}");
    assert_eq!((&told.data["missing"], &told.data["nodes"][2]["ready"]), (&json!([]), &json!(true)));
    let shown = faulty.place.expect(78, &["status", "-o", &faulty.folder(), "--faults", "faults.json"]);
    assert!(shown.contains("not known: ") && shown.contains("no right to read"), "{shown}");

    // Whoever sees nothing at all has nothing to tell.
    for resource_type in ["Microsoft.Resources/resourceGroups", "Microsoft.*/*"] {
        faulty.give(refused(resource_type));
        let told = faulty.run(&["status"]);
        assert_eq!((told.code, &told.data["nodes"]), (78, &Json::Null), "{resource_type}: {}", told.data);
    }
    faulty.give(json!([]));
    let told = faulty.run(&["status"]);
    assert_eq!((told.code, &told.data["unknown"]), (0, &json!([])));
}

#[test]
fn test_08_server_errors_and_resets_leave_exactly_one_of_each() {
    let refused = |status: u16| json!({ "methods": ["PUT"], "fault": { "kind": "refused", "status": status } });
    let faulty = Faulty::new(json!([
        refused(500), refused(502), refused(503), refused(504), refused(408),
        { "on": "poll", "times": 5, "fault": { "kind": "refused", "status": 503 } },
        { "methods": ["GET"], "times": 3, "fault": { "kind": "refused", "status": 500 } },
        // After the effect, once for each resource that is left.
        { "name": "reset", "methods": ["PUT"], "each": true, "fault": { "kind": "reset" } },
    ]));
    let told = faulty.deploy();
    is_done(&told);
    let resets = faulty.log().iter().filter(|line| line["fault"] == "reset").count();
    assert!(resets >= 20, "{resets}");
    faulty.has_converged();

    // A deletion whose answer is lost has happened.
    faulty.give(json!([{ "methods": ["DELETE"], "each": true, "fault": { "kind": "reset" } }]));
    is_done(&faulty.run(&["destroy", "--yes"]));
}

#[test]
fn test_09_operations_that_nobody_tells_of_are_found_in_their_resources() {
    let faulty = Faulty::new(json!([
        { "name": "unaddressed", "each": true, "type": "Microsoft.Network/*", "methods": ["PUT"], "fault": { "kind": "unaddressed" } },
        { "name": "forgotten", "each": true, "type": "Microsoft.Compute/*", "methods": ["PUT"], "fault": { "kind": "forgotten" } },
    ]));
    is_done(&faulty.deploy());
    let log = faulty.log();
    for name in ["unaddressed", "forgotten"] {
        assert!(log.iter().any(|line| line["fault"] == name), "{name}");
    }
    faulty.has_converged();

    // What is deleted does not tell: its operation is asked, is not known any more, and a look shows how it is.
    faulty.give(json!([
        { "name": "forgotten", "each": true, "type": "Microsoft.Compute/*", "methods": ["DELETE"], "fault": { "kind": "forgotten" } },
    ]));
    is_done(&faulty.run(&["destroy", "--yes"]));
    let unknown = |line: &Json| line["status"] == 404 && line["path"].as_str().unwrap().contains("/operations/");
    assert!(faulty.log().iter().any(unknown));
}

#[test]
fn test_09_an_operation_that_lies_is_found_out() {
    let faulty = Faulty::new(json!([
        { "type": "Microsoft.Network/networkSecurityGroups", "methods": ["PUT"], "fault": { "kind": "lies" } },
    ]));
    let told = faulty.deploy();
    // Whether the step is tried again or fails: nothing that needs it may be begun before it is there.
    if told.code != 0 {
        assert_eq!(told.code, 75, "{}", told.notes);
        assert_eq!(told.data["failed"].as_array().unwrap().len(), 1, "{}", told.data);
        is_done(&faulty.run(&["resume"]));
    }
    let apimodel = format!("{}/apimodel.json", faulty.folder());
    faulty.place.expect(0, &["plan", "-m", &apimodel, "--exit-code"]);
}

#[test]
fn test_09_a_child_that_fails_is_told_once_and_resumed() {
    let faulty = Faulty::new(json!([
        { "type": "Microsoft.Compute/virtualMachines/extensions", "methods": ["PUT"], "times": "always", "fault":
            { "kind": "fails", "code": "VMExtensionProvisioningError", "message": "the script ended with exit status 20" } },
    ]));
    let told = faulty.deploy();
    assert_eq!(told.code, 75, "{}", told.notes);
    assert!(!told.failures().is_empty());
    assert!(told.failures().iter().all(|code| code == "VMExtensionProvisioningError"), "{:?}", told.failures());
    assert!(told.notes.contains("exit status 20") && told.notes.contains("engine resume"), "{}", told.notes);
    faulty.give(json!([]));
    is_done(&faulty.run(&["resume"]));
    let apimodel = format!("{}/apimodel.json", faulty.folder());
    faulty.place.expect(0, &["plan", "-m", &apimodel, "--exit-code"]);
}

#[test]
fn test_10_no_room_for_machines_is_told_with_a_way_out_and_resumed() {
    let machines = "Microsoft.Compute/virtualMachines";
    for (code, told_as) in [
        ("SkuNotAvailable", "SkuNotAvailable"),
        ("ZonalAllocationFailed", "ZonalAllocationFailed"),
        ("AllocationFailed", "AllocationFailed"),
        ("QuotaExceeded", "QuotaExceeded"),
    ] {
        let faulty = Faulty::new(json!([
            { "type": machines, "resource": "*agentpool*", "times": "always", "fault": { "kind": "allocation", "code": code } },
        ]));
        let told = faulty.deploy();
        assert_eq!(told.code, 75, "{code}: {}", told.notes);
        let failures = told.failures();
        assert!(
            failures.len() == 2 && failures.iter().all(|code| code == told_as || code == "OperationNotAllowed"),
            "{code}: {failures:?}"
        );
        assert!(told.data["failed"][0]["fault"]["help"].as_str().is_some_and(|help| help.len() > 20), "{}", told.data);
        if code == "QuotaExceeded" {
            assert!(told.notes.contains("Current Limit: 10"), "{}", told.notes);
        }
        faulty.give(json!([]));
        is_done(&faulty.run(&["resume"]));
    }
}

#[test]
fn test_11_a_policy_and_a_lock_are_named_once_and_not_asked_again() {
    let group = "Microsoft.Network/networkSecurityGroups";
    let policy = "Resource 'k8s-nsg' was disallowed by policy. Policy identifiers: 'only-with-tags'.";
    let faulty = Faulty::new(json!([
        { "name": "policy", "type": group, "methods": ["PUT"], "times": "always",
            "fault": { "kind": "refused", "status": 403, "code": "RequestDisallowedByPolicy", "message": policy } },
        { "name": "lock", "type": group, "methods": ["DELETE"], "times": "always", "fault": { "kind": "refused",
            "status": 409, "code": "ScopeLocked", "message": "The scope cannot perform delete operation because following \
             scope(s) are locked: 'do-not-touch'. Please remove the lock and try again." } },
    ]));
    let told = faulty.deploy();
    assert_eq!(told.code, 75, "{}", told.notes);
    assert_eq!(told.failures(), ["RequestDisallowedByPolicy"]);
    assert!(told.notes.contains("only-with-tags"), "{}", told.notes);
    let count = |name: &str| faulty.log().iter().filter(|line| line["fault"] == name).count();
    assert_eq!(count("policy"), 1, "asked once");

    let faults = std::fs::read_to_string(faulty.place.path("faults.json")).unwrap();
    let rules: Json = serde_json::from_str(&faults).unwrap();
    faulty.give(json!([rules["rules"][1]]));
    is_done(&faulty.run(&["resume"]));
    let told = faulty.run(&["destroy", "--yes"]);
    assert_eq!(told.code, 75, "{}", told.notes);
    assert_eq!(told.failures(), ["ScopeLocked"]);
    assert!(told.notes.contains("do-not-touch"), "{}", told.notes);
    assert_eq!(count("lock"), 1, "asked once");
}

#[test]
fn test_12_a_token_that_ends_within_a_run_is_renewed_or_told() {
    let ended = json!({ "kind": "refused", "status": 401, "code": "ExpiredAuthenticationToken",
        "message": "The access token expiry UTC time is earlier than current UTC time" });
    let faulty = Faulty::new(json!([{ "methods": ["PUT"], "skip": 5, "fault": ended }]));
    is_done(&faulty.deploy());
    let tokens =
        |faulty: &Faulty| faulty.log().iter().filter(|line| line["path"].as_str().unwrap().ends_with("/token")).count();
    assert!(tokens(&faulty) >= 2, "another token was asked for");
    faulty.has_converged();

    let faulty = Faulty::new(json!([
        { "methods": ["PUT"], "skip": 5, "times": "always", "fault": ended },
        { "on": "poll", "times": "always", "fault": ended },
    ]));
    let told = faulty.deploy();
    assert_eq!(told.code, 81, "{}", told.notes);
    assert!(!told.notes.contains("eyJ"), "no token is shown");
    faulty.give(json!([]));
    is_done(&faulty.run(&["resume"]));
}

#[test]
fn test_14_answers_that_are_no_answers_are_bounded_and_told() {
    // Each once: the run gets over it.
    let reads = |fault: Json| json!({ "methods": ["GET"], "fault": fault });
    let faulty = Faulty::new(json!([
        reads(json!({ "kind": "truncated", "bytes": 30 })),
        reads(json!({ "kind": "huge", "mebibytes": 200 })),
        reads(json!({ "kind": "slow", "bytesPerSecond": 3000 })),
        { "methods": ["PUT"], "skip": 2, "fault": { "kind": "truncated" } },
        { "methods": ["PUT"], "skip": 4, "name": "page", "fault": { "kind": "page", "contentType": "application/json", "text": "{\"id\": NaN}" } },
        { "on": "poll", "fault": { "kind": "page" } },
    ]));
    is_done(&faulty.deploy());
    faulty.has_converged();

    // Always: that is no cloud. The page's beginning is shown.
    let page = format!("<html><title>Guest network</title>{}</html>", "x".repeat(5000));
    let faulty = Faulty::new(json!([{ "on": "any", "times": "always", "fault": { "kind": "page", "text": page } }]));
    let told = faulty.deploy();
    assert_eq!(told.code, 80, "{}", told.notes);
    assert!(told.notes.contains("Guest network") && !told.notes.contains(&"x".repeat(300)), "{}", told.notes);
    let faulty =
        Faulty::new(json!([{ "methods": ["GET"], "times": "always", "fault": { "kind": "huge", "mebibytes": 200 } }]));
    let told = faulty.deploy();
    assert_eq!(told.code, 69, "{}", told.notes);
    assert!(told.notes.contains("more than 8 MiB"), "{}", told.notes);
}

#[test]
fn faults_are_for_the_simulator_and_a_wrong_file_stops_everything() {
    let place = Place::new();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    std::fs::write(
        place.path("bad.json"),
        "{\n  \"format\": 1,\n  \"rules\": [{\"fault\": {\"kind\": \"rest\"}}]\n}\n",
    )
    .unwrap();
    std::fs::write(
        place.path("good.json"),
        "{\"format\": 1, \"rules\": [{\"resource\": \"nobody\", \"fault\": {\"kind\": \"reset\"}}]}",
    )
    .unwrap();
    let deploy = ["deploy", &model(QUICKSTART), "-o", folder, "--time-scale", "0"];
    let run = |more: &[&str]| {
        let output = place.engine(&[&deploy, more].concat());
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = run(&["--target", "simulator", "--faults", "bad.json"]);
    assert!(code == 65 && told.contains("unknown variant `rest`") && told.contains("bad.json:3"), "{code} {told}");
    assert_eq!(run(&["--target", "simulator", "--faults", "missing.json"]).0, 64);
    let (code, told) = run(&["--target", "azure", "--subscription-id", "s", "--faults", "good.json"]);
    assert!(code == 64 && told.contains("for the simulator"), "{code} {told}");
    assert_eq!(place.engine(&["simulate", folder, "--faults", "bad.json"]).status.code(), Some(65));
    // A rule that never came to pass may be misspelt.
    let (code, told) = run(&["--target", "simulator", "--faults", "good.json"]);
    assert!(code == 0 && told.contains("the fault `1` came to pass 0 of 1 times"), "{code} {told}");
    let _running = crate::commands::Simulating::start(&place);
    let (code, told) = run(&["--faults", "good.json"]);
    assert!(code == 64 && told.contains("another process"), "{code} {told}");
}
