//! A schedulable thread as one owned value. Rule B2: it sits in exactly one place, because a `Box` does.
//!
//! Creating the box is the only allocation in a thread's scheduling life. It carries its own tree links, so moving
//! it between a queue, a CPU and a parking place moves a pointer. The payload `P` is whatever the host needs to run
//! the thread: the kernel keeps the register context there, tests keep nothing.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::mem::swap;

use crate::accounting::Account;
use crate::context::Budget;
use crate::cpu::exchange::change_of_context;
use crate::fair::Share;
use crate::ids::{CpuId, ThreadId, scatter};
use crate::mask::CpuMask;
use crate::outline::Outline;
use crate::principal::{Membership, Principal};
use crate::rank::{Rank, Standing};
use crate::time::{Instant, Nanos, VirtualTime};
use crate::treap::{Links, Node, Order};
use crate::weight::{EffectiveWeight, LatencyClass, Weight};

/// Where a thread may run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Affinity {
    /// On every CPU.
    #[default]
    Any,
    /// On one CPU only.
    One(CpuId),
    /// On the CPUs of a set.
    Mask(CpuMask),
}

impl Affinity {
    /// Whether `cpu` is allowed.
    #[must_use]
    #[inline]
    pub fn allows(&self, cpu: CpuId) -> bool {
        // As most often, and asked at every handoff: one comparison.
        matches!(self, Affinity::Any) || self.names(cpu)
    }

    fn names(&self, cpu: CpuId) -> bool {
        match self {
            Affinity::Any => true,
            Affinity::One(only) => *only == cpu,
            Affinity::Mask(mask) => mask.contains(cpu),
        }
    }
}

/// The CPU on whose clock a virtual runtime is measured, and what that clock showed when the entity left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) cpu: CpuId,
    pub(crate) clock: VirtualTime,
}

/// A schedulable thread.
#[derive(Debug)]
pub struct Entity<P> {
    id: ThreadId,
    priority: u64,
    links: Links<Entity<P>>,
    /// The smallest virtual runtime in the subtree below and including this entity.
    slowest: VirtualTime,
    /// Where this entity may run, and where those of the subtree below and including it may.
    outline: Outline,
    outline_below: Outline,
    pub(crate) share: Share,
    /// What its budget, if it has one, entitled it to when it came to its place.
    pub(crate) standing: Standing,
    /// The time that it may use, except while it runs: then its CPU has this.
    pub(crate) budget: Option<Box<Budget>>,
    /// Whom it belongs to, except while it runs: then its CPU has this.
    pub(crate) membership: Option<Membership>,
    pub(crate) home: Option<Home>,
    pub(crate) ready_since: Instant,
    pub(crate) account: Account,
    affinity: Affinity,
    /// What the host needs to run the thread.
    pub payload: P,
}

impl<P> Entity<P> {
    /// A new thread that may run anywhere. This is the one allocation of its scheduling life.
    ///
    /// `id` must never have been used before: queues break ties by it.
    #[must_use]
    pub fn new(id: ThreadId, weight: Weight, class: LatencyClass, payload: P) -> Box<Entity<P>> {
        Box::new(Entity {
            id,
            priority: scatter(id.0),
            links: Links::none(),
            slowest: VirtualTime::ZERO,
            outline: Outline::EVERYWHERE,
            outline_below: Outline::EVERYWHERE,
            share: Share::new(weight, class),
            standing: Standing::Fair,
            budget: None,
            membership: None,
            home: None,
            ready_since: Instant::BOOT,
            account: Account::default(),
            affinity: Affinity::Any,
            payload,
        })
    }

    /// Makes the thread one of those that share the weight of `principal` (D7). To be called before it is first queued,
    /// or while it is parked.
    pub fn join(&mut self, principal: Arc<Principal>) {
        self.membership = Some(Membership::of(principal));
    }

