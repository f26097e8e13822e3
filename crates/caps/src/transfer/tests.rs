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

fn names(table: &Few) -> Vec<&'static str> {
    table.iter().map(|(_, name)| *name).collect()
}

#[test]
fn p6_a_copy_stays_and_a_move_leaves_when_the_transfer_commits() {
    let (mut sender, ids) = table_with(&["pipe", "timer"]);
    let mut receiver = Few::new(8);
    let parcel = sender.stage(&[copy(ids[0]), moved(ids[1])], anything).unwrap();
    let received = receiver.receive(&parcel).unwrap();
    drop(sender.commit(parcel));
    assert_eq!(
        (names(&sender), names(&receiver)),
        (vec!["pipe"], vec!["pipe", "timer"])
    );
    assert_eq!(
        received
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
    assert_eq!(sender.stage(&[copied, copied], anything).unwrap().len(), 2);
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
    assert_eq!(sender.stage(&many[1..], anything).unwrap().len(), MAX_TRANSFERS);
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
    receiver.withdraw(&first);
    let second = receiver.receive(&parcel).unwrap();
    drop(sender.commit(parcel));
    assert_eq!(
        (receiver.get(first[0]), receiver.get(second[0])),
        (None, Some(&"pipe"))
    );
}

#[test]
fn p6_a_process_can_send_to_itself() {
    let (mut table, ids) = table_with(&["pipe", "timer"]);
    let parcel = table.stage(&[moved(ids[0]), copy(ids[1])], anything).unwrap();
    let received = table.receive(&parcel).unwrap();
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
    let received = receiver.receive(&parcel).unwrap();
    assert_eq!(
        received
            .iter()
            .map(|id| *receiver.get(*id).unwrap())
            .collect::<Vec<_>>(),
        [10, 20]
    );
    assert!(receiver.receive(&Parcel::empty()).unwrap().is_empty());
}
