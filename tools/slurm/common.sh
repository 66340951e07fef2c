# What start.sh and stop.sh share; sourced by them.

# A folder of its own in there, which is removed with all its content.
state=${DEG_SLURM_DIR:-/var/tmp}/deg-slurm
mark="# written by the tests of deg-core"

say() { echo "slurm: $*"; }

fail() {
  echo "slurm: $*" >&2
  exit 1
}

# The same, with what the daemons have to say.
broken() {
  local file
  for file in "$state"/log/slurm*.log; do
    [ ! -f "$file" ] || { echo "--- the end of $file"; tail -n 8 "$file"; } >&2
  done
  fail "$@"
}

# await SECONDS COMMAND ...: try until it succeeds; no try may hang.
await() {
  local until=$((SECONDS + $1))
  shift
  until timeout 5 "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $until ] || return 1
    sleep 0.2
  done
}

ours() { grep -qxF "$mark" /etc/slurm/slurm.conf 2>/dev/null; }

# The ids of the daemons that start.sh began and that live.
daemons() {
  local file id
  for file in "$state"/pid/*.pid; do
    [ -s "$file" ] || continue
    id=$(cat "$file" 2>/dev/null) || continue
    case $(cat "/proc/$id/comm" 2>/dev/null) in
      slurm* | munged | mariadbd) echo "$id" ;;
    esac
  done
}

running() { [ -n "$(daemons)" ]; }
