//! What is known of the resources that values refer to: where they are, and what was last read of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value as Json;

use super::asked::Asked;
use super::{Reached, Replay};
use crate::base::Secret;
use crate::contract::{Address, AppliedResources, Change, ChangeKind, Observation, Operation};
use crate::graph::{Context, Lookup, Member, Reference, Scope, Unresolved, Value};
use crate::plan::{Plan, Secrets};

/// One resource to which values may refer.
#[derive(Debug, Default)]
struct Place {
    /// Where it is, once its name is known.
    address: Option<Arc<Address>>,
    /// What was last read of it.
    observation: Option<Arc<Observation>>,
    /// Whether it is there: no step changes it, or its step has ended well.
    is_there: bool,
}

/// All that values may refer to.
pub(super) struct World {
    scope: Scope,
    places: Vec<Place>,
    /// Where in `places` the instances of each symbol are.
    instances: HashMap<Arc<str>, BTreeMap<Option<u32>, usize>>,
    asked: Asked,
    /// The address of each step's resource, as soon as its name is known.
    addresses: Vec<Option<Arc<Address>>>,
    /// The place of each step's resource, unless the step deletes it or is an act.
    of_steps: Vec<Option<usize>>,
}

impl World {
    /// What is known when a run begins.
    pub(super) fn new(plan: &Plan, applied: &AppliedResources, replay: &Replay) -> Self {
        let mut world = Self {
            scope: plan.scope.clone(),
            places: Vec::new(),
            instances: HashMap::new(),
            asked: Asked::of(plan),
            addresses: vec![None; plan.steps.len()],
            of_steps: vec![None; plan.steps.len()],
        };
        for known in &plan.known {
            let place = world.place(&known.symbol, known.index);
            world.places[place] = Place {
                address: Some(Arc::new(known.address.clone())),
                observation: Some(Arc::new(known.observation.clone())),
                is_there: true,
            };
        }
        let changes = || {
            plan.steps.iter().enumerate().filter_map(|(step, planned)| match &planned.operation {
                Operation::Change(change) => Some((step, &planned.id, change)),
                Operation::Act(_) => None,
            })
        };
        for (step, id, change) in changes() {
            let reached = replay.steps.get(id);
            if change.kind != ChangeKind::Delete {
                let place = world.place(&change.symbol, change.index);
                world.of_steps[step] = Some(place);
                world.places[place] =
                    Place { is_there: matches!(reached, Some(Reached::Finished { .. })), ..Place::default() };
            }
            let address = match reached {
                Some(Reached::Finished { applied: Some(applied) }) => Some(applied.address.clone()),
                Some(Reached::Intended { name: Some(name) } | Reached::Accepted { name: Some(name), .. }) => {
                    Some(Arc::new(world.address(change, name)))
                }
                _ if change.kind == ChangeKind::Create => None,
                // A name that was deferred once is remembered, and so is the id, whatever it was made of.
                _ => applied
                    .get(&change.key)
                    .map(|applied| Address {
                        api_version: change.api_version.to_string(),
                        ..Address::clone(&applied.address)
                    })
                    .map(Arc::new),
            };
            if let Some(address) = address {
                world.locate(step, address);
            }
        }
        // A name may hold another's, which may stand later in a plan that deletes: go round until nothing is new.
        loop {
            let mut is_new = false;
            for (step, _, change) in changes() {
                if world.addresses[step].is_none()
                    && let Ok(address) = world.name(change)
                {
                    world.locate(step, Arc::new(address));
                    is_new = true;
                }
            }
            if !is_new {
                return world;
            }
        }
    }

    /// The place of an instance, a new one if it had none.
    fn place(&mut self, symbol: &Arc<str>, index: Option<u32>) -> usize {
        let Self { places, instances, .. } = self;
        let new = || {
            places.push(Place::default());
            places.len() - 1
        };
        *instances.entry(Arc::clone(symbol)).or_default().entry(index).or_insert_with(new)
    }

    fn address(&self, change: &Change, name: &str) -> Address {
        Address::new(&self.scope, &change.resource_type, &change.api_version, name)
    }

    /// The address by the name that the change resolves to now. A name never holds a secret.
    fn name(&self, change: &Change) -> Result<Address, Unresolved> {
        let known = Known { world: self, secrets: &BTreeMap::new() };
        let context = Context { scope: &self.scope, index: change.index, lookup: &known };
        match change.name.resolve(&context)? {
            Json::String(name) => Ok(self.address(change, &name)),
            other => Ok(self.address(change, &other.to_string())),
        }
    }

    fn locate(&mut self, step: usize, address: Arc<Address>) {
        if let Some(place) = self.of_steps[step] {
            self.places[place].address = Some(Arc::clone(&address));
        }
        self.addresses[step] = Some(address);
    }

