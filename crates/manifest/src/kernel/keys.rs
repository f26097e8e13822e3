//! Keys in the manifest, and where other keys come from.

use super::each;
use crate::error::ManifestError;
use crate::path::Path;
use crate::read::{Input, LIST_LIMIT, TEXT_LIMIT, at_most};
use alloc::vec::Vec;
use schema_gen::system::{KeyPurpose, KeySourceDeploymentProfile, system_config};

/// A host key for trying things out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the schema's")]
pub struct SshDevelopmentHostKey<'a> {
    pub non_production_label: &'a str,
    pub algorithm: &'a str,
    pub private_key_seed: &'a [u8],
    pub public_key: &'a [u8],
    pub fingerprint_sha256: &'a [u8],
}

/// A key that may log in.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the schema's")]
pub struct AuthorizedSshKey<'a> {
    pub key_id: &'a [u8],
    pub principal_id: &'a [u8],
    pub algorithm: &'a str,
    pub public_key: &'a [u8],
    pub fingerprint_sha256: &'a [u8],
    pub allowed_shell_profiles: Vec<&'a str>,
    pub disabled_at_ms: u64,
    pub source: &'a str,
    pub comment: &'a str,
}

/// Where keys come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeySource<'a> {
    /// Where the system is meant to run.
    pub deployment_profile: KeySourceDeploymentProfile,
    /// Keys in software, if the manifest speaks of them.
    pub development_software: Option<DevelopmentSoftware<'a>>,
}

/// Keys in software, for trying things out.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the schema's")]
pub struct DevelopmentSoftware<'a> {
    pub enabled: bool,
    pub identifier: &'a [u8],
    pub non_production_label: &'a str,
    pub allowed_purposes: Vec<KeyPurpose>,
}

pub(crate) fn host_key<'a>(
    input: &Input<'a>,
    path: &Path<'_>,
    config: system_config::Reader<'_>,
) -> Result<Option<SshDevelopmentHostKey<'a>>, ManifestError> {
    if !config.has_ssh_development_host_key() {
        return Ok(None);
    }
    let key = config
        .get_ssh_development_host_key()
        .map_err(|error| path.unreadable(&error))?;
    let text = |name, text| input.text(&path.field(name), text, TEXT_LIMIT);
    let data = |name, data| input.data(&path.field(name), data, TEXT_LIMIT);
    Ok(Some(SshDevelopmentHostKey {
        non_production_label: text("nonProductionLabel", key.get_non_production_label())?,
        algorithm: text("algorithm", key.get_algorithm())?,
        private_key_seed: data("privateKeySeed", key.get_private_key_seed())?,
        public_key: data("publicKey", key.get_public_key())?,
        fingerprint_sha256: data("fingerprintSha256", key.get_fingerprint_sha256())?,
    }))
}

pub(crate) fn authorized<'a>(
    input: &Input<'a>,
    path: &Path<'_>,
    config: system_config::Reader<'_>,
) -> Result<Vec<AuthorizedSshKey<'a>>, ManifestError> {
    each(path, config.get_authorized_ssh_keys(), |path, key| {
        let text = |name, text| input.text(&path.field(name), text, TEXT_LIMIT);
        let data = |name, data| input.data(&path.field(name), data, TEXT_LIMIT);
        let profiles_path = path.field("allowedShellProfiles");
        let profiles = key
            .get_allowed_shell_profiles()
            .map_err(|error| profiles_path.unreadable(&error))?;
        at_most(&profiles_path, profiles.len(), LIST_LIMIT)?;
        let mut allowed_shell_profiles = Vec::with_capacity(profiles.len() as usize);
        for (index, profile) in (0..).zip(profiles) {
            allowed_shell_profiles.push(input.text(&profiles_path.index(index), profile, TEXT_LIMIT)?);
        }
        Ok(AuthorizedSshKey {
            key_id: data("keyId", key.get_key_id())?,
            principal_id: data("principalId", key.get_principal_id())?,
            algorithm: text("algorithm", key.get_algorithm())?,
            public_key: data("publicKey", key.get_public_key())?,
            fingerprint_sha256: data("fingerprintSha256", key.get_fingerprint_sha256())?,
            allowed_shell_profiles,
            disabled_at_ms: key.get_disabled_at_ms(),
            source: text("source", key.get_source())?,
            comment: text("comment", key.get_comment())?,
        })
    })
}

pub(crate) fn key_source<'a>(
    input: &Input<'a>,
    path: &Path<'_>,
    config: system_config::Reader<'_>,
) -> Result<Option<KeySource<'a>>, ManifestError> {
    if !config.has_key_source_bootstrap() {
        return Ok(None);
    }
    let source = config
        .get_key_source_bootstrap()
        .map_err(|error| path.unreadable(&error))?;
    let profile_path = path.field("deploymentProfile");
    let deployment_profile = source
        .get_deployment_profile()
        .map_err(|value| profile_path.unknown(value))?;
    if !source.has_development_software() {
        return Ok(Some(KeySource {
            deployment_profile,
            development_software: None,
        }));
    }
    let path = path.field("developmentSoftware");
    let software = source
        .get_development_software()
        .map_err(|error| path.unreadable(&error))?;
    let purposes_path = path.field("allowedPurposes");
    let purposes = software
        .get_allowed_purposes()
        .map_err(|error| purposes_path.unreadable(&error))?;
    at_most(&purposes_path, purposes.len(), LIST_LIMIT)?;
    let mut allowed_purposes = Vec::with_capacity(purposes.len() as usize);
    for (index, purpose) in (0..).zip(purposes) {
        allowed_purposes.push(purpose.map_err(|value| purposes_path.index(index).unknown(value))?);
    }
    let label_path = path.field("nonProductionLabel");
    let development_software = Some(DevelopmentSoftware {
        enabled: software.get_enabled(),
        identifier: input.data(&path.field("identifier"), software.get_identifier(), TEXT_LIMIT)?,
        non_production_label: input.text(&label_path, software.get_non_production_label(), TEXT_LIMIT)?,
        allowed_purposes,
    });
    Ok(Some(KeySource {
        deployment_profile,
        development_software,
    }))
}
