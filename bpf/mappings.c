/* Address space: every byte of mmap, munmap, brk and mremap, counted from mm_struct itself. */

#define PAGES(bytes) (((bytes) + PAGE_SIZE - 1) / PAGE_SIZE)

static inline void set_mappings(struct process *process)
{
    process->total_vm = read_u64(process->mm + AT(mm_struct, total_vm));
    process->stack_vm = read_u64(process->mm + AT(mm_struct, stack_vm));
    process->start_brk = read_u64(process->mm + AT(mm_struct, start_brk));
    process->brk = read_u64(process->mm + AT(mm_struct, brk));
}

#ifdef MAPPING_CALLS
/* The system call a thread is in, and the bytes it has gained and released so far. */
struct call {
    u64 kind;
    u64 asked; /* bytes: mmap's length */
    u64 gained;
    u64 released;
    u64 shares; /* 1: it has one of the CALLS_SHARED */
};

/* There is room for one call of each process, and for some further ones of all of them: threads
 * of one process that wait in calls leave the room of every other process. */
#define CALLS_SHARED (MAX_PROCESSES / 8)
BPF_HASH(calls, u32, struct call, MAX_PROCESSES + CALLS_SHARED); /* by thread id */
BPF_ARRAY(shared_calls, s64, 1);
#endif

static inline void book_call(struct process *process, s64 pages)
{
#ifdef MAPPING_CALLS
    u32 thread = bpf_get_current_pid_tgid();
    struct call *call = calls.lookup(&thread);
    u64 bytes = (pages < 0 ? -pages : pages) * PAGE_SIZE;
    if (call) {
        if (pages < 0)
            call->released += bytes;
        else
            call->gained += bytes;
        return;
    }
    process->calls[0].calls++;
    if (pages < 0)
        process->calls[0].released += bytes;
    else
        process->calls[0].gained += bytes;
#endif
}

/* The caller holds the mm's mmap lock and nothing else counts meanwhile, so the difference to
 * the last values is what this one call did. Growth of the stack is counted separately: page
 * faults cause it, and it is only noticed here. */
static inline void book_mappings(struct process *process)
{
    u64 total_vm = read_u64(process->mm + AT(mm_struct, total_vm));
    u64 brk = read_u64(process->mm + AT(mm_struct, brk));
    if (total_vm == process->total_vm && brk == process->brk)
        return;
    mark_changed(process);
    u64 stack_vm = read_u64(process->mm + AT(mm_struct, stack_vm));
    s64 stack = stack_vm - process->stack_vm;
    s64 heap = (s64)PAGES(brk) - (s64)PAGES(process->brk);
    s64 rest = (s64)(total_vm - process->total_vm) - stack - heap;
    if (rest > 0)
        process->mapped += rest;
    if (rest < 0)
        process->unmapped += -rest;
    if (rest)
        process->mapping_changes++;
    if (brk != process->brk)
        process->brk_moves++;
    process->total_vm = total_vm;
    process->stack_vm = stack_vm;
    process->brk = brk;
    if (rest || heap)
        book_call(process, rest + heap);
}

#ifdef MMAP_LOCK_WRITE_ARG
/* munmap ends holding the lock for reading only (mmap_write_downgrade), so two threads may
 * see its work at once: the first of them counts it. Where the process has no second thread,
 * nothing else changes it. Another process that holds the lock only looks at the memory, and
 * counts nothing. */
BPF_HASH(counting, u64, u8, 1024);

static inline int changed(struct process *process)
{
    return read_u64(process->mm + AT(mm_struct, total_vm)) != process->total_vm ||
           read_u64(process->mm + AT(mm_struct, brk)) != process->brk;
}

static inline void book_shared(struct process *process)
{
    u64 mm = process->mm;
    u8 one = 1;
    if (!changed(process) || mm_of(bpf_get_current_task()) != mm)
        return;
#ifdef MAPPING_CALLS
    u32 thread = bpf_get_current_pid_tgid();
    if (!calls.lookup(&thread))
        return; /* the thread that made the call will count it */
#endif
    int alone = read_u32(mm + AT(mm_struct, mm_users)) == 1;
    if (!alone && counting.insert(&mm, &one))
        return;
    book_mappings(process);
    if (!alone)
        counting.delete(&mm);
}

/* mmap_lock_released(mm, [memcg_path,] write), still under the lock, at the end of every
 * mmap, munmap, brk, mremap and mprotect. It slows no system call of other processes. */
int on_mmap_lock_released(struct bpf_raw_tracepoint_args *ctx)
{
    u64 mm = ctx->args[0];
    if (__builtin_expect(!may_be_tracked(mm), 1)) /* keeps the return close */
        return 0;
    struct process *process = processes.lookup(&mm);
    if (!process)
        return 0;
    if ((u8)ctx->args[MMAP_LOCK_WRITE_ARG])
        book_mappings(process);
    else
        book_shared(process);
    see_number(process);
    return 0;
}
#endif

