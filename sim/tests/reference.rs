//! Reservations beside a reference that shares nothing with them: earliest deadline first over constant-bandwidth servers (Abeni and Buttazzo,
//! RTSS 1998, with throttling as on Linux), event by event in a few lines. bench/simso/misses.py asks SimSo the same. Rules E8 and E17.

use sched::context::{Binding, Refused};
use sim::{Jobs, Machine, input};

/// A reservation, and the jobs of the thread that has it; in microseconds.
#[derive(Clone, Copy, Debug)]
struct Task {
    budget: u64,
    period: u64,
    deadline: u64,
    work: u64,
    /// From one job to the next.
    every: u64,
}

/// A server with its jobs.
#[derive(Clone, Debug, Default)]
struct Server {
    /// Release and work left of those that are not done.
    jobs: std::collections::VecDeque<(u64, u64)>,
    next: u64,
    left: u64,
    due: u64,
    throttled_until: u64,
    done: u64,
    missed: u64,
    longest: u64,
}

/// What the reference has done by `end`, if all first jobs come at `begin`.
fn reference(tasks: &[Task], begin: u64, end: u64) -> Vec<Server> {
    let first = |_: &Task| Server {
        next: begin,
        ..Server::default()
    };
    let mut servers: Vec<Server> = tasks.iter().map(first).collect();
    let mut now = begin;
    while now < end {
        for (task, server) in tasks.iter().zip(&mut servers) {
            if server.throttled_until != 0 && server.throttled_until <= now {
                (server.left, server.due) = (task.budget, server.throttled_until + task.deadline);
                server.throttled_until = 0;
            }
            if server.next <= now {
                let stale = server.left * task.period >= server.due.saturating_sub(now) * task.budget;
                if server.jobs.is_empty() && server.throttled_until == 0 && stale {
                    (server.left, server.due) = (task.budget, now + task.deadline);
                }
                server.jobs.push_back((server.next, task.work));
                server.next += task.every;
            }
        }
        let events = servers
            .iter()
            .flat_map(|server| [server.next, server.throttled_until]);
        let next = events.filter(|at| *at > now).min().unwrap_or(end);
        let ready = servers.iter_mut().zip(tasks);
        let ready = ready.filter(|(server, _)| !server.jobs.is_empty() && server.throttled_until == 0);
        let Some((server, task)) = ready.min_by_key(|(server, _)| server.due) else {
            now = next;
            continue;
        };
        let (release, work) = &mut server.jobs[0];
        let ran = (next - now).min(*work).min(server.left);
        now += ran;
        *work -= ran;
        server.left -= ran;
        if *work == 0 {
            let took = now - *release;
            server.done += 1;
            server.missed += u64::from(took > task.deadline);
            server.longest = server.longest.max(took);
            server.jobs.pop_front();
        }
        if server.left == 0 {
            server.throttled_until = server.due - task.deadline + task.period;
        }
    }
    servers
}

/// A machine that runs the same.
fn ran(tasks: &[Task], begin: u64, end: u64) -> Machine {
    let mut text = format!("duration = '{end}us'\nmachine = {{ cpus = 1, entry = '1ns' }}\n");
    for (number, task) in tasks.iter().enumerate() {
        let Task {
            budget,
            period,
            deadline,
            work,
            every,
        } = task;
        text += &format!(
            "[[thread]]\nname = 'task {number}'\nrepeat = 'forever'\nstart = '{}us'
            reserve = {{ budget = '{budget}us', period = '{period}us', deadline = '{deadline}us' }}
            program = ['timer beat-{number} {every}us absolute', 'run {work}us']\n",
            begin - every
        );
    }
    let scenario = input::toml::read(&text, "tasks.toml").unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let mut machine = Machine::new(&scenario);
    let outcome = machine.run();
    assert_eq!(outcome.broken, None, "{text}");
    machine
}

/// A number below `most`, from a seed that moves on.
fn draw(seed: &mut u64, most: u64) -> u64 {
    // Knuth's linear congruential generator (MMIX).
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % most
}

/// The jobs are as late as the reference's, but for the nanosecond that each step of our programs takes; the last job may be done in one only.
fn are_the_same(ours: &[Jobs], theirs: &[Server]) -> bool {
    ours.iter().zip(theirs).all(|(our, their)| {
        let micros = our.longest.0.div_ceil(1_000);
        our.done.abs_diff(their.done) <= 1
            && our.missed.abs_diff(their.missed) <= u64::from(their.missed > 0)
            && micros.abs_diff(their.longest) <= 2
    })
}

