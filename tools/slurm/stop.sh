#!/usr/bin/env bash
# End the private Slurm of start.sh: its jobs, its daemons, its configuration.
#
#   tools/slurm/stop.sh [--keep-logs]      the packages stay installed
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

if ! ours && ! running; then
  say "there is no cluster of ours"
  exit 0
fi
if ours; then
  timeout -k 5 15 scancel --user root 2>/dev/null || true
  # Without processes on a node, slurmd ends its part of a job at once; with them, it waits.
  timeout -k 5 20 sh -c 'while [ -n "$(squeue --noheader)" ]; do sleep 0.5; done' 2>/dev/null || true
fi
for id in $(daemons); do kill "$id" 2>/dev/null || true; done
for _ in $(seq 50); do running || break; sleep 0.2; done
for id in $(daemons); do kill -9 "$id" 2>/dev/null || true; done
for file in slurm.conf gres.conf slurmdbd.conf; do
  ! grep -qxF "$mark" /etc/slurm/$file 2>/dev/null || rm "/etc/slurm/$file"
done
if [ "${1:-}" = --keep-logs ]; then
  find "$state" -mindepth 1 -maxdepth 1 ! -name log -exec rm -rf {} +
  say "stopped; logs are in $state/log"
else
  rm -rf "$state"
  say "stopped"
fi
