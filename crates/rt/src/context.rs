//! CPU time that a program holds: scheduling contexts.
//!
//! A *limit* caps whoever is bound to it; a *reservation* guarantees. Either is asked for as a [`Wish`], whose defaults are the
//! ones mostly wanted, of a context that the program was given:
//!
//! ```text
//! let time: Context = env.first()?;
//! let control = Context::reserve(ms(2)).every(ms(10)).carve(&time)??;
//! control.bind()??;                        // this thread has 2 ms in every 10, whatever else runs
//! ```
//!
//! Who is refused is told what would be granted ([`Refusal`]).

use alloc::vec::Vec;
use core::fmt;

use schema_gen::monitor::supervisor;
use schema_gen::system::scheduling_context::{
    create_params, create_results, drain_notifications_results, info_results, reserve_params,
    reserve_results, usage_results,
};
use schema_gen::system::{
    OverrunPolicy, ReservationBinding, ReservationResult,
    SchedulingContextNotificationObserverResult as ObserverResult,
    SchedulingContextOperationResult as OperationResult, scheduling_context_info,
    scheduling_context_notification_slot, scheduling_context_spec, scheduling_context_usage,
};

use crate::cap::{Client, client};
use crate::error::Error;
use crate::message::{Aligned, EMPTY, encode};
use crate::monitor::Supervisor;
use crate::pending::{Pending, Reply, VOID_ROOM, call};
use crate::placement::set_of;
use crate::text::times::typed;

client! {
    /// CPU time, or the right to make some.
    Context, SCHEDULING_CONTEXT
}

/// Room for an answer about one context, with sets of the CPUs of the largest machines.
const ROOM: usize = 768;

/// So many milliseconds, in nanoseconds.
pub const fn ms(count: u64) -> u64 {
    count * 1_000_000
}

/// So many microseconds, in nanoseconds.
pub const fn us(count: u64) -> u64 {
    count * 1_000
}

/// What happens to a thread that has used its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overrun {
    /// It waits until there is budget again.
    Throttle,
    /// Its process goes on without it: it is ended.
    Fault,
    /// It goes on by its weight until there is budget again. For reservations.
    Demote,
}

/// CPU time that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    budget_ns: u64,
    period_ns: u64,
    deadline_ns: u64,
    overrun: Overrun,
    cpus: Option<Vec<u8>>,
}

/// A context, for all time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Its number.
    pub id: u64,
    /// The second one says that it is gone.
    pub generation: u64,
}

/// Why a context did not do what it was asked to. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was revoked.
    Stale,
    /// It is bound, or the thread has time of its own or somebody else's.
    AlreadyBound,
    /// The thread ends, or there is none.
    NotLive,
    /// It is no context but the capability that makes some.
    NoContext,
}

/// Why CPU time was not granted. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A number is out of its bounds: the budget is at least 100 us and at most the period, or the deadline of a reservation; the period is at most
    /// 10 s and the deadline not behind it; the CPUs are there; and a limit cannot be overrun by weight.
    InvalidSpec,
    /// What it was to be carved out of was revoked.
    Stale,
    /// What it was to be carved out of has nothing to divide.
    NoCapacity,
    /// A table is full, or there is no memory.
    Exhausted,
    /// The timers of this machine cannot enforce it.
    NotEnforced,
    /// It does not fit.
    DoesNotFit {
        /// On this CPU.
        cpu: u32,
        /// For this reason.
        why: Misfit,
        /// The largest budget that would be granted, in nanoseconds.
        most_ns: Option<u64>,
    },
}

