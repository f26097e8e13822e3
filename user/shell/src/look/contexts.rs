//! What the shell knows of scheduling contexts.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rt::Error;
use rt::context::Overrun;
use rt::monitor::Monitor;
use rt::text::times::typed;
use schema_gen::monitor::context_status;
use schema_gen::system::{OverrunPolicy, SchedulingContextKind as Kind, SchedulingContextStanding as Stands};

/// The generation of a context that is not gone.
const LIVE: u64 = 1;

/// One context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Its number.
    pub id: u64,
    /// It was revoked, and somebody still holds what is left.
    pub is_gone: bool,
    /// It guarantees, and does not only cap.
    pub is_reserved: bool,
    /// So much, in nanoseconds,
    pub budget_ns: u64,
    /// in every so much,
    pub period_ns: u64,
    /// as soon as this.
    pub deadline_ns: u64,
    /// Where.
    pub cpus: Vec<u32>,
    /// What becomes of who uses it up.
    pub overrun: Overrun,
    /// The process that made it.
    pub maker: u32,
    /// The thread that is bound to it.
    pub thread: Option<(u32, u32)>,
    /// While it is lent, the thread that works with it.
    pub holder: Option<(u32, u32)>,
    /// Through how many servers it is lent on now.
    pub depth: u32,
    /// How often it went along with a call.
    pub lent: u64,
    /// What that is entitled to.
    pub standing: Standing,
    /// What may be used now.
    pub remaining_ns: u64,
    /// All that was ever used.
    pub used_ns: u64,
    /// How often it was used up.
    pub overruns: u64,
    /// How often a deadline was missed.
    pub misses: u64,
    /// Out of which context it was carved; 0 is what the first process may reserve.
    pub parent: u64,
    /// What was carved out of it.
    pub carved_ns: u64,
}

/// What the thread that has a context is entitled to; instants are on the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is no thread.
    Unbound,
    /// Its part by weight, as long as the budget lasts.
    ByWeight,
    /// Service, due at this instant.
    Reserved(u64),
    /// Nothing before this instant.
    Throttled(u64),
    /// Its part by weight, uncharged, until this instant.
    Demoted(u64),
}

/// What may be reserved of one CPU, in nanoseconds of every second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The CPU.
    pub cpu: u32,
    /// At all.
    pub given_ns: u64,
    /// Still.
    pub left_ns: u64,
}

impl Context {
    /// Whether this thread is bound to it or works with it.
    pub fn concerns(&self, thread: (u32, u32)) -> bool {
        self.holder == Some(thread) || self.thread == Some(thread)
    }

    /// Budget, period and, where it is not the period, deadline, as they would be typed.
    pub fn share(&self) -> String {
        let share = format!("{}/{}", typed(self.budget_ns), typed(self.period_ns));
        if self.deadline_ns == self.period_ns {
            share
        } else {
            format!("{share} in {}", typed(self.deadline_ns))
        }
    }

    /// Its CPUs as numbers and stretches.
    pub fn places(&self) -> String {
        let mut stretches: Vec<(u32, u32)> = Vec::new();
        for cpu in &self.cpus {
            match stretches.last_mut() {
                Some((_, last)) if *last + 1 == *cpu => *last = *cpu,
                _ => stretches.push((*cpu, *cpu)),
            }
        }
        let stretches: Vec<String> = stretches
            .iter()
            .map(|(first, last)| match last - first {
                0 => format!("{first}"),
                _ => format!("{first}-{last}"),
            })
            .collect();
        stretches.join(",")
    }
}

impl Standing {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Unbound => "unbound",
            Standing::ByWeight => "by weight",
            Standing::Reserved(_) => "reserved",
            Standing::Throttled(_) => "throttled",
            Standing::Demoted(_) => "demoted",
        }
    }

    /// The instant that belongs to it.
    pub fn until_ns(self) -> Option<u64> {
        match self {
            Standing::Unbound | Standing::ByWeight => None,
            Standing::Reserved(at) | Standing::Throttled(at) | Standing::Demoted(at) => Some(at),
        }
    }
}

