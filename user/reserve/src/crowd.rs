//! Those beside whom a thread wants to be on time: some that compute, one that starts processes, one that makes system calls.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use rt::process::ProcessSpawner;
use rt::thread::{JoinHandle, Threads};
use rt::time::Timer;
use rt::{Env, Error};

use crate::jobs::compute;

/// What each started process runs: it ends at once.
const BINARY: &str = "hello";

/// Turns of a computing thread between two looks at whether it is over.
const TURNS: u32 = 1_000;

/// A crowd that is at it.
pub struct Crowd {
    stop: Arc<AtomicBool>,
    hogs: Vec<JoinHandle<()>>,
    starting: JoinHandle<Result<u64, Error>>,
    calling: JoinHandle<Result<u64, Error>>,
}

/// What it did.
pub struct Done {
    /// Processes started and ended.
    pub processes: u64,
    /// System calls made for their own sake.
    pub calls: u64,
}

impl Crowd {
    /// Starts it, with so many that compute.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn start(env: &Env, hogs: u32) -> Result<Crowd, Error> {
        let threads = Threads::new(env)?;
        let stop = Arc::new(AtomicBool::new(false));
        let hogs = (0..hogs).map(|_| {
            let stop = stop.clone();
            threads.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    compute(TURNS);
                }
            })
        });
        let hogs = hogs.collect::<Result<_, _>>()?;
        let starting = threads.spawn({
            let (env, stop) = (*env, stop.clone());
            move || {
                let spawner: ProcessSpawner = env.first()?;
                again_and_again(&stop, || spawner.spawn("drop", BINARY, &[])?.handle.wait())
            }
        })?;
        let calling = threads.spawn({
            let (env, stop) = (*env, stop.clone());
            move || {
                let timer: Timer = env.first()?;
                again_and_again(&stop, || timer.now_ns())
            }
        })?;
        Ok(Crowd {
            stop,
            hogs,
            starting,
            calling,
        })
    }

    /// Sends it home: what it did meanwhile.
    ///
    /// # Errors
    /// When one of them could not do what it was there for.
    pub fn stop(self) -> Result<Done, Error> {
        self.stop.store(true, Ordering::Relaxed);
        for hog in self.hogs {
            hog.join()?;
        }
        Ok(Done {
            processes: self.starting.join()??,
            calls: self.calling.join()??,
        })
    }
}

/// Does one thing until it is over: how often.
fn again_and_again<T>(stop: &AtomicBool, mut one: impl FnMut() -> Result<T, Error>) -> Result<u64, Error> {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        one()?;
        count += 1;
    }
    Ok(count)
}
