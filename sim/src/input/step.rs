//! Steps of programs as text: one word for what is done, then what it is done with.
//!
//! [`FORMS`] is the whole grammar. Names are words, or anything in double quotes (`\"` and `\\` inside them), or `#3`
//! for the row of that index in its table. Spans are written as in [`spans`].

use sched::{CpuMask, Weight};
use std::borrow::Cow;

mod print;

use super::objects::{Name, Objects};
use super::{spans, words};
use crate::scenario::{Patience, Span, Step};

pub(super) use print::print;

/// Every step: its word, how it is written, and what it does.
pub const FORMS: &[(&str, &str, &str)] = &[
    ("run", "run 4ms", "uses the CPU for so long"),
    ("sleep", "sleep 1ms..2ms", "sleeps for so long"),
    (
        "timer",
        "timer beat 10ms absolute",
        "sleeps until the timer's next period begins; relative is usual",
    ),
    ("lock", "lock m", "takes the lock"),
    ("unlock", "unlock m", "gives it back"),
    (
        "wait",
        "wait ready m",
        "gives lock m back, waits for the condition, takes m again",
    ),
    (
        "signal",
        "signal ready",
        "wakes the thread that has waited longest",
    ),
    ("broadcast", "broadcast ready", "wakes all threads that wait"),
    (
        "barrier",
        "barrier round",
        "waits until as many threads are here as the barrier's size",
    ),
    (
        "write",
        "write pipe 512",
        "puts bytes into a pipe, waits while they do not fit",
    ),
    (
        "read",
        "read pipe 512",
        "takes bytes out of a pipe, waits until they are there",
    ),
    (
        "call",
        "call files within 5ms",
        "calls the server at the endpoint and waits for its answer; `within 5ms` ends the call then, `for 5ms` only the wait",
    ),
    (
        "serve",
        "serve files",
        "answers the last call and waits for the next",
    ),
    ("suspend", "suspend", "waits until somebody resumes it"),
    (
        "resume",
        "resume worker",
        "resumes all suspended instances of a thread",
    ),
    ("yield", "yield", "gives way and stays runnable"),
    ("fork", "fork worker", "starts an instance of a thread"),
    ("weight", "weight 128 batch", "changes its own weight and class"),
    ("cpus", "cpus 0,2,4-7", "changes where it may run"),
    (
        "carve",
        "carve camera",
        "makes the context, out of what it is carved from",
    ),
    (
        "bind",
        "bind camera",
        "uses the context from now on, if nobody does and it has none",
    ),
    (
        "unbind",
        "unbind camera",
        "takes the context from whoever uses it",
    ),
    (
        "return",
        "return camera",
        "gives the context back to what it was carved from, if nobody uses it and nothing was carved out of it",
    ),
    (
        "revoke",
        "revoke camera",
        "takes the context from whoever uses it, with all that was carved out of it, and gives it back",
    ),
    (
        "kill",
        "kill worker",
        "ends all instances of a thread, wherever they are",
    ),
    ("exit", "exit", "ends the thread"),
];

/// What is wrong with a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StepError {
    /// The byte of the text where it is wrong.
    pub(super) at: usize,
    pub(super) message: String,
}

/// Reads a step. Objects that it names for the first time are made.
pub(super) fn parse(text: &str, objects: &mut Objects) -> Result<Step, StepError> {
    let mut words = Words {
        text,
        at: 0,
        form: "",
    };
    let start = words.skip_space();
    let verb = words.word().unwrap_or_default();
    let Some((_, form, _)) = FORMS.iter().find(|(known, ..)| *known == verb) else {
        let message = if verb.is_empty() {
            "a step is missing; write one like `run 4ms`".to_owned()
        } else {
            words::unknown(verb, FORMS.iter().map(|(known, ..)| *known))
        };
        return Err(StepError { at: start, message });
    };
    words.form = form;
    let step = match verb {
        "run" => Step::Run(words.span()?),
        "sleep" => Step::Sleep(words.span()?),
        "timer" => {
            let timer = words.name("a timer", |name| objects.timer(name, false))?;
            let period = words.argument("a period", spans::duration)?;
            let absolute = match words.word() {
                Some("absolute") => true,
                Some("relative") | None => false,
                Some(other) => return words.fail(format!("`{other}` is neither absolute nor relative")),
            };
            Step::Timer {
                timer,
                period,
                absolute,
            }
        }
        "lock" => Step::Lock(words.name("a lock", |name| objects.lock(name))?),
        "unlock" => Step::Unlock(words.name("a lock", |name| objects.lock(name))?),
        "wait" => Step::Wait {
            condition: words.name("a condition", |name| objects.condition(name))?,
            lock: words.name("a lock", |name| objects.lock(name))?,
        },
        "signal" => Step::Signal(words.name("a condition", |name| objects.condition(name))?),
        "broadcast" => Step::Broadcast(words.name("a condition", |name| objects.condition(name))?),
        "barrier" => Step::Barrier(words.name("a barrier", |name| objects.barrier(name))?),
        "write" | "read" => {
            let pipe = words.name("a pipe", |name| objects.pipe(name))?;
            let capacity = objects.pipes.rows()[usize::from(pipe.0)].capacity;
            let bytes = words.argument("a number of bytes", |word| bytes(word, capacity))?;
            if verb == "write" {
                Step::Write { pipe, bytes }
            } else {
                Step::Read { pipe, bytes }
            }
        }
        "call" => {
            let endpoint = words.name("an endpoint", |name| objects.endpoint(name))?;
            let patience = match words.word() {
                None => Patience::Unbounded,
                Some("within") => Patience::Within(words.argument("a length of time", spans::duration)?),
                Some("for") => Patience::For(words.argument("a length of time", spans::duration)?),
                Some(other) => return words.fail(format!("`{other}` is neither within nor for")),
            };
            Step::Call(endpoint, patience)
        }
        "serve" => Step::Serve(words.name("an endpoint", |name| objects.endpoint(name))?),
        "suspend" => Step::Suspend,
        "resume" => Step::Resume(words.name("a thread", |name| objects.thread(name))?),
        "yield" => Step::Yield,
        "fork" => Step::Fork(words.name("a thread", |name| objects.thread(name))?),
        "weight" => Step::SetPolicy {
            weight: words.argument("a weight", weight)?,
            class: words.argument("a class", |word| words::find(word, &*words::CLASSES))?,
        },
        "cpus" => words.cpus(objects)?,
        "kill" => Step::Kill(words.name("a thread", |name| objects.thread(name))?),
        "exit" => Step::Exit,
        deed => {
            let deed =
                words::find(deed, &words::DEEDS).map_err(|message| StepError { at: start, message })?;
            Step::Context(deed, words.name("a context", |name| objects.context(name))?)
        }
    };
    words.end()?;
    Ok(step)
}

