//! `image build`, `image list`, `image verify`: what machines on-prem start from.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use crate::base::SystemClock;
use crate::catalog::DEFAULT_DISTRIBUTION;
use crate::cli::error::CliError;
use crate::cli::{Call, Exit};
use crate::image::{
    BootMethod, BuildRequest, DISK, ImageError, ImageFolder, MANIFEST, build, images_folder, is_image_name, open, scan,
    verify,
};
use crate::view::harmless;

/// Arguments of `engine image`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    engine image build --kubernetes 1.35\n  \
    engine image list\n  \
    engine image verify")]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Builds an image; needs root, some GiB and some minutes
    Build(Box<BuildArguments>),
    /// Lists the images that are there
    List(ListArguments),
    /// Looks at every byte of images: whether they are what their manifests say
    Verify(VerifyArguments),
}

#[derive(Debug, Args)]
struct Place {
    /// The folder of images; without it, /var/lib/engine/images for root, else ~/.local/share/engine/images [env:
    /// ENGINE_IMAGES]
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    engine image build --kubernetes 1.35\n  \
    engine image build --kubernetes-binaries programs --container-images archives\n  \
    engine image build --kubernetes 1.35.9 --mirror http://mirror/debian --security-mirror http://mirror/debian-security\n\n\
    SOURCE_DATE_EPOCH dates the disk's files; without it, the beginning of the day (UTC) does. The same packages and programs \
    give the same disk.")]
struct BuildArguments {
    /// The version of Kubernetes, such as 1.35 or 1.35.9; without it, that of the programs, else the default
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<String>,
    /// A folder with kubelet, kubeadm, kubectl, containerd, containerd-shim-runc-v2, ctr and crictl; without it, packages
    #[arg(long, value_name = "DIR")]
    kubernetes_binaries: Option<PathBuf>,
    /// A folder with archives of container images (*.tar), which machines then need not fetch
    #[arg(long, value_name = "DIR")]
    container_images: Option<PathBuf>,
    /// The distribution: trixie (Debian 13) or noble (Ubuntu 24.04)
    #[arg(long, value_name = "SUITE", default_value = DEFAULT_DISTRIBUTION)]
    suite: String,
    /// The distribution's archive, if not its own
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// The archive of its security updates, if not its own
    #[arg(long, value_name = "URL")]
    security_mirror: Option<String>,
    /// The size of the disk as machines see it; it grows with theirs
    #[arg(long, value_name = "GIB")]
    size: Option<u64>,
    /// The program that runs on the gateway, if not this one
    #[arg(long, value_name = "FILE")]
    engine: Option<PathBuf>,
    /// The image's name; without it, kubernetes-VERSION-SUITE
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Takes the place of an image of that name
    #[arg(long)]
    replace: bool,
    /// Compresses the disk: smaller, and slower to build and to read
    #[arg(long)]
    compress: bool,
    /// A folder that keeps the distribution's part for the next build of the same packages and date
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine image list --json")]
struct ListArguments {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    engine image verify\n  \
    engine image verify kubernetes-1.35.9-trixie\n  \
    engine image verify ./copied/image")]
struct VerifyArguments {
    /// An image's name, or a folder by a path with a slash; without it, all images
    #[arg(value_name = "IMAGE")]
    image: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    match &arguments.what {
        What::Build(arguments) => self::build_image(call, arguments),
        What::List(arguments) => list(call, &folder(call, &arguments.place)),
        What::Verify(arguments) => verify_images(call, arguments),
    }
}

fn folder(call: &Call, place: &Place) -> PathBuf {
    images_folder(place.images.as_deref(), &call.environment)
}

fn build_image(call: &Call, arguments: &BuildArguments) -> Result<Exit, CliError> {
    let mut request = BuildRequest::new(folder(call, &arguments.place), &call.environment, &SystemClock)?;
    request.kubernetes.clone_from(&arguments.kubernetes);
    request.kubernetes_binaries.clone_from(&arguments.kubernetes_binaries);
    request.container_images.clone_from(&arguments.container_images);
    request.suite.clone_from(&arguments.suite);
    request.mirror.clone_from(&arguments.mirror);
    request.security_mirror.clone_from(&arguments.security_mirror);
    request.size_gib = arguments.size.unwrap_or(request.size_gib);
    request.engine = arguments.engine.clone().or(request.engine);
    request.name.clone_from(&arguments.name);
    request.replace = arguments.replace;
    request.compress = arguments.compress;
    request.cache.clone_from(&arguments.cache);
    let image = build(&request, &mut |line| call.output.note(&format!("{}\n", harmless(line))))?;
    call.output.data(&json!({ "format": 1, "image": described(&image) }));
    let style = call.output.style;
    call.output.text(&format!("{} {}\n", style.good("Built:"), image.path.display()));
    Ok(Exit::Success)
}

fn list(call: &Call, images: &Path) -> Result<Exit, CliError> {
    let scanned = scan(images)?;
    let told: Vec<Json> =
        scanned.iter().map(|(path, image)| told(path, image.as_ref().err(), image.as_ref().ok())).collect();
    call.output.data(&json!({ "format": 1, "folder": images, "images": told }));
    let style = call.output.style;
    if scanned.is_empty() {
        call.output.text(&format!("No images in {}. `engine image build` makes one.\n", images.display()));
        return Ok(Exit::Success);
    }
    let name = |path: &Path| harmless(&path.file_name().unwrap_or_default().to_string_lossy());
    let width = scanned.iter().map(|(path, _)| name(path).chars().count()).max().unwrap_or_default().max(4);
    let head = format!("{:<width$}  KUBERNETES  SUITE   PACKAGES OF  CONTAINER IMAGES  SIZE", "NAME");
    call.output.text(&format!("{}\n", style.strong(&head)));
    for (path, image) in &scanned {
        let name = name(path);
        let line = match image {
            Ok(image) => {
                let manifest = &image.manifest;
                format!(
                    "{name:<width$}  {:<10}  {:<6}  {:<11}  {:>16}  {}",
                    manifest.kubernetes,
                    harmless(&manifest.suite),
                    day(manifest.source_date),
                    manifest.container_images.len(),
                    size(image)
                )
            }
            Err(error) => format!("{name:<width$}  {}", style.bad(&harmless(&error.to_string()))),
        };
        call.output.text(&format!("{line}\n"));
    }
    call.output.text(&format!("\nin {}\n", images.display()));
    Ok(Exit::Success)
}

fn verify_images(call: &Call, arguments: &VerifyArguments) -> Result<Exit, CliError> {
    let images = folder(call, &arguments.place);
    let scanned = match &arguments.image {
        Some(image) => {
            // A name is one of the folder of images, a path is a path.
            let named = image.to_str().is_some_and(is_image_name) && !image.is_absolute();
            let path = if named { images.join(image) } else { image.clone() };
            let opened = open(&path);
            vec![(path, opened)]
        }
        None => scan(&images)?,
    };
    let style = call.output.style;
    let mut worst = None;
    let mut told = Vec::new();
    for (path, image) in scanned {
        let image = image.and_then(|image| verify(&image).map(|()| image));
        told.push(self::told(&path, image.as_ref().err(), image.as_ref().ok()));
        match image {
            Ok(_) => call.output.text(&format!("{} {}\n", style.good("whole"), path.display())),
            Err(error) => {
                call.output.text(&format!("{} {}\n", style.bad("not whole"), path.display()));
                // Every image is looked at, and the first fault is the answer; the others are told beside it.
                match worst {
                    None => worst = Some(error),
                    Some(_) => call.output.note(&format!("{}\n", harmless(&error.to_string()))),
                }
            }
        }
    }
    if let Some(error) = worst {
        // Data says what is wrong with each.
        if call.output.json {
            call.output.data(&json!({ "format": 1, "images": told, "whole": false }));
            let error = CliError::from(error);
            call.output.note(&format!("{}\n", harmless(&error.message)));
            return Ok(error.exit);
        }
        return Err(error.into());
    }
    if told.is_empty() {
        call.output.text(&format!("No images in {}.\n", images.display()));
    }
    call.output.data(&json!({ "format": 1, "images": told, "whole": true }));
    Ok(Exit::Success)
}

/// An image as data, or what is wrong with it.
fn told(path: &Path, error: Option<&ImageError>, image: Option<&ImageFolder>) -> Json {
    match (error, image) {
        (Some(error), _) => json!({ "folder": path, "error": error.to_string(), "help": error.help() }),
        (None, Some(image)) => described(image),
        (None, None) => json!({ "folder": path }),
    }
}

fn described(image: &ImageFolder) -> Json {
    let manifest = &image.manifest;
    json!({
        "folder": image.path,
        "name": manifest.name,
        "kubernetes": manifest.kubernetes.to_string(),
        "suite": manifest.suite,
        "sourceDate": manifest.source_date,
        "disk": image.file(DISK),
        "manifest": image.file(MANIFEST),
        "bootsBy": manifest.boots_by.iter().map(|way| way_word(*way)).collect::<Vec<_>>(),
        "packages": manifest.packages.len(),
        "containerImages": manifest.container_images.iter().map(|image| &image.name).collect::<Vec<_>>(),
        "bytes": bytes(image),
    })
}

fn way_word(way: BootMethod) -> &'static str {
    match way {
        BootMethod::Uefi => "uefi",
        BootMethod::Kernel => "kernel",
    }
}

fn bytes(image: &ImageFolder) -> u64 {
    image.manifest.files.iter().fold(0, |sum, file| file.size.saturating_add(sum))
}

fn size(image: &ImageFolder) -> String {
    format!("{} MiB", bytes(image) >> 20)
}

/// The day of a number of seconds since 1970.
fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "-".to_owned(), |day| day.strftime("%Y-%m-%d").to_string())
}

impl From<ImageError> for CliError {
    fn from(error: ImageError) -> Self {
        let help = error.help();
        let exit = match error {
            ImageError::File(error) => return error.into(),
            ImageError::Request { .. } | ImageError::Exists { .. } | ImageError::NotAnImage { .. } => Exit::Usage,
            ImageError::Lacking { .. } | ImageError::Mounted { .. } => Exit::Environment,
            ImageError::Busy { .. } => Exit::Locked,
            ImageError::Step { .. } => Exit::Failure,
            ImageError::Damaged { .. } | ImageError::Newer { .. } => Exit::StateDamaged,
        };
        let mut this = Self::new(exit, error.to_string());
        this.help = help;
        this
    }
}
