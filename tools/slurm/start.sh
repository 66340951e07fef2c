#!/usr/bin/env bash
# Start a private Slurm on this machine, for tests: tools/slurm/start.sh [--accounting | --packages]
#
# Needs root on Debian or a relative of it. Installs what is missing with apt, claims three nodes
# (n1 and n2 in the partition `cpu`, n3 with two make-believe graphics cards in `gpu`), and returns
# when a job has run in each partition. --accounting adds slurmdbd with a MariaDB of its own, so
# that `sacct` answers; without it only `squeue` does, as on many small clusters. --packages only
# installs, and so tells whether this machine can be used.
# Everything lies in $DEG_SLURM_DIR/deg-slurm (/var/tmp/deg-slurm) and in /etc/slurm; stop.sh ends it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

accounting=no start=yes
case ${1:-} in
  --accounting) accounting=yes ;;
  --packages) start=no ;;
  "") ;;
  *) fail "unknown option $1" ;;
esac
[ "$(id -u)" = 0 ] || fail "needs root: it installs packages and starts daemons"

# What each node says it has, whatever the machine has: the scheduler believes it.
cpus=16
memory=64000
gpus=2

install_packages() {
  local wanted=(munge slurmctld slurmd slurm-client) missing=() package
  # The -core packages leave out what a database server for a whole machine would bring along.
  [ $accounting = no ] || wanted+=(slurmdbd mariadb-server-core mariadb-client-core)
  for package in "${wanted[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "needs ${missing[*]}, and there is no apt-get to install them"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } \
    >"$state/log/apt.log" 2>&1 || fail "apt-get failed; see $state/log/apt.log"
}

start_munge() {
  ! timeout 5 munge -n >/dev/null 2>&1 || return 0
  install -d -o munge -g munge -m 755 /run/munge
  if [ ! -s /etc/munge/munge.key ]; then
    (umask 077 && head -c 512 /dev/urandom >/etc/munge/munge.key)
    chown munge: /etc/munge/munge.key
  fi
  runuser -u munge -- munged
  await 10 munge -n || fail "munged does not answer"
  cp /run/munge/munged.pid "$state/pid/munged.pid"
}

# Slurm's steps forget $SLURM_CONF, so the configuration has to be where Slurm looks by itself.
write_configuration() {
  local listen="" storage="AccountingStorageType=accounting_storage/none" node
  # The daemons listen where the host's name points to; elsewhere than 127.* the option ends them.
  case $(getent ahostsv4 "$(hostname -s)" | awk 'NR == 1 {print $1}') in
    127.*) listen="CommunicationParameters=NoInAddrAny,NoCtldInAddrAny" ;;
    *) say "note: the name of this host is not 127.*, so Slurm listens on all interfaces" ;;
  esac
  [ $accounting = no ] || storage="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment"
  mkdir -p /etc/slurm
  # Processes are told apart without cgroups, which containers often lack. Limits are looked at
  # often and killing is quick, since tests wait for both. A job is remembered for an hour.
  cat >/etc/slurm/slurm.conf <<CONF
$mark
ClusterName=deg
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
$listen
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/spool/%n
SlurmctldPidFile=$state/pid/slurmctld.pid
SlurmdPidFile=$state/pid/slurmd-%n.pid
SlurmctldLogFile=$state/log/slurmctld.log
SlurmdLogFile=$state/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
MpiDefault=none
MailProg=/bin/true
$storage
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=2
EnforcePartLimits=ALL
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=10
MinJobAge=3600
GresTypes=gpu
$(for node in 1 2 3; do
    echo "NodeName=n$node NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((17000 + node))" \
      "CPUs=$cpus RealMemory=$memory $([ $node != 3 ] || echo "Gres=gpu:$gpus")"
  done)
