//! Documents that are made from the source, kept fresh: `ENGINE_UPDATE_GOLDENS=1 cargo test` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use engine::base::Severity;
use engine::cli::settings::{FILE, SETTINGS};
use engine::cli::{Exit, TROUBLE};
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
fn the_schema_of_faults_is_that_of_the_types_and_the_examples_are_faults() {
    let schema = engine::server::faults_schema();
    compare_or_update("schemas/faults.json", &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
    // Each example of the page is a whole file.
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md")).unwrap();
    let examples: Vec<&str> = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 3);
    for text in examples {
        let source = engine::base::Source { name: "docs/faults.md".to_owned(), text: text.to_owned() };
        assert!(engine::server::read_faults(&source).is_ok(), "{text}");
    }
    // Each kind is explained.
    for kind in schema["$defs"]["Mishap"]["oneOf"].as_array().unwrap() {
        let word = kind["properties"]["kind"]["const"].as_str().unwrap();
        assert!(page.contains(&format!("| `{word}` |")), "{word} is missing");
    }
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
    text.push_str(
        "\n## Between here and the cloud\n\nEach of these has its own message, which names a remedy.\n\n\
         | what is wrong | fault | exit code |\n| --- | --- | --- |\n",
    );
    for (situation, code, exit) in TROUBLE {
        let _ = writeln!(text, "| {situation} | `{code}` | {} |", exit.code());
    }
    compare_or_update("docs/exit-codes.md", &text);
}

#[test]
fn the_settings_are_documented() {
    let mut text = format!(
        "<!-- Made from src/cli/settings by a test; ENGINE_UPDATE_GOLDENS=1 cargo test writes it anew. -->\n\n\
         # Settings\n\n\
         What one would otherwise say on every command line. A value comes from the first of these that has one:\n\n\
         1. the flag on the command line,\n\
         2. the environment: the variable of the engine, then the one that Azure's other tools know,\n\
         3. `{FILE}` in the working folder, or in the nearest folder above it that has one,\n\
         4. the default.\n\n\
         `engine config show --origin` shows the values in force and where each came from.\n\n\
         | setting and flag | takes | variable | what it is |\n| --- | --- | --- | --- |\n"
    );
    for setting in &SETTINGS {
        let also = setting.variable.map(|name| format!(", `{name}`")).unwrap_or_default();
        let (name, variable) = (setting.name, setting.own_variable());
        let _ = writeln!(text, "| `{name}` | {} | `{variable}`{also} | {} |", setting.takes(), setting.summary);
    }
    text.push_str(&format!(
        "\nThe file is TOML, one setting a line:\n\n\
         ```toml\n# {FILE}\ntarget = \"azure\"\nsubscription-id = \"00000000-0000-0000-0000-000000000000\"\n\
         api-model = \"cluster.json\"  # a path in the file begins at the file's folder\nstrict = true\n```\n\n\
         A setting counts for every verb that has its flag. A key that is no setting, and a value that the flag does not \
         take, are errors that name line and column; the verb does nothing then.\n\n\
         What belongs to one cluster (its resource group, location, folder) is no setting: it would be carried over to \
         another cluster. `state` is one all the same, for a pipeline of one cluster: a folder that is linked to another \
         place stays so, and a place that knows another cluster is refused. Secrets are none: `AZURE_CLIENT_SECRET` and \
         `ENGINE_STATE_PASSPHRASE` are for the environment only. Consent (`--yes`) is \
         given on the command line.\n"
    ));
    compare_or_update("docs/settings.md", &text);
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
