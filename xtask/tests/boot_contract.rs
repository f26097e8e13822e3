//! The contract of `./x boot`, by which other tools boot things: the console byte for byte, exit codes, the time limit,
//! the one JSON object, and a QEMU that never outlives us. It is held against kernels of sixty bytes made here, so that
//! it does not depend on ours.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where the tiny kernel is loaded: all of its file, as it is.
const BASE: u32 = 0x10_0000;
const HEADER: usize = 52;
const PROGRAM_HEADER: usize = 32;
const SAYS: &[u8] = b"one line\nand \xffbytes without an end";

/// What a tiny kernel does after it has said its text.
enum Then {
    /// Reports `kind` and `code` as ours does, and stops the machine.
    Report { kind: u32, code: i64 },
    /// Stops the machine without a word.
    Vanish,
    /// Sleeps for ever.
    Sleep,
}

/// A 32-bit ELF with a PVH note and a dozen instructions.
fn tiny_kernel(then: &Then) -> Vec<u8> {
    let note_at = HEADER + 2 * PROGRAM_HEADER;
    let code_at = note_at + 20;
    let at = |offset: usize| (BASE + offset as u32).to_le_bytes();

    let (record, ends) = match then {
        Then::Report { kind, code } => {
            let record = [
                &0x5355_4e44_u32.to_le_bytes()[..],
                &kind.to_le_bytes(),
                &code.to_le_bytes(),
            ]
            .concat();
            (record, true)
        }
        Then::Vanish => (Vec::new(), true),
        Then::Sleep => (Vec::new(), false),
    };
    // Two copies: `rep outsb` sends what esi points at, first the text to COM1, then the record to the debug port.
    let mut code = Vec::new();
    let text_at = code_at + 64;
    let record_at = text_at + SAYS.len();
    for (from, length, port) in [(text_at, SAYS.len(), 0x3f8_u16), (record_at, record.len(), 0xe9)] {
        code.push(0xbe); // mov esi, from
        code.extend(at(from));
        code.push(0xb9); // mov ecx, length
        code.extend((length as u32).to_le_bytes());
        code.extend([0x66, 0xba]); // mov dx, port
        code.extend(port.to_le_bytes());
        code.extend([0xe3, 0x04, 0xac, 0xee, 0xe2, 0xfc]); // jecxz past; lodsb; out dx, al; loop
    }
    if ends {
        code.extend([0x66, 0xba, 0xf4, 0x00, 0xef]); // mov dx, 0xf4; out dx, eax
    }
    code.extend([0xf4, 0xeb, 0xfd]); // hlt; jmp to it
    assert!(code.len() <= 64);
    code.resize(64, 0xf4);

    let size = record_at + record.len();
    let words = |words: &[u32]| {
        words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0".to_vec();
    file.extend(words(&[1, BASE + code_at as u32, HEADER as u32, 0, 0]));
    file.extend([52, 0, 32, 0, 2, 0, 40, 0, 0, 0, 0, 0]);
    file.extend(words(&[1, 0, BASE, BASE, size as u32, size as u32, 7, 4096])); // load everything
    file.extend(words(&[
        4,
        note_at as u32,
        BASE + note_at as u32,
        BASE + note_at as u32,
        20,
        20,
        4,
        4,
    ]));
    file.extend(words(&[4, 4, 18])); // the note that says where PVH enters
    file.extend(b"Xen\0");
    file.extend(at(code_at));
    file.extend(code);
    file.extend(SAYS);
    file.extend(record);
    file
}

/// A folder with a tiny kernel and something to hand it over.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new(then: &Then) -> Scene {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("kernel"), tiny_kernel(then)).expect("a file");
        std::fs::write(folder.path().join("manifest"), [0; 64]).expect("a file");
        Scene { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .arg("boot")
            .arg(self.path("manifest"))
            .arg("--kernel")
            .arg(self.path("kernel"));
        command.args(["--accel", "tcg"]).args(more).stdin(Stdio::null());
        command
    }

    fn boot(&self, more: &[&str]) -> Output {
        self.command(more).output().expect("the builder starts")
    }
}

