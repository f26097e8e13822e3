//! VirtualMemory: mapping, protection, code made at run time, reservations, and every range that is not the program's
//! to change. What the processor refuses is tried by children, which end with −(16 + 14), a page fault.

#![no_std]
#![no_main]

use capos::{ClientError, VirtualMemoryClient, syscall};
use core::ptr;
use sdk_check::prelude::*;
use sdk_check::{child, raw, wire};

const NONE: u32 = 0;
const READ: u32 = 1;
const WRITE: u32 = 2;
const EXEC: u32 = 4;

/// How a page fault ends a process.
const PAGE_FAULT: i64 = -(16 + 14);

fn main(runtime: Runtime) -> i64 {
    if let Some(role) = child::role(runtime.capset()) {
        return play(&role, runtime);
    }
    run(
        "memory",
        runtime,
        &[
            (
                "mapped memory is zero, writable, and where it was asked for",
                map_and_write,
            ),
            ("sizes round up to pages", rounding),
            ("write and execute never go together", write_xor_execute),
            (
                "code can be filled in, protected and run, and changed again",
                generated_code,
            ),
            ("bad sizes, addresses and protections are refused", bad_arguments),
            (
                "image, stack, ring and capability page are not for this capability",
                foreign_ranges,
            ),
            (
                "unmap and protect act only on what was mapped, in part too",
                parts,
            ),
            ("reserve, commit, decommit and commit again", reservations),
            ("limits are overloaded and leave everything as it was", limits),
            (
                "the kernel refuses buffers that the program could not use itself",
                buffers,
            ),
            ("the processor enforces protections", faults),
        ],
    )
}

fn memory(bench: &Bench<'_>) -> Outcome<VirtualMemoryClient> {
    bench.client("memory")
}

fn map(bench: &mut Bench<'_>, hint: u64, size: u64, protection: u32) -> Result<u64, ClientError> {
    let Ok(mut memory) = memory(bench) else {
        return Err(ClientError::BrokenCapability);
    };
    memory.map_wait(&mut bench.ring, hint, size, protection, FOREVER)
}

fn unmap(bench: &mut Bench<'_>, address: u64, size: u64) -> Result<(), ClientError> {
    let Ok(mut memory) = memory(bench) else {
        return Err(ClientError::BrokenCapability);
    };
    memory.unmap_wait(&mut bench.ring, address, size, FOREVER)
}

fn protect(bench: &mut Bench<'_>, address: u64, size: u64, protection: u32) -> Result<(), ClientError> {
    let Ok(mut memory) = memory(bench) else {
        return Err(ClientError::BrokenCapability);
    };
    memory.protect_wait(&mut bench.ring, address, size, protection, FOREVER)
}

fn reserve(bench: &mut Bench<'_>, hint: u64, size: u64) -> Result<u64, ClientError> {
    let Ok(mut memory) = memory(bench) else {
        return Err(ClientError::BrokenCapability);
    };
    memory.reserve_wait(&mut bench.ring, hint, size, FOREVER)
}

fn commit(bench: &mut Bench<'_>, address: u64, size: u64, protection: u32) -> Result<(), ClientError> {
    let Ok(mut memory) = memory(bench) else {
        return Err(ClientError::BrokenCapability);
    };
    memory.commit_wait(&mut bench.ring, address, size, protection, FOREVER)
}

fn decommit(bench: &mut Bench<'_>, address: u64, size: u64) -> Result<(), ClientError> {
    let Ok(mut memory) = memory(bench) else {
        return Err(ClientError::BrokenCapability);
    };
    memory.decommit_wait(&mut bench.ring, address, size, FOREVER)
}

fn invalid<T>(result: Result<T, ClientError>, what: &str) -> Outcome {
    refused(result, ExceptionType::InvalidArgument, what)
}

/// Whether every word of the range reads as `expected`.
fn holds(address: u64, size: u64, expected: u64) -> bool {
    // SAFETY: callers pass ranges they mapped readable.
    (0..size / 8).all(|word| unsafe { ptr::read_volatile((address + word * 8) as *const u64) } == expected)
}

