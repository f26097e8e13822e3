//! Kernel parameters: what a manifest tells the kernel itself. Absent, zero and empty mean the default.
//!
//! One file per subject: [`uart`] serial lines, `texts` host name and message of the day, [`isolation`] pools
//! and grants, [`accounts`] principals and their limits, [`keys`] keys and where they come from.

pub mod accounts;
pub mod isolation;
pub mod keys;
mod texts;
pub mod uart;

use crate::error::{ManifestError, Problem};
use crate::path::Path;
use crate::read::{Input, LIST_LIMIT, at_most};
use accounts::{ResourceProfile, RoleBinding, SeedAccount};
use alloc::vec::Vec;
use isolation::{Pool, PoolBinding};
use keys::{AuthorizedSshKey, KeySource, SshDevelopmentHostKey};
use schema_gen::system::{
    DmaBackendPolicy, FairnessScope, LogLevel, SchedulerPolicy, session_lifetime_config, system_config,
    system_manifest,
};
use uart::Uart;

/// What the kernel is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KernelParams<'a> {
    /// Records below this level are not kept.
    pub log_level: LogLevel,
    /// Verifier of the console password, or empty.
    pub console_password_verifier: &'a str,
    /// A shell may start without a login.
    pub allow_local_development_shell: bool,
    /// The first serial line.
    pub console_uart: Uart,
    /// The second serial line.
    pub terminal_uart: Uart,
    /// Message of the day.
    pub motd: &'a str,
    /// Host name.
    pub hostname: &'a str,
    /// Accounts that exist from the start.
    pub seed_accounts: Vec<SeedAccount<'a>>,
    /// What processes of an account may use.
    pub resource_profiles: Vec<ResourceProfile<'a>>,
    /// Roles of principals.
    pub role_bindings: Vec<RoleBinding<'a>>,
    /// Host key for trying things out.
    pub ssh_development_host_key: Option<SshDevelopmentHostKey<'a>>,
    /// Keys that may log in.
    pub authorized_ssh_keys: Vec<AuthorizedSshKey<'a>>,
    /// How long sessions last.
    pub session_lifetimes: SessionLifetimes,
    /// How devices may reach memory.
    pub dma_backend_policy: DmaBackendPolicy,
    /// CPUs that may be leased. Whether those CPUs exist is for the kernel to see.
    pub pools: Vec<Pool<'a>>,
    /// Grants handed out by the pool grant sources, in order.
    pub pool_grants: Vec<PoolBinding>,
    /// Pairs that may be minted.
    pub minter_allow_list: Vec<PoolBinding>,
    /// Where keys come from.
    pub key_source: Option<KeySource<'a>>,
    /// The block device that may be written.
    pub block_device_target: Option<PciDevice>,
    /// The order in which waiting threads are served.
    pub scheduler: SchedulerPolicy,
    /// What shares CPU time by weight first.
    pub fairness: FairnessScope,
    /// How many thousandths of each CPU the first process may reserve, at most 1000.
    pub reservable_permille: u16,
}

/// How long sessions last, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionLifetimes {
    /// Operator sessions.
    pub operator_ms: u64,
    /// Guest sessions.
    pub guest_ms: u64,
    /// Anonymous sessions.
    pub anonymous_ms: u64,
}

/// A PCI device by its address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PciDevice {
    /// Segment.
    pub segment: u16,
    /// Bus.
    pub bus: u8,
    /// Device, at most 31.
    pub device: u8,
    /// Function, at most 7.
    pub function: u8,
}

impl Default for KernelParams<'_> {
    fn default() -> Self {
        Self {
            log_level: LogLevel::Debug,
            console_password_verifier: "",
            allow_local_development_shell: false,
            console_uart: Uart::CONSOLE,
            terminal_uart: Uart::TERMINAL,
            motd: "",
            hostname: "",
            seed_accounts: Vec::new(),
            resource_profiles: Vec::new(),
            role_bindings: Vec::new(),
            ssh_development_host_key: None,
            authorized_ssh_keys: Vec::new(),
            session_lifetimes: SessionLifetimes::default(),
            dma_backend_policy: DmaBackendPolicy::Unspecified,
            pools: Vec::new(),
            pool_grants: Vec::new(),
            minter_allow_list: Vec::new(),
            key_source: None,
            block_device_target: None,
            scheduler: SchedulerPolicy::Eevdf,
            fairness: FairnessScope::Threads,
            reservable_permille: 0,
        }
    }
}

impl Default for SessionLifetimes {
    fn default() -> Self {
        use abi::limits::session_lifetime_ms as ms;
        Self {
            operator_ms: ms::OPERATOR,
            guest_ms: ms::GUEST,
            anonymous_ms: ms::ANONYMOUS,
        }
    }
}

