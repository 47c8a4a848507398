#!/bin/sh
# node.sh ROOT: once the programs and the units of a node are there.
set -eu
root=$1
# As the packages have it: where it is missing, the kubelet of a worker looks for it each second.
mkdir -p "$root/etc/kubernetes/manifests"
# A machine starts them once it has configured them, and a gateway never.
chroot "$root" systemctl --quiet disable containerd kubelet
chroot "$root" systemctl --quiet enable engine-gateway
