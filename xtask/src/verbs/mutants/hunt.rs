//! What should notice a mutant, and running it: some tests of one package, which includes the models, a campaign of random
//! scenarios on the simulated machine, or tests that boot the kernel with the mutant in it.

use super::boot::{BUILD_LIMIT, Kit, NotBuilt, built_test, in_copy};
use super::judge::{Ending, judge_campaign, judge_tests};
use super::mutant::Mutant;
use super::observed::observe;
use super::scratch::Scratch;
use crate::cargo;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A hunt that takes longer has not found anything.
const LIMIT: Duration = Duration::from_secs(120);
/// The same for tests that boot, where it is not known how long they take when all is well.
const BOOT_LIMIT: Duration = Duration::from_secs(600);

/// A hunt, as a mutant's file names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum Hunt {
    /// Tests of a package, built and run as `cargo test` does.
    Test {
        /// The package.
        test: String,
        /// A file in its `tests/`, without the ending; none for the tests beside the code.
        target: Option<String>,
        /// A part of the names of the tests.
        filter: String,
    },
    /// `sundial sim campaign` with seeds from 0.
    Campaign {
        /// How many.
        campaign: u64,
    },
    /// Tests that boot a kernel, checks on, which was built from the copy.
    Boot {
        /// A file in `tests/tests`, without the ending.
        boot: String,
        /// A part of the names of the tests.
        filter: String,
    },
}

impl Hunt {
    /// The file of `tests/tests` whose tests boot, if it boots.
    pub(super) fn boot(&self) -> Option<&str> {
        match self {
            Hunt::Boot { boot, .. } => Some(boot),
            _ => None,
        }
    }
}

impl fmt::Display for Hunt {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hunt::Test { test, target, filter } => {
                let place = target
                    .as_ref()
                    .map_or("--lib".to_owned(), |target| format!("--test {target}"));
                write!(to, "cargo test -p {test} {place} {filter}")
            }
            Hunt::Campaign { campaign } => write!(to, "./x sim campaign --seeds {campaign}"),
            Hunt::Boot { filter, .. } => write!(to, "./x test boot --filter {filter}"),
        }
    }
}

/// A hunt that is over.
#[derive(Clone, Debug)]
pub(super) struct Hunted {
    /// How it ended.
    pub(super) ending: Ending,
    /// What building took.
    pub(super) built: Duration,
    /// What the hunt itself took.
    pub(super) took: Duration,
}

impl Hunted {
    /// The compiler's words, if it could not be built.
    pub(super) fn errors(&self) -> Option<&String> {
        match &self.ending {
            Ending::NotBuilt { errors } => Some(errors),
            _ => None,
        }
    }

    fn not_built(errors: String, built: Duration) -> Hunted {
        Hunted {
            ending: Ending::NotBuilt { errors },
            built,
            took: Duration::ZERO,
        }
    }
}

/// Performs hunts in a copy of the tree.
pub(super) struct Hunter {
    scratch: Scratch,
    /// For hunts that boot, if there are any.
    kit: Option<Kit>,
}

