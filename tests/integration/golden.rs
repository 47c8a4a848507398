//! Texts that are kept in the repository. `ENGINE_UPDATE_GOLDENS=1` writes them anew; a person reads them then.

use std::path::{Path, PathBuf};

/// A path in the repository.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The text is the one that is kept under this path of the repository.
pub fn assert_kept(name: &str, text: &str) {
    let path = path(name);
    if std::env::var_os("ENGINE_UPDATE_GOLDENS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept != text {
        let line = kept.lines().zip(text.lines()).take_while(|(kept, new)| kept == new).count();
        panic!(
            "{name} differs from line {}:\n  kept: {}\n  now:  {}\n(ENGINE_UPDATE_GOLDENS=1 writes it anew)",
            line + 1,
            kept.lines().nth(line).unwrap_or("(nothing)"),
            text.lines().nth(line).unwrap_or("(nothing)")
        );
    }
}
