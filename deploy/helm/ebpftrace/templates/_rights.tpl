{{- define "ebpftrace.rights" -}}
{{- if .Values.privileged -}}
privileged: true
{{- else -}}
privileged: false
allowPrivilegeEscalation: false
runAsUser: 0 # its files, and those of the cgroups, are root's
# The default profiles of some runtimes refuse bpf(2) and perf_event_open(2) also with
# the capabilities for them, and AppArmor's to read other processes' environments.
seccompProfile: {type: Unconfined}
appArmorProfile: {type: Unconfined}
capabilities:
  drop: [ALL]
  add:
    - BPF # load the programs and their maps
    - PERFMON # attach them to tracepoints, read kernel memory in them
    - SYS_PTRACE # see which program another user's process runs; on older kernels, of which CI run it is
    - DAC_READ_SEARCH # find a cgroup by its id, read executables of other users
    - DAC_OVERRIDE # write the files of cgroups that were delegated to other users
    - KILL # signal the processes of other users
    - SYS_NICE # run before the jobs when a process is to be ended
    - SYS_RESOURCE # raise its limits of locked memory and descriptors, lower its oom score
    - IPC_LOCK # keep its memory resident on a full node
{{- end }}
readOnlyRootFilesystem: true
{{- end }}
