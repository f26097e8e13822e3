//! The crates that are mutated place by place, and whose tests hunt them. They are the pure ones: what they do can be tried on the
//! host, in seconds. What needs a boot is hunted by the mutants that are written down.

use crate::workspace;
use std::path::PathBuf;

/// A crate whose every place is mutated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crate {
    /// Its package, and its folder below `crates/`.
    pub(super) name: &'static str,
    /// Packages whose tests are asked, one after the other, about what its own tests let through: slower, and further away.
    pub(super) also: &'static [&'static str],
}

/// Small ones first.
pub(super) const CRATES: [Crate; 5] = [
    Crate {
        name: "caps",
        also: &[],
    },
    Crate {
        name: "rings",
        also: &["models"],
    },
    Crate {
        name: "manifest",
        also: &["sundial"],
    },
    Crate {
        name: "abi",
        also: &["models", "schema-gen"],
    },
    Crate {
        name: "sched",
        also: &["models", "sim"],
    },
];

impl Crate {
    /// The one of this name.
    pub(super) fn find(name: &str) -> Option<Crate> {
        CRATES.into_iter().find(|one| one.name == name)
    }

    /// The file in which the explained survivors are, and those that no test can tell from the code as it is.
    pub(super) fn explained(self) -> PathBuf {
        workspace::root()
            .join("mutants/explained")
            .join(self.name)
            .with_extension("toml")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_is_there() {
        for one in CRATES {
            let folder = workspace::root().join("crates").join(one.name);
            assert!(folder.join("Cargo.toml").is_file(), "{}", one.name);
        }
    }
}
