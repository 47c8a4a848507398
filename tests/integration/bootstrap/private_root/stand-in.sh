#!/bin/bash
# Stands in for a program that would need a cloud or change a kernel. Each call is written down in /own/calls. /own is
# this machine's; /world is the one world of all machines that boot beside each other: the API server's objects, the
# members of etcd, the tokens. What no cluster would survive is written to /world/violations.
name=${0##*/}
call="$name $*"
case $name in
  sleep) exec /usr/bin/sleep 0.05 ;;
  date)
    # A year later is a matter of this machine's clock.
    shift_by=$(cat /own/clock 2>/dev/null || echo 0)
    [[ $* == *-d* || $shift_by == 0 ]] && exec /usr/bin/date "$@"
    exec /usr/bin/date -d "@$(($(/usr/bin/date +%s) + shift_by))" "$@"
    ;;
  touch)
    # The power goes just before a step is written down as done, or just after: each line of /own/cuts once.
    read -r when step 2>/dev/null </own/cuts || step=
    if [[ -n $step && $1 == "/var/lib/engine/steps/$step" ]]; then
      sed -i 1d /own/cuts
      [ "$when" = before ] || /usr/bin/touch "$@"
      kill -KILL "$PPID"
      exit 1
    fi
    exec /usr/bin/touch "$@"
    ;;
  ip) ;;
  *) printf '%s\n' "$call" >>/own/calls ;;
esac
while read -r pattern || [[ -n $pattern ]]; do
  # shellcheck disable=SC2053  # A pattern is meant.
  if [[ -n $pattern && $call == $pattern ]]; then
    echo "E: $name was told to fail" >&2
    exit 1
  fi
done < <(cat /own/fail 2>/dev/null)

own=$(cat /own/address)
node=$(hostname | tr '[:upper:]' '[:lower:]')
violation() { echo "$node: $*" >>/world/violations; }
locked() { exec 8>/world/lock && flock 8; }
# Where the API server's name leads on this machine.
endpoint() { awk '/# engine: API server/ { print $1 }' /etc/hosts; }
reachable() {
  local at
  at=$(endpoint)
  # Azure's internal balancer does not lead a member back to itself, but to any other one.
  if [ "$at" = 10.255.255.15 ]; then
    find /world/healthy -type f ! -name "$own" | grep -q .
  else
    [ -e "/world/healthy/$at" ]
  fi
}
valid_token() { [ -e "/world/tokens/$1" ] && [ "$(date +%s)" -lt "$(cat "/world/tokens/$1")" ]; }

become_member() {
  local disk=/var/lib/etcddisk/etcd
  mkdir -p "$disk/member" /world/members
  echo cluster >"$disk/member/cluster"
  echo "$own" >"/world/members/$node"
}

# As the network plugin does on a node of the cluster.
set_up_network() {
  mkdir -p /etc/cni/net.d
  touch /etc/cni/net.d/10-flannel.conflist
}

kubeadm_init() {
  local configuration=$1 token hours
  cp "$configuration" /own/init.yaml
  env >/own/environment
  # In these words kubeadm warns.
  [ -z "$HTTPS_PROXY" ] || echo "[WARNING HTTPProxy]: Connection to \"https://$own\" uses proxy \"$HTTPS_PROXY\""
  if [ -e /world/cluster ] && [ ! -e /var/lib/etcddisk/etcd/member/cluster ]; then
    violation "a second cluster was started"
  fi
  touch /world/cluster
  token=$(sed -n -E 's/^- token: "(.*)"$/\1/p' "$configuration")
  hours=$(sed -n -E 's/^  ttl: "([0-9]+)h.*/\1/p' "$configuration")
  echo "[bootstrap-token] Using token: $token"
  mkdir -p /world/tokens /world/healthy /world/nodes
  echo $(($(date +%s) + hours * 3600)) >"/world/tokens/$token"
  become_member
  touch /etc/kubernetes/{admin,kubelet}.conf
  mkdir -p /var/lib/kubelet/pki
  touch /var/lib/kubelet/pki/kubelet-client-current.pem
  echo control-plane >"/world/nodes/$node"
  set_up_network
  touch "/world/healthy/$own"
}

