//! Which version of Kubernetes an image is for.

use semver::Version;

use super::ImageError;
use crate::catalog::{DEFAULT_KUBERNETES_RELEASE, kubernetes_release, kubernetes_releases};

/// What `kubeadm version --output short` says (`v1.36.4`) as a version.
pub(super) fn told_by_kubeadm(text: &str) -> Option<Version> {
    Version::parse(text.trim().strip_prefix('v')?).ok()
}

/// The version that is meant: the one that is asked for (`1.36.4`, `v1.36.4`), the one of a minor version (`1.36`), or, if
/// nothing is asked for, the default. Where there are programs, `told` is what they are, and has to be what is asked for.
///
/// # Errors
/// A text that is no version, one that the catalog does not know, programs of another version.
pub(super) fn resolve(asked: Option<&str>, told: Option<&Version>) -> Result<Version, ImageError> {
    let asked = asked.map(|asked| asked.strip_prefix('v').unwrap_or(asked));
    match (asked, told) {
        (None, Some(told)) => Ok(told.clone()),
        (None, None) => newest_of(DEFAULT_KUBERNETES_RELEASE),
        (Some(asked), None) if is_minor(asked) => newest_of(asked),
        (Some(asked), None) => {
            let version = Version::parse(asked).map_err(|_| no_version(asked))?;
            newest_of(&format!("{}.{}", version.major, version.minor))?;
            Ok(version)
        }
        (Some(asked), Some(told)) => {
            let minor = format!("{}.{}", told.major, told.minor);
            if !is_minor(asked) && Version::parse(asked).is_err() {
                return Err(no_version(asked));
            }
            if asked == minor || Version::parse(asked).is_ok_and(|asked| asked == *told) {
                return Ok(told.clone());
            }
            Err(ImageError::Request {
                what: format!("the folder's kubeadm is {told}, and {asked} is asked for"),
                help: format!("say --kubernetes {told}, or name a folder with programs of {asked}"),
            })
        }
    }
}

fn is_minor(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

fn newest_of(release: &str) -> Result<Version, ImageError> {
    kubernetes_release(release).map(|release| release.newest_version()).ok_or_else(|| unknown(release))
}

fn unknown(release: &str) -> ImageError {
    let known: Vec<&str> = kubernetes_releases().iter().map(|release| release.release).collect();
    ImageError::Request {
        what: format!("there are no packages of Kubernetes {release} that the engine knows of"),
        help: format!("known are {}; others are built from --kubernetes-binaries DIR", known.join(", ")),
    }
}

fn no_version(text: &str) -> ImageError {
    ImageError::Request {
        what: format!("`{text}` is no version of Kubernetes"),
        help: format!("say a version such as {DEFAULT_KUBERNETES_RELEASE}, or one with its patch"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_one_asked_for_or_the_newest_of_its_minor() {
        let newest = |minor: &str| kubernetes_release(minor).unwrap().newest_version();
        assert_eq!(resolve(None, None).unwrap(), newest(DEFAULT_KUBERNETES_RELEASE));
        assert_eq!(resolve(Some("1.36"), None).unwrap(), newest("1.36"));
        assert_eq!(resolve(Some("v1.36.1"), None).unwrap(), Version::new(1, 36, 1));
        for wrong in ["", "1", "1.", "1.36.x", "1.99", "1.99.1", "latest"] {
            let error = resolve(Some(wrong), None).unwrap_err();
            assert!(!error.help().unwrap().is_empty(), "{wrong}");
        }
    }

    #[test]
    fn programs_have_to_be_what_is_asked_for() {
        let told = told_by_kubeadm("v1.36.4\n").unwrap();
        assert_eq!(told_by_kubeadm("1.36.4"), None);
        for fits in [None, Some("1.36"), Some("1.36.4"), Some("v1.36.4")] {
            assert_eq!(resolve(fits, Some(&told)).unwrap(), told, "{fits:?}");
        }
        for other in ["1.35", "1.36.3", "1.3", "x"] {
            assert!(matches!(resolve(Some(other), Some(&told)), Err(ImageError::Request { .. })), "{other}");
        }
        // Nobody knows this one, but its programs are there.
        assert_eq!(resolve(Some("1.99"), Some(&Version::new(1, 99, 0))).unwrap(), Version::new(1, 99, 0));
    }
}
