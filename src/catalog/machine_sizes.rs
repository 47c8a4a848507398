//! What common machine sizes have.
//!
//! Source: learn.microsoft.com, "Sizes for virtual machines in Azure" (pages of each series), read 2026-11-21. The list
//! is short on purpose: what it does not know gets the safe answer, never a refusal.

/// What a machine size has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MachineSize {
    /// Virtual processors.
    pub cpus: u32,
    /// Memory in GiB.
    pub memory_gib: f64,
    /// The most data disks.
    pub data_disks: u32,
    /// The most network interfaces.
    pub network_interfaces: u32,
    /// Whether disks may be of a Premium kind.
    pub premium_storage: bool,
    /// Whether interfaces may bypass the host's switch.
    pub accelerated_networking: bool,
}

/// Sizes that differ in their number of processors only.
struct Series {
    /// The names' parts before and after the number, lower case.
    name: (&'static str, &'static str),
    memory_gib_per_cpu: f64,
    premium_storage: bool,
    /// The fewest processors with accelerated networking.
    accelerated_from: u32,
    /// Processors, data disks, interfaces.
    members: &'static [(u32, u32, u32)],
}

/// D and E since their third version.
const GENERAL: &[(u32, u32, u32)] = &[(2, 4, 2), (4, 8, 2), (8, 16, 4), (16, 32, 8), (32, 32, 8), (64, 32, 8)];
const COMPUTE: &[(u32, u32, u32)] = &[(2, 4, 2), (4, 8, 2), (8, 16, 4), (16, 32, 4), (32, 32, 8), (64, 32, 8)];
const BURSTABLE: &[(u32, u32, u32)] = &[(2, 4, 2), (4, 8, 2), (8, 16, 4), (16, 32, 4)];

const fn series(
    name: (&'static str, &'static str),
    memory_gib_per_cpu: f64,
    premium_storage: bool,
    accelerated_from: u32,
    members: &'static [(u32, u32, u32)],
) -> Series {
    Series { name, memory_gib_per_cpu, premium_storage, accelerated_from, members }
}

// In version 3 a processor is half a core, and accelerated networking starts at two cores.
const SERIES: [Series; 21] = [
    series(("standard_d", "_v3"), 4.0, false, 4, GENERAL),
    series(("standard_d", "s_v3"), 4.0, true, 4, GENERAL),
    series(("standard_d", "_v4"), 4.0, false, 2, GENERAL),
    series(("standard_d", "s_v4"), 4.0, true, 2, GENERAL),
    series(("standard_d", "ds_v4"), 4.0, true, 2, GENERAL),
    series(("standard_d", "_v5"), 4.0, false, 2, GENERAL),
    series(("standard_d", "s_v5"), 4.0, true, 2, GENERAL),
    series(("standard_d", "ds_v5"), 4.0, true, 2, GENERAL),
    series(("standard_d", "as_v5"), 4.0, true, 2, GENERAL),
    series(("standard_d", "ads_v5"), 4.0, true, 2, GENERAL),
    series(("standard_d", "s_v6"), 4.0, true, 2, GENERAL),
    series(("standard_d", "ds_v6"), 4.0, true, 2, GENERAL),
    series(("standard_e", "_v3"), 8.0, false, 4, GENERAL),
    series(("standard_e", "s_v3"), 8.0, true, 4, GENERAL),
    series(("standard_e", "s_v4"), 8.0, true, 2, GENERAL),
    series(("standard_e", "s_v5"), 8.0, true, 2, GENERAL),
    series(("standard_e", "ds_v5"), 8.0, true, 2, GENERAL),
    series(("standard_e", "as_v5"), 8.0, true, 2, GENERAL),
    series(("standard_e", "s_v6"), 8.0, true, 2, GENERAL),
    series(("standard_f", "s_v2"), 2.0, true, 4, COMPUTE),
    series(("standard_b", "s_v2"), 4.0, true, 2, BURSTABLE),
];

