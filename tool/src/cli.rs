//! Arguments of the `sundial` command, and what each verb prints.

use crate::{report, simulate, trace};
use clap::{Args, Parser, Subcommand};
use std::fmt::Write as _;
use std::path::PathBuf;
use sundial::manifest::{self, Built, Failure, Options};

/// Host tool for Sundial systems.
#[derive(Parser)]
#[command(name = "sundial", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make, check and print boot manifests.
    #[command(subcommand)]
    Manifest(ManifestVerb),
    /// Look at a recorded trace, or write it as Perfetto, CTF, histograms or an HTML page.
    Trace(trace::Arguments),
    /// Make a page of what `./x bench` measured, as HTML or Markdown.
    Report(report::Arguments),
    Sim(simulate::Sim),
}

#[derive(Subcommand)]
enum ManifestVerb {
    /// Make a manifest that the kernel boots from a TOML file.
    Build(Build),
    /// Print a manifest as TOML.
    Show(Show),
    /// Say whether a manifest, TOML or binary, is in order.
    Check(Check),
}

#[derive(Args)]
struct Build {
    /// Description of the manifest.
    file: PathBuf,
    /// Where the manifest goes [default: the description with .bin in place of .toml].
    #[arg(short, long)]
    output: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Show {
    /// A binary manifest.
    file: PathBuf,
    /// Also write the binaries into this folder, so that the printed TOML can be built again.
    #[arg(long, value_name = "FOLDER")]
    extract: Option<PathBuf>,
}

#[derive(Args)]
struct Check {
    /// A manifest; a name ending in .toml is a description.
    file: PathBuf,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Common {
    /// Where to look for binaries that are not found beside the description; may be repeated.
    #[arg(long, value_name = "FOLDER")]
    programs: Vec<PathBuf>,
    /// Print results and errors as JSON.
    #[arg(long)]
    json: bool,
}

impl Cli {
    /// Does what was asked; an error is what to print.
    pub(crate) fn run(self) -> Result<(), String> {
        match self.verb {
            Verb::Manifest(ManifestVerb::Build(build)) => build.run(),
            Verb::Manifest(ManifestVerb::Show(show)) => show.run(),
            Verb::Manifest(ManifestVerb::Check(check)) => check.run(),
            Verb::Sim(sim) => sim.run(),
            Verb::Trace(trace) => trace.run(),
            Verb::Report(report) => report.run(),
        }
    }
}

impl Build {
    fn run(self) -> Result<(), String> {
        let built = self.common.build(&self.file)?;
        let output = self.output.unwrap_or_else(|| self.file.with_extension("bin"));
        std::fs::write(&output, &built.bytes)
            .map_err(|error| format!("error: {}: {error}\n", output.display()))?;
        self.common.report(&built, &format!("{}", output.display()));
        Ok(())
    }
}

impl Show {
    fn run(self) -> Result<(), String> {
        let bytes = read(&self.file)?;
        let shown = manifest::show(&bytes, self.extract.as_deref())
            .map_err(|failure| failure.in_file(&self.file).to_string())?;
        print!("{shown}");
        Ok(())
    }
}

impl Check {
    fn run(self) -> Result<(), String> {
        if self.file.extension().is_some_and(|extension| extension == "toml") {
            let built = self.common.build(&self.file)?;
            self.common.report(&built, "in order");
            return Ok(());
        }
        let bytes = read(&self.file)?;
        let built =
            manifest::check(bytes).map_err(|failure| self.common.failed(failure.in_file(&self.file)))?;
        self.common.report(&built, "in order");
        Ok(())
    }
}

impl Common {
    fn build(&self, file: &std::path::Path) -> Result<Built, String> {
        let options = Options {
            programs: self.programs.clone(),
        };
        manifest::build(file, &options).map_err(|failure| self.failed(failure))
    }

    fn failed(&self, failure: Failure) -> String {
        if self.json {
            failure.to_json() + "\n"
        } else {
            failure.to_string()
        }
    }

    fn report(&self, built: &Built, what: &str) {
        if self.json {
            println!("{}", built.to_json(what));
            return;
        }
        for warning in &built.warnings {
            eprint!("{warning}");
        }
        let mut text = format!("{what}: {} bytes", built.bytes.len());
        for (name, bytes) in &built.binaries {
            write!(text, "\n  {name:<24} {bytes:>9} bytes").expect("writing to memory");
        }
        println!("{text}");
    }
}

fn read(file: &std::path::Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("error: {}: {error}\n", file.display()))
}
