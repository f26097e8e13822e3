# Interfaces that only this system has: looking at the whole machine, and reaching into it one thing at a time.
#
# `Monitor` observes and can change nothing. `Supervisor` turns what was observed into authority over exactly one
# process or thread. Counters only ever grow while their owner lives. The rules of sundial.capnp hold here too.
@0xd5a1c0de5e7a0000;

using System = import "sundial.capnp";

# The machine as a whole.
struct SystemStatus {
  monotonicNs @0 :UInt64;
  # From the kernel's first instruction to init's first.
  bootNs @1 :UInt64;
  cpuCount @2 :UInt32;
  framesTotal @3 :UInt64;
  framesFree @4 :UInt64;
  heapBytes @5 :UInt64;
  processCount @6 :UInt32;
  threadCount @7 :UInt32;
  kernelVersion @8 :Text;
  clocksource @9 :Text;
  interruptController @10 :Text;
  tscHz @11 :UInt64;
  scheduler @12 :System.SchedulerPolicy;
  fairness @13 :System.FairnessScope;
  # Events are traced, which makes everything slower.
  isTraced @14 :Bool;
}

# One CPU: where it is, and what it did since boot.
struct CpuStatus {
  cpu @0 :UInt32;
  apicId @1 :UInt32;
  package @2 :UInt32;
  core @3 :UInt32;
  thread @4 :UInt32;
  online @5 :Bool;
  idleNs @6 :UInt64;
  busyNs @7 :UInt64;
  switches @8 :UInt64;
  preemptions @9 :UInt64;
  voluntaryBlocks @10 :UInt64;
  migrationsIn @11 :UInt64;
  steals @12 :UInt64;
  rescheduleIpisSent @13 :UInt64;
  rescheduleIpisReceived @14 :UInt64;
  shootdownsSent @15 :UInt64;
  shootdownsReceived @16 :UInt64;
  timerInterrupts @17 :UInt64;
  timerSlice @18 :UInt64;
  timerSleep @19 :UInt64;
  timerSpurious @20 :UInt64;
  # Times it began to idle with no timer armed.
  tickSuppressed @21 :UInt64;
  queueDepth @22 :UInt32;
  # Process number in the high half, thread number in the low half; zero when idle.
  currentThread @23 :UInt64;
  # Threads that it woke or started here, and on others.
  localEnqueues @24 :UInt64;
  remoteWakes @25 :UInt64;
  handoffs @26 :UInt64;
  # Threads for which no CPU that they may run on was online.
  placementFailures @27 :UInt64;
  syscalls @28 :UInt64;
  sqes @29 :UInt64;
}

enum ProcessState {
  running @0;
  exiting @1;
  exited @2;
}

# One process, also for a while after its end.
struct ProcessStatus {
  pid @0 :UInt32;
  generation @1 :UInt64;
  parentPid @2 :UInt32;
  name @3 :Text;
  state @4 :ProcessState;
  exitCode @5 :Int64;
  exitReason @6 :Text;
  threads @7 :UInt32;
  caps @8 :UInt32;
  residentPages @9 :UInt64;
  # From here on with what threads used and did that are gone.
  runtimeNs @10 :UInt64;
  # Times a thread of it left a CPU.
  switches @11 :UInt64;
  preemptions @12 :UInt64;
  voluntaryBlocks @13 :UInt64;
  migrations @14 :UInt64;
  waitingNs @15 :UInt64;
}

enum ThreadState {
  running @0;
  ready @1;
  blocked @2;
  exited @3;
}

# One thread.
struct ThreadStatus {
  pid @0 :UInt32;
  tid @1 :UInt32;
  name @2 :Text;
  state @3 :ThreadState;
  # Where it runs, or ran last.
  cpu @4 :UInt32;
  weight @5 :UInt16;
  class @6 :System.LatencyClass;
  runtimeNs @7 :UInt64;
  virtualRuntimeNs @8 :UInt64;
  switches @9 :UInt64;
  preemptions @10 :UInt64;
  voluntaryBlocks @11 :UInt64;
  migrations @12 :UInt64;
  # Ready, but not running.
  waitingNs @13 :UInt64;
  # The scheduling context that it is bound to; 0 without one.
  contextId @14 :UInt64;
}

