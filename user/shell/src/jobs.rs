//! Programs that the shell started and still watches: their output on its way to the terminal, and their end.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rt::Env;
use rt::env::OUTPUT;
use rt::pending::Pending;
use rt::pipe::{Chunk, Pipe};
use rt::process::{Child, Grant, ProcessSpawner};

use crate::programs::Program;

/// Bytes of output that may wait for the shell.
const OUTPUT_BYTES: u32 = 16 << 10;

/// A started program.
pub struct Job {
    /// The number people see.
    pub number: u32,
    /// The program's name.
    pub name: String,
    child: Child,
    ended: Option<Pending<i64>>,
    code: Option<i64>,
    output: Pipe,
    reading: Option<Pending<Chunk>>,
}

impl Job {
    /// Starts `program`: its arguments in a pipe, its output through another, and what the manifest grants it.
    pub fn start(
        env: &Env,
        spawner: &ProcessSpawner,
        number: u32,
        program: &Program,
        arguments: &[String],
    ) -> Result<Job, String> {
        let told = |error: rt::Error| format!("cannot start {}: {error}", program.name);
        let mut grants = rt::grants::grants(env, program.caps.iter().map(String::as_str))
            .map_err(|problem| format!("cannot start {}: {problem}", program.name))?;
        let (output, given_output) = spawner.pipe(OUTPUT_BYTES).map_err(told)?;
        grants.push(Grant::give(OUTPUT, &given_output));
        let arguments = arguments.iter().map(String::as_str);
        let child =
            rt::child::start(spawner, &program.name, &program.binary, arguments, grants).map_err(told)?;
        let ended = Some(child.handle.start_wait().map_err(told)?);
        let reading = Some(output.start_read().map_err(told)?);
        Ok(Job {
            number,
            name: program.name.clone(),
            child,
            ended,
            code: None,
            output,
            reading,
        })
    }

    /// Takes the output that has come, and looks whether the program has ended: then its exit code, once
    /// everything it wrote was taken.
    pub fn poll(&mut self, into: &mut Vec<u8>) -> Option<i64> {
        // The end is looked at first: what the program wrote before it is in the pipe by then.
        if self.ended.as_ref().is_some_and(Pending::is_ready)
            && let Some(ended) = self.ended.take()
        {
            self.code = Some(ended.wait().unwrap_or(-1));
        }
        while self.reading.as_ref().is_some_and(Pending::is_ready)
            && let Some(reading) = self.reading.take()
        {
            let Ok(chunk) = reading.wait() else { break };
            into.extend_from_slice(&chunk.bytes);
            if !chunk.at_end {
                self.reading = self.output.start_read().ok();
            }
        }
        self.code
    }

    /// Ends the program from outside.
    pub fn terminate(&self) {
        // It may have ended by itself in this moment, which is as good.
        let _ = self.child.handle.terminate();
    }
}
