use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::account::Account;
use super::super::region::Part;
use super::super::regions::{Limits, MAX_REGIONS};
use super::*;

mod model;

type Space = Regions<char>;

const AT: u64 = DYNAMIC_BASE;
const PAGE: u64 = PAGE_SIZE;
const RW: Protection = Protection::READ_WRITE;

fn space() -> Space {
    space_of(Limits {
        committed_pages: 64,
        address_space_pages: 128,
    })
}

fn space_of(limits: Limits) -> Space {
    Space::new(limits, Account::new(u64::MAX, 0))
}

fn view(object: char, offset_pages: u64) -> ObjectView<char> {
    ObjectView {
        object,
        object_pages: 8,
        offset: offset_pages * PAGE,
    }
}

/// The regions as (first page after the start of the dynamic range, pages, kind).
fn shape(space: &Space) -> Vec<(u64, u64, Kind<char>)> {
    space
        .iter()
        .map(|region| {
            (
                region.pages.first().wrapping_sub(AT / PAGE),
                region.pages.count(),
                region.kind.clone(),
            )
        })
        .collect()
}

#[test]
fn p9_a_free_hint_is_honoured_exactly_and_an_occupied_one_is_refused() {
    let mut space = space();
    assert_eq!(space.map(AT, 2 * PAGE, RW).unwrap().address(), AT);
    assert_eq!(
        space.map(AT + 2 * PAGE, PAGE, RW).unwrap().address(),
        AT + 2 * PAGE
    );
    for (hint, pages) in [(AT, 1), (AT - PAGE, 2), (AT + 2 * PAGE, 9), (AT, 100)] {
        let refused = space.map(hint, pages * PAGE, RW).unwrap_err();
        assert!(matches!(refused, Refusal::Occupied | Refusal::Outside) && !refused.is_limit());
    }
    assert_eq!(shape(&space), [(0, 3, Kind::Anonymous)]);
}

#[test]
fn p9_without_a_hint_the_kernel_places_with_guard_pages() {
    let mut space = space();
    let first = space.map(0, 1, RW).unwrap();
    let second = space.reserve(0, 3 * PAGE).unwrap();
    let third = space.map_object(0, view('a', 0), PAGE, RW).unwrap();
    assert_eq!(first.address(), 0x4000_0000);
    assert_eq!(
        (second.first() - first.end(), third.first() - second.end()),
        (1, 1)
    );
    space.unmap(second.address(), 3 * PAGE).unwrap();
    assert_eq!(
        space.map(0, 3 * PAGE, RW).unwrap(),
        second,
        "a gap that fits is used again"
    );
    assert_eq!(space.map(0, 4 * PAGE, RW).unwrap().first(), third.end() + 1);
}

#[test]
fn p9_bad_arguments_are_refused_with_their_reason() {
    let mut space = space();
    assert_eq!(space.map(AT, 0, RW), Err(Refusal::Empty));
    assert_eq!(space.map(0, 0, RW), Err(Refusal::Empty));
    assert_eq!(space.map(AT + 1, PAGE, RW), Err(Refusal::Unaligned));
    assert_eq!(space.map(AT - PAGE, PAGE, RW), Err(Refusal::Outside));
    assert_eq!(space.map(0xffff_8000_0000_0000, PAGE, RW), Err(Refusal::Outside));
    assert_eq!(space.map(AT, u64::MAX, RW), Err(Refusal::Outside));
    assert_eq!(space.map(0, 1 << 60, RW), Err(Refusal::NoGap));
    assert_eq!(
        space.map_object(AT, view('a', 7), 2 * PAGE, RW),
        Err(Refusal::PastObject)
    );
    let crooked = ObjectView {
        offset: 8,
        ..view('a', 0)
    };
    assert_eq!(space.map_object(AT, crooked, PAGE, RW), Err(Refusal::Unaligned));
    let far = ObjectView {
        offset: !(PAGE - 1),
        ..view('a', 0)
    };
    assert_eq!(space.map_object(AT, far, PAGE, RW), Err(Refusal::PastObject));
    assert_eq!(space.iter().len(), 0);
}

#[test]
fn p9_a_hole_splits_a_region_and_protection_splits_and_merges_it() {
    let mut space = space();
    space.map(AT, 5 * PAGE, RW).unwrap();
    space.protect(AT + PAGE, PAGE, Protection::READ).unwrap();
    assert_eq!(space.iter().len(), 3);
    assert_eq!(space.at(AT + PAGE + 7).unwrap().protection, Protection::READ);
    space.protect(AT + PAGE, PAGE, RW).unwrap();
    assert_eq!(shape(&space), [(0, 5, Kind::Anonymous)]);
    space.unmap(AT + 2 * PAGE, PAGE).unwrap();
    assert_eq!(shape(&space), [(0, 2, Kind::Anonymous), (3, 2, Kind::Anonymous)]);
    assert_eq!(
        space.unmap(AT, 5 * PAGE),
        Err(Refusal::NotYours),
        "all of the range or nothing"
    );
    assert_eq!((space.committed_pages(), space.at(AT + 2 * PAGE)), (4, None));
}

