//! What an image is asked for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::ImageError;
use super::command::with_administrators;
use crate::base::{Clock, Environment, FileError};
use crate::catalog::DEFAULT_DISTRIBUTION;

/// The size of a disk as machines see it, in GiB, if nothing is said: room for the images of containers of two versions.
const SIZE_GIB: u64 = 12;

const DAY: i64 = 86_400;

/// What to build.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The folder of images, which the image is put into.
    pub images: PathBuf,
    /// A version of Kubernetes (`1.36.4`), or a minor version (`1.36`). `None`: that of the programs, else the default.
    pub kubernetes: Option<String>,
    /// A folder with kubelet, kubeadm, kubectl, containerd, containerd-shim-runc-v2, ctr and crictl, and etcdctl if it is
    /// there. `None`: packages.
    pub kubernetes_binaries: Option<PathBuf>,
    /// A folder with archives of container images (`*.tar`), which machines then need not fetch.
    pub container_images: Option<PathBuf>,
    /// The distribution by the name of its suite.
    pub suite: String,
    /// Another archive of the distribution.
    pub mirror: Option<String>,
    /// Another archive of the distribution's security updates.
    pub security_mirror: Option<String>,
    /// The size of the disk as machines see it, in GiB.
    pub size_gib: u64,
    /// The program that runs on the gateway. `None`: it is not known which program runs.
    pub engine: Option<PathBuf>,
    /// The image's name. `None`: `kubernetes-<version>-<suite>`.
    pub name: Option<String>,
    /// Whether an image of that name is built anew.
    pub replace: bool,
    /// A folder that keeps the distribution's part for the next build.
    pub cache: Option<PathBuf>,
    /// Whether the disk is compressed: smaller, and slower to build and to read.
    pub compress: bool,
    /// No file of the disk is newer: seconds since 1970.
    pub source_date: i64,
    /// Whether the process runs as root.
    pub superuser: bool,
    /// Where programs are looked for.
    pub search_path: OsString,
}

impl BuildRequest {
    /// What is built if nothing is said: packages of the default version on the default distribution, with the program that
    /// runs. Files are dated by `SOURCE_DATE_EPOCH`, else by the beginning of the day (UTC), so that what is built twice on a
    /// day is the same.
    ///
    /// # Errors
    /// `SOURCE_DATE_EPOCH` is no number of seconds.
    pub fn new(images: PathBuf, environment: &Environment, clock: &dyn Clock) -> Result<Self, ImageError> {
        let source_date = match environment.get("SOURCE_DATE_EPOCH") {
            None => clock.now().as_second().div_euclid(DAY) * DAY,
            Some(text) => match text.parse() {
                Ok(seconds) if seconds > 0 => seconds,
                _ => {
                    return Err(ImageError::Request {
                        what: format!("SOURCE_DATE_EPOCH is `{text}`"),
                        help: "it has to be the seconds since 1970-01-01".to_owned(),
                    });
                }
            },
        };
        Ok(Self {
            images,
            kubernetes: None,
            kubernetes_binaries: None,
            container_images: None,
            suite: DEFAULT_DISTRIBUTION.to_owned(),
            mirror: None,
            security_mirror: None,
            size_gib: SIZE_GIB,
            engine: environment.program.clone(),
            name: None,
            replace: false,
            cache: None,
            compress: false,
            source_date,
            superuser: environment.superuser,
            search_path: with_administrators(environment.get("PATH").unwrap_or_default().as_ref()),
        })
    }

    /// The same with absolute paths: programs run in the work folder, where a relative path means something else.
    pub(super) fn with_whole_paths(&self) -> Result<Self, ImageError> {
        let whole = |path: &Path| {
            std::path::absolute(path).map_err(|cause| FileError { action: "find", path: path.to_owned(), cause })
        };
        let mut request = self.clone();
        request.images = whole(&request.images)?;
        let others =
            [&mut request.kubernetes_binaries, &mut request.container_images, &mut request.engine, &mut request.cache];
        for path in others.into_iter().flatten() {
            *path = whole(path)?;
        }
        Ok(request)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::base::FixedClock;

    #[test]
    fn files_are_dated_by_the_day_or_as_is_said() {
        let clock = FixedClock("2026-11-28T20:33:01Z".parse().unwrap());
        let request = |environment: &Environment| BuildRequest::new("/images".into(), environment, &clock);
        let today: jiff::Timestamp = "2026-11-28T00:00:00Z".parse().unwrap();
        assert_eq!(request(&Environment::default()).unwrap().source_date, today.as_second());
        assert_eq!(
            request(&Environment::of([("SOURCE_DATE_EPOCH", "1700000000")])).unwrap().source_date,
            1_700_000_000
        );
        for wrong in ["yesterday", "-1", "0"] {
            assert!(request(&Environment::of([("SOURCE_DATE_EPOCH", wrong)])).is_err(), "{wrong}");
        }
    }

    #[test]
    fn programs_of_administrators_are_found_whatever_the_path() {
        let environment = Environment::of([("PATH", "/opt/bin")]);
        let request =
            BuildRequest::new("/images".into(), &environment, &FixedClock(jiff::Timestamp::UNIX_EPOCH)).unwrap();
        let folders: Vec<PathBuf> = std::env::split_paths(&request.search_path).collect();
        assert_eq!(folders.first(), Some(&PathBuf::from("/opt/bin")));
        assert!(folders.contains(&PathBuf::from("/usr/sbin")), "{folders:?}");
    }
}
