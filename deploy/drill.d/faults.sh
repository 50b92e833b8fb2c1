# shellcheck shell=bash
# What each drill is: what it breaks, who is to tell it, in which time. Included by deploy/drill.

# what_of SERVICE:FAULT sets
#   parts words      whose health is waited for after; what is said
#   run              the function that breaks it, given the row's number; it waits for the mail unless `later` is yes
#   want limit       the mails, `alert NAME WHERE` or `alarm SUBJECT`, with commas; in how many seconds
#   wait patience    how long the mail and its end are waited for
#   alone            whether the watch has to be at rest before
#   only_demo why_demo row_folder   whether it is for demos only, and why; where its mails lie, if not in the catcher's folder
what_of() {
  local service=${1%%:*} fault=${1#*:} part
  parts=$service run=do_$fault limit=60 wait=180 patience=420 alone=no later=no only_demo=no why_demo='' row_folder=''
  case "$service" in
    web | notifier) parts="$service-1 $service-2" ;;
    mail) parts= ;;
    certificate) parts=nginx ;;
    disk) parts= ;;
    host) parts= ;;
  esac
  case "$service" in
    nginx) want='alert NginxDown nginx' ;;
    web) want='alert WebAllReplicasDown web' ;;
    notifier) want='alert NotifierDown notifier' ;;
    postgres) want='alert PostgresDown postgres' ;;
    redis) want='alert RedisDown redis' ;;
    prometheus | alertmanager) want='alarm The monitoring is silent' alone=yes ;;
    catcher)
      want='alert SmtpRelayDown relay' alone=yes run=break_relay only_demo=yes
      why_demo='the relay is not ours to stop'
      ;;
    web-*) want="alert WebRedundancyLost $service" limit=180 wait=300 patience=780 ;;
    notifier-*) want="alert NotifierRedundancyLost $service" limit=180 wait=300 patience=780 ;;
    backup) want='alert BackupDown backup' ;;
    certificate) want='alert TlsCertificateExpiry certificate' limit=180 wait=300 run=end_certificate ;;
    disk) want='alert DiskAlmostFull host' limit=180 wait=300 run=fill_disk ;;
    mail)
      want='alert MailParked mail' limit=180 wait=300 run=poison only_demo=yes
      why_demo='a real relay would be sent a mail to nobody'
      ;;
    host)
      want="alarm $host_name does not do its work" alone=yes run=freeze_host row_folder=/mails only_demo=yes
      why_demo='try karibu watch on its own machine: stop nginx here for a minute'
      ;;
  esac
  if [ "$1" = backup:stale ]; then want='alert BackupStale backup' limit=420 wait=480 run=age_backup later=yes parts=''; fi
  words="$fault, and waits for $want"
  if [ "$fault" = kill ]; then
    want=''
    for part in $parts; do want+=${want:+,}"alert ContainerRestarting $part"; done
    # It is told for ten minutes.
    run=do_kill limit=180 wait=240 patience=840 alone=no later=yes only_demo=no
    words='kill -9, and its restart policy heals it'
  fi
}

ids_of() {
  local part
  for part in "$@"; do echo "${id[$part]}"; done
}
# Counted from the signal: most parts take no new connection from then on, and end when the old ones have.
do_stop() {
  # shellcheck disable=SC2086 # parts of one word
  mapfile -t ids < <(ids_of $parts)
  broken+=("start $parts")
  row_down[$1]=$(now)
  docker stop "${ids[@]}" >/dev/null || return 1
  told "$1"
}
do_pause() {
  # shellcheck disable=SC2086 # parts of one word
  mapfile -t ids < <(ids_of $parts)
  broken+=("unpause $parts")
  docker pause "${ids[@]}" >/dev/null || return 1
  told "$1"
}
# From the machine's side: what the engine is told to kill it does not start again.
do_kill() {
  local part pids=()
  for part in $parts; do pids+=("$(docker inspect -f '{{.State.Pid}}' "${id[$part]}")"); done
  # If the policy does not heal it, this does.
  broken+=("start_if_dead $parts")
  # shellcheck disable=SC2016 # the helper's variables
  helper --user 0:0 --pid host --cap-add KILL -- 'kill -9 "$@"' "${pids[@]}" || return 1
  # Long enough for what a policy heals within its 15 s.
  # shellcheck disable=SC2086
  well_soon $parts || return 1
  if [ "$oncall" = yes ]; then told "$1"; fi
}
start() {
  local ids
  mapfile -t ids < <(ids_of "$@")
  docker start "${ids[@]}" >/dev/null
}
unpause() {
  local ids
  mapfile -t ids < <(ids_of "$@")
  docker unpause "${ids[@]}" >/dev/null
}
start_if_dead() {
  local part
  for part in "$@"; do
    if [ "$(docker inspect -f '{{.State.Running}}{{.State.Restarting}}' "${id[$part]}")" = falsefalse ]; then docker start "${id[$part]}" >/dev/null; fi
  done
}
# well_soon PART…: whether the engine has started them again.
well_soon() {
  local part end=$((SECONDS + 15))
  for part in "$@"; do
    until [ "$(docker inspect -f '{{.State.Status}}' "${id[$part]}")" = running ]; do
      if ((SECONDS > end)); then
        say "the restart policy did not start $part again"
        return 1
      fi
      sleep 0.3
    done
  done
}
