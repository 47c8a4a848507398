#!/bin/sh
# node.sh ROOT: once the programs and the units of a node are there.
set -eu
root=$1
# As the packages have it: where it is missing, the kubelet of a worker looks for it each second.
mkdir -p "$root/etc/kubernetes/manifests"
chroot "$root" systemctl --quiet enable containerd kubelet engine-gateway
