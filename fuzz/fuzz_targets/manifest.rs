//! Manifests: any bytes decode or are refused, without panic and within memory, and what decodes keeps its
//! promises.
#![no_main]

use libfuzzer_sys::fuzz_target;
use manifest::config::Value;
use manifest::init::Image;
use manifest::{Aligned, Manifest, program};

fuzz_target!(|bytes: &[u8]| {
    let aligned = Aligned::copy(bytes);
    let _ = Value::read(aligned.bytes());
    let Ok(manifest) = Manifest::decode(aligned.bytes()) else {
        return;
    };
    assert!(manifest.binaries.len() <= abi::limits::MANIFEST_BINARIES);
    assert!(manifest.init.caps.len() <= abi::capset::MAX_ENTRIES);
    if let Image::Binary { index } = manifest.init.image {
        assert!(!manifest.binaries[index].data.is_empty());
        let _ = program::check(manifest.binaries[index].data);
    }
    let mut page = [0; abi::layout::PAGE_SIZE as usize];
    let mut capset = abi::capset::Writer::new(&mut page);
    for cap in &manifest.init.caps {
        let entry = abi::capset::Entry {
            name: cap.name,
            cap_id: 1,
            interface_id: cap.source.interface_id(),
        };
        capset.add(entry).expect("names that decode fit the capset");
    }
    assert!(manifest.kernel.terminal_uart.divisor() > 0);
});
