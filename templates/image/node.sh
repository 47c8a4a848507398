#!/bin/sh
# node.sh ROOT: once the programs and the units of a node are there.
set -eu
root=$1
chroot "$root" systemctl --quiet enable containerd kubelet engine-gateway
