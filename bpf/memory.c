/* Physical memory: anon, file, shmem and swap of every tracked process, as it changes. */

/* One member of mm_struct.rss_stat, in pages.
 *
 * Since 6.2 (f1a7941243c1 "mm: convert mm's rss stats into percpu_counter") it is a sum of
 * a base and one delta a CPU. The base is read first: a delta folded meanwhile is then
 * missed for a moment, never counted twice. */
static inline s64 counted_pages(u64 mm, u32 member)
{
    u64 at = mm + AT(mm_struct, rss_stat) + member * SIZE_RSS_MEMBER;
    s64 pages = read_u64(at + AT_RSS_COUNT);
#ifdef RSS_PERCPU
    u64 deltas = read_u64(at + AT_percpu_counter_counters);
    if (deltas) {
        for (u32 cpu = 0; cpu < CPUS; cpu++) {
            u32 key = cpu;
            u64 *offset = cpu_offsets.lookup(&key);
            if (offset && *offset)
                pages += (s32)read_u32(deltas + *offset);
        }
    }
#endif
    return pages;
}

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
static inline void exact_pages(u64 mm, s64 *into)
{
    s64 pages[MEMBERS];
#pragma unroll
    for (int member = 0; member < MEMBERS; member++)
        pages[member] = counted_pages(mm, member);
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
    exact_pages(process->mm, process->pages);
    update_peak(process);
}

/* No other process shares the inherited pages any more. */
static inline void own_all(struct process *process)
{
    process->forked = 0;
    __builtin_memset(process->inherited, 0, sizeof(process->inherited));
}

/* rss_stat(mm, member): fires for the mm that changes, whichever task is running. A process
 * that is not tracked pays for one look-up. */
int on_rss_stat(struct bpf_raw_tracepoint_args *ctx)
{
    u64 mm = ctx->args[0];
    struct process *process = processes.lookup(&mm);
    if (!process)
        return 0;
    mark_changed(process);
    u32 member = ctx->args[1];
    asm volatile("" : "+r"(member)); /* the bound must not be optimized into an earlier one */
    member &= MEMBERS - 1;
#ifdef MANY_CPUS
    /* Adding up hundreds of deltas for every page is too expensive. A CPU folds its delta
     * into the base every batch (2 pages a CPU), which is often enough. */
    s64 base = read_u64(mm + AT(mm_struct, rss_stat) + member * SIZE_RSS_MEMBER + AT_RSS_COUNT);
    if (base == process->base[member])
        return 0;
    process->base[member] = base;
#endif
    s64 pages = counted_pages(mm, member);
    int grew = pages > process->pages[member];
    process->pages[member] = pages < 0 ? 0 : pages;
    process->charge = read_u64(process->memcg + AT(mem_cgroup, memory) + AT(page_counter, usage));
    update_peak(process);
    check_marks(process);
    if (grew)
        see_fuse(process, member != MM_FILEPAGES);
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
    process->charge = read_u64(process->memcg + AT(mem_cgroup, memory) + AT(page_counter, usage));
    check_marks(process);
}

/* Whether the parent of a forked child has ended, for a reading. */
static inline void check_inherited(struct process *process)
{
    u32 parent = process->parent;
    if (process->forked && !process_mm.lookup(&parent)) {
        own_all(process);
        mark_changed(process);
    }
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
