//! `status/<name>.json`: what a machine has told the wire server of itself. The gateway writes it, mode 0600, by a rename.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The folder below a gateway's in which the files lie.
pub const STATUS_FOLDER: &str = "status";

/// The version of the files' form.
pub const STATUS_FORMAT: u32 = 1;

/// The file of a machine below a gateway's folder, or nothing for a name that cannot be one: Azure's names have letters,
/// digits, `-`, `_` and `.` and begin with a letter or digit, and nothing else may become a path.
pub fn status_file(machine: &str) -> Option<String> {
    let first = machine.bytes().next()?;
    let plain = machine.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (plain && first.is_ascii_alphanumeric() && machine.len() <= 80).then(|| format!("{STATUS_FOLDER}/{machine}.json"))
}

/// What a machine told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineStatus {
    /// The version of this form: [`STATUS_FORMAT`].
    pub format: u32,
    /// The machine's ARM id.
    pub id: String,
    /// Its unique id: a machine made anew under the same name has another.
    pub vm_id: String,
    /// How it is.
    pub state: MachineState,
    /// When it said so.
    pub at: Timestamp,
    /// What it said besides: the substatus and description of a failure. At most a few thousand characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// How a machine is, in the words of the wire server's health report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MachineState {
    /// Its operating system is provisioned.
    Ready,
    /// It is not, and says why.
    NotReady,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_has_no_file() {
        assert_eq!(status_file("k8s-master-1-0").as_deref(), Some("status/k8s-master-1-0.json"));
        for name in ["", "..", "../x", "a/b", ".hidden", "a\0b", "ä"] {
            assert_eq!(status_file(name), None, "{name}");
        }
    }
}
