//! Building an image: step by step, each told when it is done, in a folder that becomes the image's at the end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::check::{Found, check};
use super::command::{CommandLine, Programs, Runner};
use super::disk::{Disk, LOADER, RAW};
use super::late_files::LateFiles;
use super::manifest::{ContainerImage, Program};
use super::node::set_mode;
use super::plan::{Plan, plan};
use super::record::{Parts, record};
use super::work::Work;
use super::{
    BuildRequest, COMMAND_LINE, DISK, INITIAL_DISK, ImageError, ImageFolder, KERNEL, base_system, containers, node,
    open, packages,
};
use crate::base::{FileError, read_own_text, write_public};

/// The files of the disk, and the image to be, in the work folder.
const ROOT: &str = "root";
const MADE: &str = "image";

/// Builds an image, which takes some minutes, and tells each step by a line when it is done. Needs root.
///
/// # Errors
/// The request makes no sense, or the machine lacks something: then nothing was made. A step failed: then there is its log,
/// and nothing else.
pub fn build(request: &BuildRequest, tell: &mut dyn FnMut(&str)) -> Result<ImageFolder, ImageError> {
    let request = request.with_whole_paths()?;
    let found = check(&request)?;
    let plan = plan(&request, found.kubernetes.as_ref(), &found.libraries)?;
    let image = request.images.join(&plan.name);
    if image.exists() && !request.replace {
        return Err(ImageError::Exists { folder: image });
    }
    let work = Work::begin(&request.images, &plan.name)?;
    let log = File::create(&work.log).map_err(|cause| FileError { action: "write", path: work.log.clone(), cause })?;
    let path = request.search_path.clone();
    let mut runner = Programs { log, work: &work.folder, path, source_date: request.source_date };
    let mut building =
        Building { request: &request, plan: &plan, found: &found, work: &work, runner: &mut runner, tell };
    building.run()?;
    open(&image)
}

/// A build under way.
pub(super) struct Building<'a> {
    pub request: &'a BuildRequest,
    pub plan: &'a Plan,
    pub found: &'a Found,
    pub work: &'a Work,
    pub runner: &'a mut dyn Runner,
    pub tell: &'a mut dyn FnMut(&str),
}

