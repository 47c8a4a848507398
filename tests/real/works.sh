#!/usr/bin/env bash
# Sourced once a cluster's nodes are Ready: it has to work. Whoever sources this has sourced tests/real/stages.sh and
# tests/real/machines.sh, and names the cluster by KUBECONFIG, and this folder by `here`.
# shellcheck disable=SC2154

# shellcheck source=tests/real/volume.sh
. "$here/volume.sh"

# A pod of the Deployment on each node, and on each node a client.
applied <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      tolerations: [{operator: Exists}]
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: DoNotSchedule
        labelSelector: {matchLabels: {app: web}}
      containers:
      - name: web
        image: busybox
        imagePullPolicy: IfNotPresent
        command: [sh, -c, "mkdir /www && hostname >/www/index.html && exec httpd -f -p 8080 -h /www"]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: client}
spec:
  selector: {matchLabels: {app: client}}
  template:
    metadata: {labels: {app: client}}
    spec:
      tolerations: [{operator: Exists}]
      terminationGracePeriodSeconds: 1
      containers:
      - {name: client, image: busybox, imagePullPolicy: IfNotPresent, command: [sleep, infinity]}
YAML
kubectl rollout status deployment/web daemonset/client --timeout=900s >/dev/null
stage "Deployment runs"
kubectl get pods -o wide

# answers CLIENT NAME: which pods answered under this name, of enough requests that both come up.
answers() {
  kubectl exec "$1" -- sh -c "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do wget -q -T 10 -O - http://$2/; done" | sort -u | xargs
}
both=$(kubectl get pods -l app=web -o 'jsonpath={.items[*].metadata.name}' | xargs -n 1 | sort | xargs)
address=$(kubectl get service web -o 'jsonpath={.spec.clusterIP}')
for client in $(kubectl get pods -l app=client -o name); do
  until_true 300 "$client reaches both pods by $address" bash -c "$(declare -f answers kubectl); cache=$cache minor=$minor
    [ \"\$(answers $client $address)\" = '$both' ]"
done
stage "Service answers across nodes"

# From outside, where there are addresses for it: by the balancer, from this host.
from_outside() {
  local given
  given=$(kubectl get service web -o 'jsonpath={.status.loadBalancer.ingress[0].ip}')
  [ -n "$given" ] || return 1
  [ "$(for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do curl --silent --max-time 10 --noproxy '*' "http://$given/"; done | sort -u | xargs)" = "$both" ]
}
if [ -n "${service_addresses:-}" ]; then
  kubectl patch service web --patch '{"spec": {"type": "LoadBalancer"}}' >/dev/null
  until_true 600 "the Service is reached from outside" from_outside
  stage "Service reached from outside"
  kubectl get service web
fi

kubectl --namespace kube-system rollout status deployment/coredns --timeout=900s >/dev/null
for client in $(kubectl get pods -l app=client -o name); do
  until_true 300 "$client reaches both pods by their name" bash -c "$(declare -f answers kubectl); cache=$cache minor=$minor
    [ \"\$(answers $client web.default.svc.cluster.local)\" = '$both' ]"
done
stage "DNS resolves"

until_true 300 "the API server tells its storage classes" kubectl get storageclass
# As its makers publish it, but for its patience: two minutes for the pod that makes a folder are not enough everywhere.
grep -q -x storageclass.storage.k8s.io/local-path <<<"$(kubectl get storageclass --output name)" ||
  sed -E 's|^( *)"nodePathMap":|\1"cmdTimeoutSeconds":1800,"nodePathMap":|' \
    "$cache/programs/local_path/$(sed -n 's/^local_path //p' "$cache/$minor/versions")/local-path-storage.yaml" |
  applied
volume local-path
stage "volume bound, written and read"
kubectl get persistentvolumeclaims

kubectl get pods --all-namespaces -o wide
