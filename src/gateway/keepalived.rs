//! keepalived, where a network has two gateways: it gives one of them the addresses, and the other one when that is gone. The rest of
//! the gateway looks who has them.
//!
//! The two talk to each other only, from own addresses in the machines' network (VRRP, RFC 9568).
//! Sources: keepalived.conf(5), 2.3.3; tried 2026-11-29.

use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Serialize;

use super::GatewayError;
use super::configuration::{Configuration, Pair};
use super::program::{Manner, Program};
use super::text::{self, KEEPALIVED};

/// The configuration below a gateway's folder.
const FILE: &str = "keepalived.conf";

/// keepalived at work in a folder, as this process's child, with nothing but its VRRP.
pub(super) fn keepalived(program: PathBuf, folder: &Path) -> Program {
    let marks = ["keepalived.pid", "vrrp.pid"].map(|name| folder.join(name));
    let [parent, child] = marks.clone().map(|file| file.display().to_string());
    let works = ["--dont-fork", "--log-console", "--vrrp", "--pid", &parent, "--vrrp_pid", &child, "--use-file"];
    let judges = ["--config-test", "--use-file"];
    let manner = Manner {
        works: works.map(str::to_owned).to_vec(),
        judges: judges.map(str::to_owned).to_vec(),
        rereads: Some("-HUP"),
        marks: marks.to_vec(),
    };
    Program::new(program, folder, FILE, manner)
}

/// What keepalived works by: the same addresses give the same bytes. `inner` is the interface in the network, `outer` the one into
/// the site.
pub(super) fn rendered(
    configuration: &Configuration,
    pair: &Pair,
    inner: &str,
    outer: Option<&str>,
) -> Result<String, GatewayError> {
    #[derive(Serialize)]
    struct Held {
        address: IpNet,
        device: String,
    }
    #[derive(Serialize)]
    struct View {
        interface: String,
        priority: u8,
        own: std::net::IpAddr,
        other: std::net::IpAddr,
        first: Option<Held>,
        others: Vec<Held>,
    }
    let on = |device: &str, address: &IpNet| Held { address: *address, device: device.to_owned() };
    let site = configuration.site.iter().flat_map(|site| &site.addresses);
    let mut held: Vec<Held> = configuration.addresses.iter().map(|address| on(inner, address)).collect();
    held.extend(outer.into_iter().flat_map(|outer| site.clone().map(|address| on(outer, address))));
    // One goes by the messages of the two, which have room for few.
    let first = (!held.is_empty()).then(|| held.remove(0));
    let view = View {
        interface: inner.to_owned(),
        // The higher one begins.
        priority: if pair.first { 150 } else { 100 },
        own: pair.own.addr(),
        other: pair.other,
        first,
        others: held,
    };
    text::render(KEEPALIVED, &view)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail by a panic, and says what it skips")]
mod tests {
    use super::super::configuration::Site;
    use super::super::configuration::tests::example;
    use super::*;

    fn text_of(first: bool, site: bool) -> String {
        let mut configuration = example();
        configuration.site = site.then(|| Site {
            bridge: "br0".into(),
            mac: "525400A1B2C4".into(),
            addresses: vec!["192.0.2.48/32".parse().unwrap()],
            router: None,
        });
        let (own, other) = ("10.240.0.2/16".parse().unwrap(), "10.240.0.3".parse().unwrap());
        let pair = Pair { own, other, other_mac: "525400A1B2C5".into(), first };
        rendered(&configuration, &pair, "eth0", site.then_some("eth1")).unwrap()
    }

    #[test]
    fn one_begins_and_each_address_is_where_it_belongs() {
        let text = text_of(true, true);
        let held = |block: &str| -> Vec<String> {
            let lines = text.split(&format!("  {block} {{\n")).nth(1).unwrap();
            lines.lines().take_while(|line| line.trim() != "}").map(|line| line.trim().to_owned()).collect()
        };
        // Messages have room for few; the others come and go with it.
        assert_eq!(held("virtual_ipaddress"), ["10.240.0.2/16 dev eth0"]);
        let others = ["168.63.129.16/32 dev eth0", "169.254.169.254/32 dev eth0", "198.18.0.4/32 dev eth0"];
        assert_eq!(held("virtual_ipaddress_excluded"), [&others[..], &["192.0.2.48/32 dev eth1"]].concat());
        assert_eq!(held("unicast_peer"), ["10.240.0.3"]);
        for line in ["unicast_src_ip 10.240.0.2", "priority 150", "nopreempt", "state BACKUP"] {
            assert!(text.lines().any(|own| own.trim() == line), "{line}\n{text}");
        }
        let other = text_of(false, false);
        assert!(other.contains("priority 100") && !other.contains("eth1"), "{other}");
    }

    /// keepalived itself judges it, where there is one.
    #[test]
    fn keepalived_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        // It looks for the interfaces, too.
        let names = std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
        let mut names = names.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name != "lo");
        let Some(name) = names.next() else { return println!("skipped: there is no interface but lo") };
        let text = text_of(true, true).replace("eth0", &name).replace("eth1", &name);
        std::fs::write(&file, text).unwrap();
        let output =
            match std::process::Command::new("keepalived").args(["--config-test", "--use-file"]).arg(&file).output() {
                Err(cause) => return println!("skipped: there is no keepalived: {cause}"),
                Ok(output) => output,
            };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
