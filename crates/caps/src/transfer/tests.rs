use alloc::vec;
use alloc::vec::Vec;

use super::*;

type Few = Table<&'static str, 2>;

fn table_with(names: &[&'static str]) -> (Few, Vec<CapId>) {
    let mut table = Few::new(8);
    let ids = names.iter().map(|name| table.insert(*name).unwrap()).collect();
    (table, ids)
}

fn copy(id: CapId) -> Descriptor {
    Descriptor { id, mode: Mode::Copy }
}

fn moved(id: CapId) -> Descriptor {
    Descriptor { id, mode: Mode::Move }
}

fn anything(_: &&'static str) -> bool {
    true
}

/// A delivery that its receiver is told of; the new ids.
fn arrive<C: Clone, const BITS: u32>(receiver: &mut Table<C, BITS>, parcel: &Parcel<C>) -> Vec<CapId> {
    let received = receiver.receive(parcel).unwrap();
    let ids = received.to_vec();
    receiver.accept(received);
    ids
}

fn names(table: &Few) -> Vec<&'static str> {
    table.iter().map(|(_, name)| *name).collect()
}

#[test]
fn p6_a_copy_stays_and_a_move_leaves_when_the_transfer_commits() {
    let (mut sender, ids) = table_with(&["pipe", "timer"]);
    let mut receiver = Few::new(8);
    let parcel = sender.stage(&[copy(ids[0]), moved(ids[1])], anything).unwrap();
    let ids_there = arrive(&mut receiver, &parcel);
    drop(sender.commit(parcel));
    assert_eq!(
        (names(&sender), names(&receiver)),
        (vec!["pipe"], vec!["pipe", "timer"])
    );
    assert_eq!(
        ids_there
            .iter()
            .map(|id| *receiver.get(*id).unwrap())
            .collect::<Vec<_>>(),
        ["pipe", "timer"]
    );
    assert_eq!(sender.get(ids[1]), None);
}

#[test]
fn p6_a_rolled_back_move_leaves_everything_as_it_was() {
    let (mut sender, ids) = table_with(&["pipe"]);
    let parcel = sender.stage(&[moved(ids[0])], anything).unwrap();
    drop(sender.rollback(parcel));
    assert_eq!(sender.get(ids[0]), Some(&"pipe"));
    assert!(!sender.in_transit(ids[0]));
    assert!(sender.stage(&[moved(ids[0])], anything).is_ok());
}

#[test]
fn p6_what_is_in_transit_can_be_used_and_copied_but_not_moved_again() {
    let (mut sender, ids) = table_with(&["pipe"]);
    let first = sender.stage(&[moved(ids[0])], anything).unwrap();
    assert_eq!(sender.get(ids[0]), Some(&"pipe"));
    assert!(sender.stage(&[copy(ids[0])], anything).is_ok());
    assert_eq!(
        sender.stage(&[moved(ids[0])], anything).unwrap_err(),
        TransferError::InTransit { index: 0 }
    );
    drop(sender.rollback(first));
}

#[test]
fn p6_one_capability_cannot_be_moved_twice_or_moved_and_copied() {
    let (mut sender, ids) = table_with(&["pipe", "timer"]);
    let repeated = TransferError::Repeated { index: 1 };
    let (copied, moving) = (copy(ids[0]), moved(ids[0]));
    for pair in [[moving, moving], [moving, copied], [copied, moving]] {
        assert_eq!(sender.stage(&pair, anything).unwrap_err(), repeated);
        assert!(!sender.in_transit(ids[0]));
    }
    let both = sender.stage(&[copied, copied], anything).unwrap();
    assert_eq!(both.len(), 2);
    drop(sender.rollback(both));
}

#[test]
fn p6_existence_is_judged_before_transferability() {
    let (mut sender, ids) = table_with(&["console", "pipe"]);
    let portable = |name: &&str| *name != "console";
    let stale = sender.insert("gone").unwrap();
    sender.remove(stale);
    assert_eq!(
        sender.stage(&[copy(ids[0]), copy(stale)], portable).unwrap_err(),
        TransferError::Missing { index: 1 }
    );
    assert_eq!(
        sender
            .stage(&[moved(ids[1]), copy(ids[0])], portable)
            .unwrap_err(),
        TransferError::NotTransferable { index: 1 }
    );
    assert!(!sender.in_transit(ids[1]), "a refused transfer leaves no mark");
}

#[test]
fn p6_too_many_at_once_are_refused() {
    let (mut sender, ids) = table_with(&["pipe"]);
    let many = [copy(ids[0]); MAX_TRANSFERS + 1];
    assert_eq!(sender.stage(&many, anything).unwrap_err(), TransferError::TooMany);
    let most = sender.stage(&many[1..], anything).unwrap();
    assert_eq!(most.len(), MAX_TRANSFERS);
    drop(sender.rollback(most));
    assert_eq!(Parcel::of_new(0..17).unwrap_err(), TransferError::TooMany);
}

