//! The gateway of an on-prem network over loopback: the requests that cloud-init 25.1.4's Azure datasource makes, from the
//! addresses of machines, and what nobody should ask. On loopback each 127.0.0.x is an address of its own.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::base::{FixedClock, write_private};
use engine::gateway::{
    Administrator, Backend, Balancer, CONFIGURATION_FILE, Configuration, Frontend, Gateway, GatewaySettings, Interface,
    Machine, MachineAddress, MachineState, MachineStatus, Probe, ProbeProtocol, Rule, SERVICES_PATH, SystemKind,
    TransportProtocol, status_file,
};
use serde_json::{Value as Json, json};

const LOOK: Duration = Duration::from_millis(20);

fn machine(name: &str, address: &str) -> Machine {
    Machine {
        id: format!("/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/{name}"),
        name: name.to_owned(),
        computer_name: name.to_owned(),
        vm_id: format!("id-of-{name}"),
        size: "Standard_D2s_v5".into(),
        location: "local".into(),
        resource_group: "rg".into(),
        subscription_id: "s".into(),
        environment: "AzurePublicCloud".into(),
        zone: None,
        fault_domain: 0,
        update_domain: 0,
        scale_set: None,
        system: SystemKind::Linux,
        image: None,
        administrator: Administrator { name: "azureuser".into(), password_disabled: true, public_keys: Vec::new() },
        tags: [("role".to_owned(), "a;b".to_owned())].into(),
        interfaces: vec![Interface {
            mac: "525400000001".into(),
            subnet: "127.0.0.0/8".parse().unwrap(),
            addresses: vec![MachineAddress { private: address.parse().unwrap(), public: None }],
        }],
    }
}

fn configuration(machines: Vec<Machine>, balancers: Vec<Balancer>) -> Configuration {
    Configuration { format: 1, network: "vnet".into(), machines, balancers, ..Configuration::default() }
}

fn put(folder: &Path, configuration: &Configuration) {
    write_private(&folder.join(CONFIGURATION_FILE), configuration.text().unwrap().as_bytes()).unwrap();
}

struct Running {
    gateway: Gateway,
    folder: tempfile::TempDir,
    said: Arc<Mutex<Vec<String>>>,
}

impl Running {
    async fn start(configuration: Option<&Configuration>, haproxy: bool) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), configuration, haproxy).await
    }

    async fn start_in(folder: tempfile::TempDir, configuration: Option<&Configuration>, haproxy: bool) -> Self {
        _ = rustls::crypto::ring::default_provider().install_default();
        if let Some(configuration) = configuration {
            put(folder.path(), configuration);
        }
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let gateway = Gateway::start(GatewaySettings {
            folder: folder.path().to_owned(),
            metadata: "127.0.0.1:0".parse().unwrap(),
            wire: "127.0.0.1:0".parse().unwrap(),
            interface: None,
            is_machine: false,
            haproxy: haproxy.then(|| "haproxy".into()),
            dnsmasq: "dnsmasq".into(),
            keepalived: "keepalived".into(),
            look_every: LOOK,
            clock: Arc::new(FixedClock("2026-11-28T12:00:00Z".parse().unwrap())),
            tell: Arc::new(move |line: &str| heard.lock().unwrap().push(line.to_owned())),
        });
        Self { gateway: gateway.await.unwrap(), folder, said }
    }

    /// A request from an address; gives the status and the body.
    async fn ask(&self, from: &str, request: Request<'_>) -> (u16, String) {
        let client = reqwest::Client::builder()
            .local_address(Some(from.parse::<IpAddr>().unwrap()))
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        let server = if request.wire { self.gateway.wire_address() } else { self.gateway.metadata_address() };
        let method = reqwest::Method::from_bytes(request.method.as_bytes()).unwrap();
        let mut built = client.request(method, format!("http://{server}{}", request.path));
        for (name, value) in request.headers {
            built = built.header(*name, *value);
        }
        if let Some(body) = request.body {
            built = built.body(body);
        }
        let response = built.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    fn status(&self, machine: &str) -> Option<MachineStatus> {
        let text = std::fs::read_to_string(self.folder.path().join(status_file(machine).unwrap())).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    async fn until(&self, what: &str, mut holds: impl AsyncFnMut(&Self) -> bool) {
        for _ in 0..500 {
            if holds(self).await {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("{what}: {:?}", self.said.lock().unwrap());
    }
}

#[derive(Clone, Default)]
struct Request<'a> {
    wire: bool,
    method: &'a str,
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: Option<String>,
}

const METADATA: &[(&str, &str)] = &[("Metadata", "true")];
const AGENT: &[(&str, &str)] = &[("x-ms-agent-name", "WALinuxAgent"), ("x-ms-version", "2012-11-30")];

fn metadata(path: &str) -> Request<'_> {
    Request { method: "GET", path, headers: METADATA, ..Request::default() }
}

fn wire<'a>(method: &'a str, path: &'a str) -> Request<'a> {
    Request { wire: true, method, path, headers: AGENT, body: None }
}

/// A report as cloud-init writes it.
fn report(machine: &str, state: &str, detail: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Health xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"\n \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\n  <GoalStateIncarnation>1</GoalStateIncarnation>\n  \
         <Container>\n    <ContainerId>id-of-{machine}</ContainerId>\n    <RoleInstanceList>\n      <Role>\n        \
         <InstanceId>{machine}</InstanceId>\n        <Health>\n          <State>{state}</State>\n          {detail}\n        \
         </Health>\n      </Role>\n    </RoleInstanceList>\n  </Container>\n</Health>\n"
    )
}

