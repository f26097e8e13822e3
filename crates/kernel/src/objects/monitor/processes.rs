//! The monitor's lists of processes, living and ended, and of their threads.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use machine::vector;
use sched::Account;
use schema_gen::monitor::monitor::{processes_results, threads_results};
use schema_gen::monitor::{ProcessState, process_status, thread_status};
use schema_gen::system::LatencyClass;

use super::super::capability_manager::{require_fit, room_to_list};
use super::super::observe;
use super::super::supervisor::living;
use crate::call::{Call, Trouble};
use crate::process::Process;
use crate::process::exit::Reason;
use crate::process::table::{self, Ended};
use crate::process::thread::Thread;
use crate::wire::{self, ListBytes};

/// What a process's number is paired with where references must be told apart. Numbers are never used again, so there is
/// one generation of each.
const GENERATION: u64 = 1;

pub(super) fn all(call: &Call<'_, '_>) -> Result<Vec<u8>, Trouble> {
    let (mut living, _list) =
        room_to_list::<Arc<Process>, process_status::Builder<'_>>(call, table::count())?;
    table::each(|process| list(&mut living, process));
    // One that ends just now is shown once.
    let is_gone = |ended: &Ended| living.iter().all(|process| process.pid != ended.pid);
    let with_reason = |ended: Ended| (reason_text(ended.reason), ended);
    let ended: Vec<(String, Ended)> = table::ended()
        .into_iter()
        .filter(is_gone)
        .map(with_reason)
        .collect();
    let count = living.len() + ended.len();
    let names = living.iter().map(|process| process.name.as_str());
    let texts = ended
        .iter()
        .flat_map(|(reason, ended)| [ended.name.as_str(), reason.as_str()]);
    let bytes = ListBytes::of::<process_status::Builder<'_>>(count)
        .with_texts(names.chain(texts))
        .total();
    let _room = require_fit(call, bytes)?;
    let mut answer = wire::builder_for(bytes);
    let mut list = answer
        .init_root::<processes_results::Builder<'_>>()
        .init_processes(count as u32);
    let mut index = 0;
    for process in &living {
        show_process(list.reborrow().get(index), process);
        index += 1;
    }
    for (reason, process) in &ended {
        show_ended(list.reborrow().get(index), process, reason);
        index += 1;
    }
    Ok(wire::finish(answer))
}

/// Lists one more, if there is room: those that have come since they were counted may be too many.
fn list<T>(list: &mut Vec<Arc<T>>, shown: &Arc<T>) {
    if list.len() < list.capacity() {
        list.push(shown.clone());
    }
}

fn show_process(mut shown: process_status::Builder<'_>, process: &Process) {
    let threads = process.living_threads();
    shown.set_pid(process.pid);
    shown.set_generation(GENERATION);
    shown.set_parent_pid(process.parent);
    shown.set_name(process.name.as_str());
    if let Some((code, _)) = process.ending.lock().decided {
        shown.set_state(ProcessState::Exiting);
        shown.set_exit_code(code);
    }
    shown.set_threads(threads.len() as u32);
    shown.set_caps(process.capabilities.lock().len() as u32);
    shown.set_resident_pages(process.space.pages().frames());
    shown.set_runtime_ns(observe::runtime(process, &threads));
    shown.set_switches(process.usage.stays());
    show_tally(shown, process.tally());
}

fn show_ended(mut shown: process_status::Builder<'_>, ended: &Ended, reason: &str) {
    shown.set_pid(ended.pid);
    shown.set_generation(GENERATION);
    shown.set_parent_pid(ended.parent);
    shown.set_name(ended.name.as_str());
    shown.set_state(ProcessState::Exited);
    shown.set_exit_code(ended.code);
    shown.set_exit_reason(reason);
    shown.set_runtime_ns(ended.runtime);
    shown.set_switches(ended.switches);
    show_tally(shown, ended.tally);
}

fn show_tally(mut shown: process_status::Builder<'_>, tally: Account) {
    shown.set_preemptions(tally.preemptions);
    shown.set_voluntary_blocks(tally.voluntary_blocks);
    shown.set_migrations(tally.migrations);
    shown.set_waiting_ns(tally.waiting.0);
}

