# shellcheck shell=bash
# Restores a database beside the one that is there, and changes them when it is whole. Included by karibu-backup.

volume=/var/lib/postgresql/data
work=$volume/cluster.restoring
server=
# What a test asks of the restored database, and the MB that it leaves to the one that runs.
query=
spare=0

restore_command() {
  local what=$1
  shift
  who=restore
  while (($#)); do
    case "$1" in
      --at) at=${2#@} ;;
      --database) database=$2 ;;
      --from) from=$2 ;;
      --query) query=$2 ;;
      *) refuse "restore knows no $1: there are --at, --database, --from and --query" ;;
    esac
    shift 2
  done
  (umask 0077 && cat >"$identity")
  age-keygen -y "$identity" >/dev/null 2>&1 || refuse "that is no private key of age: its file has a line that begins with AGE-SECRET-KEY-1"
  choose
  case "$what" in
    plan) plan ;;
    restore) restore ;;
    test) try ;;
    key)
      [ ! -e "$chosen/base.secret_key.zst.age" ] || open "$chosen/base.secret_key.zst.age"
      ;;
  esac
}

# Looks at everything that can be known before; changes nothing.
plan() {
  local shipped room needed goal
  shipped=$(cat "$backups/$system/shipped" 2>/dev/null || true)
  # The times are written so that their order is that of letters.
  if [[ $(field ended "$chosen/info") > $shipped ]]; then shipped=$(field ended "$chosen/info"); fi
  if [ -n "$at" ] && ((${at%.*} > $(seconds "$shipped"))); then
    refuse "the backups reach to $(utc "$(seconds "$shipped")"), which is before $(utc "$at"): leave --at out to restore all that is there"
  fi
  if [ -z "$at" ] && gap; then
    refuse "WAL is missing after segment $last_segment, and later WAL is there: restore to before the gap, --at '$(before_gap)' or earlier"
  fi
  [ -w "$volume" ] || refuse "PostgreSQL's volume cannot be written by uid $(id -u)"
  needed=$(($(field bytes "$chosen/info") / 1000000 * 12 / 10 + 600 + spare))
  room=$(($(df --output=avail -B 1000000 "$volume" | tail -n 1)))
  ((room >= needed)) ||
    refuse "the database needs $needed MB beside the one that is there, and the disk has $room MB: make room, or remove old $volume/before-restore-* folders"
  goal="its end, $(utc "$(seconds "$shipped")") or later"
  if [ -n "$at" ]; then goal=$(utc "$at"); fi
  echo "database $system: the base backup of $(utc "$(seconds "$(field ended "$chosen/info")")"), then WAL until $goal"
}

restore() {
  plan >/dev/null
  exec 9>"$volume/lock"
  flock --nonblock 9 || refuse "PostgreSQL still runs on that volume: stop it first"
  rebuild
  told
  finish
}

# The same beside a database that runs, and instead of taking its place it is asked, looked at page by page, and thrown away.
try() {
  who=restore-test
  work=$volume/cluster.testing
  spare=1000
  plan >/dev/null
  exec 9>"$volume/lock.testing"
  flock --nonblock 9 || refuse "another restore-test is under way"
  rebuild
  psql --no-psqlrc -qAt -F ' ' -d karibu -c "$query" || refuse "the restored database does not answer"
  told
  stop_server || refuse "PostgreSQL did not stop well after the restore"
  say "reading every page"
  pg_checksums --check -D "$work" >/tmp/checksums.log 2>&1 || refuse "the restored database is damaged: $(tail -n 1 /tmp/checksums.log)"
  say "$said"
}

