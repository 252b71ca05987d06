/*
 * What the kernel side keeps in its maps. ebpftrace/probe/structs.py mirrors these structs,
 * and ebpftrace/probe/records.py the records, which are defined beside the programs that
 * write them. The sizes are compared when the programs are compiled.
 *
 * Kernel structs are never included. AT(struct,field) is a field's offset, which the loader
 * takes from the running kernel's BTF for every AT() in these files. Offsets of fields that
 * only some kernels have are spelled AT_struct_field; see probe/loading/layout.py.
 */
#define AT(name, field) AT_##name##_##field

#define COMM_LEN 16
#define ARGS_LEN 256
#define PATH_LEN 256
#define MEMBERS 4 /* file, anon, swap, shmem: the order of mm_struct.rss_stat */
#define CALL_KINDS 5 /* other, mmap, munmap, brk, mremap */
#define CHANGES 8 /* renames and moves of a process that are reported … */
#define CHANGES_NS 100000000ULL /* … within this time */

/* How a process came to be tracked; ebpftrace.events.StartCause. */
enum start { START_EXEC = 1, START_FORK, START_RENAME, START_FOUND, START_MOVED, START_SHARED,
             /* Its process has ended, others still share the memory: see sharing.h. */
             START_LEFT };

/* Why something was missed. Counted in `losses`, shown by name. */
enum loss { LOSS_RING_START, LOSS_RING_EXIT, LOSS_RING_OTHER, LOSS_PROCESSES_FULL,
            LOSS_LINEAGE_FULL, LOSS_CGROUPS_FULL, LOSS_RECLAIM_FULL, LOSS_CALLS_FULL,
            LOSS_STOPPED_FULL, LOSS_FUSE_UNSENT, LOSS_CAUSES };

/* What a fuse's bound is of: the process's own pages, the sum of its cgroup's tracked
 * processes, or the whole charge of its cgroup. */
enum fuse_of { FUSE_PROCESS = 1, FUSE_JOB, FUSE_CHARGE };

#define QUOTA_LEVELS 8 /* from the root down; what is deeper counts at the last of them */

/* The cgroups from the root down to a process's own, by kernfs id; 0: there are no more. It
 * is kept with each entry: the cgroups may be gone when the entry is removed. */
struct quota_path {
    u64 ids[QUOTA_LEVELS];
    u64 missing; /* in `quotas`, when it was last compared */
};

/* The tables that have quotas. TABLE_QUOTAS is `quotas` itself. */
enum table { TABLE_PROCESSES, TABLE_CGROUPS, TABLE_LINEAGE, TABLE_RECLAIM, TABLE_STOPPED,
             TABLE_QUOTAS, TABLES };

/* What was written to a ring in one round, in bytes or records; see ring.h. */
struct share {
    u64 round;
    s64 bytes;
};

enum { SHARE_RECORDS, SHARE_STOPS, SHARE_CHANGES, SHARES };

enum { OTHER_CGROUPS, OTHER_VICTIMS, OTHERS }; /* records of no tracked process */

/* What the processes in a cgroup and in all below it have; see quota.h. */
struct quota {
    u64 parent; /* kernfs id; 0: this is the root */
    s64 entries[TABLES];
    s64 used; /* all of them but those of `quotas` */
    struct share shares[SHARES]; /* of the rings: see ring.h */
};

struct call_count {
    u64 calls;
    u64 gained; /* bytes */
    u64 released;
};

#define CHANGED 2
#define DUE 1 /* which is no mem_cgroup: `read_process` is to charge it to its cgroup */

/* One process, keyed by its mm: the hot handlers know the mm, and only that is certain when
 * the kernel works on another process's memory. Sizes are pages unless noted. */
