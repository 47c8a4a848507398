//! The instance metadata service: what a machine is told of itself, by its own address.
//!
//! Source: learn.microsoft.com, "Azure Instance Metadata Service" (versions, formats, errors), from memory; what cloud-init
//! 25.1.4 asks for and looks at (`cloudinit/sources/azure/imds.py`, `DataSourceAzure.py`). Deliberately absent: tokens of
//! identities and attested documents, which nobody on-prem can sign.

use serde_json::{Map, Value as Json, json};

use super::configuration::{Interface, Machine, SystemKind};

/// The versions that are answered, oldest first.
const VERSIONS: [&str; 20] = [
    "2017-08-01",
    "2017-12-01",
    "2018-02-01",
    "2018-10-01",
    "2019-02-01",
    "2019-06-01",
    "2019-08-15",
    "2019-11-01",
    "2020-06-01",
    "2020-09-01",
    "2020-10-01",
    "2020-12-01",
    "2021-01-01",
    "2021-02-01",
    "2021-03-01",
    "2021-05-01",
    "2021-08-01",
    "2021-10-01",
    "2021-11-01",
    "2021-12-13",
];
/// How many of the newest are named to whoever asks for none of them.
const NEWEST: usize = 3;

/// A question, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Question<'a> {
    /// The path below `/metadata`.
    pub path: &'a str,
    /// `api-version`.
    pub version: Option<&'a str>,
    /// `format`.
    pub format: Option<&'a str>,
    /// `extended=true`.
    pub extended: bool,
    /// Whether the header `Metadata: true` is there.
    pub header: bool,
    /// Whether it comes through a proxy.
    pub forwarded: bool,
}

/// An answer: the status, the media type, the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    pub media_type: &'static str,
    pub body: String,
}

impl Answer {
    fn json(status: u16, body: &Json) -> Self {
        Self { status, media_type: "application/json; charset=utf-8", body: body.to_string() }
    }

    fn text(body: impl Into<String>) -> Self {
        Self { status: 200, media_type: "text/plain; charset=utf-8", body: body.into() }
    }

    fn refused(status: u16, error: &str) -> Self {
        Self::json(status, &json!({ "error": error }))
    }
}

/// Answers a question; `machine` is who asks, if that is known.
pub(super) fn answer(question: &Question<'_>, machine: Option<&Machine>) -> Answer {
    // What a program in the machine can be talked into fetching has neither.
    if !question.header {
        return Answer::refused(400, "Bad request. Required metadata header not specified");
    }
    if question.forwarded {
        return Answer::refused(400, "Bad request. X-Forwarded-For is not allowed");
    }
    let Some(machine) = machine else {
        return Answer::refused(404, "Not found. No machine of this network has the address that asks");
    };
    let path = question.path.trim_matches('/');
    if path == "versions" {
        return Answer::json(200, &json!({ "apiVersions": VERSIONS }));
    }
    if !question.version.is_some_and(|version| VERSIONS.contains(&version)) {
        let newest: Vec<&str> = VERSIONS.iter().rev().take(NEWEST).copied().collect();
        let error = "Bad request. api-version is invalid or was not specified in the request.";
        return Answer::json(400, &json!({ "error": error, "newest-versions": newest }));
    }
    let (service, rest) = path.split_once('/').unwrap_or((path, ""));
    match service {
        "instance" => part(&instance(machine, question.extended), rest, question.format),
        "scheduledevents" if rest.is_empty() => Answer::json(200, &json!({ "DocumentIncarnation": 1, "Events": [] })),
        _ => Answer::refused(404, "Not found"),
    }
}

