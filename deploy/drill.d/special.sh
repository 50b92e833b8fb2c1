# shellcheck shell=bash
# Faults that are more than a stopped container. Included by deploy/drill.

# ---- A second relay: a catcher of the drill's own. Its certificate is the cluster's authority's, its login for this drill only.

# start_relay OPTIONS…: where it is reached.
start_relay() {
  relay_login=drill:$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  # shellcheck disable=SC2016 # init's variables
  as_init 'cd /drill; cat >login; printf on >demo; cp /state/ca.pem ca.pem
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out server.key
    openssl x509 -req -in <(openssl req -new -key server.key -subj /O=Karibu/CN=drill-relay) -CA /state/ca.pem -CAkey /state/ca.key \
      -set_serial "0x$(openssl rand -hex 15)" -sha256 -days 2 -extfile <(printf "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:drill-relay\n
        keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n") -out server.crt 2>/dev/null
    chown -R 10005:10001 .; chmod 0750 .; chmod 0440 *' --volume "$project-drill-secrets:/drill" <<<"$relay_login" || return 1
  docker run -d --name "$relay" --read-only --cap-drop ALL --security-opt no-new-privileges --memory 128m --tmpfs /tmp:uid=10005,gid=10001,mode=0700,size=8m \
    --volume "$project-drill-secrets:/run/karibu:ro" --volume "$project-drill-mails:/mails" "$@" "$image" >/dev/null || return 1
  broken+=("stop_relay")
  local end=$((SECONDS + 30))
  until docker exec "$relay" healthcheck 2>/dev/null; do
    if ((SECONDS > end)); then
      docker logs "$relay" >&2
      return 1
    fi
    sleep 0.5
  done
}
stop_relay() { docker rm -f "$relay" >/dev/null; }

# The relay is dead: no mail about it can leave by it. Told at once by the second one; and by the first when it is back.
break_relay() {
  local i=$1 found at
  start_relay --network "${project}_app" --network-alias drill-relay || return 1
  broken+=("init_again")
  # shellcheck disable=SC2016
  as_init 'cat >/secrets/alertmanager/alert_smtp_url' <<<"smtp://$relay_login@drill-relay:2525" || return 1
  local end=$((SECONDS + 60))
  until hand knows drill-relay; do
    if ((SECONDS > end)); then return 1; fi
    sleep 1
  done
  row_since[i]=$(now)
  row_folder=/mails "do_${row_name[$i]#*:}" "$i"
  # Put back before the end of the downtime, so that this is seen too.
  local back
  back=$(now)
  case "${row_name[$i]}" in
    *:stop) start catcher ;;
    *) unpause catcher ;;
  esac
  broken=("stop_relay" "init_again")
  row_back[i]=$back
  if await_mail "$back" 120 firing "$want"; then
    IFS=$'\t' read -r at _ <<<"$found"
    notes+=("${row_name[$i]}: told by a second relay. The first one got the mail $(in_seconds "$back" "$at") s after it was back.")
  else
    notes+=("${row_name[$i]}: told by a second relay. The first one was not given the mail when it was back.")
  fi
}

# ---- The backup stands still, and its last success is long ago. Told after six minutes: the next faults do not wait for it.
stale_row=
age_backup() {
  local j
  for j in "${!row_name[@]}"; do
    # Otherwise its end would never come.
    if [ "${row_name[$j]}" = backup:stop ]; then await_over "$j"; fi
  done
  what_of backup:stale
  stale_row=$1
  row_since[$1]=$(now)
  docker stop "${id[backup]}" >/dev/null || return 1
  # shellcheck disable=SC2016 # the helper's variables
  helper --user 10006:10006 --volume "$(volume backup /state):/state" -- \
    'date -u -d "30 hours ago" +%Y-%m-%dT%H:%M:%SZ >/state/.drill; mv /state/.drill /state/last-backup' || return 1
  row_down[$1]=$(now)
}
# look_at_backup [wait]: starts the backup again when the mail has come; its first success makes the time what it was.
look_at_backup() {
  if [ -z "$stale_row" ]; then return; fi
  if [ "${1:-}" != wait ] && ! wait_for "$stale_row" firing 0; then return; fi
  if [ -z "${row_mail[$stale_row]}" ]; then wait_for "$stale_row" firing 480 || true; fi
  row_back[stale_row]=$(now)
  stale_row=
  start backup
  well backup
}

