//! Azure's limits: token buckets and windows whose levels responses tell. They refuse only on demand; else they are there so
//! that a client can pace itself.
//!
//! Source: Microsoft Learn, "Understand how Azure Resource Manager throttles requests" (for Resource Manager and
//! Microsoft.Network) and "Throttling limits for Virtual Machines" of Compute (read 2026-11-21). Whether Network's five
//! minutes slide or begin anew each five minutes is not said there; sliding is the harder of the two.

use std::collections::{HashMap, VecDeque};

use serde_json::json;

use super::exchange::Refusal;

/// Whether requests beyond the limits are refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Limiting {
    /// Nothing is refused.
    #[default]
    Told,
    /// As Azure does: 429, with when to come again.
    Azure,
}

/// Something of which requests use up one each.
#[derive(Debug, Clone)]
enum Level {
    /// Refilled per real second. `at` is when it was last.
    Bucket { capacity: f64, refill: f64, level: f64, at: i64 },
    /// So many in this many real seconds.
    Window { most: usize, seconds: f64, taken: VecDeque<i64> },
}

impl Level {
    const fn bucket(capacity: f64, refill: f64) -> Self {
        Self::Bucket { capacity, refill, level: capacity, at: 0 }
    }

    const fn each_minute(capacity: f64, refill: f64) -> Self {
        Self::bucket(capacity, refill / 60.0)
    }

    const fn window(most: usize) -> Self {
        Self::Window { most, seconds: 300.0, taken: VecDeque::new() }
    }

    fn fill(&mut self, now: i64, time_scale: f64) {
        match self {
            Self::Bucket { capacity, refill, level, at } => {
                let elapsed = (now - *at).max(0) as f64 / 1000.0;
                // Where a minute takes a second, a second brings a minute's tokens. Where it takes none, it is full.
                let gained = if time_scale > 0.0 { elapsed * *refill / time_scale } else { *capacity };
                *at = now;
                *level = (*level + gained).min(*capacity);
            }
            Self::Window { seconds, taken, .. } => {
                let span = *seconds * time_scale * 1000.0;
                while taken.front().is_some_and(|first| (now - first) as f64 >= span) {
                    taken.pop_front();
                }
            }
        }
    }

    /// How many real seconds until there is one.
    fn wait(&self, now: i64, time_scale: f64) -> f64 {
        match self {
            // What rounding lacks is there.
            Self::Bucket { level, .. } if *level >= 1.0 - 1e-6 => 0.0,
            Self::Bucket { level, refill, .. } => (1.0 - level) / refill,
            Self::Window { most, seconds, taken } => match taken.front() {
                Some(first) if taken.len() >= *most && time_scale > 0.0 => {
                    seconds - (now - first) as f64 / 1000.0 / time_scale
                }
                _ => 0.0,
            },
        }
    }

