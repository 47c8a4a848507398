#!/usr/bin/env bash
# Sourced inside tests/real/namespace: a network and machines on its libvirtd, and ways into them.
# Whoever sources this names `guest`, a folder that tests/real/guest made.
# shellcheck disable=SC2154

export LIBVIRT_DEFAULT_URI=qemu:///system
machines=$ENGINE_REAL_STATE/machines
mkdir -p "$machines"

# accelerator: `kvm` where a kernel boots under it, else `qemu`, which is software alone. That /dev/kvm opens means
# little: there are hosts where a guest hangs for ever. So a kernel without a disk has to get as far as its panic.
accelerator() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/engine-ci/real known
  known=$cache/accelerator-$(</proc/sys/kernel/random/boot_id)
  if [ ! -e "$known" ]; then
    if [ -w /dev/kvm ] && timeout --kill-after=1 20 qemu-system-x86_64 -machine q35,accel=kvm -cpu host -m 256 -nodefaults \
      -display none -serial stdio -no-reboot -kernel "$guest/kernel" -append "console=ttyS0 panic=-1" </dev/null 2>&1 |
      grep -q 'Unable to mount root fs'; then
      echo kvm >"$known"
    else
      echo qemu >"$known"
    fi
  fi
  cat "$known"
}

# network NAME=ADDRESS…: a bridge with DHCP that knows each machine by the last number of its address.
network() {
  local machine
  {
    cat <<'XML'
<network>
  <name>machines</name>
  <forward mode='nat'/>
  <bridge name='machines' stp='off' delay='0'/>
  <domain name='machines.test' localOnly='yes'/>
  <ip address='10.240.0.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='10.240.0.100' end='10.240.0.200'/>
XML
    for machine in "$@"; do
      printf "      <host mac='%s' name='%s' ip='%s'/>\n" "$(mac "${machine#*=}")" "${machine%=*}" "${machine#*=}"
    done
    printf '    </dhcp>\n  </ip>\n</network>\n'
  } >"$machines/network.xml"
  virsh --quiet net-define "$machines/network.xml"
  virsh --quiet net-start machines
}

mac() {
  printf '52:54:00:00:00:%02x' "${1##*.}"
}

# start_machine NAME ADDRESS MEMORY PROCESSORS: from the guest's disk, with the key of this run for root.
start_machine() {
  local name=$1 address=$2 memory=$3 processors=$4 folder=$machines/$1 type model clock=
  type=$(accelerator)
  model="<cpu mode='host-passthrough'/>"
  if [ "$type" = qemu ]; then
    # The emulator translates a plain processor's code faster than one that can do everything.
    model="<cpu mode='custom' match='exact'><model>qemu64</model></cpu>"
    # Linux mistrusts the time-stamp counters of several emulated processors, and takes the HPET: then every look at the
    # clock is a system call that leaves the emulated processor, and Go's programs look at it all the time.
    clock="tsc=reliable clocksource=tsc psi=0"
  fi
  [ -e "$machines/key" ] || ssh-keygen -q -t ed25519 -N '' -f "$machines/key"
  mkdir -p "$folder/seed"
  printf 'instance-id: %s\nlocal-hostname: %s\n' "$name" "$name" >"$folder/seed/meta-data"
  printf '#cloud-config\ndisable_root: false\nusers:\n- name: root\n  ssh_authorized_keys:\n  - %s\n' "$(<"$machines/key.pub")" \
    >"$folder/seed/user-data"
  xorriso -as mkisofs -quiet -o "$folder/seed.iso" -V CIDATA -J -R "$folder/seed" 2>/dev/null
  qemu-img create -q -f qcow2 -b "$guest/disk.qcow2" -F qcow2 "$folder/disk.qcow2"
  cat >"$folder/domain.xml" <<XML
<domain type='$type'>
  <name>$name</name><memory unit='MiB'>$memory</memory><vcpu>$processors</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>$guest/kernel</kernel><initrd>$guest/initrd</initrd>
    <cmdline>root=LABEL=rootfs ro console=ttyS0 net.ifnames=0 quiet loglevel=3 mitigations=off nokaslr audit=0 apparmor=0 $clock</cmdline>
  </os>
  <features><acpi/>$([ "$type" = kvm ] || echo "<tcg><tb-cache unit='MiB'>512</tb-cache></tcg>")</features>
  $model
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' discard='unmap'/><source file='$folder/disk.qcow2'/><target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='$folder/seed.iso'/><target dev='vdb' bus='virtio'/><readonly/>
    </disk>
    <interface type='network'>
      <mac address='$(mac "$address")'/><source network='machines'/><model type='virtio'/>
    </interface>
    <serial type='file'><source path='$folder/console'/><target port='0'/></serial>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <memballoon model='none'/>
  </devices>
</domain>
XML
  virsh --quiet define "$folder/domain.xml"
  virsh --quiet start "$name"
}

# on ADDRESS COMMAND…: as root, over one connection that stays.
on() {
  local address=$1
  shift
  ssh -i "$machines/key" -o BatchMode=yes -o ConnectTimeout=5 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o LogLevel=ERROR -o ControlMaster=auto -o ControlPersist=600 -o "ControlPath=$machines/ssh-%h" "root@$address" "$@"
}

# look USER@ADDRESS COMMAND…: over a connection of its own, for a minute at most: for who wants to know what went wrong.
look() {
  timeout 60 ssh -i "$machines/key" -o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=no -o LogLevel=ERROR \
    -o UserKnownHostsFile=/dev/null "$@"
}

# until_true SECONDS WHAT COMMAND…: again and again until it succeeds.
until_true() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || { echo "gave up: $what" >&2; return 1; }
    sleep 0.5
  done
}
