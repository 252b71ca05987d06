/* Reads commands from stdin, one a line, and answers each with a line: `ok …` or
 * `error ERRNO COMMAND`. With `--do SCRIPT` it runs the script, silent, and then waits
 * to be killed. The first answer, before any command, is `ok PID`.
 *
 * Nothing here allocates behind the tester's back: buffers are static, stdio and malloc
 * are not used, and all pages of the program are in memory before the first answer.
 */
#define _GNU_SOURCE
#include "exact.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

bool quiet;
int script_pipe = -1;
char *program;
char **environment;

static char line[1 << 16], reply[1 << 16], held[1 << 16];
static size_t held_length;

bool answer(const char *format, ...)
{
    if (quiet)
        return true;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(reply, sizeof(reply) - 1, format, arguments);
    va_end(arguments);
    reply[length++] = '\n';
    for (int done = 0; done < length;) {
        ssize_t wrote = write(STDOUT_FILENO, reply + done, length - done);
        if (wrote <= 0)
            _exit(1); /* the tester is gone */
        done += wrote;
    }
    return true;
}

bool bytes_of(const char *text, size_t *out)
{
    char *unit;
    errno = 0;
    unsigned long long number = strtoull(text, &unit, 0);
    int shift = !*unit                 ? 0
                : !strcmp(unit, "KiB") ? 10
                : !strcmp(unit, "MiB") ? 20
                : !strcmp(unit, "GiB") ? 30
                                       : -1;
    if (errno || unit == text || shift < 0) {
        errno = EINVAL;
        return false;
    }
    *out = (size_t)number << shift;
    return true;
}

bool stdin_waits(int for_ms)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    return held_length || poll(&in, 1, for_ms) > 0;
}

static const struct entry *find(const struct entry *in, const char *name)
{
    for (; in->name; in++)
        if (!strcmp(in->name, name))
            return in;
    return NULL;
}

static void run_command(char *text, char *rest)
{
    struct words w = {.rest = rest};
    char *save, *name = strtok_r(text, " ", &save);
    if (!name)
        return;
    const struct entry *entry = find(mapping_commands, name);
    if (!entry)
        entry = find(growth_commands, name);
    if (!entry)
        entry = find(process_commands, name);
    for (char *word; w.count < WORDS_MAX && (word = strtok_r(NULL, " ", &save));)
        w.at[w.count++] = word;
    errno = EINVAL;
    if (entry && w.count >= entry->least && entry->run(&w))
        return;
    answer("error %s %s", strerrorname_np(errno), name);
    if (quiet)
        _exit(100); /* a script that failed must not look like one that worked */
}

static char *cut(char *script)
{
    char *end = strchr(script, ';');
    if (end)
        *end++ = 0;
    return end;
}

/* The rest of these commands' script is their child's. */
static bool hands_on(const char *text)
{
    text += strspn(text, " ");
    return !strncmp(text, "fork", 4) || !strncmp(text, "spawn", 5) || !strncmp(text, "burst", 5);
}

void run_script(char *script)
{
    while (script) {
        char *rest = cut(script);
        bool over = hands_on(script);
        run_command(script, rest);
        script = over ? NULL : rest;
    }
    if (script_pipe >= 0)
        close(script_pipe);
    for (;;)
        pause();
}

static bool next_line(void)
{
    for (;;) {
        char *end = memchr(held, '\n', held_length);
        if (end) {
            size_t length = end - held;
            memcpy(line, held, length);
            line[length] = 0;
            held_length -= length + 1;
            memmove(held, end + 1, held_length);
            return true;
        }
        ssize_t got = read(STDIN_FILENO, held + held_length, sizeof(held) - held_length);
        if (got <= 0)
            return false;
        held_length += got;
    }
}

/* Faults every page in now, so that from here on only commands move the numbers. */
static void settle(void)
{
    struct rlimit no_core = {0};
    setrlimit(RLIMIT_CORE, &no_core);
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* a touched page is one page, not 512 */
    if (!mlockall(MCL_CURRENT))
        munlockall();
}

int main(int argc, char **argv, char **envp)
{
    program = argv[0];
    environment = envp;
    settle();
    if (argc == 3 && !strcmp(argv[1], "--do")) {
        quiet = true;
        run_script(argv[2]);
    }
    answer("ok %d", getpid());
    while (next_line())
        run_command(line, cut(line));
    return 0;
}