/// Takes a look at all contexts, and at what may be reserved.
pub fn contexts(monitor: &Monitor) -> Result<(Vec<Context>, Vec<Capacity>), Error> {
    monitor.contexts(|contexts, capacities| {
        let contexts: Result<Vec<Context>, _> = contexts.iter().map(context).collect();
        let capacities = capacities
            .iter()
            .map(|cpu| Capacity {
                cpu: cpu.get_cpu(),
                given_ns: cpu.get_given_ns(),
                left_ns: cpu.get_left_ns(),
            })
            .collect();
        Ok((contexts?, capacities))
    })
}

fn context(seen: context_status::Reader<'_>) -> capnp::Result<Context> {
    let (identity, spec, usage) = (seen.get_identity()?, seen.get_spec()?, seen.get_usage()?);
    let until = usage.get_until_ns();
    let thread = |pid, tid| Some((pid, tid)).filter(|thread| *thread != (0, 0));
    Ok(Context {
        id: identity.get_context_id(),
        is_gone: identity.get_generation() != LIVE,
        is_reserved: usage.get_kind()? == Kind::Reservation,
        budget_ns: spec.get_budget_ns(),
        period_ns: spec.get_period_ns(),
        deadline_ns: spec.get_relative_deadline_ns(),
        cpus: members(spec.get_cpu_mask()?),
        overrun: match spec.get_overrun_policy()? {
            OverrunPolicy::Throttle => Overrun::Throttle,
            OverrunPolicy::Fault => Overrun::Fault,
            OverrunPolicy::Demote => Overrun::Demote,
        },
        maker: seen.get_maker_pid(),
        thread: thread(seen.get_pid(), seen.get_tid()),
        holder: thread(seen.get_holder_pid(), seen.get_holder_tid()),
        depth: usage.get_donation_depth(),
        lent: usage.get_lent(),
        standing: match usage.get_standing()? {
            Stands::Unbound => Standing::Unbound,
            Stands::ByWeight => Standing::ByWeight,
            Stands::Reserved => Standing::Reserved(until),
            Stands::Throttled => Standing::Throttled(until),
            Stands::Demoted => Standing::Demoted(until),
        },
        remaining_ns: usage.get_remaining_ns(),
        used_ns: usage.get_used_ns(),
        overruns: usage.get_overruns(),
        misses: usage.get_misses(),
        parent: usage.get_parent()?.get_context_id(),
        carved_ns: usage.get_carved_ns(),
    })
}

/// The numbers in a set of CPUs.
fn members(mask: &[u8]) -> Vec<u32> {
    let bits = (0..).zip(mask).flat_map(|(byte, bits): (u32, &u8)| {
        let is_in = move |bit: &u32| bits >> bit & 1 != 0;
        (0..8).filter(is_in).map(move |bit| byte * 8 + bit)
    });
    bits.collect()
}

#[cfg(test)]
pub(crate) fn example() -> Context {
    Context {
        id: 5,
        is_gone: false,
        is_reserved: false,
        budget_ns: 2_000_000,
        period_ns: 10_000_000,
        deadline_ns: 10_000_000,
        cpus: Vec::from([0, 1, 2, 5]),
        overrun: Overrun::Throttle,
        maker: 2,
        thread: Some((3, 1)),
        holder: None,
        depth: 0,
        lent: 0,
        standing: Standing::ByWeight,
        remaining_ns: 500_000,
        used_ns: 1_200_000_000,
        overruns: 120,
        misses: 0,
        parent: 0,
        carved_ns: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e7_cpus_are_numbers_and_stretches() {
        assert_eq!(example().places(), "0-2,5");
        assert_eq!(members(&[0b10_0111]), example().cpus);
        assert_eq!(members(&[0, 0x80, 1]), [15, 16]);
    }

    #[test]
    fn a_deadline_is_named_where_it_is_not_the_period() {
        assert_eq!(example().share(), "2ms/10ms");
        let urgent = Context {
            deadline_ns: 2_500_000,
            ..example()
        };
        assert_eq!(urgent.share(), "2ms/10ms in 2500us");
    }
}
