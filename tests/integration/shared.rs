//! Data beside the repository: the corpus of API models, Azure's schemas. Tests that need it say so and pass without it.

use std::path::{Path, PathBuf};

/// A folder of the data beside the repository; `None`, with a line that says so, if it is not there.
pub fn folder(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}
