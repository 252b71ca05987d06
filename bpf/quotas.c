/* What user space runs to keep the quotas right: see quota.h. */

/* Run with the id of a cgroup that has no entry of any table, or whose parent is gone. */
int evict_quota(struct bpf_raw_tracepoint_args *ctx)
{
    u64 id = ctx->args[0];
    struct quota *node = quotas.lookup(&id);
    if (!node)
        return 0;
    u64 parent = node->parent;
    if (node->used <= 0 || (parent && !quotas.lookup(&parent)))
        forget_quota(id);
    return 0;
}

/* Run with (id, table, correction), where user space has counted the entries of a table anew. */
int correct_quota(struct bpf_raw_tracepoint_args *ctx)
{
    u64 id = ctx->args[0], table = ctx->args[1];
    s64 by = ctx->args[2];
    struct quota *node = quotas.lookup(&id);
    if (!node || table >= TABLES)
        return 0;
    if (table != TABLE_QUOTAS)
        __sync_fetch_and_add(&node->used, by);
    asm volatile("" : "+r"(table)); /* the bound must not be optimized into an earlier one */
    __sync_fetch_and_add(&node->entries[table & 7], by); /* 7: within the struct */
    return 0;
}
