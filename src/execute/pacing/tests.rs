use proptest::prelude::*;

use super::*;
use crate::contract::Allowance;

const BUCKET: Allowance = Allowance::Bucket { capacity: 5.0, per_second: 2.0 };
const WINDOW: Allowance = Allowance::Window { most: 4, span: Duration::from_secs(30) };

fn budget(name: &'static str, allowance: Allowance) -> Budget {
    Budget { name, allowance }
}

fn charge(places: &[usize]) -> Charges {
    places.iter().fold(Charges::FREE, |charges, place| charges.and(*place))
}

/// Lets through all that wait, and tells when each went, in seconds after `start`.
fn drain<T>(pacing: &mut Pacing<T>, start: Instant) -> Vec<(f64, T)> {
    let (mut now, mut went) = (start, Vec::new());
    while let Some(wait) = pacing.next(now) {
        now += wait;
        while let Some(waiting) = pacing.admit(now) {
            went.push((now.duration_since(start).as_secs_f64(), waiting));
        }
    }
    went
}

#[test]
fn a_bucket_gives_what_it_holds_and_then_what_comes_in() {
    let start = Instant::now();
    let mut pacing = Pacing::new(&[budget("bucket", BUCKET)]);
    assert!((0..5).all(|_| pacing.pass(charge(&[0]), start)));
    assert!(!pacing.pass(charge(&[0]), start));
    assert!(pacing.pass(Charges::FREE, start), "what is free is always let through");
    for number in 0..4 {
        pacing.queue(charge(&[0]), 1, number);
    }
    let moments: Vec<f64> = drain(&mut pacing, start).into_iter().map(|(at, _)| at).collect();
    assert!(moments.iter().zip([0.5, 1.0, 1.5, 2.0]).all(|(at, wanted)| (at - wanted).abs() < 1e-3), "{moments:?}");
}

#[test]
fn a_window_opens_again_when_the_first_is_over() {
    let start = Instant::now();
    let mut pacing = Pacing::new(&[budget("window", WINDOW)]);
    (0..6).for_each(|number| pacing.queue(charge(&[0]), 1, number));
    let moments: Vec<f64> = drain(&mut pacing, start).into_iter().map(|(at, _)| at.floor()).collect();
    assert_eq!(moments, [0.0, 0.0, 0.0, 0.0, 30.0, 30.0]);
}

#[test]
fn the_weightiest_goes_first_and_an_empty_budget_keeps_no_other_lane_waiting() {
    let start = Instant::now();
    let mut pacing = Pacing::new(&[budget("bucket", BUCKET), budget("window", WINDOW)]);
    // The interfaces draw on both, the machines on one.
    for number in 0..6 {
        pacing.queue(charge(&[0, 1]), 100, format!("interface {number}"));
        pacing.queue(charge(&[0]), 60, format!("machine {number}"));
    }
    let order: Vec<String> = drain(&mut pacing, start).into_iter().map(|(_, name)| name).collect();
    assert_eq!(
        order[..5],
        ["interface 0", "interface 1", "interface 2", "interface 3", "machine 0"].map(str::to_owned)
    );
    assert_eq!(order[10..], ["interface 4".to_owned(), "interface 5".to_owned()]);
}

#[test]
fn the_target_has_the_last_word() {
    let start = Instant::now();
    let told = |left| [Remaining { budget: "bucket".into(), left, at: jiff::Timestamp::UNIX_EPOCH }];
    let mut pacing = Pacing::<u32>::new(&[budget("bucket", BUCKET)]);
    // Somebody else has used it up.
    assert!(pacing.pass(charge(&[0]), start));
    pacing.answered(charge(&[0]));
    pacing.learn(&told(0), start);
    assert!(!pacing.pass(charge(&[0]), start));
    // It is larger than documented. One token stays, since nothing arrives as evenly as it leaves.
    pacing.learn(&told(100), start);
    assert!((0..99).all(|_| pacing.pass(charge(&[0]), start)));
    assert!(!pacing.pass(charge(&[0]), start));
    // What is under way may be counted already: nothing is taken off twice.
    pacing.learn(&told(60), start);
    assert!(!pacing.pass(charge(&[0]), start));
    (0..99).for_each(|_| pacing.answered(charge(&[0])));
    pacing.learn(&told(3), start);
    assert!((0..2).all(|_| pacing.pass(charge(&[0]), start)));
    assert!(!pacing.pass(charge(&[0]), start));
}