    /// Whose weight the thread shares. `None` also while it runs: then its CPU knows.
    #[must_use]
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.membership.as_ref().map(Membership::principal)
    }

    /// The time that it may use. `None` also while it runs: then its CPU knows ([`crate::cpu::Cpu::running_in`]).
    #[must_use]
    pub fn budget(&self) -> Option<&Budget> {
        self.budget.as_deref()
    }

    /// Changes the budget of a thread that is in no queue and does not run: takes it, leaves another in its place, or changes what
    /// is in it. For others see [`crate::cpu::Cpu::change_queued_budget`] and [`crate::cpu::Cpu::change_running_budget`].
    pub fn change_parked_budget(&mut self, change: impl FnOnce(&mut Option<Box<Budget>>)) {
        // What it is entitled to turns out when it wants to run.
        if self.change_budget(change) {
            self.standing = Standing::Fair;
        }
    }

    /// Changes the budget, and with it the CPUs to run on. Whether it is another one now.
    pub(crate) fn change_budget(&mut self, change: impl FnOnce(&mut Option<Box<Budget>>)) -> bool {
        let is_other = change_of_context(&mut self.budget, change);
        if is_other {
            self.look_where();
        }
        is_other
    }

    /// Where it may run has changed.
    pub(crate) fn look_where(&mut self) {
        self.outline = match &self.budget {
            Some(budget) if budget.cpus().is_some() => budget.outline(),
            _ => Outline::of(&self.affinity),
        };
    }

    /// The thread's id.
    #[must_use]
    pub const fn id(&self) -> ThreadId {
        self.id
    }

    /// Its fair share. While the thread runs, the copy in [`crate::cpu::Running`] is ahead of this one.
    #[must_use]
    pub const fn share(&self) -> &Share {
        &self.share
    }

    /// Where it waits, or would wait. It follows from its standing and its share.
    #[must_use]
    #[inline(always)]
    pub const fn rank(&self) -> Rank {
        self.rank_as::<false>()
    }

    #[inline(always)]
    pub(crate) const fn rank_as<const PLAIN: bool>(&self) -> Rank {
        self.standing_as::<PLAIN>().rank(self.share.vfinish(), self.id)
    }

    /// Its place among those that are served by weight.
    pub(crate) const fn fair_key(&self) -> (VirtualTime, ThreadId) {
        (self.share.vfinish(), self.id)
    }

    /// Its weight.
    #[must_use]
    pub const fn weight(&self) -> Weight {
        self.share.weight()
    }

    /// Its latency class.
    #[must_use]
    pub const fn class(&self) -> LatencyClass {
        self.share.class()
    }

    /// Whether it has no budget and belongs to nobody: then it stands by its weight alone. For one that does not run.
    #[inline(always)]
    pub(crate) const fn is_plain(&self) -> bool {
        self.budget.is_none() & self.membership.is_none()
    }

    /// What it is entitled to, which is known of one that is plain, and of whoever waits among none but those that are served by weight.
    #[inline(always)]
    pub(crate) const fn standing_as<const PLAIN: bool>(&self) -> Standing {
        if !PLAIN {
            return self.standing;
        }
        debug_assert!(matches!(self.standing, Standing::Fair));
        Standing::Fair
    }

    /// What it has used.
    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// The CPU it ran on last, if it ever ran.
    #[must_use]
    pub const fn last_cpu(&self) -> Option<CpuId> {
        self.account.last_cpu
    }

    /// Where it may run: where its budget may be used, if that names CPUs (E7), else where it may by itself. While it runs its
    /// CPU has the budget, and this is the latter.
    #[must_use]
    #[inline]
    pub fn affinity(&self) -> &Affinity {
        match &self.budget {
            None => &self.affinity,
            Some(budget) => budget.cpus().unwrap_or(&self.affinity),
        }
    }

    /// Where it may run by itself.
    #[must_use]
    pub const fn own_affinity(&self) -> &Affinity {
        &self.affinity
    }

    /// Changes where it may run by itself, from its next placement on. For a thread that is in no queue and does not run; for others see
    /// [`crate::cpu::Cpu::restrict_queued`] and [`crate::cpu::Cpu::restrict_running`].
    pub fn set_affinity(&mut self, mut affinity: Affinity) {
        self.swap_affinity(&mut affinity);
    }

    /// The same, and the one that it had comes back, so that nothing is freed here.
    pub fn swap_affinity(&mut self, affinity: &mut Affinity) {
        swap(&mut self.affinity, affinity);
        self.look_where();
    }

    /// Sets the length of a normal turn for this thread alone (D5); takes effect with its next turn.
    pub fn set_request(&mut self, request: Nanos) {
        self.share.set_request(request);
    }

    /// Changes weight and class while the thread is in no queue and not running, that is, in its parking place.
    /// For queued and running threads see [`crate::cpu::Cpu::reweigh_queued`] and
    /// [`crate::cpu::Cpu::reweigh_running`].
    pub fn reweigh_parked(&mut self, weight: Weight, class: LatencyClass) {
        let clock = self.home.map_or(self.share.vruntime(), |home| home.clock);
        let effective = effective(self.membership.as_mut(), weight);
        self.share.reweigh_as(weight, class, effective, clock);
    }

    /// Tells a sleeping thread how far its old CPU's clock has come, before it wakes on another CPU. Without this
    /// the time it slept earns it nothing there; its lag is kept either way (D3, D4).
    ///
    /// `read` is asked for the clock of the CPU on whose clock the thread is measured, which need not be the one
    /// that it ran on last.
    pub fn observe_home_clock(&mut self, read: impl FnOnce(CpuId) -> VirtualTime) {
        if let Some(home) = &mut self.home {
            home.clock = home.clock.max(read(home.cpu));
        }
    }

    /// The thread, which belongs to somebody, arrives at a CPU whose clock shows `clock`: it is runnable now, and its part is
    /// brought up to date.
    #[inline(never)]
    pub(crate) fn count(&mut self, cpu: CpuId, clock: VirtualTime) {
        if let Some(membership) = &mut self.membership {
            membership.count(self.share.weight());
        }
        // What the thread brings along is its distance to the clock that it is measured on.
        let measured_on = match self.home {
            Some(home) if home.cpu != cpu => home.clock,
            Some(_) => clock,
            None => self.share.vruntime(),
        };
        self.resize(measured_on);
    }

    /// The thread is not runnable any more.
    pub(crate) fn discount(&mut self) {
        if let Some(membership) = &mut self.membership {
            membership.discount();
        }
    }

    /// The thread ends and gets its membership back from the CPU that it ran on; whether it stays runnable.
    #[inline(never)]
    pub(crate) fn take_back(&mut self, membership: &mut Option<Membership>, stays: bool) {
        swap(&mut self.membership, membership);
        if !stays {
            self.discount();
        }
    }

    /// Brings the part of a thread that belongs to somebody up to date. Its share is measured on a clock that shows `clock`.
    #[inline(never)]
    pub(crate) fn resize(&mut self, clock: VirtualTime) {
        if let Some(membership) = &mut self.membership
            && let Some(effective) = membership.changed(self.share.weight())
        {
            self.share.resize(effective, clock);
        }
    }

    /// The smallest virtual runtime in this subtree.
    pub(crate) const fn slowest(&self) -> VirtualTime {
        self.slowest
    }

    /// Where this entity may run, roughly.
    pub(crate) const fn outline(&self) -> Outline {
        self.outline
    }

    /// Where the entities of this subtree may run, roughly.
    pub(crate) const fn outline_below(&self) -> Outline {
        self.outline_below
    }
}

