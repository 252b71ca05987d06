/* The entries of memory cgroups, and which processes are charged to them: a cgroup's charge,
 * its limits and its events, read from the kernel's page counters. */

static inline u64 memcg_event(u64 memcg, u32 event)
{
    return read_u64(memcg + AT(mem_cgroup, memory_events) + 8 * event);
}

/* What memory.events shows: v1 has no such file, and the kernel counts little of it there. `v2`
 * is on_v2's, here and below. */
static inline void read_events(u64 memcg, u64 v2, struct cgroup_counters *counters)
{
    counters->lows = memcg_event(memcg, MEMCG_LOW) | ~v2;
    counters->highs = memcg_event(memcg, MEMCG_HIGH) | ~v2;
    counters->ooms = memcg_event(memcg, MEMCG_OOM) | ~v2;
#ifdef MEMCG_OOM_GROUP_KILL /* since 5.17, b6bf9abb0aa4 "mm/memcg: add oom_group_kill" */
    counters->group_kills = memcg_event(memcg, MEMCG_OOM_GROUP_KILL) | ~v2;
#else
    counters->group_kills = NOT_COUNTED;
#endif
}

/* The pages of a page_counter's `max` or `high`. */
static inline u64 known_limit(u64 pages) { return pages | ~bits_if_less(pages, UNLIMITED_PAGES); }

/* Kernel memory has a counter of its own on v1, as memory.kmem.usage_in_bytes shows it; v2
 * shows it in memory.stat, and charges nothing to this counter. */
static inline u64 kernel_pages(u64 memcg, u64 v2)
{
#ifdef AT_mem_cgroup_kmem
    return read_u64(memcg + AT_mem_cgroup_kmem + AT(page_counter, usage)) | v2;
#endif
    return NOT_COUNTED;
}

/* Names and inodes of files that no process has open, mostly. memory.stat shows the counters on
 * v2 only, where user space reads them; on v1 the kernel keeps them as well, in bytes. The
 * kernel counts the name of a tmpfs file or a socket as slab it can reclaim, too, though it
 * cannot: so as much is taken off as it says it cannot reclaim. */
static inline u64 droppable_pages(u64 memcg, u64 v2, u64 kernel)
{
#if defined(AT_mem_cgroup_vmstats) && defined(AT_mem_cgroup_kmem)
    u64 stats = memcg + AT_mem_cgroup_vmstats;
#ifdef AT_memcg_vmstats_state
    stats = read_u64(stats) + AT_memcg_vmstats_state;
#endif
    s64 reclaimable = read_u64(stats + 8 * NR_SLAB_RECLAIMABLE_B);
    s64 kept = read_u64(stats + 8 * (NR_SLAB_RECLAIMABLE_B + 1));
    u64 bytes = (reclaimable - kept) & bits_if_less(kept, reclaimable) & ~bits_if_less(kept, 0);
    return smaller(bytes / PAGE_SIZE, kernel & MAX_S64) | v2;
#else
    return NOT_COUNTED;
#endif
}

/* On v1 the OOM killer can be disabled for a cgroup (memory.oom_control), and a task that
 * finds no memory in it waits then. */
static inline int oom_killer_disabled(u64 memcg)
{
#ifdef AT_mem_cgroup_oom_kill_disable
    return read_u32(memcg + AT_mem_cgroup_oom_kill_disable) & 0xff;
#else
    return 0;
#endif
}

/* Whether a task waits in an OOM of this cgroup, or of one above it. */
static inline int under_oom(u64 memcg)
{
#ifdef AT_mem_cgroup_under_oom
    return read_u32(memcg + AT_mem_cgroup_under_oom) > 0;
#else
    return 0;
#endif
}

#define LEVELS_READ 16

/* Keeps one level. Beyond those that fit, the one with the least room is kept, so that a job
 * that makes cgroups of its own cannot hide the limit that it is under. */
