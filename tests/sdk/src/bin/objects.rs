//! FrameAllocator and MemoryObject, which the published crates have bindings for but no client: frames that are
//! counted, zeroed, mapped more than once, shared with a child, and alive as long as a mapping is.

#![no_std]
#![no_main]

use capos::{
    CapabilityRef, MEMORY_OBJECT_INTERFACE_ID, SpawnGrant, SpawnGrantMode, SpawnGrantSource, capos_capnp,
};
use core::ptr;
use sdk_check::prelude::*;
use sdk_check::{child, wire};

const READ: u32 = 1;
const WRITE: u32 = 2;
const EXEC: u32 = 4;

fn main(runtime: Runtime) -> i64 {
    if let Some(role) = child::role(runtime.capset()) {
        return play(&role, runtime);
    }
    run(
        "objects",
        runtime,
        &[
            ("one frame is one page, n frames are n pages", sizes),
            ("counts that cannot be are refused", bad_counts),
            ("a mapping is zero at first and shows the object", mapping),
            ("parts of an object map where they are asked for", parts),
            ("bad offsets, sizes and protections are refused", bad_arguments),
            ("a mapping outlives the capability", outlives),
            ("a child sees the same memory", shared_with_child),
            ("frames come back", frames_come_back),
        ],
    )
}

fn allocate(bench: &mut Bench<'_>, count: u32) -> Outcome<u32> {
    let frames = bench.cap("frames")?;
    let mut completion = if count == 1 {
        bench.answer(frames, 0, wire::NOTHING, 512)?
    } else {
        bench.answer(frames, 1, &contiguous(count), 512)?
    };
    same!(completion.cqe().cap_count, 1, "capabilities of an allocation");
    let index =
        wire::answer::<capos_capnp::frame_allocator::alloc_frame_results::Owned, _>(&completion, |answer| {
            Ok(answer.get_handle_index())
        })?;
    let object = bench
        .ring
        .adopt_result_capability::<capos::MemoryObject>(&mut completion, index.into())?;
    // Kept until `release`: the handle must not release itself.
    let id = object.cap_id();
    core::mem::forget(object);
    Ok(id)
}

fn contiguous(count: u32) -> Box<[u8]> {
    wire::encode::<capos_capnp::frame_allocator::alloc_contiguous_params::Owned>(|mut params| {
        params.set_count(count)
    })
}

fn release(bench: &mut Bench<'_>, object: u32) -> Outcome {
    same!(
        bench.ring.release_wait(object, FOREVER)?,
        0,
        "release of an object"
    );
    Ok(())
}

fn map_params(hint: u64, offset: u64, size: u64, protection: u32) -> Box<[u8]> {
    wire::encode::<capos_capnp::memory_object::map_params::Owned>(|mut params| {
        params.set_hint(hint);
        params.set_offset(offset);
        params.set_size(size);
        params.set_prot(protection);
    })
}

fn map(
    bench: &mut Bench<'_>,
    object: u32,
    hint: u64,
    offset: u64,
    size: u64,
    protection: u32,
) -> Outcome<u64> {
    let completion = bench.answer(object, 1, &map_params(hint, offset, size, protection), 512)?;
    wire::answer::<capos_capnp::memory_object::map_results::Owned, _>(&completion, |answer| {
        Ok(answer.get_addr())
    })
}

fn range_params(address: u64, size: u64) -> Box<[u8]> {
    wire::encode::<capos_capnp::memory_object::unmap_params::Owned>(|mut params| {
        params.set_addr(address);
        params.set_size(size);
    })
}

fn protect_params(address: u64, size: u64, protection: u32) -> Box<[u8]> {
    wire::encode::<capos_capnp::memory_object::protect_params::Owned>(|mut params| {
        params.set_addr(address);
        params.set_size(size);
        params.set_prot(protection);
    })
}

fn unmap(bench: &mut Bench<'_>, object: u32, address: u64, size: u64) -> Outcome {
    same!(
        bench
            .answer(object, 2, &range_params(address, size), 512)?
            .cqe()
            .result,
        0,
        "bytes of unmap's answer"
    );
    Ok(())
}

fn protect(bench: &mut Bench<'_>, object: u32, address: u64, size: u64, protection: u32) -> Outcome {
    let completion = bench.answer(object, 3, &protect_params(address, size, protection), 512)?;
    same!(completion.cqe().result, 0, "bytes of protect's answer");
    Ok(())
}