/// Element texts of a document without attributes in the elements that matter.
fn between<'a>(text: &'a str, element: &str) -> &'a str {
    text.split(&format!("<{element}>")).nth(1).unwrap().split(&format!("</{element}>")).next().unwrap()
}

#[tokio::test]
async fn cloud_init_finds_its_machine_and_is_heard() {
    let both = configuration(vec![machine("one", "127.0.0.11"), machine("two", "127.0.0.12")], Vec::new());
    let running = Running::start(Some(&both), false).await;
    for (name, from) in [("one", "127.0.0.11"), ("two", "127.0.0.12")] {
        // In the order in which the datasource asks.
        let (status, body) =
            running.ask(from, metadata("/metadata/instance?api-version=2021-08-01&extended=true")).await;
        let document: Json = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 200);
        assert_eq!(document["compute"]["osProfile"]["computerName"], name);
        assert_eq!(document["compute"]["tagsList"], json!([{ "name": "role", "value": "a;b" }]));
        assert_eq!(document["network"]["interface"][0]["ipv4"]["ipAddress"][0]["privateIpAddress"], from);
        assert_eq!(document["extended"]["compute"]["ppsType"], "None");
        let (status, goal) = running.ask(from, wire("GET", "/machine/?comp=goalstate")).await;
        assert_eq!(status, 200);
        let (container, instance) = (between(&goal, "ContainerId"), between(&goal, "InstanceId"));
        assert_eq!((container, instance, between(&goal, "Incarnation")), (&*format!("id-of-{name}"), name, "1"));
        assert_eq!(running.status(name), None);
        let health = Request { body: Some(report(name, "Ready", "")), ..wire("POST", "/machine?comp=health") };
        assert_eq!(running.ask(from, health).await.0, 200);
        let known = running.status(name).unwrap();
        assert_eq!((known.state, known.vm_id.as_str()), (MachineState::Ready, container));
        assert_eq!(known.at.to_string(), "2026-11-28T12:00:00Z");
    }
    // What the older version of the datasource asks, and what the scripts ask.
    let (status, text) = running
        .ask("127.0.0.12", metadata("/metadata/instance/compute/resourceGroupName?api-version=2021-02-01&format=text"))
        .await;
    assert_eq!((status, text.as_str()), (200, "rg"));
    assert_eq!(running.ask("127.0.0.12", wire("GET", "/?comp=versions")).await.0, 200);
    {
        use std::os::unix::fs::PermissionsExt as _;
        let file = running.folder.path().join(status_file("one").unwrap());
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    running.gateway.shutdown().await;
}

#[tokio::test]
async fn failures_are_recorded_with_their_cause() {
    let running = Running::start(Some(&configuration(vec![machine("one", "127.0.0.11")], Vec::new())), false).await;
    let detail = "<Details>\n  <SubStatus>ProvisioningFailed</SubStatus>\n  <Description>no &lt;DHCP&gt; lease</Description>\n</Details>";
    let health = Request { body: Some(report("one", "NotReady", detail)), ..wire("POST", "/machine?comp=health") };
    assert_eq!(running.ask("127.0.0.11", health).await.0, 200);
    let known = running.status("one").unwrap();
    assert_eq!(known.state, MachineState::NotReady);
    assert_eq!(known.description.as_deref(), Some("ProvisioningFailed: no <DHCP> lease"));
    // It may come to itself.
    let health = Request { body: Some(report("one", "Ready", "")), ..wire("POST", "/machine?comp=health") };
    assert_eq!(running.ask("127.0.0.11", health).await.0, 200);
    assert_eq!(running.status("one").unwrap().state, MachineState::Ready);
    let said = running.said.lock().unwrap().join("\n");
    assert!(said.contains("one is NotReady: ProvisioningFailed: no <DHCP> lease\none is Ready"), "{said}");
    running.gateway.shutdown().await;
}

