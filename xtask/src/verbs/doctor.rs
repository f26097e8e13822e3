//! `doctor`: looks at everything the other verbs need and changes nothing.

use crate::build::Profile;
use crate::cli::JsonArguments;
use crate::qemu::{self, accelerator};
use crate::{exit, packages, toolchain, workspace};
use anyhow::Result;
use serde::Serialize;
use std::path::Path;
use std::process::Command;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    /// Whether the verbs can do their work with it as it is.
    ok: bool,
    /// Whether something essential is missing when it is not.
    essential: bool,
    found: String,
    /// The line to type.
    fix: Option<String>,
}

/// The verb: exit code 1 when something essential is missing.
pub(super) fn doctor(arguments: &JsonArguments) -> Result<u8> {
    let findings = [
        host_rust(),
        c_compiler(),
        bare_metal(),
        qemu_program(),
        kvm(),
        formatter(),
        linter(),
        nextest(),
    ];
    let well = findings.iter().all(|finding| finding.ok || !finding.essential);
    if arguments.json {
        println!("{}", serde_json::json!({ "ok": well, "findings": findings }));
    } else {
        for finding in &findings {
            let mark = match (finding.ok, finding.essential) {
                (true, _) => "ok",
                (false, true) => "MISSING",
                (false, false) => "-",
            };
            println!("{mark:8}{:22}{}", finding.what, finding.found);
            if let (false, Some(fix)) = (finding.ok, &finding.fix) {
                println!("{:30}fix: {fix}", "");
            }
        }
        println!();
        println!(
            "{}",
            if well {
                "All that is essential is here."
            } else {
                "./x installs what is missing when a verb needs it."
            }
        );
    }
    Ok(if well { exit::OK } else { exit::FAILED })
}

fn host_rust() -> Finding {
    let version = first_line("rustc", &["--version"]);
    let fix = Some(packages::line_to_type(&["cargo-web", "rustc-web"]));
    finding("Rust for the host", true, version, fix)
}

fn c_compiler() -> Finding {
    finding(
        "linker for the host",
        true,
        first_line("cc", &["--version"]),
        Some(packages::line_to_type(&["gcc", "libc6-dev"])),
    )
}

fn bare_metal() -> Finding {
    let found = toolchain::find().map(|bare| {
        let how = match bare.way {
            toolchain::Way::Installed => "its standard library is installed",
            toolchain::Way::FromSource => "its standard library is built from source",
        };
        format!("{} ({how})", bare.rustc.display())
    });
    let fix = format!(
        "rustup target add {}   or   {}",
        toolchain::TARGET,
        packages::line_to_type(&["cargo-web", "rustc-web", "rust-web-src", "lld"])
    );
    finding("Rust for bare metal", true, found, Some(fix))
}

fn qemu_program() -> Finding {
    let found = qemu::version().ok_or_else(|| anyhow::anyhow!("no {}", qemu::QEMU));
    let found = found.map(|version| {
        let major: u32 = version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .unwrap_or(0);
        let note = if major < 8 {
            " (its emulation has no x2APIC: 255 CPUs at most)"
        } else {
            ""
        };
        format!("{version}{note}")
    });
    finding(
        "QEMU",
        true,
        found,
        Some(packages::line_to_type(&["qemu-system-x86"])),
    )
}

fn kvm() -> Finding {
    let kernel = toolchain::find().map(|bare| {
        bare.output_folder(Profile::Release.name())
            .join("sundial-kernel.elf")
    });
    let found = match kernel {
        Ok(kernel) if kernel.is_file() && qemu::version().is_some() => {
            let choice = accelerator::choose(&kernel);
            match choice.accelerator {
                qemu::Accelerator::Kvm => Ok(choice.reason),
                qemu::Accelerator::Tcg => {
                    Err(anyhow::anyhow!("{}; emulation is used instead", choice.reason))
                }
            }
        }
        _ if Path::new("/dev/kvm").exists() => {
            Err(anyhow::anyhow!("not tried yet: type ./x build, then ask again"))
        }
        _ => Err(anyhow::anyhow!("no /dev/kvm; emulation is used instead")),
    };
    finding("KVM", false, found, None)
}

fn formatter() -> Finding {
    finding(
        "rustfmt (for test)",
        false,
        first_line("cargo", &["fmt", "--version"]),
        Some("rustup component add rustfmt".to_owned()),
    )
}

fn linter() -> Finding {
    finding(
        "clippy (for test)",
        false,
        first_line("cargo", &["clippy", "--version"]),
        Some("rustup component add clippy".to_owned()),
    )
}

fn nextest() -> Finding {
    let found = first_line("cargo", &["nextest", "--version"]);
    finding(
        "nextest (for test)",
        false,
        found,
        Some("cargo install --locked cargo-nextest (cargo test is used meanwhile)".to_owned()),
    )
}

fn finding(what: &'static str, essential: bool, found: Result<String>, fix: Option<String>) -> Finding {
    match found {
        Ok(found) => Finding {
            what,
            ok: true,
            essential,
            found,
            fix: None,
        },
        Err(error) => Finding {
            what,
            ok: false,
            essential,
            found: error.to_string(),
            fix,
        },
    }
}

fn first_line(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(workspace::root())
        .output();
    let output = output.map_err(|_| anyhow::anyhow!("no {program}"))?;
    anyhow::ensure!(
        output.status.success(),
        "no {program} {}",
        arguments.first().unwrap_or(&"")
    );
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned())
}
