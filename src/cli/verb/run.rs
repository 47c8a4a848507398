//! What all verbs that change something have in common: show the plan, ask, run it while listening for Ctrl-C, tell
//! what came of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::base::take_large_pages;
use crate::cli::error::{CliError, exit_of};
use crate::cli::output::{ask, ask_for_word};
use crate::cli::place::describe_target;
use crate::cli::telling::{Telling, TellingOptions};
use crate::cli::{Call, Exit, TROUBLE};
use crate::cluster::{ClusterError, Finished, Prepared, Session};
use crate::contract::{ChangeKind, EventSink, Summary, TargetName};
use crate::execute::{Cancel, CancelLevel, MANY_STEPS};
use crate::plan::Plan;
use crate::view::{
    Progress, RunRecord, chain_as_json, plan_as_json, render_chain, render_plan, render_resources, render_summary,
    summary_as_json,
};

/// Shows a plan, and what it gives up, on standard error: the result of the verb is another.
pub fn show_plan(call: &Call, prepared: &Prepared, target: TargetName) {
    if let Some(verb) = &prepared.gives_up {
        call.output.note(&format!(
            "{} an interrupted `{verb}` is given up; what it finished counts\n",
            call.output.error_style.warn("note:")
        ));
    }
    let text = render_plan(&prepared.plan, &describe_target(target), call.output.error_style);
    call.output.note(&text);
}

/// Asks whether a plan shall be carried out. `word` has to be typed for what cannot be undone. Whoever was asked has had
/// time to think: the world is looked at once more.
///
/// # Errors
/// A no; nobody to ask; a world that has moved meanwhile.
pub async fn consent(call: &Call, session: &Session, prepared: &Prepared, word: Option<&str>) -> Result<(), CliError> {
    let (plan, target) = (&prepared.plan, session.target.name());
    let deletes = plan.count(ChangeKind::Delete) > 0;
    // Creating on the simulator costs nothing and harms nobody.
    let harmless = !deletes && (call.creates_unasked || target == TargetName::Simulator);
    if call.yes || plan.is_empty() || harmless {
        return Ok(());
    }
    if !call.environment.interactive {
        return Err(CliError::usage("this changes something, and there is no terminal to ask on")
            .help("look at `engine plan`, then say --yes"));
    }
    let agreed = match word {
        Some(word) => ask_for_word(&format!("This cannot be undone. Type `{word}` to go on:"), word),
        None => ask("Carry this out?"),
    };
    if !agreed {
        return Err(CliError::new(Exit::Failure, "nothing was changed"));
    }
    Ok(prepared.refuse_stale(session).await?)
}

/// Carries a plan out, and tells what came of it. `next` are the commands to go on with.
pub async fn carry_out(
    call: &Call,
    session: &Session,
    prepared: Prepared,
    telling: &TellingOptions,
    folder: &Path,
    next: &[(String, &str)],
) -> Result<Exit, CliError> {
    let plan = prepared.plan.clone();
    let aftermath = Aftermath { folder, next, again: None };
    tell(call, session, &plan, telling, &aftermath, |events, cancel| prepared.run(session, events, cancel)).await
}

/// What comes after a run.
pub struct Aftermath<'a> {
    /// The cluster's folder, which the report goes to.
    pub folder: &'a Path,
    /// The commands to go on with after one that is complete, and what each is for.
    pub next: &'a [(String, &'a str)],
    /// The command that goes on with one that is not; `None`: `engine resume`.
    pub again: Option<String>,
}

/// A run that is over.
pub struct Ended<'a> {
    /// What was to be done.
    pub plan: &'a Plan,
    /// What happened.
    pub record: &'a RunRecord,
    /// What came of it.
    pub finished: &'a Finished,
    /// Who asked it to stop.
    pub cancel: &'a Cancel,
    /// The commands to go on with, and what each is for.
    pub ways: &'a [(String, String)],
}

/// Tells of a run while it goes on, and what came of it.
pub async fn tell<'a, R>(
    call: &Call,
    session: &Session,
    plan: &Plan,
    telling: &TellingOptions,
    aftermath: &Aftermath<'_>,
    run: impl FnOnce(Arc<dyn EventSink>, Cancel) -> R,
) -> Result<Exit, CliError>
where
    R: Future<Output = Result<Finished, ClusterError>> + 'a,
{
    follow(call, session, plan, telling, aftermath, run, |ended| {
        if call.output.json {
            call.output.data(&run_as_json(session, aftermath.folder, ended));
        }
        conclude(call, session, ended)
    })
    .await
}

