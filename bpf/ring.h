/* The two rings, and how much of them a job may have.
 *
 * Of `records` a job could fill all by forking or executing in a loop, so that nothing of the
 * other jobs fitted: it has a quota, as of the tables (quota.h), which is renewed whenever user
 * space has read everything, or as much as the ring holds.
 *
 * User space reads `urgent` before and between the others, so that a breach or a stop never
 * waits for them. A breach is reported once for each bound that user space sets, and there is
 * room for one of each process and each cgroup (`urgent_bytes` in settings.py). Processes that
 * are stopped at their cgroup's bound, killed and started anew would keep user space from
 * everything else: of them a job has a quota, which is renewed by time, since what was read is
 * not handled yet. The stops beyond it are found in `stopped` by the next readings, which have
 * a quota as well (fuses.py).
 *
 * So it is with renames and moves, of which only the last one of a process counts: each process
 * has some within a tenth of a second, and the processes of a job a share together. The next
 * reading finds what was not reported. */

BPF_RINGBUF_OUTPUT(records, RING_PAGES);
BPF_RINGBUF_OUTPUT(urgent, URGENT_PAGES);
BPF_ARRAY(ring_round, u64, 1); /* user space counts it up, which renews quotas of `records` */
BPF_ARRAY(other_records, struct share, OTHERS); /* of no tracked process */

#define RING_PART 4 /* instead of QUOTA_PART: a start comes late if it does not fit */

#define ROUND_SHIFT 28 /* 0.27 s */
#define STOPS_BYTES (1 << 12)
#define CHANGES_IN_ROUND 256

/* Whether the processes of a cgroup may have so much more in this round. */
static inline int share_fits(struct quota_path *path, u32 which, u64 round, s64 most, s64 size)
{
    u32 zero = 0;
    struct quota *blank = blank_quota.lookup(&zero);
    if (!blank)
        return 0;
    s64 none = blank->used, quota = most + none, above = none;
    u64 fits = ~none;
    for_each(level, QUOTA_LEVELS) {
        u64 id = path->ids[level];
        struct quota *node = id ? quotas.lookup(&id) : NULL;
        if (!node)
            continue;
        struct share *share = &node->shares[which];
        s64 bytes = share->bytes & ~bits_if_any(share->round ^ round);
        quota = quota_below(quota, level, above, bytes, RING_PART);
        fits &= bits_if_less(bytes + size, quota + 1) | ~bits_if_any(level);
        above = bytes;
    }
    if (!(fits & 1))
        return 0;
    for_each(level, QUOTA_LEVELS) {
        u64 id = path->ids[level];
        struct quota *node = id ? quotas.lookup(&id) : NULL;
        if (!node)
            continue;
        struct share *share = &node->shares[which];
        if (share->round != round) {
            share->round = round;
            share->bytes = 0;
        }
        __sync_fetch_and_add(&share->bytes, size);
    }
    return 1;
}

static inline int record_fits(struct quota_path *path, s64 size)
{
    u32 zero = 0;
    u64 *round = ring_round.lookup(&zero);
    return round && share_fits(path, SHARE_RECORDS, *round, RING_BYTES, size);
}

static inline int stop_fits(struct quota_path *path, u64 now, s64 size)
{
    return share_fits(path, SHARE_STOPS, now >> ROUND_SHIFT, STOPS_BYTES, size);
}

/* The same for records of no tracked process: all cgroups made and removed have an eighth of
 * the ring, and all victims of the OOM killer a sixteenth, so that these and the records of one
 * job leave a sixteenth. */
static inline int other_record_fits(u32 which, u32 size)
{
    u32 zero = 0;
    u64 *round = ring_round.lookup(&zero);
    struct share *share = other_records.lookup(&which);
    if (!round || !share)
        return 0;
    if (share->round != *round) {
        share->round = *round;
        share->bytes = 0;
    }
    if (share->bytes + size > RING_BYTES / (which == OTHER_CGROUPS ? 8 : 16))
        return 0;
    __sync_fetch_and_add(&share->bytes, size);
    return 1;
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
    return share_fits(&process->path, SHARE_CHANGES, now >> ROUND_SHIFT, CHANGES_IN_ROUND, 1);
}
