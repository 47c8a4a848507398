//! Clusters expanded, and their graphs looked at.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]
