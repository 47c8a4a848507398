//! Ways on resources in memory: names, addresses, what leads where.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod command;

use serde_json::{Value as Json, json};

use super::*;
use crate::base::Source;
use crate::cluster::ClusterError;
use crate::contract::{Address, Applied, Progress, Target as _, TargetName};
use crate::graph::{ResourceKey, Scope};
use crate::kubernetes::NodeStatus;
use crate::model::{Cluster, ReadOptions, read};
use crate::state::{Identity, Snapshot};
use crate::target::memory::MemoryTarget;

const MACHINE: &str = "Microsoft.Compute/virtualMachines";
const INTERFACE: &str = "Microsoft.Network/networkInterfaces";
const BALANCER: &str = "Microsoft.Network/loadBalancers";
const PUBLIC: &str = "Microsoft.Network/publicIPAddresses";

/// A cluster of one control-plane machine with a balancer's rule, and one worker.
struct Here {
    target: MemoryTarget,
    snapshot: Snapshot,
}

impl Here {
    async fn new(target: TargetName) -> Self {
        let scope = Scope {
            subscription_id: "s".into(),
            tenant_id: "t".into(),
            resource_group: "rg".into(),
            location: "westus2".into(),
        };
        let identity = Identity { cluster: "demo".into(), target, scope };
        let snapshot = Snapshot {
            lineage: "l".into(),
            serial: 1,
            identity,
            applied: std::collections::BTreeMap::new(),
            facts: std::collections::BTreeMap::new(),
            folded: None,
        };
        let mut here = Self { target: MemoryTarget::new(), snapshot };
        here.put(PUBLIC, "ip", json!({ "ipAddress": "203.0.113.7" })).await;
        let front = format!("{}/frontendIPConfigurations/front", here.id(BALANCER, "lb"));
        let balancer = json!({
            "frontendIPConfigurations":
                [{ "name": "front", "properties": { "publicIPAddress": { "id": here.id(PUBLIC, "ip") } } }],
            "inboundNatRules": [{ "name": "SSH-master-0", "properties": {
                "frontendIPConfiguration": { "id": front }, "frontendPort": 2201, "backendPort": 22 } }],
        });
        here.put(BALANCER, "lb", balancer).await;
        let rule = format!("{}/inboundNatRules/SSH-MASTER-0", here.id(BALANCER, "lb"));
        here.machine("k8s-master-1-0", "10.240.255.5", json!({ "loadBalancerInboundNatRules": [{ "id": rule }] }))
            .await;
        here.machine("k8s-pool1-1-0", "10.240.0.4", json!({})).await;
        here
    }

    fn id(&self, kind: &str, name: &str) -> String {
        Address::new(&self.snapshot.identity.scope, kind, "1", name).id
    }

    async fn put(&mut self, kind: &str, name: &str, properties: Json) {
        let address = Address::new(&self.snapshot.identity.scope, kind, "1", name);
        let body = json!({ "properties": properties });
        assert!(matches!(self.target.apply(&address, &body, None).await.unwrap(), Progress::Done(_)));
        self.snapshot
            .applied
            .insert(ResourceKey::named(kind, name), Applied { address: address.into(), body, after: Vec::new() });
    }

    async fn machine(&mut self, name: &str, private: &str, more: Json) {
        let mut first = json!({ "primary": true, "privateIPAddress": private });
        first.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let second = json!({ "name": "a", "properties": { "primary": false, "privateIPAddress": "10.240.9.9" } });
        let configurations = json!([second, { "name": "b", "properties": first }]);
        self.put(INTERFACE, &format!("{name}-nic"), json!({ "ipConfigurations": configurations })).await;
        let keys = json!([{ "path": "/home/ada/.ssh/authorized_keys", "keyData": "ssh-ed25519 AAAA ada" }]);
        let machine = json!({
            "vmId": "6F1C2D5E-7d6f-5b3a-9c1d-000000000001",
            "networkProfile": { "networkInterfaces": [{ "id": self.id(INTERFACE, &format!("{name}-nic")) }] },
            "osProfile": { "computerName": name, "adminUsername": "ada",
                "linuxConfiguration": { "ssh": { "publicKeys": keys } } },
        });
        self.put(MACHINE, name, machine).await;
    }

    fn member(&self, name: &str) -> Member {
        find_member(&members(&self.snapshot, &[]), name).unwrap().clone()
    }

    async fn way(&self, cluster: Option<&Cluster>, name: &str, how: How<'_>) -> Result<Way, ClusterError> {
        way_to(&self.target, &self.snapshot, cluster, &self.member(name), &how).await
    }
}

/// The example on-prem, with one value changed.
fn cluster(set: &str) -> Cluster {
    let text = include_str!("../../../../apimodels/on-prem.json").to_owned();
    let set = [set.to_owned()].into_iter().filter(|set| !set.is_empty()).collect();
    read(&Source { name: "model".into(), text }, &ReadOptions { set, ..ReadOptions::default() }).cluster.unwrap()
}

