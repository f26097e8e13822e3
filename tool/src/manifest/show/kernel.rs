//! Kernel parameters back to `[kernel]`: the inverse of `write/kernel.rs`, key for key.

use crate::manifest::data::to_hex;
use crate::manifest::words::{
    DEPLOYMENTS, DMA_POLICIES, FAIRNESS, LOG_LEVELS, PARITIES, PORTS, PRINCIPALS, PURPOSES, SCHEDULERS,
    word_of,
};
use manifest::ExtensionPoints;
use manifest::kernel::accounts::{ResourceProfile, SeedAccount};
use manifest::kernel::isolation::{Pool, PoolBinding};
use manifest::kernel::keys::{AuthorizedSshKey, KeySource};
use manifest::kernel::uart::Uart;
use manifest::kernel::{KernelParams, SessionLifetimes};
use manifest::source::Source;
use toml::{Table, Value};

/// A table that takes only what is not zero, empty or false.
#[derive(Default)]
struct Sparse(Table);

impl Sparse {
    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.0.insert(key.into(), text.into());
        }
    }

    fn number(&mut self, key: &str, number: impl Into<u64>) {
        let number = number.into();
        if number != 0 {
            // Numbers beyond 63 bits are more than TOML has; the largest it has means the same: no limit.
            self.0
                .insert(key.into(), i64::try_from(number).unwrap_or(i64::MAX).into());
        }
    }

    fn flag(&mut self, key: &str, flag: bool) {
        if flag {
            self.0.insert(key.into(), true.into());
        }
    }

    fn bytes(&mut self, key: &str, bytes: &[u8]) {
        self.text(key, &to_hex(bytes));
    }

    fn list(&mut self, key: &str, list: Vec<Value>) {
        if !list.is_empty() {
            self.0.insert(key.into(), list.into());
        }
    }

    fn table(&mut self, key: &str, table: Option<Table>) {
        if let Some(table) = table {
            self.0.insert(key.into(), table.into());
        }
    }

    fn tables<T>(&mut self, key: &str, items: &[T], show: impl Fn(&T, &mut Sparse)) {
        let list = items.iter().map(|item| {
            let mut table = Sparse::default();
            show(item, &mut table);
            table.0.into()
        });
        self.list(key, list.collect());
    }
}

pub(super) fn params(kernel: &KernelParams<'_>) -> Table {
    let default = KernelParams::default();
    let mut table = Sparse::default();
    if kernel.log_level != default.log_level {
        table.text("log_level", word_of(LOG_LEVELS, kernel.log_level));
    }
    table.text("hostname", kernel.hostname);
    table.text("motd", kernel.motd);
    table.text("console_password_verifier", kernel.console_password_verifier);
    table.flag(
        "allow_local_development_shell",
        kernel.allow_local_development_shell,
    );
    if kernel.dma_backend_policy != default.dma_backend_policy {
        table.text(
            "dma_backend_policy",
            word_of(DMA_POLICIES, kernel.dma_backend_policy),
        );
    }
    if kernel.scheduler != default.scheduler {
        table.text("scheduler", word_of(SCHEDULERS, kernel.scheduler));
    }
    if kernel.fairness != default.fairness {
        table.text("fairness", word_of(FAIRNESS, kernel.fairness));
    }
    table.number("reservable_permille", kernel.reservable_permille);
    table.table("console_uart", uart(kernel.console_uart, Uart::CONSOLE));
    table.table("terminal_uart", uart(kernel.terminal_uart, Uart::TERMINAL));
    table.table("session_lifetimes", session_lifetimes(kernel.session_lifetimes));
    table.table(
        "block_device_target",
        kernel.block_device_target.map(|pci| {
            let mut table = Sparse::default();
            table.number("segment", pci.segment);
            table.number("bus", pci.bus);
            table.number("device", pci.device);
            table.number("function", pci.function);
            table.0
        }),
    );
    table.tables("pools", &kernel.pools, pool);
    table.tables("pool_grants", &kernel.pool_grants, binding);
    table.tables("minter_allow_list", &kernel.minter_allow_list, binding);
    table.tables("accounts", &kernel.seed_accounts, account);
    table.tables("resource_profiles", &kernel.resource_profiles, resource_profile);
    table.tables("roles", &kernel.role_bindings, |role, table| {
        table.bytes("principal_id", role.principal_id);
        table.text("role", role.role);
    });
    table.table(
        "ssh_development_host_key",
        kernel.ssh_development_host_key.map(|key| {
            let mut table = Sparse::default();
            table.text("non_production_label", key.non_production_label);
            table.text("algorithm", key.algorithm);
            table.bytes("private_key_seed", key.private_key_seed);
            table.bytes("public_key", key.public_key);
            table.bytes("fingerprint_sha256", key.fingerprint_sha256);
            table.0
        }),
    );
    table.tables("authorized_ssh_keys", &kernel.authorized_ssh_keys, authorized_key);
    table.table("key_source", kernel.key_source.as_ref().map(key_source));
    table.0
}

