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

/* The id at a level of a path; 0 beyond its end. */
static inline u64 quota_id(struct quota_path *path, u64 level)
{
    if (level && !path->ids[level - 1])
        path->ids[level] = 0; /* the path was cut there */
    return path->ids[level];
}

/* What a cgroup may have. `parents` is what its parent may have, `above` what that has, and
 * `own` what the cgroup has itself. */
static inline s64 quota_below(s64 parents, s64 above, s64 own, s64 part)
{
    u64 left = parents - (above - own);
    left &= ~bits_if_less(left, 0);
    return left - left / part;
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
    path->missing = 0;
    for (u64 level = 0; level < QUOTA_LEVELS; level++) {
        u64 id = quota_id(path, level);
        if (!id)
            continue;
        struct quota *known = quotas.lookup(&id);
        struct quota *node = known ? known : blank;
        s64 entries = node->entries[table], nodes = node->entries[TABLE_QUOTAS];
        if (level) {
            quota = quota_below(quota, above, entries, QUOTA_PART);
            nodes_quota = quota_below(nodes_quota, nodes_above, nodes, QUOTA_PART);
        }
        if (entries >= quota)
            return 0;
        if (!known && nodes >= nodes_quota)
            path->ids[level] = 0;
        else if (!known)
            path->missing++;
        above = entries;
        nodes_above = nodes;
    }
    return 1;
}

/* Counts one entry more in all cgroups of the path, after `quota_fits`. */
static inline void count_entry(u32 table, struct quota_path *path)
{
    u32 zero = 0;
    struct quota *blank = blank_quota.lookup(&zero);
    for (u64 level = 0; level < QUOTA_LEVELS; level++) {
        u64 id = quota_id(path, level);
        if (!id || !blank)
            continue;
        struct quota *node = quotas.lookup(&id);
        if (!node) {
            quotas.insert(&id, blank);
            node = quotas.lookup(&id);
            if (node)
                node->parent = level ? path->ids[level - 1] : 0;
            if (path->missing)
                path->missing--;
        }
        if (!node) {
            path->ids[level] = 0; /* no room: another CPU was first */
            continue;
        }
        __sync_fetch_and_add(&node->entries[TABLE_QUOTAS], path->missing);
        __sync_fetch_and_add(&node->entries[table], 1);
        __sync_fetch_and_add(&node->used, 1);
    }
}

/* The same for one entry less. */
static inline void uncount_entry(u32 table, struct quota_path *path)
{
    for (u64 level = 0; level < QUOTA_LEVELS; level++) {
        u64 id = path->ids[level];
        struct quota *node = id ? quotas.lookup(&id) : NULL;
        if (!node)
            continue;
        __sync_fetch_and_add(&node->entries[table], -1);
        __sync_fetch_and_add(&node->used, -1);
    }
}

/* Forgets a cgroup that is removed, or has no entry of any table, with all below it. */
static inline void forget_quota(u64 id)
{
    struct quota *node = quotas.lookup(&id);
    u64 above = node ? node->parent : 0;
    s64 gone = node ? node->entries[TABLE_QUOTAS] : 0;
    if (!node || quotas.delete(&id))
        return;
    for (u64 level = 0; level < QUOTA_LEVELS; level++) {
        node = above ? quotas.lookup(&above) : NULL;
        if (!node)
            break;
        __sync_fetch_and_add(&node->entries[TABLE_QUOTAS], -gone);
        above = node->parent;
    }
}
