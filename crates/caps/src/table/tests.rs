use alloc::vec::Vec;

use super::*;

/// A table whose slots serve three tenants each before they are retired.
type Narrow = Table<&'static str, 2>;

#[test]
fn p6_an_id_names_its_capability_until_it_is_removed() {
    let mut table: Table<&str> = Table::new(4);
    let id = table.insert("console").unwrap();
    assert_eq!(table.get(id), Some(&"console"));
    assert_eq!(table.remove(id), Some("console"));
    assert_eq!(table.get(id), None);
    assert_eq!(table.remove(id), None);
}

#[test]
fn p6_zero_is_never_a_valid_id() {
    let mut table: Table<&str> = Table::new(SLOTS);
    for _ in 0..SLOTS {
        assert_ne!(table.insert("x").unwrap().raw(), 0);
    }
    assert_eq!(table.get(CapId::NONE), None);
}

#[test]
fn p6_a_stale_id_never_names_the_slots_next_tenant() {
    let mut table = Narrow::new(1);
    let first = table.insert("first").unwrap();
    table.remove(first);
    let second = table.insert("second").unwrap();
    assert_eq!(first.slot(), second.slot());
    assert_eq!((table.get(first), table.get(second)), (None, Some(&"second")));
}

#[test]
fn p6_a_guessed_id_of_a_free_slot_names_nothing() {
    let mut table = Narrow::new(1);
    let first = table.insert("first").unwrap();
    table.remove(first);
    let guess = CapId::from_raw(first.raw() + (1 << 8));
    assert_eq!(table.get(guess), None);
    assert_eq!(table.remove(guess), None);
    assert_eq!(table.insert("second"), Ok(guess));
}

#[test]
fn p6_a_slot_is_retired_before_its_generation_wraps() {
    let mut table = Narrow::new(1);
    let mut seen = Vec::new();
    while let Ok(id) = table.insert("tenant") {
        assert!(!seen.contains(&id), "{id:?} came back");
        seen.push(id);
        table.remove(id);
    }
    // Two bits count 1, 2, 3; then the next slot takes over, until all are worn out.
    assert_eq!(seen.len(), 3 * SLOTS);
    assert!(
        seen.iter()
            .all(|id| table.get(*id).is_none() && table.remove(*id).is_none())
    );
    assert_eq!((table.room(), table.len()), (0, 0));
}

#[test]
fn p6_the_limit_bounds_what_is_live_at_once() {
    let mut table: Table<u32> = Table::new(3);
    let ids: Vec<_> = (0..3).map(|n| table.insert(n).unwrap()).collect();
    assert_eq!(table.insert(9), Err(Full));
    assert_eq!(table.remove(ids[1]), Some(1));
    assert!(table.insert(9).is_ok());
    assert_eq!((table.len(), table.limit(), table.room()), (3, 3, 0));
}

#[test]
fn p6_a_limit_beyond_the_id_space_means_the_id_space() {
    let mut table: Table<u32> = Table::new(usize::MAX);
    assert_eq!(table.limit(), SLOTS);
    let live = (0..1000).filter(|n| table.insert(*n).is_ok()).count();
    assert_eq!(live, SLOTS);
}

#[test]
fn p6_an_empty_table_owns_no_memory_and_reserved_insertions_get_none() {
    let mut table: Table<u64> = Table::new(64);
    assert_eq!(table.slots.capacity(), 0);
    table.reserve(1000);
    let reserved = table.slots.capacity();
    assert!((64..SLOTS).contains(&reserved));
    for n in 0..64 {
        table.insert(n).unwrap();
    }
    assert_eq!(table.slots.capacity(), reserved);
}

#[test]
fn p6_listing_shows_what_is_live_in_slot_order() {
    let mut table: Table<char> = Table::new(8);
    let ids: Vec<_> = "abc".chars().map(|c| table.insert(c).unwrap()).collect();
    table.remove(ids[1]);
    assert_eq!(table.iter().collect::<Vec<_>>(), [(ids[0], &'a'), (ids[2], &'c')]);
    assert_eq!(
        (table.pop(), table.pop(), table.pop()),
        (Some((ids[0], 'a')), Some((ids[2], 'c')), None)
    );
}

#[test]
fn p6_a_table_is_empty_until_something_is_in_it_and_again_afterwards() {
    let mut table = Narrow::new(2);
    assert!(table.is_empty());
    let id = table.insert("only").unwrap();
    assert!(!table.is_empty());
    table.remove(id);
    assert!(table.is_empty());
}
