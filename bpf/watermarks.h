/* Bounds that the kernel side watches itself, so that a breach is reported at the page that
 * makes it, without polling. A mark is reported once; user space sets the next one.
 *
 * A watch without a policy compiles none of this in. */

#ifdef WATERMARKS

struct breach_record {
    struct header header;
    u64 start_boottime; /* of the process that took the last page */
    u64 memcg_id;
    s64 held; /* pages */
    u32 tgid;
    u32 group; /* 1: the sum of its cgroup, 0: the process's own */
};
SAME_SIZE(breach_record);

/* A process's part of its cgroup's sum is updated in steps of this many pages: a look-up in
 * another map for each page would be too expensive. */
#define COUNT_STEP 4

/* Whether there was room to report it; else the mark remains, for the next page. */
static inline int report_breach(struct process *process, s64 held, u32 group)
{
    struct breach_record *record = urgent.ringbuf_reserve(sizeof(*record));
    if (!record) {
        lost(LOSS_RING_OTHER);
        return 0;
    }
    set_header(&record->header, RECORD_BREACH, sizeof(*record));
    record->start_boottime = process->start_boottime;
    record->memcg_id = process->memcg_id;
    record->held = held;
    record->tgid = process->tgid;
    record->group = group;
    urgent.ringbuf_submit(record, 0);
    return 1;
}

static inline void check_sum_mark(struct process *process, struct cgroup_counters *counters)
{
    s64 mark = counters->mark;
    if (mark && counters->held >= mark) {
        counters->mark = 0; /* first: another CPU may see the same breach */
        if (!report_breach(process, counters->held, 1))
            counters->mark = mark;
    }
}

/* `fuse`: a page has just been taken, so that a fuse may stop the process. A reading and an end
 * stop none: a constant, so that the verifier need not follow a stop there. `gained`: as in
 * see_fuse. */
static inline void count(struct process *process, s64 held, s64 shmem, s64 swap, int fuse,
                         s64 gained)
{
    u64 id = process->memcg_id;
    struct cgroup_counters *counters = cgroups.lookup(&id);
    if (!counters)
        return;
    /* Two threads that take pages at once may both add a step: both sums then contain it, and
     * the next step of either corrects both. */
    s64 moved = held - process->counted;
    __sync_fetch_and_add(&process->counted, moved);
    __sync_fetch_and_add(&counters->held, moved);
    s64 shmem_moved = shmem - process->counted_shmem;
    if (shmem_moved) {
        __sync_fetch_and_add(&process->counted_shmem, shmem_moved);
        __sync_fetch_and_add(&counters->shmem, shmem_moved);
    }
    s64 swap_moved = swap - process->counted_swap;
    if (swap_moved) {
        __sync_fetch_and_add(&process->counted_swap, swap_moved);
        __sync_fetch_and_add(&counters->swap, swap_moved);
    }
    counters->last = process->mm;
    check_sum_mark(process, counters);
    if (fuse)
        see_sum_fuse(process, counters, held, moved, gained);
}

static inline void check_marks(struct process *process, int fuse, s64 gained)
{
    if (process->closed)
        return;
    s64 held = own_held(process);
    s64 moved = held - process->counted, swap = own_pages(process, MM_SWAPENTS);
    s64 swapped = swap - process->counted_swap; /* which changes nothing in the sum */
    if (moved >= COUNT_STEP || moved <= -COUNT_STEP || swapped >= COUNT_STEP) {
        if (fuse) {
            see_share(process);
            held = own_held(process);
            swap = own_pages(process, MM_SWAPENTS);
        }
        count(process, held, own_pages(process, MM_SHMEMPAGES), swap, fuse, gained);
    }
    s64 mark = process->mark;
    if (mark && held >= mark) {
        process->mark = 0;
        if (!report_breach(process, held, 0))
            process->mark = mark;
    }
}

static inline void take_out(s64 *counted, s64 *sum)
{
    s64 pages = *(volatile s64 *)counted;
    __sync_fetch_and_add(counted, -pages);
    __sync_fetch_and_add(sum, -pages);
}

/* The process ended, or is charged to another cgroup from now on: it counts for none until
 * `reopen`. Other threads, or others that share its memory, may still be in `count`. */
static inline void uncount(struct process *process)
{
    *(volatile u64 *)&process->closed = 1;
    u64 id = process->memcg_id;
    struct cgroup_counters *counters = cgroups.lookup(&id);
    for (int tries = 0; counters && tries < 4; tries++) {
        take_out(&process->counted, &counters->held);
        take_out(&process->counted_shmem, &counters->shmem);
        take_out(&process->counted_swap, &counters->swap);
    }
    /* Also where its cgroup has no entry. */
    process->counted = 0;
    process->counted_shmem = 0;
    process->counted_swap = 0;
}

static inline void reopen(struct process *process) { process->closed = 0; }

/* Run by user space with (mm, start, pages). A bound that is crossed already is reported at
 * once. */
int mark_process(struct bpf_raw_tracepoint_args *ctx)
{
    struct process *process = same_process(ctx->args[0], ctx->args[1]);
    if (!process)
        return 0;
    process->mark = ctx->args[2];
    check_marks(process, 0, 0);
    return 0;
}

/* The same with (cgroup id, pages, correction): a process that moves between cgroups while its
 * threads take pages may leave a step behind, which user space finds when nothing changes. */
int mark_group(struct bpf_raw_tracepoint_args *ctx)
{
    u64 id = ctx->args[0];
    struct cgroup_counters *counters = cgroups.lookup(&id);
    if (!counters)
        return 0;
    __sync_fetch_and_add(&counters->held, (s64)ctx->args[2]);
    counters->mark = ctx->args[1];
    u64 last = counters->last;
    struct process *process = processes.lookup(&last);
    if (process)
        check_sum_mark(process, counters);
    return 0;
}

/* The correction alone, with (cgroup id, pages), once two readings have found the same. */
int correct_group(struct bpf_raw_tracepoint_args *ctx)
{
    u64 id = ctx->args[0];
    struct cgroup_counters *counters = cgroups.lookup(&id);
    if (counters)
        __sync_fetch_and_add(&counters->held, (s64)ctx->args[1]);
    return 0;
}

#else
static inline void check_marks(struct process *process, int fuse, s64 gained) {}
static inline void uncount(struct process *process) {}
static inline void reopen(struct process *process) {}
#endif