struct process {
    u64 mm;
    u64 start_boottime; /* ns */
    u64 memcg; /* struct mem_cgroup */
    u64 memcg_id; /* kernfs id: the inode of the cgroup's folder */
    u32 tgid;
    u32 parent;
    u32 forked; /* no exec since fork; else nothing is `inherited` */
    u32 how; /* written last: an entry without it is not complete yet */
    char comm[COMM_LEN];
    s64 pages[MEMBERS];
    s64 inherited[MEMBERS];
    s64 peak; /* file + anon + shmem */
    u64 drift; /* by how much the last exact reading corrected, all members */
    u64 total_vm;
    u64 stack_vm;
    u64 start_brk; /* bytes */
    u64 brk; /* bytes */
    u64 mapped;
    u64 unmapped;
    u64 mapping_changes;
    u64 brk_moves;
    u64 stalled; /* ns */
    u64 stalls;
    u64 changes_since; /* ns; `changes` renames and moves were reported since */
    u64 changes;
    u64 same_program; /* 1: a watched process started it, from its own executable */
    struct quota_path path; /* of `memcg` */
    u64 moved_to; /* struct mem_cgroup: `memcg` was another at the last reading; or DUE */
    u64 heir; /* struct task_struct: it has the memory of a process that was left */
    u64 joined; /* it is one of the `processes` of its cgroup's entry */
    u64 from; /* the mm that a forked child is a copy of */
    u64 changed; /* CHANGED: since the last reading; 1: before that, and it is read once more */
#ifdef WATERMARKS
    s64 mark; /* own held pages that are reported once; 0: none */
    s64 counted; /* its part of its cgroup's `held` */
    s64 fuse; /* own held pages at which it is stopped; 0: none */
    s64 fuse_charge; /* pages charged to its cgroup at which it is stopped; 0: none */
    s64 stopped_at; /* own held pages as it was stopped; 0: it was not */
    u64 stopped_ns;
    u64 fuse_signal;
    s64 counted_shmem; /* its parts of its cgroup's `shmem` … */
    s64 counted_swap; /* … and `swap` */
    s64 fuse_spared; /* own held pages below which no fuse stops it */
    u64 fuse_resumed; /* enum resumed */
    u64 resumed_since; /* ns; `resumed` times another program resumed it since */
    u64 resumed;
    s64 filled_from; /* own held pages as another process was first seen to add some; 0: none */
    u64 closed; /* 1: it is in no sum while its cgroup is changed, or it is removed */
    u64 signalled; /* user space's number of a step that signalled it, or what it is a copy of */
    s64 shared; /* shmem pages that were mapped then, and are still in its copies */
#endif
#ifdef MAPPING_CALLS
    struct call_count calls[CALL_KINDS];
    s64 under_way; /* entries of `calls` */
#endif
#ifdef RSS_PERCPU
    /* What follows is in no record. */
    s64 base[MEMBERS]; /* of the kernel's counters, as it was last folded into: see memory.c */
    s16 deltas[CPUS][MEMBERS]; /* of each CPU, at its last event */
#endif
};

#define MM_SLOT_BITS 14
#define MM_SLOTS (1 << MM_SLOT_BITS)

/* How many tracked processes there are in each slot, to which an mm belongs by its address. */
struct tracked_mms {
    u32 counts[MM_SLOTS];
};

/* A cgroup on the path to the root that has a limit or a memory.high. Pages; NO_LIMIT: none. */
struct limit_level {
    u64 id; /* kernfs id */
    u64 above; /* the cgroup itself: 0, its parent: 1, and so on */
    u64 charge;
    u64 limit;
    u64 high;
    u64 kernel; /* this and the next as in cgroup_counters */
    u64 droppable;
};

#define LEVELS 4

/* A thread in direct reclaim. */
struct reclaim {
    u64 since; /* CLOCK_MONOTONIC, ns */
    struct quota_path path;
};

