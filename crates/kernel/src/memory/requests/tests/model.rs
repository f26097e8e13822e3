//! An address space as a map of single pages: slow, and too simple to be wrong. Everything happens in 24
//! pages, so that requests meet.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;

pub(super) const LIMITS: Limits = Limits {
    committed_pages: 14,
    address_space_pages: 12,
};

/// What one page is.
type Page = (Protection, Kind<char>);

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Map(Place, Protection),
    Reserve(Place),
    Unmap(Range),
    Protect(Range, Protection),
    Commit(Range, Protection),
    Decommit(Range),
    MapObject(Place, char, u64),
    UnmapObject(Range, char),
    ProtectObject(Range, char, Protection),
}

/// Page numbers relative to the start of the dynamic range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    first: u64,
    count: u64,
}

/// `first` None lets the kernel choose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    first: Option<u64>,
    count: u64,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let range = || (0u64..24, 1u64..6).prop_map(|(first, count)| Range { first, count });
    let place =
        || (prop::option::weighted(0.8, 0u64..24), 1u64..6).prop_map(|(first, count)| Place { first, count });
    let rights = || prop::sample::select([Protection::READ, RW, Protection::NONE].as_slice());
    let object = || prop::sample::select(['a', 'b'].as_slice());
    prop_oneof![
        (place(), rights()).prop_map(|(place, rights)| Step::Map(place, rights)),
        place().prop_map(Step::Reserve),
        range().prop_map(Step::Unmap),
        (range(), rights()).prop_map(|(range, rights)| Step::Protect(range, rights)),
        (range(), rights()).prop_map(|(range, rights)| Step::Commit(range, rights)),
        range().prop_map(Step::Decommit),
        (place(), object(), 0u64..4).prop_map(|(place, object, first)| Step::MapObject(place, object, first)),
        (range(), object()).prop_map(|(range, object)| Step::UnmapObject(range, object)),
        (range(), object(), rights())
            .prop_map(|(range, object, rights)| Step::ProtectObject(range, object, rights)),
    ]
}

/// Puts the step to the real thing.
pub(super) fn ask(space: &mut Space, step: Step) -> Result<Pages, Refusal> {
    let hint = |place: Place| place.first.map_or(0, |first| AT + first * PAGE);
    let start = |range: Range| AT + range.first * PAGE;
    match step {
        Step::Map(place, rights) => space.map(hint(place), place.count * PAGE, rights),
        Step::Reserve(place) => space.reserve(hint(place), place.count * PAGE),
        Step::Unmap(range) => space.unmap(start(range), range.count * PAGE),
        Step::Protect(range, rights) => space.protect(start(range), range.count * PAGE, rights),
        Step::Commit(range, rights) => space.commit(start(range), range.count * PAGE, rights),
        Step::Decommit(range) => space.decommit(start(range), range.count * PAGE),
        Step::MapObject(place, object, first) => {
            space.map_object(hint(place), view(object, first), place.count * PAGE, RW)
        }
        Step::UnmapObject(range, object) => space.unmap_object(&object, start(range), range.count * PAGE),
        Step::ProtectObject(range, object, rights) => {
            space.protect_object(&object, start(range), range.count * PAGE, rights)
        }
    }
}

#[derive(Default)]
pub(super) struct Model {
    pages: BTreeMap<u64, Page>,
}

