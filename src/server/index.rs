//! Who refers to whom, which addresses are taken, and how much of the quotas: derived from the bodies, so that nothing has to be searched.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use serde_json::Value as Json;

use super::quotas::{Usage, Usages};

/// A reference of a resource, or of a part of it, to another resource or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// Who refers: the id of the resource, or of the named part in which the reference stands.
    pub(super) from: String,
    /// To what.
    pub(super) to: String,
}

#[derive(Debug, Default)]
struct Record {
    links: Vec<Link>,
    addresses: Vec<(String, IpAddr)>,
    usage: Option<Usage>,
}

/// The index. Ids in keys are in lower case.
#[derive(Debug, Default)]
pub(super) struct Index {
    records: HashMap<String, Record>,
    /// By what is referred to: who refers.
    referrers: BTreeMap<String, BTreeSet<String>>,
    /// By subnet: the addresses given from it.
    taken: HashMap<String, BTreeSet<IpAddr>>,
    /// What is used of the quotas.
    pub(super) usages: Usages,
    /// The ids of locks, policies and their assignments, which every write is held against: by type in lower case.
    rules: BTreeMap<String, BTreeSet<String>>,
}

impl Index {
    /// Takes note of a resource as it is now; `None`: it is gone.
    pub(super) fn update(&mut self, id: &str, body: Option<&Json>) {
        let key = id.to_ascii_lowercase();
        if let Some(old) = self.records.remove(&key) {
            for link in old.links {
                let to = link.to.to_ascii_lowercase();
                if let Some(referrers) = self.referrers.get_mut(&to) {
                    referrers.remove(&link.from);
                    if referrers.is_empty() {
                        self.referrers.remove(&to);
                    }
                }
            }
            for (subnet, address) in old.addresses {
                if let Some(taken) = self.taken.get_mut(&subnet) {
                    taken.remove(&address);
                }
            }
            if let Some(usage) = &old.usage {
                self.usages.remove(usage);
            }
        }
        let kind = rule_kind(&key);
        let Some(body) = body else {
            if let Some(ids) = kind.and_then(|kind| self.rules.get_mut(kind)) {
                ids.remove(&key);
            }
            return;
        };
        if let Some(kind) = kind {
            self.rules.entry(kind.to_owned()).or_default().insert(key.clone());
        }
        let mut record = Record { links: links(id, body), addresses: Vec::new(), usage: Usage::of(id, body) };
        gather_addresses(body, &mut record.addresses);
        for link in &record.links {
            self.referrers.entry(link.to.to_ascii_lowercase()).or_default().insert(link.from.clone());
        }
        for (subnet, address) in &record.addresses {
            self.taken.entry(subnet.clone()).or_default().insert(*address);
        }
        if let Some(usage) = &record.usage {
            self.usages.add(usage);
        }
        self.records.insert(key, record);
    }

    /// Who refers to exactly this, in order.
    pub(super) fn referrers(&self, id: &str) -> impl Iterator<Item = &str> {
        self.referrers.get(&id.to_ascii_lowercase()).into_iter().flatten().map(String::as_str)
    }

    /// Who refers to this or to a part of it, from outside.
    pub(super) fn outer_referrers(&self, id: &str) -> Vec<&str> {
        let own = id.to_ascii_lowercase();
        let parts = format!("{own}/");
        self.referrers
            .get(&own)
            .into_iter()
            .chain(
                self.referrers
                    .range(parts.clone()..)
                    .take_while(|(to, _)| to.starts_with(&parts))
                    .map(|(_, from)| from),
            )
            .flatten()
            .filter(|from| !is_within(from, id))
            .map(String::as_str)
            .collect()
    }

    /// The ids, in lower case, of all rules of a type such as `locks`.
    pub(super) fn rules(&self, kind: &str) -> impl Iterator<Item = &str> {
        self.rules.get(&kind.to_ascii_lowercase()).into_iter().flatten().map(String::as_str)
    }

    /// What a resource refers to.
    pub(super) fn links_of(&self, id: &str) -> &[Link] {
        self.records.get(&id.to_ascii_lowercase()).map_or(&[], |record| &record.links)
    }

    /// Whether an address of a subnet is taken.
    pub(super) fn is_taken(&self, subnet: &str, address: IpAddr) -> bool {
        self.taken.get(&subnet.to_ascii_lowercase()).is_some_and(|taken| taken.contains(&address))
    }