#[tokio::test]
async fn nobody_speaks_for_another() {
    let both = configuration(vec![machine("one", "127.0.0.11"), machine("two", "127.0.0.12")], Vec::new());
    let running = Running::start(Some(&both), false).await;
    let instance = "/metadata/instance?api-version=2021-02-01";
    // Whoever is not known learns nothing.
    for request in [
        metadata(instance),
        wire("GET", "/machine/?comp=goalstate"),
        Request { body: Some(report("one", "Ready", "")), ..wire("POST", "/machine?comp=health") },
    ] {
        assert_eq!(running.ask("127.0.0.99", request).await.0, 404);
    }
    // A report with another's name, a report of a former self.
    let forged = Request { body: Some(report("one", "Ready", "")), ..wire("POST", "/machine?comp=health") };
    assert_eq!(running.ask("127.0.0.12", forged).await.0, 410);
    assert_eq!(running.status("one"), None);
    assert_eq!(running.status("two"), None);
    // A header that claims another address is no address.
    let claimed = [("Metadata", "true"), ("X-Forwarded-For", "127.0.0.11")];
    let (status, body) = running.ask("127.0.0.12", Request { headers: &claimed, ..metadata(instance) }).await;
    assert_eq!(status, 400, "{body}");
    running.gateway.shutdown().await;
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused() {
    let running = Running::start(Some(&configuration(vec![machine("one", "127.0.0.11")], Vec::new())), false).await;
    let instance = "/metadata/instance?api-version=2021-02-01";
    let post = |body: String| Request { body: Some(body), ..wire("POST", "/machine?comp=health") };
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><Health>&c;</Health>".to_owned();
    for (expected, request) in [
        (400, Request { headers: &[], ..metadata(instance) }),
        (400, Request { headers: &[("Metadata", "false")], ..metadata(instance) }),
        (400, metadata("/metadata/instance")),
        (400, metadata("/metadata/instance?api-version=1")),
        (404, metadata("/metadata/instance/compute/../../../etc/passwd?api-version=2021-02-01")),
        (404, metadata("/metadata/instance/%2e%2e/gateway.json?api-version=2021-02-01")),
        (404, metadata("/metadata/identity/oauth2/token?api-version=2018-02-01")),
        (404, metadata("/gateway.json")),
        (405, Request { method: "PUT", ..metadata(instance) }),
        (400, Request { headers: &[], ..wire("GET", "/machine/?comp=goalstate") }),
        (404, wire("GET", "/machine/?comp=secrets")),
        (404, wire("GET", "/machine/?comp=health")),
        (404, wire("GET", "/other?comp=goalstate")),
        (400, post("Ready".to_owned())),
        (400, post(bomb)),
        (413, post("x".repeat(100_000))),
        (410, post(report("one", "Ready", "").replace("Incarnation>1<", "Incarnation>7<"))),
    ] {
        let about = format!("{} {} {:?}", request.method, request.path, request.headers);
        assert_eq!(running.ask("127.0.0.11", request).await.0, expected, "{about}");
    }
    assert_eq!(running.status("one"), None);
    running.gateway.shutdown().await;
}

/// Sixteen askers that say nothing keep neither others nor, once they are gone, themselves out.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_keep_nobody_out() {
    let both = configuration(vec![machine("one", "127.0.0.11"), machine("two", "127.0.0.12")], Vec::new());
    let running = Running::start(Some(&both), false).await;
    let server = running.gateway.metadata_address();
    let silent = |_| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.11:0".parse::<SocketAddr>().unwrap()).unwrap();
        socket.connect(server)
    };
    let mut held = Vec::new();
    for number in 0..16 {
        let mut stream = silent(number).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET /meta").await.unwrap();
        held.push(stream);
    }
    let instance = metadata("/metadata/instance?api-version=2021-02-01");
    assert_eq!(running.ask("127.0.0.12", instance.clone()).await.0, 200);
    // One more of the same asker is hung up on.
    let mut more = silent(16).await.unwrap();
    _ = tokio::io::AsyncWriteExt::write_all(&mut more, b"GET /metadata HTTP/1.1\r\n\r\n").await;
    let read = tokio::io::AsyncReadExt::read(&mut more, &mut [0; 16]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    drop(held);
    running
        .until("the asker is let in again", async |running| {
            let client = reqwest::Client::builder().local_address(Some("127.0.0.11".parse().unwrap())).no_proxy();
            let request = client
                .build()
                .unwrap()
                .get(format!("http://{}/metadata/instance?api-version=2021-02-01", running.gateway.metadata_address()));
            request.header("Metadata", "true").send().await.is_ok_and(|response| response.status() == 200)
        })
        .await;
    running.gateway.shutdown().await;
}

