//! Refills against models that have no bound and no cleverness.

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

const PERIOD: u64 = 1_000;

/// A limit's service in stretches, as its thread had it.
#[derive(Default)]
struct Served(Vec<(u64, u64)>);

impl Served {
    /// The service in a window.
    fn within(&self, from: u64, to: u64) -> u64 {
        let part = |(begin, end): &(u64, u64)| (*end).min(to).saturating_sub((*begin).max(from));
        self.0.iter().map(part).sum()
    }

    /// The most service in any window of this length: one that begins with a stretch or ends with one has it.
    fn most_within(&self, length: u64) -> u64 {
        let beginning = self.0.iter().map(|(begin, _)| *begin);
        let ending = self.0.iter().map(|(_, end)| end.saturating_sub(length));
        let windows = beginning.chain(ending);
        windows
            .map(|from| self.within(from, from + length))
            .max()
            .unwrap_or(0)
    }
}

/// Every nanosecond of a reservation by itself: when it is there.
struct EachAlone(Vec<u64>);

impl EachAlone {
    fn spend(&mut self, amount: u64) {
        for _ in 0..amount {
            self.0.sort_unstable();
            self.0[0] += PERIOD;
        }
    }

    fn release(&mut self, now: u64) {
        self.0.iter_mut().filter(|at| **at < now).for_each(|at| *at = now);
    }

    fn available(&self, now: u64) -> u64 {
        self.0.iter().filter(|at| **at <= now).count() as u64
    }
}

proptest! {
    // A thread under a limit runs whenever it wants to and may, in pieces that are charged late or at once.
    #[test]
    fn e8_no_window_as_long_as_the_period_has_more_service_than_the_budget(
        budget in 1..PERIOD,
        steps in proptest::collection::vec((0..400_u64, 1..300_u64), 1..200),
    ) {
        let mut refills = Refills::new(Nanos(budget), Nanos(PERIOD), Instant(0));
        let mut served = Served::default();
        let (mut now, mut since, mut served_to) = (0, 0, u64::MAX);
        for (pause, wish) in steps {
            now += pause;
            let may = refills.lasts_until(Instant(now)).0 - now;
            let ran = wish.min(may);
            if ran == 0 {
                continue;
            }
            if now != served_to {
                since = now;
            }
            refills.spend(Nanos(ran), Instant(since), Instant(now + ran));
            served.0.push((now, now + ran));
            now += ran;
            served_to = now;
        }
        prop_assert!(served.most_within(PERIOD) <= budget);
    }

    // A CPU that was told when the budget ends looks then, and not before.
    #[test]
    fn e2_the_end_of_a_budget_in_use_stays_where_it_was_told(
        budget in 200..PERIOD / 2,
        steps in proptest::collection::vec((0..60_u64, 1..40_u64, 1..20_u64), 1..200),
    ) {
        let mut refills = Refills::new(Nanos(budget), Nanos(PERIOD), Instant(0));
        let (mut now, mut since, mut served_to) = (0, 0, u64::MAX);
        for (pause, wish, piece) in steps {
            now += pause;
            if now != served_to {
                since = now;
            }
            let told = refills.lasts_until(Instant(now));
            let end = told.0.min(now + wish);
            while now < end {
                let ran = piece.min(end - now);
                now += ran;
                refills.spend(Nanos(ran), Instant(since), Instant(now));
                prop_assert_eq!(refills.lasts_until(Instant(now)), told);
            }
            served_to = now;
        }
    }

    #[test]
    fn e3_a_hog_has_its_whole_budget_in_every_period(budget in 1..PERIOD, pieces in 1..50_u64) {
        let mut refills = Refills::new(Nanos(budget), Nanos(PERIOD), Instant(0));
        for period in 0..50 {
            let begin = period * PERIOD;
            prop_assert_eq!(refills.first(), Instant(begin));
            let mut now = begin;
            while refills.first() <= Instant(now) {
                let piece = pieces.min(refills.available(Instant(now)).0);
                refills.spend(Nanos(piece), Instant(begin), Instant(now + piece));
                now += piece;
            }
            prop_assert_eq!(now - begin, budget);
        }
    }

    // The short list is never better than one with a place for each nanosecond, and as good while it is not full.
    #[test]
    fn e8_a_reservation_is_never_ahead_of_a_task_for_each_of_its_nanoseconds(
        budget in 1..200_u64,
        steps in proptest::collection::vec((0..500_u64, 0..260_u64, any::<bool>()), 1..60),
    ) {
        let mut refills = Refills::new(Nanos(budget), Nanos(PERIOD), Instant(0));
        let mut model = EachAlone(std::vec![0; budget as usize]);
        let (mut now, mut most) = (0, 1);
        for (pause, spent, wakes) in steps {
            now += pause;
            if wakes {
                refills.release(Instant(now));
                model.release(now);
            }
            refills.spend(Nanos(spent), Instant::BOOT, Instant::BOOT);
            model.spend(spent);
            most = most.max(refills.entries().len());
            for later in (0..3 * PERIOD).step_by(50) {
                let (has, ideal) = (refills.available(Instant(now + later)).0, model.available(now + later));
                prop_assert!(has <= ideal, "{} of {} at {}", has, ideal, now + later);
                prop_assert!(most >= MOST_REFILLS || has == ideal);
            }
        }
    }

    #[test]
    fn e13_nothing_is_made_or_lost_by_any_sequence_of_operations(
        steps in proptest::collection::vec((0..6_u8, 0..5_000_u64, 0..3_000_u64), 1..300),
    ) {
        let mut refills = Refills::new(Nanos(700), Nanos(PERIOD), Instant(0));
        let (mut now, mut budget) = (0, 700);
        for (what, amount, pause) in steps {
            now += pause;
            match what {
                0 | 1 => refills.spend(Nanos(amount), Instant(now), Instant(now)),
                2 => refills.release(Instant(now)),
                3 => refills.wait_for(Nanos(amount % 900)),
                4 => {
                    let amount = amount % budget;
                    refills.take(Nanos(amount));
                    budget -= amount;
                }
                _ => {
                    refills.give(Nanos(amount), Instant(now), Instant::BOOT);
                    budget += amount;
                }
            }
            prop_assert!(refills.is_sound(), "{:?}", refills);
            prop_assert_eq!(refills.budget(), Nanos(budget));
            prop_assert_eq!(refills.available(Instant::NEVER), Nanos(budget));
        }
    }
}

