/* Fields of the kernel's own structs, by BTF offset. A pointer that is no longer valid
 * reads as zero, and nothing faults. */

#ifdef RDONLY_CAST
/* See probe/loading/reads.py: a call of this number becomes one of bpf_rdonly_cast, and that
 * is no call at all once the verifier is through. */
static void *(*rdonly_cast)(u64 address, u32 type) = (void *)RDONLY_CAST;

static inline u64 read_u64(u64 address)
{
    return *(u64 *)rdonly_cast(address, READ_TYPE);
}

static inline u32 read_u32(u64 address)
{
    return *(u32 *)rdonly_cast(address, READ_TYPE);
}
#else
static inline u64 read_u64(u64 address)
{
    u64 value = 0;
    bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
    return value;
}

static inline u32 read_u32(u64 address)
{
    u32 value = 0;
    bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
    return value;
}
#endif

/* A loop over the numbers below `end`. The verifier follows each turn of a usual loop; of one
 * over an iterator only the first ones, since `at` is unknown to it (see probe/loading/loops.py). */
#ifdef ITER_NUM_NEW
static int (*iter_num_new)(u64 *iter, int begin, int end) = (void *)ITER_NUM_NEW;
static int *(*iter_num_next)(u64 *iter) = (void *)ITER_NUM_NEXT;
static void (*iter_num_destroy)(u64 *iter) = (void *)ITER_NUM_DESTROY;

static inline void end_loop(u64 *iter) { iter_num_destroy(iter); }

static inline int next_turn(u64 *iter, u64 *at, u64 end)
{
    int *next = iter_num_next(iter);
    u64 number = next ? *(u32 *)next : end;
    asm volatile("" : "+r"(number)); /* the bound must not be optimized away */
    *at = number;
    return number < end;
}

#define for_each(at, end) \
    for (u64 iter __attribute__((cleanup(end_loop))), \
             at = (iter_num_new(&iter, 0, end), 0); next_turn(&iter, &at, end);)
#else
#define for_each(at, end) for (u64 at = 0; at < (end); at++)
#endif

/* All bits if a < b, else none; neither is 2^63 or more. The verifier follows both ways of a
 * branch, at each of the levels, but an instruction only once. The compiler would make a
 * branch of a comparison, and of this shift as well. */
static inline u64 bits_if_less(u64 a, u64 b)
{
    u64 bits = a - b;
    asm volatile("%0 s>>= 63" : "+r"(bits));
    return bits;
}

/* All bits if there is any in `bits`, else none. */
static inline u64 bits_if_any(u64 bits)
{
    u64 any = bits | -bits;
    asm volatile("%0 s>>= 63" : "+r"(any));
    return any;
}

static inline u64 smaller(u64 a, u64 b) { return b + ((a - b) & bits_if_less(a, b)); }
static inline u64 larger(u64 a, u64 b) { return a + ((b - a) & bits_if_less(a, b)); }

static inline u32 tgid_of(u64 task) { return read_u32(task + AT(task_struct, tgid)); }
static inline u32 pid_of(u64 task) { return read_u32(task + AT(task_struct, pid)); }
static inline u64 mm_of(u64 task) { return read_u64(task + AT(task_struct, mm)); }
static inline u64 start_of(u64 task) { return read_u64(task + AT(task_struct, start_boottime)); }

static inline u64 leader_of(u64 task) { return read_u64(task + AT(task_struct, group_leader)); }

#define THREADS_SEEN 32

/* A thread of this process that has its memory and its cgroup, where the main thread has ended:
 * the kernel moves that one no more. Threads that have ended are on the list only while they
 * are traced. */
static inline u64 living_thread(u64 leader)
{
    u64 head = read_u64(leader + AT(task_struct, signal)) + AT(signal_struct, thread_head);
    u64 node = head, thread = leader;
    for_each(at, THREADS_SEEN) {
        if (mm_of(thread))
            break;
        node = read_u64(node);
        if (!node || node == head)
            break;
        thread = node - AT(task_struct, thread_node);
    }
    return thread;
}

static inline u32 flags_of(u64 task) { return read_u32(task + AT(task_struct, flags)); }
#define PF_EXITING 0x4
#define PF_KTHREAD 0x200000

static inline u32 parent_of(u64 task)
{
    return tgid_of(read_u64(task + AT(task_struct, real_parent)));
}

/* The inode that an mm's program was executed from: the same file has the same inode as long
 * as a program that runs refers to it. */
static inline u64 program_of(u64 mm)
{
    u64 file = read_u64(mm + AT(mm_struct, exe_file));
    return file ? read_u64(file + AT(file, f_inode)) : 0;
}

/* The memory cgroup a task is charged to; right on v1 and v2 alike. */
static inline u64 memcg_of(u64 task)
{
    u64 set = read_u64(task + AT(task_struct, cgroups));
    return read_u64(set + AT(css_set, subsys) + 8 * MEMORY_CGRP_ID);
}

/* The cgroup that is charged for an mm: that of its owner, not of a thread that was moved. */
static inline u64 memcg_of_mm(u64 mm)
{
    return memcg_of(read_u64(mm + AT(mm_struct, owner)));
}

static inline u64 cgroup_id(u64 cgroup)
{
    return read_u64(read_u64(cgroup + AT(cgroup, kn)) + AT(kernfs_node, id));
}

/* The id of the cgroup that is `level` levels below the root, on the path to this one, which
 * is at that level or below it. */
static inline u64 ancestor_id(u64 cgroup, u32 level)
{
#ifdef AT_cgroup_ancestors /* 7f203bc89eb6 "cgroup: Replace cgroup->ancestor_ids[] …", 6.1 */
    return cgroup_id(read_u64(cgroup + AT_cgroup_ancestors + 8 * level));
#else
    return read_u64(cgroup + AT_cgroup_ancestor_ids + 8 * level);
#endif
}

/* mem_cgroup begins with its css. */
static inline u64 cgroup_of(u64 memcg)
{
    return memcg ? read_u64(memcg + AT(cgroup_subsys_state, cgroup)) : 0;
}

static inline u64 memcg_id(u64 memcg)
{
    return memcg ? cgroup_id(cgroup_of(memcg)) : 0;
}

/* All bits if a memory cgroup is on cgroup v2, the hierarchy that /proc/PID/cgroup numbers 0;
 * else none. */
static inline u64 on_v2(u64 memcg)
{
    u64 root = read_u64(read_u64(memcg + AT(cgroup_subsys_state, cgroup)) + AT(cgroup, root));
    return bits_if_less(read_u32(root + AT(cgroup_root, hierarchy_id)), 1);
}

/* What an iterator writes for user space to read. The first field of its context's `meta` is
 * the file. It is loaded by assembly: bcc would turn these loads into calls of bpf_probe_read,
 * and their types would be lost. */
#define LOAD_U64(pointer) ({ \
    u64 loaded; \
    asm volatile("%0 = *(u64 *)(%1 + 0)" : "=r"(loaded) : "r"(pointer)); \
    loaded; \
})

static long (*seq_write)(u64 file, const void *data, u32 size) = (void *)127;

/* What an iterator over tasks gets, struct bpf_iter__task. */
struct task_element {
    void *meta;
    void *task;
};

/* What an iterator over a map gets, struct bpf_iter__bpf_map_elem. The key is NULL after the
 * last entry. */
struct element {
    void *meta;
    void *map;
    u64 *key;
    void *value;
};
