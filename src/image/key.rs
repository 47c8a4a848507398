//! Keys of package archives, as their makers publish them: which key a file holds, by its fingerprint.
//!
//! Source: RFC 4880, 4.2 (packet headers), 5.5 (key packets), 6.2 (armor), 12.2 (fingerprints).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";
/// The packet of a key that is nobody's subkey.
const PRIMARY_KEY: u8 = 6;

/// The fingerprints of the keys (without their subkeys) in an armored file, in capitals.
///
/// # Errors
/// The file is not one that holds public keys: why not.
pub(super) fn fingerprints(armored: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for block in armored.split(BEGIN).skip(1) {
        let block = block.split_once(END).ok_or("a key does not end")?.0;
        // Headers stand before the first empty line (behind the rest of the first one), a checksum of the text behind all.
        let mut lines = block.lines().skip(1).map(str::trim).skip_while(|line| !line.is_empty());
        lines.next();
        let text: String = lines.filter(|line| !line.starts_with('=')).collect();
        let bytes = STANDARD.decode(text).map_err(|_| "a key is not in base64")?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (tag, body, behind) = packet(rest).ok_or("a packet has no form that is understood")?;
            if tag == PRIMARY_KEY {
                found.push(fingerprint(body).ok_or("a key is not of version 4")?);
            }
            rest = behind;
        }
    }
    if found.is_empty() { Err("there is no public key in it".to_owned()) } else { Ok(found) }
}

/// The first packet: its tag, its body, and what is behind it.
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&head, rest) = bytes.split_first()?;
    if head & 0x80 == 0 {
        return None;
    }
    let number = |bytes: &[u8]| bytes.iter().fold(0_usize, |number, byte| (number << 8) | usize::from(*byte));
    let (tag, length, rest) = if head & 0x40 == 0 {
        // Of the old form; the fourth kind of length goes on to the end, and nobody writes it.
        let width = [1, 2, 4].get(usize::from(head & 3)).copied()?;
        let (length, rest) = rest.split_at_checked(width)?;
        ((head >> 2) & 0xf, number(length), rest)
    } else {
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..192 => (usize::from(first), rest),
            192..224 => {
                let (&second, rest) = rest.split_first()?;
                (((usize::from(first) - 192) << 8) + usize::from(second) + 192, rest)
            }
            255 => {
                let (length, rest) = rest.split_at_checked(4)?;
                (number(length), rest)
            }
            224..255 => return None,
        };
        (head & 0x3f, length, rest)
    };
    let (body, behind) = rest.split_at_checked(length)?;
    Some((tag, body, behind))
}

fn fingerprint(body: &[u8]) -> Option<String> {
    if body.first() != Some(&4) {
        return None;
    }
    let length = u16::try_from(body.len()).ok()?.to_be_bytes();
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[&[0x99], &length[..], body].concat());
    Some(digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    /// A key that was made for this test, and its fingerprint as `gpg --list-keys --with-colons` told it.
    const KEY: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n\
        mDMEaws7ixYJKwYBBAHaRw8BAQdAd8EYtSwueXjY5JqtQnI30AP/At4VMFINtukr\n\
        GdZNOgy0KkFyY2hpdmUgb2YgYSB0ZXN0IDxhcmNoaXZlQGVuZ2luZS5pbnZhbGlk\n\
        PoiQBBMWCAA4FiEE+UYXPZhWDhMgQ0vrF0c76xFHbIAFAmsLO4sCGwMFCwkIBwIG\n\
        FQoJCAsCBBYCAwECHgECF4AACgkQF0c76xFHbIDMRwEArBp9/DJEc0y8d4J2GGLp\n\
        +AzYeMbKOv9crHpHXpVhZRwBAKTiGDNiT05UOdnZ9kBlV7e5pN6FntNwCMnIx1rp\n\
        CO4H\n=O8XA\n-----END PGP PUBLIC KEY BLOCK-----\n";
    const FINGERPRINT: &str = "F946173D98560E1320434BEB17473BEB11476C80";

    #[test]
    fn a_key_is_known_by_its_fingerprint() {
        assert_eq!(fingerprints(KEY).unwrap(), [FINGERPRINT]);
        let commented = KEY.replacen("\n\n", "\nVersion: GnuPG v2\nComment: x\n\n", 1);
        assert_eq!(fingerprints(&commented).unwrap(), [FINGERPRINT]);
        // Another key behind it does not stay unseen.
        assert_eq!(fingerprints(&KEY.repeat(2)).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for wrong in ["", "<html>not found</html>", &KEY.replace("mDME", "!!!!"), &KEY.replace("mDME", "AAAA")] {
            assert!(fingerprints(wrong).is_err(), "{wrong}");
        }
        let (cut, _) = KEY.split_once("=O8XA").unwrap();
        assert!(fingerprints(cut).is_err());
        let short = KEY.replace("CO4H\n", "");
        assert!(fingerprints(&short).is_err(), "the last packet is not whole");
    }
}
