//! Programs that are put onto the disk as they are: Kubernetes' and containerd's from a folder, and the engine itself.

use std::fs::File;
use std::path::Path;

use super::elf::needed_libraries;
use super::error::Lack;

/// A program of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeProgram {
    pub name: &'static str,
    /// The folder on the disk.
    pub folder: &'static str,
    /// Whether a node cannot do without it.
    pub required: bool,
}

const fn program(name: &'static str, folder: &'static str, required: bool) -> NodeProgram {
    NodeProgram { name, folder, required }
}

/// What is taken from a folder of programs: Kubernetes' own where its packages would put them, the others where an
/// administrator would.
pub(super) const NODE_PROGRAMS: [NodeProgram; 8] = [
    program("kubelet", "usr/bin", true),
    program("kubeadm", "usr/bin", true),
    program("kubectl", "usr/bin", true),
    program("containerd", "usr/local/bin", true),
    program("containerd-shim-runc-v2", "usr/local/bin", true),
    program("ctr", "usr/local/bin", true),
    program("crictl", "usr/local/bin", true),
    program("etcdctl", "usr/local/bin", false),
];

/// Where the engine lies on the disk.
pub(super) const ENGINE: &str = "usr/bin/engine";

/// Shared libraries that an engine may need: on every disk, or by a package.
const LIBRARIES: [(&str, Option<&str>); 9] = [
    ("ld-linux-x86-64.so.2", None),
    ("libc.so.6", None),
    ("libdl.so.2", None),
    ("libgcc_s.so.1", None),
    ("libm.so.6", None),
    ("libpthread.so.0", None),
    ("librt.so.1", None),
    ("libvirt.so.0", Some("libvirt0")),
    ("libvirt-qemu.so.0", Some("libvirt0")),
];

/// What is missing in a folder of programs.
pub(super) fn lacks_of_folder(folder: &Path) -> Vec<Lack> {
    let missing: Vec<&str> = NODE_PROGRAMS
        .iter()
        .filter(|program| program.required && !folder.join(program.name).is_file())
        .map(|program| program.name)
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    vec![Lack {
        what: format!("{} has no {}", folder.display(), missing.join(", ")),
        remedy: Some("put the programs there, or leave --kubernetes-binaries out to take packages".to_owned()),
        package: None,
    }]
}

/// The packages that an engine's file needs, or why it would not run.
pub(super) fn packages_of_engine(engine: &Path) -> Result<Vec<&'static str>, Lack> {
    let lack = |what: String| Lack {
        what,
        remedy: Some("name an engine built for this processor and without other libraries by --engine FILE".to_owned()),
        package: None,
    };
    let shown = engine.display();
    let libraries = File::open(engine).and_then(|mut file| needed_libraries(&mut file));
    let libraries = match libraries {
        Ok(Some(libraries)) => libraries,
        Ok(None) => return Err(lack(format!("{shown} is no program for Linux on AMD64"))),
        Err(cause) => return Err(lack(format!("{shown}, which runs on the gateway, cannot be read: {cause}"))),
    };
    let mut packages = Vec::new();
    for library in &libraries {
        match LIBRARIES.iter().find(|(known, _)| known == library) {
            Some((_, package)) => packages.extend(*package),
            None => return Err(lack(format!("{shown} needs {library}, which no package of an image has"))),
        }
    }
    packages.sort_unstable();
    packages.dedup();
    Ok(packages)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_program_is_told_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        for program in NODE_PROGRAMS.iter().filter(|program| !["ctr", "etcdctl"].contains(&program.name)) {
            std::fs::write(folder.path().join(program.name), "").unwrap();
        }
        let lacks = lacks_of_folder(folder.path());
        assert!(matches!(&lacks[..], [lack] if lack.what.ends_with("has no ctr")), "{lacks:?}");
        std::fs::write(folder.path().join("ctr"), "").unwrap();
        assert_eq!(lacks_of_folder(folder.path()), []);
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn an_engine_brings_the_packages_of_its_libraries() {
        let own = packages_of_engine(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(own.contains(&"libvirt0"), cfg!(feature = "libvirt"), "{own:?}");
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("engine");
        std::fs::write(&script, "#!/bin/sh\n".repeat(100)).unwrap();
        assert!(packages_of_engine(&script).unwrap_err().what.contains("no program"));
    }
}
