//! Names, ids and tags that Azure or Kubernetes would refuse.
//!
//! Sources, looked up 2026-11-25 in stored copies of learn.microsoft.com: "Naming rules and restrictions for Azure
//! resources" (a Linux machine has up to 64 characters) and the limitations in "Use tags to organize your Azure
//! resources" (50 tags; 512 and 256 characters; `<>%&\?/`). Which ids have a form, that `dataDir` is a path from the
//! root, and the bounds of etcd's storage: aks-engine f634f52, `pkg/api/vlabs/validate.go`.

use std::collections::BTreeMap;

use crate::base::Diagnostic;

use super::super::cluster::Cluster;
use super::super::document::child;
use super::super::findings::Findings;
use super::super::identity::Identity;
use super::super::input::ApiModel;
use super::super::pointers::{KUBERNETES, MASTER, PROPERTIES, SERVICE_PRINCIPAL, pool};
use super::people::is_public_key;

/// Tags of one resource; the engine's own are some of them.
const TAGS: usize = 50;
const OWN_TAGS: usize = 5;

pub(super) fn judge(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    resource_ids(cluster, model, findings);
    guids(model, findings);
    tags(cluster, findings);
    jumpbox(cluster, findings);
    data_directories(model, findings);
    etcd_limit(cluster, findings);
}

fn resource_ids(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    const PLACEMENT: &str = "Microsoft.Compute/proximityPlacementGroups";
    let plane = &cluster.control_plane;
    let mut ids = vec![
        (format!("{MASTER}/proximityPlacementGroupID"), plane.proximity_placement_group_id.clone(), PLACEMENT),
        (
            format!("{MASTER}/agentVnetSubnetID"),
            plane.agent_subnet_id.clone(),
            "Microsoft.Network/virtualNetworks/subnets",
        ),
    ];
    for pool in &cluster.pools {
        let at = |name: &str| self::pool(pool.index, name);
        ids.push((at("proximityPlacementGroupID"), pool.proximity_placement_group_id.clone(), PLACEMENT));
        let sets = "Microsoft.Compute/diskEncryptionSets";
        ids.push((at("diskEncryptionSetID"), pool.disk_encryption_set_id.clone(), sets));
    }
    // Without a slash it is the name of an identity that the engine makes.
    if let Identity::UserAssigned { id, .. } = &cluster.identity
        && id.contains('/')
    {
        let kind = "Microsoft.ManagedIdentity/userAssignedIdentities";
        ids.push((format!("{KUBERNETES}/userAssignedID"), Some(id.clone()), kind));
    }
    let principal = model.properties.as_ref().and_then(|properties| properties.service_principal_profile.as_ref());
    let reference = principal.and_then(|principal| principal.keyvault_secret_ref.as_ref());
    if let Some(id) = reference.and_then(|reference| reference.vault_id.clone()) {
        ids.push((format!("{SERVICE_PRINCIPAL}/keyvaultSecretRef/vaultID"), Some(id), "Microsoft.KeyVault/vaults"));
    }
    let profiles = model.properties.iter().flat_map(|properties| properties.agent_pool_profiles.iter().flatten());
    for (index, profile) in profiles.enumerate() {
        for (number, id) in profile.load_balancer_backend_address_pool_ids.iter().flatten().enumerate() {
            let pointer = self::pool(index, &format!("loadBalancerBackendAddressPoolIDs/{number}"));
            ids.push((pointer, Some(id.clone()), "Microsoft.Network/loadBalancers/backendAddressPools"));
        }
    }
    for (pointer, id, kind) in ids {
        let Some(id) = id.filter(|id| !is_id_of(id, kind)) else { continue };
        let fault = Diagnostic::error("resource-id-form", pointer, format!("\"{id}\" is not the id of one of {kind}"));
        let (provider, types) = kind.split_once('/').unwrap_or((kind, ""));
        let types: String = types.split('/').map(|kind| format!("/{kind}/…")).collect();
        let form = format!("/subscriptions/…/resourceGroups/…/providers/{provider}{types}");
        findings.judge(&[], fault.help(format!("write {form}")));
    }
}

/// Whether an id is one of a resource of a type, such as `Microsoft.Network/virtualNetworks/subnets`.
fn is_id_of(id: &str, kind: &str) -> bool {
    let mut wanted = vec!["", "subscriptions", "*", "resourceGroups", "*", "providers"];
    let mut types = kind.split('/');
    wanted.extend(types.next());
    types.for_each(|kind| wanted.extend([kind, "*"]));
    let parts: Vec<&str> = id.split('/').collect();
    parts.len() == wanted.len()
        && parts.iter().zip(wanted).all(|(part, wanted)| match wanted {
            "*" => !part.is_empty(),
            word => part.eq_ignore_ascii_case(word),
        })
}

fn guids(model: &ApiModel, findings: &mut Findings) {
    let Some(properties) = &model.properties else { return };
    let aad = properties.aad_profile.as_ref();
    for (name, value) in [
        ("clientAppID", aad.and_then(|aad| aad.client_app_id.as_ref())),
        ("serverAppID", aad.and_then(|aad| aad.server_app_id.as_ref())),
        ("tenantID", aad.and_then(|aad| aad.tenant_id.as_ref())),
        ("adminGroupID", aad.and_then(|aad| aad.admin_group_id.as_ref())),
    ] {
        let Some(value) = value.filter(|value| uuid::Uuid::try_parse(value).is_err()) else { continue };
        let root = format!("{PROPERTIES}/aadProfile");
        let fault = Diagnostic::error("guid-form", format!("{root}/{name}"), format!("{name} \"{value}\" is no GUID"));
        findings
            .judge(&[], fault.help("write eight, four, four, four and twelve hexadecimal digits, as Azure shows it"));
    }
}

