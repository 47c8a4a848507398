//! The preflight of the verbs that change something: what their plan needs, held against what Azure tells, before anybody
//! is asked and before anything is written.

use clap::Args;
use serde_json::{Value as Json, json};

use super::error::CliError;
use super::session::Connected;
use super::{Call, Exit};
use crate::cluster::{Finding, Prepared, Verdict};
use crate::view::{Style, harmless};

/// Whether a plan is held against what Azure tells.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct PreflightOptions {
    /// Goes on without asking whether permissions, policies, locks, quotas, sizes, images, names and subnets allow it
    #[arg(long)]
    pub skip_preflight: bool,
}

impl PreflightOptions {
    /// Looks, and tells what is not as it should be, on standard error: on a rehearsal and beside a plan nothing more.
    pub async fn tell(self, call: &Call, connected: &Connected, prepared: &Prepared) -> Vec<Finding> {
        if !self.skip_preflight {
            for caution in &connected.cautions {
                call.output.note(&format!("{} {}\n", call.output.error_style.warn("note:"), harmless(caution)));
            }
        }
        let Some(arm) = connected.arm.as_ref().filter(|_| !self.skip_preflight) else { return Vec::new() };
        let findings = prepared.preflight(arm).await;
        tell_findings(call, &findings);
        findings
    }

    /// The same, and refuses what cannot be done.
    ///
    /// # Errors
    /// Something stands in the way of the plan.
    pub async fn check(self, call: &Call, connected: &Connected, prepared: &Prepared) -> Result<(), CliError> {
        let findings = self.tell(call, connected, prepared).await;
        refuse_bad(findings, &format!("in the way of `{}`; nothing was changed", prepared.plan.verb))
    }
}

/// Tells findings on standard error, if there are any.
pub fn tell_findings(call: &Call, findings: &[Finding]) {
    if !findings.is_empty() {
        let style = call.output.error_style;
        call.output.note(&format!("\n{}\n{}", style.strong("Preflight"), render_findings(findings, style)));
    }
}

/// Refuses to go on with what is bad among findings that were told. `of_what` says what it is in the way of.
///
/// # Errors
/// Something is bad.
pub fn refuse_bad(findings: Vec<Finding>, of_what: &str) -> Result<(), CliError> {
    let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
    if bad == 0 {
        return Ok(());
    }
    let what = if bad == 1 { "something stands".to_owned() } else { format!("{bad} things stand") };
    let mut error = CliError::new(Exit::Environment, format!("{what} {of_what}"))
        .help("mend what is told as bad above; --skip-preflight goes on all the same");
    error.findings = findings;
    Err(error)
}

/// Findings as data.
pub fn findings_as_json(findings: &[Finding]) -> Json {
    json!({ "format": 1, "findings": findings })
}

/// Findings for people, each with its way out.
pub fn render_findings(findings: &[Finding], style: Style) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.verdict {
            Verdict::Good => style.faint("ok"),
            Verdict::Note => style.warn("note"),
            Verdict::Untold => style.warn("untold"),
            Verdict::Bad => style.bad("bad"),
        };
        let _ = writeln!(text, "  {mark}  {}: {}", finding.about, harmless(&finding.message));
        if let Some(help) = &finding.help {
            let _ = writeln!(text, "      {}", style.faint(&harmless(help)));
        }
    }
    text
}
