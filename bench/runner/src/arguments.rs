//! The command line of `bench`.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// What the kernel's operations cost, beside Linux and against what is aimed for.
#[derive(Debug, Parser)]
#[command(
    name = "bench",
    bin_name = "./x bench",
    after_help = "\
Examples:
  ./x bench                              everything, Sundial beside Linux
  ./x bench --quick                      fewer rounds and boots, under five minutes; for a look, not for the record
  ./x bench core                         Sundial alone
  ./x bench --only N3 --only N13         some rows
  ./x bench --only N4b --only N10a --only N11r-c    CPU time: lent with calls, ended again and again, woken by; beside SCHED_DEADLINE
  ./x bench core --compare old.jsonl     measure, and say what changed since an older run
  ./x bench --compare old.jsonl new.jsonl    compare two runs without measuring
  ./x bench attribution --row N3         locks, waiting and holding in a call and return
  ./x bench --json                       one JSON object per row instead of the table

Exit code 1 when a row could not be measured, its check failed, Linux could not be had, or a gate is not passed: two workers are
clearly slower than on Linux, a lone thread whose budget is all the time there is was interrupted by a timer, or a call, a turn or a yield
without budgets costs more than in bench/results/reference.jsonl. A missed aim is printed as missed; it is no error."
)]
pub(super) struct BenchArguments {
    /// What to measure.
    #[arg(value_enum, default_value_t = Suite::All)]
    pub(super) suite: Suite,
    /// Print one JSON object per row instead of the table.
    #[arg(long)]
    pub(super) json: bool,
    /// Fewer rounds, shorter windows, fewer boots.
    #[arg(long)]
    pub(super) quick: bool,
    /// Only rows with this id, such as N3; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) only: Vec<String>,
    /// Say what changed since an older results file; with a second file, compare the two and measure nothing.
    #[arg(long, value_names = ["OLD", "NEW"], num_args = 1..=2)]
    pub(super) compare: Vec<PathBuf>,
    /// A kernel image to measure instead of this tree's.
    #[arg(long, value_name = "ELF")]
    pub(super) kernel: Option<PathBuf>,
    /// A static program to boot on Linux instead of this tree's bench/linux.
    #[arg(long, value_name = "ELF")]
    pub(super) linux_program: Option<PathBuf>,
    /// Keep the rows in bench/results/reference.jsonl, the run that is checked in.
    #[arg(long)]
    pub(super) reference: bool,
    /// Where the time goes.
    #[command(flatten)]
    pub(super) attribution: super::attribution::Options,
}

/// Groups of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Suite {
    /// Sundial beside Linux: costs, wake-ups, shares, boots and scaling.
    All,
    /// The same rows of Sundial alone.
    Core,
    /// Where the time of a row goes, by a kernel built to tell, and what the telling costs.
    Attribution,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        BenchArguments::command().debug_assert();
    }
}