fn fill(address: u64, size: u64, value: u64) {
    for word in 0..size / 8 {
        // SAFETY: callers pass ranges they mapped writable.
        unsafe { ptr::write_volatile((address + word * 8) as *mut u64, value) }
    }
}

fn map_and_write(bench: &mut Bench<'_>) -> Outcome {
    let address = map(bench, 0, 4 * PAGE, READ | WRITE)?;
    ensure!(address != 0 && address % PAGE == 0, "mapped at {address:#x}");
    ensure!(holds(address, 4 * PAGE, 0), "fresh memory is not zero");
    fill(address, 4 * PAGE, 0x5555_aaaa_0f0f_f0f0);
    ensure!(
        holds(address, 4 * PAGE, 0x5555_aaaa_0f0f_f0f0),
        "memory does not keep what was written"
    );
    invalid(map(bench, address, PAGE, READ), "a hint where something is")?;
    unmap(bench, address, 4 * PAGE)?;
    // A free hint is honoured exactly, and the memory is fresh again.
    same!(
        map(bench, address, 4 * PAGE, READ | WRITE)?,
        address,
        "mapped at the hint"
    );
    ensure!(holds(address, 4 * PAGE, 0), "memory came back used");
    let second = map(bench, 0, PAGE, READ)?;
    ensure!(
        second + PAGE <= address || second >= address + 4 * PAGE,
        "two mappings overlap"
    );
    unmap(bench, second, PAGE)?;
    unmap(bench, address, 4 * PAGE)?;
    let far = 0x5000_0000_0000;
    same!(map(bench, far, PAGE, READ | WRITE)?, far, "mapped far away");
    fill(far, PAGE, 1);
    unmap(bench, far, PAGE)?;
    Ok(())
}

fn rounding(bench: &mut Bench<'_>) -> Outcome {
    let address = map(bench, 0, 1, READ | WRITE)?;
    fill(address, PAGE, 3);
    invalid(map(bench, address, 1, READ), "the rest of the page")?;
    unmap(bench, address, 1)?;
    let address = map(bench, 0, PAGE + 1, READ | WRITE)?;
    fill(address, 2 * PAGE, 3);
    unmap(bench, address, 2 * PAGE)?;
    Ok(())
}

fn write_xor_execute(bench: &mut Bench<'_>) -> Outcome {
    for protection in [WRITE | EXEC, READ | WRITE | EXEC] {
        invalid(map(bench, 0, PAGE, protection), "map")?;
    }
    let address = map(bench, 0, PAGE, READ | WRITE)?;
    fill(address, PAGE, 7);
    for protection in [WRITE | EXEC, READ | WRITE | EXEC] {
        invalid(protect(bench, address, PAGE, protection), "protect")?;
    }
    fill(address, PAGE, 8);
    unmap(bench, address, PAGE)?;
    let reservation = reserve(bench, 0, PAGE)?;
    invalid(commit(bench, reservation, PAGE, WRITE | EXEC), "commit")?;
    unmap(bench, reservation, PAGE)?;
    Ok(())
}

/// Writes `mov eax, value; ret` at `address`.
fn write_function(address: u64, value: u32) {
    let code = [&[0xb8][..], &value.to_le_bytes(), &[0xc3]].concat();
    // SAFETY: the caller mapped a writable page there.
    unsafe { ptr::copy_nonoverlapping(code.as_ptr(), address as *mut u8, code.len()) }
}

fn call_function(address: u64) -> u32 {
    // SAFETY: the caller wrote a function of that type there and made the page executable.
    let function: extern "C" fn() -> u32 = unsafe { core::mem::transmute(address) };
    function()
}

fn generated_code(bench: &mut Bench<'_>) -> Outcome {
    let address = map(bench, 0, PAGE, READ | WRITE)?;
    for value in [42, 0xdead_beef, 0] {
        write_function(address, value);
        protect(bench, address, PAGE, READ | EXEC)?;
        same!(call_function(address), value, "generated function");
        protect(bench, address, PAGE, READ | WRITE)?;
    }
    unmap(bench, address, PAGE)?;
    Ok(())
}

