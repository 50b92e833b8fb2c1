# shellcheck shell=bash
# The service: keeps pg_receivewal running, ships, closes segments, takes base backups, and tells when all is well. Included
# by karibu-backup. Whatever fails is tried again; what it says is said once, and once more when it is over.

receiver=
basing=
mirroring=()
last_mark=0
# Closed segments that are not yet seen in the backups: "time segment".
marks=()

# trouble_of WHAT SENTENCE / fine WHAT: says a trouble when it begins and when it ends; the health check shows it.
trouble_of() {
  local file=/tmp/trouble.$1
  if [ "$(cat "$file" 2>/dev/null)" != "$2" ]; then
    say "$2"
    printf '%s\n' "$2" >"$file"
  fi
}
trouble() { trouble_of wal "$1"; }
fine() {
  if [ -e "/tmp/trouble.$1" ]; then
    say "this is over: $(cat "/tmp/trouble.$1")"
    rm -f "/tmp/trouble.$1"
  fi
}

service() {
  connect_settings
  target_settings
  # Leftovers of a run that was killed.
  find "$backups" "$spool" -mindepth 1 -name '.*' -prune -exec rm -rf {} + 2>/dev/null || true
  mkdir -p "$spool/wal"
  # Another folder of backups than before, or one that lost some: its WAL would have a gap.
  if [ -e "$spool/shipped" ] && [ ! -e "$(wal_file "$(spooled_system)" "$(<"$spool/shipped")")" ]; then touch "$spool/need-base"; fi
  # Another key than before: it opens nothing that was made until now, so it needs a base backup of its own.
  if [ "$(cat "$spool/recipient" 2>/dev/null)" != "$(recipient)" ]; then
    touch "$spool/need-base"
    recipient | put "$spool/recipient"
  fi
  trap stop TERM INT
  say "backups are encrypted for $(recipient) and kept for $keep_days days"
  meet_target
  if [ -n "$target" ]; then
    say "and copied to $target; its ~/.ssh/authorized_keys needs this line: $(<"$spool/ssh_key.pub")"
    for list in wal base; do
      mirror_loop $list &
      mirroring+=($!)
    done
  fi
  while :; do
    if (($(date +%s) - last_mark >= interval)); then mark; fi
    receive
    if ship; then fine wal; fi
    confirm
    base
    # Awake at once when a signal comes.
    sleep 2 &
    wait $! || true
  done
}

# Closes the segment, so that what was written until now can be shipped, and sees that slot and spool are this database's.
mark() {
  local at answer system name slot_state
  last_mark=$(date +%s)
  at=$(now_utc)
  answer=$(ask "select system_identifier, pg_walfile_name(pg_switch_wal() - 1),
      coalesce((select wal_status from pg_replication_slots where slot_name = '$slot'), 'none') from pg_control_system()" 2>/tmp/psql.log) || {
    trouble_of database "PostgreSQL does not answer ($(tail -n 1 /tmp/psql.log)): waiting for it"
    last_mark=$(($(date +%s) - interval + 2))
    return 0
  }
  fine database
  read -r system name slot_state <<<"$answer"
  if [ "$system $((16#${name:0:8}))" != "$(cat "$spool/system" 2>/dev/null)" ]; then
    begin "this is database $system, timeline $((16#${name:0:8}))" || return 0
    printf '%s %s\n' "$system" "$((16#${name:0:8}))" | put "$spool/system"
  fi
  case "$slot_state" in
    none) begin "a new slot keeps WAL for the backup" && make_slot || return 0 ;;
    lost)
      begin "PostgreSQL could not keep WAL any longer, so there is a gap" && drop_slot && make_slot || return 0
      ;;
  esac
  marks+=("$at $name")
  tell_base
}

# Notes for those who watch: when the newest base backup that is where it has to be was made, and whether there is room for the next one.
tell_base() {
  local base ended='' bytes=''
  while read -r base; do
    if mirrored "$base/info"; then ended=$(field ended "$base/info") bytes=$(field bytes "$base/info"); fi
  done < <(bases "$(spooled_system)")
  [ -n "$ended" ] || return 0
  if [ "$ended" != "$(cat "$state/last-base" 2>/dev/null)" ]; then put "$state/last-base" <<<"$ended" || return 0; fi
  put "$state/room" <<<"$(room) $(room_needed "$bytes")" || return 0
}

