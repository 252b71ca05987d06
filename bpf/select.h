/* Which processes are watched. Each kind of selector that was given must match. What only
 * user space can decide (--exe, --go-main) is tracked at once and dropped if it does not
 * match, so that nothing of a watched process is missed. */

#ifdef SELECT_COMM
/* All globs as one automaton of GLOB_WORDS 64-bit words: a bit is a position in a
 * pattern. For each character: which positions it may leave. See probe/globs.py. */
struct glob_table {
    u64 accepts[256][GLOB_WORDS];
    u64 loops[GLOB_WORDS]; /* positions with a star: any character keeps them */
    u64 starts[GLOB_WORDS];
    u64 finals[GLOB_WORDS];
};
BPF_ARRAY(globs, struct glob_table, 1);

static inline int comm_selected(const char *comm)
{
    u32 zero = 0;
    struct glob_table *table = globs.lookup(&zero);
    if (!table)
        return 0;
#pragma unroll
    for (int word = 0; word < GLOB_WORDS; word++) {
        u64 at = table->starts[word];
#pragma unroll
        for (int i = 0; i < COMM_LEN - 1; i++) {
            u32 letter = (u8)comm[i];
            if (letter == 0)
                break;
            at = ((at & table->accepts[letter][word]) << 1) | (at & table->loops[word]);
        }
        if (at & table->finals[word])
            return 1;
    }
    return 0;
}
#endif

static inline int is_watcher(u32 tgid)
{
    u32 zero = 0, *self = self_tgid.lookup(&zero);
    return !self || tgid == *self;
}

#ifdef SELECT_CGROUP
/* A cgroup that is watched is at most so many levels below the root. */
#define WATCHED_LEVELS 64

/* Whether the cgroup, or one above it, is watched. There may be any number of cgroups below
 * one that is. */
static inline int cgroup_selected(u64 cgroup)
{
    u64 id = cgroup_id(cgroup);
    u32 depth = read_u32(cgroup + AT(cgroup, level));
    int watched = watched_cgroups.lookup(&id) != NULL;
    for_each(level, WATCHED_LEVELS) {
        if (watched || level >= depth)
            break;
        id = ancestor_id(cgroup, level);
        watched = watched_cgroups.lookup(&id) != NULL;
    }
    return watched;
}
#endif

/* All that is selected by but the name. `cgroup` is its memory cgroup. */
static inline int selected_but_for_name(u32 tgid, u64 cgroup)
{
#ifdef SELECT_CGROUP
    if (!cgroup_selected(cgroup))
        return 0;
#endif
#ifdef SELECT_PID
    if (!watched_pids.lookup(&tgid))
        return 0;
#endif
    return !is_watcher(tgid);
}

static inline int selected(u32 tgid, const char *comm, u64 cgroup)
{
#ifdef SELECT_COMM
    if (!comm_selected(comm))
        return 0;
#endif
    return selected_but_for_name(tgid, cgroup);
}