kubeadm_join() {
  local configuration=$1 discovery token
  control_plane=false
  cp "$configuration" /own/join.yaml
  cp /etc/hosts /own/hosts-while-joining
  date -u +%Y >/own/year-of-joining
  grep -q '^controlPlane:' "$configuration" && control_plane=true
  discovery=$(sed -n -E 's/^    kubeConfigPath: //p' "$configuration")
  sed -n -E 's/^ *certificate-authority-data: //p' "$discovery" | base64 -d | cmp -s - /world/ca.crt ||
    { echo 'error execution phase preflight: x509: certificate signed by unknown authority' >&2; return 1; }
  reachable || { echo "error execution phase preflight: dial tcp $(endpoint):443: connect: connection refused" >&2; return 1; }
  token=$(sed -n -E 's/^  tlsBootstrapToken: "(.*)"$/\1/p' "$configuration")
  valid_token "$token" ||
    { echo "error execution phase preflight: couldn't validate the identity of the API Server: token $token: Unauthorized" >&2; return 1; }
  if [ "$control_plane" = true ]; then
    [ "$(endpoint)" != "$own" ] || violation "joins through itself"
    [ -s /etc/kubernetes/pki/ca.key ] || { echo 'error: ca.key is not there' >&2; return 1; }
    [ -z "$(ls /var/lib/etcddisk/etcd)" ] || { echo 'error execution phase preflight: [ERROR DirAvailable--var-lib-etcddisk-etcd]: not empty' >&2; return 1; }
    echo "$node begins" >>/world/joins
    if ! mkdir /world/learner 2>/dev/null; then
      violation "joins etcd while another one does"
      echo 'error execution phase etcd-join: etcdserver: too many learner members in cluster' >&2
      return 1
    fi
    echo "$own" >"/world/learner/$node"
    mkdir -p /etc/kubernetes/manifests /var/lib/etcddisk/etcd/member
    touch /etc/kubernetes/manifests/etcd.yaml
    /usr/bin/sleep 0.4
    # Nothing keeps the other one from coming meanwhile, on a busy machine too.
    for ((tries = 0; tries < 400; tries++)); do
      [ -e /world/careless ] || break
      [ ! -s /world/violations ] || break
      /usr/bin/sleep 0.05
    done
    # The rest of it is another call.
    promote
    return
  fi
  become_node "$token"
}

# /own/busy: how often kubeadm does not wait for an etcd that takes its time.
promote() {
  local busy
  busy=$(cat /own/busy 2>/dev/null || echo 0)
  if [ "$busy" -gt 0 ]; then
    echo $((busy - 1)) >/own/busy
    echo 'error execution phase etcd-join: error creating local etcd static pod manifest file: context deadline exceeded' >&2
    return 1
  fi
  [ -e "/world/members/$node" ] && [ ! -e "/world/learner/$node" ] && return
  [ -e "/world/learner/$node" ] || { violation "is promoted and no learner"; return 1; }
  /usr/bin/rm -r /world/learner
  [ ! -e "/world/members/$node" ] || violation "joins etcd, which still has its former self as a member"
  become_member
  echo "$node ends" >>/world/joins
}

become_node() {
  local token=$1
  touch /etc/kubernetes/kubelet.conf
  mkdir -p /var/lib/kubelet/pki
  touch /var/lib/kubelet/pki/kubelet-client-current.pem
  # What nothing but a reset mends.
  if [ -e /own/half ]; then
    echo "error execution phase control-plane-join: token $token timed out" >&2
    return 1
  fi
  [ "$control_plane" = false ] || touch /etc/kubernetes/admin.conf "/world/healthy/$own"
  echo "$control_plane" | sed -e s/true/control-plane/ -e s/false/worker/ >"/world/nodes/$node"
  set_up_network
  if [ -e /own/late ]; then
    /usr/bin/rm /own/late
    echo 'error: timed out waiting for the condition' >&2
    return 1
  fi
}

