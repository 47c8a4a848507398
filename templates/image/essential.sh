#!/bin/sh
# essential.sh ROOT: before the packages are installed. The initial disk gets just what a virtual machine's own disk needs.
set -eu
umask 022
root=$1
mkdir -p "$root/etc/initramfs-tools/conf.d" "$root/usr/share/initramfs-tools/modules.d"
printf 'MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\nFSTYPE=ext4\n' >"$root/etc/initramfs-tools/conf.d/engine"
printf '%s\n' virtio_pci virtio_blk virtio_scsi virtio_net ext4 sr_mod ahci >"$root/usr/share/initramfs-tools/modules.d/engine"