    /// The address of a step's resource. A name that was deferred may be known by now.
    pub(super) fn address_of(&self, step: usize, change: &Change) -> Result<Arc<Address>, Unresolved> {
        self.addresses[step].as_ref().map_or_else(|| self.name(change).map(Arc::new), |address| Ok(Arc::clone(address)))
    }

    /// Whether a value can be resolved.
    pub(super) fn check(&self, value: &Value, index: Option<u32>, secrets: &dyn Secrets) -> Result<(), Unresolved> {
        let known = Known { world: self, secrets };
        value.check(&Context { scope: &self.scope, index, lookup: &known })
    }

    /// A value as it is sent.
    pub(super) fn resolve(&self, value: &Value, index: Option<u32>, secrets: &dyn Secrets) -> Result<Json, Unresolved> {
        let known = Known { world: self, secrets };
        value.resolve(&Context { scope: &self.scope, index, lookup: &known })
    }

    /// A value as it is remembered: secrets by digest.
    pub(super) fn resolve_digested(
        &self,
        value: &Value,
        index: Option<u32>,
        secrets: &dyn Secrets,
    ) -> Result<Json, Unresolved> {
        let known = Known { world: self, secrets };
        value.resolve_digested(&Context { scope: &self.scope, index, lookup: &known })
    }

    /// A value as it is remembered, as far as it is known now: an attribute that was read of a resource at the time and is not
    /// known any more is an empty text.
    pub(super) fn resolve_roughly(
        &self,
        value: &Value,
        index: Option<u32>,
        secrets: &dyn Secrets,
    ) -> Result<Json, Unresolved> {
        let known = Roughly(Known { world: self, secrets });
        value.resolve_digested(&Context { scope: &self.scope, index, lookup: &known })
    }

    /// A step has ended well, and its resource is there (or gone).
    pub(super) fn settle(
        &mut self,
        step: usize,
        change: &Change,
        address: Arc<Address>,
        observation: Option<Observation>,
    ) {
        if self.addresses[step].as_ref() != Some(&address) {
            self.locate(step, address);
        }
        if let Some(place) = self.of_steps[step] {
            let observation = observation.and_then(|observation| self.asked.keep(&change.symbol, observation));
            let place = &mut self.places[place];
            place.is_there = true;
            place.observation = observation.map(Arc::new);
        }
    }

    /// The resources that `reference` means and that are there, of which nothing was read yet or, if `again`, all.
    pub(super) fn to_read(&self, reference: &Reference, index: Option<u32>, again: bool) -> Vec<Arc<Address>> {
        self.meant(reference, index)
            .into_iter()
            .filter(|place| place.is_there && (again || place.observation.is_none()))
            .filter_map(|place| place.address.clone())
            .collect()
    }

    /// Something was read.
    pub(super) fn read(&mut self, reference: &Reference, address: &Address, observation: Observation) {
        let Some(observation) = self.asked.keep(&reference.symbol, observation) else { return };
        let observation = Arc::new(observation);
        for place in self.instances.get(&reference.symbol).into_iter().flat_map(BTreeMap::values) {
            let place = &mut self.places[*place];
            if place.address.as_deref() == Some(address) {
                place.observation = Some(observation.clone());
            }
        }
    }

    fn meant(&self, reference: &Reference, index: Option<u32>) -> Vec<&Place> {
        let Some(instances) = self.instances.get(&reference.symbol) else { return Vec::new() };
        let one = |index| instances.get(&index).map(|place| &self.places[*place]).into_iter().collect();
        match reference.member {
            Member::Only => one(None),
            Member::SameIndex => one(index),
            Member::Index(index) => one(Some(index)),
            Member::Every => instances.values().map(|place| &self.places[*place]).collect(),
        }
    }
}

/// What values may ask for.
struct Known<'a> {
    world: &'a World,
    secrets: &'a dyn Secrets,
}

impl Lookup for Known<'_> {
    fn attribute(&self, reference: &Reference, index: Option<u32>) -> Option<Json> {
        let places = self.world.meant(reference, index);
        let of = |place: &Place| attribute(place, reference);
        if reference.member == Member::Every {
            return places.into_iter().map(of).collect::<Option<Vec<_>>>().map(Json::Array);
        }
        of(places.first()?)
    }

    fn secret(&self, handle: &str) -> Option<Secret> {
        self.secrets.secret(handle)
    }
}

/// The same, with an empty text for each attribute that is not known.
struct Roughly<'a>(Known<'a>);

impl Lookup for Roughly<'_> {
    fn attribute(&self, reference: &Reference, index: Option<u32>) -> Option<Json> {
        Some(self.0.attribute(reference, index).unwrap_or_else(|| "".into()))
    }

    fn secret(&self, handle: &str) -> Option<Secret> {
        self.0.secret(handle)
    }
}

