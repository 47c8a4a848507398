#!/usr/bin/env bash
# Sourced inside tests/real/namespace, whose processes are all its own: what a cluster could leave on a host, to be listed and
# compared.

kinds=(domains networks filters volumes processes)

# left [URI]: what a cluster could leave on the host, `KIND NAME` on a line, without what stays: the image, which some put into the
# pool only with the first machine, or what fits the pattern `stays`. Processes are those of all hosts that libvirt runs; a gateway
# beside them is the test's own.
left() {
  local ask=(virsh ${1:+--connect "$1"} --quiet) kind pool pools
  for kind in "${kinds[@]}"; do
    case $kind in
      domains) "${ask[@]}" list --all --name ;;
      networks) "${ask[@]}" net-list --all --name ;;
      filters) "${ask[@]}" nwfilter-list | awk '{print $2}' ;;
      volumes)
        pools=$("${ask[@]}" pool-list --name) || return
        for pool in $pools; do
          "${ask[@]}" vol-list "$pool" | awk '{print $1}'
        done | sed -E "/^(${stays:-engine-image})/d"
        ;;
      processes) { pgrep -l 'qemu|dnsmasq' || true; } | awk '{print $2}' ;;
    esac | sed "/^$/d; s/^/$kind /" | sort || return
  done
}

# listed WHEN TEXT: what `left` has found, a line for each kind: how many and their names.
listed() {
  local kind names
  for kind in "${kinds[@]}"; do
    names=$(sed -n "s/^$kind //p" <<<"$2" | xargs)
    echo "$1: $(wc -w <<<"$names") $kind${names:+: $names}"
  done
}

# nothing_left BEFORE [URI]: lists what is left, which has to be what `left` found BEFORE.
nothing_left() {
  local before=$1 now tries
  shift
  # libvirt tells a network's dnsmasq to end, and does not wait for it.
  for ((tries = 0; tries < 20; tries++)); do
    pgrep dnsmasq >/dev/null || break
    sleep 0.25
  done
  now=$(left "$@") || return
  listed after "$now"
  [ "$now" = "$before" ]
}
