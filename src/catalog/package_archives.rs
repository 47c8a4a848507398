//! Archives of Debian packages besides the distributions' own, and the keys that they are signed with.
//!
//! Sources: <https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/> and
//! <https://docs.docker.com/engine/install/debian/>, read 2026-11-28. The fingerprints are those that many publish who
//! looked at the two keys by `gpg --show-keys`, read in their public repositories on the same day; the first of the two
//! keys is one for all minor versions, and ends on 2026-12-29 unless it is prolonged.

/// The Kubernetes project's packages of a minor version (`1.35`): a flat archive, its key in `Release.key`.
pub fn kubernetes_archive(minor: &str) -> String {
    format!("https://pkgs.k8s.io/core:/stable:/v{minor}/deb/")
}

/// Docker's packages for a distribution (`debian`, `ubuntu`), its key in `gpg`.
pub fn docker_archive(family: &str) -> String {
    format!("https://download.docker.com/linux/{family}")
}

/// The fingerprint of the key that Kubernetes' packages are signed with.
pub const KUBERNETES_KEY: &str = "DE15B14486CD377B9E876E1A234654DA9A296436";

/// The fingerprint of the key that Docker's packages are signed with.
pub const DOCKER_KEY: &str = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88";
