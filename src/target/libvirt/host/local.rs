//! What a host beside which the engine runs tells without libvirt: its kernel's files, its routes, its programs.
//!
//! Sources: proc(5), and the kernel's `Documentation/networking/ip-sysctl.rst`, from memory.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use ipnet::Ipv4Net;

/// A program that libvirt runs on a host, and Debian's package with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostProgram {
    /// Its name.
    pub name: &'static str,
    /// What it is there for.
    pub purpose: &'static str,
    /// The package.
    pub package: &'static str,
}

/// Those without which no cluster comes about.
pub const HOST_PROGRAMS: [HostProgram; 4] = [
    HostProgram { name: "qemu-system-x86_64", purpose: "runs machines", package: "qemu-system-x86" },
    HostProgram { name: "qemu-img", purpose: "makes disks", package: "qemu-utils" },
    HostProgram { name: "dnsmasq", purpose: "gives machines their addresses", package: "dnsmasq-base" },
    HostProgram { name: "iptables", purpose: "filters packets", package: "iptables" },
];

/// Where programs lie that only root runs: a user's path often leaves them out, libvirt's does not.
const SYSTEM_FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// A route of the host's, but for the default one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The interface behind which the network is.
    pub interface: String,
    /// The network.
    pub network: Ipv4Net,
    /// Whether it is reached without a router.
    pub is_direct: bool,
}

/// What the host tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalHost {
    /// Whether packets that cross a bridge pass the host's filters; `None`: the kernel cannot do that, or not yet.
    pub filters_bridges: Option<bool>,
    /// The routes.
    pub routes: Vec<Route>,
    /// The host's own addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// Its bridges.
    pub bridges: Vec<String>,
    /// How much memory could be had without swapping, in MiB.
    pub available_mib: Option<u64>,
    /// The processor's word for virtualisation, `vmx` or `svm`, if it has one.
    pub virtualisation: Option<&'static str>,
    /// Whether the kernel offers `/dev/kvm`.
    pub has_kvm_device: bool,
    /// Programs that are not there.
    pub missing: Vec<HostProgram>,
}

impl LocalHost {
    /// Looks. `root` is `/`; `path` is where programs are looked for first. What cannot be read is not told.
    pub fn look(root: &Path, path: Option<&str>) -> Self {
        let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap_or_default();
        let filters = read("proc/sys/net/bridge/bridge-nf-call-iptables");
        Self {
            filters_bridges: match filters.trim() {
                "" => None,
                number => Some(number != "0"),
            },
            routes: routes(&read("proc/net/route")),
            addresses: own_addresses(&read("proc/net/fib_trie")),
            bridges: bridges(&root.join("sys/class/net")),
            available_mib: available(&read("proc/meminfo")),
            virtualisation: virtualisation(&read("proc/cpuinfo")),
            has_kvm_device: root.join("dev/kvm").exists(),
            missing: HOST_PROGRAMS.into_iter().filter(|program| !is_there(root, path, program.name)).collect(),
        }
    }
}

fn is_there(root: &Path, path: Option<&str>, name: &str) -> bool {
    let own = path.into_iter().flat_map(|path| path.split(':')).filter(|folder| folder.starts_with('/'));
    own.chain(SYSTEM_FOLDERS)
        .map(|folder| root.join(folder.trim_start_matches('/')).join(name))
        .any(|file| file.is_file())
}

/// The lines of `/proc/net/route`: interface, destination, router, flags, three numbers, mask. Numbers are hexadecimal, and
/// addresses the machine's own words of memory.
fn routes(text: &str) -> Vec<Route> {
    let route = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, router, _, _, _, _, mask, ..] = columns.as_slice() else { return None };
        let address = |text: &str| Some(Ipv4Addr::from(u32::from_str_radix(text, 16).ok()?.to_ne_bytes()));
        let network = Ipv4Net::with_netmask(address(destination)?, address(mask)?).ok()?;
        let is_direct = address(router)?.is_unspecified();
        (network.prefix_len() > 0).then(|| Route { interface: (*interface).to_owned(), network, is_direct })
    };
    text.lines().skip(1).filter_map(route).collect()
}

