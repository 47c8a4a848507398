//! Where each box goes: balancers and what belongs to nothing on the left, networks on the right, pools below each other,
//! their machines in rows. All numbers are whole units, so that the picture is the same on every machine.

use super::items::Item;
use super::model::{Balancer, Edge, Network, Picture, Subnet};
use super::pool::Pool;
use super::text::{shortened, width};

/// The space between a frame and what is in it, and between boxes.
const INSET: i32 = 16;
const GAP: i32 = 8;
/// The height of a frame's title, and of a title with a second line.
const TITLE: i32 = 34;
const TWO_LINES: i32 = 50;
/// A machine's card, and how many stand in a row.
const CARD: (i32, i32) = (206, 40);
const CARDS_IN_ROW: usize = 4;
/// More machines than these are folded into a grid of signs.
pub(super) const FOLDED_OVER: usize = 24;
/// The distance between signs in the grid, and the most signs in a row: a round number, so that they can be counted.
const CELL: i32 = 20;
const CELLS_IN_ROW: usize = 40;
/// The width and height of a sign.
const SIGN: i32 = 14;
/// The height of a badge.
const BADGE: i32 = 24;
/// The least width of a pool's inside, so that its summary has room.
const LEAST_POOL: i32 = 500;
/// The width of the column on the left.
const LEFT: i32 = 256;
/// The room for edges beside a pool in a subnet, and the distance between edges that run side by side.
const LANE: i32 = 12;
/// The room for an arrow's head.
const HEAD: i32 = 22;
/// How many lines a balancer's card shows.
const LINES: usize = 5;

/// A rectangle in units of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Area {
    pub x: i32,
    pub y: i32,
    pub w: i32,
    pub h: i32,
}

/// How an item is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A box with a title and boxes in it.
    Frame,
    /// A frame of something that the engine does not make.
    GivenFrame,
    /// A small box with a sign and text.
    Card,
    /// A sign and a name on one line.
    Badge,
    /// Only the sign.
    Sign,
}

/// A line of text; `class` is its style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub x: i32,
    pub y: i32,
    pub class: &'static str,
    pub text: String,
}

/// An item in its place, with those in it.
#[derive(Debug, Clone)]
pub(super) struct Placed<'a> {
    pub item: &'a Item,
    pub form: Form,
    pub area: Area,
    pub lines: Vec<Line>,
    pub inner: Vec<Placed<'a>>,
}

/// An edge as corners that are joined by straight lines; the last has the arrow's head.
pub(super) type Wire = Vec<(i32, i32)>;

/// The whole picture in its place.
#[derive(Debug, Clone)]
pub(super) struct Drawing<'a> {
    pub width: i32,
    pub height: i32,
    pub root: Placed<'a>,
    pub wires: Vec<(Edge, Wire)>,
}

/// Places a picture.
pub(super) fn place(picture: &Picture) -> Drawing<'_> {
    let mut packer = Packer {
        picture,
        pool_width: pool_width(picture),
        pools: vec![Area::default(); picture.pools.len()],
        balancers: vec![Area::default(); picture.balancers.len()],
    };
    packer.drawing()
}

/// The width of every pool: that of the widest.
fn pool_width(picture: &Picture) -> i32 {
    let widest = picture.pools.iter().map(|pool| match pool.machines.len() {
        count if count > FOLDED_OVER => whole(count.min(CELLS_IN_ROW)) * CELL,
        count => whole(count.min(CARDS_IN_ROW)) * (CARD.0 + GAP) - GAP,
    });
    widest.fold(LEAST_POOL, i32::max) + 2 * INSET
}

fn whole(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

struct Packer<'a> {
    picture: &'a Picture,
    pool_width: i32,
    pools: Vec<Area>,
    balancers: Vec<Area>,
}