/// What stands in the way of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// What it is carved out of has only so much left in each of its periods.
    Parent {
        /// What is left.
        left_ns: u64,
        /// Its period.
        period_ns: u64,
    },
    /// So much would be due within a stretch of time, most of it to another context.
    Deadline {
        /// The stretch.
        within_ns: u64,
        /// What would be due.
        demand_ns: u64,
        /// To whom most.
        holder: Identity,
    },
    /// All reservations together would come to more than all time.
    Overload,
    /// Whether it fits could not be found out in time.
    Undecided,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cpu, why, most_ns) = match *self {
            Refusal::InvalidSpec => {
                return out.write_str(
                    "a budget is at least 100us and at most its period and, if reserved, its deadline; a period is at most 10s; \
                     only a reservation can be demoted; the CPUs must be there",
                );
            }
            Refusal::Stale => return out.write_str("the context it was to come out of was revoked"),
            Refusal::NoCapacity => {
                return out.write_str(
                    "nothing can be reserved out of this context (see `reservable_permille` of the manifest)",
                );
            }
            Refusal::Exhausted => return out.write_str("as many contexts as there is room for"),
            Refusal::NotEnforced => return out.write_str("this machine's timers cannot enforce it"),
            Refusal::DoesNotFit { cpu, why, most_ns } => (cpu, why, most_ns),
        };
        write!(out, "it does not fit on CPU {cpu}: ")?;
        match why {
            Misfit::Parent { left_ns, period_ns } => {
                write!(out, "{} are left in every {}", typed(left_ns), typed(period_ns))?;
            }
            Misfit::Deadline {
                within_ns,
                demand_ns,
                holder,
            } => write!(
                out,
                "{} would be due within {}, most of them to context {}",
                typed(demand_ns),
                typed(within_ns),
                holder.id
            )?,
            Misfit::Overload => out.write_str("all reservations would come to more than all time")?,
            Misfit::Undecided => {
                out.write_str("that could not be decided; a deadline that is the period is easier")?
            }
        }
        match most_ns {
            Some(most) => write!(out, "; {} would be granted", typed(most)),
            None => out.write_str("; nothing would be granted"),
        }
    }
}

impl Wish {
    /// In which time the budget is to be had again and again. The default is ten times the budget.
    #[must_use]
    pub fn every(mut self, period_ns: u64) -> Wish {
        self.period_ns = period_ns;
        self
    }

    /// How soon the budget is due after it was wanted. The default is the period.
    #[must_use]
    pub fn due_within(mut self, deadline_ns: u64) -> Wish {
        self.deadline_ns = deadline_ns;
        self
    }

    /// What happens when it is used up. The default is to wait.
    #[must_use]
    pub fn when_used_up(mut self, overrun: Overrun) -> Wish {
        self.overrun = overrun;
        self
    }

    /// On which CPUs. The default is any of the first 64 that the machine has, which is found out by asking.
    #[must_use]
    pub fn on(mut self, cpus: impl IntoIterator<Item = u32>) -> Wish {
        self.cpus = Some(set_of(cpus));
        self
    }

    /// Makes the limit.
    ///
    /// # Errors
    /// The outer error is that asking failed.
    pub fn create(&self, of: &Context) -> Result<Result<Context, Refusal>, Error> {
        self.ask(|cpus| {
            let params = encode::<create_params::Owned>(|root| self.fill(root.init_spec(), cpus));
            let mut room = Aligned::<ROOM>::zeroed();
            let reply = call(of.cap().method(1), &params, &mut room.0)?;
            let result = reply.read::<create_results::Owned, _>(|root| Ok(root.get_result()?))?;
            Ok(match result {
                OperationResult::Ok => Ok(reply.cap(0).map(Context::from_cap)?),
                OperationResult::ResourceExhausted => Err(Refusal::Exhausted),
                _ => Err(Refusal::InvalidSpec),
            })
        })
    }

    /// Carves the reservation out of what `of` has.
    ///
    /// # Errors
    /// The outer error is that asking failed.
    pub fn carve(&self, of: &Context) -> Result<Result<Context, Refusal>, Error> {
        self.ask(|cpus| {
            let params = encode::<reserve_params::Owned>(|root| self.fill(root.init_spec(), cpus));
            let mut room = Aligned::<ROOM>::zeroed();
            let reply = call(of.cap().method(5), &params, &mut room.0)?;
            let refusal = reply.read::<reserve_results::Owned, _>(refusal)?;
            match refusal {
                None => Ok(Ok(reply.cap(0).map(Context::from_cap)?)),
                Some(refusal) => Ok(Err(refusal)),
            }
        })
    }

    /// Asks with the CPUs that were named, or with as many as there are: a set that names one which is not there is refused.
    fn ask(
        &self,
        mut ask: impl FnMut(&[u8]) -> Result<Result<Context, Refusal>, Error>,
    ) -> Result<Result<Context, Refusal>, Error> {
        if let Some(cpus) = &self.cpus {
            return ask(cpus);
        }
        let mut answer = Err(Refusal::InvalidSpec);
        for count in (0..=6).rev() {
            answer = ask(&set_of(0..1 << count))?;
            if !matches!(answer, Err(Refusal::InvalidSpec)) {
                break;
            }
        }
        Ok(answer)
    }

