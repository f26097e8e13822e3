# The interfaces of the system, as they go over the wire.
#
# Ids and ordinals are fixed: programs built elsewhere rely on them. New methods, fields and enumerants take
# ordinals after the existing ones and nothing ever changes its meaning. Interfaces that only this system has
# are in monitor.capnp. After a change run `./x schema`, which regenerates crates/schema-gen/src/generated.
@0x9a76291f4fccaf48;

# ---- Refusals ----

# What the caller of a refused call can do about it. `disconnected` ends the capability for good.
enum ExceptionType {
  failed @0;
  overloaded @1;
  disconnected @2;
  unimplemented @3;
  invalidArgument @4;
}

# The answer in place of results when a call is refused or fails.
struct CapException {
  type @0 :ExceptionType;
  message @1 :Text;
}

# ---- Text in and out ----

# Output to the first serial line. The bytes of one call stay together; `writeLine` adds the line feed.
interface Console @0x913ae02202463262 {
  write @0 (data :Data) -> ();
  writeLine @1 (text :Text) -> ();
}

# Whether what is typed shows.
enum LineEcho {
  visible @0;
  hidden @1;
}

# How a line ended. Only a submitted line has text.
enum LineStatus {
  submitted @0;
  cancelled @1;
  closed @2;
}

# How to read one line.
struct LineRequest {
  prompt @0 :Text;
  maxBytes @1 :UInt32;
  echo @2 :LineEcho;
  allowEmpty @3 :Bool;
}

# A dialogue on the second serial line. `readLine` edits the line for the caller; `read` hands over bytes as
# they come, completing once at least one is there, for programs that edit by themselves.
interface TerminalSession @0x93484e804b83f366 {
  write @0 (data :Data) -> ();
  writeLine @1 (text :Text) -> ();
  readLine @2 (request :LineRequest) -> (status :LineStatus, line :Data);
  read @3 (maxBytes :UInt32) -> (data :Data, closed :Bool);
}

# ---- Facts about the machine ----

# Whether there was randomness to give.
enum EntropyStatus {
  ok @0;
  unavailable @1;
}

# Random bytes: exactly as many as asked for, or none.
interface EntropySource @0x8f806845945157e9 {
  fill @0 (bytes :UInt32) -> (status :EntropyStatus, data :Data);
}

# Texts the manifest gave this machine.
interface SystemInfo @0xfbbdc602980cb986 {
  motd @0 () -> (text :Text);
  hostname @1 () -> (name :Text);
}

# The monotonic clock, and waiting for it. Durations and times are nanoseconds.
interface Timer @0x9ac15f2e068e4b7b {
  now @0 () -> (monotonicNs :UInt64, tick :UInt64);
  sleep @1 (durationNs :UInt64) -> ();
}

# How far the wall clock can be believed.
enum ClockProvenance {
  untrusted @0;
  ntpSynced @1;
  ptpSynced @2;
  measuredBootMonotonic @3;
  manualSet @4;
}

# Civil time, with the monotonic instant it belongs to.
interface WallClock @0xe28412f022b72db8 {
  wallTime @0 () -> (utcSeconds :Int64, utcNanos :UInt32, monotonicNs :UInt64, provenance :ClockProvenance);
}

# The manifest, byte for byte as it was booted.
interface BootPackage @0xf90b23a1ce34df61 {
  manifestSize @0 () -> (size :UInt64);
  readManifest @1 (offset :UInt64, maxBytes :UInt32) -> (data :Data);
}

# ---- Memory ----

# The caller's own address space. `prot` bits: 1 read, 2 write, 4 execute; write and execute exclude each
# other. Sizes are bytes, rounded up to pages.
interface VirtualMemory @0x86246d603d6cb6e5 {
  map @0 (hint :UInt64, size :UInt64, prot :UInt32) -> (addr :UInt64);
  unmap @1 (addr :UInt64, size :UInt64) -> ();
  protect @2 (addr :UInt64, size :UInt64, prot :UInt32) -> ();
  reserve @3 (hint :UInt64, size :UInt64) -> (addr :UInt64);
  commit @4 (addr :UInt64, size :UInt64, prot :UInt32) -> ();
  decommit @5 (addr :UInt64, size :UInt64) -> ();
}

# Physical memory by the page; the result is a MemoryObject.
interface FrameAllocator @0x99c5fd0346dd918b {
  allocFrame @0 () -> (handleIndex :UInt16);
  allocContiguous @1 (count :UInt32) -> (handleIndex :UInt16);
}

# Zeroed memory that can be mapped, passed on and shared.
interface MemoryObject @0xa6d325ad136095be {
  info @0 () -> (pageCount :UInt32, sizeBytes :UInt64);
  map @1 (hint :UInt64, offset :UInt64, size :UInt64, prot :UInt32) -> (addr :UInt64);
  unmap @2 (addr :UInt64, size :UInt64) -> ();
  protect @3 (addr :UInt64, size :UInt64, prot :UInt32) -> ();
}

# ---- Threads and their share of the CPU ----

# The calling thread itself. `exitThread` has no completion; `yield` lets equals run first.
interface ThreadControl @0x8b2f6272ccb78e32 {
  getFsBase @0 () -> (fsBase :UInt64);
  setFsBase @1 (fsBase :UInt64) -> ();
  exitThread @2 (code :Int64) -> ();
  yield @3 () -> ();
}

# Starts threads in the caller's process. `flags` bit 0 gives the thread a ring of its own.
interface ThreadSpawner @0xdcdd6651f6fd25b0 {
  create @0 (entry :UInt64, stackTop :UInt64, arg :UInt64, fsBase :UInt64, flags :UInt64) -> (
      handleIndex :UInt16
  );
}

