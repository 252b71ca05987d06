/* Pages that a process itself holds and the kernel cannot simply drop. */

/* Pages charged to its whole memory cgroup, page cache included. */
static inline s64 charge_of(struct process *process)
{
    return read_u64(process->memcg + AT(mem_cgroup, memory) + AT(page_counter, usage));
}

static inline s64 own_held(struct process *process)
{
    s64 held = process->pages[MM_ANONPAGES] + process->pages[MM_SHMEMPAGES] +
               process->pages[MM_SWAPENTS];
    if (process->forked)
        held -= process->inherited[MM_ANONPAGES] + process->inherited[MM_SHMEMPAGES] +
                process->inherited[MM_SWAPENTS];
    return held < 0 ? 0 : held;
}

/* Its own pages of one kind. */
static inline s64 own_pages(struct process *process, u32 member)
{
    s64 pages = process->pages[member];
    if (process->forked)
        pages -= process->inherited[member];
    return pages < 0 ? 0 : pages;
}
