/* Which program may change what an entry is of, or remove it. Two CPUs do that at once where a
 * process is moved while it ends, say, or where two threads give it a watched name: both would
 * count it in, or out, and the second would work on an element that has another key by then.
 *
 * A claim is an entry in a map, which one of them inserts. The other tries again for some
 * microseconds, and what it does where that does not help is said beside its call: the first
 * may have been interrupted. Claims of an mm and of a cgroup's id never meet: an mm is an
 * address of the kernel. */

#define CLAIM_TRIES 8 /* the verifier follows each, at each call */
#define PAUSE_BYTES 16384

struct pause {
    u8 bytes[PAUSE_BYTES];
};

BPF_HASH(claims, u64, u8, 4096);
BPF_ARRAY(pauses, struct pause, 1); /* never used but to copy it to itself, which takes time */

static inline int claim(u64 key)
{
    u8 one = 1;
    u32 zero = 0;
    struct pause *pause = pauses.lookup(&zero);
#pragma clang loop unroll(disable)
    for (u32 tries = 0; tries < CLAIM_TRIES; tries++) {
        if (!claims.insert(&key, &one))
            return 1;
        if (pause)
            bpf_probe_read_kernel(pause->bytes, PAUSE_BYTES, pause->bytes);
    }
    return 0;
}

static inline void release(u64 key) { claims.delete(&key); }

/* Whether a thread of its process has not ended yet: the end will be seen, by a program that
 * finds what was inserted before this was asked. */
static inline int is_alive(u64 task)
{
    return read_u32(read_u64(task + AT(task_struct, signal)) + AT(signal_struct, live)) > 0;
}
