//! What a CPU keeps of the thread it runs, whose box is out of reach: whoever holds the CPU's lock can read and change that.

use crate::accounting::Charge;
use crate::fair::Share;
use crate::horizon::Horizon;
use crate::ids::{CpuId, ThreadId};
use crate::outline::Outline;
use crate::rank::{Rank, Standing};
use crate::time::Instant;

/// What a CPU knows about the thread it runs.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    pub(super) id: ThreadId,
    pub(super) share: Share,
    pub(super) standing: Standing,
    /// Everything before this instant has been charged to `share`.
    pub(super) charged_to: Instant,
    /// Charged to `share` but not yet copied to the entity.
    pub(super) uncollected: Charge,
    /// When the turn is used up, whether or not anybody waits for it.
    pub(super) turn_ends: Instant,
    /// Whether `turn_ends` is this CPU's horizon: somebody waits, and a timer for it has been asked for.
    pub(super) is_bounded: bool,
    /// Where it may run.
    pub(super) outline: Outline,
    /// Where it goes when its CPU looks at it next, if it has been sent ([`crate::balance`]).
    pub(super) sent: Option<CpuId>,
}

impl Running {
    /// The thread.
    #[must_use]
    pub const fn id(&self) -> ThreadId {
        self.id
    }

    /// Its share as of the last charge.
    #[must_use]
    pub const fn share(&self) -> &Share {
        &self.share
    }

    /// Whether it is served by weight.
    pub(crate) const fn is_by_weight(&self) -> bool {
        self.standing.is_by_weight()
    }

    /// What it is entitled to, which is known where weights alone decide.
    #[inline(always)]
    pub(super) const fn standing_as<const PLAIN: bool>(&self) -> Standing {
        if !PLAIN {
            return self.standing;
        }
        debug_assert!(matches!(self.standing, Standing::Fair));
        Standing::Fair
    }

    /// Where it would wait if it waited.
    #[must_use]
    #[inline]
    pub const fn rank(&self) -> Rank {
        self.standing.rank(self.share.vfinish(), self.id)
    }

    /// Where it may run.
    pub(crate) const fn outline(&self) -> Outline {
        self.outline
    }

    /// Everything before this instant has been charged.
    #[must_use]
    pub const fn charged_to(&self) -> Instant {
        self.charged_to
    }

    /// When its turn ends if somebody waits.
    #[must_use]
    pub const fn turn_ends(&self) -> Instant {
        self.turn_ends
    }

    /// What has been charged to its share and not yet copied to its entity.
    pub const fn uncollected(&self) -> Charge {
        self.uncollected
    }

    /// When its CPU has to look again, and why; without that it runs alone.
    #[must_use]
    pub const fn horizon(&self) -> Option<Horizon> {
        if self.is_bounded {
            Some(Horizon::turn_end(self.turn_ends))
        } else {
            None
        }
    }
}
