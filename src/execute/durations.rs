//! How long things take, learnt from how long they took: the basis of weights, first questions and deadlines.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::expected_seconds;
use crate::contract::{Act, Operation};

/// How long one kind of step takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The time.
    pub time: Duration,
    /// Whether it was learnt; else it is the type's own estimate.
    pub is_learnt: bool,
}

/// How long each kind of step takes, by [`Durations::name`]: what former runs have learnt, and what this one learns. Times
/// are a target's own, not those of a simulator in a hurry.
#[derive(Debug, Default)]
pub struct Durations(Mutex<BTreeMap<String, Lessons>>);

/// What was learnt of one kind.
#[derive(Debug, Clone, Default)]
struct Lessons {
    /// How long the last ones took, in seconds, the oldest in front.
    recent: VecDeque<f64>,
    /// How many of the last ones were over when they were first asked for.
    at_once: u32,
}

/// So many count. Few, so that what changes is noticed soon; and an odd one is not taken for the rule.
const RECENT: usize = 9;
/// Of those in order, the one that is the estimate: a little above the middle, because a question too many costs less
/// than one that comes too late, and more than one that comes a little late.
const SHARE_BELOW: f64 = 0.6;
/// By how much less than found a step may have taken that was over when it was first asked for.
const PROBE: f64 = 0.995;
/// The same, where all were over for a long time.
const BOLDEST_PROBE: f64 = 0.95;
/// Nothing is taken to take longer than this.
const LONGEST: f64 = 4.0 * 3600.0;

impl Lessons {
    fn estimate(&self) -> Option<f64> {
        let mut ordered: Vec<f64> = self.recent.iter().copied().collect();
        ordered.sort_by(f64::total_cmp);
        // Truncated on purpose: a place in a list of at most nine.
        ordered.get((ordered.len() as f64 * SHARE_BELOW) as usize).copied()
    }

    fn note(&mut self, seconds: f64) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(seconds);
    }

    fn learn(&mut self, running: Option<f64>, over: f64) {
        match (running, self.estimate()) {
            (Some(running), _) => {
                self.at_once = 0;
                self.note(f64::midpoint(running, over));
            }
            (None, None) => self.note(over),
            // One that was asked for late says nothing.
            (None, Some(estimate)) if over > estimate * 1.05 => {}
            (None, Some(_)) => {
                self.at_once = self.at_once.saturating_add(1);
                self.note(over * PROBE.powf(1.0 + f64::from(self.at_once) / 4.0).max(BOLDEST_PROBE));
            }
        }
    }
}

impl Durations {
    /// What former runs have learnt, in seconds. Values that are no durations are left out.
    pub fn new(seconds: BTreeMap<String, f64>) -> Self {
        let is_sound = |seconds: &f64| seconds.is_finite() && (0.0..=LONGEST).contains(seconds);
        let sound = seconds.into_iter().filter(|(_, seconds)| is_sound(seconds));
        let known = |seconds| Lessons { recent: [seconds].into(), at_once: 0 };
        Self(Mutex::new(sound.map(|(name, seconds)| (name, known(seconds))).collect()))
    }

    /// What is known now, in seconds.
    pub fn seconds(&self) -> BTreeMap<String, f64> {
        self.lock().iter().filter_map(|(name, lessons)| Some((name.clone(), lessons.estimate()?))).collect()
    }

    /// The kind of a step: `create Microsoft.Compute/virtualMachines`, `drain`.
    pub fn name(operation: &Operation) -> String {
        match operation {
            Operation::Change(change) => format!("{} {}", change.kind.word(), change.resource_type),
            Operation::Act(act) => match act {
                Act::WaitUntilReady { .. } => "wait until ready",
                Act::CordonAndDrain { .. } => "cordon and drain",
                Act::RemoveNode { .. } => "remove node",
                Act::RenewBootstrapToken => "renew bootstrap token",
                Act::SnapshotEtcd { .. } => "snapshot etcd",
                Act::RemoveEtcdMember { .. } => "remove etcd member",
                Act::RunCommand { .. } => "run command",
            }
            .to_owned(),
        }
    }

    /// How long a step of this kind takes; `name` is its [`Self::name`].
    pub fn of(&self, name: &str, operation: &Operation) -> Estimate {
        match self.lock().get(name).and_then(Lessons::estimate) {
            Some(seconds) => Estimate { time: Duration::from_secs_f64(seconds), is_learnt: true },
            None => Estimate { time: Duration::from_secs(u64::from(expected_seconds(operation))), is_learnt: false },
        }
    }

    /// A step of this kind has ended: it was seen under way after `running` at last, if ever, and over after `over`.
    pub fn learn(&self, name: &str, running: Option<Duration>, over: Duration) {
        let over = over.as_secs_f64().min(LONGEST);
        let running = running.map(|running| running.as_secs_f64().min(over));
        self.lock().entry(name.to_owned()).or_default().learn(running, over);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Lessons>> {
        // No one panics while changing it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "create Microsoft.Compute/virtualMachines";

    /// Asks as a run does, first after the estimate and then each five seconds, about things that take `takes`.
    fn live_through(durations: &Durations, takes: &[f64]) {
        for takes in takes {
            let first = durations.seconds().get(NAME).copied().unwrap_or(10.0);
            let (mut asked, mut running) = (first, None);
            while asked < *takes {
                running = Some(Duration::from_secs_f64(asked));
                asked += 5.0;
            }
            durations.learn(NAME, running, Duration::from_secs_f64(asked));
        }
    }

    #[test]
    fn an_estimate_comes_near_the_truth_from_below_and_from_above() {
        let durations = Durations::default();
        live_through(&durations, &[40.0; 20]);
        let near = |wanted: f64| {
            let seconds = durations.seconds()[NAME];
            assert!((seconds - wanted).abs() < 3.0, "{seconds} for {wanted}");
        };
        near(40.0);
        live_through(&durations, &[90.0; 40]);
        near(90.0);
        live_through(&durations, &[60.0; 60]);
        near(60.0);
    }

    #[test]
    fn what_takes_the_same_time_is_asked_for_once_most_times() {
        let durations = Durations::default();
        live_through(&durations, &[40.0; 20]);
        let first = || durations.seconds()[NAME];
        let mut in_vain = 0;
        for _ in 0..100 {
            in_vain += usize::from(first() < 40.0);
            live_through(&durations, &[40.0]);
        }
        assert!(in_vain < 25, "{in_vain}");
    }

    #[test]
    fn an_odd_one_is_not_taken_for_the_rule() {
        let durations = Durations::default();
        live_through(&durations, &[40.0; 20]);
        live_through(&durations, &[400.0, 400.0]);
        assert!(durations.seconds()[NAME] < 45.0);
    }

    #[test]
    fn what_is_no_duration_is_not_taken_up() {
        let kept = [("a".to_owned(), 5.0)].into();
        let all = [("a".to_owned(), 5.0), ("b".to_owned(), -1.0), ("c".to_owned(), f64::NAN), ("d".to_owned(), 1e9)];
        assert_eq!(Durations::new(all.into()).seconds(), kept);
    }
}
