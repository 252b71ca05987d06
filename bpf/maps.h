/* Every map is bounded; what did not fit is counted in `losses`, by cause. */

BPF_HASH(processes, u64, struct process, MAX_PROCESSES); /* by mm */
BPF_ARRAY(tracked_mms, struct tracked_mms, 1); /* see may_be_tracked */
BPF_HASH(process_mm, u32, u64, MAX_PROCESSES); /* tgid -> mm of a tracked process */
#ifdef FOLLOW_CHILDREN
BPF_HASH(lineage, u32, struct quota_path, MAX_PROCESSES); /* tgids descended from a tracked process */
BPF_ARRAY(blank_path, struct quota_path, 1);
#endif
BPF_HASH(cgroups, u64, struct cgroup_counters, MAX_CGROUPS); /* by kernfs id */
BPF_HASH(watched_cgroups, u64, u8, WATCHED_CGROUPS); /* --cgroup: all below is watched too */
BPF_HASH(watched_pids, u32, u8, 1024); /* --pid */
BPF_HASH(reclaiming, u32, struct reclaim, MAX_RECLAIMING); /* threads in direct reclaim */
BPF_ARRAY(blank_reclaim, struct reclaim, 1);
BPF_ARRAY(losses, u64, LOSS_CAUSES);
BPF_ARRAY(cpu_offsets, u64, CPUS); /* where each CPU's per-CPU memory begins */
BPF_ARRAY(blank_process, struct process, 1); /* never written: too large for the stack */
BPF_ARRAY(blank_cgroup, struct cgroup_counters, 1); /* so is this */
BPF_ARRAY(counters_before, struct cgroup_counters, 1); /* for changed_groups */
BPF_ARRAY(self_tgid, u32, 1); /* the watcher, which is never watched; 0: none */

/* What user space reads of a process has changed. */
static inline void mark_changed(struct process *process)
{
    if (process->changed != CHANGED)
        process->changed = CHANGED;
}

static inline u32 *mm_count(u64 mm)
{
    u32 zero = 0;
    struct tracked_mms *tracked = tracked_mms.lookup(&zero);
    u32 slot = mm * 0x9E3779B97F4A7C15ULL >> (64 - MM_SLOT_BITS);
    return tracked ? &tracked->counts[slot & (MM_SLOTS - 1)] : NULL;
}

/* Whether a process with this mm may be in `processes`. It is asked for each page of every
 * process of the machine, and takes no call, where a look-up that finds nothing takes three. */
static inline int may_be_tracked(u64 mm)
{
    u32 *count = mm_count(mm);
    return count && *count;
}

/* Counted before it can be found, and until it cannot: a count is never too low. */
static inline long insert_process(u64 mm, struct process *blank)
{
    u32 *count = mm_count(mm);
    if (count)
        __sync_fetch_and_add(count, 1);
    long failed = processes.insert(&mm, blank);
    if (failed && count)
        __sync_fetch_and_add(count, -1);
    return failed;
}

static inline long delete_process(u64 mm)
{
    long failed = processes.delete(&mm);
    u32 *count = failed ? NULL : mm_count(mm);
    if (count)
        __sync_fetch_and_add(count, -1);
    return failed;
}

/* The entry of the process that user space means, which started then. NULL if its memory is
 * another process's by now: the kernel uses the address of an mm again. */
static inline struct process *same_process(u64 mm, u64 start_boottime)
{
    struct process *process = processes.lookup(&mm);
    return process && process->start_boottime == start_boottime ? process : NULL;
}

static inline void lost(u32 cause)
{
    u64 *count = losses.lookup(&cause);
    if (count)
        __sync_fetch_and_add(count, 1);
}
