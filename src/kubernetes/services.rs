//! Services of type LoadBalancer on-prem: what the API server knows of them is told to the network's gateway, and the addresses
//! that it gives are written back. Each control-plane machine does so by itself; all tell the same, and the gateway decides.
//!
//! Sources: kubernetes.io, API reference v1.36 (Service, Node, Event), and `cloud-provider/controllers/service` of
//! kubernetes/kubernetes v1.36.4 (which nodes count), from memory; the annotations are those of cloud-provider-azure, "Azure
//! LoadBalancer", read 2026-11-21.
//! Deliberately absent: watching. A look at all services costs an API server nothing worth the name, for its cache answers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value as Json, json};

use super::client::KubernetesClient;
use crate::base::{Clock, short_digest};
use crate::contract::{Fault, FaultClass};
use crate::gateway::{Allotment, Allotments, SERVICES_FORMAT, SERVICES_PATH, Service, ServicePort, ToldServices};
use crate::target::http::{HttpClient, HttpError, HttpSettings};

/// Services that name it are the gateway's, and so are those that name nobody.
pub const LOAD_BALANCER_CLASS: &str = "engine-gateway";

/// Nodes with this label take no connections from outside: kubeadm gives it to control-plane nodes.
const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

const ASKED_ADDRESS: &str = "service.beta.kubernetes.io/azure-load-balancer-ipv4";
/// What upstream's cloud providers read where `spec.loadBalancerSourceRanges` says nothing.
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
const IDLE_MINUTES: &str = "service.beta.kubernetes.io/azure-load-balancer-tcp-idle-timeout";

/// Azure's, where nothing is said.
const IDLE_DEFAULT: u32 = 4;

/// What a look has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// The network has no addresses for services, or this machine is not one that may tell of them.
    NoAddresses,
    /// So many services; what has changed is told in words, a line each.
    Services(usize, Vec<String>),
}

/// Sees to it that services have the addresses that the gateway gives them.
pub struct ServiceAddresses<'a> {
    api: KubernetesClient,
    gateway: HttpClient,
    address: Url,
    clock: &'a dyn Clock,
    /// What was told last of each service that is not as its owner wants it.
    problems: BTreeMap<String, String>,
}

impl<'a> ServiceAddresses<'a> {
    /// For an API server and a gateway's metadata service, such as `http://169.254.169.254`. Nothing is sent yet.
    ///
    /// # Errors
    /// An address that is none.
    pub fn new(api: KubernetesClient, gateway: &str, clock: &'a dyn Clock) -> Result<Self, HttpError> {
        let address = Url::parse(gateway).and_then(|url| url.join(SERVICES_PATH));
        let address = address.map_err(|_| HttpError::Url(gateway.to_owned()))?;
        let gateway = HttpClient::new(&HttpSettings::for_server(gateway))?;
        Ok(Self { api, gateway, address, clock, problems: BTreeMap::new() })
    }

    /// Looks once, and does what follows.
    ///
    /// # Errors
    /// Either side does not answer, or refuses.
    pub async fn look(&mut self) -> Result<Looked, Fault> {
        let objects: Vec<Json> = self.api.services().await?.into_iter().filter(is_ours).collect();
        let (told, unreadable) = told(&objects, &self.api.node_objects().await?);
        let Some(mut allotments) = self.tell(&told).await? else { return Ok(Looked::NoAddresses) };
        allotments.extend(unreadable);
        let mut lines = Vec::new();
        for object in &objects {
            let allotment = allotments.get(text(object, "/metadata/uid")).cloned().unwrap_or_default();
            // One that cannot be written, in a namespace that is about to go for instance, keeps no other waiting.
            if let Err(fault) = self.settle(object, allotment, &mut lines).await {
                lines.push(format!("{}: {}", name_of(object), fault.message));
            }
        }
        self.problems.retain(|uid, _| objects.iter().any(|object| text(object, "/metadata/uid") == uid));
        Ok(Looked::Services(objects.len(), lines))
    }

    /// Has a service's status and events say what it was given.
    async fn settle(&mut self, object: &Json, allotment: Allotment, lines: &mut Vec<String>) -> Result<(), Fault> {
        let (name, uid) = (name_of(object), text(object, "/metadata/uid"));
        if self.write(object, &allotment).await? {
            lines.push(match allotment.address {
                Some(address) => format!("{name} has {address}"),
                None => format!("{name} has no address any more"),
            });
        }
        match allotment.problem {
            Some(problem) if self.problems.get(uid) != Some(&problem) => {
                self.api.put_event(&event(object, &problem, self.clock)).await?;
                lines.push(format!("{name}: {problem}"));
                self.problems.insert(uid.to_owned(), problem);
            }
            Some(_) => {}
            None => _ = self.problems.remove(uid),
        }
        Ok(())
    }

