//! What can go wrong with images.

use std::path::PathBuf;

use crate::base::FileError;

/// Something that a build needs and that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// What is missing, and what for.
    pub what: String,
    /// What to do about it; a Debian package is named by [`Lack::package`] instead.
    pub remedy: Option<String>,
    /// The package of Debian or Ubuntu that has it.
    pub package: Option<&'static str>,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file that cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is asked for makes no sense.
    #[error("{what}")]
    Request {
        /// What is wrong.
        what: String,
        /// What to say instead.
        help: String,
    },
    /// The machine lacks what a build needs. Nothing was made.
    #[error("an image cannot be built here:{}", list(lacks))]
    Lacking {
        /// Everything that is missing.
        lacks: Vec<Lack>,
    },
    /// There is an image of that name.
    #[error("{} is there already", folder.display())]
    Exists {
        /// Its folder.
        folder: PathBuf,
    },
    /// Another process builds the same image.
    #[error("another build of {} is under way", folder.display())]
    Busy {
        /// The folder of the image to be.
        folder: PathBuf,
    },
    /// Something is mounted in the folder that an interrupted build has left: deleting it could delete what is mounted.
    #[error("{} is mounted in the folder of an interrupted build", mount.display())]
    Mounted {
        /// Where.
        mount: PathBuf,
    },
    /// A step of a build failed. Nothing is left but its log.
    #[error("{step}: {cause}\nthe whole log is {}", log.display())]
    Step {
        /// The step, as it was told.
        step: String,
        /// What happened, and the last lines of the log.
        cause: String,
        /// The log.
        log: PathBuf,
        /// What to do about it, where that is known.
        help: Option<String>,
    },
    /// A folder that is no image.
    #[error("{} is no image: {cause}", folder.display())]
    NotAnImage {
        /// The folder.
        folder: PathBuf,
        /// What is missing.
        cause: String,
    },
    /// An image that is not what its manifest says, or whose manifest cannot be understood.
    #[error("the image {} is damaged: {cause}", folder.display())]
    Damaged {
        /// Its folder.
        folder: PathBuf,
        /// What is wrong, with the place in the file where that is known.
        cause: String,
    },
    /// A manifest of a newer engine.
    #[error("the image {} has a manifest of format {format}, which this engine does not read", folder.display())]
    Newer {
        /// Its folder.
        folder: PathBuf,
        /// The format.
        format: u64,
    },
}

fn list(lacks: &[Lack]) -> String {
    lacks.iter().map(|lack| format!("\n- {}", lack.what)).collect()
}

impl ImageError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::File(_) => None,
            Self::Request { help, .. } => Some(help.clone()),
            Self::Lacking { lacks } => Some(remedies(lacks)),
            Self::Exists { folder } => Some(format!(
                "use it, build under another name by --name, or say --replace to build it anew (`engine image verify {}` \
                 tells whether it is whole)",
                folder.display()
            )),
            Self::Busy { .. } => Some("wait until it has ended, or build under another name by --name".to_owned()),
            Self::Mounted { mount } => {
                Some(format!("`umount {}`, once it is clear what it is, and build again", mount.display()))
            }
            Self::Step { help, .. } => help.clone(),
            Self::NotAnImage { .. } => Some("`engine image list` tells the images that there are".to_owned()),
            Self::Damaged { folder, .. } => Some(format!(
                "build it anew by `engine image build --replace`, or copy {} again from where it came from",
                folder.display()
            )),
            Self::Newer { .. } => Some("use the engine that built it, or build an image by this one".to_owned()),
        }
    }
}

/// Packages are installed by one command; everything else follows.
fn remedies(lacks: &[Lack]) -> String {
    let mut packages: Vec<&str> = lacks.iter().filter_map(|lack| lack.package).collect();
    packages.sort_unstable();
    packages.dedup();
    let install = (!packages.is_empty()).then(|| format!("apt-get install {}", packages.join(" ")));
    let others = lacks.iter().filter_map(|lack| lack.remedy.clone());
    install.into_iter().chain(others).collect::<Vec<_>>().join("; ")
}
