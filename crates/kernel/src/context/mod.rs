//! Scheduling contexts: CPU time that processes hold. A context's record is here; its time is a box (`sched::Budget`) that is in the
//! record while no thread has it, and with a thread otherwise. The letters of its life are those of docs/rules/contexts.md. `binding` is
//! how threads get it and lose it, `lending` how it goes along with calls, `helping` how it gets others' calls done, `ledger` who has reserved how much, `asking` how one comes to reserve, `news` what holders are told. Rules E1, E5, E6 and E10.
//!
//! Locks: the ledger → a context's state, and a ring → the list of all contexts → a context's state → what a thread is bound to, parking cell → CPU; who waits for news is told
//! without any of them. Whoever takes a thread apart brings the box back and takes the state's lock alone.

pub mod asking;
pub mod binding;
pub mod helping;
pub mod ledger;
pub mod lending;
pub mod news;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use machine::Lock;
use sched::context::Holding;
use sched::context::holding::{Loan, MOST_LOANS};
use sched::{Affinity, Budget, ContextId, Instant, Nanos, Spec, Standing, ThreadId};

use crate::memory::account::{Account, Charge, Cost, Short, refusable};
use crate::memory::waiting_list::WaitingList;
use crate::process::thread::Thread;
use crate::ring::operation::Operation;
use lending::Called;

/// The generation that every context begins with. It has one more, in which it is gone.
const FIRST_GENERATION: u64 = 1;

/// What a context takes besides its record: its time, the place in which that is found again when it was demoted, the
/// capability's own half, its place in the list, and the lists of its loans.
const BESIDES_BYTES: usize = size_of::<Budget>()
    + 64
    + size_of::<Context>() / 4
    + 128
    + MOST_LOANS * (size_of::<Loan<Arc<Thread>>>() + size_of::<Arc<Thread>>());

static NEXT: AtomicU64 = AtomicU64::new(1);
/// All that somebody holds ([`Held`]), or held until a moment ago.
static ALL: Lock<BTreeMap<u64, Arc<Context>>> = Lock::new(BTreeMap::new());

/// A context's record.
pub struct Context {
    id: ContextId,
    /// The process that made it.
    pub maker: u32,
    spec: Spec,
    /// Where it may be used, as asked for: in the form it has on the wire.
    pub cpus: Vec<u8>,
    state: Lock<State>,
    waiters: Lock<WaitingList<Operation>>,
    /// Somebody who waits for who works with its time.
    helper: Lock<Option<(Arc<Thread>, Called)>>,
    /// For all of it, to whoever made it.
    _charge: Charge,
}

/// Who holds its time.
type State = Holding<Arc<Thread>>;

/// What can be seen of a context.
pub struct Seen {
    /// It is gone, and the rest is of no time.
    pub is_gone: bool,
    /// The thread that it is bound to.
    pub bound: Option<ThreadId>,
    /// How deep it is lent, and how often it was.
    pub depth: usize,
    /// How often it was lent.
    pub lent: u64,
    /// While it is lent, the thread that works with it.
    pub holder: Option<ThreadId>,
    /// Its time, unless that is on its way back.
    pub time: Option<Time>,
}

/// What can be seen of a context's time.
#[derive(Clone, Copy)]
pub struct Time {
    /// What it grants now, which is less than was asked for where something was carved out of it.
    pub spec: Spec,
    /// What may be used now.
    pub remaining: Nanos,
    /// All that was ever used.
    pub used: Nanos,
    /// How often it was used up.
    pub overruns: u64,
    /// How often a deadline was missed.
    pub misses: u64,
    /// What a thread that has it is entitled to.
    pub standing: Standing,
}

/// A context with this number, if there still is one. Whoever lets go of it may be the last, and frees it.
pub fn find(number: u64) -> Option<Arc<Context>> {
    ALL.lock().get(&number).cloned()
}

/// The same for who must not free anything, under the lock of all.
fn with(number: u64, look: impl FnOnce(&Arc<Context>)) {
    if let Some(context) = ALL.lock().get(&number) {
        look(context);
    }
}

