//! libvirt's descriptions of networks, filters, domains and volumes, from plain values: pure functions, the same bytes for
//! the same values. And the other way: what libvirt describes, as elements.
//!
//! Source: libvirt.org, "XML Format" (formatnetwork, formatnwfilter, formatdomain, formatstorage), from memory;
//! tests validate against the schemas that libvirt 11.3 brings along.

mod domain;
mod element;
mod filter;
mod network;
mod read;
#[cfg(test)]
pub(super) mod trials;
mod volume;

pub use domain::{
    AZURE_ASSET_TAG, Boot, DiskFormat, DiskPlan, DomainPlan, InterfacePlan, InterfaceSource, detached_disk, domain,
};
pub use element::{Element, element};
pub use filter::{AddressGivers, Direction, FilterPlan, FilterRule, MOST_RULES, PortRange, RuleProtocol, filter};
#[cfg(all(test, feature = "libvirt"))]
pub(super) use network::tests::plan as example_network;
pub use network::{
    Forward, METADATA_ADDRESS, NetworkPlan, Reservation, SubnetPlan, WIRE_SERVER_ADDRESS, name_record, network,
    removed_name, removed_reservation, reservation,
};
pub use read::{Read, read};
pub use volume::{content_volume, disk_volume, image_volume, overlay_volume};

/// Tells whose object it is: the ARM id, in the metadata.
fn owner(id: &str) -> Element {
    element("metadata")
        .with(element("engine:resource").set("xmlns:engine", "urn:engine:libvirt:1").set("id", id.to_ascii_lowercase()))
}

/// Whether an object's description says that it belongs to this ARM id, or with a slash at the end to anything below it.
/// libvirt puts its own attributes in apostrophes, and those in metadata in quotation marks.
pub fn belongs_to(xml: &str, id: &str) -> bool {
    let id = id.to_ascii_lowercase().replace('&', "&amp;");
    let is_whole = !id.ends_with('/');
    [('\'', "&apos;"), ('"', "&quot;")].into_iter().any(|(mark, escaped)| {
        let id = id.replace(mark, escaped);
        let start = format!("<engine:resource xmlns:engine={mark}urn:engine:libvirt:1{mark} id={mark}{id}");
        xml.split_once(&start).is_some_and(|(_, rest)| !is_whole || rest.starts_with(mark))
    })
}

/// Whether a description is of an object of any resource, in this place or another.
pub fn is_of_a_resource(xml: &str) -> bool {
    xml.contains("<engine:resource xmlns:engine=")
}
