//! How long things take, learnt from how long they took: the basis of weights, first questions and deadlines.

use std::collections::BTreeMap;
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
pub struct Durations(Mutex<BTreeMap<String, f64>>);

/// How much a single step that took less, or maybe longer, moves an estimate.
const WEIGHT_OF_LESS: f64 = 0.5;
const WEIGHT_OF_MORE: f64 = 0.25;
/// By how much an estimate goes down when the first question found the step at its end: it may have been there before.
const PROBE: f64 = 0.99;
/// Nothing is taken to take longer than this.
const LONGEST: f64 = 4.0 * 3600.0;

impl Durations {
    /// What former runs have learnt, in seconds. Values that are no durations are left out.
    pub fn new(seconds: BTreeMap<String, f64>) -> Self {
        let is_sound = |seconds: &f64| seconds.is_finite() && (0.0..=LONGEST).contains(seconds);
        Self(Mutex::new(seconds.into_iter().filter(|(_, seconds)| is_sound(seconds)).collect()))
    }

    /// What is known now, in seconds.
    pub fn seconds(&self) -> BTreeMap<String, f64> {
        self.lock().clone()
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
        match self.lock().get(name) {
            Some(seconds) => Estimate { time: Duration::from_secs_f64(*seconds), is_learnt: true },
            None => Estimate { time: Duration::from_secs(u64::from(expected_seconds(operation))), is_learnt: false },
        }
    }

    /// A step of this kind has ended: it was seen under way after `running` at last, if ever, and over after `over`.
    pub fn learn(&self, name: &str, running: Option<Duration>, over: Duration) {
        let over = over.as_secs_f64().min(LONGEST);
        let running = running.map(|running| running.as_secs_f64().min(over));
        let middle = f64::midpoint(running.unwrap_or(over), over);
        let mut all = self.lock();
        match all.get_mut(name) {
            None => _ = all.insert(name.to_owned(), middle),
            Some(estimate) => {
                let sooner = if *estimate > over { (middle - *estimate) * WEIGHT_OF_LESS } else { 0.0 };
                *estimate = match running {
                    Some(_) if sooner < 0.0 => *estimate + sooner,
                    Some(_) => (middle - *estimate).mul_add(WEIGHT_OF_MORE, *estimate),
                    None => (*estimate + sooner) * PROBE,
                };
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, f64>> {
        // A number is written in one go.
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
    fn what_is_no_duration_is_not_taken_up() {
        let kept = [("a".to_owned(), 5.0)].into();
        let all = [("a".to_owned(), 5.0), ("b".to_owned(), -1.0), ("c".to_owned(), f64::NAN), ("d".to_owned(), 1e9)];
        assert_eq!(Durations::new(all.into()).seconds(), kept);
    }
}
