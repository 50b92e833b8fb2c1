# shellcheck shell=bash
# Which backup a restore begins with, and whether the WAL to go on is there. Included by karibu-backup.

from=$backups
# Seconds since 1970 to restore to; empty: everything that is there.
at=
database=
# What was chosen.
system= chosen= latest=
# For each timeline on the way: the last segment that counts.
declare -A until_segment=()
# The last segment without a gap before it, and the last of all.
last_segment= newest_segment=

utc() { date -u -d "@${1%.*}" '+%Y-%m-%d %H:%M:%S UTC'; }

# open FILE: decrypted and unpacked.
open() { age -d -i "$identity" "$1" | zstd -q -d; }

choose() {
  local all base ended best=''
  cd "$from" 2>/dev/null || refuse "the folder of backups cannot be read: let everybody read it (chmod -R a+rX)"
  backups=$from
  all=$(systems)
  [ -n "$all" ] || refuse "there is no backup in that folder: it holds a folder of digits with base and wal in it"
  if [ -n "$database" ]; then
    [ -d "$backups/$database" ] || refuse "there is no backup of a database $database: there are ${all//$'\n'/ and }"
    all=$database
  elif [[ $all == *$'\n'* ]]; then
    list_backups >&2
    refuse "these are backups of several databases, of which a later one may be an empty one: say which by --database"
  fi
  system=$all
  timelines
  while read -r base; do
    ended=$(seconds "$(field ended "$base/info")")
    usable "$base" || continue
    if [ -z "$at" ] || ((ended <= ${at%.*})); then best=$base; fi
  done < <(bases "$system")
  if [ -z "$best" ]; then
    base=$(bases "$system" | head -n 1)
    [ -n "$base" ] || refuse "there is WAL but no finished base backup in that folder, so nothing can be restored"
    refuse "no backup reaches back to $(utc "$at"): the oldest is of $(utc "$(seconds "$(field ended "$base/info")")")"
  fi
  chosen=$best
  [ "$(age -d -i "$identity" "$chosen/base.tar.zst.age" 2>/dev/null | head -c 1 | wc -c)" = 1 ] ||
    refuse "this private key does not open the backups: take the one whose public half was KARIBU_BACKUP_KEY when they were made"
  reach
}

# Reads the newest timeline's history: which timelines lead to it and where each ended. A restore begins a new one.
timelines() {
  local file line number
  latest=$(find "$backups/$system/wal" -type f -name '*.zst.age' -printf '%f\n' 2>/dev/null | cut -c 1-8 | sort | tail -n 1)
  latest=${latest:-00000001}
  until_segment[$latest]=FFFFFFFFFFFFFFFF
  file=$backups/$system/wal/$latest.history.zst.age
  [ -e "$file" ] || return 0
  line=$(open "$file" 2>/dev/null) ||
    refuse "this private key does not open the backups: take the one whose public half was KARIBU_BACKUP_KEY when they were made"
  while read -r number stop _; do
    [[ $number =~ ^[0-9]+$ ]] || continue
    until_segment[$(printf '%08X' "$number")]=$(segment_of "$stop")
  done <<<"$line"
}

# Whether a base backup lies on the way to the newest timeline.
usable() {
  local timeline
  timeline=$(printf '%08X' "$(field timeline "$1/info")")
  [ -n "${until_segment[$timeline]:-}" ] && [[ ! $(segment_of "$(field stop "$1/info")") > ${until_segment[$timeline]} ]]
}

# How far the WAL reaches without a gap.
reach() {
  local name timeline segment high low next
  declare -A there=()
  newest_segment=
  while read -r name; do
    timeline=${name:0:8} segment=${name:8:16}
    [ -n "${until_segment[$timeline]:-}" ] && [[ ! $segment > ${until_segment[$timeline]} ]] || continue
    there[$segment]=1
    if [[ $segment > $newest_segment ]]; then newest_segment=$segment; fi
  done < <(find "$backups/$system/wal" -type f -regex '.*/[0-9A-F]+\(\.partial\)?\.zst\.age' -printf '%f\n' 2>/dev/null)
  # The base backup itself holds the WAL up to its end.
  last_segment=$(segment_of "$(field stop "$chosen/info")")
  if [[ $last_segment > $newest_segment ]]; then newest_segment=$last_segment; fi
  while :; do
    high=$((16#${last_segment:0:8})) low=$((16#${last_segment:8:8} + 1))
    if ((low * segment_bytes >= 1 << 32)); then high=$((high + 1)) low=0; fi
    next=$(printf '%08X%08X' "$high" "$low")
    [ -n "${there[$next]:-}" ] || break
    last_segment=$next
  done
}

# Whether WAL is missing in the midst.
gap() { [ "$last_segment" != "$newest_segment" ]; }

# When the last segment before the gap was written.
before_gap() {
  local file
  file=$(find "$backups/$system/wal" -type f -name "*$last_segment*.zst.age" | head -n 1)
  utc "$(stat -c %Y "${file:-$chosen/info}")"
}
