/* The bounds at which a fuse stops a process: those it starts with, and those that user space
 * sets. */

#ifdef WATERMARKS

#define EXEMPT 0xFFFFFFFF /* as a signal: never stop this process */

BPF_ARRAY(fuse_defaults, struct fuse_default, 1);

static inline s64 default_bound(u32 of, u64 limit, u32 *signal)
{
    u32 zero = 0;
    struct fuse_default *fuse = fuse_defaults.lookup(&zero);
    if (!fuse || fuse->of != of)
        return 0;
    *signal = fuse->signal;
    if (fuse->pages)
        return fuse->pages;
    return limit == NO_LIMIT ? 0 : limit * fuse->parts / PARTS_OF_LIMIT;
}

static inline void arm_cgroup(struct cgroup_counters *counters, u64 own_limit)
{
    u32 signal = 0;
    counters->fuse = default_bound(FUSE_JOB, counters->limit, &signal);
    counters->fuse_signal = signal;
    u32 zero = 0;
    struct fuse_default *fuse = fuse_defaults.lookup(&zero);
    u64 root = !read_u64(counters->memcg + AT(mem_cgroup, memory) + AT(page_counter, parent));
    /* A share of a limit above the cgroup is not comparable with the cgroup's charge, and the
     * root cgroup has no charge of its own. */
    if (!root && fuse && (fuse->pages || own_limit == counters->limit))
        counters->fuse_least = counters->fuse;
}

/* Whether nothing is lost with the cgroup's entry but what it has counted. */
static inline int is_unused(struct cgroup_counters *counters)
{
    return counters->processes <= 0 && !counters->armed;
}

/* A forked child starts with the bounds of the memory it is a copy of, and as signalled as that
 * is: user space would set them too late. It does not run yet. */
static inline void arm_fork(u64 child_mm, u64 mm)
{
    struct process *from = processes.lookup(&mm);
    struct process *process = processes.lookup(&child_mm);
    if (from)
        count_fork(from->signalled);
    if (!from || !process)
        return;
    process->fuse = from->fuse;
    process->fuse_charge = from->fuse_charge;
    process->fuse_signal = from->fuse_signal;
    process->fuse_resumed = from->fuse_resumed;
    process->signalled = from->signalled;
    if (from->signalled)
        process->shared = larger(from->shared, from->pages[MM_SHMEMPAGES]);
}

static inline void arm_process_at_start(struct process *process, u32 how)
{
#ifdef SELECT_COMM
    /* Found by its file's name: user space decides whether it is watched, and arms it then. */
    if (how == START_FOUND && !comm_selected(process->comm))
        return;
#endif
    u64 id = process->memcg_id;
    struct cgroup_counters *counters = cgroups.lookup(&id);
    u64 limit = counters ? counters->limit : NO_LIMIT;
    u32 signal = 0;
    process->fuse = default_bound(FUSE_PROCESS, limit, &signal);
    process->fuse_charge = default_bound(FUSE_CHARGE, limit, &signal);
    process->fuse_signal = signal;
    u32 zero = 0;
    struct fuse_default *fuse = fuse_defaults.lookup(&zero);
    process->fuse_resumed = fuse ? fuse->resumed : RESUMED_NEAR;
}

/* Run by user space with (mm, start, own pages, charge pages, signal, pages below which it is
 * spared, enum resumed); 0 pages: no such bound. */
int arm_process(struct bpf_raw_tracepoint_args *ctx)
{
    struct process *process = same_process(ctx->args[0], ctx->args[1]);
    if (!process)
        return 0;
    process->fuse = ctx->args[2];
    process->fuse_charge = ctx->args[3];
    process->fuse_signal = ctx->args[4];
    process->fuse_spared = ctx->args[5];
    process->fuse_resumed = ctx->args[6];
    u64 id = process->memcg_id;
    struct cgroup_counters *counters = cgroups.lookup(&id);
    if (counters && (!counters->fuse || counters->held < counters->fuse) &&
        charge_of(process) < process->fuse_charge)
        counters->filled_from = 0;
    return 0;
}

/* The same with (cgroup id, pages, signal, pages that must be held there for a stop). */
int arm_group(struct bpf_raw_tracepoint_args *ctx)
{
    u64 id = ctx->args[0];
    struct cgroup_counters *counters = cgroups.lookup(&id);
    if (!counters)
        return 0;
    counters->fuse = ctx->args[1];
    counters->fuse_signal = ctx->args[2];
    counters->fuse_least = ctx->args[3];
    counters->armed = counters->fuse != 0;
    if (counters->held < counters->fuse)
        counters->filled_from = 0;
    return 0;
}

#else
static inline void arm_cgroup(struct cgroup_counters *counters, u64 own_limit) {}
static inline int is_unused(struct cgroup_counters *counters)
{
    return counters->processes <= 0;
}
static inline void arm_process_at_start(struct process *process, u32 how) {}
static inline void arm_fork(u64 child_mm, u64 mm) {}
#endif