/// What [`Refills::cheapest`] finds, as it is said: least late nanoseconds, those last that leave a gap in what is in use.
fn cheapest_as_said(refills: &Refills, now: Instant) -> usize {
    let mut until = now;
    let mut all = Vec::new();
    for (index, pair) in refills.entries().windows(2).enumerate() {
        let is_in_use = pair[0].at <= until;
        let leaves_a_gap = is_in_use && pair[1].at > until;
        until = if is_in_use {
            until + pair[0].amount
        } else {
            Instant::BOOT
        };
        let late = u128::from(pair[1].at.since(pair[0].at).0) * u128::from(pair[0].amount.0);
        all.push((leaves_a_gap, late / 2, index));
    }
    all.iter().skip(1).min().map_or(1, |(.., index)| *index)
}

proptest! {
    #[test]
    fn e3_the_two_that_become_one_are_those_that_lose_least(
        parts in proptest::collection::vec((1..5_000_000_u64, 1..10_000_000_u64), 2..=MOST_REFILLS),
        now in 0..100_000_000_u64,
    ) {
        let mut refills = Refills::new(Nanos(1), Nanos(1), Instant(0));
        let mut at = Instant(1);
        for (place, (distance, amount)) in parts.iter().enumerate() {
            at = at + Nanos(*distance);
            refills.entries[place] = Refill { at, amount: Nanos(*amount) };
        }
        refills.len = parts.len();
        prop_assert_eq!(refills.cheapest(Instant(now)), cheapest_as_said(&refills, Instant(now)));
    }
}

/// [`Refills::spend`] with a search each time that the list is full.
fn spend_as_said(refills: &mut Refills, amount: Nanos, since: Instant, to: Instant) {
    let mut left = amount;
    while left > Nanos::ZERO {
        let first = refills.entries[0];
        let part = first.amount.min(left);
        left = left.saturating_sub(part);
        refills.entries[0].amount = first.amount.saturating_sub(part);
        if part == first.amount {
            refills.remove(0);
        }
        let at = first.at.max(since) + refills.period;
        let place = refills.entries().partition_point(|refill| refill.at <= at);
        if place > 0 && refills.entries[place - 1].at == at {
            refills.entries[place - 1].amount += part;
            continue;
        }
        refills.entries.copy_within(place..refills.len, place + 1);
        refills.entries[place] = Refill { at, amount: part };
        refills.len += 1;
        if refills.len > MOST_REFILLS {
            refills.join(cheapest_as_said(refills, to));
        }
    }
    // What it would know without a search is not looked at here.
    refills.dearer = 0;
}

proptest! {
    // Whoever is served for moments has a full list. That the last two become one is found without a search, and is what a search finds.
    #[test]
    fn e3_a_full_list_is_the_same_whether_it_was_searched_or_not(
        budget in 500..2_000_u64,
        steps in proptest::collection::vec((1..40_u64, 1..6_u64, any::<bool>()), 1..200),
    ) {
        let mut refills = Refills::new(Nanos(budget), Nanos(10 * PERIOD), Instant(0));
        let mut searched = refills.clone();
        let mut now = 0;
        for (pause, ran, wakes) in steps {
            now += pause;
            if wakes {
                refills.release(Instant(now));
                searched.release(Instant(now));
            }
            let (since, to) = (Instant(now), Instant(now + ran));
            refills.spend(Nanos(ran), since, to);
            spend_as_said(&mut searched, Nanos(ran), since, to);
            now += ran;
            prop_assert_eq!(refills.entries(), searched.entries());
        }
    }
}

