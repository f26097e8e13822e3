//! Installing what is missing, by the distribution's own package manager (apt: Debian, Ubuntu and kin).
//!
//! Every installation says what it does, keeps apt's output in a log that is shown only when it fails, and
//! ends in one helpful line where there is neither root nor sudo. QEMU is special: Debian 12's own is too old
//! for more than 255 CPUs, so there the backports suite is preferred, found by copying the entry the machine
//! already has for its own suite.

use crate::{progress, workspace};
use anyhow::{Result, bail};
use std::io::IsTerminal;
use std::path::Path;
use std::process::{Command, Stdio};

/// Installs Debian packages.
///
/// # Errors
/// When there is no apt, no way to become root, or apt fails; the message has the line to type by hand.
pub fn install(packages: &[&str], why: &str) -> Result<()> {
    install_from(None, packages, why)
}

/// Installs QEMU for x86-64, from the backports suite where the distribution's own is old.
///
/// # Errors
/// As [`install`].
pub fn install_qemu() -> Result<()> {
    let packages = ["qemu-system-x86"];
    let why = "QEMU boots the kernel";
    // Without a way to become root both suites fail alike, and one line about it is enough.
    if release_name() == "bookworm" && Root::find().is_some() {
        if add_backports("bookworm").is_ok()
            && install_from(Some("bookworm-backports"), &packages, why).is_ok()
        {
            return Ok(());
        }
        progress::say(
            "the backports suite is not to be had; taking Debian 12's own QEMU (255 CPUs at most, no x2APIC)",
        );
    }
    install(&packages, why)
}

/// Fetches the lists of what the machine's suites hold.
///
/// # Errors
/// When there is no way to become root, or apt fails.
pub fn update_lists() -> Result<()> {
    let Some(root) = Root::find() else {
        bail!("new package lists need root or sudo. As root, type:  apt-get update");
    };
    root.apt("looking for new package lists", &["update"])
}

/// Gives apt the backports suite of a release and its lists; nothing happens when it is there already.
///
/// # Errors
/// When there is no way to become root, no entry to copy, or apt fails.
pub fn use_backports(release: &str) -> Result<()> {
    add_backports(release)?;
    update_lists()
}

/// Whether apt knows a package that can be installed.
#[must_use]
pub fn available(package: &str) -> bool {
    Command::new("apt-cache")
        .args(["policy", package])
        .output()
        .is_ok_and(|output| {
            let text = String::from_utf8_lossy(&output.stdout);
            text.contains("Candidate:") && !text.contains("Candidate: (none)")
        })
}

/// The line a person types to install `packages`.
#[must_use]
pub fn line_to_type(packages: &[&str]) -> String {
    format!(
        "apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    )
}

fn install_from(suite: Option<&str>, packages: &[&str], why: &str) -> Result<()> {
    let line = line_to_type(packages);
    let Some(root) = Root::find() else {
        bail!("{why}, and this needs root or sudo to install it. As root, type:  {line}");
    };
    if Command::new("apt-get")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        bail!(
            "{why}. There is no apt here: install what Debian calls {} by your own means.",
            packages.join(", ")
        );
    }
    let names = packages.join(" ");
    root.apt("looking for new package lists", &["update"])?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    if let Some(suite) = suite {
        arguments.extend(["-t", suite]);
    }
    arguments.extend(packages);
    root.apt(&format!("installing {names} ({why})"), &arguments)
}

/// A way to act as root.
enum Root {
    Already,
    Sudo,
}

impl Root {
    fn find() -> Option<Root> {
        if rustix::process::geteuid().is_root() {
            return Some(Root::Already);
        }
        // Without a terminal sudo could only wait for a password that nobody types.
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let silent = sudo.status().is_ok_and(|status| status.success());
        let asks = std::io::stdin().is_terminal() && sudo_exists();
        (silent || asks).then_some(Root::Sudo)
    }

    fn command(&self, program: &str) -> Command {
        match self {
            Root::Already => Command::new(program),
            Root::Sudo => {
                let mut command = Command::new("sudo");
                command.arg(program);
                command
            }
        }
    }

    fn apt(&self, what: &str, arguments: &[&str]) -> Result<()> {
        if matches!(self, Root::Sudo) {
            // Ask for the password before a spinner hides the question.
            let _ = Command::new("sudo").arg("-v").status();
        }
        // Another installation may be under way, such as the automatic updates of a fresh machine: wait for it.
        let mut command = self.command("env");
        command.args([
            "DEBIAN_FRONTEND=noninteractive",
            "LC_ALL=C",
            "sh",
            "-c",
            r#"exec apt-get -o DPkg::Lock::Timeout=300 "$@" 1>&2"#,
            "sh",
        ]);
        command.args(arguments);
        let (success, output) = progress::observed(what, &mut command)?;
        let log = workspace::run_folder().join("apt.log");
        let _ = std::fs::write(&log, output.join("\n"));
        if success {
            return Ok(());
        }
        let tail: Vec<&str> = output.iter().rev().take(15).rev().map(String::as_str).collect();
        bail!(
            "apt failed (whole log: {}):\n{}",
            workspace::shown(&log),
            tail.join("\n")
        );
    }
}