    /// Those of some addresses, which ascend, that are not taken in a subnet.
    pub(super) fn free_of<'a, A: Iterator<Item = IpAddr>>(
        &'a self,
        subnet: &str,
        addresses: A,
    ) -> impl Iterator<Item = IpAddr> + use<'a, A> {
        let mut taken = self.taken.get(&subnet.to_ascii_lowercase()).into_iter().flatten().peekable();
        addresses.filter(move |address| {
            while taken.next_if(|taken| *taken < address).is_some() {}
            taken.peek() != Some(&address)
        })
    }
}

/// The kind of rule that an id, in lower case, is of.
fn rule_kind(id: &str) -> Option<&str> {
    let kind = id.rsplit('/').nth(1)?;
    let is_rule = ["locks", "policyassignments", "policydefinitions"].contains(&kind);
    (is_rule && id.contains("/providers/microsoft.authorization/")).then_some(kind)
}

/// Whether an id is that of a resource or of a part of it.
pub(super) fn is_within(id: &str, whole: &str) -> bool {
    id.len() >= whole.len()
        && id.is_char_boundary(whole.len())
        && id[..whole.len()].eq_ignore_ascii_case(whole)
        && (id.len() == whole.len() || id.as_bytes()[whole.len()] == b'/')
}

/// The references in a body: every `id` below the top that is a resource's, and the keys of `userAssignedIdentities`.
pub(super) fn links(id: &str, body: &Json) -> Vec<Link> {
    let mut found = Vec::new();
    for (name, value) in body.as_object().into_iter().flatten() {
        match name.as_str() {
            "identity" => {
                let identities = value.get("userAssignedIdentities").and_then(Json::as_object);
                found.extend(
                    identities.into_iter().flatten().map(|(to, _)| Link { from: id.to_owned(), to: to.clone() }),
                );
            }
            "properties" => gather_links(id, value, &mut found),
            _ => {}
        }
    }
    found
}

fn gather_links(owner: &str, value: &Json, found: &mut Vec<Link>) {
    match value {
        Json::Object(entries) => {
            for (name, value) in entries {
                match value {
                    Json::String(to) if name == "id" && to.starts_with("/subscriptions/") => {
                        found.push(Link { from: owner.to_owned(), to: to.clone() });
                    }
                    Json::Array(items) => {
                        for item in items {
                            let part =
                                item.get("name").and_then(Json::as_str).filter(|_| item.get("properties").is_some());
                            match part {
                                // The part's own id is not a reference.
                                Some(part) => {
                                    gather_links(&format!("{owner}/{name}/{part}"), &item["properties"], found);
                                }
                                None => gather_links(owner, item, found),
                            }
                        }
                    }
                    other => gather_links(owner, other, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| gather_links(owner, item, found)),
        _ => {}
    }
}

fn gather_addresses(value: &Json, found: &mut Vec<(String, IpAddr)>) {
    match value {
        Json::Object(entries) => {
            let address = entries.get("privateIPAddress").and_then(|text| text.as_str()?.parse().ok());
            let subnet = entries.get("subnet").and_then(|subnet| subnet.get("id")?.as_str());
            if let (Some(address), Some(subnet)) = (address, subnet) {
                found.push((subnet.to_ascii_lowercase(), address));
            }
            entries.values().for_each(|value| gather_addresses(value, found));
        }
        Json::Array(items) => items.iter().for_each(|item| gather_addresses(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_known_from_both_ends() {
        let mut index = Index::default();
        let nic = json!({"id": "ignored", "properties": {"ipConfigurations": [{
            "name": "ip1", "id": "/subscriptions/s/own",
            "properties": {"privateIPAddress": "10.0.0.4", "subnet": {"id": "/subscriptions/s/Net/subnets/A"}},
        }]}});
        index.update("/subscriptions/s/nic", Some(&nic));
        let subnet = "/subscriptions/s/net/subnets/a";
        assert_eq!(index.referrers(subnet).collect::<Vec<_>>(), ["/subscriptions/s/nic/ipConfigurations/ip1"]);
        assert_eq!(index.outer_referrers("/subscriptions/s/net").len(), 1);
        assert_eq!(index.outer_referrers("/subscriptions/s/ne").len(), 0);
        assert!(index.is_taken(subnet, IpAddr::from([10, 0, 0, 4])));
        index.update("/subscriptions/s/NIC", None);
        assert_eq!(index.referrers(subnet).count(), 0);
        assert!(!index.is_taken(subnet, IpAddr::from([10, 0, 0, 4])));
    }
}
