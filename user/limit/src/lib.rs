//! A thread that does nothing but compute, under one limit of CPU time after the other: what was asked for beside what it
//! got, to the nanosecond (rules E2, E3 and E8).
//!
//! [`held`] says how much a limit allows; this file runs the thread and looks at its context.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod held;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint::black_box;
use core::sync::atomic::{AtomicBool, Ordering};

use rt::context::{Context, ms, us};
use rt::text::times::{share, time, typed};
use rt::text::{Table, duration, grouped, number_in, percent};
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Env, println};

use held::Limit;

const USAGE: &str = "usage: limit [BUDGET/PERIOD...] [--periods COUNT] [--late TIME]
  Lets one thread compute under each limit in turn, at least COUNT periods long (default 50), and prints how
  much of a CPU was asked for and how much it got. A timer may come late by TIME (default 20us); what was used
  too much comes off later, which is waited for. Ends with 1 if a limit was exceeded by more. Control-C ends it, too.
  Default: 1ms/10ms 2ms/10ms 5ms/10ms 9ms/10ms 500us/2ms.";

/// Limits that are tried without any being named.
const USUAL: [&str; 5] = ["1ms/10ms", "2ms/10ms", "5ms/10ms", "9ms/10ms", "500us/2ms"];

/// Turns of the loop between two looks at whether it is over.
const TURNS: u32 = 1_000;

struct Settings {
    limits: Vec<Limit>,
    periods: u64,
    late_ns: u64,
}

/// What a thread got under a limit.
struct Got {
    used_ns: u64,
    elapsed_ns: u64,
    spent: u64,
}

fn parse(arguments: &[&str]) -> Result<Settings, String> {
    let mut settings = Settings {
        limits: Vec::new(),
        periods: 50,
        late_ns: us(20),
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || {
            let value = rest.next();
            value.ok_or_else(|| format!("`{argument}` wants a value behind it"))
        };
        match *argument {
            "--periods" => settings.periods = number_in(value()?, "number of periods", 1..=10_000)?,
            "--late" => settings.late_ns = time(value()?, "lateness")?,
            limit => settings.limits.push(limit_of(limit)?),
        }
    }
    if settings.limits.is_empty() {
        settings.limits = USUAL.into_iter().map(limit_of).collect::<Result<_, _>>()?;
    }
    Ok(settings)
}

fn limit_of(text: &str) -> Result<Limit, String> {
    let (budget_ns, period_ns) = share(text)?;
    if !(us(100)..=period_ns).contains(&budget_ns) || period_ns > ms(10_000) {
        return Err(format!(
            "`{text}` is no limit: a budget is at least 100us and at most its period, a period at most 10s"
        ));
    }
    Ok(Limit { budget_ns, period_ns })
}

/// The program.
pub fn run(env: &Env) -> i64 {
    let settings = match rt::text::settings(&env.arguments(), USAGE, parse) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    match try_all(env, &settings) {
        Ok(exceeded) => i64::from(exceeded > 0),
        Err(problem) => {
            println!("limit: {problem}");
            1
        }
    }
}

/// Tries each limit: how many were exceeded.
fn try_all(env: &Env, settings: &Settings) -> Result<usize, String> {
    let mut table = Table::new(&["LIMIT", ">ASKED", ">GOT", ">USED", ">IN", ">SPENT", "VERDICT"]);
    let mut exceeded = 0;
    for limit in &settings.limits {
        let got = try_one(env, limit, settings)?;
        let too_much = limit.exceeded_by(got.used_ns, got.elapsed_ns);
        let is_held = too_much <= settings.late_ns;
        exceeded += usize::from(!is_held);
        table.row([
            format!("{}/{}", typed(limit.budget_ns), typed(limit.period_ns)),
            percent(limit.budget_ns, limit.period_ns),
            percent(got.used_ns, got.elapsed_ns),
            duration(got.used_ns),
            duration(got.elapsed_ns),
            grouped(got.spent),
            match (is_held, too_much) {
                (true, 0) => "held".to_string(),
                (true, _) => format!("held, {too_much} ns late"),
                (false, _) => format!("exceeded by {}", duration(too_much)),
            },
        ]);
    }
    for line in table.lines(100) {
        println!("{line}");
    }
    Ok(exceeded)
}