fn sudo_exists() -> bool {
    ["/usr/bin/sudo", "/bin/sudo", "/usr/local/bin/sudo"]
        .iter()
        .any(|path| Path::new(path).exists())
}

/// The code name of the distribution's release, such as `bookworm`; empty when it has none.
#[must_use]
pub fn release_name() -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let field = text
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    field.unwrap_or_default().trim_matches('"').to_owned()
}

/// Adds the backports suite of `release` unless apt has it, by copying the machine's own entry for `release`,
/// so that mirrors and keys stay the ones its owner chose.
fn add_backports(release: &str) -> Result<()> {
    let suite = format!("{release}-backports");
    let known = Command::new("apt-cache").args(["policy"]).output()?;
    if String::from_utf8_lossy(&known.stdout).contains(&format!("{suite}/main")) {
        return Ok(());
    }
    let mut sources = vec![std::path::PathBuf::from("/etc/apt/sources.list")];
    if let Ok(folder) = std::fs::read_dir("/etc/apt/sources.list.d") {
        sources.extend(folder.flatten().map(|entry| entry.path()));
    }
    sources.sort();
    for path in sources {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let ours = Path::new("/etc/apt/sources.list.d");
        let (entry, name) = match path.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => (stanza_for(&text, release), ours.join("sundial-backports.sources")),
            _ => (line_for(&text, release), ours.join("sundial-backports.list")),
        };
        let (Some(entry), Some(root)) = (entry, Root::find()) else {
            continue;
        };
        progress::say(format!(
            "adding the suite {suite} in {} (newer packages are there)",
            name.display()
        ));
        let draft = workspace::run_folder().join("backports-entry");
        std::fs::write(&draft, entry)?;
        let status = root
            .command("install")
            .arg("-m644")
            .arg(&draft)
            .arg(&name)
            .status()?;
        if status.success() {
            return Ok(());
        }
    }
    bail!("no entry for {release} to copy")
}

/// The deb822 stanza of `text` that serves `release` itself, with its suites replaced by the backports.
fn stanza_for(text: &str, release: &str) -> Option<String> {
    let stanza = text.split("\n\n").find(|stanza| {
        let suites = stanza.lines().find_map(|line| line.strip_prefix("Suites:"));
        suites.is_some_and(|suites| suites.split_whitespace().any(|suite| suite == release))
    })?;
    let copied =
        stanza
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| match line.split_once(':') {
                Some(("Suites", _)) => format!("Suites: {release}-backports"),
                Some(("Components", _)) => "Components: main".to_owned(),
                _ => line.to_owned(),
            });
    Some(copied.collect::<Vec<_>>().join("\n") + "\n")
}

/// The one-line entry of `text` for `release` itself, turned to the backports.
fn line_for(text: &str, release: &str) -> Option<String> {
    let line = text
        .lines()
        .find(|line| line.starts_with("deb ") && line.split_whitespace().any(|word| word == release))?;
    let before = line.split(&format!(" {release} ")).next()?;
    Some(format!("{before} {release}-backports main\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deb822_entry_is_copied_with_its_mirror_and_key() {
        let text = "Types: deb\n# a note\nURIs: http://mirror/debian\nSuites: bookworm bookworm-updates\n\
                    Components: main contrib\nSigned-By: /key.gpg\n\nTypes: deb\nURIs: http://mirror/security\n\
                    Suites: bookworm-security\nComponents: main\n";
        let expected = "Types: deb\nURIs: http://mirror/debian\nSuites: bookworm-backports\nComponents: main\n\
                        Signed-By: /key.gpg\n";
        assert_eq!(stanza_for(text, "bookworm").as_deref(), Some(expected));
        assert_eq!(stanza_for(text, "trixie"), None);
    }

    #[test]
    fn a_one_line_entry_is_copied_with_its_options() {
        let text = "# deb http://other bookworm main\ndeb [signed-by=/key] http://mirror/debian bookworm main contrib\n";
        let expected = "deb [signed-by=/key] http://mirror/debian bookworm-backports main\n";
        assert_eq!(line_for(text, "bookworm").as_deref(), Some(expected));
    }
}
