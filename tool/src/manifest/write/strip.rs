//! Leaving out of a program what loading does not need: symbols and debug information lie behind the loaded
//! bytes and would take most of the manifest's five mebibytes.

use manifest::program;

/// Offset of the section header table's offset in an ELF-64 header, and of the three fields that describe it.
const SECTION_TABLE: std::ops::Range<usize> = 40..48;
const SECTION_SIZES: std::ops::Range<usize> = 58..64;

/// The program up to its last loaded byte; anything that is not a program stays as it is.
pub(super) fn to_what_is_loaded(mut bytes: Vec<u8>) -> Vec<u8> {
    let Ok(program) = program::check(&bytes) else {
        return bytes;
    };
    let table = u64::from_le_bytes(bytes[32..40].try_into().expect("eight bytes"));
    let headers = usize::from(u16::from_le_bytes([bytes[56], bytes[57]])) * 56;
    let table_end = usize::try_from(table).map_or(usize::MAX, |start| start.saturating_add(headers));
    let segments = program.segments.iter().map(|segment| segment.file.end);
    let storage = program.tls.iter().map(|tls| tls.file.end);
    let end = segments
        .chain(storage)
        .chain([table_end, 64])
        .max()
        .unwrap_or(usize::MAX);
    if end < bytes.len() {
        bytes.truncate(end);
        bytes[SECTION_TABLE].fill(0);
        bytes[SECTION_SIZES].fill(0);
    }
    bytes
}
