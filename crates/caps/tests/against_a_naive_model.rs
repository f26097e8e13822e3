//! Random histories of several tables against a model that is too simple to be wrong: a map from every id
//! ever given out to what it names now. Rule P6 (docs/rules/capabilities.md). Generations are narrowed to 2
//! bits, so slots wear out within a run.

use std::collections::{BTreeMap, BTreeSet};

use caps::{CapId, Descriptor, Mode, Parcel, SLOTS, Table, TransferError};
use proptest::prelude::*;

type Narrow = Table<u32, 2>;

const TABLES: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Insert { table: usize },
    Remove { table: usize, pick: usize },
    Stage { table: usize, picks: Vec<(usize, bool)> },
    StageOneByOne { table: usize, picks: Vec<(usize, bool)> },
    Park { parcel: usize },
    Deliver { parcel: usize, to: usize },
    Withdraw { parcel: usize, to: usize },
    GiveUp { parcel: usize },
    Forge { table: usize, raw: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let table = 0..TABLES;
    let pick = 0usize..64;
    let step = prop_oneof![
        4 => table.clone().prop_map(|table| Step::Insert { table }),
        3 => (table.clone(), pick.clone()).prop_map(|(table, pick)| Step::Remove { table, pick }),
        3 => (table.clone(), prop::collection::vec((pick.clone(), any::<bool>()), 0..5))
            .prop_map(|(table, picks)| Step::Stage { table, picks }),
        1 => (table.clone(), prop::collection::vec((pick.clone(), any::<bool>()), 0..5))
            .prop_map(|(table, picks)| Step::StageOneByOne { table, picks }),
        2 => pick.clone().prop_map(|parcel| Step::Park { parcel }),
        3 => (pick.clone(), table.clone()).prop_map(|(parcel, to)| Step::Deliver { parcel, to }),
        1 => (pick.clone(), table.clone()).prop_map(|(parcel, to)| Step::Withdraw { parcel, to }),
        1 => pick.prop_map(|parcel| Step::GiveUp { parcel }),
        1 => (table, 0u32..0x600).prop_map(|(table, raw)| Step::Forge { table, raw }),
    ];
    prop::collection::vec(step, 1..400)
}

/// One table and what the model knows about it.
struct Side {
    table: Narrow,
    live: BTreeMap<CapId, u32>,
    ever: Vec<CapId>,
    in_transit: BTreeSet<CapId>,
}

impl Side {
    fn new(limit: usize) -> Side {
        Side {
            table: Narrow::new(limit),
            live: BTreeMap::new(),
            ever: Vec::new(),
            in_transit: BTreeSet::new(),
        }
    }

    fn learn(&mut self, id: CapId, thing: u32) {
        assert!(!self.ever.contains(&id), "{id:?} was given out twice");
        self.ever.push(id);
        self.live.insert(id, thing);
    }

    fn remove(&mut self, id: CapId) -> Option<u32> {
        self.in_transit.remove(&id);
        self.live.remove(&id)
    }

    fn agrees(&self) {
        assert_eq!(self.table.len(), self.live.len());
        for id in &self.ever {
            assert_eq!(self.table.get(*id), self.live.get(id), "{id:?}");
            assert_eq!(self.table.in_transit(*id), self.in_transit.contains(id), "{id:?}");
        }
        assert!(
            self.table
                .iter()
                .map(|(id, thing)| (id, *thing))
                .eq(by_slot(&self.live))
        );
    }
}

fn by_slot(live: &BTreeMap<CapId, u32>) -> Vec<(CapId, u32)> {
    let mut all: Vec<_> = live.iter().map(|(id, thing)| (*id, *thing)).collect();
    all.sort_by_key(|(id, _)| id.slot());
    all
}

/// What `stage` has to answer, from the model alone.
fn expected(side: &Side, descriptors: &[Descriptor]) -> Result<(), TransferError> {
    let mut copied = BTreeSet::new();
    let mut moved = BTreeSet::new();
    for (index, descriptor) in descriptors.iter().enumerate() {
        let id = descriptor.id;
        if !side.live.contains_key(&id) {
            return Err(TransferError::Missing { index });
        }
        let moving = descriptor.mode == Mode::Move;
        if moved.contains(&id) || moving && copied.contains(&id) {
            return Err(TransferError::Repeated { index });
        }
        if moving && side.in_transit.contains(&id) {
            return Err(TransferError::InTransit { index });
        }
        if moving {
            moved.insert(id)
        } else {
            copied.insert(id)
        };
    }
    match descriptors
        .iter()
        .position(|descriptor| !travels(side.live[&descriptor.id]))
    {
        Some(index) => Err(TransferError::NotTransferable { index }),
        None => Ok(()),
    }
}

