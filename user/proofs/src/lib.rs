//! Programs that watch the kernel keep its rules from inside, where counters, clocks and other processes can be seen.
//! Which proof runs is said by the manifest (`proof` in its `[config]`, tests/manifests/proofs/); each checks what it
//! sees itself, names the first thing that is wrong, and ends with 0 if nothing is.
//!
//! [`accounting`], [`shares`], [`crowds`], [`spread`], [`pinned`], [`quiet`] and [`counters`] are about the scheduler, [`contexts`] about CPU time that is held; [`passes`] and [`ranges`] about what one
//! system call makes others wait for; [`ends`] about how processes end; [`leaks`], [`pending`], [`pages`], [`far`] and [`indices`] about what processes, memory and rings leave
//! behind; [`accounts`] about what they hold; [`meetings`] about calls and who may answer them; [`registers`] about what shows of one process in another; [`chaos`] about all of it at
//! once, under random programs. [`tools`] is what they share. A proof's children run this program too: their arguments name a
//! part in [`child`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod accounting;
pub mod accounts;
pub mod chaos;
pub mod child;
pub mod contexts;
pub mod counters;
pub mod crowds;
pub mod elsewhere;
pub mod ends;
pub mod far;
pub mod indices;
pub mod leaks;
pub mod meetings;
pub mod pages;
pub mod passes;
pub mod pending;
pub mod pinned;
pub mod quiet;
pub mod ranges;
pub mod registers;
pub mod shares;
pub mod spread;
pub mod tools;

use alloc::string::{String, ToString};

use rt::config::BootPackage;
use rt::{Env, Error, println};

use tools::Wrong;

/// A proof: its name, and what it does.
type Proof = (&'static str, fn(&Env) -> Result<(), Wrong>);

const PROOFS: &[Proof] = &[
    ("accounting", accounting::prove),
    ("shares", shares::weights_decide),
    ("counters", counters::prove),
    ("crowds", crowds::prove),
    ("newcomers", shares::nobody_jumps_or_starves),
    ("spread", spread::prove),
    ("pinned", pinned::prove),
    ("last-off", pinned::prove_without_the_last),
    ("contexts", contexts::prove),
    ("contexts-several", contexts::prove_on_several),
    ("unproven", contexts::prove_without_the_last_timer),
    ("quiet", quiet::prove),
    ("ends", ends::prove),
    ("leaks", leaks::prove),
    ("meetings", meetings::prove),
    ("pages", pages::prove),
    ("far", far::prove),
    ("elsewhere", elsewhere::prove),
    ("pending", pending::prove),
    ("accounts", accounts::prove),
    ("ranges", ranges::prove),
    ("indices", indices::prove),
    ("passes", passes::nobody_waits_for_the_rest),
    ("pieces", passes::a_crowd_is_woken_in_pieces),
    ("registers", registers::prove),
    ("chaos", chaos::prove),
];

/// The program: the proof that the manifest names, or a part in one.
pub fn run(env: &Env) -> i64 {
    let arguments = env.arguments();
    if let Some((part, rest)) = arguments.split_first() {
        return child::act(env, part, rest);
    }
    let name = match named(env) {
        Ok(name) => name,
        Err(error) => {
            println!("proofs: the manifest names no proof: {error}");
            return 2;
        }
    };
    let Some((_, prove)) = PROOFS.iter().find(|(known, _)| *known == name) else {
        println!("proofs: there is no proof `{name}`");
        return 2;
    };
    match prove(env) {
        Ok(()) => {
            println!("{name}: as it should be");
            0
        }
        Err(wrong) => {
            println!("{name}: {wrong}");
            1
        }
    }
}

fn named(env: &Env) -> Result<String, Error> {
    let config = env.first::<BootPackage>()?.config()?;
    config
        .text_of("proof")
        .map(ToString::to_string)
        .ok_or(Error::Malformed)
}
