//! Settings: what one would otherwise say on every command line. They come, in this order, from flags, from the
//! environment (`ENGINE_…`), from `engine.toml` in the working folder or above it, and from defaults.
//!
//! A setting is a flag's default: it counts wherever the verb has that flag, and is judged as the flag's value is.
//! Deliberately absent: what belongs to one cluster (its resource group, location, folder), which a setting would
//! carry over to another; consent; and secrets, which would lie in a file that is committed.

mod file;

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::error::CliError;
use crate::base::Environment;

/// What is written where a value is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A path; in the file, relative to the file's folder.
    Path,
    /// A number from 0 to 10.
    Factor,
    /// A target's name.
    Target,
    /// The name of an Azure.
    AzureEnvironment,
    /// The address of a state.
    State,
    /// `true` or `false`.
    Switch,
}

/// Something that can be set.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the file, which is the flag's without the dashes.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// A variable with another name that says the same, as Azure's other tools know it.
    pub variable: Option<&'static str>,
    /// What it is for.
    pub summary: &'static str,
}

const fn setting(name: &'static str, kind: Kind, variable: Option<&'static str>, summary: &'static str) -> Setting {
    Setting { name, kind, variable, summary }
}

/// All settings: the source of `docs/settings.md`.
pub const SETTINGS: [Setting; 14] = [
    setting("api-model", Kind::Path, None, "The API model of verbs that begin with one"),
    setting("strict", Kind::Switch, None, "Whether warnings about the model are taken for errors"),
    setting("target", Kind::Target, None, "Where resources are made"),
    setting("connect", Kind::Text, Some("LIBVIRT_DEFAULT_URI"), "The libvirt that machines are made by"),
    setting("gateways", Kind::Path, None, "Where gateways of libvirt's networks run as processes"),
    setting("images", Kind::Path, None, "The folder of images for machines on-prem"),
    setting("azure-env", Kind::AzureEnvironment, None, "Which Azure the location has to belong to"),
    setting("subscription-id", Kind::Text, Some("AZURE_SUBSCRIPTION_ID"), "The subscription"),
    setting("tenant-id", Kind::Text, Some("AZURE_TENANT_ID"), "The tenant to sign in to"),
    setting("client-id", Kind::Text, Some("AZURE_CLIENT_ID"), "The application to sign in as"),
    setting("state", Kind::State, None, "Where the state is kept, if not in the cluster's folder"),
    setting("state-key", Kind::Path, None, "The file with the key that encrypts the state there"),
    setting("simulator", Kind::Path, None, "The simulator's folder"),
    setting("time-scale", Kind::Factor, None, "How long things take on the simulator, as a share of Azure's"),
];

/// The name of the file.
pub const FILE: &str = "engine.toml";

