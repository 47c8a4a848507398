//! A world that takes its time, answers as scripted, and remembers what was asked of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};

use crate::base::{FixedClock, Secret, SeededEntropy, SystemTimer};
use crate::contract::{
    Act, Action, Address, AppliedResources, Budget, Charges, Event, EventSink, Fault, FaultClass, Future, Journal,
    JournalError, Listed, Observation, OperationHandle, Page, Progress, Record, RequestKind, Summary, Support, Target,
    TargetName,
};
use crate::execute::{Cancel, ExecuteError, Replay, Run, Settings, execute};
use crate::plan::Plan;

/// What happens instead of the usual.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// The request is refused; no effect.
    Refused(Fault),
    /// The request has its effect, and the answer is lost.
    AnswerLost(Fault),
    /// The request is accepted, and the operation ends with this fault and the resource as `Failed`.
    Fails(Fault),
    /// The request is accepted, and the operation ends with this fault, which the resource never tells.
    FailsUnseen(Fault),
    /// The request is accepted, the resource reads as made from the first moment, and the operation ends with this fault
    /// all the same.
    SeemsDone(Fault),
    /// The answer never comes.
    Silence,
    /// Whoever handles the request panics.
    Breaks,
    /// Before the request somebody else changes the resource: this is merged into `properties`.
    Meddled(Json),
}

pub(super) fn fault(class: FaultClass) -> Fault {
    Fault::new(class, "Scripted", format!("{class:?}"))
}

#[derive(Debug, Clone)]
struct Thing {
    body: Json,
    version: u32,
    /// The target is at work on it until then.
    until: Instant,
    ends: Ends,
}

#[derive(Debug, Clone)]
enum Ends {
    Succeeded,
    Failed(Fault),
    /// As before, but the resource looks as if it were still worked on.
    FailedUnseen(Fault),
    /// As before, but the resource looks as if all had been well from the beginning.
    FailedThoughDone(Fault),
    Gone,
}

