//! A system made of this process: threads of the standard library, processes that are threads too, and calls by channel. It
//! keeps the lines that loads print. A broken one damages what workers were given or came to, in one place.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use workloads::calls::piece_of_work;
use workloads::plan::Plan;
use workloads::run;
use workloads::system::{
    Account, BATCH, Budget, Budgets, Calls, Child, Counters, Entry, Kind, Link, Processes, Scheduling,
    Service, System, Threads, TimerInterrupts, Turns, Words,
};

#[derive(Debug, Default)]
struct State {
    lines: Mutex<Vec<String>>,
    memory: Mutex<Vec<&'static [AtomicU64]>>,
    broken: AtomicBool,
}

/// A handle on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host(&'static State);

/// Something that cannot be: a channel without another end.
#[derive(Debug)]
pub(crate) struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the other end is gone")
    }
}

impl Host {
    /// One that works.
    pub(crate) fn new() -> Host {
        Host(Box::leak(Box::default()))
    }

    /// One that damages a worker's result.
    pub(crate) fn broken() -> Host {
        let host = Host::new();
        host.0.broken.store(true, Ordering::Relaxed);
        host
    }

    /// Runs a row once, with one round.
    pub(crate) fn run(self, row: &str) -> Host {
        let mut plan = Plan::new(0);
        (plan.rows, plan.rounds, plan.window) = (vec![row.to_owned()], 1, 20_000_000);
        assert_eq!(
            run::rows(&self, &plan, &run::common_rows()),
            0,
            "{:?}",
            self.0.lines
        );
        self
    }

    /// The values of a row's facts called `name`.
    pub(crate) fn facts(self, row: &str, name: &str) -> Vec<u64> {
        let start = format!("@fact {row} {name} ");
        let lines = self.0.lines.lock().unwrap();
        let values = lines.iter().filter_map(|line| line.strip_prefix(&start));
        values.map(|value| value.parse().unwrap()).collect()
    }

    fn is_broken(self) -> bool {
        self.0.broken.load(Ordering::Relaxed)
    }

    fn damage_memory(self) {
        if self.is_broken() {
            for words in self.0.memory.lock().unwrap().iter() {
                words[0].fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl System for Host {
    type Error = Gone;

    fn ticks() -> u64 {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }

    fn tick_hz(&self) -> Result<u64, Gone> {
        Ok(1_000_000_000)
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        self.0.lines.lock().unwrap().push(text.to_string());
    }

    fn sleep_ns(&self, duration_ns: u64) -> Result<(), Gone> {
        std::thread::sleep(Duration::from_nanos(duration_ns));
        Ok(())
    }

    fn words(&self, count: usize) -> Result<&'static [AtomicU64], Gone> {
        let words: &'static [AtomicU64] = (0..count).map(|_| AtomicU64::new(0)).collect::<Vec<_>>().leak();
        self.0.memory.lock().unwrap().push(words);
        Ok(words)
    }
}

/// One place for everybody to wait: a wake-up is a reason to look again.
static PARKED: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());

impl Threads for Host {
    type Thread<T: Send + 'static> = JoinHandle<T>;
    type Turns = HostTurns;

    fn spawn<T, F>(&self, body: F) -> Result<JoinHandle<T>, Gone>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.damage_memory();
        Ok(std::thread::spawn(body))
    }

    fn join<T: Send + 'static>(&self, thread: JoinHandle<T>) -> Result<T, Gone> {
        let answer = thread.join().map_err(|_| Gone);
        self.damage_memory();
        answer
    }

    fn park(word: &AtomicU32, expected: u32) {
        let guard = PARKED.0.lock().unwrap();
        if word.load(Ordering::Acquire) == expected {
            drop(PARKED.1.wait_timeout(guard, Duration::from_millis(10)).unwrap());
        }
    }

    fn unpark(_word: &AtomicU32, _most: u32) {
        let _guard = PARKED.0.lock().unwrap();
        PARKED.1.notify_all();
    }

    fn yield_while(&self, mut again: impl FnMut() -> bool) -> Result<(), Gone> {
        while again() {
            std::thread::yield_now();
        }
        Ok(())
    }

    fn turns(&self) -> Result<HostTurns, Gone> {
        Ok(HostTurns)
    }
}

/// Turns by the above.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostTurns;

impl Turns for HostTurns {
    fn take_while(
        &self,
        own: &'static AtomicU32,
        other: &'static AtomicU32,
        mut again: impl FnMut() -> bool,
    ) {
        while again() {
            let seen = own.load(Ordering::Relaxed);
            other.fetch_add(1, Ordering::Release);
            Host::unpark(other, 1);
            while own.load(Ordering::Acquire) == seen {
                Host::park(own, seen);
            }
        }
    }
}