impl Hunter {
    /// Makes ready for these hunts in the copy, in which no mutant is.
    pub(super) fn new<'a>(scratch: Scratch, hunts: impl Iterator<Item = &'a Hunt>) -> Result<Hunter> {
        let boots: Vec<&str> = hunts.filter_map(Hunt::boot).collect();
        let kit = match boots.is_empty() {
            true => None,
            false => Some(Kit::build(&scratch, boots.into_iter())?),
        };
        Ok(Hunter { scratch, kit })
    }

    /// Hunts where no mutant is.
    pub(super) fn hunt(&self, hunt: &Hunt) -> Result<Hunted> {
        match hunt {
            Hunt::Boot { .. } => {
                let began = Instant::now();
                let kernel = self.kit()?.kernel(&self.scratch, "as-it-is")?;
                self.hunt_in_kernel(hunt, &kernel, began.elapsed(), None)
            }
            _ => self.hunt_on_host(hunt),
        }
    }

    /// Hunts each mutant, and hands over what came of it, by each of its hunts. Those that are hunted by booting come first, by file,
    /// because their kernels are built one after the other while others are hunted in. `held` is how long a hunt takes
    /// that finds nothing.
    pub(super) fn hunt_all(
        &self,
        mutants: &[Mutant],
        held: impl Fn(&Hunt) -> Option<Duration>,
        mut done: impl FnMut(&Mutant, Vec<Hunted>) -> Result<()>,
    ) -> Result<()> {
        let boots = |hunt: &&Hunt| hunt.boot().is_some();
        let mut booting: Vec<&Mutant> = mutants
            .iter()
            .filter(|mutant| mutant.hunts().any(|hunt| boots(&hunt)))
            .collect();
        booting.sort_by(|one, other| one.file.cmp(&other.file));
        let mut booted: BTreeMap<&str, Vec<Hunted>> = BTreeMap::new();
        std::thread::scope(|scope| -> Result<()> {
            let (ready, kernels) = mpsc::sync_channel(1);
            scope.spawn(move || {
                for mutant in booting {
                    let began = Instant::now();
                    let kernel = self.with(mutant, || self.kit()?.kernel(&self.scratch, &mutant.name));
                    // Nobody takes it any more when a hunt could not be done.
                    if ready.send((mutant, kernel, began.elapsed())).is_err() {
                        return;
                    }
                }
            });
            for (mutant, kernel, built) in kernels {
                let kernel = kernel?;
                let hunted: Result<Vec<Hunted>> = mutant
                    .hunts()
                    .filter(boots)
                    .map(|hunt| self.hunt_in_kernel(hunt, &kernel, built, held(hunt)))
                    .collect();
                booted.insert(&mutant.name, hunted?);
                if mutant.hunts().all(|hunt| boots(&hunt)) {
                    done(mutant, booted.remove(mutant.name.as_str()).unwrap_or_default())?;
                }
            }
            Ok(())
        })?;
        for mutant in mutants {
            if mutant.hunts().all(|hunt| boots(&hunt)) {
                continue;
            }
            let mut before = booted
                .remove(mutant.name.as_str())
                .unwrap_or_default()
                .into_iter();
            let hunt_it = |hunt: &Hunt| match hunt.boot() {
                Some(_) => before.next().context("it was hunted in its kernel before"),
                None => self.hunt_on_host(hunt),
            };
            let hunted: Vec<Hunted> = self.with(mutant, || mutant.hunts().map(hunt_it).collect())?;
            done(mutant, hunted)?;
        }
        Ok(())
    }

    /// Has the mutant in the copy while `work` is done.
    fn with<T>(&self, mutant: &Mutant, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let text = mutant.mutated(&self.scratch.tree())?;
        self.scratch.with(&mutant.file, &text, work)
    }

    fn kit(&self) -> Result<&Kit> {
        self.kit.as_ref().context("nothing was made ready to boot")
    }

    fn hunt_in_kernel(
        &self,
        hunt: &Hunt,
        kernel: &Result<PathBuf, NotBuilt>,
        built: Duration,
        held: Option<Duration>,
    ) -> Result<Hunted> {
        let kernel = match kernel {
            Ok(kernel) => kernel,
            Err(NotBuilt(errors)) => return Ok(Hunted::not_built(errors.clone(), built)),
        };
        let Hunt::Boot { boot, filter } = hunt else {
            bail!("{hunt} does not boot")
        };
        let patience = held.map_or(BOOT_LIMIT / 2, patience_for);
        let limit = held.map_or(BOOT_LIMIT, |_| 2 * patience);
        let command = self.kit()?.tests(&self.scratch, boot, filter, kernel, patience)?;
        self.over(hunt, command, built, limit)
    }

    /// Builds what is in the copy now, and hunts without booting.
    fn hunt_on_host(&self, hunt: &Hunt) -> Result<Hunted> {
        let began = Instant::now();
        let command = match hunt {
            Hunt::Test { test, target, filter } => self.tests(test, target.as_deref(), filter)?,
            Hunt::Campaign { campaign } => self.campaign(*campaign)?,
            Hunt::Boot { .. } => bail!("{hunt} boots"),
        };
        match command {
            Ok(command) => self.over(hunt, command, began.elapsed(), LIMIT),
            Err(NotBuilt(errors)) => Ok(Hunted::not_built(errors, began.elapsed())),
        }
    }

    /// Runs a hunt to its end.
    fn over(&self, hunt: &Hunt, mut command: Command, built: Duration, limit: Duration) -> Result<Hunted> {
        command
            .current_dir(self.scratch.tree())
            .env("RUST_BACKTRACE", "0");
        let began = Instant::now();
        let ended = observe(&self.scratch, "hunt", &mut command, limit)?;
        let ending = match (hunt, ended.status) {
            (_, None) => Ending::OutOfTime,
            (Hunt::Test { .. } | Hunt::Boot { .. }, Some(status)) => {
                judge_tests(&ended.output, &ended.errors, status.success())
                    .with_context(|| hunt.to_string())?
            }
            (Hunt::Campaign { .. }, Some(_)) => judge_campaign(&ended.output)
                .with_context(|| format!("the campaign broke off:\n{}", ended.errors))?,
        };
        Ok(Hunted {
            ending,
            built,
            took: began.elapsed(),
        })
    }

    /// What runs tests of a package, built.
    fn tests(&self, package: &str, target: Option<&str>, filter: &str) -> Result<Result<Command, NotBuilt>> {
        let which = match target {
            Some(target) => vec!["--package", package, "--test", target],
            None => vec!["--package", package, "--lib"],
        };
        let program = built_test(&self.scratch, &which)?;
        Ok(program.map(|program| {
            let mut command = Command::new(program);
            command.arg(filter);
            command
        }))
    }

    /// What runs a campaign, built.
    fn campaign(&self, seeds: u64) -> Result<Result<Command, NotBuilt>> {
        let mut build = cargo::command(&["build", "--package", "sundial"]);
        in_copy(&self.scratch, &mut build);
        let built = observe(&self.scratch, "campaign", &mut build, BUILD_LIMIT)?;
        if !built.succeeded() {
            return Ok(Err(NotBuilt(built.errors)));
        }
        let mut command = Command::new(self.scratch.target().join("debug").join("sundial"));
        let seeds = seeds.to_string();
        command.args(["sim", "campaign", "--shrink", "0", "--json", "--seeds", &seeds]);
        Ok(Ok(command))
    }
}

/// How long a guest may run in a hunt that takes `held` when all is well: many times that, since others use the host, too. Who
/// needs more hangs, which its test notices.
fn patience_for(held: Duration) -> Duration {
    Duration::from_secs(30) + 6 * held
}
