//! Latencies as a histogram of high dynamic range, and the text that HdrHistogram's tools read (`.hgrm`).
//!
//! Three significant digits over the whole range, as HdrHistogram's examples use; least, greatest and mean are exact.

use hdrhistogram::Histogram;
use sched::Nanos;
use std::fmt::Write as _;

/// Digits that are kept of every latency.
const DIGITS: u8 = 3;
/// Lines for each halving of the distance to 100 %, as HdrHistogram's own output has them.
const LINES_PER_HALVING: u32 = 5;
/// Latencies are printed in microseconds.
const NANOS_PER_UNIT: f64 = 1000.0;

/// How often which latency was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency {
    histogram: Histogram<u64>,
    least: Nanos,
    greatest: Nanos,
    sum: u128,
}

impl Default for Latency {
    fn default() -> Latency {
        Latency::new()
    }
}

impl Latency {
    /// Nothing was seen yet.
    ///
    /// # Panics
    /// Never: the number of digits is one that the histogram accepts.
    #[must_use]
    pub fn new() -> Latency {
        Latency {
            histogram: Histogram::new(DIGITS).expect("three digits are allowed"),
            least: Nanos::MAX,
            greatest: Nanos::ZERO,
            sum: 0,
        }
    }

    /// Notes one.
    ///
    /// # Panics
    /// Never: the histogram grows to hold every 64-bit number.
    pub fn record(&mut self, latency: Nanos) {
        self.histogram
            .record(latency.0)
            .expect("a growing histogram holds any value");
        self.least = self.least.min(latency);
        self.greatest = self.greatest.max(latency);
        self.sum += u128::from(latency.0);
    }

    /// Adds what another has seen.
    ///
    /// # Panics
    /// Never: the histogram grows to hold what the other holds.
    pub fn add(&mut self, other: &Latency) {
        self.histogram
            .add(&other.histogram)
            .expect("a growing histogram holds what another holds");
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.sum += other.sum;
    }

    /// How many were seen.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The least; zero if none was seen.
    #[must_use]
    pub fn min(&self) -> Nanos {
        if self.count() == 0 {
            Nanos::ZERO
        } else {
            self.least
        }
    }

    /// The greatest; zero if none was seen.
    #[must_use]
    pub const fn max(&self) -> Nanos {
        self.greatest
    }

    /// The mean in nanoseconds; zero if none was seen.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count().max(1) as f64
    }

    /// The latency that so many per cent (0 to 100) of those seen do not exceed, to three digits.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Nanos {
        if self.count() == 0 {
            return Nanos::ZERO;
        }
        // The histogram answers with the end of a bucket, which may lie beyond all that was seen.
        Nanos(self.histogram.value_at_percentile(percent)).min(self.greatest)
    }

    /// Latencies that were seen, to three digits, ascending, and how often.
    pub fn buckets(&self) -> impl Iterator<Item = (Nanos, u64)> {
        let lowest = |value| Nanos(self.histogram.lowest_equivalent(value));
        self.histogram
            .iter_recorded()
            .map(move |bucket| (lowest(bucket.value_iterated_to()), bucket.count_at_value()))
    }

    /// The percentile distribution in microseconds, as HdrHistogram prints and its plotters read it.
    #[must_use]
    pub fn hgrm(&self) -> String {
        let mut text = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
        let mut total = 0;
        for line in self.histogram.iter_quantiles(LINES_PER_HALVING) {
            total += line.count_since_last_iteration();
            let value = line.value_iterated_to() as f64 / NANOS_PER_UNIT;
            let quantile = line.quantile_iterated_to();
            let _ = if quantile < 1.0 {
                let inverse = 1.0 / (1.0 - quantile);
                writeln!(text, "{value:12.3} {quantile:2.12} {total:10} {inverse:14.2}")
            } else {
                writeln!(text, "{value:12.3} {quantile:2.12} {total:10}")
            };
        }
        let mean = self.histogram.mean() / NANOS_PER_UNIT;
        let deviation = self.histogram.stdev() / NANOS_PER_UNIT;
        let greatest = self.histogram.max() as f64 / NANOS_PER_UNIT;
        let halves = 1_u32 << (32 - (2 * 10_u32.pow(u32::from(DIGITS)) - 1).leading_zeros());
        let _ = write!(
            text,
            "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]\n\
             #[Max     = {greatest:12.3}, Total count    = {total:12}]\n\
             #[Buckets = {:12}, SubBuckets     = {halves:12}]\n",
            self.histogram.buckets(),
        );
        text
    }
}

impl FromIterator<Nanos> for Latency {
    fn from_iter<I: IntoIterator<Item = Nanos>>(latencies: I) -> Latency {
        let mut seen = Latency::new();
        latencies.into_iter().for_each(|latency| seen.record(latency));
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l3_extremes_and_mean_are_exact() {
        let seen: Latency = [1_234_567, 3, 8].map(Nanos).into_iter().collect();
        assert_eq!(
            (seen.min(), seen.max(), seen.count()),
            (Nanos(3), Nanos(1_234_567), 3)
        );
        assert!((seen.mean() - 411_526.0).abs() < 1e-9);
        assert_eq!(
            (seen.percentile(50.0), seen.percentile(100.0)),
            (Nanos(8), Nanos(1_234_567))
        );
        assert_eq!(seen.buckets().map(|(_, count)| count).sum::<u64>(), 3);
    }

    #[test]
    fn l3_nothing_seen_is_zero_everywhere() {
        let seen = Latency::new();
        assert_eq!(
            (seen.min(), seen.max(), seen.percentile(99.0)),
            (Nanos(0), Nanos(0), Nanos(0))
        );
        assert!(seen.mean() == 0.0 && seen.hgrm().contains("Total count    =            0"));
    }

    #[test]
    fn l3_added_histograms_have_seen_what_each_has() {
        let (low, high): (Latency, Latency) = (
            (1..=50).map(|us| Nanos(us * 1000)).collect(),
            (51..=100).map(|us| Nanos(us * 1000)).collect(),
        );
        let mut both = low.clone();
        both.add(&high);
        let whole: Latency = (1..=100).map(|us| Nanos(us * 1000)).collect();
        assert_eq!(both.hgrm(), whole.hgrm());
    }
}
