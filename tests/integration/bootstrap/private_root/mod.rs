//! The rendered files boot machines for real: each in a root of its own, where `/etc`, `/opt` and `/var` are the
//! machine's and the host's programs are lent read-only, several at once in one world with one API server. What a cloud
//! or a kernel would be needed for is a recording stand-in (`stand-in.sh`).
//!
//! Needs namespaces (`unshare`); where they are not allowed, each test says `skipped` and passes.

mod boots;
mod settings;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use engine::bootstrap::{self, CustomData, Start};

use super::fixture::{self, Root};
use super::scripts::joins_among;

const ENTER: &str = include_str!("enter.sh");
const STAND_IN: &str = include_str!("stand-in.sh");
const PROGRAMS: [&str; 24] = [
    "apt-get",
    "apt-mark",
    "augenrules",
    "blkid",
    "curl",
    "date",
    "ip",
    "iptables",
    "kubeadm",
    "kubectl",
    "mkfs.ext4",
    "modprobe",
    "mount",
    "mountpoint",
    "netplan",
    "networkctl",
    "nft",
    "sleep",
    "swapoff",
    "sysctl",
    "systemctl",
    "touch",
    "unattended-upgrade",
    "update-ca-certificates",
];

/// What all machines share.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// `None`, with a line that says so, where namespaces are not allowed.
    fn new() -> Option<Self> {
        let allowed = Command::new("unshare").args(namespaces()).args(["true"]).output();
        if !allowed.as_ref().is_ok_and(|output| output.status.success()) {
            println!("skipped: no namespaces here: {allowed:?}");
            return None;
        }
        let world = Self { folder: tempfile::tempdir().unwrap() };
        for (name, text) in [("enter.sh", ENTER), ("stand-in.sh", STAND_IN)] {
            std::fs::write(world.folder.path().join(name), text).unwrap();
        }
        std::fs::create_dir(world.path("")).unwrap();
        std::fs::write(world.path("ca.crt"), fixture::placeholder("ca.crt")).unwrap();
        Some(world)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("world").join(name)
    }

    fn lines(&self, name: &str) -> Vec<String> {
        std::fs::read_to_string(self.path(name)).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn names(&self, folder: &str) -> Vec<String> {
        names_in(&self.path(folder))
    }

    fn assert_sound(&self) {
        assert_eq!(self.lines("violations"), Vec::<String>::new());
    }

    /// The control-plane machine of an index.
    fn master(&self, data: &CustomData, index: u32) -> Machine<'_> {
        self.machine(data, &format!("K8S-master-12345678-{index}"), &format!("10.255.255.{}", 5 + index))
    }

    fn worker(&self, data: &CustomData, index: u32) -> Machine<'_> {
        self.machine(data, &format!("k8s-linuxpool-12345678-{index}"), &format!("10.240.0.{}", 4 + index))
    }

    fn machine(&self, data: &CustomData, name: &str, address: &str) -> Machine<'_> {
        let machine = Machine { world: self, name: name.to_owned(), root: Root::new() };
        machine.give(data);
        machine.write("/etc/hosts", "127.0.0.1 localhost\n");
        machine.write("/etc/fstab", "LABEL=root / ext4 defaults 0 1\n/swapfile none swap sw 0 0\n");
        machine.write("/own/address", address);
        machine.stand_in("/stand-ins", STAND_IN, &PROGRAMS);
        machine
    }
}

/// The names of what lies in a folder, sorted.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Without root, a user namespace gives what is needed.
fn namespaces() -> Vec<&'static str> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    let mut arguments = vec!["--mount", "--uts", "--pid", "--fork", "--kill-child"];
    if !root {
        arguments.push("--map-root-user");
    }
    arguments
}

/// A machine with a root of its own.
struct Machine<'a> {
    world: &'a World,
    name: String,
    root: Root,
}

impl std::ops::Deref for Machine<'_> {
    type Target = Root;

    fn deref(&self) -> &Root {
        &self.root
    }
}

impl Machine<'_> {
    fn command(&self, command: &[&str]) -> Command {
        let mut unshare = Command::new("unshare");
        unshare.args(namespaces()).arg("bash").arg(self.world.folder.path().join("enter.sh"));
        unshare.arg(self.folder()).arg(self.world.path("")).arg(&self.name).arg("60").args(command);
        unshare
    }

    /// Begins to boot.
    fn start(&self) -> Child {
        let errors = std::fs::File::create(self.path("/own/errors")).unwrap();
        let mut command = self.command(&["/opt/engine/bootstrap.sh"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn().unwrap()
    }

    /// Boots, and gives the result; null if the power went.
    fn boot(&self) -> serde_json::Value {
        self.start().wait().unwrap();
        serde_json::from_str(&self.read("/var/lib/engine/result.json")).unwrap_or_default()
    }

    fn succeed(&self) {
        let result = self.boot();
        assert_eq!(result["status"], "succeeded", "{}: {result}\n{}", self.name, self.told());
    }

    /// Boots, and gives step and cause of its failure.
    fn fail(&self) -> (String, String) {
        let result = self.boot();
        assert_eq!(result["status"], "failed", "{}: {result}\n{}", self.name, self.told());
        let text = |name: &str| result[name].as_str().unwrap().to_owned();
        (text("step"), text("cause"))
    }

    fn log(&self) -> String {
        self.read("/var/log/azure/cluster-provision.log")
    }

    /// What a person would look at.
    fn told(&self) -> String {
        format!("{}\n{}\n{:?}", self.read("/own/errors"), self.log(), self.world.lines("violations"))
    }

    fn count(&self, call: &str) -> usize {
        self.read("/own/calls").lines().filter(|line| line.starts_with(call)).count()
    }

    fn joins(&self) -> usize {
        joins_among(&self.read("/own/calls"))
    }

    /// The steps in the order in which they ended.
    fn done(&self) -> Vec<String> {
        let log = self.log();
        let steps = log.lines().filter_map(|line| line.split_once(" step ")?.1.split_once(": done in "));
        steps.map(|(step, _)| step.to_owned()).collect()
    }
}

/// Waits for machines that boot at once.
fn all_succeed(machines: &[(&Machine<'_>, Child)], within: Duration) {
    let end = Instant::now() + within;
    for (machine, _) in machines {
        while !machine.read("/var/lib/engine/result.json").contains("succeeded") {
            assert!(Instant::now() < end, "{}\n{}", machine.name, machine.told());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn control_plane(start: Start, minutes: u32) -> CustomData {
    let mut machine = fixture::control_plane(start);
    machine.cluster.deadline_minutes = minutes;
    bootstrap::control_plane(&machine).unwrap()
}

fn worker(token: &str, minutes: u32) -> CustomData {
    let mut machine = fixture::worker();
    machine.cluster.deadline_minutes = minutes;
    machine.cluster.bootstrap_token = engine::base::Secret::new(token);
    bootstrap::worker(&machine).unwrap()
}

fn is_absent(path: &str) -> bool {
    !Path::new(path).exists()
}
