//! The shell: a line on the terminal, edited here, understood here, and done with the capabilities the manifest
//! grants. It sees other processes only through a Monitor and reaches them only through a Supervisor; without
//! one of them the commands that need it say so.
//!
//! Pure parts, each with its tests: [`keys`], [`editor`], [`words`], [`command`], [`complete`],
//! [`views`], [`top`], [`programs`]. Parts that talk to the machine: [`screen`], [`look`], [`jobs`], [`live`],
//! and this file, which is the loop and the commands.
//!
//! Arguments: `--plain` for a terminal without escape sequences, `--ansi` for one with; by default it is asked.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod command;
pub mod complete;
pub mod editor;
pub mod jobs;
pub mod keys;
pub mod live;
pub mod look;
pub mod programs;
pub mod screen;
pub mod top;
pub mod views;
pub mod words;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rt::config::BootPackage;
use rt::log::{Level, LogReader, level_name};
use rt::memory::SystemInfo;
use rt::monitor::{Monitor, Supervisor};
use rt::pending::wait_any;
use rt::process::ProcessSpawner;
use rt::text::{Table, duration};
use rt::time::Timer;
use rt::{Client, Env, println};

use command::{Command, ThreadName};
use editor::{Editor, Step};
use jobs::Job;
use keys::Key;
use programs::Program;
use screen::{Kind, Screen};

const PROMPT: &str = "sundial> ";

/// Exit code when the shell cannot work at all.
const CANNOT_START: i64 = 1;

/// Everything the shell has.
struct Shell<'a> {
    env: &'a Env,
    screen: Screen,
    timer: Timer,
    programs: Vec<Program>,
    jobs: Vec<Job>,
    jobs_started: u32,
    /// Output of programs in the background that the user has not seen yet.
    unseen: Vec<u8>,
}

/// What to do after a command.
enum After {
    Prompt,
    Leave(i64),
}

/// The shell's life.
pub fn run(env: &Env) -> i64 {
    match start(env) {
        Ok(mut shell) => {
            let code = shell.live();
            shell.jobs.iter().for_each(Job::terminate);
            code
        }
        Err(problem) => {
            println!("shell: {problem}");
            CANNOT_START
        }
    }
}

fn start(env: &Env) -> Result<Shell<'_>, String> {
    let told = |error: rt::Error| error.to_string();
    let mut kind = Kind::Ask;
    for argument in env.arguments() {
        kind = match argument.as_str() {
            "--plain" => Kind::Plain,
            "--ansi" => Kind::Ansi,
            other => return Err(format!("`{other}` is no argument; there are --plain and --ansi")),
        };
    }
    let timer: Timer = env.first().map_err(told)?;
    let screen = Screen::new(env.first().map_err(told)?, &timer, kind).map_err(told)?;
    let programs = match env.first::<BootPackage>() {
        Ok(package) => programs::from_config(&package.config().map_err(told)?),
        Err(_) => Vec::new(),
    };
    Ok(Shell {
        env,
        screen,
        timer,
        programs,
        jobs: Vec::new(),
        jobs_started: 0,
        unseen: Vec::new(),
    })
}

