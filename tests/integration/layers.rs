//! The order of the rooms: a room uses those above it in `src/lib.rs`, never one below.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The rooms in the order of `src/lib.rs`, which is that of the design.
fn rooms() -> Vec<String> {
    let text = std::fs::read_to_string(source().join("lib.rs")).unwrap();
    text.lines().filter_map(|line| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned())).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The rooms that a text names after `crate::`, also in lists (`crate::{base, graph}`). Comments do not count.
fn named(text: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for after in line.split("crate::").skip(1) {
            let list = after.strip_prefix('{').map(|list| list.split('}').next().unwrap_or(list));
            let names: Vec<&str> = list.map_or_else(|| vec![after], |list| list.split(',').collect());
            for name in names {
                let name: String =
                    name.trim().chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
                named.insert(name);
            }
        }
    }
    named
}

/// Imports that go the wrong way, as `file: room uses room`.
fn upward(rooms: &[String], read: impl Fn(&Path) -> String) -> Vec<String> {
    let mut wrong = Vec::new();
    for (height, room) in rooms.iter().enumerate() {
        for file in files(&source().join(room)) {
            for other in named(&read(&file)) {
                if rooms.iter().position(|room| *room == other).is_some_and(|other| other > height) {
                    let file = file.strip_prefix(source()).unwrap().display().to_string();
                    wrong.push(format!("{file}: {room} uses {other}"));
                }
            }
        }
    }
    wrong
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn no_room_uses_one_below_it() {
    assert_eq!(upward(&rooms(), read), Vec::<String>::new());
}

#[test]
fn an_import_that_is_turned_upwards_is_found() {
    let turned = |path: &Path| {
        let mut text = read(path);
        if path.ends_with("graph/value.rs") {
            text.push_str("\nuse crate::{base::Secret, execute::Run};\n");
        }
        text
    };
    assert_eq!(upward(&rooms(), turned), ["graph/value.rs: graph uses execute"]);
}

#[test]
fn every_room_is_a_folder_with_code_in_it() {
    let rooms = rooms();
    assert_eq!(rooms.len(), 20, "{rooms:?}");
    for room in &rooms {
        let files = files(&source().join(room));
        assert!(files.len() > 1, "{room} has nothing in it");
    }
    let folders: BTreeSet<String> = std::fs::read_dir(source())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders, rooms.into_iter().collect(), "the folders of src are the rooms");
}

#[test]
fn only_the_lowest_room_reads_clock_randomness_and_environment() {
    let mut wrong = Vec::new();
    for file in files(&source()).into_iter().filter(|file| !file.starts_with(source().join("base"))) {
        let is_test = |part: &std::path::Component<'_>| {
            ["tests.rs", "trials.rs", "trials", "tests"].iter().any(|name| part.as_os_str() == *name)
        };
        if file.components().any(|part| is_test(&part)) {
            continue;
        }
        let text = read(&file);
        let code = text.split("\nmod tests {").next().unwrap_or_default();
        for forbidden in
            ["Timestamp::now(", "SystemTime::now(", "env::var", "getrandom::", "process::exit", "println!("]
        {
            if code.contains(forbidden) {
                wrong.push(format!("{}: {forbidden}", file.strip_prefix(source()).unwrap().display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