#[test]
fn p6_a_receiver_without_room_for_all_gets_none() {
    let (mut sender, ids) = table_with(&["pipe", "timer"]);
    let mut receiver = Few::new(1);
    let parcel = sender.stage(&[moved(ids[0]), moved(ids[1])], anything).unwrap();
    assert_eq!(receiver.receive(&parcel), Err(Full));
    drop(sender.rollback(parcel));
    assert_eq!(
        (names(&sender), names(&receiver)),
        (vec!["pipe", "timer"], vec![])
    );
}

#[test]
fn p6_a_failed_delivery_is_withdrawn_and_can_be_tried_again() {
    let (mut sender, ids) = table_with(&["pipe"]);
    let mut receiver = Few::new(1);
    let parcel = sender.stage(&[moved(ids[0])], anything).unwrap();
    let first = receiver.receive(&parcel).unwrap();
    let withdrawn = first[0];
    receiver.withdraw(first);
    assert_eq!((receiver.len(), receiver.room()), (0, 1));
    let second = arrive(&mut receiver, &parcel);
    drop(sender.commit(parcel));
    assert_eq!(
        (receiver.get(withdrawn), receiver.get(second[0])),
        (None, Some(&"pipe"))
    );
}

#[test]
fn p6_a_process_can_send_to_itself() {
    let (mut table, ids) = table_with(&["pipe", "timer"]);
    let parcel = table.stage(&[moved(ids[0]), copy(ids[1])], anything).unwrap();
    let received = arrive(&mut table, &parcel);
    drop(table.commit(parcel));
    assert_eq!(table.get(ids[0]), None);
    assert_eq!(
        (table.get(received[0]), table.get(received[1])),
        (Some(&"pipe"), Some(&"timer"))
    );
    assert_eq!(table.len(), 3);
}

#[test]
fn p6_a_released_and_reused_slot_survives_the_commit_of_an_old_move() {
    let (mut sender, ids) = table_with(&["pipe"]);
    let parcel = sender.stage(&[moved(ids[0])], anything).unwrap();
    assert_eq!(sender.remove(ids[0]), Some("pipe"));
    let tenant = sender.insert("tenant").unwrap();
    assert_eq!(tenant.slot(), ids[0].slot());
    drop(sender.commit(parcel));
    assert_eq!(sender.get(tenant), Some(&"tenant"));
}

#[test]
fn p6_new_capabilities_travel_and_can_be_changed_on_the_way() {
    let mut receiver: Table<u64> = Table::new(4);
    let mut parcel = Parcel::of_new([1, 2]).unwrap();
    parcel.iter_mut().for_each(|badge| *badge *= 10);
    let received = arrive(&mut receiver, &parcel);
    assert_eq!(
        received
            .iter()
            .map(|id| *receiver.get(*id).unwrap())
            .collect::<Vec<_>>(),
        [10, 20]
    );
    assert!(arrive(&mut receiver, &Parcel::empty()).is_empty());
}

#[test]
fn p18_what_the_receiver_was_not_told_of_can_be_neither_seen_nor_passed_on() {
    // A receiver that guessed the id had it in a second call before the delivery failed and the sender got its own back.
    let (mut sender, ids) = table_with(&["pipe"]);
    let mut receiver = Few::new(1);
    let parcel = sender.stage(&[moved(ids[0])], anything).unwrap();
    let received = receiver.receive(&parcel).unwrap();
    let guess = received[0];
    assert_eq!(receiver.get(guess), None);
    assert_eq!(receiver.remove(guess), None);
    assert_eq!(
        receiver.stage(&[copy(guess)], anything).unwrap_err(),
        TransferError::Missing { index: 0 }
    );
    assert_eq!((names(&receiver), receiver.pop()), (vec![], None));
    assert_eq!(
        receiver.insert("other"),
        Err(Full),
        "it has its place all the same"
    );
    receiver.accept(received);
    assert_eq!(receiver.get(guess), Some(&"pipe"));
    drop(sender.commit(parcel));
}

#[test]
fn p18_places_that_are_kept_are_there_whatever_comes_first() {
    // A child had started when there was no room left for its handle: another call's capability had come first.
    let mut table = Few::new(3);
    table.keep_places(2).unwrap();
    table.insert("first").unwrap();
    assert_eq!(table.insert("second"), Err(Full));
    assert_eq!(table.keep_places(1), Err(Full), "none is kept twice");
    table.free_places(2);
    let made = Parcel::of_new(["handle", "manager"]).unwrap();
    arrive(&mut table, &made);
    assert_eq!(names(&table), ["first", "handle", "manager"]);
    assert_eq!((table.room(), table.parked()), (0, 0));
    assert_eq!(Few::new(2).keep_places(2), Ok(()), "all there are");
    let mut dead = Few::new(2);
    dead.close();
    assert_eq!(dead.keep_places(1), Err(Full));
}

