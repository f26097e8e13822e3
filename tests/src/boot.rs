//! A kernel that runs. Every method that waits panics with the whole story when its wait is in vain: the console, the
//! terminal, and the command that boots the same thing again.

use crate::console::{Listener, NotHeard, position};
use crate::setup::Setup;
use crate::terminal::{Seat, Terminal};
use abi::trace::{Event, Record};
use std::cell::{Cell, RefCell};
use std::time::Duration;
use xtask::qemu::{Ending, Guest, Terminal as Line};

/// How often the trace of a running guest is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// A booted guest. Dropping it ends it.
#[derive(Debug)]
pub struct Boot {
    setup: Setup,
    guest: RefCell<Guest>,
    console: Listener,
    /// How far the console was read by waiting.
    read: Cell<usize>,
    terminal: Option<RefCell<Terminal>>,
    monitor: Option<RefCell<Terminal>>,
    ending: Cell<Option<Ending>>,
}

impl Boot {
    pub(crate) fn start(mut setup: Setup) -> Boot {
        let seat = setup
            .with_terminal
            .then(|| Seat::prepare().expect("a socket for the terminal"));
        if let Some(seat) = &seat {
            setup.machine.terminal = Line::Connect(seat.path.clone());
        }
        let monitor = setup
            .with_monitor
            .then(|| Seat::prepare().expect("a socket for the monitor"));
        if let Some(monitor) = &monitor {
            setup.machine.monitor = Some(monitor.path.clone());
        }
        let mut guest = Guest::start(&setup.machine).unwrap_or_else(|error| panic!("{error:#}"));
        let console = Listener::to(guest.take_console().expect("the console is on a pipe"));
        let sit_down = |seat: Seat| {
            let seated = seat.sit_down(Duration::from_secs(30));
            RefCell::new(
                seated
                    .unwrap_or_else(|error| panic!("QEMU does not connect: {error}; {}", guest.complaints())),
            )
        };
        let (terminal, monitor) = (seat.map(sit_down), monitor.map(sit_down));
        let (read, ending) = (Cell::new(0), Cell::new(None));
        Boot {
            setup,
            guest: RefCell::new(guest),
            console,
            read,
            terminal,
            monitor,
            ending,
        }
    }

    /// Waits for a console line that contains `text`, after those waited for before: the line.
    ///
    /// # Panics
    /// When it does not come.
    pub fn wait_for_line(&self, text: &str) -> String {
        let found = self.console.wait(self.read.get(), self.left(), |bytes| {
            let at = position(bytes, text)?;
            let begin = bytes[..at]
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |newline| newline + 1);
            let end = at + bytes[at..].iter().position(|byte| *byte == b'\n')?;
            Some((
                end + 1,
                String::from_utf8_lossy(&bytes[begin..end]).trim_end().to_owned(),
            ))
        });
        match found {
            Ok((end, line)) => {
                self.read.set(self.read.get() + end);
                line
            }
            Err(why) => self.fail(&format!("no console line with {text:?}{}", reason(why))),
        }
    }

    /// Types on the guest's terminal.
    ///
    /// # Panics
    /// When the setup has no terminal, or the guest is gone.
    pub fn type_text(&self, text: &str) {
        let typed = self.seated().borrow_mut().type_text(text);
        typed.unwrap_or_else(|error| self.fail(&format!("cannot type: {error}")));
    }

    /// Gives QEMU's monitor a command.
    ///
    /// # Panics
    /// When the setup is not monitored, or the guest is gone.
    pub fn order(&self, command: &str) {
        let monitor = self.monitor.as_ref();
        let monitor = monitor.expect("the setup has no monitor: Setup::monitored");
        let ordered = monitor.borrow_mut().type_text(&format!("{command}\n"));
        ordered.unwrap_or_else(|error| self.fail(&format!("cannot give orders: {error}")));
    }

    /// Waits until `text` appears on the terminal after what was read before: everything up to its end.
    ///
    /// # Panics
    /// When it does not appear, or the setup has no terminal.
    pub fn expect(&self, text: &str) -> String {
        let left = self.left();
        let seen = self.seated().borrow_mut().expect(text, left);
        seen.unwrap_or_else(|why| self.fail(&format!("no {text:?} on the terminal{}", reason(why))))
    }

    /// Waits for the first event of the trace that `wanted` accepts: its record.
    ///
    /// # Panics
    /// When it does not come.
    pub fn wait_for_event(&self, wanted: impl Fn(&Event) -> bool) -> Record {
        loop {
            // A trace that is not there yet is no failure: the kernel has only just begun.
            let records = self
                .guest
                .borrow()
                .trace(&self.setup.machine)
                .map(|trace| trace.records)
                .unwrap_or_default();
            let found = records
                .into_iter()
                .find(|record| record.event().is_some_and(|event| wanted(&event)));
            match (found, self.look()) {
                (Some(record), _) => return record,
                (None, Some(_)) => self.fail("the guest ended without the event"),
                (None, None) if self.left().is_zero() => self.fail("the event did not come"),
                (None, None) => std::thread::sleep(GLANCE),
            }
        }
    }

    /// All events so far, in order of time.
    ///
    /// # Panics
    /// When the setup is not traced, or the trace cannot be read.
    #[must_use]
    pub fn events(&self) -> Vec<(Record, Event)> {
        let trace = self.guest.borrow().trace(&self.setup.machine);
        let trace = trace.unwrap_or_else(|error| self.fail(&format!("no trace: {error:#}")));
        trace
            .records
            .into_iter()
            .filter_map(|record| Some((record, record.event()?)))
            .collect()
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn ending(&self) -> Ending {
        loop {
            match self.look() {
                Some(ending) => {
                    // The last bytes are on their way through the pipe.
                    let _ = self.console.wait(0, Duration::from_secs(10), |_| None::<()>);
                    return ending;
                }
                None if self.left().is_zero() => self.fail("the guest did not end"),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Waits for the end, which must be the first program's exit: its code.
    ///
    /// # Panics
    /// When it ends otherwise or not in time.
    pub fn exit(&self) -> i64 {
        match self.ending() {
            Ending::Exited { code } => code,
            ending => self.fail(&format!("no exit: {ending}")),
        }
    }

    /// The console so far.
    #[must_use]
    pub fn console(&self) -> String {
        self.console.text()
    }

    /// The host's number of the process that runs the guest.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.guest.borrow().process()
    }

    /// Panics with the whole story.
    pub fn fail(&self, what: &str) -> ! {
        let terminal = self
            .terminal
            .as_ref()
            .map(|terminal| terminal.borrow().text())
            .unwrap_or_default();
        let complaints = self.guest.borrow().complaints();
        panic!(
            "{what}\n--- console\n{}\n--- terminal\n{terminal}\n--- QEMU\n{complaints}\n--- again\n{}",
            self.console(),
            self.setup.replay()
        );
    }

    fn seated(&self) -> &RefCell<Terminal> {
        self.terminal
            .as_ref()
            .expect("the setup has no terminal: Setup::terminal")
    }

    fn look(&self) -> Option<Ending> {
        if self.ending.get().is_none() {
            let ending = self
                .guest
                .borrow_mut()
                .ending()
                .unwrap_or_else(|error| panic!("{error:#}"));
            self.ending.set(ending);
        }
        self.ending.get()
    }

    /// What is left of the limit.
    fn left(&self) -> Duration {
        self.setup.limit.saturating_sub(self.guest.borrow().age())
    }
}

fn reason(why: NotHeard) -> &'static str {
    match why {
        NotHeard::Ended => ": the guest ended",
        NotHeard::TooLate => " in time",
    }
}