# One started thread. `join` completes when it has exited.
interface ThreadHandle @0xd394558cd1df8c83 {
  join @0 () -> (exitCode :Int64);
  exitCode @1 () -> (exited :Bool, exitCode :Int64);
}

# How long a thread's turns are: short and soon, or long and seldom. Shares do not depend on it.
enum LatencyClass {
  interactive @0;
  normal @1;
  batch @2;
  ipcServer @3;
}

# Weight (1 to 1024) and class of one thread, and the counters that show their effect.
interface SchedulingPolicyCap @0xc6e2ef87193751db {
  setWeight @0 (weight :UInt16) -> ();
  setLatencyClass @1 (class :LatencyClass) -> ();
  snapshot @2 () -> (
      weight :UInt16, class :LatencyClass, runtimeNs :UInt64, virtualRuntimeNs :UInt64, voluntaryBlocks
      :UInt64, preemptions :UInt64, runnableAccumulatedNs :UInt64
  );
}

# ---- CPU time as a budget ----

# What happens to a thread whose budget is spent: it waits for the next period, or it ends.
enum OverrunPolicy {
  throttle @0;
  fault @1;
  # Ours, for reservations: the thread goes on by its weight until there is budget again.
  demote @2;
}

# Whether an identity still names its context.
enum SchedulingContextState {
  active @0;
  revoked @1;
  staleGeneration @2;
}

# Whether a thread runs on the budget.
enum SchedulingContextBindState {
  unbound @0;
  bound @1;
  revoked @2;
  staleGeneration @3;
}

# Whether the kernel really enforces the budget now.
enum SchedulingContextDispatchEffect {
  infoOnlyNoDispatchChange @0;
  budgetEnforced @1;
}

# Expected outcomes of context calls.
enum SchedulingContextOperationResult {
  ok @0;
  invalidSpec @1;
  revoked @2;
  staleGeneration @3;
  callerNotLive @4;
  alreadyBound @5;
  resourceExhausted @6;
}

# Which event a notification slot is for.
enum SchedulingContextNotificationKind {
  none @0;
  budgetDepleted @1;
  deadlineOrTimeout @2;
}

# Why an observer is stale.
enum SchedulingContextNotificationLifecycleEvent {
  none @0;
  explicitRevoke @1;
}

# Whether the observer may still look.
enum SchedulingContextNotificationObserverResult {
  ok @0;
  revoked @1;
  staleGeneration @2;
}

# A budget of CPU time per period, all in nanoseconds, and the CPUs it may be spent on.
struct SchedulingContextSpec {
  budgetNs @0 :UInt64;
  periodNs @1 :UInt64;
  relativeDeadlineNs @2 :UInt64;
  cpuMask @3 :Data;
  overrunPolicy @4 :OverrunPolicy;
}

# A context and its generation; revoking it starts the next generation.
struct SchedulingContextIdentity {
  contextId @0 :UInt64;
  generation @1 :UInt64;
}

# The thread that spends the budget.
struct SchedulingContextBinding {
  state @0 :SchedulingContextBindState;
  pid @1 :UInt32;
  tid @2 :UInt32;
  processGeneration @3 :UInt64;
  threadGeneration @4 :UInt64;
}

# All there is to know about a context.
struct SchedulingContextInfo {
  spec @0 :SchedulingContextSpec;
  remainingBudgetNs @1 :UInt64;
  identity @2 :SchedulingContextIdentity;
  state @3 :SchedulingContextState;
  binding @4 :SchedulingContextBinding;
  dispatchEffect @5 :SchedulingContextDispatchEffect;
}

# The latest event of one kind; earlier ones that nobody read are counted.
struct SchedulingContextNotificationSlot {
  kind @0 :SchedulingContextNotificationKind;
  present @1 :Bool;
  sequence @2 :UInt64;
  coalescedCount @3 :UInt64;
  contextId @4 :UInt64;
  generation @5 :UInt64;
  holder @6 :SchedulingContextBinding;
  remainingBudgetNs @7 :UInt64;
  nextTimestampNs @8 :UInt64;
  donatedHolder @9 :Bool;
}

# Both slots, as of one moment.
struct SchedulingContextNotificationSnapshot {
  identity @0 :SchedulingContextIdentity;
  observerResult @1 :SchedulingContextNotificationObserverResult;
  lifecycleEvent @2 :SchedulingContextNotificationLifecycleEvent;
  budgetDepleted @3 :SchedulingContextNotificationSlot;
  deadlineOrTimeout @4 :SchedulingContextNotificationSlot;
}

# A budget that a thread can be bound to. The bootstrap capability only creates others.
interface SchedulingContext @0xb34f8c02f5901eb9 {
  info @0 () -> (info :SchedulingContextInfo);
  create @1 (spec :SchedulingContextSpec) -> (
      contextIndex :UInt16, identity :SchedulingContextIdentity, result :SchedulingContextOperationResult,
      dispatchEffect :SchedulingContextDispatchEffect
  );
  bindCallerThread @2 () -> (
      identity :SchedulingContextIdentity, binding :SchedulingContextBinding, result
      :SchedulingContextOperationResult, dispatchEffect :SchedulingContextDispatchEffect
  );
  revoke @3 () -> (
      identity :SchedulingContextIdentity, previousGeneration :UInt64, result
      :SchedulingContextOperationResult, dispatchEffect :SchedulingContextDispatchEffect
  );
  drainNotifications @4 () -> (notifications :SchedulingContextNotificationSnapshot);
  # The rest is this system's own.
  # Carves a reservation out of what this context has, on the first CPU of the mask where it fits.
  reserve @5 (spec :SchedulingContextSpec) -> (
      contextIndex :UInt16, identity :SchedulingContextIdentity, result :ReservationResult, cpu :UInt32,
      refusal :ReservationRefusal
  );
  # The thread that is bound goes on without; the context may be bound again.
  unbind @6 () -> (result :SchedulingContextOperationResult);
  # What `drainNotifications` answers, as soon as there is something to be read or the context is revoked.
  waitNotifications @7 () -> (notifications :SchedulingContextNotificationSnapshot);
  usage @8 () -> (usage :SchedulingContextUsage);
}

