//! Identifiers that are the same whenever an image of the same name is built.

use uuid::Uuid;

/// The space in which images' identifiers are names: version 5 of `engine.images` in the space of domain names.
fn space() -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"engine.images")
}

/// The identifier of a part (`disk`, `rootfs`) of an image.
pub(super) fn uuid_of(image: &str, part: &str) -> Uuid {
    Uuid::new_v5(&space(), format!("{image}/{part}").as_bytes())
}

/// The serial number of a FAT file system: the first digits of an identifier.
pub(super) fn fat_serial(image: &str) -> String {
    let text = uuid_of(image, "esp").simple().to_string();
    text.get(..8).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_those_of_the_name_and_differ_by_part() {
        assert_eq!(uuid_of("a", "disk"), uuid_of("a", "disk"));
        assert_ne!(uuid_of("a", "disk"), uuid_of("a", "rootfs"));
        assert_ne!(uuid_of("a", "disk"), uuid_of("b", "disk"));
        assert_eq!(fat_serial("a").len(), 8);
    }
}
