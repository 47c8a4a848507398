//! The token buckets whose levels responses tell. Nothing is refused: they are there so that a client can pace itself.
//!
//! Source: Microsoft Learn, "Understand how Azure Resource Manager throttles requests" and "Throttling and how to
//! respond to it" of Compute (read 2026-11-21).

/// A bucket.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    capacity: f64,
    /// Per real second.
    refill: f64,
    level: f64,
    at: i64,
}

impl Bucket {
    const fn new(capacity: f64, refill: f64) -> Self {
        Self { capacity, refill, level: capacity, at: 0 }
    }

    /// Takes one and tells how many remain, at least 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and the capacity")]
    fn take(&mut self, now: i64, time_scale: f64) -> u32 {
        let elapsed = (now - self.at).max(0) as f64 / 1000.0;
        // Where a minute takes a second, a second brings a minute's tokens. Where it takes none, the bucket is full.
        let gained = if time_scale > 0.0 { elapsed * self.refill / time_scale } else { self.capacity };
        self.at = now;
        self.level = ((self.level + gained).min(self.capacity) - 1.0).max(1.0);
        self.level as u32
    }
}

/// The buckets of the one service principal.
#[derive(Debug)]
pub(super) struct Limits {
    reads: Bucket,
    writes: Bucket,
    deletes: Bucket,
    put_machine: Bucket,
    update_machine: Bucket,
    delete_machine: Bucket,
    get_low: Bucket,
    get_high: Bucket,
    get_operation: Bucket,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reads: Bucket::new(250.0, 25.0),
            writes: Bucket::new(200.0, 10.0),
            deletes: Bucket::new(200.0, 10.0),
            put_machine: Bucket::new(1500.0, 500.0 / 60.0),
            update_machine: Bucket::new(1500.0, 500.0 / 60.0),
            delete_machine: Bucket::new(1500.0, 500.0 / 60.0),
            get_low: Bucket::new(24000.0, 8000.0 / 60.0),
            get_high: Bucket::new(900.0, 300.0 / 60.0),
            get_operation: Bucket::new(15000.0, 5000.0 / 60.0),
        }
    }
}

impl Limits {
    /// The header of Resource Manager for a request, and its value.
    pub(super) fn of_request(&mut self, method: &str, now: i64, time_scale: f64) -> (&'static str, String) {
        let (name, bucket) = match method {
            "GET" | "HEAD" => ("x-ms-ratelimit-remaining-subscription-reads", &mut self.reads),
            "DELETE" => ("x-ms-ratelimit-remaining-subscription-deletes", &mut self.deletes),
            _ => ("x-ms-ratelimit-remaining-subscription-writes", &mut self.writes),
        };
        (name, bucket.take(now, time_scale).to_string())
    }

    /// The value of Compute's own header, `x-ms-ratelimit-remaining-resource`. `path` is in lower case.
    pub(super) fn of_compute(&mut self, method: &str, path: &[String], now: i64, time_scale: f64) -> Option<String> {
        let place = path.iter().position(|segment| segment == "microsoft.compute")?;
        let kind = path.get(place + 1)?.as_str();
        let (name, bucket) = match (method, kind, path.len() - place) {
            ("GET", "locations", _) => ("GetOperation", &mut self.get_operation),
            ("GET", _, length) if length % 2 == 0 => ("HighCostGet", &mut self.get_high),
            ("GET", ..) => ("LowCostGet", &mut self.get_low),
            ("PUT", "virtualmachines", 3) => ("PutVM", &mut self.put_machine),
            ("DELETE", "virtualmachines", 3) => ("DeleteVM", &mut self.delete_machine),
            (_, "virtualmachines", _) => ("UpdateVM", &mut self.update_machine),
            _ => return None,
        };
        Some(format!("Microsoft.Compute/{name}SubscriptionMaximum;{}", bucket.take(now, time_scale)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_at_the_scaled_pace() {
        let mut limits = Limits::default();
        let mut last = String::new();
        for _ in 0..100 {
            last = limits.of_request("PUT", 1_000, 0.02).1;
        }
        assert_eq!(last, "100");
        // 0.1 s at scale 0.02 are 5 s, and those bring 50.
        assert_eq!(limits.of_request("PUT", 1_100, 0.02).1, "149");
        assert_eq!(limits.of_request("GET", 1_100, 0.0).1, "249");
    }
}
