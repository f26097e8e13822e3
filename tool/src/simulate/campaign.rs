//! Campaigns of random scenarios, and one of their seeds again.

use super::{Pictures, recipe};
use clap::Args;
use serde_json::json;
use sim::campaign::{self, Failure, Report};
use sim::{Machine, generate, input, shrink};
use std::io::{IsTerminal as _, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A thousand years, which fit into seconds.
const MOST_MINUTES: u64 = 1_000 * 366 * 24 * 60;

/// Half of all numbers that there are, so that none is beyond the last.
const MOST_SEEDS: u64 = u64::MAX / 2;

#[derive(Args)]
pub(super) struct Campaign {
    /// How many seeds to run.
    #[arg(long, default_value_t = 12_000, value_parser = clap::value_parser!(u64).range(1..=MOST_SEEDS))]
    seeds: u64,
    /// The first seed; the others follow it.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MOST_SEEDS - 100))]
    first: u64,
    /// End after so many minutes, whatever is left [default: when all seeds are done].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_MINUTES))]
    minutes: Option<u64>,
    /// Host threads to use [default: all CPUs].
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// Seconds to spend on making each of the first three failures small; zero for none.
    #[arg(long, value_name = "S", default_value_t = 60)]
    shrink: u64,
    /// Keep shrunk failures as scenarios in this folder, to be tried by every test from then on.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Replay {
    /// The seed.
    seed: u64,
    /// Print the scenario as TOML instead of running it.
    #[arg(long)]
    scenario: bool,
    #[command(flatten)]
    pictures: Pictures,
}

impl Campaign {
    pub(super) fn run(self) -> Result<(), String> {
        let cpus = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let forever = Duration::from_secs(u64::MAX / 4);
        let campaign = campaign::Campaign {
            first: self.first,
            seeds: self.seeds,
            workers: self.workers.unwrap_or_else(cpus),
            limit: self
                .minutes
                .map_or(forever, |minutes| Duration::from_secs(60 * minutes)),
        };
        // Panics of the code under test are findings; their text is in the report.
        std::panic::set_hook(Box::new(|_| {}));
        let bar = Bar::new(self.seeds);
        let report = campaign.run(|done, failed| bar.show(done, failed));
        bar.end();
        self.tell(&report);
        if report.failures.is_empty() && report.canary_caught {
            return Ok(());
        }
        let mut message = String::new();
        if !report.canary_caught {
            message += "the canary was not caught: a machine that loses wake-ups passed, so this campaign proves nothing\n";
        }
        for failure in report.failures.iter().take(3) {
            message += &self.explain(failure)?;
        }
        Err(message)
    }

    fn tell(&self, report: &Report) {
        let seconds = report.took.as_secs_f64();
        let rate = 2.0 * report.events as f64 / seconds;
        if self.json {
            let failures: Vec<_> = report
                .failures
                .iter()
                .map(|failure| json!({"seed": failure.seed, "rule": failure.broken.rule.name(), "evidence": failure.broken.evidence}))
                .collect();
            let adjacent = json!({"seen": report.coverage.seen(), "possible": report.coverage.possible()});
            println!(
                "{}",
                json!({
                    "first": self.first, "seeds": report.seeds, "events": report.events, "cut": report.cut, "seconds": seconds,
                    "events_per_second": rate, "failures": failures, "canary_caught": report.canary_caught,
                    "adjacent_steps": adjacent,
                })
            );
            return;
        }
        println!(
            "{} seeds from {}, {} events each run twice in {seconds:.1} s ({:.2} million events/s): {} failed, canary {}",
            report.seeds,
            self.first,
            report.events,
            rate / 1e6,
            report.failures.len(),
            if report.canary_caught {
                "caught"
            } else {
                "NOT caught"
            }
        );
        if report.cut > 0 {
            let most = campaign::MOST_EVENTS;
            println!(
                "{} of them were cut after {most} events, before their time was over",
                report.cut
            );
        }
        println!(
            "{} of {} pairs of kernel steps were seen next to each other on two CPUs",
            report.coverage.seen(),
            report.coverage.possible()
        );
        for pair in report.coverage.missing() {
            println!("  never: {pair}");
        }
    }

    /// What failed, how to see it again, and its smallest form.
    fn explain(&self, failure: &Failure) -> Result<String, String> {
        let Failure { seed, broken } = failure;
        let mut text = format!("seed {seed}: {broken}\n  again:  ./x sim replay {seed}\n");
        if self.shrink == 0 {
            return Ok(text);
        }
        let limit = Duration::from_secs(self.shrink);
        let Some(small) = shrink::shrink_found(&generate::scenario(*seed), limit) else {
            return Ok(text);
        };
        let toml = input::toml::write(&small.scenario);
        text += &format!(
            "  smallest form, after {} attempts: {}\n\n{toml}\n",
            small.attempts, small.broken
        );
        if let Some(folder) = &self.keep {
            let name = format!("{}-{seed}.toml", small.broken.rule.name());
            text += &format!("  kept as {}\n", keep(folder, &name, &toml)?);
        }
        Ok(text)
    }
}

fn keep(folder: &Path, name: &str, toml: &str) -> Result<String, String> {
    let file = folder.join(name);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, toml))
        .map_err(|error| format!("error: {}: {error}\n", file.display()))?;
    Ok(file.display().to_string())
}

impl Replay {
    pub(super) fn run(self) -> Result<(), String> {
        let scenario = generate::scenario(self.seed);
        if self.scenario {
            print!("{}", input::toml::write(&scenario));
            return Ok(());
        }
        let mut machine = Machine::new(&scenario);
        machine.stop_after(campaign::MOST_EVENTS);
        // Looking changes nothing, and now it may take its time.
        machine.audit_every(1);
        if self.pictures.any() {
            machine.recorder.keep();
            machine.supply = Some(sim::supply::Supply::default());
        }
        let outcome = machine.run();
        self.pictures.write(&scenario, &machine, &recipe())?;
        println!(
            "seed {}: {} events, fingerprint {:016x}, {}",
            self.seed,
            outcome.events,
            outcome.fingerprint,
            outcome.ending.name()
        );
        outcome.broken.map_or(Ok(()), |broken| Err(format!("{broken}\n")))
    }
}

/// A line about progress on a terminal, rewritten twice a second.
struct Bar {
    all: u64,
    shown: Option<Mutex<Instant>>,
}

impl Bar {
    fn new(all: u64) -> Bar {
        let watched = std::io::stderr().is_terminal();
        Bar {
            all,
            shown: watched.then(|| Mutex::new(Instant::now())),
        }
    }

    fn show(&self, done: u64, failed: usize) {
        let Some(Ok(mut shown)) = self
            .shown
            .as_ref()
            .map(|shown| shown.try_lock())
            .filter(Result::is_ok)
        else {
            return;
        };
        if shown.elapsed() < Duration::from_millis(500) {
            return;
        }
        *shown = Instant::now();
        let filled = (done * 40 / self.all.max(1)) as usize;
        let mut out = std::io::stderr();
        let _ = write!(
            out,
            "\r[{:<40}] {done}/{} seeds, {failed} failed ",
            "#".repeat(filled),
            self.all
        );
    }

    fn end(&self) {
        if self.shown.is_some() {
            eprintln!();
        }
    }
}
