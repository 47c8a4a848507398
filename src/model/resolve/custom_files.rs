//! Files that the user puts on control-plane machines. They are read together with the model, so that a missing one is
//! told at its place.

use std::path::Path;

use crate::base::{Diagnostic, Secret, read_text};

use super::super::control_plane::CustomFile;
use super::super::input::MasterProfile;
use super::{Resolver, master_pointer};

/// More than ever fits into customData, where files are packed.
const LIMIT: u64 = 256 << 10;

/// What the engine and kubeadm write themselves. kubeadm starts only where there are no static pods yet.
const TAKEN: [&str; 8] = [
    "/etc/engine/",
    "/opt/engine/",
    "/etc/kubernetes/addons/",
    "/etc/kubernetes/manifests/",
    "/etc/kubernetes/pki/",
    "/etc/kubernetes/azure.json",
    "/etc/containerd/config.toml",
    "/etc/systemd/system/engine-bootstrap.service",
];

impl Resolver<'_> {
    pub(super) fn custom_files(&mut self, master: &MasterProfile) -> Vec<CustomFile> {
        let mut files: Vec<CustomFile> = Vec::new();
        for (index, file) in master.custom_files.iter().flatten().enumerate() {
            let mut tell = |name: &str, message: String, help: &str| {
                let pointer = master_pointer(&format!("customFiles/{index}/{name}"));
                self.findings.judge(&[], Diagnostic::error("custom-file", pointer, message).help(help));
            };
            let dest = file.dest.clone().unwrap_or_default();
            let is_path = dest.starts_with('/') && dest.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
            if !is_path || dest.contains(char::is_control) {
                tell(
                    "dest",
                    format!("\"{dest}\" is no absolute path of a file"),
                    "write one such as /etc/kubernetes/audit.yaml",
                );
            } else if TAKEN.iter().any(|taken| dest.starts_with(taken)) || files.iter().any(|other| other.dest == dest)
            {
                tell("dest", format!("{dest} is written already"), "choose another place");
            }
            match content(self.folder, file.source.as_deref().unwrap_or_default()) {
                Ok(content) => files.push(CustomFile { dest, content }),
                Err(message) => {
                    tell("source", message, "name a text file of at most 256 KiB by its path from the model's folder");
                }
            }
        }
        files
    }
}

fn content(folder: &Path, source: &str) -> Result<Secret, String> {
    if source.is_empty() {
        return Err("the file is not named".to_owned());
    }
    let path = folder.join(source);
    let facts = std::fs::metadata(&path).map_err(|cause| format!("cannot read {}: {cause}", path.display()))?;
    if !facts.is_file() || facts.len() > LIMIT {
        return Err(format!("{} is no file, or has more than {LIMIT} bytes", path.display()));
    }
    read_text(&path).map(Secret::new).map_err(|error| error.to_string())
}
