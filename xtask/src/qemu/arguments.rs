//! The command line of QEMU for a [`Machine`]: nothing comes from QEMU's defaults or from a user's
//! configuration, so that a boot is the same everywhere.

use super::{Accelerator, Console, Machine, Terminal};
use std::path::Path;

/// The port the kernel writes its last record to.
const END_PORT: &str = "0xe9";

/// All arguments. `scratch` is a folder of this boot's own, for the end record and the memory file.
pub(super) fn arguments(machine: &Machine, scratch: &Path) -> Vec<String> {
    let mut list = Vec::new();
    let mut add = |option: &str, value: String| list.extend([option.to_owned(), value]);

    add("-display", "none".into());
    let memory = if machine.shared_memory {
        ",memory-backend=ram"
    } else {
        ""
    };
    add("-machine", format!("q35{memory}"));
    add("-accel", accelerator(machine));
    add("-cpu", cpu(machine));
    add("-smp", machine.cpus.clone());
    add("-m", machine.memory_mib.to_string());
    if machine.shared_memory {
        let path = escaped(&memory_file(scratch));
        add(
            "-object",
            format!(
                "memory-backend-file,id=ram,size={}M,mem-path={path},share=on",
                machine.memory_mib
            ),
        );
    }
    if machine.icount {
        add("-icount", "shift=0,sleep=off".into());
        // Random numbers and the wall clock are inputs too: fixed, or two runs would differ.
        add("-seed", "1".into());
        add("-rtc", "base=2026-01-01T00:00:00,clock=vm".into());
    }

    add("-kernel", machine.kernel.display().to_string());
    add("-initrd", machine.manifest.display().to_string());
    if !machine.kernel_arguments.is_empty() {
        add("-append", machine.kernel_arguments.join(" "));
    }

    add("-chardev", console(&machine.console));
    add("-serial", "chardev:console".into());
    if let Some(terminal) = terminal(&machine.terminal) {
        add("-chardev", terminal);
        add("-serial", "chardev:terminal".into());
    }
    if machine.terminal == Terminal::Stdio {
        add("-mon", "chardev=terminal,mode=readline".into());
    }
    if let Some(path) = &machine.monitor {
        add("-chardev", format!("socket,id=monitor,path={}", escaped(path)));
        add("-mon", "chardev=monitor,mode=readline".into());
    }
    add(
        "-chardev",
        format!("file,id=end,path={}", escaped(&end_file(scratch))),
    );
    add("-device", format!("isa-debugcon,iobase={END_PORT},chardev=end"));
    add("-device", "isa-debug-exit,iobase=0xf4,iosize=4".into());

    list.extend(["-nodefaults", "-no-user-config", "-no-reboot"].map(str::to_owned));
    list
}

/// The file the end record arrives in.
pub(super) fn end_file(scratch: &Path) -> std::path::PathBuf {
    scratch.join("end")
}

/// The file guest memory is in, when the machine shares it.
pub(super) fn memory_file(scratch: &Path) -> std::path::PathBuf {
    scratch.join("memory")
}

fn accelerator(machine: &Machine) -> String {
    match machine.accelerator {
        // Counting instructions is an emulator's art.
        _ if machine.icount => "tcg,thread=single".to_owned(),
        Accelerator::Tcg => "tcg,thread=multi".to_owned(),
        Accelerator::Kvm => "kvm".to_owned(),
    }
}

fn cpu(machine: &Machine) -> String {
    match (&machine.cpu_model, machine.accelerator) {
        // Beyond 255 CPUs only x2APIC can name them all; a model without it gets it added.
        (Some(model), _) if machine.cpu_count() > 255 && !model.contains("x2apic") => {
            format!("{model},+x2apic")
        }
        (Some(model), _) => model.clone(),
        (None, Accelerator::Kvm) if !machine.icount => "host".to_owned(),
        (None, _) => "max".to_owned(),
    }
}

fn console(console: &Console) -> String {
    match console {
        // QEMU's standard output is the pipe; its standard input is empty.
        Console::Pipe => "stdio,id=console,signal=off".to_owned(),
        Console::File(path) => format!("file,id=console,path={}", escaped(path)),
    }
}

fn terminal(terminal: &Terminal) -> Option<String> {
    let line = match terminal {
        Terminal::Absent => return None,
        Terminal::None => "null,id=terminal".to_owned(),
        Terminal::Stdio => "stdio,id=terminal,mux=on,signal=off".to_owned(),
        Terminal::File(path) => format!("file,id=terminal,path={}", escaped(path)),
        Terminal::Listen(path) => format!("socket,id=terminal,path={},server=on,wait=off", escaped(path)),
        Terminal::Connect(path) => format!("socket,id=terminal,path={}", escaped(path)),
    };
    Some(line)
}

/// A path inside an option list: QEMU reads a doubled comma as one.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(machine: &Machine) -> String {
        arguments(machine, Path::new("/scratch")).join(" ")
    }

    #[test]
    fn icount_fixes_every_input_that_two_runs_could_differ_in() {
        let machine = Machine {
            icount: true,
            ..Machine::new("kernel".into(), "manifest".into())
        };
        let line = line(&machine);
        for part in ["shift=0,sleep=off", "-seed 1", "clock=vm", "tcg,thread=single"] {
            assert!(line.contains(part), "{part} is missing in {line}");
        }
    }

    #[test]
    fn more_than_255_cpus_get_an_x2apic() {
        let mut machine = Machine::new("kernel".into(), "manifest".into());
        machine.cpu_model = Some("Nehalem".into());
        machine.cpus = "255".into();
        assert!(line(&machine).contains("-cpu Nehalem -smp 255"));
        machine.cpus = "256,cores=256".into();
        assert!(line(&machine).contains("-cpu Nehalem,+x2apic -smp 256,cores=256"));
    }

    #[test]
    fn a_comma_in_a_path_stays_a_comma() {
        let mut machine = Machine::new("kernel".into(), "manifest".into());
        machine.terminal = Terminal::File("a,b".into());
        assert!(line(&machine).contains("path=a,,b"));
    }
}
