//! The messages that actors write by hand: a struct of numbers, and a run of bytes. Both are one Cap'n Proto segment.

use alloc::vec::Vec;

/// Framing of one segment of so many words.
fn header(words: usize) -> u64 {
    (words as u64) << 32
}

/// A struct with these numbers and nothing else.
pub(super) fn numbers(numbers: &[u64]) -> Vec<u8> {
    let mut message = header(1 + numbers.len()).to_le_bytes().to_vec();
    message.extend((numbers.len() as u64).wrapping_shl(32).to_le_bytes());
    for number in numbers {
        message.extend(number.to_le_bytes());
    }
    message
}

/// A struct whose only field is what a scheduling context is to be: three times, the number of what happens when it is used up, and a set
/// of CPUs in one byte.
pub(super) fn spec(times: [u64; 3], overrun: u64, cpus: u8) -> Vec<u8> {
    let root = 1 << 48;
    let [budget, period, deadline] = times;
    let set = 1 | 2 << 32 | 1 << 35;
    [
        header(8),
        root,
        4 << 32 | 1 << 48,
        budget,
        period,
        deadline,
        overrun,
        set,
        u64::from(cpus),
    ]
    .into_iter()
    .flat_map(u64::to_le_bytes)
    .collect()
}

/// A struct whose only field is eight bytes or fewer.
pub(super) fn bytes(content: &[u8]) -> Vec<u8> {
    assert!(content.len() <= 8, "one word takes eight bytes");
    let mut word = [0; 8];
    word[..content.len()].copy_from_slice(content);
    let root = 1 << 48;
    let list = 1 | 2 << 32 | (content.len() as u64) << 35;
    [header(3), root, list, u64::from_le_bytes(word)]
        .into_iter()
        .flat_map(u64::to_le_bytes)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema_gen::system::OverrunPolicy;
    use schema_gen::system::scheduling_context::create_params;

    #[test]
    fn a_struct_of_numbers_is_framed_as_the_encoding_says() {
        assert_eq!(
            numbers(&[7])[..16],
            [0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]
        );
        assert_eq!(bytes(b"C1")[16..24], [1, 0, 0, 0, 0x12, 0, 0, 0]);
    }

    #[test]
    fn a_spec_is_what_the_schema_says() {
        let params = rt::message::encode::<create_params::Owned>(|root| {
            let mut spec = root.init_spec();
            spec.set_budget_ns(1);
            spec.set_period_ns(2);
            spec.set_relative_deadline_ns(3);
            spec.set_overrun_policy(OverrunPolicy::Demote);
            spec.set_cpu_mask(&[5]);
        });
        assert_eq!(spec([1, 2, 3], OverrunPolicy::Demote as u64, 5), params);
    }
}
