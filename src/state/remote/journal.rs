//! The journal of a run as numbered objects. Each holds the lines of the records that were committed together, in the form
//! of the journal of a folder, and the checksums go on from object to object. A number is given once; an object without
//! lines begins the journal, or says that somebody else goes on with it.

use std::sync::Arc;

use super::cipher::Cipher;
use super::held::Held;
use super::record::{journal_of, segment};
use super::storage::{ATTEMPTS, RemoteStorage};
use crate::contract::{Journal, JournalError, Record};
use crate::state::journal::{lines_of, parse_line};
use crate::state::{StateError, sealed};

/// What the objects of a journal say.
pub(super) struct Content {
    pub records: Vec<Record>,
    /// The checksum of the last line.
    pub sum: String,
    /// The number of the last object.
    pub last: u64,
}

/// Reads the whole journal of a run.
pub(super) async fn read(storage: &RemoteStorage, cipher: &Cipher, run: &str) -> Result<Content, StateError> {
    let objects = &storage.objects;
    let names = objects.list(&journal_of(run)).await?;
    if names.is_empty() {
        return Err(sealed::damaged(&objects.place_of(&journal_of(run)), "it is missing although its plan is there"));
    }
    let mut content = Content { records: Vec::new(), sum: run.to_owned(), last: 0 };
    let mut writer = 0;
    for (name, bytes) in objects.read_all(names).await? {
        let damaged = |cause: &str| sealed::damaged(&objects.place_of(&name), cause);
        if name != segment(run, content.last + 1) {
            return Err(damaged("one before it is missing"));
        }
        let opened = storage.open(cipher, &name, &bytes)?;
        if opened.generation < writer {
            return Err(damaged("it is of a holder that had lost the lock"));
        }
        writer = opened.generation;
        let text = std::str::from_utf8(&opened.content).map_err(|_| damaged("it is not text"))?;
        for line in text.lines() {
            let (sum, record) =
                parse_line(line, &content.sum).ok_or_else(|| damaged("a line does not match its checksum"))?;
            content.sum = sum.to_owned();
            content.records.push(record);
        }
        content.last += 1;
    }
    Ok(content)
}

/// Takes the next number of a run's journal, so that whoever wrote it before cannot. Gives the object's name.
pub(super) async fn fence(
    storage: &RemoteStorage,
    cipher: &Cipher,
    run: &str,
    generation: u64,
) -> Result<String, StateError> {
    for _ in 0..ATTEMPTS {
        let names = storage.objects.list(&journal_of(run)).await?;
        let last = names.last().and_then(|name| name.rsplit('/').next()?.parse::<u64>().ok()).unwrap_or_default();
        let name = segment(run, last + 1);
        let object = storage.seal(cipher, &name, generation, b"")?;
        if storage.objects.create(&name, object).await?.is_some() {
            return Ok(name);
        }
    }
    Err(StateError::Remote {
        place: storage.objects.place_of(&journal_of(run)),
        cause: "somebody goes on writing it".to_owned(),
        refused: false,
    })
}

/// The journal of the run under way.
pub(super) struct RemoteJournal {
    held: Arc<Held>,
    run: String,
    /// The number of the next object.
    next: u64,
    sum: String,
    /// After a failure it is unknown what was written, so nothing may follow it.
    is_broken: bool,
}

impl RemoteJournal {
    /// Begins the journal of a run.
    pub async fn begin(held: Arc<Held>, run: &str) -> Result<Self, StateError> {
        held.create(&segment(run, 1), b"").await?;
        Ok(Self { held, run: run.to_owned(), next: 2, sum: run.to_owned(), is_broken: false })
    }

    /// Takes up the journal of a run where it ends.
    pub async fn resume(held: Arc<Held>, run: &str) -> Result<Self, StateError> {
        let content = read(&held.storage, &held.cipher, run).await?;
        Ok(Self { held, run: run.to_owned(), next: content.last + 1, sum: content.sum, is_broken: false })
    }
}

impl Journal for RemoteJournal {
    fn append(&mut self, records: Vec<Record>) -> Result<(), JournalError> {
        if self.is_broken {
            return Err(JournalError(format!("{} could not be written before", self.held.storage.objects.place())));
        }
        if records.is_empty() {
            return Ok(());
        }
        let (mut lines, sum) = lines_of(&records, &self.sum)?;
        lines.push('\n');
        let (held, name) = (Arc::clone(&self.held), segment(&self.run, self.next));
        let written =
            self.held.storage.objects.wait(async move { held.create(&name, lines.as_bytes()).await.map(|_| ()) });
        written.map_err(|error| {
            self.is_broken = true;
            JournalError(error.to_string())
        })?;
        self.next += 1;
        self.sum = sum;
        Ok(())
    }
}
