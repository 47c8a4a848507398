//! Faults on demand: what a cloud does on a bad day, by a file or by the control address, so that it can be tried out on a
//! good one. Which request meets which fault is decided here; the rest of the simulator knows only of the fates that
//! its operations were given.
//!
//! Deliberately absent: faults of the simulator's own making. What no rule names works.

mod answer;
mod fate;
mod format;
mod read;
mod spoil;

use std::collections::HashMap;

use serde_json::{Value as Json, json};

pub use format::{Allocation, Always, FaultPlan, Method, Mishap, Rule, Subject, Times, Told};
pub use read::{faults_schema, read_faults};

pub(super) use answer::{Answered, answer, control};
pub(super) use fate::Fate;
pub(super) use spoil::Spoil;

/// The rules, and how often each came to pass.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    plan: FaultPlan,
    counts: Vec<HashMap<String, Count>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    seen: u64,
    applied: u64,
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) on: Subject,
    pub(super) method: String,
    /// The full type; empty where there is none.
    pub(super) resource_type: String,
    /// The resource's name, the last part of it.
    pub(super) name: String,
    /// What is counted together by `each`, in lower case.
    pub(super) key: String,
}

/// A fault that a request meets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Met {
    rule: usize,
    key: String,
    pub(super) fault: Mishap,
    /// What the log calls it.
    pub(super) name: String,
}

impl Faults {
    pub(super) fn new(plan: FaultPlan) -> Self {
        Self { counts: vec![HashMap::new(); plan.rules.len()], plan }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.plan.rules.is_empty()
    }

    /// The fault that a request meets, if any does. It counts from now on.
    pub(super) fn meet(&mut self, asked: &Asked) -> Option<Met> {
        for (index, rule) in self.plan.rules.iter().enumerate().filter(|(_, rule)| rule.concerns(asked)) {
            let key = if rule.each { asked.key.clone() } else { String::new() };
            let count = self.counts[index].entry(key.clone()).or_default();
            count.seen += 1;
            let is_due = count.seen > rule.skip && (count.seen - rule.skip - 1).is_multiple_of(rule.every.max(1));
            let is_left = match rule.times {
                Times::Number(times) => count.applied < times,
                Times::Word(Always::Always) => true,
            };
            let chance = || chance(self.plan.seed, index, &key, count.seen);
            if is_due && is_left && (rule.probability >= 1.0 || chance() < rule.probability) {
                count.applied += 1;
                return Some(Met { rule: index, key, fault: rule.fault.clone(), name: self.name(index) });
            }
        }
        None
    }

    /// It did not come to pass after all: the request was refused for a reason of its own, or began no operation.
    pub(super) fn give_back(&mut self, met: &Met) {
        if let Some(count) = self.counts.get_mut(met.rule).and_then(|counts| counts.get_mut(&met.key)) {
            count.seen = count.seen.saturating_sub(1);
            count.applied = count.applied.saturating_sub(1);
        }
    }

    fn name(&self, index: usize) -> String {
        self.plan.rules[index].name.clone().unwrap_or_else(|| format!("{}", index + 1))
    }

    /// How often each rule came to pass, in their order, by what the log calls it.
    pub(super) fn applied(&self) -> Vec<(String, u64)> {
        let sums = self.counts.iter().map(|counts| counts.values().map(|count| count.applied).sum());
        sums.enumerate().map(|(index, applied)| (self.name(index), applied)).collect()
    }

    /// The rules with how often each was looked at and came to pass.
    fn tell(&self) -> Json {
        let rules = self.plan.rules.iter().zip(&self.counts).map(|(rule, counts)| {
            let sum = |of: fn(&Count) -> u64| counts.values().map(of).sum::<u64>();
            json!({ "rule": rule, "matched": sum(|count| count.seen), "applied": sum(|count| count.applied) })
        });
        json!({ "format": FaultPlan::FORMAT, "seed": self.plan.seed, "rules": rules.collect::<Vec<_>>() })
    }
}

impl Rule {
    fn concerns(&self, asked: &Asked) -> bool {
        (self.on == asked.on || self.on == Subject::Any)
            && (self.methods.is_empty() || self.methods.iter().any(|method| method.word() == asked.method))
            && self.is_of_interest(&asked.method)
            && self.resource_type.as_ref().is_none_or(|pattern| is_like(pattern, &asked.resource_type))
            && self.resource.as_ref().is_none_or(|pattern| is_like(pattern, &asked.name))
    }

