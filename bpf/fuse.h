/* The fuse: who grows past a bound is stopped in its own context, by a signal that the
 * kernel program sends. It returns to its own code only when it is let go.
 *
 * `stopped` is the truth about who was stopped by us: it is written before the signal is
 * sent, and outlives whoever reads the ring. */

#ifdef WATERMARKS

/* Who goes on growing although it was stopped is stopped again after so many pages: a
 * signal that came from elsewhere let it go. */
#define STOP_AGAIN 256
#define STOPPING_NS 1000000000ULL
#define SIGKILL 9
#define EXEMPT 0xFFFFFFFF /* for a signal: never this one */

BPF_HASH(stopped, u32, struct stop, MAX_STOPPED); /* by tgid */
BPF_ARRAY(fuse_defaults, struct fuse_default, 1);
BPF_ARRAY(fuses_off, u32, 1); /* set once, as the watcher dies */

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

static inline void arm_cgroup(struct cgroup_counters *counters)
{
    u32 signal = 0;
    counters->fuse = default_bound(FUSE_JOB, counters->limit, &signal);
    counters->fuse_signal = signal;
}

/* A forked child has its parent's bounds: user space would be too late with them. */
static inline void arm_process_at_start(struct process *process, u32 how)
{
    if (how == START_FORK) {
        u32 parent = process->parent;
        u64 *mm = process_mm.lookup(&parent);
        struct process *one = mm ? processes.lookup(mm) : NULL;
        if (one) {
            process->fuse = one->fuse;
            process->fuse_charge = one->fuse_charge;
            process->fuse_signal = one->fuse_signal;
            return;
        }
    }
    u64 id = process->memcg_id;
    struct cgroup_counters *counters = cgroups.lookup(&id);
    u64 limit = counters ? counters->limit : NO_LIMIT;
    u32 signal = 0;
    process->fuse = default_bound(FUSE_PROCESS, limit, &signal);
    process->fuse_charge = default_bound(FUSE_CHARGE, limit, &signal);
    process->fuse_signal = signal;
}

static inline void stop(struct process *process, u32 of, s64 held, s64 measured, s64 bound,
                        u32 signal)
{
    u32 tgid = process->tgid, zero = 0, *off = fuses_off.lookup(&zero);
    if (!off || *off)
        return;
    /* Where somebody else works on its memory (reclaim, a debugger, a vfork child), there
     * is nobody here to be stopped: its own next page will do it. */
    if ((u32)(bpf_get_current_pid_tgid() >> 32) != tgid)
        return;
    if (process->fuse_signal == EXEMPT)
        return;
    u64 now = bpf_ktime_get_ns();
    if (process->stopped_at && held < process->stopped_at + STOP_AGAIN) {
        /* The signal is the whole process's, but only the thread that sent it was told. If
         * that one has to wait for a CPU, the others run on: each is told as it grows. */
        if (now - process->stopped_ns < STOPPING_NS)
            bpf_send_signal_thread(signal);
        return;
    }
    struct stop_record told = {};
    told.stop.start_boottime = process->start_boottime;
    told.stop.memcg_id = process->memcg_id;
    told.stop.time = now;
    told.stop.held = held;
    told.stop.measured = measured;
    told.stop.bound = bound;
    told.stop.charge = process->charge;
    told.stop.tgid = tgid;
    told.stop.of = of;
    told.stop.signal = signal;
    long failed = stopped.insert(&tgid, &told.stop);
    if (failed && failed != -17 /* EEXIST: let go by somebody else, or a second thread */) {
        lost(LOSS_STOPPED_FULL);
        return;
    }
    process->stopped_at = held;
    process->stopped_ns = now;
    if (bpf_send_signal(signal)) {
        process->stopped_at = 0;
        if (!failed)
            stopped.delete(&tgid);
        lost(LOSS_FUSE_UNSENT);
        return;
    }
    told.header.type = RECORD_STOP;
    told.header.size = sizeof(told);
    told.header.time = told.stop.time;
    if (records.ringbuf_output(&told, sizeof(told), 0))
        lost(LOSS_RING_OTHER); /* it stands in `stopped`: user space finds it there */
}

/* The sum of its cgroup was brought up to date by this process. */
static inline void see_sum_fuse(struct process *process, struct cgroup_counters *counters,
                                s64 held, s64 moved)
{
    s64 bound = counters->fuse;
    if (bound && moved > 0 && counters->held >= bound)
        stop(process, FUSE_JOB, held, counters->held, bound, counters->fuse_signal);
}

/* A page was just taken; `held_grew`: one that the kernel cannot drop. */
static inline void see_fuse(struct process *process, int held_grew)
{
    s64 bound = process->fuse;
    if (bound && held_grew) {
        s64 held = own_held(process);
        if (held >= bound)
            stop(process, FUSE_PROCESS, held, held, bound, process->fuse_signal);
    }
    bound = process->fuse_charge;
    if (bound && (s64)process->charge >= bound)
        stop(process, FUSE_CHARGE, own_held(process), process->charge, bound,
             process->fuse_signal);
}

/* Before its files are closed, which wakes those it held and detaches us one by one: who
 * was woken must not be stopped again, for there would be nobody left to wake it. */
static inline void see_end_of_watch(u32 tgid)
{
    u32 zero = 0, *self = self_tgid.lookup(&zero), *off = fuses_off.lookup(&zero);
    if (self && off && *self == tgid)
        *off = 1;
}

/* It has ended, and there is nobody to be let go. Who was killed by us is still told of. */
static inline void forget_stop(u32 tgid)
{
    struct stop *stop = stopped.lookup(&tgid);
    if (stop && stop->signal != SIGKILL)
        stopped.delete(&tgid);
}

/* Run by user space with (mm, own pages, charge pages, signal); 0 pages: no bound. Whoever
 * stands is meant to go on, and is stopped again at these bounds. */
int arm_process(struct bpf_raw_tracepoint_args *ctx)
{
    u64 mm = ctx->args[0];
    struct process *process = processes.lookup(&mm);
    if (!process)
        return 0;
    process->fuse = ctx->args[1];
    process->fuse_charge = ctx->args[2];
    process->fuse_signal = ctx->args[3];
    return 0;
}

/* The same with (cgroup id, pages, signal). */
int arm_group(struct bpf_raw_tracepoint_args *ctx)
{
    u64 id = ctx->args[0];
    struct cgroup_counters *counters = cgroups.lookup(&id);
    if (!counters)
        return 0;
    counters->fuse = ctx->args[1];
    counters->fuse_signal = ctx->args[2];
    return 0;
}

/* Run by user space with (mm) before it lets a process go on. */
int let_go(struct bpf_raw_tracepoint_args *ctx)
{
    u64 mm = ctx->args[0];
    struct process *process = processes.lookup(&mm);
    if (!process)
        return 0;
    process->stopped_at = 0;
    u32 tgid = process->tgid;
    stopped.delete(&tgid);
    return 0;
}

#else
static inline void see_sum_fuse(struct process *process, struct cgroup_counters *counters,
                                s64 held, s64 moved) {}
static inline void arm_cgroup(struct cgroup_counters *counters) {}
static inline void arm_process_at_start(struct process *process, u32 how) {}
static inline void see_fuse(struct process *process, int held_grew) {}
static inline void see_end_of_watch(u32 tgid) {}
static inline void forget_stop(u32 tgid) {}
#endif
