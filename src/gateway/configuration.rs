//! `gateway.json`: all that a gateway knows. The target writes it whole, by a rename; the gateway follows its changes.
//!
//! Deliberately absent: secrets. customData reaches a machine by its provisioning medium, never through here.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The file's name below a gateway's folder.
pub const CONFIGURATION_FILE: &str = "gateway.json";

/// The newest version of the file that this program writes and reads. What an older one can tell is told in that: the gateway's
/// image may be older than the engine. 2: `site` and `serviceAddresses`. 3: `router`. 4: `pair`.
pub const FORMAT: u32 = 4;

/// What one gateway, that of one virtual network, has to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    /// The version of this form, [`FORMAT`] at most: [`Configuration::least_format`].
    pub format: u32,
    /// The ARM id of the virtual network.
    pub network: String,
    /// The addresses that the gateway's interface in the network holds, each with the prefix length to give it there: one
    /// of each subnet, the two link-local ones of Azure's fabric as /32, the front ends of its balancers. Sorted.
    pub addresses: Vec<IpNet>,
    /// The virtual machines with an interface in the network, by id.
    pub machines: Vec<Machine>,
    /// The load balancers with a front end that this gateway holds, by id.
    pub balancers: Vec<Balancer>,
    /// The gateway's way into the network around the host, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// What it does as the machines' router, where the host is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<Router>,
    /// The other gateway, where there are two of the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<Pair>,
    /// The addresses that the cluster's own services may have: they are held where the site is reached, and elsewhere beside
    /// [`Configuration::addresses`]. Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_addresses: Vec<IpNet>,
}

/// The gateway's interface into the network around the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Site {
    /// The host's bridge that the interface is on, which the gateway itself cannot see.
    pub bridge: String,
    /// The interface's hardware address, as twelve hexadecimal digits in upper case without separators.
    pub mac: String,
    /// The addresses that it holds, each as /32: front ends of balancers. Sorted.
    pub addresses: Vec<IpNet>,
    /// The router of that network, with its prefix; without one, nobody beyond it is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<IpNet>,
}

/// What a gateway does that is the machines' router: it leads them outside, gives them their addresses and answers for names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Router {
    /// The domain of the machines' names.
    pub domain: String,
    /// The router's address in each subnet, which is in [`Configuration::addresses`] too, with the subnet's prefix. Sorted.
    pub subnets: Vec<IpNet>,
    /// Addresses of other names than the machines'.
    #[serde(default)]
    pub names: BTreeMap<String, IpAddr>,
    /// Whom it asks for all other names.
    #[serde(default)]
    pub name_servers: Vec<IpAddr>,
    /// The address of [`Site::addresses`] by which the machines are seen outside; none: they do not get there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
}

/// Two gateways of one network: they watch each other, and one of them has all addresses but the other's own, and does the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// The gateway's own address in the network, with its subnet's prefix.
    pub own: IpNet,
    /// The other's.
    pub other: IpAddr,
    /// The other's hardware address in the network, as twelve hexadecimal digits.
    pub other_mac: String,
    /// Whether this one does the work where both begin at once.
    pub first: bool,
}

/// A file that is none, or of a newer program.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// It is not a configuration.
    #[error("{CONFIGURATION_FILE} cannot be read: {0}")]
    Form(#[from] serde_json::Error),
    /// It is one of another format.
    #[error("{CONFIGURATION_FILE} is of format {0}, and this program reads up to format {FORMAT}: build a newer image")]
    Format(u64),
}

impl Configuration {
    /// The configuration that a file's text holds.
    ///
    /// # Errors
    /// Text that is no configuration, or one of another format.
    pub fn parse(text: &str) -> Result<Self, ConfigurationError> {
        #[derive(Deserialize)]
        struct Version {
            format: u64,
        }
        // First the version: a newer file may have another form altogether.
        let version: Version = serde_json::from_str(text)?;
        if !(1..=u64::from(FORMAT)).contains(&version.format) {
            return Err(ConfigurationError::Format(version.format));
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The file's text: the same configuration gives the same bytes.
    ///
    /// # Errors
    /// None in practice: keys are text and there are no floats.
    pub fn text(&self) -> Result<String, ConfigurationError> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// The oldest version that has all that is told.
    pub fn least_format(&self) -> u32 {
        match (&self.pair, &self.router, &self.site) {
            (Some(_), _, _) => 4,
            (None, Some(_), _) => 3,
            (None, None, Some(_)) => 2,
            (None, None, None) if self.service_addresses.is_empty() => 1,
            (None, None, None) => 2,
        }
    }

    /// The machine that asks from an address.
    pub fn machine_at(&self, address: IpAddr) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.addresses().any(|own| own == address))
    }
}

