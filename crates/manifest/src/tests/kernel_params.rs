//! Rules of the kernel parameters.

use super::*;
use crate::kernel::uart::Uart;
use schema_gen::system::{LogLevel, UartParity, UartPort, uart_config};

#[test]
fn p13_kernel_parameters_are_read_and_zeroes_mean_defaults() {
    let bytes = bytes(&with_kernel(|mut kernel| {
        kernel.set_log_level(LogLevel::Warn);
        kernel.set_hostname("sundial");
        kernel.set_motd("two\nlines\tand a tab");
        kernel.reborrow().init_session_lifetimes().set_guest_ms(1000);
        kernel.reborrow().init_terminal_uart().set_port(UartPort::Com2);
        let mut pool = kernel.reborrow().init_cpu_isolation_pools(1).get(0);
        pool.set_pool_id(1);
        pool.set_pool_cpu_mask(&[0b110]);
        let mut binding = kernel.init_cpu_isolation_pool_grants(1).get(0);
        binding.set_bound_account_id(7);
        binding.set_bound_pool_id(1);
    }));
    let kernel = Manifest::decode(bytes.bytes()).unwrap().kernel;
    assert_eq!((kernel.log_level, kernel.hostname), (LogLevel::Warn, "sundial"));
    assert_eq!(
        (
            kernel.session_lifetimes.guest_ms,
            kernel.session_lifetimes.operator_ms
        ),
        (1000, 900_000)
    );
    assert_eq!(kernel.terminal_uart, Uart::TERMINAL);
    assert_eq!((kernel.pools[0].id, kernel.pools[0].cpu_mask), (1, &[0b110][..]));
    assert_eq!(
        kernel.pool_grants,
        [crate::kernel::isolation::PoolBinding { account: 7, pool: 1 }]
    );
}

