//! The system log: short records that services and the kernel write and that a reader drains by cursor.
//! Rule P9 (docs/rules/log.md). Records and their bounds are in [`record`], the ring that keeps the recent
//! ones in [`store`].

pub mod record;
pub mod store;
