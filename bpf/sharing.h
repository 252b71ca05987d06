/* Processes that share all their memory: clone(CLONE_VM) without CLONE_THREAD, as vfork does
 * for a moment. An mm is tracked under one of them, its owner. When that one ends, its entry
 * stays (START_LEFT), and another becomes the owner, with its bounds: the first that a fuse
 * stops, or one that a reading finds (sharing.c). */

/* Whether this task's process is the owner from here on; the entry says whose it was as
 * `parent`. */
static inline int become_owner(struct process *process, u64 task)
{
    u64 leader = leader_of(task), mm = process->mm;
    u64 start = start_of(leader);
    u32 tgid = tgid_of(leader);
    if (start > process->start_boottime || is_watcher(tgid))
        return 0; /* the mm is that of a later process */
    if (!claim(mm))
        return 0; /* another CPU makes an owner */
    process = processes.lookup(&mm);
    int left = process && process->how == START_LEFT && !process_mm.update(&tgid, &mm);
    if (left && !is_alive(task)) {
        process_mm.delete(&tgid); /* no program may see its end any more */
        left = 0;
    }
    if (process && left) {
        process->heir = 0;
        process->start_boottime = start;
        process->same_program = 0;
        bpf_probe_read_kernel(process->comm, COMM_LEN, (void *)leader + AT(task_struct, comm));
        *(volatile u32 *)&process->tgid = tgid;
        *(volatile u32 *)&process->how = START_SHARED;
        report_start(process, mm, START_SHARED, 0);
    }
    release(mm);
    return left;
}
