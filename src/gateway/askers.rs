//! Who asks, in a gateway that is a machine. The host translates what leaves the network, and with packet filters on bridges it
//! does so for what only crosses the bridge, too: then all machines ask the two services by the host's address. Their hardware
//! addresses stay what they are, and a machine's packet filter lets it have no other. So each is given its own address back.
//!
//! Sources: netfilter's `br_netfilter` and libvirt 11.3's rule `! -d NETWORK -j MASQUERADE`, seen 2026-11-29; nft(8), nftables
//! 1.1, "nat" chains of hook `input`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::configuration::Configuration;
use super::run::{METADATA, WIRE};
use super::site::table;
use super::{GatewayError, Interface};

/// The rules, all anew: nft takes all of them or none.
pub(super) fn rules(configuration: &Configuration) -> String {
    let services = format!("{{ {}, {} }}", METADATA.ip(), WIRE.ip());
    let interfaces = configuration.machines.iter().flat_map(|machine| &machine.interfaces);
    let rules: String = interfaces
        .filter_map(|interface| Some((hardware_address(interface)?, address(interface)?)))
        .map(|(hardware, address)| format!("    ip daddr {services} ether saddr {hardware} snat to {address}\n"))
        .collect();
    let chain = format!("  chain askers {{\n    type nat hook input priority 100; policy accept;\n{rules}  }}\n");
    table("ip", "engine_gateway", &chain)
}

/// An interface's hardware address as `00:22:aa:bb:cc:dd`.
pub(super) fn hardware_address(interface: &Interface) -> Option<String> {
    colons(&interface.mac)
}

/// `0022AABBCCDD` as `00:22:aa:bb:cc:dd`.
pub(super) fn colons(mac: &str) -> Option<String> {
    let digits = mac.to_ascii_lowercase();
    let is_one = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pairs = || (0..12).step_by(2).filter_map(|at| digits.get(at..at + 2)).collect::<Vec<_>>().join(":");
    is_one.then(pairs)
}

fn address(interface: &Interface) -> Option<IpAddr> {
    interface.addresses.iter().map(|address| address.private).find(IpAddr::is_ipv4)
}

/// Puts rules into force.
pub(super) async fn apply(rules: &str) -> Result<(), GatewayError> {
    let failed = |cause: String| GatewayError::Program { program: PathBuf::from("nft"), cause };
    let mut command = Command::new("nft");
    command.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|cause| failed(cause.to_string()))?;
    if let Some(mut input) = child.stdin.take() {
        // One that ends before it has read all says why.
        _ = input.write_all(rules.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(|cause| failed(cause.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail by a panic, and says what it skips")]
mod tests {
    use super::super::configuration::tests::example;
    use super::*;

    #[test]
    fn each_interface_asks_by_its_own_address() {
        let mut configuration = example();
        configuration.machines[0].interfaces[0].mac = "5228A5F10B69".to_owned();
        configuration.machines[0].interfaces[0].addresses[0].private = "10.240.255.5".parse().unwrap();
        let text = rules(&configuration);
        let rule = "ip daddr { 169.254.169.254, 168.63.129.16 } ether saddr 52:28:a5:f1:0b:69 snat to 10.240.255.5\n";
        assert!(text.contains(rule), "{text}");
        assert!(text.starts_with("table ip engine_gateway\ndelete table ip engine_gateway\n"), "{text}");
        // What is no hardware address becomes no rule.
        configuration.machines.truncate(1);
        configuration.machines[0].interfaces.truncate(1);
        configuration.machines[0].interfaces[0].mac = "52; drop table".to_owned();
        assert!(!rules(&configuration).contains("ether saddr"));
    }

    /// nft itself judges them, where it may look at the kernel.
    #[tokio::test]
    async fn nft_takes_the_rules() {
        let rules = rules(&example());
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "nft", "--check", "-f", "-"]).stdin(Stdio::piped());
        let Ok(mut child) = command.stderr(Stdio::piped()).spawn() else { return };
        child.stdin.take().unwrap().write_all(rules.as_bytes()).await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("Operation not permitted") || said.contains("No such file") || said.contains("unshare") {
            println!("skipped: nft cannot look at the kernel here: {said}");
            return;
        }
        assert!(output.status.success(), "{said}\n{rules}");
    }
}