/// A virtual machine, as the instance metadata service tells it to itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// The ARM id.
    pub id: String,
    /// The resource's name.
    pub name: String,
    /// The name that the machine gives itself.
    pub computer_name: String,
    /// Its unique id (`vmId`), which SMBIOS tells too.
    pub vm_id: String,
    /// The size, such as `Standard_D2s_v3`.
    pub size: String,
    /// The location.
    pub location: String,
    /// The resource group's name.
    pub resource_group: String,
    /// The subscription's id.
    pub subscription_id: String,
    /// The cloud's name in the metadata (`azEnvironment`).
    pub environment: String,
    /// The zone, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The fault domain, from 0.
    pub fault_domain: u32,
    /// The update domain, from 0.
    pub update_domain: u32,
    /// The scale set of which it is an instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_set: Option<String>,
    /// Linux or Windows.
    pub system: SystemKind,
    /// What it was made from, where it is a marketplace image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// Who administers it.
    pub administrator: Administrator,
    /// The tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The interfaces, the primary one first.
    pub interfaces: Vec<Interface>,
}

impl Machine {
    /// All private addresses of the machine, the primary one first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.interfaces.iter().flat_map(|interface| interface.addresses.iter().map(|address| address.private))
    }
}

/// A machine's operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SystemKind {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
}

/// A marketplace image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Who published it.
    pub publisher: String,
    /// The offer.
    pub offer: String,
    /// The kind within the offer.
    pub sku: String,
    /// The version.
    pub version: String,
}

/// The account that a machine is made with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Administrator {
    /// The account's name.
    pub name: String,
    /// Whether it signs in by keys only.
    pub password_disabled: bool,
    /// Its public keys: the path on the machine and the key, in the form of `authorized_keys`.
    #[serde(default)]
    pub public_keys: Vec<(String, String)>,
}

/// A network interface of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// The hardware address, as twelve hexadecimal digits in upper case without separators (`macAddress`).
    pub mac: String,
    /// The subnet: the network of the addresses.
    pub subnet: IpNet,
    /// The addresses, the primary one first. Both families may be there.
    pub addresses: Vec<MachineAddress>,
}

/// An address of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineAddress {
    /// In the network.
    pub private: IpAddr,
    /// The public address that is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<IpAddr>,
}

/// A load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Balancer {
    /// The ARM id.
    pub id: String,
    /// The resource's name.
    pub name: String,
    /// The front ends that this gateway holds.
    pub frontends: Vec<Frontend>,
    /// Where connections go, by name.
    pub rules: Vec<Rule>,
    /// Connections to single machines: each has one backend and no probe. By name.
    pub nat_rules: Vec<Rule>,
}

/// An address at which a balancer is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontend {
    /// Its name.
    pub name: String,
    /// The address, which is in [`Configuration::addresses`] too.
    pub address: IpAddr,
    /// Whether it is a public one. Connections that come in there go on to the machines from this address, not from one of
    /// the network, so that packet filters see that they come from outside.
    pub public: bool,
}

/// Connections to an address and port go to one of the backends that its probe finds well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Its name, unique among the balancer's rules and NAT rules.
    pub name: String,
    /// The transport.
    pub protocol: TransportProtocol,
    /// The front end's address and the port.
    pub listen: SocketAddr,
    /// Where it goes; nowhere yet if this is empty. By name.
    pub backends: Vec<Backend>,
    /// How backends are probed; none are if there is no probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// After so many minutes of silence a connection ends.
    pub idle_timeout_minutes: u32,
    /// Whether a client stays with its backend (`loadDistribution` of `SourceIP` or `SourceIPProtocol`).
    #[serde(default)]
    pub by_source: bool,
    /// Whose connections are taken; everybody's if this is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<IpNet>,
}

/// TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A machine behind a balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// The machine's name, or its interface's while no machine has it.
    pub name: String,
    /// Its address and port.
    pub address: SocketAddr,
}

/// How a backend is found well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// What is asked.
    pub protocol: ProbeProtocol,
    /// The port that is asked, which need not be the one that is served.
    pub port: u16,
    /// The path, for HTTP and HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The seconds between two probes.
    pub interval_seconds: u32,
    /// After so many failures a backend is left out.
    pub failures: u32,
}

/// What a probe asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeProtocol {
    /// A connection.
    Tcp,
    /// An answer of 200.
    Http,
    /// The same over TLS; the certificate is not looked at, as Azure's probes do not either.
    Https,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
pub(super) mod tests {
    use super::*;