    /// The gateway's answer; nothing if it has no addresses to give.
    async fn tell(&self, told: &ToldServices) -> Result<Option<Allotments>, Fault> {
        let body = serde_json::to_string(told).unwrap_or_default();
        let request = self.gateway.request(Method::PUT, self.address.clone());
        let request = request.header("Metadata", "true").header("Content-Type", "application/json").body(body);
        let answer = self.gateway.send_nearby(request).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => {
                let read = answer.json().and_then(|body| serde_json::from_value(body).ok());
                read.map(Some).ok_or_else(|| gateway_says(&answer.excerpt()))
            }
            status => Err(gateway_says(&format!("{}: {}", status.as_u16(), answer.excerpt()))),
        }
    }

    /// Writes a service's address into its status, unless that says so already. Gives whether something was written.
    async fn write(&self, object: &Json, allotment: &Allotment) -> Result<bool, Fault> {
        let there: Vec<&str> = ingress(object).collect();
        let wanted = allotment.address.map(|address| address.to_string());
        if there == wanted.as_deref().into_iter().collect::<Vec<_>>() {
            return Ok(false);
        }
        let ingress: Vec<Json> = wanted.iter().map(|address| json!({ "ip": address })).collect();
        let body = json!({
            // Whoever has changed it meanwhile has changed what this follows from.
            "metadata": { "resourceVersion": text(object, "/metadata/resourceVersion") },
            "status": { "loadBalancer": { "ingress": ingress } },
        });
        let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
        match self.api.put_service_status(namespace, name, &body).await {
            Err(fault) if fault.class == FaultClass::Conflict => Ok(false),
            written => written,
        }
    }
}

fn gateway_says(what: &str) -> Fault {
    Fault::new(FaultClass::Unavailable, "Gateway", format!("the network's gateway answers {what}"))
}

fn text<'a>(object: &'a Json, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

fn items<'a>(object: &'a Json, pointer: &str) -> impl Iterator<Item = &'a Json> + use<'a> {
    object.pointer(pointer).and_then(Json::as_array).into_iter().flatten()
}

fn name_of(object: &Json) -> String {
    format!("{}/{}", text(object, "/metadata/namespace"), text(object, "/metadata/name"))
}

fn ingress(object: &Json) -> impl Iterator<Item = &str> {
    items(object, "/status/loadBalancer/ingress").map(|entry| entry["ip"].as_str().unwrap_or_default())
}

/// Whether a service is the gateway's to serve.
fn is_ours(object: &Json) -> bool {
    text(object, "/spec/type") == "LoadBalancer"
        && object.pointer("/metadata/deletionTimestamp").is_none()
        && ["", LOAD_BALANCER_CLASS].contains(&text(object, "/spec/loadBalancerClass"))
}

/// What is told, and of services that cannot be, why.
fn told(objects: &[Json], nodes: &[Json]) -> (ToldServices, Allotments) {
    let (mut services, mut unreadable) = (Vec::new(), Allotments::new());
    for object in objects {
        match service(object) {
            Ok(service) => services.push(service),
            Err(problem) => {
                let allotment = Allotment { address: None, problem: Some(problem) };
                unreadable.insert(text(object, "/metadata/uid").to_owned(), allotment);
            }
        }
    }
    services.sort_by(|one, other| one.uid.cmp(&other.uid));
    let mut nodes: Vec<IpAddr> =
        nodes.iter().filter(|node| takes_connections(node)).filter_map(address_of_node).collect();
    nodes.sort();
    (ToldServices { format: SERVICES_FORMAT, services, nodes }, unreadable)
}

/// What a service asks for, or what of it cannot be read. Such a service has no address: a range that nobody understands must not
/// let everybody in.
fn service(object: &Json) -> Result<Service, String> {
    let annotation = |name: &str| object["metadata"]["annotations"][name].as_str();
    let mut sources: Vec<&str> =
        items(object, "/spec/loadBalancerSourceRanges").map(|range| range.as_str().unwrap_or_default()).collect();
    if sources.is_empty() {
        sources.extend(annotation(SOURCE_RANGES).into_iter().flat_map(|ranges| ranges.split(',')));
    }
    let range = |text: &&str| text.trim().parse().map_err(|_| format!("`{}` is no range of addresses", text.trim()));
    let ranges = sources.iter().map(range).collect::<Result<Vec<IpNet>, String>>()?;
    let number = |value: &Json| value.as_u64().and_then(|number| u16::try_from(number).ok()).unwrap_or_default();
    let ports = items(object, "/spec/ports").map(|port| ServicePort {
        protocol: port["protocol"].as_str().unwrap_or("TCP").to_owned(),
        port: number(&port["port"]),
        node_port: number(&port["nodePort"]),
    });
    let asked = match annotation(ASKED_ADDRESS).unwrap_or_else(|| text(object, "/spec/loadBalancerIP")) {
        "" => None,
        asked => Some(asked.parse().map_err(|_| format!("`{asked}` is no address"))?),
    };
    let is_local = text(object, "/spec/externalTrafficPolicy") == "Local";
    Ok(Service {
        uid: text(object, "/metadata/uid").to_owned(),
        name: name_of(object),
        asked,
        current: ingress(object).next().and_then(|address| address.parse().ok()),
        ports: ports.collect(),
        sources: ranges,
        health_port: Some(number(&object["spec"]["healthCheckNodePort"])).filter(|port| is_local && *port != 0),
        by_source: text(object, "/spec/sessionAffinity") == "ClientIP",
        idle_timeout_minutes: annotation(IDLE_MINUTES).and_then(|text| text.parse().ok()).unwrap_or(IDLE_DEFAULT),
    })
}

