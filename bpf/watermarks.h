/* Bounds that the kernel side watches itself, so that a breach is heard at the page that
 * makes it, without polling. A mark is told once; user space sets the next one.
 *
 * Who watches without a policy compiles none of this in. */

#ifdef WATERMARKS

/* A process's share of its cgroup's sum is brought up to date in steps of this many pages:
 * a look-up in another map for each page would be too dear. */
#define COUNT_STEP 4

static inline void tell_breach(struct process *process, s64 held, s64 mark, u32 group)
{
    struct breach_record *record = records.ringbuf_reserve(sizeof(*record));
    if (!record) {
        lost(LOSS_RING_OTHER);
        return;
    }
    record->header.type = RECORD_BREACH;
    record->header.size = sizeof(*record);
    record->header.time = bpf_ktime_get_ns();
    record->start_boottime = process->start_boottime;
    record->memcg_id = process->memcg_id;
    record->held = held;
    record->mark = mark;
    record->tgid = process->tgid;
    record->group = group;
    records.ringbuf_submit(record, 0);
}

static inline void see_sum(struct process *process, struct cgroup_counters *counters)
{
    s64 mark = counters->mark;
    if (mark && counters->held >= mark) {
        counters->mark = 0;
        tell_breach(process, counters->held, mark, 1);
    }
}

static inline void count(struct process *process, s64 held)
{
    u64 id = process->memcg_id;
    struct cgroup_counters *counters = cgroups.lookup(&id);
    if (!counters)
        return;
    /* Two threads that take pages at once may both add a step: both sums then have it, and
     * the next step of either puts both right. */
    s64 moved = held - process->counted;
    __sync_fetch_and_add(&process->counted, moved);
    __sync_fetch_and_add(&counters->held, moved);
    counters->last = process->mm;
    see_sum(process, counters);
    see_sum_fuse(process, counters, held, moved);
}

static inline void see_marks(struct process *process)
{
    s64 held = own_held(process);
    s64 moved = held - process->counted;
    if (moved >= COUNT_STEP || moved <= -COUNT_STEP)
        count(process, held);
    s64 mark = process->mark;
    if (mark && held >= mark) {
        process->mark = 0;
        tell_breach(process, held, mark, 0);
    }
}

/* It ended, or is charged elsewhere from now on. */
static inline void uncount(struct process *process)
{
    count(process, 0);
}

/* Run by user space with (mm, pages). A bound that is passed already is told at once. */
int mark_process(struct bpf_raw_tracepoint_args *ctx)
{
    u64 mm = ctx->args[0];
    struct process *process = processes.lookup(&mm);
    if (!process)
        return 0;
    process->mark = ctx->args[1];
    see_marks(process);
    return 0;
}

/* The same with (cgroup id, pages, correction): a process that moves between cgroups while its
 * threads take pages may leave a step behind, which user space finds when nothing moves. */
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
        see_sum(process, counters);
    return 0;
}

#else
static inline void see_marks(struct process *process) {}
static inline void uncount(struct process *process) {}
#endif
