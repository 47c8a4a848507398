//! Who logs in, where the cluster stands.

use crate::base::Diagnostic;
use crate::contract::KeyVaultSecret;

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::network::NetworkPlugin;
use super::super::pointers::{LINUX, LOCATION};

/// The kinds of public keys that OpenSSH on the nodes takes.
const KEY_KINDS: [&str; 7] = [
    "ssh-rsa",
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// Account names that Azure refuses.
///
/// Source: learn.microsoft.com, REST reference of virtual machines, `OSProfile.adminUsername`, "Disallowed values", in a stored
/// copy read 2026-11-28.
pub(super) const REFUSED_NAMES: [&str; 32] = [
    "1",
    "123",
    "a",
    "actuser",
    "adm",
    "admin",
    "admin1",
    "admin2",
    "administrator",
    "aspnet",
    "backup",
    "console",
    "david",
    "guest",
    "john",
    "owner",
    "root",
    "server",
    "sql",
    "support",
    "support_388945a0",
    "sys",
    "test",
    "test1",
    "test2",
    "test3",
    "user",
    "user1",
    "user2",
    "user3",
    "user4",
    "user5",
];

/// Those that it refuses on Linux besides ("Frequently asked question about Linux Virtual Machines", which has the length too), or
/// that the image has already.
const TAKEN_NAMES: [&str; 2] = ["ubuntu", "video"];

pub(super) fn judge(cluster: &Cluster, findings: &mut Findings) {
    let location = &cluster.location;
    if !location.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        let fault =
            Diagnostic::error("location-form", LOCATION, format!("\"{location}\" is not a region's short name"));
        findings.judge(&[], fault.help("write a name such as westus2"));
    }
    linux(cluster, findings);
}

fn linux(cluster: &Cluster, findings: &mut Findings) {
    let linux = &cluster.linux;
    let bytes = linux.admin_username.as_bytes();
    let fits = (1..=32).contains(&bytes.len())
        && (bytes[0].is_ascii_alphabetic() || bytes[0] == b'_')
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte));
    let name = linux.admin_username.as_str();
    if !fits || REFUSED_NAMES.contains(&name) || TAKEN_NAMES.contains(&name) {
        let fault = Diagnostic::error(
            "admin-username",
            format!("{LINUX}/adminUsername"),
            format!("\"{}\" cannot be the administrator's account", linux.admin_username),
        );
        findings.judge(&[], fault.help("write up to 32 letters, digits, _ and -, from a letter, such as azureuser"));
    }
    for (index, key) in linux.ssh_public_keys.iter().enumerate() {
        // One that lies in a key vault is judged as such (`key_vaults`).
        if !is_public_key(key) && KeyVaultSecret::of_text(key).is_none() {
            let fault = Diagnostic::error(
                "ssh-public-key",
                format!("{LINUX}/ssh/publicKeys/{index}/keyData"),
                "this is not a public key in OpenSSH's form",
            );
            findings.judge(&[], fault.help("copy the one line of a file such as ~/.ssh/id_ed25519.pub"));
        }
    }
    if let Some(mtu) = linux.mtu {
        let kubenet = cluster.network.plugin == NetworkPlugin::Kubenet;
        if kubenet || ![1500, 3900].contains(&mtu) {
            let fault = Diagnostic::error("mtu", format!("{LINUX}/eth0MTU"), format!("the MTU cannot be {mtu} here"));
            findings.judge(&[], fault.help("leave it out, or write 1500 or 3900; kubenet sets its own"));
        }
    }
}

/// `kind base64 [comment]` on one line, where the base64 starts with the kind again.
pub(super) fn is_public_key(key: &str) -> bool {
    use base64::Engine as _;
    let mut parts = key.split_ascii_whitespace();
    let (Some(kind), Some(data)) = (parts.next(), parts.next()) else { return false };
    let decoded = base64::engine::general_purpose::STANDARD.decode(data).unwrap_or_default();
    let length = u32::try_from(kind.len()).unwrap_or_default().to_be_bytes();
    !key.contains('\n')
        && KEY_KINDS.contains(&kind)
        && decoded.strip_prefix(&length).is_some_and(|rest| rest.starts_with(kind.as_bytes()))
}
