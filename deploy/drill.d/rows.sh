# shellcheck shell=bash
# What was broken, who was to tell it, and when the mails came. Included by deploy/drill.
#
# A row is one fault: row_NAME[i]. Times are milliseconds since 1970. A mail is looked for by the time at which it lay in the catcher's folder, so that it
# may be looked for later, when the next thing is broken already.

row_name=() row_want=() row_since=() row_down=() row_back=() row_mail=() row_over=() row_subject=() row_wrong=()
# What could not be tried.
left_out=()

# await_mail SINCE SECONDS STATE WANT [FOLDER]: `hand find` in pieces, so that no signal is kept waiting. Sets `found`.
await_mail() {
  local since=$1 end=$((SECONDS + $2)) left
  shift 2
  while :; do
    left=$((end - SECONDS))
    if found=$(hand find "$since" "$((left > 5 ? 5 : left < 0 ? 0 : left))" "$@"); then return; fi
    if ((left <= 0)); then return 1; fi
  done
}

# wait_for I STATE SECONDS: waits for the mails of a row, all that are wanted, and notes the last one. Fails without them.
wait_for() {
  local i=$1 state=$2 seconds=$3 each one found at path subject last=0 since=${row_since[$1]}
  if [ "$state" = resolved ]; then since=${row_back[$i]}; fi
  if [ "$oncall" = yes ]; then
    count_for "$@"
    return
  fi
  IFS=, read -ra each <<<"${row_want[$i]}"
  for one in "${each[@]}"; do
    if [ "$state" = resolved ]; then one=$(over_of "$one"); fi
    await_mail "$since" "$seconds" "$state" "$one" ${row_folder:+"$row_folder"} || return 1
    IFS=$'\t' read -r at path subject <<<"$found"
    if ((at > last)); then
      last=$at
      if [ "$state" = firing ]; then row_subject[i]=$subject; fi
    fi
    if [ "$state" = firing ]; then
      found=$(hand judge "$path" "$one" "${row_since[$i]}" "${row_name[$i]%%:*}")
      if [ -n "$found" ]; then row_wrong[i]+="${row_wrong[$i]:+; }${found//$'\n'/; }"; fi
    fi
  done
  if [ "$state" = firing ]; then row_mail[i]=$last; else row_over[i]=$last; fi
}
# An alarm ends in other words than it began.
over_of() {
  case "$1" in
    'alarm The monitoring is silent') echo 'alarm The monitoring speaks again' ;;
    'alarm '*) echo "${1/does not do its work/does its work again}" ;;
    *) echo "$1" ;;
  esac
}

# In place of mails that nobody here can read.
count_for() {
  local i=$1 state=$2 end=$((SECONDS + ${3%.*})) one=${row_want[$1]%%,*} sent failed word
  if [[ $one == alarm* ]]; then
    word='the monitoring is silent; the on-call was told'
    if [ "$state" = resolved ]; then word='the monitoring speaks again; the on-call was told'; fi
    until docker compose logs --no-log-prefix --since "$(seconds_of "${row_since[$i]}")" notifier-1 notifier-2 2>/dev/null | grep -qF "$word"; do
      if ((SECONDS > end)); then return 1; fi
      sleep 1
    done
  else
    await_state "$3" "$([ "$state" = firing ] && echo on || echo off)" "$one" || return 1
    # One is sent for each on-call address; failures are counted apart.
    until IFS=$'\t' read -r sent failed < <(hand counted 2>/dev/null) && ((sent - failed > sent_before - failed_before)); do
      if ((SECONDS > end)); then return 1; fi
      sleep 1
    done
    sent_before=$sent failed_before=$failed
  fi
  row_subject[i]="($one: counted, not read)"
  if [ "$state" = firing ]; then row_mail[i]=$(now); else row_over[i]=$(now); fi
}
seconds_of() { printf '%d' "$(($1 / 1000))"; }

# drill SERVICE:FAULT: one row, from the fault until the thing is back. Waits for the end of what it would be mixed up with.
drill() {
  local name=$1 i=${#row_name[@]} j code=0
  what_of "$name"
  if [ "$demo" != on ] && [ "$only_demo" = yes ]; then
    say "$name is left out: $why_demo"
    return
  fi
  for j in "${!row_name[@]}"; do
    # The same alert again, or nobody who could tell the end of others.
    if [ "${row_want[$j]}" = "$want" ] || { [ "$alone" = yes ] && [[ ${row_want[$j]} != alert\ ContainerRestarting* ]]; }; then await_over "$j"; fi
  done
  look_at_backup
  what_of "$name"
  if ! at_rest; then
    say "$name is left out: $want fires already, so no mail would tell that it began"
    left_out+=("$name")
    return
  fi
  say "$name: $words"
  row_name[i]=$name row_want[i]=$want row_mail[i]='' row_over[i]='' row_subject[i]='' row_wrong[i]='' row_back[i]=''
  if [ "$oncall" = yes ]; then IFS=$'\t' read -r sent_before failed_before < <(hand counted); fi
  row_since[i]=$(now)
  row_down[i]=''
  "$run" "$i" || code=$?
  if [ -z "${row_down[$i]}" ]; then row_down[i]=${row_since[$i]}; fi
  put_back
  if [ -z "${row_back[$i]}" ]; then row_back[i]=$(now); fi
  if ((code)); then row_wrong[i]+="${row_wrong[$i]:+; }it could not be broken" row_over[i]=never; fi
  # shellcheck disable=SC2086 # parts of one word
  well $parts || row_wrong[i]+="${row_wrong[$i]:+; }it did not become healthy again"
  if [ -n "${row_mail[$i]}" ]; then
    say "  told after $(in_seconds "${row_down[$i]}" "${row_mail[$i]}") s: ${row_subject[$i]}${row_wrong[$i]:+ (${row_wrong[$i]})}"
  elif [ "$later" != yes ]; then
    say "  NOT told within $wait s${row_wrong[$i]:+ (${row_wrong[$i]})}"
  fi
}

# await_state SECONDS on|off WANT: in pieces, too.
await_state() {
  local end=$((SECONDS + $1))
  until hand until 5 "$2" "$3" >/dev/null; do
    if ((SECONDS > end)); then return 1; fi
  done
}

# Whether nothing fires of what is wanted; waits for it as long as what comes and goes is held.
at_rest() {
  local each one
  IFS=, read -ra each <<<"$want"
  for one in "${each[@]}"; do
    if [[ $one == alert* ]]; then await_state "$patience" off "$one" || return 1; fi
  done
}

# The ordinary way of a drill: it is broken now; wait for the mail.
told() { wait_for "$1" firing "$wait" || true; }

# Waits for the mail that a row is over.
await_over() {
  local i=$1
  if [ -n "${row_over[$i]}" ]; then return; fi
  if [ "$i" = "$stale_row" ]; then look_at_backup wait; fi
  what_of "${row_name[$i]}"
  if [ -z "${row_mail[$i]}" ] && [ "$later" = yes ]; then wait_for "$i" firing "$wait" || true; fi
  if [ -z "${row_mail[$i]}" ] || ! wait_for "$i" resolved "$patience"; then row_over[i]=never; fi
}

# Waits for all mails that are still to come.
settle() {
  local i
  for i in "${!row_name[@]}"; do
    if [ -z "${row_over[$i]}" ]; then say "waits for the end of ${row_name[$i]}"; fi
    await_over "$i"
  done
}

in_seconds() { printf '%d.%d' "$((($2 - $1) / 1000))" "$((($2 - $1) % 1000 / 100))"; }
