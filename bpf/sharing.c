/* Processes that share all their memory: clone(CLONE_VM) without CLONE_THREAD, as vfork does
 * for a moment. An mm is tracked under one of them, its owner. When that one ends, its entry
 * stays and another becomes the owner, with its bounds. */

/* Run over all tasks where an owner has ended (START_LEFT). The first process that is found
 * with the memory becomes the owner; its entry says whose it was as `parent`. */
int hand_over(void *ctx)
{
    u64 task = read_u64((u64)ctx + 8); /* struct bpf_iter__task: meta, task */
    if (!task)
        return 0;
    u64 mm = mm_of(task);
    struct process *process = processes.lookup(&mm);
    if (!process || process->how != START_LEFT || (flags_of(task) & PF_KTHREAD))
        return 0;
    u64 leader = leader_of(task);
    u64 start = start_of(leader);
    if (start > process->start_boottime)
        return 0; /* the mm is that of a later process */
    u32 tgid = tgid_of(leader);
    if (is_watcher(tgid) || process_mm.update(&tgid, &mm)) {
        lost(LOSS_PROCESSES_FULL);
        return 0;
    }
    process->start_boottime = start;
    bpf_probe_read_kernel(process->comm, COMM_LEN, (void *)leader + AT(task_struct, comm));
    process->same_program = 0;
    follow_charge(process);
    read_pages(process);
    *(volatile u32 *)&process->tgid = tgid;
    *(volatile u32 *)&process->how = START_SHARED;
    report_start(process, mm, START_SHARED, 0);
    return 0;
}

#define SOUGHT 256

BPF_HASH(sought, u64, u8, SOUGHT); /* by mm */
BPF_HASH(sharers, u32, u64, 1024); /* tgid -> its start, of those that have such an mm */

/* Run over all tasks, to find the processes with the memory that is sought. */
int find_sharers(void *ctx)
{
    u64 task = read_u64((u64)ctx + 8);
    if (!task)
        return 0;
    u64 mm = mm_of(task);
    if (!mm || !sought.lookup(&mm) || (flags_of(task) & PF_KTHREAD))
        return 0;
    u64 leader = leader_of(task);
    u32 tgid = tgid_of(leader);
    u64 start = start_of(leader);
    sharers.update(&tgid, &start);
    return 0;
}
