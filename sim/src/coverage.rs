//! What a campaign has seen: which steps of the kernel came next to each other on two CPUs. A generator that never puts
//! two of them side by side cannot find what they do to each other.

use crate::machine::STEP_NAMES;

const STEPS: usize = STEP_NAMES.len();

/// Pairs of steps that followed each other on different CPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// By the first step, one bit for each second step.
    after: [u32; STEPS],
}

impl Default for Coverage {
    fn default() -> Coverage {
        Coverage { after: [0; STEPS] }
    }
}

impl Coverage {
    pub(crate) const fn saw(&mut self, first: usize, second: usize) {
        self.after[first] |= 1 << second;
    }

    /// Adds what another run has seen.
    pub fn add(&mut self, other: &Coverage) {
        for (own, other) in self.after.iter_mut().zip(other.after) {
            *own |= other;
        }
    }

    /// How many pairs were seen.
    #[must_use]
    pub fn seen(&self) -> u32 {
        self.after.iter().map(|seconds| seconds.count_ones()).sum()
    }

    /// How many there are.
    #[must_use]
    pub const fn possible(&self) -> u32 {
        (STEPS * STEPS) as u32
    }

    /// Those that were never seen.
    pub fn missing(&self) -> impl Iterator<Item = String> {
        let pairs = (0..STEPS).flat_map(|first| (0..STEPS).map(move |second| (first, second)));
        pairs
            .filter(|(first, second)| self.after[*first] >> second & 1 == 0)
            .map(|(first, second)| format!("{} and then {}", STEP_NAMES[first], STEP_NAMES[second]))
    }
}
