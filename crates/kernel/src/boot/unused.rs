//! What the loader gave and nobody looks at is named: whoever gave it means something by it. Rule P1.

use alloc::format;
use alloc::string::String;

use machine::boot::Unused;

/// A line for everything that is not used.
pub(super) fn lines(unused: Unused) -> impl Iterator<Item = String> {
    let Unused {
        command_line,
        modules,
        memory_map_entries,
    } = unused;
    let text = || "the kernel's command line is not read: it has to be UTF-8 of less than 4,096 bytes".into();
    let others = || {
        format!(
            "boot modules that are not read: {modules}. The first is the manifest, and there is no use for more"
        )
    };
    let memory = || {
        format!(
            "entries of the loader's memory map that are not read: {memory_map_entries}. Memory that they name is not used"
        )
    };
    [
        command_line.then(text),
        (modules > 0).then(others),
        (memory_map_entries > 0).then(memory),
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn p1_what_the_loader_gives_for_nothing_is_named_and_nothing_else() {
        assert_eq!(lines(Unused::default()).count(), 0);
        let all = Unused {
            command_line: true,
            modules: 2,
            memory_map_entries: 3,
        };
        let lines: Vec<String> = lines(all).collect();
        let parts = [
            "command line",
            "boot modules that are not read: 2",
            "memory map that are not read: 3",
        ];
        assert_eq!(lines.len(), parts.len());
        for (line, part) in lines.iter().zip(parts) {
            assert!(line.contains(part), "{line}");
        }
    }
}