fn weight(word: &str) -> Result<Weight, String> {
    let number = word.parse().ok().and_then(Weight::new);
    number.ok_or_else(|| format!("`{word}` is no weight; weights are numbers from 1 to 1024"))
}

fn bytes(word: &str, capacity: u32) -> Result<u32, String> {
    let number = word
        .parse()
        .map_err(|_| format!("`{word}` is no number of bytes"))?;
    if number > capacity {
        return Err(format!(
            "{number} bytes at once never fit this pipe, which holds {capacity}"
        ));
    }
    Ok(number)
}

/// The words of a step, one after the other.
struct Words<'t> {
    text: &'t str,
    /// Where the next word begins, or the space before it.
    at: usize,
    /// How the step is written, for complaints.
    form: &'static str,
}

impl<'t> Words<'t> {
    fn skip_space(&mut self) -> usize {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.at
    }

    fn fail<T>(&self, message: String) -> Result<T, StepError> {
        Err(StepError { at: self.at, message })
    }

    fn word(&mut self) -> Option<&'t str> {
        let start = self.skip_space();
        let rest = &self.text[start..];
        let word = &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())];
        self.at = start + word.len();
        (!word.is_empty()).then_some(word)
    }

    fn missing<T>(&self, what: &str) -> Result<T, StepError> {
        self.fail(format!("{what} is missing; write it like `{}`", self.form))
    }

    /// The next word, read by `read`.
    fn argument<T>(
        &mut self,
        what: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, StepError> {
        let at = self.skip_space();
        let Some(word) = self.word() else {
            return self.missing(what);
        };
        read(word).map_err(|message| StepError { at, message })
    }

    /// The rest of the step as a span.
    fn span(&mut self) -> Result<Span, StepError> {
        let at = self.skip_space();
        let rest = self.text[at..].trim_end();
        if rest.is_empty() {
            return self.missing("a length of time");
        }
        self.at = self.text.len();
        spans::span(rest).map_err(|message| StepError { at, message })
    }

    fn name<T>(
        &mut self,
        what: &str,
        resolve: impl FnOnce(&Name<'_>) -> Result<T, String>,
    ) -> Result<T, StepError> {
        let at = self.skip_space();
        let rest = &self.text[at..];
        let name = if rest.starts_with('"') {
            Name::Word(self.quoted()?)
        } else {
            let Some(word) = self.word() else {
                return self.missing(what);
            };
            match word.strip_prefix('#') {
                Some(number) => Name::Number(number.parse().map_err(|_| StepError {
                    at,
                    message: format!(
                        "`{word}` is no number of {what}; a name that begins with # goes in quotes"
                    ),
                })?),
                None => Name::Word(Cow::Borrowed(word)),
            }
        };
        resolve(&name).map_err(|message| StepError { at, message })
    }

    fn quoted(&mut self) -> Result<Cow<'t, str>, StepError> {
        let mut name = String::new();
        let mut characters = self.text[self.at..].char_indices().skip(1);
        while let Some((offset, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += offset + 1;
                    return Ok(Cow::Owned(name));
                }
                '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
                other => name.push(other),
            }
        }
        self.fail("this name has no closing quote".to_owned())
    }

    fn cpus(&mut self, objects: &mut Objects) -> Result<Step, StepError> {
        let at = self.skip_space();
        let rest = self.text[at..].trim_end();
        if rest.is_empty() {
            return self.missing("a CPU");
        }
        self.at = self.text.len();
        let id = match rest.strip_prefix('#').map(str::parse) {
            Some(Ok(number)) => objects.mask_number(number),
            Some(Err(_)) => Err(format!("`{rest}` is no number of a mask")),
            None => {
                let mut mask = CpuMask::empty();
                words::cpus(rest, &mut mask).and_then(|()| objects.mask(&mask))
            }
        };
        id.map(Step::SetAffinity)
            .map_err(|message| StepError { at, message })
    }

    fn end(&mut self) -> Result<(), StepError> {
        let at = self.skip_space();
        match self.text[at..].trim_end() {
            "" => Ok(()),
            rest => self.fail(format!("`{rest}` is too much; write it like `{}`", self.form)),
        }
    }
}
