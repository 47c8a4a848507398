//! The journal of one run as a file: a header line, then one record a line, each with a checksum that goes over all
//! before it too, so that neither a changed nor a missing line goes unnoticed.
//!
//! A power cut can leave the last line torn. Nothing was told of what it says, so it is dropped. A line that is damaged
//! while others follow it was damaged by something else, and nothing is guessed.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::lock::LockFile;
use super::{StateError, sealed};
use crate::base::{FileError, append_line_durably, short_digest, write_private};
use crate::contract::{Applied, Journal, JournalError, Record, StepId};

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    run: String,
}

/// The journal of the run under way. What is appended is on the disk when the call returns.
#[derive(Debug)]
pub(super) struct JournalFile {
    file: File,
    path: PathBuf,
    /// The checksum of the last line.
    sum: String,
    /// After a failure the end of the file is unknown, so nothing may follow it.
    is_broken: bool,
    /// Without it nothing may be written any more.
    lock: Option<Arc<LockFile>>,
}

const SUM_LENGTH: usize = 16;
const BEFORE_SUM: &str = "{\"sum\":\"";
const AFTER_SUM: &str = "\",\"record\":";
const AFTER_RECORD: &str = "}";

/// The lines of some records, without the last end of line, and the checksum of the last of them.
pub(super) fn lines_of(records: &[Record], previous: &str) -> Result<(String, String), JournalError> {
    let mut lines = String::new();
    let mut last = previous.to_owned();
    for record in records {
        let record = serde_json::to_string(record).map_err(|error| JournalError(error.to_string()))?;
        last = sum(&last, &record);
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.extend([BEFORE_SUM, &last, AFTER_SUM, &record, AFTER_RECORD]);
    }
    Ok((lines, last))
}

/// The checksum of a line: 64 bits are plenty against accidents.
fn sum(previous: &str, record: &str) -> String {
    short_digest([previous.as_bytes(), b"\n", record.as_bytes()], SUM_LENGTH)
}

impl JournalFile {
    /// Begins the journal of a run.
    pub(super) fn begin(path: &Path, run: &str) -> Result<Self, StateError> {
        // Two texts and a number; writing them to memory cannot fail.
        let header = serde_json::to_string(&Header { format: sealed::FORMAT, run: run.to_owned() }).unwrap_or_default();
        write_private(path, format!("{header}\n").as_bytes())?;
        Self::at_end_of(path, run.to_owned())
    }

