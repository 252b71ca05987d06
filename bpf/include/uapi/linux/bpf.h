/* bcc brings a copy of this header of its own (bcc/bpf.h), included before. */
#pragma once
