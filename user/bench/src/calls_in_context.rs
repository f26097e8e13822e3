//! N4: the empty call of N3 from a thread that has a scheduling context to a server that has one of its own, and to a server that has
//! none and is lent the caller's; by limits and by reservations. That the time really went along is told by the context.

use rt::Error;
use workloads::calls::call_and_return;
use workloads::plan::{Plan, fact};
use workloads::run::Row;
use workloads::system::{Budget, Kind};

use crate::budgets;
use crate::calls::Way;
use crate::system::Sundial;

/// More than all rounds of a row take, so that nothing is used up. What an ended server had reserved comes back a period later: so
/// much is granted to four at a time.
const fn budget(kind: Kind) -> Budget {
    Budget {
        kind,
        time_ns: 200_000_000,
        period_ns: 1_000_000_000,
    }
}

/// All of them.
pub fn rows() -> [Row<Sundial>; 4] {
    [
        ("call-own-limit", |system, plan| {
            own(system, plan, "call-own-limit", Kind::Limit)
        }),
        ("call-own-reservation", |system, plan| {
            own(system, plan, "call-own-reservation", Kind::Reservation)
        }),
        ("call-lent-limit", |system, plan| {
            lent(system, plan, "call-lent-limit", Kind::Limit)
        }),
        ("call-lent-reservation", |system, plan| {
            lent(system, plan, "call-lent-reservation", Kind::Reservation)
        }),
    ]
}

fn own(system: &Sundial, plan: &Plan, row: &str, kind: Kind) -> Result<(), Error> {
    in_context(system, plan, row, kind, Way::InContext(budget(kind)))
}

fn lent(system: &Sundial, plan: &Plan, row: &str, kind: Kind) -> Result<(), Error> {
    in_context(system, plan, row, kind, Way::WithoutContext)
}

/// Measures calls of this thread, which has time, and tells how often that was lent and whether it was used up.
fn in_context(system: &Sundial, plan: &Plan, row: &str, kind: Kind, way: Way) -> Result<(), Error> {
    let context = budgets::make(&system.0, budget(kind))?;
    budgets::bound(&context, || call_and_return(system, plan, row, way))??;
    let (lent, used_up) = context.usage(|usage| Ok((usage.get_lent(), usage.get_overruns())))?;
    fact(system, row, "lent", lent);
    fact(system, row, "used-up", used_up);
    Ok(())
}