#[derive(Default)]
struct State {
    things: BTreeMap<String, Thing>,
    /// Which resource an operation works on.
    operations: BTreeMap<String, String>,
    /// What was done: the verb, the resource's name, and when it had its effect.
    effects: Vec<(&'static str, String, Instant)>,
    bodies: HashMap<String, Json>,
    etags: HashMap<String, Option<String>>,
    requests: Vec<(&'static str, String)>,
    script: HashMap<(&'static str, String), VecDeque<Trouble>>,
    acts: BTreeMap<String, Instant>,
    budgets: Vec<Budget>,
    /// How many resources a page of a list has; without it there are no lists.
    page: Option<usize>,
    /// Whether a read tells how far a resource has come.
    tells: bool,
    /// So much later than the one before each write is answered.
    stagger: Duration,
    next: u32,
}

/// The world: a target and an action in one.
#[derive(Default)]
pub(super) struct Fake(Mutex<State>);

/// How long every request takes to have its effect.
pub(super) const REQUEST: Duration = Duration::from_millis(10);

/// How long an operation takes.
pub(super) fn takes(name: &str) -> Duration {
    Duration::from_secs(if name.starts_with("vm") { 60 } else { 10 })
}

impl Fake {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The next requests of this verb about this name end like that, one after another.
    pub(super) fn script(&self, verb: &'static str, name: &str, troubles: impl IntoIterator<Item = Trouble>) {
        self.lock().script.entry((verb, name.to_owned())).or_default().extend(troubles);
    }

    /// What it allows: writes draw on the first, all else on the second if there is one.
    pub(super) fn allow(&self, budgets: &[Budget]) {
        self.lock().budgets = budgets.to_vec();
    }

    /// It has lists, with pages of this size.
    pub(super) fn have_lists(&self, page: usize) {
        self.lock().page = Some(page);
    }

    /// A read tells how far a resource has come.
    pub(super) fn tell_by_reading(&self) {
        self.lock().tells = true;
    }

    /// Writes that come at the same time are answered one after another, so far apart.
    pub(super) fn stagger(&self, apart: Duration) {
        self.lock().stagger = apart;
    }

    /// Lets something vanish, as if it had never been.
    pub(super) fn lose(&self, address: &Address) {
        self.lock().things.remove(&address.id.to_lowercase());
    }

    /// How often a request of this verb about this name had an effect.
    pub(super) fn effects(&self, verb: &str, name: &str) -> usize {
        self.lock().effects.iter().filter(|(done, of, _)| *done == verb && of == name).count()
    }

    /// When a request of this verb about this name had its effect first.
    pub(super) fn moment(&self, verb: &str, name: &str) -> Instant {
        self.lock().effects.iter().find(|(done, of, _)| *done == verb && of == name).unwrap().2
    }

    /// How often it was asked, effect or not.
    pub(super) fn requests(&self, verb: &str, name: &str) -> usize {
        self.lock().requests.iter().filter(|(asked, of)| *asked == verb && of == name).count()
    }

    /// How often it was asked for an operation.
    pub(super) fn polls(&self) -> usize {
        self.lock().requests.iter().filter(|(asked, _)| *asked == "poll").count()
    }

    pub(super) fn all_requests(&self) -> usize {
        self.lock().requests.len()
    }

    /// The body last sent for this name.
    pub(super) fn sent(&self, name: &str) -> Json {
        self.lock().bodies[name].clone()
    }

    /// The etag with which it was sent.
    pub(super) fn sent_etag(&self, name: &str) -> Option<String> {
        self.lock().etags[name].clone()
    }

    /// The names of what is there.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let mut state = self.lock();
        state.advance();
        state.things.values().map(|thing| thing.body["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Puts something there.
    pub(super) fn put(&self, address: &Address, body: Json) {
        let thing = Thing { body: stored(address, body), version: 1, until: Instant::now(), ends: Ends::Succeeded };
        self.lock().things.insert(address.id.to_lowercase(), thing);
    }

    /// Forgets all operations, as after their URLs have expired.
    pub(super) fn forget_operations(&self) {
        self.lock().operations.clear();
    }

    fn begin(&self, verb: &'static str, name: &str) -> Option<Trouble> {
        let mut state = self.lock();
        state.requests.push((verb, name.to_owned()));
        state.script.get_mut(&(verb, name.to_owned())).and_then(VecDeque::pop_front)
    }
}

impl State {
    /// Lets end what has ended by now.
    fn advance(&mut self) {
        let now = Instant::now();
        self.things.retain(|_, thing| !(matches!(thing.ends, Ends::Gone) && thing.until <= now));
        for thing in self.things.values_mut() {
            let state = match thing.ends {
                Ends::Gone => "Deleting",
                Ends::FailedUnseen(_) => "Updating",
                Ends::FailedThoughDone(_) => "Succeeded",
                _ if thing.until > now => "Updating",
                Ends::Succeeded => "Succeeded",
                Ends::Failed(_) => "Failed",
            };
            thing.body["properties"]["provisioningState"] = state.into();
        }
    }

    fn observe(&mut self, id: &str) -> Option<Observation> {
        self.advance();
        let thing = self.things.get(&id.to_lowercase())?;
        Some(Observation { body: thing.body.clone(), etag: Some(thing.version.to_string()) })
    }

    fn begin_operation(&mut self, address: &Address, reads_as_made: bool) -> Progress {
        self.next += 1;
        let url = format!("https://fake/operations/{}", self.next);
        self.operations.insert(url.clone(), address.id.to_lowercase());
        Progress::Running(
            OperationHandle { url, kind: "fake".into(), result: Some(address.clone()), reads_as_made },
            Some(Duration::from_secs(2)),
        )
    }
}

/// As a server stores it: with its own fields, without what it never tells again.
fn stored(address: &Address, mut body: Json) -> Json {
    body["id"] = address.id.clone().into();
    body["name"] = address.name.clone().into();
    if body["properties"].is_null() {
        body["properties"] = json!({});
    }
    if let Some(profile) = body.pointer_mut("/properties/osProfile").and_then(Json::as_object_mut) {
        profile.remove("customData");
    }
    if body.get("identity").is_some() {
        body["identity"]["principalId"] = format!("principal-of-{}", address.name).into();
    }
    body
}

impl Target for Fake {
    fn name(&self) -> TargetName {
        TargetName::Simulator
    }

    fn supports(&self, _: &str, _: &str) -> Support {
        Support::Yes
    }

    fn observe<'a>(&'a self, address: &'a Address) -> Future<'a, Result<Option<Observation>, Fault>> {
        Box::pin(async move {
            sleep(REQUEST).await;
            match self.begin("get", &address.name) {
                Some(Trouble::Refused(fault)) => Err(fault),
                _ => Ok(self.lock().observe(&address.id)),
            }
        })
    }

    fn normalise(&self, _: &Address, mut body: Json) -> Json {
        if let Some(location) = body.get("location").and_then(Json::as_str) {
            body["location"] = location.to_lowercase().into();
        }
        body
    }

    fn apply<'a>(
        &'a self,
        address: &'a Address,
        body: &'a Json,
        etag: Option<&'a str>,
    ) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(async move {
            let later = {
                let mut state = self.lock();
                state.next += 1;
                state.stagger * state.next
            };
            sleep(REQUEST + later).await;
            let trouble = self.begin("put", &address.name);
            let (mut ends, mut answer) = (Ends::Succeeded, Ok(()));
            match trouble {
                Some(Trouble::Refused(fault)) => return Err(fault),
                Some(Trouble::Silence) => std::future::pending().await,
                Some(Trouble::Breaks) => panic!("broken as scripted"),
                Some(Trouble::AnswerLost(fault)) => answer = Err(fault),
                Some(Trouble::Fails(fault)) => ends = Ends::Failed(fault),
                Some(Trouble::FailsUnseen(fault)) => ends = Ends::FailedUnseen(fault),
                Some(Trouble::SeemsDone(fault)) => ends = Ends::FailedThoughDone(fault),
                Some(Trouble::Meddled(change)) => {
                    let mut state = self.lock();
                    let thing = state.things.get_mut(&address.id.to_lowercase()).unwrap();
                    thing.version += 1;
                    for (name, value) in change.as_object().unwrap() {
                        thing.body["properties"][name] = value.clone();
                    }
                }
                None => {}
            }
            let mut state = self.lock();
            let id = address.id.to_lowercase();
            let version = state.things.get(&id).map_or(0, |thing| thing.version);
            if etag.is_some_and(|etag| etag != version.to_string()) {
                return Err(Fault::new(FaultClass::Conflict, "PreconditionFailed", "it has changed"));
            }
            let until = Instant::now() + takes(&address.name);
            let seems_done = matches!(ends, Ends::FailedThoughDone(_));
            let thing = Thing { body: stored(address, body.clone()), version: version + 1, until, ends };
            state.things.insert(id, thing);
            state.effects.push(("put", address.name.clone(), Instant::now()));
            state.bodies.insert(address.name.clone(), body.clone());
            state.etags.insert(address.name.clone(), etag.map(str::to_owned));
            // It does not matter when one is told to ask.
            answer.map(|()| state.begin_operation(address, seems_done))
        })
    }

    fn delete<'a>(&'a self, address: &'a Address) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(async move {
            sleep(REQUEST).await;
            let trouble = self.begin("delete", &address.name);
            if let Some(Trouble::Refused(fault)) = trouble {
                return Err(fault);
            }
            let mut state = self.lock();
            state.advance();
            let until = Instant::now() + takes(&address.name);
            let Some(thing) = state.things.get_mut(&address.id.to_lowercase()) else {
                return Ok(Progress::Done(None));
            };
            thing.until = until;
            thing.ends = match &trouble {
                Some(Trouble::Fails(fault)) => Ends::Failed(fault.clone()),
                Some(Trouble::FailsUnseen(fault)) => Ends::FailedUnseen(fault.clone()),
                _ => Ends::Gone,
            };
            state.effects.push(("delete", address.name.clone(), Instant::now()));
            let progress = state.begin_operation(address, false);
            match trouble {
                Some(Trouble::AnswerLost(fault)) => Err(fault),
                _ => Ok(progress),
            }
        })
    }

