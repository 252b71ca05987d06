/* Looks at all tasks for processes that share memory; see sharing.h. */

/* Run where an owner has ended: finds a process that still has its memory. */
int find_heirs(void *ctx)
{
    u64 task = read_u64((u64)ctx + 8); /* struct bpf_iter__task: meta, task */
    if (!task)
        return 0;
    u64 mm = mm_of(task);
    struct process *process = processes.lookup(&mm);
    if (process && process->how == START_LEFT &&
        !(flags_of(task) & (PF_KTHREAD | PF_EXITING)))
        process->heir = task;
    return 0;
}

/* Run by user space with the mm: no iterator does this, since other programs would have to wait
 * while one that has a claim is interrupted. */
int take_over(struct bpf_raw_tracepoint_args *ctx)
{
    u64 mm = ctx->args[0];
    struct process *process = processes.lookup(&mm);
    u64 task = process ? process->heir : 0;
    if (!process || process->how != START_LEFT || !task || mm_of(task) != mm ||
        (flags_of(task) & PF_EXITING))
        return 0;
    follow_charge(process);
    read_pages(process);
    if (become_owner(process, task))
        leave_ended(mm, tgid_of(task));
    return 0;
}

#define SOUGHT 256

BPF_HASH(sought, u64, u8, SOUGHT); /* by mm */
BPF_HASH(sharers, u32, u64, 1024); /* tgid -> its start, of those that have such an mm */

/* Run to find the processes with the memory that is sought. */
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
