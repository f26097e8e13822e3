//! The boot manifest and the programs in it: decoded whole and checked whole before anything uses them.
//!
//! A manifest is one Cap'n Proto message (`SystemManifest`). [`Manifest::decode`] turns its bytes into plain
//! typed values that borrow text and binaries from the input, or says which field is wrong, by its path:
//! `kernelParams.terminalUart.baud`. The kernel calls it at boot, the host tool before it writes a file,
//! fuzzers call it with anything. [`program::check`] does the same for ELF images. Nothing here panics on any
//! input.
//!
//! Reading order: [`Manifest`], [`init`], [`kernel`], [`source`], [`program`]; [`config`] is the part of the
//! manifest that belongs to init alone.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod aligned;
pub mod config;
mod cue;
mod error;
pub mod init;
pub mod kernel;
mod path;
pub mod program;
mod read;
pub mod source;

pub use aligned::Aligned;
pub use error::{ManifestError, Problem};

use alloc::vec::Vec;
use init::Init;
use kernel::KernelParams;
use path::Path;
use read::{Input, open};
use schema_gen::system;
use source::Source;

/// The only version of the schema there is.
pub const SCHEMA_VERSION: u32 = 1;
/// Name that selects the program built into the kernel in place of a binary.
pub const EMBEDDED_INIT: &str = "init";

/// A checked manifest. Text and bytes are slices of what was decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest<'a> {
    /// Named programs and data, in the order of the file.
    pub binaries: Vec<Binary<'a>>,
    /// The first process.
    pub init: Init<'a>,
    /// What the kernel is told.
    pub kernel: KernelParams<'a>,
    /// What may be added later, if the manifest says.
    pub extension_points: Option<ExtensionPoints>,
}

/// A named program or other data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binary<'a> {
    /// 1 to 64 bytes.
    pub name: &'a str,
    /// Its bytes; a program if [`program::check`] says so.
    pub data: &'a [u8],
}

/// What may be added to the manifest later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtensionPoints {
    /// More services than the manifest names.
    pub additional_services: bool,
    /// How many of them.
    pub max_additional_services: u32,
    /// What the kernel may hand to them.
    pub allowed_service_caps: Vec<Source>,
    /// Oldest overlay that is accepted.
    pub min_overlay_epoch: u64,
    /// Network settings may change.
    pub network_settings: bool,
    /// Runtime settings may change.
    pub runtime_settings: bool,
    /// The account store may move.
    pub account_store_location: bool,
}

impl<'a> Manifest<'a> {
    /// Decodes and checks a manifest.
    ///
    /// # Errors
    /// Names the first field that is wrong. `bytes` must start at a multiple of 8 ([`Aligned`] sees to that);
    /// bytes after the message are ignored.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, ManifestError> {
        let message = open(bytes)?;
        let input = Input::new(bytes);
        let root = Path::Root;
        let manifest: system::system_manifest::Reader<'_> =
            message.get_root().map_err(|error| root.unreadable(&error))?;
        if manifest.get_schema_version() != SCHEMA_VERSION {
            let found = manifest.get_schema_version();
            return Err(root.field("schemaVersion").fail(Problem::SchemaVersion { found }));
        }
        let binaries = binaries(&input, manifest)?;
        let kernel = KernelParams::decode(&input, &root.field("kernelParams"), manifest)?;
        let init = Init::decode(&input, &root.field("initConfig"), manifest, &binaries, &kernel)?;
        let extension_points = extension_points(&root.field("extensionPoints"), manifest)?;
        Ok(Self {
            binaries,
            init,
            kernel,
            extension_points,
        })
    }

    /// The binary with this name.
    #[must_use]
    pub fn binary(&self, name: &str) -> Option<&Binary<'a>> {
        self.binaries.iter().find(|binary| binary.name == name)
    }
}

fn binaries<'a>(
    input: &Input<'a>,
    manifest: system::system_manifest::Reader<'_>,
) -> Result<Vec<Binary<'a>>, ManifestError> {
    let root = Path::Root;
    let path = root.field("binaries");
    let list = manifest.get_binaries().map_err(|error| path.unreadable(&error))?;
    read::at_most(&path, list.len(), abi::limits::MANIFEST_BINARIES)?;
    let mut binaries: Vec<Binary<'a>> = Vec::with_capacity(list.len() as usize);
    for (index, blob) in (0..).zip(list) {
        let path = path.index(index);
        let name_path = path.field("name");
        let name = input.text(&name_path, blob.get_name(), abi::limits::BINARY_NAME_BYTES)?;
        if name.is_empty() {
            return Err(name_path.fail(Problem::Missing));
        }
        if name == EMBEDDED_INIT {
            return Err(name_path.fail(Problem::ReservedName));
        }
        if binaries.iter().any(|earlier| earlier.name == name) {
            return Err(name_path.fail(Problem::Duplicate { name: name.into() }));
        }
        let data = input.data(&path.field("data"), blob.get_data(), abi::limits::MANIFEST_BYTES)?;
        binaries.push(Binary { name, data });
    }
    Ok(binaries)
}

fn extension_points(
    path: &Path<'_>,
    manifest: system::system_manifest::Reader<'_>,
) -> Result<Option<ExtensionPoints>, ManifestError> {
    if !manifest.has_extension_points() {
        return Ok(None);
    }
    let points = manifest
        .get_extension_points()
        .map_err(|error| path.unreadable(&error))?;
    let caps_path = path.field("allowedServiceCaps");
    let caps = points
        .get_allowed_service_caps()
        .map_err(|error| caps_path.unreadable(&error))?;
    Ok(Some(ExtensionPoints {
        additional_services: points.get_allow_additional_services(),
        max_additional_services: points.get_max_additional_services(),
        allowed_service_caps: source::decode_list(&caps_path, caps)?,
        min_overlay_epoch: points.get_min_overlay_epoch(),
        network_settings: points.get_allow_network_settings(),
        runtime_settings: points.get_allow_runtime_settings(),
        account_store_location: points.get_allow_account_store_location(),
    }))
}

#[cfg(test)]
mod tests;
