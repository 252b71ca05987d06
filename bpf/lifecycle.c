/* Processes as they come, go, rename themselves and move between memory cgroups. */

/* Whether the entry of this mm is another process's, which it then makes way for: its end
 * was missed (see missed_runs in probe/kernel.py), and the kernel used the mm again. */
static inline int outlived(u64 mm, u32 tgid, u64 start)
{
    struct process *there = processes.lookup(&mm);
    if (!there || (there->tgid == tgid && there->start_boottime == start))
        return 0;
    u32 gone = there->tgid;
    u64 *its_mm = process_mm.lookup(&gone);
    if (its_mm && *its_mm == mm)
        process_mm.delete(&gone);
    processes.delete(&mm);
    return 1;
}

/* The order of the calls decides what is lost when a map or the ring is full: a process is
 * tracked even when nobody can be told of it; user space finds it in the map later. */
static inline void track(u64 task, u64 mm, u32 how, u64 comm, u64 filename)
{
    u32 zero = 0, tgid = tgid_of(task);
    struct process *blank = blank_process.lookup(&zero);
    if (!mm || !blank)
        return;
    long failed = processes.insert(&mm, blank);
    if (failed == -17 /* EEXIST */) {
        if (!outlived(mm, tgid, start_of(task)))
            return; /* tracked already */
        failed = processes.insert(&mm, blank);
    }
    struct process *process = failed ? NULL : processes.lookup(&mm);
    if (!process || process_mm.update(&tgid, &mm)) {
        processes.delete(&mm);
        lost(LOSS_PROCESSES_FULL);
        return;
    }
    process->mm = mm;
    process->tgid = tgid;
    process->start_boottime = start_of(task);
    process->parent = parent_of(task);
    process->memcg = memcg_of(task);
    process->memcg_id = memcg_id(process->memcg);
    bpf_probe_read_kernel_str(process->comm, COMM_LEN, (void *)comm);
    set_mappings(process);
    read_pages(process);
    if (how == START_FORK) {
        process->forked = 1;
        __builtin_memcpy(process->inherited, process->pages, sizeof(process->pages));
        process->peak = 0;
    } else {
        s64 highest = read_u64(mm + AT_mm_struct_hiwater_rss);
        if (how != START_EXEC && highest > process->peak)
            process->peak = highest;
    }
    keep_cgroup(process->memcg, process->memcg_id);
    arm_process_at_start(process, how);
    /* User space may look at any moment, also while this task is preempted in here. */
    *(volatile u32 *)&process->how = how;

    struct start_record *record = records.ringbuf_reserve(sizeof(*record));
    if (!record) {
        lost(LOSS_RING_START);
        return;
    }
    record->header.type = RECORD_START;
    record->header.size = sizeof(*record);
    record->header.time = bpf_ktime_get_ns();
    __builtin_memcpy(&record->process, process, sizeof(record->process));
    record->args_len = 0;
    record->program[0] = 0;
    if (how == START_EXEC || how == START_FORK) {
        u64 begin = read_u64(mm + AT_mm_struct_arg_start);
        u64 length = read_u64(mm + AT_mm_struct_arg_end) - begin;
        if (length > ARGS_LEN - 1)
            length = ARGS_LEN - 1;
        if (!bpf_probe_read_user(record->args, length, (void *)begin))
            record->args_len = length;
    }
    if (filename)
        bpf_probe_read_kernel_str(record->program, PATH_LEN, (void *)filename);
    records.ringbuf_submit(record, 0);
}

/* The last word about a process, and the end of its entry. */
static inline void untrack(u32 tgid, u64 mm, u32 wait_status, u32 executed)
{
    struct process *process = processes.lookup(&mm);
    if (process) {
        uncount(process);
        if (!executed)
            forget_stop(tgid);
        struct exit_record *record = records.ringbuf_reserve(sizeof(*record));
        if (record) {
            record->header.type = RECORD_EXIT;
            record->header.size = sizeof(*record);
            record->header.time = bpf_ktime_get_ns();
            __builtin_memcpy(&record->process, process, sizeof(record->process));
            record->wait_status = wait_status;
            record->executed = executed;
            records.ringbuf_submit(record, 0);
        } else {
            lost(LOSS_RING_EXIT);
        }
    }
    processes.delete(&mm);
    process_mm.delete(&tgid);
}

static inline int followed(u32 tgid)
{
#ifdef FOLLOW_CHILDREN
    return process_mm.lookup(&tgid) || lineage.lookup(&tgid);
#else
    return 0;
#endif
}

static inline int task_selected(u64 task)
{
    char comm[COMM_LEN] = {};
    bpf_probe_read_kernel(comm, COMM_LEN, (void *)task + AT_task_struct_comm);
    u64 group = 0;
#ifdef SELECT_CGROUP
    group = memcg_id(memcg_of(task));
#endif
    return selected(tgid_of(task), comm, group);
}

/* sched_process_exec(task, old_pid, bprm): the new mm is in place, its first instruction
 * is yet to run. */
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
    u64 task = ctx->args[0];
    u32 tgid = tgid_of(task);
    int follow = followed(tgid);
    u64 *old = process_mm.lookup(&tgid);
    if (old) {
        u64 old_mm = *old;
        untrack(tgid, old_mm, 0, 1);
    }
    if (follow || task_selected(task))
        track(task, mm_of(task), START_EXEC, task + AT_task_struct_comm,
              read_u64(ctx->args[2] + AT_linux_binprm_filename));
    return 0;
}

