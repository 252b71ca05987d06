/* Memory cgroups under pressure: OOM kills, time lost in direct reclaim, and the last
 * counters of a cgroup that is removed. */

struct oom_record {
    struct header header;
    u64 start_boottime;
    u64 memcg_id;
    s64 pages[MEMBERS];
    struct cgroup_counters cgroup;
    u32 tgid;
    u32 tracked;
    char comm[COMM_LEN];
};
SAME_SIZE(oom_record);

struct cgroup_record {
    struct header header;
    u64 memcg_id;
    struct cgroup_counters cgroup;
    char path[PATH_LEN];
};
SAME_SIZE(cgroup_record);

static inline void cgroup_stall(u64 id, u64 ns)
{
    struct cgroup_counters *counters = cgroups.lookup(&id);
    if (!counters)
        return; /* no tracked process was ever charged there */
    __sync_fetch_and_add(&counters->stalled, ns);
    __sync_fetch_and_add(&counters->stalls, 1);
    counters->changed = 1;
}

/* The current thread reclaims memory from now on, instead of doing its own work. */
static inline int begin_reclaim(void)
{
    u32 thread = bpf_get_current_pid_tgid();
    u32 zero = 0;
    struct reclaim *blank = blank_reclaim.lookup(&zero);
    if (!blank)
        return 0;
    /* It has an entry during one kind of reclaim within another. */
    long failed = reclaiming.insert(&thread, blank);
    struct reclaim *reclaim = reclaiming.lookup(&thread);
    if (reclaim)
        reclaim->since = bpf_ktime_get_ns();
    if (reclaim && failed)
        return 0;
    if (reclaim)
        set_quota_path(&reclaim->path, cgroup_of(memcg_of(bpf_get_current_task())));
    if (!reclaim || !quota_fits(TABLE_RECLAIM, &reclaim->path)) {
        reclaiming.delete(&thread);
        lost(LOSS_RECLAIM_FULL);
        return 0;
    }
    count_entry(TABLE_RECLAIM, &reclaim->path);
    return 0;
}

static inline int end_reclaim(void)
{
    u64 id = bpf_get_current_pid_tgid();
    u32 tgid = id >> 32, thread = id;
    struct reclaim *known = reclaiming.lookup(&thread);
    if (!known)
        return 0;
    struct reclaim reclaim = *known;
    u64 ns = bpf_ktime_get_ns() - reclaim.since;
    if (!reclaiming.delete(&thread))
        uncount_entry(TABLE_RECLAIM, &reclaim.path);
    u64 *mm = process_mm.lookup(&tgid);
    struct process *process = mm ? processes.lookup(mm) : NULL;
    if (process) {
        __sync_fetch_and_add(&process->stalled, ns);
        __sync_fetch_and_add(&process->stalls, 1);
        mark_changed(process);
    }
    cgroup_stall(memcg_id(memcg_of(bpf_get_current_task())), ns);
    return 0;
}

/* The arguments of these four differ, and are not used. */
int on_mm_vmscan_direct_reclaim_begin(struct bpf_raw_tracepoint_args *ctx)
{
    return begin_reclaim();
}

int on_mm_vmscan_direct_reclaim_end(struct bpf_raw_tracepoint_args *ctx)
{
    return end_reclaim();
}

int on_mm_vmscan_memcg_reclaim_begin(struct bpf_raw_tracepoint_args *ctx)
{
    return begin_reclaim();
}

int on_mm_vmscan_memcg_reclaim_end(struct bpf_raw_tracepoint_args *ctx)
{
    return end_reclaim();
}

/* mark_victim(victim); `current` is the task that reached the limit. The victim is a task
 * since 6.9 (72ba14deb40a "mm: add more details to the trace event"), a pid before;
 * distributions carry either on any version, so BTF decides. */
int on_mark_victim(struct bpf_raw_tracepoint_args *ctx)
{
    u64 memcg = 0, mm = 0, start_boottime = 0;
#ifdef MARK_VICTIM_TASK
    u64 task = ctx->args[0];
    u32 tgid = tgid_of(task);
    start_boottime = start_of(read_u64(task + AT(task_struct, group_leader)));
    mm = mm_of(task);
    memcg = memcg_of(task);
#else
    u32 tgid = ctx->args[0];
    u64 *known = process_mm.lookup(&tgid);
    if (known)
        mm = *known;
#endif
    struct process *process = processes.lookup(&mm);
    struct oom_record *record = NULL;
    if (process ? record_fits(&process->path, sizeof(*record))
                : other_record_fits(OTHER_VICTIMS, sizeof(*record)))
        record = records.ringbuf_reserve(sizeof(*record));
    if (!record) {
        lost(LOSS_RING_OTHER);
        return 0;
    }
    set_header(&record->header, RECORD_OOM, sizeof(*record));
    record->memcg_id = 0;
    __builtin_memset(record->comm, 0, COMM_LEN);
    __builtin_memset(record->pages, 0, sizeof(record->pages));
    __builtin_memset(&record->cgroup, 0, sizeof(record->cgroup));
#ifdef MARK_VICTIM_TASK
    bpf_probe_read_kernel(record->comm, COMM_LEN, (void *)task + AT(task_struct, comm));
#endif
    record->tgid = tgid;
    record->tracked = process != NULL;
    if (process) {
        start_boottime = process->start_boottime;
        __builtin_memcpy(record->comm, process->comm, COMM_LEN);
        memcg = process->memcg;
    }
    record->start_boottime = start_boottime;
    if (mm)
        exact_pages(mm, record->pages, NULL);
    if (memcg) {
        record->memcg_id = memcg_id(memcg);
        read_cgroup(memcg, &record->cgroup);
    }
    records.ringbuf_submit(record, 0);
    return 0;
}

static inline void report_cgroup(u32 type, u64 cgroup, u64 path)
{
    u64 memcg = read_u64(cgroup + AT(cgroup, subsys) + 8 * MEMORY_CGRP_ID);
    if (!memcg)
        return; /* another hierarchy */
    struct cgroup_record *record = NULL;
    if (other_record_fits(OTHER_CGROUPS, sizeof(*record)))
        record = records.ringbuf_reserve(sizeof(*record));
    if (!record) {
        lost(LOSS_RING_OTHER);
        return;
    }
    u64 id = cgroup_id(cgroup);
    set_header(&record->header, type, sizeof(*record));
    record->memcg_id = id;
    __builtin_memset(&record->cgroup, 0, sizeof(record->cgroup));
    record->path[0] = 0;
    bpf_probe_read_kernel_str(record->path, PATH_LEN, (void *)path);
    struct cgroup_counters *known = cgroups.lookup(&id);
    if (known) {
        record->cgroup.stalled = known->stalled;
        record->cgroup.stalls = known->stalls;
    }
    read_cgroup(memcg, &record->cgroup);
    records.ringbuf_submit(record, 0);
}

/* cgroup_mkdir(cgroup, path): user space gets the path while there is one. */
int on_cgroup_mkdir(struct bpf_raw_tracepoint_args *ctx)
{
    report_cgroup(RECORD_CGROUP_MADE, ctx->args[0], ctx->args[1]);
    return 0;
}

/* cgroup_rmdir(cgroup, path): the last moment its counters can be read. */
int on_cgroup_rmdir(struct bpf_raw_tracepoint_args *ctx)
{
    u64 cgroup = ctx->args[0];
    report_cgroup(RECORD_CGROUP_GONE, cgroup, ctx->args[1]);
    u64 id = cgroup_id(cgroup);
    forget_cgroup(id, 0);
    forget_quota(id);
    return 0;
}