# What became of a wish for a reservation. Whatever is not `ok` has changed nothing.
enum ReservationResult {
  ok @0;
  # A number is out of its bounds, or the mask names no CPU, one that is not there, or none that has started.
  invalidSpec @1;
  # The context it was to be carved out of is gone.
  staleGeneration @2;
  # That context has nothing that could be divided: it is a limit, or the first one and the manifest gives it nothing.
  noCapacity @3;
  # It does not fit: `refusal` says why, and what would.
  doesNotFit @4;
  # A table is full, or there is no memory.
  resourceExhausted @5;
  # The timers of this machine were not proven to end a budget when it is used up.
  notEnforced @6;
}

# What stands in the way of a reservation.
enum ReservationBinding {
  none @0;
  # The context it is carved out of, `holder`, has only `leftNs` left in each `periodNs`.
  parent @1;
  # Within `withinNs`, `demandNs` would be due; most of it to `holder`.
  deadline @2;
  # All reservations together would come to more than all time.
  overload @3;
  # Whether it fits could not be found out in time. A deadline that is the period makes it easier.
  undecided @4;
}

# Why a reservation does not fit on `cpu`, and the largest budget that would be granted now if all else stays the same; zero if none.
struct ReservationRefusal {
  binding @0 :ReservationBinding;
  cpu @1 :UInt32;
  holder @2 :SchedulingContextIdentity;
  leftNs @3 :UInt64;
  periodNs @4 :UInt64;
  withinNs @5 :UInt64;
  demandNs @6 :UInt64;
  mostNs @7 :UInt64;
}

# What a context grants beside being a budget.
enum SchedulingContextKind {
  # Only creates others.
  factory @0;
  # At most the budget, in no other order than by weight.
  limit @1;
  # The budget before all who are served by weight, by its deadline.
  reservation @2;
}

# What a thread with the context is entitled to now.
enum SchedulingContextStanding {
  # No thread has it.
  unbound @0;
  # Its part by weight, as long as the budget lasts.
  byWeight @1;
  # Service by a deadline.
  reserved @2;
  # Nothing: it is used up.
  throttled @3;
  # Its part by weight, uncharged: it is used up.
  demoted @4;
}

# What became of a context so far.
struct SchedulingContextUsage {
  kind @0 :SchedulingContextKind;
  standing @1 :SchedulingContextStanding;
  # When what is used up comes back, or by when the reserved service is due, on the monotonic clock; else zero.
  untilNs @2 :UInt64;
  remainingNs @3 :UInt64;
  usedNs @4 :UInt64;
  # Times that it was used up, and that a deadline passed while its thread wanted what was due by it.
  overruns @5 :UInt64;
  misses @6 :UInt64;
  # Of a reservation: where, out of which context, and what was carved out of it.
  cpu @7 :UInt32;
  parent @8 :SchedulingContextIdentity;
  carvedNs @9 :UInt64;
  # How often it went along with a call, and through how many servers it is lent on now.
  lent @10 :UInt64;
  donationDepth @11 :UInt32;
}

# ---- Quiet CPUs on loan ----

# Who works on the isolated CPUs.
enum CpuIsolationMode {
  compute @0;
  kernelSqpoll @1;
  kernelWorker @2;
}

# Whose submission queue is served there.
enum CpuIsolationNamedRing {
  none @0;
  callerThread @1;
}

# Who owns a lease.
enum CpuIsolationOwnerKind {
  bootstrap @0;
  thread @1;
}

# Where the time used is booked.
enum CpuIsolationAccountingTargetKind {
  schedulerResourceLedger @0;
  schedulingContext @1;
}

# Whether an identity still names its lease.
enum CpuIsolationLeaseState {
  factory @0;
  active @1;
  revoked @2;
  staleGeneration @3;
}

# Expected outcomes of lease calls.
enum CpuIsolationLeaseOperationResult {
  ok @0;
  invalidSpec @1;
  revoked @2;
  staleGeneration @3;
  duplicateOrOverlapping @4;
  housekeepingUnavailable @5;
  accountingTargetInvalid @6;
  callerNotLive @7;
  resourceExhausted @8;
}

# Expected outcomes of renewing.
enum CpuIsolationLeaseRenewResult {
  ok @0;
  staleGeneration @1;
  revoked @2;
  notRenewable @3;
}

# Expected outcomes of minting a grant.
enum CpuIsolationGrantMintResult {
  ok @0;
  unauthorized @1;
  invalidSpec @2;
  resourceExhausted @3;
}

# Expected outcomes of revoking a grant.
enum CpuIsolationGrantRevokeResult {
  ok @0;
  unknownGrant @1;
  alreadyRevoked @2;
}

# Where the time used is booked, and the context if that is the place.
struct CpuIsolationAccountingTarget {
  kind @0 :CpuIsolationAccountingTargetKind;
  schedulingContext @1 :SchedulingContextIdentity;
}