fn tags(cluster: &Cluster, findings: &mut Findings) {
    let own = std::iter::once((format!("{MASTER}/customVMTags"), &cluster.control_plane.tags));
    let pools = cluster.pools.iter().map(|pool| (self::pool(pool.index, "customVMTags"), &pool.tags));
    let machines: Vec<(String, &BTreeMap<String, String>)> = own.chain(pools).collect();
    for (root, tags) in std::iter::once(("/tags".to_owned(), &cluster.tags)).chain(machines.iter().cloned()) {
        for (name, value) in tags {
            let forbidden = name.chars().find(|letter| "<>%&\\?/".contains(*letter));
            let message = match forbidden {
                Some(letter) => format!("the tag's name \"{name}\" has a {letter}"),
                None if !(1..=512).contains(&name.chars().count()) => "a tag's name has 1 to 512 characters".to_owned(),
                None if value.chars().count() > 256 => format!("the value of the tag \"{name}\" is too long"),
                None => continue,
            };
            let fault = Diagnostic::error("tag-form", child(&root, name), message);
            findings.judge(&[], fault.help("names: up to 512 characters, none of <>%&\\?/; values: up to 256"));
        }
    }
    for (root, own) in machines {
        let all = cluster.tags.keys().chain(own.keys()).collect::<std::collections::BTreeSet<_>>().len();
        if all > TAGS - OWN_TAGS {
            let pointer = if own.is_empty() { "/tags" } else { &root };
            let message = format!("{all} tags, and the engine's {OWN_TAGS}: Azure takes {TAGS} on a resource");
            let fault = Diagnostic::error("tag-count", pointer, message);
            if !findings.told(pointer) {
                findings.judge(&[], fault.help(format!("write {} or fewer", TAGS - OWN_TAGS)));
            }
        }
    }
}

fn jumpbox(cluster: &Cluster, findings: &mut Findings) {
    let private = cluster.network.private_cluster.as_ref();
    let Some(jumpbox) = private.and_then(|private| private.jumpbox.as_ref()) else { return };
    let at = |name: &str| format!("{KUBERNETES}/privateCluster/jumpboxProfile/{name}");
    let word = |text: &str, longest: usize, more: &[u8]| {
        (1..=longest).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
            && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
            && text.bytes().last().is_some_and(|byte| byte != b'.' && byte != b'-')
    };
    // Other resources' names are the machine's with an ending of up to seven letters.
    for (fits, name, help) in [
        (word(&jumpbox.name, 57, b"-._"), "name", "write up to 57 letters, digits, -, _ and ."),
        (word(&jumpbox.username, 32, b"-_"), "username", "write up to 32 letters, digits, - and _"),
        (
            is_public_key(&jumpbox.ssh_public_key),
            "publicKey",
            "copy the one line of a file such as ~/.ssh/id_ed25519.pub",
        ),
    ] {
        if !fits {
            let fault = Diagnostic::error("jumpbox-form", at(name), format!("{name} of the jumpbox cannot be this"));
            let keys = format!("{PROPERTIES}/linuxProfile/ssh/publicKeys");
            findings.judge(&[&keys], fault.help(help));
        }
    }
}

/// Folders that containers' data shall lie in.
fn data_directories(model: &ApiModel, findings: &mut Findings) {
    let Some(properties) = &model.properties else { return };
    let orchestrator = properties.orchestrator_profile.as_ref();
    let cluster = orchestrator.and_then(|orchestrator| orchestrator.kubernetes_config.as_ref());
    let cluster = cluster.and_then(|kubernetes| kubernetes.container_runtime_config.as_ref());
    let master = properties.master_profile.as_ref().and_then(|master| master.kubernetes_config.as_ref());
    let master = master.and_then(|config| config.container_runtime_config.as_ref());
    let mut configs = vec![(KUBERNETES.to_owned(), cluster), (format!("{MASTER}/kubernetesConfig"), master)];
    for (index, profile) in properties.agent_pool_profiles.iter().flatten().enumerate() {
        let config = profile.kubernetes_config.as_ref().and_then(|config| config.container_runtime_config.as_ref());
        configs.push((pool(index, "kubernetesConfig"), config));
    }
    for (root, config) in configs {
        let folder = config.and_then(|config| config.get("dataDir"));
        if let Some(folder) = folder.filter(|folder| !folder.starts_with('/') || folder.contains("..")) {
            let pointer = format!("{root}/containerRuntimeConfig/dataDir");
            let fault = Diagnostic::error("data-directory", pointer, format!("\"{folder}\" is no folder of its own"));
            findings.judge(&[], fault.help("write a path from the root, such as /mnt/containerd"));
        }
    }
}

fn etcd_limit(cluster: &Cluster, findings: &mut Findings) {
    let limit = cluster.control_plane.etcd_storage_limit_gib;
    let pointer = format!("{KUBERNETES}/etcdStorageLimitGB");
    if limit < 2 {
        let fault = Diagnostic::error("etcd-storage-limit", pointer, format!("{limit} GiB are too little for etcd"));
        findings.judge(&[], fault.help("write 2 or more, or leave it out"));
    } else if limit > 8 {
        let message = format!("etcd's database may grow to {limit} GiB; etcd is tested with up to 8");
        let warning = Diagnostic::warning("etcd-storage-limit-large", pointer, message);
        findings.judge(&[], warning.help("write 8 or less"));
    }
}
