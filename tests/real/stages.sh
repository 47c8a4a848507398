#!/usr/bin/env bash
# Sourced: the time of each stage since this was sourced, or since `begin`, and kubectl of the version under test.
# Whoever sources this names `cache` and `minor`.
# shellcheck disable=SC2154

begin() {
  begun=$(date +%s%N)
  before=$begun
}
begin
stage() {
  local now
  now=$(date +%s%N)
  printf '%-34s %6.1f s   %6.1f s in all\n' "$1" "$(((now - before) / 1000000))e-3" "$(((now - begun) / 1000000))e-3"
  before=$now
}

kubectl() {
  "$cache/$minor/bin/kubectl" "$@"
}