fn bad_arguments(bench: &mut Bench<'_>) -> Outcome {
    let address = map(bench, 0, 2 * PAGE, READ | WRITE)?;
    for protection in [8, 1 << 31, READ | 16] {
        invalid(
            map(bench, 0, PAGE, protection),
            "map with an unknown protection bit",
        )?;
        invalid(
            protect(bench, address, PAGE, protection),
            "protect with an unknown protection bit",
        )?;
    }
    invalid(map(bench, 0, 0, READ), "map of nothing")?;
    invalid(unmap(bench, address, 0), "unmap of nothing")?;
    invalid(protect(bench, address, 0, READ), "protect of nothing")?;
    invalid(reserve(bench, 0, 0), "reserve of nothing")?;
    invalid(map(bench, address + 4 * PAGE + 1, PAGE, READ), "unaligned hint")?;
    invalid(unmap(bench, address + 8, PAGE), "unaligned unmap")?;
    invalid(protect(bench, address + 1, PAGE, READ), "unaligned protect")?;
    for hint in [
        0x7fff_ffff_f000,
        0x8000_0000_0000,
        0xffff_8000_0000_0000,
        u64::MAX - PAGE + 1,
    ] {
        invalid(map(bench, hint, 2 * PAGE, READ), "map outside of user space")?;
        invalid(reserve(bench, hint, 2 * PAGE), "reserve outside of user space")?;
        invalid(unmap(bench, hint, 2 * PAGE), "unmap outside of user space")?;
    }
    for size in [u64::MAX, u64::MAX - PAGE + 1, 1 << 63] {
        invalid(map(bench, address, size, READ), "map beyond the end of memory")?;
        invalid(unmap(bench, address, size), "unmap beyond the end of memory")?;
        invalid(
            protect(bench, address, size, READ),
            "protect beyond the end of memory",
        )?;
    }
    fill(address, 2 * PAGE, 9);
    unmap(bench, address, 2 * PAGE)?;
    Ok(())
}

fn foreign_ranges(bench: &mut Bench<'_>) -> Outcome {
    let stack_word = 0u64;
    let image = main as *const () as u64 & !(PAGE - 1);
    let stack = &raw const stack_word as u64 & !(PAGE - 1);
    for (what, address) in [
        ("image", image),
        ("stack", stack),
        ("ring", 0x120_0000),
        ("capset", 0x130_0000),
        ("TLS", 0x110_0000),
    ] {
        invalid(map(bench, address, PAGE, READ | WRITE), what)?;
        invalid(reserve(bench, address, PAGE), what)?;
        invalid(unmap(bench, address, PAGE), what)?;
        invalid(protect(bench, address, PAGE, READ), what)?;
        invalid(commit(bench, address, PAGE, READ), what)?;
        invalid(decommit(bench, address, PAGE), what)?;
    }
    Ok(())
}

fn parts(bench: &mut Bench<'_>) -> Outcome {
    let address = map(bench, 0, 5 * PAGE, READ | WRITE)?;
    fill(address, 5 * PAGE, 0x77);
    unmap(bench, address + 2 * PAGE, PAGE)?;
    invalid(unmap(bench, address + PAGE, 3 * PAGE), "unmap across a hole")?;
    invalid(
        protect(bench, address + PAGE, 3 * PAGE, READ),
        "protect across a hole",
    )?;
    ensure!(
        holds(address, 2 * PAGE, 0x77) && holds(address + 3 * PAGE, 2 * PAGE, 0x77),
        "the neighbours changed"
    );
    fill(address + PAGE, PAGE, 0x78);
    protect(bench, address, PAGE, READ)?;
    ensure!(holds(address, PAGE, 0x77), "contents after protect");
    fill(address + PAGE, PAGE, 0x79);
    invalid(unmap(bench, address + 2 * PAGE, PAGE), "unmap of the hole")?;
    same!(
        map(bench, address + 2 * PAGE, PAGE, READ | WRITE)?,
        address + 2 * PAGE,
        "mapped into the hole"
    );
    ensure!(holds(address + 2 * PAGE, PAGE, 0), "the hole came back used");
    unmap(bench, address, 5 * PAGE)?;
    invalid(unmap(bench, address, PAGE), "unmap of what is gone")
}

