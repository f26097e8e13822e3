use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use std::alloc::{alloc, dealloc};

use super::*;

/// Frames of the host, counted.
struct FromHost {
    given_out: usize,
    /// How many there are.
    limit: usize,
}

fn frame() -> Layout {
    Layout::from_size_align(SLAB, SLAB).unwrap()
}

// SAFETY: the host's allocator aligns as it is told, and gives nobody else the frame.
unsafe impl Frames for FromHost {
    fn take(&mut self) -> Option<*mut u8> {
        if self.given_out == self.limit {
            return None;
        }
        self.given_out += 1;
        // SAFETY: the layout is not empty.
        Some(unsafe { alloc(frame()) })
    }

    unsafe fn give(&mut self, taken: *mut u8) {
        self.given_out -= 1;
        // SAFETY: from `take` with this layout.
        unsafe { dealloc(taken, frame()) };
    }
}

fn slabs(limit: usize) -> Slabs<FromHost> {
    Slabs::new(FromHost { given_out: 0, limit })
}

fn class(size: usize, align: usize) -> Option<Class> {
    Class::of(Layout::from_size_align(size, align).unwrap())
}

#[test]
fn p16_every_small_layout_has_a_class_that_holds_and_aligns_it() {
    for size in 0..=LARGEST {
        for align in [1, 8, 16, 32, 64] {
            let class = class(size, align).unwrap();
            assert!(class.size() >= size && class.size().is_multiple_of(align.min(GRAIN)));
            assert!(class.size().is_multiple_of(align), "{size} aligned to {align}");
            assert!(
                class.size() < 2 * size.max(align) || size < GRAIN,
                "{size} wastes more than it uses"
            );
        }
        assert_eq!(class(size, 128), None);
    }
    assert_eq!(class(LARGEST + 1, 8), None);
}

#[test]
fn p16_a_slab_goes_back_when_its_last_object_does_unless_it_is_the_only_one_with_room() {
    let mut slabs = slabs(8);
    let class = class(64, 8).unwrap();
    let count = class.objects() as usize * 2;
    let objects: Vec<_> = (0..count).map(|_| slabs.allocate(class).unwrap()).collect();
    assert_eq!(slabs.frames.given_out, 2);
    for object in objects {
        // SAFETY: allocated above, each given back once.
        unsafe { slabs.release(object, class) };
    }
    assert_eq!(slabs.frames.given_out, 1);
    assert!(slabs.allocate(class).is_some());
    assert_eq!(slabs.frames.given_out, 1);
}

#[test]
fn p16_a_refused_slab_is_a_refused_object_and_what_is_given_back_is_given_again() {
    let mut slabs = slabs(1);
    let class = class(512, 8).unwrap();
    let objects: Vec<_> = core::iter::from_fn(|| slabs.allocate(class)).collect();
    assert_eq!(objects.len(), class.objects() as usize);
    // SAFETY: allocated above.
    unsafe { slabs.release(objects[3], class) };
    assert_eq!(slabs.allocate(class), Some(objects[3]));
}

/// A random life of many objects: none overlaps another, none changes while others come and go, and at the end the heap
/// holds no more than one slab of each class.
#[test]
fn p16_objects_never_overlap_and_all_frames_come_back() {
    for seed in 1..40_u64 {
        let mut slabs = slabs(400);
        let mut random = seed;
        let mut next = |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % limit
        };
        // By address: the class, the size, and the byte that fills it.
        let mut live: BTreeMap<usize, (*mut u8, Class, usize, u8)> = BTreeMap::new();
        for step in 0..4000_u64 {
            let grows = next(100) < if (step / 500).is_multiple_of(2) { 70 } else { 30 };
            if grows {
                let most = if next(4) == 0 { LARGEST as u64 } else { 200 };
                let size = next(most) as usize + 1;
                let align = 1 << next(7);
                let class = class(size, align).unwrap();
                let Some(object) = slabs.allocate(class) else {
                    continue;
                };
                assert!(object.addr().is_multiple_of(align));
                let (before, after) = (
                    live.range(..object.addr()).next_back(),
                    live.range(object.addr()..).next(),
                );
                assert!(before.is_none_or(|(start, (_, _, size, _))| start + size <= object.addr()));
                assert!(after.is_none_or(|(start, _)| object.addr() + size <= *start));
                let fill = next(256) as u8;
                // SAFETY: the object is ours and at least so large.
                unsafe { object.write_bytes(fill, size) };
                live.insert(object.addr(), (object, class, size, fill));
            } else if let Some(address) = live.keys().nth(next(live.len().max(1) as u64) as usize).copied() {
                let (object, class, size, fill) = live.remove(&address).unwrap();
                // SAFETY: live and filled above; given back once, since it leaves the map.
                unsafe {
                    assert!(
                        core::slice::from_raw_parts(object, size)
                            .iter()
                            .all(|byte| *byte == fill)
                    );
                    slabs.release(object, class);
                }
            }
        }
        for (_, (object, class, _, _)) in live {
            // SAFETY: live, and given back once.
            unsafe { slabs.release(object, class) };
        }
        assert!(slabs.frames.given_out <= KEPT_FRAMES, "seed {seed}");
    }
}