impl<'a> Packer<'a> {
    fn drawing(&mut self) -> Drawing<'a> {
        let picture = self.picture;
        let (left, top) = (2 * INSET, INSET + TWO_LINES + GAP);
        let outside: Vec<usize> =
            (0..picture.balancers.len()).filter(|at| picture.balancers[*at].inside.is_none()).collect();
        let mut inner = Vec::new();
        let mut y = top;
        for at in &outside {
            let card = balancer(&picture.balancers[*at], left, y, LEFT);
            y += card.area.h + INSET;
            self.balancers[*at] = card.area;
            inner.push(card);
        }
        for item in &picture.others {
            let card = other(item, left, y);
            y += card.area.h + GAP;
            inner.push(card);
        }
        let left_end = if inner.is_empty() { top } else { y };
        let gutter = if outside.is_empty() { INSET } else { 2 * INSET + LANE * whole(outside.len()) };
        let right = if inner.is_empty() { left } else { left + LEFT + gutter };
        let mut y = top;
        for (place, network) in picture.networks.iter().enumerate() {
            let frame = self.network(place, network, right, y);
            y += frame.area.h + INSET;
            inner.push(frame);
        }
        for at in &picture.elsewhere {
            let frame = self.pool(*at, right, y);
            y += frame.area.h + GAP;
            inner.push(frame);
        }
        let room = self.pool_width + 4 * INSET + self.lanes_inside();
        let area = Area { x: INSET, y: INSET, w: right + room, h: y.max(left_end) - INSET };
        let item = &picture.group;
        let location = item.details.first().map_or(String::new(), |(_, location)| format!("{location} · "));
        let lines = vec![
            title(area, item, &item.name),
            Line {
                x: area.x + INSET,
                y: area.y + 42,
                class: "note",
                text: format!("{location}{}", picture.machines_in_words()),
            },
        ];
        let root = Placed { item, form: Form::Frame, area, lines, inner };
        let wires = self.wires(&outside, right);
        Drawing { width: area.w + 2 * INSET, height: area.h + 2 * INSET, root, wires }
    }

    /// The room beside the pools for the edges of balancers in a subnet.
    fn lanes_inside(&self) -> i32 {
        match whole(self.picture.balancers.iter().filter(|balancer| balancer.inside.is_some()).count()) {
            0 => 0,
            count => HEAD + LANE * (count - 1),
        }
    }

    fn network(&mut self, place: usize, network: &'a Network, x: i32, y: i32) -> Placed<'a> {
        let mut inner = Vec::new();
        let mut below = y + TITLE + GAP / 2;
        for (subnet_place, subnet) in network.subnets.iter().enumerate() {
            let frame = self.subnet((place, subnet_place), subnet, x + INSET, below);
            below += frame.area.h + GAP;
            inner.push(frame);
        }
        let w = self.pool_width + 4 * INSET + self.lanes_inside();
        let area = Area { x, y, w, h: below + INSET - GAP - y };
        let mut lines = vec![title(area, &network.item, &network.item.name)];
        if let Some((_, ranges)) = network.item.details.iter().find(|(label, _)| *label == "Ranges") {
            lines.push(aside(area, ranges));
        }
        let form = if network.given { Form::GivenFrame } else { Form::Frame };
        Placed { item: &network.item, form, area, lines, inner }
    }

    fn subnet(&mut self, place: (usize, usize), subnet: &'a Subnet, x: i32, y: i32) -> Placed<'a> {
        let lanes = self.lanes_inside();
        let (left, w) = (x + INSET + lanes, self.pool_width + 2 * INSET + lanes);
        let (mut inner, mut below) = badges(&subnet.badges, x + INSET, y + TITLE, w - 2 * INSET);
        for (at, internal) in self.picture.balancers.iter().enumerate() {
            if internal.inside == Some(place) {
                let card = balancer(internal, left, below, self.pool_width);
                below += card.area.h + GAP;
                self.balancers[at] = card.area;
                inner.push(card);
            }
        }
        for at in &subnet.pools {
            let frame = self.pool(*at, left, below);
            below += frame.area.h + GAP;
            inner.push(frame);
        }
        let area = Area { x, y, w, h: below + INSET - GAP - y };
        let mut lines = vec![title(area, &subnet.item, &subnet.item.name)];
        if !subnet.range.is_empty() {
            lines.push(aside(area, &subnet.range));
        }
        Placed { item: &subnet.item, form: Form::Frame, area, lines, inner }
    }

    fn pool(&mut self, at: usize, x: i32, y: i32) -> Placed<'a> {
        let pool: &'a Pool = &self.picture.pools[at];
        let w = self.pool_width;
        let (left, room) = (x + INSET, w - 2 * INSET);
        let (mut inner, mut below) = badges(&pool.badges, left, y + TWO_LINES + GAP / 2, room);
        let folded = pool.machines.len() > FOLDED_OVER;
        let mut range = None;
        if let (true, Some(first), Some(last)) = (folded, pool.machines.first(), pool.machines.last()) {
            let text = shortened(&format!("{} … {}", first.name, last.name), room);
            range = Some(Line { x: left, y: below + 11, class: "name", text });
            below += 20;
        }
        let (columns, step, size) = if folded {
            ((room / CELL).min(whole(CELLS_IN_ROW)), (CELL, CELL), (SIGN, SIGN))
        } else {
            ((room + GAP) / (CARD.0 + GAP), (CARD.0 + GAP, CARD.1 + GAP), CARD)
        };
        let columns = columns.max(1);
        for (number, machine) in (0..).zip(&pool.machines) {
            let (column, row): (i32, i32) = (number % columns, number / columns);
            let area = Area { x: left + column * step.0, y: below + row * step.1, w: size.0, h: size.1 };
            inner.push(if folded { sign(machine, area) } else { self::machine(machine, area) });
        }
        let rows = (whole(pool.machines.len()) + columns - 1) / columns;
        let spare = if folded { CELL - SIGN } else { GAP };
        let area = Area { x, y, w, h: below + (rows * step.1 - spare).max(0) + INSET - y };
        self.pools[at] = area;
        let mut lines = vec![
            title(area, &pool.item, &pool.item.name),
            Line { x: left, y: y + 42, class: "note", text: pool.summary.clone() },
        ];
        lines.extend(range);
        Placed { item: &pool.item, form: Form::Frame, area, lines, inner }
    }

    /// The edges. A balancer's edges share a trunk; trunks stand side by side, the first balancer's nearest to the
    /// pools, so that those of balancers in order do not cross.
    fn wires(&self, outside: &[usize], right: i32) -> Vec<(Edge, Wire)> {
        let mut wires = Vec::new();
        let inside: Vec<usize> =
            (0..self.balancers.len()).filter(|at| self.picture.balancers[*at].inside.is_some()).collect();
        for edge in &self.picture.edges {
            let (from, to) = (self.balancers[edge.balancer], self.pools[edge.pool]);
            let entry = to.y + 24;
            if let Some(order) = outside.iter().position(|at| *at == edge.balancer) {
                let trunk = right - INSET - LANE * whole(order);
                // Balancers of one pool come in below each other.
                let entry = entry - 8 + 10 * whole(order.min(2));
                let start = from.y + 24;
                wires.push((*edge, vec![(from.x + from.w, start), (trunk, start), (trunk, entry), (to.x, entry)]));
            } else if let Some(order) = inside.iter().position(|at| *at == edge.balancer) {
                let trunk = to.x - HEAD - LANE * whole(order);
                let (start, entry) = (from.y + 20, entry + 14);
                wires.push((*edge, vec![(from.x, start), (trunk, start), (trunk, entry), (to.x, entry)]));
            }
        }
        wires
    }
}

