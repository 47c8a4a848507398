//! Runs against a scripted world in virtual time.

mod fake;
mod faults;
mod pace;
mod plans;
mod resume;
mod running;