#[test]
fn a_refusal_closes_the_lane_and_not_what_has_something_left() {
    let start = Instant::now();
    let mut pacing = Pacing::new(&[budget("bucket", BUCKET), budget("window", WINDOW)]);
    let (network, compute) = (charge(&[0, 1]), charge(&[0]));
    assert!(pacing.pass(network, start));
    pacing.learn(&[Remaining { budget: "bucket".into(), left: 4, at: jiff::Timestamp::UNIX_EPOCH }], start);
    pacing.refused(network, Duration::from_secs(20), start);
    assert!(pacing.pass(compute, start), "the bucket was told to have some");
    assert!(!pacing.pass(network, start));
    pacing.queue(network, 1, ());
    assert_eq!(pacing.next(start), Some(Duration::from_secs(20)));
    // Without a word about it the bucket is taken for empty, too.
    let mut pacing = Pacing::<()>::new(&[budget("bucket", BUCKET)]);
    assert!(pacing.pass(compute, start));
    pacing.refused(compute, Duration::from_secs(20), start);
    assert!(!pacing.pass(compute, start + Duration::from_secs(19)));
    assert!(pacing.pass(compute, start + Duration::from_secs(20)));
    assert!(!pacing.pass(compute, start + Duration::from_secs(20)), "one, and then as they come in");
}

proptest! {
    /// However requests come, no budget is overdrawn, all get through, none waits without need, and of those of one
    /// lane no lighter one goes before a weightier one that waited at that moment.
    #[test]
    fn budgets_are_kept_and_used_up(
        requests in prop::collection::vec((0_u64..40_000, 0_usize..3, 0_u64..4), 1..120),
    ) {
        let start = Instant::now();
        let budgets = [budget("bucket", BUCKET), budget("window", WINDOW)];
        let kinds = [charge(&[0]), charge(&[1]), charge(&[0, 1])];
        let mut pacing = Pacing::new(&budgets);
        let mut requests = requests;
        requests.sort_by_key(|(at, ..)| *at);
        let (mut went, mut now, mut next) = (Vec::new(), start, 0);
        loop {
            while let Some((at, kind, weight)) = requests.get(next).filter(|(at, ..)| start + Duration::from_millis(*at) <= now) {
                let _ = at;
                if pacing.pass(kinds[*kind], now) { went.push((now, next, *kind, *weight)); }
                else { pacing.queue(kinds[*kind], *weight, next); }
                next += 1;
            }
            while let Some(request) = pacing.admit(now) {
                let (_, kind, weight) = requests[request];
                // Nobody of the same lane who waits has more weight: they would have been let through before.
                let waits = |other: usize| other < next && !went.iter().any(|(_, gone, ..)| *gone == other) && other != request;
                let heavier = (0..next).any(|other| waits(other) && requests[other].1 == kind && requests[other].2 > weight);
                prop_assert!(!heavier);
                went.push((now, request, kind, weight));
            }
            let arrival = requests.get(next).map(|(at, ..)| start + Duration::from_millis(*at));
            let turn = pacing.next(now).map(|wait| now + wait);
            if let (None, None) = (arrival, turn) { break }
            let later = [arrival, turn].into_iter().flatten().min().unwrap();
            prop_assert!(later > now, "somebody could go and does not");
            now = later;
        }
        prop_assert_eq!(went.len(), requests.len());
        let moments = |wanted: &[usize]| -> Vec<f64> {
            went.iter().filter(|(.., kind, _)| wanted.contains(kind)).map(|(at, ..)| at.duration_since(start).as_secs_f64()).collect()
        };
        let bucket = moments(&[0, 2]);
        for (first, from) in bucket.iter().enumerate() {
            for (last, until) in bucket.iter().enumerate().skip(first) {
                prop_assert!((last - first + 1) as f64 <= 5.0 + (until - from) * 2.0 + 1e-3);
            }
        }
        let window = moments(&[1, 2]);
        for pair in window.windows(5) {
            prop_assert!(pair[4] - pair[0] >= 30.0);
        }
    }
}
