# shellcheck shell=bash
# From the spool, where pg_receivewal writes WAL, to the backups. Included by karibu-backup.

# The database whose WAL lies in the spool: system identifier and timeline, noted when it began.
spooled_system() { cut -d ' ' -f 1 "$spool/system" 2>/dev/null || true; }
spooled_timeline() { cut -d ' ' -f 2 "$spool/system" 2>/dev/null || true; }

# wal_file ID NAME: where a segment or a history file is kept. A folder holds the 1024 segments of one 4 GB.
wal_file() {
  case "$2" in
    *.history) echo "$backups/$1/wal/$2.zst.age" ;;
    *) echo "$backups/$1/wal/${2:0:16}/$2.zst.age" ;;
  esac
}

# Ships every full segment, oldest first, and takes it out of the spool. With "partial" the one that is not full, too: it
# stays, and its copy goes when the full one comes.
ship() {
  local system file name sealed
  system=$(spooled_system)
  [ -n "$system" ] || return 0
  exec 7>/tmp/ship.lock
  flock 7
  for file in "$spool"/wal/*; do
    name=${file##*/}
    [[ $name =~ ^([0-9A-F]{24}(\.partial)?|[0-9A-F]{8}\.history)$ ]] || continue
    if [[ $name == *.partial && ${1:-} != partial ]]; then continue; fi
    sealed=$(wal_file "$system" "$name")
    if ! mkdir -p "${sealed%/*}" || ! seal "$sealed" <"$file"; then
      exec 7>&-
      trouble "WAL cannot be written to the backups ($(unsealed)): see that their disk has room and that uid $(id -u) may write there"
      return 1
    fi
    note "$sealed"
    if [[ $name != *.partial ]]; then
      rm -f "$file"
      printf '%s\n' "$name" >"$spool/shipped"
      drop "$(wal_file "$system" "$name.partial")"
    fi
  done
  exec 7>&-
}

# Why nothing could be written: the last words behind the name of the file.
unsealed() {
  local why
  why=$(grep 'error: ' /tmp/seal.log 2>/dev/null | tail -n 1) || true
  echo "${why##*: }"
}

# Removes a file of the backups, if it is there.
drop() {
  if [ -e "$1" ]; then
    rm -rf "$1"
    note "$1"
  fi
}

# For a restore, when PostgreSQL is stopped: everything that came from it. The restore reads what lies here, so the target may be away.
flush() {
  target_settings
  # The service may have said it before, and then says it no more.
  ship partial 2>/dev/null || refuse "$(cat /tmp/trouble.wal)"
  [ ! -e /tmp/trouble.spool ] || refuse "$(cat /tmp/trouble.spool)"
  mirror_now wal || true
}
