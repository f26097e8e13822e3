//! Which CPUs there are and how near they are to each other. Rules S2, X2: any number of CPUs, discovered.
//!
//! CPUs are kept in the order package, core, thread, so the siblings of a CPU and the CPUs of its package are each
//! one stretch of that order, and "near to far" is a walk over a few stretches without any table of distances.

use alloc::vec::Vec;
use core::ops::Range;

use crate::ids::CpuId;

/// Where one CPU sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuPlace {
    /// The CPU.
    pub cpu: CpuId,
    /// The physical package (socket).
    pub package: u32,
    /// The core, unique within its package.
    pub core: u32,
    /// The hardware thread, unique within its core.
    pub thread: u32,
}

/// Why a list of CPUs is not a topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopologyError {
    /// There is no CPU.
    Empty,
    /// CPU ids must be 0, 1, 2, … without gaps; this one is missing or occurs twice.
    NotDense(CpuId),
}

/// The machine's CPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Sorted by package, core, thread.
    places: Vec<CpuPlace>,
    /// By CPU id.
    spots: Vec<Spot>,
}

/// Where a CPU and its relatives are in `places`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spot {
    own: usize,
    core: Range<usize>,
    package: Range<usize>,
}

impl Topology {
    /// Builds the topology from the CPUs that were discovered, in any order.
    ///
    /// # Errors
    /// See [`TopologyError`].
    pub fn new(mut places: Vec<CpuPlace>) -> Result<Topology, TopologyError> {
        if places.is_empty() {
            return Err(TopologyError::Empty);
        }
        places.sort_by_key(|place| place.cpu);
        for (expected, place) in (0_u32..).zip(&places) {
            if place.cpu != CpuId(expected) {
                return Err(TopologyError::NotDense(CpuId(expected.min(place.cpu.0))));
            }
        }
        places.sort_by_key(|place| (place.package, place.core, place.thread, place.cpu));
        let mut spots: Vec<Spot> = places
            .iter()
            .map(|_| Spot {
                own: 0,
                core: 0..0,
                package: 0..0,
            })
            .collect();
        for (own, place) in places.iter().enumerate() {
            let core = stretch(&places, |other| {
                (other.package, other.core) == (place.package, place.core)
            });
            let package = stretch(&places, |other| other.package == place.package);
            spots[place.cpu.index()] = Spot { own, core, package };
        }
        Ok(Topology { places, spots })
    }

    /// `count` CPUs (at least one) without siblings in one package: what a machine without topology information is.
    #[must_use]
    pub fn flat(count: u32) -> Topology {
        let cpus = 0..count.max(1);
        let places: Vec<CpuPlace> = cpus
            .map(|n| CpuPlace {
                cpu: CpuId(n),
                package: 0,
                core: n,
                thread: 0,
            })
            .collect();
        let everywhere = 0..places.len();
        let spots = everywhere.clone().map(|own| Spot {
            own,
            core: own..own + 1,
            package: everywhere.clone(),
        });
        Topology {
            spots: spots.collect(),
            places,
        }
    }

    /// How many CPUs there are; their ids are below this.
    #[must_use]
    pub fn cpu_count(&self) -> u32 {
        self.places.len() as u32
    }

    /// The CPUs with their places, by package, core and thread.
    #[must_use]
    pub fn places(&self) -> &[CpuPlace] {
        &self.places
    }

    /// The place of one CPU.
    #[must_use]
    pub fn place(&self, cpu: CpuId) -> Option<&CpuPlace> {
        self.places.get(self.spots.get(cpu.index())?.own)
    }

    /// The other hardware threads of a CPU's core.
    pub fn siblings(&self, cpu: CpuId) -> impl Iterator<Item = CpuId> {
        self.walk(cpu, |spot, _| {
            [spot.own + 1..spot.core.end, spot.core.start..spot.own]
        })
    }

    /// Every other CPU, near to far: siblings, then the package, then the rest. Each stretch starts behind `cpu`, so
    /// CPUs that look for a neighbour at the same time do not all find the same one.
    pub fn others(&self, cpu: CpuId) -> impl Iterator<Item = CpuId> {
        self.walk(cpu, near_to_far)
    }

