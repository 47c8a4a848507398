//! A build whose programs only write down what they are told: its steps, what is left of it, and what is not.

use std::ffi::OsStr;

use super::super::build::Building;
use super::super::check::Found;
use super::super::command::{CommandLine, Runner};
use super::super::plan::{Plan, plan};
use super::super::work::Work;
use super::super::{find, open, verify};
use super::*;
use crate::image::ImageError;

const STATUS: &str = "Package: apt\nStatus: install ok installed\nVersion: 3.0.3\n";
const IMAGES: &str = "registry.k8s.io/pause:3.10.2\nregistry.k8s.io/etcd:3.6.8-0\n";
const TABLE: &str = "REF TYPE DIGEST SIZE\nregistry.k8s.io/pause:3.10.2 application/x sha256:6b5e21 1 KiB\n";

/// Does as the programs do, as far as others look at it.
struct Double<'a> {
    work: &'a Path,
    ran: Vec<String>,
    /// The beginning of the command line that fails.
    fails: Option<&'static str>,
    kubeadm: &'static str,
}

impl Runner for Double<'_> {
    fn run(&mut self, command: &CommandLine) -> Result<String, String> {
        let shown = command.shown();
        self.ran.push(shown.clone());
        if self.fails.is_some_and(|beginning| shown.starts_with(beginning)) {
            return Err(format!("{} ended with exit status: 1", command.program));
        }
        let write = |path: &str, text: &str| {
            let path = self.work.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let argument = |place: usize| command.arguments.get(place).map(|text| text.to_string_lossy().into_owned());
        Ok(match (command.program, argument(1).as_deref()) {
            ("mmdebstrap", _) => {
                let target = command.arguments.iter().find(|argument| argument.to_string_lossy().ends_with(".tar"));
                std::fs::write(target.unwrap(), "the distribution").unwrap();
                String::new()
            }
            ("tar", _) => {
                for (path, text) in [
                    ("root/boot/vmlinuz-6.12", "kernel"),
                    ("root/boot/initrd.img-6.12", "initial disk"),
                    ("root/usr/lib/systemd/boot/efi/systemd-bootx64.efi", "loader"),
                    ("root/var/lib/dpkg/status", STATUS),
                    ("root/etc/apt/sources.list", "deb [signed-by=/builder] http://builder main"),
                    ("root/etc/apt/sources.list.d/0001.list", "deb http://builder main"),
                ] {
                    write(path, text);
                }
                String::new()
            }
            ("curl", _) => {
                write("kubernetes.asc", "<html>not here</html>");
                String::new()
            }
            ("chroot", Some("kubeadm")) if shown.contains("images list") => IMAGES.to_owned(),
            ("chroot", Some("kubeadm")) => format!("{}\n", self.kubeadm),
            ("unshare", _) => TABLE.to_owned(),
            ("qemu-img", _) => {
                write("image/disk.qcow2", "disk");
                String::new()
            }
            _ => String::new(),
        })
    }
}

struct Trial {
    folder: tempfile::TempDir,
    request: BuildRequest,
    found: Found,
    told: Vec<String>,
    ran: Vec<String>,
    fails: Option<&'static str>,
    kubeadm: &'static str,
}

impl Trial {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("programs");
        std::fs::create_dir(&programs).unwrap();
        for program in super::super::programs::NODE_PROGRAMS.iter().filter(|program| program.required) {
            std::fs::write(programs.join(program.name), program.name).unwrap();
        }
        let engine = folder.path().join("engine");
        std::fs::write(&engine, "engine").unwrap();
        let mut request = request(&folder.path().join("images"));
        request.kubernetes_binaries = Some(programs);
        request.size_gib = 4;
        let found = Found {
            kubernetes: Some(Version::new(1, 36, 4)),
            libraries: Vec::new(),
            container_images: vec![folder.path().join("pause.tar")],
            engine,
            notes: Vec::new(),
        };
        Self { folder, request, found, told: Vec::new(), ran: Vec::new(), fails: None, kubeadm: "v1.36.4" }
    }

    fn images(&self) -> &Path {
        &self.request.images
    }

    fn plan(&self) -> Plan {
        plan(&self.request, self.found.kubernetes.as_ref(), &[]).unwrap()
    }

    fn run(&mut self) -> Result<(), ImageError> {
        let plan = self.plan();
        let work = Work::begin(self.images(), &plan.name)?;
        std::fs::write(&work.log, "+ mkfs.ext4\nno room\n").unwrap();
        let mut runner = Double { work: &work.folder, ran: Vec::new(), fails: self.fails, kubeadm: self.kubeadm };
        let told = &mut self.told;
        let mut building = Building {
            request: &self.request,
            plan: &plan,
            found: &self.found,
            work: &work,
            runner: &mut runner,
            tell: &mut |line| told.push(line.to_owned()),
        };
        let result = building.run();
        self.ran = runner.ran;
        result
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.images()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

#[test]
fn a_build_ends_with_a_whole_image_and_nothing_beside_it() {
    let mut trial = Trial::new();
    trial.run().unwrap();
    assert_eq!(trial.names(), ["kubernetes-1.36.4-trixie"]);
    let image = find(trial.images(), "1.36.4").unwrap().unwrap();
    verify(&image).unwrap();
    let manifest = &image.manifest;
    assert_eq!(manifest.packages, [Package { name: "apt".into(), version: "3.0.3".into() }]);
    assert_eq!(
        manifest.container_images,
        [ContainerImage { name: "registry.k8s.io/pause:3.10.2".into(), digest: "sha256:6b5e21".into() }]
    );
    let engine = manifest.programs.iter().find(|program| program.path == "/usr/bin/engine").unwrap();
    assert_eq!(engine.digest, digest(b"engine"));
    assert!(manifest.programs.iter().any(|program| program.path == "/usr/local/bin/ctr"), "{:?}", manifest.programs);
    assert_eq!(manifest.source_date, 86_400);
    assert_eq!(std::fs::read_to_string(image.file(KERNEL)).unwrap(), "kernel");
    let programs: Vec<&str> = trial.ran.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(
        programs,
        [
            "mmdebstrap",
            "tar",
            "chroot",
            "chroot",
            "chroot",
            "sh",
            "unshare",
            "sfdisk",
            "mkfs.ext4",
            "mformat",
            "mmd",
            "mcopy",
            "mcopy",
            "mcopy",
            "mcopy",
            "mcopy",
            "qemu-img"
        ]
    );
    // One of the version's images is not in the folder.
    assert!(trial.told.iter().any(|line| line.contains("etcd:3.6.8-0 is not among them")), "{:#?}", trial.told);
    assert!(trial.told.iter().any(|line| line.starts_with("disk made (")), "{:#?}", trial.told);
}

#[test]
fn nothing_but_the_log_is_left_of_a_build_that_fails_wherever_that_is() {
    for (fails, told) in [
        ("mmdebstrap", "the packages of Debian 13 (trixie) cannot be installed"),
        ("chroot root /usr/bin/engine", "the engine does not run on the disk"),
        ("unshare", "the container images cannot be imported"),
        ("mkfs.ext4", "the disk cannot be made"),
        ("qemu-img", "the disk cannot be converted"),
    ] {
        let mut trial = Trial::new();
        trial.fails = Some(fails);
        let error = trial.run().unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(told) && text.contains("ended with exit status: 1\n+ mkfs.ext4\nno room"), "{text}");
        let log = trial.images().join("kubernetes-1.36.4-trixie.log");
        assert!(text.ends_with(&format!("the whole log is {}", log.display())), "{text}");
        assert_eq!(trial.names(), ["kubernetes-1.36.4-trixie.log"], "{fails}");
    }
}

