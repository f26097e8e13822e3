//! Programs: checked at boot, before anything starts; made ready to map the first time they are wanted. Pages that are
//! only read are shared by all processes that run the program. Rules P5, P13; docs/abi.md, section 1.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::layout::PAGE_SIZE;
use machine::memory::commitment;
use machine::memory::frames::Frame;
use machine::{BootCell, Lock};
use manifest::Manifest;
use manifest::program::{self, Permissions, Program, ProgramError, Segment};

use crate::memory::pages::Pages;
use crate::memory::protection::Protection;
use crate::memory::refusal::Refusal;
use crate::memory::region::Part;
use crate::memory::space::Space;

/// A program of the manifest.
pub struct Image {
    name: &'static str,
    data: &'static [u8],
    /// `None` for data that is no program.
    program: Option<Program>,
    /// The frames of each read-only segment, by position in `program.segments`; made on first use.
    shared: Lock<Option<Arc<Vec<Vec<Frame>>>>>,
}

static IMAGES: BootCell<Vec<Image>> = BootCell::new("process::IMAGES");

/// Checks every binary that claims to be a program, by its ELF magic. Others are data for init.
///
/// # Errors
/// The first one that is malformed.
pub fn init(manifest: &Manifest<'static>) -> Result<(), (&'static str, ProgramError)> {
    let mut images = Vec::new();
    for binary in &manifest.binaries {
        let program = if binary.data.starts_with(b"\x7fELF") {
            Some(program::check(binary.data).map_err(|error| (binary.name, error))?)
        } else {
            None
        };
        images.push(Image {
            name: binary.name,
            data: binary.data,
            program,
            shared: Lock::new(None),
        });
    }
    IMAGES.set(images);
    Ok(())
}

/// The program with this name.
pub fn find(name: &str) -> Option<&'static Image> {
    IMAGES
        .get()
        .iter()
        .find(|image| image.name == name && image.program.is_some())
}

/// What a process needs to know of its program once it is mapped.
pub struct Mapped {
    /// The first instruction.
    pub entry: u64,
    /// The first thread's thread pointer.
    pub fs_base: u64,
}

impl Image {
    /// Lays the program out in an empty space.
    ///
    /// # Errors
    /// When RAM is full.
    pub fn map(&self, space: &Space) -> Result<Mapped, Refusal> {
        let program = self.program.as_ref().ok_or(Refusal::Outside)?;
        let shared = self.shared_frames(program)?;
        for (segment, frames) in program.segments.iter().zip(shared.iter()) {
            let range = segment.pages();
            let pages = Pages::parse(range.start, range.end - range.start)?;
            match segment.permissions {
                Permissions::ReadWrite => {
                    space.add_part(pages, Protection::READ_WRITE, Part::Image)?;
                    for page in range.clone().step_by(PAGE_SIZE as usize) {
                        if let Some(frame) = filled(self.data, segment, page)? {
                            space.show(page, frame, Protection::READ_WRITE)?;
                        }
                    }
                }
                Permissions::Read => show_all(space, pages, frames, Protection::READ)?,
                Permissions::ReadExecute => show_all(space, pages, frames, Protection::READ_EXECUTE)?,
            }
        }
        Ok(Mapped {
            entry: program.entry,
            fs_base: self.map_tls(program, space)?,
        })
    }

    fn shared_frames(&self, program: &Program) -> Result<Arc<Vec<Vec<Frame>>>, Refusal> {
        let mut shared = self.shared.lock();
        if let Some(shared) = &*shared {
            return Ok(shared.clone());
        }
        // Taken once and kept for whoever runs the program next: nobody's account, but a promise like any other.
        let pages = program
            .segments
            .iter()
            .map(|segment| shared_pages(segment).count() as u64)
            .sum();
        if !commitment::promise(pages) {
            return Err(Refusal::NoMemory);
        }
        let made = self
            .make_shared(program)
            .inspect_err(|_| commitment::release(pages))?;
        Ok(shared.insert(Arc::new(made)).clone())
    }

    fn make_shared(&self, program: &Program) -> Result<Vec<Vec<Frame>>, Refusal> {
        let mut all = Vec::new();
        for segment in &program.segments {
            let pages = shared_pages(segment);
            let mut frames = Vec::new();
            frames
                .try_reserve_exact(pages.size_hint().0)
                .map_err(|_| Refusal::NoMemory)?;
            for page in pages {
                frames.push(match filled(self.data, segment, page)? {
                    Some(frame) => frame,
                    None => Frame::zeroed().ok_or(Refusal::NoMemory)?,
                });
            }
            all.push(frames);
        }
        Ok(all)
    }

    /// Makes the first thread's storage: the template ends at the thread pointer, where a word holds its own address
    /// (the System V ABI's variant II).
    fn map_tls(&self, program: &Program, space: &Space) -> Result<u64, Refusal> {
        let Some(tls) = &program.tls else { return Ok(0) };
        let size = tls.mem_size.next_multiple_of(tls.align);
        let start = abi::layout::TLS_BASE.next_multiple_of(tls.align.max(PAGE_SIZE));
        let pointer = start + size;
        let pages = Pages::parse(start, size + 8)?;
        space.add_part(pages, Protection::READ_WRITE, Part::Tls)?;
        let template = self.data.get(tls.file.clone()).unwrap_or(&[]);
        space
            .write(pointer - size, template)
            .map_err(|_| Refusal::NoMemory)?;
        space
            .write(pointer, &pointer.to_le_bytes())
            .map_err(|_| Refusal::NoMemory)?;
        Ok(pointer)
    }
}

/// The pages of a segment that all processes share: every one, unless it is written to.
fn shared_pages(segment: &Segment) -> impl Iterator<Item = u64> + use<> {
    let pages = if segment.permissions == Permissions::ReadWrite {
        0..0
    } else {
        segment.pages()
    };
    pages.step_by(PAGE_SIZE as usize)
}

fn show_all(space: &Space, pages: Pages, frames: &[Frame], protection: Protection) -> Result<(), Refusal> {
    space.add_shared_part(pages, protection, Part::Image)?;
    for (index, frame) in (0..).zip(frames) {
        space.show(pages.address() + index * PAGE_SIZE, frame.clone(), protection)?;
    }
    Ok(())
}

/// A frame with the file's bytes of the page at `page`, zero elsewhere; `None` if the file has nothing there.
fn filled(data: &[u8], segment: &Segment, page: u64) -> Result<Option<Frame>, Refusal> {
    let file = data.get(segment.file.clone()).unwrap_or(&[]);
    let file_end = segment.vaddr + file.len() as u64;
    let from = page.max(segment.vaddr);
    let to = (page + PAGE_SIZE).min(file_end);
    if from >= to {
        return Ok(None);
    }
    let frame = Frame::zeroed().ok_or(Refusal::NoMemory)?;
    let bytes = &file[(from - segment.vaddr) as usize..(to - segment.vaddr) as usize];
    frame.write((from - page) as usize, bytes);
    Ok(Some(frame))
}
