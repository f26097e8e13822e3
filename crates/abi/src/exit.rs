//! The kernel's last words: one 16-byte record on the debug port, then the virtual machine ends.
//!
//! The host keeps what comes out of the port and looks at the first whole record: {magic u32, kind u32, code
//! i64}.

/// I/O port of QEMU's `isa-debugcon` that takes the record byte by byte.
pub const REPORT_PORT: u16 = 0xe9;
/// I/O port of QEMU's `isa-debug-exit` that ends the machine.
pub const END_PORT: u16 = 0xf4;
/// First field of every record.
pub const MAGIC: u32 = 0x5355_4e44;
/// Bytes of a record.
pub const RECORD_BYTES: usize = 16;

/// Why the machine stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    /// Init exited; `code` is its exit code.
    InitExited = 1,
    /// The kernel found a bug in itself; its report is on the console.
    KernelPanic = 2,
    /// The manifest or a program in it was refused before anything started.
    BootRefused = 3,
}

/// Exit statuses of the command that boots a machine, besides init's own `code & 0xff`.
pub mod status {
    /// The kernel refused the manifest.
    pub const BOOT_REFUSED: u8 = 123;
    /// The machine did not end in time.
    pub const TIMED_OUT: u8 = 124;
    /// The kernel panicked.
    pub const KERNEL_PANIC: u8 = 125;
}

/// One report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// Why the machine stopped.
    pub kind: Kind,
    /// Init's exit code; zero otherwise.
    pub code: i64,
}

impl Report {
    /// The bytes to send.
    #[must_use]
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&(self.kind as u32).to_le_bytes());
        bytes[8..].copy_from_slice(&self.code.to_le_bytes());
        bytes
    }

    /// The report in these bytes, or `None` when they are none (wrong magic or kind).
    #[must_use]
    pub fn decode(bytes: &[u8; RECORD_BYTES]) -> Option<Self> {
        let [magic, kind, low, high] = core::array::from_fn(|i| {
            u32::from_le_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]])
        });
        if magic != MAGIC {
            return None;
        }
        let kind = match kind {
            1 => Kind::InitExited,
            2 => Kind::KernelPanic,
            3 => Kind::BootRefused,
            _ => return None,
        };
        Some(Self {
            kind,
            code: (u64::from(low) | u64::from(high) << 32) as i64,
        })
    }

    /// The exit status `./x boot` reports for this end.
    #[must_use]
    pub const fn status(&self) -> u8 {
        match self.kind {
            Kind::InitExited => self.code as u8,
            Kind::KernelPanic => status::KERNEL_PANIC,
            Kind::BootRefused => status::BOOT_REFUSED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_the_port_and_strangers_do_not() {
        let report = Report {
            kind: Kind::InitExited,
            code: -9,
        };
        assert_eq!(Report::decode(&report.encode()), Some(report));
        assert_eq!(report.status(), 0xf7);
        assert_eq!(
            Report {
                kind: Kind::KernelPanic,
                code: 0
            }
            .status(),
            125
        );
        for kind in [Kind::InitExited, Kind::KernelPanic, Kind::BootRefused] {
            let report = Report { kind, code: 1 << 40 };
            assert_eq!(Report::decode(&report.encode()), Some(report));
        }
        assert_eq!(Report::decode(&[0; RECORD_BYTES]), None);
        let mut unknown_kind = report.encode();
        unknown_kind[4] = 9;
        assert_eq!(Report::decode(&unknown_kind), None);
    }
}
