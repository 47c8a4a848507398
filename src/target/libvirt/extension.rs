//! Extensions of machines: scripts, which the guest agent runs.

use serde_json::{Value as Json, json};

use super::agent;
use super::body::{self, invalid, items};
use super::hypervisor::ErrorKind;
use super::ledger::Record;
use super::machine_plan::domain_name;
use super::work::{Work, observation};
use crate::base::digest_json;
use crate::contract::{Address, Fault, FaultClass, OperationHandle, Progress};

/// The kind of handle of a script that runs.
pub const KIND: &str = "libvirt-script";

/// How much of a script's output is told.
const MOST_OUTPUT: usize = 2000;

impl Work<'_> {
    /// Runs a script, if it did not end well already as it is asked for.
    pub(super) fn apply_extension(&mut self, address: &Address, body: Json) -> Result<Progress, Fault> {
        let kind = body::text(&body, "/properties/type").unwrap_or_default();
        if !kind.eq_ignore_ascii_case("CustomScript") {
            return Err(invalid(
                format!("{}: extensions of type {kind} do not run on-prem", address.name),
                "leave it out",
            ));
        }
        let settings = ["settings", "protectedSettings"].map(|name| &body["properties"][name]);
        if settings.iter().any(|settings| items(settings, "/fileUris").next().is_some()) {
            return Err(invalid(
                format!("{}: scripts are not fetched on-prem", address.name),
                "put the whole into the command",
            ));
        }
        let command = settings.iter().rev().find_map(|settings| body::text(settings, "/commandToExecute"));
        let command = command
            .ok_or_else(|| invalid(format!("{} has no command", address.name), "give it `commandToExecute`"))?
            .to_owned();
        let asked = digest_json(&body["properties"]);
        let before = self.ledger.get(&address.id).cloned();
        if let Some(before) = before.filter(|before| before.local["asked"].as_str() == Some(&asked)) {
            if before.text("/properties/provisioningState") == Some("Succeeded") {
                return Ok(Progress::Done(Some(observation(&before))));
            }
            if let Some(process) = before.local["process"].as_i64() {
                match self.ask_script(address, &before, process) {
                    // Its agent has begun anew since and knows it no more: it is run again.
                    Err(fault) if fault.class == FaultClass::OperationLost => {}
                    other => return other,
                }
            }
        }
        let machine = body::parent(&address.id, "/extensions/").unwrap_or_default();
        self.referred(machine)?;
        let mut body = body::completed(address, body, "Creating");
        if let Some(properties) = body.pointer_mut("/properties").and_then(Json::as_object_mut) {
            properties.remove("protectedSettings");
        }
        self.put(address, body.clone(), json!({ "asked": asked }))?;
        let process = agent::begin(&*self.host_of(machine).hypervisor, &domain_name(machine), &command, None)?;
        self.put(address, body, json!({ "asked": asked, "process": process }))?;
        Ok(self.running_script(address, process))
    }

    /// Asks how a script goes.
    pub(super) fn poll_extension(&mut self, address: &Address, operation: &OperationHandle) -> Result<Progress, Fault> {
        let process = operation.url.rsplit_once("?process=").and_then(|(_, process)| process.parse().ok());
        match (self.read(&address.id)?, process) {
            (Some(record), Some(process)) => self.ask_script(address, &record, process),
            _ => Err(Fault::new(FaultClass::OperationLost, "", format!("nothing is recorded of {}", address.name))),
        }
    }

    fn ask_script(&mut self, address: &Address, record: &Record, process: i64) -> Result<Progress, Fault> {
        let machine = body::parent(&address.id, "/extensions/").unwrap_or_default();
        let ended =
            agent::ended(&*self.host_of(machine).hypervisor, &domain_name(machine), process).map_err(|error| {
                match error.kind {
                    // The agent answers, and knows no such process.
                    ErrorKind::Failed => Fault::new(FaultClass::OperationLost, "", error.to_string())
                        .help("the machine or its agent has started again meanwhile; the script is run once more"),
                    _ => error.into(),
                }
            })?;
        let Some(ended) = ended else { return Ok(self.running_script(address, process)) };
        let output = [ended.output, ended.errors].map(|bytes| last_part(&bytes)).join("");
        let mut body = record.body.clone();
        let succeeded = ended.code == Some(0);
        body["properties"]["provisioningState"] = json!(if succeeded { "Succeeded" } else { "Failed" });
        body["properties"]["instanceView"] = json!({ "substatuses": [{ "code": "output", "message": output }] });
        // A script that failed is run again when it is asked for again.
        let local = json!({ "asked": record.local["asked"] });
        let record = self.put(address, body, local)?;
        if succeeded {
            return Ok(Progress::Done(Some(observation(&record))));
        }
        let code = ended.code.map_or_else(|| "by a signal".to_owned(), |code| format!("with {code}"));
        let message = format!("{} ended {code}: {}", address.name, output.trim());
        Err(Fault::new(FaultClass::Failed, "", message).help("its whole log is on the machine"))
    }

    fn running_script(&self, address: &Address, process: i64) -> Progress {
        self.running(KIND, format!("libvirt:{}?process={process}", address.id), address)
    }
}

/// The last part of what was written, as text.
fn last_part(bytes: &[u8]) -> String {
    let start = bytes.len().saturating_sub(MOST_OUTPUT);
    String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).into_owned()
}