/// Tasks of up to nine tenths of the CPU, whose jobs take up to `most` hundredths of their budgets and come when all that they used is back.
fn set(seed: &mut u64, most: u64) -> Vec<Task> {
    let count = 2 + draw(seed, 4);
    let task = |_| {
        // No two periods are multiples of each other, so few deadlines are the same.
        let period = 4_001 + draw(seed, 16_000);
        let budget = (period * (40 + draw(seed, 50)) / 100 / count).max(200);
        let work = budget * (50 + draw(seed, most - 49)) / 100;
        let every = period * work.div_ceil(budget) + draw(seed, 700);
        Task {
            budget,
            period,
            deadline: period,
            // The two steps of its program must not begin one budget more.
            work: work - u64::from(work.is_multiple_of(budget)),
            every,
        }
    };
    (0..count).map(task).collect()
}

#[test]
fn e17_jobs_within_their_budgets_take_as_long_as_by_earliest_deadline_first() {
    let seed = &mut 1;
    for _ in 0..60 {
        let tasks = set(seed, 100);
        let machine = ran(&tasks, 100_000, 600_000);
        let servers = reference(&tasks, 100_000, 600_000);
        assert_eq!(machine.refusals(), [], "{tasks:?}");
        assert!(
            machine
                .jobs()
                .iter()
                .all(|jobs| jobs.missed == 0 && jobs.done > 10)
        );
        assert!(
            are_the_same(machine.jobs(), &servers),
            "{tasks:?}\n{:?}\n{servers:?}",
            machine.jobs()
        );
    }
}

#[test]
fn e8_jobs_that_overrun_are_as_late_as_those_of_a_constant_bandwidth_server() {
    let (seed, mut missed) = (&mut 2, 0);
    for _ in 0..60 {
        let tasks = set(seed, 250);
        let machine = ran(&tasks, 100_000, 600_000);
        let servers = reference(&tasks, 100_000, 600_000);
        assert!(
            are_the_same(machine.jobs(), &servers),
            "{tasks:?}\n{:?}\n{servers:?}",
            machine.jobs()
        );
        missed += machine.jobs().iter().map(|jobs| jobs.missed).sum::<u64>();
    }
    assert!(missed > 1_000, "only {missed} jobs were late");
}

// Periods that divide 40 ms, so that everything repeats from there on.
#[test]
fn e17_what_is_admitted_misses_nothing_and_what_a_deadline_refuses_misses_in_a_schedule_that_is_shown() {
    let (seed, begin, end) = (&mut 3, 40_000, 121_000);
    let (mut admitted, mut refused) = (0, 0);
    for _ in 0..200 {
        let count = 2 + draw(seed, 4);
        let task = |_| {
            let period = [4_000, 5_000, 8_000, 10_000, 20_000, 40_000][draw(seed, 6) as usize];
            let budget = (period * (20 + draw(seed, 100)) / 100 / count).max(200);
            let deadline = budget + draw(seed, period - budget + 1);
            Task {
                budget,
                period,
                deadline,
                // What the steps of its program take is its own, too.
                work: budget - 1,
                every: period,
            }
        };
        let mut tasks: Vec<Task> = (0..count).map(task).collect();
        // In the order in which their threads come.
        tasks.sort_by_key(|task| core::cmp::Reverse(task.every));
        let machine = ran(&tasks, begin, end);
        let missed = |servers: &[Server]| servers.iter().any(|server| server.missed > 0);
        match machine.refusals() {
            [] => {
                admitted += 1;
                assert!(
                    machine
                        .jobs()
                        .iter()
                        .all(|jobs| jobs.missed == 0 && jobs.done > 0),
                    "{tasks:?}"
                );
            }
            [refusal, ..] => {
                let Refused::DoesNotFit { binding, most, .. } = refusal.refused else {
                    panic!("{refusal:?}");
                };
                let Binding::Deadline { .. } = binding else {
                    continue;
                };
                refused += 1;
                // Those that came before, and what it would be granted besides.
                let mut known = tasks[..=usize::from(refusal.kind.0)].to_vec();
                let whole = |tasks: &[Task]| {
                    tasks
                        .iter()
                        .map(|task| Task {
                            work: task.budget,
                            ..*task
                        })
                        .collect::<Vec<_>>()
                };
                assert!(missed(&reference(&whole(&known), begin, end)), "{known:?}");
                if let (Some(most), Some(last)) = (most, known.last_mut()) {
                    last.budget = most.0 / 1_000;
                    assert!(!missed(&reference(&whole(&known), begin, end)), "{known:?}");
                }
            }
        }
    }
    assert!(
        admitted > 40 && refused > 40,
        "{admitted} admitted, {refused} refused"
    );
}
