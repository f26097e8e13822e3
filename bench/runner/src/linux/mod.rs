//! What Linux boots with here: Debian's kernels ([`kernels`]) and an initial RAM disk ([`cpio`]) that holds the program
//! of bench/linux as its first process and the plan of what to measure. The program is static, so the disk needs
//! no library and no distribution.

mod cpio;
mod kernels;

use super::plan::Plan;
use super::system::{Flavour, System};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use xtask::{cargo, progress, workspace};

use cpio::Archive;
pub(super) use kernels::Kernel;

/// Where the program's package is.
const PACKAGE: &str = "bench/linux";

/// What the programs are compiled for, and how: static, at a fixed address, as the programs on Sundial are.
const TARGET: &str = "x86_64-unknown-linux-gnu";
const FLAGS: &str = "-Ctarget-feature=+crt-static -Crelocation-model=static";

/// Everything that a boot of Linux needs.
#[derive(Debug)]
pub(super) struct Linux {
    kernels: BTreeMap<Flavour, Kernel>,
    /// Names in the RAM disk, and where the programs are.
    programs: Vec<(String, PathBuf)>,
}

impl Linux {
    /// Builds the program, unless one is given ready, and fetches the kernels of these systems. What could not be had
    /// comes as a second list: which kernels, and why.
    ///
    /// # Errors
    /// When the program cannot be built.
    pub(super) fn prepare(systems: &[System], ready: Option<&Path>) -> Result<(Linux, Vec<String>)> {
        let programs = match ready {
            Some(path) => vec![("init".to_owned(), std::path::absolute(path)?)],
            None => build()?,
        };
        let wanted: BTreeSet<Flavour> = systems.iter().filter_map(|system| system.flavour()).collect();
        let (mut kernels, mut missing) = (BTreeMap::new(), Vec::new());
        for flavour in wanted {
            match kernels::find_or_fetch(flavour) {
                Ok(kernel) => {
                    kernels.insert(flavour, kernel);
                }
                Err(error) => missing.push(format!("no rows of Linux ({}): {error:#}", flavour.name())),
            }
        }
        Ok((Linux { kernels, programs }, missing))
    }

    /// The kernel of a system.
    pub(super) fn kernel(&self, system: System) -> Option<&Kernel> {
        self.kernels.get(&system.flavour()?)
    }

    /// An initial RAM disk that has the program carry out a plan.
    pub(super) fn ram_disk(&self, plan: &Plan, folder: &Path) -> Result<PathBuf> {
        let mut archive = ["dev", "proc", "sys"]
            .into_iter()
            .fold(Archive::default(), Archive::folder);
        for (name, path) in &self.programs {
            let contents = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            archive = archive.program(name, &contents);
        }
        let bytes = archive.file("plan", plan.for_linux().as_bytes()).finish();
        let path = folder.join(format!("{}-linux.cpio", plan.name));
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// Builds the package: the program that bears its name becomes `/init`, its others keep their names.
fn build() -> Result<Vec<(String, PathBuf)>> {
    let manifest = workspace::root().join(PACKAGE).join("Cargo.toml");
    ensure!(manifest.is_file(), "there is no {PACKAGE} to build for Linux");
    let mut asking = cargo::command(&["metadata", "--no-deps", "--format-version=1", "--manifest-path"]);
    let answer = asking.arg(&manifest).output().context("cannot start cargo")?;
    let metadata: Value = serde_json::from_slice(&answer.stdout).context("cargo metadata")?;
    let (package, names) = programs_of(&metadata, &manifest).context("the package has no program")?;

    // A target folder of its own: other builds of the same crates have other flags.
    let target = workspace::target().join("linux/programs");
    let mut command = cargo::command(&[
        "build",
        "--release",
        "--bins",
        "--target",
        TARGET,
        "--manifest-path",
    ]);
    command
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&target)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", FLAGS);
    progress::step("building the program for Linux", &mut command)?;
    let folder = target.join(TARGET).join("release");
    let placed = names.into_iter().map(|name| {
        let path = folder.join(&name);
        let place = if name == package { "init".to_owned() } else { name };
        (place, path)
    });
    Ok(placed.collect())
}

/// The name of the package with this manifest and the names of its programs; a single program is named as the package.
fn programs_of(metadata: &Value, manifest: &Path) -> Option<(String, Vec<String>)> {
    let mut packages = metadata["packages"].as_array()?.iter();
    let package =
        packages.find(|package| package["manifest_path"].as_str().map(Path::new) == Some(manifest))?;
    let targets = package["targets"].as_array()?.iter();
    let is_program = |target: &&Value| {
        target["kind"]
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| kind == "bin"))
    };
    let names: Vec<String> = targets
        .filter(is_program)
        .filter_map(|target| Some(target["name"].as_str()?.to_owned()))
        .collect();
    let first = match names.as_slice() {
        [] => return None,
        [only] => only.clone(),
        _ => package["name"].as_str()?.to_owned(),
    };
    Some((first, names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_process_is_the_program_that_is_named_as_its_package() {
        let bin = |name: &str| json!({ "name": name, "kind": ["bin"] });
        let package = |targets: Value| {
            let package =
                json!({ "name": "bench-linux", "manifest_path": "/p/Cargo.toml", "targets": targets });
            json!({ "packages": [package] })
        };
        let found = |targets| programs_of(&package(targets), Path::new("/p/Cargo.toml"));
        let two = json!([bin("bench-linux"), bin("nothing"), { "name": "lib", "kind": ["lib"] }]);
        let names = vec!["bench-linux".to_owned(), "nothing".to_owned()];
        assert_eq!(found(two), Some(("bench-linux".to_owned(), names)));
        let one = json!([bin("other")]);
        assert_eq!(found(one), Some(("other".to_owned(), vec!["other".to_owned()])));
        assert_eq!(found(json!([])), None);
        assert_eq!(programs_of(&package(json!([])), Path::new("/q/Cargo.toml")), None);
    }
}
