//! A periodic thread, such as one that moves a robot or fills a sound buffer, beside threads that compute, a storm of processes
//! and a storm of system calls: how late it is without a reservation of CPU time, and with one (rules E14, E16 and G2).
//!
//! [`crowd`] is what it has beside it, [`jobs`] runs it, [`latency`] says what came of it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod crowd;
pub mod jobs;
pub mod latency;

use alloc::format;
use alloc::string::{String, ToString};

use rt::context::{Context, Overrun, ms};
use rt::monitor::Monitor;
use rt::text::times::{share, time, typed};
use rt::text::{duration, grouped, number_in};
use rt::{Env, println};

use crowd::Crowd;
use jobs::Task;
use latency::{Latencies, comparison};

const USAGE: &str = "usage: reserve [BUDGET/PERIOD] [--deadline TIME] [--work TIME] [--jobs COUNT] [--hogs COUNT] [--strict]
  Once in every PERIOD a thread has work to do, beside COUNT computing threads (default 3 a CPU, at most 12), one
  that starts processes and one that makes system calls: first by its weight, then with a reservation. Prints how
  late its COUNT jobs (default 200) were begun and done.
  Default: 4ms/10ms, work for three quarters of the BUDGET, to be done within half of the PERIOD.
  Ends with 1 if it was refused, or with the reservation waited longer than a quarter of what it did without; with
  --strict, if any deadline was missed with it, as happens where the host has too few CPUs. Control-C ends it, too.";

/// Computing threads at most: a process has 16 threads.
const MOST_HOGS: u64 = 12;

struct Settings {
    budget_ns: u64,
    period_ns: u64,
    deadline_ns: u64,
    work_ns: u64,
    jobs: u32,
    hogs: Option<u32>,
    strict: bool,
}

fn parse(arguments: &[&str]) -> Result<Settings, String> {
    let mut settings = Settings {
        budget_ns: ms(4),
        period_ns: ms(10),
        deadline_ns: 0,
        work_ns: 0,
        jobs: 200,
        hogs: None,
        strict: false,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || {
            let value = rest.next();
            value.ok_or_else(|| format!("`{argument}` wants a value behind it"))
        };
        match *argument {
            "--deadline" => settings.deadline_ns = time(value()?, "deadline")?,
            "--work" => settings.work_ns = time(value()?, "time to work")?,
            "--jobs" => settings.jobs = number_in(value()?, "number of jobs", 10..=100_000)? as u32,
            "--hogs" => settings.hogs = Some(number_in(value()?, "number of hogs", 0..=MOST_HOGS)? as u32),
            "--strict" => settings.strict = true,
            other => (settings.budget_ns, settings.period_ns) = share(other)?,
        }
    }
    if settings.deadline_ns == 0 {
        settings.deadline_ns = settings.period_ns / 2;
    }
    if settings.work_ns == 0 {
        settings.work_ns = settings.budget_ns / 4 * 3;
    }
    Ok(settings)
}

/// The program.
pub fn run(env: &Env) -> i64 {
    let settings = match rt::text::settings(&env.arguments(), USAGE, parse) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    match compare(env, &settings) {
        Ok(is_kept) => i64::from(!is_kept),
        Err(problem) => {
            println!("reserve: {problem}");
            1
        }
    }
}

/// Runs the jobs both ways: whether the reservation was worth what it says.
fn compare(env: &Env, settings: &Settings) -> Result<bool, String> {
    let told = |error: rt::Error| error.to_string();
    let time: Context = env.first().map_err(told)?;
    // Asked for first: who is refused should not have to wait for that.
    let wish = Context::reserve(settings.budget_ns)
        .every(settings.period_ns)
        .due_within(settings.deadline_ns)
        .when_used_up(Overrun::Demote);
    let reservation = wish.carve(&time).map_err(told)?;
    let reservation = reservation.map_err(|refusal| refusal.to_string())?;
    let task = Task::new(env, settings.work_ns, settings.period_ns).map_err(told)?;
    let hogs = match settings.hogs {
        Some(hogs) => hogs,
        None => {
            let monitor: Monitor = env.first().map_err(told)?;
            let cpus = monitor.system(|info| Ok(info.get_cpu_count())).map_err(told)?;
            (3 * u64::from(cpus)).min(MOST_HOGS) as u32
        }
    };
    let crowd = Crowd::start(env, hogs).map_err(told)?;
    let without = task.run(settings.jobs, settings.deadline_ns).map_err(told)?;
    let bound = reservation.bind().map_err(told)?;
    bound.map_err(|refused| format!("binding this thread was answered with {refused:?}"))?;
    let with = task.run(settings.jobs, settings.deadline_ns).map_err(told)?;
    let (used, overruns, misses) = reservation
        .usage(|usage| Ok((usage.get_used_ns(), usage.get_overruns(), usage.get_misses())))
        .map_err(told)?;
    drop(reservation);
    let beside = crowd.stop().map_err(told)?;
    println!(
        "{} jobs of {} in every {}, due within {}, beside {hogs} hogs, {} started processes and {} system calls",
        settings.jobs,
        duration(task.work_ns),
        typed(settings.period_ns),
        typed(settings.deadline_ns),
        grouped(beside.processes),
        grouped(beside.calls),
    );
    for line in comparison(&without, &with, settings.deadline_ns) {
        println!("{line}");
    }
    println!(
        "its context: {} used, used up {overruns} times, {misses} deadlines missed",
        duration(used)
    );
    Ok(is_kept(settings.strict, &without, &with))
}

/// Whether the thread had what it was promised: no miss at all, or, where time is also taken by what this machine cannot see, a quarter
/// of the waiting at most.
fn is_kept(strict: bool, without: &Latencies, with: &Latencies) -> bool {
    with.missed == 0 || !strict && with.waited_ns <= without.waited_ns / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_understood_and_nonsense_is_named() {
        let usual = parse(&[]).unwrap();
        assert_eq!(
            (usual.budget_ns, usual.period_ns, usual.deadline_ns, usual.jobs),
            (ms(4), ms(10), ms(5), 200)
        );
        let settings = parse(&[
            "1ms/4ms",
            "--deadline",
            "3ms",
            "--jobs",
            "50",
            "--hogs",
            "0",
            "--strict",
        ])
        .unwrap();
        assert_eq!(
            (
                settings.period_ns,
                settings.deadline_ns,
                settings.hogs,
                settings.strict
            ),
            (ms(4), ms(3), Some(0), true)
        );
        for (wrong, problem) in [
            (["fly"].as_slice(), "`fly` is no budget in a period"),
            (&["--jobs", "1"], "`1` is no number of jobs from 10"),
            (&["--hogs", "13"], "`13` is no number of hogs from 0 to 12"),
            (&["--deadline"], "`--deadline` wants a value behind it"),
        ] {
            let said = parse(wrong).err().unwrap();
            assert!(said.starts_with(problem), "{said}");
        }
    }

    #[test]
    fn g2_a_reservation_is_kept_if_nothing_is_missed_or_hardly_waited_for() {
        let of = |missed, waited_ns| Latencies {
            missed,
            waited_ns,
            ..Latencies::default()
        };
        assert!(is_kept(true, &of(9, 100), &of(0, 100)));
        assert!(!is_kept(true, &of(9, 100), &of(1, 1)));
        assert!(is_kept(false, &of(9, 100), &of(1, 25)));
        assert!(!is_kept(false, &of(9, 100), &of(1, 26)));
    }
}