    fn budgets(&self) -> Vec<Budget> {
        self.lock().budgets.clone()
    }

    fn charges(&self, kind: RequestKind, _: &str) -> Charges {
        let place = usize::from(!matches!(kind, RequestKind::Write));
        if place < self.lock().budgets.len() { Charges::FREE.and(place) } else { Charges::FREE }
    }

    fn tells_by_reading(&self) -> bool {
        self.lock().tells
    }

    fn can_list(&self) -> bool {
        self.lock().page.is_some()
    }

    fn list<'a>(&'a self, member: &'a Address, next: Option<&'a str>) -> Future<'a, Result<Page, Fault>> {
        Box::pin(async move {
            sleep(REQUEST).await;
            if let Some(Trouble::Refused(fault)) = self.begin("list", &member.resource_type) {
                return Err(fault);
            }
            let mut state = self.lock();
            state.advance();
            let (from, size) = (next.map_or(0, |next| next.parse().unwrap()), state.page.unwrap());
            let collection = member.id.to_lowercase().rsplit_once('/').unwrap().0.to_owned() + "/";
            let all = state.things.iter().filter(|(id, _)| id.starts_with(&collection));
            let items: Vec<Listed> = all
                .map(|(id, thing)| Listed {
                    id: id.clone(),
                    state: thing.body["properties"]["provisioningState"].as_str().map(str::to_owned),
                })
                .collect();
            let until = (from + size).min(items.len());
            let next = (until < items.len()).then(|| until.to_string());
            Ok(Page { items: items[from..until].to_vec(), next })
        })
    }

    fn poll<'a>(&'a self, operation: &'a OperationHandle) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(async move {
            sleep(REQUEST).await;
            let name = operation.result.as_ref().map_or("", |address| &address.name);
            match self.begin("poll", name) {
                Some(Trouble::Refused(fault)) => return Err(fault),
                Some(Trouble::Silence) => std::future::pending().await,
                _ => {}
            }
            let mut state = self.lock();
            let Some(id) = state.operations.get(&operation.url).cloned() else {
                return Err(Fault::new(FaultClass::OperationLost, "NotFound", "no such operation"));
            };
            state.advance();
            match state.things.get(&id).cloned() {
                None => Ok(Progress::Done(None)),
                Some(thing) if thing.until > Instant::now() => Ok(Progress::Running(operation.clone(), None)),
                Some(Thing {
                    ends: Ends::Failed(fault) | Ends::FailedUnseen(fault) | Ends::FailedThoughDone(fault),
                    ..
                }) => Err(fault),
                Some(_) => Ok(Progress::Done(state.observe(&id))),
            }
        })
    }
}

