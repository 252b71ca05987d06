/* The two rings, and how much of one a cgroup may have.
 *
 * User space reads `urgent` before and between the others, so that a breach or a stop never
 * waits for them. Of `records` a job could fill all by forking or executing in a loop, so
 * that nothing of the other jobs fitted: each cgroup has a share, which is renewed whenever
 * user space has read everything, or as much as the ring holds. */

BPF_RINGBUF_OUTPUT(records, RING_PAGES);
BPF_RINGBUF_OUTPUT(urgent, URGENT_PAGES);
BPF_ARRAY(ring_round, u64, 1); /* user space counts it up, which renews all shares */
BPF_ARRAY(cgroup_records, struct ring_share, 1); /* of all cgroups made and removed */

static inline int fits(struct ring_share *share, u32 size)
{
    u32 zero = 0;
    u64 *round = ring_round.lookup(&zero);
    if (!round)
        return 0;
    if (share->round != *round) {
        share->round = *round;
        share->bytes = 0;
    }
    if (share->bytes + size > RING_SHARE)
        return 0;
    __sync_fetch_and_add(&share->bytes, size);
    return 1;
}

/* Whether the processes of a cgroup may have so much more of `records`. */
static inline int cgroup_fits(u64 memcg_id, u32 size)
{
    struct cgroup_counters *counters = cgroups.lookup(&memcg_id);
    return !counters || fits(&counters->ring, size);
}

/* Whether a rename or a move is to be reported. What is not is found by the next reading:
 * these are states, of which only the last counts. */
static inline int report_change(struct process *process)
{
    u64 now = bpf_ktime_get_ns();
    if (now - process->changes_since > CHANGES_NS) {
        process->changes_since = now;
        process->changes = 0;
    }
    if (process->changes >= CHANGES)
        return 0;
    process->changes++;
    return 1;
}
