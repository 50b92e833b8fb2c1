# shellcheck shell=bash
# Base backups. Included by karibu-backup.

made_base=

# Takes a base backup and sets made_base. One at a time, whoever asks. It streams: nothing plain lies on a disk.
take_base() {
  local system began name folder making size why
  exec 8>/tmp/base.lock
  flock 8
  system=$(spooled_system)
  [ -n "$system" ] || refuse "PostgreSQL was not reached yet, so there is nothing to back up: see docker compose ps"
  began=$(now_utc)
  touch /tmp/base.began
  name=${began//:/-}
  folder=$backups/$system/base/$name
  making=$backups/$system/base/.$name.making
  # What is past its time makes room first.
  prune
  size=$(ask 'select sum(pg_database_size(oid))::bigint from pg_database' 2>/tmp/base.log) ||
    refuse "the base backup could not be made ($(tail -n 1 /tmp/base.log))"
  # Before it fills the disk, which is PostgreSQL's, too, where backups lie in a volume.
  (($(room) >= $(room_needed "$size"))) ||
    refuse "the base backup was not begun: it may need $(room_needed "$size") MB and the disk of backups has $(room) MB: make room, let KARIBU_BACKUP_DIR name another disk, or lower KARIBU_BACKUP_DAYS"
  mkdir -p "$making" || refuse "the base backup could not be made: the folder of backups cannot be written"
  if ! stream_base "$making" ||
    ! base_info "$began" "$size" | put "$making/info" || ! mv "$making" "$folder" || ! sync "$(dirname "$folder")"; then
    why=$(unsealed)
    rm -rf "$making"
    exec 8>&-
    refuse "the base backup could not be made (${why:-$(grep -E 'error|fatal|FATAL' /tmp/base.log | tail -n 1)})"
  fi
  note "$folder"/*
  if [ -e "$spool/need-base" ] && [ ! "$spool/need-base" -nt /tmp/base.began ]; then rm -f "$spool/need-base"; fi
  exec 8>&-
  made_base=$folder
  prune
}

# Free MB where backups lie, and those that a base backup of a database of so many bytes may take: attachments cannot be made smaller.
room() { echo $(($(df --output=avail -B 1000000 "$backups" | tail -n 1))); }
room_needed() { echo $(($1 / 1000000 * 12 / 10 + 1000)); }

# What is told about it without the key.
base_info() {
  printf 'began=%s\nended=%s\nbytes=%s\n' "$1" "$(now_utc)" "$2"
  sed -n -e 's/.*write-ahead log start point: \([^ ]*\) on timeline \([0-9]*\).*/start=\1\ntimeline=\2/p' \
    -e 's/.*write-ahead log end point: \([^ ]*\).*/stop=\1/p' /tmp/base.log
}

# The server's files with the WAL that makes them consistent, and the key of links, so that links in sent mails work after a
# restore on another machine.
stream_base() {
  env -u PGOPTIONS LC_ALL=C pg_basebackup --pgdata=- --format=tar --wal-method=fetch --checkpoint=fast --verbose --no-password \
    2>/tmp/base.log | seal "$1/base.tar.zst.age" || return 1
  if [ -r "$secrets/secret_key" ]; then
    seal "$1/base.secret_key.zst.age" <"$secrets/secret_key" || return 1
  fi
}

# Whether the newest base backup is a day old, or none fits the WAL.
base_is_due() {
  local newest
  [ -e "$spool/need-base" ] && return 0
  newest=$(bases "$(spooled_system)" | tail -n 1)
  [ -z "$newest" ] || (($(date +%s) - $(seconds "$(field ended "$newest/info")") >= base_every))
}
