//! The machine: virtual CPUs that run the kernel's steps and the threads' programs, driven from event to event.
//!
//! Reading order: [`code`] is the kernel, step by step; [`program`] performs what threads ask for on [`objects`]; [`time`]
//! is timers and user time; [`calls`] is threads that call each other, [`lending`] the CPU time that goes along, and [`loans`] whether that is where it
//! has to be; [`life`] is threads and CPUs coming and going; [`agenda`] is what happens next; [`ending`] says how a run ended.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use abi::trace::Event;
use protocol::Ground;
use sched::{Charge, Cpu, CpuId, DeadlineQueue, Entity, Instant, LoadBoard, Nanos, OneShot, Usage};

use crate::audit::{Audit, Broken};
use crate::choose::{Choice, Chooser};
use crate::coverage::Coverage;
use crate::measure::Latencies;
use crate::record::Recorder;
use crate::sabotage::Sabotage;
use crate::scenario::{Faults, Scenario, ThreadKind};
use agenda::{Agenda, Happening};
use clock::Clock;
use code::Action;
use contexts::Contexts;
use objects::Objects;
use seat::Seat;
use threads::{Index, Owned, Record, Task};

mod agenda;
mod calls;
mod change;
mod clock;
mod code;
mod contexts;
mod deeds;
mod ending;
mod inspect;
mod lending;
mod life;
mod loans;
mod objects;
mod program;
mod seat;
mod service;
mod shares;
pub mod supply;
mod threads;
mod time;

pub use code::STEP_NAMES;
pub use contexts::{Jobs, Maker, Refusal};
pub use ending::{Ending, Waiter};
pub use inspect::Summary;
pub(crate) use shares::Stretch;
pub use threads::{bytes_per_budget, bytes_per_thread};

/// What a CPU has beside its scheduler.
#[derive(Debug)]
struct Side {
    /// The running thread, owned by this CPU's loop.
    running: Option<Owned>,
    /// Whom the running thread has woken in this call, in case it blocks now.
    candidate: Option<Owned>,
    /// What the kernel is about to do.
    todo: VecDeque<Action>,
    /// The kernel's next step is on the agenda.
    stepping: bool,
    in_call: bool,
    /// Since when the running thread is in user mode.
    user_since: Option<Instant>,
    /// Counts the stretches of user time, so that the end of one that was interrupted is known as such.
    stint: u32,
    /// Sleeps and time-outs, on this CPU's clock.
    deadlines: DeadlineQueue<Index>,
    /// The one-shot timer, on this CPU's clock.
    timer: OneShot,
    setting: u32,
    timer_pending: bool,
    interrupt_pending: bool,
    reschedule: bool,
    /// It has looked for work since the last interrupt and found none.
    looked: bool,
    online: bool,
    leaving: bool,
    clock: Clock,
    /// Since when it is in its idle state.
    idle_since: Option<Instant>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// How it ended.
    pub ending: Ending,
    /// The threads that wait for ever.
    pub waiters: Vec<Waiter>,
    /// The rule that was broken, if one was.
    pub broken: Option<Broken>,
    /// A fingerprint of everything that happened, in order.
    pub fingerprint: u64,
    /// Steps of kernels and events of the machine.
    pub events: u64,
    /// When it ended.
    pub ended: Instant,
    /// The choices made under [`crate::scenario::Strategy::Given`].
    pub choices: Vec<Choice>,
    /// Which steps came next to each other.
    pub coverage: Coverage,
}

/// A machine that runs a scenario.
#[derive(Debug)]
pub struct Machine {
    scenario: Arc<Scenario>,
    ground: Arc<Ground<AtomicU64>>,
    cpus: Vec<Seat<Task>>,
    sides: Vec<Side>,
    threads: Vec<Record>,
    /// What kind each is of.
    kinds: Vec<ThreadKind>,
    /// The living threads of each kind.
    instances: Vec<Vec<Index>>,
    living: u32,
    /// When the last thread ended so far.
    last_end: Instant,
    objects: Objects,
    /// Clients whose servers have not yet seen that they were called.
    clients: BTreeMap<Index, Index>,
    shared_beats: Vec<Option<Instant>>,
    arrived: Vec<u32>,
    /// What threads used that are gone, by kind.
    gone: Vec<Nanos>,
    /// Threads that may run on no CPU that is online.
    stranded: Vec<Owned>,
    contexts: Contexts,
    agenda: Agenda,
    chooser: Chooser,
    now: Instant,
    events: u64,
    usage: Usage,
    placements: u64,
    steals: u64,
    faults_end: Instant,
    audit: Audit,
    coverage: Coverage,
    last_step: (CpuId, usize),
    sabotage: Option<Sabotage>,
    /// It ends after so many events.
    most_events: u64,
    /// What happened.
    pub recorder: Recorder,
    /// What became of the time of contexts, if that is measured.
    pub supply: Option<supply::Supply>,
    /// How long woken threads waited, if that is measured.
    pub latencies: Option<Latencies>,
}

