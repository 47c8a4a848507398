#!/usr/bin/env bash
# Sourced: a volume keeps what a pod wrote. Whoever sources this has sourced tests/real/stages.sh and tests/real/machines.sh, and
# kubectl knows the cluster.

# To validate what is applied, kubectl would fetch all that the API server knows of its types, which takes an emulated
# processor longer than kubectl waits.
#
# applied: what is given is there. An API server that has just come up on an emulated processor may take longer for a request than it
# gives itself, which is no failure yet.
applied() {
  local text tries
  text=$(cat)
  for ((tries = 0; tries < 10; tries++)); do
    kubectl apply --validate=false -f - <<<"$text" >/dev/null && return
    sleep 5
  done
  return 1
}

# keeps POD FIRST: the pod has told its own name and that of the FIRST one, which it read.
keeps() {
  [ "$(kubectl logs "$1" | xargs)" = "$1 $2" ]
}

# volume [CLASS]: a claim of the class, or of the default one, is bound once a Deployment's pod wants it; what that pod wrote, the one
# that takes its place reads. A volume of local-path is a folder of its node, so both are on the same one.
volume() {
  local first second
  applied <<YAML
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  ${1:+storageClassName: $1}
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 64Mi}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: keeper}
spec:
  replicas: 1
  # As long as the pod that makes the folder may take.
  progressDeadlineSeconds: 1800
  selector: {matchLabels: {app: keeper}}
  template:
    metadata: {labels: {app: keeper}}
    spec:
      terminationGracePeriodSeconds: 1
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
      containers:
      - name: shell
        image: busybox
        imagePullPolicy: IfNotPresent
        command: [sh, -c, "[ -e /data/first ] || hostname >/data/first; hostname; cat /data/first; exec sleep infinity"]
        volumeMounts: [{name: data, mountPath: /data}]
YAML
  kubectl rollout status deployment/keeper --timeout=1800s >/dev/null
  first=$(kubectl get pods -l app=keeper -o 'jsonpath={.items[*].metadata.name}')
  until_true 300 "$first writes into its volume" keeps "$first" "$first"
  kubectl delete pod "$first" --wait=false >/dev/null
  # shellcheck disable=SC2317 # until_true calls it.
  replaced() {
    second=$(kubectl get pods -l app=keeper --field-selector "metadata.name!=$first" -o 'jsonpath={.items[*].metadata.name}')
    [ -n "$second" ]
  }
  until_true 300 "another pod takes the place of $first" replaced
  kubectl wait --for=condition=Ready "pod/$second" --timeout=900s >/dev/null
  until_true 300 "$second reads what $first wrote" keeps "$second" "$first"
}
