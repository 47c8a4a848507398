//! Many operations seen by few reads: whoever waits for a resource to be done waits here, and a list of all of its kind
//! tells of all that are.
//!
//! When several are likely to be done, the list is read; when only a few are, each is told to ask for itself, which
//! costs less than the pages of a list.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::durations::Estimate;
use super::gate::Gate;
use super::settings::Polling;
use crate::base::{Alarm, Timer};
use crate::contract::{Address, Fault, FaultClass, Listed, RequestKind, Target};

/// A list is read where so many more are likely to be done than it has pages.
const WORTH: usize = 4;
/// A list is read where at least one in so many of those that it tells of is likely to be done: it is long to write, to
/// send and to read, whatever it counts in the budget.
const ONE_IN: usize = 16;
/// No list has more pages than this.
const MOST_PAGES: usize = 1_000;

/// Of so many questions the last one is to the operation: it may have failed without a trace in the resource.
pub(super) const ROUND: u32 = 3;
/// So many lists may tell nothing new of one that is due, for the same reason. They tell of many, and a question of one.
const LISTS: u32 = 10;

/// After so many lists it is no longer waited longer from one to the next: all profit from each.
const SOON: u32 = 2;

/// What a wait has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is as it should be, and was seen on its way last at the moment given, if ever.
    Done(Option<Instant>),
    /// Ask for itself.
    Ask,
    /// Ask for itself, and not by looking at the resource.
    AskOperation,
}

/// What is waited for.
pub(super) struct Wish<'a> {
    /// The resource.
    pub(super) address: &'a Address,
    /// Whether it is to be gone in the end.
    pub(super) goes: bool,
    /// Whether it was not there before, so that one that is as it should be has been made.
    pub(super) is_new: bool,
    /// How much depends on it.
    pub(super) weight: u64,
    /// When it is likely to be done.
    pub(super) due: Instant,
    /// When it is too late.
    pub(super) deadline: Instant,
    /// How long it is expected to take as a whole.
    pub(super) expected: Duration,
}

/// Somebody who waits.
struct Waiting {
    /// In lower case.
    id: String,
    /// Whether the resource is to be gone in the end.
    goes: bool,
    /// Whether it was not there before.
    is_new: bool,
    /// When it began to wait: what was read before then tells of what was there before.
    joined: Instant,
    weight: u64,
    /// When it is likely to be done.
    due: Instant,
    /// When it asks for itself in any case, to say that it takes too long.
    deadline: Instant,
    expected: Duration,
    /// How often a list has found it on its way though it was due.
    lists: u32,
    /// When it was seen on its way last.
    seen: Option<Instant>,
    sender: oneshot::Sender<Found>,
}

/// All who wait for resources of one collection.
struct Collection {
    member: Address,
    waiting: Vec<Waiting>,
    /// How many pages the list had.
    pages: usize,
    /// How many resources it told of.
    items: usize,
    /// No list before this.
    not_before: Option<Instant>,
    /// Until then a list is refused, so that all ask for themselves.
    refused_until: Option<Instant>,
}

/// Where units wait for what a list tells.
pub(super) struct Harvest {
    collections: Mutex<HashMap<String, Collection>>,
    target: Arc<dyn Target>,
    gate: Arc<Gate>,
    polling: Polling,
    alarm: Alarm,
    timer: Arc<dyn Timer>,
}

/// What is to be done with a collection now.
enum Turn {
    List(String, Address, u64),
    Wait(Option<Instant>),
}

impl Harvest {
    pub(super) fn new(target: Arc<dyn Target>, gate: Arc<Gate>, polling: Polling, timer: Arc<dyn Timer>) -> Self {
        let alarm = Alarm::new(Arc::clone(&timer));
        Self { collections: Mutex::default(), target, gate, polling, alarm, timer }
    }

    fn collections(&self) -> MutexGuard<'_, HashMap<String, Collection>> {
        self.collections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the resource is done, or until it is better to ask for itself, which is not before it is due.
    pub(super) async fn wait(&self, wish: Wish<'_>) -> Found {
        let Wish { address, goes, is_new, weight, due, deadline, expected } = wish;
        let id = address.id.to_ascii_lowercase();
        let Some((collection, _)) = id.rsplit_once('/') else { return Found::Ask };
        let (sender, found) = oneshot::channel();
        {
            let mut collections = self.collections();
            if !collections.contains_key(collection) {
                let new = Collection {
                    member: address.clone(),
                    waiting: Vec::new(),
                    pages: 1,
                    items: 0,
                    not_before: None,
                    refused_until: None,
                };
                collections.insert(collection.to_owned(), new);
            }
            if let Some(known) = collections.get_mut(collection) {
                known.waiting.push(Waiting {
                    id: id.clone(),
                    goes,
                    is_new,
                    joined: self.timer.now(),
                    weight,
                    due,
                    deadline,
                    expected,
                    lists: 0,
                    seen: None,
                    sender,
                });
            }
        }
        self.alarm.ring();
        self.timer.end_work();
        match found.await {
            Ok(found) => found,
            Err(_) => std::future::pending().await,
        }
    }

    /// Reads lists and tells whoever waits, for ever.
    pub(super) async fn keep(&self) {
        loop {
            match self.turn() {
                Turn::Wait(until) => self.alarm.sleep(until).await,
                Turn::List(key, member, weight) => {
                    let mut list = pin!(self.list(&member, weight));
                    // The list may wait for its turn, which does not come while somebody seems to be at work.
                    let listed = loop {
                        tokio::select! {
                            biased;
                            listed = &mut list => break listed,
                            () = self.alarm.heard() => {}
                        }
                    };
                    self.take_in(&key, listed);
                }
            }
        }
    }

