//! What an actor can do, each with how often it does it. A run leaves out what it is told to leave out: so a failure is made
//! small.

use rt::random::Random;

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Deed {
    /// Calls an endpoint, and moves or copies capabilities along.
    Call,
    /// Receives from one.
    Receive,
    /// Answers a call that was received, with capabilities or with an exception.
    Answer,
    /// Withdraws a receive.
    Cancel,
    /// Drops a capability.
    Release,
    /// Makes a pipe.
    Pipe,
    /// Writes into one.
    Write,
    /// Reads from one.
    Read,
    /// Maps pages and unmaps others.
    Map,
    /// Takes away the pages that operations under way read and write, and brings them back.
    Meddle,
    /// Sleeps while other things are under way.
    Sleep,
    /// Parks.
    Park,
    /// Wakes who parks.
    Unpark,
    /// Gives way.
    Yield,
    /// Changes its own weight.
    Reweigh,
    /// Makes CPU time that is a limit.
    Limit,
    /// Carves CPU time out of what it has.
    Reserve,
    /// Binds itself to CPU time.
    Bind,
    /// Takes CPU time from whom it is bound to.
    Unbind,
    /// Ends CPU time for ever.
    Revoke,
    /// Asks what CPU time was used for, or waits to be told.
    Ask,
    /// Computes, and so uses its CPU time up.
    Compute,
    /// Submits nothing but NOPs.
    Nop,
    /// Waits for completions.
    Wait,
    /// Starts a process of its own that does the same.
    Spawn,
    /// Ends, in the middle of everything.
    Exit,
}

/// Each with its name in manifests, and how often it is drawn beside the others.
const ALL: [(Deed, &str, u32); 26] = [
    (Deed::Call, "call", 24),
    (Deed::Receive, "receive", 20),
    (Deed::Answer, "answer", 24),
    (Deed::Cancel, "cancel", 4),
    (Deed::Release, "release", 2),
    (Deed::Pipe, "pipe", 3),
    (Deed::Write, "write", 6),
    (Deed::Read, "read", 6),
    (Deed::Map, "map", 6),
    (Deed::Meddle, "meddle", 3),
    (Deed::Sleep, "sleep", 4),
    (Deed::Park, "park", 5),
    (Deed::Unpark, "unpark", 5),
    (Deed::Yield, "yield", 4),
    (Deed::Reweigh, "reweigh", 2),
    (Deed::Limit, "limit", 2),
    (Deed::Reserve, "reserve", 3),
    (Deed::Bind, "bind", 6),
    (Deed::Unbind, "unbind", 3),
    (Deed::Revoke, "revoke", 1),
    (Deed::Ask, "ask", 4),
    (Deed::Compute, "compute", 8),
    (Deed::Nop, "nop", 2),
    (Deed::Wait, "wait", 16),
    (Deed::Spawn, "spawn", 1),
    (Deed::Exit, "exit", 1),
];

impl Deed {
    /// The deed that manifests call so.
    pub fn from_name(name: &str) -> Option<Deed> {
        ALL.iter()
            .find(|(_, known, _)| *known == name)
            .map(|(deed, ..)| *deed)
    }

    /// The names of all of them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|(_, name, _)| *name)
    }

    const fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// Which deeds there are in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Menu(u64);

impl Menu {
    /// All but these.
    pub fn without(deeds: &[Deed]) -> Menu {
        Menu(
            ALL.iter().map(|(deed, ..)| deed.bit()).sum::<u64>()
                & !deeds.iter().fold(0, |all, deed| all | deed.bit()),
        )
    }

    /// As a number.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// From that number.
    pub const fn from_bits(bits: u64) -> Menu {
        Menu(bits)
    }

    /// Whether it has this one.
    pub const fn has(self, deed: Deed) -> bool {
        self.0 & deed.bit() != 0
    }

    /// Draws one; waiting is what is left when all is left out.
    pub fn draw(self, random: &mut Random) -> Deed {
        let offered = || ALL.iter().filter(|(deed, ..)| self.has(*deed));
        let total: u32 = offered().map(|(.., weight)| weight).sum();
        let mut drawn = random.below(total.max(1));
        for (deed, _, weight) in offered() {
            match drawn.checked_sub(*weight) {
                Some(rest) => drawn = rest,
                None => return *deed,
            }
        }
        Deed::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_menu_offers_everything_but_what_is_left_out() {
        let menu = Menu::without(&[Deed::Call, Deed::Exit]);
        let mut random = Random(1);
        let drawn: std::vec::Vec<Deed> = (0..6000).map(|_| menu.draw(&mut random)).collect();
        for (deed, name, _) in ALL {
            assert_eq!(Deed::from_name(name), Some(deed));
            assert_eq!(drawn.contains(&deed), menu.has(deed), "{name}");
        }
        assert_eq!(Menu::from_bits(0).draw(&mut random), Deed::Wait);
    }
}
