//! The capset page: the named capabilities a process is born with, in grant order.
//!
//! A header of 16 bytes (magic, version, count), then up to 85 entries of 48 bytes: capability, length of the
//! name, interface, name. The kernel writes the page once; the process can only read it.

use crate::layout::PAGE_SIZE;

/// A page as bytes.
pub type Page = [u8; PAGE_SIZE as usize];

/// First eight bytes of the page.
pub const MAGIC: [u8; 8] = *b"capsetv1";
/// Version of the layout.
pub const VERSION: u32 = 1;
/// Entries that fit.
pub const MAX_ENTRIES: usize = (PAGE_SIZE as usize - HEADER_BYTES) / ENTRY_BYTES;
/// Longest name in bytes.
pub const MAX_NAME_BYTES: usize = 32;

const HEADER_BYTES: usize = 16;
const ENTRY_BYTES: usize = 48;

/// One named capability.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// 1 to [`MAX_NAME_BYTES`] bytes.
    pub name: &'a str,
    /// Capability in the process's table.
    pub cap_id: u32,
    /// Interface it answers.
    pub interface_id: u64,
}

/// Why an entry cannot be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddError {
    /// The name is empty.
    EmptyName,
    /// The name is longer than [`MAX_NAME_BYTES`].
    LongName,
    /// An earlier entry has this name.
    DuplicateName,
    /// [`MAX_ENTRIES`] are there already.
    Full,
}

/// Why a page is not a capset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadError {
    /// The magic is wrong.
    Magic,
    /// The version is not [`VERSION`].
    Version,
    /// The count exceeds [`MAX_ENTRIES`].
    Count,
}

/// Writes a capset page entry by entry; the page is valid after every step.
#[derive(Debug)]
pub struct Writer<'a> {
    page: &'a mut Page,
    count: usize,
}

impl<'a> Writer<'a> {
    /// Makes `page` an empty capset.
    pub fn new(page: &'a mut Page) -> Self {
        page.fill(0);
        page[..8].copy_from_slice(&MAGIC);
        page[8..12].copy_from_slice(&VERSION.to_le_bytes());
        Self { page, count: 0 }
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// The page is unchanged when the name or the page does not allow it.
    pub fn add(&mut self, entry: Entry<'_>) -> Result<(), AddError> {
        check_name(entry.name)?;
        if self.count == MAX_ENTRIES {
            return Err(AddError::Full);
        }
        if (0..self.count).any(|index| entry_at(self.page, index).is_some_and(|e| e.name == entry.name)) {
            return Err(AddError::DuplicateName);
        }
        let start = HEADER_BYTES + self.count * ENTRY_BYTES;
        let bytes = &mut self.page[start..start + ENTRY_BYTES];
        bytes[..4].copy_from_slice(&entry.cap_id.to_le_bytes());
        bytes[4..8].copy_from_slice(&(entry.name.len() as u32).to_le_bytes());
        bytes[8..16].copy_from_slice(&entry.interface_id.to_le_bytes());
        bytes[16..16 + entry.name.len()].copy_from_slice(entry.name.as_bytes());
        self.count += 1;
        self.page[12..16].copy_from_slice(&(self.count as u32).to_le_bytes());
        Ok(())
    }
}

/// Checks that a name can stand in a capset.
///
/// # Errors
/// [`AddError::EmptyName`] or [`AddError::LongName`].
pub const fn check_name(name: &str) -> Result<(), AddError> {
    match name.len() {
        0 => Err(AddError::EmptyName),
        1..=MAX_NAME_BYTES => Ok(()),
        _ => Err(AddError::LongName),
    }
}

/// A checked capset page.
#[derive(Clone, Copy, Debug)]
pub struct Capset<'a> {
    page: &'a Page,
    count: usize,
}