#[test]
fn p9_a_reservation_is_committed_and_decommitted_in_parts() {
    let mut space = space();
    space.reserve(AT, 4 * PAGE).unwrap();
    assert_eq!(space.protect(AT, PAGE, RW), Err(Refusal::NotCommitted));
    space.commit(AT + PAGE, 2 * PAGE, RW).unwrap();
    assert_eq!(space.commit(AT, 2 * PAGE, RW), Err(Refusal::AlreadyCommitted));
    assert_eq!(space.decommit(AT, 2 * PAGE), Err(Refusal::NotCommitted));
    assert_eq!((space.committed_pages(), space.address_space_pages()), (2, 4));
    space.decommit(AT + PAGE, 2 * PAGE).unwrap();
    assert_eq!(shape(&space), [(0, 4, Kind::Reserved)]);
    space.commit(AT, PAGE, RW).unwrap();
    space.unmap(AT, 4 * PAGE).unwrap();
    assert_eq!(
        (
            space.committed_pages(),
            space.address_space_pages(),
            space.iter().len()
        ),
        (0, 0, 0)
    );
}

#[test]
fn p9_plain_memory_is_no_reservation() {
    let mut space = space();
    space.map(AT, PAGE, RW).unwrap();
    assert_eq!(space.commit(AT, PAGE, RW), Err(Refusal::NotYours));
    assert_eq!(space.decommit(AT, PAGE), Err(Refusal::NotYours));
}

#[test]
fn p9_each_capability_changes_only_what_was_made_through_it() {
    let mut space = space();
    let image = Pages::parse(0x20_0000, 4 * PAGE).unwrap();
    space
        .insert_fixed(image, Protection::READ_EXECUTE, Part::Image)
        .unwrap();
    space.map(AT, PAGE, RW).unwrap();
    space.map_object(AT + PAGE, view('a', 0), PAGE, RW).unwrap();
    space.map_object(AT + 2 * PAGE, view('b', 0), PAGE, RW).unwrap();
    let before = shape(&space);
    for (address, pages) in [(0x20_0000, 1), (AT, 2), (AT + PAGE, 1), (AT + 3 * PAGE, 1)] {
        assert_eq!(space.unmap(address, pages * PAGE), Err(Refusal::NotYours));
        assert_eq!(space.protect(address, pages * PAGE, RW), Err(Refusal::NotYours));
    }
    for (address, pages) in [(AT, 1), (AT, 2), (AT + PAGE, 2), (AT + 2 * PAGE, 1)] {
        assert_eq!(
            space.unmap_object(&'a', address, pages * PAGE),
            Err(Refusal::NotYours)
        );
        assert_eq!(
            space.protect_object(&'a', address, pages * PAGE, RW),
            Err(Refusal::NotYours)
        );
    }
    assert_eq!(shape(&space), before);
    space
        .protect_object(&'a', AT + PAGE, PAGE, Protection::READ)
        .unwrap();
    space.unmap_object(&'b', AT + 2 * PAGE, PAGE).unwrap();
    assert_eq!(space.address_space_pages(), 1);
}

#[test]
fn p9_views_of_an_object_know_which_page_they_show() {
    let mut space = space();
    space.map_object(AT, view('a', 2), 4 * PAGE, RW).unwrap();
    space.unmap_object(&'a', AT + PAGE, PAGE).unwrap();
    let kind = |first_page| Kind::Object {
        object: 'a',
        first_page,
    };
    assert_eq!(shape(&space), [(0, 1, kind(2)), (2, 2, kind(4))]);
    space.map_object(AT + PAGE, view('a', 3), PAGE, RW).unwrap();
    assert_eq!(
        shape(&space),
        [(0, 4, kind(2))],
        "views that continue each other are one region"
    );
    space.map_object(AT + 4 * PAGE, view('a', 2), PAGE, RW).unwrap();
    assert_eq!(space.iter().len(), 2);
}

