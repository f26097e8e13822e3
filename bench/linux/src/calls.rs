//! Calls to a process that serves them, by each of the ways that programs on Linux use: two pipes, a socket, and two words
//! in shared memory with a futex for each.
//!
//! The serving process has the channel as its standard input (and output, for the second pipe). A byte stands for an
//! empty message where the way has none.

use std::fs::File;
use std::io::Error;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{self, Stdio};
use std::sync::atomic::Ordering;

use rustix::fs::MemfdFlags;
use rustix::thread::futex::{self, Flags};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use workloads::calls::piece_of_work;
use workloads::system::{Calls, Link, Service};

use crate::processes::{command, ended_badly};
use crate::raw::{Exchange, map_exchange};
use crate::system::Linux;

/// How a call gets to another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A pipe there and a pipe back.
    Pipe,
    /// A stream socket of the local family.
    Socket,
    /// Words in shared memory, and a futex for each side to sleep on.
    Futex,
}

/// Parts of this program that serve, by way and service.
const PARTS: [(&str, Way, Service); 6] = [
    ("serve-pipe", Way::Pipe, Service::Empty),
    ("serve-pipe-work", Way::Pipe, Service::Work),
    ("serve-socket", Way::Socket, Service::Empty),
    ("serve-socket-work", Way::Socket, Service::Work),
    ("serve-futex", Way::Futex, Service::Empty),
    ("serve-futex-work", Way::Futex, Service::Work),
];

/// Runs a serving part: its exit code, or `None` when `part` is none.
pub(crate) fn serve_part(part: &str) -> Option<u8> {
    let (_, way, service) = PARTS.iter().find(|(name, ..)| *name == part)?;
    let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
    let served = match way {
        Way::Pipe => serve_stream(stdin.as_fd(), stdout.as_fd(), *service),
        Way::Socket => serve_stream(stdin.as_fd(), stdin.as_fd(), *service),
        Way::Futex => serve_words(stdin.as_fd(), *service),
    };
    Some(match served {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("linux-bench: {part}: {error}");
            1
        }
    })
}

/// Bytes of a message.
fn length(service: Service) -> usize {
    match service {
        Service::Empty => 1,
        Service::Work => size_of::<u64>(),
    }
}

/// Answers what comes, until nobody is left to ask.
fn serve_stream(input: BorrowedFd<'_>, output: BorrowedFd<'_>, service: Service) -> Result<(), Error> {
    let mut message = [0; 8];
    let message = &mut message[..length(service)];
    while rustix::io::read(input, &mut *message)? == message.len() {
        if let Ok(request) = <[u8; 8]>::try_from(&*message) {
            message.copy_from_slice(&piece_of_work(u64::from_le_bytes(request)).to_le_bytes());
        }
        rustix::io::write(output, message)?;
    }
    Ok(())
}

/// The same with words in shared memory.
fn serve_words(memory: BorrowedFd<'_>, service: Service) -> Result<(), Error> {
    let exchange = map_exchange(&File::from(memory.try_clone_to_owned()?))?;
    let mut seen = 0;
    loop {
        while exchange.requests.load(Ordering::Acquire) == seen {
            let _ = futex::wait(&exchange.requests, Flags::empty(), seen, None);
        }
        seen = seen.wrapping_add(1);
        if exchange.over.load(Ordering::Relaxed) != 0 {
            return Ok(());
        }
        if service == Service::Work {
            let request = exchange.word.load(Ordering::Relaxed);
            exchange.word.store(piece_of_work(request), Ordering::Relaxed);
        }
        exchange.answers.store(seen, Ordering::Release);
        futex::wake(&exchange.answers, Flags::empty(), 1)?;
    }
}

/// Where a client writes and reads.
#[derive(Debug)]
enum Channel {
    Stream { requests: OwnedFd, answers: OwnedFd },
    Words(&'static Exchange),
}

/// A client's end.
#[derive(Debug)]
pub(crate) struct Connection {
    process: process::Child,
    channel: Channel,
    /// Where this thread was allowed to run before both were put on one CPU.
    allowed: Option<CpuSet>,
}

/// Keeps the calling thread, and processes that it starts, on one of the CPUs it may use: which it could use before.
fn stay_on_one_cpu() -> Result<CpuSet, Error> {
    let allowed = sched_getaffinity(None)?;
    let mut one = CpuSet::new();
    if let Some(cpu) = (0..CpuSet::MAX_CPU).find(|cpu| allowed.is_set(*cpu)) {
        one.set(cpu);
        sched_setaffinity(None, &one)?;
    }
    Ok(allowed)
}

impl Calls for Linux {
    type Way = Way;
    type Link = Connection;

