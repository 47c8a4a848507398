#!/bin/bash
# Stands in for a program that a machine's bootstrap calls: writes the call down, then plays the program over the files
# in $ENGINE_ROOT/world. A call that $ENGINE_ROOT/world/fail names (a pattern a line) fails.
name=${0##*/}
world=$ENGINE_ROOT/world
call="$name $*"
case $name in sleep | hostname | ip | mountpoint) ;; *) printf '%s\n' "$call" >>"$world/calls" ;; esac
while read -r pattern || [[ -n $pattern ]]; do
  # shellcheck disable=SC2053  # A pattern is meant.
  if [[ -n $pattern && $call == $pattern ]]; then
    echo "error: $name was told to fail" >&2
    exit 1
  fi
done < <(cat "$world/fail" 2>/dev/null)
own=$(cat "$world/address")
# A node of the cluster, on which a network plugin sets itself up.
join() {
  touch "$world/joined"
  [ -e "$world/no-plugin" ] || { mkdir -p "$ENGINE_ROOT/etc/cni/net.d" && touch "$ENGINE_ROOT/etc/cni/net.d/10-flannel.conflist"; }
}
# The kubelet's, once its node is a member.
certificate() {
  [ ! -e "$world/elsewhere" ] || return 0
  mkdir -p "$ENGINE_ROOT/var/lib/kubelet/pki"
  touch "$ENGINE_ROOT/var/lib/kubelet/pki/kubelet-client-current.pem"
}
case $name in
  hostname) cat "$world/hostname" ;;
  ip)
    case $call in
      *'route show default'*) echo "default via 10.255.255.1 dev eth0 proto dhcp src $own metric 100" ;;
      *' -6 '*'address show'*) echo "2: eth0    inet6 2001:1234:5678:9abc::4/128 scope global dynamic noprefixroute" ;;
      *'address show'*) sed -E 's/.*/2: eth0    inet & scope global eth0 valid_lft forever/' "$world/addresses" ;;
      *'address delete'*) sed -i "\\|^$3\$|d" "$world/addresses" ;;
      *) echo "10.255.255.15 via 10.255.255.1 dev eth0 src $own uid 0" ;;
    esac
    ;;
  mountpoint) [ -e "$world/mounted" ] ;;
  mount) touch "$world/mounted" ;;
  mkfs.ext4) touch "$world/formatted" ;;
  blkid)
    if [ "$1" = -L ]; then
      [ -e "$world/formatted" ] && echo /dev/sdc
    else
      [ -e "$world/foreign" ]
    fi
    ;;
  iptables | ip6tables) [[ $call != *--check* ]] ;;
  pkill)
    echo "$*" >>"$world/signals"
    ;;
  curl)
    case $call in
      *169.254.169.254*identity/info*) echo '{"tenantId":"22222222-0000-0000-0000-000000000000"}' ;;
      *169.254.169.254*subscriptionId*) echo 11111111-0000-0000-0000-000000000000 ;;
      *169.254.169.254*resourceGroupName*) echo 'demo_(group)' ;;
      *oauth2/token*) echo '{"access_token":"a.token"}' ;;
      *oauth2/v2.0/token*) echo '{"token_type":"Bearer","access_token":"a.token"}' ;;
      *vault.azure.net/keys/*)
        # A vault that comes into being while it is asked.
        [ -e "$world/vault" ] || {
          touch "$world/vault"
          exit 22
        }
        cat "$(sed -E 's/.*--header @([^ ]+).*/\1/' <<<"$call")" >"$world/header"
        echo '{"key":{"kid":"https://kvabcdefghijklm.vault.azure.net/keys/k8s/0123456789abcdef0123456789abcdef","kty":"RSA"}}'
        ;;
      *configmaps/cluster-info)
        # Signed a while after it is there.
        if [ -e "$world/told" ]; then
          echo '{"data":{"jws-kubeconfig-abcdef":"e30..c2ln","kubeconfig":""}}'
        else
          touch "$world/told"
          echo '{"data":{"kubeconfig":""}}'
        fi
        ;;
      *--resolve*)
        address=$(sed -E 's/.*--resolve [^ :]+:[0-9]+:([^ ]+) .*/\1/' <<<"$call")
        grep -q -x -F "$address" "$world/healthy"
        ;;
      */api/v1/nodes/*)
        [ -e "$world/joined" ] || exit 22
        [ ! -e "$world/mute" ] || { echo 'curl: (28) Operation timed out' >&2; exit 28; }
        if [ ! -s "$world/unready" ]; then
          echo '{"status":{"conditions":[{"type":"PIDPressure","status":"False"},{"type":"Ready","status":"True","message":"kubelet is posting ready status"}]}}'
        else
          sed -i 1d "$world/unready"
          echo '{"metadata":{"labels":{"x":"y"}},"status":{"conditions":[{"type":"PIDPressure","status":"True"},{"type":"Ready","status":"False","reason":"KubeletNotReady","message":"the \"network\" is {not} ready"}]}}'
        fi
        ;;
      *'--config -'*)
        cat >"$world/requested"
        cp "$world/extension" "$(sed -E 's/.*--output ([^ ]+).*/\1/' <<<"$call")"
        ;;
      *:2379/v3/cluster/member/list) echo '{"header":{}, "members":[{"ID":"11417610130673999598", "name":"peer", "peerURLs":["https://10.0.0.1:2380"]}]}' ;;
      *--output*) echo key >"$(sed -E 's/.*--output ([^ ]+).*/\1/' <<<"$call")" ;;
    esac
    ;;
  kubeadm)
    kubernetes=$ENGINE_ROOT/etc/kubernetes
    mkdir -p "$kubernetes"
    case $1 in
      version) echo v1.35.9 ;;
      init)
        [ "$2" != phase ] || exit 0
        cp "$3" "$world/init.yaml"
        echo "[bootstrap-token] Using token: abcdef.0123456789abcdef"
        if [ -e "$world/checks" ]; then
          while read -r component; do
            touch "$world/signals"
            before=$(wc -l <"$world/signals")
            echo "[control-plane-check] $component is healthy after 2.567114859s"
            # Whoever hears of it may send a signal.
            for ((tries = 0; tries < 20; tries++)); do
              [ "$(wc -l <"$world/signals")" = "$before" ] || break
              /bin/sleep 0.05
            done
            echo "$component" >>"$world/signals"
          done <"$world/checks"
          [ ! -e "$world/init-fails" ] || { rm "$world/init-fails"; exit 7; }
        fi
        touch "$kubernetes/admin.conf"
        printf 'users:\n- name: n\n  user:\n    client-certificate-data: QQ==\n    client-key-data: Qg==\n' >"$kubernetes/kubelet.conf"
        join
        certificate
        echo "$own" >>"$world/healthy"
        ;;
      join)
        cp "$3" "$world/join.yaml"
        cp "$ENGINE_ROOT/etc/hosts" "$world/hosts-while-joining"
        # Of a control-plane machine the part that ends with etcd.
        [[ $call != *'--skip-phases control-plane-prepare/control-plane,'* ]] || exit 0
        touch "$kubernetes/kubelet.conf"
        certificate
        if [ -e "$world/join-half" ]; then
          rm "$world/join-half"
          echo "error execution phase etcd-join: token abcdef.0123456789abcdef timed out" >&2
          exit 1
        fi
        join
        echo "$own" >>"$world/healthy"
        if [ -e "$world/join-then-fail" ]; then
          rm "$world/join-then-fail"
          exit 1
        fi
        ;;
      reset) rm -rf "$kubernetes/pki" "$kubernetes/manifests" "$kubernetes/kubelet.conf" ;;
      kubeconfig) echo '{"kind":"Config"}' ;;
    esac
    ;;
  kubectl)
    case $call in
      *'get --raw /api/v1/nodes/'*) echo '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}' ;;
      *'get node'*labels*) [ ! -e "$world/joined" ] || echo '{"node-role.kubernetes.io/control-plane":""}' ;;
      *'get node'*) [ ! -e "$world/joined" ] || echo node/x ;;
      *'get endpointslices'*) cat "$world/listed" ;;
      *'get lease'*) [ ! -e "$world/lease" ] || { [[ $call == *renewTime* ]] && cat "$world/lease" || cut -d '|' -f 1 "$world/lease"; } ;;
      *create* | *replace*)
        document=$(cat)
        printf '%s\n' "$document" >>"$world/leases"
        sed -E 's/.*"holderIdentity": "([^"]*)".*"renewTime": "([^"]*)".*/\1|\2|7/' <<<"$document" >"$world/lease"
        ;;
      *'delete lease'*) rm -f "$world/lease" ;;
    esac
    ;;
esac
