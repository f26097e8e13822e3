//! Every rule of a manifest, broken alone: start from one that passes, spoil one thing, expect one field
//! named.

use super::*;
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::{format, vec};
use capnp::message::{Builder, HeapAllocator};
use proptest::prelude::*;
use schema_gen::system::{cue_value, system_config, system_manifest};

mod kernel_params;
mod what_is_read;

/// Plain data to put into a message.
#[derive(Clone)]
enum Cue {
    Text(String),
    Uint(u64),
    Int(i64),
    List(Vec<Cue>),
    Record(Vec<(&'static str, Cue)>),
}

impl Cue {
    fn write(&self, mut into: cue_value::Builder<'_>) {
        match self {
            Self::Text(text) => into.set_text(text.as_str()),
            Self::Uint(number) => into.set_uint_value(*number),
            Self::Int(number) => into.set_int_value(*number),
            Self::List(list) => {
                let mut into = into.init_list(list.len() as u32);
                for (index, value) in (0..).zip(list) {
                    value.write(into.reborrow().get(index));
                }
            }
            Self::Record(fields) => {
                let mut into = into.init_fields(fields.len() as u32);
                for (index, (name, value)) in (0..).zip(fields) {
                    let mut field = into.reborrow().get(index);
                    field.set_name(name);
                    value.write(field.init_value());
                }
            }
        }
    }
}

fn text(text: &str) -> Cue {
    Cue::Text(text.to_owned())
}

fn cap(name: &str, source: &str, more: Vec<(&'static str, Cue)>) -> Cue {
    let source = Cue::Record(vec![("kernel", text(source))]);
    let mut fields = vec![("name", text(name)), ("source", source)];
    fields.extend(more);
    Cue::Record(fields)
}

fn init(binary: &str, caps: Vec<Cue>) -> Cue {
    let init = Cue::Record(vec![("binary", text(binary)), ("caps", Cue::List(caps))]);
    Cue::Record(vec![("init", init), ("services", Cue::Int(-1))])
}

type Message = Builder<HeapAllocator>;

/// A manifest that passes: one binary, which is init, with a console.
fn good() -> Message {
    let mut message = Builder::new_default();
    let mut manifest = message.init_root::<system_manifest::Builder<'_>>();
    manifest.set_schema_version(1);
    {
        let mut binary = manifest.reborrow().init_binaries(1).get(0);
        binary.set_name("shell");
        binary.set_data(b"program");
    }
    init("shell", vec![cap("console", "console", vec![])]).write(manifest.init_init_config());
    message
}

fn with_root(spoil: impl FnOnce(system_manifest::Builder<'_>)) -> Message {
    let mut message = good();
    spoil(message.get_root().unwrap());
    message
}

fn with_config(config: &Cue) -> Message {
    with_root(|manifest| config.write(manifest.init_init_config()))
}

fn with_caps(caps: Vec<Cue>) -> Message {
    with_config(&init("shell", caps))
}

fn with_kernel(spoil: impl FnOnce(system_config::Builder<'_>)) -> Message {
    with_root(|manifest| spoil(manifest.init_kernel_params()))
}

fn bytes(message: &Message) -> Aligned {
    Aligned::copy(&capnp::serialize::write_message_to_words(message))
}

/// The error as a person reads it, or `ok`.
fn outcome(message: &Message) -> String {
    let bytes = bytes(message);
    match Manifest::decode(bytes.bytes()) {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn p13_a_good_manifest_decodes_with_defaults_and_borrows_its_bytes() {
    let bytes = bytes(&good());
    let manifest = Manifest::decode(bytes.bytes()).unwrap();
    assert_eq!(
        manifest.binaries,
        [Binary {
            name: "shell",
            data: b"program"
        }]
    );
    assert_eq!(manifest.init.image, init::Image::Binary { index: 0 });
    let console = init::InitCap {
        name: "console",
        source: Source::Console,
        badge: 0,
        disclosure: 0,
    };
    assert_eq!(manifest.init.caps, [console]);
    assert_eq!(manifest.kernel, KernelParams::default());
    assert!(
        bytes
            .bytes()
            .as_ptr_range()
            .contains(&manifest.binaries[0].data.as_ptr())
    );
}

#[test]
fn p13_the_schema_version_is_checked_first() {
    for version in [0, 2, u32::MAX] {
        let message = with_root(|mut manifest| manifest.set_schema_version(version));
        assert_eq!(
            outcome(&message),
            format!("schemaVersion: is {version}, must be 1")
        );
    }
}

#[test]
fn p13_sizes_outside_one_byte_to_five_mebibytes_are_refused() {
    assert_eq!(
        Manifest::decode(&[]).unwrap_err().to_string(),
        "manifest: is empty"
    );
    let large = Aligned::copy(&vec![0; abi::limits::MANIFEST_BYTES + 1]);
    assert!(matches!(
        Manifest::decode(large.bytes()).unwrap_err().problem,
        Problem::Size { .. }
    ));
}

#[test]
fn p13_binaries_are_named_uniquely_briefly_and_not_init() {
    let named = |names: &[&str]| {
        with_root(|manifest| {
            let mut binaries = manifest.init_binaries(names.len() as u32);
            for (index, name) in (0..).zip(names) {
                let mut binary = binaries.reborrow().get(index);
                binary.set_name(name);
                binary.set_data(b"x");
            }
        })
    };
    let long = "x".repeat(64);
    assert_eq!(outcome(&named(&["shell", &long])), "ok");
    let longer = "x".repeat(65);
    assert_eq!(
        outcome(&named(&["shell", &longer])),
        "binaries[1].name: has 65 bytes, at most 64 are allowed"
    );
    assert_eq!(
        outcome(&named(&["shell", "shell"])),
        "binaries[1].name: `shell` is there twice"
    );
    assert_eq!(
        outcome(&named(&["init"])),
        "binaries[0].name: `init` is the name of the embedded program"
    );
    assert_eq!(
        outcome(&named(&["shell", ""])),
        "binaries[1].name: is missing or empty"
    );
    let many: Vec<String> = (0..65).map(|n| format!("b{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        outcome(&named(&many)),
        "binaries: has 65 entries, at most 64 are allowed"
    );
}

#[test]
fn p13_init_runs_a_binary_that_is_there_and_has_bytes_or_the_embedded_one() {
    assert_eq!(outcome(&with_config(&init("init", vec![]))), "ok");
    assert_eq!(
        outcome(&with_config(&init("sh", vec![]))),
        "initConfig.init.binary: there is no binary `sh`"
    );
    let empty = with_root(|manifest| manifest.init_binaries(1).get(0).set_name("shell"));
    assert_eq!(outcome(&empty), "initConfig.init.binary: binary `shell` is empty");
}

#[test]
fn p13_init_config_is_a_record_with_an_init_record() {
    let null = with_root(|manifest| _ = manifest.init_init_config());
    assert_eq!(outcome(&null), "initConfig: must be a record, is null");
    let mut missing = Message::new_default();
    missing
        .init_root::<system_manifest::Builder<'_>>()
        .set_schema_version(1);
    assert_eq!(outcome(&missing), "initConfig: is missing or empty");

    assert_eq!(
        outcome(&with_config(&Cue::Record(vec![]))),
        "initConfig.init: is missing or empty"
    );
    let number = Cue::Record(vec![("init", Cue::Uint(1))]);
    assert_eq!(
        outcome(&with_config(&number)),
        "initConfig.init: must be a record, is an unsigned integer"
    );
    let no_binary = Cue::Record(vec![("init", Cue::Record(vec![]))]);
    assert_eq!(
        outcome(&with_config(&no_binary)),
        "initConfig.init.binary: is missing or empty"
    );
}

#[test]
fn p13_names_that_are_looked_up_are_unique_and_other_names_are_ignored() {
    let init_record = || Cue::Record(vec![("binary", text("shell"))]);
    let twice = Cue::Record(vec![("init", init_record()), ("init", init_record())]);
    assert_eq!(
        outcome(&with_config(&twice)),
        "initConfig.init: `init` is there twice"
    );
    let others = Cue::Record(vec![
        ("x", Cue::Uint(1)),
        ("init", init_record()),
        ("x", Cue::Int(1)),
    ]);
    assert_eq!(outcome(&with_config(&others)), "ok");
}

#[test]
fn p13_capability_names_are_unique_and_fit_the_capset() {
    let twice = vec![cap("c", "console", vec![]), cap("c", "timer", vec![])];
    assert_eq!(
        outcome(&with_caps(twice)),
        "initConfig.init.caps[1].name: `c` is there twice"
    );
    let long = vec![cap(&"n".repeat(33), "timer", vec![])];
    assert_eq!(
        outcome(&with_caps(long)),
        "initConfig.init.caps[0].name: has 33 bytes, at most 32 are allowed"
    );
    let empty = vec![cap("", "timer", vec![])];
    assert_eq!(
        outcome(&with_caps(empty)),
        "initConfig.init.caps[0].name: is missing or empty"
    );
    let many: Vec<Cue> = (0..86).map(|n| cap(&format!("c{n}"), "timer", vec![])).collect();
    assert_eq!(
        outcome(&with_caps(many)),
        "initConfig.init.caps: has 86 entries, at most 85 are allowed"
    );
}

#[test]
fn p13_sources_are_snake_case_names_of_things_init_may_have() {
    let source = |source| with_caps(vec![cap("a", "console", vec![]), cap("c", source, vec![])]);
    let at = "initConfig.init.caps[1].source.kernel";
    assert_eq!(outcome(&source("frame_allocator")), "ok");
    assert_eq!(outcome(&source("supervisor")), "ok");
    assert_eq!(
        outcome(&source("frameAllocator")),
        format!("{at}: `frameAllocator` means nothing here")
    );
    assert_eq!(
        outcome(&source("null")),
        format!("{at}: `null` cannot be given to init")
    );
    assert_eq!(
        outcome(&source("park_bench")),
        format!("{at}: `park_bench` cannot be given to init")
    );
    let needs = format!("{at}: needs kernelParams.");
    assert_eq!(
        outcome(&source("ssh_development_host_key")),
        format!("{needs}sshDevelopmentHostKey")
    );
    assert_eq!(
        outcome(&source("block_device_target")),
        format!("{needs}blockDeviceTarget")
    );
    assert_eq!(
        outcome(&source("cpu_isolation_pool_grant_secondary")),
        format!("{at}: needs a second entry in kernelParams.cpuIsolationPoolGrants")
    );
}

#[test]
fn p13_there_is_one_terminal_session() {
    let two = vec![
        cap("a", "terminal_session", vec![]),
        cap("b", "terminal_session", vec![]),
    ];
    assert_eq!(
        outcome(&with_caps(two)),
        "initConfig.init.caps[1].source.kernel: `terminal_session` is there twice"
    );
}

#[test]
fn p13_an_expected_interface_must_be_the_one_given() {
    let expecting = |id| {
        with_caps(vec![cap(
            "p",
            "scheduling_policy",
            vec![("expectedInterfaceId", id)],
        )])
    };
    assert_eq!(outcome(&expecting(Cue::Uint(0xc6e2_ef87_1937_51db))), "ok");
    assert_eq!(
        outcome(&expecting(Cue::Uint(1))),
        "initConfig.init.caps[0].expectedInterfaceId: \
         `scheduling_policy` gives interface 0xc6e2ef87193751db, not 0x0000000000000001"
    );
}

#[test]
fn p13_numbers_are_unsigned_on_the_wire() {
    let signed = with_caps(vec![cap("e", "endpoint", vec![("badge", Cue::Int(1))])]);
    assert_eq!(
        outcome(&signed),
        "initConfig.init.caps[0].badge: must be an unsigned integer, is a signed integer"
    );
}

#[test]
fn p13_the_badge_of_a_listen_authority_is_a_port() {
    let port = |port| {
        with_caps(vec![cap(
            "l",
            "tcp_listen_authority",
            vec![("badge", Cue::Uint(port))],
        )])
    };
    assert_eq!(
        (outcome(&port(1)), outcome(&port(65_535))),
        ("ok".into(), "ok".into())
    );
    let none = with_caps(vec![cap("l", "tcp_listen_authority", vec![])]);
    for (message, badge) in [(none, 0), (port(65_536), 65_536)] {
        assert_eq!(
            outcome(&message),
            format!("initConfig.init.caps[0].badge: {badge} is not allowed, only ports 1 to 65535")
        );
    }
}

#[test]
fn p13_disclosure_scopes_are_known_words() {
    let scope = |words: &[&str]| {
        let words = Cue::List(words.iter().map(|word| text(word)).collect());
        with_caps(vec![cap("e", "endpoint", vec![("disclosureScope", words)])])
    };
    let message = bytes(&scope(&["principal_kind", "profile_class"]));
    assert_eq!(
        Manifest::decode(message.bytes()).unwrap().init.caps[0].disclosure,
        0b101
    );
    assert_eq!(
        outcome(&scope(&["auth_strength", "shoe_size"])),
        "initConfig.init.caps[0].disclosureScope[1]: `shoe_size` means nothing here"
    );
}

#[test]
fn p13_inits_own_data_reads_back_as_a_tree() {
    let config = Cue::Record(vec![
        ("init", Cue::Record(vec![("binary", text("init"))])),
        ("services", Cue::List(vec![text("shell"), Cue::Uint(7)])),
    ]);
    let bytes = bytes(&with_config(&config));
    let tree = config::Value::read(bytes.bytes()).unwrap();
    let services = tree.get("services").unwrap();
    assert_eq!(services.list()[0].text(), Some("shell"));
    assert_eq!(services.list()[1].uint(), Some(7));
    assert_eq!(tree.get("absent"), None);
}

#[test]
fn p13_a_tree_too_deep_for_the_reader_is_refused_and_not_followed() {
    let mut deep = text("bottom");
    for _ in 0..40 {
        deep = Cue::List(vec![deep]);
    }
    let config = Cue::Record(vec![
        ("init", Cue::Record(vec![("binary", text("init"))])),
        ("deep", deep),
    ]);
    let bytes = bytes(&with_config(&config));
    assert!(
        Manifest::decode(bytes.bytes()).is_ok(),
        "nobody looks there at boot"
    );
    let error = config::Value::read(bytes.bytes()).unwrap_err();
    assert!(matches!(error.problem, Problem::Unreadable { .. }), "{error}");
}

#[test]
fn p13_a_record_that_claims_millions_of_fields_is_refused_without_visiting_them() {
    // Found by fuzzing: a list of structs without content takes no room, so 3 KB could claim millions of
    // fields, and looking up a few names in them took seconds.
    let mut message = Message::new_default();
    message
        .init_root::<system_manifest::Builder<'_>>()
        .set_schema_version(1);
    let config = message
        .get_root::<system_manifest::Builder<'_>>()
        .unwrap()
        .init_init_config();
    config.init_fields(1024);
    assert_eq!(outcome(&message), "initConfig.init: is missing or empty");
    let config = message
        .get_root::<system_manifest::Builder<'_>>()
        .unwrap()
        .init_init_config();
    config.init_fields(1025);
    assert_eq!(
        outcome(&message),
        "initConfig: has 1025 entries, at most 1024 are allowed"
    );
}

#[test]
fn p13_every_truncation_of_a_manifest_is_an_error_or_harmless() {
    let whole = bytes(&with_kernel(|mut kernel| {
        kernel.set_motd("hello");
        kernel.set_hostname("sundial");
    }));
    for length in 0..whole.bytes().len() {
        let part = Aligned::copy(&whole.bytes()[..length]);
        assert!(Manifest::decode(part.bytes()).is_err(), "{length} bytes");
    }
}

proptest! {
    #[test]
    fn p13_random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let bytes = Aligned::copy(&bytes);
        let _ = Manifest::decode(bytes.bytes());
        let _ = config::Value::read(bytes.bytes());
    }

    #[test]
    fn p13_a_good_manifest_with_random_damage_never_panics(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut bytes = bytes(&good()).bytes().to_vec();
        for (index, value) in damage {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let bytes = Aligned::copy(&bytes);
        let _ = Manifest::decode(bytes.bytes());
        let _ = config::Value::read(bytes.bytes());
    }
}
