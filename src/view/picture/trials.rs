//! Trials of the pictures with small graphs of their own: nothing in a name becomes markup, size stays in bounds, what is
//! drawn is well-formed, and what belongs together stands together.

use super::layout::{Area, FOLDED_OVER, Placed, place};
use super::model::Picture;
use super::{picture_as_page, picture_as_svg};
use crate::graph::{GROUP_TYPE, Resource, ResourceGraph, Scope, Series, Value};

/// A cluster with a balancer, a network and these pools; names begin with `prefix`.
fn cluster(prefix: &str, pools: &[(&str, u32)]) -> ResourceGraph {
    let scope = Scope {
        subscription_id: "s".into(),
        tenant_id: "t".into(),
        resource_group: format!("{prefix}rg"),
        location: "westus2".into(),
    };
    let subnet = Value::object([
        ("name", "nodes".into()),
        ("properties", Value::object([("addressPrefix", "10.240.0.0/12".into())])),
    ]);
    let mut resources = vec![
        Resource::new("group", GROUP_TYPE, "v", format!("{prefix}rg")),
        Resource::new("address", "Microsoft.Network/publicIPAddresses", "v", format!("{prefix}ip")),
        Resource::new("network", "Microsoft.Network/virtualNetworks", "v", format!("{prefix}vnet"))
            .properties(Value::object([("subnets", Value::array([subnet]))])),
        Resource::new("balancer", "Microsoft.Network/loadBalancers", "v", format!("{prefix}lb"))
            .properties(Value::object([("frontend", Value::id_of("address"))])),
    ];
    for (pool, count) in pools {
        let series = Series { name: (*pool).into(), offset: 0, count: (*count).into() };
        let (interface, machine, role) =
            (format!("{pool}-interface"), format!("{pool}-machine"), format!("{pool}-role"));
        resources.push(
            Resource::new(
                &interface,
                "Microsoft.Network/networkInterfaces",
                "v",
                Value::indexed(&format!("{prefix}{pool}-nic-")),
            )
            .properties(Value::object([
                ("subnet", Value::sub_resource(Value::part_of("network", "subnets", "nodes"))),
                ("backend", Value::part_of("balancer", "backendAddressPools", "b")),
            ]))
            .in_series(series.clone()),
        );
        resources.push(
            Resource::new(
                &machine,
                "Microsoft.Compute/virtualMachines",
                "v",
                Value::indexed(&format!("{prefix}{pool}-")),
            )
            .properties(Value::object([
                ("interface", Value::id_of_same_index(&interface)),
                ("osProfile", Value::object([("customData", Value::secret("canary/handle"))])),
            ]))
            .in_series(series.clone()),
        );
        resources.push(
            Resource::new(
                &role,
                "Microsoft.Authorization/roleAssignments",
                "v",
                Value::indexed(&format!("{prefix}{pool}-role-")),
            )
            .properties(Value::object([("machine", Value::id_of_same_index(&machine))]))
            .in_series(series),
        );
    }
    ResourceGraph::build(scope, resources).unwrap()
}

/// Reads XML as strictly as this crate writes it: elements nest and end, attributes are quoted, there is no stray `<` or
/// `&`. Gives the names of all elements.
fn elements(text: &str) -> Vec<String> {
    let (mut open, mut seen) = (Vec::new(), Vec::new());
    let mut rest = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap_or(text);
    while let Some((before, after)) = rest.split_once('<') {
        for entity in before.split('&').skip(1) {
            let name = entity.split_once(';').expect("an entity ends").0;
            assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "entity {name}");
        }
        assert!(before.chars().all(|letter| letter == '\n' || !letter.is_control()));
        let end = after.find('>').expect("a tag ends");
        let tag = &after[..end];
        rest = &after[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let empty = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let quotes: Vec<&str> = attributes.split('"').collect();
        assert!(quotes.len() % 2 == 1, "quotes in {tag}");
        for pair in quotes.chunks_exact(2) {
            assert!(
                pair[0].trim_start().chars().all(|letter| letter.is_ascii_alphanumeric() || "-=:".contains(letter))
            );
            assert!(pair[0].ends_with('=') && !pair[1].contains(['<', '&']) || pair[1].contains(';'), "{tag}");
        }
        seen.push(name.to_owned());
        if !empty {
            open.push(name.to_owned());
        }
    }
    assert_eq!(open, Vec::<String>::new());
    seen
}

