/* The entries of memory cgroups, and which processes are charged to them. */

/* Removes the entry of a cgroup: one that is removed itself, or an unused one. */
static inline void forget_cgroup(u64 id, int only_unused)
{
    if (!claim(id))
        return; /* a process joins it; it is evicted later, if not */
    struct cgroup_counters *counters = cgroups.lookup(&id);
    if (counters && (!only_unused || is_unused(counters))) {
        struct quota_path path = counters->path;
        if (!cgroups.delete(&id))
            uncount_entry(TABLE_CGROUPS, &path);
    }
    release(id);
}

/* The entry of the process's cgroup; NULL where there is no room for one. A new one is in
 * no path yet. */
static inline struct cgroup_counters *keep_cgroup(struct process *process)
{
    u64 id = process->memcg_id;
    u32 zero = 0;
    struct cgroup_counters *counters = cgroups.lookup(&id);
    struct cgroup_counters *blank = blank_cgroup.lookup(&zero);
    if (counters || !blank)
        return counters;
    if (cgroups.insert(&id, blank))
        return NULL; /* the table is full */
    counters = cgroups.lookup(&id);
    if (!counters)
        return NULL;
    counters->path = process->path;
    if (!quota_fits(TABLE_CGROUPS, &counters->path)) {
        cgroups.delete(&id);
        return NULL;
    }
    count_entry(TABLE_CGROUPS, &counters->path);
    counters->blank = 1;
    return counters;
}

/* The process is charged to its cgroup from now on. Returns 0 if there is no room for the
 * cgroup: it is tried again at each reading. */
static inline int join_cgroup(struct process *process)
{
    if (!process->memcg)
        return 1;
    u64 id = process->memcg_id;
    if (!claim(id))
        return 0;
    struct cgroup_counters *counters = keep_cgroup(process);
    if (counters) {
        counters->memcg = process->memcg; /* a reading reads the rest */
        u64 own_limit = read_limit(counters);
        counters->changed = 1;
        if (counters->blank) {
            counters->blank = 0;
            arm_cgroup(counters, own_limit);
        }
        __sync_fetch_and_add(&counters->processes, 1);
        process->joined = 1;
    }
    release(id);
    return counters != NULL;
}

/* It was until now. What a cgroup without processes has counted is kept, unless half of the
 * table is taken. */
static inline void leave_cgroup(struct process *process)
{
    u64 id = process->memcg_id;
    struct cgroup_counters *counters = cgroups.lookup(&id);
    int joined = process->joined;
    process->joined = 0;
    if (!joined || !counters)
        return;
    __sync_fetch_and_add(&counters->processes, -1);
    u64 root = process->path.ids[0];
    u32 key = TABLE_CGROUPS;
    struct quota *all = quotas.lookup(&root);
    s64 *size = table_sizes.lookup(&key);
    if (all && size && 2 * (s64)all->entries[TABLE_CGROUPS] > *size && is_unused(counters))
        forget_cgroup(id, 1);
}

/* Removes a process's entry, and what it counts for. The caller has the claim of the mm. */
static inline void remove_process(u64 mm, struct process *process)
{
    struct quota_path path = process->path;
    leave_cgroup(process);
    if (!delete_process(mm))
        uncount_entry(TABLE_PROCESSES, &path);
}

/* Its process has ended. A reading removes the entry, if no other process has the memory. */
static inline void leave(struct process *process, u32 tgid)
{
    process->how = START_LEFT;
    process->heir = 0;
    process->parent = tgid;
    process->tgid = 0;
    process->start_boottime = bpf_ktime_get_boot_ns();
    reopen(process);
}

/* For a program that had the claim of the mm. The end of the process may have been seen
 * meanwhile, by a program that did not get the claim, and left the entry to this one. */
static inline void leave_ended(u64 mm, u32 tgid)
{
    if (!tgid || process_mm.lookup(&tgid) || !claim(mm))
        return;
    struct process *process = processes.lookup(&mm);
    if (process && process->tgid == tgid) {
        uncount(process);
        leave(process, tgid);
    }
    release(mm);
}

/* The process, whose cgroup's sum it is no part of now, is charged to this one from now on. */
static inline void change_charge(struct process *process, u64 memcg)
{
    mark_changed(process);
    leave_cgroup(process);
    struct quota_path before = process->path;
    process->memcg = memcg;
    process->memcg_id = memcg_id(memcg);
    set_quota_path(&process->path, cgroup_of(memcg));
    /* It is tracked already, and stays so; the new path is counted first, since both have
     * most cgroups in common. */
    quota_fits(TABLE_PROCESSES, &process->path);
    count_entry(TABLE_PROCESSES, &process->path);
    uncount_entry(TABLE_PROCESSES, &before);
}

/* Whether its cgroup has got no entry, or lost it. */
static inline int is_in_no_group(struct process *process)
{
    u64 id = process->memcg_id;
    return process->memcg && (!process->joined || !cgroups.lookup(&id));
}

/* The caller has the claim of the mm. Both ways are one to the verifier, which else follows all
 * of this twice. */
static inline int charge(struct process *process, u64 memcg)
{
    int moved = memcg && memcg != process->memcg;
    if (!moved && !is_in_no_group(process))
        return 0;
    uncount(process);
    if (moved)
        change_charge(process, memcg);
    if (!join_cgroup(process) && moved)
        lost(LOSS_CGROUPS_FULL);
    reopen(process);
    return moved;
}

/* Whether the process is charged to another memory cgroup than it was; it is to this one from
 * now on. What is not done since another program has the claim is done after a reading. */
static inline int follow_charge(struct process *process)
{
    u64 mm = process->mm, memcg = memcg_of_mm(mm);
    if (!memcg || (memcg == process->memcg && !is_in_no_group(process)) || !claim(mm))
        return 0;
    u32 tgid = 0;
    int moved = 0;
    process = processes.lookup(&mm);
    if (process) {
        tgid = process->tgid;
        moved = charge(process, memcg);
    }
    release(mm);
    leave_ended(mm, tgid);
    return moved;
}

/* For a reading: a move that was missed, or that made another thread the owner of the mm. It
 * counts once two readings have found it: the task may be in the middle of being moved. Also
 * a cgroup gets its entry that there was no room for.
 *
 * An iterator, which may be interrupted, only finds that this is due. */
static inline int is_charge_due(struct process *process)
{
    u64 memcg = memcg_of_mm(process->mm);
    int moved = memcg && memcg != process->memcg;
    if (is_in_no_group(process) || (moved && process->moved_to == memcg))
        process->moved_to = DUE;
    else if (process->moved_to != DUE)
        process->moved_to = moved ? memcg : 0;
    return process->moved_to == DUE;
}

static inline void check_charge(struct process *process)
{
    if (!is_charge_due(process))
        return;
    process->moved_to = 0;
    follow_charge(process);
}

/* Run by user space with the id of a cgroup. What it finds is reported by the next reading as
 * well. */
int read_group(struct bpf_raw_tracepoint_args *ctx)
{
    u64 id = ctx->args[0];
    struct cgroup_counters *counters = cgroups.lookup(&id);
    if (counters) {
        read_cgroup(counters->memcg, counters);
        counters->changed = 1;
    }
    return 0;
}

/* Run with the id of a cgroup, while many have an entry: removes one without processes. */
int evict_group(struct bpf_raw_tracepoint_args *ctx)
{
    u64 id = ctx->args[0];
    struct cgroup_counters *counters = cgroups.lookup(&id);
    if (counters && is_unused(counters))
        forget_cgroup(id, 1);
    return 0;
}