/// What one of several descriptors that are judged one by one has to be answered.
fn expected_of_one(side: &Side, before: &[Descriptor], next: Descriptor) -> Result<(), TransferError> {
    let index = before.len();
    let moved = |other: &Descriptor| other.id == next.id && other.mode == Mode::Move;
    match () {
        () if before.iter().any(moved) => Err(TransferError::Repeated { index }),
        () if !side.live.contains_key(&next.id) => Err(TransferError::Missing { index }),
        () if next.mode == Mode::Move && side.in_transit.contains(&next.id) => {
            Err(TransferError::InTransit { index })
        }
        () => Ok(()),
    }
}

/// Every seventh thing stays where it is.
fn travels(thing: u32) -> bool {
    !thing.is_multiple_of(7)
}

struct OnTheWay {
    from: usize,
    descriptors: Vec<Descriptor>,
    parcel: Parcel<u32>,
    contents: Vec<u32>,
    parked: bool,
}

impl OnTheWay {
    fn moved(&self) -> impl Iterator<Item = CapId> {
        let moved = self
            .descriptors
            .iter()
            .filter(|descriptor| descriptor.mode == Mode::Move);
        moved.map(|descriptor| descriptor.id)
    }

    fn copies(&self) -> usize {
        self.descriptors.len() - self.moved().count()
    }

    /// How many places of its sender it takes that are no slots.
    fn places(&self, sender: &Side) -> usize {
        let homeless = self.moved().filter(|id| !sender.live.contains_key(id)).count();
        homeless + if self.parked { self.copies() } else { 0 }
    }
}

/// How many places of a table are taken by what waits elsewhere.
fn parked(sides: &[Side], pending: &[OnTheWay], table: usize) -> usize {
    let own = pending.iter().filter(|way| way.from == table);
    own.map(|way| way.places(&sides[table])).sum()
}