#[test]
fn a_hostile_name_stays_text() {
    let hostile = "</title><script>alert(1)</script><img src=x onerror='x'>\"&{{policy}}\u{1b}";
    let graph = cluster(hostile, &[("a", 2), ("b", 30)]);
    let (svg, page) = (picture_as_svg(&graph), picture_as_page(&graph));
    let plain = cluster("", &[("a", 2), ("b", 30)]);
    // Neither form has an element more than with harmless names.
    assert_eq!(elements(&svg), elements(&picture_as_svg(&plain)));
    assert_eq!(page.matches('<').count(), picture_as_page(&plain).matches('<').count());
    assert!(svg.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("{{policy}}"));
    assert_eq!(page.matches("<script").count(), 1);
}

#[test]
fn no_value_that_is_not_drawn_gets_into_a_picture() {
    let graph = cluster("", &[("a", 2)]);
    assert!(!picture_as_svg(&graph).contains("canary") && !picture_as_page(&graph).contains("canary"));
}

#[test]
fn five_hundred_machines_take_less_than_a_megabyte_and_five_thousand_less_than_two() {
    let names: Vec<String> = (0..25).map(|number| format!("pool{number}")).collect();
    for (each, most) in [(20, 1_000_000), (200, 2_000_000)] {
        let pools: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), each)).collect();
        let graph = cluster("k8s-81217699-", &pools);
        let (svg, page) = (picture_as_svg(&graph), picture_as_page(&graph));
        assert!(svg.len() < most && page.len() < most, "{each} each: {} and {} bytes", svg.len(), page.len());
        elements(&svg);
    }
}

#[test]
fn the_page_asks_nothing_of_any_network() {
    let page = picture_as_page(&cluster("", &[("a", 2)]));
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    let without_namespace = page.replace("http://www.w3.org/2000/svg", "");
    for trace in ["http:", "https:", "//cdn", "@import", "src=", "style=\"", "onclick"] {
        assert!(!without_namespace.contains(trace), "{trace}");
    }
    let script = include_str!("../../../templates/view/page.js");
    assert!(script.lines().count() < 200 && !script.contains("innerHTML"));
}

#[test]
fn what_belongs_together_stands_together() {
    let graph = cluster("", &[("master", 3), ("a", 24), ("b", 25)]);
    let picture = Picture::of(&graph);
    assert_eq!(picture.networks[0].subnets[0].pools, [0, 1, 2]);
    assert_eq!(picture.balancers[0].addresses[0].name, "ip");
    assert_eq!(picture.edges.len(), 3);
    let badges: Vec<String> = picture.pools[1].badges.iter().map(|badge| badge.label()).collect();
    assert_eq!(badges, ["Interface × 24", "Role assignment × 24"]);
    assert!(picture.others.is_empty());
    assert_eq!(picture.machines_in_words(), "3 control-plane machines, 49 machines in 2 pools");
    assert_eq!(FOLDED_OVER, 24);
    let svg = picture_as_svg(&graph);
    assert_eq!(svg.matches("item sign worker").count(), 25);
    assert_eq!(svg.matches("item card worker").count(), 24);
}

#[test]
fn boxes_lie_in_their_box_and_not_on_each_other() {
    fn check(placed: &Placed<'_>) {
        let inside = |inner: Area, outer: Area| {
            inner.x > outer.x
                && inner.y > outer.y
                && inner.x + inner.w < outer.x + outer.w
                && inner.y + inner.h < outer.y + outer.h
        };
        let apart = |a: Area, b: Area| a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        for (place, inner) in placed.inner.iter().enumerate() {
            assert!(inside(inner.area, placed.area), "{:?} in {:?}", inner.item, placed.item);
            for other in &placed.inner[place + 1..] {
                assert!(apart(inner.area, other.area), "{:?} and {:?}", inner.item, other.item);
            }
            check(inner);
        }
    }
    for pools in [&[][..], &[("master", 1)], &[("master", 3), ("a", 1), ("b", 24), ("c", 25), ("d", 200)]] {
        check(&place(&Picture::of(&cluster("", pools))).root);
    }
}
