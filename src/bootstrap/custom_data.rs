//! customData: files and commands as a cloud-init document, packed and measured.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use serde::Serialize;

use super::{BootstrapError, templates};
use crate::base::Secret;

/// The most base64 characters that Azure takes as customData (64 KiB of bytes).
///
/// Source: Azure/aks-engine#1663, #4460; Azure/aks-engine-azurestack#211.
pub const LIMIT: usize = 87_380;

/// The most bytes that the cloud may put behind customData: a service principal's secret has about 40. Encoded twice in
/// base64 they are [`APPENDED_ROOM`] characters.
pub const LONGEST_APPENDED: usize = 288;
const APPENDED_ROOM: usize = 512;

/// The file with a service principal's secret.
pub(super) const PRINCIPAL_SECRET: &str = "/etc/engine/principal-secret";

/// Shorter bodies stay readable, because packing them gains little.
const PACKED_FROM: usize = 1024;

/// What a machine is given when it is made. It holds keys, so nothing of it prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomData {
    /// The document: cloud-init's (`#cloud-config`), or a script of PowerShell.
    pub cloud_config: Secret,
    /// The same as the cloud wants it: base64.
    pub base64: Secret,
    /// The length of `base64` with what the cloud puts behind it, at most [`LIMIT`].
    pub base64_length: usize,
    /// The files in the document with their share of `base64_length`, biggest first.
    pub parts: Vec<(String, usize)>,
}

/// A file that cloud-init writes.
#[derive(Debug)]
pub(super) struct MachineFile {
    pub path: String,
    /// The mode in octal, such as `0600`.
    pub mode: &'static str,
    pub content: Secret,
}

impl MachineFile {
    pub(super) fn new(path: impl Into<String>, mode: &'static str, content: impl Into<String>) -> Self {
        Self { path: path.into(), mode, content: Secret::new(content) }
    }
}

/// A file as the template of the document wants it.
#[derive(Serialize)]
struct Entry<'a> {
    path: &'a str,
    mode: &'a str,
    packed: bool,
    content: String,
}

#[derive(Serialize)]
struct Document<'a> {
    files: Vec<Entry<'a>>,
    /// The path of a last file, whose content follows; empty: there is none.
    appended: &'a str,
}

/// Makes the customData of the machines of one cluster. Most files of two pools are the same, and compressing them takes
/// longer than all the rest, so each is compressed once.
pub struct Packer {
    compress: Compress,
    /// By the digest of the content, the content compressed and in base64.
    packed: HashMap<String, String>,
}

impl Default for Packer {
    fn default() -> Self {
        Self { compress: Compress::new(Compression::best(), false), packed: HashMap::new() }
    }
}

impl Packer {
    /// Packs files into a document, and the document into customData. The same files give the same bytes. `appended` is a
    /// file that has no content yet: its base64, in base64 again, is what may be put behind customData.
    pub(super) fn pack(&mut self, files: &[MachineFile], appended: Option<&str>) -> Result<CustomData, BootstrapError> {
        let entries: Vec<Entry> = files.iter().map(|file| self.entry(file)).collect();
        let parts = shares(entries.iter().map(|entry| (entry.path, entry.content.as_str())));
        let document = Document { files: entries, appended: appended.unwrap_or_default() };
        let mut text = templates::assemble("cloud-init/machine.yaml", &document)?;
        if appended.is_some() {
            // Whatever follows is a text of one line: any indentation of four or more does.
            text.push_str("    ");
        }
        measure(text, parts, appended.is_some())
    }

    fn entry<'a>(&mut self, file: &'a MachineFile) -> Entry<'a> {
        let text = file.content.expose();
        let packed = text.len() >= PACKED_FROM;
        let content = if packed { self.packed(&file.content) } else { text.to_owned() };
        Entry { path: &file.path, mode: file.mode, packed, content }
    }

    fn packed(&mut self, content: &Secret) -> String {
        let Self { compress, packed } = self;
        let compressed = || STANDARD.encode(gzip(compress, content.expose().as_bytes()));
        packed.entry(content.digest()).or_insert_with(compressed).clone()
    }
}

