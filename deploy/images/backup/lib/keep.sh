# shellcheck shell=bash
# How long backups are kept. Included by karibu-backup.

# Removes base backups older than keep_days but for the newest two, and the WAL before the oldest that stays. A database that
# is backed up no more goes altogether when its time is over.
prune() {
  local oldest_kept system current
  oldest_kept=$(($(date +%s) - keep_days * 24 * 3600))
  current=$(spooled_system)
  while read -r system; do
    if [ "$system" != "$current" ] && (($(last_of "$system") < oldest_kept)); then
      drop "$backups/$system"
    else
      prune_one "$system" "$oldest_kept"
    fi
  done < <(systems)
}

# Identifiers of the databases that have backups.
systems() { find "$backups" -mindepth 1 -maxdepth 1 -type d -regex '.*/[0-9]+' -printf '%f\n' | sort; }

# When anything of a database was last written.
last_of() {
  local newest
  newest=$(find "$backups/$1" -type f -printf '%T@\n' | sort -n | tail -n 1)
  echo "${newest%.*}"
}

prune_one() {
  local system=$1 base first=''
  while read -r base; do
    if (($(seconds "$(field ended "$base/info")") < $2)); then
      # Renamed first: half of a base backup must not look like one.
      mv "$base" "${base%/*}/.${base##*/}.gone"
      rm -rf "${base%/*}/.${base##*/}.gone"
      note "$base"
    fi
  done < <(bases "$system" | head -n -2)
  first=$(bases "$system" | head -n 1)
  [ -n "$first" ] || return 0
  prune_wal "$system" "$(segment_of "$(field start "$first/info")")"
}

# segment_of LSN: the number of its segment, in the 16 digits that end a segment's name.
segment_of() {
  local high=$((16#${1%/*})) low=$((16#${1#*/}))
  printf '%08X%08X' "$high" "$((low / segment_bytes))"
}

# prune_wal ID SEGMENT: WAL before it, on whatever timeline. Histories stay: they are small, and later timelines need them.
prune_wal() {
  local file name
  while read -r file; do
    name=${file##*/}
    if [[ ${name:8:16} < $2 ]]; then
      rm -f "$file"
      note "$file"
    fi
  done < <(find "$backups/$1/wal" -type f -regex '.*/[0-9A-F]+\(\.partial\)?\.zst\.age' 2>/dev/null)
  find "$backups/$1/wal" -mindepth 1 -type d -empty -mmin +60 -delete 2>/dev/null || true
}

# What can be restored, for people.
list_backups() {
  local system base any=no
  while read -r system; do
    any=yes
    echo "database $system, everything until $(cat "$backups/$system/shipped" 2>/dev/null || echo 'the last base backup')"
    while read -r base; do
      printf '  base backup of %s, %s\n' "$(field ended "$base/info")" "$(du -sh --apparent-size "$base" | cut -f 1)"
    done < <(bases "$system")
  done < <(systems)
  [ "$any" = yes ] || echo "there is no backup yet"
}
