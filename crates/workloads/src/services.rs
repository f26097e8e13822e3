//! Clients and their servers: each client calls a serving process of its own, which does a piece of work for every call. All
//! calls together are the same number for one client as for two, so what is divided is the work of the servers, and
//! what is added is the way to them and back.

use alloc::vec::Vec;

use crate::calls::piece_without_work;
use crate::plan::Plan;
use crate::system::{Calls, Link, Service, Threads};
use crate::team::{Taken, pairs, together};

/// Calls of all clients together.
const CALLS: u64 = 1_000;

/// A client: calls for each of these requests; the sum of the answers, or what went wrong.
fn call_for_each<L: Link>(link: &mut L, requests: core::ops::Range<u64>) -> Result<u64, L::Error> {
    requests
        .map(|request| link.call(request))
        .try_fold(0, |sum: u64, answer| Ok(sum.wrapping_add(answer?)))
}

/// What [`call_for_each`] comes to.
fn sum_of_answers() -> u64 {
    (0..CALLS).map(piece_without_work).fold(0, u64::wrapping_add)
}

fn case<S: Threads + Calls>(system: &S, way: S::Way, clients: u64) -> Result<Taken, S::Error> {
    let case_start = S::ticks();
    let links = (0..clients)
        .map(|_| system.connect(way, Service::Work))
        .collect::<Result<Vec<_>, _>>()?;
    let mut ended = Vec::new();
    let works = links.into_iter().zip(0_u64..).map(|(mut link, client)| {
        let requests = CALLS * client / clients..CALLS * (client + 1) / clients;
        move || (call_for_each(&mut link, requests).ok(), link)
    });
    let taken = together(system, works, |results| {
        let mut sum = Some(0_u64);
        for (part, link) in results {
            sum = sum.zip(part).map(|(sum, part)| sum.wrapping_add(part));
            ended.push(link);
        }
        sum == Some(sum_of_answers())
    })?;
    let mut code = 0;
    for link in ended {
        code |= link.end()?;
    }
    Ok(Taken {
        work: taken.work,
        total: S::ticks() - case_start,
        right: taken.right && code == 0,
    })
}

/// Pairs of cases by one way.
pub fn measure<S: Threads + Calls>(system: &S, plan: &Plan, row: &str, way: S::Way) -> Result<(), S::Error> {
    pairs(system, plan, row, |clients| case(system, way, clients as u64))
}

/// Pairs of cases by the quickest way.
pub fn one_and_two_clients<S: Threads + Calls>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    measure(system, plan, "services", system.best_way())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::piece_of_work;

    #[test]
    fn s3_the_sum_of_the_answers_is_that_of_the_work() {
        let sum = (0..CALLS).map(piece_of_work).fold(0, u64::wrapping_add);
        assert_eq!(sum_of_answers(), sum);
    }
}
