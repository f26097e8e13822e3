//! What a limit allows: in no stretch as long as its period more than its budget.

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So much, in nanoseconds,
    pub budget_ns: u64,
    /// in every so much.
    pub period_ns: u64,
}

impl Limit {
    /// The most that may be used in a stretch of time: the budget in each whole period of it, and no more in what is left than that.
    pub fn most(&self, elapsed_ns: u64) -> u64 {
        let (whole, rest) = (elapsed_ns / self.period_ns, elapsed_ns % self.period_ns);
        whole * self.budget_ns + rest.min(self.budget_ns)
    }

    /// How much more was used in a stretch of time.
    pub fn exceeded_by(&self, used_ns: u64, elapsed_ns: u64) -> u64 {
        used_ns.saturating_sub(self.most(elapsed_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e8_no_stretch_may_have_more_than_its_whole_periods_and_one_budget() {
        let limit = Limit {
            budget_ns: 2,
            period_ns: 10,
        };
        let most: [u64; 6] = [0, 1, 5, 10, 11, 49].map(|elapsed| limit.most(elapsed));
        assert_eq!(most, [0, 1, 2, 2, 3, 10]);
        assert_eq!((limit.exceeded_by(12, 50), limit.exceeded_by(9, 50)), (2, 0));
    }
}
