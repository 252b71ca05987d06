/* Processes as they start, end, rename themselves and move between memory cgroups. */

struct rename_record {
    struct header header;
    u64 start_boottime;
    u32 tgid;
    u32 unused;
    char comm[COMM_LEN];
};
SAME_SIZE(rename_record);

struct move_record {
    struct header header;
    u64 start_boottime;
    u64 memcg_id;
    u32 tgid;
    u32 unused;
};
SAME_SIZE(move_record);

/* sched_process_exec(task, old_pid, bprm): the new mm is in place, its first instruction
 * is yet to run. */
int on_sched_process_exec(struct bpf_raw_tracepoint_args *ctx)
{
    u64 task = ctx->args[0];
    u32 tgid = tgid_of(task);
    int descends = followed(tgid);
    u64 *old = process_mm.lookup(&tgid);
    if (old) {
        u64 old_mm = *old;
        untrack(task, tgid, old_mm, 0, 1);
    }
    forget_left(mm_of(task));
    if (descends || task_selected(task))
        track(task, mm_of(task), START_EXEC, task + AT(task_struct, comm),
              read_u64(ctx->args[2] + AT(linux_binprm, filename)));
    return 0;
}

/* sched_process_fork(parent, child). A child that shares its parent's mm (vfork, as Go and
 * posix_spawn do it) has no memory of its own before it executes something. */
int on_sched_process_fork(struct bpf_raw_tracepoint_args *ctx)
{
    u64 parent = ctx->args[0], child = ctx->args[1];
    u32 tgid = tgid_of(child);
    if (tgid != pid_of(child))
        return 0;
    int descends = followed(tgid_of(parent));
    if (descends)
        follow(tgid, child);
    u64 mm = mm_of(child), from = mm_of(parent);
    if (!mm || mm == from)
        return 0;
    forget_left(mm);
    if (descends || inherits_name(child, parent) || task_selected(child)) {
        track(child, mm, START_FORK, child + AT(task_struct, comm), 0);
        arm_fork(mm, from);
    }
    return 0;
}

/* sched_process_exit(task, …). From 6.16 on (the tracepoint moved before exit_mm) the mm
 * can still be read; before, the last rss_stat had the final figures. */
int on_sched_process_exit(struct bpf_raw_tracepoint_args *ctx)
{
    u64 task = ctx->args[0];
    u64 signal = read_u64(task + AT(task_struct, signal));
#ifdef MAPPING_CALLS
    forget_call(current_process(tgid_of(task)), pid_of(task));
#endif
    if (read_u32(signal + AT(signal_struct, live)))
        return 0; /* other threads still run */
    u32 tgid = tgid_of(task);
    see_end_of_watch(tgid);
    unfollow(tgid);
    u64 *tracked = process_mm.lookup(&tgid);
    if (!tracked) {
        forget_stop(tgid);
        return 0;
    }
    u64 mm = *tracked;
    u32 status = read_u32(signal + AT(signal_struct, flags)) & SIGNAL_GROUP_EXIT
        ? read_u32(signal + AT(signal_struct, group_exit_code))
        : read_u32(read_u64(task + AT(task_struct, group_leader)) + AT(task_struct, exit_code));
    untrack(task, tgid, mm, status, 0);
    return 0;
}

/* task_rename(task, comm): fires before the name is set. exec renames too, but has its own
 * event: the mm is new then, and has no arguments yet. */
int on_task_rename(struct bpf_raw_tracepoint_args *ctx)
{
    u64 task = ctx->args[0];
    u32 tgid = tgid_of(task);
    if (tgid != pid_of(task))
        return 0; /* threads have names of their own */
    u64 mm = mm_of(task);
    if (!mm || !read_u64(mm + AT(mm_struct, arg_start)))
        return 0;
    char comm[COMM_LEN] = {};
    bpf_probe_read_kernel_str(comm, COMM_LEN, (void *)ctx->args[1]);
    struct process *process = processes.lookup(&mm);
    if (!process) {
        if (selected(tgid, comm, selecting_cgroup(task)))
            track(task, mm, START_RENAME, ctx->args[1], 0);
        return 0;
    }
    if (process->tgid != tgid)
        return 0;
    __builtin_memcpy(process->comm, comm, COMM_LEN);
    mark_changed(process);
    if (!report_change(process))
        return 0;
    struct rename_record *record = NULL;
    if (record_fits(&process->path, sizeof(*record)))
        record = records.ringbuf_reserve(sizeof(*record));
    if (!record) {
        lost(LOSS_RING_OTHER);
        return 0;
    }
    set_header(&record->header, RECORD_RENAME, sizeof(*record));
    record->start_boottime = process->start_boottime;
    record->tgid = tgid;
    __builtin_memcpy(record->comm, comm, COMM_LEN);
    records.ringbuf_submit(record, 0);
    return 0;
}

/* cgroup_attach_task(cgroup, path, task, threadgroup): the move is done, in whichever
 * hierarchy; it is reported only if the mm is charged to another memory cgroup now. The task
 * is the main thread, which may have ended before the others. */
int on_cgroup_attach_task(struct bpf_raw_tracepoint_args *ctx)
{
    u64 task = ctx->args[2];
    u64 thread = living_thread(task);
    u64 mm = mm_of(thread);
    struct process *process = processes.lookup(&mm);
    if (!process) {
#ifdef SELECT_CGROUP
        if (task_selected_in(task, selecting_cgroup(thread)))
            track(task, mm, START_MOVED, task + AT(task_struct, comm), 0);
#endif
        return 0;
    }
    if (!follow_charge(process) || !report_change(process))
        return 0;
    struct move_record *record = NULL;
    if (record_fits(&process->path, sizeof(*record)))
        record = records.ringbuf_reserve(sizeof(*record));
    if (!record) {
        lost(LOSS_RING_OTHER);
        return 0;
    }
    set_header(&record->header, RECORD_MOVE, sizeof(*record));
    record->start_boottime = process->start_boottime;
    record->memcg_id = process->memcg_id;
    record->tgid = process->tgid;
    records.ringbuf_submit(record, 0);
    return 0;
}

/* Run over all tasks when the watch begins, to find processes that run already. A task that
 * only borrows its mm (vfork) is not its owner. Where the main thread has ended, another
 * thread is the owner, but the process keeps the main thread's name. With FOLLOW_CHILDREN it
 * is run until it finds no more: a parent may come after its child.
 *
 * A few bytes are written for each process that is found, so that user space gets to read the
 * records between two parts of a run: the ring has no room for those of thousands. */
int adopt(struct task_element *ctx)
{
    void *meta = ctx->meta;
    u64 task = read_u64((u64)ctx + 8), found[2] = {};
    if (!task)
        return 0;
    u64 mm = mm_of(task);
    if (!mm || read_u64(mm + AT(mm_struct, owner)) != task)
        return 0;
    u64 leader = read_u64(task + AT(task_struct, group_leader));
    u32 tgid = tgid_of(leader);
    /* The watcher's parent may be followed; the watcher and its own children are not. */
    int descends = followed(parent_of(leader)) && !is_watcher(tgid);
    if (descends)
        follow(tgid, leader);
    if (descends || task_selected(leader) || file_selected(leader, mm))
        track(leader, mm, START_FOUND, leader + AT(task_struct, comm), 0);
    else
        return 0;
    seq_write(LOAD_U64(meta), found, sizeof(found));
    return 0;
}
