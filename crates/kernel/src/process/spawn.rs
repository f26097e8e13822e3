//! Making processes and threads: everything is checked and made first, and the new thread is queued last, so a refused
//! request leaves nothing behind. Rules P5, P6; docs/abi.md, sections 1, 12 and 15.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::AtomicU32;

use abi::capset::{Entry, Writer};
use abi::layout;
use abi::trace::Event;
use caps::Table;
use machine::attribution::Site;
use machine::memory::frames::Frame;
use machine::user::{Context, Start};
use machine::{Lock, trace};
use manifest::source::Source;
use manifest::{EMBEDDED_INIT, Manifest, init};
use sched::{Entity, LatencyClass, Principal, Usage, Weight};
use schema_gen::system::FairnessScope;

use super::burial;
use super::exit::Ending;
use super::image::{self, Image};
use super::park::Parking;
use super::thread::Thread;
use super::{Process, Quota, Threads, table};
use crate::booted;
use crate::capability::{Capability, Object};
use crate::memory::account::{Account, Charge, Cost, Short};
use crate::memory::pages::Pages;
use crate::memory::protection::Protection;
use crate::memory::refusal::Refusal;
use crate::memory::region::Part;
use crate::memory::regions::Limits;
use crate::memory::space::Space;
use crate::memory::waiting_list::WaitingList;
use crate::objects::sources;
use crate::ring::Ring;
use crate::ring::operation::Operation;
use crate::run::body::Body;
use crate::run::wake;

/// Why a process or thread could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// The manifest has no program of that name.
    UnknownProgram(String),
    /// A capability's name is empty, too long or there twice.
    BadName(String),
    /// More capabilities than the child may hold.
    TooManyCapabilities,
    /// Too many threads.
    TooManyThreads,
    /// Address space or RAM is full.
    NoMemory,
    /// No such thing can be given at boot.
    NotAvailable(String),
}

impl From<Short> for SpawnError {
    fn from(_: Short) -> SpawnError {
        SpawnError::NoMemory
    }
}

impl From<Refusal> for SpawnError {
    fn from(_: Refusal) -> SpawnError {
        SpawnError::NoMemory
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpawnError::UnknownProgram(name) => write!(out, "the manifest has no program \"{name}\""),
            SpawnError::BadName(name) => write!(out, "bad or repeated capability name \"{name}\""),
            SpawnError::TooManyCapabilities => out.write_str("more capabilities than a process may hold"),
            SpawnError::TooManyThreads => out.write_str("more threads than a process may have"),
            SpawnError::NoMemory => out.write_str("not enough memory"),
            SpawnError::NotAvailable(name) => write!(out, "this kernel cannot grant \"{name}\""),
        }
    }
}

/// A capability for a new process, under the name its capset will show.
pub struct Grant {
    /// The name.
    pub name: String,
    /// The capability.
    pub capability: Capability,
}

/// Starts the first process as the manifest says.
///
/// # Errors
/// When the manifest asks for what this kernel cannot do, or RAM is too small.
pub fn start_init(manifest: &Manifest<'static>) -> Result<(), SpawnError> {
    let name = match manifest.init.image {
        init::Image::Embedded => return Err(SpawnError::UnknownProgram(EMBEDDED_INIT.to_string())),
        init::Image::Binary { index } => manifest.binaries[index].name,
    };
    let quota = Quota::default();
    let account = quota.account();
    let mut grants = Vec::new();
    for cap in &manifest.init.caps {
        let mut capability = sources::mint(cap.source, &quota, &account)?
            .ok_or_else(|| SpawnError::NotAvailable(cap.source.name().to_string()))?;
        capability.badge = if cap.source == Source::TcpListenAuthority {
            0
        } else {
            cap.badge
        };
        capability.disclosure = cap.disclosure;
        if let Object::SchedulingContexts { may_reserve } = &mut capability.object {
            // What the manifest leaves to be reserved is the first process's to divide.
            *may_reserve = true;
        }
        grants.push(Grant {
            name: cap.name.to_string(),
            capability,
        });
    }
    let image = image::find(name).ok_or_else(|| SpawnError::UnknownProgram(name.to_string()))?;
    create(name.to_string(), 0, image, quota, account, grants).map(|_| ())
}

