#!/usr/bin/env bash
# Sourced inside tests/real/namespace: when a machine that has a kernel and nothing to boot is past the time in which its emulator
# may crash by itself (docs/on-prem.md, "Slow hosts"). Until then the engine starts it again, unless the machine has said something.

# booted NUMBER [URI]: so many machines run on the host, and the kernel of each has set up its devices: it is done with that after
# some 5 s of a processor, and goes on turning for ever.
booted() {
  virsh ${2:+--connect "$2"} --quiet domstats --cpu-total --list-running |
    awk -F = -v number="$1" '/cpu.time=/ { if ($2 > 15e9) done++ } END { exit done != number }'
}
