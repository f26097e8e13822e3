use super::*;

fn ledger(free: u64, reserve: u64) -> Ledger {
    let ledger = Ledger::new();
    assert!(
        ledger.grow_heap(7),
        "before there is a limit, the kernel takes what it needs"
    );
    ledger.limit_to(free, reserve);
    ledger
}

#[test]
fn p16_a_promise_leaves_the_reserve_whole_and_the_heap_may_use_it() {
    let ledger = ledger(100, 20);
    assert!(ledger.promise(70));
    assert!(!ledger.promise(11));
    assert!(ledger.has_room(10) && !ledger.has_room(11));
    assert!(
        ledger.grow_heap(30),
        "the reserve is for what requests take beyond their wish"
    );
    assert!(!ledger.grow_heap(1), "the rest is promised to others");
    assert!(
        !ledger.has_room(0) && !ledger.promise(1),
        "no request is granted while the reserve is in use"
    );
    ledger.release(20);
    assert!(
        ledger.has_room(0),
        "and requests are granted again when it is whole"
    );
}

#[test]
fn p16_the_heap_finds_what_it_was_promised_whatever_others_were_promised_since() {
    let ledger = ledger(100, 20);
    assert!(ledger.promise_heap(30));
    assert!(ledger.promise(50));
    assert!(!ledger.promise(1));
    assert!(ledger.grow_heap(30) && ledger.grow_heap(20));
    assert!(!ledger.grow_heap(1));
    ledger.release(50);
    ledger.release_heap(30);
    assert!(ledger.promise(30) && !ledger.promise(1));
}

#[test]
fn p16_what_stays_in_the_heap_takes_what_was_promised_to_it_and_none_of_the_reserve() {
    let ledger = ledger(100, 20);
    assert!(ledger.promise_heap(30) && ledger.promise(50));
    assert!(ledger.claim_heap(20), "it was promised as much");
    assert!(
        !ledger.claim_heap(11),
        "two claims at one moment do not get the same"
    );
    assert!(ledger.grow_heap(20), "what was claimed is there");
    ledger.release(20);
    assert!(
        ledger.claim_heap(10) && !ledger.claim_heap(1),
        "the rest would come from the reserve"
    );
}

#[test]
fn p16_sums_that_wrap_are_refused() {
    let ledger = ledger(100, 20);
    assert!(!ledger.promise(u64::MAX) && !ledger.has_room(u64::MAX) && !ledger.grow_heap(u64::MAX));
    assert!(!ledger.claim_heap(u64::MAX));
    assert_eq!(ledger.committed.load(Relaxed), 7);
}

/// Random wishes against a ledger that is kept by hand: nobody is refused who could be granted, what was promised
/// and what the heap has never exceed the machine, and all comes back.
#[test]
fn p16_promises_and_the_heap_never_exceed_the_machine() {
    const FREE: u64 = 1000;
    const RESERVE: u64 = 100;
    for seed in 1..200_u64 {
        let ledger = ledger(FREE, RESERVE);
        let mut random = seed;
        let mut next = |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % limit
        };
        let (mut promises, mut heap_promises, mut heap) = (std::vec::Vec::new(), std::vec::Vec::new(), 0);
        for _ in 0..500 {
            let wish = next(FREE / 5) + 1;
            let promised = |list: &std::vec::Vec<u64>| list.iter().sum::<u64>();
            let (all, of_heap) = (
                promised(&promises) + promised(&heap_promises),
                promised(&heap_promises),
            );
            match next(7) {
                0 => {
                    let granted = ledger.promise(wish);
                    assert_eq!(granted, all + heap + wish <= FREE - RESERVE);
                    promises.extend(granted.then_some(wish));
                }
                1 => {
                    let granted = ledger.promise_heap(wish);
                    assert_eq!(granted, all + heap + wish <= FREE - RESERVE);
                    heap_promises.extend(granted.then_some(wish));
                }
                2 => {
                    let granted = ledger.grow_heap(wish);
                    assert_eq!(granted, all - of_heap + heap + wish <= FREE);
                    heap += if granted { wish } else { 0 };
                }
                3 => promises
                    .pop()
                    .into_iter()
                    .for_each(|frames| ledger.release(frames)),
                // What was taken from the heap goes first.
                4 if heap == 0 => heap_promises
                    .pop()
                    .into_iter()
                    .for_each(|frames| ledger.release_heap(frames)),
                5 => {
                    let back = wish.min(heap);
                    ledger.release(back);
                    heap -= back;
                }
                _ => assert_eq!(ledger.has_room(wish), all + heap + wish <= FREE - RESERVE),
            }
            assert!(promised(&promises) + heap <= FREE, "seed {seed}");
            assert_eq!(
                ledger.committed.load(Relaxed),
                7 + promised(&promises) + promised(&heap_promises) + heap
            );
        }
        heap_promises
            .into_iter()
            .for_each(|frames| ledger.release_heap(frames));
        promises.into_iter().for_each(|frames| ledger.release(frames));
        ledger.release(heap);
        assert_eq!(ledger.committed.load(Relaxed), 7, "seed {seed}");
        assert_eq!(ledger.heap_promised.load(Relaxed), 0);
    }
}
