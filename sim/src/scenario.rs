//! What a simulation runs: a machine with its faults, and threads with their programs, as plain values.
//!
//! Scenario files (TOML and rt-app JSON) are read into this, random scenarios are generated as this, and a failing one
//! shrinks within it. Threads and objects are named in files and numbered here: an id is an index into the table of
//! the same name in [`Scenario`].

use sched::{CpuId, CpuMask, CpuPlace, LatencyClass, Nanos, Policy, Spec, Topology, Weight};

/// One thing to simulate, complete: running it twice gives the same trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What it is called in reports.
    pub name: String,
    /// The machine.
    pub machine: Machine,
    /// What goes wrong with it.
    pub faults: Faults,
    /// How ties and delays are decided.
    pub explore: Explore,
    /// How long it runs, in simulated time. When no thread is left, or none can go on, the machine idles for the rest.
    pub duration: Nanos,
    /// Locks, by name.
    pub locks: Vec<String>,
    /// Conditions, by name.
    pub conditions: Vec<String>,
    /// Barriers.
    pub barriers: Vec<Barrier>,
    /// Pipes.
    pub pipes: Vec<Pipe>,
    /// Endpoints, by name: where calls to servers go.
    pub endpoints: Vec<String>,
    /// Periodic timers, by name. One belongs to each thread that uses it, unless it is `shared`.
    pub timers: Vec<Timer>,
    /// Sets of CPUs that threads restrict themselves to.
    pub masks: Vec<CpuMask>,
    /// Scheduling contexts that threads make, use, divide and take from each other.
    pub contexts: Vec<Context>,
    /// The threads.
    pub threads: Vec<Thread>,
}

impl Scenario {
    /// A scenario in which nothing happens: no threads, no objects, no faults, everything in order.
    #[must_use]
    pub fn empty(name: impl Into<String>, machine: Machine, duration: Nanos) -> Scenario {
        Scenario {
            name: name.into(),
            machine,
            faults: Faults::default(),
            explore: Explore::default(),
            duration,
            locks: Vec::new(),
            conditions: Vec::new(),
            barriers: Vec::new(),
            pipes: Vec::new(),
            endpoints: Vec::new(),
            timers: Vec::new(),
            masks: Vec::new(),
            contexts: Vec::new(),
            threads: Vec::new(),
        }
    }
}

/// The machine that is simulated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Sockets.
    pub packages: u32,
    /// Cores in each socket.
    pub cores: u32,
    /// Hardware threads in each core.
    pub siblings: u32,
    /// The order in which waiting threads are served.
    pub policy: Policy,
    /// How late a one-shot timer interrupts.
    pub timer_latency: Delay,
    /// How long an interrupt to another CPU takes.
    pub ipi_delay: Delay,
    /// How long the kernel takes for each step of its work on a CPU, with interrupts off.
    pub step: Delay,
    /// How long a CPU needs from its idle state to its first instruction.
    pub idle_exit: Nanos,
    /// The way into the kernel: the user time of every step of a program that is not running.
    pub entry: Nanos,
}

impl Machine {
    /// The usual way into the kernel.
    pub const USUAL_ENTRY: Nanos = Nanos(100);

    /// A machine of `cpus` single-threaded cores in one package, without delays.
    #[must_use]
    pub fn flat(cpus: u32) -> Machine {
        Machine {
            packages: 1,
            cores: cpus.max(1),
            siblings: 1,
            policy: Policy::default(),
            timer_latency: Delay::NONE,
            ipi_delay: Delay::NONE,
            step: Delay::NONE,
            idle_exit: Nanos::ZERO,
            entry: Machine::USUAL_ENTRY,
        }
    }

    /// How many CPUs it has.
    #[must_use]
    pub const fn cpus(&self) -> u32 {
        self.packages * self.cores * self.siblings
    }

    /// Where its CPUs sit. They are numbered as firmware likes to: the first threads of all cores, then the second.
    #[must_use]
    pub fn topology(&self) -> Topology {
        let cores = self.packages * self.cores;
        let place = |cpu: u32| CpuPlace {
            cpu: CpuId(cpu),
            package: cpu % cores / self.cores,
            core: cpu % self.cores,
            thread: cpu / cores,
        };
        Topology::new((0..self.cpus()).map(place).collect()).unwrap_or_else(|_| Topology::flat(1))
    }
}