# Which CPUs, for how long, and how fast they must be given back. Masks are little-endian bit sets without
# trailing zero bytes.
struct CpuIsolationLeaseSpec {
  allowedCpuMask @0 :Data;
  allowedMode @1 :CpuIsolationMode;
  accountingTarget @2 :CpuIsolationAccountingTarget;
  housekeepingCpuMask @3 :Data;
  maxRevocationLatencyNs @4 :UInt64;
  namedRing @5 :CpuIsolationNamedRing;
  leaseLifetimeNs @6 :UInt64;
  poolId @7 :UInt32;
  accountId @8 :UInt64;
}

# A lease and its generation.
struct CpuIsolationLeaseIdentity {
  leaseId @0 :UInt64;
  generation @1 :UInt64;
}

# The thread that took the lease.
struct CpuIsolationLeaseOwner {
  kind @0 :CpuIsolationOwnerKind;
  pid @1 :UInt32;
  tid @2 :UInt32;
  processGeneration @3 :UInt64;
  threadGeneration @4 :UInt64;
  sessionLive @5 :Bool;
}

# All there is to know about a lease.
struct CpuIsolationLeaseInfo {
  spec @0 :CpuIsolationLeaseSpec;
  identity @1 :CpuIsolationLeaseIdentity;
  state @2 :CpuIsolationLeaseState;
  owner @3 :CpuIsolationLeaseOwner;
  admittedPoolId @4 :UInt32;
  admittedPoolCpuMask @5 :Data;
  accountId @6 :UInt64;
  expiresAtNs @7 :UInt64;
}

# Whether the CPUs could be quiet now, axis by axis, and what the kernel really does.
struct CpuIsolationActivationPreflight {
  identity @0 :CpuIsolationLeaseIdentity;
  result @1 :CpuIsolationLeaseOperationResult;
  eligible @2 :Bool;
  generationLive @3 :Bool;
  housekeepingAvailable @4 :Bool;
  configuredHousekeepingCpuMask @5 :Data;
  readyHousekeepingCpuMask @6 :Data;
  deferredCleanup @7 :Text;
  timers @8 :Text;
  networkPolling @9 :Text;
  irqAffinity @10 :Text;
  accountingTarget @11 :Text;
  oneSqConsumer @12 :Text;
  revocationLatency @13 :Text;
  sqpollEnabled @14 :Bool;
  automaticNohzEnabled @15 :Bool;
  tickSuppressionEnabled @16 :Bool;
  genericFullNohzEnabled @17 :Bool;
}

# The account and pool that a grant is bound to.
struct CpuIsolationPoolGrantInfo {
  boundAccountId @0 :UInt64;
  boundPoolId @1 :UInt32;
  boundPoolCpuMask @2 :Data;
  grantId @3 :UInt64;
  revoked @4 :Bool;
}

# How many (account, pool) pairs may be minted.
struct CpuIsolationGrantMinterInfo {
  allowedEntryCount @0 :UInt32;
}

# Exclusive, quiet CPUs for a bounded time. The bootstrap capability only creates others.
interface CpuIsolationLease @0x8be1aaf5f485d398 {
  info @0 () -> (info :CpuIsolationLeaseInfo);
  create @1 (spec :CpuIsolationLeaseSpec) -> (
      leaseIndex :UInt16, identity :CpuIsolationLeaseIdentity, result :CpuIsolationLeaseOperationResult
  );
  activationPreflight @2 () -> (preflight :CpuIsolationActivationPreflight);
  revoke @3 () -> (
      identity :CpuIsolationLeaseIdentity, previousGeneration :UInt64, result
      :CpuIsolationLeaseOperationResult
  );
  renew @4 () -> (
      identity :CpuIsolationLeaseIdentity, expiresAtNs :UInt64, result :CpuIsolationLeaseRenewResult
  );
}

# The right to lease from one pool as one account, whatever the spec says.
interface CpuIsolationPoolGrant @0xfea6a4a5450d7a09 {
  info @0 () -> (info :CpuIsolationPoolGrantInfo);
  createLease @1 (spec :CpuIsolationLeaseSpec) -> (
      leaseIndex :UInt16, identity :CpuIsolationLeaseIdentity, result :CpuIsolationLeaseOperationResult
  );
}

# Makes and revokes pool grants for the pairs the manifest allows.
interface CpuIsolationGrantMinter @0xbda3724bf5a48173 {
  info @0 () -> (info :CpuIsolationGrantMinterInfo);
  mintGrant @1 (boundAccountId :UInt64, boundPoolId :UInt32) -> (
      grantIndex :UInt16, result :CpuIsolationGrantMintResult, grantId :UInt64
  );
  revokeGrant @2 (grantId :UInt64) -> (result :CpuIsolationGrantRevokeResult);
}

# ---- Waiting and calling ----

# Waiting on words of one address space; used by PARK and UNPARK, has no methods.
interface ParkSpace @0xb520d6693ae6db6f {}

# Waiting on words of shared memory; used by PARK and UNPARK, has no methods.
interface SharedParkSpace @0xa72963b58c4baf63 {}

# A place where a server receives calls of any interface; used by RECV, RETURN and CALL, has no methods.
interface Endpoint @0xd5dc40d973e75b84 {}

# One end of a byte stream with a bounded buffer.
interface Pipe @0xd9e860ced94a61ee {
  read @0 (maxLen :UInt32) -> (data :Data, eof :Bool);
  write @1 (data :Data) -> (bytesWritten :UInt32);
  close @2 () -> ();
  isClosed @3 () -> (closed :Bool);
}

