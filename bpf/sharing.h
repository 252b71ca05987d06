/* Processes that share all their memory: clone(CLONE_VM) without CLONE_THREAD, as vfork does
 * for a moment. An mm is tracked under one of them, its owner. When that one ends, its entry
 * stays (START_LEFT), and another becomes the owner, with its bounds: the first that a fuse
 * stops, or the first that a reading finds (sharing.c). */

/* Whether this task's process is the owner from here on; the entry says whose it was as
 * `parent`. */
static inline int become_owner(struct process *process, u64 task)
{
    u64 leader = leader_of(task), mm = process->mm;
    u64 start = start_of(leader);
    u32 tgid = tgid_of(leader), lock = 0;
    if (start > process->start_boottime || is_watcher(tgid))
        return 0; /* the mm is that of a later process */
    if (process_mm.insert(&lock, &mm))
        return 0; /* another CPU makes an owner */
    int left = process->how == START_LEFT && !process_mm.update(&tgid, &mm);
    if (left) {
        process->start_boottime = start;
        process->same_program = 0;
        bpf_probe_read_kernel(process->comm, COMM_LEN, (void *)leader + AT(task_struct, comm));
        *(volatile u32 *)&process->tgid = tgid;
        *(volatile u32 *)&process->how = START_SHARED;
        report_start(process, mm, START_SHARED, 0);
    }
    process_mm.delete(&lock);
    return left;
}
