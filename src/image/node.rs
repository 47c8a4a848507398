//! What makes a machine a node, or the gateway: programs, units, settings.

use std::path::Path;

use super::command::CommandLine;
use super::manifest::Program;
use super::plan::{Key, Plan, Software};
use super::programs::{ENGINE, NODE_PROGRAMS};
use super::{ImageError, base_system, digest};
use crate::base::FileError;

macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("../../templates/image/", $name))
    };
}

/// The script that enables the units.
pub(super) const SCRIPT: (&str, &str) = ("node.sh", template!("node.sh"));

/// Files of every image.
const FILES: [(&str, &str); 3] = [
    ("usr/lib/systemd/system/engine-gateway.service", template!("engine-gateway.service")),
    ("usr/lib/systemd/system/kubelet.service.d/20-engine.conf", template!("kubelet-condition.conf")),
    ("etc/crictl.yaml", "runtime-endpoint: unix:///run/containerd/containerd.sock\n"),
];

/// Units that the packages of the programs would bring.
const UNITS: [(&str, &str); 3] = [
    ("etc/systemd/system/containerd.service", template!("containerd.service")),
    ("usr/lib/systemd/system/kubelet.service", template!("kubelet.service")),
    ("usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", template!("kubelet-kubeadm.conf")),
];

/// containerd's settings until the machine is told its own.
const CONTAINERD: &str = template!("containerd.toml");

/// Enables the units.
pub(super) fn enable(root: &str) -> CommandLine {
    CommandLine::new("sh", [SCRIPT.0, root])
}

/// Has the engine on the disk tell its version: that it runs there.
pub(super) fn try_engine(root: &str) -> CommandLine {
    CommandLine::new("chroot", [root, &format!("/{ENGINE}"), "version"])
}

/// Has the kubeadm on the disk tell its version.
pub(super) fn try_kubeadm(root: &str) -> CommandLine {
    CommandLine::new("chroot", [root, "kubeadm", "version", "--output", "short"])
}

/// Has it tell the container images of its version.
pub(super) fn ask_images(root: &str, version: &str) -> CommandLine {
    let version = format!("v{version}");
    CommandLine::new("chroot", [root, "kubeadm", "config", "images", "list", "--kubernetes-version", &version])
}

/// Puts programs, units and package sources onto the disk. Gives the programs.
pub(super) fn install(root: &Path, plan: &Plan, engine: &Path, work: &Path) -> Result<Vec<Program>, ImageError> {
    let mut programs = vec![copy(engine, root, ENGINE)?];
    for (path, text) in FILES {
        write(root, path, text)?;
    }
    if let Software::Programs { folder } = &plan.software {
        for (path, text) in UNITS {
            write(root, path, text)?;
        }
        for program in NODE_PROGRAMS {
            let file = folder.join(program.name);
            if program.required || file.is_file() {
                programs.push(copy(&file, root, &format!("{}/{}", program.folder, program.name))?);
            }
        }
    }
    install_archives(root, plan, work)?;
    Ok(programs)
}

/// Where machines get packages from. What stood there was for the machine that builds.
fn install_archives(root: &Path, plan: &Plan, work: &Path) -> Result<(), ImageError> {
    let folder = root.join("etc/apt/sources.list.d");
    let failed = |cause| FileError { action: "read", path: folder.clone(), cause };
    let old = std::fs::read_dir(&folder).map_err(failed)?.map(|entry| entry.map(|entry| entry.path()));
    for path in old.chain([Ok(root.join("etc/apt/sources.list"))]) {
        let path = path.map_err(failed)?;
        match std::fs::remove_file(&path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError { action: "remove", path, cause }.into());
            }
            _ => {}
        }
    }
    let stanzas: Vec<String> = plan.archives.iter().map(super::plan::Archive::stanza).collect();
    write(root, "etc/apt/sources.list.d/engine.sources", &stanzas.join("\n"))?;
    for archive in &plan.archives {
        if matches!(archive.key, Key::Fetched { .. }) {
            write(root, &archive.key_file(), &base_system::fetched_key(work, archive)?)?;
        }
    }
    Ok(())
}

/// containerd's settings, with the image that holds a pod's namespaces open.
pub(super) fn set_up_containerd(root: &Path, pause: &str) -> Result<(), ImageError> {
    write(root, "etc/containerd/config.toml", &CONTAINERD.replace("@PAUSE@", pause))
}

/// The sandbox image of a list of images, one a line.
pub(super) fn pause_image(images: &str) -> Option<&str> {
    let is_pause = |image: &&str| image.rsplit('/').next().is_some_and(|name| name.starts_with("pause:"));
    let usual = |image: &&str| image.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./:@-_".contains(&byte));
    images.lines().map(str::trim).filter(is_pause).find(usual)
}

/// Makes a file's folder, open to all whatever the builder's own mask is.
fn folder_for(path: &Path) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(path);
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|cause| FileError {
        action: "create folder",
        path: folder.to_owned(),
        cause,
    })?;
    set_mode(folder, 0o755)
}

/// A file that all may read.
fn write(root: &Path, path: &str, text: &str) -> Result<(), ImageError> {
    let path = root.join(path);
    folder_for(&path)?;
    std::fs::write(&path, text).map_err(|cause| FileError { action: "write", path: path.clone(), cause })?;
    Ok(set_mode(&path, 0o644)?)
}

/// A program that all may run.
fn copy(file: &Path, root: &Path, path: &str) -> Result<Program, ImageError> {
    let target = root.join(path);
    folder_for(&target)?;
    std::fs::copy(file, &target).map_err(|cause| FileError { action: "copy", path: file.to_owned(), cause })?;
    set_mode(&target, 0o755)?;
    let (_, digest) = digest::of_file(&target)?;
    Ok(Program { path: format!("/{path}"), digest })
}

#[cfg(unix)]
pub(super) fn set_mode(path: &Path, mode: u32) -> Result<(), FileError> {
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(path, permissions).map_err(|cause| FileError {
        action: "change the mode of",
        path: path.to_owned(),
        cause,
    })
}

#[cfg(not(unix))]
pub(super) fn set_mode(_: &Path, _: u32) -> Result<(), FileError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sandbox_image_is_found_among_the_others() {
        let images = "registry.k8s.io/kube-proxy:v1.36.4\nregistry.k8s.io/pause:3.10.2\nregistry.k8s.io/etcd:3.6.8-0\n";
        assert_eq!(pause_image(images), Some("registry.k8s.io/pause:3.10.2"));
        assert_eq!(pause_image("registry.k8s.io/pause:\"x\"\n"), None);
        assert_eq!(pause_image(""), None);
    }
}