#[test]
fn another_version_on_the_disk_than_was_asked_for_is_no_image() {
    let mut trial = Trial::new();
    trial.kubeadm = "v1.36.3";
    let text = trial.run().unwrap_err().to_string();
    assert!(text.contains("kubeadm is v1.36.3, and v1.36.4 is asked for"), "{text}");
    assert!(find(trial.images(), "1.36.4").unwrap().is_none());
}

#[test]
fn an_image_that_is_there_stays_unless_it_is_to_be_replaced() {
    let mut trial = Trial::new();
    trial.run().unwrap();
    trial.fails = Some("qemu-img");
    trial.request.replace = true;
    trial.run().unwrap_err();
    verify(&open(&trial.images().join("kubernetes-1.36.4-trixie")).unwrap()).unwrap();
    trial.fails = None;
    trial.run().unwrap();
    trial.request.replace = false;
    assert!(matches!(trial.run(), Err(ImageError::Exists { .. })));
}

#[test]
fn the_distributions_part_is_kept_for_the_next_build_of_whatever_version() {
    let mut trial = Trial::new();
    let cache = trial.folder.path().join("cache");
    trial.request.cache = Some(cache.clone());
    std::fs::create_dir(&cache).unwrap();
    std::fs::write(cache.join("trixie-0000000000000000.tar"), "of yesterday").unwrap();
    trial.run().unwrap();
    assert!(trial.ran.iter().any(|line| line.starts_with("mmdebstrap ")));
    let kept: Vec<PathBuf> = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(matches!(&kept[..], [one] if std::fs::read_to_string(one).unwrap() == "the distribution"), "{kept:?}");
    trial.request.name = Some("other".into());
    trial.run().unwrap();
    assert!(!trial.ran.iter().any(|line| line.starts_with("mmdebstrap ")), "{:#?}", trial.ran);
    assert!(kept[0].exists());
}

#[test]
fn packages_signed_by_an_unknown_key_are_not_taken() {
    let mut trial = Trial::new();
    trial.request.kubernetes_binaries = None;
    trial.found.kubernetes = None;
    trial.request.kubernetes = Some("1.36.4".into());
    let text = trial.run().unwrap_err().to_string();
    assert!(text.contains("cannot be trusted") && text.contains("there is no public key in it"), "{text}");
    assert!(!trial.ran.iter().any(|line| line.starts_with("mmdebstrap")), "{:#?}", trial.ran);
}

#[test]
fn machines_are_told_the_archives_and_not_what_the_builder_had() {
    let trial = Trial::new();
    let root = trial.folder.path().join("root");
    for path in ["etc/apt/sources.list", "etc/apt/sources.list.d/0001.list", "etc/apt/sources.list.d/x.sources"] {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), "builder").unwrap();
    }
    let work = trial.folder.path();
    super::super::node::install(&root, &trial.plan(), &trial.found.engine, work).unwrap();
    let names: Vec<_> = std::fs::read_dir(root.join("etc/apt/sources.list.d")).unwrap().flatten().collect();
    assert!(matches!(&names[..], [one] if one.file_name() == OsStr::new("engine.sources")), "{names:?}");
    assert!(!root.join("etc/apt/sources.list").exists());
    let text = std::fs::read_to_string(root.join("etc/apt/sources.list.d/engine.sources")).unwrap();
    assert!(text.contains("Suites: trixie trixie-updates\n") && text.contains("trixie-security"), "{text}");
    for file in ["usr/bin/engine", "usr/bin/kubelet", "usr/local/bin/containerd"] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(root.join(file)).unwrap().permissions());
        assert_eq!(mode & 0o7777, 0o755, "{file}");
    }
    assert!(root.join("usr/lib/systemd/system/engine-gateway.service").exists());
    assert!(!root.join("usr/local/bin/etcdctl").exists(), "it was not in the folder");
}
