//! `sundial trace`: looks at a recorded trace, or turns it into what other tools read.

use crate::output::{put, say, told};
use clap::Args;
use lab::cyclictest::{self, Report, Unit};
use lab::histogram::Latency;
use lab::summary::Summary;
use lab::wakeups::{together, wakeups};
use lab::{Trace, ctf, perfetto, report, steps, text};
use std::fs::File;
use std::path::{Path, PathBuf};

/// What to do with a trace. Without an option a summary is printed; options may be combined.
#[derive(Args)]
#[command(after_help = "\
Traces come from `./x boot MANIFEST --trace run.sundial` and from the simulator.

Examples:
  sundial trace run.sundial                          who ran how long, and how long wake-ups took
  sundial trace run.sundial --perfetto run.pftrace   then open it at https://ui.perfetto.dev
  sundial trace run.sundial --ctf run.ctf            then: babeltrace2 run.ctf, or Trace Compass
  sundial trace run.sundial --html run.html          one page with plots and tables
  sundial trace run.sundial --hgrm - --thread shell  wake-up latency of one program
  sundial trace run.sundial --text | grep Steal      every event, one a line")]
pub(crate) struct Arguments {
    /// A trace (.sundial).
    file: PathBuf,
    /// Write Perfetto's format into OUT.
    #[arg(long, value_name = "OUT")]
    perfetto: Option<PathBuf>,
    /// Write a CTF 1.8 trace into the folder DIR.
    #[arg(long, value_name = "DIR")]
    ctf: Option<PathBuf>,
    /// Write wake-up latencies of all chosen threads together as an HdrHistogram text into OUT (- is standard output).
    #[arg(long, value_name = "OUT")]
    hgrm: Option<PathBuf>,
    /// Write wake-up latencies thread by thread in the form of cyclictest's --json into OUT (- is standard output).
    #[arg(long, value_name = "OUT")]
    cyclictest: Option<PathBuf>,
    /// Write a page with plots and tables into OUT.
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    /// Write the words and tables of that page as Markdown into OUT (- is standard output).
    #[arg(long, value_name = "OUT")]
    markdown: Option<PathBuf>,
    /// Choose threads for --hgrm and --cyclictest: those whose name contains NAME, or whose pid/tid is NAME.
    #[arg(long, value_name = "NAME")]
    thread: Vec<String>,
    /// Print every event.
    #[arg(long, conflicts_with = "json")]
    text: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Does what was asked; an error is what to print.
    pub(crate) fn run(self) -> Result<(), String> {
        let trace = Trace::load(&self.file).map_err(|error| told(&self.file, error))?;
        if let Some(out) = &self.perfetto {
            let written = File::create(out).and_then(|file| perfetto::write(&trace, file));
            written.map_err(|error| told(out, error))?;
        }
        if let Some(folder) = &self.ctf {
            ctf::write(&trace, folder).map_err(|error| told(folder, error))?;
        }
        if let Some(out) = &self.html {
            let page = report::of_trace(&trace, &command(&self.file, "--html", out));
            put(out, &page.html())?;
        }
        if let Some(out) = &self.markdown {
            let page = report::of_trace(&trace, &command(&self.file, "--markdown", out));
            put(out, &page.markdown())?;
        }
        if self.hgrm.is_some() || self.cyclictest.is_some() {
            self.latencies(&trace)?;
        }
        if self.text {
            say(&text::text(&trace));
        } else if self.json {
            say(&format!("{:#}\n", Summary::of(&trace).json()));
        } else if self.prints_nothing_else() {
            say(&Summary::of(&trace).text());
        }
        Ok(())
    }

    fn prints_nothing_else(&self) -> bool {
        let outputs = [
            &self.perfetto,
            &self.ctf,
            &self.hgrm,
            &self.cyclictest,
            &self.html,
            &self.markdown,
        ];
        outputs.into_iter().all(Option::is_none)
    }

    fn latencies(&self, trace: &Trace) -> Result<(), String> {
        let mut threads = wakeups(&steps::steps(trace), trace.complete_since());
        if !self.thread.is_empty() {
            threads.retain(|thread, _| {
                let (name, numbers) = (
                    trace.thread_name(*thread),
                    format!("{}/{}", thread.pid(), thread.tid()),
                );
                self.thread
                    .iter()
                    .any(|wish| name.contains(wish.as_str()) || numbers == *wish)
            });
            if threads.is_empty() {
                let wish = self.thread.join(", ");
                return Err(format!(
                    "error: {}: no thread like {wish} was woken\n",
                    self.file.display()
                ));
            }
        }
        if let Some(out) = &self.hgrm {
            let all: Latency = together(&threads);
            put(out, &all.hgrm())?;
        }
        if let Some(out) = &self.cyclictest {
            let threads = threads.iter().map(|(thread, wakeups)| cyclictest::Thread {
                name: trace.thread_name(*thread),
                latency: &wakeups.latency,
                cpu: wakeups.last_cpu,
            });
            let report = Report {
                command: &command(&self.file, "--cyclictest", out),
                machine: trace.source(),
                begin: trace.complete_since(),
                end: trace.end(),
                unit: Unit::Nanoseconds,
                threads: threads.collect(),
            };
            put(out, &cyclictest::json(&report))?;
        }
        Ok(())
    }
}

/// The command that makes an output again.
fn command(file: &Path, option: &str, out: &Path) -> String {
    format!("sundial trace {} {option} {}", file.display(), out.display())
}
