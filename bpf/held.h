/* Pages that a process itself holds and the kernel cannot simply drop. */

/* Pages charged to its whole memory cgroup, page cache included. */
static inline s64 charge_of(struct process *process)
{
    return read_u64(process->memcg + AT(mem_cgroup, memory) + AT(page_counter, usage));
}

static inline s64 own_held(struct process *process)
{
    s64 held = process->pages[MM_ANONPAGES] + process->pages[MM_SHMEMPAGES] +
               process->pages[MM_SWAPENTS] - process->inherited[MM_ANONPAGES] -
               process->inherited[MM_SHMEMPAGES] - process->inherited[MM_SWAPENTS];
    return held < 0 ? 0 : held;
}

/* No other process shares the inherited pages any more. */
static inline void own_all(struct process *process)
{
    process->forked = 0;
    __builtin_memset(process->inherited, 0, sizeof(process->inherited));
}

/* The entry of the memory that a forked child has a copy of; NULL if that is no more. The
 * kernel uses the address of an mm again: another process starts later. */
static inline struct process *copied_from(struct process *process)
{
    u64 mm = process->from;
    struct process *from = processes.lookup(&mm);
    return from && from->how && (from->start_boottime <= process->start_boottime ||
                                 from->how >= START_SHARED) ? from : NULL;
}

/* The entry of another process may lack so many pages until the next reading. */
#define LAG_PAGES 1024

/* A forked child has taken pages: what its parent gave back since is no longer shared, so that
 * a chain of forks whose parents stay hides nothing. A reading finds the last few pages. */
static inline void see_share(struct process *process)
{
    if (!process->forked)
        return;
    struct process *from = copied_from(process);
    if (!from) {
        own_all(process);
        return;
    }
#pragma unroll
    for (int member = 0; member < MEMBERS; member++)
        process->inherited[member] =
            smaller(process->inherited[member], from->pages[member] + LAG_PAGES);
}

/* Its own pages of one kind. */
static inline s64 own_pages(struct process *process, u32 member)
{
    s64 pages = process->pages[member] - process->inherited[member];
    return pages < 0 ? 0 : pages;
}