fn attribute(place: &Place, reference: &Reference) -> Option<Json> {
    if reference.is_static() {
        let address = place.address.as_ref()?;
        let is_id = reference.path.first().is_some_and(|segment| &**segment == "id");
        return Some(Json::String(if is_id { address.id.clone() } else { address.name.clone() }));
    }
    let mut value = &place.observation.as_ref()?.body;
    for segment in &reference.path {
        value = match value {
            Json::Object(entries) => entries.get(&**segment).or_else(|| {
                entries.iter().find(|(name, _)| name.eq_ignore_ascii_case(segment)).map(|(_, value)| value)
            })?,
            Json::Array(items) => items.get(segment.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(value.clone())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::{Known as KnownResource, Reason, Step, StepId};
    use crate::graph::ResourceKey;

    const TYPE: &str = "Microsoft.Network/networkInterfaces";

    fn scope() -> Scope {
        Scope {
            subscription_id: "s".into(),
            tenant_id: "t".into(),
            resource_group: "rg".into(),
            location: "westus2".into(),
        }
    }

    fn creation(symbol: &str, index: u32, name: Value) -> Step {
        let key = ResourceKey::named(TYPE, &format!("{symbol}-{index}"));
        Step {
            id: StepId::of_change(ChangeKind::Create, &key),
            operation: Operation::Change(Change {
                kind: ChangeKind::Create,
                key,
                symbol: symbol.into(),
                index: Some(index),
                resource_type: TYPE.into(),
                api_version: "1".into(),
                name,
                // It asks for an address, so that what is read of it is kept.
                body: Arc::new(Reference::attribute("nic", &["properties", "ips"]).of(Member::Every).into()),
                initial: Vec::new(),
                after: Vec::new(),
            }),
            after: Vec::new(),
            reason: Reason::Missing,
        }
    }

    /// A series of three: the first is there already, the second and the third are made by steps; the third's name is
    /// made of the second's.
    fn world() -> World {
        let name = Value::concat([Reference::attribute("nic", &["name"]).of(Member::Index(1)).into(), "x".into()]);
        let plan = Plan {
            format: Plan::FORMAT,
            verb: "deploy".into(),
            scope: scope(),
            steps: vec![creation("nic", 2, name), creation("nic", 1, Value::indexed("nic-"))],
            unchanged: Vec::new(),
            known: vec![KnownResource {
                symbol: "nic".into(),
                index: Some(0),
                address: Address::new(&scope(), TYPE, "1", "nic-0"),
                observation: Observation {
                    body: json!({ "Properties": { "ips": [{ "ip": "10.0.0.4" }] } }),
                    etag: None,
                },
            }],
            notes: Vec::new(),
        };
        World::new(&plan, &AppliedResources::new(), &Replay::default())
    }

    fn ask(world: &World, member: Member, path: &[&str], index: Option<u32>) -> Result<Json, Unresolved> {
        let reference = Reference::attribute("nic", path).of(member);
        world.resolve(&reference.into(), index, &BTreeMap::new())
    }

    #[test]
    fn names_and_ids_are_known_before_anything_is_made() {
        let world = world();
        assert_eq!(ask(&world, Member::Every, &["name"], None).unwrap(), json!(["nic-0", "nic-1", "nic-1x"]));
        assert_eq!(ask(&world, Member::SameIndex, &["name"], Some(1)).unwrap(), "nic-1");
        let id = ask(&world, Member::Index(2), &["id"], None).unwrap();
        assert_eq!(id, scope().resource_id(TYPE, "nic-1x"));
        assert!(ask(&world, Member::Only, &["id"], None).is_err());
    }

    #[test]
    fn attributes_are_known_once_they_are_read() {
        let mut world = world();
        let path = ["properties", "ips", "0", "ip"];
        assert_eq!(ask(&world, Member::Index(0), &path, None).unwrap(), "10.0.0.4");
        assert!(matches!(ask(&world, Member::Every, &path, None), Err(Unresolved::Attribute(_))));
        let every = Reference::attribute("nic", &path).of(Member::Every);
        assert!(world.to_read(&every, None, false).is_empty(), "what is not there yet cannot be read");
        for (step, name) in [(1, "nic-1"), (0, "nic-1x")] {
            let (planned, address) = (creation("nic", 2 - step, Value::Null), Address::new(&scope(), TYPE, "1", name));
            let Operation::Change(change) = planned.operation else { continue };
            world.settle(step as usize, &change, Arc::new(address), None);
        }
        let to_read = world.to_read(&every, None, false);
        assert_eq!(to_read.len(), 2);
        for address in to_read {
            let body = json!({ "properties": { "ips": [{ "ip": address.name }] } });
            world.read(&every, &address, Observation { body, etag: None });
        }
        assert_eq!(ask(&world, Member::Every, &path, None).unwrap(), json!(["10.0.0.4", "nic-1", "nic-1x"]));
    }
}
