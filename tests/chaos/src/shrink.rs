//! Making a failure small: what can be left out without losing it is left out, the largest things first.

use crate::trial::{Failure, Images, Trial, Verdict};
use anyhow::Result;
use proofs::chaos::deed::Deed;
use std::time::{Duration, Instant};
use xtask::progress;

/// Longest time for making one failure small.
const LIMIT: Duration = Duration::from_secs(600);
/// How often a smaller one is tried on several CPUs, where the same seed does not always fail.
const TRIES: u32 = 3;

/// A trial that fails in the same way and from which nothing can be left out, or as far as the time reaches.
pub(crate) fn make_small(failing: Trial, failure: &Failure, images: &Images) -> Result<Trial> {
    let until = Instant::now() + LIMIT;
    let kind = failure.kind();
    let mut smallest = failing;
    loop {
        let mut found = None;
        for candidate in smaller(&smallest) {
            if Instant::now() > until {
                progress::say("no time is left to make it smaller");
                return Ok(smallest);
            }
            if fails_alike(&candidate, &kind, images)? {
                found = Some(candidate);
                break;
            }
        }
        let Some(candidate) = found else {
            return Ok(smallest);
        };
        progress::say(format!("still so:  {}", candidate.command()));
        smallest = candidate;
    }
}

fn fails_alike(candidate: &Trial, kind: &str, images: &Images) -> Result<bool> {
    let tries = if candidate.cpus == 1 { 1 } else { TRIES };
    for _ in 0..tries {
        if let Verdict::Failed(failure) = candidate.run(images)?
            && failure.kind() == kind
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is smaller by one step, the largest steps first.
fn smaller(trial: &Trial) -> Vec<Trial> {
    let mut all = Vec::new();
    if trial.rounds > 1 {
        all.extend((0..trial.rounds).map(|round| Trial {
            seed: trial.seed.wrapping_add(round),
            rounds: 1,
            ..trial.clone()
        }));
    }
    if trial.steps > 1 {
        let steps = trial.steps / 2;
        all.push(Trial {
            steps,
            ..trial.clone()
        });
    }
    if trial.actors > 1 {
        let actors = trial.actors - 1;
        all.push(Trial {
            actors,
            ..trial.clone()
        });
    }
    for kind in Deed::names().filter(|kind| !trial.without.iter().any(|left_out| left_out == kind)) {
        let mut without = trial.without.clone();
        without.push(kind.to_owned());
        all.push(Trial {
            without,
            ..trial.clone()
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_be_left_out_is_tried_and_the_end_is_reached() {
        let whole = Trial {
            seed: 5,
            rounds: 2,
            cpus: 1,
            actors: 2,
            steps: 4,
            without: Vec::new(),
        };
        let tried = smaller(&whole);
        assert_eq!(tried.len(), 2 + 1 + 1 + Deed::names().count());
        assert_eq!((tried[1].seed, tried[1].rounds), (6, 1));
        let least = Trial {
            rounds: 1,
            actors: 1,
            steps: 1,
            without: Deed::names().map(str::to_owned).collect(),
            ..whole
        };
        assert!(smaller(&least).is_empty());
    }
}
