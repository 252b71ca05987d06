/* Tracking of a process: from its start record to its exit record. */

struct exit_record {
    struct header header;
    u8 process[SIZE_process];
    u32 wait_status;
    u32 executed;
};
SAME_SIZE(exit_record);

#ifdef FOLLOW_CHILDREN
static inline void unfollow(u32 tgid)
{
    struct quota_path *known = lineage.lookup(&tgid);
    if (!known)
        return;
    struct quota_path path = *known;
    if (!lineage.delete(&tgid))
        uncount_entry(TABLE_LINEAGE, &path);
}

/* The process is a descendant of a tracked one. */
static inline void follow(u32 tgid, u64 task)
{
    u32 zero = 0;
    struct quota_path *blank = blank_path.lookup(&zero);
    if (!blank || lineage.lookup(&tgid))
        return;
    struct quota_path *path = NULL;
    if (!lineage.insert(&tgid, blank))
        path = lineage.lookup(&tgid);
    if (path)
        set_quota_path(path, cgroup_of(memcg_of(task)));
    if (!path || !quota_fits(TABLE_LINEAGE, path)) {
        lineage.delete(&tgid);
        lost(LOSS_LINEAGE_FULL);
        return;
    }
    count_entry(TABLE_LINEAGE, path);
    if (!is_alive(task))
        unfollow(tgid); /* no program may see its end any more */
}
#else
static inline void follow(u32 tgid, u64 task) {}
static inline void unfollow(u32 tgid) {}
#endif

/* Removes the entry of another process with this mm, and returns whether there was one: its
 * end was missed (see _REPEATED in probe/kernel.py), and the kernel reused the mm. The caller
 * has the claim of the mm. */
static inline int remove_outdated(u64 mm, u32 tgid, u64 start)
{
    struct process *entry = processes.lookup(&mm);
    if (!entry || (entry->tgid == tgid && entry->start_boottime == start))
        return 0;
    u32 gone = entry->tgid;
    u64 *its_mm = process_mm.lookup(&gone);
    if (its_mm && *its_mm == mm)
        process_mm.delete(&gone);
    remove_process(mm, entry);
    return 1;
}

/* Whether a watched process started this one from its own executable, as Go tools start their
 * crash monitor. A child that was started so starts no such child itself. */
static inline u64 has_parents_program(u64 task, u64 mm)
{
    u64 parent = mm_of(read_u64(task + AT(task_struct, real_parent)));
    struct process *from = parent == mm ? NULL : processes.lookup(&parent);
    u64 program = program_of(mm);
    return from && !from->same_program && program && program == program_of(parent);
}

/* The parent; the process whose memory it has, where the parent shares that (sharing.h). */
static inline u32 tracked_parent(u64 task)
{
    u64 parent = mm_of(read_u64(task + AT(task_struct, real_parent)));
    struct process *from = processes.lookup(&parent);
    return from && from->tgid ? from->tgid : parent_of(task);
}

/* The order of the calls decides what is lost when a map or the ring is full: a process is
 * tracked even if its start cannot be reported; user space finds it in the map later. */
static inline void track_claimed(u64 task, u64 mm, u32 how, u64 comm, u64 filename)
{
    u32 zero = 0, tgid = tgid_of(task);
    struct process *blank = blank_process.lookup(&zero);
    if (!mm || !blank)
        return;
    long failed = insert_process(mm, blank);
    if (failed == -17 /* EEXIST */) {
        /* It had no entry a moment ago: another process with this memory was tracked since. */
        if (how == START_RENAME || how == START_MOVED)
            return;
        if (!remove_outdated(mm, tgid, start_of(task)))
            return; /* tracked already */
        failed = insert_process(mm, blank);
    }
    struct process *process = failed ? NULL : processes.lookup(&mm);
    if (process) {
        /* A main thread that has ended stays where it was. */
        process->memcg = how == START_MOVED ? memcg_of_mm(mm) : memcg_of(task);
        set_quota_path(&process->path, cgroup_of(process->memcg));
    }
    if (!process || !quota_fits(TABLE_PROCESSES, &process->path) ||
        process_mm.update(&tgid, &mm)) {
        delete_process(mm);
        lost(LOSS_PROCESSES_FULL);
        return;
    }
    if (!is_alive(task)) { /* no program may see its end any more */
        process_mm.delete(&tgid);
        delete_process(mm);
        return;
    }
    count_entry(TABLE_PROCESSES, &process->path);
    process->mm = mm;
    process->tgid = tgid;
    process->start_boottime = start_of(task);
    process->parent = how == START_FORK ? tracked_parent(task) : parent_of(task);
    process->memcg_id = memcg_id(process->memcg);
    bpf_probe_read_kernel_str(process->comm, COMM_LEN, (void *)comm);
    set_mappings(process);
    read_pages(process);
    if (how == START_FORK) {
        process->forked = 1;
        process->from = mm_of(bpf_get_current_task()); /* with CLONE_PARENT not its parent */
        __builtin_memcpy(process->inherited, process->pages, sizeof(process->pages));
        process->peak = 0;
    } else {
        process->same_program = has_parents_program(task, mm);
        s64 highest = read_u64(mm + AT(mm_struct, hiwater_rss));
        if (how != START_EXEC && highest > process->peak)
            process->peak = highest;
    }
    if (!join_cgroup(process))
        lost(LOSS_CGROUPS_FULL);
    arm_process_at_start(process, how);
    mark_changed(process);
    /* User space may read the entry at any moment, also while this task is preempted here. */
    *(volatile u32 *)&process->how = how;
    report_start(process, mm, how, filename);
}