# ---- A certificate that ends in 5 days: a real one, where the certificate is the cluster's own; else the rule is told to be afraid earlier.
end_certificate() {
  local certificate
  certificate=$(docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "${id[nginx]}" | sed -n 's/^NGINX_CERTIFICATE=//p')
  if [ "$demo" = on ] && [ -z "$certificate" ]; then
    # The same key and names; init puts the real one back.
    broken+=("init_again")
    # shellcheck disable=SC2016 # init's variables
    as_init 'real=/secrets/nginx/fullchain.pem
      names=$(openssl x509 -in $real -noout -ext subjectAltName | tail -n +2 | tr -d " \n" | sed "s/IPAddress:/IP:/g")
      made=$(openssl x509 -req -in <(openssl req -new -key /state/nginx.key -subj /O=Karibu/CN=nginx) -CA /state/ca.pem -CAkey /state/ca.key \
        -set_serial "0x$(openssl rand -hex 15)" -sha256 -days 5 -extfile <(printf "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n
          extendedKeyUsage=serverAuth\nsubjectAltName=%s\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n" "$names") 2>/dev/null)
      printf "%s\n" "$made" >$real' </dev/null || return 1
  else
    broken+=("usual_rules")
    other_rule site.yml 's/< 7 \* 86400/< 9999 * 86400/' || return 1
    notes+=("certificate:ends: the visitors' certificate was left alone; the rule was told to be afraid 9,999 days before its end.")
  fi
  row_down[$1]=$(now)
  told "$1"
}

# other_rule FILE SED: changes a rule in Prometheus' memory until it is started or put back.
other_rule() {
  # shellcheck disable=SC2016 # the container's variables
  docker exec -i "${id[prometheus]}" bash -euc 'cd /run/prometheus/rules; text=$(<"$1"); other=$(sed "$2" <<<"$text")
    [ "$text" != "$other" ]; printf "%s\n" "$other" >"$1"; kill -HUP 1' drill "$@"
}
usual_rules() { docker exec -i "${id[prometheus]}" bash -euc '/usr/local/share/karibu/prometheus/fill; kill -HUP 1'; }

# ---- A disk of which less than 5 % are free: a file without content fills the engine's disk, if at least 4 GiB stay free.
fill_disk() {
  broken+=("empty_disk")
  # shellcheck disable=SC2016 # the helper's variables
  if helper --user 0:0 --volume "$project-drill-disk:/disk" -- 'read -r size free < <(df -B1 --output=size,avail /disk | tail -n 1)
    stays=$((size / 1000 * 45)); [ "$stays" -ge $((4 << 30)) ] && [ "$free" -gt "$stays" ]; fallocate -l $((free - stays)) /disk/full' 2>/dev/null; then
    notes+=("disk:full: the engine's disk was filled by a file without content, but for 4.5 %.")
  else
    empty_disk
    broken=("usual_rules")
    other_rule host.yml 's/device:node_filesystem_free:ratio < 0.05/device:node_filesystem_free:ratio < 0.999/' || return 1
    notes+=("disk:full: the disk is too small to be filled in safety; the rule was told to be afraid of 99.9 %.")
  fi
  row_down[$1]=$(now)
  told "$1"
}
empty_disk() { docker volume rm -f "$project-drill-disk" >/dev/null; }

# ---- A mail that is refused for good: the catcher refuses addresses under .invalid, as any relay does.
nobody=drill@nobody.invalid
poison() {
  local said
  broken+=("erase_nobody")
  if ! said=$(hand register "$nobody" "$host"); then
    notes+=("mail:poisoned: no registration was taken (${said:-no answer}); the drill fills in the sample event's form.")
    return 1
  fi
  row_since[$1]=$(now)
  told "$1"
}
erase_nobody() {
  local reference
  while read -r reference; do
    docker exec -i "${id[notifier-1]}" /bin/karibu registrations erase connect "$reference" --yes >/dev/null </dev/null
  done < <(docker exec -i "${id[notifier-1]}" /bin/karibu registrations list connect --search "$nobody" </dev/null | grep -oE '^[A-Z]+-[0-9A-Z]{4}-[0-9A-Z]{4}\b' || true)
}

# ---- The host is dead, as `karibu watch` on another machine sees it: that is a container with nothing of the cluster's but its public address. Every
# part is frozen: nothing is refused, nothing is answered.
freeze_host() {
  local i=$1 port part all=()
  start_relay --publish 127.0.0.1::2525 || return 1
  port=$(docker port "$relay" 2525/tcp | head -n 1)
  broken+=("stop_watcher")
  docker run -d --name "$watcher" --network host --add-host drill-relay:127.0.0.1 --read-only --cap-drop ALL --security-opt no-new-privileges \
    --memory 64m --user 10001:10001 --no-healthcheck --volume "$project-drill-secrets:/run/karibu:ro" \
    --env "KARIBU_SMTP_URL=smtp://$relay_login@drill-relay:${port##*:}" --env KARIBU_CA_FILE=/run/karibu/ca.pem --env KARIBU_DEMO=on \
    --env KARIBU_MAIL_FROM=karibu@example.org --env KARIBU_ONCALL=devops@ubuntunet.net --env KARIBU_INSTANCE=drill \
    "$(docker inspect -f '{{.Image}}' "${id[web-1]}")" watch "$public_url" >/dev/null || return 1
  local end=$((SECONDS + 30))
  until docker logs "$watcher" 2>&1 | grep -q 'is well; it is watched'; do
    if ((SECONDS > end)) || [ "$(docker inspect -f '{{.State.Running}}' "$watcher")" != true ]; then
      docker logs --tail 5 "$watcher" >&2
      return 1
    fi
    sleep 0.5
  done
  # nginx first: from then on the host is dead for people.
  for part in nginx "${!id[@]}"; do
    if [[ " ${all[*]} " != *" $part "* ]] && [ "$(docker inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.State.Running}}' "${id[$part]}")" = 'unless-stopped true' ]; then
      all+=("$part")
    fi
  done
  parts=${all[*]}
  broken=("unpause $parts" "${broken[@]}")
  row_since[i]=$(now)
  mapfile -t ids < <(ids_of "${all[@]}")
  docker pause "${ids[@]}" >/dev/null || return 1
  row_down[i]=${row_since[$i]}
  told "$i"
  unpause "${all[@]}"
  broken=("stop_watcher" "stop_relay")
  row_back[i]=$(now)
  if [ -n "${row_mail[$i]}" ]; then wait_for "$i" resolved "$patience" || true; fi
}
stop_watcher() { docker rm -f "$watcher" >/dev/null; }
