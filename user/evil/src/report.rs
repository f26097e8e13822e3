//! One line per attack: whether the kernel held, and what it answered.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Display;

use abi::result::Failure;
use abi::ring::Cqe;
use rt::error::failure_words;
use rt::{Error, Kind, println};

/// All attacks of a group.
pub const ALL: &str = "all of them";

/// The score.
#[derive(Clone, Debug, Default)]
pub struct Report {
    group: &'static str,
    held: u32,
    /// What was said of each attack that did not fail: said again at the end, where somebody looks first.
    broken: Vec<String>,
    /// What was said of attacks that were not tried, said again as well.
    passed_over: Vec<String>,
}

impl Report {
    /// The attacks that follow belong to `name`.
    pub fn group(&mut self, name: &'static str) {
        self.group = name;
    }

    /// What `attacks` are made with, if it was granted. Else they are not tried, and that is said.
    pub fn needs<C>(&mut self, attacks: &str, found: Result<C, Error>) -> Option<C> {
        found
            .map_err(|error| {
                let said = format!("not tried {:<8} {attacks}: {error}", self.group);
                println!("{said}");
                self.passed_over.push(said);
            })
            .ok()
    }

    /// Records one attack.
    pub fn line(&mut self, held: bool, attack: impl Display, answer: impl Display) {
        if held {
            println!("held   {:<11} {attack}: {answer}", self.group);
            self.held += 1;
        } else {
            let said = format!("BROKEN {:<11} {attack}: {answer}", self.group);
            println!("{said}");
            self.broken.push(said);
        }
    }

    /// A completion that must carry exactly this result.
    pub fn result(&mut self, attack: impl Display, answer: Option<Cqe>, expected: i32) {
        match answer {
            Some(cqe) if cqe.result == expected => self.line(true, attack, code_words(expected)),
            Some(cqe) => {
                self.line(
                    false,
                    attack,
                    format!("{}, not {}", code_words(cqe.result), code_words(expected)),
                );
            }
            None => self.line(
                false,
                attack,
                format!("no completion, not {}", code_words(expected)),
            ),
        }
    }

    /// A call that must be refused with an exception of this kind.
    pub fn exception<T>(&mut self, attack: impl Display, answer: Result<T, Error>, expected: Kind) {
        match answer {
            Err(error) if error.is(expected) => self.line(true, attack, error),
            Err(error) => self.line(false, attack, format!("{error}, not an exception {expected:?}")),
            Ok(_) => self.line(
                false,
                attack,
                format!("it was done, instead of an exception {expected:?}"),
            ),
        }
    }

    /// A call that must work: the system goes on after what came before.
    pub fn works<T>(&mut self, attack: impl Display, answer: Result<T, Error>) -> Option<T> {
        match answer {
            Ok(value) => {
                self.line(true, attack, "works");
                Some(value)
            }
            Err(error) => {
                self.line(false, attack, error);
                None
            }
        }
    }

    /// What was not tried, what was broken, the last line, and the exit code.
    pub fn finish(&self) -> i64 {
        let broken = self.broken.len();
        let attacks = self.held as usize + broken;
        for said in self.passed_over.iter().chain(&self.broken) {
            println!("{said}");
        }
        match broken {
            0 if attacks == 0 => println!("NOTHING was tried"),
            0 => println!("all {attacks} attacks were answered as they should be"),
            broken => println!("{broken} of {attacks} attacks were NOT answered as they should be"),
        }
        i64::from(broken > 0 || attacks == 0)
    }
}

/// A result code in words.
fn code_words(code: i32) -> String {
    match Failure::from_code(code) {
        Some(failure) => format!("{} ({code})", failure_words(failure)),
        None if code < 0 => format!("unknown code {code}"),
        None => format!("success ({code})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l9_attacks_that_lack_a_capability_are_named() {
        let mut report = Report::default();
        report.group("test");
        assert_eq!(report.needs("a", Ok(1)), Some(1));
        let absent: Result<u8, Error> = Err(Error::NotGranted("Timer".into()));
        assert_eq!(report.needs("sleeps", absent), None);
        let said = "not tried test     sleeps: this program was not given the capability `Timer`";
        assert_eq!(report.passed_over, [said]);
        assert_eq!(report.finish(), 1, "nothing was tried at all");
        report.line(true, "an attack", "held");
        assert_eq!((report.held, report.finish()), (1, 0));
    }

    #[test]
    fn the_score_decides_the_exit_code() {
        let mut report = Report::default();
        report.group("test");
        report.result("a", Some(Cqe::plain(0, -1)), -1);
        report.exception(
            "b",
            Err::<(), _>(Error::Exception(Kind::Overloaded, String::new())),
            Kind::Overloaded,
        );
        assert_eq!(report.finish(), 0);
        report.result("c", Some(Cqe::plain(0, 0)), -1);
        report.result("d", None, -1);
        report.exception("e", Ok(()), Kind::Failed);
        assert_eq!((report.held, report.broken.len(), report.finish()), (2, 3, 1));
    }
}
