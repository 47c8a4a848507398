//! A run as it is looked at from outside the terminal: a page that is live while the run goes on and is kept as
//! `report.html` afterwards, and a file of events for other programs.
//!
//! - [`RunRecord`]: what is known of a run, from its plan and its events.
//! - `chain`: which steps made it take as long as it took.
//! - `rows`, `gantt`: the timeline; the steps of a series of machines are folded, so that thousands can be looked at.
//! - [`fragment`]: what a page shows; the live page and the report differ in nothing else.
//! - [`EventLine`]: an event as a line of JSON.
//!
//! Deliberately absent: a listener (`cli`), and bodies of resources, so that no secret can get into a report.

mod chain;
mod fragment;
mod gantt;
mod lines;
mod page;
mod record;
mod rows;
mod sections;
#[cfg(test)]
mod trials;

pub use fragment::fragment;
pub use lines::{EventLine, chain_as_json, events_schema};
pub use page::{live_page, report_page};
pub use record::{RunHead, RunRecord};
