//! What no order of requests could go below.
//!
//! Each budget lets only so many writes through by a moment. So of any set of writes that draw on it, the last one is let
//! through no sooner than the budget allows for that many; and after that write comes at least the shortest chain that
//! remains after any of the set. The bound is the largest such time, over all budgets and over the sets "all writes after
//! which at least so much remains", one for each stage: interfaces, machines, extensions.

use std::collections::HashMap;

use serde_json::Value as Json;

/// How long Azure takes to create one, in seconds: the simulator's own figures (`src/server/provider_*.rs`), which are
/// those of recorded traffic of management.azure.com. What is not here is done at once. What happens in Kubernetes
/// afterwards (nodes that become Ready) is left out, which makes the bound lower.
const SECONDS: &[(&str, f64)] = &[
    ("Microsoft.Network/virtualNetworks", 4.0),
    ("Microsoft.Network/networkSecurityGroups", 3.0),
    ("Microsoft.Network/routeTables", 3.0),
    ("Microsoft.Network/publicIPAddresses", 2.0),
    ("Microsoft.Network/loadBalancers", 2.0),
    ("Microsoft.Network/networkInterfaces", 2.0),
    ("Microsoft.Compute/virtualMachines", 60.0),
    ("Microsoft.Compute/virtualMachines/extensions", 40.0),
];

/// How a budget lets writes through.
enum Allows {
    /// So many at once, and so many more each second.
    Bucket(f64, f64),
    /// So many in this many seconds.
    Window(f64, f64),
}

impl Allows {
    /// When the last of so many is let through at the earliest.
    fn last_of(&self, count: usize) -> f64 {
        let count = count as f64;
        match self {
            Self::Bucket(capacity, per_second) => ((count - capacity) / per_second).max(0.0),
            Self::Window(most, span) => ((count - 1.0) / most).floor() * span,
        }
    }
}

/// A budget: its name, what it allows, and which steps take from it.
type Budget = (&'static str, Allows, fn(&str) -> bool);

/// The budgets of writes.
///
/// Sources (learn.microsoft.com, read 2026-11-21): "Understand how Azure Resource Manager throttles requests": 200 writes at
/// once and 10 more each second for each subscription and principal; 1,000 writes in 5 minutes for Microsoft.Network.
/// "Throttling limits for Virtual Machines": 1,500 at once and 500 more each minute, for PutVM and for UpdateVM, to which
/// extensions belong.
const BUDGETS: &[Budget] = &[
    ("Resource Manager, writes", Allows::Bucket(200.0, 10.0), |_| true),
    ("Microsoft.Network, writes", Allows::Window(1_000.0, 300.0), |kind| kind.starts_with("Microsoft.Network/")),
    ("Compute, PutVM", Allows::Bucket(1_500.0, 500.0 / 60.0), |kind| kind == "Microsoft.Compute/virtualMachines"),
    ("Compute, UpdateVM", Allows::Bucket(1_500.0, 500.0 / 60.0), |kind| {
        kind == "Microsoft.Compute/virtualMachines/extensions"
    }),
];

/// The writes of a plan: the type of each, and the seconds from its admission to the end of what depends on it.
pub struct Writes(Vec<(String, f64)>);

impl Writes {
    /// The writes of a plan as the program tells it, in which each step stands after those it waits for.
    pub fn of_plan(plan: &Json) -> Self {
        let steps = plan["steps"].as_array().unwrap();
        let mut below: HashMap<&str, f64> = HashMap::new();
        let mut writes = Vec::new();
        for step in steps.iter().rev() {
            let kind = step["type"].as_str().unwrap_or_default();
            let own = SECONDS.iter().find(|(name, _)| *name == kind).map_or(0.0, |(_, seconds)| *seconds);
            let chain = own + below.get(step["id"].as_str().unwrap()).copied().unwrap_or(0.0);
            for before in step["after"].as_array().unwrap() {
                let longest = below.entry(before.as_str().unwrap()).or_insert(0.0);
                *longest = longest.max(chain);
            }
            if !kind.is_empty() {
                writes.push((kind.to_owned(), chain));
            }
        }
        Self(writes)
    }
}

/// The bound, in seconds.
pub fn bound(writes: &Writes, tell: bool) -> f64 {
    let mut largest = 0.0_f64;
    for (name, allows, draws) in BUDGETS {
        let mut chains: Vec<f64> = writes.0.iter().filter(|(kind, _)| draws(kind)).map(|(_, chain)| *chain).collect();
        chains.sort_by(|one, other| other.total_cmp(one));
        let bounds =
            chains.iter().enumerate().map(|(before, chain)| (allows.last_of(before + 1) + chain, before + 1, *chain));
        let Some((bound, count, chain)) = bounds.max_by(|one, other| one.0.total_cmp(&other.0)) else { continue };
        if tell {
            println!("{name:<34} {bound:>8.1} s  {count} writes, and {chain:.0} s after the last");
        }
        largest = largest.max(bound);
    }
    if tell {
        println!("{:<34} {largest:>8.1} s\n", "bound");
    }
    largest
}
