//! The first process of a machine: mounts what the loads read, takes the plan from a file of the initial file system, and
//! ends the machine with an exit code that the host can see.

use std::fmt::Display;
use std::fs;

use rustix::mount::{MountFlags, mount};
use workloads::plan::Plan;

use crate::raw;

/// What to measure.
const PLAN: &str = "/plan";

/// Kind of file system and where it belongs.
const MOUNTS: [(&str, &str); 4] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("debugfs", "/sys/kernel/debug"),
];

/// Does everything. `begun`: the tick at which the program began.
pub(crate) fn run(begun: u64) -> ! {
    // A panic would be the kernel's too, and its message the last of many.
    std::panic::set_hook(Box::new(|panic| {
        println!("@error bench {}", panic.to_string().replace('\n', " "));
        end(101);
    }));
    for (kind, place) in MOUNTS {
        // The folder may be there; a mount that cannot be made says so itself.
        let _ = fs::create_dir(place);
        if let Err(error) = mount(kind, place, kind, MountFlags::empty(), None) {
            fail(&format!("cannot mount {kind} on {place}"), &error);
        }
    }
    let text = fs::read_to_string(PLAN).unwrap_or_else(|error| fail("cannot read /plan", &error));
    match Plan::new(begun).read(&text) {
        Ok(plan) => end(crate::measure(&plan)),
        Err(mistake) => fail("cannot use /plan", &mistake),
    }
}

fn fail(what: &str, why: &dyn Display) -> ! {
    println!("@error bench {what}: {why}");
    end(2)
}

/// Ends the machine: by the emulator's exit device, and if there is none by switching off.
fn end(code: u8) -> ! {
    // The kernel still has lines to send, and the exit device does not wait for them.
    let _ = rustix::termios::tcdrain(std::io::stdout());
    raw::exit_machine(code);
    let _ = rustix::system::reboot(rustix::system::RebootCommand::PowerOff);
    loop {
        std::thread::park();
    }
}