/// True time starts here, so that clocks that are behind have room. What is shown counts from here.
const POWER_ON: Instant = Instant(1_000_000);

impl Machine {
    /// A machine at power-on.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Machine {
        let scenario = Arc::new(scenario.clone());
        let topology = scenario.machine.topology();
        let count = topology.cpu_count();
        let mut chooser = Chooser::new(&scenario.explore, count);
        let sides: Vec<Side> = (0..count)
            .map(|_| Side::new(Clock::new(&scenario.faults, chooser.faults())))
            .collect();
        let cpus = (0..)
            .zip(&sides)
            .map(|(cpu, side)| {
                let now = side.clock.read(POWER_ON);
                Seat::new(Cpu::new(CpuId(cpu), scenario.machine.policy, now))
            })
            .collect();
        let end = POWER_ON + scenario.duration;
        let mut machine = Machine {
            ground: Arc::new(Ground {
                board: LoadBoard::new(count),
                topology,
            }),
            cpus,
            sides,
            threads: Vec::new(),
            kinds: Vec::new(),
            instances: vec![Vec::new(); scenario.threads.len()],
            living: 0,
            last_end: POWER_ON,
            objects: Objects::new(&scenario),
            clients: BTreeMap::new(),
            shared_beats: vec![None; scenario.timers.len()],
            arrived: vec![0; scenario.threads.len()],
            gone: vec![Nanos::ZERO; scenario.threads.len()],
            stranded: Vec::new(),
            contexts: Contexts::new(&scenario),
            agenda: Agenda::default(),
            chooser,
            now: POWER_ON,
            events: 0,
            usage: Usage::default(),
            placements: 0,
            steals: 0,
            // The last quarter is without faults, so that what must happen in the end can be seen to happen.
            faults_end: Instant(end.0 - scenario.duration.0 / 4),
            audit: Audit::new(&scenario),
            coverage: Coverage::default(),
            last_step: (CpuId(0), 0),
            sabotage: None,
            most_events: u64::MAX,
            recorder: Recorder::default(),
            supply: None,
            latencies: None,
            scenario,
        };
        for cpu in &machine.cpus {
            machine.ground.board.publish(&**cpu);
        }
        machine.schedule_arrivals();
        machine
    }

    /// Has the machine make a mistake that the audit must notice.
    pub fn sabotage(&mut self, sabotage: Sabotage) {
        self.sabotage = Some(sabotage);
    }

    /// Has the audit look at everything each so many events; zero for never.
    pub fn audit_every(&mut self, events: u64) {
        self.audit.every = events;
    }

    /// Ends the run after so many events, if it has not ended before.
    pub const fn stop_after(&mut self, events: u64) {
        self.most_events = events;
    }

    /// Runs until the scenario's time is over or a rule is broken.
    pub fn run(&mut self) -> RunResult {
        self.run_watched(|_| true)
    }

    /// Like [`Machine::run`]; `watch` is called from time to time and says whether to go on.
    pub fn run_watched(&mut self, mut watch: impl FnMut(&Machine) -> bool) -> RunResult {
        let end = POWER_ON + self.scenario.duration;
        let window = self.scenario.explore.window;
        let mut next_watch = self.events;
        let stopped = loop {
            let Some((at, what)) = self.agenda.next(window, &mut self.chooser) else {
                // Nothing more can happen, and time passes all the same.
                self.now = self.now.max(end);
                break false;
            };
            if at > end || self.events >= self.most_events {
                self.now = self.now.max(end.min(at));
                self.agenda.add(at, what);
                break at <= end;
            }
            self.now = self.now.max(at);
            self.events += 1;
            self.happen(what);
            if self.audit.broken.is_some() {
                break true;
            }
            if self.events >= next_watch {
                next_watch = self.events + (1 << 16);
                if !watch(self) {
                    break true;
                }
            }
        };
        if self.audit.broken.is_none() && self.audit.every > 0 {
            self.audit_all();
        }
        // Whoever runs alone has not been charged for long; what is shown afterwards shall be whole.
        for cpu in 0..self.cpus.len() {
            let at = self.sides[cpu].clock.read(self.now);
            let _ = self.cpus[cpu].uncollected(at);
        }
        let (ending, waiters) = match &self.audit.broken {
            Some(_) => (Ending::Broken, Vec::new()),
            None if stopped => (Ending::Stopped, Vec::new()),
            None => self.ending(),
        };
        RunResult {
            ending,
            waiters,
            broken: self.audit.broken.clone(),
            fingerprint: self.recorder.fingerprint(),
            events: self.events,
            ended: self.now,
            choices: self.chooser.made().to_vec(),
            coverage: self.coverage.clone(),
        }
    }

    fn happen(&mut self, what: Happening) {
        let cpu = CpuId(what.actor());
        match what {
            Happening::Arrival { kind } => self.arrival(kind),
            Happening::Timer { setting, .. } => {
                let side = &mut self.sides[cpu.index()];
                if side.setting == setting && side.timer.armed().is_some() {
                    side.timer.fired();
                    side.timer_pending = true;
                    self.interrupted(cpu);
                }
            }
            Happening::Interrupt { .. } => {
                self.sides[cpu.index()].interrupt_pending = true;
                self.interrupted(cpu);
            }
            Happening::Done { stint, .. } => {
                if self.sides[cpu.index()].stint == stint && self.sides[cpu.index()].user_since.is_some() {
                    self.leave_user(cpu);
                    self.sides[cpu.index()].todo.push_back(Action::Enter);
                    self.drive(cpu);
                }
            }
            Happening::Step { .. } => {
                self.sides[cpu.index()].stepping = false;
                self.drive(cpu);
            }
            Happening::Online { .. } => self.come_online(cpu),
        }
    }

    /// An interrupt is there: it is taken now, or when the kernel on that CPU is done.
    fn interrupted(&mut self, cpu: CpuId) {
        let side = &mut self.sides[cpu.index()];
        if side.stepping || !side.online {
            return;
        }
        if side.idle_since.take().is_some() && self.scenario.machine.idle_exit > Nanos::ZERO {
            side.stepping = true;
            let at = self.now + self.scenario.machine.idle_exit;
            self.agenda.add(at, Happening::Step { cpu: cpu.0 });
            return;
        }
        self.leave_user(cpu);
        self.drive(cpu);
    }

    /// Performs the kernel's steps on a CPU until one takes time or the kernel is done.
    fn drive(&mut self, cpu: CpuId) {
        loop {
            let side = &mut self.sides[cpu.index()];
            let Some(action) = side.todo.pop_front().or_else(|| self.next_action(cpu)) else {
                break self.leave_kernel(cpu);
            };
            self.events += 1;
            self.cover(cpu, &action);
            self.perform(cpu, action);
            if self.sabotaged(Sabotage::ChargeAhead) {
                let ahead = self.read(cpu) + Nanos::from_millis(10);
                let _ = self.cpus[cpu.index()].uncollected(ahead);
            }
            self.sample();
            self.strike(cpu);
            self.look(cpu);
            if self.audit.broken.is_some() {
                break;
            }
            let takes = self.chooser.delay(self.scenario.machine.step);
            if takes > Nanos::ZERO || self.chooser.explores() {
                self.sides[cpu.index()].stepping = true;
                self.agenda.add(self.now + takes, Happening::Step { cpu: cpu.0 });
                break;
            }
        }
    }

    /// Remembers which step comes next to which on another CPU.
    fn cover(&mut self, cpu: CpuId, action: &Action) {
        let number = action.number();
        let (before, step) = core::mem::replace(&mut self.last_step, (cpu, number));
        if before != cpu {
            self.coverage.saw(step, number);
        }
    }

    /// What this CPU's clock shows.
    fn read(&self, cpu: CpuId) -> Instant {
        self.sides[cpu.index()].clock.read(self.now)
    }

    fn note(&mut self, cpu: CpuId, event: Event) {
        self.recorder.note(self.now, cpu, event);
    }

    fn collect(&mut self, charge: Charge) {
        self.usage.add(charge);
        if self.sabotaged(Sabotage::CountTwice) {
            self.usage.add(charge);
        }
    }

    /// A thread begins to run on a CPU.
    fn dispatched(&mut self, cpu: CpuId, thread: &Entity<Task>) {
        let record = &mut self.threads[Index::of(thread.id()).at()];
        let since = core::mem::replace(&mut record.ready_at, Instant::NEVER);
        if let Some(latencies) = &mut self.latencies
            && record.woken
            && since != Instant::NEVER
        {
            latencies.record(thread.payload.kind, self.now.since(since));
        }
        let to = abi::trace::Thread(thread.id().0);
        self.recorder.switch(self.now, cpu, to);
    }

    /// Whether this occasion is the one for the sabotage.
    fn sabotaged(&mut self, kind: Sabotage) -> bool {
        self.sabotage == Some(kind) && self.events > 200 && self.chooser.faults().chance(100)
    }

    /// Whether anything goes wrong in this scenario at all.
    fn has_faults(&self) -> bool {
        self.scenario.faults != Faults::default()
    }

    /// Whether faults may still strike.
    fn faulty(&self) -> bool {
        self.now < self.faults_end
    }
}

impl Side {
    /// The threads that are on their way: woken in this call, or in the hands of a step.
    fn carried(&self) -> impl Iterator<Item = &Entity<Task>> {
        let held = self.todo.iter().filter_map(|action| match action {
            Action::Protocol(step) => step.thread(),
            _ => None,
        });
        self.candidate.iter().map(|thread| &**thread).chain(held)
    }

    fn new(clock: Clock) -> Side {
        Side {
            running: None,
            candidate: None,
            todo: VecDeque::new(),
            stepping: false,
            in_call: false,
            user_since: None,
            stint: 0,
            deadlines: DeadlineQueue::new(),
            timer: OneShot::new(),
            setting: 0,
            timer_pending: false,
            interrupt_pending: false,
            reschedule: false,
            looked: true,
            online: true,
            leaving: false,
            clock,
            idle_since: Some(POWER_ON),
        }
    }
}
