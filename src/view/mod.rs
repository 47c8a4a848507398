//! How results look: for people and as JSON. Texts are made here and written by `cli`; the live progress writes itself.
//!
//! Rules: data goes to standard output and everything else to standard error; everything can be read without colour;
//! text from outside never reaches a terminal with its control characters.

mod diagnostics;
mod explained;
mod markup;
mod masked;
mod picture;
mod plan;
mod progress;
mod report;
mod style;
mod summary;

pub use diagnostics::{diagnostics_as_json, render_diagnostics};
pub use explained::{explained_as_json, render_explained};
pub use picture::{picture_as_page, picture_as_svg};
pub use plan::{plan_as_json, render_plan};
pub use progress::{Progress, seconds};
pub use report::{EventLine, RunHead, RunRecord, chain_as_json, events_schema, fragment, live_page, report_page};
pub use style::{Style, harmless};
pub use summary::{render_chain, render_resources, render_summary, summary_as_json};