fn told(error: ClusterError) -> (String, String) {
    (error.to_string(), error.help().unwrap())
}

#[tokio::test]
async fn a_machine_is_found_by_its_name_or_a_part_that_no_other_has() {
    let here = Here::new(TargetName::Azure).await;
    let all = members(&here.snapshot, &[]);
    let name = |asked: &str| find_member(&all, asked).map(|member| member.node.clone());
    for asked in ["k8s-master-1-0", "K8S-MASTER-1-0", "master", "ster-1"] {
        assert_eq!(name(asked).unwrap(), "k8s-master-1-0", "{asked}");
    }
    let (problem, help) = told(name("k8s").unwrap_err());
    assert!(problem.contains("several") && help.ends_with("k8s-master-1-0, k8s-pool1-1-0"), "{problem} {help}");
    let (problem, help) = told(name("worker").unwrap_err());
    assert!(problem.contains("no machine `worker`") && help.contains("k8s-master-1-0, k8s-pool1-1-0"), "{help}");
    let (problem, help) = told(name("").unwrap_err());
    assert!(problem.contains("no machine is named") && help.contains("k8s-pool1-1-0"), "{problem}");
    assert!(told(find_member(&[], "x").unwrap_err()).1.contains("has no machines"));
    // A name that is the beginning of another is itself.
    let node = |name: &str, address: &str| NodeStatus {
        name: name.into(),
        ready: true,
        reason: String::new(),
        cordoned: false,
        version: String::new(),
        roles: Vec::new(),
        internal_address: address.into(),
    };
    let nodes = [node("k8s-pool1-1-00", "10.240.0.9"), node("K8S-POOL1-1-0", "10.240.0.4"), node("odd", "no address")];
    let all = members(&here.snapshot, &nodes);
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(matches!(find_member(&all, "k8s-pool1-1-0").unwrap().place, Place::Resource { .. }));
    let instance = find_member(&all, "k8s-pool1-1-00").unwrap();
    assert_eq!(instance.place, Place::Node("10.240.0.9".parse().unwrap()));
}

#[tokio::test]
async fn on_prem_the_host_goes_straight_and_others_through_the_host() {
    let here = Here::new(TargetName::Libvirt).await;
    let model = cluster("");
    let at = |uri: &'static str| How { uri, ..How::default() };
    let way = here.way(Some(&model), "pool1", at("qemu:///system")).await.unwrap();
    assert_eq!((way.user.as_str(), way.host.to_string(), way.port), ("ada", "10.240.0.4".into(), 22));
    assert_eq!(way.alias, "k8s-pool1-1-0.6f1c2d5e-7d6f-5b3a-9c1d-000000000001");
    assert_eq!((way.public_keys, way.hop), (vec!["ssh-ed25519 AAAA ada".to_owned()], None));
    let uri = "qemu+ssh://root@rack-1:2222/system?keyfile=/root/.ssh/rack";
    let way = here.way(Some(&model), "pool1", at(uri)).await.unwrap();
    let host = Hop::Host {
        user: Some("root".into()),
        host: "rack-1".into(),
        port: Some(2222),
        identity: Some("/root/.ssh/rack".into()),
    };
    assert_eq!(way.hop, Some(host));
    let (problem, help) = told(here.way(Some(&model), "pool1", at("qemu+tls://rack-1/system")).await.unwrap_err());
    assert!(problem.contains("not reached by SSH") && help.contains("--jump"), "{problem}");
    // Machines with addresses of their own need no host.
    let routed = cluster("onPremProfile.networkMode=routed");
    assert_eq!(here.way(Some(&routed), "pool1", at(uri)).await.unwrap().hop, None);
    let jump = Hop::of_destination("ops@[fd00::1]:22");
    let how = How { jump: jump.clone(), ..at("qemu+tls://rack-1/system") };
    assert_eq!(here.way(Some(&model), "pool1", how).await.unwrap().hop, jump);
}

#[tokio::test]
async fn in_azure_a_rule_leads_to_the_control_plane_and_through_it_to_the_rest() {
    let here = Here::new(TargetName::Azure).await;
    let open = cluster("accessProfile.sshSourceRanges=[192.0.2.0/24]");
    let way = here.way(Some(&open), "master", How::default()).await.unwrap();
    assert_eq!((way.host.to_string(), way.port, way.hop.clone()), ("203.0.113.7".into(), 2201, None));
    let worker = here.way(Some(&open), "pool1", How::default()).await.unwrap();
    assert_eq!((worker.host.to_string(), worker.port), ("10.240.0.4".into(), 22));
    assert_eq!(worker.hop, Some(Hop::Machine(Box::new(way))));
    let private = here.way(Some(&open), "master", How { private: true, ..How::default() }).await.unwrap();
    assert_eq!((private.host.to_string(), private.hop), ("10.240.255.5".into(), None));
    // The rule is there, and the security group lets nobody in.
    let (problem, help) = told(here.way(Some(&cluster("")), "master", How::default()).await.unwrap_err());
    assert!(problem.contains("nothing lets SSH in") && help.contains("sshSourceRanges"), "{problem} {help}");
    assert!(help.contains("--private") && help.contains("--jump"), "{help}");
}

