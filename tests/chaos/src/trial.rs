//! One boot of the random programs: what it is to be, and how it ended.

use anyhow::{Context, Result};
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;
use xtask::build::{self, Profile};
use xtask::qemu::{self, Accelerator, Ending, Guest, Machine, interrupt};
use xtask::{toolchain, workspace};

/// Longest time for a boot: only a hang gets there, also on a busy host.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is booted.
pub(crate) struct Images {
    kernel: PathBuf,
    programs: PathBuf,
}

impl Images {
    /// The kernel with its checks on, and the programs.
    pub(crate) fn build() -> Result<Images> {
        qemu::find_or_install()?;
        let bare = toolchain::find_or_install()?;
        let images = Images {
            kernel: build::kernel(&bare, Profile::Checked)?,
            programs: build::programs(&bare)?,
        };
        interrupt::watch();
        Ok(images)
    }
}

/// What a boot is to be.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    /// Seed of its first round.
    pub(crate) seed: u64,
    /// Rounds, each with the next seed.
    pub(crate) rounds: u64,
    /// CPUs; one is counted in instructions.
    pub(crate) cpus: u32,
    /// Processes at a time.
    pub(crate) actors: u64,
    /// Deeds of a thread.
    pub(crate) steps: u64,
    /// Kinds of deeds that are left out.
    pub(crate) without: Vec<String>,
}

/// How a boot ended.
pub(crate) enum Verdict {
    /// Everything was as it should be.
    Passed,
    /// It was not.
    Failed(Failure),
}

/// What was wrong.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The line that says it.
    pub(crate) what: String,
    /// All that the machine said.
    pub(crate) console: String,
}

impl Failure {
    /// What two failures of one cause have in common: the line without its numbers.
    pub(crate) fn kind(&self) -> String {
        let without_numbers = self.what.split(|letter: char| letter.is_ascii_digit());
        without_numbers
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("#")
    }
}

impl Trial {
    /// Boots it and waits for its end.
    pub(crate) fn run(&self, images: &Images) -> Result<Verdict> {
        let mut machine = Machine::new(images.kernel.clone(), self.manifest(images)?);
        machine.accelerator = Accelerator::Tcg;
        machine.cpus = self.cpus.to_string();
        machine.icount = self.cpus == 1;
        let mut guest = Guest::start(&machine)?;
        let mut console = guest.take_console().context("the console is on a pipe")?;
        let said = std::thread::spawn(move || {
            let mut said = Vec::new();
            // What came until the guest ended is what there is.
            let _ended = console.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        let ending = guest.wait(Some(PATIENCE))?;
        if ending == Ending::TimedOut {
            guest.kill();
        }
        let console = said.join().unwrap_or_default();
        Ok(match ending {
            Ending::Exited { code: 0 } => Verdict::Passed,
            Ending::Interrupted => anyhow::bail!("interrupted"),
            // Nothing was tried, so nothing failed, and nothing smaller would tell more.
            Ending::NotStarted => anyhow::bail!("{ending}: {}", guest.complaints()),
            _ => Verdict::Failed(Failure {
                what: complaint(&console).unwrap_or_else(|| ending.to_string()),
                console,
            }),
        })
    }

    /// The manifest: that of the tests with another `[config]`.
    fn manifest(&self, images: &Images) -> Result<PathBuf> {
        let of_tests = workspace::root().join("tests/manifests/proofs/chaos.toml");
        let text = std::fs::read_to_string(&of_tests).with_context(|| of_tests.display().to_string())?;
        let (head, _) = text
            .split_once("\n[config]")
            .context("the manifest of the tests has no [config]")?;
        let folder = workspace::run_folder().join("chaos");
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(format!("seed-{}-on-{}.toml", self.seed, self.cpus));
        let mut config = format!(
            "[config]\nproof = \"chaos\"\nseed = {}\nrounds = {}\nactors = {}\nsteps = {}\n",
            self.seed, self.rounds, self.actors, self.steps
        );
        if !self.without.is_empty() {
            let without: Vec<String> = self.without.iter().map(|kind| format!("\"{kind}\"")).collect();
            config.push_str(&format!("without = [{}]\n", without.join(", ")));
        }
        std::fs::write(&file, format!("{head}\n{config}"))?;
        build::manifest::build(&file, std::slice::from_ref(&images.programs))
    }

    /// The command that does it again.
    pub(crate) fn command(&self) -> String {
        let mut command = format!(
            "./x chaos --first {} --seeds 1 --rounds {} --cpus {} --actors {} --steps {} --no-shrink",
            self.seed, self.rounds, self.cpus, self.actors, self.steps
        );
        if !self.without.is_empty() {
            command.push_str(" --without ");
            command.push_str(&self.without.join(","));
        }
        command
    }
}

/// The line of the console that says what was wrong: of the kernel about itself, else of the program.
fn complaint(console: &str) -> Option<String> {
    let mut lines = console.lines().map(str::trim);
    if lines.any(|line| line.contains("Sundial kernel bug")) {
        return lines.find(|line| !line.is_empty()).map(str::to_owned);
    }
    let mut lines = console.lines().rev();
    lines
        .find(|line| line.starts_with("chaos: "))
        .map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(console: &str) -> Failure {
        let what = complaint(console).unwrap();
        let console = console.to_owned();
        Failure { what, console }
    }

    #[test]
    fn two_failures_of_one_cause_are_of_one_kind() {
        let one = failure("[0.1] info: up\r\nchaos: seed 3: token 2 had two holders\r\n");
        let other = failure("chaos: seed 17: token 5 had two holders\n");
        assert_eq!(one.what, "chaos: seed 3: token 2 had two holders");
        assert_eq!(one.kind(), other.kind());
        let third = failure("==== Sundial kernel bug ====\n\nassertion failed\nchaos: never comes\n");
        assert_eq!(third.what, "assertion failed");
        assert_ne!(one.kind(), third.kind());
    }
}
