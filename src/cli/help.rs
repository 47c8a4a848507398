//! Help in groups, by what one wants to do: start, change, look, repair, develop.

use clap::Command;

/// The groups in order, and the verbs in each.
pub const GROUPS: [(&str, &[&str]); 5] = [
    ("Start", &["create", "init", "host", "image", "generate", "deploy"]),
    ("Change", &["scale", "destroy"]),
    ("Look", &["plan", "status", "kubeconfig", "ssh", "console", "validate", "explain", "graph", "get-versions"]),
    ("Repair", &["doctor", "resume", "refresh", "import", "state", "unlock"]),
    ("Develop", &["simulate", "schema", "config", "completion", "powershell", "man", "version"]),
];

/// The command with its verbs listed by group instead of in one list.
pub fn grouped(command: Command) -> Command {
    let mut list = String::new();
    for (group, verbs) in GROUPS {
        list.push_str(&format!("{group}:\n"));
        for verb in verbs {
            let about = command.find_subcommand(verb).and_then(Command::get_about).map(ToString::to_string);
            list.push_str(&format!("  {verb:<13} {}\n", about.unwrap_or_default()));
        }
        list.push('\n');
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} engine <VERB> [MODEL] [OPTIONS]\n\n{list}Options:\n{{options}}\n\n\
         Example:\n  engine deploy apimodels/quickstart.json --target simulator\n\n\
         `engine <VERB> --help` explains a verb and shows an example.\n"
    );
    command.help_template(template)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_verb_is_in_one_group_and_has_an_example() {
        let command = super::super::command();
        let grouped: Vec<&str> = super::GROUPS.iter().flat_map(|(_, verbs)| verbs.iter().copied()).collect();
        let unique: BTreeSet<&str> = grouped.iter().copied().collect();
        assert_eq!(grouped.len(), unique.len());
        // What machines run is none of people's.
        let shown = command.get_subcommands().filter(|verb| !verb.is_hide_set());
        let verbs: BTreeSet<&str> = shown.map(clap::Command::get_name).collect();
        assert_eq!(verbs, unique);
        for verb in command.get_subcommands() {
            let example = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(about.len() <= 64, "the list of verbs fits a terminal of 80 columns: {about}");
            assert!(example.contains(&format!("engine {}", verb.get_name())), "{} has no example", verb.get_name());
        }
    }
}
