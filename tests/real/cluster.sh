#!/usr/bin/env bash
# Sourced inside tests/real/namespace: a cluster that the engine makes there. Whoever sources this has sourced
# tests/real/machines.sh and tests/real/stages.sh, and names `engine`, and `guest`, a folder that tests/real/guest made.
# shellcheck disable=SC2154

# shellcheck source=tests/real/left.sh
. "$here/left.sh"
work=$ENGINE_REAL_STATE/engine
mkdir -p "$work/pool"
cd "$work" || exit
export KUBECONFIG=$work/kubeconfig
gateways=(--gateways gateways)
if [ "${ENGINE_REAL_NETWORK:-nat}" = bridged ]; then
  # A network around the host, of which this namespace is the router.
  ip link add br0 type bridge forward_delay 0
  ip address add 192.0.2.1/24 dev br0
  ip link set br0 up
  ENGINE_REAL_GATEWAY=machine
fi
[ "${ENGINE_REAL_GATEWAY:-process}" != machine ] || gateways=()

# pool: the storage pool `engine`, with the image in it; then there is what has to be left in the end.
pool() {
  virsh --quiet pool-define-as engine dir --target "$work/pool"
  virsh --quiet pool-start engine
  # A name of the same file: each machine writes into an overlay of its own.
  ln "$guest/disk.qcow2" pool/engine-image 2>/dev/null || cp --sparse=always "$guest/disk.qcow2" pool/engine-image
  cp "$guest/kernel" pool/engine-image.kernel
  cp "$guest/initrd" pool/engine-image.initrd
  virsh --quiet pool-refresh engine
  ssh-keygen -q -t ed25519 -N '' -f "$machines/key"
  at_first=$(left)
}

# model CONTROL-PLANES [RANGE]: of so many control-plane machines and one worker, as small as they can be, with the image's version
# of Kubernetes, and with addresses for services of type LoadBalancer if a range is named; printed.
model() {
  python3 - "$here/../../apimodels/on-prem.json" "$guest/manifest.json" "$(accelerator)" "$(<"$machines/key.pub")" "$1" "${2:-}" \
    "${ENGINE_REAL_NETWORK:-nat}" "${ENGINE_REAL_DATA_SOURCE:-}" <<'PY'
import json, sys
path, manifest, accelerator, key, count, services, mode, source = sys.argv[1:]
model = json.load(open(path))
properties = model["properties"]
properties["onPremProfile"] = {
    "slowHost": accelerator == "qemu",
    "sizes": {
        "Standard_D2s_v5": {"processors": 2, "memoryMiB": 3072},
        "Standard_D2s_v4": {"processors": 1, "memoryMiB": 2048},
    },
    "serviceAddresses": [services] if services else [],
    "networkMode": mode,
}
if mode == "bridged":
    properties["onPremProfile"].update({"bridge": "br0", "router": "192.0.2.1/24", "addresses": ["192.0.2.48/29"]})
if source:
    properties["onPremProfile"]["dataSource"] = source
properties["orchestratorProfile"].pop("orchestratorRelease", None)
properties["orchestratorProfile"]["orchestratorVersion"] = json.load(open(manifest))["kubernetes"]
# There is no image of it.
properties["orchestratorProfile"]["kubernetesConfig"]["addons"] = [{"name": "metrics-server", "enabled": False}]
properties["masterProfile"]["count"] = int(count)
pool, = properties["agentPoolProfiles"]
pool.update({"count": 1, "vmSize": "Standard_D2s_v4"})
properties["linuxProfile"]["ssh"]["publicKeys"][0]["keyData"] = key
json.dump(model, sys.stdout, indent=2)
PY
}

