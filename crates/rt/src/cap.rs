//! Capabilities: the numbers that name what this program may use, and the typed handles around them.

use core::fmt;

use abi::ring::{Opcode, Sqe};

use crate::error::Error;
use crate::pending::Target;
use crate::thread_block::with_lane;

/// A capability in this process's table. One that the program received while running is released when the
/// handle is dropped; one it started with stays.
pub struct Cap {
    id: u32,
    release_on_drop: bool,
}

impl Cap {
    /// A capability that this handle alone stands for.
    pub(crate) const fn owned(id: u32) -> Cap {
        Cap {
            id,
            release_on_drop: true,
        }
    }

    /// A capability of the capset page, valid as long as the program runs.
    pub(crate) const fn granted(id: u32) -> Cap {
        Cap {
            id,
            release_on_drop: false,
        }
    }

    /// The id in this process's table.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Names one of its methods.
    pub fn method(&self, method: u16) -> Target {
        Target { cap: self.id, method }
    }

    /// Gives the id away; nothing is released.
    pub fn into_id(self) -> u32 {
        let id = self.id;
        core::mem::forget(self);
        id
    }
}

impl Drop for Cap {
    fn drop(&mut self) {
        if self.release_on_drop {
            // An id that is gone already (moved elsewhere) answers with an error, and there is nothing to do about it.
            let _ = release(self.id);
        }
    }
}

impl fmt::Debug for Cap {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Cap({:#x})", self.id)
    }
}

/// Drops `id` from this process's table.
pub fn release(id: u32) -> Result<(), Error> {
    let sqe = Sqe {
        opcode: Opcode::Release as u8,
        cap_id: id,
        ..Sqe::default()
    };
    let cqe = with_lane(|lane| {
        // SAFETY: a RELEASE names no memory.
        let ticket = unsafe { lane.submit(sqe) }?;
        Ok::<_, Error>(lane.wait(ticket))
    })?;
    if cqe.result < 0 {
        Err(cqe.result.into())
    } else {
        Ok(())
    }
}

/// A typed handle: a capability together with the interface it is known to have.
pub trait Client: Sized {
    /// The interface's id, as the capset and result records carry it.
    const INTERFACE: u64;
    /// The interface's name, for messages.
    const NAME: &'static str;
    /// Wraps a capability of this interface.
    fn from_cap(cap: Cap) -> Self;
    /// The capability inside.
    fn cap(&self) -> &Cap;
    /// Unwraps it.
    fn into_cap(self) -> Cap;
}

/// Declares the handle type of an interface.
macro_rules! client {
    ($(#[$doc:meta])* $name:ident, $interface:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(crate::cap::Cap);

        impl crate::cap::Client for $name {
            const INTERFACE: u64 = abi::interfaces::$interface;
            const NAME: &'static str = stringify!($name);
            fn from_cap(cap: crate::cap::Cap) -> Self {
                $name(cap)
            }
            fn cap(&self) -> &crate::cap::Cap {
                &self.0
            }
            fn into_cap(self) -> crate::cap::Cap {
                self.0
            }
        }
    };
}
pub(crate) use client;
