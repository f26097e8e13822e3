//! The shell: a line on the terminal, edited here, understood here, and done with the capabilities the manifest
//! grants. It sees other processes only through a Monitor and reaches them only through a Supervisor; without
//! one of them the commands that need it say so.
//!
//! Pure parts, each with its tests: [`keys`], [`editor`], [`words`], [`command`], [`complete`],
//! [`views`], [`top`], [`stat`], [`why`], [`programs`], and of [`budget`] orders and lists. Parts that talk to the machine: [`screen`],
//! [`look`], [`jobs`], [`live`], `budget::keep`, `commands`, and this file, which is the loop.
//!
//! Arguments: `--plain` for a terminal without escape sequences, `--ansi` for one with; by default it is asked.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod budget;
pub mod command;
mod commands;
pub mod complete;
pub mod editor;
pub mod jobs;
pub mod keys;
pub mod live;
pub mod look;
pub mod programs;
pub mod screen;
pub mod stat;
pub mod top;
pub mod views;
pub mod why;
pub mod words;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rt::config::BootPackage;
use rt::memory::SystemInfo;
use rt::pending::wait_any;
use rt::process::ProcessSpawner;
use rt::time::Timer;
use rt::{Env, println};

use budget::keep::Kept;
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
    /// Scheduling contexts made here: they live as long as they are held.
    kept: Vec<Kept>,
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
        kept: Vec::new(),
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
                    return self.goodbye();
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

    /// The exit code when nobody types any more: a person who went is no failure, a terminal that does not work is.
    fn goodbye(&self) -> i64 {
        match self.screen.failure() {
            None => 0,
            Some(error) => {
                println!("shell: {error}");
                CANNOT_START
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
