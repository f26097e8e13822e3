//! CPU time in budgets, as Sundial has it: scheduling contexts.

use alloc::format;
use alloc::string::String;

use rt::context::Context;
use rt::time::Timer;
use rt::{Env, Error};
use workloads::system::{Budget, Budgets, Kind};

use crate::system::Sundial;

/// Makes a context with this budget, to which no thread is bound, and of which all is there: what a former one has used of its CPU comes first.
pub(crate) fn make(env: &Env, budget: Budget) -> Result<Context, Error> {
    let time: Context = env.first()?;
    let made = match budget.kind {
        Kind::Limit => Context::limit(budget.time_ns)
            .every(budget.period_ns)
            .create(&time)?,
        Kind::Reservation => Context::reserve(budget.time_ns)
            .every(budget.period_ns)
            .carve(&time)?,
    };
    let context = made.map_err(|refusal| refused(format!("no context: {refusal}")))?;
    let timer: Timer = env.first()?;
    while context.usage(|usage| Ok(usage.get_remaining_ns()))? < budget.time_ns {
        timer.sleep_ns(budget.period_ns / 8)?;
    }
    Ok(context)
}

/// Does something with the calling thread bound, which goes on without afterwards.
pub(crate) fn bound<T>(context: &Context, body: impl FnOnce() -> T) -> Result<T, Error> {
    bind(context)?;
    let result = body();
    let unbound = context.unbind()?;
    unbound.map_err(|why| refused(format!("a thread is not let go of: {why:?}")))?;
    Ok(result)
}

/// Binds the calling thread for good.
pub(crate) fn bind(context: &Context) -> Result<(), Error> {
    let bound = context.bind()?;
    bound.map_err(|why| refused(format!("a thread is not bound: {why:?}")))
}

fn refused(why: String) -> Error {
    Error::Exception(rt::Kind::Failed, why)
}

impl Budgets for Sundial {
    const WHOLE_CPU: Budget = Budget {
        kind: Kind::Limit,
        time_ns: 10_000_000,
        period_ns: 10_000_000,
    };

    fn with_budget<T>(&self, budget: Budget, body: impl FnOnce() -> T) -> Result<T, Error> {
        bound(&make(&self.0, budget)?, body)
    }
}