/// Makes a process of `image` with `grants` and starts it. What it is born with is charged to its account, beyond its quota.
///
/// # Errors
/// See [`SpawnError`]; nothing is left behind.
pub fn create(
    name: String,
    parent: u32,
    image: &Image,
    quota: Quota,
    account: Arc<Account>,
    grants: Vec<Grant>,
) -> Result<Arc<Process>, SpawnError> {
    if grants.len() > quota.capabilities {
        return Err(SpawnError::TooManyCapabilities);
    }
    let limits = Limits {
        committed_pages: quota.committed_pages,
        address_space_pages: abi::limits::RESERVATION_PAGES,
    };
    let space = Space::new(limits, account.clone())?;
    let built = build(name, parent, image, quota, account, grants, space.clone());
    // What was laid out of a process that did not come about goes back.
    built.inspect_err(|_| space.clear())
}

fn build(
    name: String,
    parent: u32,
    image: &Image,
    quota: Quota,
    account: Arc<Account>,
    grants: Vec<Grant>,
    space: Arc<Space>,
) -> Result<Arc<Process>, SpawnError> {
    let record = account.endow(Cost::heap(
        size_of::<Process>() + size_of::<Usage>() + name.len() + LISTING_BYTES,
    ))?;
    let living = account.endow(cost_of_living(&quota))?;
    let mapped = image.map(&space)?;
    let stack = Pages::parse(layout::STACK_BASE, layout::STACK_TOP - layout::STACK_BASE)?;
    space.add_part(stack, Protection::READ_WRITE, Part::Stack)?;
    let mut capabilities = Table::new(quota.capabilities);
    let mut labels = Vec::new();
    let capset = fill_capset(grants, &mut capabilities, &mut labels)?;
    space.add_page(
        Pages::parse(layout::CAPSET, layout::PAGE_SIZE)?,
        capset,
        Protection::READ,
        Part::Capset,
    )?;
    let process = Arc::new(Process {
        pid: table::next_pid().ok_or(SpawnError::NoMemory)?,
        parent,
        name,
        quota,
        account,
        space,
        capabilities: Site::Capabilities.lock(capabilities),
        facets_lost: AtomicU32::new(0),
        labels: Lock::new(labels),
        rings: Lock::new(Vec::new()),
        threads: Lock::new(Threads::default()),
        parking: Parking::default(),
        ending: Lock::new(Ending::default()),
        sleeps: AtomicU32::new(0),
        children: AtomicU32::new(0),
        usage: Arc::new(Usage::default()),
        principal: principal(),
        living: Lock::new(living),
        record,
    });
    let charge = process.account.endow(Ring::COST)?;
    let ring = new_ring(&process, charge)?;
    let ring_page = Pages::parse(layout::RING, layout::PAGE_SIZE)?;
    process
        .space
        .add_page(ring_page, ring.page().frame(), Protection::READ_WRITE, Part::Ring)?;
    process.rings.lock().push(ring.clone());
    table::add(process.clone());
    trace::record(Event::ProcessStart {
        pid: process.pid,
        parent: u64::from(parent),
        generation: 1,
    });
    trace::record(Event::process_name(process.pid, &process.name));
    let start = Start {
        entry: mapped.entry,
        stack: layout::STACK_ENTRY,
        arguments: [layout::RING, u64::from(process.pid), layout::CAPSET],
        fs_base: mapped.fs_base,
    };
    add_thread(&process, ring, |_| start).inspect_err(|_| burial::abandon(&process))?;
    Ok(process)
}

/// A process's place in the list of processes, the first places for who waits for its end, and what its threads share CPU time
/// through.
const LISTING_BYTES: usize = 128 + WaitingList::<Operation>::FIRST_BYTES + size_of::<Principal>();