#[tokio::test]
async fn a_machine_that_leads_nowhere_is_passed_over_for_the_next() {
    let mut here = Here::new(TargetName::Azure).await;
    let public = here.id(PUBLIC, "ip");
    let open = cluster("accessProfile.sshSourceRanges=[192.0.2.0/24]");
    let first = Address::new(&here.snapshot.identity.scope, MACHINE, "1", "k8s-master-1-0");
    here.target.delete(&first).await.unwrap();
    let (problem, _) = told(here.way(Some(&open), "pool1", How::default()).await.unwrap_err());
    assert!(problem.contains("k8s-master-1-0 is gone"), "{problem}");
    here.machine("k8s-master-1-1", "10.240.255.6", json!({ "publicIPAddress": { "id": public } })).await;
    let way = here.way(Some(&open), "pool1", How::default()).await.unwrap();
    let Some(Hop::Machine(hop)) = way.hop else { unreachable!() };
    assert!(hop.alias.starts_with("k8s-master-1-1."), "{}", hop.alias);
}

#[tokio::test]
async fn a_jumpbox_leads_into_a_private_cluster() {
    let mut here = Here::new(TargetName::Azure).await;
    let public = here.id(PUBLIC, "ip");
    here.machine("jumpbox", "10.240.0.9", json!({ "publicIPAddress": { "id": public } })).await;
    let way = here.way(Some(&cluster("")), "pool1", How::default()).await.unwrap();
    let Some(Hop::Machine(hop)) = way.hop else { unreachable!() };
    assert_eq!((hop.host.to_string(), hop.port), ("203.0.113.7".into(), 22));
    assert!(hop.alias.starts_with("jumpbox."));
}

#[tokio::test]
async fn what_is_not_there_is_told_with_a_way_out() {
    let here = Here::new(TargetName::Simulator).await;
    for private in [true, false] {
        let how = How { private, ..How::default() };
        let (problem, _) = told(here.way(None, "master", how).await.unwrap_err());
        assert!(problem.contains("no machine is real"), "{problem}");
    }
    let mut here = Here::new(TargetName::Libvirt).await;
    let how = || How { uri: "qemu:///system", ..How::default() };
    let interface = Address::new(&here.snapshot.identity.scope, INTERFACE, "1", "k8s-master-1-0-nic");
    here.target.delete(&interface).await.unwrap();
    assert!(told(here.way(None, "master", how()).await.unwrap_err()).0.contains("has no address"));
    let machine = Address::new(&here.snapshot.identity.scope, MACHINE, "1", "k8s-master-1-0");
    here.target.delete(&machine).await.unwrap();
    let (problem, help) = told(here.way(None, "master", how()).await.unwrap_err());
    assert!(problem.contains("k8s-master-1-0 is gone") && help.contains("engine plan"), "{problem}");
    // Nobody tells the account.
    let key = ResourceKey::named(MACHINE, "k8s-pool1-1-0");
    here.snapshot.applied.get_mut(&key).unwrap().body["properties"]["osProfile"] = Json::Null;
    assert!(told(here.way(None, "pool1", how()).await.unwrap_err()).1.contains("apimodel.json"));
    assert_eq!(here.way(Some(&cluster("")), "pool1", how()).await.unwrap().user, "azureuser");
}

#[test]
fn destinations_are_taken_apart_and_nothing_in_them_is_run() {
    let parts = |text: &str| match Hop::of_destination(text)? {
        Hop::Host { user, host, port, .. } => Some((user, host, port)),
        Hop::Machine(_) => None,
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(parts("rack-1"), Some((None, "rack-1".into(), None)));
    assert_eq!(parts("ada@10.0.0.1:2222"), Some((some("ada"), "10.0.0.1".into(), Some(2222))));
    assert_eq!(parts("a@[fd00::1]"), Some((some("a"), "fd00::1".into(), None)));
    for wrong in
        ["", "-oProxyCommand=x", "a@-b", "-a@b", "a b", "a;b", "$(x)@b", "a@b:0", "a@b:x", "[x]", "[::1]x", "fd00::1"]
    {
        assert_eq!(parts(wrong), None, "{wrong}");
    }
    assert_eq!(host_of_uri("qemu:///system"), HostOfUri::Here);
    assert_eq!(host_of_uri("qemu+unix:///system?socket=/run/x"), HostOfUri::Here);
    for wrong in
        ["qemu+tls://rack/system", "qemu+ssh:///system", "qemu+ssh://-x/system", "qemu://rack/system", "nothing"]
    {
        assert_eq!(host_of_uri(wrong), HostOfUri::Otherwise, "{wrong}");
    }
}
