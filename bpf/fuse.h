/* The fuse: a process that grows past a bound is stopped in its own context, by a signal
 * that the kernel program sends. It returns to its own code only when it is resumed. Where
 * another process writes to its memory, user space sends the signal: a program can signal only
 * the task it runs in.
 *
 * The map `stopped` has all processes stopped by us: it is written before the signal is
 * sent, and outlives the reader of the ring. */

#ifdef WATERMARKS

/* A stopped process that another program resumes is stopped again after so many pages. */
#define STOP_AGAIN 256
#define STOPPING_NS 1000000000ULL
/* Resumed so often within STOPPING_NS, it is killed. A shell's `fg` does it once or twice. */
#define RESUMED_MOST 5
/* A vfork child is about to execute a program, for which it needs a few pages of its parent's
 * memory. So many beyond the bound it is stopped as any other. */
#define VFORK_PAGES 256
#define SIGSTOP 19
#define JOBCTL_STOP_PENDING (1UL << 17) /* include/linux/sched/jobctl.h */

BPF_HASH(stopped, u32, struct stop, MAX_STOPPED); /* by tgid */
BPF_HASH(stopped_paths, u32, struct quota_path, MAX_STOPPED); /* by tgid, for the quota */
BPF_ARRAY(fuses_off, u32, 1); /* set once, as the watcher dies */

/* Whether a stop of this process has begun, so that it takes effect before its next
 * instruction. SIGCONT takes back what is pending, a debugger may pass nothing on. */
static inline int is_stopping(u64 task)
{
    u64 signal = read_u64(task + AT(task_struct, signal));
    u64 pending = read_u64(task + AT(task_struct, pending) + AT(sigpending, signal)) |
                  read_u64(signal + AT(signal_struct, shared_pending) + AT(sigpending, signal));
    return (pending & (1ULL << (SIGSTOP - 1) | 1ULL << (SIGKILL - 1))) ||
           (read_u64(task + AT(task_struct, jobctl)) & JOBCTL_STOP_PENDING);
}

/* Whether it is killed where a stop does not keep it from growing. */
static inline int may_kill(struct process *process)
{
    if (process->fuse_resumed != RESUMED_NEAR)
        return process->fuse_resumed == RESUMED_KILL;
    u64 id = process->memcg_id;
    struct cgroup_counters *counters = cgroups.lookup(&id);
    u64 limit = counters ? counters->limit : NO_LIMIT;
    return limit != NO_LIMIT && (u64)charge_of(process) >= limit / 4 * 3;
}

/* Whether another program has resumed it so often that it is killed now. */
static inline int resumed_too_often(struct process *process, u64 now)
{
    if (now - process->resumed_since > STOPPING_NS) {
        process->resumed_since = now;
        process->resumed = 0;
    }
    process->resumed++;
    return process->resumed >= RESUMED_MOST && may_kill(process);
}

/* The entry in `stopped` was removed. */
static inline void uncount_stop(u32 tgid)
{
    struct quota_path *known = stopped_paths.lookup(&tgid);
    if (!known)
        return;
    struct quota_path path = *known;
    if (!stopped_paths.delete(&tgid))
        uncount_entry(TABLE_STOPPED, &path);
}

/* `gained`: the pages that this task has just added, which may be another process's. */
static inline void stop(struct process *process, u32 of, s64 held, s64 measured, s64 bound,
                        u32 signal, s64 gained)
{
    u32 tgid = bpf_get_current_pid_tgid() >> 32, zero = 0, *off = fuses_off.lookup(&zero);
    if (!off || *off)
        return;
    u64 task = bpf_get_current_task();
    u32 filled = 0;
    if (flags_of(task) & (PF_KTHREAD | PF_EXITING))
        return;
    if (process->fuse_signal == EXEMPT || held < process->fuse_spared)
        return;
    /* One that shares all its memory is stopped itself. Another process may reclaim the memory,
     * or read a page of it; only what it adds counts, and it may be a debugger, so that not it
     * is stopped but the process whose memory it is. If that one has ended (START_LEFT), the
     * next reading finds which process has the memory now. */
    if (tgid != process->tgid) {
        if (mm_of(task) != process->mm) {
            tgid = process->tgid;
            if (!tgid || !gained || !is_filled(process, held, gained))
                return;
            filled = 1;
        } else if (read_u64(task + AT(task_struct, vfork_done)) &&
                   measured < bound + VFORK_PAGES) {
            return;
        }
    }
    if (process->how == START_LEFT && !filled)
        become_owner(process, task);
    u64 now = bpf_ktime_get_ns();
    u32 resumed = 0;
    struct stop *before = stopped.lookup(&tgid);
    if (filled) {
        int most = of != FUSE_PROCESS && is_sum_filled(process);
        if (before && !process->stopped_at)
            process->stopped_at = held; /* it has executed another program since */
        most |= before && held >= process->stopped_at + FILLED_MOST;
        int kill = most && may_kill(process);
        if (before && (before->signal == SIGKILL || !kill))
            return;
        if (kill)
            signal = SIGKILL;
    } else if (before) {
        u32 unsent = before->filled; /* user space may not have come to it yet */
        if (unsent) {
            before->filled = 0;
            signal = before->signal;
            process->stopped_ns = now;
        }
        if (!unsent && !is_stopping(task) && resumed_too_often(process, now)) {
            resumed = process->resumed;
            signal = SIGKILL;
        } else if (held < process->stopped_at + STOP_AGAIN) {
            /* The signal is for the whole process, but interrupts only the thread that sent
             * it. If that thread waits for a CPU, the others run on: signal each. */
            if (now - process->stopped_ns < STOPPING_NS) {
                if (!is_stopping(task))
                    bpf_send_signal(signal);
                bpf_send_signal_thread(signal);
            }
            return;
        }
    }
    struct stop_record record = {};
    u64 start = process->start_boottime;
    asm volatile("" : "+r"(start)); /* not one load with the next: the verifier refuses that */
    record.stop.start_boottime = filled ? start : start_of(leader_of(task));
    record.stop.owner = process->tgid ? process->tgid : tgid;
    record.stop.owner_start_boottime =
        process->tgid ? process->start_boottime : record.stop.start_boottime;
    record.stop.resumed = resumed;
    record.stop.filled = filled;
    record.stop.memcg_id = process->memcg_id;
    record.stop.time = now;
    record.stop.held = held;
    record.stop.measured = measured;
    record.stop.bound = bound;
    record.stop.tgid = tgid;
    record.stop.of = of;
    record.stop.signal = signal;
    long failed = -7 /* E2BIG */;
    if (before || quota_fits(TABLE_STOPPED, &process->path))
        failed = stopped.insert(&tgid, &record.stop);
    if (failed == -17 /* EEXIST: resumed by another program, or a second thread */) {
        if (filled && !before)
            return;
        if (resumed || filled)
            stopped.update(&tgid, &record.stop);
    } else if (failed) {
        lost(LOSS_STOPPED_FULL);
        return;
    }
    process->stopped_at = held;
    process->stopped_ns = now;
    if (!filled && bpf_send_signal(signal)) {
        process->stopped_at = 0;
        if (!failed)
            stopped.delete(&tgid);
        lost(LOSS_FUSE_UNSENT);
        return;
    }
    if (!failed && !stopped_paths.insert(&tgid, &process->path))
        count_entry(TABLE_STOPPED, &process->path);
    if (failed && !resumed && !filled)
        return; /* stopped again: user space knows of the first time */
    record.header.type = RECORD_STOP;
    record.header.size = sizeof(record);
    record.header.time = record.stop.time;
    if (!stop_fits(&process->path, now, sizeof(record)) ||
        urgent.ringbuf_output(&record, sizeof(record), 0))
        lost(LOSS_RING_OTHER); /* user space finds it in `stopped` */
}

