//! How a run is told besides the terminal: a file of events, a live page, and the report that is kept.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use clap::Args;
use tokio::sync::watch;

use super::live::LivePage;
use super::{Call, CliError, Exit};
use crate::base::{Clock as _, FileError, SystemClock, write_private};
use crate::contract::{Event, EventSink};
use crate::view::{EventLine, RunRecord, report_page};

/// The name of the report in the cluster's folder.
pub const REPORT: &str = "report.html";

/// How a run is told.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Telling")]
pub struct TellingOptions {
    /// Writes what happens to a file, a line of JSON each (`engine schema events` tells their form)
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Shows the run on a page of this machine while it goes on
    #[arg(long)]
    pub ui: bool,
}

/// What is known of the run, for whoever looks at it.
pub struct Chronicle {
    record: Mutex<RunRecord>,
    /// Counts what has happened.
    changes: watch::Sender<u64>,
    lines: Option<mpsc::Sender<String>>,
}

impl Chronicle {
    /// The run as it is now.
    pub fn record(&self) -> MutexGuard<'_, RunRecord> {
        // Whoever held it did nothing that could leave halves behind.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes up whenever something has happened.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn line(&self, line: impl FnOnce() -> EventLine) {
        if let Some(lines) = &self.lines {
            // A file that could not be written was told about where it happened.
            _ = lines.send(line().text());
        }
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}

impl EventSink for Chronicle {
    fn event(&self, event: &Event) {
        self.record().take(event);
        self.line(|| event.into());
        self.changed();
    }
}

/// Several who are told the same.
struct Several(Vec<Arc<dyn EventSink>>);

impl EventSink for Several {
    fn event(&self, event: &Event) {
        self.0.iter().for_each(|sink| sink.event(event));
    }
}

/// The telling of one run.
pub struct Telling {
    chronicle: Arc<Chronicle>,
    page: Option<LivePage>,
    writer: Option<std::thread::JoinHandle<Result<(), FileError>>>,
}

impl Telling {
    /// Begins to tell of a run.
    ///
    /// # Errors
    /// A file that cannot be made, a page that cannot be served: before anything is changed.
    pub async fn begin(call: &Call, options: &TellingOptions, record: RunRecord) -> Result<Self, CliError> {
        let (mut lines, mut writer) = (None, None);
        if let Some(path) = &options.events {
            let (sender, receiver) = mpsc::channel();
            writer = Some(write_lines(path, receiver)?);
            lines = Some(sender);
        }
        let planned = lines.is_some().then(|| EventLine::planned(&record, SystemClock.now()));
        let chronicle = Arc::new(Chronicle { record: Mutex::new(record), changes: watch::Sender::new(0), lines });
        if let Some(planned) = planned {
            chronicle.line(|| planned);
        }
        let page = match options.ui {
            true => Some(LivePage::serve(Arc::clone(&chronicle)).await?),
            false => None,
        };
        if let Some(page) = &page {
            call.output.note(&format!("\nLive, for one browser on this machine: {}\n\n", page.url()));
        }
        Ok(Self { chronicle, page, writer })
    }

    /// Where the run's events go.
    pub fn events(&self, progress: Arc<dyn EventSink>) -> Arc<dyn EventSink> {
        Arc::new(Several(vec![progress, Arc::clone(&self.chronicle) as Arc<dyn EventSink>]))
    }

    /// The run as it is now.
    pub fn record(&self) -> RunRecord {
        self.chronicle.record().clone()
    }

    /// Tells what came of it, keeps the report in `folder`, and closes what is open. What cannot be told is noted: it
    /// changes nothing about what was done.
    pub async fn end(self, call: &Call, folder: &Path, exit: Exit, next: Vec<(String, String)>) {
        let now = SystemClock.now();
        let report = {
            let mut record = self.chronicle.record();
            record.next = next;
            self.chronicle.line(|| EventLine::concluded(&record, exit.code(), now));
            report_page(&record, now)
        };
        self.chronicle.changed();
        let path = folder.join(REPORT);
        match write_private(&path, report.as_bytes()) {
            Ok(()) => call.output.note(&format!("\nReport: {}\n", path.display())),
            Err(error) => call.output.note(&format!("\n{} {error}\n", call.output.error_style.warn("warning:"))),
        }
        if let Some(page) = self.page {
            page.close().await;
        }
        let writer = self.writer;
        // With the last one who knows the run the file is complete.
        drop(self.chronicle);
        if let Some(Ok(Err(error))) = writer.map(std::thread::JoinHandle::join) {
            call.output.note(&format!("{} {error}\n", call.output.error_style.warn("warning:")));
        }
    }
}

/// Writes lines to a file on a thread of its own: a slow reader at its other end is no reason to wait.
fn write_lines(
    path: &Path,
    lines: mpsc::Receiver<String>,
) -> Result<std::thread::JoinHandle<Result<(), FileError>>, CliError> {
    let failed = {
        let path = path.to_owned();
        move |cause| FileError { action: "write", path: path.clone(), cause }
    };
    let mut options = std::fs::File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(&failed)?;
    Ok(std::thread::spawn(move || lines.iter().try_for_each(|line| file.write_all(line.as_bytes())).map_err(failed)))
}