    fn fill(&self, mut spec: scheduling_context_spec::Builder<'_>, cpus: &[u8]) {
        spec.set_budget_ns(self.budget_ns);
        spec.set_period_ns(self.period_ns);
        spec.set_relative_deadline_ns(self.deadline_ns);
        spec.set_cpu_mask(cpus);
        spec.set_overrun_policy(match self.overrun {
            Overrun::Throttle => OverrunPolicy::Throttle,
            Overrun::Fault => OverrunPolicy::Fault,
            Overrun::Demote => OverrunPolicy::Demote,
        });
    }
}

/// What the answer to a wish for a reservation says against it.
fn refusal(root: reserve_results::Reader<'_>) -> capnp::Result<Option<Refusal>> {
    Ok(Some(match root.get_result()? {
        ReservationResult::Ok => return Ok(None),
        ReservationResult::InvalidSpec => Refusal::InvalidSpec,
        ReservationResult::StaleGeneration => Refusal::Stale,
        ReservationResult::NoCapacity => Refusal::NoCapacity,
        ReservationResult::ResourceExhausted => Refusal::Exhausted,
        ReservationResult::NotEnforced => Refusal::NotEnforced,
        ReservationResult::DoesNotFit => {
            let said = root.get_refusal()?;
            let holder = said.get_holder()?;
            let why = match said.get_binding()? {
                ReservationBinding::Parent => Misfit::Parent {
                    left_ns: said.get_left_ns(),
                    period_ns: said.get_period_ns(),
                },
                ReservationBinding::Deadline => Misfit::Deadline {
                    within_ns: said.get_within_ns(),
                    demand_ns: said.get_demand_ns(),
                    holder: Identity {
                        id: holder.get_context_id(),
                        generation: holder.get_generation(),
                    },
                },
                ReservationBinding::Overload => Misfit::Overload,
                ReservationBinding::None | ReservationBinding::Undecided => Misfit::Undecided,
            };
            Refusal::DoesNotFit {
                cpu: said.get_cpu(),
                why,
                most_ns: Some(said.get_most_ns()).filter(|most| *most > 0),
            }
        }
    }))
}

impl Context {
    /// At most so much time in each period, in no other order than by weight: see [`Wish::create`].
    #[must_use]
    pub fn limit(budget_ns: u64) -> Wish {
        Wish {
            budget_ns,
            period_ns: budget_ns.saturating_mul(10),
            deadline_ns: 0,
            overrun: Overrun::Throttle,
            cpus: None,
        }
    }

    /// So much time in each period, before all who are served by weight: see [`Wish::carve`].
    #[must_use]
    pub fn reserve(budget_ns: u64) -> Wish {
        Context::limit(budget_ns)
    }