    fn take(&mut self, now: i64) {
        match self {
            Self::Bucket { level, .. } => *level = (*level - 1.0).max(0.0),
            Self::Window { taken, .. } => taken.push_back(now),
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the capacity")]
    fn left(&self) -> u32 {
        match self {
            Self::Bucket { level, .. } => *level as u32,
            Self::Window { most, taken, .. } => u32::try_from(most.saturating_sub(taken.len())).unwrap_or(u32::MAX),
        }
    }
}

/// A limit, its name in Azure, and who keeps it.
struct Limit {
    name: &'static str,
    level: Level,
}

/// The limits of the one service principal in the one subscription.
pub(super) struct Limits {
    limiting: Limiting,
    /// Resource Manager's: reads, writes, deletes.
    manager: [Limit; 3],
    /// Microsoft.Network's: reads, writes and deletes.
    network: [Limit; 2],
    compute: [Limit; 11],
    /// Those of single machines, by the operation and the path of the machine.
    machines: HashMap<(&'static str, String), Level>,
}

/// Levels that responses tell.
pub(super) type Told = Vec<(&'static str, String)>;

impl Limits {
    pub(super) fn new(limiting: Limiting) -> Self {
        let limit = |name, level| Limit { name, level };
        Self {
            limiting,
            manager: [
                limit("reads", Level::bucket(250.0, 25.0)),
                limit("writes", Level::bucket(200.0, 10.0)),
                limit("deletes", Level::bucket(200.0, 10.0)),
            ],
            network: [limit("reads", Level::window(10_000)), limit("writes", Level::window(1_000))],
            compute: [
                limit("PutVM", Level::each_minute(1_500.0, 500.0)),
                limit("UpdateVM", Level::each_minute(1_500.0, 500.0)),
                limit("DeleteVM", Level::each_minute(1_500.0, 500.0)),
                limit("LowCostGet", Level::each_minute(24_000.0, 8_000.0)),
                limit("HighCostGet", Level::each_minute(900.0, 300.0)),
                limit("GetOperation", Level::each_minute(15_000.0, 5_000.0)),
                limit("PutVMScaleSet", Level::each_minute(375.0, 125.0)),
                limit("UpdateVMScaleSet", Level::each_minute(1_500.0, 500.0)),
                limit("DeleteVMScaleSet", Level::each_minute(525.0, 175.0)),
                limit("VMScaleSetLowCostGet", Level::each_minute(2_400.0, 800.0)),
                limit("VMScaleSetHighCostGet", Level::each_minute(1_080.0, 360.0)),
            ],
            machines: HashMap::new(),
        }
    }

    /// Counts a request below `/subscriptions`, whose path is in lower case, or refuses it; and what is left then, as
    /// headers.
    pub(super) fn take(
        &mut self,
        method: &str,
        path: &[String],
        now: i64,
        time_scale: f64,
    ) -> (Result<(), Refusal>, Told) {
        let (limiting, reads) = (self.limiting, matches!(method, "GET" | "HEAD"));
        let manager = match method {
            _ if reads => &mut self.manager[0],
            "DELETE" => &mut self.manager[2],
            _ => &mut self.manager[1],
        };
        let provider = path.iter().position(|segment| segment == "providers").map(|place| &path[place + 1..]);
        let of_network = provider.is_some_and(|rest| rest.first().is_some_and(|first| first == "microsoft.network"));
        let network = of_network.then(|| &mut self.network[usize::from(!reads)]);
        let kind = provider.and_then(|rest| compute_operation(method, rest));
        let compute = kind.and_then(|kind| self.compute.iter_mut().find(|limit| limit.name == kind));
        let machine = kind.zip(provider).and_then(|(kind, rest)| {
            let fresh = machine_limit(kind, rest)?;
            let key = (kind, path[..path.len() - rest.len() + 3].join("/"));
            Some((kind, self.machines.entry(key).or_insert(fresh)))
        });

        let name = manager.name;
        let mut levels: Vec<(Keeper, &mut Level)> = vec![(Keeper::Manager(name), &mut manager.level)];
        levels.extend(network.map(|limit| (Keeper::Network(limit.name), &mut limit.level)));
        levels.extend(compute.map(|limit| (Keeper::Compute(limit.name, "SubscriptionMaximum"), &mut limit.level)));
        levels.extend(machine.map(|(kind, level)| (Keeper::Compute(kind, "ResourceMaximum"), level)));
        let mut refusal = None;
        for (keeper, level) in &mut levels {
            level.fill(now, time_scale);
            let wait = level.wait(now, time_scale);
            if wait > 0.0 && limiting == Limiting::Azure && refusal.is_none() {
                refusal = Some(keeper.refuse(wait, time_scale));
            }
        }
        if refusal.is_none() {
            levels.iter_mut().for_each(|(_, level)| level.take(now));
        }
        let told = |level: &Level| if limiting == Limiting::Azure { level.left() } else { level.left().max(1) };
        let mut headers = vec![(
            match name {
                "reads" => "x-ms-ratelimit-remaining-subscription-reads",
                "writes" => "x-ms-ratelimit-remaining-subscription-writes",
                _ => "x-ms-ratelimit-remaining-subscription-deletes",
            },
            told(levels[0].1).to_string(),
        )];
        let of_compute = levels.iter().filter_map(|(keeper, level)| match keeper {
            Keeper::Compute(kind, whose) => Some(format!("Microsoft.Compute/{kind}{whose};{}", told(level))),
            _ => None,
        });
        let of_compute: Vec<String> = of_compute.collect();
        if !of_compute.is_empty() {
            headers.push(("x-ms-ratelimit-remaining-resource", of_compute.join(",")));
        }
        (refusal.map_or(Ok(()), Err), headers)
    }
}

/// Compute's name for an operation. `rest` is the path behind `providers`.
fn compute_operation(method: &str, rest: &[String]) -> Option<&'static str> {
    let [namespace, kind, ..] = rest else { return None };
    if namespace != "microsoft.compute" {
        return None;
    }
    let is_list = rest.len().is_multiple_of(2);
    Some(match (method, kind.as_str(), rest.len()) {
        ("GET", "locations", _) => "GetOperation",
        ("GET", "virtualmachinescalesets", _) if is_list => "VMScaleSetHighCostGet",
        ("GET", "virtualmachinescalesets", _) => "VMScaleSetLowCostGet",
        ("GET", ..) if is_list => "HighCostGet",
        ("GET", ..) => "LowCostGet",
        ("PUT", "virtualmachines", 3) => "PutVM",
        ("DELETE", "virtualmachines", 3) => "DeleteVM",
        (_, "virtualmachines", _) => "UpdateVM",
        ("PUT", "virtualmachinescalesets", 3) => "PutVMScaleSet",
        ("DELETE", "virtualmachinescalesets", 3) => "DeleteVMScaleSet",
        (_, "virtualmachinescalesets", _) => "UpdateVMScaleSet",
        _ => return None,
    })
}

/// The limit of a single machine for an operation.
fn machine_limit(operation: &str, rest: &[String]) -> Option<Level> {
    if rest.len() < 3 || rest[1] != "virtualmachines" {
        return None;
    }
    match operation {
        "PutVM" | "UpdateVM" | "DeleteVM" => Some(Level::each_minute(12.0, 4.0)),
        "LowCostGet" => Some(Level::each_minute(36.0, 12.0)),
        _ => None,
    }
}

/// Who keeps a limit.
#[derive(Debug, Clone, Copy)]
enum Keeper {
    Manager(&'static str),
    Network(&'static str),
    Compute(&'static str, &'static str),
}

impl Keeper {
    /// 429 with when to come again, after so many real seconds.
    fn refuse(self, wait: f64, time_scale: f64) -> Refusal {
        let seconds = wait.ceil().max(1.0);
        let refusal = match self {
            Self::Manager(kind) => Refusal::new(
                429,
                "SubscriptionRequestsThrottled",
                format!(
                    "Number of '{kind}' for the subscription exceeded the limit. Please try again after '{seconds}' seconds \
                     after additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information."
                ),
            )
            .by_gateway(),
            Self::Network(kind) => Refusal::new(
                429,
                "TooManyRequests",
                format!("The number of {kind} for Microsoft.Network in this subscription and region exceeds the limit."),
            ),
            Self::Compute(kind, whose) => Refusal::new(
                429,
                "OperationNotAllowed",
                "The server rejected the request because too many requests have been received for this subscription.",
            )
            .details(vec![json!({
                "code": "TooManyRequests",
                "target": format!("{kind}{whose}"),
                "message": json!({ "operationGroup": format!("{kind}{whose}"), "retryAfterSeconds": seconds }).to_string(),
            })]),
        };
        let scaled = seconds * time_scale;
        refusal
            .header("retry-after", scaled.ceil().to_string())
            .header("retry-after-ms", (scaled * 1000.0).ceil().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('/').map(str::to_owned).collect()
    }

    const GROUP: &str = "subscriptions/s/resourcegroups/g/providers";

    #[test]
    fn a_bucket_empties_and_fills_at_the_scaled_pace() {
        let mut limits = Limits::new(Limiting::Told);
        let mut put = |method, now, scale| limits.take(method, &path("subscriptions/s"), now, scale).1[0].1.clone();
        let mut last = String::new();
        for _ in 0..100 {
            last = put("PUT", 1_000, 0.02);
        }
        assert_eq!(last, "100");
        // 0.1 s at scale 0.02 are 5 s, and those bring 50.
        assert_eq!(put("PUT", 1_100, 0.02), "149");
        assert_eq!(put("GET", 1_100, 0.0), "249");
    }

    #[test]
    fn what_only_tells_refuses_nothing() {
        let mut limits = Limits::new(Limiting::Told);
        let machine = path(&format!("{GROUP}/microsoft.compute/virtualmachines/m"));
        assert!((0..3_000).all(|_| limits.take("PUT", &machine, 1, 1.0).0.is_ok()));
    }

    #[test]
    fn each_keeper_refuses_in_its_own_words_until_there_is_something_again() {
        let refused = |limits: &mut Limits, method: &str, text: &str, now: i64| {
            let (result, told) = limits.take(method, &path(&format!("{GROUP}/{text}")), now, 1.0);
            let response = super::super::exchange::Response::from(result.err()?);
            assert_eq!(response.status, 429);
            let wait = response.headers.iter().find(|(name, _)| *name == "retry-after")?.1.clone();
            let body = response.body.unwrap_or_default();
            let code = body.pointer("/error/details/0/code").or_else(|| body.pointer("/error/code")).cloned();
            Some((code.and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default(), wait, told))
        };
        let mut limits = Limits::new(Limiting::Azure);
        let network = "microsoft.network/networkinterfaces/n";
        let mut now = 1_000_000;
        // Resource Manager lets 200 through at once.
        for _ in 0..200 {
            assert!(refused(&mut limits, "PUT", network, now).is_none());
        }
        let Some((code, wait, told)) = refused(&mut limits, "PUT", network, now) else { unreachable!() };
        assert_eq!((code.as_str(), wait.as_str()), ("SubscriptionRequestsThrottled", "1"));
        assert_eq!(told[0], ("x-ms-ratelimit-remaining-subscription-writes", "0".to_owned()));
        // Network lets 1,000 through in five minutes.
        for _ in 0..800 {
            now += 100;
            assert!(refused(&mut limits, "PUT", network, now).is_none());
        }
        now += 100;
        let Some((code, wait, _)) = refused(&mut limits, "DELETE", network, now) else { unreachable!() };
        assert_eq!((code.as_str(), wait.as_str()), ("TooManyRequests", "220"));
        assert!(refused(&mut limits, "PUT", "microsoft.compute/disks/d", now).is_none(), "another provider");
        assert!(refused(&mut limits, "DELETE", network, 1_000_000 + 300_000).is_none());
        // One machine takes 12.
        let machine = "microsoft.compute/virtualmachines/m";
        now += 60_000;
        assert!((0..12).all(|_| refused(&mut limits, "PUT", machine, now).is_none()));
        let Some((code, wait, told)) = refused(&mut limits, "PUT", machine, now) else { unreachable!() };
        assert_eq!((code.as_str(), wait.as_str()), ("TooManyRequests", "15"));
        assert!(told[1].1.contains("Microsoft.Compute/PutVMResourceMaximum;0"), "{told:?}");
        assert!(refused(&mut limits, "PUT", "microsoft.compute/virtualmachines/other", now).is_none());
    }
}
