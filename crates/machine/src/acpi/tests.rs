//! Tables made by hand, honest and hostile. The memory is a leaked byte vector at a made-up address.

extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;

const BASE: u64 = 0x1000;

#[derive(Clone, Copy)]
struct Fake(&'static [u8]);

impl PhysicalMemory for Fake {
    fn bytes(&self, address: u64, length: usize) -> Option<&'static [u8]> {
        let start = usize::try_from(address.checked_sub(BASE)?).ok()?;
        self.0.get(start..start.checked_add(length)?)
    }
}

fn sealed(mut bytes: Vec<u8>, checksum_at: usize) -> Vec<u8> {
    bytes[checksum_at] = 0;
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[checksum_at] = sum.wrapping_neg();
    bytes
}

fn table(signature: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 36];
    bytes[..4].copy_from_slice(signature);
    bytes[4..8].copy_from_slice(&(36 + body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(body);
    sealed(bytes, 9)
}

/// A root pointer at `BASE`, an RSDT behind it, then the tables, in one piece of memory.
fn machine(tables: &[Vec<u8>]) -> Fake {
    let root_at = BASE + 32;
    let mut at = root_at + 36 + 4 * tables.len() as u64;
    let mut entries = Vec::new();
    for table in tables {
        entries.extend_from_slice(&(at as u32).to_le_bytes());
        at += table.len() as u64;
    }
    let mut pointer = vec![0; 20];
    pointer[..8].copy_from_slice(b"RSD PTR ");
    pointer[16..20].copy_from_slice(&(root_at as u32).to_le_bytes());
    let mut memory = sealed(pointer, 8);
    memory.resize(32, 0);
    memory.extend(self::table(b"RSDT", &entries));
    memory.extend(tables.concat());
    Fake(memory.leak())
}

fn madt(entries: &[&[u8]]) -> Vec<u8> {
    let mut body = 0xfee0_0000u32.to_le_bytes().to_vec();
    body.extend_from_slice(&1u32.to_le_bytes());
    body.extend(entries.concat());
    table(b"APIC", &body)
}

fn x2apic(id: u32, flags: u32) -> Vec<u8> {
    let mut entry = vec![9, 16, 0, 0];
    entry.extend_from_slice(&id.to_le_bytes());
    entry.extend_from_slice(&flags.to_le_bytes());
    entry.extend_from_slice(&7u32.to_le_bytes());
    entry
}

fn found(memory: Fake) -> Tables<Fake> {
    Tables::find(memory, Some(BASE)).expect("a root")
}

#[test]
fn p2_processors_of_both_kinds_are_found_once_and_only_when_enabled() {
    let big = x2apic(300, 1);
    let repeated = x2apic(1, 1);
    let entries: [&[u8]; 6] = [
        &[0, 8, 0, 0, 1, 0, 0, 0],
        &[0, 8, 1, 1, 1, 0, 0, 0],
        &[0, 8, 2, 2, 0, 0, 0, 0],
        &[0, 8, 3, 3, 2, 0, 0, 0],
        &big,
        &repeated,
    ];
    let processors: Vec<_> = found(machine(&[madt(&entries)]))
        .madt()
        .unwrap()
        .processors()
        .collect();
    assert_eq!(
        processors,
        [
            Processor {
                apic_id: 0,
                uid: 0,
                enabled: true
            },
            Processor {
                apic_id: 1,
                uid: 1,
                enabled: true
            },
            Processor {
                apic_id: 3,
                uid: 3,
                enabled: false
            },
            Processor {
                apic_id: 300,
                uid: 7,
                enabled: true
            },
        ]
    );
}

#[test]
fn p12_an_isa_line_follows_its_override() {
    let entries: [&[u8]; 3] = [
        &[1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0],
        &[2, 10, 0, 0, 2, 0, 0, 0, 0, 0],
        &[2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0],
    ];
    let madt = found(machine(&[madt(&entries)])).madt().unwrap();
    let io: Vec<_> = madt.io_apics().collect();
    assert_eq!(
        io,
        [IoApicEntry {
            id: 0,
            address: 0xfec0_0000,
            first_interrupt: 0
        }]
    );
    let line = |irq| {
        let line = madt.isa_line(irq);
        (line.global_interrupt, line.polarity, line.trigger)
    };
    assert_eq!(line(0), (2, Polarity::High, Trigger::Edge));
    assert_eq!(line(4), (4, Polarity::High, Trigger::Edge));
    assert_eq!(line(9), (9, Polarity::Low, Trigger::Level));
}

#[test]
fn p2_an_entry_with_an_impossible_length_ends_the_list() {
    for bad in [&[0u8, 0, 0, 0][..], &[0, 200, 5, 5], &[0]] {
        let entries: [&[u8]; 3] = [&[0, 8, 0, 0, 1, 0, 0, 0], bad, &[0, 8, 1, 1, 1, 0, 0, 0]];
        let count = found(machine(&[madt(&entries)]))
            .madt()
            .unwrap()
            .processors()
            .count();
        assert_eq!(count, 1, "after {bad:?}");
    }
    let short: [&[u8]; 1] = [&[0, 4, 0, 0]];
    assert_eq!(
        found(machine(&[madt(&short)]))
            .madt()
            .unwrap()
            .processors()
            .count(),
        0
    );
}

#[test]
fn p2_a_broken_checksum_or_length_is_a_missing_table() {
    let mut broken = madt(&[]);
    broken[40] ^= 1;
    assert!(found(machine(&[broken])).madt().is_none());
    let mut endless = madt(&[]);
    endless[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(found(machine(&[endless])).madt().is_none());
    let stunted = table(b"APIC", &[0; 4]);
    assert!(found(machine(&[stunted])).madt().is_none());
}

#[test]
fn p2_any_single_corrupted_byte_is_survived() {
    let entries: [&[u8]; 2] = [&[0, 8, 0, 0, 1, 0, 0, 0], &[2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0]];
    let good = machine(&[
        madt(&entries),
        table(b"HPET", &[0; 20]),
        table(b"FACP", &[0; 232]),
    ])
    .0;
    for at in 0..good.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = good.to_vec();
            bytes[at] = value;
            if let Some(tables) = Tables::find(Fake(bytes.leak()), Some(BASE)) {
                let _ = tables
                    .madt()
                    .map(|madt| (madt.processors().count(), madt.isa_line(9)));
                let _ = (tables.hpet(), tables.fadt());
            }
        }
    }
}

