/* Physical memory: anon, file, shmem and swap of every tracked process, as it changes. */

/* Where mm_struct.rss_stat counts a member, in pages. */
static inline u64 counter_of(u64 mm, u32 member)
{
    return mm + AT(mm_struct, rss_stat) + member * SIZE_RSS_MEMBER;
}

#ifdef RSS_PERCPU
/* Since 6.2 (f1a7941243c1 "mm: convert mm's rss stats into percpu_counter") a member is the
 * sum of a base and of one delta a CPU, which only that CPU changes. What it adds to its delta
 * it folds into the base once that would reach a batch, of 2 pages for each CPU and of 32 at
 * the least; its delta is 0 then. So an event need only look at its own CPU's delta, and at
 * the base after a fold. */

/* A CPU's delta; 0 where that is not known. */
static inline s64 delta_of(u64 deltas, u32 cpu)
{
    u32 key = cpu;
    u64 *offset = cpu_offsets.lookup(&key);
    return deltas && offset && *offset ? (s32)read_u32(deltas + *offset) : 0;
}

/* The sum over all CPUs, which an entry remembers, if there is one. The base is read first: a
 * delta folded meanwhile is then missed for a moment, never counted twice. */
static inline s64 sum_pages(u64 mm, u32 member, struct process *process)
{
    u64 counter = counter_of(mm, member);
    s64 base = read_u64(counter + AT_RSS_COUNT), pages = base;
    u64 deltas = read_u64(counter + AT_percpu_counter_counters);
    for (u32 cpu = 0; cpu < CPUS; cpu++) {
        s64 delta = delta_of(deltas, cpu);
        if (process)
            process->deltas[cpu][member] = delta;
        pages += delta;
    }
    if (process)
        process->base[member] = base;
    return pages;
}

/* Brings a member up to date after an event on this CPU, and returns by how many pages it
 * changed.
 *
 * A fold is seen by a delta of 0 and another base. The base may contain another CPU's fold as
 * well, whose own event is about to come, and so is only trusted where the event is then one
 * page. Else the sum is read anew; that happens once a batch at most, for many pages at once
 * or for two CPUs that fold at the same time. */
static inline s64 count_change(struct process *process, u32 member)
{
    u64 counter = counter_of(process->mm, member);
    u32 cpu = bpf_get_smp_processor_id();
    s64 delta = delta_of(read_u64(counter + AT_percpu_counter_counters), cpu);
    asm volatile("" : "+r"(cpu)); /* the bound must not be optimized into an earlier one */
    if (cpu >= CPUS)
        return 0;
    s64 change = delta - process->deltas[cpu][member];
    if (!delta || (change != 1 && change != -1)) {
        s64 base = read_u64(counter + AT_RSS_COUNT), folded = base - process->base[member];
        change += folded;
        if (folded && (delta || (change != 1 && change != -1))) {
            s64 before = process->pages[member], pages = sum_pages(process->mm, member, process);
            process->pages[member] = pages < 0 ? 0 : pages;
            return process->pages[member] - before;
        }
        process->base[member] = base;
    }
    process->deltas[cpu][member] = delta;
    __sync_fetch_and_add(&process->pages[member], change);
    if (process->pages[member] < 0)
        process->pages[member] = 0;
    return change;
}
#else
static inline s64 sum_pages(u64 mm, u32 member, struct process *process)
{
    return read_u64(counter_of(mm, member) + AT_RSS_COUNT);
}

static inline s64 count_change(struct process *process, u32 member)
{
    s64 pages = sum_pages(process->mm, member, process), before = process->pages[member];
    process->pages[member] = pages < 0 ? 0 : pages;
    return process->pages[member] - before;
}
#endif

#ifdef RSS_SPLIT
/* Before 6.2 (the same commit) each thread counts up to 64 page faults on its own: without
 * those the counters do not change while a small process grows. */