/// The part of a document at a path. As Azure does it: whole in JSON, a leaf as its text, what has parts as their names.
fn part(document: &Json, path: &str, format: Option<&str>) -> Answer {
    let mut value = document;
    for step in path.split('/').filter(|step| !step.is_empty()) {
        let next = match value {
            Json::Array(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            Json::Object(members) => members.get(step),
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => return Answer::refused(404, "Not found"),
        }
    }
    match (format.unwrap_or("json"), value) {
        ("json", value) => Answer::json(200, value),
        ("text", Json::String(text)) => Answer::text(text.as_str()),
        ("text", Json::Object(members)) => {
            Answer::text(members.iter().map(|(name, member)| listed(name, member)).collect::<String>())
        }
        ("text", Json::Array(items)) => Answer::text(
            items.iter().enumerate().map(|(index, item)| listed(&index.to_string(), item)).collect::<String>(),
        ),
        ("text", other) => Answer::text(other.to_string()),
        _ => Answer::refused(400, "Bad request. format is json or text"),
    }
}

fn listed(name: &str, value: &Json) -> String {
    if value.is_object() || value.is_array() { format!("{name}/\n") } else { format!("{name}\n") }
}

fn instance(machine: &Machine, extended: bool) -> Json {
    let mut document = json!({ "compute": compute(machine), "network": network(machine) });
    if extended {
        // Machines are made for whoever gets them, not kept ready for anybody.
        document["extended"] = json!({ "compute": { "ppsType": "None" } });
    }
    document
}

fn compute(machine: &Machine) -> Json {
    let tags: Vec<String> = machine.tags.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    let tags_list: Vec<Json> =
        machine.tags.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let administrator = &machine.administrator;
    let keys: Vec<Json> =
        administrator.public_keys.iter().map(|(path, key)| json!({ "keyData": key, "path": path })).collect();
    let image = machine.image.clone().unwrap_or_default();
    json!({
        "azEnvironment": machine.environment,
        "customData": "",
        "isHostCompatibilityLayerVm": "false",
        "location": machine.location,
        "name": machine.name,
        "offer": image.offer,
        "osProfile": {
            "adminUsername": administrator.name,
            "computerName": machine.computer_name,
            "disablePasswordAuthentication": administrator.password_disabled.to_string(),
        },
        "osType": match machine.system {
            SystemKind::Linux => "Linux",
            SystemKind::Windows => "Windows",
        },
        "placementGroupId": "",
        "plan": { "name": "", "product": "", "publisher": "" },
        "platformFaultDomain": machine.fault_domain.to_string(),
        "platformUpdateDomain": machine.update_domain.to_string(),
        "provider": "Microsoft.Compute",
        "publicKeys": keys,
        "publisher": image.publisher,
        "resourceGroupName": machine.resource_group,
        "resourceId": machine.id,
        "sku": image.sku,
        "subscriptionId": machine.subscription_id,
        "tags": tags.join(";"),
        "tagsList": tags_list,
        "userData": "",
        "version": image.version,
        "vmId": machine.vm_id,
        "vmScaleSetName": machine.scale_set.clone().unwrap_or_default(),
        "vmSize": machine.size,
        "zone": machine.zone.clone().unwrap_or_default(),
    })
}

fn network(machine: &Machine) -> Json {
    json!({ "interface": machine.interfaces.iter().map(interface).collect::<Vec<Json>>() })
}

/// Of the addresses of an interface, the first of each family. On Azure those behind it are the pods' with Azure CNI, and
/// whoever is told of them gives them to the machine; on-prem pods have a range of their own.
fn interface(interface: &Interface) -> Json {
    let mut document = Map::new();
    for (name, wanted) in [("ipv4", true), ("ipv6", false)] {
        let own = interface.addresses.iter().find(|address| address.private.is_ipv4() == wanted);
        let addresses: Vec<Json> = own
            .into_iter()
            .map(|address| {
                let mut entry = json!({ "privateIpAddress": address.private.to_string() });
                if wanted {
                    let public = address.public.map(|public| public.to_string()).unwrap_or_default();
                    entry["publicIpAddress"] = public.into();
                }
                entry
            })
            .collect();
        let mut family = json!({ "ipAddress": addresses });
        if interface.subnet.addr().is_ipv4() == wanted {
            let subnet = interface.subnet;
            family["subnet"] =
                json!([{ "address": subnet.network().to_string(), "prefix": subnet.prefix_len().to_string() }]);
        }
        document.insert(name.to_owned(), family);
    }
    document.insert("macAddress".to_owned(), interface.mac.as_str().into());
    Json::Object(document)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::super::configuration::tests::example;
    use super::*;

    fn ask(path: &str, format: Option<&str>) -> Answer {
        let question = Question { path, version: Some("2021-02-01"), format, header: true, ..Question::default() };
        answer(&question, Some(&example().machines[0]))
    }

    fn document(path: &str) -> Json {
        let answer = ask(path, None);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// What `DataSourceAzure.py` reads of the document.
    #[test]
    fn cloud_init_finds_all_that_it_looks_for() {
        let question = Question {
            path: "/instance",
            version: Some("2021-08-01"),
            extended: true,
            header: true,
            ..Question::default()
        };
        let answer = answer(&question, Some(&example().machines[0]));
        let found: Json = serde_json::from_str(&answer.body).unwrap();
        let at = |pointer: &str| found.pointer(pointer).unwrap_or_else(|| panic!("{pointer}: {found}")).clone();
        assert_eq!(at("/extended/compute/ppsType"), "None");
        assert_eq!(at("/compute/osProfile/adminUsername"), "azureuser");
        assert_eq!(at("/compute/osProfile/computerName"), "k8s-master-1-0");
        assert_eq!(at("/compute/osProfile/disablePasswordAuthentication"), "true");
        assert_eq!(at("/compute/publicKeys/0/keyData"), "ssh-ed25519 AAAA a");
        assert_eq!(at("/compute/userData"), "");
        assert_eq!(at("/network/interface/0/macAddress"), "525400A1B2C3");
        assert_eq!(at("/network/interface/0/ipv4/ipAddress/0/privateIpAddress"), "10.240.255.5");
        assert_eq!(at("/network/interface/0/ipv4/subnet/0/prefix"), "16");
        assert_eq!(at("/network/interface/0/ipv6/ipAddress"), json!([]));
    }

    #[test]
    fn a_part_is_told_by_its_path() {
        assert_eq!(ask("/instance/compute/resourceGroupName", Some("text")).body, "rg");
        assert_eq!(ask("/instance/compute/tags", Some("text")).body, "poolName:master");
        assert_eq!(document("/instance/compute/tagsList"), json!([{ "name": "poolName", "value": "master" }]));
        assert_eq!(ask("/instance/network/interface", Some("text")).body, "0/\n");
        assert_eq!(
            ask("/instance/network/interface/0/ipv4/ipAddress/0/privateIpAddress", Some("text")).body,
            "10.240.255.5"
        );
        assert!(ask("/instance/", Some("text")).body.starts_with("compute/\nnetwork/\n"));
        assert_eq!(document("/scheduledevents")["Events"], json!([]));
        for path in [
            "/instance/compute/name/x",
            "/instance/network/interface/7",
            "/instance/network/interface/-1",
            "/x",
            "/",
            "/identity/oauth2/token",
        ] {
            assert_eq!(ask(path, None).status, 404, "{path}");
        }
        assert_eq!(ask("/instance", Some("xml")).status, 400);
    }

    #[test]
    fn what_is_not_asked_in_azures_way_is_refused() {
        let machine = &example().machines[0];
        let right = Question { path: "/instance", version: Some("2021-02-01"), header: true, ..Question::default() };
        assert_eq!(answer(&right, Some(machine)).status, 200);
        assert_eq!(answer(&right, None).status, 404);
        for wrong in [
            Question { header: false, ..right.clone() },
            Question { forwarded: true, ..right.clone() },
            Question { version: None, ..right.clone() },
            Question { version: Some("2100-01-01"), ..right.clone() },
        ] {
            assert_eq!(answer(&wrong, Some(machine)).status, 400, "{wrong:?}");
        }
        // Without the header nobody learns whether there is such a machine.
        assert_eq!(answer(&Question { header: false, ..right.clone() }, None).status, 400);
        let told = answer(&Question { version: None, ..right.clone() }, Some(machine)).body;
        assert!(told.contains("\"newest-versions\":[\"2021-12-13\""), "{told}");
        let versions = Question { path: "/versions", version: None, ..right };
        assert!(answer(&versions, Some(machine)).body.contains("2021-08-01"));
        assert!(VERSIONS.is_sorted());
    }

    #[test]
    fn addresses_behind_the_first_are_not_the_machines() {
        let mut machine = example().machines[0].clone();
        let more = |private: &str, public: Option<&str>| super::super::configuration::MachineAddress {
            private: private.parse().unwrap(),
            public: public.map(|address| address.parse().unwrap()),
        };
        machine.interfaces[0].addresses =
            vec![more("10.240.255.5", Some("192.0.2.7")), more("10.240.255.9", None), more("fd00::5", None)];
        let told = network(&machine);
        let interface = &told["interface"][0];
        assert_eq!(
            interface["ipv4"]["ipAddress"],
            json!([{ "privateIpAddress": "10.240.255.5", "publicIpAddress": "192.0.2.7" }])
        );
        assert_eq!(interface["ipv6"]["ipAddress"], json!([{ "privateIpAddress": "fd00::5" }]));
    }
}
