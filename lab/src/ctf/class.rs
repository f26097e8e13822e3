//! The classes of events: one table says what a class is called and what fields it has; the metadata is written from it
//! and every event is laid out by it.

use super::Material;
use crate::linux::{Linux, PRIORITY};
use abi::trace::{Event, Form, Thread};

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 32-bit signed, as Linux's thread numbers, CPUs and priorities.
    Small,
    /// 64-bit signed.
    Signed,
    /// 64-bit unsigned.
    Unsigned,
    /// Text that ends with a zero byte.
    Text,
}

/// A class of events.
#[derive(Clone, Debug)]
pub(super) struct Class {
    pub(super) name: String,
    pub(super) fields: Vec<(&'static str, Kind)>,
}

/// All classes; an event's id is its class's index.
#[derive(Clone, Debug)]
pub(super) struct Classes(pub(super) Vec<Class>);

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Small(i32),
    Signed(i64),
    Unsigned(u64),
    Text(String),
}

/// An event ready to be laid out.
#[derive(Clone, Debug)]
pub(super) struct Event18 {
    pub(super) class: u16,
    pub(super) values: Vec<Value>,
}

const SWITCH: u16 = 0;
const WAKING: u16 = 1;
const WAKEUP_NEW: u16 = 2;
const MIGRATE: u16 = 3;
const EXIT: u16 = 4;
/// The first of our own: record kind 1 comes here.
const OWN: u16 = 5;

impl Classes {
    pub(super) fn all() -> Classes {
        let class = |name: &str, fields: &[(&'static str, Kind)]| Class {
            name: name.to_owned(),
            fields: fields.to_vec(),
        };
        let about = [("comm", Kind::Text), ("tid", Kind::Small), ("prio", Kind::Small)];
        let with = |more: &[(&'static str, Kind)]| [&about[..], more].concat();
        let mut classes = vec![
            class(
                "sched_switch",
                &[
                    ("prev_comm", Kind::Text),
                    ("prev_tid", Kind::Small),
                    ("prev_prio", Kind::Small),
                    ("prev_state", Kind::Signed),
                    ("next_comm", Kind::Text),
                    ("next_tid", Kind::Small),
                    ("next_prio", Kind::Small),
                ],
            ),
            class(
                "sched_waking",
                &with(&[("target_cpu", Kind::Small), ("waker_tid", Kind::Small)]),
            ),
            class("sched_wakeup_new", &with(&[("target_cpu", Kind::Small)])),
            class(
                "sched_migrate_task",
                &with(&[("orig_cpu", Kind::Small), ("dest_cpu", Kind::Small)]),
            ),
            class("sched_process_exit", &about),
        ];
        for kind in Event::KINDS {
            let fields: Vec<_> = kind
                .fields
                .iter()
                .map(|(name, form)| (*name, Kind::of(*form)))
                .collect();
            classes.push(class(&format!("sundial_{}", snake(kind.name)), &fields));
        }
        Classes(classes)
    }
}

impl Kind {
    const fn of(form: Form) -> Kind {
        match form {
            Form::Unsigned => Kind::Unsigned,
            Form::Signed => Kind::Signed,
            Form::Thread => Kind::Small,
        }
    }
}

impl Material<'_> {
    /// A scheduler event, with the fields of LTTng's class of the same name.
    pub(super) fn linux(&self, linux: Linux) -> Event18 {
        let name = |thread| match thread {
            Thread::NONE => Value::Text("swapper".to_owned()),
            thread => Value::Text(self.trace.thread_name(thread)),
        };
        let number = |thread| Value::Small(self.number(thread));
        let cpu = |cpu: u32| Value::Small(i32::try_from(cpu).unwrap_or(-1));
        let priority = Value::Small(PRIORITY);
        let about = |thread| vec![name(thread), number(thread), priority.clone()];
        let (class, values) = match linux {
            Linux::Switch {
                prev,
                prev_state,
                next,
            } => {
                let mut values = about(prev);
                values.push(Value::Signed(prev_state));
                values.extend(about(next));
                (SWITCH, values)
            }
            Linux::Waking { thread, by, target } => {
                (WAKING, [about(thread), vec![cpu(target), number(by)]].concat())
            }
            Linux::WakeupNew { thread, target } => (WAKEUP_NEW, [about(thread), vec![cpu(target)]].concat()),
            Linux::Migrate { thread, from, to } => {
                (MIGRATE, [about(thread), vec![cpu(from), cpu(to)]].concat())
            }
            Linux::Exit { thread } => (EXIT, about(thread)),
        };
        Event18 { class, values }
    }

    /// Any other event, with the fields of its record.
    pub(super) fn own(&self, event: &Event) -> Event18 {
        let index = Event::KINDS.iter().position(|kind| kind.name == event.name());
        let index = index.expect("every event has a kind");
        let values = Event::KINDS[index]
            .fields
            .iter()
            .zip(event.values())
            .map(|((_, form), value)| match form {
                Form::Unsigned => Value::Unsigned(value),
                Form::Signed => Value::Signed(value as i64),
                Form::Thread => Value::Small(self.number(Thread(value))),
            })
            .collect();
        let class = OWN + u16::try_from(index).expect("kinds are numbered in 16 bits");
        Event18 { class, values }
    }

    fn number(&self, thread: Thread) -> i32 {
        i32::try_from(self.numbers.thread(thread)).unwrap_or(-1)
    }
}

/// `IpiSent` becomes `ipi_sent`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}