pub(super) fn extension_points(points: &ExtensionPoints) -> Table {
    let mut table = Sparse::default();
    table.flag("additional_services", points.additional_services);
    table.number("max_additional_services", points.max_additional_services);
    table.list("allowed_service_caps", sources(&points.allowed_service_caps));
    table.number("min_overlay_epoch", points.min_overlay_epoch);
    table.flag("network_settings", points.network_settings);
    table.flag("runtime_settings", points.runtime_settings);
    table.flag("account_store_location", points.account_store_location);
    table.0
}

fn sources(sources: &[Source]) -> Vec<Value> {
    sources.iter().map(|source| source.name().into()).collect()
}

fn uart(uart: Uart, default: Uart) -> Option<Table> {
    if uart == default {
        return None;
    }
    let mut table = Sparse::default();
    table.text("port", word_of(PORTS, uart.port));
    table.number("baud", uart.baud);
    table.number("data_bits", uart.data_bits);
    table.number("stop_bits", uart.stop_bits);
    table.text("parity", word_of(PARITIES, uart.parity));
    Some(table.0)
}

fn session_lifetimes(lifetimes: SessionLifetimes) -> Option<Table> {
    if lifetimes == SessionLifetimes::default() {
        return None;
    }
    let mut table = Sparse::default();
    table.number("operator_ms", lifetimes.operator_ms);
    table.number("guest_ms", lifetimes.guest_ms);
    table.number("anonymous_ms", lifetimes.anonymous_ms);
    Some(table.0)
}

fn pool(pool: &Pool<'_>, table: &mut Sparse) {
    table.number("id", pool.id);
    let cpus = (0..pool.cpu_mask.len() * 8).filter(|cpu| pool.cpu_mask[cpu / 8] >> (cpu % 8) & 1 == 1);
    table.list("cpus", cpus.map(|cpu| Value::from(cpu as i64)).collect());
    table.number("max_leases", pool.max_leases);
    table.number("max_leases_per_account", pool.max_leases_per_account);
}

fn binding(binding: &PoolBinding, table: &mut Sparse) {
    table.number("account", binding.account);
    table.number("pool", binding.pool);
}

fn account(account: &SeedAccount<'_>, table: &mut Sparse) {
    table.text("name", account.name);
    table.bytes("principal_id", account.principal_id);
    table.text("kind", word_of(PRINCIPALS, account.kind));
    table.text("display_name", account.display_name);
    let references = account.credential_refs.iter().map(|bytes| to_hex(bytes).into());
    table.list("credential_refs", references.collect());
    table.text("resource_profile", account.resource_profile);
    table.text("policy_profile", account.policy_profile);
    table.text("service_binary", account.service_binary);
    table.list("direct_caps", sources(&account.direct_caps));
}

fn resource_profile(profile: &ResourceProfile<'_>, table: &mut Sparse) {
    table.text("name", profile.name);
    table.number("home_quota_bytes", profile.home_quota_bytes);
    table.number("temp_quota_bytes", profile.temp_quota_bytes);
    table.number("processes", profile.process_limit);
    table.number("threads", profile.thread_limit);
    table.number("caps", profile.cap_limit);
    table.number("memory_commit_bytes", profile.memory_commit_limit_bytes);
    table.number("frame_grant_pages", profile.frame_grant_limit_pages);
    table.number("endpoint_queue", profile.endpoint_queue_limit);
    table.number("in_flight_calls", profile.in_flight_call_limit);
    table.number("ring_scratch_bytes", profile.ring_scratch_limit_bytes);
    table.number("reply_scratch_bytes", profile.reply_scratch_limit_bytes);
    table.number("log_quota_bytes_per_window", profile.log_quota_bytes_per_window);
    table.text("network_profile", profile.network_profile);
    table.number("cpu_budget_us_per_window", profile.cpu_budget_us_per_window);
    table.number("cpu_window_us", profile.cpu_window_us);
    table.number("timer_waiters", profile.timer_waiter_limit);
    table.text("launcher_profile", profile.launcher_profile);
}

fn authorized_key(key: &AuthorizedSshKey<'_>, table: &mut Sparse) {
    table.bytes("key_id", key.key_id);
    table.bytes("principal_id", key.principal_id);
    table.text("algorithm", key.algorithm);
    table.bytes("public_key", key.public_key);
    table.bytes("fingerprint_sha256", key.fingerprint_sha256);
    let profiles = key
        .allowed_shell_profiles
        .iter()
        .map(|profile| Value::from(*profile));
    table.list("allowed_shell_profiles", profiles.collect());
    table.number("disabled_at_ms", key.disabled_at_ms);
    table.text("source", key.source);
    table.text("comment", key.comment);
}

fn key_source(source: &KeySource<'_>) -> Table {
    let mut table = Sparse::default();
    table.text(
        "deployment_profile",
        word_of(DEPLOYMENTS, source.deployment_profile),
    );
    let software = source.development_software.as_ref().map(|software| {
        let mut table = Sparse::default();
        table.flag("enabled", software.enabled);
        table.bytes("identifier", software.identifier);
        table.text("non_production_label", software.non_production_label);
        let purposes = software
            .allowed_purposes
            .iter()
            .map(|purpose| word_of(PURPOSES, *purpose).into());
        table.list("allowed_purposes", purposes.collect());
        table.0
    });
    table.table("development_software", software);
    table.0
}
