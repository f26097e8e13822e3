//! Every rule of a program, broken alone. Images are made by a few lines, field by field, as a linker would.

use super::*;
use alloc::vec;
use proptest::prelude::*;

const READ: u32 = 4;
const WRITE: u32 = 2;
const EXECUTE: u32 = 1;

/// A program header to write.
#[derive(Clone, Copy)]
struct Raw {
    kind: u32,
    flags: u32,
    offset: u64,
    vaddr: u64,
    file_size: u64,
    mem_size: u64,
    align: u64,
}

const TEXT: Raw = Raw {
    kind: kind::LOAD,
    flags: READ | EXECUTE,
    offset: 0x1000,
    vaddr: 0x20_0000,
    file_size: 0x10,
    mem_size: 0x10,
    align: 0x1000,
};
const BSS: Raw = Raw {
    kind: kind::LOAD,
    flags: READ | WRITE,
    offset: 0x1010,
    vaddr: 0x20_1000,
    file_size: 0,
    mem_size: 0x30_0000,
    align: 0x1000,
};
const NO_TLS: Raw = Raw {
    kind: kind::TLS,
    flags: READ,
    offset: 0,
    vaddr: 0,
    file_size: 0,
    mem_size: 0,
    align: 0,
};

fn image(headers: &[Raw]) -> Vec<u8> {
    let mut image = vec![0; 0x1010];
    image[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    image[16] = 2;
    image[18] = 62;
    image[20] = 1;
    image[24..32].copy_from_slice(&0x20_0000u64.to_le_bytes());
    image[32] = 64;
    image[52] = 64;
    image[54] = 56;
    image[56] = headers.len() as u8;
    for (index, header) in headers.iter().enumerate() {
        let at = 64 + 56 * index;
        image[at..at + 4].copy_from_slice(&header.kind.to_le_bytes());
        image[at + 4..at + 8].copy_from_slice(&header.flags.to_le_bytes());
        let words = [
            header.offset,
            header.vaddr,
            header.vaddr,
            header.file_size,
            header.mem_size,
            header.align,
        ];
        for (word, value) in words.into_iter().enumerate() {
            image[at + 8 + 8 * word..at + 16 + 8 * word].copy_from_slice(&value.to_le_bytes());
        }
    }
    image
}

fn outcome(headers: &[Raw]) -> Result<Program, ProgramError> {
    check(&image(headers))
}

#[test]
fn p5_a_program_as_linkers_make_it_is_accepted() {
    let program = outcome(&[BSS, TEXT, NO_TLS]).unwrap();
    assert_eq!(program.entry, 0x20_0000);
    assert_eq!(program.tls, None);
    let [text, bss] = &program.segments[..] else {
        panic!("two segments")
    };
    assert_eq!(
        (text.permissions, bss.permissions),
        (Permissions::ReadExecute, Permissions::ReadWrite)
    );
    assert_eq!(
        (text.file.clone(), text.pages()),
        (0x1000..0x1010, 0x20_0000..0x20_1000)
    );
    assert_eq!((bss.file.clone(), bss.mem_size), (0..0, 0x30_0000));
}

#[test]
fn p5_other_kinds_of_files_are_refused() {
    let good = image(&[TEXT]);
    let spoil = |at: usize, value| {
        let mut image = good.clone();
        image[at] = value;
        check(&image)
    };
    for at in [0, 1, 4, 5, 6, 20] {
        assert_eq!(spoil(at, 9), Err(ProgramError::NotElf64), "byte {at}");
    }
    assert_eq!(
        spoil(16, 3),
        Err(ProgramError::NotExecutable),
        "position-independent"
    );
    assert_eq!(
        spoil(18, 183),
        Err(ProgramError::NotExecutable),
        "another processor"
    );
    assert_eq!(spoil(54, 32), Err(ProgramError::BadHeaders));
    assert_eq!(spoil(56, 0), Err(ProgramError::BadHeaders));
    assert_eq!(spoil(56, 65), Err(ProgramError::BadHeaders));
    assert_eq!(check(b"#!/bin/sh"), Err(ProgramError::NotElf64));
}

#[test]
fn p5_a_file_cut_anywhere_is_refused() {
    let good = image(&[TEXT]);
    for length in 0..good.len() {
        let error = check(&good[..length]).unwrap_err();
        let expected = [ProgramError::Truncated, ProgramError::OutsideFile { header: 0 }];
        assert!(length < 4 || expected.contains(&error), "{length} bytes: {error}");
    }
    let mut far = good;
    far[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(check(&far), Err(ProgramError::Truncated));
}

#[test]
fn p5_file_bytes_lie_in_the_file_and_fit_the_memory() {
    let outside = Raw {
        file_size: 0x11,
        mem_size: 0x11,
        ..TEXT
    };
    assert_eq!(outcome(&[outside]), Err(ProgramError::OutsideFile { header: 0 }));
    let wrapping = Raw {
        offset: u64::MAX - 0xfff,
        ..TEXT
    };
    assert_eq!(outcome(&[wrapping]), Err(ProgramError::OutsideFile { header: 0 }));
    let larger = Raw { mem_size: 8, ..TEXT };
    assert_eq!(
        outcome(&[larger]),
        Err(ProgramError::FileLargerThanMemory { header: 0 })
    );
    let no_memory = Raw { mem_size: 0, ..TEXT };
    assert_eq!(
        outcome(&[TEXT, no_memory]),
        Err(ProgramError::FileLargerThanMemory { header: 1 })
    );
}

#[test]
fn p5_segments_lie_in_the_image_region() {
    let at = |vaddr, mem_size| {
        outcome(&[
            TEXT,
            Raw {
                vaddr,
                mem_size,
                ..BSS
            },
        ])
    };
    assert!(at(0xfe_f000, 0x1000).is_ok());
    for (vaddr, mem_size) in [
        (0xfe_f000, 0x1001),
        (0x1f_f000, 0x1000),
        (0, 1),
        (0x20_1000, u64::MAX),
        (u64::MAX, 1),
        (0x120_0000, 8),
    ] {
        assert_eq!(
            at(vaddr, mem_size),
            Err(ProgramError::OutsideImage { header: 1 }),
            "{vaddr:#x}"
        );
    }
}

#[test]
fn p4_no_segment_is_writable_and_executable() {
    let both = Raw {
        flags: READ | WRITE | EXECUTE,
        ..TEXT
    };
    assert_eq!(
        outcome(&[both]),
        Err(ProgramError::WritableAndExecutable { header: 0 })
    );
}

#[test]
fn p5_offset_and_address_agree_within_the_page() {
    let shifted = Raw {
        vaddr: 0x20_0008,
        ..TEXT
    };
    assert_eq!(outcome(&[shifted]), Err(ProgramError::Misaligned { header: 0 }));
}

#[test]
fn p5_segments_share_no_page() {
    let same = Raw {
        vaddr: 0x20_0800,
        mem_size: 8,
        ..BSS
    };
    assert_eq!(
        outcome(&[TEXT, same]),
        Err(ProgramError::Overlap { vaddr: 0x20_0800 })
    );
    assert_eq!(
        outcome(&[TEXT, TEXT]),
        Err(ProgramError::Overlap { vaddr: 0x20_0000 })
    );
    let inside = Raw {
        vaddr: 0x20_2000,
        mem_size: 0x1000,
        ..BSS
    };
    assert_eq!(
        outcome(&[TEXT, inside, BSS]),
        Err(ProgramError::Overlap { vaddr: 0x20_2000 })
    );
}

#[test]
fn p5_the_entry_is_in_an_executable_segment() {
    let data = Raw { flags: READ, ..TEXT };
    assert_eq!(outcome(&[data]), Err(ProgramError::BadEntry { entry: 0x20_0000 }));
    let elsewhere = Raw {
        vaddr: 0x30_0000,
        ..TEXT
    };
    assert_eq!(
        outcome(&[elsewhere]),
        Err(ProgramError::BadEntry { entry: 0x20_0000 })
    );
    let entered_at = |entry: u64| {
        let mut file = image(&[TEXT]);
        file[24..32].copy_from_slice(&entry.to_le_bytes());
        check(&file).map(|program| program.entry)
    };
    assert_eq!(entered_at(0x20_000f), Ok(0x20_000f));
    assert_eq!(
        entered_at(0x20_0010),
        Err(ProgramError::BadEntry { entry: 0x20_0010 }),
        "behind its last byte"
    );
    let empty = Raw {
        file_size: 0,
        mem_size: 0,
        ..TEXT
    };
    assert_eq!(
        outcome(&[empty]),
        Err(ProgramError::BadEntry { entry: 0x20_0000 })
    );
}

#[test]
fn p5_a_segment_of_nothing_is_passed_over_wherever_it_is() {
    let nothing = Raw {
        vaddr: 0,
        file_size: 0,
        mem_size: 0,
        ..TEXT
    };
    assert_eq!(outcome(&[TEXT, nothing]).unwrap().segments.len(), 1);
}

#[test]
fn p5_what_is_wrong_with_a_program_is_said() {
    let larger = outcome(&[Raw { mem_size: 8, ..TEXT }]).unwrap_err();
    let expected = "program header 0: more bytes in the file than in memory";
    assert_eq!(alloc::string::ToString::to_string(&larger), expected);
}

#[test]
fn p5_programs_that_need_a_linker_are_refused() {
    for kind in [kind::DYNAMIC, kind::INTERPRETER] {
        assert_eq!(
            outcome(&[TEXT, Raw { kind, ..TEXT }]),
            Err(ProgramError::Dynamic { header: 1 })
        );
    }
    let note = Raw {
        kind: 4,
        vaddr: 0,
        ..TEXT
    };
    assert!(
        outcome(&[TEXT, note]).is_ok(),
        "other kinds are no concern of the loader"
    );
}

#[test]
fn p5_thread_local_storage_fits_its_region_and_is_there_once() {
    let tls = Raw {
        offset: 0x1000,
        file_size: 8,
        mem_size: 0x40,
        align: 16,
        ..NO_TLS
    };
    let accepted = outcome(&[TEXT, tls]).unwrap().tls.unwrap();
    assert_eq!(
        accepted,
        Tls {
            file: 0x1000..0x1008,
            mem_size: 0x40,
            align: 16
        }
    );
    let page = Raw {
        align: PAGE_SIZE,
        ..tls
    };
    let largest = Raw {
        mem_size: TLS_LIMIT - TLS_BASE - 16 - 8,
        ..tls
    };
    assert!([page, largest].iter().all(|&tls| outcome(&[TEXT, tls]).is_ok()));
    let bad = Err(ProgramError::BadTls { header: 1 });
    assert_eq!(outcome(&[TEXT, Raw { align: 24, ..tls }]), bad);
    assert_eq!(outcome(&[TEXT, Raw { align: 0x2000, ..tls }]), bad);
    assert_eq!(
        outcome(&[
            TEXT,
            Raw {
                mem_size: TLS_LIMIT - TLS_BASE - 16,
                ..tls
            }
        ]),
        bad
    );
    assert_eq!(
        outcome(&[
            TEXT,
            Raw {
                mem_size: u64::MAX,
                ..tls
            }
        ]),
        bad
    );
    assert_eq!(
        outcome(&[TEXT, tls, tls]),
        Err(ProgramError::BadTls { header: 2 })
    );
    let outside = Raw {
        file_size: 0x20,
        ..tls
    };
    assert_eq!(
        outcome(&[TEXT, outside]),
        Err(ProgramError::OutsideFile { header: 1 })
    );
}

proptest! {
    #[test]
    fn p5_random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = check(&bytes);
    }

    #[test]
    fn p5_what_is_accepted_can_be_loaded(
        damage in proptest::collection::vec((0usize..64 + 3 * 56, any::<u8>()), 1..6)
    ) {
        let mut image = image(&[TEXT, BSS, NO_TLS]);
        for (at, value) in damage {
            image[at] = value;
        }
        if let Ok(program) = check(&image) {
            for segment in &program.segments {
                prop_assert!(segment.file.end <= image.len() && segment.file.start <= segment.file.end);
                prop_assert!(segment.file.len() as u64 <= segment.mem_size);
                prop_assert!(segment.vaddr >= IMAGE_BASE && segment.pages().end <= IMAGE_LIMIT);
            }
        }
    }
}