/// Tells of a run while it goes on; what came of it is for `conclude` to tell, which gives the exit code.
pub async fn follow<'a, R>(
    call: &Call,
    session: &Session,
    plan: &Plan,
    telling: &TellingOptions,
    aftermath: &Aftermath<'_>,
    run: impl FnOnce(Arc<dyn EventSink>, Cancel) -> R,
    conclude: impl FnOnce(&Ended<'_>) -> Exit,
) -> Result<Exit, CliError>
where
    R: Future<Output = Result<Finished, ClusterError>> + 'a,
{
    // It takes much memory for long.
    if plan.steps.len() >= MANY_STEPS {
        take_large_pages();
    }
    let target = session.target.name();
    let record = RunRecord::new(plan, target.word(), target == TargetName::Simulator);
    let telling = Telling::begin(call, telling, record).await?;
    let events = telling.events(Arc::new(progress(call, target == TargetName::Simulator)));
    let (result, cancel) = interruptible(|cancel| run(events, cancel)).await;
    let record = telling.record();
    let mut ways: Vec<(String, String)> = Vec::new();
    if record.is_complete() {
        ways.extend(aftermath.next.iter().map(|(command, what_for)| (command.clone(), (*what_for).to_owned())));
    } else {
        let resume = || format!("engine resume -o {}", aftermath.folder.display());
        let again = aftermath.again.clone().unwrap_or_else(resume);
        ways.push((again, "goes on where it stopped, once the cause is gone".to_owned()));
    }
    let concluded = result
        .map_err(CliError::from)
        .map(|finished| conclude(&Ended { plan, record: &record, finished: &finished, cancel: &cancel, ways: &ways }));
    let exit = concluded.as_ref().map_or_else(|error| error.exit, |exit| *exit);
    telling.end(call, aftermath.folder, exit, ways).await;
    concluded
}

/// Who shows what happens.
pub fn progress(call: &Call, simulated: bool) -> Progress {
    let live = call.environment.error_is_terminal && call.environment.get("TERM") != Some("dumb");
    Progress::new(live, call.output.error_style, simulated)
}

/// Runs something while listening for Ctrl-C, and tells how often that came. Once: what runs is finished. Twice: at once.
pub async fn interruptible<R: Future>(run: impl FnOnce(Cancel) -> R) -> (R::Output, Cancel) {
    let cancel = Cancel::new();
    let listening = cancel.clone();
    let listener = tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            listening.request();
        }
    });
    let output = run(cancel.clone()).await;
    listener.abort();
    (output, cancel)
}

/// What came of a run, as data.
pub fn run_as_json(session: &Session, folder: &Path, ended: &Ended<'_>) -> Json {
    let Ended { plan, record, finished: Finished { summary, snapshot }, .. } = ended;
    let target = session.target.name();
    let mut data = summary_as_json(&plan.verb, summary);
    data["target"] = target.word().into();
    data["simulated"] = (target == TargetName::Simulator).into();
    data["folder"] = folder.display().to_string().into();
    data["slowestChain"] = chain_as_json(record);
    data["plan"] = plan_as_json(plan, target.word());
    data["resources"] = snapshot.applied.values().map(|resource| Json::from(resource.address.id.as_str())).collect();
    data
}

/// Tells what came of a run, and gives the exit code.
fn conclude(call: &Call, session: &Session, ended: &Ended<'_>) -> Exit {
    let Ended { plan, record, finished: Finished { summary, snapshot }, ways, .. } = ended;
    if !summary.is_complete() {
        return tell_failure(call, ended);
    }
    let style = call.output.style;
    if !snapshot.applied.is_empty() {
        let mark = if session.target.name() == TargetName::Simulator { " (SIMULATED)" } else { "" };
        let title = format!("\n{} of {}{mark}:\n", style.strong("Resources"), snapshot.identity.cluster);
        call.output.text(&title);
        call.output.text(&render_resources(&snapshot.applied, style));
    }
    call.output.text(&format!("\n{}", render_summary(&plan.verb, summary, style)));
    call.output.text(&render_chain(record, style));
    tell_ways(call, ways);
    Exit::Success
}

/// Tells the commands to go on with, if there are any.
pub fn tell_ways(call: &Call, ways: &[(String, String)]) {
    if ways.is_empty() {
        return;
    }
    let style = call.output.style;
    call.output.text(&format!("\n{}\n", style.strong("Next:")));
    let width = ways.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
    for (command, what_for) in ways {
        call.output.text(&format!("  {command:<width$}  {}\n", style.faint(what_for)));
    }
}

/// Tells what is not finished of a run and why, and gives the exit code.
pub fn tell_failure(call: &Call, ended: &Ended<'_>) -> Exit {
    let Ended { plan, finished: Finished { summary, .. }, cancel, ways, .. } = ended;
    let style = call.output.error_style;
    call.output.note(&format!("\n{}", render_summary(&plan.verb, summary, style)));
    for (command, _) in *ways {
        call.output.note(&format!("\n{}\n  {command}\n", style.strong("To go on where it stopped:")));
    }
    exit_of_run(summary, cancel)
}

/// The exit code of a run. What keeps everything from the cloud is told as such; anything else leaves the run partly done.
pub fn exit_of_run(summary: &Summary, cancel: &Cancel) -> Exit {
    if summary.is_complete() {
        return Exit::Success;
    }
    if cancel.level() != CancelLevel::None && summary.failed.is_empty() {
        return Exit::Interrupted;
    }
    let exits: BTreeSet<Exit> = summary.failed.iter().map(|(_, fault)| exit_of(fault)).collect();
    let outward = |exit: &Exit| *exit == Exit::Unavailable || TROUBLE.iter().any(|(.., trouble)| trouble == exit);
    match exits.first() {
        Some(exit) if exits.len() == 1 && outward(exit) => *exit,
        _ => Exit::Partial,
    }
}
