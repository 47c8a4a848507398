//! The picture as one HTML page: the SVG, its style and a small script. The page asks nothing of any network, and a
//! policy in it forbids that anything but its own style and script takes effect.

use super::items::{Item, Kind};
use super::model::Picture;
use super::svg::{DARK, LIGHT, drawn, sign};
use crate::graph::ResourceGraph;
use crate::view::markup::{escape, filled, hash};

const PAGE: &str = include_str!("../../../templates/view/page.html");
const STYLE: &str = include_str!("../../../templates/view/page.css");
const STYLE_DARK: &str = include_str!("../../../templates/view/page-dark.css");
const SCRIPT: &str = include_str!("../../../templates/view/page.js");

/// The picture of a graph as an HTML page.
pub fn picture_as_page(graph: &ResourceGraph) -> String {
    let picture = Picture::of(graph);
    let light = format!("\n{LIGHT}{STYLE}");
    let dark = format!("\n{DARK}{STYLE_DARK}");
    let script = format!("\n{SCRIPT}");
    let policy = format!(
        "default-src 'none'; style-src {} {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash(&light),
        hash(&dark),
        hash(&script)
    );
    filled(PAGE, |name| {
        Some(match name {
            "policy" => policy.clone(),
            "title" => escape(&format!("Cluster in {}", picture.group.name)),
            "light" => light.clone(),
            "dark" => dark.clone(),
            "script" => script.clone(),
            "filters" => filters(&picture),
            "picture" => drawn(&picture, ""),
            _ => return None,
        })
    })
}

/// The legend, whose entries switch kinds on and off; only those that the picture has.
fn filters(picture: &Picture) -> String {
    let mut shown: Vec<&Item> = picture.others.iter().collect();
    for pool in &picture.pools {
        shown.push(&pool.item);
        shown.extend(&pool.badges);
    }
    for balancer in &picture.balancers {
        shown.push(&balancer.item);
        shown.extend(&balancer.addresses);
    }
    shown.extend(picture.networks.iter().flat_map(|network| &network.subnets).flat_map(|subnet| &subnet.badges));
    let mut text = String::new();
    for kind in Kind::IN_LEGEND.into_iter().filter(|kind| shown.iter().any(|item| item.kind == *kind)) {
        text.push_str(&format!(
            "<button type=\"button\" class=\"filter\" data-kind=\"{}\" aria-pressed=\"true\">\
             <svg width=\"14\" height=\"14\" viewBox=\"-1 -1 16 16\" aria-hidden=\"true\">{}</svg>{}</button>\n",
            kind.class(),
            sign(kind, 0, 0).trim_end(),
            kind.word()
        ));
    }
    text
}