    fn turn(&self) -> Turn {
        let now = self.timer.now();
        let mut collections = self.collections();
        // How long a list is stays known while nobody waits for it.
        collections.retain(|_, collection| !collection.waiting.is_empty() || collection.items > 0);
        let mut next: Option<Instant> = None;
        for (key, collection) in collections.iter_mut() {
            let due = collection.waiting.iter().filter(|waiting| waiting.due <= now).count();
            let is_refused = collection.refused_until.is_some_and(|moment| moment > now);
            if !is_refused && due >= collection.pages + WORTH && due * ONE_IN >= collection.items {
                match collection.not_before.filter(|moment| *moment > now) {
                    None => {
                        let weight = collection.waiting.iter().map(|waiting| waiting.weight).max().unwrap_or_default();
                        return Turn::List(key.clone(), collection.member.clone(), weight);
                    }
                    Some(moment) => next = Some(next.map_or(moment, |next| next.min(moment))),
                }
            } else if due > 0 {
                for waiting in collection.waiting.extract_if(.., |waiting| waiting.due <= now) {
                    tell(&self.timer, waiting, Found::Ask);
                }
            }
            let soonest = collection.waiting.iter().map(|waiting| waiting.due).filter(|due| *due > now).min();
            next = next.into_iter().chain(soonest).min();
        }
        Turn::Wait(next)
    }

    /// All pages of a list, with the moment in which it began.
    async fn list(&self, member: &Address, weight: u64) -> (Instant, Result<(Vec<Listed>, usize), Fault>) {
        let charges = self.target.charges(RequestKind::List, &member.resource_type);
        let (mut items, mut pages, mut next): (_, _, Option<String>) = (Vec::new(), 0, None);
        let began = self.timer.now();
        loop {
            self.gate.pass(charges, weight).await;
            let page = self.target.list(member, next.as_deref()).await;
            let refused = page.as_ref().err().filter(|fault| fault.class == FaultClass::Throttled);
            let refused = refused.map(|fault| fault.retry_after.unwrap_or(self.polling.longest));
            self.gate.answered(charges, refused, &self.target.remaining());
            match page {
                Ok(page) => {
                    items.extend(page.items);
                    pages += 1;
                    next = page.next.filter(|_| pages < MOST_PAGES);
                    if next.is_none() {
                        return (began, Ok((items, pages)));
                    }
                }
                Err(fault) => return (began, Err(fault)),
            }
        }
    }

    fn take_in(&self, key: &str, (began, listed): (Instant, Result<(Vec<Listed>, usize), Fault>)) {
        let now = self.timer.now();
        let mut collections = self.collections();
        let Some(collection) = collections.get_mut(key) else { return };
        let (items, pages) = match listed {
            Ok(listed) => listed,
            Err(fault) => {
                // What is due asks for itself, and meets the fault if it is there to stay.
                collection.refused_until = Some(now + fault.retry_after.unwrap_or(self.polling.longest));
                for waiting in collection.waiting.extract_if(.., |waiting| waiting.due <= now) {
                    tell(&self.timer, waiting, Found::Ask);
                }
                return;
            }
        };
        (collection.pages, collection.items) = (pages, items.len());
        collection.not_before = Some(now + self.polling.between_lists(pages, items.len()));
        let states: BTreeMap<String, Option<String>> =
            items.into_iter().map(|item| (item.id.to_ascii_lowercase(), item.state)).collect();
        let mut stay = Vec::new();
        for mut waiting in std::mem::take(&mut collection.waiting) {
            // A clock that stands still gives both the same moment.
            if waiting.joined >= began {
                stay.push(waiting);
                continue;
            }
            let is_made = if waiting.is_new { Found::Done(waiting.seen) } else { Found::Ask };
            let found = match (states.get(&waiting.id), waiting.goes) {
                (None, true) => Some(Found::Done(waiting.seen)),
                (Some(None), false) => Some(is_made),
                (Some(None), true) => None,
                (Some(Some(state)), goes) => match state.to_ascii_lowercase().as_str() {
                    "succeeded" if !goes => Some(is_made),
                    "failed" | "canceled" | "cancelled" => Some(Found::Ask),
                    _ => None,
                },
                // It came into being after the list was read, or is not there: its operation knows.
                (None, false) => (waiting.due <= began).then_some(Found::Ask),
            };
            match found {
                Some(found) => tell(&self.timer, waiting, found),
                None if now >= waiting.deadline => tell(&self.timer, waiting, Found::Ask),
                None => {
                    waiting.seen = Some(began);
                    if waiting.due <= now {
                        waiting.lists += 1;
                        if waiting.lists.is_multiple_of(LISTS) {
                            tell(&self.timer, waiting, Found::AskOperation);
                            continue;
                        }
                        // A list costs more than a question, so it is not hurried.
                        let expected = Estimate { time: waiting.expected, is_learnt: false };
                        waiting.due = now + self.polling.again(waiting.lists.min(SOON), None, expected);
                    }
                    stay.push(waiting);
                }
            }
        }
        collection.waiting = stay;
    }
}

fn tell(timer: &Arc<dyn Timer>, waiting: Waiting, found: Found) {
    timer.begin_work();
    if waiting.sender.send(found).is_err() {
        timer.end_work();
    }
}
