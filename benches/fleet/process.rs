//! Runs a program and tells what it cost.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a process cost.
pub struct Cost {
    /// Seconds of processor time, of the program's own and of the system for it.
    pub cpu: f64,
    /// The most memory that it had at once, in MB.
    pub peak: f64,
    /// Seconds that passed.
    pub wall: f64,
    /// What it said on standard error.
    pub errors: Vec<u8>,
}

/// Runs it to its end, and gives its standard output.
pub fn run(command: &mut Command) -> (Vec<u8>, Cost) {
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let reader = |mut stream: Box<dyn std::io::Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).unwrap();
            bytes
        })
    };
    let output = reader(Box::new(child.stdout.take().unwrap()));
    let errors = reader(Box::new(child.stderr.take().unwrap()));
    let (mut peak, mut cpu) = (0.0, 0.0);
    // It is looked at until it is a zombie, which still tells its processor time but no memory.
    loop {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", child.id())).unwrap_or_default();
        if let Some(line) = read("status").lines().find_map(|line| line.strip_prefix("VmHWM:").map(str::to_owned)) {
            peak = line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0;
        }
        let stat = read("stat");
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        // Ticks of a hundredth of a second (proc(5): fields 14 and 15, the state being field 3).
        if let (Some(user), Some(system)) = (fields.get(11), fields.get(12)) {
            cpu = (user.parse::<f64>().unwrap() + system.parse::<f64>().unwrap()) / 100.0;
        }
        if fields.first().is_none_or(|state| *state == "Z") {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait().unwrap();
    let cost = Cost { cpu, peak, wall: began.elapsed().as_secs_f64(), errors: errors.join().unwrap() };
    (output.join().unwrap(), cost)
}
