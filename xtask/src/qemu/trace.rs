//! The kernel's trace, read out of guest memory from outside: no help from the guest, no cost to it beyond the
//! records themselves, and it works after a panic too.
//!
//! The kernel image has a directory at a known symbol; the directory leads to one ring of records per CPU
//! (`abi::trace`). Everything read here is checked, because a broken kernel may have written anything.

use abi::trace::{self, Directory, Record, Ring};
use anyhow::{Context, Result, bail};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A ring larger than this many records is a broken descriptor.
const LARGEST_RING: u64 = 1 << 24;

/// The records of all CPUs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Ordered by time, then CPU, then order of writing.
    pub records: Vec<Record>,
    /// Records that were overwritten by newer ones before anybody read them, for each CPU.
    pub lost: Vec<u64>,
}

impl Trace {
    /// As a record that can be kept and drawn.
    #[must_use]
    pub fn to_lab(&self, source: &str) -> lab::Trace {
        let cpus = u32::try_from(self.lost.len()).unwrap_or(u32::MAX);
        let mut trace = lab::Trace::new(source, cpus);
        for (cpu, lost) in (0..cpus).zip(&self.lost) {
            trace.lose(cpu, *lost);
        }
        for record in &self.records {
            trace.push(*record);
        }
        trace
    }
}

/// Reads the trace of a guest that shares its memory.
///
/// # Errors
/// When the image has no directory, tracing is off, or what is found cannot be a trace.
pub fn read(kernel: &Path, memory: &Path, memory_mib: u32) -> Result<Trace> {
    let memory = Memory {
        file: File::open(memory).context("guest memory is not shared")?,
        mib: memory_mib,
    };
    let directory = memory.bytes::<{ trace::DIRECTORY_BYTES }>(directory_address(kernel)?)?;
    let directory = Directory::decode(&directory).context("the kernel does not trace")?;
    let mut found = Trace::default();
    for cpu in 0..u64::from(directory.cpus) {
        let descriptor = directory.rings + cpu * trace::RING_BYTES as u64;
        let ring = Ring::decode(&memory.bytes::<{ trace::RING_BYTES }>(descriptor)?);
        if ring.capacity > LARGEST_RING {
            bail!("the trace ring of CPU {cpu} claims {} records", ring.capacity);
        }
        let kept = if ring.capacity == 0 { 0..0 } else { ring.kept() };
        found.lost.push(kept.start);
        for number in kept {
            let at = ring.address + (number % ring.capacity) * trace::RECORD_BYTES as u64;
            found
                .records
                .push(Record::decode(&memory.bytes::<{ trace::RECORD_BYTES }>(at)?));
        }
    }
    // A stable sort: within a CPU the order of writing stays.
    found.records.sort_by_key(|record| (record.at_ns, record.cpu));
    Ok(found)
}

/// Writes a trace: a name that ends in `.sundial` is a file for `sundial trace`, any other is text.
///
/// # Errors
/// When the file cannot be written.
pub fn write(trace: &Trace, source: &str, to: &Path) -> Result<()> {
    let trace = trace.to_lab(source);
    let written = if to
        .extension()
        .is_some_and(|ending| ending == lab::trace::EXTENSION)
    {
        trace.save(to)
    } else {
        std::fs::write(to, lab::text::text(&trace))
    };
    written.with_context(|| format!("cannot write {}", to.display()))
}

/// The physical address of the directory: where the program header that holds the symbol is loaded.
fn directory_address(kernel: &Path) -> Result<u64> {
    let image = std::fs::read(kernel).with_context(|| format!("cannot read {}", kernel.display()))?;
    let elf = object::read::elf::ElfFile64::<Endianness>::parse(&*image)
        .context("the kernel is not an ELF file")?;
    let symbol = elf
        .symbol_by_name(trace::DIRECTORY_SYMBOL)
        .context("the kernel has no trace directory")?;
    let endian = elf.endian();
    let headers = elf.elf_header().program_headers(endian, &*image)?;
    let inside = headers.iter().find_map(|header| {
        let offset = symbol.address().checked_sub(header.p_vaddr(endian))?;
        let loaded = header.p_type(endian) == object::elf::PT_LOAD && offset < header.p_memsz(endian);
        loaded.then(|| header.p_paddr(endian) + offset)
    });
    inside.context("the trace directory is in no loaded part of the kernel")
}

/// Guest memory by physical address.
struct Memory {
    file: File,
    mib: u32,
}

impl Memory {
    fn bytes<const BYTES: usize>(&self, address: u64) -> Result<[u8; BYTES]> {
        let mut bytes = [0; BYTES];
        self.file
            .read_exact_at(&mut bytes, self.offset(address))
            .with_context(|| format!("no guest memory at {address:#x}"))?;
        Ok(bytes)
    }

    /// QEMU's q35 keeps the first 2 GiB below 4 GiB once there are 2.75 GiB or more; the rest follows at 4 GiB.
    fn offset(&self, address: u64) -> u64 {
        const FOUR_GIB: u64 = 1 << 32;
        const TWO_GIB: u64 = 1 << 31;
        match address.checked_sub(FOUR_GIB) {
            Some(above) if self.mib >= 2816 => TWO_GIB + above,
            _ => address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::trace::Event;

    #[test]
    fn l3_the_ending_of_the_name_decides_what_is_written() {
        let trace = Trace {
            records: vec![Record::of(7, 1, Event::IdleEnter {})],
            lost: vec![0, 3],
        };
        let folder = tempfile::tempdir().unwrap();
        let [file, text] = ["run.sundial", "run.txt"].map(|name| folder.path().join(name));
        for path in [&file, &text] {
            write(&trace, "a manifest", path).unwrap();
        }
        let read = lab::Trace::load(&file).unwrap();
        assert_eq!(
            (read.source(), read.lost(), read.records()),
            ("a manifest", &[0, 3][..], &trace.records[..])
        );
        let text = std::fs::read_to_string(text).unwrap();
        assert_eq!(
            text,
            "7 cpu=1 IdleEnter\n# 1 events from 7 to 7, 3 older ones were overwritten\n"
        );
    }
}