impl Setting {
    /// Its environment variable.
    pub fn own_variable(&self) -> String {
        format!("ENGINE_{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// The flag's name inside the program.
    fn id(&self) -> String {
        self.name.replace('-', "_")
    }

    /// What it takes, in words.
    pub fn takes(&self) -> String {
        match self.kind {
            Kind::Text => "a text".to_owned(),
            Kind::Path => "a path".to_owned(),
            Kind::Factor => "a number from 0 to 10".to_owned(),
            Kind::Target => format!("one of {}", super::options::target_words()),
            Kind::AzureEnvironment => format!("one of {}", super::options::azure_environments()),
            Kind::State => "an address such as azblob://account/container/prefix".to_owned(),
            Kind::Switch => "true or false".to_owned(),
        }
    }

    /// Whether a text is a value of it.
    fn accepts(&self, text: &str) -> bool {
        match self.kind {
            Kind::Text | Kind::Path => !text.is_empty(),
            Kind::Factor => super::options::time_scale(text).is_ok(),
            Kind::Target => super::options::target_name(text).is_ok(),
            Kind::AzureEnvironment => super::options::azure_environment(text).is_ok(),
            Kind::State => super::options::state_address(text).is_ok(),
            Kind::Switch => matches!(text, "true" | "false"),
        }
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    CommandLine,
    /// A variable.
    Environment(String),
    /// A line of a file.
    File(PathBuf, usize),
    /// The program.
    Default,
}

impl Origin {
    /// In words.
    pub fn describe(&self) -> String {
        match self {
            Self::CommandLine => "command line".to_owned(),
            Self::Environment(variable) => format!("environment, {variable}"),
            Self::File(path, line) => format!("{}:{line}", path.display()),
            Self::Default => "default".to_owned(),
        }
    }

    /// One word, for data.
    pub fn word(&self) -> &'static str {
        match self {
            Self::CommandLine => "command-line",
            Self::Environment(_) => "environment",
            Self::File(..) => "file",
            Self::Default => "default",
        }
    }
}

/// A value that is in force.
#[derive(Debug, Clone)]
pub struct Effective {
    /// Which setting.
    pub setting: &'static Setting,
    /// Its value, if it has one.
    pub value: Option<String>,
    /// Where that came from.
    pub origin: Origin,
}

/// What is set outside of the command line.
#[derive(Debug, Default)]
pub struct Settings {
    /// The file that was found.
    pub file: Option<PathBuf>,
    values: Vec<(&'static Setting, String, Origin)>,
    /// Variables that look like settings and are none, with what they may have been meant to be.
    pub unknown: Vec<(String, Option<String>)>,
}

impl Settings {
    /// Reads file and environment.
    ///
    /// # Errors
    /// A file that cannot be read or has faults; a variable whose value the setting does not take.
    pub fn read(environment: &Environment) -> Result<Self, CliError> {
        let found = environment.working_folder.as_deref().and_then(find);
        let mut from_file = match &found {
            Some(path) => file::read(path)?,
            None => Vec::new(),
        };
        let mut values = Vec::new();
        for setting in &SETTINGS {
            let own = setting.own_variable();
            let named = [Some(own.as_str()), setting.variable].into_iter().flatten();
            let variable = named.filter_map(|name| Some((name, environment.get(name)?))).next();
            if let Some((name, value)) = variable {
                if !setting.accepts(value) {
                    return Err(CliError::usage(format!("{name} is `{value}`")).help(format!(
                        "{} has to be {}",
                        setting.name,
                        setting.takes()
                    )));
                }
                values.push((setting, value.to_owned(), Origin::Environment(name.to_owned())));
            } else if let Some(place) = from_file.iter().position(|(name, ..)| *name == setting.name) {
                let (_, value, origin) = from_file.swap_remove(place);
                values.push((setting, value, origin));
            }
        }
        Ok(Self { file: found, values, unknown: unknown(environment) })
    }

    /// The command with these values as defaults of the flags of its verb.
    #[must_use]
    pub fn applied_to(&self, command: clap::Command, verb: &str) -> clap::Command {
        let apply = |mut verb: clap::Command| {
            for (setting, value, _) in &self.values {
                if has_flag(&verb, setting) {
                    let value = value.clone();
                    verb = verb.mut_arg(setting.id(), |flag| {
                        // What a switch is by default is not shown anyhow.
                        flag.default_value(value).hide_default_value(setting.kind != Kind::Switch)
                    });
                }
            }
            let below: Vec<String> = verb.get_subcommands().map(|below| below.get_name().to_owned()).collect();
            below.into_iter().fold(verb, |verb, below| self.applied_to(verb, &below))
        };
        command.mut_subcommand(verb, apply)
    }

    /// Every setting as it is in force for a verb.
    pub fn effective(&self, matches: &ArgMatches) -> Vec<Effective> {
        SETTINGS
            .iter()
            .map(|setting| {
                let id = setting.id();
                let given = matches.try_contains_id(&id).is_ok();
                let raw = || {
                    let mut raw = matches.get_raw(&id).into_iter().flatten();
                    raw.next().map(|value| value.to_string_lossy().into_owned())
                };
                if given && matches.value_source(&id) == Some(ValueSource::CommandLine) {
                    // A switch has no value beside being there.
                    let value = if setting.kind == Kind::Switch { Some("true".to_owned()) } else { raw() };
                    return Effective { setting, value, origin: Origin::CommandLine };
                }
                match self.values.iter().find(|(known, ..)| known.name == setting.name) {
                    Some((_, value, origin)) => {
                        Effective { setting, value: Some(value.clone()), origin: origin.clone() }
                    }
                    None => Effective { setting, value: given.then(raw).flatten(), origin: Origin::Default },
                }
            })
            .collect()
    }
}

/// Whether a verb, or one below it, has a flag that can be set.
pub fn concerns(verb: &clap::Command) -> bool {
    SETTINGS.iter().any(|setting| has_flag_below(verb, setting))
}

fn has_flag_below(verb: &clap::Command, setting: &Setting) -> bool {
    has_flag(verb, setting) || verb.get_subcommands().any(|below| has_flag_below(below, setting))
}

fn has_flag(verb: &clap::Command, setting: &Setting) -> bool {
    verb.get_arguments().any(|flag| flag.get_long() == Some(setting.name))
}

/// The nearest file, from a folder upwards.
fn find(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file())
}

/// A variable that is meant for the engine and means nothing to it.
fn unknown(environment: &Environment) -> Vec<(String, Option<String>)> {
    // For tests and repairs, and what must not stand in a file; no settings.
    const OTHERS: [&str; 4] =
        ["ENGINE_JOURNAL_HOLD_AFTER", "ENGINE_STATE_LOCK_SECONDS", "ENGINE_STATE_PASSPHRASE", "ENGINE_UPDATE_GOLDENS"];
    let known: Vec<String> = SETTINGS.iter().map(Setting::own_variable).collect();
    let strange = |name: &&str| !OTHERS.contains(name) && !known.iter().any(|known| known == name);
    environment
        .names_beginning_with("ENGINE_")
        .filter(strange)
        .map(|name| {
            let near = crate::base::closest(name, known.iter().map(String::as_str)).map(str::to_owned);
            (name.to_owned(), near)
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_a_flag_of_some_verb() {
        let command = crate::cli::command();
        for setting in &SETTINGS {
            let verbs = command.get_subcommands().filter(|verb| verb.get_name() != "config");
            assert!(verbs.into_iter().any(|verb| has_flag_below(verb, setting)), "{}", setting.name);
            assert!(!setting.accepts(""), "{}", setting.name);
        }
    }

    #[test]
    fn the_environment_beats_the_file_and_the_nearest_file_counts() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(root.path().join(FILE), "strict = true\n").unwrap();
        std::fs::write(root.path().join("a").join(FILE), "\ntarget = 'azure'\ntenant-id = \"t\"\n").unwrap();
        let mut environment = Environment::of([("ENGINE_TENANT_ID", "other"), ("AZURE_TENANT_ID", "third")]);
        environment.working_folder = Some(inner);
        let settings = Settings::read(&environment).unwrap();
        let told: Vec<(&str, &str, String)> = settings
            .values
            .iter()
            .map(|(setting, value, origin)| (setting.name, value.as_str(), origin.describe()))
            .collect();
        let file = root.path().join("a/engine.toml");
        assert_eq!(
            told,
            [
                ("target", "azure", format!("{}:2", file.display())),
                ("tenant-id", "other", "environment, ENGINE_TENANT_ID".to_owned()),
            ]
        );
    }
}
