//! From TOML to the message: the manifest's root, its binaries, and init. Kernel parameters are in
//! [`kernel`].
//!
//! This writes whatever the file says; whether the kernel would accept it is decided afterwards by the
//! kernel's own check. Only what a message cannot express (a word that names no enumerant, a file that is not
//! there) is an error here.

mod kernel;
mod strip;

use super::Options;
use super::data;
use super::diagnostic::Notes;
use super::section::Section;
use super::words;
use ::manifest::source::Source;
use schema_gen::system::{cue_field, cue_value, system_manifest};
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The message that the text describes; worthless if there were errors.
pub(super) fn message(notes: &Notes<'_>, options: &Options) -> Vec<u8> {
    let document = match DeTable::parse(notes.text) {
        Ok(document) => document,
        Err(error) => {
            notes.error("", error.span().unwrap_or(0..0), error.message());
            return Vec::new();
        }
    };
    let mut message = capnp::message::Builder::new_default();
    let mut manifest = message.init_root::<system_manifest::Builder<'_>>();
    manifest.set_schema_version(::manifest::SCHEMA_VERSION);

    // A problem of the whole manifest has no place in the file, so the root's span is empty.
    let root = Section::new(notes, String::new(), String::new(), 0..0, document.get_ref());
    if let Some(section) = root.section("binaries", "binaries") {
        binaries(&section, options, manifest.reborrow());
    }
    init_config(&root, manifest.reborrow());
    if let Some(section) = root.section("kernel", "kernelParams") {
        kernel::params(section, manifest.reborrow().init_kernel_params());
    }
    if let Some(section) = root.section("extension_points", "extensionPoints") {
        extension_points(section, manifest);
    }
    root.finish();
    capnp::serialize::write_message_to_words(&message)
}

fn binaries(section: &Section<'_>, options: &Options, manifest: system_manifest::Builder<'_>) {
    let entries: Vec<_> = section.entries().collect();
    let mut list = manifest.init_binaries(entries.len() as u32);
    for (index, (name, name_span, value)) in (0..).zip(entries) {
        let target = format!("binaries[{index}]");
        let key = section.path(name);
        section.notes().origin(&format!("{target}.name"), &key, name_span);
        section
            .notes()
            .origin(&format!("{target}.data"), &key, value.span());
        let mut binary = list.reborrow().get(index);
        binary.set_name(name);
        if let Some(bytes) = binary_bytes(section, name, target, value, options) {
            binary.set_data(&bytes);
        }
    }
}

/// What a binary's entry leads to: `"path"`, or `{ path = "path", whole = true }` to keep what loading does
/// not need.
fn binary_bytes(
    section: &Section<'_>,
    name: &str,
    target: String,
    value: &Spanned<DeValue<'_>>,
    options: &Options,
) -> Option<Vec<u8>> {
    let (path, whole) = match value.get_ref() {
        DeValue::String(path) => (path.to_string(), false),
        DeValue::Table(table) => {
            let entry = Section::new(section.notes(), section.path(name), target, value.span(), table);
            let path = entry.text("path", "data");
            if path.is_none() {
                entry.missing("path");
            }
            let whole = entry.boolean("whole", "data").unwrap_or(false);
            entry.finish();
            (path?.to_owned(), whole)
        }
        _ => {
            section.error(name, value.span(), "must be the path of a file");
            return None;
        }
    };
    let beside = section.notes().file.parent().unwrap_or(std::path::Path::new(""));
    let places = std::iter::once(beside).chain(options.programs.iter().map(PathBuf::as_path));
    let tried: Vec<PathBuf> = places.map(|place| place.join(&path)).collect();
    let found = tried
        .iter()
        .find(|candidate| candidate.is_file())
        .unwrap_or(&tried[0]);
    match std::fs::read(found) {
        Ok(bytes) if whole => Some(bytes),
        Ok(bytes) => Some(strip::to_what_is_loaded(bytes)),
        Err(error) => {
            let tried: Vec<String> = tried.iter().map(|path| path.display().to_string()).collect();
            section.error(
                name,
                value.span(),
                &format!("{error}; tried {}", tried.join(", ")),
            );
            None
        }
    }
}