#[test]
fn p9_limits_are_told_apart_from_wrong_arguments() {
    let mut space = space();
    space.map(AT, 60 * PAGE, RW).unwrap();
    let refused = space.map(0, 5 * PAGE, RW).unwrap_err();
    assert_eq!(
        (refused, refused.is_limit()),
        (Refusal::CommitLimit { left: 4 }, true)
    );
    space.reserve(0, 100 * PAGE).unwrap();
    let refused = space.map_object(
        0,
        ObjectView {
            object_pages: 99,
            ..view('a', 0)
        },
        29 * PAGE,
        RW,
    );
    assert_eq!(refused, Err(Refusal::AddressSpaceLimit { left: 28 }));
}

#[test]
fn p9_an_address_space_cannot_be_cut_into_endless_pieces() {
    let mut space = space_of(Limits {
        committed_pages: u64::MAX,
        address_space_pages: 0,
    });
    space.map(AT, 3 * MAX_REGIONS as u64 * PAGE, RW).unwrap();
    let holes = (0..MAX_REGIONS as u64).take_while(|n| space.unmap(AT + (2 * n + 1) * PAGE, PAGE).is_ok());
    assert!(holes.count() < MAX_REGIONS);
    assert!(space.map(0, PAGE, RW).is_ok(), "one piece was left");
    assert_eq!(space.map(0, PAGE, RW), Err(Refusal::TooManyRegions));
    assert_eq!(space.iter().len(), MAX_REGIONS);
    assert!(
        space.unmap(AT, PAGE).is_ok(),
        "what needs no more pieces still works"
    );
}

#[test]
fn p9_a_request_can_be_taken_back_when_the_pieces_have_run_out() {
    let mut space = space_of(Limits {
        committed_pages: u64::MAX,
        address_space_pages: 4,
    });
    space.map(AT, 3 * MAX_REGIONS as u64 * PAGE, RW).unwrap();
    for n in 0..MAX_REGIONS as u64 - 2 {
        space.unmap(AT + (2 * n + 1) * PAGE, PAGE).unwrap();
    }
    assert_eq!(space.iter().len(), MAX_REGIONS - 1);
    let before = shape(&space);
    // It joins both neighbours, and taking it back has to cut them apart again.
    space.map(AT + PAGE, PAGE, RW).unwrap();
    assert_eq!(space.iter().len(), MAX_REGIONS - 2);
    space.unmap(AT + PAGE, PAGE).unwrap();
    assert_eq!(shape(&space), before);
}

#[test]
fn p9_a_ring_page_is_found_and_given_back() {
    let mut space = space();
    let window = Pages::parse(abi::layout::OWN_RINGS_BASE, 3 * PAGE).unwrap();
    let rings: Vec<Pages> = core::iter::from_fn(|| {
        let page = space.find_gap(1, window, 0)?;
        space.insert_fixed(page, RW, Part::Ring).unwrap();
        Some(page)
    })
    .collect();
    assert_eq!(rings.len(), 3);
    space.remove_fixed(rings[1]).unwrap();
    assert_eq!(space.find_gap(1, window, 0), Some(rings[1]));
    assert_eq!(space.remove_fixed(rings[1]), Err(Refusal::NotYours));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn p9_regions_agree_with_a_map_of_single_pages(history in prop::collection::vec(model::step(), 1..60)) {
        let mut space = space_of(model::LIMITS);
        let mut pages = model::Model::default();
        for step in history {
            let before: Vec<_> = space.iter().cloned().collect();
            let answer = model::ask(&mut space, step);
            match (answer, pages.expect(step)) {
                (Ok(at), Ok(())) => pages.apply(step, at),
                (Err(refusal), Err(is_limit)) => {
                    prop_assert_eq!(refusal.is_limit(), is_limit, "{:?} {:?}", step, refusal);
                    prop_assert!(space.iter().eq(&before), "a refused request left a trace");
                }
                (answer, expected) => prop_assert!(false, "{:?}: {:?} against {:?}", step, answer, expected),
            }
            pages.compare(&space)?;
        }
    }
}

#[test]
fn p16_a_ring_page_goes_however_many_regions_there_are() {
    // Joined with its neighbours, taking it out would need room for a cut; when there was none, the page stayed mapped and
    // its frame was given back.
    let mut space = space_of(Limits {
        committed_pages: u64::MAX,
        address_space_pages: u64::MAX,
    });
    let page = |index: u64| Pages::parse(AT + index * PAGE, PAGE).unwrap();
    for ring in 0..3 {
        space.insert_fixed(page(ring), RW, Part::Ring).unwrap();
    }
    for index in 0..MAX_REGIONS as u64 - 3 {
        space.map(AT + (4 + 2 * index) * PAGE, PAGE, RW).unwrap();
    }
    assert_eq!(space.iter().len(), MAX_REGIONS);
    space.remove_fixed(page(1)).unwrap();
    assert_eq!(space.iter().len(), MAX_REGIONS - 1);
}
