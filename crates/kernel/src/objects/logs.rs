//! logs
use crate::call::{Answer, Call, unimplemented};
pub(super) fn sink(_: &Call<'_, '_>) -> Answer { Err(unimplemented()) }
pub(super) fn reader(_: &Call<'_, '_>) -> Answer { Err(unimplemented()) }
