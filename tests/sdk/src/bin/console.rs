//! Console, and what every call has in common: messages in several segments, buffers at any address, exceptions that
//! fit and that do not, and checks in their order.

#![no_std]
#![no_main]

use capos::{ApplicationException, ConsoleClient, CopyTransfer};
use sdk_check::prelude::*;
use sdk_check::{raw, wire};

fn main(runtime: Runtime) -> i64 {
    run(
        "console",
        runtime,
        &[
            ("bytes and lines are written, empty ones too", writes),
            ("a line of three kilobytes comes in several segments", long_line),
            ("params may start anywhere", unaligned),
            ("trailing bytes after a message are ignored", trailing),
            (
                "a call without room for an answer is fine if there is none",
                no_room_needed,
            ),
            (
                "an exception that fits is there, one that does not says so",
                exceptions,
            ),
            ("results too small for the answer are refused", small_result),
            ("lengths beyond 64 KiB are refused, results first", lengths),
            ("an id that is not live is refused, buffers first", dead_ids),
            ("a kernel object takes no capabilities along", no_transfers),
            ("sixteen lines in one entry", batch),
        ],
    )
}

fn console(bench: &Bench<'_>) -> Outcome<ConsoleClient> {
    bench.client("console")
}

fn line(text: &str) -> Box<[u8]> {
    wire::encode::<capos::capos_capnp::console::write_line_params::Owned>(|mut params| params.set_text(text))
}

fn writes(bench: &mut Bench<'_>) -> Outcome {
    let mut console = console(bench)?;
    console.write_wait(
        &mut bench.ring,
        b"console: bytes \xf0\x9f\x8c\x85 and a ",
        FOREVER,
    )?;
    console.write_wait(&mut bench.ring, b"", FOREVER)?;
    console.write_line_wait(&mut bench.ring, "line", FOREVER)?;
    console.write_line_wait(&mut bench.ring, "", FOREVER)?;
    Ok(())
}

fn long_line(bench: &mut Bench<'_>) -> Outcome {
    let text: String = (0..300).map(|number| format!("{number:09} ")).collect();
    console(bench)?.write_line_wait(&mut bench.ring, &text, FOREVER)?;
    Ok(())
}

fn unaligned(bench: &mut Bench<'_>) -> Outcome {
    let message = line("console: from an odd address");
    let mut buffer = vec![0u8; message.len() + 16];
    for shift in [1, 2, 3, 4, 5, 7] {
        buffer[shift..shift + message.len()].copy_from_slice(&message);
        let call = raw::call(
            bench.cap("console")?,
            1,
            5,
            &buffer[shift..shift + message.len()],
            &mut [],
        );
        same!(raw::one(call)?.result, 0, "params {shift} bytes off");
    }
    let mut result = vec![0u8; 200];
    let call = raw::call(bench.cap("timer")?, 0, 6, wire::NOTHING, &mut result[3..]);
    ensure!(raw::one(call)?.result > 0, "a result buffer three bytes off");
    Ok(())
}

fn trailing(bench: &mut Bench<'_>) -> Outcome {
    let mut message = Vec::from(line("console: with bytes behind it"));
    message.extend_from_slice(&[0xff; 37]);
    same!(
        bench.answer(bench.cap("console")?, 1, &message, 64)?.cqe().result,
        0,
        "bytes of the answer"
    );
    Ok(())
}

fn no_room_needed(bench: &mut Bench<'_>) -> Outcome {
    let message = line("console: without room for an answer");
    same!(
        bench.call(bench.cap("console")?, 1, &message, 0)?.cqe().result,
        0,
        "result"
    );
    Ok(())
}

fn exceptions(bench: &mut Bench<'_>) -> Outcome {
    let console = bench.cap("console")?;
    for room in [0, 1, 8, 16] {
        same!(
            bench.call(console, 77, &[], room)?.cqe().result,
            -10,
            "an exception into {room} bytes"
        );
    }
    let completion = bench.call(console, 77, &[], 512)?;
    same!(
        (
            completion.cqe().result,
            completion.cqe().cap_count,
            completion.cqe().flags
        ),
        (-9, 0, 0),
        "an exception"
    );
    match ApplicationException::decode(completion.result_buffer()) {
        Ok(exception) => same!(
            exception.exception_type(),
            ExceptionType::Unimplemented,
            "its type"
        ),
        Err(error) => fail!("an exception that does not decode: {error:?}"),
    }
    for garbage in [&[][..], &[0; 3], &[0; 8], &[0xff; 200], &[0, 0, 0, 0, 0, 0, 0, 1]] {
        bench.exception(console, 1, garbage, ExceptionType::InvalidArgument)?;
    }
    Ok(())
}