/// The addresses that `/proc/net/fib_trie` has as the host's own, without its loopback's: each stands on the line before.
fn own_addresses(text: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in text.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = last.filter(|address| !address.is_loopback() && !found.contains(address))
        {
            found.push(address);
        }
    }
    found
}

fn bridges(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let bridge = |path: PathBuf| path.join("bridge").is_dir().then(|| path.file_name()?.to_str().map(str::to_owned));
    let mut bridges: Vec<String> = entries.filter_map(|entry| bridge(entry.path()).flatten()).collect();
    bridges.sort();
    bridges
}

fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1024)
}

fn virtualisation(text: &str) -> Option<&'static str> {
    let flags = text.lines().find_map(|line| line.strip_prefix("flags"))?;
    ["vmx", "svm"].into_iter().find(|word| flags.split_whitespace().any(|flag| flag == *word))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn a_host_tells_of_itself() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let word = |address: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(address));
        let line = |interface: &str, destination, router, mask| {
            let [destination, router, mask] = [destination, router, mask].map(word);
            format!("{interface}\t{destination}\t{router}\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n")
        };
        let none = [0, 0, 0, 0];
        let table = [
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n".to_owned(),
            line("eth0", none, [192, 0, 2, 1], none),
            line("br0", [192, 0, 2, 0], none, [255, 255, 255, 0]),
            line("eth0", [10, 8, 0, 0], [192, 0, 2, 9], [255, 248, 0, 0]),
            "nonsense\n".to_owned(),
        ];
        write(root, "proc/net/route", &table.concat());
        write(
            root,
            "proc/net/fib_trie",
            "Main:\n  |-- 127.0.0.1\n     /32 host LOCAL\n  |-- 192.0.2.0\n     /24 link UNICAST\n  |-- 192.0.2.2\n     \
             /32 host LOCAL\nLocal:\n  |-- 192.0.2.2\n     /32 host LOCAL\n  |-- 192.0.2.255\n     /32 link BROADCAST\n",
        );
        write(root, "proc/sys/net/bridge/bridge-nf-call-iptables", "1\n");
        write(root, "proc/meminfo", "MemTotal:  24683656 kB\nMemAvailable:   20008544 kB\n");
        write(root, "proc/cpuinfo", "processor: 0\nflags\t\t: fpu vme svm\n");
        write(root, "sys/class/net/br0/bridge/stp_state", "0");
        write(root, "sys/class/net/eth0/mtu", "1500");
        write(root, "opt/own/qemu-img", "");
        write(root, "usr/sbin/dnsmasq", "");
        let host = LocalHost::look(root, Some("relative:/opt/own"));
        let route = |interface: &str, network: &str, is_direct| Route {
            interface: interface.into(),
            network: network.parse().unwrap(),
            is_direct,
        };
        assert_eq!(host.routes, [route("br0", "192.0.2.0/24", true), route("eth0", "10.8.0.0/13", false)]);
        assert_eq!(host.addresses, ["192.0.2.2".parse::<Ipv4Addr>().unwrap()]);
        assert_eq!((host.bridges, host.available_mib), (vec!["br0".to_owned()], Some(19_539)));
        assert_eq!((host.filters_bridges, host.virtualisation, host.has_kvm_device), (Some(true), Some("svm"), false));
        let missing: Vec<&str> = host.missing.iter().map(|program| program.name).collect();
        assert_eq!(missing, ["qemu-system-x86_64", "iptables"]);
    }

    #[test]
    fn what_a_host_does_not_tell_is_not_known() {
        let root = tempfile::tempdir().unwrap();
        let host = LocalHost::look(root.path(), None);
        assert_eq!(host, LocalHost { missing: HOST_PROGRAMS.to_vec(), ..LocalHost::default() });
        write(root.path(), "proc/sys/net/bridge/bridge-nf-call-iptables", "0\n");
        assert_eq!(LocalHost::look(root.path(), None).filters_bridges, Some(false));
    }
}
