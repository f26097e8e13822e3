//! Every order of events in the first choices of a run.

use clap::Args;
use sim::scenario::Strategy;
use sim::{Ending, campaign, choose, input};
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Orders {
    /// A scenario file. Its `explore.window` says which events may change places.
    #[arg(value_name = "SCENARIO")]
    file: PathBuf,
    /// How many choices are gone through completely; all later ones take the first way.
    #[arg(long, default_value_t = 10)]
    depth: usize,
    /// Stop after so many runs.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// Begin with these decisions, as a failure prints them.
    #[arg(long, value_delimiter = ',', value_name = "N,N,..")]
    from: Vec<u16>,
}

impl Orders {
    pub(super) fn run(self) -> Result<(), String> {
        let mut scenario = input::load(&self.file)
            .map_err(|errors| format!("{errors}\n"))?
            .scenario;
        let mut decisions = self.from.clone();
        let (mut runs, mut cut) = (0_u64, 0_u64);
        let mut more;
        let mut endings = std::collections::BTreeSet::new();
        loop {
            scenario.explore.strategy = Strategy::Given(decisions);
            let outcome = campaign::run(&scenario);
            runs += 1;
            endings.insert(outcome.fingerprint);
            cut += u64::from(outcome.ending == Ending::Stopped);
            let broken = outcome.broken.as_ref().map(ToString::to_string);
            if let Some(broken) = broken.or_else(|| outcome.stuck()) {
                let made: Vec<String> = outcome
                    .choices
                    .iter()
                    .take(self.depth)
                    .map(|choice| choice.chosen.to_string())
                    .collect();
                return Err(format!(
                    "{broken}\n  again:  ./x sim orders {} --runs 1 --from {}\n",
                    self.file.display(),
                    made.join(",")
                ));
            }
            let next = choose::next_decisions(&outcome.choices, self.depth);
            more = next.is_some();
            match next.filter(|_| runs < self.runs) {
                Some(next) => decisions = next,
                None => break,
            }
        }
        println!("{runs} orders, {} different runs: all rules held", endings.len());
        if more {
            println!(
                "stopped after {runs} orders as --runs says; there are more of the first {} choices",
                self.depth
            );
        }
        if cut > 0 {
            let most = campaign::MOST_EVENTS;
            println!("{cut} runs were cut after {most} events, before their time was over");
        }
        Ok(())
    }
}