    /// A fault of an operation waits for a request that may begin one; there is no room for what is made.
    fn is_of_interest(&self, method: &str) -> bool {
        match &self.fault {
            Mishap::Allocation { .. } => method == "PUT",
            fault if fault.is_of_operation() || *fault == (Mishap::Unaddressed {}) => {
                !["GET", "HEAD"].contains(&method)
            }
            _ => true,
        }
    }
}

/// Whether a text is as a pattern has it: `*` for any letters, `?` for one, without regard to case.
pub(super) fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (lower(pattern), lower(text));
    let (mut at, mut read) = (0, 0);
    // The last star, and how much it has taken: it takes one more whenever the rest does not fit.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                at = place + 1;
                read = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

fn lower(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// A number from 0 to 1 by what is asked, not by when: requests that come in another order meet the same faults.
fn chance(seed: u64, rule: usize, key: &str, time: u64) -> f64 {
    // FNV-1a over all of it, finished as by SplitMix64.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in
        seed.to_le_bytes().into_iter().chain((rule as u64).to_le_bytes()).chain(time.to_le_bytes()).chain(key.bytes())
    {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (hash ^ (hash >> 31)) as f64 / u64::MAX as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    fn faults(rules: Json) -> Faults {
        Faults::new(read::of_json(json!({ "format": 1, "seed": 5, "rules": rules })).unwrap())
    }

    fn put(resource_type: &str, name: &str) -> Asked {
        Asked {
            on: Subject::Resource,
            method: "PUT".to_owned(),
            resource_type: resource_type.to_owned(),
            name: name.to_owned(),
            key: format!("{resource_type}/{name}").to_ascii_lowercase(),
        }
    }

    fn machine(name: &str) -> Asked {
        put("Microsoft.Compute/virtualMachines", name)
    }

    #[test]
    fn a_pattern_has_stars_and_question_marks() {
        for (pattern, text, is) in [
            ("*", "", true),
            ("a*", "ABC", true),
            ("*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("k8s-pool-?", "k8s-pool-1", true),
            ("k8s-pool-?", "k8s-pool-10", false),
            ("Microsoft.Compute/*", "microsoft.compute/disks", true),
            ("", "a", false),
        ] {
            assert_eq!(is_like(pattern, text), is, "{pattern} {text}");
        }
    }

    #[test]
    fn a_rule_counts_over_all_or_for_each() {
        let reset = json!({ "kind": "reset" });
        let mut all =
            faults(json!([{ "type": "*/virtualMachines", "skip": 1, "every": 2, "times": 2, "fault": reset }]));
        let met: Vec<bool> = (0..8).map(|_| all.meet(&machine("a")).is_some()).collect();
        assert_eq!(met, [false, true, false, true, false, false, false, false]);
        assert_eq!(all.meet(&put("Microsoft.Compute/disks", "a")), None);

        let mut each = faults(json!([{ "each": true, "fault": reset }]));
        let names = ["a", "b", "a", "b", "A"];
        assert_eq!(names.map(|name| each.meet(&machine(name)).is_some()), [true, true, false, false, false]);
        assert_eq!(each.applied(), [("1".to_owned(), 2)]);

        let mut back = faults(json!([{ "name": "once", "fault": { "kind": "lies" } }]));
        let met = back.meet(&machine("a")).unwrap();
        assert_eq!((met.name.as_str(), back.meet(&machine("a"))), ("once", None));
        back.give_back(&met);
        back.give_back(&met);
        assert!(back.meet(&machine("a")).is_some());
    }

    #[test]
    fn chance_is_by_seed_and_not_by_order() {
        let rules = json!([{ "each": true, "times": "always", "probability": 0.3, "fault": { "kind": "reset" } }]);
        let run = |names: &mut dyn Iterator<Item = usize>| {
            let mut faults = faults(rules.clone());
            let mut met: Vec<usize> = names.filter(|name| faults.meet(&machine(&name.to_string())).is_some()).collect();
            met.sort_unstable();
            met
        };
        let forward = run(&mut (0..1000));
        assert_eq!(forward, run(&mut (0..1000).rev()));
        assert!((250..350).contains(&forward.len()), "{}", forward.len());
    }

    #[test]
    fn what_befalls_operations_spares_reads() {
        let mut faults = faults(json!([{ "fault": { "kind": "stuck" } }]));
        assert_eq!(faults.meet(&Asked { method: "GET".to_owned(), ..machine("a") }), None);
        assert!(faults.meet(&machine("a")).is_some());
    }
}
