//! A limit as a window that slides over all of its service.

use std::collections::VecDeque;

use sched::{Instant, Nanos};

/// Service without a gap.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    begin: Instant,
    end: Instant,
    /// All service before.
    before: Nanos,
}

/// The service of a limit, as far back as a window that is still open can see.
#[derive(Clone, Debug)]
pub(super) struct Window {
    budget: Nanos,
    length: Nanos,
    stretches: VecDeque<Stretch>,
    served: Nanos,
}

impl Window {
    pub(super) fn new(budget: Nanos, length: Nanos) -> Window {
        Window {
            budget,
            length,
            stretches: VecDeque::new(),
            served: Nanos::ZERO,
        }
    }

    /// Adds a stretch behind all others; how much more than the budget is in a window that ends in it. The fullest window either ends
    /// with a stretch or begins with one.
    pub(super) fn serve(&mut self, from: Instant, to: Instant) -> Nanos {
        let oldest = Instant(from.0.saturating_sub(self.length.0));
        while self
            .stretches
            .front()
            .is_some_and(|stretch| stretch.end <= oldest)
        {
            self.stretches.pop_front();
        }
        self.stretches.push_back(Stretch {
            begin: from,
            end: to,
            before: self.served,
        });
        self.served += to.since(from);
        let last = Instant(to.0.saturating_sub(self.length.0));
        let beginning = self.stretches.iter().map(|stretch| stretch.begin);
        let beginning = beginning
            .skip_while(|begin| *begin < oldest)
            .take_while(|begin| *begin < last);
        let windows = beginning.chain([last]);
        let fullest = windows.map(|begin| self.within(begin)).max();
        fullest.unwrap_or_default().saturating_sub(self.budget)
    }

    /// The service in the window that begins there.
    fn within(&self, begin: Instant) -> Nanos {
        self.up_to(begin + self.length).saturating_sub(self.up_to(begin))
    }

    /// All service before an instant that is not older than what is remembered.
    fn up_to(&self, at: Instant) -> Nanos {
        let begun = self.stretches.partition_point(|stretch| stretch.begin < at);
        match begun.checked_sub(1).and_then(|last| self.stretches.get(last)) {
            Some(stretch) => stretch.before + stretch.end.min(at).since(stretch.begin),
            None => self
                .stretches
                .front()
                .map_or(self.served, |stretch| stretch.before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(stretches: &[(u64, u64)]) -> Vec<u64> {
        let mut window = Window::new(Nanos(3), Nanos(10));
        let over = stretches
            .iter()
            .map(|(from, to)| window.serve(Instant(*from), Instant(*to)).0);
        over.collect()
    }

    #[test]
    fn e8_a_window_that_is_as_full_as_it_may_be_is_not_too_full() {
        assert_eq!(
            window(&[(0, 3), (10, 13), (20, 21), (25, 27), (30, 31), (35, 37)]),
            [0; 6]
        );
    }

    #[test]
    fn e8_the_fullest_window_is_found_where_it_ends_with_a_stretch_and_where_it_begins_with_one() {
        assert_eq!(window(&[(0, 3), (9, 12)]), [0, 1]);
        assert_eq!(window(&[(0, 2), (5, 9), (11, 30)]), [0, 3, 7]);
        // From 5 to 15 there are 2 and 3, and in the window that ends with the last stretch only 3.
        assert_eq!(window(&[(5, 7), (12, 15), (16, 19)])[1], 2);
    }
}
