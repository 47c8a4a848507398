//! What is looked at before anything is made.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;

use super::super::check::check;
use super::*;
use crate::image::ImageError;

/// A machine that has everything: programs that only are there, and a folder of Kubernetes' programs.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let this = Self { folder: tempfile::tempdir().unwrap() };
        let programs =
            ["mmdebstrap", "apt-get", "dpkg", "tar", "unshare", "chroot", "sfdisk", "mformat", "mmd", "mcopy"];
        for program in programs.into_iter().chain(["qemu-img", "curl", "debugfs"]) {
            this.program(&format!("bin/{program}"), "exit 1");
        }
        this.program("bin/mkfs.ext4", "echo 'mke2fs 1.47.2 (1-Jan-2025)' >&2");
        for program in super::super::programs::NODE_PROGRAMS {
            this.program(&format!("kubernetes/{}", program.name), "echo v1.36.4");
        }
        std::fs::create_dir(this.path("containers")).unwrap();
        std::fs::write(this.path("containers/pause.tar"), "image").unwrap();
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        // Another test's process may have the file open for a moment, having been started while it was written.
        let busy = std::io::ErrorKind::ExecutableFileBusy;
        while std::process::Command::new(&path).output().is_err_and(|error| error.kind() == busy) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    fn request(&self) -> BuildRequest {
        let mut request = request(&self.path("images"));
        request.superuser = true;
        request.kubernetes_binaries = Some(self.path("kubernetes"));
        request.container_images = Some(self.path("containers"));
        request.engine = std::env::current_exe().ok();
        request.search_path = OsString::from(self.path("bin"));
        request
    }

    /// What is missing, but for what the machine that runs the test may lack.
    fn lacks(&self, request: &BuildRequest) -> (Vec<String>, String) {
        match check(request) {
            Err(ImageError::Lacking { mut lacks }) => {
                lacks.retain(|lack| !lack.what.contains("keyring") && !lack.what.contains("GiB left"));
                let told = lacks.iter().map(|lack| lack.what.clone()).collect();
                (told, ImageError::Lacking { lacks }.help().unwrap())
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_machine_that_has_everything_is_found_ready() {
    let machine = Machine::new();
    let found = match check(&machine.request()) {
        Ok(found) => found,
        Err(ImageError::Lacking { lacks }) => {
            // A disk that is nearly full, or another distribution without Debian's keys, is no fault of the check.
            let strange = |what: &str| !what.contains("GiB left") && !what.contains("keyring");
            assert!(!lacks.iter().any(|lack| strange(&lack.what)), "{lacks:#?}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    assert_eq!(found.kubernetes, Some(Version::new(1, 36, 4)));
    assert_eq!(found.container_images, [machine.path("containers/pause.tar")]);
    assert_eq!(found.notes, Vec::<String>::new());
    assert!(!machine.path("images").exists(), "nothing is made");
}

#[test]
fn all_that_is_missing_is_told_at_once_with_the_packages_that_have_it() {
    let machine = Machine::new();
    for program in ["mmdebstrap", "mcopy", "mmd", "curl"] {
        std::fs::remove_file(machine.path("bin").join(program)).unwrap();
    }
    std::fs::remove_file(machine.path("kubernetes/crictl")).unwrap();
    std::fs::remove_file(machine.path("containers/pause.tar")).unwrap();
    let mut request = machine.request();
    request.superuser = false;
    request.engine = Some(machine.path("none"));
    let (told, help) = machine.lacks(&request);
    for part in
        ["there is no mmdebstrap", "there is no mcopy", "this is not root", "has no crictl", "no archives", "none"]
    {
        assert!(told.iter().any(|lack| lack.contains(part)), "{part} is missing in {told:#?}");
    }
    // Nothing is fetched where programs are in a folder.
    assert!(!told.iter().any(|lack| lack.contains("curl")), "{told:#?}");
    assert!(help.starts_with("apt-get install mmdebstrap mtools; "), "{help}");
    assert!(help.contains("sudo") && help.contains("--engine"), "{help}");
    request.kubernetes_binaries = None;
    assert!(machine.lacks(&request).0.iter().any(|lack| lack.contains("curl")));
}

#[test]
fn a_program_that_is_there_and_too_old_or_not_itself_is_missing_too() {
    let machine = Machine::new();
    machine.program("bin/mkfs.ext4", "echo 'mke2fs 1.46.2 (28-Feb-2021)' >&2");
    machine.program("kubernetes/kubeadm", "echo nonsense");
    let (told, help) = machine.lacks(&machine.request());
    assert!(told.iter().any(|lack| lack.contains("mkfs.ext4 is 1.46.2")), "{told:#?}");
    assert!(told.iter().any(|lack| lack.contains("it says `nonsense`")), "{told:#?}");
    assert!(help.contains("newer e2fsprogs"), "{help}");
    // Files that are not programs do not count.
    std::fs::set_permissions(machine.path("bin/sfdisk"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(machine.lacks(&machine.request()).0.iter().any(|lack| lack == "there is no sfdisk"));
}

#[test]
fn sizes_that_nobody_means_are_refused() {
    let machine = Machine::new();
    for size in [0, 3, 1 << 40] {
        let mut request = machine.request();
        request.size_gib = size;
        assert!(matches!(check(&request), Err(ImageError::Request { .. })), "{size}");
    }
}
