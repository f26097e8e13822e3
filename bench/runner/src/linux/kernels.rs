//! Debian's Linux kernels: which package, where from, and a cache of what was unpacked.
//!
//! Wanted is 6.12, the long-term kernel that the aims were written against: in the release itself, its security suite or
//! its backports. Where no suite has it, the release's own kernel is taken, and every row names its version. Packages
//! are downloaded and unpacked, never installed. A kernel enters the cache by the renaming of a finished folder, so
//! that what an interrupted download left is not mistaken for one.

use super::super::system::Flavour;
use anyhow::{Context, Result, bail, ensure};
use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::process::Command;
use xtask::{packages, progress, workspace};

/// The series that is wanted, as it stands in names of packages.
const SERIES: &str = "6.12.";

/// The kernel in a folder of the cache.
const IMAGE: &str = "vmlinuz";

/// A kernel that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Kernel {
    /// The bzImage.
    pub(in super::super) image: PathBuf,
    /// The package it came in, with its version.
    pub(in super::super) package: String,
}

/// The kernel of a flavour, from the cache or from Debian.
///
/// # Errors
/// When it is not in the cache and cannot be had.
pub(super) fn find_or_fetch(flavour: Flavour) -> Result<Kernel> {
    let cache = workspace::target().join("linux/kernels").join(flavour.name());
    if let Some(kernel) = cached(&cache) {
        return Ok(kernel);
    }
    let package = look_for(flavour)?;
    if let Err(error) = fetch(&package, &cache) {
        // Old lists name versions that the mirrors have no more.
        progress::say(format!("{error:#}; trying with new package lists"));
        let newer = packages::update_lists().and_then(|()| fetch(&look_for(flavour)?, &cache));
        newer.with_context(|| format!("the Linux kernel {package} could not be fetched"))?;
    }
    cached(&cache).context("the kernel is not where it was put")
}

/// The newest kernel in a folder of the cache.
fn cached(cache: &Path) -> Option<Kernel> {
    let folders = std::fs::read_dir(cache).ok()?.flatten();
    let names: Vec<String> = folders
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.ends_with(UNFINISHED))
        .collect();
    let newest = names.into_iter().max_by(|one, other| by_version(one, other))?;
    let image = cache.join(&newest).join(IMAGE);
    image.is_file().then_some(Kernel {
        image,
        package: newest,
    })
}

/// What the name of a folder ends with while it is being filled.
const UNFINISHED: &str = ".unfinished";

/// The name of the package to fetch; looks further afield as long as there is no 6.12.
fn look_for(flavour: Flavour) -> Result<String> {
    ensure!(
        Command::new("apt-cache").arg("--version").output().is_ok(),
        "there is no apt here, and the Linux kernels come as Debian packages"
    );
    let wanted = || choose(&known_packages(), flavour);
    if let Some(package) = wanted() {
        return Ok(package);
    }
    progress::say(format!(
        "apt knows no Linux {SERIES}x here: looking for new lists"
    ));
    if let Err(error) = packages::update_lists() {
        progress::say(format!("{error:#}"));
    }
    if let Some(package) = wanted() {
        return Ok(package);
    }
    // Debian 12's own is 6.1; later releases have it or something newer.
    if packages::release_name() == "bookworm" {
        if let Err(error) = packages::use_backports("bookworm") {
            progress::say(format!("no backports: {error:#}"));
        }
        if let Some(package) = wanted() {
            return Ok(package);
        }
    }
    let meta = format!("linux-image-{}-amd64", flavour.name());
    let text = said(Command::new("apt-cache").args(["show", "--no-all-versions", &meta]));
    let Some(package) = dependency(&text, flavour) else {
        bail!(
            "no package of the Linux kernel for {} in any suite of apt",
            flavour.name()
        )
    };
    progress::say(format!("no Linux {SERIES}x in any suite: taking {package}"));
    Ok(package)
}

fn known_packages() -> Vec<String> {
    let text = said(Command::new("apt-cache").args(["pkgnames", "linux-image-"]));
    text.lines().map(str::to_owned).collect()
}

