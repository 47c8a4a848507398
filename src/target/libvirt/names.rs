//! Names, UUIDs and hardware addresses that follow from ARM ids, the same in every process.

use uuid::Uuid;

/// The namespace of all UUIDs that are derived here: the version 5 UUID of `engine:libvirt` in the namespace of URLs.
fn namespace() -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, b"engine:libvirt")
}

/// The UUID that belongs to a text. Letter case does not count, as in ARM ids.
pub fn uuid_of(text: &str) -> Uuid {
    Uuid::new_v5(&namespace(), text.to_ascii_lowercase().as_bytes())
}

/// The first characters of the hexadecimal digest of a text, without regard to letter case.
pub fn short_digest(text: &str, length: usize) -> String {
    crate::base::short_digest([text.to_ascii_lowercase().as_bytes()], length)
}

/// The hardware address of an interface: locally administered, and the rest from the id's digest. All five bytes: of a
/// thousand interfaces two would share three of them once in thirty times.
pub fn mac_of(id: &str) -> String {
    let digest = short_digest(id, 10);
    let pairs: Vec<&str> = digest.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok()).collect();
    format!("52:{}", pairs.join(":"))
}

/// A bridge's name: the kernel takes 15 characters.
pub fn bridge_of(id: &str) -> String {
    format!("eng{}", short_digest(id, 10))
}

/// What the names of all objects of a resource group begin with. A dash in the group's name is doubled, so that `a` and
/// `a-b` never share a name: no other name begins with a dash. A group's name with other characters than letters, digits,
/// dashes, dots and underscores is followed by its digest: what is of `r(g)` does not go with `r_g_`.
pub fn group_prefix(group: &str) -> String {
    let mut own = plain(group);
    if own != group.to_ascii_lowercase() {
        own = format!("{own}.{}", short_digest(group, 12));
    }
    format!("engine-{}-", own.replace('-', "--"))
}

/// The longest name that is given: a file system takes 255 bytes, libvirt adds some, and the longest group fits.
const LONGEST: usize = 230;

/// The name of an object: `engine-<group>-<name>`, in lower case. A name with other characters than letters, digits,
/// dashes, dots and underscores, and one that is too long, ends with a digest of what it was.
pub fn object(group: &str, name: &str) -> String {
    let mut own = plain(name);
    let whole = format!("{group}/{name}");
    if own != name.to_ascii_lowercase() {
        own = format!("{own}-{}", short_digest(&whole, 8));
    }
    let mut object = format!("{}{own}", group_prefix(group));
    if object.len() > LONGEST {
        object.truncate(LONGEST - 9);
        object = format!("{object}-{}", short_digest(&whole, 8));
    }
    object
}

/// Whether an object's name is one of this group.
pub fn is_of_group(object: &str, group: &str) -> bool {
    object
        .strip_prefix(&group_prefix(group))
        .and_then(|rest| rest.bytes().next())
        .is_some_and(|first| first.is_ascii_alphanumeric())
}

/// In lower case, with an underscore for every character that is special somewhere. The first is a letter or digit.
fn plain(name: &str) -> String {
    let replaced: String = name
        .chars()
        .map(|letter| match letter.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9' | '-' | '.' | '_') => letter,
            _ => '_',
        })
        .collect();
    if replaced.starts_with(|first: char| first.is_ascii_alphanumeric()) { replaced } else { format!("0{replaced}") }
}

/// A hardware address as a gateway's configuration has it.
pub fn digits(mac: &str) -> String {
    mac.replace(':', "").to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_never_share_a_name() {
        assert_eq!(object("rg", "k8s-master-1-0"), "engine-rg-k8s-master-1-0");
        assert_eq!(object("a", "b-c"), "engine-a-b-c");
        assert_eq!(object("a-b", "c"), "engine-a--b-c");
        assert!(is_of_group("engine-a-b-c", "a") && !is_of_group("engine-a--b-c", "a"));
        assert!(is_of_group("engine-a--b-c", "A-B") && !is_of_group("engine-a-b-c", "a-b"));
    }

    #[test]
    fn whatever_is_asked_for_is_a_safe_name() {
        assert_eq!(object("RG", "VM"), "engine-rg-vm");
        let odd = object("r(g)", "../ä");
        assert!(odd.starts_with("engine-r_g_.") && odd.contains("-0.."), "{odd}");
        assert!(!odd.contains('/'));
        assert_ne!(object("rg", "a b"), object("rg", "a_b"));
        assert!(!is_of_group(&object("r(g)", "vm"), "r_g_") && !is_of_group(&object("r_g_", "vm"), "r(g)"));
        assert!(!is_of_group(&object("r(g)", "vm"), "r[g]") && is_of_group(&object("R(g)", "vm"), "r(G)"));
        let long = object(&"g-".repeat(45), &"n".repeat(160));
        assert_eq!(long.len(), LONGEST);
        assert_ne!(long, object(&"g-".repeat(45), &"n".repeat(161)));
    }

    #[test]
    fn identities_follow_from_the_id() {
        assert_eq!(uuid_of("/A/b"), uuid_of("/a/B"));
        assert_ne!(uuid_of("/a/b"), uuid_of("/a/c"));
        let mac = mac_of("/subscriptions/s/nic");
        assert_eq!((mac.len(), &mac[..3]), (17, "52:"));
        assert_ne!(mac, mac_of("/subscriptions/s/nic2"));
        assert_eq!(bridge_of("/x").len(), 13);
    }
}