/// Why a process ended, for a person; empty when it did so by itself, since its code says it all.
fn reason_text(reason: Reason) -> String {
    match reason {
        Reason::Exited => String::new(),
        Reason::Terminated => "terminated".into(),
        Reason::Faulted {
            vector: vector::PAGE_FAULT,
            instruction,
            address,
        } => {
            format!("page fault at {instruction:#x}, address {address:#x}")
        }
        Reason::Faulted {
            vector, instruction, ..
        } => format!("exception {vector} at {instruction:#x}"),
    }
}

/// Whose threads are asked for.
enum Whose {
    Everybody,
    Of(Arc<Process>),
    Nobody,
}

impl Whose {
    /// Shows these threads. One that starts or ends meanwhile may be among them or not.
    fn each(&self, mut look: impl FnMut(&Arc<Thread>)) {
        let mut of_process =
            |process: &Arc<Process>| process.threads.lock().living.iter().for_each(&mut look);
        match self {
            Whose::Everybody => table::each(of_process),
            Whose::Of(process) => of_process(process),
            Whose::Nobody => {}
        }
    }
}

pub(super) fn threads(call: &Call<'_, '_>, pid: u32) -> Result<Vec<u8>, Trouble> {
    let whose = match pid {
        0 => Whose::Everybody,
        // One that is still listed although it has ended has no threads any more.
        _ if table::ended().iter().any(|ended| ended.pid == pid) => Whose::Nobody,
        _ => Whose::Of(living(pid)?),
    };
    let mut count = 0;
    whose.each(|_| count += 1);
    let (mut threads, _list) = room_to_list::<Arc<Thread>, thread_status::Builder<'_>>(call, count)?;
    whose.each(|thread| list(&mut threads, thread));
    let names = threads.iter().map(|thread| thread.process().name.as_str());
    let bytes = ListBytes::of::<thread_status::Builder<'_>>(threads.len())
        .with_texts(names)
        .total();
    let _room = require_fit(call, bytes)?;
    let mut answer = wire::builder_for(bytes);
    let mut list = answer
        .init_root::<threads_results::Builder<'_>>()
        .init_threads(threads.len() as u32);
    for (index, (thread, seen)) in (0..).zip(threads.iter().zip(observe::threads(&threads))) {
        show_thread(list.reborrow().get(index), thread, &seen);
    }
    Ok(wire::finish(answer))
}

fn show_thread(mut shown: thread_status::Builder<'_>, thread: &Thread, seen: &observe::Seen) {
    let account = &seen.account;
    let (weight, class) = thread.task().policy();
    shown.set_pid(thread.process().pid);
    shown.set_tid(thread.tid());
    shown.set_name(thread.process().name.as_str());
    shown.set_state(seen.state);
    shown.set_cpu(account.last_cpu.map_or(0, |cpu| cpu.0));
    shown.set_weight(weight.get());
    shown.set_class(LatencyClass::try_from(class.number()).unwrap_or(LatencyClass::Normal));
    shown.set_runtime_ns(account.runtime.0);
    shown.set_virtual_runtime_ns(account.virtual_runtime);
    shown.set_switches(account.switches);
    shown.set_preemptions(account.preemptions);
    shown.set_voluntary_blocks(account.voluntary_blocks);
    shown.set_migrations(account.migrations);
    shown.set_waiting_ns(account.waiting.0);
    let context = thread.context.lock().as_ref().map(|context| context.id());
    shown.set_context_id(context.map_or(0, |context| context.number));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p5_an_end_says_why_unless_the_process_chose_it() {
        let fault = |vector| Reason::Faulted {
            vector,
            instruction: 0x40_1000,
            address: 0x10,
        };
        let texts = [Reason::Exited, Reason::Terminated, fault(14), fault(6)].map(reason_text);
        assert_eq!(
            texts,
            [
                "",
                "terminated",
                "page fault at 0x401000, address 0x10",
                "exception 6 at 0x401000"
            ]
        );
    }
}
