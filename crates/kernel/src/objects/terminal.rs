//! terminal
use crate::call::{Answer, Call, unimplemented};
pub(super) fn call(_: &Call<'_, '_>, _: &alloc::sync::Arc<crate::terminal::Terminal>) -> Answer { Err(unimplemented()) }
