//! haproxy, which balances. Source: haproxy(1), 3.0; tried 2026-11-29.

use std::path::{Path, PathBuf};

use super::program::{Manner, Program, words};

/// The configuration below a gateway's folder.
pub(super) const FILE: &str = "haproxy.cfg";

/// haproxy at work in a folder: a master whose workers are exchanged when it reads its configuration anew, so that connections
/// stay. Quiet, since its log says the same.
pub(super) fn haproxy(program: PathBuf, folder: &Path) -> Program {
    let manner =
        Manner { works: words("-W -db -q -f"), judges: words("-c -f"), rereads: Some("-USR2"), marks: Vec::new() };
    Program::new(program, folder, FILE, manner)
}
