/* What makes a C program one of Go's to whatever reads its file: the build info that Go's
 * linker writes since 1.18. Tests replace the last part of its main package in a copy. */
__attribute__((section(".go.buildinfo"), aligned(16), used)) char build_info[] =
    "\xff Go buildinf:\x08\x02"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\x06"
    "go1.22"
    "\x44"
    "0123456789abcdef"
    "path\texample.org/tools/e2e-00000000\n"
    "0123456789abcdef";
