//! How a simulator is started.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use super::{FaultPlan, Limiting, Loaded};
use crate::base::{Clock, Entropy, SystemClock, SystemEntropy};

/// The time scale of an embedded simulator: a machine that takes Azure 60 seconds is there after 1.2.
pub const DEFAULT_TIME_SCALE: f64 = 0.02;

/// How a simulator is started.
#[derive(Clone)]
pub struct SimulatorSettings {
    /// Where it keeps `simulator.jsonl` (resources and operations under way), `simulator.json` (its credentials and
    /// port) and `requests.jsonl` (method, path and status of each request). Created if it is not there.
    pub folder: PathBuf,
    /// Where it listens; a loopback address. With port 0 it takes the port it had the last time if that is free,
    /// and else any.
    pub listen: SocketAddr,
    /// How long things take, as a share of what they take in Azure: 1 is real time, and at 0 an operation is over when
    /// it is asked for the first time.
    pub time_scale: f64,
    /// Whether its clock moves only when no request is in flight and all who follow it wait; then `clock` tells only
    /// where it begins.
    pub virtual_clock: bool,
    /// Whether requests beyond Azure's limits are refused.
    pub limiting: Limiting,
    /// What it begins with. Such a simulator keeps nothing of what happens to it.
    pub loaded: Option<Loaded>,
    /// What goes wrong.
    pub faults: FaultPlan,
    /// What time it is. Operations end by it, also those that were under way when the process was killed.
    pub clock: Arc<dyn Clock>,
    /// Where ids and keys come from.
    pub entropy: Arc<dyn Entropy>,
}

impl SimulatorSettings {
    /// On a free port of 127.0.0.1, at [`DEFAULT_TIME_SCALE`], with the machine's clock and randomness.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            time_scale: DEFAULT_TIME_SCALE,
            virtual_clock: false,
            limiting: Limiting::default(),
            loaded: None,
            faults: FaultPlan { format: FaultPlan::FORMAT, ..FaultPlan::default() },
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// The same with another time scale.
    #[must_use]
    pub const fn time_scale(mut self, time_scale: f64) -> Self {
        self.time_scale = time_scale;
        self
    }

    /// The same beginning with what is elsewhere.
    #[must_use]
    pub fn loaded(mut self, loaded: Loaded) -> Self {
        self.loaded = Some(loaded);
        self
    }

    /// The same with faults.
    #[must_use]
    pub fn faults(mut self, faults: FaultPlan) -> Self {
        self.faults = faults;
        self
    }
}