# ---- Processes and what they are given ----

# What the kernel itself can hand out. Manifests use these names in snake_case.
enum KernelCapSource {
  console @0;
  endpoint @1;
  frameAllocator @2;
  virtualMemory @3;
  processSpawner @4;
  bootPackage @5;
  terminalSession @6;
  entropySource @7;
  credentialStore @8;
  sessionManager @9;
  authorityBroker @10;
  auditLog @11;
  systemInfo @12;
  null @13;
  parkBench @14;
  timer @15;
  threadControl @16;
  threadSpawner @17;
  parkSpace @18;
  networkManager @19;
  sshDevelopmentHostKey @20;
  tcpListenAuthority @21;
  authorizedKeyStore @22;
  restrictedShellLauncher @23;
  chatEndpoint @24;
  deviceMmio @25;
  interrupt @26;
  schedulingPolicy @27;
  dmaPool @28;
  hardwareAuditLog @29;
  schedulingContext @30;
  cpuIsolationLease @31;
  file @32;
  directory @33;
  store @34;
  namespace @35;
  wallClock @36;
  manual @37;
  logSink @38;
  logReader @39;
  blockDevice @40;
  readOnlyFsRoot @41;
  persistentStore @42;
  writableFsRoot @43;
  blockDeviceTarget @44;
  installableImageSource @45;
  cpuIsolationPoolGrant @46;
  cpuIsolationPoolGrantSecondary @47;
  cpuIsolationGrantMinter @48;
  nic @49;
  # Ours, after the published ones.
  monitor @50;
  supervisor @51;
}

# How a child gets a capability: as it is, as a client of an endpoint, by moving, or as a service receiver.
enum CapGrantMode {
  raw @0;
  clientEndpoint @1;
  move @2;
  serviceObject @3;
}

# Where a granted capability comes from: the parent's table, or the kernel.
struct CapGrantSource {
  union {
    capability @0 :Void;
    kernel @1 :KernelCapSource;
  }
}

# One named capability for a child.
struct CapGrant {
  name @0 :Text;
  capId @1 :UInt32;
  interfaceId @2 :UInt64;
  mode @3 :CapGrantMode;
  badge @4 :UInt64;
  source @5 :CapGrantSource;
}

# One capability of a table.
struct CapabilityInfo {
  id @0 :UInt32;
  interfaceId @1 :UInt64;
  label @2 :Text;
}

# Starts programs of the manifest. Result capabilities: handle, manager, then one client per fresh endpoint.
interface ProcessSpawner @0xc38e920d571bd988 {
  spawn @0 (name :Text, binaryName :Text, grants :List(CapGrant)) -> (
      handleIndex :UInt16, capabilityManagerIndex :UInt16
  );
  createPipe @1 (bufferBytes :UInt32) -> (readIndex :UInt16, writeIndex :UInt16);
}

# One started process. `wait` completes when it has exited.
interface ProcessHandle @0xd5b6eb41fc32049b {
  wait @0 () -> (exitCode :Int64);
  terminate @1 () -> ();
}

# Sees and revokes what one process holds.
interface CapabilityManager @0xa619067afeb13801 {
  list @0 () -> (capabilities :List(CapabilityInfo));
  revoke @1 (capId :UInt32) -> ();
}

# ---- The log ----

# How much a record matters.
enum LogLevel {
  debug @0;
  info @1;
  warn @2;
  error @3;
}

# One record; `tick` numbers them.
struct LogRecord {
  tick @0 :UInt64;
  level @1 :LogLevel;
  component @2 :Text;
  pid @3 :UInt32;
  message @4 :Text;
}

# Which records to read.
struct LogFilter {
  minLevel @0 :LogLevel;
  componentPrefix @1 :Text;
}

# Writes records.
interface LogSink @0xb2bda99db21b8a8e {
  write @0 (record :LogRecord) -> (accepted :Bool);
}

# Reads records from a cursor on; cursor 0 is the oldest.
interface LogReader @0xcd91e969a5c7b1dc {
  read @0 (cursor :UInt64, maxRecords :UInt32, filter :LogFilter) -> (
      records :List(LogRecord), nextCursor :UInt64, dropped :UInt64
  );
}

# ---- Network ----

# Version of the Internet Protocol.
enum IpAddressFamily {
  unspecified @0;
  ipv4 @1;
  ipv6 @2;
}

# Makes sockets. Addresses are 4 bytes.
interface NetworkManager @0xc6ca380165fa62bf {
  getConfig @0 () -> (
      addr :Data, netmask :Data, gateway :Data, addressFamily :IpAddressFamily, ipv6Supported :Bool
  );
  createTcpListener @1 (port :UInt16) -> (listenerIndex :UInt16);
  connectTcp @2 (addr :Data, port :UInt16) -> (socketIndex :UInt16);
  createUdpSocket @3 (localAddr :Data, localPort :UInt16) -> (socketIndex :UInt16);
}

# The right to listen on one port.
interface TcpListenAuthority @0x98f7aafda43ce3fe {
  listen @0 () -> (listenerIndex :UInt16, port :UInt16);
}

# Accepts connections.
interface TcpListener @0x8098a1c9d75465a7 {
  accept @0 () -> (socketIndex :UInt16, peerAddr :Data, peerPort :UInt16);
  close @1 () -> ();
}

# One connection; an empty `recv` means that the peer closed.
interface TcpSocket @0x89917405be598f91 {
  send @0 (data :Data) -> (bytesSent :UInt32);
  recv @1 (maxLen :UInt32) -> (data :Data);
  close @2 () -> ();
  intoTerminalSession @3 () -> (terminalIndex :UInt16);
}