impl Shell<'_> {
    /// Reads and does commands until one of them is `exit`, or the terminal is gone.
    fn live(&mut self) -> i64 {
        if let Ok(info) = self.env.first::<SystemInfo>()
            && let Ok(message) = info.message_of_the_day()
            && !message.is_empty()
        {
            self.screen.write(message.trim_end());
            self.screen.write("\n");
        }
        self.screen
            .write("Sundial. `help` lists commands and programs, `exit` stops the machine.\n");
        let mut editor = Editor::new(PROMPT, self.screen.size().1);
        editor.redraw();
        loop {
            self.screen.write(&editor.take_output());
            self.take_output_of_jobs();
            self.show_unseen(&mut editor);
            let Some(key) = self.screen.key() else {
                if self.screen.is_closed() {
                    return 0;
                }
                wait_any(u64::MAX);
                continue;
            };
            match editor.key(key) {
                Step::Edit => {}
                Step::Cancel => editor.redraw(),
                Step::End => return 0,
                Step::Clear => {
                    self.clear();
                    editor.redraw();
                }
                Step::Complete => self.complete(&mut editor),
                Step::Submit(line) => {
                    self.screen.write(&editor.take_output());
                    if let After::Leave(code) = self.submit(&line) {
                        return code;
                    }
                    editor.redraw();
                }
            }
        }
    }

    fn submit(&mut self, line: &str) -> After {
        let understood = match words::split(line) {
            Ok(line) => command::parse(&line, &|name| {
                self.programs.iter().any(|program| program.name == name)
            }),
            Err(words::OpenQuote(quote)) => Err(format!("the quote {quote} never closes")),
        };
        match understood.and_then(|command| self.execute(command)) {
            Ok(after) => after,
            Err(problem) => {
                self.screen.write(&problem);
                self.screen.write("\n");
                After::Prompt
            }
        }
    }

    fn execute(&mut self, command: Command) -> Result<After, String> {
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
                self.table(views::threads(&threads));
            }
            Command::Cpus => self.table(views::cpus(&look::cpus(&self.granted()?).map_err(told)?)),
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
    fn granted<C: Client>(&self) -> Result<C, String> {
        self.env
            .first::<C>()
            .map_err(|_| format!("this shell was not granted a {}", C::NAME))
    }

    fn table(&self, table: Table) {
        self.screen
            .write_lines(&table.lines(self.screen.size().1.max(120)));
    }

    fn clear(&self) {
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

    fn run_program(&mut self, name: &str, arguments: &[String], background: bool) -> Result<(), String> {
        let program = self.programs.iter().find(|program| program.name == name);
        let program = program.ok_or_else(|| format!("`{name}` is no program; `help` lists them"))?;
        let spawner = self.granted::<ProcessSpawner>()?;
        self.jobs_started += 1;
        let mut job = Job::start(self.env, &spawner, self.jobs_started, program, arguments)?;
        if background {
            self.screen.write(&format!("[{}] {name} started\n", job.number));
            self.jobs.push(job);
            return Ok(());
        }
        let mut output = Vec::new();
        loop {
            let ended = job.poll(&mut output);
            if !output.is_empty() {
                self.screen.write(&String::from_utf8_lossy(&output));
                output.clear();
            }
            if let Some(code) = ended {
                self.report_end(&job, code, false);
                return Ok(());
            }
            if self.screen.take_key(Key::Control('c')) || self.screen.is_closed() {
                self.screen.write("^C\n");
                job.terminate();
            }
            self.take_output_of_jobs();
            wait_any(u64::MAX);
        }
    }

    /// Says how a program ended, unless it ended well before everybody's eyes.
    fn report_end(&mut self, job: &Job, code: i64, background: bool) {
        let words = views::exit_words(code).map_or(String::new(), |words| format!(": {words}"));
        let line = match (background, code) {
            (false, 0) => return,
            (false, _) => format!("{} ended with code {code}{words}\n", job.name),
            (true, _) => format!("[{}] {} ended with code {code}{words}\n", job.number, job.name),
        };
        if background {
            self.unseen.extend_from_slice(line.as_bytes())
        } else {
            self.screen.write(&line)
        }
    }

    /// Takes what programs in the background wrote, and lets go of those that have ended.
    fn take_output_of_jobs(&mut self) {
        let mut index = 0;
        while index < self.jobs.len() {
            match self.jobs[index].poll(&mut self.unseen) {
                None => index += 1,
                Some(code) => {
                    let job = self.jobs.remove(index);
                    self.report_end(&job, code, true);
                }
            }
        }
    }

    /// Shows what programs in the background wrote, above the line being edited.
    fn show_unseen(&mut self, editor: &mut Editor) {
        if self.unseen.is_empty() {
            return;
        }
        editor.hide();
        self.screen.write(&editor.take_output());
        let text = String::from_utf8_lossy(&self.unseen).into_owned();
        self.unseen.clear();
        self.screen.write(&text);
        if !text.ends_with('\n') {
            self.screen.write("\n");
        }
        editor.redraw();
        self.screen.write(&editor.take_output());
    }

    fn complete(&mut self, editor: &mut Editor) {
        let names: Vec<&str> = self
            .programs
            .iter()
            .map(|program| program.name.as_str())
            .collect();
        let completion = complete::complete(&editor.before_cursor(), &names);
        if !completion.choices.is_empty() {
            self.screen.write(&editor.take_output());
            self.screen.write("\n");
            self.screen.write(&completion.choices.join("  "));
            self.screen.write("\n");
            editor.redraw();
        }
        editor.insert(&completion.insert);
    }
}

fn no_process(pid: u32, error: rt::Error) -> String {
    if error.is(rt::Kind::InvalidArgument) {
        format!("there is no process {pid}")
    } else {
        error.to_string()
    }
}

fn no_thread(pid: u32, tid: u32, error: rt::Error) -> String {
    if error.is(rt::Kind::InvalidArgument) {
        format!("there is no thread {pid}.{tid}")
    } else {
        error.to_string()
    }
}