#[test]
fn p18_a_closed_table_takes_nothing_and_gives_up_what_it_has() {
    let (mut sender, ids) = table_with(&["pipe"]);
    let (mut dead, _) = table_with(&["timer"]);
    dead.close();
    let parcel = sender.stage(&[moved(ids[0])], anything).unwrap();
    assert_eq!(dead.receive(&parcel), Err(Full));
    assert_eq!(dead.insert("late"), Err(Full));
    drop(sender.rollback(parcel));
    assert_eq!(dead.pop().map(|(_, name)| name), Some("timer"));
    assert_eq!((dead.pop(), dead.room()), (None, 0));
}

#[test]
fn p18_a_capability_in_a_parcel_for_a_child_cannot_be_moved_by_a_call_nor_the_other_way_round() {
    let (mut parent, ids) = table_with(&["pipe", "timer"]);
    let mut grants = Parcel::empty();
    assert_eq!(parent.stage_into(&mut grants, moved(ids[0])), Ok("pipe"));
    let in_transit = TransferError::InTransit { index: 0 };
    assert_eq!(parent.stage(&[moved(ids[0])], anything).unwrap_err(), in_transit);
    let call = parent.stage(&[moved(ids[1])], anything).unwrap();
    assert_eq!(
        parent.stage_into(&mut grants, moved(ids[1])),
        Err(TransferError::InTransit { index: 1 })
    );
    assert_eq!(
        parent.stage_into(&mut grants, copy(ids[0])),
        Err(TransferError::Repeated { index: 1 })
    );
    assert_eq!(grants.iter().collect::<Vec<_>>(), [&"pipe"]);
    drop((parent.commit(grants), parent.rollback(call)));
    assert_eq!(names(&parent), ["timer"]);
}

#[test]
fn p18_parked_copies_count_until_they_have_arrived() {
    let (mut sender, ids) = table_with(&["pipe", "timer"]);
    let mut waiting = Vec::new();
    // A table of eight with two in it: six more may be under way.
    for _ in 0..3 {
        let mut parcel = sender.stage(&[copy(ids[0]), copy(ids[1])], anything).unwrap();
        assert_eq!(sender.park(&mut parcel), Ok(()));
        assert_eq!(sender.park(&mut parcel), Ok(()), "once is enough");
        waiting.push(parcel);
    }
    assert_eq!((sender.parked(), sender.room()), (6, 0));
    let mut refused = sender.stage(&[copy(ids[0])], anything).unwrap();
    assert_eq!(sender.park(&mut refused), Err(Full));
    drop(sender.rollback(refused));
    assert_eq!(sender.parked(), 6);
    for parcel in waiting {
        drop(sender.commit(parcel));
    }
    assert_eq!((sender.parked(), sender.room()), (0, 6));
}

#[test]
fn p18_who_lets_go_of_what_is_in_transit_gets_the_place_back_when_it_has_arrived() {
    for arrives in [true, false] {
        let (mut sender, ids) = table_with(&["pipe"]);
        let mut parcel = sender.stage(&[moved(ids[0])], anything).unwrap();
        assert_eq!(sender.park(&mut parcel), Ok(()));
        assert_eq!((sender.parked(), sender.room()), (0, 7), "its slot is its place");
        assert_eq!(sender.remove(ids[0]), Some("pipe"));
        assert_eq!((sender.parked(), sender.room()), (1, 7));
        let end = if arrives { Few::commit } else { Few::rollback };
        drop(end(&mut sender, parcel));
        assert_eq!((sender.parked(), sender.room()), (0, 8));
    }
}

#[test]
fn p18_an_ended_transfer_says_what_has_left() {
    let (mut sender, ids) = table_with(&["pipe", "timer"]);
    let parcel = sender.stage(&[moved(ids[0]), copy(ids[1])], anything).unwrap();
    let remains = sender.commit(parcel);
    assert_eq!(remains.moved().collect::<Vec<_>>(), [&"pipe"]);
    assert_eq!(remains.into_capabilities().collect::<Vec<_>>(), ["pipe", "timer"]);
}

#[test]
fn p6_a_mark_does_not_stick_to_the_slots_next_tenant() {
    let (mut sender, ids) = table_with(&["pipe"]);
    let parcel = sender.stage(&[moved(ids[0])], anything).unwrap();
    assert_eq!(sender.remove(ids[0]), Some("pipe"));
    let tenant = sender.insert("tenant").unwrap();
    assert_eq!(tenant.slot(), ids[0].slot());
    // The tenant is moved by a transfer of its own, which the end of the old one does not touch.
    let own = sender.stage(&[moved(tenant)], anything).unwrap();
    drop(sender.rollback(parcel));
    assert!(sender.in_transit(tenant));
    drop(sender.rollback(own));
    assert!(!sender.in_transit(tenant));
}

#[test]
fn p6_parcels_and_remains_count_what_is_in_them() {
    for count in 0..3 {
        let (mut sender, ids) = table_with(&["pipe", "timer"][..count]);
        let descriptors: Vec<Descriptor> = ids.iter().map(|id| copy(*id)).collect();
        let parcel = sender.stage(&descriptors, anything).unwrap();
        assert_eq!((parcel.len(), parcel.is_empty()), (count, count == 0));
        let remains = sender.rollback(parcel);
        assert_eq!((remains.len(), remains.is_empty()), (count, count == 0));
    }
}
