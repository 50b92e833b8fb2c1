# shellcheck shell=bash
# deploy/drill --quiet: nothing is broken, so nobody is mailed. Included by deploy/drill.

be_quiet() {
  local minutes=$1 began counted part told loading replaced=0
  began=$(now) counted=$(hand counted)
  say "for $minutes minutes people open pages; webs and notifiers are replaced one by one; no mail may come"
  hand open "$((minutes * 60))" "$host" >"${TMPDIR:-/tmp}/$hand.load" &
  loading=$!
  # The rest of the time is for those who tell late.
  for part in web-1 web-2 notifier-1 notifier-2; do
    sleep "$((minutes * 60 / 12))"
    # As an upgrade does: a new container in place of the old one.
    docker compose --progress quiet up -d --no-deps --force-recreate "$part" >/dev/null 2>&1 || refuse "$part could not be replaced"
    id[$part]=$(docker compose ps -q "$part")
    well "$part" || refuse "$part was replaced and is not healthy"
    replaced=$((replaced + 1))
  done
  # One registration with a file and a mail, taken back again. A notifier that was just replaced has not heard the monitoring yet.
  local end=$((SECONDS + 60)) said
  until said=$(deploy/check 2>&1); do
    if ((SECONDS > end)); then
      say "deploy/check is not content; that is no matter of mails: $(grep ^FAIL <<<"$said" || true)"
      break
    fi
    sleep 5
  done
  wait "$loading" || true
  if [ "$demo" = on ]; then
    told=$(hand since "$began")
  else
    # Real mails lie where nobody here can read them.
    told=$(hand counted)
    if [ "$told" = "$counted" ]; then told=; else told="Alertmanager's mails, sent and failed: $counted before, $told after"; fi
  fi
  IFS=$'\t' read -r pages failed <"${TMPDIR:-/tmp}/$hand.load" || true
  rm -f "${TMPDIR:-/tmp}/$hand.load"
  echo "$minutes minutes, ${pages:-0} pages opened, ${failed:-?} failed, $replaced parts replaced, $(grep -c . <<<"$told" || true) mails of the watch"
  if [ -n "$told" ]; then
    printf '%s\n' "$told" >&2
    refuse "nothing was broken, and a mail came"
  fi
  if [ "${failed:-?}" != 0 ]; then refuse "nothing was broken, and pages failed"; fi
}