    /// How many CPUs come before `other` in the [`Topology::others`] of `cpu`; `None` if it is not among them.
    #[must_use]
    pub fn nearer_than(&self, cpu: CpuId, other: CpuId) -> Option<usize> {
        let sought = self.spots.get(other.index())?.own;
        let mut before = 0;
        for stretch in near_to_far(self.spots.get(cpu.index())?, self.places.len()) {
            if stretch.contains(&sought) {
                return Some(before + sought - stretch.start);
            }
            before += stretch.len();
        }
        None
    }

    fn walk<const N: usize>(
        &self,
        cpu: CpuId,
        stretches: impl Fn(&Spot, usize) -> [Range<usize>; N],
    ) -> impl Iterator<Item = CpuId> {
        let ranges = self
            .spots
            .get(cpu.index())
            .map(|spot| stretches(spot, self.places.len()));
        ranges
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|index| self.places.get(index))
            .map(|place| place.cpu)
    }
}

/// The stretches of places that are all but one's own, the nearest first.
fn near_to_far(spot: &Spot, count: usize) -> [Range<usize>; 6] {
    [
        spot.own + 1..spot.core.end,
        spot.core.start..spot.own,
        spot.core.end..spot.package.end,
        spot.package.start..spot.core.start,
        spot.package.end..count,
        0..spot.package.start,
    ]
}

/// The stretch of sorted places for which `same` holds.
fn stretch(places: &[CpuPlace], same: impl Fn(&CpuPlace) -> bool) -> Range<usize> {
    let start = places.iter().position(&same).unwrap_or(0);
    let length = places[start..].iter().take_while(|place| same(place)).count();
    start..start + length
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    /// Two packages of two cores of two threads; ids are dealt as firmware likes to: all first threads first.
    fn two_by_two_by_two() -> Topology {
        let mut places = vec![];
        for cpu in 0..8 {
            places.push(CpuPlace {
                cpu: CpuId(cpu),
                package: cpu / 2 % 2,
                core: cpu % 2,
                thread: cpu / 4,
            });
        }
        Topology::new(places).unwrap()
    }

    fn ids(cpus: impl Iterator<Item = CpuId>) -> vec::Vec<u32> {
        cpus.map(|cpu| cpu.0).collect()
    }

    #[test]
    fn siblings_share_package_and_core() {
        let topology = two_by_two_by_two();
        for cpu in 0..4 {
            assert_eq!(ids(topology.siblings(CpuId(cpu))), [cpu + 4]);
            assert_eq!(ids(topology.siblings(CpuId(cpu + 4))), [cpu]);
        }
        assert_eq!(ids(Topology::flat(3).siblings(CpuId(1))), []);
    }

    #[test]
    fn the_others_come_near_to_far_and_each_once() {
        let topology = two_by_two_by_two();
        assert_eq!(ids(topology.others(CpuId(0))), [4, 1, 5, 2, 6, 3, 7]);
        assert_eq!(ids(topology.others(CpuId(7))), [3, 2, 6, 0, 4, 1, 5]);
        assert_eq!(ids(Topology::flat(4).others(CpuId(2))), [3, 0, 1]);
    }

    #[test]
    fn how_many_are_nearer_is_the_place_among_the_others() {
        let topology = two_by_two_by_two();
        for cpu in 0..8 {
            for (before, other) in topology.others(CpuId(cpu)).enumerate() {
                assert_eq!(topology.nearer_than(CpuId(cpu), other), Some(before));
            }
            assert_eq!(topology.nearer_than(CpuId(cpu), CpuId(cpu)), None);
            assert_eq!(topology.nearer_than(CpuId(cpu), CpuId(8)), None);
        }
    }

    #[test]
    fn a_list_with_gaps_or_doubles_is_refused() {
        let at = |cpu| CpuPlace {
            cpu: CpuId(cpu),
            package: 0,
            core: cpu,
            thread: 0,
        };
        assert_eq!(Topology::new(vec![]), Err(TopologyError::Empty));
        assert_eq!(
            Topology::new(vec![at(0), at(2)]),
            Err(TopologyError::NotDense(CpuId(1)))
        );
        assert_eq!(
            Topology::new(vec![at(0), at(0), at(1)]),
            Err(TopologyError::NotDense(CpuId(0)))
        );
    }

    #[test]
    fn x2_a_thousand_cpus_are_as_good_as_four() {
        let topology = Topology::flat(1_024);
        assert_eq!(topology.others(CpuId(1_000)).count(), 1_023);
        assert_eq!(
            topology.others(CpuId(5_000)).count(),
            0,
            "an unknown CPU has no neighbours"
        );
    }
}
