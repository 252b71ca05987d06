/* bcc puts this in front of every translation unit, and asks for this one option. */
#pragma once

#define CONFIG_BPF_SYSCALL 1