#[test]
fn e8_service_in_one_piece_comes_back_in_one_piece_however_often_it_is_charged() {
    let mut refills = Refills::new(Nanos(100), Nanos(PERIOD), Instant(0));
    for _ in 0..50 {
        refills.spend(Nanos(2), Instant(7), Instant(7));
    }
    let all = Refill {
        at: Instant(7 + PERIOD),
        amount: Nanos(100),
    };
    assert_eq!(refills.entries(), [all]);
}

#[test]
fn e2_who_uses_more_than_there_is_uses_what_comes_next_and_has_it_a_period_later() {
    let mut refills = Refills::new(Nanos(100), Nanos(PERIOD), Instant(0));
    refills.spend(Nanos(130), Instant(0), Instant(0));
    let at = |at, amount| Refill {
        at: Instant(at),
        amount: Nanos(amount),
    };
    assert_eq!(refills.entries(), [at(1_000, 70), at(2_000, 30)]);
    assert_eq!(refills.available(Instant(999)), Nanos::ZERO);
    assert_eq!(refills.available(Instant(1_000)), Nanos(70));
}

#[test]
fn e2_a_debt_of_any_length_is_counted_in_few_steps() {
    let mut refills = Refills::new(Nanos(100), Nanos(PERIOD), Instant(0));
    refills.spend(Nanos(1_000_000_000_030), Instant(0), Instant(0));
    let (first, last) = (refills.entries()[0], refills.entries()[1]);
    assert_eq!((first.amount, last.amount), (Nanos(70), Nanos(30)));
    assert_eq!(first.at, Instant(10_000_000_000 * PERIOD));
    assert_eq!(last.at, Instant(10_000_000_001 * PERIOD));
    refills.spend(Nanos::MAX, Instant(0), Instant(0));
    assert!(refills.is_sound());
}

#[test]
fn e3_a_full_list_gives_up_the_least() {
    let mut refills = Refills::new(Nanos(1_000), Nanos(PERIOD), Instant(0));
    // Sixteen uses of 50 apart from each other, but for two that nearly touch.
    for turn in 0..MOST_REFILLS as u64 {
        let begin = turn * 55 - u64::from(turn == 9) * 4;
        refills.spend(Nanos(50), Instant(begin), Instant(begin));
    }
    assert_eq!(refills.entries().len(), MOST_REFILLS);
    let joined = refills
        .entries()
        .iter()
        .find(|refill| refill.amount == Nanos(100));
    assert_eq!(
        joined.map(|refill| refill.at),
        Some(Instant(PERIOD + 9 * 55 - 4)),
        "of all neighbours, these two were nearest to each other"
    );
}

// A thread that naps a lot fills the list. When what it was using was joined with what came next, it was there no longer, and nobody had
// been told: the thread went on until something else interrupted it.
#[test]
fn e3_what_is_in_use_stays_there_when_the_list_is_full() {
    let mut refills = Refills::new(Nanos(160), Nanos(PERIOD), Instant(0));
    for nap in 0..15 {
        refills.release(Instant(nap * 7));
        refills.spend(Nanos(10), Instant::BOOT, Instant::BOOT);
    }
    refills.release(Instant(999));
    assert_eq!(refills.entries().len(), MOST_REFILLS);
    refills.spend(Nanos(5), Instant::BOOT, Instant::BOOT);
    assert_eq!(refills.available(Instant(999)), Nanos(5));
}

#[test]
fn e14_a_crumb_waits_until_there_is_enough_to_be_served() {
    let mut refills = Refills::new(Nanos(100), Nanos(PERIOD), Instant(0));
    refills.spend(Nanos(3), Instant(0), Instant(0));
    refills.spend(Nanos(97), Instant(500), Instant(500));
    refills.wait_for(Nanos(10));
    assert_eq!(refills.first(), Instant(500 + PERIOD));
    assert_eq!(refills.available(Instant(500 + PERIOD)), Nanos(100));
}

#[test]
fn e8_a_list_that_is_full_gives_back_later_than_one_without_an_end_and_never_earlier() {
    let uses = MOST_REFILLS as u64 + 3;
    let mut refills = Refills::new(Nanos(2 * uses), Nanos(PERIOD), Instant(0));
    for number in 0..uses {
        refills.spend(Nanos(2), Instant(10 * number), Instant(10 * number));
    }
    assert_eq!(refills.entries().len(), MOST_REFILLS);
    for now in 0..2 * PERIOD {
        let back = (0..uses).filter(|number| 10 * number + PERIOD <= now).count() as u64;
        assert!(
            refills.available(Instant(now)) <= Nanos(2 * back),
            "too early at {now}"
        );
    }
    assert_eq!(refills.available(Instant(PERIOD + 10 * uses)), Nanos(2 * uses));
}
