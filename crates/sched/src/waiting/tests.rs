//! The three bands against the simplest model that could be right: a sorted list of ranks.

use super::*;
use crate::rank::Standing;
use crate::weight::{LatencyClass, Weight};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::vec::Vec;

/// What is done to the waiting threads.
#[derive(Clone, Debug)]
enum Step {
    /// A thread comes: its standing, its virtual runtime and its weight.
    Insert(Standing, u64, u16),
    /// One of those that wait is taken out.
    Remove(prop::sample::Index),
    /// Whoever is next is taken out, with the clock so far ahead of the slowest.
    TakeFirst(u64),
}

fn standing() -> impl Strategy<Value = Standing> {
    let instant = prop_oneof![Just(0), 0..50_u64, Just(u64::MAX)].prop_map(Instant);
    prop_oneof![
        2 => Just(Standing::Fair),
        1 => instant.clone().prop_map(Standing::Reserved),
        1 => instant.prop_map(Standing::Spent),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (standing(), 0..1_000_u64, 1..=1024_u16).prop_map(|(standing, ran, weight)| Step::Insert(standing, ran, weight)),
        2 => any::<prop::sample::Index>().prop_map(Step::Remove),
        2 => (0..500_u64).prop_map(Step::TakeFirst),
    ]
}

fn thread(id: u64, standing: Standing, ran: u64, weight: u16) -> Box<Entity<()>> {
    let weight = Weight::new(weight).unwrap();
    let mut entity = Entity::new(ThreadId(id), weight, LatencyClass::Normal, ());
    entity.share.start_at(VirtualTime(ran));
    entity.share.renew();
    entity.standing = standing;
    entity
}

/// The rank of each thread that waits, and what decides whether it is eligible.
type Model = BTreeMap<Rank, VirtualTime>;

/// Whom the rules would serve.
fn served(model: &Model, policy: Policy, clock: VirtualTime) -> Option<Rank> {
    let may = |(rank, ran): &(&Rank, &VirtualTime)| match rank {
        Rank::Deadline(..) => true,
        Rank::Fair(..) => policy == Policy::WeightedFair || **ran <= clock,
        Rank::Throttled(..) => false,
    };
    let candidates: Vec<Rank> = model.iter().filter(may).map(|(rank, _)| *rank).collect();
    let best = candidates.iter().find(|best| {
        let mut others = candidates.iter().filter(|other| other != best);
        others.all(|other| best.precedes(*other))
    });
    assert_eq!(
        best.is_some(),
        !candidates.is_empty(),
        "there is always exactly one first"
    );
    best.copied()
}

/// Compares everything that can be seen.
fn compare(waiting: &Waiting<()>, model: &Model) {
    assert!(waiting.iter().map(Entity::rank).eq(model.keys().copied()));
    let ready = model
        .keys()
        .filter(|rank| !matches!(rank, Rank::Throttled(..)))
        .count();
    assert_eq!((waiting.len(), waiting.ready()), (model.len(), ready));
    assert_eq!(
        (waiting.is_empty(), waiting.none_is_ready()),
        (model.is_empty(), ready == 0)
    );
    for rank in model.keys() {
        assert_eq!(waiting.get(*rank).map(Entity::id), Some(rank.id()));
    }
    let fair = model.iter().filter(|(rank, _)| matches!(rank, Rank::Fair(..)));
    assert_eq!(waiting.fair().slowest(), fair.map(|(_, ran)| *ran).min());
}

proptest! {
    #[test]
    fn b2_a_thread_in_any_band_is_found_and_taken_out_once(
        steps in prop::collection::vec(step(), 1..120),
        policy in prop_oneof![Just(Policy::WeightedFair), Just(Policy::Eevdf)],
    ) {
        let mut waiting = Waiting::<()>::new();
        let mut model = Model::new();
        for (id, step) in (1..).zip(steps) {
            match step {
                Step::Insert(standing, ran, weight) => {
                    let thread = thread(id, standing, ran, weight);
                    let expected = (thread.rank(), thread.share().vruntime());
                    let rank = waiting.insert(thread);
                    prop_assert_eq!(rank, expected.0);
                    model.insert(expected.0, expected.1);
                }
                Step::Remove(index) if !model.is_empty() => {
                    let rank = *index.get(&model.keys().copied().collect::<Vec<_>>());
                    model.remove(&rank);
                    prop_assert_eq!(waiting.remove(rank).map(|thread| thread.id()), Some(rank.id()));
                    prop_assert!(waiting.remove(rank).is_none(), "taken out twice");
                }
                Step::Remove(_) => {}
                Step::TakeFirst(ahead) => {
                    let clock = waiting.fair().slowest().unwrap_or(VirtualTime::ZERO).after(ahead);
                    let rank = served(&model, policy, clock);
                    prop_assert_eq!(waiting.first(policy, clock).map(Entity::rank), rank);
                    let taken = waiting.take_first(policy, clock);
                    prop_assert_eq!(taken.map(|thread| thread.rank()), rank);
                    rank.map(|rank| model.remove(&rank));
                }
            }
            compare(&waiting, &model);
        }
    }
}

#[test]
fn e3_a_thread_that_is_throttled_is_found_but_never_first() {
    for policy in [Policy::WeightedFair, Policy::Eevdf] {
        let mut waiting = Waiting::new();
        let rank = waiting.insert(thread(1, Standing::Spent(Instant::BOOT), 0, 1024));
        assert!(waiting.none_is_ready() && !waiting.is_empty());
        assert!(waiting.first(policy, VirtualTime::MAX).is_none());
        assert!(waiting.take_first(policy, VirtualTime::MAX).is_none());
        assert_eq!(waiting.remove(rank).unwrap().id(), ThreadId(1));
    }
}

#[test]
fn b2_the_same_time_in_another_band_is_another_place() {
    let id = ThreadId(1);
    let mut waiting = Waiting::new();
    let rank = waiting.insert(thread(1, Standing::Spent(Instant(7)), 7, 64));
    for wrong in [Rank::Deadline(Instant(7), id), Rank::Fair(VirtualTime(7), id)] {
        assert!(waiting.remove(wrong).is_none());
    }
    assert!(waiting.remove(rank).is_some());
}
