//! `man`: the manual, a page for the program and one for each verb.

use std::path::{Path, PathBuf};

use clap::{Args, Command};
use serde_json::json;

use crate::base::{create_private_directory, write_public};
use crate::cli::error::CliError;
use crate::cli::{Call, Exit, command};

/// Arguments of `engine man`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine man ~/.local/share/man/man1 && man engine-deploy")]
pub struct Arguments {
    /// Where the pages go; it is created if it is not there
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let folder = &arguments.folder;
    if !folder.exists() {
        create_private_directory(folder)?;
    }
    let mut command = command();
    // The groups of the help are for a terminal; a page has a section of its own for the verbs.
    command.build();
    let mut pages = Vec::new();
    write_pages(command, folder, &mut pages)?;
    pages.sort();
    let written = format!("{} {} pages to {}\n", call.output.style.good("Written"), pages.len(), folder.display());
    call.output.text(&written);
    call.output.data(&json!({ "format": 1, "folder": folder.display().to_string(), "pages": pages }));
    Ok(Exit::Success)
}

fn write_pages(command: Command, folder: &Path, pages: &mut Vec<String>) -> Result<(), CliError> {
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned() {
        write_pages(verb, folder, pages)?;
    }
    let page = clap_mangen::Man::new(command).manual("engine");
    let name = page.get_filename();
    let mut text = Vec::new();
    page.render(&mut text)
        .map_err(|error| CliError::new(Exit::Bug, format!("the page {name} cannot be made: {error}")))?;
    write_public(&folder.join(&name), &text)?;
    pages.push(name);
    Ok(())
}
