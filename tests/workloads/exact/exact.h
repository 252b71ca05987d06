/* A process that changes its memory exactly as asked, and does nothing else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORDS_MAX 8
#define PAGE 4096UL

struct words {
    int count;
    char *at[WORDS_MAX];
    char *rest; /* what follows the command on the line, uncut: a script for a child */
};

/* Each returns true after it answered `ok`, false with errno set. */
typedef bool (*command)(struct words *w);

struct entry {
    const char *name;
    int least; /* arguments it cannot do without */
    command run;
};

extern const struct entry mapping_commands[];
extern const struct entry growth_commands[];
extern const struct entry process_commands[];

extern bool quiet;        /* a scripted child sends no replies */
extern int script_pipe;   /* closed when a scripted child is done: its parent waits for that */
extern char *program;     /* the path this process was started by */
extern char **environment;

bool answer(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool bytes_of(const char *text, size_t *out); /* "7", "64KiB", "100MiB", "0xc000000000" */
void *anonymous(void *hint, size_t length);
bool note(void *at, size_t length); /* a new mapping, under the index used - 1 */
void *mapping_of(const char *index, size_t *length); /* NULL, with errno, if there is none */
extern int used;
void touch_pages(volatile char *from, size_t length);
bool stdin_waits(int for_ms);
_Noreturn void run_script(char *script); /* commands split by ';', then waits to be killed */
