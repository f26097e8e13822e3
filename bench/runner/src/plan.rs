//! What a boot is to measure, in the words of each system: a manifest for Sundial, the file `/plan` for Linux. Which of
//! the program's rows a row of the table needs is in sources.rs.

use std::fmt::Write as _;

/// Wishes of one boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// A name for its files.
    pub(super) name: String,
    /// Rows by the program's names.
    pub(super) rows: Vec<&'static str>,
    /// How often each is repeated.
    pub(super) rounds: u32,
    /// Length of a window of time, in ticks.
    pub(super) window: u64,
    /// Seconds that Linux sleeps before the first row, so that work which it deferred at boot has ended.
    pub(super) settle: u32,
}

impl Plan {
    /// A manifest with the program as first process and everything that any row needs.
    pub(super) fn for_sundial(&self) -> String {
        let binaries = ["bench", "bench-nothing", "bench-padded"];
        let sources = [
            "console",
            "boot_package",
            "timer",
            "monitor",
            "process_spawner",
            "virtual_memory",
            "thread_spawner",
            "thread_control",
            "park_space",
            "scheduling_policy",
            "scheduling_context",
        ];
        let binaries: String = binaries.map(|name| format!("{name} = \"{name}\"\n")).concat();
        let caps: String = sources
            .map(|source| format!("    {{ source = \"{source}\" }},\n"))
            .concat();
        format!(
            "[binaries]\n{binaries}\n[init]\nbinary = \"bench\"\ncaps = [\n{caps}]\n\n\
             [kernel]\nreservable_permille = 950\n\n\
             [config]\nrows = {:?}\nrounds = {}\nwindow = {}\n",
            self.rows, self.rounds, self.window
        )
    }

    /// Lines of `key=value`.
    pub(super) fn for_linux(&self) -> String {
        let mut text = String::new();
        let numbers = [
            ("rounds", u64::from(self.rounds)),
            ("window", self.window),
            ("settle", u64::from(self.settle)),
        ];
        let _ = writeln!(text, "rows={}", self.rows.join(","));
        for (key, value) in numbers {
            let _ = writeln!(text, "{key}={value}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            name: "costs".to_owned(),
            rows: vec!["call-pipe", "park"],
            rounds: 3,
            window: 7,
            settle: 10,
        }
    }

    #[test]
    fn the_manifest_asks_for_what_was_asked_for() {
        let text = plan().for_sundial();
        for part in [
            "rows = [\"call-pipe\", \"park\"]",
            "rounds = 3",
            "window = 7",
            "bench-padded = \"bench-padded\"",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }

    #[test]
    fn the_plan_for_linux_is_a_line_per_wish() {
        let expected = "rows=call-pipe,park\nrounds=3\nwindow=7\nsettle=10\n";
        assert_eq!(plan().for_linux(), expected);
    }
}
