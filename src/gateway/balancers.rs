//! haproxy's configuration: one section for each rule of each balancer.
//!
//! Source: haproxy's configuration manual, from memory; what 2.6 takes of it was tried on 2026-11-28. Deliberately absent: UDP,
//! which haproxy does not balance; such rules are told.

use std::collections::BTreeSet;

use serde::Serialize;

use super::GatewayError;
use super::configuration::{Balancer, Configuration, ProbeProtocol, Rule, TransportProtocol};
use super::text::{self, HAPROXY};

/// haproxy's configuration, and what is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Balancing {
    /// The configuration; nothing if there is nothing to balance, which haproxy does not start with.
    pub text: Option<String>,
    /// The rules that are left out, as people read it.
    pub left_out: Vec<String>,
}

#[derive(Serialize)]
struct Service {
    name: String,
    listen: String,
    balance: &'static str,
    idle_minutes: u32,
    /// Whose connections are taken; empty: everybody's.
    sources: Vec<String>,
    /// The address from which connections go on; empty: the system's choice.
    source: String,
    probed: bool,
    probe_port: u16,
    interval: u32,
    failures: u32,
    /// What is asked by HTTP; empty: a connection suffices.
    path: String,
    secure: bool,
    backends: Vec<Server>,
}

#[derive(Serialize)]
struct Server {
    name: String,
    address: String,
}

/// Renders the configuration of all balancers: the same ones give the same bytes.
pub(super) fn balancing(configuration: &Configuration) -> Result<Balancing, GatewayError> {
    #[derive(Serialize)]
    struct View {
        services: Vec<Service>,
    }
    let mut services = Vec::new();
    let mut left_out = Vec::new();
    let (mut names, mut places) = (BTreeSet::new(), BTreeSet::new());
    for balancer in &configuration.balancers {
        for rule in balancer.rules.iter().chain(&balancer.nat_rules) {
            let about = format!("rule {} of {}", plain(&rule.name), plain(&balancer.name));
            if rule.protocol == TransportProtocol::Udp {
                left_out.push(format!("{about}: UDP is not balanced"));
            } else if !places.insert(rule.listen) {
                left_out.push(format!("{about}: {} is another rule's already", rule.listen));
            } else {
                services.push(service(balancer, rule, &mut names));
            }
        }
    }
    let text = if services.is_empty() { None } else { Some(text::render(HAPROXY, &View { services })?) };
    Ok(Balancing { text, left_out })
}

fn service(balancer: &Balancer, rule: &Rule, names: &mut BTreeSet<String>) -> Service {
    let public = balancer.frontends.iter().any(|front| front.public && front.address == rule.listen.ip());
    let probe = rule.probe.as_ref();
    let asks = probe.is_some_and(|probe| probe.protocol != ProbeProtocol::Tcp);
    let mut servers = BTreeSet::new();
    Service {
        name: unique(&format!("{}.{}", plain(&balancer.name), plain(&rule.name)), names),
        listen: rule.listen.to_string(),
        balance: if rule.by_source { "source" } else { "roundrobin" },
        idle_minutes: rule.idle_timeout_minutes.clamp(1, 120),
        sources: rule.sources.iter().map(|source| source.trunc().to_string()).collect(),
        source: if public { rule.listen.ip().to_string() } else { String::new() },
        probed: probe.is_some(),
        probe_port: probe.map_or(0, |probe| probe.port),
        interval: probe.map_or(0, |probe| probe.interval_seconds.clamp(1, 3600)),
        failures: probe.map_or(0, |probe| probe.failures.clamp(1, 100)),
        path: if asks { path(probe.and_then(|probe| probe.path.as_deref()).unwrap_or("/")) } else { String::new() },
        secure: probe.is_some_and(|probe| probe.protocol == ProbeProtocol::Https),
        backends: rule
            .backends
            .iter()
            .map(|backend| Server {
                name: unique(&plain(&backend.name), &mut servers),
                address: backend.address.to_string(),
            })
            .collect(),
    }
}

/// A name as haproxy takes it.
fn plain(name: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '_' };
    let name: String = name.chars().take(120).map(letter).collect();
    if name.is_empty() { "_".to_owned() } else { name }
}

fn unique(name: &str, names: &mut BTreeSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut number = 2;
    while !names.insert(candidate.clone()) {
        candidate = format!("{name}-{number}");
        number += 1;
    }
    candidate
}

/// A path of HTTP: what has no place in one is written as its bytes' numbers.
fn path(given: &str) -> String {
    let mut path = String::from(if given.starts_with('/') { "" } else { "/" });
    for byte in given.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~%!*(),;:@&=+?".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail by a panic, and says what it skips")]