/// Init's record first, then its own data in the order of the file.
fn init_config(root: &Section<'_>, mut manifest: system_manifest::Builder<'_>) {
    let init = root.section("init", "initConfig.init");
    if init.is_none() {
        root.missing("init");
    }
    let own = root.section("config", "initConfig");
    let own: Vec<_> = own.iter().flat_map(Section::entries).collect();
    let mut fields = manifest
        .reborrow()
        .init_init_config()
        .init_fields(1 + own.len() as u32);
    if let Some(init) = init {
        write_init(init, named(fields.reborrow().get(0), "init"));
    }
    for (index, (name, span, value)) in (1..).zip(own) {
        let key = format!("config.{name}");
        if name == "init" {
            root.notes().error(&key, span, "is described by [init], not here");
        }
        root.notes()
            .origin(&format!("initConfig.{name}"), &key, value.span());
        data::write(
            root.notes(),
            &key,
            value,
            named(fields.reborrow().get(index), name),
        );
    }
}

/// Names a field and returns its value to be written.
fn named<'f>(mut field: cue_field::Builder<'f>, name: &str) -> cue_value::Builder<'f> {
    field.set_name(name);
    field.init_value()
}

fn write_init(init: Section<'_>, into: cue_value::Builder<'_>) {
    let binary = init.text("binary", "binary");
    if binary.is_none() {
        init.missing("binary");
    }
    let caps = init.sections("caps", "caps");
    init.finish();
    let mut fields = into.init_fields(2);
    named(fields.reborrow().get(0), "binary").set_text(binary.unwrap_or_default());
    let mut list = named(fields.reborrow().get(1), "caps").init_list(caps.len() as u32);
    for (index, cap) in (0..).zip(caps) {
        write_cap(cap, list.reborrow().get(index));
    }
}

fn write_cap(cap: Section<'_>, into: cue_value::Builder<'_>) {
    let source = cap.word("source", "source.kernel", &words::sources());
    if source.is_none() {
        cap.missing("source");
    }
    // The usual name is that of the source.
    let name = cap.text("name", "name").or(source.map(Source::name));
    let badge: Option<u64> = cap.number("badge", "badge");
    let interface = interface(&cap);
    let disclose = cap.texts("disclose", "disclosureScope");
    cap.finish();

    let optional =
        u32::from(badge.is_some()) + u32::from(interface.is_some()) + u32::from(!disclose.is_empty());
    let mut fields = into.init_fields(2 + optional);
    let mut next = 0;
    let mut add = |name: &str, write: &dyn Fn(cue_value::Builder<'_>)| {
        write(named(fields.reborrow().get(next), name));
        next += 1;
    };
    add("name", &|mut value| value.set_text(name.unwrap_or_default()));
    add("source", &|value| {
        let source = source.map_or("", Source::name);
        named(value.init_fields(1).get(0), "kernel").set_text(source);
    });
    if let Some(badge) = badge {
        add("badge", &|mut value| value.set_uint_value(badge));
    }
    if let Some(interface) = interface {
        add("expectedInterfaceId", &|mut value| {
            value.set_uint_value(interface)
        });
    }
    if !disclose.is_empty() {
        add("disclosureScope", &|value| {
            let mut list = value.init_list(disclose.len() as u32);
            for (index, word) in (0..).zip(&disclose) {
                list.reborrow().get(index).set_text(*word);
            }
        });
    }
}

/// The expected interface, by name or number.
fn interface(cap: &Section<'_>) -> Option<u64> {
    let value = cap.value("interface", "expectedInterfaceId")?;
    if value.get_ref().is_integer() {
        return cap.number("interface", "expectedInterfaceId");
    }
    let known: Vec<(&str, u64)> = abi::interfaces::ALL
        .iter()
        .map(|(id, name)| (*name, *id))
        .collect();
    cap.word("interface", "expectedInterfaceId", &known)
}

fn extension_points(section: Section<'_>, manifest: system_manifest::Builder<'_>) {
    let mut points = manifest.init_extension_points();
    let flag = |key, field| section.boolean(key, field).unwrap_or(false);
    points.set_allow_additional_services(flag("additional_services", "allowAdditionalServices"));
    points.set_allow_network_settings(flag("network_settings", "allowNetworkSettings"));
    points.set_allow_runtime_settings(flag("runtime_settings", "allowRuntimeSettings"));
    points.set_allow_account_store_location(flag("account_store_location", "allowAccountStoreLocation"));
    let services = section.number("max_additional_services", "maxAdditionalServices");
    points.set_max_additional_services(services.unwrap_or(0));
    points.set_min_overlay_epoch(
        section
            .number("min_overlay_epoch", "minOverlayEpoch")
            .unwrap_or(0),
    );
    let caps = section.words("allowed_service_caps", "allowedServiceCaps", &words::sources());
    let mut list = points.init_allowed_service_caps(caps.len() as u32);
    for (index, source) in (0..).zip(caps) {
        list.set(index, source.to_schema());
    }
    section.finish();
}
