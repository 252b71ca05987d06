/* A reading of what changed since the last one, by iterators over two maps. What a reading
 * costs follows from what changed, apart from a look at each entry. */

/* Writes the entries that changed. All counters of an entry with a change are read, and once
 * more at the next reading: the first may come in the middle of a change. */
int changed_processes(struct element *ctx)
{
    u64 *key = ctx->key;
    void *meta = ctx->meta;
    if (!key)
        return 0;
    u64 mm = LOAD_U64(key);
    struct process *process = processes.lookup(&mm);
    if (!process || !process->how)
        return 0;
    if (process->how != START_LEFT) {
        int due = is_charge_due(process);
        check_inherited(process);
        u64 changed = process->changed;
        process->drift = 0;
        if (changed)
            __sync_fetch_and_add(&process->changed, -1); /* unlike a store, loses no mark */
#ifdef RSS_SPLIT
        read_counters(process); /* threads count without an event */
#else
        if (changed)
            read_counters(process);
#endif
        if (changed != CHANGED && !process->drift && !due)
            return 0;
    }
    if (seq_write(LOAD_U64(meta), process, SIZE_process))
        process->changed = CHANGED; /* no room: this entry is visited again */
    return 0;
}

/* The same for the cgroups that have a tracked process: the id and the entry of each. Nothing
 * reports a change of a page counter, so all are read. */
int changed_groups(struct element *ctx)
{
    u64 *key = ctx->key;
    void *meta = ctx->meta;
    u32 zero = 0;
    if (!key)
        return 0;
    u64 id = LOAD_U64(key);
    struct cgroup_counters *counters = cgroups.lookup(&id);
    struct cgroup_counters *before = counters_before.lookup(&zero);
    if (!counters || !before || counters->processes <= 0)
        return 0;
    __builtin_memcpy(before, counters, READ_BYTES);
    read_cgroup(counters->memcg, counters);
    u64 differs = counters->changed;
#pragma unroll
    for (u32 word = 0; word < READ_BYTES / 8; word++)
        differs |= ((u64 *)before)[word] ^ ((u64 *)counters)[word];
    if (!differs)
        return 0;
    u64 file = LOAD_U64(meta);
    counters->changed = 0;
    if (seq_write(file, &id, sizeof(id)) || seq_write(file, counters, sizeof(*counters)))
        counters->changed = 1;
    return 0;
}
