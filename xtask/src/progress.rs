//! What the builder says while it works: one line per step on standard error, with a moving spinner and the
//! tool's latest line on a terminal, and a plain line elsewhere. Standard output belongs to results.

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{BufRead, BufReader, IsTerminal};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A step shorter than this is not worth a line where nobody watches.
const WORTH_A_LINE: Duration = Duration::from_secs(2);

/// Says one line.
pub fn say(line: impl AsRef<str>) {
    eprintln!("x: {}", line.as_ref());
}

/// Whether a person watches standard error.
#[must_use]
pub fn watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Runs `command` as the step `what`, keeping its output to show it if the step fails, or if it warned.
///
/// # Errors
/// When the command cannot be started or does not succeed; its output has then been printed.
pub fn step(what: &str, command: &mut Command) -> Result<()> {
    let (success, output) = observed(what, command)?;
    let text = output.join("\n");
    if !success {
        eprintln!("{text}");
        bail!("{what} failed; the command was: {}", shown(command));
    }
    if output.iter().any(|line| line.contains("warning")) {
        eprintln!("{text}");
    }
    Ok(())
}

/// Runs `command` as the step `what` and keeps silent about its output: its success and its lines.
///
/// # Errors
/// When the command cannot be started.
pub fn observed(what: &str, command: &mut Command) -> Result<(bool, Vec<String>)> {
    let began = Instant::now();
    let bar = watched().then(|| spinner(what));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    let mut lines = Vec::new();
    let mut announced = bar.is_some();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).trim_end().to_owned();
            if let Some(bar) = &bar {
                bar.set_message(line.trim().to_owned());
            }
            if !announced && began.elapsed() > WORTH_A_LINE {
                say(what);
                announced = true;
            }
            lines.push(line);
        }
    }
    let status = child.wait()?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let took = began.elapsed();
    if took > WORTH_A_LINE {
        say(format!("{what}: {:.0} s", took.as_secs_f64()));
    }
    Ok((status.success(), lines))
}

/// The command as one could type it.
#[must_use]
pub fn shown(command: &Command) -> String {
    let mut words: Vec<String> = command
        .get_envs()
        .filter_map(|(key, value)| {
            Some(format!(
                "{}={}",
                key.to_string_lossy(),
                quoted(&value?.to_string_lossy())
            ))
        })
        .collect();
    words.push(command.get_program().to_string_lossy().into_owned());
    words.extend(command.get_args().map(|word| quoted(&word.to_string_lossy())));
    words.join(" ")
}

/// One word of a shell command.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_prefix(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} ({elapsed}) {wide_msg:.dim}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