/* At most so many pages are held in the cgroup. Each process that has mapped a file of
 * /dev/shm counts it, the cgroup is charged once: for no less than is held there, but for
 * what was swapped out and what came from another cgroup. */
static inline s64 most_held(struct process *process, struct cgroup_counters *counters)
{
    s64 anon = counters->held - counters->shmem - counters->swap;
    s64 charge = charge_of(process);
    return counters->swap + (charge > anon ? charge : anon);
}

/* This process has just updated the sum of its cgroup. */
static inline void see_sum_fuse(struct process *process, struct cgroup_counters *counters,
                                s64 held, s64 moved, s64 gained)
{
    s64 bound = counters->fuse;
    if (bound && moved > 0 && counters->held >= bound &&
        most_held(process, counters) >= counters->fuse_least)
        stop(process, FUSE_JOB, held, counters->held, bound, counters->fuse_signal, gained);
}

/* The process has just taken a page; `held_grew`: one that the kernel cannot drop, of which
 * `gained` were in memory at no time before. */
static inline void see_fuse(struct process *process, int held_grew, s64 gained)
{
    s64 bound = process->fuse;
    if (bound && held_grew) {
        s64 held = own_held(process);
        if (held >= bound)
            stop(process, FUSE_PROCESS, held, held, bound, process->fuse_signal, gained);
    }
    bound = process->fuse_charge;
    s64 charge = bound ? charge_of(process) : 0;
    if (bound && charge >= bound)
        stop(process, FUSE_CHARGE, own_held(process), charge, bound, process->fuse_signal,
             gained);
}

/* Runs before the watch's files are closed, which resumes the processes it held and detaches
 * our programs one by one. A process stopped in between would never be resumed. */
static inline void see_end_of_watch(u32 tgid)
{
    u32 zero = 0, *self = self_tgid.lookup(&zero), *off = fuses_off.lookup(&zero);
    if (self && off && *self == tgid)
        *off = 1;
}

/* A process has ended and cannot be resumed. A kill by us is still to be reported. */
static inline void forget_stop(u32 tgid)
{
    struct stop *stop = stopped.lookup(&tgid);
    if (stop && stop->signal == SIGKILL)
        return;
    if (stop)
        stopped.delete(&tgid);
    uncount_stop(tgid); /* also of a stop that was taken back while a thread began it */
}

/* Run by user space with (tgid), once it has removed the entry in `stopped`. */
int forget_stopped(struct bpf_raw_tracepoint_args *ctx)
{
    uncount_stop(ctx->args[0]);
    return 0;
}

/* Run by user space with (mm, start) before it resumes a process. */
int clear_stop(struct bpf_raw_tracepoint_args *ctx)
{
    struct process *process = same_process(ctx->args[0], ctx->args[1]);
    if (!process)
        return 0;
    process->stopped_at = 0;
    process->filled_from = 0;
    u32 tgid = process->tgid;
    stopped.delete(&tgid);
    uncount_stop(tgid);
    return 0;
}

#else
static inline void see_sum_fuse(struct process *process, struct cgroup_counters *counters,
                                s64 held, s64 moved, s64 gained) {}
static inline void see_fuse(struct process *process, int held_grew, s64 gained) {}
static inline void see_end_of_watch(u32 tgid) {}
static inline void forget_stop(u32 tgid) {}
#endif