fn console(spoil: impl FnOnce(uart_config::Builder<'_>)) -> String {
    outcome(&with_kernel(|kernel| spoil(kernel.init_console_uart())))
}

fn terminal(spoil: impl FnOnce(uart_config::Builder<'_>)) -> String {
    outcome(&with_kernel(|kernel| {
        let mut uart = kernel.init_terminal_uart();
        uart.set_port(UartPort::Com2);
        spoil(uart);
    }))
}

#[test]
fn p13_the_console_is_com1_at_115200_8_none_1() {
    assert_eq!(console(|_| ()), "ok");
    assert_eq!(console(|mut u| u.set_baud(115_200)), "ok");
    let at = "kernelParams.consoleUart.";
    assert_eq!(
        console(|mut u| u.set_port(UartPort::Com2)),
        format!("{at}port: 1 is not allowed, only com1 (0)")
    );
    assert_eq!(
        console(|mut u| u.set_baud(9600)),
        format!("{at}baud: 9600 is not allowed, only 115200")
    );
    assert_eq!(
        console(|mut u| u.set_data_bits(7)),
        format!("{at}dataBits: 7 is not allowed, only 8")
    );
    assert_eq!(
        console(|mut u| u.set_stop_bits(2)),
        format!("{at}stopBits: 2 is not allowed, only 1")
    );
    assert_eq!(
        console(|mut u| u.set_parity(UartParity::Odd)),
        format!("{at}parity: 2 is not allowed, only none (0)")
    );
}

#[test]
fn p13_the_terminal_is_com2_with_settings_the_hardware_can_do() {
    assert_eq!(terminal(|mut u| u.set_baud(9600)), "ok");
    assert_eq!(terminal(|mut u| u.set_parity(UartParity::Even)), "ok");
    let at = "kernelParams.terminalUart.";
    assert_eq!(
        terminal(|mut u| u.set_port(UartPort::Com1)),
        format!("{at}port: 0 is not allowed, only com2 (1)")
    );
    for baud in [7, 115_201, u32::MAX, 1] {
        assert_eq!(
            terminal(|mut u| u.set_baud(baud)),
            format!("{at}baud: {baud} is not allowed, only rates that divide 115200")
        );
    }
    assert_eq!(
        terminal(|mut u| u.set_data_bits(4)),
        format!("{at}dataBits: 4 is not allowed, only 5 to 8")
    );
    assert_eq!(
        terminal(|mut u| u.set_data_bits(9)),
        format!("{at}dataBits: 9 is not allowed, only 5 to 8")
    );
    assert_eq!(
        terminal(|mut u| u.set_stop_bits(3)),
        format!("{at}stopBits: 3 is not allowed, only 1 or 2")
    );
    let five_and_two = |mut u: uart_config::Builder<'_>| {
        u.set_data_bits(5);
        u.set_stop_bits(2);
    };
    assert_eq!(
        terminal(five_and_two),
        format!("{at}stopBits: 2 is not allowed, only 1 with 5 data bits")
    );
}

#[test]
fn p13_the_message_of_the_day_is_short_lines_of_plain_text() {
    let motd = |text: &str| outcome(&with_kernel(|mut kernel| kernel.set_motd(text)));
    let line = "x".repeat(1000);
    assert_eq!(motd(&[line.as_str(); 4].join("\n")), "ok");
    assert_eq!(
        motd(&"x\n".repeat(2049)),
        "kernelParams.motd: has 4098 bytes, at most 4096 are allowed"
    );
    assert_eq!(
        motd(&format!("ok\n{line}x")),
        "kernelParams.motd: line 2 has more than 1000 bytes"
    );
    assert_eq!(
        motd("bell\u{7}"),
        "kernelParams.motd: character '\\u{7}' is not allowed"
    );
    assert_eq!(
        motd("return\r"),
        "kernelParams.motd: character '\\r' is not allowed"
    );
}

#[test]
fn p13_the_host_name_is_one_word() {
    let hostname = |text: &str| outcome(&with_kernel(|mut kernel| kernel.set_hostname(text)));
    assert_eq!(hostname(&"h".repeat(255)), "ok");
    assert_eq!(
        hostname(&"h".repeat(256)),
        "kernelParams.hostname: has 256 bytes, at most 255 are allowed"
    );
    assert_eq!(
        hostname("two words"),
        "kernelParams.hostname: character ' ' is not allowed"
    );
    assert_eq!(
        hostname("tab\t"),
        "kernelParams.hostname: character '\\t' is not allowed"
    );
}

#[test]
fn p13_the_password_verifier_has_a_limit() {
    let verifier = |bytes| {
        outcome(&with_kernel(|mut kernel| {
            kernel.set_console_password_verifier_phc("v".repeat(bytes).as_str())
        }))
    };
    assert_eq!(verifier(512), "ok");
    assert_eq!(
        verifier(513),
        "kernelParams.consolePasswordVerifierPhc: has 513 bytes, at most 512 are allowed"
    );
}

#[test]
fn f10_pools_have_unique_numbers_and_canonical_masks() {
    let pools = |masks: &[(u32, &[u8])]| {
        outcome(&with_kernel(|kernel| {
            let mut pools = kernel.init_cpu_isolation_pools(masks.len() as u32);
            for (index, (id, mask)) in (0..).zip(masks) {
                let mut pool = pools.reborrow().get(index);
                pool.set_pool_id(*id);
                pool.set_pool_cpu_mask(mask);
            }
        }))
    };
    assert_eq!(pools(&[(0, &[1]), (1, &[0, 1])]), "ok");
    assert_eq!(
        pools(&[(1, &[1]), (1, &[2])]),
        "kernelParams.cpuIsolationPools[1].poolId: `1` is there twice"
    );
    assert_eq!(
        pools(&[(1, &[1, 0])]),
        "kernelParams.cpuIsolationPools[0].poolCpuMask: CPU mask ends in a zero byte"
    );
}

#[test]
fn f11_grants_and_minting_never_bind_account_zero() {
    let grant = outcome(&with_kernel(|kernel| {
        _ = kernel.init_cpu_isolation_pool_grants(1)
    }));
    let refused = "[0].boundAccountId: 0 is not allowed, only account numbers from 1";
    assert_eq!(grant, format!("kernelParams.cpuIsolationPoolGrants{refused}"));
    let minting = outcome(&with_kernel(|kernel| {
        _ = kernel.init_cpu_isolation_grant_minter_allowlist(1)
    }));
    assert_eq!(
        minting,
        format!("kernelParams.cpuIsolationGrantMinterAllowlist{refused}")
    );
}

#[test]
fn p13_a_pci_address_is_in_range() {
    let pci = |device, function| {
        outcome(&with_kernel(|kernel| {
            let mut pci = kernel.init_block_device_target().init_pci();
            pci.set_device(device);
            pci.set_function(function);
        }))
    };
    assert_eq!(pci(31, 7), "ok");
    let at = "kernelParams.blockDeviceTarget.pci.";
    assert_eq!(pci(32, 0), format!("{at}device: 32 is not allowed, only 0 to 31"));
    assert_eq!(pci(0, 8), format!("{at}function: 8 is not allowed, only 0 to 7"));
    let none = outcome(&with_kernel(|kernel| _ = kernel.init_block_device_target()));
    assert_eq!(none, "kernelParams.blockDeviceTarget.pci: is missing or empty");
}

#[test]
fn d5_d7_the_scheduler_is_chosen_and_the_default_is_eevdf_between_threads() {
    use schema_gen::system::{FairnessScope, SchedulerPolicy};
    let chosen = |choose: fn(system_config::Builder<'_>)| {
        let bytes = bytes(&with_kernel(choose));
        let kernel = Manifest::decode(bytes.bytes()).unwrap().kernel;
        (kernel.scheduler, kernel.fairness)
    };
    assert_eq!(chosen(|_| ()), (SchedulerPolicy::Eevdf, FairnessScope::Threads));
    let both = chosen(|mut kernel| {
        kernel.set_scheduler(SchedulerPolicy::WeightedFair);
        kernel.set_fairness(FairnessScope::Processes);
    });
    assert_eq!(both, (SchedulerPolicy::WeightedFair, FairnessScope::Processes));
}

#[test]
fn e10_what_the_first_process_may_reserve_is_nothing_unless_said_and_never_more_than_all() {
    let decoded = |permille: u16| {
        let bytes = bytes(&with_kernel(|mut kernel| {
            kernel.set_reservable_permille(permille)
        }));
        let manifest = Manifest::decode(bytes.bytes());
        manifest
            .map(|manifest| manifest.kernel.reservable_permille)
            .map_err(|error| error.to_string())
    };
    assert_eq!(crate::kernel::KernelParams::default().reservable_permille, 0);
    assert_eq!((decoded(950), decoded(1000)), (Ok(950), Ok(1000)));
    let refused = "kernelParams.reservablePermille: 1001 is not allowed, only 0 to 1000 thousandths";
    assert_eq!(decoded(1001), Err(refused.into()));
}

#[test]
fn d5_d7_a_scheduler_that_does_not_exist_is_refused_by_name() {
    use schema_gen::system::{FairnessScope, SchedulerPolicy};
    // Both are 1 in the second and last halves of the words that hold the numbers of the parameters.
    let plain = capnp::serialize::write_message_to_words(&with_kernel(|mut kernel| {
        kernel.set_scheduler(SchedulerPolicy::WeightedFair);
        kernel.set_fairness(FairnessScope::Processes);
    }));
    let first = plain
        .chunks_exact(8)
        .rposition(|word| word == [0, 0, 0, 0, 0, 0, 1, 0])
        .unwrap();
    let spoiled = |at: usize, value: u8| {
        let mut bytes = plain.clone();
        assert_eq!(bytes[8 * first + at], 1);
        bytes[8 * first + at] = value;
        let bytes = Aligned::copy(&bytes);
        Manifest::decode(bytes.bytes()).unwrap_err().to_string()
    };
    assert_eq!(
        spoiled(6, 2),
        "kernelParams.scheduler: value 2 means nothing here"
    );
    assert_eq!(spoiled(8, 7), "kernelParams.fairness: value 7 means nothing here");
}

#[test]
fn p13_enums_with_unknown_numbers_are_refused() {
    // The log level is the first 16 bits of the parameters, whose only other content is the host name.
    let plain = capnp::serialize::write_message_to_words(&with_kernel(|mut kernel| {
        kernel.set_log_level(LogLevel::Error);
        kernel.set_hostname("x");
    }));
    let level = plain
        .chunks_exact(8)
        .rposition(|word| word == [3, 0, 0, 0, 0, 0, 0, 0])
        .unwrap();
    let mut spoiled = plain;
    spoiled[8 * level] = 4;
    let spoiled = Aligned::copy(&spoiled);
    let error = Manifest::decode(spoiled.bytes()).unwrap_err().to_string();
    assert_eq!(error, "kernelParams.logLevel: value 4 means nothing here");
}