fn read(address: u64) -> u64 {
    // SAFETY: callers pass addresses they mapped readable.
    unsafe { ptr::read_volatile(address as *const u64) }
}

fn write(address: u64, value: u64) {
    // SAFETY: callers pass addresses they mapped writable.
    unsafe { ptr::write_volatile(address as *mut u64, value) }
}

fn sizes(bench: &mut Bench<'_>) -> Outcome {
    for count in [1u32, 2, 7, 32] {
        let object = allocate(bench, count)?;
        let completion = bench.answer(object, 0, wire::NOTHING, 512)?;
        let info =
            wire::answer::<capos_capnp::memory_object::info_results::Owned, _>(&completion, |answer| {
                Ok((answer.get_page_count(), answer.get_size_bytes()))
            })?;
        same!(
            info,
            (count, u64::from(count) * PAGE),
            "pages and bytes of {count} frames"
        );
        release(bench, object)?;
    }
    Ok(())
}

fn bad_counts(bench: &mut Bench<'_>) -> Outcome {
    let frames = bench.cap("frames")?;
    bench.exception(frames, 1, &contiguous(0), ExceptionType::InvalidArgument)?;
    for count in [257, 4097, u32::MAX] {
        bench.exception(frames, 1, &contiguous(count), ExceptionType::Overloaded)?;
    }
    bench.exception(frames, 2, wire::NOTHING, ExceptionType::Unimplemented)
}

fn mapping(bench: &mut Bench<'_>) -> Outcome {
    let object = allocate(bench, 2)?;
    let first = map(bench, object, 0, 0, 2 * PAGE, READ | WRITE)?;
    for word in 0..2 * PAGE / 8 {
        ensure!(
            read(first + word * 8) == 0,
            "fresh frames are not zero at word {word}"
        );
    }
    write(first + 8, 11);
    write(first + PAGE, 22);
    let second = map(bench, object, 0, 0, 2 * PAGE, READ)?;
    ensure!(
        second >= first + 2 * PAGE || first >= second + 2 * PAGE,
        "two mappings overlap"
    );
    same!(
        (read(second + 8), read(second + PAGE)),
        (11, 22),
        "the second mapping"
    );
    write(first + 8, 12);
    same!(
        read(second + 8),
        12,
        "the second mapping after a write through the first"
    );
    protect(bench, object, first, 2 * PAGE, READ)?;
    protect(bench, object, second, 2 * PAGE, READ | WRITE)?;
    write(second + 8, 13);
    same!(
        read(first + 8),
        13,
        "the first mapping after a write through the second"
    );
    unmap(bench, object, first, 2 * PAGE)?;
    same!(read(second + 8), 13, "one mapping after the other is gone");
    unmap(bench, object, second, 2 * PAGE)?;
    release(bench, object)
}

fn parts(bench: &mut Bench<'_>) -> Outcome {
    let object = allocate(bench, 4)?;
    let whole = map(bench, object, 0, 0, 4 * PAGE, READ | WRITE)?;
    for page in 0..4 {
        write(whole + page * PAGE, 100 + page);
    }
    let hint = 0x4000_0000_0000;
    same!(
        map(bench, object, hint, 2 * PAGE, PAGE, READ)?,
        hint,
        "mapped at the hint"
    );
    same!(read(hint), 102, "the third page");
    bench.exception(
        object,
        1,
        &map_params(hint, 0, PAGE, READ),
        ExceptionType::InvalidArgument,
    )?;
    unmap(bench, object, hint, PAGE)?;
    unmap(bench, object, whole, 4 * PAGE)?;
    release(bench, object)
}

