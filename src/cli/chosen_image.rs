//! Which image the machines of a cluster on-prem start from.

use super::Call;
use super::error::CliError;
use crate::base::{read_text, short_digest};
use crate::image::{DISK, INITIAL_DISK, ImageFolder, KERNEL, MANIFEST, find, images_folder, open};
use crate::model::{Cluster, OnPremImage};
use crate::target::libvirt::{DEFAULT_IMAGE, ImageFiles};

/// An image: its volume, and the folder that the volume's content comes from, if it may not be in the pool yet.
pub struct ChosenImage {
    /// The volume in the cluster's storage pool.
    pub volume: String,
    /// The folder.
    pub folder: Option<ImageFolder>,
    /// The text of the folder's manifest.
    manifest: String,
}

impl ChosenImage {
    /// The image of a cluster: what its model names; else the newest of this machine for its version of Kubernetes; else a volume
    /// that somebody has put into the pool.
    ///
    /// # Errors
    /// A folder that is no image, or one that may be the right one and is damaged.
    pub fn of(call: &Call, cluster: Option<&Cluster>) -> Result<Self, CliError> {
        let volume = |volume: &str| Self { volume: volume.to_owned(), folder: None, manifest: String::new() };
        let said = cluster.and_then(|cluster| cluster.on_prem.as_ref()?.image.as_ref());
        let folder = match (said, cluster) {
            (Some(OnPremImage::Volume(name)), _) => return Ok(volume(name)),
            (Some(OnPremImage::Folder(path)), _) => Some(open(path)?),
            (None, Some(cluster)) => {
                find(&images_folder(None, &call.environment), &cluster.kubernetes_version.to_string())?
            }
            (None, None) => None,
        };
        let Some(folder) = folder else { return Ok(volume(DEFAULT_IMAGE)) };
        let manifest = read_text(&folder.file(MANIFEST))?;
        // One that is built anew under the same name is another volume: machines stand on the first one.
        let digest = short_digest([manifest.as_bytes()], 8);
        Ok(Self {
            volume: format!("{DEFAULT_IMAGE}-{}-{digest}", folder.manifest.name),
            folder: Some(folder),
            manifest,
        })
    }

    /// What goes into the pool when it is needed.
    #[cfg_attr(not(feature = "libvirt"), expect(dead_code, reason = "only the target libvirt asks for it"))]
    pub fn files(&self) -> Option<ImageFiles> {
        self.folder.as_ref().map(|folder| ImageFiles {
            disk: folder.file(DISK),
            format: "qcow2".to_owned(),
            capacity: folder.manifest.disk_bytes,
            kernel: folder.file(KERNEL),
            initrd: folder.file(INITIAL_DISK),
            manifest: self.manifest.clone(),
        })
    }
}
