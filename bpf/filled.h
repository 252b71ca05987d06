/* Whether other processes fill the memory of one that is at its bound, so that a stop does not
 * keep it from growing: a debugger, process_vm_writev, a userfaultfd. */

#ifdef WATERMARKS

/* So many pages another process adds before that counts: a debugger changes a few. */
#define FILLED_PAGES 8
/* So many more that others add to a stopped process may end it: a stop does not hinder them. */
#define FILLED_MOST 1024

/* Whether other processes have added pages to this one, at its bound and beyond, as this task
 * has just added `gained`. Those that it swaps in are none: they count twice for a moment. */
static inline int is_filled(struct process *process, s64 held, s64 gained)
{
    s64 before = held > gained ? held - gained : 1;
    if (!process->filled_from || before < process->filled_from)
        process->filled_from = before;
    if (process->pages[MM_SWAPENTS] >= gained)
        held = before;
    return held >= process->filled_from + FILLED_PAGES;
}

/* Whether the sum of its cgroup has grown by more than others may add, perhaps a little in each
 * of many processes. */
static inline int is_sum_filled(struct process *process)
{
    u64 id = process->memcg_id;
    struct cgroup_counters *counters = cgroups.lookup(&id);
    if (!counters)
        return 0;
    s64 held = counters->held;
    if (counters->filled_from <= 0 || held < counters->filled_from)
        counters->filled_from = held;
    return held >= counters->filled_from + FILLED_MOST;
}

#endif
