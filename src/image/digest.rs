//! Digests of files too large to be held at once.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use ring::digest::{Context, SHA256};

use crate::base::FileError;

/// The size of a file in bytes, and its SHA-256 as `sha256:` and 64 hexadecimal digits. By ring, which is fast also in a program
/// that is built for debugging.
pub(super) fn of_file(path: &Path) -> Result<(u64, String), FileError> {
    let failed = |cause| FileError { action: "read", path: path.to_owned(), cause };
    let mut file = File::open(path).map_err(failed)?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(cause) => return Err(failed(cause)),
        };
        size += read as u64;
        context.update(buffer.get(..read).unwrap_or_default());
    }
    let digits: String = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((size, format!("sha256:{digits}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_digested_as_its_bytes_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let content = vec![7; (1 << 20) + 5];
        std::fs::write(&path, &content).unwrap();
        assert_eq!(of_file(&path).unwrap(), ((1 << 20) + 5, crate::base::digest(&content)));
        assert!(of_file(&folder.path().join("none")).is_err());
    }
}
