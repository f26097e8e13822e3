//! Kernel parameters from `[kernel]`: one function per table.

use crate::manifest::Severity;
use crate::manifest::data::from_hex;
use crate::manifest::section::{Section, unsigned};
use crate::manifest::words::{
    DEPLOYMENTS, DMA_POLICIES, FAIRNESS, LOG_LEVELS, PARITIES, PORTS, PRINCIPALS, PURPOSES, SCHEDULERS,
    sources,
};
use schema_gen::system::{UartPort, cpu_isolation_pool_grant_binding, system_config, uart_config};

/// Sets a field of the message if the file has the key.
macro_rules! set {
    ($into:ident.$setter:ident($value:expr)) => {
        if let Some(value) = $value {
            $into.$setter(value);
        }
    };
}

/// Everything under `[kernel]`.
pub(super) fn params(kernel: Section<'_>, mut into: system_config::Builder<'_>) {
    set!(into.set_log_level(kernel.word("log_level", "logLevel", LOG_LEVELS)));
    set!(into.set_hostname(kernel.text("hostname", "hostname")));
    set!(into.set_motd(kernel.text("motd", "motd")));
    let verifier = kernel.text("console_password_verifier", "consolePasswordVerifierPhc");
    set!(into.set_console_password_verifier_phc(verifier));
    let shell = kernel.boolean("allow_local_development_shell", "allowLocalDevelopmentShell");
    set!(into.set_allow_local_development_shell(shell));
    set!(into.set_dma_backend_policy(kernel.word("dma_backend_policy", "dmaBackendPolicy", DMA_POLICIES)));
    set!(into.set_scheduler(kernel.word("scheduler", "scheduler", SCHEDULERS)));
    set!(into.set_fairness(kernel.word("fairness", "fairness", FAIRNESS)));
    set!(into.set_reservable_permille(kernel.number("reservable_permille", "reservablePermille")));
    if let Some(section) = kernel.section("console_uart", "consoleUart") {
        uart(section, UartPort::Com1, into.reborrow().init_console_uart());
    }
    if let Some(section) = kernel.section("terminal_uart", "terminalUart") {
        uart(section, UartPort::Com2, into.reborrow().init_terminal_uart());
    }
    if let Some(section) = kernel.section("session_lifetimes", "sessionLifetimes") {
        let mut lifetimes = into.reborrow().init_session_lifetimes();
        set!(lifetimes.set_operator_ms(section.number("operator_ms", "operatorMs")));
        set!(lifetimes.set_guest_ms(section.number("guest_ms", "guestMs")));
        set!(lifetimes.set_anonymous_ms(section.number("anonymous_ms", "anonymousMs")));
        section.finish();
    }
    if let Some(section) = kernel.section("block_device_target", "blockDeviceTarget.pci") {
        let mut pci = into.reborrow().init_block_device_target().init_pci();
        set!(pci.set_segment(section.number("segment", "segment")));
        set!(pci.set_bus(section.number("bus", "bus")));
        set!(pci.set_device(section.number("device", "device")));
        set!(pci.set_function(section.number("function", "function")));
        section.finish();
    }
    pools(&kernel, into.reborrow());
    let grants = kernel.sections("pool_grants", "cpuIsolationPoolGrants");
    let list = into
        .reborrow()
        .init_cpu_isolation_pool_grants(grants.len() as u32);
    bindings(grants, list);
    let allowed = kernel.sections("minter_allow_list", "cpuIsolationGrantMinterAllowlist");
    let list = into
        .reborrow()
        .init_cpu_isolation_grant_minter_allowlist(allowed.len() as u32);
    bindings(allowed, list);
    accounts(&kernel, into.reborrow());
    resource_profiles(&kernel, into.reborrow());
    roles(&kernel, into.reborrow());
    keys(&kernel, into);
    kernel.finish();
}

fn uart(section: Section<'_>, port: UartPort, mut into: uart_config::Builder<'_>) {
    into.set_port(section.word("port", "port", PORTS).unwrap_or(port));
    set!(into.set_baud(section.number("baud", "baud")));
    set!(into.set_data_bits(section.number("data_bits", "dataBits")));
    set!(into.set_stop_bits(section.number("stop_bits", "stopBits")));
    set!(into.set_parity(section.word("parity", "parity", PARITIES)));
    section.finish();
}