impl Model {
    /// Whether the step should succeed; if not, whether because of a limit.
    pub(super) fn expect(&self, step: Step) -> Result<(), bool> {
        let all = |range: Range, allowed: &dyn Fn(&Kind<char>) -> bool| {
            let fine =
                numbers(range).all(|page| self.pages.get(&page).is_some_and(|(_, kind)| allowed(kind)));
            if fine { Ok(()) } else { Err(false) }
        };
        let free = |place: Place| match place.first {
            Some(first) => {
                let range = Range {
                    first,
                    count: place.count,
                };
                if numbers(range).any(|page| self.pages.contains_key(&page)) {
                    Err(false)
                } else {
                    Ok(())
                }
            }
            None => Ok(()),
        };
        let commit = |count| {
            if self.committed() + count > LIMITS.committed_pages {
                Err(true)
            } else {
                Ok(())
            }
        };
        let space = |count| {
            if self.spacious() + count > LIMITS.address_space_pages {
                Err(true)
            } else {
                Ok(())
            }
        };
        match step {
            Step::Map(place, _) => free(place).and_then(|()| commit(place.count)),
            Step::Reserve(place) => free(place).and_then(|()| space(place.count)),
            Step::MapObject(place, _, first) if first + place.count > 8 => Err(false),
            Step::MapObject(place, ..) => free(place).and_then(|()| space(place.count)),
            Step::Unmap(range) => all(range, &|kind| {
                matches!(kind, Kind::Anonymous | Kind::Reserved | Kind::Committed)
            }),
            Step::Protect(range, _) => all(range, &|kind| matches!(kind, Kind::Anonymous | Kind::Committed)),
            Step::Commit(range, _) => {
                all(range, &|kind| *kind == Kind::Reserved).and_then(|()| commit(range.count))
            }
            Step::Decommit(range) => all(range, &|kind| *kind == Kind::Committed),
            Step::UnmapObject(range, wanted) | Step::ProtectObject(range, wanted, _) => all(
                range,
                &|kind| matches!(kind, Kind::Object { object, .. } if *object == wanted),
            ),
        }
    }

    /// Does what the step says, at the place the real thing chose.
    pub(super) fn apply(&mut self, step: Step, at: Pages) {
        for (index, page) in (at.first()..at.end()).enumerate() {
            let before = self.pages.remove(&page);
            let after = match (step, before) {
                (Step::Map(_, rights), None) => (rights, Kind::Anonymous),
                (Step::Reserve(_), None) => (Protection::NONE, Kind::Reserved),
                (Step::MapObject(_, object, first), None) => (
                    RW,
                    Kind::Object {
                        object,
                        first_page: first + index as u64,
                    },
                ),
                (Step::Protect(_, rights) | Step::ProtectObject(_, _, rights), Some((_, kind))) => {
                    (rights, kind)
                }
                (Step::Commit(_, rights), Some(_)) => (rights, Kind::Committed),
                (Step::Decommit(_), Some(_)) => (Protection::NONE, Kind::Reserved),
                (Step::Unmap(_) | Step::UnmapObject(..), Some(_)) => continue,
                (step, before) => panic!("{step:?} met {before:?}"),
            };
            self.pages.insert(page, after);
        }
    }

    /// Says the same as `space`, page by page, in its accounts and in as few regions as possible.
    pub(super) fn compare(&self, space: &Space) -> Result<(), TestCaseError> {
        let mut seen = BTreeMap::new();
        for region in space.iter() {
            for (index, page) in (region.pages.first()..region.pages.end()).enumerate() {
                let kind = match region.kind {
                    Kind::Object { object, first_page } => Kind::Object {
                        object,
                        first_page: first_page + index as u64,
                    },
                    ref kind => kind.clone(),
                };
                prop_assert!(
                    seen.insert(page, (region.protection, kind)).is_none(),
                    "regions overlap"
                );
            }
        }
        prop_assert_eq!(&seen, &self.pages);
        prop_assert_eq!(space.committed_pages(), self.committed());
        prop_assert_eq!(space.address_space_pages(), self.spacious());
        prop_assert_eq!(space.iter().len(), self.runs());
        Ok(())
    }

    fn committed(&self) -> u64 {
        self.pages
            .values()
            .filter(|(_, kind)| matches!(kind, Kind::Anonymous | Kind::Committed))
            .count() as u64
    }

    fn spacious(&self) -> u64 {
        self.pages
            .values()
            .filter(|(_, kind)| !matches!(kind, Kind::Anonymous))
            .count() as u64
    }

    /// How many runs of like pages there are.
    fn runs(&self) -> usize {
        let pages: Vec<_> = self.pages.iter().collect();
        let breaks = pages.windows(2).filter(|pair| {
            let ((page, (rights, kind)), (next_page, (next_rights, next_kind))) = (pair[0], pair[1]);
            let follows = match (kind, next_kind) {
                (
                    Kind::Object { object, first_page },
                    Kind::Object {
                        object: next,
                        first_page: next_first,
                    },
                ) => object == next && first_page + 1 == *next_first,
                (kind, next) => kind == next,
            };
            page + 1 != *next_page || rights != next_rights || !follows
        });
        breaks.count() + usize::from(!pages.is_empty())
    }
}

fn numbers(range: Range) -> impl Iterator<Item = u64> {
    (0..range.count).map(move |n| AT / PAGE + range.first + n)
}
