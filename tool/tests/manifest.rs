//! Manifests from TOML: what is written, what is refused and how it is said, and the way back.

use manifest::config::Value;
use manifest::init::Image;
use manifest::source::Source;
use manifest::{Aligned, Manifest};
use std::path::Path;
use sundial::manifest::{Built, Options, build, build_text, check, show};

const FULL: &str = include_str!("full.toml");

/// A small static program: one executable segment of 16 bytes, and behind it bytes that loading does not
/// need.
fn program() -> Vec<u8> {
    let mut image = vec![0; 0x1010];
    image[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    (image[16], image[18], image[20]) = (2, 62, 1);
    image[24..32].copy_from_slice(&0x20_0000u64.to_le_bytes());
    (image[32], image[54], image[56]) = (64, 56, 1);
    let words: [u64; 7] = [1 | 5 << 32, 0x1000, 0x20_0000, 0x20_0000, 0x10, 0x10, 0x1000];
    for (index, word) in words.into_iter().enumerate() {
        image[64 + 8 * index..72 + 8 * index].copy_from_slice(&word.to_le_bytes());
    }
    image.extend_from_slice(b"debug information");
    image
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shell"), program()).unwrap();
    std::fs::write(folder.path().join("data"), b"some data").unwrap();
    folder
}

fn built(text: &str) -> Built {
    let folder = folder();
    build_text(&folder.path().join("m.toml"), text, &Options::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What a person sees, without the folder.
fn refused(text: &str) -> String {
    let folder = folder();
    let error = build_text(&folder.path().join("m.toml"), text, &Options::default()).unwrap_err();
    error
        .to_string()
        .replace(&format!("{}/", folder.path().display()), "")
}

const MINIMAL: &str = "[init]\nbinary = \"init\"\n";

#[test]
fn p13_three_lines_make_a_manifest() {
    let built = built("[binaries]\nshell = \"shell\"\n[init]\nbinary = \"shell\"");
    let bytes = Aligned::copy(&built.bytes);
    let manifest = Manifest::decode(bytes.bytes()).unwrap();
    assert_eq!(manifest.init.image, Image::Binary { index: 0 });
    assert_eq!(built.binaries, [("shell".to_owned(), 0x1010)]);
    assert!(built.warnings.is_empty());
}

#[test]
fn p13_programs_lose_what_loading_does_not_need_unless_wanted_whole() {
    let built = built(
        "[binaries]\na = \"shell\"\nb = { path = \"shell\", whole = true }\nc = \"data\"\n[init]\nbinary = \"a\"",
    );
    let sizes: Vec<usize> = built.binaries.iter().map(|(_, bytes)| *bytes).collect();
    assert_eq!(sizes, [0x1010, program().len(), 9]);
}

#[test]
fn p13_every_key_reaches_its_field() {
    let built = built(FULL);
    let bytes = Aligned::copy(&built.bytes);
    let manifest = Manifest::decode(bytes.bytes()).unwrap();
    let names: Vec<(&str, Source, u64)> = manifest
        .init
        .caps
        .iter()
        .map(|cap| (cap.name, cap.source, cap.badge))
        .collect();
    assert_eq!(
        names,
        [
            ("console", Source::Console, 0),
            ("spawn", Source::ProcessSpawner, 0),
            ("net", Source::TcpListenAuthority, 8080),
            ("service", Source::Endpoint, 0),
        ]
    );
    assert_eq!(manifest.init.caps[3].disclosure, 0b11);
    let kernel = &manifest.kernel;
    assert_eq!(
        (kernel.hostname, kernel.motd),
        ("sundial", "Welcome.\nType help.\n")
    );
    assert_eq!(
        (kernel.terminal_uart.baud, kernel.terminal_uart.divisor()),
        (9600, 12)
    );
    assert_eq!(kernel.pools[0].cpu_mask, [0b110, 1]);
    assert_eq!(
        (kernel.pool_grants[1].account, kernel.pool_grants[1].pool),
        (8, 1)
    );
    assert_eq!(
        kernel.seed_accounts[0].direct_caps,
        [Source::Console, Source::Timer]
    );
    assert_eq!(kernel.resource_profiles[0].thread_limit, 4);
    assert_eq!(kernel.authorized_ssh_keys[0].allowed_shell_profiles, ["operator"]);
    assert_eq!(kernel.block_device_target.unwrap().device, 4);
    assert_eq!(
        manifest
            .extension_points
            .as_ref()
            .unwrap()
            .max_additional_services,
        2
    );

    let config = Value::read(bytes.bytes()).unwrap();
    let service = &config.get("services").unwrap().list()[0];
    assert_eq!(service.get("name").unwrap().text(), Some("shell"));
    assert_eq!(service.get("memory").unwrap().uint(), Some(4096));
    let odd = config.get("odd").unwrap();
    assert_eq!(odd.get("negative"), Some(&Value::Int(-5)));
    assert_eq!(odd.get("signed"), Some(&Value::Int(5)));
    assert_eq!(odd.get("huge"), Some(&Value::Uint(u64::MAX)));
    assert_eq!(odd.get("nothing"), Some(&Value::Null));
    assert_eq!(odd.get("raw"), Some(&Value::Bytes(&[0, 0xff])));
}

#[test]
fn p13_show_prints_what_builds_the_same_manifest() {
    let first = built(FULL);
    let folder = tempfile::tempdir().unwrap();
    let text = show(&first.bytes, Some(folder.path())).unwrap();
    let file = folder.path().join("shown.toml");
    std::fs::write(&file, &text).unwrap();
    let second = build(&file, &Options::default()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let (first, second) = (Aligned::copy(&first.bytes), Aligned::copy(&second.bytes));
    assert_eq!(
        Manifest::decode(first.bytes()).unwrap(),
        Manifest::decode(second.bytes()).unwrap()
    );
    assert_eq!(
        Value::read(first.bytes()).unwrap(),
        Value::read(second.bytes()).unwrap()
    );
    assert_eq!(
        first.bytes(),
        second.bytes(),
        "and byte for byte, as nothing here is a default spelled out"
    );
}

#[test]
fn p13_show_prints_short_manifests_short() {
    let text = show(&built(MINIMAL).bytes, None).unwrap();
    assert_eq!(text, "[init]\nbinary = \"init\"\n");
}

#[test]
fn p13_binaries_are_looked_for_in_program_folders_too() {
    let (programs, elsewhere) = (folder(), tempfile::tempdir().unwrap());
    let text = "[binaries]\nshell = \"shell\"\n[init]\nbinary = \"shell\"";
    let file = elsewhere.path().join("m.toml");
    let options = Options {
        programs: vec![programs.path().to_owned()],
    };
    assert!(build_text(&file, text, &options).is_ok());
    let error = build_text(&file, text, &Options::default()).unwrap_err();
    assert!(error.diagnostics[0].message.contains("tried"), "{error}");
}

#[test]
fn p13_an_unknown_word_is_shown_in_its_line_with_the_nearest_known_one() {
    assert_eq!(
        refused("[init]\nbinary = \"init\"\n\n[[init.caps]]\nsource = \"consol\"\n"),
        "error: m.toml:5:10: init.caps[0].source: `consol` means nothing here; did you mean `console`?\n\
         5 | source = \"consol\"\n  |          ^^^^^^^^\n"
    );
}

#[test]
fn p13_an_unknown_key_is_an_error_not_ignored() {
    assert_eq!(
        refused(&format!("{MINIMAL}[kernel]\nhostnam = \"x\"\n")),
        "error: m.toml:4:1: kernel.hostnam: `hostnam` means nothing here; did you mean `hostname`?\n\
         4 | hostnam = \"x\"\n  | ^^^^^^^\n"
    );
}

#[test]
fn p13_what_the_kernel_would_refuse_is_told_at_the_line_it_came_from() {
    assert_eq!(
        refused(&format!("{MINIMAL}[kernel.terminal_uart]\nbaud = 7\n")),
        "error: m.toml:4:8: kernel.terminal_uart.baud: 7 is not allowed, only rates that divide 115200\n\
         4 | baud = 7\n  |        ^\n"
    );
    let port = "[[init.caps]]\nname = \"l\"\nsource = \"tcp_listen_authority\"\n";
    let told = refused(&format!("{MINIMAL}{port}"));
    assert!(
        told.starts_with("error: m.toml:3:"),
        "an absent badge is told at its capability: {told}"
    );
    assert!(
        told.contains("init.caps[0]: 0 is not allowed, only ports 1 to 65535"),
        "{told}"
    );
    let twice = "[[init.caps]]\nsource = \"timer\"\n[[init.caps]]\nname = \"timer\"\nsource = \"console\"\n";
    let told = refused(&format!("{MINIMAL}{twice}"));
    assert!(
        told.starts_with("error: m.toml:6:8: init.caps[1].name: `timer` is there twice"),
        "{told}"
    );
    let interface = "[[init.caps]]\nsource = \"timer\"\ninterface = \"Console\"\n";
    let told = refused(&format!("{MINIMAL}{interface}"));
    assert!(
        told.starts_with("error: m.toml:5:13: init.caps[0].interface: `timer` gives interface"),
        "{told}"
    );
}

#[test]
fn p13_all_errors_of_a_file_come_at_once() {
    let told =
        refused("[init]\nbinary = 5\n[kernel]\nlog_level = \"loud\"\nhostname = true\n[config]\nx = 1.5\n");
    let heads: Vec<&str> = told.lines().filter(|line| line.starts_with("error")).collect();
    assert_eq!(
        heads,
        [
            "error: m.toml:2:10: init.binary: must be text in quotes, is an integer",
            "error: m.toml:7:5: config.x: must not be a fraction: manifests have none",
            "error: m.toml:4:13: kernel.log_level: `loud` means nothing here; known are debug, info, warn, error",
            "error: m.toml:5:12: kernel.hostname: must be text in quotes, is a boolean",
        ]
    );
}

#[test]
fn p13_text_that_is_no_toml_is_told_at_its_place() {
    let told = refused("[init\nbinary = 1");
    assert!(told.starts_with("error: m.toml:1:"), "{told}");
}

#[test]
fn p13_numbers_say_how_large_they_may_be() {
    let told = refused(&format!("{MINIMAL}[[kernel.pools]]\nid = 4294967296\n"));
    assert!(
        told.contains("kernel.pools[0].id: must be from 0 to 4294967295"),
        "{told}"
    );
    let told = refused(&format!("{MINIMAL}[kernel.session_lifetimes]\nguest_ms = -1\n"));
    assert!(
        told.contains("guest_ms: must be from 0 to 18446744073709551615"),
        "{told}"
    );
}

#[test]
fn p13_init_must_be_a_program_and_others_are_only_remarked_on() {
    let told = refused("[binaries]\nd = \"data\"\n[init]\nbinary = \"d\"");
    assert!(
        told.starts_with("error: m.toml:2:5: binaries.d: `d` cannot be loaded as a program"),
        "{told}"
    );

    let folder = folder();
    let mut broken = program();
    broken[68] = 7; // writable and executable
    std::fs::write(folder.path().join("broken"), broken).unwrap();
    let text = format!("[binaries]\nodd = \"broken\"\n{MINIMAL}");
    let built = build_text(&folder.path().join("m.toml"), &text, &Options::default()).unwrap();
    assert!(built.warnings[0].message.contains("both writable and executable"));
    let checked = check(built.bytes).unwrap();
    assert_eq!(checked.warnings[0].field, "binaries[0].data");
}

#[test]
fn p13_a_damaged_file_is_refused_by_check_and_show() {
    let mut bytes = built(MINIMAL).bytes;
    bytes[8] = 0xff;
    assert!(check(bytes.clone()).is_err());
    let failure = show(&bytes, None).unwrap_err().in_file(Path::new("m.bin"));
    assert!(failure.to_string().starts_with("error: m.bin: "), "{failure}");
    assert!(
        failure.to_json().starts_with("{\"diagnostics\":[{"),
        "{}",
        failure.to_json()
    );
}
