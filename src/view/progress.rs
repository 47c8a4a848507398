//! What happens while it happens: a live picture on a terminal, lines elsewhere, and heartbeats so that a pipeline's
//! log shows that something is alive.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{SignedDuration, Timestamp};

use super::style::brief;
use super::{Style, harmless};
use crate::contract::{Event, EventSink, Outcome, StepId};

/// How many running steps the live picture shows at once.
const SHOWN: usize = 12;

/// What hinders a step in the same way as before is told again after so long: a machine that is still booting refuses the same
/// a dozen times.
const TOLD_AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// Shows a run on standard error.
pub struct Progress {
    style: Style,
    /// Marks every line of a simulated run.
    mark: &'static str,
    state: Mutex<State>,
}

struct State {
    total: usize,
    done: usize,
    live: Option<Live>,
    running: BTreeMap<StepId, Running>,
}

/// A step that runs.
#[derive(Default)]
struct Running {
    bar: Option<ProgressBar>,
    /// What hindered it when that was told last, and when.
    told: Option<(String, Timestamp)>,
}

impl Running {
    /// Whether this hindrance is to be told, which counts as told then.
    fn is_news(&mut self, hindrance: &str, at: Timestamp) -> bool {
        let is_old = |(told, when): &(String, Timestamp)| told == hindrance && at.duration_since(*when) < TOLD_AGAIN;
        if self.told.as_ref().is_some_and(is_old) {
            return false;
        }
        self.told = Some((hindrance.to_owned(), at));
        true
    }
}

struct Live {
    bars: MultiProgress,
    sum: ProgressBar,
}

impl Progress {
    /// On a terminal a live picture, elsewhere a line per event.
    pub fn new(is_terminal: bool, style: Style, simulated: bool) -> Self {
        let live = is_terminal.then(|| {
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            let sum = bars.add(ProgressBar::new(0));
            sum.set_style(template("{spinner} {pos}/{len} steps  {wide_bar:.green}  {elapsed}"));
            sum.enable_steady_tick(Duration::from_millis(200));
            Live { bars, sum }
        });
        Self {
            style,
            mark: if simulated { "SIMULATED " } else { "" },
            state: Mutex::new(State { total: 0, done: 0, live, running: BTreeMap::new() }),
        }
    }

    /// The same with another mark at the beginning of each line.
    #[must_use]
    pub fn marked(mut self, mark: &'static str) -> Self {
        self.mark = mark;
        self
    }

    fn line(&self, state: &State, text: &str) {
        let text = format!("{}{text}", self.style.faint(self.mark));
        match &state.live {
            Some(live) => _ = live.bars.println(text),
            // A closed pipe is no reason to stop a deployment.
            // In one go: standard error is not buffered, and each piece would be a call of its own.
            None => _ = std::io::stderr().write_all((text + "\n").as_bytes()),
        }
    }

    fn started(&self, state: &mut State, step: &StepId) {
        let bar = match &state.live {
            Some(live) if state.running.values().filter(|running| running.bar.is_some()).count() < SHOWN => {
                let bar = live.bars.insert_before(&live.sum, ProgressBar::new_spinner());
                bar.set_style(template("  {spinner} {msg}  {elapsed}"));
                bar.set_message(brief(step));
                bar.enable_steady_tick(Duration::from_millis(200));
                Some(bar)
            }
            Some(_) => None,
            None => {
                self.line(state, &format!("  … {}", brief(step)));
                None
            }
        };
        state.running.insert(step.clone(), Running { bar, told: None });
    }

    fn ended(&self, state: &mut State, step: &StepId, outcome: &Outcome, took: Duration) {
        let was_running = state.running.remove(step);
        let was_started = was_running.is_some();
        if let Some(bar) = was_running.and_then(|running| running.bar) {
            bar.finish_and_clear();
        }
        state.done += 1;
        if let Some(live) = &state.live {
            live.sum.set_position(state.done as u64);
        }
        let count = format!("[{}/{}]", state.done, state.total);
        let name = brief(step);
        let text = match outcome {
            Outcome::Succeeded => {
                format!("{} {count} {name} {}", self.style.good("✓"), self.style.faint(&seconds(took)))
            }
            Outcome::Failed { fault } => {
                format!("{} {count} {name}: {}", self.style.bad("✗"), self.style.bad(&harmless(&fault.to_string())))
            }
            Outcome::Blocked { by } => {
                format!("{} {count} {name}: not started, {} failed", self.style.warn("-"), brief(by))
            }
            Outcome::Cancelled if was_started => {
                format!("{} {count} {name}: left under way", self.style.warn("-"))
            }
            Outcome::Cancelled => format!("{} {count} {name}: not started, cancelled", self.style.warn("-")),
        };
        self.line(state, &text);
    }
}

impl EventSink for Progress {
    fn event(&self, event: &Event) {
        let Ok(mut state) = self.state.lock() else { return };
        let state = &mut *state;
        match event {
            Event::RunStarted { total, already_done, .. } => {
                (state.total, state.done) = (*total, *already_done);
                if let Some(live) = &state.live {
                    live.sum.set_length(*total as u64);
                    live.sum.set_position(*already_done as u64);
                }
                if *already_done > 0 {
                    self.line(state, &format!("{already_done} of {total} steps were finished before"));
                }
            }
            Event::RunStopping { running, at_once, .. } => {
                let text = match (at_once, running) {
                    (true, _) | (false, 0) => "stopping at once".to_owned(),
                    (false, running) => {
                        format!("stopping: {running} steps under way are finished; Ctrl-C again stops at once")
                    }
                };
                self.line(state, &format!("{} {text}", self.style.warn("!")));
            }
            Event::StepStarted { step, .. } => self.started(state, step),
            Event::StepRetried { at, step, fault, after } => {
                let hindrance = fault.to_string();
                if state.running.get_mut(step).is_none_or(|running| running.is_news(&hindrance, *at)) {
                    let (name, hindrance, after) = (brief(step), harmless(&hindrance), seconds(*after));
                    self.line(state, &format!("{} {name}: {hindrance}; again in {after}", self.style.warn("↻")));
                }
            }
            Event::StepEnded { step, outcome, took, .. } => self.ended(state, step, outcome, *took),
            Event::RunEnded { .. } => {
                for bar in std::mem::take(&mut state.running).into_values().filter_map(|running| running.bar) {
                    bar.finish_and_clear();
                }
                if let Some(live) = &state.live {
                    live.sum.finish_and_clear();
                }
            }
        }
    }
}

/// A duration as people read it: `0.4 s`, `12 s`, `3 min 20 s`.
pub fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    match whole {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{whole} s"),
        _ => format!("{} min {} s", whole / 60, whole % 60),
    }
}

fn template(text: &str) -> ProgressStyle {
    ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_hindrance_is_told_once_a_minute_and_another_one_at_once() {
        let mut running = Running::default();
        let after = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let told: Vec<bool> =
            [("busy", 0), ("busy", 3), ("busy", 59), ("busy", 60), ("busy", 65), ("gone", 66), ("busy", 67)]
                .map(|(hindrance, at)| running.is_news(hindrance, after(at)))
                .to_vec();
        assert_eq!(told, [true, false, false, true, false, true, true]);
    }
}
