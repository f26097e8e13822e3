//! `top`: takes looks at the machine and draws what changed, until `q`.

use alloc::string::String;

use rt::Error;
use rt::monitor::Monitor;
use rt::pending::wait_any;
use rt::time::Timer;

use crate::keys::Key;
use crate::look;
use crate::screen::Screen;
use crate::top::{Look, frame};

/// The first frame shows what happens in this time.
const FIRST_NS: u64 = 300_000_000;

/// Shows frames every `period_ns`, so many of them or until `q` or control-C. `meanwhile` runs after every wait:
/// programs in the background want their output taken.
pub fn show(
    screen: &mut Screen,
    monitor: &Monitor,
    timer: &Timer,
    period_ns: u64,
    frames: Option<u32>,
    mut meanwhile: impl FnMut(),
) -> Result<(), Error> {
    let mut before = look(monitor)?;
    let mut left = frames;
    let mut wait_ns = FIRST_NS.min(period_ns);
    if screen.is_ansi() {
        screen.write("\x1b[?25l\x1b[2J");
    }
    while left != Some(0) {
        if pause(screen, timer, wait_ns, &mut meanwhile)? {
            break;
        }
        let now = look(monitor)?;
        draw(screen, &before, &now);
        before = now;
        wait_ns = period_ns;
        left = left.map(|left| left - 1);
    }
    if screen.is_ansi() {
        screen.write("\x1b[?25h");
    }
    Ok(())
}

/// Waits for `duration_ns`, or for `q` or control-C; whether it was one of those. `meanwhile` runs after every wait.
pub fn pause(
    screen: &mut Screen,
    timer: &Timer,
    duration_ns: u64,
    mut meanwhile: impl FnMut(),
) -> Result<bool, Error> {
    let deadline = timer.now_ns()? + duration_ns;
    loop {
        meanwhile();
        if screen.is_closed() || screen.take_key(Key::Char('q')) || screen.take_key(Key::Control('c')) {
            return Ok(true);
        }
        let left_ns = deadline.saturating_sub(timer.now_ns()?);
        if left_ns == 0 {
            return Ok(false);
        }
        wait_any(left_ns);
    }
}

fn draw(screen: &Screen, before: &Look, now: &Look) {
    let (rows, columns) = screen.size();
    let lines = frame(before, now, rows - 1, columns - 1);
    let mut text = String::new();
    if screen.is_ansi() {
        // From the top, each line cleared behind its end, and the rest of the screen after the last one: no flicker.
        text.push_str("\x1b[H");
        for line in &lines {
            let heading = line.contains("LOAD") || line.contains("SHARE");
            text.push_str(if heading { "\x1b[1m" } else { "" });
            text.push_str(line);
            text.push_str(if heading { "\x1b[0m\x1b[K\n" } else { "\x1b[K\n" });
        }
        text.push_str("\x1b[J");
    } else {
        for line in &lines {
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
    }
    screen.write(&text);
}

fn look(monitor: &Monitor) -> Result<Look, Error> {
    Ok(Look {
        machine: look::machine(monitor)?,
        cpus: look::cpus(monitor)?,
        threads: look::threads(monitor, 0)?,
        contexts: look::contexts::contexts(monitor)?.0,
    })
}
