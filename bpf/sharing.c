/* Looks for processes that share memory, see sharing.h, or have a copy of it. */

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

struct sharer {
    u64 start_boottime;
    u32 tgid;
    u32 padding;
};
SAME_SIZE(sharer);

/* Writes the processes with the memory that is sought. No map keeps them, which a job could
 * fill. */
int find_sharers(struct task_element *ctx)
{
    void *meta = ctx->meta;
    u64 task = read_u64((u64)ctx + 8);
    if (!task)
        return 0;
    u64 mm = mm_of(task);
    if (!mm || !sought.lookup(&mm) || (flags_of(task) & PF_KTHREAD))
        return 0;
    u64 leader = leader_of(task);
    if (task != leader && mm_of(leader) == mm)
        return 0; /* another thread of a process that is written once */
    struct sharer found = {.start_boottime = start_of(leader), .tgid = tgid_of(leader)};
    seq_write(LOAD_U64(meta), &found, sizeof(found));
    return 0;
}

#ifdef WATERMARKS
struct signalled {
    u64 number;
    u64 mm;
    u64 start_boottime;
    s64 held; /* pages, with what it has of its parent's */
    s64 shared; /* pages that it may have as well: a fork maps no shared page */
    u32 tgid; /* 0: its process has ended, others still share the memory */
    u32 padding;
};
SAME_SIZE(signalled);

/* Writes all that have such a number. */
int find_signalled(struct element *ctx)
{
    u64 *key = ctx->key;
    void *meta = ctx->meta;
    if (!key)
        return 0;
    u64 mm = LOAD_U64(key);
    struct process *process = processes.lookup(&mm);
    if (!process || !process->how || !process->signalled)
        return 0;
    struct signalled found = {
        .number = process->signalled,
        .mm = mm,
        .start_boottime = process->start_boottime,
        .held = process->pages[MM_ANONPAGES] + process->pages[MM_SHMEMPAGES] +
                process->pages[MM_SWAPENTS],
        .shared = process->shared,
        .tgid = process->how == START_LEFT ? 0 : process->tgid,
    };
    seq_write(LOAD_U64(meta), &found, sizeof(found));
    return 0;
}
#endif
