#!/usr/bin/env bash
# Refuse files of more than 500 kB: data is generated or fetched, never committed.
#   tools/large_files.sh FILE...
set -euo pipefail
limit_kb=500
status=0
for file in "$@"; do
  [ -f "$file" ] || continue
  size_kb=$(( ($(wc -c < "$file") + 1023) / 1024 ))
  if [ "$size_kb" -gt "$limit_kb" ]; then
    echo "$file: $size_kb kB; files of more than $limit_kb kB stay out of the repository" >&2
    status=1
  fi
done
exit "$status"