fn pools(kernel: &Section<'_>, into: system_config::Builder<'_>) {
    let pools = kernel.sections("pools", "cpuIsolationPools");
    let mut list = into.init_cpu_isolation_pools(pools.len() as u32);
    for (index, section) in (0..).zip(pools) {
        let mut pool = list.reborrow().get(index);
        set!(pool.set_pool_id(section.number("id", "poolId")));
        set!(pool.set_pool_max_leases(section.number("max_leases", "poolMaxLeases")));
        let per_account = section.number("max_leases_per_account", "poolMaxLeasesPerAccount");
        set!(pool.set_pool_max_leases_per_account(per_account));
        let mut mask = Vec::new();
        for (path, element) in section.list("cpus", "poolCpuMask") {
            let cpu = element.get_ref().as_integer().and_then(unsigned);
            match cpu.and_then(|cpu| usize::try_from(cpu).ok()) {
                Some(cpu) if cpu < 4096 => {
                    mask.resize(mask.len().max(cpu / 8 + 1), 0u8);
                    mask[cpu / 8] |= 1 << (cpu % 8);
                }
                _ => section
                    .notes()
                    .error(&path, element.span(), "must be a CPU number from 0 to 4095"),
            }
        }
        pool.set_pool_cpu_mask(&mask);
        section.finish();
    }
}

fn bindings(
    sections: Vec<Section<'_>>,
    mut list: capnp::struct_list::Builder<'_, cpu_isolation_pool_grant_binding::Owned>,
) {
    for (index, section) in (0..).zip(sections) {
        let mut binding = list.reborrow().get(index);
        set!(binding.set_bound_account_id(section.number("account", "boundAccountId")));
        set!(binding.set_bound_pool_id(section.number("pool", "boundPoolId")));
        section.finish();
    }
}

fn accounts(kernel: &Section<'_>, into: system_config::Builder<'_>) {
    let accounts = kernel.sections("accounts", "seedAccounts");
    let mut list = into.init_seed_accounts(accounts.len() as u32);
    for (index, section) in (0..).zip(accounts) {
        let mut account = list.reborrow().get(index);
        set!(account.set_name(section.text("name", "name")));
        set!(account.set_principal_id(section.bytes("principal_id", "principalId").as_deref()));
        set!(account.set_kind(section.word("kind", "kind", PRINCIPALS)));
        set!(account.set_display_name(section.text("display_name", "displayName")));
        set!(account.set_resource_profile(section.text("resource_profile", "resourceProfile")));
        set!(account.set_policy_profile(section.text("policy_profile", "policyProfile")));
        set!(account.set_service_binary(section.text("service_binary", "serviceBinary")));
        let caps = section.words("direct_caps", "directCaps", &sources());
        let mut into = account.reborrow().init_direct_caps(caps.len() as u32);
        for (index, source) in (0..).zip(caps) {
            into.set(index, source.to_schema());
        }
        let references = section.texts("credential_refs", "credentialRefs");
        let mut into = account.init_credential_refs(references.len() as u32);
        for (index, reference) in (0..).zip(references) {
            match from_hex(reference) {
                Some(bytes) => into.set(index, &bytes),
                None => {
                    let message = format!("`{reference}` must be an even number of hexadecimal digits");
                    section.notes().report_field(
                        &section.target("credentialRefs"),
                        &message,
                        Severity::Error,
                    );
                }
            }
        }
        section.finish();
    }
}

fn resource_profiles(kernel: &Section<'_>, into: system_config::Builder<'_>) {
    let profiles = kernel.sections("resource_profiles", "resourceProfiles");
    let mut list = into.init_resource_profiles(profiles.len() as u32);
    for (index, section) in (0..).zip(profiles) {
        let mut profile = list.reborrow().get(index);
        set!(profile.set_name(section.text("name", "name")));
        set!(profile.set_home_quota_bytes(section.number("home_quota_bytes", "homeQuotaBytes")));
        set!(profile.set_temp_quota_bytes(section.number("temp_quota_bytes", "tempQuotaBytes")));
        set!(profile.set_process_limit(section.number("processes", "processLimit")));
        set!(profile.set_thread_limit(section.number("threads", "threadLimit")));
        set!(profile.set_cap_limit(section.number("caps", "capLimit")));
        let memory = section.number("memory_commit_bytes", "memoryCommitLimitBytes");
        set!(profile.set_memory_commit_limit_bytes(memory));
        let frames = section.number("frame_grant_pages", "frameGrantLimitPages");
        set!(profile.set_frame_grant_limit_pages(frames));
        set!(profile.set_endpoint_queue_limit(section.number("endpoint_queue", "endpointQueueLimit")));
        set!(profile.set_in_flight_call_limit(section.number("in_flight_calls", "inFlightCallLimit")));
        let ring = section.number("ring_scratch_bytes", "ringScratchLimitBytes");
        set!(profile.set_ring_scratch_limit_bytes(ring));
        let reply = section.number("reply_scratch_bytes", "replyScratchLimitBytes");
        set!(profile.set_reply_scratch_limit_bytes(reply));
        let log = section.number("log_quota_bytes_per_window", "logQuotaBytesPerWindow");
        set!(profile.set_log_quota_bytes_per_window(log));
        set!(profile.set_network_profile(section.text("network_profile", "networkProfile")));
        let budget = section.number("cpu_budget_us_per_window", "cpuBudgetUsPerWindow");
        set!(profile.set_cpu_budget_us_per_window(budget));
        set!(profile.set_cpu_window_us(section.number("cpu_window_us", "cpuWindowUs")));
        set!(profile.set_timer_waiter_limit(section.number("timer_waiters", "timerWaiterLimit")));
        set!(profile.set_launcher_profile(section.text("launcher_profile", "launcherProfile")));
        section.finish();
    }
}

