//! The timeline as SVG.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::record::{RunRecord, between};
use super::rows::{Row, rows};
use crate::view::markup::escape;
use crate::view::progress::seconds;

const WIDTH: u32 = 1100;
const LABELS: u32 = 400;
const BARS: f64 = 560.0;
const ROW: u32 = 22;
const HEAD: u32 = 26;
/// The most letters of a label.
const LETTERS: usize = 50;

/// The timeline, from the run's begin to its end, or until `now`.
pub(super) fn gantt(run: &RunRecord, now: Timestamp) -> String {
    let (rows, left_out) = rows(run);
    let Some(begin) = run.started.filter(|_| !rows.is_empty()) else { return String::new() };
    let end = run.ended.unwrap_or(now);
    let length = between(begin, end).as_secs_f64().max(0.1);
    let at = |moment: Timestamp| {
        let share = (between(begin, moment).as_secs_f64() / length).min(1.0);
        f64::from(LABELS) + share * BARS
    };
    let height = HEAD + ROW * u32::try_from(rows.len()).unwrap_or(u32::MAX / (2 * ROW)) + 6;
    let mut text = format!(
        "<svg class=\"gantt\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Timeline of {} steps\">\n",
        run.steps.len()
    );
    let step = spacing(length);
    let mut tick = 0.0;
    while tick <= length {
        let x = f64::from(LABELS) + tick / length * BARS;
        let label = axis_label(tick);
        let _ = writeln!(
            text,
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{HEAD}\" x2=\"{x:.1}\" y2=\"{height}\"/>\
             <text class=\"axis\" x=\"{x:.1}\" y=\"16\">{label}</text>"
        );
        tick += step;
    }
    for (index, row) in rows.iter().enumerate() {
        bar(&mut text, row, HEAD + ROW * u32::try_from(index).unwrap_or_default(), &at, end);
    }
    text.push_str("</svg>\n");
    if left_out > 0 {
        let _ = writeln!(text, "<p class=\"faint\">{left_out} more rows are left out here.</p>");
    }
    text
}

fn bar(text: &mut String, row: &Row, y: u32, at: &impl Fn(Timestamp) -> f64, end: Timestamp) {
    let middle = y + ROW / 2;
    let _ = writeln!(
        text,
        "<g class=\"row {}{}\"><title>{}</title><text class=\"label\" x=\"{}\" y=\"{}\">{}</text>",
        row.look.class(),
        if row.slowest { " slowest" } else { "" },
        escape(&title(row, end)),
        LABELS - 10,
        middle + 4,
        escape(&shortened(&row.label)),
    );
    let mut right = f64::from(LABELS);
    if let Some(started) = row.started {
        let (from, to) = (at(started), at(row.ended.unwrap_or(end)));
        right = from + (to - from).max(2.0);
        // How much is done lies on top of the whole.
        let bars = [("bar", 1.0)].into_iter().chain(row.done.map(|done| ("bar done", done)));
        for (class, share) in bars {
            let _ = writeln!(
                text,
                "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\" rx=\"3\"/>",
                y + 4,
                (right - from) * share,
                ROW - 8
            );
        }
        for retry in &row.retries {
            let x = at(*retry);
            let _ = writeln!(
                text,
                "<line class=\"retry\" x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{}\"/>",
                y + 2,
                y + ROW - 2
            );
        }
    }
    let took = row.started.map(|started| seconds(between(started, row.ended.unwrap_or(end))));
    let beside: Vec<String> = took.into_iter().chain(row.beside.clone()).collect();
    let _ = writeln!(
        text,
        "<text class=\"beside\" x=\"{:.1}\" y=\"{}\">{}</text></g>",
        right + 6.0,
        middle + 4,
        escape(&beside.join(", "))
    );
}

fn title(row: &Row, end: Timestamp) -> String {
    let took = row.started.map(|started| seconds(between(started, row.ended.unwrap_or(end)))).unwrap_or_default();
    let retries = match row.retries.len() {
        0 => String::new(),
        1 => ", tried again once".to_owned(),
        times => format!(", tried again {times} times"),
    };
    let slowest = if row.slowest { ", in the slowest chain" } else { "" };
    format!("{}: {} {took}{retries}{slowest}", row.label, row.look.class())
}

/// The beginning and the end of a long label: the end of a machine's name is its number.
fn shortened(label: &str) -> String {
    let letters: Vec<char> = label.chars().collect();
    if letters.len() <= LETTERS {
        return label.to_owned();
    }
    let half = LETTERS / 2;
    letters[..half].iter().chain(&['…']).chain(&letters[letters.len() - half..]).collect()
}

/// The seconds between two lines of the axis: a round number that gives at most eight.
fn spacing(length: f64) -> f64 {
    const ROUND: [f64; 17] =
        [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0];
    ROUND.into_iter().find(|step| length / step <= 8.0).unwrap_or(length / 8.0)
}

fn axis_label(tick: f64) -> String {
    if tick == 0.0 {
        "0".to_owned()
    } else if tick < 60.0 {
        format!("{} s", (tick * 10.0).round() / 10.0)
    } else if tick % 60.0 == 0.0 {
        format!("{} min", tick / 60.0)
    } else {
        format!("{}:{:02}", (tick / 60.0).floor(), (tick % 60.0).round())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_has_round_numbers_and_not_too_many() {
        for length in [0.1, 0.7, 3.0, 59.0, 61.0, 400.0, 3_000.0, 90_000.0] {
            let lines = (length / spacing(length)).floor();
            assert!((1.0..=8.0).contains(&lines), "{length}: {lines}");
        }
        assert_eq!(
            [0.0, 0.5, 30.0, 60.0, 90.0, 3600.0].map(axis_label),
            ["0", "0.5 s", "30 s", "1 min", "1:30", "60 min"]
        );
    }
}
