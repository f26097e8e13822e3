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
    Deliver { parcel: usize, to: usize },
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
        3 => (pick.clone(), table.clone()).prop_map(|(parcel, to)| Step::Deliver { parcel, to }),
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

    fn forget(&mut self, id: CapId) -> Option<u32> {
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

/// Every seventh thing stays where it is.
fn travels(thing: u32) -> bool {
    !thing.is_multiple_of(7)
}

struct OnTheWay {
    from: usize,
    descriptors: Vec<Descriptor>,
    parcel: Parcel<u32>,
    contents: Vec<u32>,
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
                    let side = &mut sides[table];
                    match side.table.insert(next_thing) {
                        Ok(id) => side.learn(id, next_thing),
                        Err(_) => prop_assert!(side.live.len() == limit || side.ever.len() > SLOTS),
                    }
                    next_thing += 1;
                }
                Step::Remove { table, pick } => {
                    let side = &mut sides[table];
                    if let Some(id) = side.ever.get(pick % side.ever.len().max(1)).copied() {
                        prop_assert_eq!(side.table.remove(id), side.forget(id));
                    }
                }
                Step::Stage { table, picks } => {
                    let side = &mut sides[table];
                    if side.ever.is_empty() {
                        continue;
                    }
                    // Recent ids, so that most of them are live.
                    let descriptors: Vec<_> = picks
                        .iter()
                        .map(|(pick, moving)| Descriptor {
                            id: side.ever[side.ever.len() - 1 - pick % side.ever.len().min(8)],
                            mode: if *moving { Mode::Move } else { Mode::Copy },
                        })
                        .collect();
                    let answer = side.table.stage(&descriptors, |thing| travels(*thing));
                    let verdict = answer.as_ref().map(|_| ()).map_err(|error| *error);
                    prop_assert_eq!(verdict, expected(side, &descriptors));
                    if let Ok(parcel) = answer {
                        let contents = descriptors.iter().map(|d| side.live[&d.id]).collect();
                        for descriptor in descriptors.iter().filter(|d| d.mode == Mode::Move) {
                            side.in_transit.insert(descriptor.id);
                        }
                        pending.push(OnTheWay { from: table, descriptors, parcel, contents });
                    }
                }
                Step::Deliver { parcel, to } => {
                    if pending.is_empty() {
                        continue;
                    }
                    let way = pending.swap_remove(parcel % pending.len());
                    let before = sides[to].live.len();
                    match sides[to].table.receive(&way.parcel) {
                        Ok(received) => {
                            prop_assert_eq!(received.len(), way.contents.len());
                            for (id, thing) in received.iter().zip(&way.contents) {
                                sides[to].learn(*id, *thing);
                            }
                            drop(sides[way.from].table.commit(way.parcel));
                            for descriptor in way.descriptors.iter().filter(|d| d.mode == Mode::Move) {
                                sides[way.from].forget(descriptor.id);
                            }
                        }
                        Err(_) => {
                            let worn_out = sides[to].ever.len() + 16 > SLOTS;
                            prop_assert!(before + way.contents.len() > limit || worn_out);
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
                drop(tables[owner].commit(parcel));
                (owner, id) = (to, received[0]);
            } else {
                drop(tables[owner].rollback(parcel));
            }
            prop_assert_eq!(tables.iter().map(Table::len).sum::<usize>(), 1);
            prop_assert_eq!(tables[owner].get(id), Some(&42));
        }
    }
}

fn roll_back(sides: &mut [Side], way: OnTheWay) {
    drop(sides[way.from].table.rollback(way.parcel));
    for descriptor in way
        .descriptors
        .iter()
        .filter(|descriptor| descriptor.mode == Mode::Move)
    {
        sides[way.from].in_transit.remove(&descriptor.id);
    }
}
