//! What to measure and how often, from the manifest; and the form of what is printed.
//!
//! ```text
//! @begin                            the program runs
//! @sample ROW OPERATIONS TICKS      one round: so many operations took so many ticks
//! @fact ROW NAME VALUE              a counter or a check that belongs to the row
//! @error ROW TEXT                   the row could not be measured
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use rt::config::Value;
use rt::println;
use rt::raw::ticks;

/// Rounds when the manifest does not say.
const ROUNDS: u64 = 11;

/// The manifest's wishes: `[config] rows = ["call"]`, `rounds = 11`.
pub struct Plan {
    rows: Vec<String>,
    /// How often each measurement is repeated.
    pub rounds: u64,
    /// Length of a window of time, in ticks.
    pub window: u64,
    /// The tick at which this program began.
    pub begun: u64,
}

impl Plan {
    /// Reads the wishes. `begun`: the tick at which the program began.
    pub fn from_config(config: &Value, begun: u64) -> Plan {
        Plan {
            rows: config.texts_of("rows").map(String::from).collect(),
            rounds: config.uint_of("rounds").unwrap_or(ROUNDS).max(1),
            window: config.uint_of("window").unwrap_or(1_000_000_000),
            begun,
        }
    }

    /// Whether row `name` is to be measured.
    pub fn wants(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row == name)
    }

    /// Measures `body`, which performs as many operations as it is told: a round to warm up, then the rounds that
    /// count. Nothing is printed before the last one is over.
    pub fn measure(&self, row: &str, operations: u64, mut body: impl FnMut(u64)) {
        body(operations);
        let mut samples = Vec::with_capacity(self.rounds as usize);
        for _ in 0..self.rounds {
            let before = ticks();
            body(operations);
            samples.push(ticks() - before);
        }
        for taken in samples {
            println!("@sample {row} {operations} {taken}");
        }
    }
}

/// Prints a counter or a check.
pub fn fact(row: &str, name: &str, value: u64) {
    println!("@fact {row} {name} {value}");
}