fn fadt_with(dsdt_at: u32) -> Vec<u8> {
    let mut body = vec![0; 244 - 36];
    let mut put = |offset: usize, bytes: &[u8]| body[offset - 36..][..bytes.len()].copy_from_slice(bytes);
    put(40, &dsdt_at.to_le_bytes());
    put(64, &0x604u32.to_le_bytes());
    put(76, &0x608u32.to_le_bytes());
    put(91, &[4]);
    put(108, &[0x32]);
    put(112, &(1u32 << 10).to_le_bytes());
    put(116, &[1, 8, 0, 1]);
    put(120, &0xcf9u64.to_le_bytes());
    put(128, &[0x0f]);
    table(b"FACP", &body)
}

#[test]
fn p1_power_off_and_reset_are_read_from_the_fixed_table_and_the_byte_code() {
    let aml = [
        &[0x5b, 0x80][..],
        b"\x08_S5_\x12\x06\x04\x0a\x05\x01\x00\x00",
        b"tail",
    ]
    .concat();
    // The DSDT is also listed in the root table, so its place is known: behind a FADT of 244 bytes.
    let dsdt_at = (BASE + 32 + 36 + 8 + 244) as u32;
    let tables = found(machine(&[fadt_with(dsdt_at), table(b"DSDT", &aml)]));
    let register = RegisterAddress {
        space: Space::Port,
        address: 0xcf9,
    };
    let power_off = PowerOff {
        control_a: 0x604,
        control_b: None,
        sleep_type_a: 5,
        sleep_type_b: 1,
    };
    assert_eq!(
        tables.fadt().unwrap(),
        Fadt {
            timer_port: Some(0x608),
            timer_32_bits: false,
            reset: Some(Reset {
                register,
                value: 0x0f
            }),
            power_off: Some(power_off),
            century_register: Some(0x32),
        }
    );
}

#[test]
fn p1_a_missing_dsdt_only_loses_the_power_off() {
    let fadt = found(machine(&[fadt_with(0xffff_0000)])).fadt().unwrap();
    assert!(fadt.power_off.is_none() && fadt.reset.is_some());
}

#[test]
fn p1_without_a_pointer_the_bios_area_is_searched() {
    let at_bios = machine(&[madt(&[])]);
    #[derive(Clone, Copy)]
    struct Moved(Fake);
    impl PhysicalMemory for Moved {
        fn bytes(&self, address: u64, length: usize) -> Option<&'static [u8]> {
            // The root pointer shows up on one 16-byte boundary of the BIOS area; the rest stays in place.
            if address == 0xf_5a40 {
                self.0.bytes(BASE, length)
            } else {
                self.0.bytes(address, length)
            }
        }
    }
    assert!(Tables::find(Moved(at_bios), None).is_some_and(|tables| tables.madt().is_some()));
    assert!(Tables::find(at_bios, None).is_none());
}
