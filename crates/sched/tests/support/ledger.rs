//! The books of the toy machine: what its threads must have been charged, billed and counted, known from what was done to
//! them and not from what the scheduler core says. Rules A1, C1, C2 and X1.

use std::collections::BTreeMap;

use super::Machine;
use sched::{Account, Charge, CpuCounters, Entity, Instant, Nanos, ThreadId};

/// What is known about one thread.
#[derive(Clone, Copy, Debug, Default)]
struct Page {
    born: Instant,
    /// Since when it is parked, or waits in its queue.
    since: Instant,
    /// Times parked that are over.
    parked: Nanos,
    /// The sum of what the machine was told to bill it.
    billed: Charge,
}

/// The books of all living threads, and the sums of the gone ones.
#[derive(Default)]
pub struct Ledger {
    pages: BTreeMap<ThreadId, Page>,
    gone: Counted,
}

/// What threads and CPUs both count, each in its own way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    switches: u64,
    preemptions: u64,
    voluntary_blocks: u64,
    migrations: u64,
}

impl Counted {
    fn add_thread(&mut self, account: &Account) {
        self.switches += account.switches;
        self.preemptions += account.preemptions;
        self.voluntary_blocks += account.voluntary_blocks;
        self.migrations += account.migrations;
    }

    fn add_cpu(&mut self, counters: &CpuCounters) {
        self.switches += counters.switches;
        self.preemptions += counters.preemptions;
        self.voluntary_blocks += counters.voluntary_blocks;
        self.migrations += counters.migrations_in;
    }
}

impl Ledger {
    /// A thread exists from now on, and waits.
    pub fn born(&mut self, id: ThreadId, now: Instant) {
        let page = Page {
            born: now,
            since: now,
            ..Page::default()
        };
        assert!(self.pages.insert(id, page).is_none(), "{id} is born twice");
    }

    /// Its stay on a CPU is over: it is parked or waits from now on, and has been billed.
    pub fn left(&mut self, id: ThreadId, charge: Charge, now: Instant) {
        self.billed(id, charge);
        self.page(id).since = now;
    }

    /// It has been billed.
    pub fn billed(&mut self, id: ThreadId, charge: Charge) {
        let billed = &mut self.page(id).billed;
        billed.ran += charge.ran;
        billed.virtual_ran += charge.virtual_ran;
    }

    /// It was put into a queue; if it waited in another one before, its account has that already.
    pub fn queued(&mut self, id: ThreadId, now: Instant) {
        self.page(id).since = now;
    }

    /// It is parked no longer.
    pub fn woken(&mut self, id: ThreadId, now: Instant) {
        let page = self.page(id);
        page.parked += now.since(page.since);
        page.since = now;
    }

    /// It is no more.
    pub fn gone(&mut self, thread: &Entity<()>) {
        assert!(
            self.pages.remove(&thread.id()).is_some(),
            "{} was not there",
            thread.id()
        );
        self.gone.add_thread(thread.account());
    }

    fn page(&mut self, id: ThreadId) -> &mut Page {
        self.pages
            .get_mut(&id)
            .unwrap_or_else(|| panic!("{id} does not exist"))
    }

    /// C1, C2: a thread was charged what was billed for it, and every nanosecond of its life went into one of running,
    /// waiting and being parked.
    fn agrees(&self, thread: &Entity<()>, open_wait: Nanos, open_park: Nanos, now: Instant) {
        let id = thread.id();
        let page = self.pages[&id];
        let account = thread.account();
        assert_eq!(
            account.runtime, page.billed.ran,
            "what {id} used and what was billed"
        );
        assert_eq!(
            account.virtual_runtime, page.billed.virtual_ran,
            "the same in virtual time, of {id}"
        );
        let lived = account.runtime + account.waiting + open_wait + page.parked + open_park;
        assert_eq!(lived, now.since(page.born), "the parts of the life of {id}");
    }
}

/// Everything that can be seen from outside agrees with the books.
pub fn check(machine: &Machine) {
    let (ledger, now) = (&machine.ledger, machine.now);
    let since = |thread: &Entity<()>| now.since(ledger.pages[&thread.id()].since);
    let mut of_threads = ledger.gone;
    for record in machine.records.values() {
        record.look(|thread| {
            ledger.agrees(thread, Nanos::ZERO, since(thread), now);
            of_threads.add_thread(thread.account());
        });
    }
    let mut of_cpus = Counted::default();
    for (index, cpu) in machine.cpus.iter().enumerate() {
        for thread in cpu.queued() {
            ledger.agrees(thread, since(thread), Nanos::ZERO, now);
            of_threads.add_thread(thread.account());
        }
        if let Some(running) = &machine.running[index] {
            of_threads.add_thread(running.account());
        }
        of_cpus.add_cpu(cpu.counters());
        let idle = cpu.idle_time(now);
        let busy = cpu.counters().busy;
        match cpu.running() {
            None => assert_eq!(busy + idle, now.since(Instant::BOOT), "the time of {}", cpu.id()),
            Some(_) => assert!(
                busy + idle <= now.since(Instant::BOOT),
                "the time of {}",
                cpu.id()
            ),
        }
        assert!(
            cpu.counters().shared <= busy,
            "{} was shared longer than busy",
            cpu.id()
        );
        // X1: what is armed is the horizon, or an interrupt is on its way after which it will be.
        let looked = cpu.running().map_or(now, |running| running.charged_to());
        let horizon = cpu.horizon(looked);
        let armed = machine.timers[index];
        let is_right = match horizon {
            Some(horizon) => armed.is_some_and(|armed| armed == horizon.at || machine.has_budgets),
            // Nobody is told when a thread that waited for its budget ends or loses it: then the timer comes for nothing.
            None => armed.is_none() || machine.has_budgets,
        };
        assert!(
            is_right || cpu.reschedule_pending(),
            "{} has {horizon:?} and is armed for {armed:?}",
            cpu.id()
        );
    }
    assert_eq!(of_threads, of_cpus, "what threads count and what CPUs count");
}