fn reservations(bench: &mut Bench<'_>) -> Outcome {
    let base = reserve(bench, 0, 64 * PAGE)?;
    ensure!(base != 0 && base % PAGE == 0, "reserved at {base:#x}");
    invalid(map(bench, base + PAGE, PAGE, READ), "map into a reservation")?;
    invalid(reserve(bench, base, PAGE), "reserve what is reserved")?;
    commit(bench, base + 2 * PAGE, 3 * PAGE, READ | WRITE)?;
    ensure!(
        holds(base + 2 * PAGE, 3 * PAGE, 0),
        "committed memory is not zero"
    );
    fill(base + 2 * PAGE, 3 * PAGE, 5);
    invalid(commit(bench, base + 2 * PAGE, PAGE, READ | WRITE), "commit twice")?;
    invalid(
        commit(bench, base + PAGE, 2 * PAGE, READ | WRITE),
        "commit over a committed page",
    )?;
    invalid(
        commit(bench, base + 63 * PAGE, 2 * PAGE, READ),
        "commit past the reservation",
    )?;
    invalid(
        decommit(bench, base + PAGE, PAGE),
        "decommit of what is not committed",
    )?;
    ensure!(holds(base + 2 * PAGE, 3 * PAGE, 5), "committed memory changed");
    decommit(bench, base + 3 * PAGE, PAGE)?;
    ensure!(
        holds(base + 2 * PAGE, PAGE, 5) && holds(base + 4 * PAGE, PAGE, 5),
        "the neighbours of a decommitted page"
    );
    commit(bench, base + 3 * PAGE, PAGE, READ | WRITE)?;
    ensure!(
        holds(base + 3 * PAGE, PAGE, 0),
        "committed again, memory is not zero"
    );
    protect(bench, base + 3 * PAGE, PAGE, READ)?;
    unmap(bench, base, 64 * PAGE)?;
    invalid(
        commit(bench, base, PAGE, READ),
        "commit after the reservation is gone",
    )?;
    same!(
        reserve(bench, base, 64 * PAGE)?,
        base,
        "reserved again at the hint"
    );
    unmap(bench, base, 64 * PAGE)?;
    Ok(())
}

fn limits(bench: &mut Bench<'_>) -> Outcome {
    refused(
        map(bench, 0, 65 << 20, READ | WRITE),
        ExceptionType::Overloaded,
        "map of 65 MiB",
    )?;
    let base = reserve(bench, 0, 512 << 20)?;
    refused(
        reserve(bench, 0, 513 << 20),
        ExceptionType::Overloaded,
        "a second half GiB and one MiB",
    )?;
    refused(
        commit(bench, base, 65 << 20, READ | WRITE),
        ExceptionType::Overloaded,
        "commit of 65 MiB",
    )?;
    commit(bench, base, PAGE, READ | WRITE)?;
    fill(base, PAGE, 1);
    unmap(bench, base, 512 << 20)?;
    // What was refused and what was given back is there for the next.
    for _ in 0..20 {
        let address = map(bench, 0, 1 << 20, READ | WRITE)?;
        fill(address, 1 << 20, 2);
        unmap(bench, address, 1 << 20)?;
    }
    Ok(())
}

