//! Accounts that exist from the start, what their processes may use, and their roles.

use super::each;
use crate::error::ManifestError;
use crate::path::Path;
use crate::read::{Input, LIST_LIMIT, TEXT_LIMIT, at_most};
use crate::source::{self, Source};
use alloc::vec::Vec;
use schema_gen::system::{PrincipalKind, system_config};

/// An account.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the schema's")]
pub struct SeedAccount<'a> {
    pub name: &'a str,
    pub principal_id: &'a [u8],
    pub kind: PrincipalKind,
    pub display_name: &'a str,
    pub credential_refs: Vec<&'a [u8]>,
    pub resource_profile: &'a str,
    pub policy_profile: &'a str,
    pub service_binary: &'a str,
    pub direct_caps: Vec<Source>,
}

/// What the processes of an account may use. Zero means the default of [`abi::limits::default_profile`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the schema's, units included")]
pub struct ResourceProfile<'a> {
    pub name: &'a str,
    pub home_quota_bytes: u64,
    pub temp_quota_bytes: u64,
    pub process_limit: u32,
    pub thread_limit: u32,
    pub cap_limit: u32,
    pub memory_commit_limit_bytes: u64,
    pub frame_grant_limit_pages: u64,
    pub endpoint_queue_limit: u32,
    pub in_flight_call_limit: u32,
    pub ring_scratch_limit_bytes: u64,
    pub log_quota_bytes_per_window: u64,
    pub network_profile: &'a str,
    pub cpu_budget_us_per_window: u64,
    pub cpu_window_us: u64,
    pub timer_waiter_limit: u32,
    pub launcher_profile: &'a str,
    pub reply_scratch_limit_bytes: u64,
}

/// A role that a principal has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the schema's")]
pub struct RoleBinding<'a> {
    pub principal_id: &'a [u8],
    pub role: &'a str,
}

pub(crate) fn seed_accounts<'a>(
    input: &Input<'a>,
    path: &Path<'_>,
    config: system_config::Reader<'_>,
) -> Result<Vec<SeedAccount<'a>>, ManifestError> {
    each(path, config.get_seed_accounts(), |path, account| {
        let at = |name| path.field(name);
        let credentials_path = at("credentialRefs");
        let credentials = account
            .get_credential_refs()
            .map_err(|error| credentials_path.unreadable(&error))?;
        at_most(&credentials_path, credentials.len(), LIST_LIMIT)?;
        let mut credential_refs = Vec::with_capacity(credentials.len() as usize);
        for (index, data) in (0..).zip(credentials) {
            credential_refs.push(input.data(&credentials_path.index(index), data, TEXT_LIMIT)?);
        }
        let caps_path = at("directCaps");
        let caps = account
            .get_direct_caps()
            .map_err(|error| caps_path.unreadable(&error))?;
        Ok(SeedAccount {
            name: input.text(&at("name"), account.get_name(), TEXT_LIMIT)?,
            principal_id: input.data(&at("principalId"), account.get_principal_id(), TEXT_LIMIT)?,
            kind: account.get_kind().map_err(|value| at("kind").unknown(value))?,
            display_name: input.text(&at("displayName"), account.get_display_name(), TEXT_LIMIT)?,
            credential_refs,
            resource_profile: input.text(
                &at("resourceProfile"),
                account.get_resource_profile(),
                TEXT_LIMIT,
            )?,
            policy_profile: input.text(&at("policyProfile"), account.get_policy_profile(), TEXT_LIMIT)?,
            service_binary: input.text(&at("serviceBinary"), account.get_service_binary(), TEXT_LIMIT)?,
            direct_caps: source::decode_list(&caps_path, caps)?,
        })
    })
}

pub(crate) fn resource_profiles<'a>(
    input: &Input<'a>,
    path: &Path<'_>,
    config: system_config::Reader<'_>,
) -> Result<Vec<ResourceProfile<'a>>, ManifestError> {
    each(path, config.get_resource_profiles(), |path, profile| {
        let text = |name, text| input.text(&path.field(name), text, TEXT_LIMIT);
        Ok(ResourceProfile {
            name: text("name", profile.get_name())?,
            home_quota_bytes: profile.get_home_quota_bytes(),
            temp_quota_bytes: profile.get_temp_quota_bytes(),
            process_limit: profile.get_process_limit(),
            thread_limit: profile.get_thread_limit(),
            cap_limit: profile.get_cap_limit(),
            memory_commit_limit_bytes: profile.get_memory_commit_limit_bytes(),
            frame_grant_limit_pages: profile.get_frame_grant_limit_pages(),
            endpoint_queue_limit: profile.get_endpoint_queue_limit(),
            in_flight_call_limit: profile.get_in_flight_call_limit(),
            ring_scratch_limit_bytes: profile.get_ring_scratch_limit_bytes(),
            log_quota_bytes_per_window: profile.get_log_quota_bytes_per_window(),
            network_profile: text("networkProfile", profile.get_network_profile())?,
            cpu_budget_us_per_window: profile.get_cpu_budget_us_per_window(),
            cpu_window_us: profile.get_cpu_window_us(),
            timer_waiter_limit: profile.get_timer_waiter_limit(),
            launcher_profile: text("launcherProfile", profile.get_launcher_profile())?,
            reply_scratch_limit_bytes: profile.get_reply_scratch_limit_bytes(),
        })
    })
}

pub(crate) fn role_bindings<'a>(
    input: &Input<'a>,
    path: &Path<'_>,
    config: system_config::Reader<'_>,
) -> Result<Vec<RoleBinding<'a>>, ManifestError> {
    each(path, config.get_initial_role_bindings(), |path, binding| {
        Ok(RoleBinding {
            principal_id: input.data(&path.field("principalId"), binding.get_principal_id(), TEXT_LIMIT)?,
            role: input.text(&path.field("role"), binding.get_role(), TEXT_LIMIT)?,
        })
    })
}