    /// Binds the calling thread: from now on it uses this time and no other.
    ///
    /// # Errors
    /// The outer error is that asking failed.
    pub fn bind(&self) -> Result<Result<(), Refused>, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        done(call(self.cap().method(2), &EMPTY, &mut room.0)?.u16(0))
    }

    /// The thread that is bound goes on without, and the context may be bound again.
    ///
    /// # Errors
    /// The outer error is that asking failed.
    pub fn unbind(&self) -> Result<Result<(), Refused>, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        done(call(self.cap().method(6), &EMPTY, &mut room.0)?.u16(0))
    }

    /// Ends it for ever, with all that was carved out of it.
    ///
    /// # Errors
    /// The outer error is that asking failed.
    pub fn revoke(&self) -> Result<Result<(), Refused>, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        done(call(self.cap().method(3), &EMPTY, &mut room.0)?.u16(8))
    }

    /// Which one it is.
    ///
    /// # Errors
    /// When asking failed.
    pub fn identity(&self) -> Result<Identity, Error> {
        self.info(|info| {
            let identity = info.get_identity()?;
            Ok(Identity {
                id: identity.get_context_id(),
                generation: identity.get_generation(),
            })
        })
    }

    /// What it was asked to be, who has it and what is left.
    pub fn info<R>(
        &self,
        read: impl FnOnce(scheduling_context_info::Reader<'_>) -> capnp::Result<R>,
    ) -> Result<R, Error> {
        let mut room = Aligned::<ROOM>::zeroed();
        call(self.cap().method(0), &EMPTY, &mut room.0)?
            .read::<info_results::Owned, R>(|root| read(root.get_info()?))
    }

    /// What became of it so far.
    pub fn usage<R>(
        &self,
        read: impl FnOnce(scheduling_context_usage::Reader<'_>) -> capnp::Result<R>,
    ) -> Result<R, Error> {
        let mut room = Aligned::<ROOM>::zeroed();
        call(self.cap().method(8), &EMPTY, &mut room.0)?
            .read::<usage_results::Owned, R>(|root| read(root.get_usage()?))
    }

    /// What was told of it since this was asked last.
    ///
    /// # Errors
    /// When asking failed.
    pub fn drain(&self) -> Result<News, Error> {
        let mut room = Aligned::<ROOM>::zeroed();
        News::of(call(self.cap().method(4), &EMPTY, &mut room.0)?)
    }

    /// Starts waiting until there is something to be told, or the context is gone.
    ///
    /// # Errors
    /// When asking failed.
    pub fn start_waiting(&self) -> Result<Pending<News>, Error> {
        Pending::start(self.cap().method(7), EMPTY.to_vec(), ROOM, News::of)
    }
}

/// What there is to be told of a context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// It was revoked; nothing else is told any more.
    pub is_gone: bool,
    /// It was used up.
    pub used_up: Option<Happening>,
    /// A deadline passed while its thread wanted what was due by it.
    pub missed: Option<Happening>,
}

/// The latest of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happening {
    /// How many there were, ever.
    pub sequence: u64,
    /// How many before this one nobody has read.
    pub coalesced: u64,
    /// Which thread had the time: its process,
    pub pid: u32,
    /// and its number there.
    pub tid: u32,
    /// It worked for the thread that is bound.
    pub is_donated: bool,
    /// What could be used then.
    pub remaining_ns: u64,
    /// From when on there was more, on the monotonic clock.
    pub next_ns: u64,
}

impl News {
    fn of(reply: Reply<'_>) -> Result<News, Error> {
        reply.read::<drain_notifications_results::Owned, _>(|root| {
            let told = root.get_notifications()?;
            Ok(News {
                is_gone: told.get_observer_result()? != ObserverResult::Ok,
                used_up: happening(told.get_budget_depleted()?)?,
                missed: happening(told.get_deadline_or_timeout()?)?,
            })
        })
    }
}

fn happening(slot: scheduling_context_notification_slot::Reader<'_>) -> capnp::Result<Option<Happening>> {
    if !slot.get_present() {
        return Ok(None);
    }
    let holder = slot.get_holder()?;
    Ok(Some(Happening {
        sequence: slot.get_sequence(),
        coalesced: slot.get_coalesced_count(),
        pid: holder.get_pid(),
        tid: holder.get_tid(),
        is_donated: slot.get_donated_holder(),
        remaining_ns: slot.get_remaining_budget_ns(),
        next_ns: slot.get_next_timestamp_ns(),
    }))
}

impl Supervisor {
    /// Binds thread `tid` of process `pid` to `context`.
    ///
    /// # Errors
    /// The outer error is that asking failed, or that there is no such thread.
    pub fn bind_context(&self, pid: u32, tid: u32, context: &Context) -> Result<Result<(), Refused>, Error> {
        let params = encode::<supervisor::bind_context_params::Owned>(|mut root| {
            root.set_pid(pid);
            root.set_tid(tid);
            root.set_cap_id(context.cap().id());
        });
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        done(call(self.cap().method(3), &params, &mut room.0)?.u16(0))
    }
}

/// What a method that changes a context says of that.
fn done(result: u16) -> Result<Result<(), Refused>, Error> {
    Ok(match OperationResult::try_from(result) {
        Ok(OperationResult::Ok) => Ok(()),
        Ok(OperationResult::AlreadyBound) => Err(Refused::AlreadyBound),
        Ok(OperationResult::CallerNotLive) => Err(Refused::NotLive),
        Ok(OperationResult::StaleGeneration | OperationResult::Revoked) => Err(Refused::Stale),
        Ok(OperationResult::InvalidSpec | OperationResult::ResourceExhausted) => Err(Refused::NoContext),
        Err(_) => return Err(Error::Malformed),
    })
}
