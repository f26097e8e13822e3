//! The command itself: exit codes, where output goes, and that the examples of docs/manifest.md tell the
//! truth.

use std::path::Path;
use std::process::{Command, Output};

fn sundial(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sundial"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn p13_build_check_and_show_follow_each_other() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.toml"), "[init]\nbinary = \"init\"\n").unwrap();
    let built = sundial(folder.path(), &["manifest", "build", "m.toml"]);
    assert!(built.status.success(), "{}", text(&built.stderr));
    let checked = sundial(folder.path(), &["manifest", "check", "m.bin", "--json"]);
    assert!(text(&checked.stdout).contains("\"result\":\"in order\""));
    let shown = sundial(folder.path(), &["manifest", "show", "m.bin"]);
    assert_eq!(text(&shown.stdout), "[init]\nbinary = \"init\"\n");
}

#[test]
fn p13_errors_go_to_standard_error_with_exit_code_one_and_wrong_usage_with_two() {
    let folder = tempfile::tempdir().unwrap();
    let absent = sundial(folder.path(), &["manifest", "show", "absent.bin"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(absent.stdout.is_empty() && text(&absent.stderr).starts_with("error: absent.bin: "));
    assert_eq!(
        sundial(folder.path(), &["manifest", "frobnicate"]).status.code(),
        Some(2)
    );
}

#[test]
fn l9_a_run_that_is_stuck_ends_with_one_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let ends = |program: &str, beside: &str| {
        let file = format!(
            "duration = '20ms'\nmachine = {{ cpus = 1 }}\n[[thread]]\nname = 'a'\nprogram = [{program}]\n{beside}"
        );
        std::fs::write(folder.path().join("s.toml"), file).unwrap();
        let plain = sundial(folder.path(), &["sim", "s.toml"]);
        let orders = sundial(folder.path(), &["sim", "orders", "s.toml", "--depth", "1"]);
        assert_eq!(plain.status.code(), orders.status.code(), "{program}");
        (plain.status.code(), text(&plain.stderr).to_owned())
    };
    let hog = "[[thread]]\nname = 'hog'\nrepeat = 'forever'\nprogram = ['run 1ms']\n";
    assert_eq!(
        ends("'suspend'", ""),
        (
            Some(1),
            "s.toml: stuck: all 1 threads that are left wait for ever\n".into()
        )
    );
    let own = "s.toml: a 1 waits for ever at `lock m` for lock m, which it has itself\n";
    assert_eq!(ends("'lock m', 'lock m'", hog), (Some(1), own.into()));
    // A server beside others may wait for its next client.
    assert_eq!(ends("'serve files'", hog), (Some(0), String::new()));
    assert_eq!(ends("'run 1ms'", ""), (Some(0), String::new()));
}

#[test]
fn p13_the_examples_of_the_documentation_do_what_it_says() {
    let document = include_str!("../../docs/manifest.md");
    let blocks: Vec<&str> = document.split("```").skip(1).step_by(2).collect();
    let toml: Vec<&str> = blocks
        .iter()
        .filter_map(|block| block.strip_prefix("toml\n"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    for name in ["init", "shell", "hogs"] {
        std::fs::write(folder.path().join(name), tiny_program()).unwrap();
    }
    std::fs::write(folder.path().join("system.toml"), toml[0]).unwrap();
    let refused = sundial(folder.path(), &["manifest", "check", "system.toml"]);
    let said = blocks.iter().find(|block| block.contains("error: ")).unwrap();
    let first: Vec<&str> = text(&refused.stderr)
        .lines()
        .skip_while(|line| !line.contains("binaries.init"))
        .collect();
    assert_eq!(first, said.trim().lines().collect::<Vec<_>>());

    std::fs::write(folder.path().join("system.toml"), toml[1]).unwrap();
    let accepted = sundial(folder.path(), &["manifest", "check", "system.toml"]);
    assert!(accepted.status.success(), "{}", text(&accepted.stderr));
}

/// One executable segment of 16 bytes.
fn tiny_program() -> Vec<u8> {
    let mut image = vec![0; 0x1010];
    image[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    (image[16], image[18], image[20]) = (2, 62, 1);
    image[24..32].copy_from_slice(&0x20_0000u64.to_le_bytes());
    (image[32], image[54], image[56]) = (64, 56, 1);
    let words: [u64; 7] = [1 | 5 << 32, 0x1000, 0x20_0000, 0x20_0000, 0x10, 0x10, 0x1000];
    for (index, word) in words.into_iter().enumerate() {
        image[64 + 8 * index..72 + 8 * index].copy_from_slice(&word.to_le_bytes());
    }
    image
}

/// A chain of servers works with its caller's time: the numbers are in JSON, the pictures in the report.
#[test]
fn e8_a_simulation_shows_what_became_of_each_contexts_time() {
    let folder = tempfile::tempdir().unwrap();
    let chain = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/chain.toml");
    let ran = sundial(folder.path(), &["sim", chain, "--json", "--html", "r.html"]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let result: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert!(result["loans"].as_u64() > Some(100));
    let contexts = result["contexts"].as_array().unwrap();
    let names: Vec<_> = contexts.iter().map(|context| &context["name"]).collect();
    assert_eq!(names, ["control", "poor"]);
    for context in contexts {
        let number = |key: &str| context[key].as_u64().unwrap();
        assert!(number("used_ns") > 0 && number("missed") == 0, "{context}");
        assert!(number("fullest_window_ns") <= number("window_bound_ns") + number("late_at_most_ns"));
    }
    assert!(contexts[1]["throttled_ns"].as_u64() > Some(1_000_000), "it owes");
    let report = std::fs::read_to_string(folder.path().join("r.html")).unwrap();
    let section = report.split("<h2>Scheduling contexts").nth(1).unwrap();
    assert_eq!(section.matches("<svg").count(), 3);
}
