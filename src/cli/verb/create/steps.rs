//! The six steps, each told with its time when it is done.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::base::{SystemTimer, Timer as _};
use crate::cli::error::CliError;
use crate::cli::output::ask;
use crate::cli::{Call, Exit};
use crate::view::{harmless, seconds};

/// The steps in order.
const NAMES: [&str; 6] = ["host", "image", "model", "machines", "nodes", "kubeconfig"];

/// A step that is done.
struct Done {
    name: &'static str,
    told: String,
    took: Duration,
}

/// The telling of the steps.
pub struct Steps<'a> {
    call: &'a Call,
    /// Before each line of what is not real.
    mark: &'static str,
    begun: tokio::time::Instant,
    since: tokio::time::Instant,
    done: Vec<Done>,
}

impl<'a> Steps<'a> {
    /// Begins with the first step.
    pub fn begin(call: &'a Call, is_simulated: bool) -> Self {
        let now = SystemTimer.now();
        let mark = if is_simulated { "SIMULATED " } else { "" };
        Self { call, mark, begun: now, since: now, done: Vec::new() }
    }

    /// The step under way is done; the next one begins.
    pub fn done(&mut self, told: impl Into<String>) {
        let (now, told) = (SystemTimer.now(), told.into());
        let name = NAMES.get(self.done.len()).copied().unwrap_or_default();
        let took = now - self.since;
        let style = self.call.output.error_style;
        self.call.output.note(&format!(
            "{}{} {}/{} {:<10}  {}  {}\n",
            style.faint(self.mark),
            style.good("✓"),
            self.done.len() + 1,
            NAMES.len(),
            name,
            harmless(&told),
            style.faint(&seconds(took))
        ));
        self.done.push(Done { name, told, took });
        self.since = now;
    }

    /// Tells something of the step under way.
    pub fn tell(&self, line: &str) {
        let style = self.call.output.error_style;
        self.call.output.note(&format!("{}    {}\n", style.faint(self.mark), style.faint(&harmless(line))));
    }

    /// Shows what would be done, and asks for it.
    ///
    /// # Errors
    /// A no; nobody to ask.
    pub fn agree(&self, what: &[String]) -> Result<(), CliError> {
        what.iter().for_each(|line| self.tell(line));
        if self.call.yes {
            return Ok(());
        }
        if !self.call.environment.interactive {
            return Err(CliError::usage("this changes something, and there is no terminal to ask on")
                .help("say --yes if all of it shall be done"));
        }
        if ask("Do this?") { Ok(()) } else { Err(CliError::new(Exit::Failure, "nothing was changed")) }
    }

    /// How long it took so far.
    pub fn took(&self) -> Duration {
        SystemTimer.now() - self.begun
    }

    /// The steps that are done, as data.
    pub fn as_json(&self) -> Json {
        let done = self.done.iter().enumerate();
        let step = |(index, done): (usize, &Done)| json!({ "number": index + 1, "name": done.name, "told": done.told, "seconds": done.took.as_secs_f64() });
        done.map(step).collect()
    }
}
