//! What Azure allows, as far as it is documented: the first guess of the pacing, until answers tell better.
//!
//! Sources, all learn.microsoft.com, read 2026-11-21:
//! - "Understand how Azure Resource Manager throttles requests": token buckets per region, subscription and principal: 250
//!   reads, 200 writes, 200 deletes, refilled with 25, 10 and 10 a second. The same page for Microsoft.Network: 1,000
//!   writes and deletes and 10,000 reads in 5 minutes, per subscription and region.
//! - "Throttling limits for Virtual Machines" of Compute: token buckets per subscription and region, refilled each minute;
//!   for machines (PutVM, UpdateVM, DeleteVM: 1,500 and 500 a minute; LowCostGet 24,000 and 8,000; HighCostGet, which lists
//!   are, 900 and 300; GetOperation 15,000 and 5,000) and for scale sets (Put 375 and 125; Update 1,500 and 500; Delete
//!   525 and 175; LowCostGet 2,400 and 800; HighCostGet 1,080 and 360).
//!
//! Not documented, and taken so because it is the careful guess: asking for an operation counts as a read.

use std::time::Duration;

use crate::contract::{Allowance, Budget, Charges, RequestKind};

const fn bucket(name: &'static str, capacity: f64, per_second: f64) -> Budget {
    Budget { name, allowance: Allowance::Bucket { capacity, per_second } }
}

const fn each_minute(name: &'static str, capacity: f64, per_minute: f64) -> Budget {
    bucket(name, capacity, per_minute / 60.0)
}

const fn window(name: &'static str, most: u32) -> Budget {
    Budget { name, allowance: Allowance::Window { most, span: Duration::from_secs(300) } }
}

/// Named as in the headers `x-ms-ratelimit-remaining-…`, where one tells of them.
const BUDGETS: [Budget; 16] = [
    bucket("subscription-reads", 250.0, 25.0),
    bucket("subscription-writes", 200.0, 10.0),
    bucket("subscription-deletes", 200.0, 10.0),
    window("Microsoft.Network/reads", 10_000),
    window("Microsoft.Network/writes", 1_000),
    each_minute("Microsoft.Compute/PutVMSubscriptionMaximum", 1_500.0, 500.0),
    each_minute("Microsoft.Compute/UpdateVMSubscriptionMaximum", 1_500.0, 500.0),
    each_minute("Microsoft.Compute/DeleteVMSubscriptionMaximum", 1_500.0, 500.0),
    each_minute("Microsoft.Compute/LowCostGetSubscriptionMaximum", 24_000.0, 8_000.0),
    each_minute("Microsoft.Compute/HighCostGetSubscriptionMaximum", 900.0, 300.0),
    each_minute("Microsoft.Compute/GetOperationSubscriptionMaximum", 15_000.0, 5_000.0),
    each_minute("Microsoft.Compute/PutVMScaleSetSubscriptionMaximum", 375.0, 125.0),
    each_minute("Microsoft.Compute/UpdateVMScaleSetSubscriptionMaximum", 1_500.0, 500.0),
    each_minute("Microsoft.Compute/DeleteVMScaleSetSubscriptionMaximum", 525.0, 175.0),
    each_minute("Microsoft.Compute/VMScaleSetLowCostGetSubscriptionMaximum", 2_400.0, 800.0),
    each_minute("Microsoft.Compute/VMScaleSetHighCostGetSubscriptionMaximum", 1_080.0, 360.0),
];

const READS: usize = 0;
const WRITES: usize = 1;
const DELETES: usize = 2;
const NETWORK_READS: usize = 3;
const NETWORK_WRITES: usize = 4;
const PUT_MACHINE: usize = 5;
const LOW_COST_GET: usize = 8;
const HIGH_COST_GET: usize = 9;
const GET_OPERATION: usize = 10;
const PUT_SET: usize = 11;

/// The budgets where things take `time_scale` of their time; none where they take none.
pub(super) fn budgets(time_scale: f64) -> Vec<Budget> {
    if time_scale <= 0.0 {
        return Vec::new();
    }
    let scaled = |budget: Budget| Budget {
        allowance: match budget.allowance {
            Allowance::Bucket { capacity, per_second } => {
                Allowance::Bucket { capacity, per_second: per_second / time_scale }
            }
            Allowance::Window { most, span } => Allowance::Window { most, span: span.mul_f64(time_scale) },
        },
        ..budget
    };
    BUDGETS.into_iter().map(scaled).collect()
}

