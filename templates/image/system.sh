#!/bin/sh
# system.sh ROOT: once the packages are installed. Makes the system a quick-starting machine with nothing of its own yet, and
# takes away what differs from one build to the next.
set -eu
umask 022
root=$1

echo 'LABEL=rootfs / ext4 defaults,noatime 0 1' >"$root/etc/fstab"
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"
# Those of the machine that builds.
rm -f "$root/etc/hostname" "$root/etc/resolv.conf"
ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"

cat >"$root/etc/cloud/cloud.cfg.d/90-engine.cfg" <<'CONF'
datasource_list: [NoCloud, Azure, None]
system_info: {network: {renderers: [networkd]}}
ssh_genkeytypes: [ed25519]
no_ssh_fingerprints: true
cloud_init_modules: [seed_random, bootcmd, write_files, growpart, resizefs, set_hostname, update_hostname, users_groups, ssh, runcmd, scripts_user]
cloud_config_modules: []
cloud_final_modules: [final_message]
CONF

# The gateway finds no source of data, so that cloud-init leaves its interface down. It is known by either of the two marks
# by which its service knows it.
for mark in 'KernelCommandLine=engine.gateway' 'Firmware=smbios-field(chassis_asset_tag = "engine-gateway")'; do
  printf '[Match]\nName=eth0\n%s\n\n[Network]\nDHCP=ipv4\n\n[DHCPv4]\nUseHostname=no\n' "$mark" \
    >"$root/etc/systemd/network/10-engine-gateway-${mark%%=*}.network"
done

# Unless it is told otherwise, journald has the kernel tell it of every system call that is watched, and the kernel then looks
# at all of them. Who wants that has auditd, which turns it on.
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nAudit=\n' >"$root/etc/systemd/journald.conf.d/50-engine.conf"

# What a node's kernel needs, and what kubeadm's packages bring.
printf '%s\n' overlay br_netfilter >"$root/etc/modules-load.d/kubernetes.conf"
printf '%s = 1\n' net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables \
  >"$root/etc/sysctl.d/90-kubernetes.conf"
mkdir -p "$root/etc/containerd" "$root/opt/cni/bin"
for plugin in "$root"/usr/lib/cni/*; do
  [ ! -e "$plugin" ] || ln -s "/usr/lib/cni/${plugin##*/}" "$root/opt/cni/bin/${plugin##*/}"
done

chroot "$root" systemctl --quiet enable systemd-networkd systemd-resolved serial-getty@ttyS0
# Nobody needs these on a machine that is replaced, not cared for, and each costs seconds where there is no hardware to
# help. haproxy and keepalived are the gateway's, which starts them by itself.
chroot "$root" systemctl --quiet mask ldconfig.service systemd-journal-catalog-update.service systemd-hwdb-update.service \
  systemd-update-done.service systemd-binfmt.service systemd-networkd-wait-online.service systemd-pstore.service \
  systemd-vconsole-setup.service getty@tty1.service modprobe@drm.service sys-fs-fuse-connections.mount \
  sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount apt-daily.timer \
  apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service haproxy.service \
  keepalived.service
# A machine that the firmware has booted is to be the same as one whose kernel the host has: no boot partition is mounted.
mkdir -p "$root/etc/systemd/system-generators"
ln -s /dev/null "$root/etc/systemd/system-generators/systemd-gpt-auto-generator"

# The kernel is not on the file system, so that a newer one would have no effect but to take the modules away; a node's
# version is the image's.
held=$(chroot "$root" dpkg-query --show --showformat="\${db:Status-Status} \${Package}\n" 'linux-image-*' kubelet kubeadm \
  kubectl cri-tools containerd.io 2>/dev/null | sed -n 's/^installed //p')
# shellcheck disable=SC2086  # Words are meant.
chroot "$root" apt-mark hold $held
# dpkg's status before the last change, and what others keep beside it.
rm -f "$root"/var/lib/dpkg/*-old "$root"/var/cache/debconf/*-old "$root"/etc/*-
