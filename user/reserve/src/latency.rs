//! How late jobs were begun and done, in words, percentiles and a histogram.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rt::text::{Table, duration};

/// The longest bar of the histogram.
const BAR: usize = 24;

/// What became of many jobs, in nanoseconds after they could begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// When each was begun.
    pub begun: Vec<u64>,
    /// When each was done.
    pub done: Vec<u64>,
    /// How many were not done by their deadline.
    pub missed: u32,
    /// How many of those were not even begun.
    pub left_out: u32,
    /// How long the thread was ready and had no CPU.
    pub waited_ns: u64,
}

/// The two side by side: percentiles, then how many were done within which time.
pub fn comparison(without: &Latencies, with: &Latencies, deadline_ns: u64) -> Vec<String> {
    let mut table = Table::new(&[
        "RESERVATION",
        "",
        ">50 %",
        ">90 %",
        ">99 %",
        ">WORST",
        ">MISSED",
        ">LEFT OUT",
        ">WAITED",
    ]);
    for (name, seen) in [("without", without), ("with", with)] {
        for (event, times, is_last) in [("begun", &seen.begun, false), ("done", &seen.done, true)] {
            let mut cells = Vec::from([name.to_string(), event.to_string()]);
            cells.extend(
                [500, 900, 990, 1000].map(|permille| match percentile(times, permille) {
                    Some(time) => duration(time),
                    None => "-".into(),
                }),
            );
            if is_last {
                cells.extend([seen.missed.to_string(), seen.left_out.to_string()]);
                cells.push(duration(seen.waited_ns));
            }
            table.row(cells);
        }
    }
    let mut lines = table.lines(100);
    let mut table = Table::new(&[">DONE WITHIN", ">WITHOUT", "", ">WITH", ""]);
    let (buckets, most) = histogram(&without.done, &with.done, deadline_ns);
    for Bucket { within_ns, counts } in buckets {
        let [without, with] = counts.map(|count| (count.to_string(), bar(count, most)));
        table.row([duration(within_ns), without.0, without.1, with.0, with.1]);
    }
    lines.extend(table.lines(100));
    lines
}

/// The time within which so many thousandths of all jobs were: the smallest that is enough.
pub fn percentile(times: &[u64], permille: usize) -> Option<u64> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * permille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied()
}

/// How many jobs of either kind took so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// At most so long, and longer than the bucket before.
    pub within_ns: u64,
    /// Without and with a reservation.
    pub counts: [usize; 2],
}

/// Buckets by eighths of the deadline up to there and doubling from there on, as many as there is something in; and the highest count.
fn histogram(without: &[u64], with: &[u64], deadline_ns: u64) -> (Vec<Bucket>, usize) {
    let latest = without.iter().chain(with).max().copied().unwrap_or(0);
    let mut buckets: Vec<Bucket> = Vec::new();
    let (mut above, mut within_ns) = (0, (deadline_ns / 8).max(1));
    loop {
        let count = |times: &[u64]| {
            let is_in = |time: &&u64| **time <= within_ns && (**time > above || above == 0);
            times.iter().filter(is_in).count()
        };
        buckets.push(Bucket {
            within_ns,
            counts: [count(without), count(with)],
        });
        if within_ns >= latest {
            break;
        }
        above = within_ns;
        within_ns = match within_ns < deadline_ns {
            true => within_ns + (deadline_ns / 8).max(1),
            false => within_ns.saturating_mul(2),
        };
    }
    let is_something = |bucket: &Bucket| bucket.counts != [0, 0];
    let first = buckets.iter().position(is_something).unwrap_or(0);
    let most = buckets.iter().flat_map(|bucket| bucket.counts).max().unwrap_or(0);
    (buckets.split_off(first), most)
}

fn bar(count: usize, most: usize) -> String {
    // What is there is seen, however little it is.
    let length = (count * BAR).div_ceil(most.max(1));
    format!("{:<BAR$}", "#".repeat(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_smallest_time_that_is_enough() {
        let times: Vec<u64> = (1..=200).rev().collect();
        let of = |permille| percentile(&times, permille);
        assert_eq!(
            [500, 900, 990, 1000].map(of),
            [Some(100), Some(180), Some(198), Some(200)]
        );
        assert_eq!(percentile(&[7], 500), Some(7));
        assert_eq!(percentile(&[], 500), None);
    }

    #[test]
    fn every_job_is_in_one_bucket() {
        let (buckets, most) = histogram(&[0, 10, 11, 80, 81, 1000], &[20, 20, 20], 80);
        let counts: Vec<_> = buckets
            .iter()
            .map(|bucket| (bucket.within_ns, bucket.counts))
            .collect();
        assert_eq!(
            counts,
            [
                (10, [2, 0]),
                (20, [1, 3]),
                (30, [0, 0]),
                (40, [0, 0]),
                (50, [0, 0]),
                (60, [0, 0]),
                (70, [0, 0]),
                (80, [1, 0]),
                (160, [1, 0]),
                (320, [0, 0]),
                (640, [0, 0]),
                (1280, [1, 0]),
            ]
        );
        assert_eq!(most, 3);
    }

    #[test]
    fn both_are_shown_side_by_side() {
        let without = Latencies {
            begun: Vec::from([5, 6_000]),
            done: Vec::from([1_000, 9_000]),
            missed: 2,
            left_out: 1,
            waited_ns: 6_005,
        };
        let with = Latencies {
            begun: Vec::from([4]),
            done: Vec::from([1_000]),
            ..Latencies::default()
        };
        let lines = comparison(&without, &with, 8_000);
        assert_eq!(
            lines[..5],
            [
                "RESERVATION            50 %     90 %     99 %    WORST  MISSED  LEFT OUT   WAITED",
                "without      begun     5 ns  6.00 us  6.00 us  6.00 us",
                "without      done   1.00 us  9.00 us  9.00 us  9.00 us       2         1  6.00 us",
                "with         begun     4 ns     4 ns     4 ns     4 ns",
                "with         done   1.00 us  1.00 us  1.00 us  1.00 us       0         0     0 ns",
            ]
        );
        assert_eq!(
            lines[5].split_whitespace().collect::<Vec<_>>(),
            ["DONE", "WITHIN", "WITHOUT", "WITH"]
        );
        assert_eq!(lines.len(), 6 + 9);
    }
}