fn bad_arguments(bench: &mut Bench<'_>) -> Outcome {
    let object = allocate(bench, 2)?;
    let address = map(bench, object, 0, 0, 2 * PAGE, READ | WRITE)?;
    let cases = [
        ("past the end", map_params(0, PAGE, 2 * PAGE, READ)),
        ("an offset past the end", map_params(0, 2 * PAGE, PAGE, READ)),
        (
            "an offset that overflows",
            map_params(0, u64::MAX - PAGE + 1, 2 * PAGE, READ),
        ),
        ("an unaligned offset", map_params(0, 8, PAGE, READ)),
        ("nothing", map_params(0, 0, 0, READ)),
        ("a huge size", map_params(0, 0, u64::MAX, READ)),
        ("write and execute", map_params(0, 0, PAGE, READ | WRITE | EXEC)),
        ("unknown protection bits", map_params(0, 0, PAGE, 8)),
        ("an unaligned hint", map_params(0x4000_0000_0001, 0, PAGE, READ)),
        (
            "the kernel's half",
            map_params(0xffff_8000_0000_0000, 0, PAGE, READ),
        ),
        ("the ring's page", map_params(0x120_0000, 0, PAGE, READ)),
    ];
    for (what, params) in &cases {
        if let Err(Failure(error)) = bench.exception(object, 1, params, ExceptionType::InvalidArgument) {
            fail!("map of {what}: {error}");
        }
    }
    bench.exception(
        object,
        3,
        &protect_params(address, PAGE, WRITE | EXEC),
        ExceptionType::InvalidArgument,
    )?;
    bench.exception(
        object,
        2,
        &range_params(address + 8, PAGE),
        ExceptionType::InvalidArgument,
    )?;
    bench.exception(
        object,
        2,
        &range_params(0x120_0000, PAGE),
        ExceptionType::InvalidArgument,
    )?;
    let own_image = main as *const () as u64 & !(PAGE - 1);
    bench.exception(
        object,
        2,
        &range_params(own_image, PAGE),
        ExceptionType::InvalidArgument,
    )?;
    // What the other object mapped is not this object's to unmap.
    let other = allocate(bench, 1)?;
    bench.exception(
        other,
        2,
        &range_params(address, PAGE),
        ExceptionType::InvalidArgument,
    )?;
    write(address, 1);
    unmap(bench, object, address, 2 * PAGE)?;
    release(bench, other)?;
    release(bench, object)
}

fn outlives(bench: &mut Bench<'_>) -> Outcome {
    let object = allocate(bench, 1)?;
    let address = map(bench, object, 0, 0, PAGE, READ | WRITE)?;
    write(address, 77);
    release(bench, object)?;
    same!(
        bench.call(object, 0, wire::NOTHING, 512)?.cqe().result,
        -4,
        "info through a released capability"
    );
    // The frame is still ours: nobody else's allocation may show it.
    let other = allocate(bench, 1)?;
    let second = map(bench, other, 0, 0, PAGE, READ | WRITE)?;
    write(second, 78);
    same!((read(address), read(second)), (77, 78), "two frames");
    unmap(bench, other, second, PAGE)?;
    release(bench, other)
}

fn shared_with_child(bench: &mut Bench<'_>) -> Outcome {
    let object = allocate(bench, 1)?;
    let address = map(bench, object, 0, 0, PAGE, READ | WRITE)?;
    write(address, 1000);
    let source = SpawnGrantSource::Capability(CapabilityRef::new(object, MEMORY_OBJECT_INTERFACE_ID));
    let grant = SpawnGrant {
        name: "object",
        source,
        mode: SpawnGrantMode::Raw,
        badge: 0,
    };
    same!(
        child::run(bench, "objects", "add", &[grant])?,
        1000,
        "what the child read"
    );
    same!(read(address), 1001, "what the child wrote");
    unmap(bench, object, address, PAGE)?;
    release(bench, object)
}

fn play(role: &str, mut runtime: Runtime) -> i64 {
    let Ok(object) = runtime.capset().get(b"object") else {
        return 1;
    };
    let Ok(mut ring) = runtime.ring_client() else {
        return 2;
    };
    let params = map_params(0, 0, PAGE, READ | WRITE);
    let Ok(call) = ring.submit_call(object.cap_id(), 1, params, vec![0; 256].into()) else {
        return 3;
    };
    let Ok(completion) = ring.wait(call, FOREVER) else {
        return 4;
    };
    let address = wire::answer::<capos_capnp::memory_object::map_results::Owned, _>(&completion, |answer| {
        Ok(answer.get_addr())
    });
    let Ok(address) = address else { return 5 };
    if role != "add" {
        return 6;
    }
    let value = read(address);
    write(address, value + 1);
    value as i64
}

fn frames_come_back(bench: &mut Bench<'_>) -> Outcome {
    // Far more, in all, than a process may hold at once or a small machine has.
    for _ in 0..300 {
        let object = allocate(bench, 64)?;
        release(bench, object)?;
    }
    Ok(())
}

capos::entry_point!(main);