impl<'a> Capset<'a> {
    /// Checks the header.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(page: &'a Page) -> Result<Self, ReadError> {
        if page[..8] != MAGIC {
            return Err(ReadError::Magic);
        }
        if u32_at(page, 8) != VERSION {
            return Err(ReadError::Version);
        }
        match u32_at(page, 12) as usize {
            count if count <= MAX_ENTRIES => Ok(Self { page, count }),
            _ => Err(ReadError::Count),
        }
    }

    /// The entries in grant order, without those whose name is not text of a permitted length.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let page = self.page;
        (0..self.count).filter_map(move |index| entry_at(page, index))
    }

    /// The entry with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Entry<'a>> {
        self.entries().find(|entry| entry.name == name)
    }
}

fn entry_at(page: &Page, index: usize) -> Option<Entry<'_>> {
    let start = HEADER_BYTES + index * ENTRY_BYTES;
    let length = u32_at(page, start + 4) as usize;
    let name = page.get(start + 16..start + ENTRY_BYTES)?.get(..length)?;
    let name = core::str::from_utf8(name).ok()?;
    check_name(name).ok()?;
    let interface_id = u64::from(u32_at(page, start + 8)) | u64::from(u32_at(page, start + 12)) << 32;
    Some(Entry {
        name,
        cap_id: u32_at(page, start),
        interface_id,
    })
}

fn u32_at(page: &Page, at: usize) -> u32 {
    u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{boxed::Box, format, vec::Vec};

    fn page() -> Box<Page> {
        Box::new([0xaa; PAGE_SIZE as usize])
    }

    #[test]
    fn p6_names_and_order_survive_and_the_rest_is_zero() {
        let mut page = page();
        let mut writer = Writer::new(&mut page);
        let console = Entry {
            name: "console",
            cap_id: 0x101,
            interface_id: 0x913a_e022_0246_3262,
        };
        let timer = Entry {
            name: "timer",
            cap_id: 0x102,
            interface_id: 0x9ac1_5f2e_068e_4b7b,
        };
        writer.add(console).unwrap();
        writer.add(timer).unwrap();
        let capset = Capset::read(&page).unwrap();
        assert_eq!(capset.entries().collect::<Vec<_>>(), [console, timer]);
        assert_eq!(capset.find("timer"), Some(timer));
        assert_eq!(capset.find("time"), None);
        assert!(page[16 + 2 * 48..].iter().all(|byte| *byte == 0));
        assert_eq!(page[16..20], [1, 1, 0, 0]);
        assert_eq!(&page[32..40], b"console\0");
    }

    #[test]
    fn p6_eighty_five_entries_fit_and_no_more() {
        let mut page = page();
        let mut writer = Writer::new(&mut page);
        for index in 0..MAX_ENTRIES {
            let name = format!("cap-{index}-{}", "x".repeat(20));
            writer
                .add(Entry {
                    name: &name,
                    cap_id: index as u32,
                    interface_id: 1,
                })
                .unwrap();
        }
        let more = Entry {
            name: "more",
            cap_id: 1,
            interface_id: 1,
        };
        assert_eq!((MAX_ENTRIES, writer.add(more)), (85, Err(AddError::Full)));
        assert_eq!(Capset::read(&page).unwrap().entries().count(), 85);
    }

    #[test]
    fn p6_bad_names_are_refused_not_truncated() {
        let mut page = page();
        let mut writer = Writer::new(&mut page);
        let named = |name| Entry {
            name,
            cap_id: 1,
            interface_id: 1,
        };
        writer.add(named("twice")).unwrap();
        assert_eq!(writer.add(named("twice")), Err(AddError::DuplicateName));
        assert_eq!(writer.add(named("")), Err(AddError::EmptyName));
        assert_eq!(writer.add(named("a-name-of-thirty-two-bytes-exact")), Ok(()));
        assert_eq!(
            writer.add(named("a-name-of-thirty-three-bytes-here")),
            Err(AddError::LongName)
        );
        assert_eq!(Capset::read(&page).unwrap().entries().count(), 2);
    }

    #[test]
    fn p6_a_page_that_is_no_capset_is_refused() {
        let mut page = page();
        assert_eq!(Capset::read(&page).err(), Some(ReadError::Magic));
        Writer::new(&mut page);
        page[12] = 86;
        assert_eq!(Capset::read(&page).err(), Some(ReadError::Count));
        page[8] = 2;
        assert_eq!(Capset::read(&page).err(), Some(ReadError::Version));
    }
}