/// A frame's title: beside the sign, what it is and its name.
fn title(area: Area, item: &Item, name: &str) -> Line {
    let name = shortened(name, area.w - 180 - width(&item.what));
    let text = if name.is_empty() { item.what.clone() } else { format!("{} {name}", item.what) };
    Line { x: area.x + INSET + 22, y: area.y + 23, class: "title", text }
}

/// A text at the right end of a frame's title.
fn aside(area: Area, text: &str) -> Line {
    Line { x: area.x + area.w - INSET, y: area.y + 22, class: "aside", text: shortened(text, area.w / 2) }
}

/// Badges in rows, and where what comes below them begins.
fn badges(items: &[Item], left: i32, top: i32, room: i32) -> (Vec<Placed<'_>>, i32) {
    let (mut placed, mut x, mut y) = (Vec::new(), left, top);
    for item in items {
        let text = shortened(&item.label(), room - 36);
        let w = (width(&text) + 36).min(room);
        if x > left && x + w > left + room {
            (x, y) = (left, y + BADGE + GAP / 2);
        }
        let lines = vec![Line { x: x + 26, y: y + 16, class: "name", text }];
        placed.push(Placed { item, form: Form::Badge, area: Area { x, y, w, h: BADGE }, lines, inner: Vec::new() });
        x += w + GAP;
    }
    (placed, if items.is_empty() { top } else { y + BADGE + GAP + 2 })
}