/// Lets a thread compute under one limit.
fn try_one(env: &Env, limit: &Limit, settings: &Settings) -> Result<Got, String> {
    let told = |error: rt::Error| error.to_string();
    let timer: Timer = env.first().map_err(told)?;
    let time: Context = env.first().map_err(told)?;
    let wish = Context::limit(limit.budget_ns).every(limit.period_ns);
    let context = wish.create(&time).map_err(told)?;
    let context = Arc::new(context.map_err(|refusal| refusal.to_string())?);
    let (stop, is_bound) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let hog = Threads::new(env).and_then(|threads| {
        let (context, stop, is_bound) = (context.clone(), stop.clone(), is_bound.clone());
        threads.spawn(move || {
            let answer = context.bind();
            is_bound.store(true, Ordering::Release);
            if let Ok(Ok(())) = answer {
                compute(&stop);
            }
            answer
        })
    });
    let hog = hog.map_err(told)?;
    while !is_bound.load(Ordering::Acquire) {
        rt::nap(100_000);
    }
    let got = measure(&timer, &context, limit, settings).map_err(told);
    stop.store(true, Ordering::Relaxed);
    // Whoever is throttled would see only later that it is over.
    let unbound = context.unbind().map_err(told)?;
    let bound = hog.join().map_err(told)?.map_err(told)?;
    bound
        .and(unbound)
        .map_err(|refused| format!("binding a thread was answered with {refused:?}"))?;
    got
}

fn compute(stop: &AtomicBool) {
    let mut value = 1u64;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..TURNS {
            value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
}

/// What was used in so many periods; in up to as many more, if the end of the last budget came too late to be made up for by then.
fn measure(timer: &Timer, context: &Context, limit: &Limit, settings: &Settings) -> Result<Got, rt::Error> {
    let usage = || context.usage(|usage| Ok((usage.get_used_ns(), usage.get_overruns())));
    // The clock is read outside of what was used, so the time is never too short.
    let begin = timer.now_ns()?;
    let (used_before, spent_before) = usage()?;
    let mut got = None;
    for periods in settings.periods..=2 * settings.periods {
        let end = begin.saturating_add(limit.period_ns.saturating_mul(periods));
        timer.sleep_ns(end.saturating_sub(timer.now_ns()?))?;
        let (used, spent) = usage()?;
        let (used_ns, elapsed_ns) = (used - used_before, timer.now_ns()? - begin);
        got = Some(Got {
            used_ns,
            elapsed_ns,
            spent: spent - spent_before,
        });
        if limit.exceeded_by(used_ns, elapsed_ns) <= settings.late_ns {
            break;
        }
    }
    got.ok_or(rt::Error::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_options_are_understood_and_nonsense_is_named() {
        let settings = parse(&["2ms/10ms", "--periods", "7", "--late", "1ms"]).unwrap();
        assert_eq!(
            (settings.limits.len(), settings.periods, settings.late_ns),
            (1, 7, ms(1))
        );
        assert_eq!(parse(&[]).unwrap().limits.len(), USUAL.len());
        for (wrong, problem) in [
            (["2ms"].as_slice(), "`2ms` is no budget in a period"),
            (&["9ms/2ms"], "`9ms/2ms` is no limit"),
            (&["99us/2ms"], "`99us/2ms` is no limit"),
            (&["1s/11s"], "`1s/11s` is no limit"),
            (&["--periods"], "`--periods` wants a value behind it"),
            (&["--periods", "0"], "`0` is no number of periods from 1"),
            (&["--late", "x"], "`x` is no lateness"),
        ] {
            let said = parse(wrong).err().unwrap();
            assert!(said.starts_with(problem), "{said}");
        }
    }
}
