//! dnsmasq, where the gateway is the machines' router: it gives them their addresses, and answers for names.
//!
//! Nobody else on the wire is answered: a site has servers of its own. Source: dnsmasq(8), 2.91; tried 2026-11-29.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Serialize;

use super::GatewayError;
use super::askers::hardware_address;
use super::configuration::{Configuration, Router};
use super::program::{Manner, Program, words};
use super::run::{METADATA, WIRE};
use super::text::{self, DNSMASQ};

/// The configuration below a gateway's folder.
const FILE: &str = "dnsmasq.conf";

/// dnsmasq at work in a folder, as this process's child. It reads no more than hosts anew by itself, and starts in a moment.
pub(super) fn dnsmasq(program: PathBuf, folder: &Path) -> Program {
    Program::new(
        program,
        folder,
        FILE,
        Manner { works: words("-k -C"), judges: words("--test -C"), rereads: None, marks: Vec::new() },
    )
}

/// A name as DNS has it; what is none is not told.
fn name(text: &str) -> Option<String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (text.len() < 254 && text.split('.').all(is_label)).then(|| text.to_ascii_lowercase())
}

/// What dnsmasq works by: the same machines give the same bytes.
pub(super) fn rendered(
    configuration: &Configuration,
    router: &Router,
    interface: &str,
) -> Result<String, GatewayError> {
    #[derive(Serialize)]
    struct Subnet {
        tag: String,
        network: IpAddr,
        mask: IpAddr,
        router: IpAddr,
    }
    #[derive(Serialize)]
    struct Machine {
        hardware_address: String,
        address: Ipv4Addr,
        /// Empty: it has none.
        name: String,
    }
    #[derive(Serialize)]
    struct Name {
        name: String,
        address: IpAddr,
    }
    #[derive(Serialize)]
    struct View {
        interface: String,
        domain: String,
        metadata: IpAddr,
        wire: IpAddr,
        name_servers: Vec<IpAddr>,
        names: Vec<Name>,
        subnets: Vec<Subnet>,
        machines: Vec<Machine>,
    }
    let subnets = router.subnets.iter().filter(|subnet| matches!(subnet, IpNet::V4(_)));
    let machines = configuration.machines.iter().flat_map(|machine| {
        let own = name(&machine.computer_name).filter(|name| !name.contains('.'));
        machine.interfaces.iter().enumerate().filter_map(move |(index, interface)| {
            let address = interface.addresses.iter().find_map(|it| match it.private {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            })?;
            // A name has one address.
            let name = match (&own, index) {
                (Some(own), 0) => own.clone(),
                (Some(own), _) => name(&format!("{own}-{index}")).unwrap_or_default(),
                (None, _) => String::new(),
            };
            Some(Machine { hardware_address: hardware_address(interface)?, address, name })
        })
    });
    let view = View {
        interface: interface.to_owned(),
        domain: name(&router.domain).unwrap_or_else(|| "internal".to_owned()),
        metadata: METADATA.ip(),
        wire: WIRE.ip(),
        name_servers: router.name_servers.clone(),
        names: router
            .names
            .iter()
            .filter_map(|(text, address)| Some(Name { name: name(text)?, address: *address }))
            .collect(),
        subnets: subnets
            .enumerate()
            .map(|(index, subnet)| Subnet {
                tag: format!("subnet{index}"),
                network: subnet.network(),
                mask: subnet.netmask(),
                router: subnet.addr(),
            })
            .collect(),
        machines: machines.collect(),
    };
    text::render(DNSMASQ, &view)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail by a panic, and says what it skips")]
mod tests {
    use super::super::configuration::tests::example;
    use super::*;

    fn router() -> Router {
        Router {
            domain: "rg.internal".into(),
            subnets: ["10.240.0.1/16", "10.241.0.1/24"].iter().map(|text| text.parse().unwrap()).collect(),
            names: [("site.local.internal".to_owned(), "192.0.2.48".parse().unwrap())].into(),
            name_servers: vec!["192.0.2.1".parse().unwrap()],
            source: None,
        }
    }

    fn text_of(configuration: &Configuration) -> String {
        rendered(configuration, &router(), "eth0").unwrap()
    }

    #[test]
    fn machines_are_told_their_addresses_and_names() {
        let text = text_of(&example());
        for line in [
            "interface=eth0",
            "dhcp-ignore=tag:!known",
            "dhcp-range=set:subnet0,10.240.0.0,static,255.255.0.0,infinite",
            "dhcp-option=tag:subnet1,option:dns-server,10.241.0.1",
            "dhcp-option=tag:subnet1,121,0.0.0.0/0,10.241.0.1,168.63.129.16/32,10.241.0.1,169.254.169.254/32,10.241.0.1",
            "dhcp-host=52:54:00:a1:b2:c3,10.240.255.5,k8s-master-1-0",
            "host-record=k8s-master-1-0,k8s-master-1-0.rg.internal,10.240.255.5",
            "host-record=site.local.internal,192.0.2.48",
            "server=192.0.2.1",
            "local=/rg.internal/",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_told_to_nobody() {
        let mut configuration = example();
        configuration.machines[0].computer_name = "a\naddn-hosts=/etc/shadow".into();
        let text = text_of(&configuration);
        assert!(!text.contains("addn-hosts") && text.contains("dhcp-host=52:54:00:a1:b2:c3,10.240.255.5\n"), "{text}");
        configuration.machines[0].interfaces[0].mac = "52\nuser=root".into();
        assert!(!text_of(&configuration).contains("dhcp-host"));
        assert_eq!(name("A-b.c"), Some("a-b.c".into()));
        for wrong in ["", "-a", "a-", "a..b", "a b", "ä", "a.", "a,b"] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
    }

    /// dnsmasq itself judges it, where there is one.
    #[test]
    fn dnsmasq_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        std::fs::write(&file, text_of(&example())).unwrap();
        let output = match std::process::Command::new("dnsmasq").arg("--test").arg("-C").arg(&file).output() {
            Err(cause) => return println!("skipped: there is no dnsmasq: {cause}"),
            Ok(output) => output,
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
