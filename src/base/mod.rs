//! What every room stands on: diagnostics, secrets, clock and waiting, randomness, environment, atomic files, address
//! arithmetic, pages of memory.
//!
//! Deliberately absent: anything that knows a cluster, a cloud or a resource.

mod clock;
mod diagnostic;
mod entropy;
mod environment;
mod files;
mod network;
mod pages;
mod secret;
mod similar;
mod stepped;
mod timer;

pub use clock::{Clock, FixedClock, SystemClock};
pub use diagnostic::{Diagnostic, Diagnostics, Position, Severity, Source, Span};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use environment::Environment;
pub use files::{
    FileError, Files, UNFINISHED, append_line_durably, create_private_directory, fill_private, read_own_text,
    read_text, write_private, write_public,
};
pub use network::{address_at, network_contains, network_size, networks_overlap, parse_network};
pub use pages::{take_large_pages, take_small_pages};
pub use secret::{Digesting, Secret, digest, digest_json, short_digest};
pub use similar::closest;
pub use stepped::SteppedClock;
pub use timer::{Alarm, SystemTimer, Timer, Waiting};