# The process has to be started for a network that is made just now.
start_gateway() {
  local haproxy network bridge
  haproxy=$(PATH=${XDG_CACHE_HOME:-$HOME/.cache}/engine-ci/bin:$PATH:/usr/sbin command -v haproxy) ||
    { echo "there is no haproxy" >&2; exit 2; }
  until_true 120 "the gateway is told what to do" compgen -G 'gateways/*/gateway.json'
  network=$(basename "$(dirname gateways/*/gateway.json)")
  # shellcheck disable=SC2317 # until_true calls it.
  network_runs() {
    grep -qx "$network" <<<"$(virsh --quiet net-list --name)"
  }
  until_true 120 "the network runs" network_runs
  bridge=$(virsh --quiet net-info "$network" | awk '$1 == "Bridge:" {print $2}')
  "$engine" gateway "gateways/$network" --interface "$bridge" --haproxy "$haproxy" >gateway.log 2>&1 &
}

# deploy: makes the cluster of model.json, waits until all its nodes are Ready, and has kubectl know it.
deploy() {
  local deployment
  "$engine" deploy model.json --target libvirt -o cluster "${gateways[@]}" --yes --events events.jsonl >deploy.log 2>&1 &
  deployment=$!
  [ "${#gateways[@]}" = 0 ] || start_gateway
  wait "$deployment" || { echo "the deployment failed" >&2; exit 1; }
  stage "engine deploy"
  tail -n 20 deploy.log
  # Nobody's name server knows the cluster: its entry has the address.
  "$engine" kubeconfig -o cluster "${gateways[@]}" --kubeconfig "$work/kubeconfig" >kubeconfig.log 2>&1 ||
    { cat kubeconfig.log >&2; exit 1; }
  kubectl wait --for=condition=Ready node --all --timeout=900s >/dev/null
  stage "all nodes Ready"
  kubectl get nodes -o wide
  [ -z "${ENGINE_REAL_LOG:-}" ] || keep_logs
}

# What the machines wrote while they were provisioned, and how long that took them.
keep_logs() {
  local name address
  mkdir -p "$ENGINE_REAL_LOG"
  cp deploy.log events.jsonl "$ENGINE_REAL_LOG/"
  kubectl get nodes -o 'jsonpath={range .items[*]}{.metadata.name} {.status.addresses[0].address}{"\n"}{end}' |
    while read -r name address; do
      look "azureuser@$address" \
        'sudo sh -c "cat /var/log/azure/cluster-provision.log; systemd-analyze blame; journalctl --no-pager -o short-precise"' \
        </dev/null >"$ENGINE_REAL_LOG/$name.log" || true
    done
}

# destroy: nothing is left of it.
destroy() {
  echo "== destroy"
  listed before "$(left)"
  "$engine" destroy --target libvirt -o cluster "${gateways[@]}" --yes >destroy.log 2>&1 || { cat destroy.log >&2; exit 1; }
  nothing_left "$at_first" || { echo "something is left" >&2; exit 1; }
  stage "engine destroy"
}

# Whatever failed: what the engine and the machines say.
tell() {
  local status=$? address
  [ "$status" != 0 ] || return
  tail -n 40 deploy.log gateway.log >&2 || true
  if [ -e "$KUBECONFIG" ]; then
    kubectl get nodes,pods,persistentvolumeclaims -A -o wide >&2 || true
    kubectl get events -A --sort-by=.lastTimestamp 2>/dev/null | tail -n 30 >&2 || true
    kubectl logs --namespace local-path-storage deployment/local-path-provisioner --tail=20 >&2 || true
  fi
  for address in $(virsh --quiet net-list --name | xargs -r -n 1 virsh --quiet net-dhcp-leases |
    awk '{sub("/.*", "", $5); print $5}'); do
    echo "== $address" >&2
    look "azureuser@$address" \
      'sudo sh -c "tail -n 30 /var/log/azure/cluster-provision.log; cloud-init status --long; journalctl --no-pager -n 30 -u kubelet -u containerd -o cat; crictl ps -a; free -m; uptime"' >&2 || true
  done
  [ -z "${ENGINE_REAL_LOG:-}" ] || { mkdir -p "$ENGINE_REAL_LOG" && cp -r ./*.log cluster "$ENGINE_REAL_LOG/"; }
  # There is none of these where the gateway is a machine.
  [ -z "${ENGINE_REAL_LOG:-}" ] || [ ! -e gateways ] || cp -r gateways "$ENGINE_REAL_LOG/"
}
trap tell EXIT
