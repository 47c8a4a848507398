#!/bin/sh
# containers.sh ROOT ARCHIVE...: puts container images where the machine's own containerd has them: unpacked, as if it had
# pulled them, and pinned, so that the kubelet leaves them when it makes room. Prints the list of them. Run in mount and
# process namespaces of its own, so that no mount and no process outlives it.
set -eu
umask 022
root=$1
shift
run=/run/engine-image
control() {
  chroot "$root" ctr --address "$run/socket" --namespace k8s.io "$@"
}

mkdir -p "$root$run" "$root/var/lib/containerd"
mount -t proc proc "$root/proc"
# Version 2 is read by containerd 1.7 and, converted, by 2.x.
cat >"$root$run/containerd.toml" <<'CONF'
version = 2
disabled_plugins = ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri"]
CONF
chroot "$root" containerd --config "$run/containerd.toml" --root /var/lib/containerd --state "$run/state" \
  --address "$run/socket" --log-level warn >&2 &
daemon=$!
tries=0
until control version >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || { echo "containerd does not answer" >&2; exit 1; }
  sleep 0.1
done
for archive in "$@"; do
  control images import --local --snapshotter overlayfs - <"$archive" >&2
done
names=$(control images list --quiet)
for name in $names; do
  control images label "$name" io.cri-containerd.pinned=pinned >&2
done
# What an import leaves that no image refers to, such as an archive's own index, goes now and not whenever containerd gets to it:
# the same archives leave the same files.
control leases create --id engine-image >&2
control leases delete --sync engine-image >&2
control images list
# Whatever it has in memory is written.
kill "$daemon"
wait "$daemon" || true
umount "$root/proc"
# It gives itself a name, which each machine's own has to do; the rest was for this run.
rm -rf "${root:?}$run" "$root/var/lib/containerd/io.containerd.grpc.v1.introspection/uuid" "$root/var/lib/containerd/tmpmounts"