#[tokio::test]
async fn changes_are_followed_and_a_spoilt_file_changes_nothing() {
    let running = Running::start(None, false).await;
    let instance = || metadata("/metadata/instance/compute/name?api-version=2021-02-01&format=text");
    assert_eq!(running.ask("127.0.0.11", instance()).await.0, 404);
    put(running.folder.path(), &configuration(vec![machine("one", "127.0.0.11")], Vec::new()));
    running.until("the first", async |running| running.ask("127.0.0.11", instance()).await.1 == "one").await;
    for spoilt in ["{", "{\"format\": 9}", ""] {
        std::fs::write(running.folder.path().join(CONFIGURATION_FILE), spoilt).unwrap();
        tokio::time::sleep(LOOK * 5).await;
        assert_eq!(running.ask("127.0.0.11", instance()).await.1, "one", "{spoilt}");
    }
    let said = running.said.lock().unwrap().join("\n");
    assert!(said.contains("gateway.json is of format 9, and this program reads up to format 4"), "{said}");
    // A machine made anew under the same name has another id; its former self's report is no longer taken.
    let mut anew = machine("one", "127.0.0.11");
    anew.vm_id = "another".into();
    put(running.folder.path(), &configuration(vec![anew], Vec::new()));
    running
        .until("the second", async |running| {
            running.ask("127.0.0.11", wire("GET", "/machine/?comp=goalstate")).await.1.contains("another")
        })
        .await;
    let former = Request { body: Some(report("one", "Ready", "")), ..wire("POST", "/machine?comp=health") };
    assert_eq!(running.ask("127.0.0.11", former).await.0, 410);
    running.gateway.shutdown().await;
}

/// Control-plane machines tell of services, nobody else, and only where there are addresses for them. What is told outlives the
/// gateway.
#[tokio::test]
async fn services_are_told_by_control_plane_machines() {
    let mut plane = machine("plane", "127.0.0.11");
    plane.tags = [("poolName".to_owned(), "master".to_owned())].into();
    let mut told = configuration(vec![plane, machine("worker", "127.0.0.12")], Vec::new());
    let running = Running::start(Some(&told), false).await;
    let service = json!({ "uid": "u1", "name": "default/web", "idleTimeoutMinutes": 4,
        "ports": [{ "protocol": "TCP", "port": 80, "nodePort": 30080 }] });
    let body = json!({ "format": 1, "services": [service], "nodes": ["127.0.0.12"] });
    let put_services = |headers: &'static [(&str, &str)], body: &Json| Request {
        method: "PUT",
        path: SERVICES_PATH,
        headers,
        body: Some(body.to_string()),
        ..Request::default()
    };
    assert_eq!(running.ask("127.0.0.11", put_services(METADATA, &body)).await.0, 404, "there are no addresses");
    told.service_addresses = vec!["192.0.2.80/30".parse().unwrap()];
    told.format = told.least_format();
    put(running.folder.path(), &told);
    running
        .until("the addresses", async |running| running.ask("127.0.0.11", put_services(METADATA, &body)).await.0 == 200)
        .await;
    let (status, answer) = running.ask("127.0.0.11", put_services(METADATA, &body)).await;
    assert_eq!((status, answer.as_str()), (200, "{\"u1\":{\"address\":\"192.0.2.80\"}}"));
    assert_eq!(running.ask("127.0.0.12", put_services(METADATA, &body)).await.0, 404, "a worker");
    assert_eq!(running.ask("127.0.0.13", put_services(METADATA, &body)).await.0, 404, "nobody");
    assert_eq!(running.ask("127.0.0.11", put_services(&[], &body)).await.0, 400, "without the header");
    for wrong in [json!({ "format": 9, "services": [], "nodes": [] }), json!([]), json!({ "format": 1 })] {
        assert_eq!(running.ask("127.0.0.11", put_services(METADATA, &wrong)).await.0, 400, "{wrong}");
    }
    // Another service comes while the gateway is away: the first one's address is not given to it.
    let Running { gateway, folder, .. } = running;
    gateway.shutdown().await;
    let running = Running::start_in(folder, None, false).await;
    let mut first = service.clone();
    first["uid"] = json!("u0");
    let body = json!({ "format": 1, "services": [first, service], "nodes": [] });
    running
        .until("services", async |running| running.ask("127.0.0.11", put_services(METADATA, &body)).await.0 == 200)
        .await;
    let (_, answer) = running.ask("127.0.0.11", put_services(METADATA, &body)).await;
    let answer: Json = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer, json!({ "u0": { "address": "192.0.2.81" }, "u1": { "address": "192.0.2.80" } }));
    running.gateway.shutdown().await;
}

