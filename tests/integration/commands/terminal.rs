//! How the program behaves on a terminal, without one, and where nobody reads.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{Place, QUICKSTART, model};

/// Runs a command on a terminal of its own on which `typed` was typed; gives its exit code and all that was shown.
fn on_terminal(mut command: Command, typed: &str) -> (Option<i32>, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let end = || Stdio::from(std::fs::File::options().read(true).write(true).open(&name).unwrap());
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    // The command holds the other ends too, and reading would never end.
    drop(command);
    let mut terminal = std::fs::File::from(terminal);
    terminal.write_all(typed.as_bytes()).unwrap();
    let mut shown = Vec::new();
    let mut piece = [0; 4096];
    // Once the last one has closed it, the terminal gives an error.
    while let Ok(length) = terminal.read(&mut piece)
        && length > 0
    {
        shown.extend_from_slice(&piece[..length]);
    }
    (child.wait().unwrap().code(), String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn test_06_colours_are_for_terminals_that_want_them() {
    let place = Place::new();
    let arguments = ["explain", &model(QUICKSTART), "masterProfile"];
    let coloured = |variables: &[(&str, &str)]| {
        let mut command = place.command(&arguments);
        command.envs(variables.iter().copied());
        let (code, shown) = on_terminal(command, "");
        assert_eq!(code, Some(0), "{shown}");
        assert!(shown.contains("Standard_D2s_v5"), "{shown}");
        shown.contains('\u{1b}')
    };
    assert!(coloured(&[("TERM", "xterm")]));
    assert!(!coloured(&[("TERM", "xterm"), ("NO_COLOR", "1")]));
    assert!(!coloured(&[("TERM", "dumb")]));
    assert!(!place.expect(0, &arguments).contains('\u{1b}'));
}

#[test]
fn test_06_a_reader_that_goes_away_is_no_fault() {
    let place = Place::new();
    let quickstart = model(QUICKSTART);
    // Longer than a pipe holds, and short.
    for arguments in [&["schema"][..], &["explain", &quickstart], &["--help"], &["completion", "zsh"]] {
        let mut child = place.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!told.contains("error") && !told.contains("panicked") && !told.contains("pipe"), "{told}");
    }
}

#[test]
fn questions_are_asked_on_a_terminal_only() {
    let place = Place::new();
    let key = place.path("key.pub");
    std::fs::write(&key, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEVYQU1QTEUtS0VZLVJFUExBQ0UtV0lUSC1ZT1VSUy0t me\n")
        .unwrap();
    let typed = format!("asked\n\n1\n7\n\n{}\n", key.display());
    let (code, shown) = on_terminal(place.command(&["init"]), &typed);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("The location [westus2]:"), "{shown}");
    let written = std::fs::read_to_string(place.path("cluster.json")).unwrap();
    assert!(written.contains("\"dnsPrefix\": \"asked\"") && written.contains("\"count\": 7"), "{written}");

    let (code, shown) = on_terminal(place.command(&["init", "other.json"]), "x\n\nmany\n");
    assert_eq!(code, Some(64), "{shown}");
    assert!(!place.path("other.json").exists());
}
