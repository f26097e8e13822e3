//! An initial RAM disk for Linux: a cpio archive in the `newc` form, uncompressed (the kernel's
//! Documentation/driver-api/early-userspace/buffer-format.rst). Only what a first program needs: folders and
//! executable or plain files. Equal contents make equal archives: no times, no owners, numbers in order.

/// File type and permissions of each kind of member.
const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const FILE: u32 = 0o100_644;

/// The name of the member that ends an archive.
const TRAILER: &str = "TRAILER!!!";

/// An archive that is being written.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    members: u32,
}

impl Archive {
    /// Adds an empty folder.
    pub(super) fn folder(mut self, name: &str) -> Archive {
        self.add(name, FOLDER, &[]);
        self
    }

    /// Adds a file that can be executed.
    pub(super) fn program(mut self, name: &str, contents: &[u8]) -> Archive {
        self.add(name, PROGRAM, contents);
        self
    }

    /// Adds a file.
    pub(super) fn file(mut self, name: &str, contents: &[u8]) -> Archive {
        self.add(name, FILE, contents);
        self
    }

    /// Ends the archive: its bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.members = 0;
        self.add(TRAILER, 0, &[]);
        self.bytes
    }

    /// One member: a header of a magic and 13 numbers of eight hexadecimal digits, the name with a zero, the contents;
    /// each of the two padded to four bytes.
    ///
    /// # Panics
    /// When a file has 4 GiB or more, which the form cannot say.
    fn add(&mut self, name: &str, mode: u32, contents: &[u8]) {
        let size = |length: usize| u32::try_from(length).expect("a member is smaller than 4 GiB");
        if mode != 0 {
            self.members += 1;
        }
        let links = u32::from(mode != 0);
        // inode, mode, owner, group, links, time, size, device (2), device named (2), length of the name, checksum.
        let numbers = [
            self.members,
            mode,
            0,
            0,
            links,
            0,
            size(contents.len()),
            0,
            0,
            0,
            0,
            size(name.len() + 1),
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for number in numbers {
            self.bytes.extend_from_slice(format!("{number:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(contents);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an archive the way the kernel does: name, mode and contents of each member, up to the trailer.
    fn members(archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut found = Vec::new();
        let mut at = 0;
        loop {
            assert_eq!(&archive[at..at + 6], b"070701");
            let number = |index: usize| {
                let digits = &archive[at + 6 + index * 8..at + 14 + index * 8];
                usize::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
            };
            let (mode, size, name_size) = (u32::try_from(number(1)).unwrap(), number(6), number(11));
            let name_end = at + 110 + name_size;
            assert_eq!(archive[name_end - 1], 0);
            let name = String::from_utf8(archive[at + 110..name_end - 1].to_vec()).unwrap();
            let contents = name_end.next_multiple_of(4);
            at = (contents + size).next_multiple_of(4);
            if name == TRAILER {
                assert_eq!(at, archive.len());
                return found;
            }
            found.push((name, mode, archive[contents..contents + size].to_vec()));
        }
    }

    #[test]
    fn what_goes_into_an_archive_comes_out_of_it() {
        let archive = Archive::default()
            .folder("proc")
            .program("init", b"\x7fELF!")
            .file("plan", b"rows=call\n")
            .finish();
        assert_eq!(
            members(&archive),
            [
                ("proc".to_owned(), 0o040_755, Vec::new()),
                ("init".to_owned(), 0o100_755, b"\x7fELF!".to_vec()),
                ("plan".to_owned(), 0o100_644, b"rows=call\n".to_vec()),
            ]
        );
    }

    #[test]
    fn members_begin_at_multiples_of_four_and_have_numbers_of_their_own() {
        let archive = Archive::default().file("a", b"1").file("bc", b"12").finish();
        let magics: Vec<usize> = (0..archive.len() - 5)
            .filter(|at| &archive[*at..*at + 6] == b"070701")
            .collect();
        assert_eq!(magics.len(), 3);
        assert!(magics.iter().all(|at| at % 4 == 0));
        let inode = |at: usize| archive[at + 6..at + 14].to_vec();
        assert_ne!(inode(magics[0]), inode(magics[1]));
    }
}
