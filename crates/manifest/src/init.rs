//! The first process: which program it runs, and the capabilities it is born with.
//!
//! It is described by the record `init` of `initConfig`. Everything else there is init's own data
//! ([`crate::config`]).

use crate::cue::{self, Record};
use crate::error::{ManifestError, Problem};
use crate::kernel::KernelParams;
use crate::path::Path;
use crate::read::{Input, TEXT_LIMIT};
use crate::source::Source;
use crate::{Binary, EMBEDDED_INIT};
use abi::endpoint::disclosure;
use alloc::vec::Vec;
use schema_gen::system::{cue_value, system_manifest};

/// The first process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Init<'a> {
    /// What it runs.
    pub image: Image,
    /// What it holds, in the order of its capset.
    pub caps: Vec<InitCap<'a>>,
}

/// The program of the first process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Image {
    /// The program built into the kernel.
    Embedded,
    /// `manifest.binaries[index]`, which is not empty.
    Binary {
        /// Index into the binaries.
        index: usize,
    },
}

/// One capability of the first process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InitCap<'a> {
    /// Its name in the capset, 1 to 32 bytes, unique.
    pub name: &'a str,
    /// What the kernel gives.
    pub source: Source,
    /// Badge, or the port of a [`Source::TcpListenAuthority`].
    pub badge: u64,
    /// Session fields it may disclose, bits of [`abi::endpoint::disclosure`].
    pub disclosure: u8,
}

impl<'a> Init<'a> {
    pub(crate) fn decode(
        input: &Input<'a>,
        path: &Path<'_>,
        manifest: system_manifest::Reader<'_>,
        binaries: &[Binary<'_>],
        kernel: &KernelParams<'_>,
    ) -> Result<Self, ManifestError> {
        if !manifest.has_init_config() {
            return Err(path.fail(Problem::Missing));
        }
        let config = manifest
            .get_init_config()
            .map_err(|error| path.unreadable(&error))?;
        let config = cue::record(path, config)?;
        let init = config.get(path, "init")?;
        let path = path.field("init");
        let init = cue::record(&path, init)?;
        let image = image(input, &path, &init, binaries)?;
        let caps = match init.find(&path, "caps")? {
            Some(list) => caps(input, &path.field("caps"), list, kernel)?,
            None => Vec::new(),
        };
        Ok(Self { image, caps })
    }
}

fn image(
    input: &Input<'_>,
    path: &Path<'_>,
    init: &Record<'_>,
    binaries: &[Binary<'_>],
) -> Result<Image, ManifestError> {
    let value = init.get(path, "binary")?;
    let path = path.field("binary");
    let name = cue::text(input, &path, value, TEXT_LIMIT)?;
    if name == EMBEDDED_INIT {
        return Ok(Image::Embedded);
    }
    match binaries.iter().position(|binary| binary.name == name) {
        None => Err(path.fail(Problem::NoSuchBinary { name: name.into() })),
        Some(index) if binaries[index].data.is_empty() => {
            Err(path.fail(Problem::EmptyBinary { name: name.into() }))
        }
        Some(index) => Ok(Image::Binary { index }),
    }
}

fn caps<'a>(
    input: &Input<'a>,
    path: &Path<'_>,
    list: cue_value::Reader<'_>,
    kernel: &KernelParams<'_>,
) -> Result<Vec<InitCap<'a>>, ManifestError> {
    let list = cue::list(path, list, abi::capset::MAX_ENTRIES)?;
    let mut caps: Vec<InitCap<'a>> = Vec::with_capacity(list.len() as usize);
    for (index, value) in (0..).zip(list) {
        let path = path.index(index);
        let cap = one_cap(input, &path, value)?;
        let name_path = path.field("name");
        if caps.iter().any(|earlier| earlier.name == cap.name) {
            return Err(name_path.fail(Problem::Duplicate {
                name: cap.name.into(),
            }));
        }
        check_source(&path, &cap, &caps, kernel)?;
        caps.push(cap);
    }
    Ok(caps)
}

