//! The crates that are mutated place by place, and whose tests hunt them. They are the pure ones: what they do can be tried on the
//! host, in seconds. What needs a boot is hunted by the mutants that are written down.

use crate::workspace;
use std::path::PathBuf;

/// A crate whose every place is mutated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crate {
    /// Its package, and its folder below `crates/`.
    pub(super) name: &'static str,
    /// The packages whose tests are asked first: its own, where it has any.
    pub(super) near: &'static [&'static str],
    /// Packages whose tests are asked, one after the other, about what those let through: slower, and further away.
    pub(super) far: &'static [&'static str],
}

/// Small ones first.
pub(super) const CRATES: [Crate; 6] = [
    Crate {
        name: "caps",
        near: &["caps"],
        far: &[],
    },
    Crate {
        name: "protocol",
        // The random lives of what it does are with the core that it drives.
        near: &["protocol", "sched"],
        far: &["models", "sim"],
    },
    Crate {
        name: "rings",
        near: &["rings"],
        far: &["models"],
    },
    Crate {
        name: "manifest",
        near: &["manifest"],
        far: &["sundial"],
    },
    Crate {
        name: "abi",
        near: &["abi"],
        far: &["models", "schema-gen"],
    },
    Crate {
        name: "sched",
        near: &["sched"],
        far: &["models", "sim"],
    },
];

impl Crate {
    /// The one of this name.
    pub(super) fn find(name: &str) -> Option<Crate> {
        CRATES.into_iter().find(|one| one.name == name)
    }

    /// The packages in the order in which they are asked; the near ones alone if it is to be quick.
    pub(super) fn packages(self, is_quick: bool) -> impl Iterator<Item = &'static str> {
        let far = self.far.iter().copied().filter(move |_| !is_quick);
        self.near.iter().copied().chain(far)
    }

    /// The file that the crate begins with, from the root of the repository.
    pub(super) fn root(self) -> String {
        format!("crates/{}/src/lib.rs", self.name)
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