# One scheduling context that is there.
struct ContextStatus {
  identity @0 :System.SchedulingContextIdentity;
  spec @1 :System.SchedulingContextSpec;
  usage @2 :System.SchedulingContextUsage;
  # Who made it, and which thread it is bound to; 0 is nobody.
  makerPid @3 :UInt32;
  pid @4 :UInt32;
  tid @5 :UInt32;
  # While it is lent: the thread that works with it; 0 is nobody.
  holderPid @6 :UInt32;
  holderTid @7 :UInt32;
}

# What may be reserved of one CPU: of every second, how much at all, and how much nobody has yet.
struct CpuCapacity {
  cpu @0 :UInt32;
  givenNs @1 :UInt64;
  leftNs @2 :UInt64;
}

# One number that the kernel keeps of a CPU. docs/counters.md says of each name what it means, in which unit, and when it
# moves. Counters grow from boot on; a level is what is now.
struct Counter {
  name @0 :Text;
  value @1 :UInt64;
  isLevel @2 :Bool;
}

# Read-only observation. `threads` of process 0 are those of all processes.
interface Monitor @0xd5a1c0de5e7a0001 {
  system @0 () -> (info :SystemStatus);
  cpus @1 () -> (cpus :List(CpuStatus));
  processes @2 () -> (processes :List(ProcessStatus));
  threads @3 (pid :UInt32) -> (threads :List(ThreadStatus));
  capabilities @4 (pid :UInt32) -> (capabilities :List(System.CapabilityInfo));
  # All that is counted on one CPU, in a fixed order, the same for all CPUs. A CPU that is not there is refused with
  # `invalidArgument`.
  counters @5 (cpu :UInt32) -> (monotonicNs :UInt64, counters :List(Counter));
  contexts @6 () -> (contexts :List(ContextStatus), capacities :List(CpuCapacity));
}

# What became of a wish where a thread shall run. Whatever is not `ok` has changed nothing.
enum PlacementResult {
  ok @0;
  # The set names no CPU.
  emptySet @1;
  # The last byte of the set is zero: send it without.
  notCanonical @2;
  # The set names a CPU that is not there; `cpu` is the highest that it names.
  unknownCpu @3;
  # The thread has ended.
  threadEnded @4;
  # None of the CPUs that the set names has started, so that the thread could run nowhere; `cpu` is the lowest of them.
  notStarted @5;
}

# On which CPUs one thread runs, and nothing else: no weight, no time, no quiet. In a set, CPU n is bit n mod 8 of byte n / 8, and
# the last byte is not zero. A change takes effect at once, wherever the thread is.
interface ThreadPlacement @0xd5a1c0de5e7a0003 {
  setCpus @0 (cpus :Data) -> (result :PlacementResult, cpu :UInt32);
  cpus @1 () -> (cpus :Data);
}

# From a number to authority: a ProcessHandle, or a SchedulingPolicyCap or ThreadPlacement for one thread. Numbers that name nothing
# are refused with `invalidArgument`.
interface Supervisor @0xd5a1c0de5e7a0002 {
  process @0 (pid :UInt32) -> (handleIndex :UInt16);
  threadPolicy @1 (pid :UInt32, tid :UInt32) -> (policyIndex :UInt16);
  threadPlacement @2 (pid :UInt32, tid :UInt32) -> (placementIndex :UInt16);
  # Binds a thread to the context that the caller holds as `capId`.
  bindContext @3 (pid :UInt32, tid :UInt32, capId :UInt32) -> (result :System.SchedulingContextOperationResult);
}