impl Action for Fake {
    fn performs(&self, act: &Act) -> bool {
        !matches!(act, Act::RunCommand { .. })
    }

    fn probe<'a>(&'a self, act: &'a Act) -> Future<'a, Result<bool, Fault>> {
        Box::pin(async move {
            sleep(REQUEST).await;
            match self.begin("probe", &act.describe()) {
                Some(Trouble::Refused(fault)) => Err(fault),
                _ => Ok(self.lock().acts.get(&act.describe()).is_some_and(|until| *until <= Instant::now())),
            }
        })
    }

    fn start<'a>(&'a self, act: &'a Act) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(async move {
            sleep(REQUEST).await;
            let name = act.describe();
            let trouble = self.begin("start", &name);
            if let Some(Trouble::Refused(fault)) = trouble {
                return Err(fault);
            }
            let mut state = self.lock();
            state.effects.push(("start", name.clone(), Instant::now()));
            state.acts.insert(name.clone(), Instant::now() + Duration::from_secs(20));
            if let Some(Trouble::AnswerLost(fault)) = trouble {
                return Err(fault);
            }
            Ok(Progress::Running(
                OperationHandle { url: name, kind: "fake".into(), result: None, reads_as_made: false },
                None,
            ))
        })
    }

    fn poll<'a>(&'a self, act: &'a Act, operation: &'a OperationHandle) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(async move {
            sleep(REQUEST).await;
            if let Some(Trouble::Refused(fault)) = self.begin("ask", &act.describe()) {
                return Err(fault);
            }
            match self.lock().acts.get(&operation.url) {
                None => Err(Fault::new(FaultClass::OperationLost, "", "no such act")),
                Some(until) if *until <= Instant::now() => Ok(Progress::Done(None)),
                Some(_) => Ok(Progress::Running(operation.clone(), None)),
            }
        })
    }
}