/// A delay drawn evenly from a range each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delay {
    /// The shortest.
    pub least: Nanos,
    /// The longest, at least as long as the shortest.
    pub most: Nanos,
}

impl Delay {
    /// No delay.
    pub const NONE: Delay = Delay {
        least: Nanos::ZERO,
        most: Nanos::ZERO,
    };

    /// Always the same delay.
    #[must_use]
    pub const fn fixed(span: Nanos) -> Delay {
        Delay {
            least: span,
            most: span,
        }
    }
}

/// What goes wrong. Chances are in 1/1000 of the occasions; zero is never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A timer interrupt comes late: the chance, and by how much.
    pub late_timer: Fault,
    /// A reschedule interrupt is held up, so that later ones overtake it.
    pub late_ipi: Fault,
    /// After a step of the kernel, some thread that sleeps or waits is woken for no reason.
    pub spurious_wake: u16,
    /// After a step of the kernel, some thread is ordered to die, wherever it is.
    pub death: u16,
    /// After a step of the kernel, a CPU goes offline (never the last one), for so long.
    pub offline: Fault,
    /// After a step of the kernel, some thread's weight, class or affinity is changed.
    pub change: u16,
    /// How far the CPUs' clocks are apart at most.
    pub skew: Nanos,
    /// How much faster or slower the CPUs' clocks go at most, in parts per million.
    pub drift: u32,
}

/// A fault that lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// In 1/1000 of the occasions.
    pub chance: u16,
    /// How long it lasts.
    pub span: Delay,
}

/// How what the scenario leaves open is decided: delays, the order of what happens at the same time, faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explore {
    /// The strategy.
    pub strategy: Strategy,
    /// Decides everything that is drawn.
    pub seed: u64,
    /// Events that are due within this span of each other may happen in any order.
    pub window: Nanos,
}

/// A strategy of exploration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// First come, first served: equal instants in the order in which they were asked for.
    InOrder,
    /// Any of them, evenly.
    Random,
    /// Probabilistic concurrency testing (Burckhardt and others, ASPLOS 2010): every CPU has a priority, the highest
    /// goes first, and at `depth - 1` random steps out of `steps` the one that goes first becomes the lowest.
    Pct {
        /// How many steps the run is thought to have.
        steps: u32,
        /// The number of ordering constraints of the bugs looked for.
        depth: u32,
    },
    /// These decisions, one after the other, and then the first of every choice.
    Given(Vec<u16>),
}

impl Default for Explore {
    fn default() -> Explore {
        Explore {
            strategy: Strategy::InOrder,
            seed: 0,
            window: Nanos::ZERO,
        }
    }
}

/// A barrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// Its name.
    pub name: String,
    /// How many threads have to arrive before all go on; at least one.
    pub size: u32,
}

/// A pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// Its name.
    pub name: String,
    /// How many bytes it holds before writers wait.
    pub capacity: u32,
}

/// A periodic timer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Its name.
    pub name: String,
    /// Whether all threads that name it use the same one.
    pub shared: bool,
}

/// A scheduling context that does not belong to a thread from its start to its end: it comes into being by [`Deed::Carve`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Its name.
    pub name: String,
    /// What it grants.
    pub spec: Spec,
    /// Out of which one a reservation is carved; `None` is what may be reserved of the first CPU that has room.
    pub from: Option<ContextIndex>,
}

/// What a thread does with a context. What cannot be done, because the context is not there or somebody has it, is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Makes it, out of what it is carved from.
    Carve,
    /// Uses it from now on, if nobody does and the thread has none.
    Bind,
    /// Takes it from whoever uses it; what is left of its time stays.
    Unbind,
    /// Gives it back to what it was carved from, if nobody uses it and nothing is carved out of it.
    Return,
    /// Takes it from whoever uses it, with all that was carved out of it, and gives it back.
    Revoke,
}

/// A kind of thread, and how many of it come when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its name; instances are told apart by a number behind it.
    pub name: String,
    /// The process it belongs to, a number from 1; its threads' use is added up there.
    pub process: u32,
    /// Its weight at the start.
    pub weight: Weight,
    /// Its latency class at the start.
    pub class: LatencyClass,
    /// Where it may run at the start; `None` is everywhere.
    pub affinity: Option<CpuMask>,
    /// The CPU time that each instance is limited to, or has reserved.
    pub context: Option<Spec>,
    /// When instances come.
    pub arrival: Arrival,
    /// What each does.
    pub program: Program,
}

