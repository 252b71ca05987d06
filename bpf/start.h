/* The record of a process that is tracked from here on. */

struct start_record {
    struct header header;
    u8 process[SIZE_process];
    u32 args_len;
    u32 unused;
    char args[ARGS_LEN]; /* NUL between arguments */
    char program[PATH_LEN];
};
SAME_SIZE(start_record);

/* Without room for the record, user space finds the process in the map. */
static inline void report_start(struct process *process, u64 mm, u32 how, u64 filename)
{
    struct start_record *record = NULL;
    if (record_fits(&process->path, sizeof(*record)))
        record = records.ringbuf_reserve(sizeof(*record));
    if (!record) {
        lost(LOSS_RING_START);
        return;
    }
    set_header(&record->header, RECORD_START, sizeof(*record));
    __builtin_memcpy(record->process, process, sizeof(record->process));
    record->args_len = 0;
    record->program[0] = 0;
    if (how == START_EXEC || how == START_FORK) {
        u64 begin = read_u64(mm + AT(mm_struct, arg_start));
        u64 length = read_u64(mm + AT(mm_struct, arg_end)) - begin;
        if (length > ARGS_LEN - 1)
            length = ARGS_LEN - 1;
        if (!bpf_probe_read_user(record->args, length, (void *)begin))
            record->args_len = length;
    }
    if (filename)
        bpf_probe_read_kernel_str(record->program, PATH_LEN, (void *)filename);
    records.ringbuf_submit(record, 0);
}