PartitionName=cpu Nodes=n[1-2] Default=YES DefaultTime=5 MaxTime=1-0
PartitionName=gpu Nodes=n3 DefaultTime=5 MaxTime=1-0
CONF
  # A card has to be a device: these are second names of /dev/null.
  for ((node = 0; node < gpus; node++)); do mknod "$state/gpu$node" c 1 3; done
  printf '%s\nAutoDetect=off\nNodeName=n3 Name=gpu File=%s/gpu[0-%d]\n' \
    "$mark" "$state" $((gpus - 1)) >/etc/slurm/gres.conf
}

start_accounting() {
  local sql=(mariadb --no-defaults -uroot -S "$state/db/socket")
  say "starting MariaDB and slurmdbd"
  id mysql >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin mysql
  install -d -o mysql -g mysql -m 700 "$state/db"
  mariadb-install-db --no-defaults --user=mysql --datadir="$state/db" --skip-test-db \
    --auth-root-authentication-method=normal >"$state/log/database.log" 2>&1 ||
    fail "the database could not be made"
  setsid mariadbd --no-defaults --user=mysql --datadir="$state/db" --socket="$state/db/socket" \
    --pid-file="$state/db/pid" --bind-address=127.0.0.1 --port=13307 \
    --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 \
    >>"$state/log/database.log" 2>&1 </dev/null &
  await 30 "${sql[@]}" -e "select 1" || fail "MariaDB does not answer"
  cp "$state/db/pid" "$state/pid/mariadbd.pid"
  "${sql[@]}" -e "create database slurm_acct_db;
    create user slurm@localhost identified by 'test';
    create user slurm@'127.0.0.1' identified by 'test';
    grant all on slurm_acct_db.* to slurm@localhost;
    grant all on slurm_acct_db.* to slurm@'127.0.0.1'"
  (umask 077 && cat >/etc/slurm/slurmdbd.conf) <<CONF
$mark
AuthType=auth/munge
DbdHost=$(hostname -s)
DbdAddr=127.0.0.1
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=13307
StorageUser=slurm
StoragePass=test
LogFile=$state/log/slurmdbd.log
PidFile=$state/pid/slurmdbd.pid
CONF
  slurmdbd || broken "slurmdbd does not start"
  await 30 sacctmgr --noheader list cluster || broken "slurmdbd does not answer"
  sacctmgr --immediate add cluster deg >/dev/null
  sacctmgr --immediate add account lab Description=lab Organization=lab >/dev/null
  sacctmgr --immediate add user root Account=lab DefaultAccount=lab >/dev/null
}

start_daemons() {
  local node
  slurmctld || broken "slurmctld does not start"
  await 15 scontrol ping || broken "slurmctld does not answer"
  for node in n1 n2 n3; do
    mkdir -p "$state/spool/$node"
    slurmd -N $node || broken "slurmd of $node does not start"
  done
  # Nodes are called idle before they are there: a job that ran is the proof.
  timeout -k 5 60 srun --quiet -p cpu -N 2 --mem 100 -t 1 true || broken "no job runs in cpu"
  timeout -k 5 60 srun --quiet -p gpu --gpus 1 --mem 100 -t 1 sh -c '[ -n "$CUDA_VISIBLE_DEVICES" ]' ||
    broken "no job with a graphics card runs in gpu"
}

! ours || ! running || fail "a cluster of ours is running already; tools/slurm/stop.sh ends it"
for file in slurm.conf gres.conf slurmdbd.conf cgroup.conf; do
  [ ! -s /etc/slurm/$file ] || grep -qxF "$mark" /etc/slurm/$file ||
    fail "/etc/slurm/$file is not ours: this machine belongs to a cluster, which stays untouched"
done
rm -rf "$state"
mkdir -p "$state"/{log,pid,ctld,spool}
chmod 755 "$state"
install_packages
[ $start = yes ] || exit 0
start_munge
write_configuration
[ $accounting = no ] || start_accounting
start_daemons
say "a Slurm of three nodes is ready"
