//! The smallest manifest that shows whether a machine can run programs: one program of a few instructions, made here byte
//! by byte so that nothing has to be built first. It enters the kernel a thousand times, uses a vector register
//! each time, and exits with [`EXIT_CODE`].

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use sundial::manifest::Options;

/// What the program exits with.
pub(super) const EXIT_CODE: i64 = 42;

const LOAD_ADDRESS: u64 = 0x20_0000;
const HEADERS: u64 = 64 + 56;

/// x86-64 machine code: `cap_enter(0, 0)` a thousand times, then `exit(42)`.
const CODE: &[u8] = &[
    0xbb, 0xe8, 0x03, 0x00, 0x00, // mov ebx, 1000
    0xb8, 0x02, 0x00, 0x00, 0x00, // again: mov eax, 2
    0x31, 0xff, // xor edi, edi
    0x31, 0xf6, // xor esi, esi
    0x0f, 0x05, // syscall
    0x0f, 0x57, 0xc0, // xorps xmm0, xmm0
    0xff, 0xcb, // dec ebx
    0x75, 0xee, // jnz again
    0xb8, 0x01, 0x00, 0x00, 0x00, // mov eax, 1
    0xbf, 0x2a, 0x00, 0x00, 0x00, // mov edi, 42
    0x0f, 0x05, // syscall
    0x0f, 0x0b, // ud2
];

/// Writes program and manifest into `folder`; the manifest's path.
pub(super) fn manifest(folder: &Path) -> Result<PathBuf> {
    let program = folder.join("probe.elf");
    std::fs::write(&program, elf()).with_context(|| format!("cannot write {}", program.display()))?;
    let description = folder.join("probe.toml");
    let text = "[binaries]\nprobe = \"probe.elf\"\n\n[init]\nbinary = \"probe\"\n";
    let built = match sundial::manifest::build_text(&description, text, &Options { programs: Vec::new() }) {
        Ok(built) => built,
        Err(failure) => bail!("the probe's manifest was not built:\n{failure}"),
    };
    let manifest = folder.join("probe.manifest");
    std::fs::write(&manifest, built.bytes).with_context(|| format!("cannot write {}", manifest.display()))?;
    Ok(manifest)
}

/// A static executable with one segment, read and execute, that holds the whole file.
fn elf() -> Vec<u8> {
    let size = HEADERS + CODE.len() as u64;
    let mut file = Vec::new();
    file.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    for half in [2_u16, 62] {
        file.extend_from_slice(&half.to_le_bytes()); // executable, x86-64
    }
    file.extend_from_slice(&1_u32.to_le_bytes());
    for word in [LOAD_ADDRESS + HEADERS, 64, 0] {
        file.extend_from_slice(&word.to_le_bytes()); // entry, program headers, no sections
    }
    file.extend_from_slice(&0_u32.to_le_bytes());
    for half in [64_u16, 56, 1, 64, 0, 0] {
        file.extend_from_slice(&half.to_le_bytes()); // sizes and counts of headers
    }
    for half in [1_u32, 5] {
        file.extend_from_slice(&half.to_le_bytes()); // load; read and execute
    }
    for word in [0, LOAD_ADDRESS, LOAD_ADDRESS, size, size, 4096] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend_from_slice(CODE);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p1_the_probe_is_a_manifest_that_passes_every_check() {
        // Building checks the manifest and the program in it as the kernel does.
        let built = manifest(&crate::workspace::run_folder());
        assert!(built.is_ok(), "{built:?}");
    }
}
