//! Documents by key, in memory, with an optional log file from which they are read back.
//!
//! The file holds one JSON array of mutations a line. A line is with the operating system before the call that made it
//! returns, so that a killed process loses nothing that was told; a power cut may cost the last lines, since nothing
//! waits for the disk: what is kept here is a simulation's state, not a cluster's.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::base::{FileError, write_private};

/// One change of the store, as its log has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mutation {
    Put(String, Json),
    Remove(String),
}

/// The store's log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line that is not the last one is damaged.
    #[error("{}, line {line}, is damaged: {cause}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the JSON reader said.
        #[source]
        cause: serde_json::Error,
    },
}

/// Documents by key. Keys differ in more than letter case; the case in which a key was written first is kept.
#[derive(Debug, Default)]
pub struct Store {
    documents: BTreeMap<String, (String, Json)>,
    log: Option<(File, PathBuf)>,
    pending: Vec<Mutation>,
}

impl Store {
    /// An empty store that forgets everything in the end.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// A store that is kept in this file. What is there is read, a torn last line is dropped, and the file is written
    /// anew with one line for each document.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut store = Self::default();
        if path.exists() {
            let cause = |cause| FileError { action: "read", path: path.to_owned(), cause };
            // Bytes, not text: the torn line may end within a character.
            let bytes = std::fs::read(path).map_err(cause)?;
            for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
                match serde_json::from_slice::<Vec<Mutation>>(line) {
                    // A line whose end was not written belongs to a request that was never answered.
                    _ if !line.ends_with(b"\n") => break,
                    Ok(mutations) => mutations.into_iter().for_each(|mutation| store.change(mutation)),
                    Err(cause) => {
                        return Err(StoreError::Damaged { path: path.to_owned(), line: index + 1, cause });
                    }
                }
            }
        }
        let mut content = Vec::new();
        for (key, document) in store.documents.values() {
            push_line(&mut content, &[Mutation::Put(key.clone(), document.clone())]);
        }
        write_private(path, &content)?;
        let file = File::options().append(true).open(path).map_err(|cause| failed(path, cause))?;
        store.log = Some((file, path.to_owned()));
        Ok(store)
    }

    /// The document under a key.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.documents.get(&key.to_ascii_lowercase()).map(|(_, document)| document)
    }

    /// The documents whose keys begin with `prefix`, by key in lower case.
    pub fn range<'a>(&'a self, prefix: &str) -> impl Iterator<Item = (&'a str, &'a Json)> + use<'a> {
        let prefix = prefix.to_ascii_lowercase();
        self.documents
            .range(prefix.clone()..)
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .map(|(_, (key, document))| (key.as_str(), document))
    }

    /// Puts a document under a key. It is durable after the next [`Store::commit`].
    pub fn put(&mut self, key: &str, document: Json) {
        let mutation = Mutation::Put(key.to_owned(), document);
        if self.log.is_some() {
            self.pending.push(mutation.clone());
        }
        self.change(mutation);
    }

    /// Removes the document under a key, if there is one. That is durable after the next [`Store::commit`].
    pub fn remove(&mut self, key: &str) {
        let mutation = Mutation::Remove(key.to_owned());
        if self.log.is_some() {
            self.pending.push(mutation.clone());
        }
        self.change(mutation);
    }

    /// Writes all that was changed since the last time as one line: after a crash all of it is there, or nothing.
    /// What could not be written is tried again with the next commit.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        let Some((file, path)) = self.log.as_mut().filter(|_| !self.pending.is_empty()) else { return Ok(()) };
        let mut line = Vec::new();
        push_line(&mut line, &self.pending);
        file.write_all(&line).map_err(|cause| failed(path, cause))?;
        self.pending.clear();
        Ok(())
    }

    fn change(&mut self, mutation: Mutation) {
        match mutation {
            Mutation::Put(key, document) => match self.documents.entry(key.to_ascii_lowercase()) {
                std::collections::btree_map::Entry::Vacant(entry) => _ = entry.insert((key, document)),
                std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().1 = document,
            },
            Mutation::Remove(key) => _ = self.documents.remove(&key.to_ascii_lowercase()),
        }
    }
}

fn push_line(content: &mut Vec<u8>, mutations: &[Mutation]) {
    // Maps have text keys and numbers are finite: JSON can hold every mutation.
    if serde_json::to_writer(&mut *content, mutations).is_ok() {
        content.push(b'\n');
    }
}

fn failed(path: &Path, cause: std::io::Error) -> FileError {
    FileError { action: "write", path: path.to_owned(), cause }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_store_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.jsonl");
        let mut store = Store::open(&path).unwrap();
        store.put("/a/B", json!(1));
        store.put("/a/c", json!(2));
        store.commit().unwrap();
        store.put("/A/b", json!(3));
        store.remove("/a/C");
        store.commit().unwrap();
        store.put("/a/d", json!("never committed"));
        drop(store);
        let store = Store::open(&path).unwrap();
        assert_eq!(store.range("/A/").collect::<Vec<_>>(), [("/a/B", &json!(3))]);
        // It was written anew: one line for each document.
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[{\"put\":[\"/a/B\",3]}]\n");
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_a_damaged_one_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.jsonl");
        std::fs::write(&path, "[{\"put\":[\"a\",1]}]\n[{\"put\":[\"b\"").unwrap();
        let store = Store::open(&path).unwrap();
        assert_eq!((store.get("A"), store.get("b")), (Some(&json!(1)), None));
        std::fs::write(&path, "[{\"put\":\n[{\"put\":[\"a\",1]}]\n").unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::Damaged { line: 1, .. })));
    }
}
