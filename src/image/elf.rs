//! Which shared libraries a program of Linux needs, read from the program's file.
//!
//! Source: System V Application Binary Interface, "Object Files" and "Program Loading and Dynamic Linking", its form of 64
//! bits; AMD64 supplement for the machine's number.

use std::io::{Read, Result, Seek, SeekFrom};

const LOADED: u32 = 1;
const DYNAMIC: u32 = 2;
const NEEDED: u64 = 1;
const STRING_TABLE: u64 = 5;
const AMD64: u16 = 62;
/// More than any program has, so that a damaged file does not fill the memory.
const MOST_HEADERS: u16 = 256;
const MOST_ENTRIES: u64 = 4096;
const LONGEST_NAME: u64 = 256;

/// The names of the libraries that a program for AMD64 asks for by itself; none for a static one. `None`: the file is no such
/// program.
///
/// # Errors
/// The file cannot be read, or ends too early.
pub(super) fn needed_libraries(file: &mut (impl Read + Seek)) -> Result<Option<Vec<String>>> {
    let head: [u8; 64] = read(file, 0)?;
    // The magic number, 64 bits, the lower byte first.
    if head[..6] != [0x7f, b'E', b'L', b'F', 2, 1] || half(&head, 18) != AMD64 {
        return Ok(None);
    }
    let (start, size, count) = (long(&head, 32), u64::from(half(&head, 54)), half(&head, 56).min(MOST_HEADERS));
    let mut loaded = Vec::new();
    let mut dynamic = None;
    for number in 0..u64::from(count) {
        let header: [u8; 56] = read(file, start.saturating_add(number * size))?;
        let (offset, address, length) = (long(&header, 8), long(&header, 16), long(&header, 32));
        match word(&header, 0) {
            LOADED => loaded.push((address, length, offset)),
            DYNAMIC => dynamic = Some((offset, length)),
            _ => {}
        }
    }
    let Some((offset, length)) = dynamic else { return Ok(Some(Vec::new())) };
    let mut names = Vec::new();
    let mut table = None;
    for number in 0..(length / 16).min(MOST_ENTRIES) {
        let entry: [u8; 16] = read(file, offset.saturating_add(number * 16))?;
        match long(&entry, 0) {
            0 => break,
            NEEDED => names.push(long(&entry, 8)),
            STRING_TABLE => table = Some(long(&entry, 8)),
            _ => {}
        }
    }
    // The table is told by where it will be in memory.
    let place = table.and_then(|table| {
        let (address, _, offset) = loaded
            .iter()
            .find(|(address, length, _)| table.checked_sub(*address).is_some_and(|distance| distance < *length))?;
        Some((table - address).saturating_add(*offset))
    });
    let Some(place) = place else { return Ok(Some(Vec::new())) };
    names.into_iter().map(|name| text(file, place.saturating_add(name))).collect::<Result<Vec<String>>>().map(Some)
}

fn read<const N: usize>(file: &mut (impl Read + Seek), place: u64) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(place))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A text that ends with a zero.
fn text(file: &mut (impl Read + Seek), place: u64) -> Result<String> {
    file.seek(SeekFrom::Start(place))?;
    let mut bytes = Vec::new();
    file.by_ref().take(LONGEST_NAME).read_to_end(&mut bytes)?;
    let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

fn number<const N: usize>(bytes: &[u8], place: usize) -> [u8; N] {
    bytes.get(place..place + N).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
}

fn half(bytes: &[u8], place: usize) -> u16 {
    u16::from_le_bytes(number(bytes, place))
}

fn word(bytes: &[u8], place: usize) -> u32 {
    u32::from_le_bytes(number(bytes, place))
}

fn long(bytes: &[u8], place: usize) -> u64 {
    u64::from_le_bytes(number(bytes, place))
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use std::fs::File;
    use std::io::Cursor;

    use super::*;

    #[test]
    fn the_libraries_of_this_very_program_are_told() {
        let mut program = File::open(std::env::current_exe().unwrap()).unwrap();
        let names = needed_libraries(&mut program).unwrap().unwrap();
        assert!(names.iter().any(|name| name == "libc.so.6"), "{names:?}");
    }

    #[test]
    fn what_is_no_program_is_none_and_what_is_cut_off_is_an_error() {
        assert!(needed_libraries(&mut Cursor::new(vec![0; 4096])).unwrap().is_none());
        assert!(needed_libraries(&mut Cursor::new(b"#!/bin/sh\n".to_vec())).is_err());
        let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(needed_libraries(&mut Cursor::new(whole[..100].to_vec())).is_err());
    }
}