/// What a request about a resource of this type draws on.
pub(super) fn charges(kind: RequestKind, resource_type: &str) -> Charges {
    let own = Charges::FREE.and(match kind {
        RequestKind::Read | RequestKind::List | RequestKind::Poll => READS,
        RequestKind::Write => WRITES,
        RequestKind::Delete => DELETES,
    });
    let (namespace, rest) = resource_type.split_once('/').unwrap_or((resource_type, ""));
    if namespace.eq_ignore_ascii_case("Microsoft.Network") {
        return own.and(match kind {
            RequestKind::Write | RequestKind::Delete => NETWORK_WRITES,
            _ => NETWORK_READS,
        });
    }
    if !namespace.eq_ignore_ascii_case("Microsoft.Compute") {
        return own;
    }
    let (first, below) = rest.split_once('/').map_or((rest, false), |(first, _)| (first, true));
    // Put, update and delete of machines stand together in the table, and so do those of scale sets.
    let base = if first.eq_ignore_ascii_case("virtualMachines") {
        Some(PUT_MACHINE)
    } else if first.eq_ignore_ascii_case("virtualMachineScaleSets") {
        Some(PUT_SET)
    } else {
        None
    };
    let is_set = base == Some(PUT_SET);
    match (kind, base) {
        (RequestKind::Poll, _) => own.and(GET_OPERATION),
        (RequestKind::Read, _) => own.and(if is_set { PUT_SET + 3 } else { LOW_COST_GET }),
        (RequestKind::List, _) => own.and(if is_set { PUT_SET + 4 } else { HIGH_COST_GET }),
        (RequestKind::Write | RequestKind::Delete, Some(base)) if below => own.and(base + 1),
        (RequestKind::Write, Some(base)) => own.and(base),
        (RequestKind::Delete, Some(base)) => own.and(base + 2),
        (RequestKind::Write | RequestKind::Delete, None) => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_draws_on_what_is_documented() {
        let names = |kind, resource_type| -> Vec<&str> {
            charges(kind, resource_type).places().map(|place| BUDGETS[place].name.trim_end_matches("Maximum")).collect()
        };
        use RequestKind::*;
        assert_eq!(
            names(Write, "Microsoft.Network/networkInterfaces"),
            ["subscription-writes", "Microsoft.Network/writes"]
        );
        assert_eq!(
            names(Delete, "microsoft.network/loadBalancers"),
            ["subscription-deletes", "Microsoft.Network/writes"]
        );
        let machine = "Microsoft.Compute/virtualMachines";
        assert_eq!(names(Write, machine)[1], "Microsoft.Compute/PutVMSubscription");
        assert_eq!(names(Delete, machine)[1], "Microsoft.Compute/DeleteVMSubscription");
        assert_eq!(names(List, machine)[1], "Microsoft.Compute/HighCostGetSubscription");
        let extension = "Microsoft.Compute/virtualMachines/extensions";
        assert_eq!(names(Write, extension)[1], "Microsoft.Compute/UpdateVMSubscription");
        assert_eq!(names(Poll, extension), ["subscription-reads", "Microsoft.Compute/GetOperationSubscription"]);
        let set = "Microsoft.Compute/virtualMachineScaleSets";
        assert_eq!(names(Write, set)[1], "Microsoft.Compute/PutVMScaleSetSubscription");
        assert_eq!(names(List, set)[1], "Microsoft.Compute/VMScaleSetHighCostGetSubscription");
        assert_eq!(names(Write, "Microsoft.Compute/availabilitySets"), ["subscription-writes"]);
        assert_eq!(names(Write, "Microsoft.Authorization/roleAssignments"), ["subscription-writes"]);
    }

    #[test]
    fn where_time_is_short_budgets_fill_faster() {
        assert!(budgets(0.0).is_empty());
        assert_eq!(budgets(1.0), BUDGETS);
        let scaled = budgets(0.5);
        assert_eq!(scaled[WRITES].allowance, Allowance::Bucket { capacity: 200.0, per_second: 20.0 });
        let window = Allowance::Window { most: 1_000, span: Duration::from_secs(150) };
        assert_eq!(scaled[NETWORK_WRITES].allowance, window);
    }
}
