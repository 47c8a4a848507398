//! The hosts on-prem: each rule broken alone, and what a model without a word of them means.

use serde_json::{Value, json};

use super::broken::{Case, case, changed};
use super::*;

const O: &str = "/properties/onPremProfile";

fn on_prem(code: &'static str, pointer: &str, profile: Value) -> Case {
    case(code, format!("{O}/{pointer}"), &[(O.to_owned(), profile)])
}

fn host(uri: &str) -> Value {
    json!({ "hosts": [{ "name": "one", "uri": uri }] })
}

fn two(bridge: Value) -> Value {
    let hosts = json!([{"name": "one", "uri": "qemu+ssh://a/system"}, {"name": "two", "uri": "qemu+ssh://b/system"}]);
    json!({ "hosts": hosts, "bridge": bridge })
}

pub(super) fn cases() -> Vec<Case> {
    let small = |processors: u32, memory: u32| json!({"sizes": {"standard_d2s_V5": {"processors": processors, "memoryMiB": memory}}});
    let mut twice = two(json!("br0"));
    twice["hosts"][1]["name"] = json!("ONE");
    let mut same = two(json!("br0"));
    same["hosts"][1]["uri"] = same["hosts"][0]["uri"].clone();
    let mut nat = two(json!("br0"));
    nat["networkMode"] = json!("nat");
    let mut all = vec![
        on_prem("on-prem-host", "hosts/1/name", twice),
        on_prem("on-prem-host", "hosts/1/uri", same),
        on_prem("on-prem-host", "hosts/0/name", json!({"hosts": [{"name": "a b", "uri": "qemu:///system"}]})),
        on_prem("on-prem-bridge", "bridge", two(Value::Null)),
        on_prem("on-prem-bridge", "bridge", json!({"networkMode": "bridged"})),
        on_prem("on-prem-bridge", "bridge", json!({"bridge": "a/b"})),
        on_prem("on-prem-bridge", "networkMode", nat),
        on_prem("on-prem-storage", "storagePool", json!({"storagePool": "../pool"})),
        on_prem("on-prem-storage", "image", json!({"image": "-o"})),
        on_prem("on-prem-addresses", "addresses/0", json!({"addresses": ["192.168.1.9-192.168.1.8"]})),
        on_prem("on-prem-addresses", "addresses/1", json!({"addresses": ["192.168.1.0/28", "192.168.1.15"]})),
        on_prem(
            "on-prem-addresses",
            "serviceAddresses/0",
            json!({"addresses": ["192.168.1.0/28"], "serviceAddresses": ["192.168.1.15-192.168.1.20"]}),
        ),
        on_prem("on-prem-addresses", "addresses/0", json!({"addresses": ["10.240.0.9"]})),
        on_prem("on-prem-addresses", "serviceAddresses/0", json!({"serviceAddresses": ["10.0.0.0/30"]})),
        on_prem("on-prem-addresses", "router", json!({"router": "192.168.1.1"})),
        on_prem("on-prem-addresses", "router", json!({"router": "192.168.1.0/24"})),
        on_prem(
            "on-prem-addresses",
            "addresses/0",
            json!({"addresses": ["192.168.2.0/28"], "bridge": "br0", "router": "192.168.1.1/24"}),
        ),
        on_prem(
            "on-prem-addresses",
            "serviceAddresses/0",
            json!({"serviceAddresses": ["192.168.1.0/28"], "bridge": "br0", "router": "192.168.1.1/24"}),
        ),
        on_prem(
            "on-prem-addresses",
            "addresses/0",
            json!({"networkMode": "bridged", "bridge": "br0", "addresses": ["10.240.0.9"]}),
        ),
        on_prem(
            "on-prem-addresses",
            "router",
            json!({"networkMode": "bridged", "bridge": "br0", "router": "10.240.0.1/16"}),
        ),
        on_prem(
            "on-prem-addresses",
            "nameServers/1",
            json!({"networkMode": "bridged", "bridge": "br0", "nameServers": ["192.168.1.1", "127.0.0.1"]}),
        ),
        on_prem("on-prem-size", "sizes/standard_d2s_V5/processors", small(1, 4096)),
        on_prem("on-prem-size", "sizes/standard_d2s_V5/memoryMiB", small(2, 1024)),
    ];
    for uri in [
        "test:///default",
        "qemu:///session",
        "qemu://host/system",
        "qemu+ssh:///system",
        "qemu+ssh://-oProxyCommand=x/system",
        "qemu+ssh://user:password@host/system",
        "qemu+ssh://host:0/system",
        "qemu+ssh://host/system?command=/tmp/x",
        "qemu+ssh://host/system?netcat=x",
        "qemu+ssh://host/system?keyfile=$(x)",
        "qemu+tls://user@host/system",
        "qemu+tls://[fd00::g]/system",
    ] {
        all.push(on_prem("on-prem-host", "hosts/0/uri", host(uri)));
    }
    all
}