fn buffers(bench: &mut Bench<'_>) -> Outcome {
    let timer = bench.cap("timer")?;
    let page = map(bench, 0, 3 * PAGE, READ | WRITE)?;
    // SAFETY: three pages just mapped, used as plain bytes.
    unsafe { ptr::copy_nonoverlapping(wire::NOTHING.as_ptr(), page as *mut u8, wire::NOTHING.len()) };
    let call = CapSqe {
        cap_id: timer,
        addr: page,
        len: 16,
        result_addr: page + PAGE,
        result_len: 64,
        ..raw::sqe(0, 1)
    };
    ensure!(
        raw::one(call)?.result > 0,
        "a call from mapped memory into mapped memory"
    );
    // Across a page boundary, unaligned.
    let crossing = CapSqe {
        result_addr: page + 2 * PAGE - 13,
        ..call
    };
    ensure!(raw::one(crossing)?.result > 0, "a result across a page boundary");
    protect(bench, page + PAGE, PAGE, READ)?;
    same!(raw::one(call)?.result, -3, "result in a read-only page");
    same!(
        raw::one(CapSqe {
            result_addr: page + 2 * PAGE - 13,
            ..call
        })?
        .result,
        -3,
        "result that starts in a read-only page"
    );
    same!(
        raw::one(CapSqe {
            result_addr: page + PAGE - 13,
            ..call
        })?
        .result,
        -3,
        "result that ends in a read-only page"
    );
    protect(bench, page, PAGE, NONE)?;
    let result = CapSqe {
        result_addr: page + 2 * PAGE,
        ..call
    };
    same!(raw::one(result)?.result, -2, "params in a page without access");
    unmap(bench, page, PAGE)?;
    same!(raw::one(result)?.result, -2, "params in an unmapped page");
    same!(
        raw::one(CapSqe {
            addr: page + PAGE - 8,
            ..result
        })?
        .result,
        -2,
        "params that start in an unmapped page"
    );
    unmap(bench, page + PAGE, 2 * PAGE)?;
    same!(
        raw::one(call)?.result,
        -3,
        "both unmapped: the result comes first"
    );
    Ok(())
}

fn faults(bench: &mut Bench<'_>) -> Outcome {
    for role in [
        "write-read-only",
        "run-data",
        "read-none",
        "read-unmapped",
        "read-decommitted",
        "write-code",
        "run-stack",
        "write-image",
    ] {
        let grants = [child::kernel("memory", capos::KernelCapSource::VirtualMemory)];
        same!(
            child::run(bench, "memory", role, &grants)?,
            PAGE_FAULT,
            "exit code of the child that tried {role}"
        );
    }
    Ok(())
}

/// What a child does: one thing the processor must refuse. Any exit code but the fault's means that it did not.
fn play(role: &str, mut runtime: Runtime) -> i64 {
    let capset = runtime.capset();
    let Ok(mut memory) = capset.get_client::<VirtualMemoryClient>(b"memory") else {
        return 2;
    };
    let Ok(mut ring) = runtime.ring_client() else {
        return 3;
    };
    let Ok(page) = memory.map_wait(&mut ring, 0, PAGE, READ | WRITE, FOREVER) else {
        return 4;
    };
    write_function(page, 1);
    let ready = match role {
        "write-read-only" => memory.protect_wait(&mut ring, page, PAGE, READ, FOREVER),
        "write-code" => memory.protect_wait(&mut ring, page, PAGE, READ | EXEC, FOREVER),
        "read-none" => memory.protect_wait(&mut ring, page, PAGE, NONE, FOREVER),
        "read-unmapped" => memory.unmap_wait(&mut ring, page, PAGE, FOREVER),
        _ => Ok(()),
    };
    if ready.is_err() {
        return 5;
    }
    let mut code_on_stack = [0xb8u8, 1, 0, 0, 0, 0xc3];
    match role {
        "write-read-only" | "write-code" => fill(page, 8, 1),
        "run-data" => return call_function(page).into(),
        "run-stack" => return call_function(code_on_stack.as_mut_ptr() as u64).into(),
        "write-image" => fill(main as *const () as u64 & !7, 8, 0),
        "read-none" | "read-unmapped" => return holds(page, 8, 0).into(),
        "read-decommitted" => {
            let Ok(base) = memory.reserve_wait(&mut ring, 0, PAGE, FOREVER) else {
                return 6;
            };
            let committed = memory.commit_wait(&mut ring, base, PAGE, READ | WRITE, FOREVER);
            if committed.is_err() || memory.decommit_wait(&mut ring, base, PAGE, FOREVER).is_err() {
                return 7;
            }
            return holds(base, 8, 0).into();
        }
        _ => return 8,
    }
    syscall::exit(9)
}

capos::entry_point!(main);
