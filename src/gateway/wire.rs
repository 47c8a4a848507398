//! The wire server: a machine asks it for its goal and tells it how it is.
//!
//! Source: what cloud-init 25.1.4 asks for and sends (`cloudinit/sources/helpers/azure.py`); learn.microsoft.com, "Creating
//! generalized images without a provisioning agent", the latter from memory. Deliberately absent: certificates and extensions, which
//! the goal does not name.

use serde::Serialize;

use super::configuration::Machine;
use super::status::MachineState;
use super::text::{self, GOAL_STATE, VERSIONS};
use super::{GatewayError, xml};

/// The version of the protocol that provisioning agents speak.
const VERSION: &str = "2012-11-30";
const SUPPORTED: [&str; 2] = ["2015-04-05", VERSION];
/// The goal does not change: a machine is to run.
const INCARNATION: &str = "1";
/// What is kept of a description.
const DESCRIPTION: usize = 4096;

/// The versions that are spoken.
pub(super) fn versions() -> Result<String, GatewayError> {
    #[derive(Serialize)]
    struct View {
        preferred: &'static str,
        supported: [&'static str; 2],
    }
    text::render(VERSIONS, &View { preferred: VERSION, supported: SUPPORTED })
}

/// The goal of a machine.
pub(super) fn goal_state(machine: &Machine) -> Result<String, GatewayError> {
    #[derive(Serialize)]
    struct View<'a> {
        version: &'static str,
        incarnation: &'static str,
        container: &'a str,
        instance: &'a str,
    }
    let view = View {
        version: VERSION,
        incarnation: INCARNATION,
        // A machine made anew under the same name has another id, and so cannot be mistaken for its former self.
        container: &machine.vm_id,
        instance: &machine.name,
    };
    text::render(GOAL_STATE, &view)
}

/// What a machine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Health {
    pub state: MachineState,
    pub description: Option<String>,
}

/// Why a report is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is no report.
    Form,
    /// It answers another goal than this machine's.
    Gone,
}

/// Reads a report of `machine`.
pub(super) fn health(body: &str, machine: &Machine) -> Result<Health, Refusal> {
    let report = xml::Texts::read(body).ok_or(Refusal::Form)?;
    let answers_goal = report.is(&["Health", "GoalStateIncarnation"], INCARNATION)
        && report.is(&["Health", "Container", "ContainerId"], &machine.vm_id)
        && report.is(&["Health", "Container", "RoleInstanceList", "Role", "InstanceId"], &machine.name);
    if !answers_goal {
        return Err(Refusal::Gone);
    }
    let health = ["Health", "Container", "RoleInstanceList", "Role", "Health"];
    let state = match report.at(&[&health[..], &["State"]].concat()) {
        Some("Ready") => MachineState::Ready,
        Some("NotReady") => MachineState::NotReady,
        _ => return Err(Refusal::Form),
    };
    let detail = |name: &str| report.at(&[&health[..], &["Details", name]].concat());
    let description = match (detail("SubStatus"), detail("Description")) {
        (None, None) => None,
        (status, description) => {
            let parts: Vec<&str> = status.into_iter().chain(description).collect();
            Some(plain(&parts.join(": ")))
        }
    };
    Ok(Health { state, description })
}

/// A text that can be shown on a terminal, and is not too long.
fn plain(text: &str) -> String {
    let shown = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    shown.take(DESCRIPTION).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::super::configuration::tests::example;
    use super::*;

    /// A report as cloud-init writes it.
    fn report(machine: &Machine, state: &str, detail: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Health xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"\n \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\n  <GoalStateIncarnation>1</GoalStateIncarnation>\n  \
             <Container>\n    <ContainerId>{}</ContainerId>\n    <RoleInstanceList>\n      <Role>\n        \
             <InstanceId>{}</InstanceId>\n        <Health>\n          <State>{state}</State>\n          {detail}\n        \
             </Health>\n      </Role>\n    </RoleInstanceList>\n  </Container>\n</Health>\n",
            machine.vm_id, machine.name
        )
    }

    #[test]
    fn the_goal_is_read_as_cloud_init_reads_it() {
        let machine = &example().machines[0];
        let goal = goal_state(machine).unwrap();
        let read = xml::Texts::read(&goal).unwrap();
        assert!(read.is(&["GoalState", "Incarnation"], "1"), "{goal}");
        assert_eq!(read.at(&["GoalState", "Container", "ContainerId"]), Some(machine.vm_id.as_str()));
        let instance = ["GoalState", "Container", "RoleInstanceList", "RoleInstance", "InstanceId"];
        assert_eq!(read.at(&instance), Some("k8s-master-1-0"));
        assert!(versions().unwrap().contains("<Version>2012-11-30</Version>"));
    }

    #[test]
    fn reports_are_understood() {
        let machine = &example().machines[0];
        let ready = health(&report(machine, "Ready", ""), machine).unwrap();
        assert_eq!(ready, Health { state: MachineState::Ready, description: None });
        let detail = "<Details>\n  <SubStatus>ProvisioningFailed</SubStatus>\n  \
                      <Description>no &lt;disk&gt;\u{1b}[31m</Description>\n</Details>";
        let failed = health(&report(machine, "NotReady", detail), machine).unwrap();
        assert_eq!(failed.state, MachineState::NotReady);
        assert_eq!(failed.description.as_deref(), Some("ProvisioningFailed: no <disk> [31m"));
    }

    #[test]
    fn reports_of_others_and_no_reports_are_refused() {
        let machine = &example().machines[0];
        let mut former = machine.clone();
        former.vm_id = "6f1c2d5e-7d6f-5b3a-9c1d-222222222222".into();
        assert_eq!(health(&report(&former, "Ready", ""), machine), Err(Refusal::Gone));
        let another = report(machine, "Ready", "").replace("Incarnation>1<", "Incarnation>2<");
        assert_eq!(health(&another, machine), Err(Refusal::Gone));
        for wrong in ["", "Ready", "<Health>", "<Health><State>Ready</State></Healt>"] {
            assert_eq!(health(wrong, machine), Err(Refusal::Form), "{wrong}");
        }
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\">]><Health>&b;</Health>";
        assert_eq!(health(bomb, machine), Err(Refusal::Form));
        assert_eq!(health(&report(machine, "Perhaps", ""), machine), Err(Refusal::Form));
        let long =
            report(machine, "NotReady", &format!("<Details><Description>{}</Description></Details>", "x".repeat(9000)));
        assert_eq!(health(&long, machine).unwrap().description.unwrap().len(), DESCRIPTION);
    }
}