/// The newest 6.12 of a flavour; the signed package rather than the unsigned one of the same version, as it is the
/// one that people run.
fn choose(names: &[String], flavour: Flavour) -> Option<String> {
    let signed = format!("-{}-amd64", flavour.name());
    let unsigned = format!("{signed}-unsigned");
    let fits = |name: &&String| {
        name.strip_prefix("linux-image-")
            .and_then(|rest| rest.strip_prefix(SERIES))
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
            && (name.ends_with(&signed) || name.ends_with(&unsigned))
    };
    let newest = names.iter().filter(fits).max_by(|one, other| {
        by_version(one, other).then_with(|| other.ends_with(&unsigned).cmp(&one.ends_with(&unsigned)))
    });
    newest.cloned()
}

/// The kernel that a package without contents depends on, from its description by apt.
fn dependency(text: &str, flavour: Flavour) -> Option<String> {
    let depends = text.lines().find_map(|line| line.strip_prefix("Depends:"))?;
    let names = depends
        .split([',', '|'])
        .filter_map(|part| part.split_whitespace().next());
    let fits = |name: &&str| name.starts_with("linux-image-") && name.contains(flavour.name());
    names.into_iter().find(fits).map(str::to_owned)
}

/// Orders names by the numbers in them: `6.12.9` comes before `6.12.10`.
fn by_version(one: &str, other: &str) -> Ordering {
    let numbers = |name: &str| -> Vec<u64> {
        let parts = name.split(|c: char| !c.is_ascii_digit());
        parts.filter_map(|part| part.parse().ok()).collect()
    };
    numbers(one).cmp(&numbers(other))
}

/// Downloads a package and puts its kernel into the cache.
fn fetch(package: &str, cache: &Path) -> Result<()> {
    let about = said(Command::new("apt-cache").args(["show", "--no-all-versions", package]));
    let field = |name: &str| {
        about
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    let version = field("Version:").unwrap_or("unknown");
    let megabytes = field("Size:")
        .and_then(|size| size.parse::<u64>().ok())
        .unwrap_or(0)
        / 1_000_000;
    progress::say(format!(
        "fetching {package} {version} ({megabytes} MB, once; kept in {})",
        workspace::shown(cache)
    ));
    let finished = cache.join(format!("{package}_{}", version.replace(['/', ':'], "-")));
    clear_leftovers(cache);
    let draft = cache.join(format!("{}{UNFINISHED}", std::process::id()));
    std::fs::create_dir_all(&draft).with_context(|| format!("cannot make {}", draft.display()))?;
    let unpacked = unpack(package, &draft, &finished);
    let _ = std::fs::remove_dir_all(&draft);
    unpacked
}

/// Removes what fetches left that did not come to their end: each folder is named after its process.
fn clear_leftovers(cache: &Path) {
    for folder in files(cache).unwrap_or_default() {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let process = name.strip_suffix(UNFINISHED);
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
}

/// Everything of a fetch that happens in the folder `draft`; its result is renamed to `finished`.
fn unpack(package: &str, draft: &Path, finished: &Path) -> Result<()> {
    // apt checks the package against the signed lists.
    let mut download = Command::new("sh");
    download.args(["-c", r#"exec apt-get download "$1" 1>&2"#, "sh", package]);
    progress::step(&format!("downloading {package}"), download.current_dir(draft))?;
    let archive = files(draft)?
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt left no package")?;
    let tree = draft.join("tree");
    let mut command = Command::new("dpkg-deb");
    progress::step("unpacking it", command.arg("-x").arg(&archive).arg(&tree))?;
    let is_kernel = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(IMAGE))
    };
    let kernel = files(&tree.join("boot"))?
        .into_iter()
        .find(is_kernel)
        .context("there is no kernel in the package")?;
    let whole = draft.join("whole");
    std::fs::create_dir(&whole)?;
    std::fs::rename(kernel, whole.join(IMAGE))?;
    match std::fs::rename(&whole, finished) {
        // Another run was faster, with the same package.
        Err(_) if finished.join(IMAGE).is_file() => Ok(()),
        renamed => renamed.with_context(|| format!("cannot make {}", finished.display())),
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// What a command printed; nothing when it failed.
fn said(command: &mut Command) -> String {
    let output = command.env("LC_ALL", "C").output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[cfg(test)]
mod tests;