impl<'a> KernelParams<'a> {
    pub(crate) fn decode(
        input: &Input<'a>,
        path: &Path<'_>,
        manifest: system_manifest::Reader<'_>,
    ) -> Result<Self, ManifestError> {
        if !manifest.has_kernel_params() {
            return Ok(Self::default());
        }
        let config = manifest
            .get_kernel_params()
            .map_err(|error| path.unreadable(&error))?;
        let at = |name| path.field(name);
        Ok(Self {
            log_level: config
                .get_log_level()
                .map_err(|value| at("logLevel").unknown(value))?,
            console_password_verifier: input.text(
                &at("consolePasswordVerifierPhc"),
                config.get_console_password_verifier_phc(),
                abi::limits::PASSWORD_VERIFIER_BYTES,
            )?,
            allow_local_development_shell: config.get_allow_local_development_shell(),
            console_uart: uart::console(&at("consoleUart"), config)?,
            terminal_uart: uart::terminal(&at("terminalUart"), config)?,
            motd: texts::motd(input, &at("motd"), config)?,
            hostname: texts::hostname(input, &at("hostname"), config)?,
            seed_accounts: accounts::seed_accounts(input, &at("seedAccounts"), config)?,
            resource_profiles: accounts::resource_profiles(input, &at("resourceProfiles"), config)?,
            role_bindings: accounts::role_bindings(input, &at("initialRoleBindings"), config)?,
            ssh_development_host_key: keys::host_key(input, &at("sshDevelopmentHostKey"), config)?,
            authorized_ssh_keys: keys::authorized(input, &at("authorizedSshKeys"), config)?,
            session_lifetimes: session_lifetimes(&at("sessionLifetimes"), config)?,
            dma_backend_policy: config
                .get_dma_backend_policy()
                .map_err(|value| at("dmaBackendPolicy").unknown(value))?,
            pools: isolation::pools(input, &at("cpuIsolationPools"), config)?,
            pool_grants: isolation::bindings(
                &at("cpuIsolationPoolGrants"),
                config.get_cpu_isolation_pool_grants(),
            )?,
            minter_allow_list: isolation::bindings(
                &at("cpuIsolationGrantMinterAllowlist"),
                config.get_cpu_isolation_grant_minter_allowlist(),
            )?,
            key_source: keys::key_source(input, &at("keySourceBootstrap"), config)?,
            block_device_target: block_device_target(&at("blockDeviceTarget"), config)?,
            scheduler: config
                .get_scheduler()
                .map_err(|value| at("scheduler").unknown(value))?,
            fairness: config
                .get_fairness()
                .map_err(|value| at("fairness").unknown(value))?,
            reservable_permille: reservable(&at("reservablePermille"), config)?,
        })
    }
}

/// Decodes every element of a struct list, with a path for each.
pub(crate) fn each<'r, O, T>(
    path: &Path<'_>,
    list: capnp::Result<capnp::struct_list::Reader<'r, O>>,
    mut decode: impl FnMut(&Path<'_>, O::Reader<'r>) -> Result<T, ManifestError>,
) -> Result<Vec<T>, ManifestError>
where
    O: capnp::traits::OwnedStruct,
{
    let list = list.map_err(|error| path.unreadable(&error))?;
    at_most(path, list.len(), LIST_LIMIT)?;
    let mut decoded = Vec::with_capacity(list.len() as usize);
    for index in 0..list.len() {
        decoded.push(decode(&path.index(index), list.get(index))?);
    }
    Ok(decoded)
}

fn session_lifetimes(
    path: &Path<'_>,
    config: system_config::Reader<'_>,
) -> Result<SessionLifetimes, ManifestError> {
    let default = SessionLifetimes::default();
    if !config.has_session_lifetimes() {
        return Ok(default);
    }
    let given: session_lifetime_config::Reader<'_> = config
        .get_session_lifetimes()
        .map_err(|error| path.unreadable(&error))?;
    let or = |given, default| if given == 0 { default } else { given };
    Ok(SessionLifetimes {
        operator_ms: or(given.get_operator_ms(), default.operator_ms),
        guest_ms: or(given.get_guest_ms(), default.guest_ms),
        anonymous_ms: or(given.get_anonymous_ms(), default.anonymous_ms),
    })
}

fn reservable(path: &Path<'_>, config: system_config::Reader<'_>) -> Result<u16, ManifestError> {
    match config.get_reservable_permille() {
        all @ 0..=1000 => Ok(all),
        more => Err(path.fail(Problem::OutOfRange {
            value: more.into(),
            allowed: "0 to 1000 thousandths",
        })),
    }
}

fn block_device_target(
    path: &Path<'_>,
    config: system_config::Reader<'_>,
) -> Result<Option<PciDevice>, ManifestError> {
    if !config.has_block_device_target() {
        return Ok(None);
    }
    let target = config
        .get_block_device_target()
        .map_err(|error| path.unreadable(&error))?;
    let path = path.field("pci");
    if !target.has_pci() {
        return Err(path.fail(Problem::Missing));
    }
    let pci = target.get_pci().map_err(|error| path.unreadable(&error))?;
    let device = PciDevice {
        segment: pci.get_segment(),
        bus: pci.get_bus(),
        device: pci.get_device(),
        function: pci.get_function(),
    };
    if device.device > 31 {
        let problem = Problem::OutOfRange {
            value: device.device.into(),
            allowed: "0 to 31",
        };
        return Err(path.field("device").fail(problem));
    }
    if device.function > 7 {
        let problem = Problem::OutOfRange {
            value: device.function.into(),
            allowed: "0 to 7",
        };
        return Err(path.field("function").fail(problem));
    }
    Ok(Some(device))
}
