//! How a run is told besides the terminal: the file of events, the report, the live page.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{Place, QUICKSTART, model};

fn lines(path: &Path) -> Vec<Json> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_run_leaves_a_report_and_if_asked_a_file_of_events() {
    let place = Place::new();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let told = place.json(&[
        "deploy",
        &model(QUICKSTART),
        "--target",
        "simulator",
        "-o",
        folder,
        "--time-scale",
        "0",
        "--events",
        "events.jsonl",
    ]);
    let events = place.path("events.jsonl");
    let schema: Json = serde_json::from_str(&place.expect(0, &["schema", "events"])).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let lines = lines(&events);
    for line in &lines {
        assert!(validator.is_valid(line), "{line}");
    }
    let steps = lines[0]["steps"].as_array().unwrap();
    assert_eq!(lines[0]["event"], "planned");
    let ended = lines.iter().filter(|line| line["event"] == "stepEnded" && line["outcome"] == "succeeded").count();
    assert_eq!(ended, steps.len());
    let last = lines.last().unwrap();
    assert_eq!((&last["event"], &last["exitCode"], &last["complete"]), (&json!("concluded"), &json!(0), &json!(true)));
    // The node is the last to be Ready, and whoever waits for it waited for its machine.
    let chain: Vec<&str> =
        last["slowestChain"].as_array().unwrap().iter().map(|link| link["step"].as_str().unwrap()).collect();
    assert!(chain.len() > 3 && chain.iter().any(|step| step.contains("virtualMachines")), "{chain:?}");
    assert_eq!(told["slowestChain"].as_array().unwrap().len(), chain.len());

    let report = place.cluster().join("report.html");
    for path in [&events, &report] {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let page = std::fs::read_to_string(&report).unwrap();
    for expected in ["SIMULATED", "Slowest chain", "engine status -o", "create virtualMachines k8s-master-", "<svg"] {
        assert!(page.contains(expected), "{expected}");
    }
    // A run with nothing to do is told, too.
    place.expect(0, &["deploy", "-m", "cluster/apimodel.json", "--time-scale", "0"]);
    assert!(std::fs::read_to_string(&report).unwrap().contains("<b>0</b> steps"));
}

#[test]
fn a_file_of_events_that_cannot_be_made_keeps_the_run_from_beginning() {
    let place = Place::new();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let arguments =
        ["deploy", &model(QUICKSTART), "--target", "simulator", "-o", folder, "--events", "none/events.jsonl"];
    let output = place.engine(&arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(0));
    assert!(text.contains("cannot write none/events.jsonl"), "{text}");
    assert!(place.accepted_writes().is_empty());
}

/// An answer of the live page, whole: the connection is closed by the other side.
fn ask(port: u16, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let host = if headers.contains("Host:") { String::new() } else { format!("Host: 127.0.0.1:{port}\r\n") };
    write!(stream, "GET {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_live_page_is_for_one_browser_and_shows_the_run_to_its_end() {
    let place = Place::new();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let arguments =
        ["deploy", &model(QUICKSTART), "--target", "simulator", "-o", folder, "--time-scale", "0.02", "--ui"];
    let mut process = place.command(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(process.stderr.take().unwrap()).lines();
    let line = told.by_ref().map(Result::unwrap).find(|line| line.contains("/?token=")).unwrap();
    // What it tells next has to go somewhere.
    let rest = std::thread::spawn(move || told.map_while(Result::ok).collect::<Vec<_>>());
    let url = line.split_whitespace().last().unwrap();
    let (authority, path) = url.strip_prefix("http://127.0.0.1:").unwrap().split_once('/').unwrap();
    let (port, path) = (authority.parse().unwrap(), format!("/{path}"));

    assert!(ask(port, "/", "").starts_with("HTTP/1.1 403 "), "without the token");
    assert!(ask(port, "/events", "Cookie: engine-run=guessed\r\n").starts_with("HTTP/1.1 403 "), "a guessed cookie");
    assert!(ask(port, &path, "Host: attacker.example\r\n").starts_with("HTTP/1.1 421 "), "another host");
    let opened = ask(port, &path, "");
    assert!(opened.starts_with("HTTP/1.1 303 "), "{opened}");
    let cookie = opened.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert!(ask(port, &path, "").starts_with("HTTP/1.1 403 "), "the token works once");

    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let foreign = format!("{cookie}Origin: http://attacker.example\r\n");
    assert!(ask(port, "/events", &foreign).starts_with("HTTP/1.1 403 "), "another page asks");
    let page = ask(port, "/", &cookie);
    assert!(page.contains("SIMULATED") && page.contains("new EventSource"), "{page}");
    let followed = ask(port, "/events", &cookie);
    let contents: Vec<&str> = followed.lines().filter_map(|line| line.strip_prefix("data: \"")).collect();
    assert!(contents.len() > 1, "{followed}");
    assert!(contents.first().unwrap().contains("under way"));
    assert!(contents.last().unwrap().contains("engine status -o"), "the end is shown");
    assert!(followed.contains("event: over"));
    assert_eq!(process.wait().unwrap().code(), Some(0));
    assert!(rest.join().unwrap().iter().any(|line| line.contains("Report: ")));
}
