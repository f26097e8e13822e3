//! The commands: each does one thing with one capability, and says so if the shell was not granted it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rt::Client;
use rt::log::{Level, LogReader, level_name};
use rt::monitor::{Monitor, Supervisor};
use rt::placement::{PlacementRefusal, set_of};
use rt::text::{Table, duration};

use crate::command::{Command, ThreadName};
use crate::why::{self, Evidence};
use crate::{After, Shell, budget, command, live, look, stat, views};

/// Tables are at least this wide, however narrow the terminal: it breaks lines, which loses less than cutting them.
const WIDTH: usize = 140;

impl Shell<'_> {
    /// Does one command.
    pub(crate) fn execute(&mut self, command: Command) -> Result<After, String> {
        let told = |error: rt::Error| error.to_string();
        match command {
            Command::Nothing => {}
            Command::Help(topic) => self.help(topic.as_deref())?,
            Command::Ps => self.table(views::processes(
                &look::processes(&self.granted()?).map_err(told)?,
            )),
            Command::Threads(pid) => {
                let threads = look::threads(&self.granted()?, pid.unwrap_or(0))
                    .map_err(|error| no_process(pid.unwrap_or(0), error))?;
                self.table(views::threads(&threads, &self.contexts()?));
            }
            Command::Cpus => {
                let monitor = self.granted()?;
                let machine = look::machine(&monitor).map_err(told)?;
                self.screen.write_lines(&[views::policy(&machine)]);
                self.table(views::cpus(&look::cpus(&monitor).map_err(told)?));
            }
            Command::Stat { cpu, over_ns, json } => self.stat(cpu, over_ns, json)?,
            Command::Top { period_ns, frames } => self.top(period_ns, frames)?,
            Command::Run {
                program,
                arguments,
                background,
            } => self.run_program(&program, &arguments, background)?,
            Command::Kill(pid) => {
                let handle = self
                    .granted::<Supervisor>()?
                    .process(pid)
                    .map_err(|error| no_process(pid, error))?;
                handle.terminate().map_err(told)?;
            }
            Command::Weight(ThreadName { pid, tid }, weight) => {
                let policy = self.granted::<Supervisor>()?.thread_policy(pid, tid);
                let policy = policy.map_err(|error| no_thread(pid, tid, error))?;
                policy.set_weight(weight).map_err(told)?;
            }
            Command::Class(ThreadName { pid, tid }, class) => {
                let policy = self.granted::<Supervisor>()?.thread_policy(pid, tid);
                let policy = policy.map_err(|error| no_thread(pid, tid, error))?;
                policy.set_latency_class(class).map_err(told)?;
            }
            Command::Pin(name, cpus) => self.pin(name, cpus)?,
            Command::Budget(order) => self.budget(order)?,
            Command::Why(name) => self.why(name)?,
            Command::Caps(pid) => self.caps(pid)?,
            Command::Log(count) => self.log(count)?,
            Command::Time(inner) => {
                let before = self.timer.now_ns().map_err(told)?;
                let after = self.execute(*inner)?;
                let elapsed = self.timer.now_ns().map_err(told)?.saturating_sub(before);
                self.screen.write(&format!("took {}\n", duration(elapsed)));
                return Ok(after);
            }
            Command::Clear => self.clear(),
            Command::Exit(code) => return Ok(After::Leave(code)),
        }
        Ok(After::Prompt)
    }

    /// A capability that some commands need, or a sentence that it was not granted.
    pub(crate) fn granted<C: Client>(&self) -> Result<C, String> {
        self.env
            .first::<C>()
            .map_err(|_| format!("this shell was not granted a {}", C::NAME))
    }

    pub(crate) fn table(&self, table: Table) {
        self.screen
            .write_lines(&table.lines(self.screen.size().1.max(WIDTH)));
    }

    /// Clears the screen, as far as this terminal can.
    pub(crate) fn clear(&self) {
        self.screen.write(if self.screen.is_ansi() {
            "\x1b[2J\x1b[H"
        } else {
            "\n"
        });
    }

    fn help(&self, topic: Option<&str>) -> Result<(), String> {
        let programs: Vec<(&str, &str)> = self
            .programs
            .iter()
            .map(|program| (program.name.as_str(), program.summary.as_str()))
            .collect();
        if topic == Some("budget") {
            self.screen.write(budget::HELP);
            return Ok(());
        }
        if let Some(topic) = topic {
            let command = command::COMMANDS.iter().find(|entry| entry.name == topic);
            let program = programs.iter().find(|(name, _)| *name == topic);
            let line = match (command, program) {
                (Some(entry), _) => format!("{} {}: {}\n", entry.name, entry.arguments, entry.does),
                (None, Some((name, summary))) => format!("{name}: {summary}; `{name} --help` says more\n"),
                (None, None) => return Err(format!("`{topic}` is neither a command nor a program")),
            };
            self.screen.write(&line);
            return Ok(());
        }
        for line in views::help(&programs, self.screen.size().1) {
            self.screen.write(&line);
            self.screen.write("\n");
        }
        Ok(())
    }

    fn stat(&mut self, cpu: Option<u32>, over_ns: Option<u64>, json: bool) -> Result<(), String> {
        let monitor: Monitor = self.granted()?;
        let read = || {
            look::all_counters(&monitor, cpu).map_err(|error| match cpu {
                Some(cpu) if error.is(rt::Kind::InvalidArgument) => format!("there is no CPU {cpu}"),
                _ => error.to_string(),
            })
        };
        let mut counted = read()?;
        if let Some(over_ns) = over_ns {
            let before = counted;
            if self.pause(over_ns)? {
                return Ok(());
            }
            counted = read()?;
            for (now, before) in counted.iter_mut().zip(&before) {
                *now = now.since(before);
            }
        }
        if json {
            let line = stat::json(&counted, over_ns.unwrap_or(0));
            self.screen.write(&line);
            self.screen.write("\n");
        } else {
            let width = self.screen.size().1.max(WIDTH);
            self.screen.write_lines(&stat::lines(&counted, width));
        }
        Ok(())
    }

    /// Waits; whether it was told to stop.
    fn pause(&mut self, duration_ns: u64) -> Result<bool, String> {
        let Shell {
            screen,
            timer,
            jobs,
            unseen,
            ..
        } = self;
        live::pause(screen, timer, duration_ns, || {
            for job in jobs.iter_mut() {
                job.poll(unseen);
            }
        })
        .map_err(|error| error.to_string())
    }

    fn top(&mut self, period_ns: u64, frames: Option<u32>) -> Result<(), String> {
        let monitor = self.granted()?;
        let Shell {
            screen,
            timer,
            jobs,
            unseen,
            ..
        } = self;
        live::show(screen, &monitor, timer, period_ns, frames, || {
            for job in jobs.iter_mut() {
                job.poll(unseen);
            }
        })
        .map_err(|error| error.to_string())
    }

    fn pin(&self, ThreadName { pid, tid }: ThreadName, cpus: Option<Vec<u32>>) -> Result<(), String> {
        let told = |error: rt::Error| error.to_string();
        let placement = self.granted::<Supervisor>()?.thread_placement(pid, tid);
        let placement = placement.map_err(|error| no_thread(pid, tid, error))?;
        let cpus = match cpus {
            Some(cpus) => cpus,
            None => look::cpus(&self.granted()?)
                .map_err(told)?
                .iter()
                .map(|cpu| cpu.cpu)
                .collect(),
        };
        match placement.set_cpus(&set_of(cpus)).map_err(told)? {
            Ok(()) => Ok(()),
            Err(PlacementRefusal::UnknownCpu(cpu)) => Err(format!("there is no CPU {cpu}")),
            Err(PlacementRefusal::NotStarted(cpu)) => Err(format!("CPU {cpu} has not started")),
            Err(PlacementRefusal::ThreadEnded) => Err(format!("thread {pid}.{tid} has ended")),
            Err(PlacementRefusal::EmptySet | PlacementRefusal::NotCanonical) => {
                Err("a thread has to run somewhere".to_string())
            }
        }
    }

    fn why(&self, ThreadName { pid, tid }: ThreadName) -> Result<(), String> {
        let told = |error: rt::Error| error.to_string();
        let monitor: Monitor = self.granted()?;
        let threads = look::threads(&monitor, 0).map_err(told)?;
        let (contexts, cpus) = (self.contexts()?, look::cpus(&monitor).map_err(told)?);
        let thread = threads.iter().find(|thread| thread.id == (pid, tid));
        let thread = thread.ok_or_else(|| format!("there is no thread {pid}.{tid}"))?;
        let said = why::paragraph(&Evidence {
            thread,
            context: views::context_of(thread, &contexts),
            cpu: cpus.iter().find(|cpu| cpu.cpu == thread.cpu),
            threads: &threads,
            asker: (self.env.pid() as u32, rt::current_tid()),
            now_ns: self.timer.now_ns().map_err(told)?,
        });
        for line in why::lines(&said, self.screen.size().1) {
            self.screen.write(&line);
            self.screen.write("\n");
        }
        Ok(())
    }

    fn caps(&self, pid: u32) -> Result<(), String> {
        let list = self
            .granted::<Monitor>()?
            .capabilities(pid)
            .map_err(|error| no_process(pid, error))?;
        let mut table = Table::new(&[">ID", "NAME", "INTERFACE"]);
        for entry in list {
            let interface = abi::interfaces::name_of(entry.interface)
                .map_or_else(|| format!("{:#018x}", entry.interface), ToString::to_string);
            table.row([format!("{:#x}", entry.id), entry.label, interface]);
        }
        self.table(table);
        Ok(())
    }

    fn log(&self, count: u32) -> Result<(), String> {
        let reader = self.granted::<LogReader>()?;
        let mut records = Vec::new();
        let mut cursor = 0;
        loop {
            let page = reader
                .read(cursor, 16, Level::Debug)
                .map_err(|error| error.to_string())?;
            if page.records.is_empty() {
                break;
            }
            records.extend(page.records);
            cursor = page.next;
        }
        let mut table = Table::new(&[">SECONDS", "LEVEL", ">PID", "COMPONENT", "MESSAGE"]);
        for record in records.split_off(records.len().saturating_sub(count as usize)) {
            table.row([
                format!(
                    "{}.{:06}",
                    record.tick / 1_000_000_000,
                    record.tick / 1_000 % 1_000_000
                ),
                level_name(record.level).into(),
                record.pid.to_string(),
                record.component,
                record.message,
            ]);
        }
        self.table(table);
        Ok(())
    }
}

fn no_process(pid: u32, error: rt::Error) -> String {
    if error.is(rt::Kind::InvalidArgument) {
        format!("there is no process {pid}")
    } else {
        error.to_string()
    }
}

pub(crate) fn no_thread(pid: u32, tid: u32, error: rt::Error) -> String {
    if error.is(rt::Kind::InvalidArgument) {
        format!("there is no thread {pid}.{tid}")
    } else {
        error.to_string()
    }
}
