use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn account(limit: u64) -> Arc<Account> {
    Account::new(limit, 5)
}

#[test]
fn p16_an_account_refuses_what_goes_beyond_its_limit_and_keeps_nothing_of_it() {
    let account = account(10_000);
    let first = account.charge(Cost::frames(2)).unwrap();
    assert_eq!(account.held(), 8192);
    assert_eq!(account.charge(Cost::heap(1809)).unwrap_err(), Short::Account);
    assert_eq!(account.held(), 8192);
    let second = account
        .charge(Cost::heap(1000).and(Cost::heap_later(808)))
        .unwrap();
    assert_eq!(account.held(), 10_000);
    drop(first);
    assert_eq!(account.held(), 1808);
    drop(second);
    assert_eq!(account.held(), 0);
}

#[test]
fn p16_what_a_process_is_born_with_does_not_count_against_its_limit() {
    let account = account(4096);
    let born = account.endow(Cost::frames(20)).unwrap();
    let all = account.charge(Cost::frames(1)).unwrap();
    assert_eq!(account.charge(Cost::heap(1)).unwrap_err(), Short::Account);
    drop((born, all));
    assert_eq!(account.held(), 0);
}

#[test]
fn p16_a_cost_that_wraps_is_refused() {
    let account = account(u64::MAX);
    let _some = account.charge(Cost::heap(1)).unwrap();
    assert_eq!(
        account.charge(Cost::frames(u64::MAX)).unwrap_err(),
        Short::Account
    );
    assert_eq!(
        account
            .charge(Cost::frames(u64::MAX).and(Cost::heap(9)))
            .unwrap_err(),
        Short::Account
    );
    assert_eq!(account.held(), 1);
}

#[test]
fn p16_frames_of_memory_objects_have_a_limit_of_their_own() {
    let account = account(100 * 4096);
    let object = account.charge(Cost::granted_frames(5)).unwrap();
    assert_eq!(
        account.charge(Cost::granted_frames(1)).unwrap_err(),
        Short::Granted
    );
    assert_eq!(account.held(), 5 * 4096);
    let pages = account.charge(Cost::frames(95)).unwrap();
    drop(object);
    assert_eq!(
        account.charge(Cost::granted_frames(6)).unwrap_err(),
        Short::Account
    );
    let object = account.charge(Cost::granted_frames(5)).unwrap();
    drop((pages, object));
    assert_eq!(account.held(), 0);
}

fn cost() -> impl Strategy<Value = Cost> {
    (0..4_u64, 0..9000_usize, 0..9000_usize).prop_map(|(frames, now, later)| {
        Cost::frames(frames)
            .and(Cost::heap(now))
            .and(Cost::heap_later(later))
    })
}

proptest! {
    /// Charges of several accounts, made and dropped in any order, against a list of what is outstanding.
    #[test]
    fn p16_what_accounts_hold_is_the_sum_of_their_charges(
        steps in prop::collection::vec((0..3_usize, cost(), any::<bool>(), any::<prop::sample::Index>()), 1..300),
    ) {
        const LIMIT: u64 = 100_000;
        let accounts = [(); 3].map(|()| account(LIMIT));
        let mut outstanding: Vec<(usize, Charge)> = Vec::new();
        for (which, cost, gives_back, index) in steps {
            let sum = |list: &[(usize, Charge)], which| -> u64 {
                list.iter().filter(|(of, _)| *of == which).map(|(_, charge)| charge.cost().bytes()).sum()
            };
            if gives_back && !outstanding.is_empty() {
                drop(outstanding.swap_remove(index.index(outstanding.len())));
            } else {
                let fits = sum(&outstanding, which) + cost.bytes() <= LIMIT;
                let charged = accounts[which].charge(cost);
                prop_assert_eq!(charged.is_ok(), fits);
                outstanding.extend(charged.ok().map(|charge| (which, charge)));
            }
            for (which, account) in accounts.iter().enumerate() {
                prop_assert_eq!(account.held(), sum(&outstanding, which));
            }
        }
        drop(outstanding);
        prop_assert!(accounts.iter().all(|account| account.held() == 0));
    }
}
