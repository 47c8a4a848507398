//! The commands of AksHci: that what they call is there in this engine, and that PowerShell's grammar takes them.

use clap::Command;

use super::Place;
use crate::bootstrap::windows::faults;

/// The text of each function that is exported, by its name.
fn functions(module: &str) -> Vec<(String, String)> {
    let exported = module.split_once("Export-ModuleMember -Function ").unwrap().1;
    let names = exported.split([',', '\n']).map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let text = module.split_once(&format!("\nfunction {name} {{\n")).unwrap_or_else(|| panic!("{name}")).1;
            (name.to_owned(), text.split_once("\n}\n").unwrap().0.to_owned())
        })
        .collect()
}

/// The literals between single quotes of a text.
fn literals(text: &str) -> Vec<&str> {
    text.split('\'').skip(1).step_by(2).collect()
}

/// Whether a verb has a flag, or all verbs have it.
fn has_flag(command: &Command, verb: &Command, flag: &str) -> bool {
    let own = |command: &Command| command.get_arguments().any(|known| known.get_long() == Some(flag));
    own(verb) || command.get_arguments().any(|known| known.is_global_set() && known.get_long() == Some(flag))
}

#[test]
fn every_verb_and_flag_that_a_function_calls_is_the_engines() {
    let module = Place::new().expect(0, &["powershell"]);
    let functions = functions(&module);
    let names: Vec<&str> = functions.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Initialize-AksHciNode",
            "New-AksHciCluster",
            "Get-AksHciCluster",
            "Get-AksHciCredential",
            "Remove-AksHciCluster"
        ]
    );
    let command = engine::cli::command();
    for (name, text) in &functions {
        let (_, call) = text.split_once("$arguments = @(").unwrap_or_else(|| panic!("{name} calls nothing"));
        let words = literals(call);
        let mut verb = command.find_subcommand(words[0]).unwrap_or_else(|| panic!("{name}: no verb {}", words[0]));
        if verb.has_subcommands() {
            verb = verb.find_subcommand(words[1]).unwrap_or_else(|| panic!("{name}: no {} {}", words[0], words[1]));
        }
        let flags: Vec<&str> = words.into_iter().filter_map(|word| word.strip_prefix("--")).collect();
        assert!(!flags.is_empty() || verb.get_name() == "init", "{name}");
        for flag in flags {
            assert!(has_flag(&command, verb, flag), "{name}: {} has no --{flag}", verb.get_name());
        }
    }
}

#[test]
fn the_parameters_are_those_that_scripts_use() {
    let module = Place::new().expect(0, &["powershell"]);
    let functions = functions(&module);
    let text = |name: &str| &functions.iter().find(|(known, _)| known == name).unwrap().1;
    let create = text("New-AksHciCluster");
    for parameter in ["$Name", "$LinuxNodeCount", "$WindowsNodeCount", "$ControlPlaneNodeCount", "$KubernetesVersion"] {
        assert!(create.contains(parameter), "{parameter}");
    }
    for name in ["New-AksHciCluster", "Get-AksHciCluster", "Get-AksHciCredential", "Remove-AksHciCluster"] {
        assert!(text(name).contains("[Alias('clusterName')]") && text(name).contains("[string] $Name"), "{name}");
    }
    // What cannot be is said before anything is called.
    // What is not said is not asked for, so that the same command goes on with whatever is there.
    assert!(create.contains("$arguments = @('create', $Name, '--yes')"), "{create}");
    for parameter in ["LinuxNodeCount", "ControlPlaneNodeCount"] {
        assert!(create.contains(&format!("if ($PSBoundParameters.ContainsKey('{parameter}')) {{")), "{parameter}");
    }
    let (before, _) = create.split_once("$arguments = @(").unwrap();
    assert!(before.contains("if ($WindowsNodeCount -gt 0) {\n        throw "), "{before}");
    // The names that PowerShell takes are those that a model takes.
    let pattern = create.split_once("[ValidatePattern('").unwrap().1.split_once("')]").unwrap().0;
    let pattern = regex::Regex::new(pattern).unwrap();
    for (name, fits) in [("demo", true), ("a-1", true), ("ab", false), ("1st", false), ("a-", false), ("a b c", false)]
    {
        assert_eq!(pattern.is_match(name), fits, "{name}");
    }
    assert!(pattern.is_match(&"a".repeat(45)) && !pattern.is_match(&"a".repeat(46)));
}

#[test]
fn powershells_grammar_takes_the_module() {
    let module = Place::new().expect(0, &["powershell"]);
    assert_eq!(faults(&module), Vec::<String>::new());
    assert!(module.is_ascii(), "Windows PowerShell reads a file without a mark as ANSI");
}
