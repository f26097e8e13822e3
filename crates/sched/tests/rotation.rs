//! A turn ends and the next begins in one step (`Cpu::rotate`), which must be what the four steps do that it stands for: ending,
//! queueing, picking and beginning. On one CPU, where nobody else meddles between the steps.

use proptest::prelude::*;
use sched::{
    Cpu, CpuId, EndReason, EnqueueReason, Entity, Horizon, Instant, LatencyClass, Nanos, Policy, ThreadId,
    Verdict, Weight,
};

type Thread = Box<Entity<()>>;

#[derive(Clone, Debug)]
enum Step {
    Spawn { weight: u16, class: u16 },
    Wake { which: usize },
    Block,
    Exit,
    Yield,
    Reconsider,
    Pass { nanos: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let nanos = prop_oneof![0..2_000_u64, 0..20_000_000_u64];
    let step = prop_oneof![
        3 => (prop_oneof![Just(64_u16), 1..=1024_u16], 0..4_u16)
            .prop_map(|(weight, class)| Step::Spawn { weight, class }),
        3 => any::<usize>().prop_map(|which| Step::Wake { which }),
        2 => Just(Step::Block),
        1 => Just(Step::Exit),
        3 => Just(Step::Yield),
        4 => Just(Step::Reconsider),
        5 => nanos.prop_map(|nanos| Step::Pass { nanos }),
    ];
    proptest::collection::vec(step, 1..300)
}

/// One CPU and its threads.
struct Lone {
    cpu: Cpu<()>,
    running: Option<Thread>,
    resting: Vec<Thread>,
    horizon: Option<Horizon>,
    now: Instant,
    born: u64,
    in_one_step: bool,
}

impl Lone {
    fn new(policy: Policy, in_one_step: bool) -> Lone {
        Lone {
            cpu: Cpu::new(CpuId(0), policy, Instant::BOOT),
            running: None,
            resting: Vec::new(),
            horizon: None,
            now: Instant::BOOT,
            born: 0,
            in_one_step,
        }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Spawn { weight, class } => {
                self.born += 1;
                let class = LatencyClass::from_number(class).unwrap();
                let thread = Entity::new(ThreadId(self.born), Weight::new(weight).unwrap(), class, ());
                self.queue(thread, EnqueueReason::New);
            }
            Step::Wake { which } => {
                if let Some(at) = which.checked_rem(self.resting.len()) {
                    let thread = self.resting.swap_remove(at);
                    self.queue(thread, EnqueueReason::Wake);
                }
            }
            Step::Block => {
                let resting = self.end(EndReason::Blocked);
                self.resting.extend(resting);
                self.begin();
            }
            Step::Exit => {
                let _ = self.end(EndReason::Exited);
                self.begin();
            }
            Step::Yield => self.make_way(EndReason::Yielded, EnqueueReason::Yielded),
            Step::Reconsider if self.running.is_some() => match self.cpu.reconsider(self.now) {
                Verdict::Keep(horizon) => self.horizon = horizon,
                Verdict::Switch => self.make_way(EndReason::Preempted, EnqueueReason::Preempted),
                Verdict::Fault => unreachable!("no thread here has a budget"),
            },
            Step::Reconsider => {}
            Step::Pass { nanos } => self.now = self.now + Nanos(nanos),
        }
    }

    fn queue(&mut self, thread: Thread, why: EnqueueReason) {
        let _ = self.cpu.enqueue(thread, why, self.now);
        if self.running.is_none() {
            self.begin();
        }
    }

    fn end(&mut self, why: EndReason) -> Option<Thread> {
        let mut thread = self.running.take()?;
        let _ = self.cpu.end(&mut thread, self.now, why);
        Some(thread)
    }

    fn begin(&mut self) {
        if self.running.is_none() {
            self.running = self.cpu.pick(self.now);
            self.horizon = match &mut self.running {
                Some(thread) => self.cpu.begin(thread, self.now),
                None => None,
            };
        }
    }

    fn make_way(&mut self, why: EndReason, back: EnqueueReason) {
        if self.in_one_step {
            if let Some(thread) = self.running.take() {
                let rotated = self.cpu.rotate(thread, self.now, why, |_, _, _| {});
                self.horizon = rotated.horizon;
                self.running = Some(rotated.entity);
            }
        } else if let Some(thread) = self.end(why) {
            let _ = self.cpu.enqueue(thread, back, self.now);
            self.begin();
        }
    }

    /// What a thread knows while it is in no queue, what its place in the last one left in it apart.
    fn state(&self) -> String {
        let outside = self.running.iter().chain(&self.resting);
        let outside: Vec<_> = outside.map(|thread| (thread.id(), thread.account())).collect();
        format!("{:?} {outside:?} {:?}", self.cpu, self.horizon)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn d1_making_way_in_one_step_is_what_the_four_steps_do(steps in steps(), eevdf: bool) {
        let policy = if eevdf { Policy::Eevdf } else { Policy::WeightedFair };
        let (mut at_once, mut step_by_step) = (Lone::new(policy, true), Lone::new(policy, false));
        for (number, step) in steps.iter().enumerate() {
            at_once.apply(step);
            step_by_step.apply(step);
            prop_assert_eq!(at_once.state(), step_by_step.state(), "after step {} {:?}", number, step);
        }
    }
}
