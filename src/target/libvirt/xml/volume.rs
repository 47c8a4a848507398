//! Volumes of a storage pool.

use super::{Element, element};

fn volume(name: &str, capacity: u64, format: &str) -> Element {
    let target = element("target")
        .with(element("format").set("type", format))
        .with(element("permissions").with(element("mode").text("0600")));
    element("volume")
        .with(element("name").text(name))
        .with(element("capacity").set("unit", "bytes").text(capacity))
        .with(target)
}

/// A disk that holds what was written over a base volume, of which nothing changes.
pub fn overlay_volume(name: &str, capacity: u64, base: &str, base_format: &str) -> Element {
    let backing =
        element("backingStore").with(element("path").text(base)).with(element("format").set("type", base_format));
    volume(name, capacity, "qcow2").with(backing)
}

/// An empty disk.
pub fn disk_volume(name: &str, capacity: u64) -> Element {
    volume(name, capacity, "qcow2")
}

/// A disk whose whole content comes from a file in this format.
pub fn image_volume(name: &str, capacity: u64, format: &str) -> Element {
    volume(name, capacity, format)
}

/// A volume for this many bytes that are written into it.
pub fn content_volume(name: &str, length: usize) -> Element {
    volume(name, u64::try_from(length).unwrap_or(u64::MAX), "raw")
}

#[cfg(test)]
mod tests {
    use super::super::trials::validate;
    use super::*;

    #[test]
    fn volumes_are_for_the_host_alone() {
        let overlay = overlay_volume("engine-rg-vm.os", 1 << 34, "/pool/base", "raw").render();
        assert_eq!(
            overlay,
            "<volume>\n  <name>engine-rg-vm.os</name>\n  <capacity unit='bytes'>17179869184</capacity>\n  <target>\n    \
             <format type='qcow2'/>\n    <permissions>\n      <mode>0600</mode>\n    </permissions>\n  </target>\n  \
             <backingStore>\n    <path>/pool/base</path>\n    <format type='raw'/>\n  </backingStore>\n</volume>\n"
        );
        for text in [overlay, disk_volume("a", 1).render(), content_volume("b", 7).render()] {
            assert!(text.contains("<mode>0600</mode>"));
            validate("storagevol", &text);
        }
    }
}
