//! What is known of the resources that values refer to: where they are, and what was last read of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value as Json;

use super::{Reached, Replay};
use crate::base::Secret;
use crate::contract::{Address, AppliedResources, Change, ChangeKind, Observation, Operation};
use crate::graph::{Context, Lookup, Member, Reference, Scope, Unresolved, Value};
use crate::plan::{Plan, Secrets};

/// One resource to which values may refer.
#[derive(Debug, Default)]
struct Place {
    /// Where it is, once its name is known.
    address: Option<Address>,
    /// What was last read of it.
    observation: Option<Arc<Observation>>,
    /// Whether it is there: no step changes it, or its step has ended well.
    is_there: bool,
}

/// All that values may refer to.
pub(super) struct World {
    scope: Scope,
    places: HashMap<Arc<str>, BTreeMap<Option<u32>, Place>>,
    /// The address of each step's resource, as soon as its name is known.
    addresses: Vec<Option<Address>>,
}

impl World {
    /// What is known when a run begins.
    pub(super) fn new(plan: &Plan, applied: &AppliedResources, replay: &Replay) -> Self {
        let mut world =
            Self { scope: plan.scope.clone(), places: HashMap::new(), addresses: vec![None; plan.steps.len()] };
        for known in &plan.known {
            let place = world.places.entry(known.symbol.clone()).or_default().entry(known.index).or_default();
            place.address = Some(known.address.clone());
            place.observation = Some(Arc::new(known.observation.clone()));
            place.is_there = true;
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
                let place = world.place(change);
                *place = Place { is_there: matches!(reached, Some(Reached::Finished { .. })), ..Place::default() };
            }
            let address = match reached {
                Some(Reached::Finished { applied: Some(applied) }) => Some(applied.address.clone()),
                Some(Reached::Intended { name: Some(name) } | Reached::Accepted { name: Some(name), .. }) => {
                    Some(world.address(change, name))
                }
                _ if change.kind == ChangeKind::Create => None,
                // A name that was deferred once is remembered, and so is the id, whatever it was made of.
                _ => applied
                    .get(&change.key)
                    .map(|applied| Address { api_version: change.api_version.to_string(), ..applied.address.clone() }),
            };
            if let Some(address) = address {
                world.locate(step, change, address);
            }
        }
        // A name may hold another's, which may stand later in a plan that deletes: go round until nothing is new.
        loop {
            let mut is_new = false;
            for (step, _, change) in changes() {
                if world.addresses[step].is_none() {
                    if let Ok(address) = world.name(change) {
                        world.locate(step, change, address);
                        is_new = true;
                    }
                }
            }
            if !is_new {
                return world;
            }
        }
    }

    fn place(&mut self, change: &Change) -> &mut Place {
        self.places.entry(change.symbol.clone()).or_default().entry(change.index).or_default()
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

    fn locate(&mut self, step: usize, change: &Change, address: Address) {
        self.addresses[step] = Some(address.clone());
        if change.kind != ChangeKind::Delete {
            self.place(change).address = Some(address);
        }
    }

    /// The address of a step's resource. A name that was deferred may be known by now.
    pub(super) fn address_of(&self, step: usize, change: &Change) -> Result<Address, Unresolved> {
        self.addresses[step].as_ref().map_or_else(|| self.name(change), |address| Ok(address.clone()))
    }

    /// A value as it is sent, and as it is remembered (secrets by digest).
    pub(super) fn resolve(
        &self,
        value: &Value,
        index: Option<u32>,
        secrets: &dyn Secrets,
    ) -> Result<(Json, Json), Unresolved> {
        let known = Known { world: self, secrets };
        let context = Context { scope: &self.scope, index, lookup: &known };
        Ok((value.resolve(&context)?, value.resolve_digested(&context)?))
    }

    /// A step has ended well, and its resource is there (or gone).
    pub(super) fn settle(&mut self, step: usize, change: &Change, address: Address, observation: Option<Observation>) {
        self.locate(step, change, address);
        if change.kind != ChangeKind::Delete {
            let place = self.place(change);
            place.is_there = true;
            place.observation = observation.map(Arc::new);
        }
    }

    /// The resources that `reference` means and that are there, of which nothing was read yet or, if `again`, all.
    pub(super) fn to_read(&self, reference: &Reference, index: Option<u32>, again: bool) -> Vec<Address> {
        self.meant(reference, index)
            .into_iter()
            .filter(|place| place.is_there && (again || place.observation.is_none()))
            .filter_map(|place| place.address.clone())
            .collect()
    }

    /// Something was read.
    pub(super) fn read(&mut self, reference: &Reference, address: &Address, observation: Observation) {
        let observation = Arc::new(observation);
        for place in self.places.get_mut(&reference.symbol).into_iter().flat_map(BTreeMap::values_mut) {
            if place.address.as_ref() == Some(address) {
                place.observation = Some(observation.clone());
            }
        }
    }

    fn meant(&self, reference: &Reference, index: Option<u32>) -> Vec<&Place> {
        let Some(instances) = self.places.get(&reference.symbol) else { return Vec::new() };
        let one = |index| instances.get(&index).into_iter().collect();
        match reference.member {
            Member::Only => one(None),
            Member::SameIndex => one(index),
            Member::Index(index) => one(Some(index)),
            Member::Every => instances.values().collect(),
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