fn one_cap<'a>(
    input: &Input<'a>,
    path: &Path<'_>,
    value: cue_value::Reader<'_>,
) -> Result<InitCap<'a>, ManifestError> {
    let record = cue::record(path, value)?;
    let name_path = path.field("name");
    let name = cue::text(
        input,
        &name_path,
        record.get(path, "name")?,
        abi::capset::MAX_NAME_BYTES,
    )?;
    if name.is_empty() {
        return Err(name_path.fail(Problem::Missing));
    }

    let source_path = path.field("source");
    let source = cue::record(&source_path, record.get(path, "source")?)?;
    let kernel = source.get(&source_path, "kernel")?;
    let kernel_path = source_path.field("kernel");
    let word = cue::text(input, &kernel_path, kernel, TEXT_LIMIT)?;
    let source = Source::from_name(word)
        .ok_or_else(|| kernel_path.fail(Problem::UnknownWord { word: word.into() }))?;

    if let Some(expected) = record.find(path, "expectedInterfaceId")? {
        let path = path.field("expectedInterfaceId");
        let expected = cue::uint(&path, expected)?;
        let given = source.interface_id();
        if expected != given {
            return Err(path.fail(Problem::WrongInterface {
                source: source.name(),
                given,
                expected,
            }));
        }
    }
    let badge = match record.find(path, "badge")? {
        Some(badge) => cue::uint(&path.field("badge"), badge)?,
        None => 0,
    };
    let disclosure = match record.find(path, "disclosureScope")? {
        Some(list) => disclosure_scope(input, &path.field("disclosureScope"), list)?,
        None => 0,
    };
    Ok(InitCap {
        name,
        source,
        badge,
        disclosure,
    })
}

/// Rules that depend on the source, on the other capabilities, or on kernel parameters.
fn check_source(
    path: &Path<'_>,
    cap: &InitCap<'_>,
    earlier: &[InitCap<'_>],
    kernel: &KernelParams<'_>,
) -> Result<(), ManifestError> {
    let source_path = path.field("source");
    let source_path = source_path.field("kernel");
    let needs = |field| Err(source_path.fail(Problem::Needs { field }));
    match cap.source {
        Source::Null | Source::ParkBench => Err(source_path.fail(Problem::NotForInit {
            source: cap.source.name(),
        })),
        Source::TerminalSession if earlier.iter().any(|other| other.source == cap.source) => Err(source_path
            .fail(Problem::Duplicate {
                name: cap.source.name().into(),
            })),
        Source::SshDevelopmentHostKey if kernel.ssh_development_host_key.is_none() => {
            needs("kernelParams.sshDevelopmentHostKey")
        }
        Source::BlockDeviceTarget if kernel.block_device_target.is_none() => {
            needs("kernelParams.blockDeviceTarget")
        }
        // The default table has one binding, so a second grant needs a table with two.
        Source::CpuIsolationPoolGrantSecondary if kernel.pool_grants.len() < 2 => {
            needs("a second entry in kernelParams.cpuIsolationPoolGrants")
        }
        Source::TcpListenAuthority if !(1..=65_535).contains(&cap.badge) => {
            Err(path.field("badge").fail(Problem::OutOfRange {
                value: cap.badge,
                allowed: "ports 1 to 65535",
            }))
        }
        _ => Ok(()),
    }
}

fn disclosure_scope(
    input: &Input<'_>,
    path: &Path<'_>,
    list: cue_value::Reader<'_>,
) -> Result<u8, ManifestError> {
    let mut scope = 0;
    for (index, value) in (0..).zip(cue::list(path, list, crate::read::LIST_LIMIT)?) {
        let path = path.index(index);
        scope |= match cue::text(input, &path, value, TEXT_LIMIT)? {
            "principal_kind" => disclosure::PRINCIPAL_KIND,
            "auth_strength" => disclosure::AUTH_STRENGTH,
            "profile_class" => disclosure::PROFILE_CLASS,
            word => return Err(path.fail(Problem::UnknownWord { word: word.into() })),
        };
    }
    Ok(scope)
}