fn resolved(profile: Value) -> Cluster {
    let reading = read_value(&changed(&[(O, profile)]));
    assert_eq!(errors(&reading.diagnostics), Vec::<String>::new());
    let cluster = reading.cluster.unwrap();
    there_and_back(&cluster, "on-prem");
    cluster
}

#[test]
fn what_spreads_machines_is_as_it_says_on_several_hosts_and_elsewhere() {
    let spread = |profile: Value, target: &str| -> Vec<String> {
        let group = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/proximityPlacementGroups/near";
        let reading = read_value(&changed(&[
            ("/properties/target", json!(target)),
            (O, profile),
            ("/properties/masterProfile/count", json!(3)),
            ("/properties/masterProfile/availabilityZones", json!(["1", "2"])),
            ("/properties/masterProfile/proximityPlacementGroupID", json!(group)),
        ]));
        let told = reading.diagnostics.iter().filter(|told| ["one-host", "no-effect"].contains(&told.code));
        let told = told.filter(|told| told.pointer.starts_with("/properties/masterProfile"));
        told.map(|told| format!("{} {}", told.code, told.pointer.rsplit('/').next().unwrap())).collect()
    };
    let near = "no-effect proximityPlacementGroupID";
    assert_eq!(spread(json!({}), "libvirt"), ["one-host count", "no-effect availabilityZones", near]);
    assert_eq!(spread(two(json!("br0")), "libvirt"), [near]);
    assert_eq!(spread(json!({}), "azure"), Vec::<String>::new());
    // Whoever goes there without a word of hosts has one.
    let without = |target: &str| {
        let zones = ("/properties/masterProfile/availabilityZones", json!(["1", "2"]));
        let reading = read_value(&changed(&[("/properties/target", json!(target)), zones]));
        reading.diagnostics.iter().any(|told| told.code == "no-effect" && told.pointer.ends_with("/availabilityZones"))
    };
    assert!(without("libvirt") && !without("azure"));
}

#[test]
fn what_only_azure_has_is_told_to_have_no_effect() {
    let told = |more: &[(&str, Value)]| -> Vec<String> {
        let gallery = json!({"name": "base", "resourceGroup": "images"});
        let mut changes = vec![
            ("/properties/masterProfile/imageReference", gallery),
            ("/properties/agentPoolProfiles/0/vmSize", json!("Standard_Own")),
        ];
        changes.extend(more.iter().cloned());
        let reading = read_value(&changed(&changes));
        let told = reading.diagnostics.iter().filter(|told| ["on-prem-size-unknown", "no-effect"].contains(&told.code));
        told.map(|told| format!("{} {}", told.code, told.pointer.trim_start_matches("/properties/"))).collect()
    };
    let both = ["no-effect masterProfile/imageReference", "on-prem-size-unknown agentPoolProfiles/0/vmSize"];
    let libvirt = ("/properties/target", json!("libvirt"));
    assert_eq!(told(std::slice::from_ref(&libvirt)), both);
    assert_eq!(
        told(&[libvirt, (O, json!({"sizes": {"standard_own": {"processors": 2, "memoryMiB": 2048}}}))]),
        both[..1]
    );
    assert_eq!(told(&[]), Vec::<String>::new());
}