impl Building<'_> {
    /// All steps.
    pub fn run(&mut self) -> Result<(), ImageError> {
        let (plan, title) = (self.plan, self.plan.distribution.title);
        (self.tell)(&format!("building {} of {title}; the log is {}", plan.name, self.work.log.display()));
        for note in self.found.notes.iter().chain(&plan.notes) {
            (self.tell)(&format!("note: {note}"));
        }
        self.write_scripts()?;
        let root = self.path(ROOT);
        let made = self.path(MADE);
        for folder in [&root, &made] {
            create(folder)?;
        }
        self.fetch_keys()?;
        let base = self.base_system()?;
        self.long_step("its files laid out", "the packages' files cannot be laid out", None, |this| {
            this.run_one(&base_system::extract(&base, ROOT)).map(drop)
        })?;
        if base.starts_with(&self.work.folder) {
            // It is not needed again, and takes room.
            let _ = std::fs::remove_file(&base);
        }
        let (programs, images) = self.node(&root)?;
        let container_images = self.container_images(&images)?;
        let status = read_own_text(&root.join("var/lib/dpkg/status"))?;
        self.disk(&root, &made)?;
        let parts = Parts { programs, container_images, packages: packages::installed(&status) };
        record(&made, self.request, plan, parts)?;
        self.work.finish(&made, self.request.replace)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.folder.join(name)
    }

    fn run_one(&mut self, command: &CommandLine) -> Result<String, String> {
        self.runner.run(command)
    }

    /// Takes a step.
    fn step<T>(
        &mut self,
        failure: &str,
        help: Option<&str>,
        act: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, ImageError> {
        act(self).map_err(|cause| self.work.step_failed(failure, &cause, help.map(str::to_owned)))
    }

    /// Takes a step that lasts, and tells that it is done and how long it took.
    fn long_step<T>(
        &mut self,
        done: &str,
        failure: &str,
        help: Option<&str>,
        act: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, ImageError> {
        let begun = Instant::now();
        let result = self.step(failure, help, act)?;
        self.tell_done(done, begun);
        Ok(result)
    }

    fn tell_done(&mut self, done: &str, begun: Instant) {
        (self.tell)(&format!("{done} ({} s)", begun.elapsed().as_secs()));
    }

    fn write_scripts(&self) -> Result<(), ImageError> {
        let scripts = base_system::SCRIPTS.into_iter().chain([node::SCRIPT, containers::SCRIPT]);
        for (name, text) in scripts {
            write_public(&self.path(name), text.as_bytes())?;
        }
        Ok(())
    }

    /// Fetches the keys of archives that are not the distribution's own, and refuses those that are not the known ones.
    fn fetch_keys(&mut self) -> Result<(), ImageError> {
        let folder = self.work.folder.clone();
        for archive in &self.plan.archives {
            let Some(command) = base_system::fetch_key(&folder, archive) else { continue };
            let done = format!("key of the archive of packages `{}` fetched", archive.name);
            let failure = format!("the archive of packages `{}` cannot be trusted", archive.name);
            let help = "without a way there, an image is built from --kubernetes-binaries DIR";
            self.long_step(&done, &failure, Some(help), |this| {
                this.run_one(&command)?;
                let text = base_system::fetched_key(&folder, archive).map_err(|error| error.to_string())?;
                base_system::check_key(archive, &text)
            })?;
        }
        Ok(())
    }

    /// The distribution's part, installed or kept from an earlier build.
    fn base_system(&mut self) -> Result<PathBuf, ImageError> {
        let date = self.request.source_date;
        let kept = self.request.cache.as_deref().map(|cache| base_system::kept(cache, self.plan, date));
        let title = self.plan.distribution.title;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.is_file()) {
            (self.tell)(&format!("packages of {title} taken from {}", kept.display()));
            return Ok(kept.clone());
        }
        let made = self.path("base.tar");
        let command = base_system::bootstrap(self.plan, &self.work.folder, &made);
        let help = "the log tells what apt and dpkg say; another archive is named by --mirror";
        let done = format!("packages of {title} installed");
        let failure = format!("the packages of {title} cannot be installed");
        self.long_step(&done, &failure, Some(help), |this| this.run_one(&command).map(drop))?;
        match kept {
            Some(kept) => {
                base_system::keep(&made, &kept, self.plan.distribution.suite).map(|()| kept).map_err(Into::into)
            }
            None => Ok(made),
        }
    }

    /// Programs, units and settings; what kubeadm says that its images are.
    fn node(&mut self, root: &Path) -> Result<(Vec<Program>, String), ImageError> {
        let begun = Instant::now();
        let programs = node::install(root, self.plan, &self.found.engine, &self.work.folder)?;
        let version = self.plan.version.to_string();
        let help = format!(
            "name an engine by --engine FILE that runs on {}: one that was built there, or on something older",
            self.plan.distribution.title
        );
        self.step("the engine does not run on the disk", Some(&help), |this| {
            this.run_one(&node::try_engine(ROOT)).map(drop)
        })?;
        let images = self.step("the disk has no kubeadm of this version", None, |this| {
            let said = this.run_one(&node::try_kubeadm(ROOT))?;
            if said.trim() != format!("v{version}") {
                return Err(format!("kubeadm is {}, and v{version} is asked for", said.trim()));
            }
            this.run_one(&node::ask_images(ROOT, &version))
        })?;
        let pause = node::pause_image(&images).ok_or_else(|| {
            self.work.step_failed("kubeadm tells no sandbox image", &format!("it says `{}`", images.trim()), None)
        })?;
        node::set_up_containerd(root, pause)?;
        self.step("the units cannot be enabled", None, |this| this.run_one(&node::enable(ROOT)).map(drop))?;
        self.tell_done(&format!("Kubernetes {version} put onto the disk"), begun);
        Ok((programs, images))
    }

    /// Container images, and which of the version's own are not among them.
    fn container_images(&mut self, wanted: &str) -> Result<Vec<ContainerImage>, ImageError> {
        let archives = &self.found.container_images;
        if archives.is_empty() {
            return Ok(Vec::new());
        }
        let done = format!("{} archives of container images imported", archives.len());
        let failure = "the container images cannot be imported";
        let help = "they are what `docker save` or `ctr images export` writes";
        let table =
            self.long_step(&done, failure, Some(help), |this| this.run_one(&containers::import(ROOT, archives)))?;
        let images = containers::listed(&table);
        for name in containers::missing(wanted, &images) {
            (self.tell)(&format!("note: {name} is not among them: machines fetch it from its registry"));
        }
        Ok(images)
    }

    /// Kernel and initial disk beside the disk, and the disk itself.
    fn disk(&mut self, root: &Path, made: &Path) -> Result<(), ImageError> {
        for (beginning, name) in [("vmlinuz-", KERNEL), ("initrd.img-", INITIAL_DISK)] {
            let file = self.only_file(&root.join("boot"), beginning)?;
            let target = made.join(name);
            std::fs::rename(&file, &target).map_err(|cause| FileError { action: "rename", path: file, cause })?;
            set_mode(&target, 0o644)?;
        }
        let disk = Disk { image: &self.plan.name, size: self.request.size_gib << 30, command_line: COMMAND_LINE };
        let loader = root.join(LOADER);
        let sizes: u64 = [&loader, &made.join(KERNEL), &made.join(INITIAL_DISK)]
            .into_iter()
            .map(|file| std::fs::metadata(file).map_or(0, |file| file.len()))
            .sum();
        if !loader.is_file() || !Disk::boot_fits(sizes) {
            let cause = format!("{LOADER}, kernel and initial disk have {sizes} bytes together");
            return Err(self.work.step_failed("the firmware's partition cannot be made", &cause, None));
        }
        write_public(&self.path("loader.conf"), Disk::loader_settings().as_bytes())?;
        write_public(&self.path("entry.conf"), disk.loader_entry().as_bytes())?;
        let raw = self.path(RAW);
        File::create(&raw).and_then(|file| file.set_len(disk.size)).map_err(|cause| FileError {
            action: "write",
            path: raw.clone(),
            cause,
        })?;
        let late = LateFiles::take(&self.work.folder, root, &containers::DATABASES)?;
        let help = "if the files do not fit, say a larger --size";
        self.long_step("disk made", "the disk cannot be made", Some(help), |this| {
            let commands = [disk.partition(), disk.file_system(ROOT)];
            let commands = commands.into_iter().chain(late.command()).chain(disk.boot_files(ROOT, MADE));
            commands.into_iter().try_for_each(|command| this.run_one(&command).map(drop))?;
            late.check()
        })?;
        self.work.clear(ROOT)?;
        let compress = self.request.compress;
        self.long_step("disk converted", "the disk cannot be converted", None, |this| {
            this.run_one(&Disk::convert(compress, MADE)).map(drop)
        })?;
        self.work.clear(RAW)?;
        set_mode(&made.join(DISK), 0o644)?;
        Ok(())
    }

    /// The one file of a folder whose name begins so.
    fn only_file(&self, folder: &Path, beginning: &str) -> Result<PathBuf, ImageError> {
        let entries =
            std::fs::read_dir(folder).map_err(|cause| FileError { action: "read", path: folder.to_owned(), cause })?;
        let mut files: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(beginning))
            .map(|entry| entry.path())
            .collect();
        match (files.pop(), files.len()) {
            (Some(file), 0) => Ok(file),
            (last, more) => {
                let number = more + usize::from(last.is_some());
                let cause = format!("{} has {number} files {beginning}*", folder.display());
                Err(self.work.step_failed("the kernel cannot be told", &cause, None))
            }
        }
    }
}

fn create(folder: &Path) -> Result<(), ImageError> {
    std::fs::create_dir(folder).map_err(|cause| FileError {
        action: "create folder",
        path: folder.to_owned(),
        cause,
    })?;
    Ok(set_mode(folder, 0o755)?)
}
