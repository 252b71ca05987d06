/* bcc picks some of its helpers by version; features are probed by us, so the oldest
 * kernel with a BPF ring buffer (5.8) is named, whatever runs. */
#pragma once

#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE KERNEL_VERSION(5, 8, 0)
