/* What a memory cgroup is charged for, its limits and its events, read from the kernel's page
 * counters. */

static inline u64 memcg_event(u64 memcg, u32 event)
{
    return read_u64(memcg + AT(mem_cgroup, memory_events) + 8 * event);
}

/* What memory.events shows: v1 has no such file, and the kernel counts little of it there. `v2`
 * is on_v2's, here and below. */
static inline void read_events(u64 memcg, u64 v2, struct cgroup_counters *counters)
{
    counters->lows = memcg_event(memcg, MEMCG_LOW) | ~v2;
    counters->highs = memcg_event(memcg, MEMCG_HIGH) | ~v2;
    counters->ooms = memcg_event(memcg, MEMCG_OOM) | ~v2;
#ifdef MEMCG_OOM_GROUP_KILL /* since 5.17, b6bf9abb0aa4 "mm/memcg: add oom_group_kill" */
    counters->group_kills = memcg_event(memcg, MEMCG_OOM_GROUP_KILL) | ~v2;
#else
    counters->group_kills = NOT_COUNTED;
#endif
}

/* The pages of a page_counter's `max` or `high`. */
static inline u64 known_limit(u64 pages) { return pages | ~bits_if_less(pages, UNLIMITED_PAGES); }

/* Kernel memory has a counter of its own on v1, as memory.kmem.usage_in_bytes shows it; v2
 * shows it in memory.stat, and charges nothing to this counter. */
static inline u64 kernel_pages(u64 memcg, u64 v2)
{
#ifdef AT_mem_cgroup_kmem
    return read_u64(memcg + AT_mem_cgroup_kmem + AT(page_counter, usage)) | v2;
#endif
    return NOT_COUNTED;
}

/* Names and inodes of files that no process has open, mostly. memory.stat shows the counters on
 * v2 only, where user space reads them; on v1 the kernel keeps them as well, in bytes. The
 * kernel counts the name of a tmpfs file or a socket as slab it can reclaim, too, though it
 * cannot: so as much is taken off as it says it cannot reclaim. */
static inline u64 droppable_pages(u64 memcg, u64 v2, u64 kernel)
{
#if defined(AT_mem_cgroup_vmstats) && defined(AT_mem_cgroup_kmem)
    u64 stats = memcg + AT_mem_cgroup_vmstats;
#ifdef AT_memcg_vmstats_state
    stats = read_u64(stats) + AT_memcg_vmstats_state;
#endif
    s64 reclaimable = read_u64(stats + 8 * NR_SLAB_RECLAIMABLE_B);
    s64 kept = read_u64(stats + 8 * (NR_SLAB_RECLAIMABLE_B + 1));
    u64 bytes = (reclaimable - kept) & bits_if_less(kept, reclaimable) & ~bits_if_less(kept, 0);
    return smaller(bytes / PAGE_SIZE, kernel & MAX_S64) | v2;
#else
    return NOT_COUNTED;
#endif
}

/* On v1 the OOM killer can be disabled for a cgroup (memory.oom_control), and a task that
 * finds no memory in it waits then. */
static inline int oom_killer_disabled(u64 memcg)
{
#ifdef AT_mem_cgroup_oom_kill_disable
    return read_u32(memcg + AT_mem_cgroup_oom_kill_disable) & 0xff;
#else
    return 0;
#endif
}

/* Whether a task waits in an OOM of this cgroup, or of one above it. */
static inline int under_oom(u64 memcg)
{
#ifdef AT_mem_cgroup_under_oom
    return read_u32(memcg + AT_mem_cgroup_under_oom) > 0;
#else
    return 0;
#endif
}

#define LEVELS_READ 16

/* Keeps one level. Beyond those that fit, the one with the least room is kept, so that a job
 * that makes cgroups of its own cannot hide the limit that it is under. */
static inline void keep_level(struct cgroup_counters *counters, u64 above, u64 counter, u64 v2)
{
    /* Read from the map and not kept in a register: the verifier would follow every value. */
    u64 found = counters->found++;
    u64 max = read_u64(counter + AT(page_counter, max));
    u64 high = read_u64(counter + AT(page_counter, high));
    u64 charge = read_u64(counter + AT(page_counter, usage));
    u64 memcg = counter - AT(mem_cgroup, memory);
    u64 at = smaller(found, LEVELS - 1);
    asm volatile("" : "+r"(at)); /* the bound must not be optimized into an earlier one */
    struct limit_level *level = &counters->levels[at & (LEVELS - 1)];
    u64 room = smaller(max, high) - charge;
    u64 kept = smaller(level->limit & MAX_S64, level->high & MAX_S64) - level->charge;
    if (~bits_if_less(found, LEVELS) & ~bits_if_less(room, kept))
        return;
    level->id = cgroup_id(read_u64(memcg + AT(cgroup_subsys_state, cgroup)));
    level->above = above;
    level->charge = charge;
    level->limit = known_limit(max);
    level->high = known_limit(high);
    level->kernel = kernel_pages(memcg, v2);
    level->droppable = droppable_pages(memcg, v2, level->kernel);
}

/* The cgroup's own charge, and the limits above it, from its page counters. */
static inline void read_cgroup(u64 memcg, struct cgroup_counters *counters)
{
    u64 counter = memcg + AT(mem_cgroup, memory);
    counters->memcg = memcg;
    counters->charge = read_u64(counter + AT(page_counter, usage));
    counters->peak = read_u64(counter + AT(page_counter, watermark));
    /* v1 shows the charges that failed (failcnt), v2 the event `max`: fewer, since a charge
     * by a whole batch of pages is tried again by one page before it is an event. */
    u64 v2 = on_v2(memcg);
    counters->limit_hits = (memcg_event(memcg, MEMCG_MAX) & v2) |
                           (read_u64(counter + AT(page_counter, failcnt)) & ~v2);
    counters->oom_kills = memcg_event(memcg, MEMCG_OOM_KILL);
    read_events(memcg, v2, counters);
    u64 limit = UNLIMITED_PAGES;
    int disabled = 0;
    counters->found = 0;
    for_each(level, LEVELS_READ) {
        u64 max = read_u64(counter + AT(page_counter, max));
        u64 high = read_u64(counter + AT(page_counter, high));
        disabled |= oom_killer_disabled(counter - AT(mem_cgroup, memory));
        limit = smaller(limit, max);
        if (bits_if_less(smaller(max, high), UNLIMITED_PAGES))
            keep_level(counters, level, counter, v2);
        counter = read_u64(counter + AT(page_counter, parent));
        if (!counter)
            break;
    }
    counters->limit = known_limit(limit);
    counters->kernel = kernel_pages(memcg, v2);
    counters->droppable = droppable_pages(memcg, v2, counters->kernel);
    counters->stuck = disabled && under_oom(memcg);
}

#ifdef WATERMARKS
/* What bounds are compared with before the first reading. Returns the cgroup's own limit. */
static inline u64 read_limit(struct cgroup_counters *counters)
{
    u64 counter = counters->memcg + AT(mem_cgroup, memory);
    u64 limit = UNLIMITED_PAGES, own = read_u64(counter + AT(page_counter, max));
    for_each(level, LEVELS_READ) {
        limit = smaller(limit, read_u64(counter + AT(page_counter, max)));
        counter = read_u64(counter + AT(page_counter, parent));
        if (!counter)
            break;
    }
    counters->limit = known_limit(limit);
    return known_limit(own);
}
#else
static inline u64 read_limit(struct cgroup_counters *counters) { return NO_LIMIT; }
#endif
