//! One CPU's stream: packets of events, little-endian, without padding.
//!
//! `events_discarded` counts from the beginning of the stream to the end of its packet, and readers report the difference
//! of two packets. What a ring has overwritten is older than all it still has, so a stream that lost events begins with an
//! empty packet that counts none.

use super::Material;
use super::class::{Event18, Value};
use sched::Instant;

const MAGIC: u32 = 0xc1fc_1fc1;
/// Magic, UUID, stream id; then seven fields of context, the last of 32 bits.
const HEADER_BYTES: usize = 24 + 6 * 8 + 4;
/// A packet is closed when it has reached this size.
const PACKET_BYTES: usize = 1 << 16;

/// A stream that is being written.
pub(super) struct Stream<'a> {
    material: &'a Material<'a>,
    cpu: u32,
    discarded: u64,
    packets: u64,
    done: Vec<u8>,
    /// Events of the packet under way.
    content: Vec<u8>,
    begin: Instant,
    end: Instant,
}

impl<'a> Stream<'a> {
    pub(super) fn new(material: &'a Material<'a>, cpu: u32, lost: u64) -> Stream<'a> {
        let begin = material.trace.begin();
        let mut stream = Stream {
            material,
            cpu,
            discarded: 0,
            packets: 0,
            done: Vec::new(),
            content: Vec::new(),
            begin,
            end: begin,
        };
        if lost > 0 {
            stream.close();
        }
        stream.discarded = lost;
        stream
    }

    pub(super) fn event(&mut self, at: Instant, event: &Event18) {
        if self.content.is_empty() {
            self.begin = at;
        }
        self.end = at;
        self.content.extend(event.class.to_le_bytes());
        self.content.extend(at.0.to_le_bytes());
        for value in &event.values {
            match value {
                Value::Small(number) => self.content.extend(number.to_le_bytes()),
                Value::Signed(number) => self.content.extend(number.to_le_bytes()),
                Value::Unsigned(number) => self.content.extend(number.to_le_bytes()),
                Value::Text(text) => {
                    self.content.extend(text.bytes().filter(|byte| *byte != 0));
                    self.content.push(0);
                }
            }
        }
        if self.content.len() >= PACKET_BYTES {
            self.close();
        }
    }

    /// The bytes of the stream's file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if !self.content.is_empty() {
            self.close();
        }
        self.done
    }

    fn close(&mut self) {
        let content = std::mem::take(&mut self.content);
        if content.is_empty() {
            self.begin = self.end;
        }
        let bits = 8 * (HEADER_BYTES + content.len()) as u64;
        self.done.extend(MAGIC.to_le_bytes());
        self.done.extend(self.material.uuid);
        self.done.extend(0_u32.to_le_bytes());
        for number in [self.begin.0, self.end.0, bits, bits, self.packets, self.discarded] {
            self.done.extend(number.to_le_bytes());
        }
        self.done.extend(self.cpu.to_le_bytes());
        self.done.extend(content);
        self.packets += 1;
    }
}