mod tests {
    use std::process::Command;

    use super::super::configuration::tests::example;
    use super::super::configuration::{Backend, Frontend, Probe};
    use super::*;

    fn text(configuration: &Configuration) -> String {
        balancing(configuration).unwrap().text.unwrap()
    }

    /// Every kind of rule, with names and paths that would mean something to haproxy.
    fn all_kinds() -> Configuration {
        let mut configuration = example();
        let balancer = &mut configuration.balancers[0];
        let rule = balancer.rules[0].clone();
        let probe = |protocol, path: &str| {
            Some(Probe { protocol, port: 8443, path: Some(path.to_owned()), interval_seconds: 5, failures: 2 })
        };
        balancer.frontends.push(Frontend {
            name: "inner".into(),
            address: "10.240.255.15".parse().unwrap(),
            public: false,
        });
        balancer.rules.extend([
            Rule {
                name: "a b\nbind :1".into(),
                listen: "10.240.255.15:443".parse().unwrap(),
                backends: vec![
                    Backend { name: "one".into(), address: "10.240.0.4:443".parse().unwrap() },
                    Backend { name: "one".into(), address: "[fd00::4]:443".parse().unwrap() },
                ],
                probe: probe(ProbeProtocol::Https, "/healthz?a=$HOME\"#x y"),
                by_source: true,
                sources: vec!["192.0.2.9/24".parse().unwrap(), "198.51.100.7/32".parse().unwrap()],
                ..rule.clone()
            },
            Rule {
                name: "LBRuleHTTPS".into(),
                listen: "10.240.255.15:80".parse().unwrap(),
                probe: probe(ProbeProtocol::Http, "live"),
                ..rule.clone()
            },
            Rule {
                name: "udp".into(),
                protocol: TransportProtocol::Udp,
                listen: "10.240.255.15:53".parse().unwrap(),
                ..rule.clone()
            },
            Rule { name: "again".into(), ..rule.clone() },
        ]);
        balancer.nat_rules.push(Rule {
            name: "SSH-0".into(),
            listen: "198.18.0.4:22".parse().unwrap(),
            backends: Vec::new(),
            probe: None,
            ..rule
        });
        configuration
    }

    #[test]
    fn each_rule_has_a_section() {
        let text = text(&example());
        let section = text.split("\nlisten ").nth(1).unwrap();
        assert_eq!(
            section,
            "lb.LBRuleHTTPS\n  bind 198.18.0.4:443\n  balance roundrobin\n  timeout client 5m\n  timeout server 5m\n  \
             source 198.18.0.4\n  server k8s-master-1-0 10.240.255.5:443 check port 443 inter 5s fastinter 1s fall 2 rise 1\n"
        );
    }

    #[test]
    fn names_and_paths_are_no_directives() {
        let balancing = balancing(&all_kinds()).unwrap();
        let text = balancing.text.unwrap();
        assert!(text.contains("\nlisten lb.a_b_bind__1\n") && !text.contains("\nbind :1"), "{text}");
        assert!(text.contains("uri /healthz?a=%24HOME%22%23x%20y\n") && text.contains("uri /live\n"), "{text}");
        assert!(text.contains("\n  server one-2 [fd00::4]:443 check port 8443"), "{text}");
        assert!(text.contains(" check-ssl verify none\n") && text.contains("\n  balance source\n"), "{text}");
        assert!(text.contains("\nlisten lb.LBRuleHTTPS-2\n"), "{text}");
        let sources = "\n  acl allowed src 192.0.2.0/24\n  acl allowed src 198.51.100.7/32\n  tcp-request connection reject \
                       unless allowed\n";
        assert_eq!(text.matches(sources).count(), 1, "{text}");
        // Nobody comes from outside by an inner front end.
        assert!(!text.contains("source 10.240.255.15"), "{text}");
        assert_eq!(
            balancing.left_out,
            ["rule udp of lb: UDP is not balanced", "rule again of lb: 198.18.0.4:443 is another rule's already"]
        );
    }

    #[test]
    fn nothing_to_balance_is_no_configuration() {
        let configuration = Configuration { balancers: Vec::new(), ..example() };
        assert_eq!(super::balancing(&configuration).unwrap(), Balancing { text: None, left_out: Vec::new() });
    }

    /// haproxy's own judgement.
    #[test]
    fn haproxy_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("haproxy.cfg");
        std::fs::write(&path, text(&all_kinds())).unwrap();
        match Command::new("haproxy").arg("-c").arg("-f").arg(&path).output() {
            Err(_) => println!("skipped: `haproxy` is not installed"),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success() && !said.contains("WARNING"), "{said}");
            }
        }
    }
}
