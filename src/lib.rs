//! `engine`: a declarative deployment engine for self-managed Kubernetes clusters.
//!
//! One JSON document, the API model, is read into a cluster, expanded into a graph of resources, and every verb is a
//! plan over that graph, executed on a target. The rooms below stand from the ground up: a room uses the rooms
//! above it in this list, never one below. `tests/integration/layers.rs` reads the imports and keeps it so.
//!
//! Invariants:
//! - A dependency edge exists because one value refers to another resource ([`graph`]); there is no second list.
//! - What is shown is what runs: [`execute`] takes a plan value and nothing else.
//! - Nothing prints outside [`cli`] and [`view`]; nothing reads clock, randomness or environment outside [`base`].
//! - A secret has a type that does not print ([`base::Secret`]).

pub mod base;
pub mod catalog;
pub mod image;
pub mod graph;
pub mod contract;
pub mod pki;
pub mod model;
pub mod bootstrap;
pub mod state;
pub mod arm;
pub mod expand;
pub mod plan;
pub mod execute;
pub mod gateway;
pub mod target;
pub mod kubernetes;
pub mod cluster;
pub mod server;
pub mod view;
pub mod cli;
