//! Arguments that decode well and mean nothing good.

use abi::layout::{CAPSET, RING, STACK_BASE, USER_LIMIT};
use rt::console::Console;
use rt::hostile::{call_with_bytes, call_with_numbers, protect, unmap};
use rt::memory::{FrameAllocator, Protection, VirtualMemory};
use rt::monitor::Supervisor;
use rt::park::ParkSpace;
use rt::policy::SchedulingPolicyCap;
use rt::process::{Grant, KernelSource, ProcessSpawner};
use rt::thread::{ThreadControl, ThreadSpawner};
use rt::time::Timer;
use rt::{Client, Env, Error, Kind};

use crate::report::Report;

const INVALID: Kind = Kind::InvalidArgument;

/// Parameters of a call without any.
const EMPTY: [u8; 16] = [0, 0, 0, 0, 1, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// All of them, as far as the capabilities for them were granted; what is not tried is said.
pub fn attack(env: &Env, report: &mut Report) {
    if let Some(console) = report.needs("methods that are not there", env.first::<Console>()) {
        for method in [2, 99, u16::MAX] {
            let answer = call_with_bytes(console.cap(), method, &EMPTY);
            report.exception(
                format_args!("method {method} of Console"),
                answer,
                Kind::Unimplemented,
            );
        }
    }
    if let Some(memory) = report.needs("ranges of memory", env.first::<VirtualMemory>()) {
        memory_ranges(report, &memory);
    }
    if let Some(policy) = report.needs("weights and classes", env.first::<SchedulingPolicyCap>()) {
        for weight in [0, 1025, u16::MAX] {
            report.exception(
                format_args!("weight {weight}"),
                policy.set_weight(weight),
                INVALID,
            );
        }
        for class in [4, u16::MAX] {
            report.exception(
                format_args!("class {class}"),
                policy.set_latency_class_number(class),
                INVALID,
            );
        }
        let weight = policy.snapshot().map(|snapshot| snapshot.weight);
        report.line(
            weight == Ok(64),
            "the weight after that",
            format_args!("{weight:?}"),
        );
    }
    let spawner = report.needs("threads", env.first::<ThreadSpawner>());
    let control = report.needs("threads", env.first::<ThreadControl>());
    if let (Some(spawner), Some(control)) = (spawner, control) {
        threads(report, &spawner, &control);
    }
    if let Some(spawner) = report.needs("processes", env.first::<ProcessSpawner>()) {
        processes(env, report, &spawner);
    }
    if let Some(frames) = report.needs("frames", env.first::<FrameAllocator>()) {
        report.exception("no pages at all", frames.allocate(0), INVALID);
        report.exception("2^32-1 pages", frames.allocate(u32::MAX), Kind::Overloaded);
    }
    if let Some(supervisor) = report.needs("handles to nobody", env.first::<Supervisor>()) {
        report.exception("a handle to process 0", supervisor.process(0), INVALID);
        report.exception("a handle to nobody", supervisor.process(u32::MAX), INVALID);
        report.exception(
            "the policy of nobody",
            supervisor.thread_policy(1, u32::MAX),
            INVALID,
        );
    }
}

fn memory_ranges(report: &mut Report, memory: &VirtualMemory) {
    let image = 0x20_0000;
    for (what, hint, size, bits) in [
        ("both writable and executable", 0, 4096, 7),
        ("writable and executable, not readable", 0, 4096, 6),
        ("unknown rights", 0, 4096, 8),
        ("all rights there could be", 0, 4096, u32::MAX),
        ("no bytes", 0, 0, 3),
        ("2^64-1 bytes", 0, u64::MAX, 3),
        ("a hint inside a page", 0x4000_0001, 4096, 3),
        ("page 0", 4096, 4096, 3),
        ("over the image", image, 4096, 3),
        ("over the stack", STACK_BASE, 4096, 3),
        ("over the ring", RING, 4096, 3),
        ("the page before the non-canonical hole", USER_LIMIT, 4096, 5),
        ("over the end of the user half", USER_LIMIT - 4096, 8192, 3),
        ("the kernel half", 0xffff_8000_0000_0000, 4096, 3),
        ("a range that wraps around", u64::MAX - 4095, 8192, 3),
    ] {
        report.exception(
            format_args!("mapping {what}"),
            memory.map_raw(hint, size, bits),
            INVALID,
        );
    }
    report.exception(
        "mapping all there is",
        memory.map_raw(0, 1 << 47, 3),
        Kind::Overloaded,
    );
    for (what, addr) in [
        ("image", image),
        ("stack", STACK_BASE),
        ("ring", RING),
        ("capset", CAPSET),
    ] {
        report.exception(
            format_args!("unmapping the {what}"),
            unmap(memory, addr, 4096),
            INVALID,
        );
        let writable = protect(memory, addr, 4096, Protection::ReadWrite);
        report.exception(format_args!("making the {what} writable"), writable, INVALID);
    }
    report.exception("unmapping everything", unmap(memory, 0, u64::MAX), INVALID);
    report.exception(
        "unmapping the kernel",
        unmap(memory, 0xffff_8000_0000_0000, 1 << 40),
        INVALID,
    );
    report.exception(
        "committing what is not reserved",
        memory.commit(0x5000_0000, 4096, Protection::Read),
        INVALID,
    );
    if let Ok(addr) = memory.reserve(8192) {
        let first = memory.commit(addr, 4096, Protection::ReadWrite);
        report.works("committing one page", first);
        report.exception(
            "committing it again",
            memory.commit(addr, 8192, Protection::ReadWrite),
            INVALID,
        );
        report.works("and letting it go", unmap(memory, addr, 8192));
        report.exception("letting it go twice", unmap(memory, addr, 8192), INVALID);
    }
}

fn threads(report: &mut Report, spawner: &ThreadSpawner, control: &ThreadControl) {
    let entry = 0x20_0000;
    let stack = abi::layout::STACK_TOP - 4096;
    let kernel = 0xffff_8000_0000_0000;
    for (what, numbers) in [
        ("entering the kernel", [kernel, stack, 0, 0, 0]),
        ("entering nowhere", [1 << 47, stack, 0, 0, 0]),
        ("on the kernel's stack", [entry, kernel, 0, 0, 0]),
        (
            "with the kernel's thread-local memory",
            [entry, stack, 0, kernel, 0],
        ),
        ("with a flag that does not exist", [entry, stack, 0, 0, 2]),
        ("with every flag", [entry, stack, 0, 0, u64::MAX]),
    ] {
        report.exception(
            format_args!("a thread {what}"),
            call_with_numbers(spawner.cap(), 0, numbers),
            INVALID,
        );
    }
    for (what, base) in [("the kernel", kernel), ("a non-canonical address", 1 << 47)] {
        let answer = call_with_numbers(control.cap(), 1, [base, 0, 0, 0, 0]);
        report.exception(format_args!("thread-local memory at {what}"), answer, INVALID);
    }
}

fn processes(env: &Env, report: &mut Report, spawner: &ProcessSpawner) {
    let spawn = |binary: &str, grants: &[Grant]| spawner.spawn("victim", binary, grants).map(|_| ());
    report.exception(
        "a program that is not in the manifest",
        spawn("no-such-program", &[]),
        INVALID,
    );
    report.exception("a program without a name", spawn("", &[]), INVALID);
    let Some(timer) = report.needs("grants to a child", env.first::<Timer>()) else {
        return;
    };
    let twice = [Grant::copy("one", &timer), Grant::copy("one", &timer)];
    report.exception("two capabilities under one name", spawn("hello", &twice), INVALID);
    let long = Grant::copy("a-name-that-is-longer-than-thirty-two-bytes", &timer);
    report.exception("a name that is too long", spawn("hello", &[long]), INVALID);
    report.exception(
        "a capability without a name",
        spawn("hello", &[Grant::copy("", &timer)]),
        INVALID,
    );
    let nobodys: Timer = rt::hostile::forge(0xdead_beef);
    report.exception(
        "a capability nobody has",
        spawn("hello", &[Grant::copy("timer", &nobodys)]),
        INVALID,
    );
    let disguised: Supervisor = rt::hostile::forge(timer.cap().id());
    report.exception(
        "a timer that claims to be a supervisor",
        spawn("hello", &[Grant::copy("s", &disguised)]),
        INVALID,
    );
    if let Some(memory) = report.needs("our address space in a child", env.first::<VirtualMemory>()) {
        report.exception(
            "our address space",
            spawn("hello", &[Grant::copy("memory", &memory)]),
            INVALID,
        );
    }
    if let Some(park) = report.needs("our parking places in a child", env.first::<ParkSpace>()) {
        let answer = spawn("hello", &[Grant::copy("park", &park)]);
        report.exception("our parking places", answer, INVALID);
    }
    let starts = report.needs("our threads in a child", env.first::<ThreadSpawner>());
    let control = report.needs("our threads in a child", env.first::<ThreadControl>());
    if let (Some(starts), Some(control)) = (starts, control) {
        let answer = spawn("hello", &[Grant::copy("threads", &starts)]);
        report.exception("the right to start threads of ours", answer, INVALID);
        let answer = spawn("hello", &[Grant::copy("thread", &control)]);
        report.exception("what a thread is to itself", answer, INVALID);
    }
    let many: alloc::vec::Vec<Grant> = (0..86)
        .map(|index| Grant::kernel(&alloc::format!("c{index}"), KernelSource::ThreadControl))
        .collect();
    let answer = spawn("hello", &many);
    let refused = matches!(
        &answer,
        Err(Error::Exception(Kind::InvalidArgument | Kind::Overloaded, _))
    );
    report.line(
        refused,
        "more capabilities than a capset holds",
        answer.err().unwrap_or(Error::Malformed),
    );
    report.exception(
        "a child's pipe of nothing",
        spawner.spawn(
            "victim",
            "hello",
            &[Grant::client_of("e", &rt::hostile::forge(timer.cap().id()), 1)],
        ),
        INVALID,
    );
}
