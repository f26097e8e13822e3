//! What a manifest may say besides: it is read, and a rule that asks for it is content.

use super::*;
use schema_gen::system::{KernelCapSource, KeyPurpose, KeySourceDeploymentProfile, UartParity, UartPort};

#[test]
fn p13_binaries_are_found_by_their_names() {
    let message = with_root(|manifest| {
        let mut binaries = manifest.init_binaries(2);
        binaries.reborrow().get(0).set_name("shell");
        binaries.reborrow().get(0).set_data(b"one");
        binaries.reborrow().get(1).set_name("other");
        binaries.get(1).set_data(b"two");
    });
    let bytes = bytes(&message);
    let manifest = Manifest::decode(bytes.bytes()).unwrap();
    let data = |name| manifest.binary(name).map(|binary| binary.data);
    assert_eq!(
        (data("other"), data("shell")),
        (Some(&b"two"[..]), Some(&b"one"[..]))
    );
    assert_eq!(data("third"), None);
}

#[test]
fn p13_extension_points_are_read() {
    assert_eq!(
        Manifest::decode(bytes(&good()).bytes()).unwrap().extension_points,
        None
    );
    let message = with_root(|manifest| {
        let mut points = manifest.init_extension_points();
        points.set_max_additional_services(3);
        points.set_min_overlay_epoch(9);
        points.init_allowed_service_caps(1).set(0, KernelCapSource::Timer);
    });
    let bytes = bytes(&message);
    let points = Manifest::decode(bytes.bytes()).unwrap().extension_points.unwrap();
    assert_eq!((points.max_additional_services, points.min_overlay_epoch), (3, 9));
    assert_eq!(points.allowed_service_caps, [Source::Timer]);
}

#[test]
fn p13_a_source_that_needs_a_parameter_is_content_with_it() {
    let with = |source: &str, set: &dyn Fn(system_config::Builder<'_>)| {
        outcome(&with_root(|mut manifest| {
            set(manifest.reborrow().init_kernel_params());
            init("shell", vec![cap("c", source, vec![])]).write(manifest.init_init_config());
        }))
    };
    let host_key = |kernel: system_config::Builder<'_>| {
        kernel.init_ssh_development_host_key().set_algorithm("ed25519");
    };
    assert_eq!(with("ssh_development_host_key", &host_key), "ok");
    let device = |kernel: system_config::Builder<'_>| {
        kernel.init_block_device_target().init_pci().set_device(3);
    };
    assert_eq!(with("block_device_target", &device), "ok");
    let two_grants = |mut kernel: system_config::Builder<'_>| {
        let mut pools = kernel.reborrow().init_cpu_isolation_pools(2);
        for number in 0..2 {
            let mut pool = pools.reborrow().get(number);
            pool.set_pool_id(number + 1);
            pool.set_pool_cpu_mask(&[2 << number]);
        }
        let mut grants = kernel.init_cpu_isolation_pool_grants(2);
        for number in 0..2 {
            let mut grant = grants.reborrow().get(number);
            grant.set_bound_account_id(7);
            grant.set_bound_pool_id(number + 1);
        }
    };
    assert_eq!(with("cpu_isolation_pool_grant_secondary", &two_grants), "ok");
}

#[test]
fn p13_keys_are_read() {
    let bytes = bytes(&with_kernel(|mut kernel| {
        let mut key = kernel.reborrow().init_ssh_development_host_key();
        key.set_algorithm("ed25519");
        key.set_private_key_seed(&[1, 2]);
        let mut source = kernel.init_key_source_bootstrap();
        source.set_deployment_profile(KeySourceDeploymentProfile::Production);
        let mut software = source.init_development_software();
        software.set_identifier(&[3]);
        software.init_allowed_purposes(1).set(0, KeyPurpose::BlockVolume);
    }));
    let kernel = Manifest::decode(bytes.bytes()).unwrap().kernel;
    let key = kernel.ssh_development_host_key.unwrap();
    assert_eq!((key.algorithm, key.private_key_seed), ("ed25519", &[1, 2][..]));
    let source = kernel.key_source.unwrap();
    assert_eq!(source.deployment_profile, KeySourceDeploymentProfile::Production);
    let software = source.development_software.unwrap();
    assert_eq!(software.identifier, [3]);
    assert_eq!(software.allowed_purposes, [KeyPurpose::BlockVolume]);
}

#[test]
fn p13_no_keys_and_no_software_are_none() {
    let bytes = bytes(&with_kernel(|kernel| {
        kernel.init_key_source_bootstrap();
    }));
    let kernel = Manifest::decode(bytes.bytes()).unwrap().kernel;
    assert_eq!(kernel.ssh_development_host_key, None);
    assert_eq!(kernel.key_source.unwrap().development_software, None);
}

#[test]
fn p13_the_terminals_divisor_makes_its_rate_of_the_clock() {
    let bytes = bytes(&with_kernel(|kernel| {
        let mut uart = kernel.init_terminal_uart();
        uart.set_port(UartPort::Com2);
        uart.set_baud(9600);
        uart.set_data_bits(5);
        uart.set_stop_bits(1);
        uart.set_parity(UartParity::Even);
    }));
    let uart = Manifest::decode(bytes.bytes()).unwrap().kernel.terminal_uart;
    assert_eq!((uart.divisor(), uart.data_bits), (12, 5));
    assert_eq!(crate::kernel::uart::Uart::TERMINAL.divisor(), 1);
    let two_stop_bits = with_kernel(|kernel| {
        let mut uart = kernel.init_terminal_uart();
        uart.set_port(UartPort::Com2);
        uart.set_data_bits(8);
        uart.set_stop_bits(2);
    });
    assert_eq!(outcome(&two_stop_bits), "ok");
}

#[test]
fn b5_children_have_minted_for_them_what_belongs_to_nobody_else() {
    let for_children = Source::ALL.iter().filter(|source| source.for_children());
    let names: Vec<&str> = for_children.map(|source| source.name()).collect();
    for name in ["console", "endpoint", "timer", "virtual_memory", "log_sink"] {
        assert!(names.contains(&name), "{name}");
    }
    for name in [
        "terminal_session",
        "supervisor",
        "monitor",
        "nic",
        "process_spawner",
    ] {
        assert!(!names.contains(&name), "{name}");
    }
}

#[test]
fn p13_a_tree_has_a_limit_on_its_values() {
    let with = |count: usize| {
        let list = Cue::List(vec![Cue::Uint(1); count]);
        // The list is in a record with two fields, one of which is a record with one.
        let init = Cue::Record(vec![("binary", text("init"))]);
        let bytes = bytes(&with_config(&Cue::Record(vec![("init", init), ("list", list)])));
        config::Value::read(bytes.bytes())
            .map(|_| ())
            .map_err(|error| error.problem)
    };
    let others = 3;
    assert_eq!(with(config::MAX_VALUES - others), Ok(()));
    assert!(matches!(
        with(config::MAX_VALUES - others + 1),
        Err(Problem::TooMany { .. })
    ));
}

#[test]
fn p13_a_manifest_may_be_as_large_as_it_says() {
    let largest = Aligned::copy(&vec![0; abi::limits::MANIFEST_BYTES]);
    let error = Manifest::decode(largest.bytes()).unwrap_err();
    assert!(!matches!(error.problem, Problem::Size { .. }), "{error}");
    assert_eq!(format!("{largest:?}"), "Aligned(5242880 bytes)");
}