kubectl_lease() {
  local at=/world/lease document version
  locked
  case $1 in
    get)
      [ -e $at ] || return 0
      [[ $call == *renewTime* ]] && cat $at || cut -d '|' -f 1 $at
      ;;
    write)
      document=$(cat)
      version=$(sed -n -E 's/.*"resourceVersion": "([^"]*)".*/\1/p' <<<"$document")
      if [ ! -e /world/careless ]; then
        if [ -z "$version" ] && [ -e $at ]; then
          echo "Error from server (AlreadyExists): leases.coordination.k8s.io already exists" >&2
          return 1
        elif [ -n "$version" ] && [ "$version" != "$(cut -d '|' -f 3 $at 2>/dev/null)" ]; then
          echo "Error from server (Conflict): the object has been modified" >&2
          return 1
        fi
      fi
      echo $(($(cat /world/version 2>/dev/null || echo 0) + 1)) >/world/version
      sed -E "s/.*\"holderIdentity\": \"([^\"]*)\".*\"renewTime\": \"([^\"]*)\".*/\1|\2|$(cat /world/version)/" <<<"$document" >$at
      echo "$node" >>/world/holders
      ;;
    delete) /usr/bin/rm -f $at ;;
  esac
}

kubectl() {
  reachable || { echo "The connection to the server $(endpoint) was refused" >&2; return 1; }
  # /careless: an API server that gives a lease to whoever asks. The joins then meet, or the world could not tell.
  case $call in
    *'get lease'*) [ -e /world/careless ] || kubectl_lease get ;;
    *'create --filename -'* | *'replace --filename -'*) kubectl_lease write ;;
    *'delete lease'*) kubectl_lease delete ;;
    *'delete node'*) /usr/bin/rm -f "/world/nodes/$node" ;;
    *'get node'*labels*) ! grep -q control-plane "/world/nodes/$node" 2>/dev/null || echo '{"node-role.kubernetes.io/control-plane":""}' ;;
    *'get node'*) [ ! -e "/world/nodes/$node" ] || echo "node/$node" ;;
  esac
}

# etcd's own API over HTTP, in the words and the spacing of v3.6.8. A learner that has not started has no name.
etcd() {
  local certificate at document file id listed=''
  certificate=$(sed -E 's/.*--cert ([^ ]+) .*/\1/' <<<"$call")
  at=$(sed -E 's|.*https://([^:]+):2379.*|\1|' <<<"$call")
  document=$(sed -E 's/.*--data (.*) https:.*/\1/' <<<"$call")
  [ -s "$certificate" ] && [ "$at" != "$own" ] && [ -e "/world/healthy/$at" ] || exit 7
  for file in /world/members/* /world/learner/*; do
    [ -e "$file" ] || continue
    id=$(cksum <<<"$file" | cut -d ' ' -f 1)
    case $call in
      */remove)
        [ "$document" = "{\"ID\":\"$id\"}" ] || continue
        /usr/bin/rm "$file"
        rmdir /world/learner 2>/dev/null
        echo '{"header":{}, "members":[]}'
        exit
        ;;
    esac
    listed="$listed, {\"ID\":\"$id\""
    [[ $file == */learner/* ]] || listed="$listed, \"name\":\"${file##*/}\""
    listed="$listed, \"peerURLs\":[\"https://$(cat "$file"):2380\"]"
    [[ $file != */learner/* ]] || listed="$listed, \"isLearner\":true"
    listed="$listed}"
  done
  case $call in
    */list) echo "{\"header\":{\"cluster_id\":\"1\", \"member_id\":\"2\"}, \"members\":[${listed#, }]}" ;;
    *) exit 22 ;;
  esac
}

