//! Pools of CPUs that may be leased, and who may lease from them.

use super::each;
use crate::error::{ManifestError, Problem};
use crate::path::Path;
use crate::read::{Input, TEXT_LIMIT};
use alloc::vec::Vec;
use schema_gen::system::{cpu_isolation_pool_grant_binding, system_config};

/// CPUs that may be leased together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pool<'a> {
    /// Its number, unique. Pool 0 exists also when it is not declared.
    pub id: u32,
    /// Little-endian bit set without trailing zero bytes.
    pub cpu_mask: &'a [u8],
    /// Most leases at a time; 0 for no limit.
    pub max_leases: u32,
    /// Most leases of one account at a time; 0 for no limit.
    pub max_leases_per_account: u32,
}

/// An account and the pool it may lease from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolBinding {
    /// Account, never 0.
    pub account: u64,
    /// Pool.
    pub pool: u32,
}

pub(crate) fn pools<'a>(
    input: &Input<'a>,
    path: &Path<'_>,
    config: system_config::Reader<'_>,
) -> Result<Vec<Pool<'a>>, ManifestError> {
    let pools = each(path, config.get_cpu_isolation_pools(), |path, pool| {
        let mask_path = path.field("poolCpuMask");
        let cpu_mask = input.data(&mask_path, pool.get_pool_cpu_mask(), TEXT_LIMIT)?;
        if cpu_mask.last() == Some(&0) {
            return Err(mask_path.fail(Problem::MaskNotCanonical));
        }
        Ok(Pool {
            id: pool.get_pool_id(),
            cpu_mask,
            max_leases: pool.get_pool_max_leases(),
            max_leases_per_account: pool.get_pool_max_leases_per_account(),
        })
    })?;
    for (index, pool) in (0..).zip(&pools) {
        if pools[..index as usize]
            .iter()
            .any(|earlier| earlier.id == pool.id)
        {
            let name = alloc::format!("{}", pool.id);
            return Err(path
                .index(index)
                .field("poolId")
                .fail(Problem::Duplicate { name }));
        }
    }
    Ok(pools)
}

pub(crate) fn bindings(
    path: &Path<'_>,
    list: capnp::Result<capnp::struct_list::Reader<'_, cpu_isolation_pool_grant_binding::Owned>>,
) -> Result<Vec<PoolBinding>, ManifestError> {
    each(path, list, |path, binding| match binding.get_bound_account_id() {
        0 => Err(path.field("boundAccountId").fail(Problem::OutOfRange {
            value: 0,
            allowed: "account numbers from 1",
        })),
        account => Ok(PoolBinding {
            account,
            pool: binding.get_bound_pool_id(),
        }),
    })
}
