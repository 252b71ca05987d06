/* The memory of an idle process is filled by its child, which no fuse is to mistake for a
 * debugger:
 *
 *   fill-call    by process_vm_writev
 *   fill-mem     by /proc/PID/mem
 *   fill-poke    by PTRACE_POKEDATA
 *   fill-uffd    by a userfaultfd of the parent's memory
 *   fill-shared  as `fill-mem`, memory that the parent has mapped shared
 *   fill-halted  as `fill-call`, while the parent has stopped itself
 */
#include <stddef.h>

int fill(const char *mode, size_t bytes);
