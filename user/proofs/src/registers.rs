//! P17: what one process does to its registers never shows in another. Some processes set every register that a program can set, all
//! the time and without a system call; others set their own, compute or make system calls for a while, and look at them again.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rt::hostile::registers::{Changed, disturb, hold};
use rt::process::{Child, ProcessSpawner};
use rt::{Env, Error};

use crate::tools::Wrong;
use crate::{child, ensure};

/// Processes that disturb.
const DISTURBERS: u64 = 2;
/// Those that hold on: by computing, and by making system calls.
const HOLDERS: [(&str, u32, u64); 2] = [("computing", 40, 400_000), ("calling", 100, 1_500)];
/// Holders of each kind.
const COPIES: u64 = 2;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let spawner: ProcessSpawner = env.first()?;
    let disturbers = (0..DISTURBERS)
        .map(|seed| child::start(&spawner, "disturber", &[&(1000 + 2 * seed).to_string()]))
        .collect::<Result<Vec<Child>, Error>>()?;
    let mut holders = Vec::new();
    for (kind, ..) in HOLDERS {
        for seed in 0..COPIES {
            holders.push((
                kind,
                child::start(&spawner, "holder", &[kind, &seed.to_string()])?,
            ));
        }
    }
    for (kind, holder) in holders {
        let code = holder.handle.wait()?;
        let changed = Changed::ALL.into_iter().find(|changed| *changed as i64 == code);
        ensure!(
            code == 0,
            "a process that held on {kind} ended with {code}; what did not keep its value: {changed:?}"
        );
    }
    for disturber in disturbers {
        disturber.handle.terminate()?;
        disturber.handle.wait()?;
    }
    Ok(())
}

/// The child's part: disturbs until it is ended from outside.
pub fn disturb_for_ever(details: &[String]) -> ! {
    disturb(number(details.first()))
}

/// The child's part: 0, or the number of what did not keep its value.
pub fn hold_on(details: &[String]) -> i64 {
    let kind = details.first().map_or("", String::as_str);
    let Some((kind, rounds, turns)) = HOLDERS.into_iter().find(|(name, ..)| *name == kind) else {
        return child::UNKNOWN;
    };
    match hold(number(details.get(1)), rounds, turns, kind == "calling") {
        Ok(()) => 0,
        Err(changed) => changed as i64,
    }
}

fn number(text: Option<&String>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}
