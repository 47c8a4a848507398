//! Which step is next. Pure: no I/O, no clock, no task; it only knows what was started, finished and failed.
//!
//! A step is ready when all it waits for has ended well; there are no levels that wait for each other. Of those ready
//! the one is given first on which the longest expected path hangs, for that path decides how long the whole takes; of
//! two with the same weight, the one that stands first in the list.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::contract::StepId;

/// A step as the queue sees it.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// What identifies it.
    pub id: &'a StepId,
    /// The steps that must have ended well before.
    pub after: &'a [StepId],
    /// How long it is expected to take.
    pub seconds: u32,
    /// Whether it has ended well already.
    pub is_finished: bool,
}

/// Why steps cannot be put in an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// Two steps have the same id.
    #[error("the step `{0}` is there twice")]
    Twice(StepId),
    /// A step waits for one that is not there.
    #[error("the step `{step}` waits for `{missing}`, which is not there")]
    Missing {
        /// Which.
        step: StepId,
        /// For what.
        missing: StepId,
    },
    /// Steps wait for each other.
    #[error("these steps wait for each other: {}", .0.iter().map(StepId::as_str).collect::<Vec<_>>().join(" → "))]
    Cycle(Vec<StepId>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Started,
    Finished,
    Failed,
    Blocked,
}

/// The ready-queue. Steps are known by their place in the list that it was made of.
#[derive(Debug, Clone)]
pub struct Queue {
    /// For each step the first of its dependents in `dependents`; one more at the end.
    offsets: Vec<u32>,
    dependents: Vec<u32>,
    /// For each step how many of those it waits for have not ended well yet.
    missing: Vec<u32>,
    weights: Vec<u64>,
    states: Vec<State>,
    ready: BinaryHeap<(u64, Reverse<u32>)>,
}