fn machine(item: &Item, area: Area) -> Placed<'_> {
    let details: Vec<String> = item
        .details
        .iter()
        .map(|(label, text)| if *label == "Zone" { format!("zone {text}") } else { text.clone() })
        .collect();
    let middle = if details.is_empty() { 24 } else { 17 };
    let mut lines =
        vec![Line { x: area.x + 30, y: area.y + middle, class: "name", text: shortened(&item.name, area.w - 36) }];
    if !details.is_empty() {
        let text = shortened(&details.join(" · "), area.w - 36);
        lines.push(Line { x: area.x + 30, y: area.y + 31, class: "note", text });
    }
    Placed { item, form: Form::Card, area, lines, inner: Vec::new() }
}

fn sign(item: &Item, area: Area) -> Placed<'_> {
    Placed { item, form: Form::Sign, area, lines: Vec::new(), inner: Vec::new() }
}

fn other(item: &Item, x: i32, y: i32) -> Placed<'_> {
    let area = Area { x, y, w: LEFT, h: 44 };
    let lines = vec![
        Line { x: x + 34, y: y + 19, class: "label", text: item.what.clone() },
        Line { x: x + 34, y: y + 34, class: "name", text: shortened(&item.name, LEFT - 44) },
    ];
    Placed { item, form: Form::Card, area, lines, inner: Vec::new() }
}

fn balancer(balancer: &Balancer, x: i32, y: i32, w: i32) -> Placed<'_> {
    let item = &balancer.item;
    let mut lines = vec![
        Line { x: x + 38, y: y + 22, class: "title", text: item.what.clone() },
        Line { x: x + INSET, y: y + 42, class: "name", text: shortened(&item.name, w - 2 * INSET) },
    ];
    let mut below = y + 60;
    let shown = if balancer.lines.len() > LINES { LINES - 1 } else { balancer.lines.len() };
    let mut told: Vec<String> = balancer.lines[..shown].to_vec();
    if shown < balancer.lines.len() {
        told.push(format!("and {} more", balancer.lines.len() - shown));
    }
    for text in told {
        lines.push(Line { x: x + INSET, y: below, class: "note", text: shortened(&text, w - 2 * INSET) });
        below += 17;
    }
    let mut inner = Vec::new();
    for address in &balancer.addresses {
        let area = Area { x: x + INSET, y: below - 6, w: w - 2 * INSET, h: CARD.1 };
        let label = address.details.iter().find(|(label, _)| *label == "DNS label");
        let note = label.map_or("public address".to_owned(), |(_, label)| format!("public address · {label}"));
        // Where both do not fit, the pin says that it is an address.
        let note = match label {
            Some((_, label)) if width(&note) > area.w - 36 => label.clone(),
            _ => note,
        };
        let lines = vec![
            Line { x: area.x + 30, y: area.y + 17, class: "name", text: shortened(&address.name, area.w - 36) },
            Line { x: area.x + 30, y: area.y + 31, class: "note", text: shortened(&note, area.w - 36) },
        ];
        inner.push(Placed { item: address, form: Form::Card, area, lines, inner: Vec::new() });
        below += CARD.1 + GAP;
    }
    let h = if inner.is_empty() { below - 2 - y } else { below - 6 - GAP + INSET - y };
    Placed { item, form: Form::Frame, area: Area { x, y, w, h }, lines, inner }
}
