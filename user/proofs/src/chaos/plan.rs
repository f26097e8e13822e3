//! What a run is to be, as the manifest says it, and what one actor is to be, as its arguments say it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rt::config::Value;

use super::deed::{Deed, Menu};

/// A run: keys of the manifest's `[config]`.
pub struct Run {
    /// The seed of the first round; each further round has the next.
    pub seed: u64,
    /// How many rounds.
    pub rounds: u64,
    /// How many actors live at a time; twice as many live in a round.
    pub actors: u64,
    /// How many deeds a thread of an actor does before it ends.
    pub steps: u64,
    /// What actors do.
    pub menu: Menu,
}

impl Run {
    /// Reads it; what the manifest does not say is as in `./x test`.
    pub fn read(config: &Value) -> Run {
        let number = |name, otherwise| config.uint_of(name).unwrap_or(otherwise);
        let without: Vec<Deed> = config.texts_of("without").filter_map(Deed::from_name).collect();
        Run {
            seed: number("seed", 1),
            rounds: number("rounds", 3),
            actors: number("actors", 4).clamp(1, 6),
            steps: number("steps", 300).max(1),
            menu: Menu::without(&without),
        }
    }
}

/// What one actor is to be.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Its number in the round, from 1.
    pub number: u64,
    /// Its seed.
    pub seed: u64,
    /// As [`Run::steps`].
    pub steps: u64,
    /// As [`Run::menu`].
    pub menu: Menu,
    /// How many generations of children it may have.
    pub generations: u64,
}

impl Plan {
    /// Of one of the first generation.
    pub fn new(run: &Run, number: u64, seed: u64) -> Plan {
        Plan {
            number,
            seed,
            steps: run.steps,
            menu: run.menu,
            generations: 1,
        }
    }

    /// As arguments of its process.
    pub fn to_arguments(self) -> Vec<String> {
        [
            self.number,
            self.seed,
            self.steps,
            self.menu.bits(),
            self.generations,
        ]
        .map(|number| number.to_string())
        .to_vec()
    }

    /// Reads the arguments.
    pub fn from_arguments(arguments: &[String]) -> Option<Plan> {
        let numbers: Vec<u64> = arguments.iter().map_while(|number| number.parse().ok()).collect();
        let &[number, seed, steps, menu, generations] = &numbers[..] else {
            return None;
        };
        Some(Plan {
            number,
            seed,
            steps,
            menu: Menu::from_bits(menu),
            generations,
        })
    }
}
