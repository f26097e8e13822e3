//! All mutants of a crate in one build. Building and linking is most of what a mutant costs when each is built by itself, so they are
//! woven into the crate's text side by side ([`weave`]), in the places that fit ([`places`]), and an environment variable says
//! which one a program has ([`programs`] runs them). What does not compile is found by compiling: what is in the way is left out.
//!
//! A constant cannot be switched, and what survives may have been asked of a constant: both are for cargo-mutants afterwards, which builds
//! each mutant by itself.

mod places;
mod programs;
mod weave;

use super::super::scratch::Scratch;
use super::crates::Crate;
use super::tool::{Genre, Listed};
use crate::{cargo, progress};
use anyhow::{Context, Result, bail, ensure};
pub(super) use programs::Asked;
use programs::Programs;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The module that the woven crate gets, at its end. The variable is read before anything runs, because tests count allocations.
const SWITCH: &str = include_str!("switch.rs.in");
/// What the woven crate begins with: a constant function asks only when it is not run by the compiler, which is not stable.
const ATTRIBUTES: &str = "#![feature(core_intrinsics, const_eval_select)]\n\
                          #![allow(warnings, internal_features, arithmetic_overflow, unconditional_panic, unused_must_use)]\n";
/// Forbids the static that is read into; it is for the crate, not for its copy with mistakes in it.
const FORBIDDEN: &str = "#![forbid(unsafe_code)]";

/// So often what does not compile is left out before it is given up: the compiler complains in stages.
const ROUNDS: usize = 12;

/// Complaints that say nothing about the mutant when it is by itself: types are guessed from what stands around.
const UNSURE: [&str; 3] = ["E0282", "E0283", "E0284"];

/// A crate with its mutants in it, built.
pub(super) struct Switched<'a> {
    scratch: &'a Scratch,
    one: Crate,
    mutants: &'a [Listed],
    /// The crate's files as they are without mutants, by their paths from the root.
    originals: BTreeMap<String, String>,
    /// The tests that are asked.
    programs: Programs,
    /// Those that would not compile by themselves either.
    not_built: BTreeSet<u32>,
    /// Those that could not be woven in.
    left: BTreeSet<u32>,
}

/// What rustc says of a place.
#[derive(Debug, Deserialize)]
struct Diagnostic {
    level: String,
    code: Option<Code>,
    spans: Vec<Span>,
    rendered: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Code {
    code: String,
}

#[derive(Debug, Deserialize)]
struct Span {
    file_name: String,
    is_primary: bool,
    line_start: usize,
}

impl<'a> Switched<'a> {
    /// Weaves `mutants` into the crate.
    pub(super) fn of(scratch: &'a Scratch, one: Crate, mutants: &'a [Listed]) -> Result<Switched<'a>> {
        let root = one.root();
        let mut originals = BTreeMap::new();
        for file in mutants.iter().map(|listed| &listed.file).chain([&root]) {
            if !originals.contains_key(file) {
                originals.insert(file.clone(), scratch.read(file)?);
            }
        }
        let mut switched = Switched {
            scratch,
            one,
            mutants,
            originals,
            programs: Programs::default(),
            not_built: BTreeSet::new(),
            left: BTreeSet::new(),
        };
        for _ in 0..ROUNDS {
            let woven = switched.weave()?;
            let complaints = switched.check()?;
            if complaints.is_empty() {
                return Ok(switched);
            }
            switched.leave_out(&woven, &complaints)?;
        }
        bail!("what does not compile in {} does not get less", one.name)
    }

    /// Builds the tests of a package, which are asked from now on: programs that take no longer than `most`.
    pub(super) fn turn_to(&mut self, package: &str, most: Duration) -> Result<()> {
        self.programs = Programs::build(self.scratch, package, most)?;
        Ok(())
    }

    /// Runs the tests with a mutant, by its place in the list.
    pub(super) fn ask(&mut self, index: usize) -> Result<Asked> {
        let number = number(index);
        if self.not_built.contains(&number) {
            return Ok(Asked::NotBuilt);
        }
        if self.left.contains(&number) {
            return Ok(Asked::Left);
        }
        self.programs.ask(number, &self.mutants[index].file)
    }

