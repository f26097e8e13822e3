//! Random numbers from the CPU: RDSEED where it exists, else RDRAND (Intel SDM volume 1, 7.3.17). There is no
//! fallback: timing jitter of a virtual machine is not a source of secrets, so a CPU with neither instruction
//! has no entropy and callers are told so (`EntropyStatus::unavailable` on the wire).

use core::arch::asm;

use crate::cpuid::features;

/// RDRAND fails at most ten times in a row unless it is broken (SDM volume 1, 7.3.17.1).
const RDRAND_TRIES: u32 = 10;
/// RDSEED may be drained by other CPUs for longer; after this, RDRAND takes over.
const RDSEED_TRIES: u32 = 64;

/// There is no working source of randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable;

/// Whether this machine has a hardware source at all.
pub fn is_available() -> bool {
    features().rdrand || features().rdseed
}

/// Fills the bytes with random ones.
///
/// # Errors
/// When there is no source or it does not deliver; the bytes are all zero then.
pub fn fill(bytes: &mut [u8]) -> Result<(), Unavailable> {
    fill_from(bytes, word)
}

fn fill_from(bytes: &mut [u8], mut word: impl FnMut() -> Option<u64>) -> Result<(), Unavailable> {
    let mut last = None;
    for place in 0..bytes.len().div_ceil(8) {
        let fresh = word().filter(|&fresh| last != Some(fresh));
        let Some(fresh) = fresh else {
            // Two equal words in a row are a stuck generator (some CPUs return all ones after a suspend).
            bytes.fill(0);
            return Err(Unavailable);
        };
        let rest = &mut bytes[place * 8..];
        let length = rest.len().min(8);
        rest[..length].copy_from_slice(&fresh.to_le_bytes()[..length]);
        last = Some(fresh);
    }
    Ok(())
}

fn word() -> Option<u64> {
    let seed = if features().rdseed {
        (0..RDSEED_TRIES).find_map(|_| rdseed())
    } else {
        None
    };
    seed.or_else(|| {
        if features().rdrand {
            (0..RDRAND_TRIES).find_map(|_| rdrand())
        } else {
            None
        }
    })
}

fn rdseed() -> Option<u64> {
    let (value, carry): (u64, u8);
    // SAFETY: called only when CPUID has RDSEED; it changes the two outputs and the flags.
    unsafe { asm!("rdseed {}", "setc {}", out(reg) value, out(reg_byte) carry, options(nomem, nostack)) };
    if carry == 1 { Some(value) } else { None }
}

fn rdrand() -> Option<u64> {
    let (value, carry): (u64, u8);
    // SAFETY: called only when CPUID has RDRAND; it changes the two outputs and the flags.
    unsafe { asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) carry, options(nomem, nostack)) };
    if carry == 1 { Some(value) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p9_a_length_that_is_no_multiple_of_eight_is_filled_to_the_end() {
        let mut next = 0x0101_0101_0101_0101u64;
        let mut bytes = [0; 11];
        let counting = || {
            next = next.wrapping_add(0x0101_0101_0101_0101);
            Some(next)
        };
        assert_eq!(fill_from(&mut bytes, counting), Ok(()));
        assert_eq!(bytes, [2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3]);
    }

    #[test]
    fn p9_a_stuck_or_failing_generator_leaves_nothing_behind() {
        let mut bytes = [7; 24];
        assert_eq!(fill_from(&mut bytes, || Some(u64::MAX)), Err(Unavailable));
        assert_eq!(bytes, [0; 24]);
        assert_eq!(fill_from(&mut [1], || None), Err(Unavailable));
    }
}
