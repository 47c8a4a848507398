//! A minimal ISO 9660 image: a root folder with a few small files, which Linux and Windows read.
//!
//! Source: ECMA-119, 4th edition (June 2019), from memory: 8.4 (primary volume descriptor), 9.1 (directory record), 9.4
//! (path table); xorriso and Linux read what is made. Names hold a dash besides the letters of the standard; what reads such
//! images does not mind, and Linux shows names in lower case.
//! Deliberately absent: folders below the root, extensions for long names, booting.

/// The size of a sector.
const SECTOR: usize = 2048;

/// Where the first file begins: 16 sectors that are not the standard's, two descriptors, two path tables, the root folder.
const FIRST_FILE: usize = 21;

/// A file of the image: its name, at most 30 characters in upper case, and its content.
pub type File<'a> = (&'a str, &'a [u8]);

/// The image. `label` is the volume's name, at most 32 characters in upper case.
pub fn image(label: &str, files: &[File<'_>]) -> Vec<u8> {
    let mut sectors = vec![0_u8; FIRST_FILE * SECTOR];
    let mut root = [record(&[0], 20, SECTOR, true), record(&[1], 20, SECTOR, true)].concat();
    let mut sorted: Vec<&File<'_>> = files.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    for (name, content) in sorted {
        let start = sectors.len() / SECTOR;
        root.extend(record(format!("{};1", name.to_ascii_uppercase()).as_bytes(), start, content.len(), false));
        sectors.extend_from_slice(content);
        sectors.resize(sectors.len().next_multiple_of(SECTOR), 0);
    }
    let total = sectors.len() / SECTOR;
    put(&mut sectors, 16 * SECTOR, &primary_descriptor(label, total));
    put(&mut sectors, 17 * SECTOR, b"\xffCD001\x01");
    put(&mut sectors, 18 * SECTOR, &path_table(&20_u32.to_le_bytes(), &1_u16.to_le_bytes()));
    put(&mut sectors, 19 * SECTOR, &path_table(&20_u32.to_be_bytes(), &1_u16.to_be_bytes()));
    put(&mut sectors, 20 * SECTOR, &root);
    sectors
}

fn put(sectors: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = sectors.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// A number in both orders of bytes.
fn both_u32(value: usize) -> [u8; 8] {
    // Images are a few hundred kilobytes.
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&value.to_le_bytes());
    bytes[4..].copy_from_slice(&value.to_be_bytes());
    bytes
}

fn both_u16(value: u16) -> [u8; 4] {
    let (little, big) = (value.to_le_bytes(), value.to_be_bytes());
    [little[0], little[1], big[0], big[1]]
}

/// 2000-01-01 00:00:00 UTC, for all: the same content gives the same image.
const MOMENT: [u8; 7] = [100, 1, 1, 0, 0, 0, 0];

/// A directory record (9.1).
fn record(identifier: &[u8], start: usize, length: usize, is_folder: bool) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    bytes.extend(both_u32(start));
    bytes.extend(both_u32(length));
    bytes.extend(MOMENT);
    bytes.extend([if is_folder { 2 } else { 0 }, 0, 0]);
    bytes.extend(both_u16(1));
    bytes.push(u8::try_from(identifier.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(identifier);
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes[0] = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    bytes
}

/// The path table's only entry, the root (9.4).
fn path_table(start: &[u8; 4], parent: &[u8; 2]) -> Vec<u8> {
    [&[1, 0][..], start, parent, &[0, 0]].concat()
}

/// The primary volume descriptor (8.4).
fn primary_descriptor(label: &str, total: usize) -> Vec<u8> {
    let mut bytes = vec![b' '; 883];
    bytes[..8].copy_from_slice(b"\x01CD001\x01\0");
    for (place, byte) in bytes[40..72].iter_mut().zip(label.bytes()) {
        *place = byte.to_ascii_uppercase();
    }
    bytes[72..80].fill(0);
    bytes[80..88].copy_from_slice(&both_u32(total));
    bytes[88..120].fill(0);
    bytes[120..124].copy_from_slice(&both_u16(1));
    bytes[124..128].copy_from_slice(&both_u16(1));
    bytes[128..132].copy_from_slice(&[0, 8, 8, 0]);
    bytes[132..140].copy_from_slice(&both_u32(10));
    bytes[140..144].copy_from_slice(&18_u32.to_le_bytes());
    bytes[144..148].fill(0);
    bytes[148..152].copy_from_slice(&19_u32.to_be_bytes());
    bytes[152..156].fill(0);
    bytes[156..190].copy_from_slice(&record(&[0], 20, SECTOR, true));
    // Four moments that are not given (8.4.26.1), then the version of the structure.
    for moment in bytes[813..881].chunks_mut(17) {
        moment[..16].fill(b'0');
        moment[16] = 0;
    }
    bytes[881..883].copy_from_slice(&[1, 0]);
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail by a panic, and says what it left out")]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn another_program_reads_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.iso");
        let long = vec![b'x'; 5000];
        let bytes = image("cidata", &[("user-data", b"#cloud-config\n"), ("ovf-env.xml", &long), ("empty", b"")]);
        assert_eq!(bytes.len() % SECTOR, 0);
        std::fs::write(&path, &bytes).unwrap();
        let Ok(output) = Command::new("xorriso")
            .args(["-osirrox", "on", "-indev"])
            .arg(&path)
            .args(["-extract", "/"])
            .arg(folder.path().join("out"))
            .output()
        else {
            eprintln!("not read by another program: there is no xorriso here");
            return;
        };
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        assert!(told.contains("'CIDATA'"), "{told}");
        let read = |name: &str| std::fs::read(folder.path().join("out").join(name)).unwrap();
        assert_eq!(read("USER-DATA"), b"#cloud-config\n");
        assert_eq!(read("OVF-ENV.XML"), long);
        assert_eq!(read("EMPTY"), b"");
    }
}
