//! What Azure tells of its limits with each answer: how many requests are left, per kind of request.
//!
//! Sources: "Understand how Azure Resource Manager throttles requests" and "Troubleshooting API throttling errors",
//! learn.microsoft.com, read 2026-11-25: `x-ms-ratelimit-remaining-{subscription,tenant}-{reads,writes,deletes}` and
//! `-remaining-subscription-global-…` hold a number, `x-ms-ratelimit-remaining-resource` pairs such as
//! `Microsoft.Compute/PutVM3Min;39,Microsoft.Compute/PutVM30Min;199`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::contract::Remaining;
use crate::target::http::Answer;

const PREFIX: &str = "x-ms-ratelimit-remaining-";
const PER_RESOURCE: &str = "resource";

/// More budgets than Azure has; a server that makes names up does not fill the memory.
const MOST: usize = 256;

/// What was told last, by the budget's name.
#[derive(Default)]
pub(super) struct Limits(Mutex<BTreeMap<String, Remaining>>);

impl Limits {
    /// Takes in what an answer tells.
    pub(super) fn note(&self, answer: &Answer, now: Timestamp) {
        let told = told(answer);
        if told.is_empty() {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (budget, left) in told {
            if known.len() < MOST || known.contains_key(&budget) {
                known.insert(budget.clone(), Remaining { budget, left, at: now });
            }
        }
    }

    /// What is known now, in the order of the names.
    pub(super) fn all(&self) -> Vec<Remaining> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// The budgets that an answer names, with what is left of them.
pub(super) fn told(answer: &Answer) -> Vec<(String, u64)> {
    let mut told = Vec::new();
    for (name, value) in &answer.headers {
        let (Some(budget), Ok(value)) = (name.as_str().strip_prefix(PREFIX), value.to_str()) else { continue };
        if budget == PER_RESOURCE {
            let pairs = value.split(',').filter_map(|pair| pair.rsplit_once(';'));
            told.extend(pairs.filter_map(|(budget, left)| Some((budget.trim().to_owned(), left.trim().parse().ok()?))));
        } else if let Ok(left) = value.trim().parse() {
            told.push((budget.to_owned(), left));
        }
    }
    told
}