# Datagrams.
interface UdpSocket @0x8ace00e24fdcc798 {
  sendTo @0 (addr :Data, port :UInt16, data :Data) -> (bytesSent :UInt32);
  recvFrom @1 (maxLen :UInt32) -> (addr :Data, port :UInt16, data :Data);
  close @2 () -> ();
}

# ---- Devices ----

# A network card, frame by frame, with evidence of what was done.
interface Nic @0xa61ba0a138c22125 {
  transmit @0 (frame :Data) -> (result :Text, reason :Text, sideEffect :Text);
  receive @1 () -> (frame :Data, observedEthertype :UInt16, result :Text, reason :Text, sideEffect :Text);
  macAddress @2 () -> (addr :Data, result :Text, reason :Text, sideEffect :Text);
  linkStatus @3 () -> (up :Bool, result :Text, reason :Text, sideEffect :Text);
  receivePoll @4 () -> (
      frame :Data, observedEthertype :UInt16, framePresent :Bool, result :Text, reason :Text, sideEffect :Text
  );
}

# One interrupt route of one device, with evidence of what was done.
interface Interrupt @0xd4578c43a12fc5cb {
  info @0 () -> (
      userspaceInterrupt :Text, managerRecord :Text, routeRecord :Text, realInterruptDelivery :Text, wait
      :Text, acknowledge :Text, mask :Text, unmask :Text, bootstrapGrant :Text, deviceId :UInt32, bdfBus
      :UInt8, bdfDevice :UInt8, bdfFunction :UInt8, ownerGeneration :UInt64, sourceId :UInt32,
      sourceGeneration :UInt64, routeGeneration :UInt64
  );
  wait @1 () -> (
      userspaceInterrupt :Text, managerRecord :Text, routeRecord :Text, realInterruptDelivery :Text, result
      :Text, reason :Text, sideEffect :Text, wakeBlocked :Bool, vector :UInt8, tokenSourceId :UInt32,
      tokenSourceGeneration :UInt64, tokenRouteGeneration :UInt64, currentSourceId :UInt32,
      currentSourceGeneration :UInt64, currentRouteGeneration :UInt64, deliveryCountBefore :UInt64,
      deliveryCountAfter :UInt64, deliveryCountUnchanged :Bool, providerCqEventSequence :UInt64,
      providerCqEventQueue :UInt16, providerCqEventDescriptorId :UInt16, providerCqEventSlot :UInt32,
      providerCqEventSlotGeneration :UInt64, providerCqEventDescriptorGeneration :UInt64,
      providerCqEventCompletionLength :UInt32, providerCqEventIssueId :UInt64, providerCqEventSourceId
      :UInt32, providerCqEventSourceGeneration :UInt64, providerCqEventRouteGeneration :UInt64,
      providerCqEventKind :Text
  );
  acknowledge @2 () -> (
      userspaceInterrupt :Text, managerRecord :Text, routeRecord :Text, authorityResult :Text, authorityReason
      :Text, authoritySideEffect :Text, realInterruptDelivery :Text, result :Text, reason :Text, sideEffect
      :Text, acknowledgeBlocked :Bool, deviceId :UInt32, bdfBus :UInt8, bdfDevice :UInt8, bdfFunction :UInt8,
      ownerGeneration :UInt64, sourceId :UInt32, sourceGeneration :UInt64, routeGeneration :UInt64,
      deliveryCountBefore :UInt64, deliveryCountAfter :UInt64, deliveryCountUnchanged :Bool,
      providerCqCompletionCount :UInt32, ackableCompletionEvents :UInt32, acknowledgedCompletionEvents
      :UInt32, ackLedgerMutated :Bool, realDispatchConsumedCount :UInt64, providerCqEventSequence :UInt64,
      providerCqEventQueue :UInt16, providerCqEventDescriptorId :UInt16, providerCqEventSlot :UInt32,
      providerCqEventSlotGeneration :UInt64, providerCqEventDescriptorGeneration :UInt64,
      providerCqEventCompletionLength :UInt32, providerCqEventIssueId :UInt64, providerCqEventSourceId
      :UInt32, providerCqEventSourceGeneration :UInt64, providerCqEventRouteGeneration :UInt64,
      hardwareDispatchAckedCount :UInt32, hardwareDispatchAckDelta :UInt32, hardwareDispatchAckToken :UInt64,
      hardwareDispatchAckMutated :Bool, providerCqEventKind :Text
  );
  mask @3 () -> (
      userspaceInterrupt :Text, managerRecord :Text, routeRecord :Text, authorityResult :Text, authorityReason
      :Text, authoritySideEffect :Text, realInterruptDelivery :Text, result :Text, reason :Text, sideEffect
      :Text, maskBlocked :Bool, routeStateBefore :Text, routeStateAfter :Text, routeStateUnchanged :Bool,
      deviceId :UInt32, bdfBus :UInt8, bdfDevice :UInt8, bdfFunction :UInt8, ownerGeneration :UInt64, sourceId
      :UInt32, sourceGeneration :UInt64, routeGeneration :UInt64, deliveryCountBefore :UInt64,
      deliveryCountAfter :UInt64, deliveryCountUnchanged :Bool
  );
  unmask @4 () -> (
      userspaceInterrupt :Text, managerRecord :Text, routeRecord :Text, authorityResult :Text, authorityReason
      :Text, authoritySideEffect :Text, realInterruptDelivery :Text, result :Text, reason :Text, sideEffect
      :Text, unmaskBlocked :Bool, routeStateBefore :Text, routeStateAfter :Text, routeStateUnchanged :Bool,
      deviceId :UInt32, bdfBus :UInt8, bdfDevice :UInt8, bdfFunction :UInt8, ownerGeneration :UInt64, sourceId
      :UInt32, sourceGeneration :UInt64, routeGeneration :UInt64, deliveryCountBefore :UInt64,
      deliveryCountAfter :UInt64, deliveryCountUnchanged :Bool
  );
}

