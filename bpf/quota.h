/* Quotas of the tables that all jobs share, so that no job can fill one.
 *
 * Each cgroup may have 7/8 of what its parent may have and the cgroups beside it have left.
 * So whatever is done below a cgroup, 1/8 stays free for those beside it, and more cgroups
 * of its own get a job nothing. Which of the cgroups on the path to the root is the job's
 * need not be known.
 *
 * The verifier follows every value that it knows. So the paths are kept in maps, where it
 * knows none, and what a cgroup without a quota has is read from one. */

#define QUOTA_PART 8

BPF_HASH(quotas, u64, struct quota, MAX_QUOTAS); /* by kernfs id */
BPF_ARRAY(blank_quota, struct quota, 1); /* never written */
BPF_ARRAY(table_sizes, s64, TABLES);

static inline void set_quota_path(struct quota_path *path, u64 cgroup)
{
    u32 depth = read_u32(cgroup + AT(cgroup, level));
    for (u64 level = 0; level < QUOTA_LEVELS; level++)
        path->ids[level] = ancestor_id(cgroup, smaller(level, depth)) &
                           ~bits_if_less(depth, level);
}

/* What a cgroup may have. `parents` is what its parent may have, `above` what that has, and
 * `own` what the cgroup has itself. */
static inline s64 quota_below(s64 parents, u64 level, s64 above, s64 own, s64 part)
{
    u64 left = parents - (above - own), below = bits_if_any(level);
    left &= ~bits_if_less(left, 0);
    return ((left - left / part) & below) | (parents & ~below);
}

/* Returns all bits if it is any, else none: the path is cut there. */
static inline u64 set_quota_id(struct quota_path *path, u64 level, u64 id)
{
    *(volatile u64 *)&path->ids[level] = id;
    return bits_if_any(*(volatile u64 *)&path->ids[level]);
}

/* Whether all cgroups of the path may have one entry more of a table. Cuts the path where
 * there is no room in `quotas` for a cgroup. */
static inline int quota_fits(u32 table, struct quota_path *path)
{
    u32 zero = 0, key = table, quotas_key = TABLE_QUOTAS;
    s64 *size = table_sizes.lookup(&key), *nodes_size = table_sizes.lookup(&quotas_key);
    struct quota *blank = blank_quota.lookup(&zero);
    if (!size || !nodes_size || !blank)
        return 0;
    s64 quota = *size, above = blank->used, nodes_quota = *nodes_size, nodes_above = above;
    u64 fits = ~above, kept = fits; /* all bits: the cgroup above is on the path */
    path->missing = 0;
    for_each(level, QUOTA_LEVELS) {
        u64 id = path->ids[level] & kept, there = bits_if_any(id);
        struct quota *known = id ? quotas.lookup(&id) : NULL;
        s64 entries = blank->used, nodes = entries;
        u64 absent = ~entries;
        if (known) {
            absent = entries;
            entries = known->entries[table];
            nodes = known->entries[TABLE_QUOTAS];
        }
        quota = quota_below(quota, level, above, entries, QUOTA_PART);
        nodes_quota = quota_below(nodes_quota, level, nodes_above, nodes, QUOTA_PART);
        u64 room = bits_if_less(nodes, nodes_quota);
        fits &= bits_if_less(entries, quota) | ~there;
        path->missing += absent & room & there & 1;
        id &= room | ~absent;
        kept = set_quota_id(path, level, id);
        above = entries;
        nodes_above = nodes;
    }
    return fits & 1;
}

/* Counts one entry more in all cgroups of the path, after `quota_fits`. */
static inline void count_entry(u32 table, struct quota_path *path)
{
    u32 zero = 0;
    struct quota *blank = blank_quota.lookup(&zero);
    if (!blank)
        return;
    u64 kept = ~blank->used;
    for_each(level, QUOTA_LEVELS) {
        u64 id = path->ids[level] & kept;
        struct quota *node = id ? quotas.lookup(&id) : NULL;
        if (id && !node) {
            quotas.insert(&id, blank);
            node = quotas.lookup(&id);
            if (node)
                node->parent = level ? path->ids[level - 1] : 0;
            if (path->missing)
                path->missing--;
        }
        if (!node)
            id = 0; /* no room: another CPU was first */
        kept = set_quota_id(path, level, id);
        if (!node)
            continue;
        __sync_fetch_and_add(&node->entries[TABLE_QUOTAS], path->missing);
        __sync_fetch_and_add(&node->entries[table], 1);
        __sync_fetch_and_add(&node->used, 1);
    }
}

/* The same for one entry less. */
static inline void uncount_entry(u32 table, struct quota_path *path)
{
    for_each(level, QUOTA_LEVELS) {
        u64 id = path->ids[level];
        struct quota *node = id ? quotas.lookup(&id) : NULL;
        if (!node)
            continue;
        __sync_fetch_and_add(&node->entries[table], -1);
        __sync_fetch_and_add(&node->used, -1);
    }
}

/* Forgets a cgroup that is removed, or has no entry of any table, with all below it.
 *
 * Another CPU may count an entry in it at the same moment, or insert a cgroup that this one
 * inserts, too: what is counted wrongly then, user space corrects (correct_quota). */
static inline void forget_quota(u64 id)
{
    struct quota *node = quotas.lookup(&id);
    u64 above = node ? node->parent : 0;
    s64 gone = node ? node->entries[TABLE_QUOTAS] + 1 : 0;
    if (!node || quotas.delete(&id))
        return;
    for_each(level, QUOTA_LEVELS) {
        node = above ? quotas.lookup(&above) : NULL;
        if (!node)
            break;
        __sync_fetch_and_add(&node->entries[TABLE_QUOTAS], -gone);
        above = node->parent;
    }
}