#[test]
fn how_a_machine_finds_what_it_is_to_become_is_read() {
    let source = |profile: Value| resolved(profile).on_prem.unwrap().data_source;
    assert_eq!(source(json!({})), DataSource::Azure);
    assert_eq!(source(json!({"dataSource": "NoCloud"})), DataSource::NoCloud);
    let wrong = read_value(&changed(&[(O, json!({"dataSource": "Ec2"}))]));
    assert!(wrong.diagnostics.iter().any(|told| told.pointer.ends_with("/dataSource")), "{:?}", wrong.diagnostics);
}

#[test]
fn an_empty_profile_means_what_none_means() {
    assert_eq!(resolved(json!({})).on_prem, Some(OnPrem::default()));
    assert_eq!(read_value(&quickstart()).cluster.unwrap().on_prem, None);
}

#[test]
fn a_full_profile_is_read_and_written() {
    let cluster = resolved(json!({
        "hosts": [
            {"name": "rack-1", "uri": "qemu+ssh://root@192.168.1.2:2222/system?keyfile=/root/.ssh/id"},
            {"name": "rack-2", "uri": "qemu+tls://[fd00::2]/system"},
        ],
        "storagePool": "fast", "image": "base.qcow2", "dataSource": "NoCloud", "bridge": "br0", "router": "192.168.1.1/24",
        "addresses": ["192.168.1.48/28"], "serviceAddresses": ["192.168.1.70"],
        "sizes": {"Standard_D2s_v5": {"processors": 2, "memoryMiB": 3072}},
        "gateway": {"processors": 2, "memoryMiB": 1024}, "slowHost": true, "nameServers": ["192.168.1.2"],
    }));
    let on_prem = cluster.on_prem.unwrap();
    assert_eq!(on_prem.network_mode, NetworkMode::Bridged);
    assert_eq!(on_prem.image, Some(OnPremImage::Volume("base.qcow2".into())));
    assert_eq!((on_prem.hosts.len(), on_prem.data_source), (2, DataSource::NoCloud));
    assert_eq!(on_prem.router.map(|router| router.to_string()).as_deref(), Some("192.168.1.1/24"));
    assert!(on_prem.slow_host);
    assert_eq!(on_prem.name_servers, ["192.168.1.2".parse::<std::net::Ipv4Addr>().unwrap()]);
    assert_eq!(on_prem.size("standard_d2s_v5"), Some(OnPremSize { processors: 2, memory_mib: 3072 }));
}

#[test]
fn a_folder_with_an_image_is_found_from_the_models_folder() {
    let image = resolved(json!({"image": "images/one"})).on_prem.unwrap().image;
    let Some(OnPremImage::Folder(folder)) = image else { panic!("{image:?}") };
    assert!(folder.is_absolute() && folder.ends_with("images/one"), "{folder:?}");
}

#[test]
fn a_profile_that_azure_would_not_look_at_is_told() {
    let reading = read_value(&changed(&[(O, json!({})), ("/properties/target", json!("azure"))]));
    let told: Vec<_> = reading.diagnostics.iter().map(|told| (told.code, told.pointer.as_str())).collect();
    assert!(told.contains(&("no-effect", O)), "{told:?}");
    // The host answers for names, unless machines stand on the bridge.
    let servers = |profile: Value| {
        let reading = read_value(&changed(&[(O, profile)]));
        reading.diagnostics.iter().any(|told| told.code == "no-effect" && told.pointer.ends_with("/nameServers"))
    };
    assert!(servers(json!({"nameServers": ["192.168.1.1"]})));
    assert!(!servers(json!({"nameServers": ["192.168.1.1"], "networkMode": "bridged", "bridge": "br0"})));
}
