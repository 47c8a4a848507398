//! A JSON file with a header that tells its format and the checksum of its content.
//!
//! The first line is the header up to the content, the last line closes the object, and the lines between are the
//! content, over whose exact text the checksum goes. As a whole it is plain JSON.

use std::io::{BufWriter, IntoInnerError, Seek as _, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::StateError;
use crate::base::{Digesting, digest, fill_private, read_own_text, write_private};

/// The format of every file that this engine writes.
pub(super) const FORMAT: u32 = 1;

/// How much of a content is digested and written at a time.
const BLOCK: usize = 1 << 16;

const OPEN: &str = ",\"content\":\n";
const CLOSE: &str = "\n}\n";

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    /// The run to which the file belongs, if it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    checksum: String,
}

/// The content of a sealed file, as text that is what was written.
pub(super) struct Opened {
    pub(super) run: Option<String>,
    pub(super) checksum: String,
    pub(super) content: String,
}

/// The whole text of a file with this content, which may be large.
pub(super) fn seal(run: Option<&str>, content: impl Into<String>) -> String {
    let mut content = content.into();
    let header = Header { format: FORMAT, run: run.map(str::to_owned), checksum: digest(content.as_bytes()) };
    // A header is two or three texts; writing it to memory cannot fail.
    let header = serde_json::to_string(&header).unwrap_or_default();
    content.insert_str(0, &format!("{}{OPEN}", header.trim_end_matches('}')));
    content.push_str(CLOSE);
    content
}

/// Writes a sealed file whose content `fill` writes, which is not held as a whole: a plan of 1,000 machines has 20 MB. Gives
/// the content's checksum.
pub(super) fn write(
    path: &Path,
    run: Option<&str>,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<String, StateError> {
    let header = |checksum: &str| {
        let header = Header { format: FORMAT, run: run.map(str::to_owned), checksum: checksum.to_owned() };
        // A header is two or three texts; writing it to memory cannot fail.
        let header = serde_json::to_string(&header).unwrap_or_default();
        format!("{}{OPEN}", header.trim_end_matches('}'))
    };
    let mut sum = String::new();
    fill_private(path, |file| {
        // The checksum is known in the end only; every other one is as long.
        file.write_all(header(&digest(b"")).as_bytes())?;
        // The content comes in small pieces, which are digested and written together.
        let mut content = BufWriter::with_capacity(BLOCK, Digesting::new(&mut *file));
        fill(&mut content)?;
        let (file, checksum) = content.into_inner().map_err(IntoInnerError::into_error)?.finish();
        file.write_all(CLOSE.as_bytes())?;
        file.rewind()?;
        file.write_all(header(&checksum).as_bytes())?;
        sum = checksum;
        Ok(())
    })?;
    Ok(sum)
}

/// Writes a value as a sealed file of its own, outside of any state.
///
/// # Errors
/// A file that cannot be written.
pub fn write_sealed(path: &Path, value: &impl Serialize) -> Result<(), StateError> {
    // What is kept always has a form in JSON; writing it to memory cannot fail.
    let content = serde_json::to_string_pretty(value).unwrap_or_default();
    Ok(write_private(path, seal(None, content).as_bytes())?)
}

/// Reads a sealed file of its own; nothing if it is not there.
///
/// # Errors
/// A damaged file, or one of a newer engine.
pub fn read_sealed<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StateError> {
    open(path)?.map(|opened| opened.value(path)).transpose()
}

/// Whether a text is that of a sealed file, whole or not.
pub fn is_sealed(text: &str) -> bool {
    text.split_once(OPEN).is_some_and(|(header, _)| serde_json::from_str::<Header>(&format!("{header}}}")).is_ok())
}

/// Opens a file; nothing if it is not there.
pub(super) fn open(path: &Path) -> Result<Option<Opened>, StateError> {
    match read_own_text(path) {
        Err(error) if error.cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.cause.kind() == std::io::ErrorKind::InvalidData => Err(damaged(path, "it is not text")),
        Err(error) => Err(error.into()),
        Ok(text) => unseal(path, text).map(Some),
    }
}

fn unseal(path: &Path, mut text: String) -> Result<Opened, StateError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let framed = text.split_once(OPEN).and_then(|(header, rest)| Some((header, rest.strip_suffix(CLOSE)?)));
    // A newer format may look different otherwise, so then the whole is asked.
    let format = match framed.map(|(header, _)| serde_json::from_str(&format!("{header}}}"))) {
        Some(Ok(format)) => Ok(format),
        _ => serde_json::from_str(&text),
    };
    if let Ok(Format { format }) = format {
        refuse_newer(path, format)?;
    }
    let (header, content) = framed.ok_or_else(|| damaged(path, "its header or its end is missing"))?;
    let header: Header = serde_json::from_str(&format!("{header}}}"))
        .map_err(|error| damaged(path, format!("its header cannot be read: {error}")))?;
    if digest(content.as_bytes()) != header.checksum {
        return Err(damaged(path, "its content does not match its checksum"));
    }
    // The same text without its frame, and not a copy: it may be large.
    let (from, length) = (text.len() - CLOSE.len() - content.len(), content.len());
    text.drain(..from);
    text.truncate(length);
    Ok(Opened { run: header.run, checksum: header.checksum, content: text })
}

pub(super) fn refuse_newer(path: &Path, format: u32) -> Result<(), StateError> {
    if format > FORMAT {
        return Err(StateError::NewerFormat { path: path.to_owned(), format, known: FORMAT });
    }
    Ok(())
}

impl Opened {
    /// The content as a value.
    pub(super) fn value<T: DeserializeOwned>(&self, path: &Path) -> Result<T, StateError> {
        serde_json::from_str(&self.content)
            .map_err(|error| damaged(path, format!("its content cannot be read: {error}")))
    }
}

/// The file is not what the engine wrote.
pub(super) fn damaged(path: &Path, cause: impl Into<String>) -> StateError {
    StateError::Damaged { path: path.to_owned(), cause: cause.into(), backup: None }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn a_content_that_comes_in_pieces_is_sealed_like_a_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let pieces = ["{\"a\":[", "1,2", "]}"];
        for run in [None, Some("r-1")] {
            write(&path, run, |content| pieces.iter().try_for_each(|piece| content.write_all(piece.as_bytes())))
                .unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), seal(run, pieces.concat()));
            let opened = open(&path).unwrap().unwrap();
            assert_eq!((opened.run.as_deref(), opened.content.as_str()), (run, "{\"a\":[1,2]}"));
        }
    }

    #[test]
    fn a_content_that_fails_half_way_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        write(&path, None, |content| content.write_all(b"{}")).unwrap();
        let failed = write(&path, None, |content| {
            content.write_all(b"{\"half\":")?;
            Err(std::io::Error::other("no space"))
        });
        assert!(failed.is_err());
        assert_eq!(open(&path).unwrap().unwrap().content, "{}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
