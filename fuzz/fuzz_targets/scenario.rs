//! Workload files: TOML and rt-app's JSON, which people write by hand. The first byte picks the language. What is read can
//! be written, and is read again as the same scenario.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sim::input::{rtapp, toml};

fuzz_target!(|bytes: &[u8]| {
    let Some((language, rest)) = bytes.split_first() else {
        return;
    };
    let Ok(text) = core::str::from_utf8(rest) else {
        return;
    };
    let read = match language % 2 {
        0 => toml::read(text, "fuzz.toml"),
        _ => rtapp::read(text, "fuzz.json", &rtapp::Options::default()).map(|(scenario, _)| scenario),
    };
    if let Ok(scenario) = read {
        let again = toml::read(&toml::write(&scenario), "again.toml");
        assert_eq!(again.as_ref(), Ok(&scenario));
    }
});