    /// Writes the woven files into the copy; their texts by their paths.
    fn weave(&mut self) -> Result<BTreeMap<String, String>> {
        let mut by_file: BTreeMap<&str, Vec<(u32, &Listed)>> = BTreeMap::new();
        for (index, listed) in self.mutants.iter().enumerate() {
            let number = number(index);
            if !self.not_built.contains(&number) && !self.left.contains(&number) {
                by_file.entry(&listed.file).or_default().push((number, listed));
            }
        }
        let mut woven = BTreeMap::new();
        for (file, original) in &self.originals {
            let mutants = by_file.remove(file.as_str()).unwrap_or_default();
            let with = weave::weave(original, &mutants).with_context(|| file.clone())?;
            self.left.extend(with.left);
            let mut text = with.text;
            if *file == self.one.root() {
                text = format!("{ATTRIBUTES}{}\n{SWITCH}", text.replace(FORBIDDEN, ""));
            }
            self.scratch.write(file, &text)?;
            woven.insert(file.clone(), text);
        }
        Ok(woven)
    }

    /// What the compiler has against the crate now.
    fn check(&self) -> Result<Vec<Diagnostic>> {
        let mut command = command(self.scratch, &["check", "--package", self.one.name]);
        let output = command.output().context("cannot start cargo")?;
        let complaints: Vec<Diagnostic> = messages(&output.stdout)
            .filter_map(|message| message.message)
            .filter(|message| message.level == "error" && !message.spans.is_empty())
            .collect();
        ensure!(
            output.status.success() || !complaints.is_empty(),
            "cargo check failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(complaints)
    }

    /// Leaves out the mutants that complaints are about.
    fn leave_out(&mut self, woven: &BTreeMap<String, String>, complaints: &[Diagnostic]) -> Result<()> {
        for complaint in complaints {
            let of_places = |is_primary: bool| -> Vec<u32> {
                let places = complaint
                    .spans
                    .iter()
                    .filter(|span| span.is_primary == is_primary);
                places
                    .filter_map(|span| weave::mutant_of_line(woven.get(&span.file_name)?, span.line_start))
                    .collect()
            };
            let numbers = of_places(true);
            // It may be about the text as it was, which does not go with a mutant beside it: that one may be right by itself.
            let neighbours = of_places(false);
            ensure!(
                !numbers.is_empty() || !neighbours.is_empty(),
                "the tree does not build with mutants woven in:\n{}",
                complaint.rendered.as_deref().unwrap_or_default()
            );
            if numbers.is_empty() {
                self.left.extend(neighbours);
                continue;
            }
            let unsure = complaint
                .code
                .as_ref()
                .is_some_and(|code| UNSURE.contains(&code.code.as_str()));
            for number in numbers {
                let listed = &self.mutants[number as usize - 1];
                // An answer of some type may be right although it is not the one that the rest of the body gives.
                let opaque = listed.genre == Genre::FnValue && listed.returns.contains("impl ");
                let which = if unsure || opaque {
                    &mut self.left
                } else {
                    &mut self.not_built
                };
                which.insert(number);
            }
        }
        Ok(())
    }
}

impl Drop for Switched<'_> {
    /// Puts the files back as they were. What cannot be put back now is when the copy is refreshed.
    fn drop(&mut self) {
        for (file, text) in &self.originals {
            if let Err(error) = self.scratch.write(file, text) {
                progress::say(format!("{file} in the copy has mutants in it: {error:#}"));
            }
        }
    }
}

/// Mutants are numbered from one; zero is none.
fn number(index: usize) -> u32 {
    index as u32 + 1
}

/// Cargo in the copy, saying what it does as JSON.
fn command(scratch: &Scratch, arguments: &[&str]) -> Command {
    let mut command = cargo::command(arguments);
    command
        .args(["--message-format", "json"])
        .current_dir(scratch.tree())
        .stdin(Stdio::null())
        .env("CARGO_TARGET_DIR", scratch.target())
        .env("CARGO_INCREMENTAL", "1")
        .env("RUSTC_BOOTSTRAP", "1");
    command
}

/// A line of cargo's.
#[derive(Debug, Deserialize)]
struct Message {
    message: Option<Diagnostic>,
    executable: Option<std::path::PathBuf>,
    manifest_path: Option<std::path::PathBuf>,
    target: Option<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

fn messages(output: &[u8]) -> impl Iterator<Item = Message> {
    output
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
}
