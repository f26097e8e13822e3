//! Programs: any bytes are accepted or refused without panic, and what is accepted can be loaded as it
//! stands.
#![no_main]

use abi::layout::{IMAGE_BASE, IMAGE_LIMIT, PAGE_SIZE, TLS_BASE, TLS_LIMIT};
use libfuzzer_sys::fuzz_target;
use manifest::program::{Permissions, check};

fuzz_target!(|bytes: &[u8]| {
    let Ok(program) = check(bytes) else { return };
    let mut mapped = 0;
    for segment in &program.segments {
        let pages = segment.pages();
        assert!(pages.start >= mapped && pages.start.is_multiple_of(PAGE_SIZE));
        assert!(pages.start >= IMAGE_BASE && pages.end <= IMAGE_LIMIT && pages.start < pages.end);
        mapped = pages.end;
        let file = bytes
            .get(segment.file.clone())
            .expect("the bytes are in the file");
        assert!(file.len() as u64 <= segment.mem_size);
    }
    assert!(program.segments.iter().any(|segment| {
        segment.permissions == Permissions::ReadExecute
            && segment.vaddr <= program.entry
            && program.entry - segment.vaddr < segment.mem_size
    }));
    if let Some(tls) = program.tls {
        assert!(
            bytes
                .get(tls.file.clone())
                .is_some_and(|file| file.len() as u64 <= tls.mem_size)
        );
        assert!(tls.align.is_power_of_two() && tls.mem_size + tls.align + 8 <= TLS_LIMIT - TLS_BASE);
    }
});