/// Name in lower case, processors, memory, data disks, interfaces, Premium, accelerated.
type Single = (&'static str, u32, f64, u32, u32, bool, bool);

/// Series whose names do not hold the number of processors.
const SINGLE: [Single; 13] = [
    ("standard_b2s", 2, 4.0, 4, 3, true, false),
    ("standard_b2ms", 2, 8.0, 4, 3, true, false),
    ("standard_b4ms", 4, 16.0, 8, 4, true, false),
    ("standard_d1_v2", 1, 3.5, 4, 2, false, false),
    ("standard_d2_v2", 2, 7.0, 8, 2, false, true),
    ("standard_d3_v2", 4, 14.0, 16, 4, false, true),
    ("standard_d4_v2", 8, 28.0, 32, 8, false, true),
    ("standard_d5_v2", 16, 56.0, 64, 8, false, true),
    ("standard_ds1_v2", 1, 3.5, 4, 2, true, false),
    ("standard_ds2_v2", 2, 7.0, 8, 2, true, true),
    ("standard_ds3_v2", 4, 14.0, 16, 4, true, true),
    ("standard_ds4_v2", 8, 28.0, 32, 8, true, true),
    ("standard_ds5_v2", 16, 56.0, 64, 8, true, true),
];

/// What a size has; `None` if the table does not know it. Letter case does not count.
pub fn machine_size(name: &str) -> Option<MachineSize> {
    let name = name.to_ascii_lowercase();
    let single = SINGLE.iter().find(|single| single.0 == name).map(
        |&(_, cpus, memory_gib, data_disks, network_interfaces, premium_storage, accelerated_networking)| MachineSize {
            cpus,
            memory_gib,
            data_disks,
            network_interfaces,
            premium_storage,
            accelerated_networking,
        },
    );
    single.or_else(|| SERIES.iter().find_map(|series| series.member(&name)))
}

/// All sizes that the table knows, names in lower case.
pub fn machine_sizes() -> impl Iterator<Item = (String, MachineSize)> {
    let single = SINGLE.iter().map(|single| single.0.to_owned());
    let in_series = SERIES
        .iter()
        .flat_map(|series| series.members.iter().map(|(cpus, ..)| format!("{}{cpus}{}", series.name.0, series.name.1)));
    single.chain(in_series).filter_map(|name| machine_size(&name).map(|size| (name, size)))
}

impl Series {
    fn member(&self, name: &str) -> Option<MachineSize> {
        let cpus: u32 = name.strip_prefix(self.name.0)?.strip_suffix(self.name.1)?.parse().ok()?;
        let &(_, data_disks, network_interfaces) = self.members.iter().find(|member| member.0 == cpus)?;
        Some(MachineSize {
            cpus,
            memory_gib: f64::from(cpus) * self.memory_gib_per_cpu,
            data_disks,
            network_interfaces,
            premium_storage: self.premium_storage,
            accelerated_networking: cpus >= self.accelerated_from,
        })
    }
}

/// Whether interfaces of this size may bypass the host's switch. A size that the table does not know: no, since a
/// machine without it starts everywhere.
pub fn supports_accelerated_networking(name: &str) -> bool {
    machine_size(name).is_some_and(|size| size.accelerated_networking)
}

/// Whether disks of this size may be of a Premium kind. For a size that the table does not know, its name says it: an
/// `s` among the small letters that stand for features, or one of the early series `DS`, `GS`, `FS`.
pub fn supports_premium_storage(name: &str) -> bool {
    machine_size(name).map_or_else(
        || {
            let core = name.split('_').nth(1).unwrap_or_default();
            let features = core.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
            features.contains('s') || ["DS", "GS", "FS", "LS"].iter().any(|series| core.starts_with(series))
        },
        |size| size.premium_storage,
    )
}

/// Whether machines of a size have NVIDIA's processors: the N family but for NP (FPGAs) and the sizes with AMD's.
///
/// Source: Microsoft Learn, "GPU accelerated VM sizes", read 2026-11-25.
pub fn has_nvidia_processors(size: &str) -> bool {
    let name = size.strip_prefix("Standard_").unwrap_or(size);
    let family: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
    let is_amd = name.starts_with("NV") && (name.ends_with("_v4") || name.contains("ads_V710"));
    ["NC", "ND", "NV"].contains(&family.as_str()) && !is_amd
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_found_by_name() {
        let size = machine_size("Standard_D8s_v5").unwrap();
        assert_eq!((size.cpus, size.memory_gib, size.data_disks), (8, 32.0, 16));
        assert_eq!(machine_size("standard_ds2_V2").unwrap().memory_gib, 7.0);
        assert_eq!(machine_size("Standard_D7s_v5"), None);
        assert_eq!(machine_size(""), None);
    }

    #[test]
    fn every_size_is_listed_once() {
        let names: Vec<String> = machine_sizes().map(|(name, _)| name).collect();
        let unique: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(names.len(), unique.len());
        assert!(names.len() > 100 && names.contains(&"standard_d2s_v5".to_owned()));
    }

    #[test]
    fn unknown_sizes_get_the_safe_answer() {
        assert!(!supports_accelerated_networking("Standard_M416ms_v9"));
        assert!(!supports_accelerated_networking("Standard_D2_v3"));
        assert!(supports_premium_storage("Standard_M416ms_v9"));
        assert!(supports_premium_storage("Standard_GS5"));
        assert!(!supports_premium_storage("Standard_A2_v2"));
    }
    #[test]
    fn sizes_with_other_accelerators_have_no_nvidia_processors() {
        for size in ["Standard_NC6s_v3", "Standard_ND96asr_v4", "Standard_NV36ads_A10_v5"] {
            assert!(has_nvidia_processors(size), "{size}");
        }
        for size in [
            "Standard_NP10s",
            "Standard_NV8as_v4",
            "Standard_NV28ads_V710_v5",
            "Standard_D2s_v5",
            "Standard_NG8ads_V620_v1",
        ] {
            assert!(!has_nvidia_processors(size), "{size}");
        }
    }
}
