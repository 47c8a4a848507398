//! Which steps made a run take as long as it took: from the step that ended last back along those that each was waiting
//! for to the end.

use super::record::RunRecord;

impl RunRecord {
    /// The slowest chain, in the order in which it ran, as positions in [`RunRecord::steps`]. Empty before a step ended.
    pub fn slowest_chain(&self) -> Vec<usize> {
        let ended = |position: &usize| self.steps.get(*position).filter(|step| step.started.is_some())?.ended;
        let all: Vec<usize> = (0..self.steps.len()).collect();
        let last = |among: &[usize]| {
            let known = among.iter().filter_map(|position| Some((ended(position)?, *position)));
            // Of those that ended together the first one counts, so that the answer is always the same.
            known.max_by_key(|(ended, position)| (*ended, std::cmp::Reverse(*position))).map(|(_, position)| position)
        };
        let mut chain = Vec::new();
        let mut next = last(&all);
        while let Some(position) = next {
            chain.push(position);
            // A plan has no circle; a chain is never longer than the plan all the same.
            next = last(&self.steps[position].after).filter(|_| chain.len() < self.steps.len());
        }
        chain.reverse();
        chain
    }
}
