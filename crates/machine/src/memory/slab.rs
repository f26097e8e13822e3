//! Small objects of the heap, up to [`LARGEST`] bytes: each size class has *slabs*, frames cut into objects of one size. A
//! slab whose last object was given back returns to the frame allocator, unless it is the last of its class with
//! room: so the heap keeps at most one slab of each class that it does not need, and large things, which get frames of their
//! own (heap.rs), never lie between small ones that would hold on to their frames.
//!
//! A slab begins with its header, so an object's address tells where its slab is. It is one frame and no more: those are there
//! as long as any are, however scattered.

use core::alloc::Layout;
use core::ptr::null_mut;

use super::PAGE;

/// The largest object that lies in a slab.
pub(super) const LARGEST: usize = 1024;
/// The largest alignment that one can have: that of the first object.
const LARGEST_ALIGNMENT: usize = HEADER;
/// Room for the header, before the first object.
const HEADER: usize = 64;
/// Classes are multiples of this.
const GRAIN: usize = 16;
/// Bytes of a slab.
const SLAB: usize = PAGE as usize;

/// The sizes of objects. Powers of two are among them, for the sake of alignments above [`GRAIN`].
const SIZES: [usize; 19] = [
    16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024,
];

/// Frames that the slabs keep at most although nothing is in them: one slab of each class.
#[cfg(test)]
const KEPT_FRAMES: usize = SIZES.len();

/// The class of each number of grains.
const CLASS_OF_GRAINS: [u8; LARGEST / GRAIN + 1] = {
    let mut classes = [0; LARGEST / GRAIN + 1];
    let (mut class, mut grains) = (0, 0);
    while grains < classes.len() {
        if grains * GRAIN > SIZES[class] {
            class += 1;
        }
        classes[grains] = class as u8;
        grains += 1;
    }
    classes
};

/// Objects of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class(u8);

impl Class {
    /// The class for such objects; `None` if they are too large or too strictly aligned for a slab.
    #[inline]
    pub(super) fn of(layout: Layout) -> Option<Class> {
        if layout.size() > LARGEST || layout.align() > LARGEST_ALIGNMENT {
            return None;
        }
        let size = if layout.align() > GRAIN {
            layout.size().max(layout.align()).next_power_of_two()
        } else {
            layout.size()
        };
        Some(Class(CLASS_OF_GRAINS[size.div_ceil(GRAIN)]))
    }

    const fn size(self) -> usize {
        SIZES[self.0 as usize]
    }

    /// Objects in a slab.
    const fn objects(self) -> u32 {
        ((SLAB - HEADER) / self.size()) as u32
    }
}

/// Where frames come from.
///
/// # Safety
/// A frame that `take` returns is aligned to its size, nobody else's, and stays there until it is given back.
pub(super) unsafe trait Frames {
    /// A frame.
    fn take(&mut self) -> Option<*mut u8>;

    /// Gives a frame of [`Frames::take`] back.
    ///
    /// # Safety
    /// It came from `take`, and nobody uses it any more.
    unsafe fn give(&mut self, frame: *mut u8);
}

/// The head of a slab.
#[repr(C)]
struct Slab {
    /// Neighbours in the list of its class, while it has room.
    next: *mut Slab,
    previous: *mut Slab,
    /// Objects that were given back, linked through their first bytes.
    free: *mut FreeObject,
    /// How many objects are in use.
    used: u32,
    /// The first object that was never in use; all behind it were not either.
    untouched: u32,
}

const _: () = assert!(size_of::<Slab>() <= HEADER);

struct FreeObject {
    next: *mut FreeObject,
}

const _: () = assert!(size_of::<FreeObject>() <= SIZES[0]);

/// All slabs. The heads of the lists are of slabs with room.
pub(super) struct Slabs<F> {
    frames: F,
    with_room: [*mut Slab; SIZES.len()],
}

// SAFETY: the pointers are to frames that this owns, wherever it is.
unsafe impl<F: Send> Send for Slabs<F> {}

