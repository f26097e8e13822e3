//! A person at the terminal of a running kernel: types what `tests/sdk/src/bin/terminal.rs` asks for, not always right at
//! once, and sees what a person should see.

use sundial_tests::Setup;

/// What the program asks for, what is typed then, and what appears at the end.
const TALK: [(&str, &str, &str); 12] = [
    ("name? ", "xyz\x15bob\x17an\x7fnna\r", "nna\r\n"),
    ("word? ", "secreT\x7ft\r", "\r\n"),
    ("cancel? ", "half a\x03", "half a^C\r\n"),
    ("close? ", "\x04", "\r\n"),
    ("submit? ", "as \x1b[Aever\n", "as ever\r\n"),
    ("nothing? ", "\r", "\r\n"),
    ("something? ", "\rx\r", "\x07x\r\n"),
    ("four? ", "abcdef\r", "abcd\x07\x07\r\n"),
    ("first? ", "one\r\ntwo\rthree", "one\r\n"),
    ("second? ", "", "two\r\n"),
    ("busy? go on\r\n", "line\rraw", "line\r\n"),
    ("twenty? ", "abcdefghijklmnopqrst", ""),
];

#[test]
fn p9_a_person_types_and_a_program_reads() {
    let boot = Setup::of("sdk/terminal").cpus(2).terminal().start();
    boot.expect("raw \u{2713}\na line\r\n\r\n");
    for (prompt, typed, shown) in TALK {
        let before = boot.expect(prompt);
        assert_eq!(before, prompt, "nothing else appears before it asks");
        boot.type_text(typed);
        if !shown.is_empty() {
            let seen = boot.expect(shown);
            assert!(!seen.contains("secre"), "a hidden line was shown");
        }
    }
    boot.expect("bye ");
    let code = boot.exit();
    if code != 0 {
        boot.fail(&format!("terminal exited with {code}"));
    }
}