static inline void keep_level(struct cgroup_counters *counters, u64 above, u64 counter, u64 v2)
{
    /* Read from the map and not kept in a register: the verifier would follow every value. */
    u64 found = counters->found++;
    u64 max = read_u64(counter + AT(page_counter, max));
    u64 high = read_u64(counter + AT(page_counter, high));
    u64 charge = read_u64(counter + AT(page_counter, usage));
    u64 memcg = counter - AT(mem_cgroup, memory);
    u64 at = smaller(found, LEVELS - 1);
    asm volatile("" : "+r"(at)); /* the bound must not be optimized into an earlier one */
    struct limit_level *level = &counters->levels[at & (LEVELS - 1)];
    u64 room = smaller(max, high) - charge;
    u64 kept = smaller(level->limit & MAX_S64, level->high & MAX_S64) - level->charge;
    if (~bits_if_less(found, LEVELS) & ~bits_if_less(room, kept))
        return;
    level->id = cgroup_id(read_u64(memcg + AT(cgroup_subsys_state, cgroup)));
    level->above = above;
    level->charge = charge;
    level->limit = known_limit(max);
    level->high = known_limit(high);
    level->kernel = kernel_pages(memcg, v2);
    level->droppable = droppable_pages(memcg, v2, level->kernel);
}

/* The cgroup's own charge, and the limits above it, from its page counters. */
static inline void read_cgroup(u64 memcg, struct cgroup_counters *counters)
{
    u64 counter = memcg + AT(mem_cgroup, memory);
    counters->memcg = memcg;
    counters->charge = read_u64(counter + AT(page_counter, usage));
    counters->peak = read_u64(counter + AT(page_counter, watermark));
    /* v1 shows the charges that failed (failcnt), v2 the event `max`: fewer, since a charge
     * by a whole batch of pages is tried again by one page before it is an event. */
    u64 v2 = on_v2(memcg);
    counters->limit_hits = (memcg_event(memcg, MEMCG_MAX) & v2) |
                           (read_u64(counter + AT(page_counter, failcnt)) & ~v2);
    counters->oom_kills = memcg_event(memcg, MEMCG_OOM_KILL);
    read_events(memcg, v2, counters);
    u64 limit = UNLIMITED_PAGES;
    int disabled = 0;
    counters->found = 0;
    for_each(level, LEVELS_READ) {
        u64 max = read_u64(counter + AT(page_counter, max));
        u64 high = read_u64(counter + AT(page_counter, high));
        disabled |= oom_killer_disabled(counter - AT(mem_cgroup, memory));
        limit = smaller(limit, max);
        if (bits_if_less(smaller(max, high), UNLIMITED_PAGES))
            keep_level(counters, level, counter, v2);
        counter = read_u64(counter + AT(page_counter, parent));
        if (!counter)
            break;
    }
    counters->limit = known_limit(limit);
    counters->kernel = kernel_pages(memcg, v2);
    counters->droppable = droppable_pages(memcg, v2, counters->kernel);
    counters->stuck = disabled && under_oom(memcg);
}

#ifdef WATERMARKS
/* What bounds are compared with before the first reading. Returns the cgroup's own limit. */
static inline u64 read_limit(struct cgroup_counters *counters)
{
    u64 counter = counters->memcg + AT(mem_cgroup, memory);
    u64 limit = UNLIMITED_PAGES, own = read_u64(counter + AT(page_counter, max));
    for_each(level, LEVELS_READ) {
        limit = smaller(limit, read_u64(counter + AT(page_counter, max)));
        counter = read_u64(counter + AT(page_counter, parent));
        if (!counter)
            break;
    }
    counters->limit = known_limit(limit);
    return known_limit(own);
}
#else
static inline u64 read_limit(struct cgroup_counters *counters) { return NO_LIMIT; }
#endif

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

/* Run with the id of a cgroup that has no entry of any table, or whose parent is gone. */
int evict_quota(struct bpf_raw_tracepoint_args *ctx)
{
    u64 id = ctx->args[0];
    struct quota *node = quotas.lookup(&id);
    if (!node)
        return 0;
    u64 parent = node->parent;
    if (node->used <= 0 || (parent && !quotas.lookup(&parent)))
        forget_quota(id);
    return 0;
}

/* Run with (id, table, correction), where user space has counted the entries of a table anew. */
int correct_quota(struct bpf_raw_tracepoint_args *ctx)
{
    u64 id = ctx->args[0], table = ctx->args[1];
    s64 by = ctx->args[2];
    struct quota *node = quotas.lookup(&id);
    if (!node || table >= TABLES)
        return 0;
    if (table != TABLE_QUOTAS)
        __sync_fetch_and_add(&node->used, by);
    asm volatile("" : "+r"(table)); /* the bound must not be optimized into an earlier one */
    __sync_fetch_and_add(&node->entries[table & 7], by); /* 7: within the struct */
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