fn takes_connections(node: &Json) -> bool {
    let ready = items(node, "/status/conditions").any(|it| it["type"] == "Ready" && it["status"] == "True");
    ready && node["metadata"]["labels"].get(EXCLUDED).is_none() && node.pointer("/metadata/deletionTimestamp").is_none()
}

fn address_of_node(node: &Json) -> Option<IpAddr> {
    let mut addresses = items(node, "/status/addresses").filter(|address| address["type"] == "InternalIP");
    addresses.find_map(|address| address["address"].as_str()?.parse().ok())
}

/// An event at a service. Its name follows from what it says, so that the control plane's machines tell it once.
fn event(object: &Json, problem: &str, clock: &dyn Clock) -> Json {
    let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    let now = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let uid = text(object, "/metadata/uid");
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "name": format!("{name}.{}", short_digest([uid.as_bytes(), problem.as_bytes()], 16)), "namespace": namespace },
        "involvedObject": { "apiVersion": "v1", "kind": "Service", "namespace": namespace, "name": name, "uid": uid },
        "type": "Warning",
        "reason": "LoadBalancerAddress",
        "message": problem,
        "source": { "component": "engine" },
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::super::{KubernetesCredentials, KubernetesSettings};
    use super::*;
    use crate::base::{FixedClock, Secret};
    use crate::target::testing::{FakeServer, Reply};

    fn object(name: &str, spec: Json) -> Json {
        let mut object = json!({
            "metadata": { "name": name, "namespace": "default", "uid": format!("uid-{name}"), "resourceVersion": "7" },
            "spec": { "type": "LoadBalancer", "ports": [{ "port": 80, "nodePort": 30080, "protocol": "TCP" }] },
        });
        for (key, value) in spec.as_object().unwrap() {
            object["spec"][key] = value.clone();
        }
        object
    }

    fn node(name: &str, address: &str, ready: &str, labels: Json) -> Json {
        json!({
            "metadata": { "name": name, "labels": labels },
            "status": {
                "conditions": [{ "type": "Ready", "status": ready }],
                "addresses": [{ "type": "Hostname", "address": name }, { "type": "InternalIP", "address": address }],
            },
        })
    }

    #[test]
    fn what_a_service_asks_for_is_told() {
        let mut full = object(
            "full",
            json!({
                "loadBalancerClass": "engine-gateway", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000,
                "sessionAffinity": "ClientIP", "loadBalancerSourceRanges": ["198.51.100.0/24"], "loadBalancerIP": "192.0.2.65",
            }),
        );
        full["metadata"]["annotations"] = json!({ IDLE_MINUTES: "30" });
        full["status"] = json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.64" }] } });
        let read = service(&full).unwrap();
        assert_eq!(read.asked, Some("192.0.2.65".parse().unwrap()));
        assert_eq!(read.current, Some("192.0.2.64".parse().unwrap()));
        assert_eq!((read.health_port, read.by_source, read.idle_timeout_minutes), (Some(31000), true, 30));
        assert_eq!(read.sources, ["198.51.100.0/24".parse::<IpNet>().unwrap()]);
        full["metadata"]["annotations"][ASKED_ADDRESS] = json!("192.0.2.66");
        assert_eq!(service(&full).unwrap().asked, Some("192.0.2.66".parse().unwrap()));
        // What cannot be read lets nobody in, and is told.
        full["metadata"]["annotations"][SOURCE_RANGES] = json!("203.0.113.0/24, 198.51.100.7/32");
        assert_eq!(service(&full).unwrap().sources.len(), 1);
        full["spec"]["loadBalancerSourceRanges"] = json!([]);
        assert_eq!(service(&full).unwrap().sources.len(), 2);
        full["spec"]["loadBalancerSourceRanges"] = json!(["198.51.100.0/24", "everybody"]);
        assert_eq!(service(&full).unwrap_err(), "`everybody` is no range of addresses");
        let (told, unreadable) = told(&[full.clone()], &[]);
        assert_eq!((told.services.len(), unreadable.len()), (0, 1));
        full["spec"]["loadBalancerSourceRanges"] = json!([]);
        full["metadata"]["annotations"][ASKED_ADDRESS] = json!("192.0.2.");
        assert_eq!(service(&full).unwrap_err(), "`192.0.2.` is no address");

        assert!(is_ours(&full) && is_ours(&object("plain", json!({}))));
        assert!(!is_ours(&object("another", json!({ "loadBalancerClass": "example.com/own" }))));
        assert!(!is_ours(&object("inner", json!({ "type": "ClusterIP" }))));
        full["metadata"]["deletionTimestamp"] = json!("2026-11-29T00:00:00Z");
        assert!(!is_ours(&full));
    }

    #[test]
    fn only_ready_nodes_that_are_not_left_out_take_connections() {
        let nodes = [
            node("b", "10.240.0.5", "True", json!({})),
            node("a", "10.240.0.4", "True", json!({})),
            node("down", "10.240.0.6", "Unknown", json!({})),
            node("plane", "10.240.255.5", "True", json!({ EXCLUDED: "" })),
        ];
        let (told, _) = told(&[], &nodes);
        assert_eq!(told.nodes, ["10.240.0.4", "10.240.0.5"].map(|text| text.parse::<IpAddr>().unwrap()));
    }

    #[tokio::test]
    async fn addresses_are_written_once_and_problems_told_once() {
        let server = FakeServer::start(move |before, seen, _| {
            let path = seen.path.split('?').next().unwrap();
            match (seen.method.as_str(), path) {
                // The third time the address is taken back, the fourth there is none to give.
                ("PUT", "/engine/services") => match before {
                    0 | 1 => Reply::json(
                        200,
                        json!({ "uid-a": { "address": "192.0.2.64" }, "uid-b": { "problem": "no address is free" } }),
                    ),
                    2 => Reply::json(200, json!({ "uid-b": { "problem": "no address is free" } })),
                    _ => Reply::text(404, ""),
                },
                ("GET", "/api/v1/nodes") => Reply::json(200, json!({ "items": [] })),
                ("GET", "/api/v1/services") => {
                    let mut one = object("a", json!({}));
                    if (1..3).contains(&before) {
                        one["status"] = json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.64" }] } });
                    }
                    Reply::json(200, json!({ "items": [one, object("b", json!({}))] }))
                }
                ("PATCH", "/api/v1/namespaces/default/services/a/status") => {
                    Reply::json(200, json!({ "kind": "Service" }))
                }
                ("POST", "/api/v1/namespaces/default/events") => Reply::json(201, json!({ "kind": "Event" })),
                other => Reply::text(500, format!("{other:?}")),
            }
        })
        .await;
        let api = KubernetesClient::new(KubernetesSettings {
            server: server.url.clone(),
            certificate_authority: None,
            credentials: KubernetesCredentials::Token(Secret::new("token")),
            http: HttpSettings::for_server(&server.url),
        });
        let clock = FixedClock("2026-11-29T08:00:00Z".parse().unwrap());
        let mut addresses = ServiceAddresses::new(api.unwrap(), &server.url, &clock).unwrap();
        let lines = ["default/a has 192.0.2.64", "default/b: no address is free"].map(str::to_owned).to_vec();
        assert_eq!(addresses.look().await.unwrap(), Looked::Services(2, lines));
        assert_eq!(addresses.look().await.unwrap(), Looked::Services(2, Vec::new()));
        let gone = vec!["default/a has no address any more".to_owned()];
        assert_eq!(addresses.look().await.unwrap(), Looked::Services(2, gone));
        assert_eq!(addresses.look().await.unwrap(), Looked::NoAddresses);
        let seen = server.seen();
        let written: Vec<Json> =
            seen.iter().filter(|seen| seen.method == Method::PATCH).map(|seen| seen.json()).collect();
        let status = |ingress: Json| json!({ "metadata": { "resourceVersion": "7" }, "status": { "loadBalancer": { "ingress": ingress } } });
        assert_eq!(written, [status(json!([{ "ip": "192.0.2.64" }])), status(json!([]))]);
        let events: Vec<Json> =
            seen.iter().filter(|seen| seen.method == Method::POST).map(|seen| seen.json()).collect();
        assert_eq!(events.len(), 1);
        assert_eq!(
            (&events[0]["message"], &events[0]["involvedObject"]["name"]),
            (&json!("no address is free"), &json!("b"))
        );
        let told = seen.iter().find(|seen| seen.method == Method::PUT).unwrap();
        assert_eq!(told.header("metadata"), "true");
        assert_eq!(told.json()["services"].as_array().unwrap().len(), 2);
    }
}
