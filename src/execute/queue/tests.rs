use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::contract::Act;

fn id(number: usize) -> StepId {
    StepId::of_act(&Act::SnapshotEtcd { name: format!("{number:03}") })
}

/// Steps by what each waits for, with what each is expected to take.
#[derive(Debug, Clone)]
struct Steps {
    ids: Vec<StepId>,
    after: Vec<Vec<StepId>>,
    seconds: Vec<u32>,
}

impl Steps {
    fn of(after: &[&[usize]], seconds: &[u32]) -> Self {
        Self {
            ids: (0..after.len()).map(id).collect(),
            after: after.iter().map(|after| after.iter().map(|step| id(*step)).collect()).collect(),
            seconds: seconds.to_vec(),
        }
    }

    fn nodes(&self, finished: &BTreeSet<usize>) -> Vec<Node<'_>> {
        (0..self.ids.len())
            .map(|step| Node {
                id: &self.ids[step],
                after: &self.after[step],
                seconds: self.seconds[step],
                is_finished: finished.contains(&step),
            })
            .collect()
    }

    fn queue(&self) -> Result<Queue, QueueError> {
        Queue::new(&self.nodes(&BTreeSet::new()))
    }

    fn waits_for(&self, step: usize) -> Vec<usize> {
        self.after[step].iter().map(|after| self.ids.iter().position(|id| id == after).unwrap()).collect()
    }

    /// The longest path from a step, by trying them all.
    fn longest(&self, step: usize) -> u64 {
        let below = (0..self.ids.len()).filter(|other| self.waits_for(*other).contains(&step));
        u64::from(self.seconds[step]) + below.map(|other| self.longest(other)).max().unwrap_or(0)
    }

    /// Those that wait for one of `steps`, directly or not.
    fn below(&self, steps: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut below = BTreeSet::new();
        loop {
            let more: BTreeSet<usize> = (0..self.ids.len())
                .filter(|step| self.waits_for(*step).iter().any(|after| steps.contains(after) || below.contains(after)))
                .collect();
            if more == below {
                return below;
            }
            below = more;
        }
    }
}

/// Steps in an order that says nothing, so that neither place nor id tells which comes first.
fn steps() -> impl Strategy<Value = Steps> {
    (1_usize..14)
        .prop_flat_map(|count| {
            (
                Just((0..count).collect::<Vec<_>>()).prop_shuffle(),
                prop::collection::vec(prop::bool::weighted(0.3), count * count),
                prop::collection::vec(0_u32..20, count),
            )
        })
        .prop_map(|(order, edges, seconds)| {
            let count = order.len();
            let mut after = vec![Vec::new(); count];
            for (rank, step) in order.iter().enumerate() {
                for earlier in 0..rank {
                    if edges[rank * count + earlier] {
                        after[*step].push(id(order[earlier]));
                    }
                }
            }
            Steps { ids: (0..count).map(id).collect(), after, seconds }
        })
}

