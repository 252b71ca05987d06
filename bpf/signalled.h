/* What was signalled by a step has the step's number, and so has all that it forks from then on,
 * until it executes something: by then its memory is another. */

#ifdef WATERMARKS

#define SIGKILL 9
#define NUMBERS 1024 /* of which the kernel side knows more, the latest */

struct numbered {
    u64 number;
    u64 forks; /* of processes that have it */
    u64 ends; /* 1: what has it is killed, before it can fork */
};

BPF_ARRAY(numbered, struct numbered, NUMBERS);

static inline struct numbered *numbered_as(u64 number)
{
    u32 slot = number % NUMBERS;
    struct numbered *known = numbered.lookup(&slot);
    return known && known->number == number ? known : NULL;
}

/* This task has forked. Where on_mmap_lock_released runs, what is to end never gets here. */
static inline void count_fork(u64 number)
{
    struct numbered *known = number ? numbered_as(number) : NULL;
    if (!known)
        return;
    __sync_fetch_and_add(&known->forks, 1);
    if (known->ends)
        bpf_send_signal(SIGKILL);
}

/* This task has taken a page, or the lock of its mappings, as a fork does: killed there, it
 * makes no child any more. Before that lock has a tracepoint (5.11), a child comes here as a
 * rule: a fork maps no page of its program's file. */
static inline void see_number(struct process *process)
{
    struct numbered *known = process->signalled ? numbered_as(process->signalled) : NULL;
    if (known && known->ends && mm_of(bpf_get_current_task()) == process->mm)
        bpf_send_signal(SIGKILL);
}

/* Run by user space with (mm, start, number) before it signals a process. */
int mark_signalled(struct bpf_raw_tracepoint_args *ctx)
{
    struct process *process = same_process(ctx->args[0], ctx->args[1]);
    u64 number = ctx->args[2];
    u32 slot = number % NUMBERS;
    struct numbered *known = numbered.lookup(&slot);
    if (!process || !known)
        return 0;
    if (known->number != number) {
        known->forks = 0;
        known->ends = 0;
        known->number = number;
    }
    if (process->signalled != number)
        process->shared = 0;
    process->signalled = number;
    process->shared = larger(process->shared, process->pages[MM_SHMEMPAGES]);
    return 0;
}

/* Run with (number): what has it is killed from here on. */
int end_signalled(struct bpf_raw_tracepoint_args *ctx)
{
    struct numbered *known = numbered_as(ctx->args[0]);
    if (known)
        known->ends = 1;
    return 0;
}

#else
static inline void see_number(struct process *process) {}
#endif
