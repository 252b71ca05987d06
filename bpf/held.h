/* Pages that a process itself holds and the kernel cannot simply drop. */

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