    fn best_way(&self) -> Way {
        Way::Futex
    }

    fn connect(&self, way: Way, service: Service) -> Result<Connection, Error> {
        let allowed = (service == Service::Empty).then(stay_on_one_cpu).transpose()?;
        let (part, ..) = PARTS
            .iter()
            .find(|(_, part_way, part_service)| (*part_way, *part_service) == (way, service))
            .ok_or_else(|| Error::other("no part serves this"))?;
        let mut command = command(part);
        let (process, channel) = match way {
            Way::Pipe => {
                let (childs_input, requests) = std::io::pipe()?;
                let (answers, childs_output) = std::io::pipe()?;
                let process = command.stdin(childs_input).stdout(childs_output).spawn()?;
                let (requests, answers) = (requests.into(), answers.into());
                (process, Channel::Stream { requests, answers })
            }
            Way::Socket => {
                let (socket, childs) = UnixStream::pair()?;
                let process = command.stdin(Stdio::from(OwnedFd::from(childs))).spawn()?;
                let (requests, answers) = (socket.try_clone()?.into(), socket.into());
                (process, Channel::Stream { requests, answers })
            }
            Way::Futex => {
                let memory = File::from(rustix::fs::memfd_create("exchange", MemfdFlags::CLOEXEC)?);
                memory.set_len(size_of::<Exchange>() as u64)?;
                let exchange = map_exchange(&memory)?;
                (command.stdin(memory).spawn()?, Channel::Words(exchange))
            }
        };
        Ok(Connection {
            process,
            channel,
            allowed,
        })
    }
}

impl Connection {
    /// One call: its message goes over, and the answer is in its place.
    #[inline]
    fn exchange(&mut self, message: &mut [u8]) -> Result<bool, Error> {
        match &self.channel {
            Channel::Stream { requests, answers } => {
                rustix::io::write(requests, message)?;
                Ok(rustix::io::read(answers, &mut *message)? == message.len())
            }
            Channel::Words(exchange) => {
                hand_over(exchange)?;
                Ok(true)
            }
        }
    }
}

/// Wakes the server and waits for its answer.
#[inline]
fn hand_over(exchange: &Exchange) -> Result<(), Error> {
    let turn = exchange.requests.load(Ordering::Relaxed).wrapping_add(1);
    exchange.requests.store(turn, Ordering::Release);
    futex::wake(&exchange.requests, Flags::empty(), 1)?;
    loop {
        let answered = exchange.answers.load(Ordering::Acquire);
        if answered == turn {
            return Ok(());
        }
        let _ = futex::wait(&exchange.answers, Flags::empty(), answered, None);
    }
}

impl Link for Connection {
    type Error = Error;

    fn empty_calls(&mut self, count: u64) -> Result<u64, Error> {
        let mut wrong = 0;
        for _ in 0..count {
            wrong += u64::from(!self.exchange(&mut [1])?);
        }
        Ok(wrong)
    }

    fn call(&mut self, request: u64) -> Result<u64, Error> {
        if let Channel::Words(exchange) = self.channel {
            exchange.word.store(request, Ordering::Relaxed);
            hand_over(exchange)?;
            return Ok(exchange.word.load(Ordering::Relaxed));
        }
        let mut message = request.to_le_bytes();
        if !self.exchange(&mut message)? {
            return Err(ended_badly("answered too little"));
        }
        Ok(u64::from_le_bytes(message))
    }

    fn server(&mut self) -> Result<u32, Error> {
        Ok(self.process.id())
    }

    fn end(mut self) -> Result<u64, Error> {
        match self.channel {
            Channel::Stream { requests, answers } => drop((requests, answers)),
            Channel::Words(exchange) => {
                exchange.over.store(1, Ordering::Relaxed);
                exchange.requests.fetch_add(1, Ordering::Release);
                futex::wake(&exchange.requests, Flags::empty(), 1)?;
            }
        }
        let status = self.process.wait()?;
        if let Some(allowed) = &self.allowed {
            sched_setaffinity(None, allowed)?;
        }
        let code = status.code().ok_or_else(|| ended_badly(status))?;
        Ok(u64::from(code.unsigned_abs()))
    }
}