impl<F: Frames> Slabs<F> {
    pub(super) const fn new(frames: F) -> Slabs<F> {
        Slabs {
            frames,
            with_room: [null_mut(); SIZES.len()],
        }
    }

    /// Room for one object; `None` when there is no frame for another slab.
    #[inline]
    pub(super) fn allocate(&mut self, class: Class) -> Option<*mut u8> {
        let mut slab = self.with_room[usize::from(class.0)];
        if slab.is_null() {
            slab = self.begin(class)?;
        }
        // SAFETY: a slab in the list is a live frame of ours that begins with its header (`begin`) and has room; nobody else
        // looks at headers and free objects, and we are borrowed mutably.
        unsafe {
            let free = (*slab).free;
            let object = if free.is_null() {
                let index = (*slab).untouched;
                (*slab).untouched = index + 1;
                slab.cast::<u8>().add(HEADER + index as usize * class.size())
            } else {
                (*slab).free = (*free).next;
                free.cast()
            };
            (*slab).used += 1;
            if (*slab).used == class.objects() {
                self.unlink(slab, class);
            }
            Some(object)
        }
    }

    /// Gives an object back.
    ///
    /// # Safety
    /// It came from [`Slabs::allocate`] with the same class, and nobody uses it any more.
    #[inline]
    pub(super) unsafe fn release(&mut self, object: *mut u8, class: Class) {
        let slab = object.map_addr(|address| address & !(SLAB - 1)).cast::<Slab>();
        let free = object.cast::<FreeObject>();
        // SAFETY: the object lies in a slab of its class (our caller's promise), which is an aligned frame; so the header is
        // where we look. The object is ours again and large enough for a link.
        unsafe {
            free.write(FreeObject { next: (*slab).free });
            (*slab).free = free;
            if (*slab).used == class.objects() {
                self.link(slab, class);
            }
            (*slab).used -= 1;
            let is_only = (*slab).next.is_null() && (*slab).previous.is_null();
            if (*slab).used == 0 && !is_only {
                self.unlink(slab, class);
                self.frames.give(slab.cast());
            }
        }
    }

    /// Makes a slab with nothing in it, the first in the list of its class.
    #[cold]
    fn begin(&mut self, class: Class) -> Option<*mut Slab> {
        let slab = self.frames.take()?.cast::<Slab>();
        // SAFETY: the frame is ours alone (`Frames`), and larger than a header.
        unsafe {
            slab.write(Slab {
                next: null_mut(),
                previous: null_mut(),
                free: null_mut(),
                used: 0,
                untouched: 0,
            });
            self.link(slab, class);
        }
        Some(slab)
    }

    /// Lists a slab that has room.
    ///
    /// # Safety
    /// It is a live slab of this class that is in no list.
    unsafe fn link(&mut self, slab: *mut Slab, class: Class) {
        let head = &mut self.with_room[usize::from(class.0)];
        // SAFETY: our caller's slab is live, and so is the head if there is one.
        unsafe {
            (*slab).next = *head;
            (*slab).previous = null_mut();
            if let Some(next) = head.as_mut() {
                next.previous = slab;
            }
        }
        *head = slab;
    }

    /// Takes a slab out of its list.
    ///
    /// # Safety
    /// It is a live slab of this class that is in the list.
    unsafe fn unlink(&mut self, slab: *mut Slab, class: Class) {
        // SAFETY: our caller's slab is live, and so are its neighbours in the list.
        unsafe {
            let (next, previous) = ((*slab).next, (*slab).previous);
            match previous.as_mut() {
                Some(previous) => previous.next = next,
                None => self.with_room[usize::from(class.0)] = next,
            }
            if let Some(next) = next.as_mut() {
                next.previous = previous;
            }
            (*slab).next = null_mut();
            (*slab).previous = null_mut();
        }
    }
}

#[cfg(test)]
mod tests;
