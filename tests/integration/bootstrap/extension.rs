//! A script of the user's own, which machines run before anything is installed.

use engine::base::Secret;
use engine::bootstrap::{self, Extension};

use super::fixture;
use super::scripts::Machine;

const KEY: &str = "sig=canary-key";
const HANDED: &str = "it's a \"canary\" $(argument)";

fn machine(script: &str) -> Machine {
    let mut worker = fixture::worker();
    worker.node.host.extension = Some(Extension {
        name: "hello".to_owned(),
        file: "hello.sh".to_owned(),
        url: Secret::new(format!("https://a.example/extensions/hello/v1/bin/hello.sh?{KEY}")),
        parameters: Secret::new(HANDED),
    });
    let machine = Machine::new(&bootstrap::worker(&worker).unwrap(), "k8s-pool-12345678-0", "10.255.255.20");
    machine.write("/world/extension", script);
    machine.write("/world/healthy", "10.255.255.15\n");
    machine
}

#[test]
fn it_runs_once_and_first_and_is_handed_its_argument_in_silence() {
    let machine = machine(
        "#!/bin/bash -u\necho \"$# $1 ${EXTENSION_PARAMETERS-unset}\"; tr '\\0' ' ' </proc/$$/cmdline >\"$0.line\"\n",
    );
    machine.succeed();
    assert_eq!(
        machine.read("/world/requested"),
        format!("url = \"https://a.example/extensions/hello/v1/bin/hello.sh?{KEY}\"\n")
    );
    assert_eq!(machine.read("/var/log/hello-output.log"), format!("1 {HANDED} unset\n"));
    let line = machine.read("/opt/azure/containers/extensions/hello/hello.sh.line");
    assert!(line.starts_with("/bin/bash -u -c ") && !line.contains("canary"), "{line}");
    let calls = machine.calls();
    assert!(!calls.contains("canary"), "{calls}");
    assert!(!machine.log().contains("canary"), "{}", machine.log());
    let place = |what: &str| calls.find(what).unwrap_or_else(|| panic!("{what}: {calls}"));
    assert!(place("--config -") < place("apt-get"), "{calls}");

    machine.succeed();
    assert_eq!(machine.calls().matches("--config -").count(), 1, "a second start runs it again");
}

#[test]
fn one_that_fails_keeps_the_machine_out_of_the_cluster() {
    let machine = machine("#!/bin/sh\necho no licence >&2\nexit 3\n");
    let result = machine.result();
    assert_eq!((&result["status"], &result["step"]), (&"failed".into(), &"extension".into()), "{result}");
    let cause = "the script of the extension hello ended with status 3; what it said is in /var/log/hello-output.log";
    assert_eq!(result["cause"], cause);
    assert_eq!(machine.read("/var/log/hello-output.log"), "no licence\n");
    assert_eq!(machine.joins(), 0);
    // Once it can be fetched anew and ends well, the next start goes on.
    machine.write("/world/extension", "#!/usr/bin/env bash\ntrue\n");
    machine.succeed();
}

#[test]
fn what_is_no_shell_script_is_not_run() {
    let machine = machine("<!DOCTYPE html>\n");
    let result = machine.result();
    let cause = "the extension hello is no shell script: its first line is not #!/bin/bash or the like";
    assert_eq!((&result["step"], &result["cause"]), (&"extension".into(), &cause.into()), "{result}");
}