# ---- Sessions ----

# What sort of somebody acts.
enum PrincipalKind {
  human @0;
  operator @1;
  service @2;
  guest @3;
  anonymous @4;
  pseudonymous @5;
}

# How sure we are who it is.
enum AuthStrength {
  none @0;
  localPresence @1;
  password @2;
  hardwareKey @3;
  multiParty @4;
  publicKey @5;
}

# What a login names.
enum LoginSelectorKind {
  accountName @0;
  principalId @1;
}

# Somebody who acts.
struct PrincipalInfo {
  id @0 :Data;
  kind @1 :PrincipalKind;
  displayName @2 :Text;
}

# A session; times are milliseconds.
struct SessionInfo {
  sessionId @0 :Data;
  principal @1 :PrincipalInfo;
  authStrength @2 :AuthStrength;
  createdAtMs @3 :UInt64;
  expiresAtMs @4 :UInt64;
  profile @5 :Text;
}

# Whom to log in.
struct LoginSelector {
  kind @0 :LoginSelectorKind;
  value @1 :Data;
}

# Where a login comes from.
struct LoginSourceMetadata {
  terminalEventId @0 :Data;
  source @1 :Text;
  remoteAddr @2 :Data;
}

# A session that can end.
interface UserSession @0x80b87169c39aaf1c {
  info @0 () -> (info :SessionInfo);
  auditContext @1 () -> (sessionId :Data, principalId :Data);
  logout @2 () -> ();
}

# Starts sessions.
interface SessionManager @0xeea8ac868bbee502 {
  login @0 (method :Text, selector :LoginSelector, proof :Data, source :LoginSourceMetadata) -> (
      sessionIndex :UInt16
  );
  guest @1 () -> (sessionIndex :UInt16);
  anonymous @2 () -> (sessionIndex :UInt16);
  sshPublicKey @3 (username :Text, algorithm :Text, publicKey :Data, authBytes :Data, signature :Data, sourceAddr :Data) -> (
      sessionIndex :UInt16
  );
}

# ---- The boot manifest ----

# Everything a machine boots with.
struct SystemManifest {
  schemaVersion @0 :UInt32;
  binaries @1 :List(NamedBlob);
  initConfig @2 :CueValue;
  kernelParams @3 :SystemConfig;
  extensionPoints @4 :ManifestExtensionPoints;
}

# A program, or other bytes, with a name.
struct NamedBlob {
  name @0 :Text;
  data @1 :Data;
}

# A tree of plain data.
struct CueValue {
  union {
    null @0 :Void;
    boolean @1 :Bool;
    intValue @2 :Int64;
    uintValue @3 :UInt64;
    text @4 :Text;
    bytes @5 :Data;
    list @6 :List(CueValue);
    fields @7 :List(CueField);
  }
}

# One field of a record.
struct CueField {
  name @0 :Text;
  value @1 :CueValue;
}

# What the kernel itself is told. Zero, empty and absent mean the default.
struct SystemConfig {
  logLevel @0 :LogLevel;
  consolePasswordVerifierPhc @1 :Text;
  allowLocalDevelopmentShell @2 :Bool;
  consoleUart @3 :UartConfig;
  terminalUart @4 :UartConfig;
  motd @5 :Text;
  seedAccounts @6 :List(ManifestSeedAccount);
  resourceProfiles @7 :List(ManifestResourceProfile);
  initialRoleBindings @8 :List(ManifestRoleBinding);
  sshDevelopmentHostKey @9 :SshDevelopmentHostKey;
  authorizedSshKeys @10 :List(AuthorizedSshKey);
  sessionLifetimes @11 :SessionLifetimeConfig;
  hostname @12 :Text;
  dmaBackendPolicy @13 :DmaBackendPolicy;
  cpuIsolationPools @14 :List(CpuIsolationPoolDescriptor);
  cpuIsolationPoolGrants @15 :List(CpuIsolationPoolGrantBinding);
  cpuIsolationGrantMinterAllowlist @16 :List(CpuIsolationPoolGrantBinding);
  keySourceBootstrap @17 :KeySourceBootstrapConfig;
  blockDeviceTarget @18 :BlockDeviceTargetSelector;
  # The rest is this system's own.
  scheduler @19 :SchedulerPolicy;
  fairness @20 :FairnessScope;
  # How many thousandths of each CPU the first process may reserve by its scheduling context.
  reservablePermille @21 :UInt16;
}

# The order in which the waiting threads of a CPU are served.
enum SchedulerPolicy {
  # Earliest eligible virtual deadline first: the usual one (docs/policies.md).
  eevdf @0;
  # Earliest virtual finish first.
  weightedFair @1;
}

# What shares CPU time by weight first.
enum FairnessScope {
  # Every thread for itself.
  threads @0;
  # Processes, and the threads of each share what it has.
  processes @1;
}

# A serial port by its customary name.
enum UartPort {
  com1 @0;
  com2 @1;
}

# Parity of a serial line.
enum UartParity {
  none @0;
  even @1;
  odd @2;
}

