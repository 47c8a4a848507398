//! Packages of the distribution: which an image is made of, and which are on it.

use super::manifest::Package;
use super::plan::Software;

/// What every machine has. `systemd-boot-efi` is the boot loader's file alone; `haproxy`, `dnsmasq-base` and
/// `keepalived` are the gateway's.
const COMMON: [&str; 33] = [
    "systemd-sysv",
    "systemd-resolved",
    "systemd-boot-efi",
    "dbus",
    "udev",
    "cloud-init",
    "cloud-guest-utils",
    "fdisk",
    "openssh-server",
    "qemu-guest-agent",
    "sudo",
    "iproute2",
    "iputils-ping",
    "netcat-openbsd",
    "kmod",
    "ca-certificates",
    "curl",
    "e2fsprogs",
    "dhcpcd-base",
    "zstd",
    "mount",
    "python3-minimal",
    "iptables",
    "nftables",
    "conntrack",
    "socat",
    "ethtool",
    "ipset",
    "openssl",
    "chrony",
    "haproxy",
    "dnsmasq-base",
    "keepalived",
];

/// What a node needs beside Kubernetes' own programs, where those come from a folder. Packages bring their own.
const BESIDE_PROGRAMS: [&str; 2] = ["runc", "containernetworking-plugins"];

/// The packages that are asked for, as apt takes them.
pub(super) fn wanted(kernel: &str, software: &Software, libraries: &[&str]) -> Vec<String> {
    let mut packages: Vec<String> = std::iter::once(kernel).chain(COMMON).map(str::to_owned).collect();
    match software {
        Software::Programs { .. } => packages.extend(BESIDE_PROGRAMS.map(str::to_owned)),
        Software::Packages { version, containerd } => {
            packages.push(format!("containerd.io={containerd}"));
            packages.extend(["kubelet", "kubeadm", "kubectl"].map(|name| format!("{name}={version}-*")));
            packages.push("cri-tools".to_owned());
        }
    }
    packages.extend(libraries.iter().map(|library| (*library).to_owned()));
    packages
}

/// The packages that dpkg's own list (`/var/lib/dpkg/status`) calls installed, sorted by name.
pub(super) fn installed(status: &str) -> Vec<Package> {
    let field = |paragraph: &str, name: &str| {
        let line = paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map(str::to_owned)
    };
    let mut packages: Vec<Package> = status
        .split("\n\n")
        .filter(|paragraph| field(paragraph, "Status").is_some_and(|status| status.ends_with(" ok installed")))
        .filter_map(|paragraph| {
            Some(Package { name: field(paragraph, "Package")?, version: field(paragraph, "Version")? })
        })
        .collect();
    packages.sort();
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_packages_are_told_and_removed_ones_are_not() {
        let status = "Package: zlib1g\nStatus: install ok installed\nVersion: 1:1.3\nDescription: x\n Version: no\n\n\
                      Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
                      Package: apt\nStatus: hold ok installed\nVersion: 3.0.3\n";
        let package = |name: &str, version: &str| Package { name: name.into(), version: version.into() };
        assert_eq!(installed(status), [package("apt", "3.0.3"), package("zlib1g", "1:1.3")]);
        assert_eq!(installed(""), []);
    }

    #[test]
    fn packages_of_kubernetes_are_asked_for_by_version_and_bring_what_they_need() {
        let packages = Software::Packages { version: "1.35.9".into(), containerd: "2.3.*".into() };
        let wanted = wanted("linux-image-cloud-amd64", &packages, &["libvirt0"]);
        for name in ["containerd.io=2.3.*", "kubelet=1.35.9-*", "kubeadm=1.35.9-*", "haproxy", "libvirt0"] {
            assert!(wanted.iter().any(|package| package == name), "{name}: {wanted:?}");
        }
        // Docker's package has a runc of its own, which the distribution's stands in the way of.
        assert!(!wanted.iter().any(|package| BESIDE_PROGRAMS.contains(&package.as_str())), "{wanted:?}");
        let programs = super::wanted("k", &Software::Programs { folder: "/bin".into() }, &[]);
        assert!(programs.iter().any(|package| package == "runc"), "{programs:?}");
        assert!(!programs.iter().any(|package| package.starts_with("kube")), "{programs:?}");
    }
}
