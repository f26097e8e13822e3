//! `sundial sim`: the kernel's scheduler on virtual machines.

mod campaign;
mod contexts;
mod orders;
mod policies;
mod run;
mod speed;

use clap::{Args, Subcommand};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  sundial sim scenarios/sleepers.toml
      run a scenario: who got how much, who waited how long
  sundial sim scenarios/sleepers.toml --policy eevdf --cpus 8 --seed 7
      the same under another policy, on another machine, with other dice
  sundial sim rt-app.json --realtime-as-interactive --html report.html --perfetto run.perfetto
      a Linux user's workload, with a report and a trace for ui.perfetto.dev
  sundial sim campaign --seeds 12000
      random scenarios with faults, each run twice; what breaks a rule is shrunk and printed
  sundial sim replay 904
      one seed of a campaign again, step by step if you add --trace run.sundial
  sundial sim orders scenarios/calls.toml --depth 12
      every order of events in the first choices of a run
  sundial sim policies --cpus 1,8
      weighted fair queueing and EEVDF beside each other and beside the ideal share
  sundial sim speed
      events per second from 2 CPUs to 1,024 CPUs with 100,000 threads

A run is decided by its file and its seed: the same twice, on any host. It says how it ended, and who waits for ever.
Exit codes: 0 done; 1 a rule was broken, all threads that were left wait for ever, one waits for what it has, or a file is not in order; 2 wrong usage.";

/// Runs the kernel's scheduler on virtual machines: scenarios, campaigns, comparisons.
#[derive(Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Sim {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    run: run::Run,
}

#[derive(Subcommand)]
enum Verb {
    /// Run random scenarios with faults, each twice, and look for broken rules.
    Campaign(campaign::Campaign),
    /// Run one seed of a campaign again.
    Replay(campaign::Replay),
    /// Run a scenario in every order of its first choices.
    Orders(orders::Orders),
    /// Compare the fair policies with each other and with the ideal share.
    Policies(policies::Policies),
    /// Measure how fast the simulator is on machines of several sizes.
    Speed(speed::Speed),
}

impl Sim {
    pub(crate) fn run(self) -> Result<(), String> {
        match self.verb {
            None => self.run.run(),
            Some(Verb::Campaign(campaign)) => campaign.run(),
            Some(Verb::Replay(replay)) => replay.run(),
            Some(Verb::Orders(orders)) => orders.run(),
            Some(Verb::Policies(policies)) => policies.run(),
            Some(Verb::Speed(speed)) => speed.run(),
        }
    }
}

/// Where a trace goes, common to everything that runs one machine.
#[derive(Args, Clone, Default)]
struct Pictures {
    /// Write the trace, to be read by `sundial trace`.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write the trace for ui.perfetto.dev.
    #[arg(long, value_name = "FILE")]
    perfetto: Option<PathBuf>,
    /// Write the trace as a CTF 1.8 folder, for babeltrace2 and Trace Compass.
    #[arg(long, value_name = "FOLDER")]
    ctf: Option<PathBuf>,
    /// Write a report with plots: one HTML file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the report's words and tables as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl Pictures {
    fn any(&self) -> bool {
        let pictures = [&self.trace, &self.perfetto, &self.ctf, &self.html, &self.markdown];
        pictures.into_iter().any(Option::is_some)
    }

    /// Writes what was asked for; `recipe` is the command that makes it again.
    fn write(&self, scenario: &sim::Scenario, machine: &sim::Machine, recipe: &str) -> Result<(), String> {
        if !self.any() {
            return Ok(());
        }
        let trace = machine.trace();
        let told = |file: &PathBuf, result: std::io::Result<()>| match result {
            Ok(()) => {
                eprintln!("wrote {}", file.display());
                Ok(())
            }
            Err(error) => Err(format!("error: {}: {error}\n", file.display())),
        };
        if let Some(file) = &self.trace {
            told(file, trace.save(file))?;
        }
        if let Some(file) = &self.perfetto {
            let written = std::fs::File::create(file)
                .and_then(|out| lab::perfetto::write(&trace, std::io::BufWriter::new(out)));
            told(file, written)?;
        }
        if let Some(folder) = &self.ctf {
            told(folder, lab::ctf::write(&trace, folder))?;
        }
        let page = || {
            let page = lab::report::of_trace(&trace, recipe);
            match contexts::section(scenario, machine, recipe) {
                Some(section) => page.section(section),
                None => page,
            }
        };
        if let Some(file) = &self.html {
            told(file, page().write(file))?;
        }
        if let Some(file) = &self.markdown {
            told(file, page().write_markdown(file))?;
        }
        Ok(())
    }
}

/// The command line as it was typed, to be shown as a recipe.
fn recipe() -> String {
    let mut words: Vec<String> = std::env::args().collect();
    if let Some(first) = words.first_mut() {
        "sundial".clone_into(first);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, Parser};

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        _sim: Sim,
    }

    #[test]
    fn the_command_line_is_sound() {
        Alone::command().debug_assert();
        assert!(Alone::try_parse_from(["sim", "campaign", "--seeds", "5"]).is_ok());
        assert!(Alone::try_parse_from(["sim", "a.toml", "--cpus", "8"]).is_ok());
        assert!(Alone::try_parse_from(["sim", "a.toml", "--policy", "other"]).is_err());
    }

    #[test]
    fn what_a_file_may_not_say_the_command_line_may_not_either() {
        for refused in [
            &["sim", "a.toml", "--cpus", "0"][..],
            &["sim", "a.toml", "--cpus", "65537"][..],
            &["sim", "a.toml", "--milliseconds", "0"][..],
            &["sim", "policies", "--cpus", "0"][..],
            &["sim", "campaign", "--seeds", "0"][..],
            &["sim", "campaign", "--workers", "0"][..],
            &["sim", "campaign", "--minutes", "0"][..],
            &["sim", "campaign", "--first", "18446744073709551615"][..],
            &["sim", "orders", "a.toml", "--runs", "0"][..],
        ] {
            let error = Alone::try_parse_from(refused)
                .err()
                .map(|error| error.exit_code());
            assert_eq!(error, Some(2), "{refused:?}");
        }
        assert!(Alone::try_parse_from(["sim", "a.toml", "--cpus", "65536"]).is_ok());
        assert!(Alone::try_parse_from(["sim", "a.toml", "--milliseconds", "1"]).is_ok());
    }
}
