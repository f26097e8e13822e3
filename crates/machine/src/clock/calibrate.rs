//! Measuring one counter against another. Reading both takes time, so each sample is a reading of the
//! measured counter between two readings of the base counter: it belongs to the middle of that bracket. A
//! straight line is fitted through some hundreds of samples (ordinary least squares, in integers); its slope
//! is the ratio. That evens out the coarse steps of a slow reference (the interval timer moves every 838 ns),
//! which two readings at the ends could not. Samples with a wide bracket, where the host or firmware took the
//! CPU away in between, are left out.

/// Samples that only find out how narrow a bracket can be, and warm caches and translations up.
const WARM_UP_SAMPLES: u32 = 16;
/// Fewer good samples than these make no line: where each reading is slow, the window grows until it has them.
const MIN_SAMPLES: u64 = 64;
/// And this many, good or not, are the end.
const MAX_SAMPLES: u32 = 1 << 16;

/// The slope found: `measured` ticks per `base` ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slope {
    pub(super) measured: u64,
    pub(super) base: u64,
    /// How far the slope can be off, in parts per million: the narrowest bracket over the window.
    pub(super) uncertainty_ppm: u32,
}

/// One look at both counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) base_before: u64,
    pub(super) measured: u64,
    pub(super) base_after: u64,
}

/// Takes samples until `enough` says that the window is over, and fits the line. `None` when the counters
/// do not move or too few samples are good.
pub(super) fn slope(mut sample: impl FnMut() -> Sample, enough: impl Fn(u64, u64) -> bool) -> Option<Slope> {
    let mut narrowest = u64::MAX;
    for _ in 0..WARM_UP_SAMPLES {
        let one = sample();
        narrowest = narrowest.min(one.base_after.wrapping_sub(one.base_before));
    }
    let first = sample();
    let mut line = Line::default();
    let mut window = 0;
    for _ in 0..MAX_SAMPLES {
        let one = sample();
        let width = one.base_after.wrapping_sub(one.base_before);
        narrowest = narrowest.min(width);
        let base = one.base_before.wrapping_sub(first.base_before);
        let measured = one.measured.wrapping_sub(first.measured);
        if width <= narrowest.saturating_mul(2) {
            line.add(base + width / 2, measured);
        }
        window = base;
        if enough(base, measured) && line.count >= MIN_SAMPLES {
            break;
        }
    }
    line.slope(narrowest, window)
}

/// Sums for a least-squares line through (x, y).
#[derive(Default)]
struct Line {
    count: u64,
    x: u128,
    y: u128,
    xx: u128,
    xy: u128,
}

impl Line {
    fn add(&mut self, x: u64, y: u64) {
        let (x, y) = (u128::from(x), u128::from(y));
        self.count += 1;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
    }

    /// y over x. With x below 2³⁵ and fewer than 2²⁰ samples no term reaches 2¹²⁷.
    fn slope(&self, narrowest: u64, window: u64) -> Option<Slope> {
        let count = u128::from(self.count);
        let covariance = (count * self.xy).checked_sub(self.x * self.y)?;
        let variance = (count * self.xx).checked_sub(self.x * self.x)?;
        if self.count < MIN_SAMPLES || covariance == 0 || variance == 0 {
            return None;
        }
        // Keep the leading 63 bits of both; what is cut off is below 10⁻¹⁸ of the larger.
        let excess = 64u32.saturating_sub(covariance.max(variance).leading_zeros().saturating_sub(1));
        let uncertainty = u128::from(narrowest) * 1_000_000 / u128::from(window.max(1));
        Some(Slope {
            measured: u64::try_from(covariance >> excess).ok()?,
            base: u64::try_from(variance >> excess).ok().filter(|&base| base > 0)?,
            uncertainty_ppm: u32::try_from(uncertainty + 1).unwrap_or(u32::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two counters of given rates, seen through reads that take `read_ns` each, a long pause now and then.
    struct Machine {
        now_ns: u64,
        base_hz: u64,
        measured_hz: u64,
        read_ns: u64,
        reads: u64,
    }

    impl Machine {
        fn look(&mut self, hz: u64) -> u64 {
            self.reads += 1;
            let pause = if self.reads.is_multiple_of(97) { 40_000 } else { 0 };
            self.now_ns += self.read_ns + self.reads % 7 + pause;
            (u128::from(self.now_ns) * u128::from(hz) / 1_000_000_000) as u64
        }

        fn sample(&mut self) -> Sample {
            let base_before = self.look(self.base_hz);
            let measured = self.look(self.measured_hz);
            Sample {
                base_before,
                measured,
                base_after: self.look(self.base_hz),
            }
        }
    }

    fn error_ppm(base_hz: u64, measured_hz: u64, read_ns: u64) -> u64 {
        let mut machine = Machine {
            now_ns: 123_456_789,
            base_hz,
            measured_hz,
            read_ns,
            reads: 0,
        };
        let window = base_hz / 500;
        let found = slope(|| machine.sample(), |base, _| base >= window).expect("a slope");
        let measured = u128::from(found.measured) * u128::from(base_hz) / u128::from(found.base);
        let error = measured.abs_diff(u128::from(measured_hz)) * 1_000_000 / u128::from(measured_hz);
        error as u64
    }

    #[test]
    fn x6_two_milliseconds_are_enough_for_100_ppm_with_any_reference() {
        for (reference, measured_hz, read_ns) in [
            ("hpet", 100_000_000, 300),
            ("hpet", 14_318_180, 900),
            ("pm", 3_579_545, 400),
            ("pit", 1_193_182, 1500),
        ] {
            for base_hz in [1_000_000_000, 2_095_078_000, 5_100_000_000] {
                let error = error_ppm(base_hz, measured_hz, read_ns);
                assert!(error < 100, "{reference} against {base_hz} Hz: {error} ppm");
            }
        }
    }

    #[test]
    fn x6_slow_readings_stretch_the_window() {
        for base_hz in [1_000_000_000, 2_300_000_000] {
            let error = error_ppm(base_hz, 100_000_000, 12_000);
            assert!(error < 100, "{error} ppm");
        }
    }

    #[test]
    fn x6_equal_rates_give_one() {
        assert_eq!(error_ppm(1_000_000_000, 1_000_000_000, 20), 0);
    }

    #[test]
    fn x6_a_counter_that_stands_still_has_no_slope() {
        let mut at = 0;
        let stuck = || {
            at += 100;
            Sample {
                base_before: at,
                measured: 7,
                base_after: at + 10,
            }
        };
        assert_eq!(slope(stuck, |base, _| base > 100_000), None);
    }
}