proptest! {
    /// Each step starts once, after all it waits for; none is lost; what depends on a failure is blocked, and no more.
    #[test]
    fn each_starts_once_after_what_it_waits_for(
        steps in steps(),
        fails in prop::collection::vec(prop::bool::weighted(0.2), 14),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 64),
        limit in 1_usize..6,
    ) {
        let mut queue = steps.queue().unwrap();
        let (mut running, mut finished, mut failed) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        let mut blocked = BTreeSet::new();
        let mut started = BTreeSet::new();
        let mut picks = picks.into_iter();
        loop {
            while running.len() < limit {
                let Some(step) = queue.start() else { break };
                prop_assert!(started.insert(step), "started twice");
                prop_assert!(steps.waits_for(step).iter().all(|after| finished.contains(after)));
                // Nothing that is ready and waits still is weightier.
                for other in queue.unstarted() {
                    let is_ready = steps.waits_for(other).iter().all(|after| finished.contains(after));
                    prop_assert!(!is_ready || queue.weight(other) <= queue.weight(step));
                }
                running.push(step);
            }
            if running.is_empty() {
                break;
            }
            let pick = picks.next().map_or(0, |pick| pick.index(running.len()));
            let step = running.swap_remove(pick);
            if fails[step] {
                failed.insert(step);
                for step in queue.fail(step) {
                    prop_assert!(blocked.insert(step), "blocked twice");
                    prop_assert!(!started.contains(&step));
                }
            } else {
                queue.finish(step);
                finished.insert(step);
            }
        }
        prop_assert_eq!(&blocked, &steps.below(&failed));
        prop_assert_eq!(started.len() + blocked.len(), steps.ids.len());
        prop_assert!(queue.unstarted().is_empty());
    }

    #[test]
    fn a_weight_is_the_longest_path_below(steps in steps()) {
        let queue = steps.queue().unwrap();
        for step in 0..steps.ids.len() {
            prop_assert_eq!(queue.weight(step), steps.longest(step));
            let waits = steps.after.iter().flatten().any(|before| *before == steps.ids[step]);
            prop_assert_eq!(queue.is_last(step), !waits);
        }
    }

    /// A queue that begins with finished steps goes on like one in which they were just finished.
    #[test]
    fn what_was_finished_before_does_not_start(steps in steps(), count in 0_usize..14) {
        let mut queue = steps.queue().unwrap();
        let mut finished = BTreeSet::new();
        while finished.len() < count {
            let Some(step) = queue.start() else { break };
            queue.finish(step);
            finished.insert(step);
        }
        let mut resumed = Queue::new(&steps.nodes(&finished)).unwrap();
        loop {
            let (one, other) = (queue.start(), resumed.start());
            prop_assert_eq!(one, other);
            let Some(step) = one else { break };
            queue.finish(step);
            resumed.finish(step);
        }
    }

    #[test]
    fn a_circle_is_found_wherever_it_is(steps in steps(), length in 1_usize..5) {
        let count = steps.ids.len();
        let mut circular = steps;
        for step in count..count + length {
            circular.ids.push(id(step));
            circular.seconds.push(1);
            let before = if step == count { count + length - 1 } else { step - 1 };
            circular.after.push(vec![id(0), id(before)]);
        }
        let Err(QueueError::Cycle(cycle)) = circular.queue() else { return Err(TestCaseError::fail("no cycle")) };
        prop_assert_eq!(cycle.len(), length + 1);
        prop_assert_eq!(cycle.first(), cycle.last());
    }
}

#[test]
fn of_equal_weight_the_one_that_stands_first_is_first() {
    let mut steps = Steps::of(&[&[], &[], &[]], &[5, 5, 7]);
    steps.ids.swap(0, 1);
    let mut queue = steps.queue().unwrap();
    assert_eq!(std::iter::from_fn(|| queue.start()).collect::<Vec<_>>(), [2, 0, 1]);
}

#[test]
fn a_failure_blocks_once_and_names_all() {
    let mut queue = Steps::of(&[&[], &[], &[0, 1], &[2]], &[1; 4]).queue().unwrap();
    assert_eq!((queue.start(), queue.start()), (Some(0), Some(1)));
    assert_eq!(queue.fail(1), [2, 3]);
    assert_eq!(queue.fail(0), [] as [usize; 0]);
    assert_eq!(queue.start(), None);
}

#[test]
fn steps_without_an_order_are_refused() {
    assert_eq!(Steps::of(&[&[7]], &[1]).queue().unwrap_err(), QueueError::Missing { step: id(0), missing: id(7) });
    let mut twice = Steps::of(&[&[], &[]], &[1, 1]);
    twice.ids[1] = id(0);
    assert_eq!(twice.queue().unwrap_err(), QueueError::Twice(id(0)));
    let circle = Steps::of(&[&[2], &[0], &[1], &[]], &[1; 4]).queue().unwrap_err();
    assert_eq!(circle.to_string().matches(" → ").count(), 3, "{circle}");
}