/* sched_process_fork(parent, child). A child that shares its parent's mm (vfork, as Go and
 * posix_spawn do it) has no memory of its own before it executes something. */
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
    u64 parent = ctx->args[0], child = ctx->args[1];
    u32 tgid = tgid_of(child);
    if (tgid != pid_of(child))
        return 0;
    int follow = followed(tgid_of(parent));
#ifdef FOLLOW_CHILDREN
    u8 one = 1;
    if (follow && lineage.update(&tgid, &one))
        lost(LOSS_LINEAGE_FULL);
#endif
    u64 mm = mm_of(child);
    if (mm && mm != mm_of(parent) && (follow || task_selected(child)))
        track(child, mm, START_FORK, child + AT_task_struct_comm, 0);
    return 0;
}

/* sched_process_exit(task, …). From 6.16 on (the tracepoint moved before exit_mm) the mm
 * can still be read; before, the last rss_stat has told. */
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
    u64 task = ctx->args[0];
    u64 signal = read_u64(task + AT_task_struct_signal);
    if (read_u32(signal + AT_signal_struct_live))
        return 0; /* other threads go on */
    u32 tgid = tgid_of(task);
    see_end_of_watch(tgid);
#ifdef FOLLOW_CHILDREN
    lineage.delete(&tgid);
#endif
    u64 *tracked = process_mm.lookup(&tgid);
    if (!tracked)
        return 0;
    u64 mm = *tracked;
    struct process *process = processes.lookup(&mm);
    if (process && mm_of(task) == mm) {
        read_pages(process);
        book_mappings(process);
    }
    u32 status = read_u32(signal + AT_signal_struct_flags) & SIGNAL_GROUP_EXIT
        ? read_u32(signal + AT_signal_struct_group_exit_code)
        : read_u32(read_u64(task + AT_task_struct_group_leader) + AT_task_struct_exit_code);
    untrack(tgid, mm, status, 0);
    return 0;
}

/* task_rename(task, comm): comes before the name is set. exec renames too, but has its own
 * event: then the mm is new, and knows no arguments yet. */
int on_rename(struct bpf_raw_tracepoint_args *ctx)
{
    u64 task = ctx->args[0];
    u32 tgid = tgid_of(task);
    if (tgid != pid_of(task))
        return 0; /* threads have names of their own */
    u64 mm = mm_of(task);
    if (!mm || !read_u64(mm + AT_mm_struct_arg_start))
        return 0;
    char comm[COMM_LEN] = {};
    bpf_probe_read_kernel_str(comm, COMM_LEN, (void *)ctx->args[1]);
    struct process *process = processes.lookup(&mm);
    if (!process) {
        u64 group = memcg_id(memcg_of(task));
        if (selected(tgid, comm, group))
            track(task, mm, START_RENAME, ctx->args[1], 0);
        return 0;
    }
    if (process->tgid != tgid)
        return 0;
    __builtin_memcpy(process->comm, comm, COMM_LEN);
    struct rename_record *record = records.ringbuf_reserve(sizeof(*record));
    if (!record) {
        lost(LOSS_RING_OTHER);
        return 0;
    }
    record->header.type = RECORD_RENAME;
    record->header.size = sizeof(*record);
    record->header.time = bpf_ktime_get_ns();
    record->start_boottime = process->start_boottime;
    record->tgid = tgid;
    __builtin_memcpy(record->comm, comm, COMM_LEN);
    records.ringbuf_submit(record, 0);
    return 0;
}

/* cgroup_attach_task(cgroup, path, task, threadgroup): the move is done, in whichever
 * hierarchy; it is news only if what the mm is charged to is another. */
int on_attach(struct bpf_raw_tracepoint_args *ctx)
{
    u64 task = ctx->args[2];
    u64 mm = mm_of(task);
    struct process *process = processes.lookup(&mm);
    if (!process) {
#ifdef SELECT_CGROUP
        if (task_selected(task))
            track(task, mm, START_MOVED, task + AT_task_struct_comm, 0);
#endif
        return 0;
    }
    if (!follow_charge(process))
        return 0;
    struct move_record *record = records.ringbuf_reserve(sizeof(*record));
    if (!record) {
        lost(LOSS_RING_OTHER);
        return 0;
    }
    record->header.type = RECORD_MOVE;
    record->header.size = sizeof(*record);
    record->header.time = bpf_ktime_get_ns();
    record->start_boottime = process->start_boottime;
    record->memcg_id = process->memcg_id;
    record->tgid = process->tgid;
    records.ringbuf_submit(record, 0);
    return 0;
}

/* Run over all tasks when the watch begins: who is there already. A task that only borrows
 * its mm (vfork) is not its owner; where the main thread has ended, another thread is, and
 * the process goes by the main thread's name all the same. With FOLLOW_CHILDREN it is run
 * until nobody is found any more: a parent may come after its child. */
int adopt(void *ctx)
{
    u64 task = read_u64((u64)ctx + 8); /* struct bpf_iter__task: meta, task */
    if (!task)
        return 0;
    u64 mm = mm_of(task);
    if (!mm || read_u64(mm + AT_mm_struct_owner) != task)
        return 0;
    u64 leader = read_u64(task + AT_task_struct_group_leader);
    u32 tgid = tgid_of(leader);
    /* Whoever started the watcher may be followed; it and what it starts itself are not. */
    int follow = followed(parent_of(leader)) && !is_watcher(tgid);
#ifdef FOLLOW_CHILDREN
    u8 one = 1;
    if (follow && lineage.update(&tgid, &one))
        lost(LOSS_LINEAGE_FULL);
#endif
    if (follow || task_selected(leader))
        track(leader, mm, START_FOUND, leader + AT_task_struct_comm, 0);
    return 0;
}