/// When the instances of a thread come into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// So many at one time.
    At {
        /// When.
        start: Nanos,
        /// How many.
        count: u32,
    },
    /// One at a time, so far apart.
    Every {
        /// When the first comes.
        start: Nanos,
        /// The time between two; with exponentially distributed [`Span`]s this is a Poisson process.
        gap: Span,
        /// How many come; `None` is without end.
        count: Option<u32>,
    },
    /// Only when another thread forks one.
    Forked,
}

/// A length of time as programs give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Always the same.
    Fixed(Nanos),
    /// Evenly distributed.
    Uniform(Delay),
    /// Exponentially distributed with this mean.
    Exponential(Nanos),
}

impl Span {
    /// Longer than any simulation: it ends in 584 years.
    pub const FOREVER: Span = Span::Fixed(Nanos::MAX);
}

/// What a thread does: its phases one after the other, so many times, then it exits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// The phases.
    pub phases: Vec<Phase>,
    /// How often they are gone through; `None` is for ever.
    pub repeat: Option<u32>,
}

/// Steps that are repeated together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phase {
    /// What it is called in files, if anything.
    pub name: String,
    /// How often; `None` is for ever.
    pub repeat: Option<u32>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// Index into [`Scenario::locks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockId(pub u16);
/// Index into [`Scenario::conditions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConditionId(pub u16);
/// Index into [`Scenario::barriers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BarrierId(pub u16);
/// Index into [`Scenario::pipes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PipeId(pub u16);
/// Index into [`Scenario::endpoints`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub u16);
/// Index into [`Scenario::timers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u16);
/// Index into [`Scenario::masks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaskId(pub u16);
/// Index into [`Scenario::contexts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextIndex(pub u16);
/// Index into [`Scenario::threads`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadKind(pub u16);

/// How long a caller waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Until it is answered.
    Unbounded,
    /// For so long at most; then the call ends.
    Within(Nanos),
    /// For so long at most; then it goes on, and a server that has received the call works on.
    For(Nanos),
}

/// One step of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Uses the CPU for so long.
    Run(Span),
    /// Sleeps for so long.
    Sleep(Span),
    /// Sleeps until its timer's next period begins. An absolute timer keeps its beat when it was missed; a relative one
    /// starts anew when the thread is late (rt-app's two modes).
    Timer {
        /// The timer.
        timer: TimerId,
        /// The time between two beats.
        period: Nanos,
        /// Whether missed beats are made up for at once instead of being forgotten.
        absolute: bool,
    },
    /// Takes a lock; waits in order of arrival.
    Lock(LockId),
    /// Gives a lock back. Without holding it, nothing happens.
    Unlock(LockId),
    /// Gives the lock back, waits for the condition, and takes the lock again.
    Wait {
        /// The condition.
        condition: ConditionId,
        /// The lock.
        lock: LockId,
    },
    /// Wakes the thread that has waited longest for the condition.
    Signal(ConditionId),
    /// Wakes all threads that wait for the condition.
    Broadcast(ConditionId),
    /// Waits until as many threads are here as the barrier needs.
    Barrier(BarrierId),
    /// Puts so many bytes into a pipe; waits while they do not fit.
    Write {
        /// The pipe.
        pipe: PipeId,
        /// How many, at most the pipe's capacity.
        bytes: u32,
    },
    /// Takes so many bytes out of a pipe; waits until they are there.
    Read {
        /// The pipe.
        pipe: PipeId,
        /// How many, at most the pipe's capacity.
        bytes: u32,
    },
    /// Calls the server that listens at the endpoint and waits for its answer.
    Call(EndpointId, Patience),
    /// Answers the last call, if there was one, and waits for the next.
    Serve(EndpointId),
    /// Waits until somebody resumes it, unless somebody already has.
    Suspend,
    /// Resumes all instances of a kind that are suspended.
    Resume(ThreadKind),
    /// Gives way and stays runnable.
    Yield,
    /// Starts an instance of a kind.
    Fork(ThreadKind),
    /// Changes its own weight and class.
    SetPolicy {
        /// The weight.
        weight: Weight,
        /// The class.
        class: LatencyClass,
    },
    /// Changes where it may run.
    SetAffinity(MaskId),
    /// Does something with a context.
    Context(Deed, ContextIndex),
    /// Orders all instances of a kind to end, wherever they are.
    Kill(ThreadKind),
    /// Ends the thread.
    Exit,
}
