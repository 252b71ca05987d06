/* Commands that map, touch, move and unmap. IDX is the number `map` and its kin
 * answered; sizes take KiB, MiB, GiB. */
#define _GNU_SOURCE
#include "exact.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
    char *at;
    size_t length;
} mappings[1 << 12];
int used;

void touch_pages(volatile char *from, size_t length)
{
    for (size_t at = 0; at < length; at += PAGE)
        from[at] = 1;
}

void *anonymous(void *hint, size_t length)
{
    return mmap(hint, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

bool note(void *at, size_t length)
{
    if (at == MAP_FAILED)
        return false;
    if (used == sizeof(mappings) / sizeof(*mappings)) {
        errno = ENOSPC;
        return false;
    }
    mappings[used].at = at;
    mappings[used++].length = length;
    return true;
}

static bool keep(void *at, size_t length)
{
    return note(at, length) && answer("ok %d %p", used - 1, at);
}

static bool index_of(const char *text, int *out)
{
    size_t number;
    if (!bytes_of(text, &number) || number >= (size_t)used) {
        errno = EINVAL;
        return false;
    }
    *out = number;
    return true;
}

void *mapping_of(const char *text, size_t *length)
{
    int index;
    if (!index_of(text, &index))
        return NULL;
    *length = mappings[index].length;
    return mappings[index].at;
}

/* IDX [OFFSET LENGTH] */
static bool span_of(struct words *w, int *index, size_t *offset, size_t *length)
{
    if (!index_of(w->at[0], index))
        return false;
    *offset = 0;
    *length = mappings[*index].length;
    if (w->count == 1)
        return true;
    if (w->count != 3 || !bytes_of(w->at[1], offset) || !bytes_of(w->at[2], length))
        return false;
    errno = EINVAL;
    return *offset <= mappings[*index].length && *length <= mappings[*index].length - *offset;
}

/* map BYTES [ADDRESS]: private and anonymous; the address is a hint, as Go's runtime gives */
static bool map(struct words *w)
{
    size_t length, hint = 0;
    if (!bytes_of(w->at[0], &length) || (w->count > 1 && !bytes_of(w->at[1], &hint)))
        return false;
    return keep(anonymous((void *)hint, length), length);
}

/* shmem BYTES: shared and anonymous */
static bool shmem(struct words *w)
{
    size_t length;
    if (!bytes_of(w->at[0], &length))
        return false;
    int flags = MAP_SHARED | MAP_ANONYMOUS;
    return keep(mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0), length);
}

/* mapfile PATH BYTES shared|private */
static bool mapfile(struct words *w)
{
    size_t length;
    int flags = !strcmp(w->at[2], "shared") ? MAP_SHARED : MAP_PRIVATE;
    if (!bytes_of(w->at[1], &length))
        return false;
    int file = open(w->at[0], O_RDWR | O_CLOEXEC);
    if (file < 0)
        return false;
    void *at = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, file, 0);
    close(file);
    return keep(at, length);
}

/* touch IDX [OFFSET LENGTH]: write to every page */
static bool touch(struct words *w)
{
    int index;
    size_t offset, length;
    if (!span_of(w, &index, &offset, &length))
        return false;
    touch_pages(mappings[index].at + offset, length);
    return answer("ok");
}

/* look IDX [OFFSET LENGTH]: read every page */
static bool look(struct words *w)
{
    int index;
    size_t offset, length;
    if (!span_of(w, &index, &offset, &length))
        return false;
    for (size_t at = 0; at < length; at += PAGE)
        (void)*(volatile char *)(mappings[index].at + offset + at);
    return answer("ok");
}

/* remap IDX BYTES */
static bool remap(struct words *w)
{
    int index;
    size_t length;
    if (!index_of(w->at[0], &index) || !bytes_of(w->at[1], &length))
        return false;
    void *at = mremap(mappings[index].at, mappings[index].length, length, MREMAP_MAYMOVE);
    if (at == MAP_FAILED)
        return false;
    mappings[index].at = at;
    mappings[index].length = length;
    return answer("ok %d %p", index, at);
}

/* unmap IDX [OFFSET LENGTH] */
static bool unmap(struct words *w)
{
    int index;
    size_t offset, length;
    return span_of(w, &index, &offset, &length) &&
           !munmap(mappings[index].at + offset, length) && answer("ok");
}

/* fixed IDX [OFFSET LENGTH]: replace by fresh anonymous memory, in place */
static bool fixed(struct words *w)
{
    int index;
    size_t offset, length;
    return span_of(w, &index, &offset, &length) &&
           mmap(mappings[index].at + offset, length, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED &&
           answer("ok");
}

static bool advise(struct words *w, int advice)
{
    int index;
    size_t offset, length;
    return span_of(w, &index, &offset, &length) &&
           !madvise(mappings[index].at + offset, length, advice) && answer("ok");
}

/* dontneed IDX [OFFSET LENGTH] */
static bool dontneed(struct words *w)
{
    return advise(w, MADV_DONTNEED);
}

const struct entry mapping_commands[] = {
    {"map", 1, map},     {"shmem", 1, shmem}, {"mapfile", 3, mapfile}, {"touch", 1, touch},
    {"look", 1, look},   {"remap", 2, remap}, {"unmap", 1, unmap},     {"fixed", 1, fixed},
    {"dontneed", 1, dontneed}, {0},
};
