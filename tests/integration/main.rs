//! All integration tests, as one binary.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a test may fail by a panic"
)]

mod azure_foreign_servers;
mod any_model;
mod azure_on_simulator;
mod azure_schemas;
mod bootstrap;
mod clusters;
mod commands;
mod corpus;
mod differences;
mod documents;
mod evaluation;
mod examples;
mod gateway;
mod golden;
mod inventory;
mod layers;
mod reference;
mod shared;
mod simulator;
mod survival;
mod template;