case $name in
  ip)
    case $call in
      'ip link '*) echo "$call" >>/own/links ;;
      *'route show default'*) echo "default via 10.255.255.1 dev eth0 proto dhcp src $own metric 100" ;;
      *'address show'*) echo "2: eth0    inet $own/12 scope global eth0 valid_lft forever" ;;
      *) echo "10.255.255.15 via 10.255.255.1 dev eth0 src $own uid 0" ;;
    esac
    ;;
  mountpoint) [ -e /run/etcd-mounted ] ;;
  mount) /usr/bin/touch /run/etcd-mounted ;;
  mkfs.ext4) /usr/bin/touch /own/formatted ;;
  blkid) if [ "$1" = -L ]; then [ -e /own/formatted ] && echo /dev/sdc; else [ -e /own/foreign ]; fi ;;
  curl)
    case $call in
      *169.254.169.254*identity/info*) echo '{"tenantId":"22222222-0000-0000-0000-000000000000"}' ;;
      *169.254.169.254*subscriptionId*) echo 11111111-0000-0000-0000-000000000000 ;;
      *169.254.169.254*resourceGroupName*) echo 'demo_(group)' ;;
      *169.254.169.254*location*) echo westus2 ;;
      *--resolve*)
        cmp -s "$(sed -E 's/.*--cacert ([^ ]+) .*/\1/' <<<"$call")" /world/ca.crt || exit 60
        at=$(sed -E 's/.*--resolve [^ :]+:[0-9]+:([^ ]+) .*/\1/' <<<"$call")
        if [ "$at" = 10.255.255.15 ]; then
          find /world/healthy -type f ! -name "$own" 2>/dev/null | grep -q .
        else
          [ -e "/world/healthy/$at" ]
        fi
        ;;
      *:2379/v3/cluster/member/*) etcd ;;
      */api/v1/nodes/*)
        reachable && [ -e "/world/nodes/$node" ] || exit 22
        echo '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
        ;;
      *--output*) echo key >"$(sed -E 's/.*--output ([^ ]+).*/\1/' <<<"$call")" ;;
    esac
    ;;
  systemctl)
    # What a unit would run is run.
    if [[ $call == *'enable --now'*.service ]]; then
      unit=/etc/systemd/system/${call##* }
      [ ! -e "$unit" ] || $(sed -n -E 's/^ExecStart=(.*)/\1/p' "$unit")
    fi
    ;;
  kubeadm)
    mkdir -p /etc/kubernetes
    case $1 in
      version) echo v1.35.9 ;;
      init)
        case $2 in
          --config) kubeadm_init "$3" ;;
          phase)
            [ -s /etc/kubernetes/pki/etcd/ca.key ] || exit 1
            for kind in crt key; do
              echo client >/etc/kubernetes/pki/etcd/healthcheck-client.$kind
            done
            ;;
        esac
        ;;
      join)
        case $call in
          *' join phase etcd-join --config '*) promote ;;
          *'--skip-phases preflight,'*)
            [ -e "/world/members/$node" ] || { echo 'error execution phase control-plane-join: no member of etcd' >&2; exit 1; }
            control_plane=true
            become_node token
            ;;
          *) kubeadm_join "$3" ;;
        esac
        ;;
      reset)
        [ "$(cat "/world/nodes/$node" 2>/dev/null)" != control-plane ] || [ ! -e /etc/kubernetes/kubelet.conf ] || violation "a member was reset"
        [ ! -e "/world/members/$node" ] || violation "is reset while etcd counts on it"
        # What etcd has written stays, as where the cluster does not tell kubeadm in time where that is.
        /usr/bin/rm -rf /etc/kubernetes/pki /etc/kubernetes/manifests /etc/kubernetes/kubelet.conf /own/half
        ;;
      kubeconfig)
        [ -s /etc/kubernetes/pki/ca.key ] || exit 1
        echo '{"kind":"Config"}'
        ;;
    esac
    ;;
  kubectl) kubectl ;;
esac