/// What `weight` comes to for a thread that belongs to nobody or somebody.
pub(crate) fn effective(membership: Option<&mut Membership>, weight: Weight) -> EffectiveWeight {
    match membership {
        Some(membership) => {
            membership.reweigh(weight);
            membership.part(weight)
        }
        None => EffectiveWeight::of(weight),
    }
}

/// The order of those that are served by weight: by virtual finish times, then ids.
#[derive(Debug)]
pub(crate) enum ByFinish {}

impl<P> Order<Entity<P>> for ByFinish {
    type Key = (VirtualTime, ThreadId);

    fn key(node: &Entity<P>) -> (VirtualTime, ThreadId) {
        node.fair_key()
    }
}

/// The order of those with a deadline, and of those that may not run before an instant: by that, then by ids.
#[derive(Debug)]
pub(crate) enum ByInstant {}

impl<P> Order<Entity<P>> for ByInstant {
    type Key = (Instant, ThreadId);

    fn key(node: &Entity<P>) -> (Instant, ThreadId) {
        (node.standing.instant(), node.id)
    }
}

impl<P> Node for Entity<P> {
    fn priority(&self) -> u64 {
        self.priority
    }

    fn links(&self) -> &Links<Self> {
        &self.links
    }

    fn links_mut(&mut self) -> &mut Links<Self> {
        &mut self.links
    }

    fn refresh(&mut self) {
        let below = |child: Option<&Self>| child.map_or(VirtualTime::MAX, Entity::slowest);
        self.slowest = self
            .share
            .vruntime()
            .min(below(self.links.left()))
            .min(below(self.links.right()));
        let outline = |child: Option<&Self>| child.map_or(Outline::NOWHERE, Entity::outline_below);
        self.outline_below = self
            .outline
            .or(outline(self.links.left()))
            .or(outline(self.links.right()));
    }
}
