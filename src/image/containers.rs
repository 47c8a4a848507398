//! Images of containers on the disk, for machines that reach no registry.

use std::path::PathBuf;

use super::command::CommandLine;
use super::manifest::ContainerImage;

/// The script that imports them.
pub(super) const SCRIPT: (&str, &str) = ("containers.sh", include_str!("../../templates/image/containers.sh"));

/// containerd's databases below the disk's root. They hold the times of the import, so that they are never the same twice.
pub(super) const DATABASES: [&str; 2] = [
    "var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db",
    "var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/metadata.db",
];

/// Imports archives in namespaces of their own: whatever happens, no mount and no process is left.
pub(super) fn import(root: &str, archives: &[PathBuf]) -> CommandLine {
    CommandLine::new("unshare", ["--mount", "--pid", "--fork", "--kill-child", "sh", SCRIPT.0, root]).and(archives)
}

/// What containerd lists: a table whose first three columns are reference, type and digest. Sorted by name.
pub(super) fn listed(table: &str) -> Vec<ContainerImage> {
    let mut images: Vec<ContainerImage> = table
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, digest) = (words.next()?, words.nth(1)?);
            digest.starts_with("sha256:").then(|| ContainerImage { name: name.to_owned(), digest: digest.to_owned() })
        })
        .collect();
    images.sort();
    images
}

/// The images of a version (one a line) that are not on the disk.
pub(super) fn missing<'a>(wanted: &'a str, images: &[ContainerImage]) -> Vec<&'a str> {
    let is_there = |name: &str| images.iter().any(|image| image.name == name);
    wanted.lines().map(str::trim).filter(|name| !name.is_empty() && !is_there(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
        REF                          TYPE                                       DIGEST          SIZE     PLATFORMS   LABELS\n\
        registry.k8s.io/pause:3.10.2 application/vnd.docker.distribution.man... sha256:6b5e21 680.0 KiB linux/amd64 a=b\n\
        docker.io/library/busybox:1  application/vnd.oci.image.index.v1+json    sha256:77e4fa 29.3 MiB  linux/amd64 -\n";

    #[test]
    fn images_are_read_from_containerds_table() {
        let image = |name: &str, digest: &str| ContainerImage { name: name.into(), digest: digest.into() };
        let images = listed(TABLE);
        assert_eq!(
            images,
            [
                image("docker.io/library/busybox:1", "sha256:77e4fa"),
                image("registry.k8s.io/pause:3.10.2", "sha256:6b5e21")
            ]
        );
        let wanted = "registry.k8s.io/pause:3.10.2\nregistry.k8s.io/etcd:3.6.8-0\n";
        assert_eq!(missing(wanted, &images), ["registry.k8s.io/etcd:3.6.8-0"]);
    }
}
