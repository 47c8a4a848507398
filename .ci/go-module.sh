#!/usr/bin/env bash
# Sourced by what builds programs from the modules that others publish.

# go_module FOLDER MODULE VERSION: makes a module of its own in FOLDER that needs MODULE. What k8s.io/kubernetes keeps in
# its own tree under `staging` is published as modules of their own, by the version with 0 for 1; it names them as v0.0.0.
go_module() {
  local folder=$1 module=$2 version=$3 file staged
  mkdir -p "$folder"
  rm -f "$folder/go.mod" "$folder/go.sum"
  file=$(go mod download -json "$module@$version" | sed -n -E 's/.*"GoMod": "([^"]+)".*/\1/p')
  [ -n "$file" ] || return 1
  (
    cd "$folder" || exit 1
    go mod init engine.invalid/built 2>/dev/null
    go mod edit -go "$(sed -n -E 's/^go ([0-9.]+)$/\1/p' "$file")" -require "$module@$version"
    sed -n -E 's/^\t(k8s\.io\/[a-z0-9-]+) v0\.0\.0$/\1/p' "$file" | while read -r staged; do
      go mod edit -replace "$staged=$staged@v0.${version#v1.}"
    done
  )
}

# kubernetes_flags VERSION: what tells the programs of k8s.io/kubernetes which version they are.
kubernetes_flags() {
  local version=$1 variable=k8s.io/component-base/version minor
  minor=${version#v1.}
  echo "-s -w -X $variable.gitVersion=$version -X $variable.gitMajor=1 -X $variable.gitMinor=${minor%%.*}"
}