impl Queue {
    /// A queue of these steps, in which those that have ended well already count as such.
    pub fn new(nodes: &[Node<'_>]) -> Result<Self, QueueError> {
        let mut places: HashMap<&StepId, u32> = HashMap::with_capacity(nodes.len());
        for (place, node) in (0..).zip(nodes) {
            if places.insert(node.id, place).is_some() {
                return Err(QueueError::Twice(node.id.clone()));
            }
        }
        let count = nodes.len();
        let mut edges: Vec<(u32, u32)> = Vec::with_capacity(nodes.iter().map(|node| node.after.len()).sum());
        let mut missing = vec![0; count];
        for (place, node) in nodes.iter().enumerate() {
            for after in node.after {
                let before = *places
                    .get(after)
                    .ok_or_else(|| QueueError::Missing { step: node.id.clone(), missing: after.clone() })?;
                edges.push((before, place as u32));
                missing[place] += 1;
            }
        }
        let mut offsets = vec![0_u32; count + 1];
        for (before, _) in &edges {
            offsets[*before as usize + 1] += 1;
        }
        for place in 0..count {
            offsets[place + 1] += offsets[place];
        }
        let mut dependents = vec![0; edges.len()];
        let mut next = offsets.clone();
        for (before, after) in edges {
            dependents[next[before as usize] as usize] = after;
            next[before as usize] += 1;
        }
        let mut queue = Self {
            offsets,
            dependents,
            missing,
            weights: vec![0; count],
            states: vec![State::Waiting; count],
            ready: BinaryHeap::new(),
        };
        queue.weigh(nodes)?;
        for (place, node) in nodes.iter().enumerate() {
            if node.is_finished {
                queue.states[place] = State::Finished;
                for dependent in queue.offsets[place]..queue.offsets[place + 1] {
                    queue.missing[queue.dependents[dependent as usize] as usize] -= 1;
                }
            }
        }
        for place in 0..count {
            queue.push_if_ready(place);
        }
        Ok(queue)
    }

    /// The place of the step that is to start next, which counts as started from now on; nothing if none is ready.
    pub fn start(&mut self) -> Option<usize> {
        let (_, Reverse(place)) = self.ready.pop()?;
        self.states[place as usize] = State::Started;
        Some(place as usize)
    }

    /// The step has ended well.
    pub fn finish(&mut self, place: usize) {
        if self.states[place] != State::Started {
            return;
        }
        self.states[place] = State::Finished;
        for dependent in self.offsets[place]..self.offsets[place + 1] {
            let dependent = self.dependents[dependent as usize] as usize;
            self.missing[dependent] -= 1;
            self.push_if_ready(dependent);
        }
    }

    /// The step has failed. Gives the places of the steps that will never start because of it and were not blocked by
    /// another one before, in order.
    pub fn fail(&mut self, place: usize) -> Vec<usize> {
        if self.states[place] != State::Started {
            return Vec::new();
        }
        self.states[place] = State::Failed;
        let mut blocked = Vec::new();
        let mut reached = vec![place];
        while let Some(place) = reached.pop() {
            for dependent in self.offsets[place]..self.offsets[place + 1] {
                let dependent = self.dependents[dependent as usize] as usize;
                // One that waits for a failed step is never ready, so it is waiting or blocked already.
                if self.states[dependent] == State::Waiting {
                    self.states[dependent] = State::Blocked;
                    blocked.push(dependent);
                    reached.push(dependent);
                }
            }
        }
        blocked.sort_unstable();
        blocked
    }

    /// The longest expected path that begins with this step, itself included, in seconds.
    pub fn weight(&self, place: usize) -> u64 {
        self.weights[place]
    }

    /// Whether no step comes after this one.
    pub fn is_last(&self, place: usize) -> bool {
        self.offsets[place] == self.offsets[place + 1]
    }

    /// The places of the steps that were neither started nor blocked.
    pub fn unstarted(&self) -> Vec<usize> {
        (0..self.states.len()).filter(|place| self.states[*place] == State::Waiting).collect()
    }

    fn push_if_ready(&mut self, place: usize) {
        if self.missing[place] == 0 && self.states[place] == State::Waiting {
            self.ready.push((self.weights[place], Reverse(place as u32)));
        }
    }

    /// Gives every step its weight, from the last back to the first.
    fn weigh(&mut self, nodes: &[Node<'_>]) -> Result<(), QueueError> {
        let mut missing = self.missing.clone();
        let mut order: Vec<usize> = (0..nodes.len()).filter(|place| missing[*place] == 0).collect();
        let mut seen = 0;
        while seen < order.len() {
            let place = order[seen];
            seen += 1;
            for dependent in self.offsets[place]..self.offsets[place + 1] {
                let dependent = self.dependents[dependent as usize] as usize;
                missing[dependent] -= 1;
                if missing[dependent] == 0 {
                    order.push(dependent);
                }
            }
        }
        if order.len() < nodes.len() {
            return Err(QueueError::Cycle(cycle(nodes, &missing)));
        }
        for place in order.into_iter().rev() {
            let below = (self.offsets[place]..self.offsets[place + 1])
                .map(|dependent| self.weights[self.dependents[dependent as usize] as usize])
                .max()
                .unwrap_or(0);
            self.weights[place] = below + u64::from(nodes[place].seconds);
        }
        Ok(())
    }
}

/// One cycle among the steps that still wait for something, its first step repeated at the end.
fn cycle(nodes: &[Node<'_>], missing: &[u32]) -> Vec<StepId> {
    let waiting: HashMap<&StepId, &Node<'_>> =
        nodes.iter().zip(missing).filter(|(_, missing)| **missing > 0).map(|(node, _)| (node.id, node)).collect();
    // Every one of them waits for another of them, so going back long enough comes round.
    let mut path: Vec<&StepId> = Vec::new();
    let mut seen: HashMap<&StepId, usize> = HashMap::new();
    let mut current = waiting.keys().min().copied();
    while let Some(id) = current {
        if let Some(start) = seen.insert(id, path.len()) {
            let mut cycle: Vec<StepId> = path[start..].iter().map(|id| (*id).clone()).collect();
            cycle.push(id.clone());
            cycle.reverse();
            return cycle;
        }
        path.push(id);
        current = waiting.get(id).and_then(|node| node.after.iter().find(|after| waiting.contains_key(after)));
    }
    Vec::new()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests;
