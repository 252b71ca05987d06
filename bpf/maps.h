/* Every map is bounded; what did not fit is counted in `losses`, by cause. */

BPF_HASH(processes, u64, struct process, MAX_PROCESSES); /* by mm */
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

static inline void lost(u32 cause)
{
    u64 *count = losses.lookup(&cause);
    if (count)
        __sync_fetch_and_add(count, 1);
}
