//! supervisor
use crate::call::{Answer, Call, unimplemented};
pub(super) fn call(_: &Call<'_, '_>) -> Answer { Err(unimplemented()) }