#[test]
fn the_console_arrives_byte_for_byte_and_the_exit_code_is_the_guests() {
    for (code, expected) in [(0, 0), (7, 7), (-1, 255), (300, 44)] {
        let output = Scene::new(&Then::Report { kind: 1, code }).boot(&[]);
        assert_eq!(
            (output.stdout.as_slice(), output.status.code()),
            (SAYS, Some(expected))
        );
    }
}

#[test]
fn every_other_ending_has_a_code_of_its_own() {
    for (then, expected) in [
        (Then::Report { kind: 2, code: 0 }, 125),
        (Then::Report { kind: 3, code: 0 }, 123),
        (Then::Report { kind: 9, code: 0 }, 122),
        (Then::Vanish, 122),
    ] {
        assert_eq!(Scene::new(&then).boot(&[]).status.code(), Some(expected));
    }
}

#[test]
fn a_guest_that_does_not_end_is_ended_at_its_limit() {
    let began = Instant::now();
    let output = Scene::new(&Then::Sleep).boot(&["--timeout", "2.5"]);
    assert_eq!(output.status.code(), Some(124));
    assert!(began.elapsed() >= Duration::from_millis(2500));
}

#[test]
fn what_cannot_be_booted_is_told_apart_from_what_failed() {
    let scene = Scene::new(&Then::Vanish);
    assert_eq!(scene.boot(&["--cpu", "NoSuchModel"]).status.code(), Some(121));
    assert_eq!(scene.boot(&["--timeout", "-1"]).status.code(), Some(2));
    std::fs::remove_file(scene.path("manifest")).expect("it was there");
    assert_eq!(scene.boot(&[]).status.code(), Some(121));
}

#[test]
fn json_is_one_object_on_standard_output_and_the_console_steps_aside() {
    let output = Scene::new(&Then::Report { kind: 1, code: 7 }).boot(&["--json", "--smp", "2"]);
    let about: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(
        (&about["ending"], &about["code"], &about["cpus"]),
        (&"exited".into(), &7.into(), &2.into())
    );
    assert_eq!(about["console_bytes"], SAYS.len());
    assert!(output.stderr.windows(SAYS.len()).any(|window| window == SAYS));
}

#[test]
fn a_terminal_in_a_file_is_a_file_even_when_nothing_is_said_there() {
    let scene = Scene::new(&Then::Report { kind: 1, code: 0 });
    let file = scene.path("said,there");
    let output = scene.boot(&["--terminal", &file.to_string_lossy()]);
    assert_eq!(
        (output.status.code(), std::fs::read(&file).ok()),
        (Some(0), Some(Vec::new()))
    );
}

/// The process that boots `manifest`, found by its command line: QEMU's own number is nobody's business but ours.
fn qemu_of(manifest: &Path) -> Option<PathBuf> {
    let wanted = manifest.to_string_lossy().into_owned();
    let processes = std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    let boots = |path: &PathBuf| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let words: Vec<_> = line
            .split(|byte| *byte == 0)
            .map(String::from_utf8_lossy)
            .collect();
        words.iter().any(|word| word == "-initrd") && words.iter().any(|word| *word == wanted)
    };
    processes.into_iter().find(boots)
}

#[track_caller]
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn qemu_ends_with_us_however_we_end() {
    for signal in ["INT", "TERM", "KILL"] {
        let scene = Scene::new(&Then::Sleep);
        let mut child = scene
            .command(&[])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the builder starts");
        // Its first words say that it runs.
        let mut first = [0];
        child
            .stdout
            .take()
            .expect("a pipe")
            .read_exact(&mut first)
            .expect("the console");
        assert!(qemu_of(&scene.path("manifest")).is_some());
        let status = Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .status();
        assert!(status.is_ok_and(|status| status.success()));
        let expected = if signal == "KILL" { None } else { Some(130) };
        assert_eq!(child.wait().expect("it ended").code(), expected, "{signal}");
        soon("QEMU is still there", || {
            qemu_of(&scene.path("manifest")).is_none()
        });
    }
}
