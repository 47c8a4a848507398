//! Pools of Windows: who logs in, what they start from, and which network they can have.

use crate::base::Diagnostic;
use crate::contract::KeyVaultSecret;

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::input::{ApiModel, WindowsProfile};
use super::super::network::{NetworkPlugin, NetworkPolicy};
use super::super::pointers::{KUBERNETES, WINDOWS};
use super::super::pool::OperatingSystem;
use super::people::REFUSED_NAMES;

/// Passwords that Azure refuses because everybody knows them.
///
/// Source: learn.microsoft.com, REST reference of virtual machines, `OSProfile.adminPassword`, "Disallowed values"; as for the
/// length, "Minimum-length (Windows): 8 characters" (some of Microsoft's own tools ask for 12); in a stored copy read 2026-11-28.
const KNOWN_PASSWORDS: [&str; 10] = [
    "abc@123",
    "iloveyou!",
    "P@$$w0rd",
    "P@ssw0rd",
    "P@ssword123",
    "Pa$$word",
    "pass@word1",
    "Password!",
    "Password1",
    "Password22",
];

pub(super) fn judge(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    if cluster.pools.iter().all(|pool| pool.operating_system != OperatingSystem::Windows) {
        return;
    }
    network(cluster, findings);
    let profile = model.properties.as_ref().and_then(|properties| properties.windows_profile.as_ref());
    let Some(profile) = profile else {
        let fault =
            Diagnostic::error("windows-profile-required", WINDOWS, "a pool runs Windows, but nobody can log in there");
        findings.judge(&[], fault.help("add windowsProfile with adminUsername and adminPassword"));
        return;
    };
    account(profile, findings);
    image(profile, findings);
    isolation(profile, findings);
}

fn network(cluster: &Cluster, findings: &mut Findings) {
    let at = |name: &str| format!("{KUBERNETES}/{name}");
    let plugin = cluster.network.plugin;
    if !matches!(plugin, NetworkPlugin::Azure | NetworkPlugin::Kubenet) {
        let message = format!("the plugin {} does not run on Windows", plugin.word());
        let fault = Diagnostic::error("windows-network", at("networkPlugin"), message);
        findings.judge(&[], fault.help("write azure or kubenet, or leave the pools of Windows out"));
    } else if cluster.network.policy != NetworkPolicy::None {
        // Azure ended its own there on 30 September 2026 (learn.microsoft.com, "Secure traffic between pods by using network
        // policies in AKS", read 2026-11-25).
        let message = format!("nobody would enforce the policy {} on Windows", cluster.network.policy.word());
        let fault = Diagnostic::error("windows-network", at("networkPolicy"), message);
        findings.judge(&[], fault.help("leave networkPolicy out, or the pools of Windows"));
    }
}

fn account(profile: &WindowsProfile, findings: &mut Findings) {
    let at = |name: &str| format!("{WINDOWS}/{name}");
    for (given, name) in
        [(profile.admin_username.is_some(), "adminUsername"), (profile.admin_password.is_some(), "adminPassword")]
    {
        if !given {
            let fault = Diagnostic::error("windows-credentials", at(name), format!("{name} is missing"));
            findings.judge(&[], fault.help(format!("add \"{name}\"")));
        }
    }
    if let Some(name) = &profile.admin_username {
        let fits = (1..=20).contains(&name.chars().count())
            && !name.ends_with('.')
            && name.chars().all(|letter| letter.is_ascii_graphic() && !r#"\/"[]:|<>+=;,?*@&"#.contains(letter));
        if !fits || REFUSED_NAMES.contains(&name.to_ascii_lowercase().as_str()) {
            let message = format!("\"{name}\" cannot be the administrator's account on Windows");
            let fault = Diagnostic::error("windows-username", at("adminUsername"), message);
            findings.judge(&[], fault.help("write up to 20 letters and digits, such as azureuser"));
        }
    }
    if let Some(password) = &profile.admin_password {
        let text = password.0.expose();
        // One in a key vault is read while planning, and judged by Azure.
        if KeyVaultSecret::of_text(text).is_some() {
            return;
        }
        if !is_password(text) {
            let fault = Diagnostic::error("windows-password", at("adminPassword"), "Azure refuses this password");
            let help = "8 to 123 characters, with three of: small letters, capitals, digits, others; and none that everybody \
                        knows";
            findings.judge(&[], fault.help(help));
        }
    }
}

fn is_password(text: &str) -> bool {
    let kinds = [
        text.chars().any(char::is_lowercase),
        text.chars().any(char::is_uppercase),
        text.chars().any(char::is_numeric),
        text.chars().any(|letter| !letter.is_alphanumeric()),
    ];
    kinds.into_iter().filter(|kind| *kind).count() >= 3
        && (8..=123).contains(&text.chars().count())
        && !KNOWN_PASSWORDS.contains(&text)
}

/// Everybody who sees the resources sees the disk's address, so a signature must not stand in it.
fn image(profile: &WindowsProfile, findings: &mut Findings) {
    let Some(url) = profile.windows_image_source_url.as_ref().filter(|url| !url.is_empty()) else { return };
    if !url.starts_with("https://") || url.contains('?') || url.contains(char::is_whitespace) {
        let message = "an image is made of a disk by its plain https address, without a signature";
        let fault = Diagnostic::error("windows-image-url", format!("{WINDOWS}/windowsImageSourceUrl"), message);
        findings.judge(
            &[],
            fault
                .help("write https://<account>.blob.core.windows.net/<container>/<disk>.vhd, of the same subscription"),
        );
    }
}

/// What keeps containers apart is protection, so it is not left out without a word.
fn isolation(profile: &WindowsProfile, findings: &mut Findings) {
    let Some(runtimes) = &profile.windows_runtimes else { return };
    let builds: Vec<&Option<String>> = runtimes.hyperv_runtimes.iter().flatten().map(|it| &it.build_number).collect();
    for (place, build) in builds.iter().enumerate().filter(|(place, build)| builds[..*place].contains(build)) {
        let message = format!("the build {} stands here a second time", build.as_deref().unwrap_or("without a number"));
        let pointer = format!("{WINDOWS}/windowsRuntimes/hypervRuntimes/{place}");
        findings.judge(&[], Diagnostic::error("windows-isolation", pointer, message).help("name each build once"));
    }
    if runtimes.default.as_deref() == Some("hyperv") {
        let message = "Kubernetes does not run Windows containers under Hyper-V; they would share the node's kernel";
        let fault = Diagnostic::error("windows-isolation", format!("{WINDOWS}/windowsRuntimes/default"), message);
        findings.judge(&[], fault.help("write \"process\", and give what must be kept apart pools of their own"));
    }
}

#[cfg(test)]
mod tests {
    use super::is_password;

    #[test]
    fn passwords_are_what_azure_takes() {
        for text in ["Canary-1", "canary-1", "Canary12", &format!("Canary-1{}", "x".repeat(115))] {
            assert!(is_password(text), "{text}");
        }
        for text in
            ["Canar-1", "canaries", "Canaries", "Password22", "P@ssword123", &format!("Canary-1{}", "x".repeat(116))]
        {
            assert!(!is_password(text), "{text}");
        }
    }
}
