"""From C source to attached programs: types, compiler, bpf(2), maps."""
