//! What figures belong to: the commit, the tools and the host. Kept with every row (requirement A4).

use super::Bench;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use xtask::toolchain::Bare;
use xtask::{progress, qemu, workspace};

/// Where and from what a run's figures come.
#[derive(Debug, Default)]
pub(super) struct Recipe {
    /// What was typed.
    pub(super) command: String,
    /// Commit, with a `+` when files differ from it.
    pub(super) commit: String,
    /// The compiler of kernel and programs.
    pub(super) toolchain: String,
    /// QEMU's version.
    pub(super) qemu: String,
    /// The host's processor and the number of its threads.
    pub(super) host: String,
    /// Load of the host over the last minute when the run began.
    pub(super) load: String,
    /// Whether this process, and QEMU with it, goes before others: `real-time` or `ordinary`.
    pub(super) priority: &'static str,
    /// Seconds since 1970 when the run began.
    pub(super) began: u64,
    /// Whether the run was a quick one.
    pub(super) quick: bool,
    /// The packages of the Linux kernels, by system.
    pub(super) linux: BTreeMap<&'static str, String>,
}

impl Recipe {
    /// Looks around.
    pub(super) fn of_this_run(bare: &Bare, bench: &Bench) -> Result<Recipe> {
        let git =
            |arguments: &[&str]| said_by(Command::new("git").current_dir(workspace::root()).args(arguments));
        let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
        let changed =
            git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|list| !list.is_empty());
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let words: Vec<String> = std::env::args()
            .skip(1)
            .map(|word| progress::quoted(&word))
            .collect();
        Ok(Recipe {
            command: format!("./x bench {}", words.join(" ")).trim_end().to_owned(),
            commit: if changed { format!("{commit}+") } else { commit },
            toolchain: said_by(Command::new(&bare.rustc).arg("--version")).unwrap_or_default(),
            qemu: qemu::version().unwrap_or_default(),
            host: host(),
            load: load.split_whitespace().next().unwrap_or_default().to_owned(),
            priority: priority(),
            began: SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
            quick: bench.quick,
            linux: bench.linux_packages(),
        })
    }

    /// As it is kept.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "command": self.command, "commit": self.commit, "toolchain": self.toolchain, "qemu": self.qemu, "host": self.host,
            "load": self.load, "priority": self.priority, "began": self.began, "quick": self.quick, "pinning": "none",
            "linux": self.linux,
        })
    }
}

fn host() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |rest| {
        rest.trim_start_matches([' ', '\t', ':'])
    });
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{model}, {threads} threads")
}

/// The scheduling policy of this process, field 41 of its line in /proc (proc(5)): 1 and 2 are the real-time ones.
fn priority() -> &'static str {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    match after_name.split_whitespace().nth(38) {
        Some("1" | "2") => "real-time",
        _ => "ordinary",
    }
}

fn said_by(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