fn small_result(bench: &mut Bench<'_>) -> Outcome {
    for room in [0, 8, 16, 24] {
        same!(
            bench
                .call(bench.cap("timer")?, 0, wire::NOTHING, room)?
                .cqe()
                .result,
            -3,
            "an answer into {room} bytes"
        );
    }
    Ok(())
}

fn lengths(bench: &mut Bench<'_>) -> Outcome {
    let console = bench.cap("console")?;
    let buffer = vec![0u8; 65544];
    let base = raw::call(console, 99, 9, &buffer[..65536], &mut []);
    same!(raw::one(base)?.result, -10, "params of 64 KiB");
    same!(
        raw::one(CapSqe { len: 65537, ..base })?.result,
        -2,
        "params of one byte more"
    );
    same!(
        raw::one(CapSqe {
            len: u32::MAX,
            ..base
        })?
        .result,
        -2,
        "params of 4 GiB"
    );
    let address = buffer.as_ptr() as u64;
    same!(
        raw::one(CapSqe {
            result_addr: address,
            result_len: 65536,
            ..base
        })?
        .result,
        -9,
        "a result of 64 KiB"
    );
    same!(
        raw::one(CapSqe {
            result_addr: address,
            result_len: 65537,
            ..base
        })?
        .result,
        -3,
        "a result of one byte more"
    );
    same!(
        raw::one(CapSqe {
            result_addr: address,
            result_len: u32::MAX,
            ..base
        })?
        .result,
        -3,
        "a result of 4 GiB"
    );
    same!(
        raw::one(CapSqe {
            cap_id: 0,
            len: 65537,
            ..base
        })?
        .result,
        -2,
        "length before capability"
    );
    Ok(())
}

fn dead_ids(bench: &mut Bench<'_>) -> Outcome {
    let console = bench.cap("console")?;
    for id in [
        0,
        u32::MAX,
        console ^ 0x100,
        console ^ 0x8000_0000,
        console | 0xff,
    ] {
        if id != console {
            same!(
                bench.call(id, 1, wire::NOTHING, 64)?.cqe().result,
                -4,
                "a call through {id:#x}"
            );
        }
    }
    let unmapped = CapSqe {
        addr: 0x1000,
        len: 8,
        ..raw::call(0, 0, 3, &[], &mut [])
    };
    same!(raw::one(unmapped)?.result, -2, "params before capability");
    same!(
        raw::one(CapSqe {
            result_addr: 0x1000,
            result_len: 8,
            ..unmapped
        })?
        .result,
        -3,
        "result before params"
    );
    Ok(())
}

fn no_transfers(bench: &mut Bench<'_>) -> Outcome {
    let mut console = console(bench)?;
    for (name, expected) in [
        ("console", TransportError::TransferNotSupported),
        ("timer", TransportError::TransferNotSupported),
    ] {
        let transfer = [CopyTransfer::from_cap_id(bench.cap(name)?)];
        let call = console.write_line_with_copy_transfers(
            &mut bench.ring,
            "console: MUST NOT BE PRINTED",
            &transfer,
        )?;
        match console.wait(&mut bench.ring, call, FOREVER) {
            Err(ClientError::Transport(error)) if error == expected => {}
            other => fail!("{name} along with a line: {other:?}"),
        }
    }
    let unknown = [CopyTransfer::from_cap_id(0xffff_ff00)];
    let call =
        console.write_line_with_copy_transfers(&mut bench.ring, "console: MUST NOT BE PRINTED", &unknown)?;
    match console.wait(&mut bench.ring, call, FOREVER) {
        Err(ClientError::Transport(TransportError::InvalidTransferDescriptor)) => Ok(()),
        other => fail!("a capability that is not there along with a line: {other:?}"),
    }
}

fn batch(bench: &mut Bench<'_>) -> Outcome {
    let mut console = console(bench)?;
    let mut calls = Vec::new();
    for number in 1..=16 {
        calls.push(console.write_line(&mut bench.ring, &format!("console: line {number} of 16"))?);
    }
    same!(
        bench.ring.cap_enter(0, 0)?,
        16,
        "completions of one entry that asks for none"
    );
    for call in calls {
        console.wait(&mut bench.ring, call, FOREVER)?;
    }
    Ok(())
}

capos::entry_point!(main);