# Makes the chosen database in $work and leaves it running.
rebuild() {
  trap cleanup EXIT
  trap 'exit 1' TERM INT
  rm -rf "$work"
  mkdir -m 0700 "$work"
  say "unpacking the base backup of $(utc "$(seconds "$(field ended "$chosen/info")")")"
  open "$chosen/base.tar.zst.age" | tar -x -C "$work" || refuse "the base backup ${chosen##*/} is damaged: its checksums do not fit; nothing was changed"
  touch "$work/recovery.signal"
  export RESTORE_WAL=$backups/$system/wal RESTORE_IDENTITY=$identity PGHOST=/run/postgresql PGUSER=postgres
  say "replaying WAL"
  if ! recover ${at:+-c "recovery_target_time=$(date -u -d "@$at" '+%Y-%m-%d %H:%M:%S.%6N')+00"}; then
    # Nothing was written after that time: everything there is, is what there was.
    if [ -n "$at" ] && grep -q 'recovery ended before configured recovery target' /tmp/restore.log && ! gap; then
      recover || refuse_log
    else
      refuse_log
    fi
  fi
}

# recover OPTION…: replays and promotes; false when PostgreSQL gave up.
recover() {
  postgres -D "$work" -c config_file=/usr/local/lib/karibu-backup/restore.conf "$@" 2>/tmp/restore.log &
  server=$!
  until psql --no-psqlrc -qAt -d postgres -c '' >/dev/null 2>&1; do
    if ! kill -0 $server 2>/dev/null; then
      server=
      return 1
    fi
    sleep 0.2 &
    wait $! || true
  done
}

refuse_log() {
  if grep -q 'recovery ended before configured recovery target' /tmp/restore.log; then
    refuse "WAL is missing after segment $last_segment, so that time cannot be reached: restore to before the gap, --at '$(before_gap)' or earlier; nothing was changed"
  fi
  refuse "PostgreSQL gave up: $(grep -E 'FATAL|PANIC|restore-wal:' /tmp/restore.log | tail -n 1 | sed 's/.*\(FATAL\|PANIC\): *//'); nothing was changed"
}

# What is in the restored database.
told() {
  local reached count=0
  reached=$(psql --no-psqlrc -qAt -d postgres -c "select floor(extract(epoch from pg_last_xact_replay_timestamp()))")
  if [ -n "$(psql --no-psqlrc -qAt -d karibu -c "select to_regclass('registration')" 2>/dev/null)" ]; then
    count=$(psql --no-psqlrc -qAt -d karibu -c 'select count(*) from registration')
  fi
  reached=${reached:-$(seconds "$(field ended "$chosen/info")")}
  said="the database is as it was at ${at:+$(utc "$at"), its last change at }$(utc "$reached"); it holds $count registrations"
}

# Stops it; false when that did not go well.
stop_server() {
  local done=0
  kill -INT "$server"
  wait "$server" || done=1
  server=
  return $done
}

# Stops it, and puts it in the place of the old one in one step.
finish() {
  local aside history
  stop_server || refuse "PostgreSQL did not stop well after the restore; nothing was changed"
  # Its new timeline's number is taken for good, so that the next restore takes another.
  history=$(find "$work/pg_wal" -maxdepth 1 -name '*.history' -printf '%f\n' | sort | tail -n 1)
  if [ -n "$history" ] && [ -w "$backups/$system/wal" ]; then
    seal "$backups/$system/wal/$history.zst.age" <"$work/pg_wal/$history" ||
      refuse "the new timeline could not be noted in the backups: see that their disk has room; nothing was changed"
  fi
  sync -f "$work"
  aside=$volume/before-restore-$(date -u +%Y-%m-%dT%H-%M-%SZ)
  if [ -d "$volume/cluster" ]; then
    # Under the name that the old one gets, and then the two change places at once: a kill leaves both, whole.
    mv "$work" "$aside"
    mv --exchange --no-target-directory "$aside" "$volume/cluster" ||
      refuse "the volume's file system cannot exchange two folders; the restored database is in ${aside#"$volume"/}, nothing else was changed"
    said+="; what was there before is kept in ${aside#"$volume"/} of PostgreSQL's volume"
  else
    mv "$work" "$volume/cluster"
  fi
  sync "$volume"
  trap - EXIT
  rm -f "$identity"
  echo "$said"
}

# A restore that did not come to its end leaves nothing.
cleanup() {
  if [ -n "$server" ]; then
    kill -INT "$server" 2>/dev/null || true
    wait "$server" || true
  fi
  rm -rf "$work" "$identity"
}
