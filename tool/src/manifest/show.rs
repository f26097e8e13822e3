//! From a binary manifest back to TOML that builds it again.
//!
//! Binaries do not fit into text: their entries name files, which `show` writes on request. What equals its
//! default is left out, and so is what the description has no key for; the latter is said in a comment.

mod kernel;

use super::data;
use super::{Failure, refused};
use crate::manifest::Diagnostic;
use ::manifest::config::Value;
use ::manifest::{Aligned, Manifest};
use std::fmt::Write as _;
use std::path::Path;
use toml::{Table, Value as Toml};

/// Prints a manifest as TOML; with `extract`, also writes its binaries into that folder.
///
/// # Errors
/// The manifest is not in order, or the binaries cannot be written.
pub fn show(bytes: &[u8], extract: Option<&Path>) -> Result<String, Failure> {
    let aligned = Aligned::copy(bytes);
    let manifest = Manifest::decode(aligned.bytes()).map_err(|error| refused(&error))?;
    let config = Value::read(aligned.bytes()).map_err(|error| refused(&error))?;
    let mut text = String::new();
    let mut document = Table::new();
    if !manifest.binaries.is_empty() {
        text += "[binaries]\n";
    }
    for binary in &manifest.binaries {
        // A name may hold anything; the file it goes to may not.
        let file_name = binary.name.replace(['/', '\0'], "_");
        let path = extract.map_or(file_name.clone().into(), |folder| folder.join(&file_name));
        if extract.is_some() {
            std::fs::write(&path, binary.data)
                .map_err(|error| Failure::one(Diagnostic::about(&path, &error.to_string())))?;
        }
        let mut entry = Table::new();
        entry.insert("path".into(), path.display().to_string().into());
        entry.insert("whole".into(), true.into());
        let entry = one_line(&Toml::Table(entry));
        writeln!(
            text,
            "{} = {entry} # {} bytes",
            key(binary.name),
            binary.data.len()
        )
        .expect("to memory");
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let mut left_out = Vec::new();
    document.insert("init".into(), Toml::Table(init(&config, &mut left_out)));
    let kernel = kernel::params(&manifest.kernel);
    if !kernel.is_empty() {
        document.insert("kernel".into(), Toml::Table(kernel));
    }
    if let Some(points) = &manifest.extension_points {
        document.insert(
            "extension_points".into(),
            Toml::Table(kernel::extension_points(points)),
        );
    }
    let own = own_data(&config);
    if !own.is_empty() {
        document.insert("config".into(), Toml::Table(own));
    }
    text += &toml::to_string_pretty(&document)
        .map_err(|error| Failure::one(Diagnostic::of_field("", &error.to_string())))?;
    for field in left_out {
        writeln!(text, "# left out: {field}").expect("to memory");
    }
    Ok(text)
}

/// A value on one line, as it stands behind `=`.
fn one_line(value: &Toml) -> String {
    match value {
        Toml::Table(table) => {
            let entries: Vec<String> = table
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), one_line(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// A key, in quotes where TOML wants them.
fn key(name: &str) -> String {
    let bare = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare && !name.is_empty() {
        name.to_owned()
    } else {
        Toml::from(name).to_string()
    }
}

/// Init's record, which [`Manifest::decode`] has checked.
fn init(config: &Value<'_>, left_out: &mut Vec<String>) -> Table {
    let mut table = Table::new();
    let Some(Value::Record(fields)) = config.get("init") else {
        return table;
    };
    for (name, value) in fields {
        match (*name, value) {
            ("binary", Value::Text(binary)) => {
                table.insert("binary".into(), (*binary).into());
            }
            ("caps", Value::List(list)) => {
                let caps = (0..)
                    .zip(list)
                    .map(|(index, value)| Toml::Table(cap(index, value, left_out)));
                let caps: Vec<Toml> = caps.collect();
                if !caps.is_empty() {
                    table.insert("caps".into(), caps.into());
                }
            }
            (other, _) => left_out.push(format!("initConfig.init.{other}")),
        }
    }
    table
}

fn cap(index: usize, value: &Value<'_>, left_out: &mut Vec<String>) -> Table {
    let mut table = Table::new();
    let Value::Record(fields) = value else {
        return table;
    };
    for (name, value) in fields {
        let (key, value) = match (*name, value) {
            ("name", value) => ("name", data::to_toml(value)),
            ("source", value) => (
                "source",
                value.get("kernel").map_or(Toml::from(""), data::to_toml),
            ),
            ("badge", value) => ("badge", data::to_toml(value)),
            ("expectedInterfaceId", Value::Uint(id)) => {
                // The kernel's check has found it equal to the interface of a known source.
                (
                    "interface",
                    abi::interfaces::name_of(*id).unwrap_or_default().into(),
                )
            }
            ("disclosureScope", value) => ("disclose", data::to_toml(value)),
            (other, _) => {
                left_out.push(format!("initConfig.init.caps[{index}].{other}"));
                continue;
            }
        };
        table.insert(key.into(), value);
    }
    table
}

/// Everything but init's record.
fn own_data(config: &Value<'_>) -> Table {
    match data::to_toml(config) {
        Toml::Table(mut table) => {
            table.remove("init");
            table
        }
        _ => Table::new(),
    }
}