/// A server that answers each connection with its name.
fn echo(name: &'static str) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            _ = stream.write_all(name.as_bytes());
        }
    });
    address
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.21:0").unwrap().local_addr().unwrap().port()
}

fn answer(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}

/// haproxy itself: connections go to whoever is well, a change of the configuration is taken up, and haproxy is started again
/// when it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_balanced_over_who_is_well() {
    if std::process::Command::new("haproxy").arg("-v").output().is_err() {
        println!("skipped: `haproxy` is not installed");
        return;
    }
    let (one, two) = (echo("one"), echo("two"));
    // Nobody listens there.
    let dead = SocketAddr::new("127.0.0.1".parse().unwrap(), free_port());
    let listen = SocketAddr::new("127.0.0.21".parse().unwrap(), free_port());
    let balancer = |backends: &[(&str, SocketAddr)]| Balancer {
        id: "lb".into(),
        name: "lb".into(),
        frontends: vec![Frontend { name: "front".into(), address: listen.ip(), public: true }],
        rules: vec![Rule {
            name: "rule".into(),
            protocol: TransportProtocol::Tcp,
            listen,
            backends: backends
                .iter()
                .map(|(name, address)| Backend { name: (*name).to_owned(), address: *address })
                .collect(),
            // Each has a port of its own, so whoever is asked is the first: the dead one is found by its connections.
            probe: None,
            idle_timeout_minutes: 4,
            by_source: false,
            sources: Vec::new(),
        }],
        nat_rules: Vec::new(),
    };
    let first = configuration(Vec::new(), vec![balancer(&[("one", one), ("dead", dead)])]);
    let running = Running::start(Some(&first), true).await;
    running.until("one answers", async |_| answer(listen).as_deref() == Some("one")).await;
    // From now on both answer, by turns.
    put(running.folder.path(), &configuration(Vec::new(), vec![balancer(&[("one", one), ("two", two)])]));
    running
        .until("both answer", async |_| {
            let mut found: Vec<_> = (0..4).filter_map(|_| answer(listen)).collect();
            found.sort();
            found == ["one", "one", "two", "two"]
        })
        .await;
    // One whose probe finds nobody is left out.
    let mut probed = balancer(&[("one", one), ("two", two)]);
    probed.rules[0].probe =
        Some(Probe { protocol: ProbeProtocol::Tcp, port: dead.port(), path: None, interval_seconds: 1, failures: 1 });
    put(running.folder.path(), &configuration(Vec::new(), vec![probed]));
    running.until("nobody is well", async |_| answer(listen).is_none()).await;
    put(running.folder.path(), &configuration(Vec::new(), vec![balancer(&[("two", two)])]));
    running.until("two answers", async |_| answer(listen).as_deref() == Some("two")).await;
    let text = std::fs::read_to_string(running.folder.path().join("haproxy.cfg")).unwrap();
    assert!(text.contains(&format!("source {}\n", listen.ip())), "{text}");
    let Running { gateway, folder, .. } = running;
    gateway.shutdown().await;
    assert_eq!(answer(listen), None, "haproxy ends with its gateway");

    // A gateway that is killed leaves haproxy behind, which the next one ends before it begins.
    let mut left = std::process::Command::new("haproxy")
        .args(["-W", "-db", "-f"])
        .arg(folder.path().join("haproxy.cfg"))
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while answer(listen).is_none() {
        tokio::time::sleep(LOOK).await;
        assert!(left.try_wait().unwrap().is_none(), "haproxy runs");
    }
    // Whoever started it hears of its end, else it would stay as a zombie.
    let ended = std::thread::spawn(move || left.wait().unwrap());
    let running = Running::start_in(folder, None, true).await;
    running.until("the one that was left has ended", async |_| ended.is_finished()).await;
    running.until("two answers again", async |_| answer(listen).as_deref() == Some("two")).await;
    running.gateway.shutdown().await;
}