# Another database, timeline or slot: what is in the spool is the end of the old one. A base backup begins the new one.
begin() {
  say "$1"
  stop_receiver
  if ! ship partial; then last_mark=0; return 1; fi
  rm -rf "${spool:?}/wal" "$spool/shipped"
  mkdir -p "$spool/wal"
  touch "$spool/need-base"
  marks=()
}

make_slot() { pg_receivewal --slot="$slot" --create-slot --if-not-exists --no-password 2>/tmp/slot.log || say "$(tail -n 1 /tmp/slot.log)"; }
drop_slot() { pg_receivewal --slot="$slot" --drop-slot --no-password 2>/tmp/slot.log || say "$(tail -n 1 /tmp/slot.log)"; }

# Keeps pg_receivewal running, unless so much waits here that the rest had better wait at the server.
receive() {
  local waiting
  [ -e "$spool/system" ] || return 0
  waiting=$(du -sb "$spool/wal" | cut -f 1)
  if ((waiting > spool_limit)); then
    trouble_of spool "WAL comes faster than it can be written to the backups: the rest waits at PostgreSQL"
    stop_receiver
    return 0
  fi
  if [ -n "$receiver" ] && kill -0 "$receiver" 2>/dev/null; then return 0; fi
  if [ -n "$receiver" ]; then
    wait "$receiver" || true
    receiver=
    # The connection broke: if it was PostgreSQL's end, this is the last that came from it.
    ship partial || return 0
  fi
  fine spool
  pg_receivewal --directory="$spool/wal" --slot="$slot" --no-loop --no-password 2>/tmp/receive.log &
  receiver=$!
}

stop_receiver() {
  if [ -n "$receiver" ]; then
    kill -INT "$receiver" 2>/dev/null || true
    wait "$receiver" || true
    receiver=
  fi
}

# Tells the success when the newest closed segment is in the backups, and a base backup that it continues.
confirm() {
  local at name system
  system=$(spooled_system)
  while ((${#marks[@]})); do
    read -r at name <<<"${marks[0]}"
    # Names of one timeline are in order.
    if [[ $name > $(cat "$spool/shipped" 2>/dev/null) ]] || ! mirrored "$(wal_file "$system" "$name")"; then return 0; fi
    marks=("${marks[@]:1}")
    if [ ! -e "$spool/need-base" ] && has_base "$system"; then
      put "$backups/$system/shipped" <<<"$at" || return 0
      note "$backups/$system/shipped"
      put "$state/last-backup" <<<"$at" || return 0
      if [ ! -s "$state/first-backup" ]; then put "$state/first-backup" <<<"$at" || return 0; fi
    fi
  done
}

# Whether a base backup is where it has to be.
has_base() {
  local base
  while read -r base; do
    if mirrored "$base/info"; then return 0; fi
  done < <(bases "$1")
  return 1
}

# Takes a base backup beside, when it is time.
base() {
  if [ -n "$basing" ] && kill -0 "$basing" 2>/dev/null; then return 0; fi
  if [ -n "$basing" ]; then
    if wait "$basing"; then
      fine base
      # The first success need not wait for the next interval.
      last_mark=0
    fi
    basing=
  fi
  if [ -z "$receiver" ] || [ -e /tmp/trouble.database ] || ! base_is_due; then return 0; fi
  # After a failure not at once again.
  if [ -e /tmp/trouble.base ] && [ -n "$(find /tmp/trouble.base -mmin -1)" ]; then return 0; fi
  (
    if (take_base) 2>/tmp/base.said; then
      say "a base backup is made"
    else
      trouble_of base "$(sed 's/^backup: //' /tmp/base.said | tail -n 1)"
      touch /tmp/trouble.base
      exit 1
    fi
  ) &
  basing=$!
}

stop() {
  trap - TERM INT
  stop_receiver
  for child in $basing "${mirroring[@]}"; do kill "$child" 2>/dev/null || true; done
  ship partial || true
  exit 0
}

# Whether everything of the last minutes is shipped.
healthy() {
  local last
  last=$(cat "$state/last-backup" 2>/dev/null || true)
  if [ -n "$last" ] && (($(date +%s) - $(seconds "$last") <= late)); then
    echo "everything until $last is in the backups$(sed 's/^/; but /' /tmp/trouble.base 2>/dev/null)"
    return 0
  fi
  echo "the last success was ${last:-never}: $(cat /tmp/trouble.* 2>/dev/null | head -n 1)"
  return 1
}