/// What a process holds as long as it lives: its capset page, and its table of capabilities, their names and the lists of its
/// threads and rings, which grow by doubling.
fn cost_of_living(quota: &Quota) -> Cost {
    let capability =
        Table::<Capability>::BYTES_PER_CAPABILITY + size_of::<(u32, String)>() + abi::capset::MAX_NAME_BYTES;
    let thread = size_of::<Arc<Thread>>() + size_of::<Arc<Ring>>();
    Cost::frames(1).and(Cost::heap_later(
        2 * (quota.capabilities * capability + quota.threads * thread),
    ))
}

/// Puts the grants into the child's table and writes the page that names them.
fn fill_capset(
    grants: Vec<Grant>,
    capabilities: &mut Table<Capability>,
    labels: &mut Vec<(u32, String)>,
) -> Result<Frame, SpawnError> {
    let mut frame = Frame::zeroed().ok_or(SpawnError::NoMemory)?;
    let page = frame.exclusive().ok_or(SpawnError::NoMemory)?;
    let mut writer = Writer::new(page);
    for Grant { name, capability } in grants {
        let interface_id = capability.interface;
        let id = capabilities
            .insert(capability)
            .map_err(|_| SpawnError::TooManyCapabilities)?;
        writer
            .add(Entry {
                name: &name,
                cap_id: id.raw(),
                interface_id,
            })
            .map_err(|_| SpawnError::BadName(name.clone()))?;
        labels.push((id.raw(), name));
    }
    Ok(frame)
}

/// Adds a thread to a process and queues it. `start` is told the thread's number.
///
/// # Errors
/// When the process has as many threads as it may, has had as many as there are numbers, or is ending, and when it or the
/// machine has no memory for the record.
pub fn add_thread(
    process: &Arc<Process>,
    ring: Arc<Ring>,
    start: impl FnOnce(u32) -> Start,
) -> Result<Arc<Thread>, SpawnError> {
    let charge = process.account.charge(Thread::cost())?;
    let thread = {
        let mut threads = process.threads.lock();
        if threads.living.len() >= process.quota.threads || process.ending.lock().decided.is_some() {
            return Err(SpawnError::TooManyThreads);
        }
        let tid = threads.next_tid().ok_or(SpawnError::TooManyThreads)?;
        let thread = Thread::new(process.clone(), tid, ring, charge);
        threads.add(thread.clone());
        thread
    };
    let body = Body {
        context: Context::new(start(thread.tid())),
        task: thread.task().clone(),
        owner: thread.clone(),
        wait: None,
        exit_code: None,
    };
    let mut entity: Box<Entity<Body>> = Entity::new(thread.id(), Weight::DEFAULT, LatencyClass::Normal, body);
    if let Some(principal) = &process.principal {
        entity.join(principal.clone());
    }
    wake::start(entity);
    Ok(thread)
}

/// What the threads of a new process share CPU time through. Sessions and accounts will be above it; until there are any,
/// the process is what cannot be multiplied for free.
fn principal() -> Option<Arc<Principal>> {
    match booted::manifest().kernel.fairness {
        FairnessScope::Threads => None,
        FairnessScope::Processes => Some(Arc::new(Principal::new(Weight::DEFAULT))),
    }
}

fn new_ring(process: &Process, charge: Charge) -> Result<Arc<Ring>, SpawnError> {
    Ring::new(process.space.clone(), process.account.clone(), charge).ok_or(SpawnError::NoMemory)
}

/// Makes a ring for one thread alone and maps it; its address.
///
/// # Errors
/// When there is no memory or no place.
pub fn add_own_ring(process: &Arc<Process>) -> Result<(Arc<Ring>, u64), SpawnError> {
    let window = Pages::parse(
        layout::OWN_RINGS_BASE,
        layout::OWN_RINGS_LIMIT - layout::OWN_RINGS_BASE,
    )?;
    let charge = process.account.charge(Ring::COST)?;
    let ring = new_ring(process, charge)?;
    let mut rings = process.rings.lock();
    let page = process.space.find_gap(1, window).ok_or(SpawnError::NoMemory)?;
    process
        .space
        .add_page(page, ring.page().frame(), Protection::READ_WRITE, Part::Ring)?;
    *ring.own_page.lock() = Some(page);
    rings.push(ring.clone());
    Ok((ring, page.address()))
}