    /// A network with one machine behind one balancer.
    pub(crate) fn example() -> Configuration {
        let group = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers";
        Configuration {
            format: 1,
            site: None,
            router: None,
            pair: None,
            service_addresses: Vec::new(),
            network: format!("{group}/Microsoft.Network/virtualNetworks/vnet"),
            addresses: ["10.240.0.2/16", "168.63.129.16/32", "169.254.169.254/32", "198.18.0.4/32"]
                .map(|address| address.parse().unwrap())
                .to_vec(),
            machines: vec![Machine {
                id: format!("{group}/Microsoft.Compute/virtualMachines/k8s-master-1-0"),
                name: "k8s-master-1-0".into(),
                computer_name: "k8s-master-1-0".into(),
                vm_id: "6f1c2d5e-7d6f-5b3a-9c1d-111111111111".into(),
                size: "Standard_D2s_v3".into(),
                location: "local".into(),
                resource_group: "rg".into(),
                subscription_id: "00000000-0000-0000-0000-000000000001".into(),
                environment: "AzurePublicCloud".into(),
                zone: None,
                fault_domain: 0,
                update_domain: 0,
                scale_set: None,
                system: SystemKind::Linux,
                image: None,
                administrator: Administrator {
                    name: "azureuser".into(),
                    password_disabled: true,
                    public_keys: vec![("/home/azureuser/.ssh/authorized_keys".into(), "ssh-ed25519 AAAA a".into())],
                },
                tags: BTreeMap::from([("poolName".to_owned(), "master".to_owned())]),
                interfaces: vec![Interface {
                    mac: "525400A1B2C3".into(),
                    subnet: "10.240.0.0/16".parse().unwrap(),
                    addresses: vec![MachineAddress { private: "10.240.255.5".parse().unwrap(), public: None }],
                }],
            }],
            balancers: vec![Balancer {
                id: format!("{group}/Microsoft.Network/loadBalancers/lb"),
                name: "lb".into(),
                frontends: vec![Frontend {
                    name: "front".into(),
                    address: "198.18.0.4".parse().unwrap(),
                    public: true,
                }],
                rules: vec![Rule {
                    name: "LBRuleHTTPS".into(),
                    protocol: TransportProtocol::Tcp,
                    listen: "198.18.0.4:443".parse().unwrap(),
                    backends: vec![Backend {
                        name: "k8s-master-1-0".into(),
                        address: "10.240.255.5:443".parse().unwrap(),
                    }],
                    probe: Some(Probe {
                        protocol: ProbeProtocol::Tcp,
                        port: 443,
                        path: None,
                        interval_seconds: 5,
                        failures: 2,
                    }),
                    idle_timeout_minutes: 5,
                    by_source: false,
                    sources: Vec::new(),
                }],
                nat_rules: Vec::new(),
            }],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let configuration = example();
        let text = configuration.text().unwrap();
        assert_eq!(Configuration::parse(&text).unwrap(), configuration);
        assert!(text.starts_with("{\n  \"format\": 1,\n  \"network\": \"/subscriptions/"), "{text}");
    }

    #[test]
    fn another_format_is_told_whatever_else_it_holds() {
        let error = Configuration::parse("{\"format\": 5, \"machines\": 7}").unwrap_err();
        let told = "gateway.json is of format 5, and this program reads up to format 4: build a newer image";
        assert_eq!(error.to_string(), told);
        assert!(matches!(Configuration::parse("{\"format\": 0}"), Err(ConfigurationError::Format(0))));
        assert!(matches!(Configuration::parse("{\"format\""), Err(ConfigurationError::Form(_))));
    }

    /// A gateway of an older image reads what it can do, and refuses the rest instead of leaving it out.
    #[test]
    fn only_what_needs_a_newer_form_is_told_in_it() {
        let mut configuration = example();
        assert_eq!(configuration.least_format(), 1);
        assert!(!configuration.text().unwrap().contains("site"));
        let addresses = vec!["192.0.2.48/32".parse().unwrap()];
        let router = Some("192.0.2.1/24".parse().unwrap());
        configuration.site = Some(Site { bridge: "br0".into(), mac: "525400A1B2C4".into(), addresses, router });
        configuration.format = configuration.least_format();
        assert_eq!(configuration.format, 2);
        assert_eq!(Configuration::parse(&configuration.text().unwrap()).unwrap(), configuration);
        configuration.router = Some(Router {
            domain: "rg.internal".into(),
            subnets: vec!["10.240.0.1/16".parse().unwrap()],
            names: BTreeMap::new(),
            name_servers: Vec::new(),
            source: None,
        });
        configuration.format = configuration.least_format();
        assert_eq!(configuration.format, 3);
        assert_eq!(Configuration::parse(&configuration.text().unwrap()).unwrap(), configuration);
        configuration.pair = Some(Pair {
            own: "10.240.0.2/16".parse().unwrap(),
            other: "10.240.0.3".parse().unwrap(),
            other_mac: "525400A1B2C5".into(),
            first: true,
        });
        configuration.format = configuration.least_format();
        assert_eq!(configuration.format, 4);
        assert_eq!(Configuration::parse(&configuration.text().unwrap()).unwrap(), configuration);
    }

    #[test]
    fn a_machine_is_known_by_the_address_it_asks_from() {
        let configuration = example();
        let found = configuration.machine_at("10.240.255.5".parse().unwrap()).unwrap();
        assert_eq!(found.name, "k8s-master-1-0");
        assert!(configuration.machine_at("10.240.255.6".parse().unwrap()).is_none());
    }
}