fn roles(kernel: &Section<'_>, into: system_config::Builder<'_>) {
    let roles = kernel.sections("roles", "initialRoleBindings");
    let mut list = into.init_initial_role_bindings(roles.len() as u32);
    for (index, section) in (0..).zip(roles) {
        let mut role = list.reborrow().get(index);
        set!(role.set_principal_id(section.bytes("principal_id", "principalId").as_deref()));
        set!(role.set_role(section.text("role", "role")));
        section.finish();
    }
}

fn keys(kernel: &Section<'_>, mut into: system_config::Builder<'_>) {
    if let Some(section) = kernel.section("ssh_development_host_key", "sshDevelopmentHostKey") {
        let mut key = into.reborrow().init_ssh_development_host_key();
        set!(key.set_non_production_label(section.text("non_production_label", "nonProductionLabel")));
        set!(key.set_algorithm(section.text("algorithm", "algorithm")));
        set!(key.set_private_key_seed(section.bytes("private_key_seed", "privateKeySeed").as_deref()));
        set!(key.set_public_key(section.bytes("public_key", "publicKey").as_deref()));
        let fingerprint = section.bytes("fingerprint_sha256", "fingerprintSha256");
        set!(key.set_fingerprint_sha256(fingerprint.as_deref()));
        section.finish();
    }
    let authorized = kernel.sections("authorized_ssh_keys", "authorizedSshKeys");
    let mut list = into.reborrow().init_authorized_ssh_keys(authorized.len() as u32);
    for (index, section) in (0..).zip(authorized) {
        let mut key = list.reborrow().get(index);
        set!(key.set_key_id(section.bytes("key_id", "keyId").as_deref()));
        set!(key.set_principal_id(section.bytes("principal_id", "principalId").as_deref()));
        set!(key.set_algorithm(section.text("algorithm", "algorithm")));
        set!(key.set_public_key(section.bytes("public_key", "publicKey").as_deref()));
        let fingerprint = section.bytes("fingerprint_sha256", "fingerprintSha256");
        set!(key.set_fingerprint_sha256(fingerprint.as_deref()));
        set!(key.set_disabled_at_ms(section.number("disabled_at_ms", "disabledAtMs")));
        set!(key.set_source(section.text("source", "source")));
        set!(key.set_comment(section.text("comment", "comment")));
        let profiles = section.texts("allowed_shell_profiles", "allowedShellProfiles");
        let mut into = key.init_allowed_shell_profiles(profiles.len() as u32);
        for (index, profile) in (0..).zip(profiles) {
            into.set(index, profile);
        }
        section.finish();
    }
    if let Some(section) = kernel.section("key_source", "keySourceBootstrap") {
        let mut source = into.init_key_source_bootstrap();
        let profile = section.word("deployment_profile", "deploymentProfile", DEPLOYMENTS);
        set!(source.set_deployment_profile(profile));
        if let Some(section) = section.section("development_software", "developmentSoftware") {
            let mut software = source.init_development_software();
            set!(software.set_enabled(section.boolean("enabled", "enabled")));
            set!(software.set_identifier(section.bytes("identifier", "identifier").as_deref()));
            let label = section.text("non_production_label", "nonProductionLabel");
            set!(software.set_non_production_label(label));
            let purposes = section.words("allowed_purposes", "allowedPurposes", PURPOSES);
            let mut into = software.init_allowed_purposes(purposes.len() as u32);
            for (index, purpose) in (0..).zip(purposes) {
                into.set(index, purpose);
            }
            section.finish();
        }
        section.finish();
    }
}
