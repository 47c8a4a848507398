//! Commands that a machine's guest agent runs.
//!
//! Source: qemu.org, "QEMU Guest Agent Protocol Reference" (guest-exec, guest-exec-status), from memory.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::hypervisor::{Answer, ErrorKind, Hypervisor, HypervisorError};

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; none: a signal ended it.
    pub code: Option<i64>,
    /// What it wrote to standard output.
    pub output: Vec<u8>,
    /// What it wrote to standard error.
    pub errors: Vec<u8>,
}

/// How often a short command is asked about, and how long after each question.
const ASKED: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// Begins a command of a shell, and gives its process.
///
/// # Errors
/// The agent does not answer, or not what it should.
pub fn begin(hypervisor: &dyn Hypervisor, domain: &str, command: &str, input: Option<&[u8]>) -> Answer<i64> {
    let mut arguments = json!({ "path": "/bin/sh", "arg": ["-c", command], "capture-output": true });
    if let Some(input) = input {
        arguments["input-data"] = json!(STANDARD.encode(input));
    }
    let order = json!({ "execute": "guest-exec", "arguments": arguments });
    let answer = hypervisor.ask_agent(domain, &order.to_string())?;
    returned(&answer)["pid"].as_i64().ok_or_else(|| {
        let message =
            "the guest agent's answer is not understood: it has to be qemu-guest-agent 2.5 or newer, with guest-exec";
        HypervisorError::new(ErrorKind::Invalid, message)
    })
}

/// How a command ended; nothing while it runs.
///
/// # Errors
/// The agent does not answer, or knows no such process.
pub fn ended(hypervisor: &dyn Hypervisor, domain: &str, process: i64) -> Answer<Option<Ended>> {
    let order = json!({ "execute": "guest-exec-status", "arguments": { "pid": process } });
    let status = returned(&hypervisor.ask_agent(domain, &order.to_string())?);
    let bytes = |name: &str| status[name].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    Ok((status["exited"].as_bool() == Some(true)).then(|| Ended {
        code: status["exitcode"].as_i64(),
        output: bytes("out-data"),
        errors: bytes("err-data"),
    }))
}

/// Runs a short command to its end. Blocks, for some seconds at most.
///
/// # Errors
/// The agent does not answer; the command does not end well, or not in time.
pub fn run(hypervisor: &dyn Hypervisor, domain: &str, command: &str, input: Option<&[u8]>) -> Answer<Vec<u8>> {
    let process = begin(hypervisor, domain, command, input)?;
    for _ in 0..ASKED {
        match ended(hypervisor, domain, process)? {
            Some(ended) if ended.code == Some(0) => return Ok(ended.output),
            Some(ended) => {
                let said = String::from_utf8_lossy(&ended.errors);
                return Err(HypervisorError::new(ErrorKind::Failed, format!("{domain}: {}", said.trim())));
            }
            None => std::thread::sleep(PAUSE),
        }
    }
    Err(HypervisorError::new(ErrorKind::Agent, format!("{domain} does not come to an end with a command")))
}

fn returned(answer: &str) -> Json {
    serde_json::from_str::<Json>(answer).map(|mut answer| answer["return"].take()).unwrap_or_default()
}
