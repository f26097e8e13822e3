//! The command line of `./x`: its verbs, their options, and the words of `--help`.

use crate::build::Profile;
use crate::exit;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  ./x run                          build everything and sit in the shell
  ./x boot init.toml --timeout 30  boot a manifest headless; its console on stdout, its exit code as ours
  ./x test                         everything CI runs
  ./x doctor                       what is here, what is missing, and the line that fixes it";

/// Build, boot and test Sundial. It installs what is missing, and says so.
#[derive(Debug, Parser)]
#[command(name = "x", bin_name = "./x", after_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Build everything and boot into the shell, in this terminal.
    Run(RunArguments),
    /// Boot a manifest headless: console on standard output, first program's exit code as ours.
    Boot(BootArguments),
    /// Build the kernel and the default manifest, and print where they are.
    Build(BuildArguments),
    /// Say what is here, what is missing and the exact fix.
    Doctor(JsonArguments),
    /// Everything CI runs: format, lints, documents, unit and model tests, builds, boots.
    Test(TestArguments),
    /// What the kernel's operations cost, beside Linux and against what is aimed for.
    #[command(disable_help_flag = true)]
    Bench(HandedOn),
    /// Run the kernel's scheduler on virtual machines: scenarios, campaigns, comparisons.
    #[command(disable_help_flag = true)]
    Sim(HandedOn),
    /// Boot random programs that do everything at once and are ended at random moments; make failures small.
    #[command(disable_help_flag = true)]
    Chaos(HandedOn),
    /// Put known mistakes into the code, one by one, and see who notices.
    Mutants(crate::verbs::mutants::MutantsArguments),
    /// Fuzz the decoders of hostile input, each for a bounded time.
    Fuzz(FuzzArguments),
    /// The table of requirement ids: sentence, comments, checks and tests of each, and what is still empty.
    Rules(JsonArguments),
    /// Write the generated code anew from schema/.
    Schema,
    /// Format every crate.
    Fmt,
    /// Delete everything that was built.
    Clean,
}

/// What is handed on to a tool of its own, which tells more with --help: `bench` to bench/runner, `chaos` to tests/chaos, `sim` to
/// `sundial sim`.
#[derive(Args, Clone, Debug)]
pub struct HandedOn {
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    pub arguments: Vec<String>,
}

/// The shape of the virtual machine, common to `run` and `boot`.
#[derive(Args, Clone, Debug)]
pub struct MachineArguments {
    /// Virtual CPUs: a number, or QEMU's form with a shape (8,cores=4,threads=2).
    #[arg(long, value_name = "N")]
    pub smp: Option<String>,
    /// Memory in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub mem: u32,
    /// CPU model of QEMU's (default: the fullest one there is).
    #[arg(long, value_name = "MODEL")]
    pub cpu: Option<String>,
    /// One instruction is one virtual nanosecond: slower, and exactly repeatable.
    #[arg(long)]
    pub icount: bool,
    /// Record the kernel's trace events into FILE: for `sundial trace` if it ends in .sundial, else as text.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// A word for the kernel's command line; may be given several times.
    #[arg(long, value_name = "WORD")]
    pub append: Vec<String>,
    /// What runs the guest's instructions.
    #[arg(long, value_enum, default_value_t = AcceleratorWish::Auto)]
    pub accel: AcceleratorWish,
    /// A kernel image to boot instead of building this tree's.
    #[arg(long, value_name = "ELF")]
    pub kernel: Option<PathBuf>,
    /// How to compile the kernel.
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    pub profile: Profile,
}

/// Which accelerator the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AcceleratorWish {
    /// KVM where a probe boot shows that it works, else TCG.
    Auto,
    /// KVM, whatever the probe says.
    Kvm,
    /// Emulation.
    Tcg,
}

/// `run`.
#[derive(Args, Debug)]
#[command(after_help = "\
The terminal is the guest's second serial line; its boot console goes to target/run/console.log.
Quit by Ctrl-A X, or type `exit` in the shell. Standard input may be a pipe: its end closes the shell.

Examples:
  ./x run
  ./x run --smp 8 --mem 512
  printf 'help\\nexit\\n' | ./x run")]
pub struct RunArguments {
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArguments,
}

/// `boot`.
#[derive(Args, Debug)]
#[command(after_help = format!("\
Examples:
  ./x boot system.manifest --smp 4 --timeout 60
  ./x boot tests/manifests/hello.toml --icount --trace hello.sundial
  ./x boot system.manifest --json 2>console.txt

{}", exit::TABLE))]
pub struct BootArguments {
    /// A binary manifest, or a .toml that is built into one first.
    #[arg(value_name = "MANIFEST")]
    pub manifest: PathBuf,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArguments,
    /// End the machine after this many seconds, with exit code 124.
    #[arg(long, value_name = "S", value_parser = positive_seconds, allow_negative_numbers = true)]
    pub timeout: Option<f64>,
    /// Print one JSON object about the boot on standard output at the end; the console goes to standard error.
    #[arg(long)]
    pub json: bool,
    /// The guest's terminal: none, stdio (then the console goes to standard error), a FILE for what it says, or
    /// unix:PATH, a socket that QEMU listens on.
    #[arg(long, value_name = "WHERE", default_value = "none")]
    pub terminal: String,
}

/// A time limit of more than nothing and less than for ever.
fn positive_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds < 1e9 => Ok(seconds),
        _ => Err("a number of seconds above 0 is wanted".to_owned()),
    }
}

/// `build`.
#[derive(Args, Debug)]
pub struct BuildArguments {
    /// How to compile the kernel.
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    pub profile: Profile,
    /// Print the paths as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `test`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ./x test                     all steps
  ./x test lint unit           only these
  ./x test boot --filter p2_   boot tests with p2_ in their name")]
pub struct TestArguments {
    /// Steps to run; none means all.
    #[arg(value_enum, value_name = "STEP")]
    pub steps: Vec<Step>,
    /// Only tests whose name contains this (unit, boot).
    #[arg(long, value_name = "TEXT")]
    pub filter: Vec<String>,
}

/// A step of `test`, in the order they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// Every file is formatted.
    Format,
    /// Links and citations, lengths of files, the table of rules.
    Text,
    /// Clippy on every crate, warnings are errors.
    Lint,
    /// Unit, property and model tests on the host.
    Unit,
    /// Links in the documentation of the code.
    Docs,
    /// Kernel and programs for bare metal.
    Build,
    /// Real kernels in virtual machines.
    Boot,
}

impl Step {
    /// The word to type for it.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Its sentence in `--help`.
    #[must_use]
    pub fn about(self) -> String {
        let value = self.to_possible_value();
        value
            .and_then(|value| Some(value.get_help()?.to_string()))
            .unwrap_or_default()
    }
}

/// `fuzz`.
#[derive(Args, Debug)]
pub struct FuzzArguments {
    /// Targets to fuzz; none means all.
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Seconds for each target.
    #[arg(long, value_name = "S", default_value_t = 60)]
    pub seconds: u32,
}

/// A verb whose only choice is the form of its answer.
#[derive(Args, Debug)]
pub struct JsonArguments {
    /// Print the answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
