//! Documents that are made from the source, kept fresh: `ENGINE_UPDATE_GOLDENS=1 cargo test` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use engine::cli::Exit;

/// Compares a file of the repository with what it should hold, or writes it if that is asked for.
pub fn compare_or_update(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("ENGINE_UPDATE_GOLDENS").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, expected).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == expected, "{path} is not fresh: run ENGINE_UPDATE_GOLDENS=1 cargo test, and read the difference");
}

#[test]
fn the_exit_codes_are_documented() {
    let mut text =
        "<!-- Made from src/cli/exit.rs by a test; ENGINE_UPDATE_GOLDENS=1 cargo test writes it anew. -->\n\n\
                    # Exit codes\n\n| code | meaning |\n| --- | --- |\n"
            .to_owned();
    for (exit, meaning) in Exit::ALL {
        let _ = writeln!(text, "| {} | {meaning} |", exit.code());
    }
    compare_or_update("docs/exit-codes.md", &text);
}