static inline void add_thread_counts(u64 mm, s64 *pages)
{
    u64 owner = read_u64(mm + AT(mm_struct, owner));
    u64 head = read_u64(owner + AT(task_struct, signal)) + AT_signal_struct_thread_head;
    u64 node = read_u64(head);
    for (int i = 0; i < MAX_SPLIT_THREADS && node && node != head; i++) {
        u64 thread = node - AT_task_struct_thread_node;
        u64 kept = thread + AT_task_struct_rss_stat + AT_task_rss_stat_count;
#pragma unroll
        for (int member = 0; member < MEMBERS; member++)
            pages[member] += (s32)read_u32(kept + 4 * member);
        node = read_u64(node);
    }
}
#endif

/* All members, to the page. */
static inline void exact_pages(u64 mm, s64 *into, struct process *process)
{
    s64 pages[MEMBERS];
#pragma unroll
    for (int member = 0; member < MEMBERS; member++)
        pages[member] = sum_pages(mm, member, process);
#ifdef RSS_SPLIT
    add_thread_counts(mm, pages);
#endif
#pragma unroll
    for (int member = 0; member < MEMBERS; member++)
        into[member] = pages[member] < 0 ? 0 : pages[member];
}

static inline void update_peak(struct process *process)
{
    s64 resident = process->pages[MM_FILEPAGES] + process->pages[MM_ANONPAGES] +
                   process->pages[MM_SHMEMPAGES];
    if (resident > process->peak)
        process->peak = resident;
    if (!process->forked)
        return;
    /* Pages that a forked child freed were its parent's. */
#pragma unroll
    for (int member = 0; member < MEMBERS; member++)
        if (process->inherited[member] > process->pages[member])
            process->inherited[member] = process->pages[member];
}

static inline void read_pages(struct process *process)
{
    exact_pages(process->mm, process->pages, process);
    update_peak(process);
}

/* rss_stat(mm, member): fires for the mm that changes, whichever task is running. */
int on_rss_stat(struct bpf_raw_tracepoint_args *ctx)
{
    u64 mm = ctx->args[0];
    if (__builtin_expect(!may_be_tracked(mm), 1)) /* keeps the return close */
        return 0;
    struct process *process = processes.lookup(&mm);
    if (!process)
        return 0;
    mark_changed(process);
    u32 member = ctx->args[1];
    asm volatile("" : "+r"(member)); /* the bound must not be optimized into an earlier one */
    member &= MEMBERS - 1;
    s64 change = count_change(process, member);
    if (!change)
        return 0;
    update_peak(process);
    int resident = member == MM_ANONPAGES || member == MM_SHMEMPAGES;
    s64 gained = resident && change > 0 ? change : 0;
    check_marks(process, 1, gained);
    if (change > 0)
        see_fuse(process, member != MM_FILEPAGES, gained);
    see_number(process);
    return 0;
}

/* The exact sums over all CPUs. */
static inline void read_counters(struct process *process)
{
    s64 before[MEMBERS];
    __builtin_memcpy(before, process->pages, sizeof(before));
    read_pages(process);
    process->drift = 0;
#pragma unroll
    for (int member = 0; member < MEMBERS; member++) {
        s64 off = process->pages[member] - before[member];
        process->drift += off < 0 ? -off : off;
    }
    check_marks(process, 0, 0);
}

/* For a reading: a forked child shares no more than its parent still has. */
static inline void check_inherited(struct process *process)
{
    if (!process->forked)
        return;
    struct process *from = copied_from(process);
    if (!from) {
        own_all(process);
        mark_changed(process);
        return;
    }
    s64 pages[MEMBERS];
    u64 less = 0;
#pragma unroll
    for (int member = 0; member < MEMBERS; member++)
        less |= bits_if_less(from->pages[member], process->inherited[member]);
    if (!less)
        return;
    exact_pages(process->from, pages, NULL);
#pragma unroll
    for (int member = 0; member < MEMBERS; member++)
        process->inherited[member] = smaller(process->inherited[member], pages[member]);
    mark_changed(process);
}

/* Run by user space (BPF_PROG_TEST_RUN with the mm as argument). What it finds is reported by
 * the next reading as well. */
int read_process(struct bpf_raw_tracepoint_args *ctx)
{
    u64 mm = ctx->args[0];
    struct process *process = processes.lookup(&mm);
    if (!process)
        return 0;
    check_charge(process);
    check_inherited(process);
    read_counters(process);
    if (process->drift)
        mark_changed(process);
    return 1;
}