#ifdef MAPPING_CALLS
static inline struct process *current_process(u32 tgid)
{
    u64 *mm = process_mm.lookup(&tgid);
    return mm ? processes.lookup(mm) : NULL;
}

/* Keeps a further call of a process, if there is room. */
static inline void keep_call(struct process *process, u32 thread, struct call *call)
{
    u32 zero = 0;
    s64 *shared = shared_calls.lookup(&zero);
    call->shares = process->under_way > 0;
    if (!shared || (call->shares && *shared >= CALLS_SHARED) || calls.update(&thread, call)) {
        lost(LOSS_CALLS_FULL);
        return;
    }
    __sync_fetch_and_add(shared, call->shares);
    __sync_fetch_and_add(&process->under_way, 1);
}

/* Also of a thread that ends, since the end of its call may have been missed. */
static inline void forget_call(struct process *process, u32 thread)
{
    u32 zero = 0;
    struct call *call = calls.lookup(&thread);
    s64 *shared = shared_calls.lookup(&zero);
    if (!call || !shared)
        return;
    __sync_fetch_and_add(shared, -(s64)call->shares);
    if (process && process->under_way > 0)
        __sync_fetch_and_add(&process->under_way, -1);
    calls.delete(&thread);
}

static inline int enter_call(u64 kind, u64 asked)
{
    u64 id = bpf_get_current_pid_tgid();
    u32 thread = id;
    struct process *process = current_process(id >> 32);
    if (!process)
        return 0;
    struct call call = {.kind = kind, .asked = asked};
    forget_call(process, thread);
    keep_call(process, thread, &call);
    return 0;
}

/* A failed call does not count. An mmap that replaced mappings (MAP_FIXED) gained all it
 * asked for and released the difference. */
static inline void count_call(struct process *process, struct call *call, s64 result)
{
    u32 kind = call->kind;
    /* Keeps the value that is compared below in the register that is the index: clang 19
     * scales a copy from before the comparison, whose bound the verifier does not know. */
    asm volatile("" : "+r"(kind));
    if (kind >= CALL_KINDS || (result < 0 && result >= -4095))
        return;
    struct call_count *count = &process->calls[kind];
    mark_changed(process);
    u64 asked = PAGES(call->asked) * PAGE_SIZE;
    if (asked > call->gained) {
        call->released += asked - call->gained;
        call->gained = asked;
    }
    count->calls++;
    count->gained += call->gained;
    count->released += call->released;
}

static inline int exit_call(s64 result)
{
    u64 id = bpf_get_current_pid_tgid();
    u32 thread = id;
#ifdef MMAP_LOCK_WRITE_ARG
    struct call *call = calls.lookup(&thread);
    if (!call)
        return 0;
    struct process *process = current_process(id >> 32);
#else
    struct process *process = current_process(id >> 32);
    if (process)
        book_mappings(process);
    struct call *call = calls.lookup(&thread);
    if (!call)
        return 0;
#endif
    if (process)
        count_call(process, call, result);
    forget_call(process, thread);
    return 0;
}

#define CALL_MMAP 1
#define CALL_MUNMAP 2
#define CALL_BRK 3
#define CALL_MREMAP 4

/* The three methods differ only in how they get the arguments and the result. Where struct
 * pt_regs has them depends on the processor (ebpftrace/architecture.py). */
#if MAPPING_CALLS == 1 /* fentry and fexit on the system call's function: ctx is its arguments */
#define ENTER(name, kind, asked) int enter_##name(u64 *ctx) { return enter_call(kind, asked); }
#define EXIT(name) int exit_##name(u64 *ctx) { return exit_call(ctx[1]); }
#define ASKED_LENGTH read_u64(ctx[0] + AT_SECOND)
#elif MAPPING_CALLS == 2 /* kprobe and kretprobe: the regs hold a pointer to the caller's regs */
#define ENTER(name, kind, asked) int enter_##name(void *ctx) { return enter_call(kind, asked); }
#define EXIT(name) int exit_##name(void *ctx) { return exit_call(read_u64((u64)ctx + AT_RESULT)); }
#define ASKED_LENGTH read_u64(read_u64((u64)ctx + AT_FIRST) + AT_SECOND)
#else /* tracepoints syscalls:sys_enter_* and sys_exit_* */
struct syscall_enter { u64 common; long number; u64 args[6]; };
struct syscall_exit { u64 common; long number; long result; };
#define ENTER(name, kind, asked) \
    int enter_##name(struct syscall_enter *ctx) { return enter_call(kind, asked); }
#define EXIT(name) int exit_##name(struct syscall_exit *ctx) { return exit_call(ctx->result); }
#define ASKED_LENGTH ctx->args[1]
#endif

ENTER(mmap, CALL_MMAP, ASKED_LENGTH)
ENTER(munmap, CALL_MUNMAP, 0)
ENTER(brk, CALL_BRK, 0)
ENTER(mremap, CALL_MREMAP, 0)
EXIT(mmap)
EXIT(munmap)
EXIT(brk)
EXIT(mremap)
#endif