/// A document as customData, unless it is too long. `parts` are its parts with their share, biggest first. Where something
/// is `appended`, the document ends in spaces, of which there may be more.
pub(super) fn measure(
    mut document: String,
    parts: Vec<(String, usize)>,
    appended: bool,
) -> Result<CustomData, BootstrapError> {
    let mut room = 0;
    if appended {
        // Only then the base64 of the document and that of what follows are the base64 of both.
        document.push_str(&" ".repeat(document.len().next_multiple_of(3) - document.len()));
        room = APPENDED_ROOM;
    }
    let base64 = STANDARD.encode(&document);
    let base64_length = base64.len() + room;
    if base64_length > LIMIT {
        return Err(BootstrapError::TooLarge { length: base64_length, parts });
    }
    Ok(CustomData { cloud_config: Secret::new(document), base64: Secret::new(base64), base64_length, parts })
}

/// The share of each text in the base64 characters, biggest first.
pub(super) fn shares<'a>(texts: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, usize)> {
    let mut parts: Vec<(String, usize)> =
        texts.map(|(name, text)| (name.to_owned(), text.len().div_ceil(3) * 4)).collect();
    parts.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    parts
}

/// A gzip file (RFC 1952) without a name and a time, so that the same text gives the same bytes. `flate2` has this too, but
/// makes a new compressor for each, whose 300 KB cost as much as the compressing.
fn gzip(compress: &mut Compress, bytes: &[u8]) -> Vec<u8> {
    // Deflate, no flags, no time, compressed as far as it goes, any system.
    const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
    let mut packed = Vec::with_capacity(HEADER.len() + bytes.len() / 2 + 64);
    packed.extend(HEADER);
    compress.reset();
    loop {
        let taken = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
        // Writing into memory does not fail; what were cut off would not be unpacked.
        match compress.compress_vec(bytes.get(taken..).unwrap_or_default(), &mut packed, FlushCompress::Finish) {
            Ok(Status::Ok | Status::BufError) => packed.reserve(packed.capacity()),
            Ok(Status::StreamEnd) | Err(_) => break,
        }
    }
    let mut check = Crc::new();
    check.update(bytes);
    packed.extend(check.sum().to_le_bytes());
    packed.extend(check.amount().to_le_bytes());
    packed
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use std::io::{Read as _, Write as _};

    use flate2::GzBuilder;
    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn too_much_names_the_biggest_part() {
        // Hexadecimal digests do not compress below half.
        let noise: String = (0..2000).map(|index| crate::base::digest(format!("{index}").as_bytes())).collect();
        let files = [MachineFile::new("/small", "0644", "x"), MachineFile::new("/noise", "0644", noise)];
        let error = Packer::default().pack(&files, None).unwrap_err().to_string();
        assert!(error.contains("more than the 87380") && error.contains("the biggest parts are `/noise`"), "{error}");
    }

    #[test]
    fn packing_is_repeatable_and_hidden() {
        let files = [MachineFile::new("/long", "0600", "canary ".repeat(400))];
        let mut packer = Packer::default();
        let first = packer.pack(&files, None).unwrap();
        assert_eq!(first, packer.pack(&files, None).unwrap());
        assert_eq!(first, Packer::default().pack(&files, None).unwrap());
        assert!(!format!("{first:?}").contains("canary"));
        assert_eq!(first.base64.expose().len(), first.base64_length);
    }

    #[test]
    fn what_is_packed_is_a_gzip_file() {
        let mut compress = Compress::new(Compression::best(), false);
        let noise: Vec<u8> =
            (0..4000u32).flat_map(|index| crate::base::digest(&index.to_le_bytes()).into_bytes()).collect();
        let texts: [&[u8]; 4] = [b"", b"x", &[b'a'; 100_000], &noise];
        for text in texts {
            let packed = gzip(&mut compress, text);
            let mut same = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
            same.write_all(text).unwrap();
            assert_eq!(packed, same.finish().unwrap());
            let mut unpacked = Vec::new();
            GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, text);
        }
    }

    #[test]
    fn what_is_put_behind_is_counted_and_joins_without_a_seam() {
        let longest = "s".repeat(LONGEST_APPENDED);
        assert_eq!(STANDARD.encode(STANDARD.encode(&longest)).len(), APPENDED_ROOM);
        for length in 0..6 {
            let files = [MachineFile::new("/long", "0600", "x".repeat(length))];
            let data = Packer::default().pack(&files, Some("/secret")).unwrap();
            assert_eq!(data.base64_length, data.base64.expose().len() + APPENDED_ROOM);
            for secret in ["1", "1234", "tr", "a secret\"~", longest.as_str()] {
                let encoded = STANDARD.encode(secret);
                let whole = STANDARD.decode(data.base64.expose().to_owned() + &STANDARD.encode(&encoded)).unwrap();
                assert_eq!(String::from_utf8(whole).unwrap(), data.cloud_config.expose().to_owned() + &encoded);
            }
        }
    }
}
