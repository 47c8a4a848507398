//! The addresses that an interface of the gateway holds: those of the configuration are put there, those that it no longer names
//! are taken away. Others on the interface are somebody else's, and stay.

use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde_json::Value as Json;
use tokio::process::Command;

use super::GatewayError;
use crate::base::{read_text, write_private};

/// The file below a gateway's folder with what it has put on its interface in the network, and on the one into the site.
pub(super) const HELD: &str = "addresses.json";
pub(super) const HELD_IN_SITE: &str = "site.json";

/// What is to be put on an interface, and what to be taken away.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    add: Vec<IpNet>,
    remove: Vec<IpNet>,
}

fn difference(present: &[IpNet], held: &[IpNet], wanted: &[IpNet]) -> Difference {
    Difference {
        add: wanted.iter().filter(|address| !present.contains(address)).copied().collect(),
        remove: held.iter().filter(|address| !wanted.contains(address) && present.contains(address)).copied().collect(),
    }
}

/// The addresses in what `ip -json address show` prints.
fn addresses(printed: &str) -> Vec<IpNet> {
    let interfaces: Vec<Json> = serde_json::from_str(printed).unwrap_or_default();
    let entries = interfaces.iter().flat_map(|interface| interface["addr_info"].as_array().into_iter().flatten());
    entries
        .filter_map(|entry| {
            let address = entry["local"].as_str()?.parse().ok()?;
            IpNet::new(address, u8::try_from(entry["prefixlen"].as_u64()?).ok()?).ok()
        })
        .collect()
}

pub(super) async fn ip(arguments: &[&str]) -> Result<String, GatewayError> {
    let failed = |cause: String| GatewayError::Program { program: PathBuf::from("ip"), cause };
    let output = Command::new("ip")
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|cause| failed(cause.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(failed(format!("{}: {said}", arguments.join(" "))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether an interface has one of these addresses.
pub(super) async fn has_some(interface: &str, some: &[IpNet]) -> Result<bool, GatewayError> {
    let present = addresses(&ip(&["-json", "address", "show", "dev", interface]).await?);
    Ok(some.iter().any(|address| present.contains(address)))
}

/// Puts what is wanted on an interface, and takes away what this function has put there before and is no longer wanted.
pub(super) async fn hold(file: &Path, interface: &str, wanted: &[IpNet]) -> Result<(), GatewayError> {
    let held: Vec<IpNet> = read_text(file).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let present = addresses(&ip(&["-json", "address", "show", "dev", interface]).await?);
    let Difference { add, remove } = difference(&present, &held, wanted);
    // First what is intended: an address of which nobody knows whose it is would stay for ever.
    let mut known: Vec<IpNet> = held.iter().filter(|address| !wanted.contains(address)).copied().collect();
    known.extend(wanted.iter().filter(|address| held.contains(address) || add.contains(address)));
    keep(file, &known)?;
    // These first: with the first address of a range on an interface the kernel takes away all others of that range.
    for address in &remove {
        ip(&["address", "delete", &address.to_string(), "dev", interface]).await?;
    }
    for address in &add {
        // Nobody else has it: the target gave it to this gateway.
        let mut arguments = vec!["address", "replace"];
        let text = address.to_string();
        arguments.extend([text.as_str(), "dev", interface]);
        if address.addr().is_ipv6() {
            arguments.push("nodad");
        }
        ip(&arguments).await?;
    }
    known.retain(|address| wanted.contains(address));
    keep(file, &known)
}

fn keep(file: &Path, addresses: &[IpNet]) -> Result<(), GatewayError> {
    let text = serde_json::to_string(addresses).unwrap_or_default();
    if read_text(file).is_ok_and(|known| known == text) {
        return Ok(());
    }
    Ok(write_private(file, text.as_bytes())?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn only_what_was_put_there_is_taken_away() {
        let present = nets(&["10.0.0.1/24", "10.0.0.9/24", "192.0.2.1/24"]);
        let (held, wanted) = (nets(&["10.0.0.9/24", "10.0.0.8/24"]), nets(&["10.0.0.1/24", "169.254.169.254/32"]));
        let expected = Difference { add: nets(&["169.254.169.254/32"]), remove: nets(&["10.0.0.9/24"]) };
        assert_eq!(difference(&present, &held, &wanted), expected);
    }

    #[test]
    fn what_ip_prints_is_read() {
        let printed = r#"[{"ifname":"eth0","addr_info":[{"family":"inet","local":"10.0.0.1","prefixlen":24},
            {"family":"inet6","local":"fe80::1","prefixlen":64}]}]"#;
        assert_eq!(addresses(printed), nets(&["10.0.0.1/24", "fe80::1/64"]));
        assert_eq!(addresses("nothing"), Vec::new());
    }
}
