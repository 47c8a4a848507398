//! Documents that are made from the source, kept fresh: `ENGINE_UPDATE_GOLDENS=1 cargo test` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use engine::base::Severity;
use engine::cli::Exit;
use engine::model::RULES;

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

#[test]
fn the_rules_are_documented() {
    let mut text =
        "<!-- Made from src/model/rules/codes.rs by a test; ENGINE_UPDATE_GOLDENS=1 cargo test writes it anew. -->\n\n\
         # Rules\n\nWhat the engine looks at in an API model. Everything that is broken is told in one run, each with this \
         code, its place in the file, and what to do. A code never changes its meaning. `--strict` makes errors of \
         warnings.\n"
            .to_owned();
    for (heading, severity) in [("Errors", Severity::Error), ("Warnings", Severity::Warning)] {
        let _ = write!(text, "\n## {heading}\n\n| code | what has to hold |\n| --- | --- |\n");
        for rule in RULES.iter().filter(|rule| rule.severity == severity) {
            let _ = writeln!(text, "| `{}` | {} |", rule.code, rule.summary);
        }
    }
    compare_or_update("docs/rules.md", &text);
}