/// A journal that can be read while it is written, and that fails once it holds so many records.
#[derive(Clone)]
pub(super) struct Tape {
    records: Arc<Mutex<Vec<Record>>>,
    limit: usize,
}

impl Tape {
    pub(super) fn endless() -> Self {
        Self::of(usize::MAX)
    }

    pub(super) fn of(limit: usize) -> Self {
        Self { records: Arc::default(), limit }
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap().clone()
    }
}

impl Journal for Tape {
    fn append(&mut self, records: Vec<Record>) -> Result<(), JournalError> {
        let mut tape = self.records.lock().unwrap();
        let room = self.limit - tape.len();
        tape.extend(records.iter().take(room).cloned());
        if records.len() > room { Err(JournalError("no space left on the disk".into())) } else { Ok(()) }
    }
}

/// All events, to be looked at afterwards.
#[derive(Default)]
pub(super) struct Events(Mutex<Vec<Event>>);

impl Events {
    pub(super) fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

impl EventSink for Events {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

/// A run of `plan` in this world.
pub(super) fn run(plan: &Arc<Plan>, world: &Arc<Fake>, tape: &Tape) -> Run {
    let secrets: BTreeMap<String, Secret> = [("customData".to_owned(), Secret::new("canary"))].into();
    Run {
        plan: plan.clone(),
        digest: plan.digest(),
        target: world.clone(),
        actions: vec![world.clone()],
        secrets: Arc::new(secrets),
        applied: AppliedResources::new(),
        replay: Replay::default(),
        journal: Box::new(tape.clone()),
        events: Arc::new(()),
        clock: Arc::new(FixedClock(jiff::Timestamp::UNIX_EPOCH)),
        timer: Arc::new(SystemTimer),
        entropy: Arc::new(SeededEntropy::new(7)),
        settings: Settings::default(),
        cancel: Cancel::new(),
    }
}

/// Runs it from the beginning.
pub(super) async fn carry_out(plan: &Arc<Plan>, world: &Arc<Fake>) -> (Summary, Vec<Record>) {
    let tape = Tape::endless();
    let summary = execute(run(plan, world, &tape)).await.unwrap();
    (summary, tape.records())
}

/// Runs it until the journal holds so many records and takes no more.
pub(super) async fn carry_out_until(plan: &Arc<Plan>, world: &Arc<Fake>, limit: usize) -> Vec<Record> {
    let tape = Tape::of(limit);
    match execute(run(plan, world, &tape)).await {
        Ok(_) | Err(ExecuteError::Journal(_)) => tape.records(),
        Err(other) => panic!("{other}"),
    }
}