impl Entry for Host {
    fn null_entries(&self, _count: u64) -> Result<u64, Gone> {
        Ok(u64::from(self.is_broken()))
    }

    fn nop_batches(&self, _count: u64) -> Result<u64, Gone> {
        Ok(if self.is_broken() { BATCH } else { 0 })
    }
}

thread_local! {
    /// A child's end of its channel.
    static PARENT: RefCell<Option<(Receiver<Words>, Sender<Words>)>> = const { RefCell::new(None) };
}

/// A process that is a thread.
pub(crate) struct HostChild {
    host: Host,
    questions: Sender<Words>,
    answers: Receiver<Words>,
    thread: JoinHandle<u8>,
}

impl Processes for Host {
    type Child = HostChild;

    fn start(&self, part: &str) -> Result<HostChild, Gone> {
        let (questions, childs_questions) = channel();
        let (childs_answers, answers) = channel();
        let (host, part) = (*self, part.to_owned());
        let thread = std::thread::spawn(move || {
            PARENT.set(Some((childs_questions, childs_answers)));
            run::part(&host, &part)
        });
        Ok(HostChild {
            host,
            questions,
            answers,
            thread,
        })
    }

    fn serve(&self, mut answer: impl FnMut(Words) -> Words) -> Result<(), Gone> {
        let (questions, answers) = PARENT.take().ok_or(Gone)?;
        for question in questions {
            answers.send(answer(question)).map_err(|_| Gone)?;
        }
        Ok(())
    }

    fn process_life(&self) -> Result<bool, Gone> {
        Ok(!self.is_broken())
    }
}

impl Child for HostChild {
    type Error = Gone;

    fn ask(&mut self, question: Words) -> Result<(), Gone> {
        self.questions.send(question).map_err(|_| Gone)
    }

    fn answer(&mut self) -> Result<Words, Gone> {
        let mut answer = self.answers.recv().map_err(|_| Gone)?;
        answer[0] += u64::from(self.host.is_broken());
        Ok(answer)
    }

    fn end(self) -> Result<(), Gone> {
        drop(self.questions);
        match self.thread.join() {
            Ok(0) => Ok(()),
            _ => Err(Gone),
        }
    }
}

/// A server that is no process at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostLink(Host);

impl Calls for Host {
    type Way = ();
    type Link = HostLink;

    fn best_way(&self) {}

    fn connect(&self, (): (), _service: Service) -> Result<HostLink, Gone> {
        Ok(HostLink(*self))
    }
}

impl Link for HostLink {
    type Error = Gone;

    fn empty_calls(&mut self, _count: u64) -> Result<u64, Gone> {
        Ok(u64::from(self.0.is_broken()))
    }

    fn call(&mut self, request: u64) -> Result<u64, Gone> {
        Ok(piece_of_work(request) + u64::from(self.0.is_broken() && request == 3))
    }

    fn server(&mut self) -> Result<u32, Gone> {
        Ok(1)
    }

    fn end(self) -> Result<u64, Gone> {
        Ok(0)
    }
}

thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}

impl Scheduling for Host {
    fn own_process(&self) -> u32 {
        1
    }

    fn own_thread(&self) -> u32 {
        static THREADS: AtomicU32 = AtomicU32::new(0);
        if NUMBER.get() == 0 {
            NUMBER.set(THREADS.fetch_add(1, Ordering::Relaxed) + 1);
        }
        NUMBER.get()
    }

    fn set_own_weight(&self, _weight: u16) -> Result<(), Gone> {
        Ok(())
    }

    fn become_urgent(&self) -> Result<(), Gone> {
        Ok(())
    }

    fn moment(&self) -> u64 {
        Host::ticks()
    }

    fn sleep_until(&self, moment: u64) -> Result<(), Gone> {
        if self.is_broken() {
            return Ok(());
        }
        self.sleep_ns(moment.saturating_sub(Host::ticks()))
    }

    fn runtimes(&self, accounts: &[Account]) -> Result<Vec<u64>, Gone> {
        Ok(accounts.iter().map(|_| Host::ticks()).collect())
    }
}

impl Budgets for Host {
    const WHOLE_CPU: Budget = Budget {
        kind: Kind::Limit,
        time_ns: 1_000_000,
        period_ns: 1_000_000,
    };

    fn with_budget<T>(&self, _budget: Budget, body: impl FnOnce() -> T) -> Result<T, Gone> {
        Ok(body())
    }
}

impl Counters for Host {
    fn timer_interrupts(&self) -> Result<TimerInterrupts, Gone> {
        Ok(TimerInterrupts { all: 0, slice: 0 })
    }

    fn switches(&self) -> Result<u64, Gone> {
        Ok(0)
    }

    fn counters(&self, each: &mut dyn FnMut(&str, u64)) -> Result<(), Gone> {
        each("answers", Host::ticks());
        Ok(())
    }
}
