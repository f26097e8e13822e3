//! Placement: on which CPUs a thread runs.

use alloc::vec::Vec;

use schema_gen::monitor::PlacementResult;
use schema_gen::monitor::thread_placement::{cpus_results, set_cpus_params};

use crate::cap::{Client, client};
use crate::error::Error;
use crate::message::{Aligned, EMPTY, encode};
use crate::pending::{VOID_ROOM, call};

client! {
    /// On which CPUs one thread runs, whichever a supervisor chose.
    ThreadPlacement, THREAD_PLACEMENT
}

/// Room for a set of the CPUs of the largest machines.
const SET_ROOM: usize = 256;

/// Why a set of CPUs was not taken. The thread stays where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacementRefusal {
    /// It names no CPU.
    EmptySet,
    /// Its last byte is zero.
    NotCanonical,
    /// It names this CPU, which is not there.
    UnknownCpu(u32),
    /// The thread has ended.
    ThreadEnded,
    /// None of the CPUs that it names has started; this is the lowest of them.
    NotStarted(u32),
}

/// The set of these CPUs as it is sent: CPU n is bit n mod 8 of byte n / 8.
pub fn set_of(cpus: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for cpu in cpus {
        let byte = cpu as usize / 8;
        if bytes.len() <= byte {
            bytes.resize(byte + 1, 0);
        }
        bytes[byte] |= 1 << (cpu % 8);
    }
    bytes
}

impl ThreadPlacement {
    /// Has the thread run on these CPUs and no others, from now on.
    pub fn set_cpus(&self, cpus: &[u8]) -> Result<Result<(), PlacementRefusal>, Error> {
        let params = encode::<set_cpus_params::Owned>(|mut root| root.set_cpus(cpus));
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        let reply = call(self.cap().method(0), &params, &mut room.0)?;
        let refusal = match PlacementResult::try_from(reply.u16(0)) {
            Ok(PlacementResult::Ok) => return Ok(Ok(())),
            Ok(PlacementResult::EmptySet) => PlacementRefusal::EmptySet,
            Ok(PlacementResult::NotCanonical) => PlacementRefusal::NotCanonical,
            Ok(PlacementResult::UnknownCpu) => PlacementRefusal::UnknownCpu(reply.u32(4)),
            Ok(PlacementResult::ThreadEnded) => PlacementRefusal::ThreadEnded,
            Ok(PlacementResult::NotStarted) => PlacementRefusal::NotStarted(reply.u32(4)),
            Err(_) => return Err(Error::Malformed),
        };
        Ok(Err(refusal))
    }

    /// The CPUs on which the thread may run.
    pub fn cpus(&self) -> Result<Vec<u32>, Error> {
        let mut room = Aligned::<SET_ROOM>::zeroed();
        call(self.cap().method(1), &EMPTY, &mut room.0)?.read::<cpus_results::Owned, _>(|root| {
            let bytes = root.get_cpus()?;
            let bits = (0_u32..).zip(bytes).flat_map(|(index, byte)| {
                let set = move |bit: &u32| byte >> bit & 1 != 0;
                (0..8).filter(set).map(move |bit| index * 8 + bit)
            });
            Ok(bits.collect())
        })
    }
}