struct cgroup_counters {
    u64 memcg; /* struct mem_cgroup; valid until the cgroup's rmdir */
    u64 charge; /* pages */
    u64 peak; /* pages */
    u64 limit; /* pages, the lowest; NO_LIMIT: none on the path to the root */
    u64 kernel; /* pages of kernel memory in the charge; NOT_COUNTED on v2 */
    u64 droppable; /* pages of that which the kernel would take back; NOT_COUNTED on v2 */
    u64 stuck; /* a task waits at the limit, and the OOM killer is disabled: v1 */
    u64 limit_hits;
    u64 oom_kills;
    u64 lows; /* this and the next three as in memory.events of v2, or NOT_COUNTED */
    u64 highs;
    u64 ooms;
    u64 group_kills;
    u64 stalled; /* ns */
    u64 stalls;
    u64 found; /* levels with a limit or a memory.high; there may be more than are kept */
    struct limit_level levels[LEVELS]; /* the lowest first */
    struct quota_path path;
    s64 processes; /* tracked, and charged to it */
    u64 blank; /* not read yet */
    u64 changed; /* in another way than a reading of the cgroup finds */
#ifdef WATERMARKS
    s64 held; /* pages: the tracked processes' own anon, shmem and swap */
    s64 mark; /* as in struct process, for the sum */
    u64 last; /* mm of the process that moved the sum last */
    s64 fuse; /* as in struct process, for the sum */
    u64 fuse_signal;
    s64 fuse_least; /* what the cgroup must hold at most for a stop: see most_held */
    s64 shmem; /* the parts of `held`: pages that several processes may count … */
    s64 swap; /* … and pages that are not in the charge */
    s64 filled_from; /* `held` as others were first seen to fill a process beyond a bound; 0: none */
    u64 armed; /* user space has set `fuse` */
#endif
};

/* What read_cgroup writes. */
#define READ_BYTES __builtin_offsetof(struct cgroup_counters, path)

#define NO_LIMIT (~0ULL)
#define NOT_COUNTED (~0ULL)
#define MAX_S64 (~0ULL >> 1)

struct header {
    u32 type;
    u32 size;
    u64 time; /* CLOCK_MONOTONIC, ns */
};

/* Fills in the header of a record; RECORD_… are the rows of RECORDS in probe/records.py. */
static inline void set_header(struct header *header, u32 type, u32 size)
{
    header->type = type;
    header->size = size;
    header->time = bpf_ktime_get_ns();
}

/* What becomes of a stopped process that another program resumes again and again. */
enum resumed { RESUMED_NEAR = 0, /* it is killed where the limit is near, else stopped again */
               RESUMED_KILL, RESUMED_STOP };

/* A process that a fuse stopped or killed, and the tracked process whose memory it has: itself,
 * or the one that it shares all memory with. */
struct stop {
    u64 start_boottime;
    u64 memcg_id;
    u64 time; /* CLOCK_MONOTONIC, ns */
    s64 held; /* pages, its own */
    s64 measured; /* pages, of what crossed */
    s64 bound; /* pages */
    u64 owner_start_boottime;
    u32 tgid;
    u32 of; /* enum fuse_of */
    u32 signal;
    u32 owner;
    u32 resumed; /* how often within a second; 0 unless it was killed for that */
    u32 filled; /* 1: another process's write crossed the bound; user space sends the signal */
};

struct stop_record {
    struct header header;
    struct stop stop;
};

/* The bound of every process from its first page on, before user space knows of it. */
struct fuse_default {
    s64 pages; /* 0: `parts` of the limit */
    u32 parts; /* of PARTS_OF_LIMIT */
    u32 of; /* enum fuse_of; 0: none */
    u32 signal;
    u32 resumed; /* enum resumed */
};

#define PARTS_OF_LIMIT 10000

#define SAME_SIZE(name) _Static_assert(sizeof(struct name) == SIZE_##name, #name)
#ifdef RSS_PERCPU
_Static_assert(__builtin_offsetof(struct process, base) == SIZE_process, "process");
#endif
_Static_assert(sizeof(struct process) == SIZE_tracked, "tracked");
SAME_SIZE(cgroup_counters);
SAME_SIZE(quota);
SAME_SIZE(stop);
SAME_SIZE(stop_record);
SAME_SIZE(fuse_default);
