//! Opening the message, and getting text and bytes out of it without copying.
//!
//! Cap'n Proto's readers borrow from the message object, which dies when decoding ends; the manifest should
//! borrow from the input. Both point into the same bytes, so [`Input`] finds each piece again by its address.

use crate::error::{ManifestError, Problem};
use crate::path::Path;
use capnp::message::{Reader, ReaderOptions};
use capnp::serialize::{BufferSegments, read_message_from_flat_slice};

/// Words that may be visited, counting every visit: bounds the time that overlapping pointers can cost.
const TRAVERSAL_LIMIT_WORDS: usize = 64 * 1024 * 1024;
/// Depth of pointers.
const NESTING_LIMIT: i32 = 32;
/// Most elements of a list that has no limit of its own. Bounds the memory that overlapping pointers can
/// cost.
pub(crate) const LIST_LIMIT: usize = 256;
/// Most bytes of a text that has no limit of its own.
pub(crate) const TEXT_LIMIT: usize = 4096;

/// The message in these bytes.
pub(crate) fn open(bytes: &[u8]) -> Result<Reader<BufferSegments<&[u8]>>, ManifestError> {
    if bytes.is_empty() || bytes.len() > abi::limits::MANIFEST_BYTES {
        return Err(Path::Root.fail(Problem::Size { bytes: bytes.len() }));
    }
    let mut options = ReaderOptions::new();
    options
        .traversal_limit_in_words(Some(TRAVERSAL_LIMIT_WORDS))
        .nesting_limit(NESTING_LIMIT);
    let mut rest = bytes;
    read_message_from_flat_slice(&mut rest, options).map_err(|error| Path::Root.unreadable(&error))
}

/// Refuses a list that is too long, before anything is made of it.
pub(crate) fn at_most(path: &Path<'_>, count: u32, most: usize) -> Result<(), ManifestError> {
    let count = count as usize;
    if count > most {
        return Err(path.fail(Problem::TooMany { count, most }));
    }
    Ok(())
}

/// The bytes being decoded.
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// A text of at most `most` bytes.
    pub(crate) fn text(
        &self,
        path: &Path<'_>,
        text: capnp::Result<capnp::text::Reader<'_>>,
        most: usize,
    ) -> Result<&'a str, ManifestError> {
        let text = text.map_err(|error| path.unreadable(&error))?;
        let bytes = self.piece(path, text.as_bytes(), most)?;
        core::str::from_utf8(bytes).map_err(|error| {
            path.fail(Problem::Unreadable {
                reason: alloc::format!("{error}"),
            })
        })
    }

    /// Data of at most `most` bytes.
    pub(crate) fn data(
        &self,
        path: &Path<'_>,
        data: capnp::Result<&[u8]>,
        most: usize,
    ) -> Result<&'a [u8], ManifestError> {
        self.piece(path, data.map_err(|error| path.unreadable(&error))?, most)
    }

    fn piece(&self, path: &Path<'_>, piece: &[u8], most: usize) -> Result<&'a [u8], ManifestError> {
        if piece.len() > most {
            return Err(path.fail(Problem::TooLong {
                bytes: piece.len(),
                most,
            }));
        }
        if piece.is_empty() {
            // The default value of an absent pointer lies outside the message.
            return Ok(&[]);
        }
        let start = piece.as_ptr().addr().wrapping_sub(self.bytes.as_ptr().addr());
        let end = start.wrapping_add(piece.len());
        self.bytes.get(start..end).ok_or_else(|| {
            path.fail(Problem::Unreadable {
                reason: "outside the message".into(),
            })
        })
    }
}
