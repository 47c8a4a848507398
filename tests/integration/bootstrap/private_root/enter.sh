#!/bin/bash
# Boots a machine: a root of its own below $1, shown to nothing but itself. The host's programs are lent read-only, its
# files are not. Runs in a mount, UTS and process namespace of its own, so that all it does ends with it.
#   enter.sh ROOT WORLD HOSTNAME SECONDS COMMAND…
set -euo pipefail
root=$1 world=$2 name=$3 seconds=$4
shift 4
mount --make-rprivate /
mkdir -p "$root"/{usr,proc,dev,tmp,run,world,root,etc/alternatives,var/log}
for folder in bin sbin lib lib64; do
  [ -e "/$folder" ] && ln -sfn "usr/$folder" "$root/$folder"
done
for lent in /usr /etc/alternatives; do
  mount --bind "$lent" "$root$lent"
  mount -o remount,bind,ro "$root$lent" 2>/dev/null || mount --bind -o ro "$lent" "$root$lent"
done
# The one folder below /usr that is the machine's own.
mkdir -p "$root/trusted"
[ ! -d "$root/usr/local/share/ca-certificates" ] || mount --bind "$root/trusted" "$root/usr/local/share/ca-certificates"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir -p "$root/dev/disk/azure/scsi1"
touch "$root/dev/disk/azure/scsi1/lun0"
mount --bind "$world" "$root/world"
hostname "$name"
exec /usr/sbin/chroot "$root" /usr/bin/env -i PATH=/stand-ins:/usr/bin:/usr/sbin HOME=/root \
  /usr/bin/timeout --signal=KILL "$seconds" "$@"
