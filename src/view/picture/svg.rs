//! The picture as SVG.

use std::fmt::Write as _;

use super::items::{Item, Kind};
use super::layout::{Drawing, Form, Placed, place};
use super::model::Picture;
use crate::graph::ResourceGraph;
use crate::view::markup::escape;

/// The style of boxes, signs and text in the light.
pub(super) const LIGHT: &str = include_str!("../../../templates/view/picture.css");
/// What differs in the dark.
pub(super) const DARK: &str = include_str!("../../../templates/view/picture-dark.css");

/// The picture of a graph as an SVG file. It follows the viewer's choice between light and dark.
pub fn picture_as_svg(graph: &ResourceGraph) -> String {
    let picture = Picture::of(graph);
    let style = format!("<style>\n{LIGHT}@media screen and (prefers-color-scheme: dark) {{\n{DARK}}}\n</style>\n");
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", drawn(&picture, &style))
}

/// The `svg` element, with something at its beginning.
pub(super) fn drawn(picture: &Picture, head: &str) -> String {
    let drawing = place(picture);
    let Drawing { width, height, .. } = drawing;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"group\" aria-labelledby=\"picture-title picture-summary\">\n\
         <title id=\"picture-title\">{}</title>\n<desc id=\"picture-summary\">{}</desc>\n{head}\
         <defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto\"><path class=\"head\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n\
         <rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n",
        escape(&format!("Cluster in {}", picture.group.name)),
        escape(&summary(picture)),
    );
    item(&mut text, &drawing.root);
    for (edge, wire) in &drawing.wires {
        let corners: Vec<String> = wire.iter().map(|(x, y)| format!("{x},{y}")).collect();
        let (from, to) = (picture.balancers[edge.balancer].item.kind, picture.pools[edge.pool].item.kind);
        let _ = writeln!(
            text,
            "<polyline class=\"wire\" data-from=\"{}\" data-to=\"{}\" points=\"{}\" marker-end=\"url(#head)\"/>",
            from.class(),
            to.class(),
            corners.join(" ")
        );
    }
    text.push_str("</svg>\n");
    text
}

/// The picture in one sentence, for those who cannot see it.
fn summary(picture: &Picture) -> String {
    let edges: Vec<String> = picture
        .edges
        .iter()
        .map(|edge| {
            format!(
                "{} to {}",
                picture.balancers[edge.balancer].item.name,
                picture.pools[edge.pool].item.label().trim()
            )
        })
        .collect();
    let pools: Vec<String> =
        picture.pools.iter().map(|pool| format!("{} ({})", pool.item.label().trim(), pool.summary)).collect();
    let mut text = format!("{}. {}.", picture.machines_in_words(), pools.join("; "));
    if !edges.is_empty() {
        let _ = write!(text, " Load balancers: {}.", edges.join("; "));
    }
    text
}

/// What is told of an item: its label, then its details, a line each.
fn told(item: &Item) -> String {
    let mut text = item.label().trim().to_owned();
    for (label, detail) in &item.details {
        let _ = write!(text, "\n{label}: {}", detail.replace('\n', " "));
    }
    text
}

fn item(text: &mut String, placed: &Placed<'_>) {
    let Placed { item: thing, form, area, .. } = placed;
    let class = thing.kind.class();
    let told = escape(&told(thing));
    if *form == Form::Sign {
        let outline = thing.kind.outline();
        let _ = writeln!(
            text,
            "<path class=\"item sign {class}\" role=\"img\" transform=\"translate({} {})\" d=\"{outline}\"><title>{told}</title></path>",
            area.x, area.y
        );
        return;
    }
    let (shape, round) = match form {
        Form::Frame => ("frame", 8),
        Form::GivenFrame => ("frame given", 8),
        Form::Card | Form::Sign => ("card", 5),
        Form::Badge => ("badge", 12),
    };
    let (role, label) = (if placed.inner.is_empty() { "img" } else { "group" }, escape(thing.label().trim()));
    let _ = writeln!(
        text,
        "<g class=\"item {shape} {class}\" role=\"{role}\" aria-label=\"{label}\"><title>{told}</title>"
    );
    let _ = writeln!(
        text,
        "<rect class=\"box\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{round}\"/>",
        area.x, area.y, area.w, area.h
    );
    let (x, y) = match form {
        Form::Frame | Form::GivenFrame => (area.x + 16, area.y + 11),
        Form::Card => (area.x + 9, area.y + area.h / 2 - 7),
        Form::Badge | Form::Sign => (area.x + 7, area.y + 5),
    };
    text.push_str(&sign(thing.kind, x, y));
    for line in &placed.lines {
        let _ = writeln!(
            text,
            "<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>",
            line.class,
            line.x,
            line.y,
            escape(&line.text)
        );
    }
    for inner in &placed.inner {
        item(text, inner);
    }
    text.push_str("</g>\n");
}

/// The sign of a kind.
pub(super) fn sign(kind: Kind, x: i32, y: i32) -> String {
    format!("<path class=\"sign {}\" transform=\"translate({x} {y})\" d=\"{}\"/>\n", kind.class(), kind.outline())
}
