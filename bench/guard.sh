# The guard that people write: asks how much a cgroup holds, sleeps, asks again.
# usage: sh guard.sh FILE BOUND SECONDS HOOK...
# It is given every advantage: the shell reads the file itself, and starts the hook directly.
file=$1 bound=$2 seconds=$3
shift 3
while read -r held <"$file"; do
    if [ "$held" -ge "$bound" ]; then "$@"; fi
    sleep "$seconds"
done
