//! The distribution's part of an image: its packages installed, and set up as a machine with nothing of its own yet. It is a
//! tar file, the same for all versions of Kubernetes whose programs come from a folder, so that it can be kept.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::command::{CommandLine, quoted};
use super::key::fingerprints;
use super::plan::{Archive, Key, Plan};
use crate::base::{FileError, read_text, short_digest};

/// What runs while the packages are installed: before and after.
const ESSENTIAL: (&str, &str) = ("essential.sh", include_str!("../../templates/image/essential.sh"));
const SYSTEM: (&str, &str) = ("system.sh", include_str!("../../templates/image/system.sh"));

/// Folders of packages that nobody reads on a machine.
const LEFT_OUT: [&str; 3] = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];

/// The scripts that mmdebstrap runs, by the names that they have in the work folder.
pub(super) const SCRIPTS: [(&str, &str); 2] = [ESSENTIAL, SYSTEM];

/// What a kept part is known by: all that goes into it, but for what the archives hold on the day.
pub(super) fn digest(plan: &Plan, source_date: i64) -> String {
    let date = source_date.to_string();
    let archives: Vec<String> = plan.archives.iter().flat_map(|archive| archive.lines("")).collect();
    let parts = [plan.distribution.suite, &date].into_iter().chain(archives.iter().map(String::as_str));
    let parts = parts.chain(plan.packages.iter().map(String::as_str)).chain(LEFT_OUT);
    let parts = parts.chain(SCRIPTS.iter().map(|(_, text)| *text));
    // An end for each part, so that none goes on in the next.
    short_digest(parts.flat_map(|part| [part.as_bytes(), b"\0"]), 16)
}

/// Where a part is kept.
pub(super) fn kept(cache: &Path, plan: &Plan, source_date: i64) -> PathBuf {
    cache.join(format!("{}-{}.tar", plan.distribution.suite, digest(plan, source_date)))
}

/// Puts the distribution's part into the cache, in the place of older ones of its suite.
pub(super) fn keep(made: &Path, kept: &Path, suite: &str) -> Result<(), FileError> {
    let folder = kept.parent().unwrap_or(kept);
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |cause| FileError { action, path, cause }
    };
    std::fs::create_dir_all(folder).map_err(failed("create folder", folder))?;
    if std::fs::rename(made, kept).is_err() {
        // It is on another disk.
        let unfinished = kept.with_extension("unfinished");
        std::fs::copy(made, &unfinished).map_err(failed("write", &unfinished))?;
        std::fs::rename(&unfinished, kept).map_err(failed("rename", &unfinished))?;
        let _ = std::fs::remove_file(made);
    }
    let beginning = format!("{suite}-");
    for entry in std::fs::read_dir(folder).map_err(failed("read", folder))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&beginning) && name.ends_with(".tar") && entry.path() != kept {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// Where a fetched key lies while an image is built.
fn fetched(work: &Path, archive: &Archive) -> PathBuf {
    work.join(format!("{}.asc", archive.name))
}

/// Fetches a key into the work folder; none for an archive whose key is on the machine.
pub(super) fn fetch_key(work: &Path, archive: &Archive) -> Option<CommandLine> {
    let Key::Fetched { url, .. } = &archive.key else { return None };
    let options = ["--silent", "--show-error", "--fail", "--location", "--proto", "=https", "--max-time", "60"];
    let command = CommandLine::new("curl", options).and(["--output"]).and([fetched(work, archive)]);
    Some(command.and([url]))
}

/// Whether a fetched file holds the key that the archive is signed with, and no other.
pub(super) fn check_key(archive: &Archive, armored: &str) -> Result<(), String> {
    let Key::Fetched { url, fingerprint } = &archive.key else { return Ok(()) };
    let found = fingerprints(armored).map_err(|cause| format!("{url} is no key: {cause}"))?;
    if found == [*fingerprint] {
        return Ok(());
    }
    Err(format!("{url} holds the key {}, and {fingerprint} is the one that is known", found.join(" and ")))
}

/// The text of a key that was fetched.
pub(super) fn fetched_key(work: &Path, archive: &Archive) -> Result<String, FileError> {
    read_text(&fetched(work, archive))
}

/// Installs the packages into a tar file. `work` is the work folder, as an absolute path.
pub(super) fn bootstrap(plan: &Plan, work: &Path, target: &Path) -> CommandLine {
    let hook = |kind: &str, script: &str| {
        let script = quoted(&work.join(script).to_string_lossy());
        format!("--{kind}-hook=sh {script} \"$1\"")
    };
    let options = ["--mode=root", "--variant=minbase", "--format=tar", "--architectures=amd64"];
    let lines = plan.archives.iter().flat_map(|archive| {
        let key = match &archive.key {
            Key::Installed { file } => (*file).to_owned(),
            Key::Fetched { .. } => fetched(work, archive).to_string_lossy().into_owned(),
        };
        archive.lines(&key)
    });
    CommandLine::new("mmdebstrap", options)
        .and([format!("--include={}", plan.packages.join(","))])
        .and(["--aptopt=Apt::Install-Recommends \"false\""])
        .and(LEFT_OUT.map(|folder| format!("--dpkgopt=path-exclude={folder}")))
        .and([hook("essential", ESSENTIAL.0), hook("customize", SYSTEM.0)])
        .and([OsStr::new(plan.distribution.suite), target.as_os_str()])
        .and(lines)
        // Not where everybody's temporary files are, which may be memory.
        .variable("TMPDIR", work)
}

/// Lays the part out as the files of the image.
pub(super) fn extract(archive: &Path, root: &str) -> CommandLine {
    CommandLine::new("tar", ["--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--directory", root])
        .and(["--file"])
        .and([archive])
}
