//! The pages: one that is kept, and one that follows a run. Nothing but the style and the script of their own takes effect
//! in them, and the kept one has no script at all.

use jiff::Timestamp;

use super::fragment::fragment;
use super::record::RunRecord;
use crate::view::markup::{escape, filled, hash};

const PAGE: &str = include_str!("../../../templates/view/run.html");
const STYLE: &str = include_str!("../../../templates/view/run.css");
const SCRIPT: &str = include_str!("../../../templates/view/run.js");

/// The page that is kept. It asks nothing of any network.
pub fn report_page(run: &RunRecord, now: Timestamp) -> String {
    page(run, now, None)
}

/// The page that follows a run: its script asks the listener that served it for what changes, and nobody else.
pub fn live_page(run: &RunRecord, now: Timestamp) -> String {
    page(run, now, Some(&format!("\n{SCRIPT}")))
}

fn page(run: &RunRecord, now: Timestamp, script: Option<&str>) -> String {
    let style = format!("\n{STYLE}");
    let mut policy = format!("default-src 'none'; style-src {}; base-uri 'none'; form-action 'none'", hash(&style));
    if let Some(script) = script {
        policy.push_str(&format!("; connect-src 'self'; script-src {}", hash(script)));
    }
    filled(PAGE, |name| {
        Some(match name {
            "policy" => policy.clone(),
            "title" => escape(&format!("{} {}", run.head.verb, run.head.resource_group)),
            "style" => style.clone(),
            "script" => script.map(|script| format!("<script>{script}</script>\n")).unwrap_or_default(),
            "content" => fragment(run, now),
            _ => return None,
        })
    })
}
