//! The kernel's own symbol table: after linking, the names of its functions are written into a read-only
//! section that the linker script reserved, so that a panic can print a back trace with names.
//!
//! Layout of `.kernel_symbols`, little-endian: a `u32` count, then per function, sorted by address, its `u32`
//! offset from `__kernel_start` and the `u32` offset of its name within the section; then the names, demangled
//! and each ended by a zero byte. A count of zero means that nobody filled it in. When not all names fit, the
//! longest paths lose their generic arguments first, and what is left over is cut from the end of the list of
//! names, never from the list of functions.

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use std::path::{Path, PathBuf};

const SECTION: &str = ".kernel_symbols";
const BASE: &str = "__kernel_start";
/// Bytes of an entry: two `u32`.
const ENTRY: usize = 8;

/// Writes a copy of the linked image with its symbols filled in, next to it: the path of the copy.
///
/// cargo's own file stays as cargo left it, so that it does not link again without need.
///
/// # Errors
/// When the image cannot be read, is not an ELF, or the copy cannot be written.
pub fn fill(linked: &Path) -> Result<PathBuf> {
    let mut image = std::fs::read(linked).with_context(|| format!("cannot read {}", linked.display()))?;
    let (functions, range) = {
        let elf = object::File::parse(&*image).context("the linked kernel is not an ELF file")?;
        let Some(section) = elf.section_by_name(SECTION) else {
            return copy(linked, &image);
        };
        let Some((start, size)) = section.file_range() else {
            return copy(linked, &image);
        };
        let Some(base) = elf.symbol_by_name(BASE) else {
            bail!("the kernel has {SECTION} but no {BASE}")
        };
        let base = base.address();
        let named = |symbol: object::Symbol| {
            let offset = u32::try_from(symbol.address().checked_sub(base)?).ok()?;
            let mangled = symbol.name().ok().filter(|name| !name.is_empty())?;
            let text = symbol.kind() == SymbolKind::Text;
            text.then(|| (offset, format!("{:#}", rustc_demangle::demangle(mangled))))
        };
        let functions: Vec<_> = elf.symbols().filter_map(named).collect();
        let start = usize::try_from(start)?;
        (functions, start..start + usize::try_from(size)?)
    };
    let table = table(functions, range.len());
    if range.len() >= table.len() {
        image[range][..table.len()].copy_from_slice(&table);
    }
    copy(linked, &image)
}

/// The section's bytes for these functions: at most `room` of them.
fn table(mut functions: Vec<(u32, String)>, room: usize) -> Vec<u8> {
    functions.sort();
    functions.dedup_by_key(|(offset, _)| *offset);
    let header = 4;
    functions.truncate(room.saturating_sub(header) / ENTRY);
    let names_at = header + functions.len() * ENTRY;
    let count = u32::try_from(functions.len()).unwrap_or(0);
    let mut entries = count.to_le_bytes().to_vec();
    let mut names: Vec<u8> = Vec::new();
    // The last byte of the names is a zero: where an unnamed function's entry points.
    let mut last_zero = None;
    for (offset, name) in functions {
        let name = short(&name);
        let at = if names_at + names.len() + name.len() < room {
            let at = names_at + names.len();
            names.extend(name.as_bytes());
            names.push(0);
            last_zero = Some(names_at + names.len() - 1);
            at
        } else {
            // Without any zero byte of its own the entry points at the count's highest byte, which is zero.
            last_zero.unwrap_or(header - 1)
        };
        entries.extend(offset.to_le_bytes());
        entries.extend(u32::try_from(at).unwrap_or(3).to_le_bytes());
    }
    entries.extend(names);
    entries
}

/// A name a person can read in one line: long generic arguments are left out.
fn short(name: &str) -> String {
    const LONGEST: usize = 96;
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let mut depth = 0_usize;
    let mut kept = String::new();
    // An arrow's head inside a function type closes nothing.
    let text = name.replace("->", "\u{2192}");
    for (position, letter) in text.char_indices() {
        match letter {
            // `<T as Trait>::f` starts with a bracket that is part of the path.
            '<' if position > 0 => depth += 1,
            '>' if depth > 0 => depth -= 1,
            '\u{2192}' if depth == 0 => kept.push_str("->"),
            _ if depth == 0 => kept.push(letter),
            _ => {}
        }
    }
    let end = kept
        .char_indices()
        .map(|(at, _)| at)
        .take_while(|at| *at <= LONGEST)
        .last()
        .unwrap_or(0);
    kept.truncate(end.max(1));
    kept
}

fn copy(linked: &Path, image: &[u8]) -> Result<PathBuf> {
    let path = linked.with_extension("elf");
    // Unchanged bytes keep their time stamp, and a running test its file.
    if std::fs::read(&path).is_ok_and(|old| old == image) {
        return Ok(path);
    }
    let draft = linked.with_extension("elf.new");
    std::fs::write(&draft, image).with_context(|| format!("cannot write {}", draft.display()))?;
    std::fs::rename(&draft, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(bytes: &[u8], at: usize) -> usize {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    }

    fn name(bytes: &[u8], entry: usize) -> String {
        let at = word(bytes, 4 + entry * ENTRY + 4);
        let end = at + bytes[at..].iter().position(|byte| *byte == 0).unwrap();
        String::from_utf8(bytes[at..end].to_vec()).unwrap()
    }

    #[test]
    fn functions_are_sorted_and_named() {
        let bytes = table(
            vec![(64, "later".into()), (16, "early".into()), (16, "twin".into())],
            4096,
        );
        assert_eq!(word(&bytes, 0), 2);
        assert_eq!((word(&bytes, 4), name(&bytes, 0)), (16, "early".into()));
        assert_eq!((word(&bytes, 12), name(&bytes, 1)), (64, "later".into()));
    }

    #[test]
    fn names_that_do_not_fit_are_empty_and_the_table_stays_inside_its_room() {
        for room in 0..64 {
            let bytes = table((0..4).map(|n| (n * 16, format!("function_{n}"))).collect(), room);
            assert!(bytes.len() <= room.max(4), "{} bytes in {room}", bytes.len());
            for entry in 0..word(&bytes, 0) {
                let name = name(&bytes, entry);
                assert!(
                    name.is_empty() || name.starts_with("function_"),
                    "{name:?} in {room}"
                );
            }
        }
    }

    #[test]
    fn long_names_lose_their_generic_arguments() {
        let long = format!("<kernel::Ring as {}>::submit", "a::Trait<b::C<d::E>>".repeat(8));
        assert!(short(&long).starts_with("<kernel::Ring as a::Trait"));
        assert!(short(&long).len() <= 100);
        assert_eq!(short("machine::boot::start"), "machine::boot::start");
    }
}
