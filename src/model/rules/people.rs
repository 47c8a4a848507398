//! Who logs in, where the cluster stands.

use crate::base::Diagnostic;

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::input::ApiModel;
use super::super::network::NetworkPlugin;
use super::super::pointers::{LINUX, LOCATION, WINDOWS};
use super::super::pool::OperatingSystem;

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

/// Account names that Azure refuses or the image has already.
const TAKEN_NAMES: [&str; 4] = ["root", "admin", "administrator", "ubuntu"];

pub(super) fn judge(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    let location = &cluster.location;
    if !location.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        let fault =
            Diagnostic::error("location-form", LOCATION, format!("\"{location}\" is not a region's short name"));
        findings.judge(&[], fault.help("write a name such as westus2"));
    }
    linux(cluster, findings);
    windows(cluster, model, findings);
}

fn linux(cluster: &Cluster, findings: &mut Findings) {
    let linux = &cluster.linux;
    let name = linux.admin_username.as_bytes();
    let fits = (1..=32).contains(&name.len())
        && (name[0].is_ascii_alphabetic() || name[0] == b'_')
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte));
    if !fits || TAKEN_NAMES.contains(&linux.admin_username.as_str()) {
        let fault = Diagnostic::error(
            "admin-username",
            format!("{LINUX}/adminUsername"),
            format!("\"{}\" cannot be the administrator's account", linux.admin_username),
        );
        findings.judge(&[], fault.help("write up to 32 letters, digits, _ and -, from a letter, such as azureuser"));
    }
    for (index, key) in linux.ssh_public_keys.iter().enumerate() {
        if !is_public_key(key) {
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

fn windows(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    let profile = model.properties.as_ref().and_then(|properties| properties.windows_profile.as_ref());
    if cluster.pools.iter().all(|pool| pool.operating_system != OperatingSystem::Windows) {
        return;
    }
    let Some(profile) = profile else {
        let fault =
            Diagnostic::error("windows-profile-required", WINDOWS, "a pool runs Windows, but nobody can log in there");
        findings.judge(&[], fault.help("add windowsProfile with adminUsername and adminPassword"));
        return;
    };
    for (given, name) in
        [(profile.admin_username.is_some(), "adminUsername"), (profile.admin_password.is_some(), "adminPassword")]
    {
        if !given {
            let fault =
                Diagnostic::error("windows-credentials", format!("{WINDOWS}/{name}"), format!("{name} is missing"));
            findings.judge(&[], fault.help(format!("add \"{name}\"")));
        }
    }
    if let Some(password) = &profile.admin_password {
        let text = password.0.expose();
        let kinds = [
            text.chars().any(char::is_lowercase),
            text.chars().any(char::is_uppercase),
            text.chars().any(char::is_numeric),
            text.chars().any(|letter| !letter.is_alphanumeric()),
        ];
        let strong = kinds.into_iter().filter(|kind| *kind).count() >= 3;
        if !strong || !(12..=123).contains(&text.chars().count()) {
            let fault = Diagnostic::error(
                "windows-password",
                format!("{WINDOWS}/adminPassword"),
                "Azure refuses this password",
            );
            findings
                .judge(&[], fault.help("12 to 123 characters, with three of: small letters, capitals, digits, others"));
        }
    }
}