# Settings of a serial line; zero means 115200 baud, 8 data bits, 1 stop bit.
struct UartConfig {
  port @0 :UartPort;
  baud @1 :UInt32;
  dataBits @2 :UInt8;
  stopBits @3 :UInt8;
  parity @4 :UartParity;
}

# CPUs that may be leased together, and how many leases there may be.
struct CpuIsolationPoolDescriptor {
  poolId @0 :UInt32;
  poolCpuMask @1 :Data;
  poolMaxLeases @2 :UInt32;
  poolMaxLeasesPerAccount @3 :UInt32;
}

# An account that may lease from a pool.
struct CpuIsolationPoolGrantBinding {
  boundAccountId @0 :UInt64;
  boundPoolId @1 :UInt32;
}

# How long sessions last, in milliseconds.
struct SessionLifetimeConfig {
  operatorMs @0 :UInt64;
  guestMs @1 :UInt64;
  anonymousMs @2 :UInt64;
}

# An account that exists from the start.
struct ManifestSeedAccount {
  name @0 :Text;
  principalId @1 :Data;
  kind @2 :PrincipalKind;
  displayName @3 :Text;
  credentialRefs @4 :List(Data);
  resourceProfile @5 :Text;
  policyProfile @6 :Text;
  serviceBinary @7 :Text;
  directCaps @8 :List(KernelCapSource);
}

# How much a process of some account may use.
struct ManifestResourceProfile {
  name @0 :Text;
  homeQuotaBytes @1 :UInt64;
  tempQuotaBytes @2 :UInt64;
  processLimit @3 :UInt32;
  threadLimit @4 :UInt32;
  capLimit @5 :UInt32;
  memoryCommitLimitBytes @6 :UInt64;
  frameGrantLimitPages @7 :UInt64;
  endpointQueueLimit @8 :UInt32;
  inFlightCallLimit @9 :UInt32;
  retired10 @10 :UInt32;
  ringScratchLimitBytes @11 :UInt64;
  logQuotaBytesPerWindow @12 :UInt64;
  networkProfile @13 :Text;
  cpuBudgetUsPerWindow @14 :UInt64;
  cpuWindowUs @15 :UInt64;
  timerWaiterLimit @16 :UInt32;
  launcherProfile @17 :Text;
  replyScratchLimitBytes @18 :UInt64;
}

# A role that a principal has.
struct ManifestRoleBinding {
  principalId @0 :Data;
  role @1 :Text;
}

# A host key for trying things out.
struct SshDevelopmentHostKey {
  nonProductionLabel @0 :Text;
  algorithm @1 :Text;
  privateKeySeed @2 :Data;
  publicKey @3 :Data;
  fingerprintSha256 @4 :Data;
}

# A key that may log in.
struct AuthorizedSshKey {
  keyId @0 :Data;
  principalId @1 :Data;
  algorithm @2 :Text;
  publicKey @3 :Data;
  fingerprintSha256 @4 :Data;
  allowedShellProfiles @5 :List(Text);
  disabledAtMs @6 :UInt64;
  source @7 :Text;
  comment @8 :Text;
}

# How devices may reach memory.
enum DmaBackendPolicy {
  unspecified @0;
  enableIfVerified @1;
  enableUnsafe @2;
  bounceBuffer @3;
}

# What a key is for.
enum KeyPurpose {
  generic @0;
  blockVolume @1;
  objectStore @2;
  envelope @3;
  integrity @4;
  tls @5;
  codeSigning @6;
  instanceIdentity @7;
  authToken @8;
  webauthn @9;
  audit @10;
  oauthClientAssertion @11;
  oidcIdToken @12;
  dpopBinding @13;
  acmeAccount @14;
}

# Where the system is meant to run.
enum KeySourceDeploymentProfile {
  localDevelopment @0;
  production @1;
  publicIngress @2;
  billableCloudProof @3;
}

# Keys in software, for trying things out.
struct DevelopmentSoftwareKeySourceConfig {
  enabled @0 :Bool;
  identifier @1 :Data;
  nonProductionLabel @2 :Text;
  allowedPurposes @3 :List(KeyPurpose);
}

# Where keys come from.
struct KeySourceBootstrapConfig {
  deploymentProfile @0 :KeySourceDeploymentProfile;
  developmentSoftware @1 :DevelopmentSoftwareKeySourceConfig;
}

# A PCI device by its address.
struct PciDeviceSelector {
  segment @0 :UInt16;
  bus @1 :UInt8;
  device @2 :UInt8;
  function @3 :UInt8;
}

# The block device that may be written.
struct BlockDeviceTargetSelector {
  pci @0 :PciDeviceSelector;
}

# What may be added to the manifest later.
struct ManifestExtensionPoints {
  allowAdditionalServices @0 :Bool;
  maxAdditionalServices @1 :UInt32;
  allowedServiceCaps @2 :List(KernelCapSource);
  minOverlayEpoch @3 :UInt64;
  allowNetworkSettings @4 :Bool;
  allowRuntimeSettings @5 :Bool;
  allowAccountStoreLocation @6 :Bool;
}

# ---- Interfaces known by name only: the manifest may mention them, nothing here implements them ----

interface ParkBench {}
interface DeviceMmio {}
interface DmaPool {}
interface CredentialStore {}
interface AuthorityBroker {}
interface AuditLog {}
interface AuthorizedKeyStore {}
interface RestrictedShellLauncher {}
interface HardwareAuditLog {}
interface File {}
interface Directory {}
interface Store {}
interface Namespace {}
interface Manual {}
interface BlockDevice {}
interface SshHostKey {}
