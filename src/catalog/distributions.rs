//! Distributions that machine images are made of.
//!
//! Sources: the package index of Debian 13, read 2026-11-28; Ubuntu's archives and the name of its kernel from memory.

/// A release of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distribution {
    /// Its code name, which its suites begin with: `trixie`.
    pub suite: &'static str,
    /// How people call it.
    pub title: &'static str,
    /// Whose it is, in one word: `debian` or `ubuntu`.
    pub family: &'static str,
    /// The parts of the archive that are used.
    pub components: &'static str,
    /// Its archive.
    pub archive: &'static str,
    /// The archive of security updates, whose suite is `<suite>-security`.
    pub security_archive: &'static str,
    /// The kernel for virtual machines.
    pub kernel: &'static str,
    /// The keys that its archives are signed with, on the machine that builds.
    pub keyring: &'static str,
    /// The package which that file is in.
    pub keyring_package: &'static str,
}

const DISTRIBUTIONS: [Distribution; 2] = [
    Distribution {
        suite: "trixie",
        title: "Debian 13 (trixie)",
        family: "debian",
        components: "main",
        archive: "http://deb.debian.org/debian",
        security_archive: "http://deb.debian.org/debian-security",
        kernel: "linux-image-cloud-amd64",
        keyring: "/usr/share/keyrings/debian-archive-keyring.gpg",
        keyring_package: "debian-archive-keyring",
    },
    Distribution {
        suite: "noble",
        title: "Ubuntu 24.04 (noble)",
        family: "ubuntu",
        components: "main universe",
        archive: "http://archive.ubuntu.com/ubuntu",
        security_archive: "http://security.ubuntu.com/ubuntu",
        kernel: "linux-image-virtual",
        keyring: "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
        keyring_package: "ubuntu-archive-keyring",
    },
];

/// The suite of images for which none is named.
pub const DEFAULT_DISTRIBUTION: &str = "trixie";

/// All that images can be made of.
pub const fn distributions() -> &'static [Distribution] {
    &DISTRIBUTIONS
}

/// A distribution by the name of its suite.
pub fn distribution(suite: &str) -> Option<&'static Distribution> {
    DISTRIBUTIONS.iter().find(|candidate| candidate.suite == suite)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_one_of_them() {
        assert_eq!(distribution(DEFAULT_DISTRIBUTION).unwrap().family, "debian");
        assert_eq!(distribution("moon"), None);
    }
}