/// How many there are.
pub fn count() -> usize {
    ALL.lock().len()
}

/// Shows all contexts, by number. One that comes or goes meanwhile may be among them or not.
pub fn each(mut look: impl FnMut(&Arc<Context>)) {
    let mut after = 0;
    loop {
        let next = {
            let all = ALL.lock();
            let mut rest = all.range(after + 1..);
            rest.next().map(|(number, context)| (*number, context.clone()))
        };
        let Some((number, context)) = next else { return };
        look(&context);
        after = number;
    }
}

impl Context {
    /// A context of this spec from `from` on, to be used on `affinity`, which `cpus` says as it was asked for. Paid for by `account`, of the process `maker`.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn create(maker: u32, account: &Arc<Account>, wish: Wish, from: Instant) -> Result<Held, Short> {
        let id = next_id();
        Context::with_id(id, maker, account, wish, from)
    }

    fn with_id(
        id: ContextId,
        maker: u32,
        account: &Arc<Account>,
        wish: Wish,
        from: Instant,
    ) -> Result<Held, Short> {
        let Wish { spec, affinity, cpus } = wish;
        let lists = WaitingList::<Operation>::FIRST_BYTES + 2 * cpus.len();
        let charge = account.charge(Cost::heap(size_of::<Context>() + BESIDES_BYTES + lists))?;
        let budget = Budget::new(id, spec, from).confined_to(affinity);
        let mut state = State::new(budget);
        refusable(|| state.reserve_room())?;
        let context = Arc::new(Context {
            id,
            maker,
            spec,
            cpus,
            state: Lock::new(state),
            waiters: Lock::new(WaitingList::default()),
            helper: Lock::new(None),
            _charge: charge,
        });
        ALL.lock().insert(id.number, context.clone());
        Ok(Held(context))
    }

    /// Its time begins at `from`: what it was carved out of has been used up to then.
    fn begins_at(&self, from: Instant) {
        if let Some(budget) = &mut self.state.lock().home {
            budget.release(from);
        }
    }

    /// Which one it is, and was, should it be gone.
    pub fn id(&self) -> ContextId {
        self.id
    }

    /// Its name now: the generation after the first means that it is gone.
    pub fn identity(&self, is_gone: bool) -> ContextId {
        ContextId {
            generation: self.id.generation + u64::from(is_gone),
            ..self.id
        }
    }

    /// What was asked for.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What can be seen of it.
    pub fn seen(&self) -> Seen {
        let mut state = self.state.lock();
        Seen {
            is_gone: state.is_gone,
            bound: state.bound.as_ref().map(|thread| thread.id()),
            depth: state.depth(),
            lent: state.lent(),
            holder: state
                .holder()
                .filter(|_| state.depth() > 0)
                .map(|thread| thread.id()),
            time: self.with_time(&mut state, |budget, now| Time {
                spec: *budget.spec(),
                remaining: budget.remaining(now),
                used: budget.used(),
                overruns: budget.overruns(),
                misses: budget.misses(),
                standing: budget.standing(now),
            }),
        }
    }
}

/// What a capability of a context is: when the last one goes, the context ends.
pub struct Held(pub Arc<Context>);

impl Drop for Held {
    fn drop(&mut self) {
        #[expect(
            clippy::let_underscore_must_use,
            reason = "one that was revoked before is as gone as it should be"
        )]
        let _ = self.0.revoke();
        let listed = ALL.lock().remove(&self.0.id.number);
        drop(listed);
    }
}

/// What is wished for: so much time, and where.
pub struct Wish {
    /// How much.
    pub spec: Spec,
    /// Where.
    pub affinity: Affinity,
    /// The same in the form it has on the wire.
    pub cpus: Vec<u8>,
}

fn next_id() -> ContextId {
    ContextId {
        number: NEXT.fetch_add(1, Relaxed),
        generation: FIRST_GENERATION,
    }
}
