//! The picture of a cluster, as SVG and as one HTML page that needs nothing else.
//!
//! - `model`: what is drawn, read from the graph: the resource group with its load balancers, its networks, their
//!   subnets and the pools of machines in them. Everything else is attached to what it belongs to, or stands beside.
//! - `layout`: where each box goes. The hierarchy is known, so boxes are packed into boxes; no general layout is needed,
//!   and the same graph gives the same picture everywhere.
//! - [`picture_as_svg`], [`picture_as_page`]: the two forms.
//!
//! Deliberately absent: forms for other tools (DOT, Mermaid, JSON: `graph`), and every value of a resource that is not
//! drawn, so that no secret can get into a picture.

mod items;
mod layout;
mod model;
mod page;
mod pool;
mod read;
mod svg;
mod text;
#[cfg(test)]
mod trials;

pub use page::picture_as_page;
pub use svg::picture_as_svg;