/* Two threads may give their process a watched name at once, or it is moved into a watched
 * cgroup as it is forked: the first program tracks it. */
static inline void track(u64 task, u64 mm, u32 how, u64 comm, u64 filename)
{
    if (!mm)
        return;
    if (!claim(mm)) {
        if (!processes.lookup(&mm))
            lost(LOSS_PROCESSES_FULL);
        return; /* else another program tracks it right now */
    }
    track_claimed(task, mm, how, comm, filename);
    release(mm);
    leave_ended(mm, tgid_of(task));
}

/* Whether other processes still have this memory. It may count threads of this one that are
 * about to end, so that it is only a guess where it says yes. */
static inline int is_shared(u64 task, u64 mm)
{
    return read_u32(mm + AT(mm_struct, mm_users)) > (mm_of(task) == mm ? 1 : 0);
}

/* Another process may have got the mm of the last process that shared one. */
static inline void forget_left(u64 mm)
{
    struct process *process = processes.lookup(&mm);
    if (!process || process->how != START_LEFT || !claim(mm))
        return;
    process = processes.lookup(&mm);
    if (process && process->how == START_LEFT) {
        uncount(process);
        remove_process(mm, process);
    }
    release(mm);
}

static inline void report_exit(struct process *process, u32 wait_status, u32 executed)
{
    struct exit_record *record = NULL;
    if (record_fits(&process->path, sizeof(*record)))
        record = records.ringbuf_reserve(sizeof(*record));
    if (!record) {
        lost(LOSS_RING_EXIT);
        return;
    }
    set_header(&record->header, RECORD_EXIT, sizeof(*record));
    __builtin_memcpy(record->process, process, sizeof(record->process));
    record->wait_status = wait_status;
    record->executed = executed;
    records.ringbuf_submit(record, 0);
}

/* Reports the end of a process, and removes its entry, unless others still have its memory.
 * Threads that end at the same moment may all find that no other is left: the first reports. */
static inline void untrack(u64 task, u32 tgid, u64 mm, u32 wait_status, u32 executed)
{
    if (process_mm.delete(&tgid))
        return;
    if (!executed)
        forget_stop(tgid);
    int claimed = claim(mm);
    struct process *process = processes.lookup(&mm);
    /* Of one that was left, the end of its owner was reported already. */
    if (process && process->tgid == tgid && process->how && process->how != START_LEFT) {
        if (mm_of(task) == mm) {
            read_pages(process);
            book_mappings(process);
        }
        report_exit(process, wait_status, executed);
        /* If not claimed, it is left to the program that has the claim: see leave_ended. */
        if (claimed) {
            uncount(process);
            if (is_shared(task, mm))
                leave(process, tgid);
            else
                remove_process(mm, process);
        }
    }
    if (claimed)
        release(mm);
}

/* Run by user space with (mm, tgid), for a process that ended or is not selected. One that was
 * left has tgid 0, and stays where a process was found that has its memory. */
int forget_process(struct bpf_raw_tracepoint_args *ctx)
{
    u64 mm = ctx->args[0];
    u32 tgid = ctx->args[1];
    if (!claim(mm))
        return 0; /* the next reading finds it again */
    struct process *process = processes.lookup(&mm);
    if (process && process->tgid == tgid) {
        if (process->how == START_LEFT && process->heir) {
            process->heir = 0; /* it is looked for again */
        } else {
            uncount(process);
            remove_process(mm, process);
        }
    }
    release(mm);
    u64 *its_mm = process_mm.lookup(&tgid);
    if (its_mm && *its_mm != mm)
        return 0; /* it has executed another program, which is tracked */
    process_mm.delete(&tgid);
    unfollow(tgid);
    return 0;
}

static inline int followed(u32 tgid)
{
#ifdef FOLLOW_CHILDREN
    return process_mm.lookup(&tgid) || lineage.lookup(&tgid);
#else
    return 0;
#endif
}

/* The memory cgroup of a task, where it matters. */
static inline u64 selecting_cgroup(u64 task)
{
#ifdef SELECT_CGROUP
    return cgroup_of(memcg_of(task));
#else
    return 0;
#endif
}

static inline int task_selected_in(u64 task, u64 cgroup)
{
    char comm[COMM_LEN] = {};
    bpf_probe_read_kernel(comm, COMM_LEN, (void *)task + AT(task_struct, comm));
    return selected(tgid_of(task), comm, cgroup);
}

static inline int task_selected(u64 task)
{
    return task_selected_in(task, selecting_cgroup(task));
}

/* A child that executed nothing was executed under its parent's name, whatever name the
 * parent, or the thread that forked, has given itself since. */
static inline int inherits_name(u64 child, u64 parent)
{
#ifdef SELECT_COMM
    u64 mm = mm_of(parent);
    return processes.lookup(&mm) &&
        selected_but_for_name(tgid_of(child), selecting_cgroup(child));
#else
    return 0;
#endif
}

/* A task that runs already may have renamed itself since its exec: the file is called what it
 * was executed as, unless that was a link or a script, which user space tells apart. */
static inline int file_selected(u64 task, u64 mm)
{
#ifdef SELECT_COMM
    u64 file = read_u64(mm + AT(mm_struct, exe_file));
    u64 dentry = read_u64(file + AT(file, f_path) + AT(path, dentry));
    u64 name = read_u64(dentry + AT(dentry, d_name) + AT(qstr, name));
    char comm[COMM_LEN] = {};
    if (!file || bpf_probe_read_kernel_str(comm, COMM_LEN, (void *)name) <= 1)
        return 0;
    return selected(tgid_of(task), comm, selecting_cgroup(task));
#else
    return 0;
#endif
}
