"""Whether a policy's conditions hold, asked of snapshots and of kernel watermarks."""
