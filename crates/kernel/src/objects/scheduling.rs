//! scheduling
use crate::call::{Answer, Call, unimplemented};
pub(super) fn call(_: &Call<'_, '_>, _: Option<&alloc::sync::Arc<crate::process::thread::Thread>>) -> Answer { Err(unimplemented()) }