    /// Takes up the journal of a run where it ends. A torn last line is cut off.
    pub(super) fn resume(path: &Path, run: &str) -> Result<Self, StateError> {
        let mut reader = JournalReader::open(path, run)?;
        for record in &mut reader {
            record?;
        }
        if reader.is_torn {
            let failed = |cause| FileError { action: "write", path: path.to_owned(), cause };
            let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
            file.set_len(reader.length).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        Self::at_end_of(path, reader.sum)
    }

    fn at_end_of(path: &Path, sum: String) -> Result<Self, StateError> {
        let file = OpenOptions::new().append(true).open(path).map_err(|cause| FileError {
            action: "write",
            path: path.to_owned(),
            cause,
        })?;
        Ok(Self { file, path: path.to_owned(), sum, is_broken: false, lock: None })
    }

    /// The same journal, which takes records only while this lock is held.
    pub(super) fn under(self, lock: Arc<LockFile>) -> Self {
        Self { lock: Some(lock), ..self }
    }

    /// Lets the next write fail: what it writes to was opened for reading only.
    #[cfg(test)]
    pub(super) fn break_for_test(&mut self) {
        if let Ok(file) = File::open(&self.path) {
            self.file = file;
        }
    }

    fn write(&mut self, records: &[Record]) -> Result<(), JournalError> {
        if records.is_empty() {
            return Ok(());
        }
        let (lines, last) = lines_of(records, &self.sum)?;
        append_line_durably(&mut self.file, &self.path, &lines).map_err(|error| {
            self.is_broken = true;
            JournalError(error.to_string())
        })?;
        self.sum = last;
        Ok(())
    }
}

impl Journal for JournalFile {
    fn append(&mut self, records: Vec<Record>) -> Result<(), JournalError> {
        if self.is_broken {
            return Err(JournalError(format!("{} could not be written before", self.path.display())));
        }
        if let Some(lock) = &self.lock {
            lock.check().map_err(|error| JournalError(error.to_string()))?;
        }
        self.write(&records)
    }
}

/// The records of a run's journal in the order in which they were written, each read when it is asked for.
pub(super) struct JournalReader {
    path: PathBuf,
    input: BufReader<File>,
    /// The line that was read last, as bytes and not a text, because a torn line may end in the middle of a character.
    line: Vec<u8>,
    /// The number of that line.
    number: u64,
    /// The checksum of the last whole line.
    sum: String,
    /// How many bytes the whole lines have.
    length: u64,
    /// Whether something follows them, which was never written to its end.
    is_torn: bool,
    /// Whether there is nothing more to read.
    is_over: bool,
}

impl JournalReader {
    /// Begins to read.
    ///
    /// # Errors
    /// A journal that is missing, of another run, or of a newer engine.
    pub(super) fn open(path: &Path, run: &str) -> Result<Self, StateError> {
        let file = File::open(path).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => sealed::damaged(path, "it is missing although its plan is there"),
            _ => unreadable(path, cause),
        })?;
        let mut reader = Self {
            path: path.to_owned(),
            input: BufReader::with_capacity(1 << 16, file),
            line: Vec::new(),
            number: 0,
            sum: run.to_owned(),
            length: 0,
            is_torn: false,
            is_over: false,
        };
        reader.read_line()?;
        let header: Header = serde_json::from_slice(&reader.line)
            .map_err(|error| sealed::damaged(path, format!("its first line: {error}")))?;
        sealed::refuse_newer(path, header.format)?;
        if header.run != run {
            let cause = format!("it is of the run {}, and the plan of the run {run}", header.run);
            return Err(sealed::damaged(path, cause));
        }
        reader.length = reader.line.len() as u64;
        Ok(reader)
    }

    fn read_line(&mut self) -> Result<(), StateError> {
        self.line.clear();
        self.number += 1;
        self.input.read_until(b'\n', &mut self.line).map_err(|cause| unreadable(&self.path, cause))?;
        Ok(())
    }

    fn read_record(&mut self) -> Result<Option<Record>, StateError> {
        self.read_line()?;
        if self.line.is_empty() {
            return Ok(None);
        }
        let text = std::str::from_utf8(&self.line).ok().and_then(|line| line.strip_suffix('\n'));
        if let Some((sum, record)) = text.and_then(|line| parse_line(line, &self.sum)) {
            self.sum = sum.to_owned();
            self.length += self.line.len() as u64;
            return Ok(Some(record));
        }
        let is_last = self.input.fill_buf().map_err(|cause| unreadable(&self.path, cause))?.is_empty();
        if !is_last {
            let cause = format!("line {} does not match its checksum", self.number);
            return Err(sealed::damaged(&self.path, cause));
        }
        self.is_torn = true;
        Ok(None)
    }
}

impl Iterator for JournalReader {
    type Item = Result<Record, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let read = self.read_record().transpose();
        self.is_over = !matches!(read, Some(Ok(_)));
        read
    }
}

fn unreadable(path: &Path, cause: std::io::Error) -> StateError {
    FileError { action: "read", path: path.to_owned(), cause }.into()
}

/// The checksum and the record of a whole line.
pub(super) fn parse_line<'a>(line: &'a str, previous: &str) -> Option<(&'a str, Record)> {
    let rest = line.strip_prefix(BEFORE_SUM)?;
    let (told, rest) = rest.split_at_checked(SUM_LENGTH)?;
    let record = rest.strip_prefix(AFTER_SUM)?.strip_suffix(AFTER_RECORD)?;
    if sum(previous, record) != told {
        return None;
    }
    Some((told, parse_record(record)?))
}

/// Nearly all of a journal is what was applied. Looking for the kind of a record first would build all of that twice.
fn parse_record(text: &str) -> Option<Record> {
    #[derive(Deserialize)]
    struct Finished {
        at: Timestamp,
        step: StepId,
        applied: Option<Applied>,
    }
    if text.starts_with("{\"record\":\"finished\",") {
        let Finished { at, step, applied } = serde_json::from_str(text).ok()?;
        return Some(Record::Finished { at, step, applied });
    }
    serde_json::from_str(text).ok()
}