/// Recent ids of a table, so that most of them are live.
fn descriptors(side: &Side, picks: &[(usize, bool)]) -> Vec<Descriptor> {
    picks
        .iter()
        .map(|(pick, moving)| Descriptor {
            id: side.ever[side.ever.len() - 1 - pick % side.ever.len().min(8)],
            mode: if *moving { Mode::Move } else { Mode::Copy },
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn p6_tables_and_transfers_agree_with_a_map_of_ids(limit in 1usize..12, history in steps()) {
        let mut sides: Vec<Side> = (0..TABLES).map(|_| Side::new(limit)).collect();
        let mut pending: Vec<OnTheWay> = Vec::new();
        let mut next_thing = 0;
        for step in history {
            match step {
                Step::Insert { table } => {
                    let waiting = parked(&sides, &pending, table);
                    let side = &mut sides[table];
                    match side.table.insert(next_thing) {
                        Ok(id) => {
                            prop_assert!(side.live.len() + waiting < limit);
                            side.learn(id, next_thing);
                        }
                        Err(_) => {
                            prop_assert!(side.live.len() + waiting >= limit || side.ever.len() > SLOTS);
                        }
                    }
                    next_thing += 1;
                }
                Step::Remove { table, pick } => {
                    let side = &mut sides[table];
                    if let Some(id) = side.ever.get(pick % side.ever.len().max(1)).copied() {
                        prop_assert_eq!(side.table.remove(id), side.remove(id));
                    }
                }
                Step::Stage { table, picks } => {
                    let side = &mut sides[table];
                    if side.ever.is_empty() {
                        continue;
                    }
                    let descriptors = descriptors(side, &picks);
                    let answer = side.table.stage(&descriptors, |thing| travels(*thing));
                    let verdict = answer.as_ref().map(|_| ()).map_err(|error| *error);
                    prop_assert_eq!(verdict, expected(side, &descriptors));
                    if let Ok(parcel) = answer {
                        let contents = descriptors.iter().map(|d| side.live[&d.id]).collect();
                        for descriptor in descriptors.iter().filter(|d| d.mode == Mode::Move) {
                            side.in_transit.insert(descriptor.id);
                        }
                        pending.push(OnTheWay { from: table, descriptors, parcel, contents, parked: false });
                    }
                }
                Step::StageOneByOne { table, picks } => {
                    let side = &mut sides[table];
                    if side.ever.is_empty() {
                        continue;
                    }
                    let (mut parcel, mut taken, mut contents) = (Parcel::empty(), Vec::new(), Vec::new());
                    for descriptor in descriptors(side, &picks) {
                        let answer = side.table.stage_into(&mut parcel, descriptor);
                        let wanted = expected_of_one(side, &taken, descriptor).map(|()| side.live[&descriptor.id]);
                        prop_assert_eq!(answer, wanted);
                        if answer.is_ok() {
                            contents.push(side.live[&descriptor.id]);
                            taken.push(descriptor);
                            if descriptor.mode == Mode::Move {
                                side.in_transit.insert(descriptor.id);
                            }
                        }
                    }
                    pending.push(OnTheWay { from: table, descriptors: taken, parcel, contents, parked: false });
                }
                Step::Park { parcel } => {
                    if pending.is_empty() {
                        continue;
                    }
                    let index = parcel % pending.len();
                    let from = pending[index].from;
                    let taken = sides[from].live.len() + parked(&sides, &pending, from);
                    let way = &mut pending[index];
                    let fits = way.parked || way.copies() <= limit.saturating_sub(taken);
                    prop_assert_eq!(sides[from].table.park(&mut way.parcel).is_ok(), fits);
                    way.parked |= fits;
                }
                Step::Withdraw { parcel, to } => {
                    if pending.is_empty() {
                        continue;
                    }
                    let way = &pending[parcel % pending.len()];
                    if let Ok(received) = sides[to].table.receive(&way.parcel) {
                        let ids = received.to_vec();
                        for id in &ids {
                            // Ids that were never shown count as given out: nobody gets them again.
                            prop_assert_eq!(sides[to].table.get(*id), None);
                            prop_assert!(!sides[to].ever.contains(id));
                        }
                        sides[to].table.withdraw(received);
                        sides[to].ever.extend(ids);
                    }
                }
                Step::Deliver { parcel, to } => {
                    if pending.is_empty() {
                        continue;
                    }
                    let way = pending.swap_remove(parcel % pending.len());
                    let before = sides[to].live.len();
                    let waiting = parked(&sides, &pending, to) + if way.from == to { way.places(&sides[to]) } else { 0 };
                    match sides[to].table.receive(&way.parcel) {
                        Ok(received) => {
                            prop_assert_eq!(received.len(), way.contents.len());
                            let ids = received.to_vec();
                            sides[to].table.accept(received);
                            for (id, thing) in ids.iter().zip(&way.contents) {
                                sides[to].learn(*id, *thing);
                            }
                            let moved: Vec<_> = way.moved().collect();
                            drop(sides[way.from].table.commit(way.parcel));
                            for id in moved {
                                sides[way.from].remove(id);
                            }
                        }
                        Err(_) => {
                            let worn_out = sides[to].ever.len() + 16 > SLOTS;
                            prop_assert!(before + waiting + way.contents.len() > limit || worn_out);
                            prop_assert_eq!(sides[to].table.len(), before);
                            roll_back(&mut sides, way);
                        }
                    }
                }
                Step::GiveUp { parcel } => {
                    if !pending.is_empty() {
                        let way = pending.swap_remove(parcel % pending.len());
                        roll_back(&mut sides, way);
                    }
                }
                Step::Forge { table, raw } => {
                    let id = CapId::from_raw(raw);
                    prop_assert_eq!(sides[table].table.get(id), sides[table].live.get(&id));
                }
            }
            sides.iter().for_each(Side::agrees);
            for (index, side) in sides.iter().enumerate() {
                prop_assert_eq!(side.table.parked(), parked(&sides, &pending, index));
            }
        }
    }

    #[test]
    fn p6_a_moved_capability_is_in_exactly_one_table(
        route in prop::collection::vec((0..TABLES, any::<bool>()), 1..200),
    ) {
        let mut tables: Vec<Table<u32>> = (0..TABLES).map(|_| Table::new(2)).collect();
        let mut owner = 0;
        let mut id = tables[0].insert(42).unwrap();
        for (to, arrives) in route {
            let parcel = tables[owner].stage(&[Descriptor { id, mode: Mode::Move }], |_| true).unwrap();
            if arrives {
                let received = tables[to].receive(&parcel).unwrap();
                let there = received[0];
                tables[to].accept(received);
                drop(tables[owner].commit(parcel));
                (owner, id) = (to, there);
            } else {
                drop(tables[owner].rollback(parcel));
            }
            prop_assert_eq!(tables.iter().map(Table::len).sum::<usize>(), 1);
            prop_assert_eq!(tables[owner].get(id), Some(&42));
        }
    }
}

fn roll_back(sides: &mut [Side], way: OnTheWay) {
    for id in way.moved() {
        sides[way.from].in_transit.remove(&id);
    }
    drop(sides[way.from].table.rollback(way.parcel));
}
