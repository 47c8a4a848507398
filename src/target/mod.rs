//! The places where resources can be made, one folder each. What they have in common is [`crate::contract::Target`].

pub mod memory;
