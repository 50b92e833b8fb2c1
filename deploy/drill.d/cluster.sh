# shellcheck shell=bash
# The cluster, as the drill handles it: its containers, the hand inside it, and how everything is put back. Included by deploy/drill.

say() { printf 'deploy/drill: %s\n' "$1" >&2; }
refuse() {
  say "$1"
  exit 1
}
wrong() {
  say "$1"
  exit 2
}
# Milliseconds since 1970.
now() {
  local at=${EPOCHREALTIME/[.,]/}
  echo "${at%???}"
}

declare -A id=()
# Reads who is who. Nothing is changed.
find_cluster() {
  local part container
  command -v docker >/dev/null || refuse "there is no docker command"
  while read -r part container; do
    id[$part]=$container
  done < <(docker compose ps -a --format '{{.Service}} {{.ID}}')
  for part in nginx web-1 web-2 notifier-1 notifier-2 postgres redis catcher backup prometheus alertmanager init; do
    [ -n "${id[$part]:-}" ] || refuse "there is no $part here: the drill is for a running cluster (deploy/up)"
  done
  project=$(docker inspect -f '{{index .Config.Labels "com.docker.compose.project"}}' "${id[nginx]}")
  image=$(docker inspect -f '{{.Image}}' "${id[catcher]}")
  init_image=$(docker inspect -f '{{.Image}}' "${id[init]}")
  public_url=$(docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "${id[nginx]}" | sed -n 's/^NGINX_PUBLIC_URL=//p')
  public_url=${public_url%/} host=${public_url#https://} host_name=${public_url#https://}
  host_name=${host_name%:*}
  hand=$project-drill-hand relay=$project-drill-relay watcher=$project-drill-watch
}

# volume PART FOLDER: the volume or folder that a part has there.
volume() { docker inspect -f '{{range .Mounts}}{{if eq .Destination "'"$2"'"}}{{or .Name .Source}}{{end}}{{end}}' "${id[$1]}"; }

# Asks the hand. The caught mails stay readable while the catcher is dead.
hand() { docker exec -i "$hand" python3 - "$@" <"$here/hand.py"; }

# helper OPTIONS… -- SCRIPT [ARGUMENT…]: a bash in a container of the catcher's image that can do nothing but what the options allow.
helper() {
  local options=()
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  docker run --rm -i --network none --log-driver none --read-only --cap-drop ALL --security-opt no-new-privileges "${options[@]}" \
    --entrypoint bash "$image" -euc "$1" drill "${@:2}"
}
# With init's volumes and powers; it has openssl.
as_init() {
  docker run --rm -i --network none --log-driver none --read-only --tmpfs /tmp --cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER \
    --security-opt no-new-privileges --volumes-from "${id[init]}" "${@:2}" --entrypoint bash "$init_image" -euc "$1"
}

# Looks whether all is well, starts the hand, and sees that everything is put back at the end.
begin() {
  local part said code=0 bad=()
  if ! docker run -d --rm --name "$hand" --network "${project}_app" --read-only --cap-drop ALL --security-opt no-new-privileges --memory 128m \
    --user 10005:10001 --volume "$(volume catcher /mails):/caught:ro" --volume "$project-drill-mails:/mails" --entrypoint sleep "$image" 4h >/dev/null 2>"${TMPDIR:-/tmp}/$hand.said"; then
    said=$(<"${TMPDIR:-/tmp}/$hand.said")
    rm -f "${TMPDIR:-/tmp}/$hand.said"
    if [[ $said == *already\ in\ use* ]]; then refuse "another drill runs, or was killed: wait for it, or deploy/drill --put-back"; fi
    refuse "the drill's own container does not start: $said"
  fi
  rm -f "${TMPDIR:-/tmp}/$hand.said"
  trap 'leave $?' EXIT
  trap 'exit 130' INT TERM HUP
  demo=$(docker exec -i "${id[nginx]}" cat /run/karibu/demo 2>/dev/null || echo off)
  if [ "$demo" != on ]; then
    [ "$yes" = yes ] || refuse "this cluster is in earnest: people cannot register for a minute at a time. Say --yes if that may be"
    if [ -z "$quiet" ] && [ "$oncall" != yes ]; then
      refuse "this cluster mails real people, so there is no drill behind their backs: tell the on-call and say --to-oncall"
    fi
  fi
  for part in "${!id[@]}"; do
    case "$(docker inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "${id[$part]}")" in
      no\ * | *' running ' | *' running healthy') ;;
      *) bad+=("$part is not well") ;;
    esac
  done
  said=$(hand alerts) || code=$?
  case $code in
    0) ;;
    1) bad+=("$said") said= ;;
    *) bad+=("Watchdog does not fire") ;;
  esac
  while IFS=$'\t' read -r part what _; do
    if [ -n "$part" ]; then bad+=("$part fires, of $what"); fi
  done <<<"$said"
  if ((${#bad[@]})); then
    printf '  %s\n' "${bad[@]}" >&2
    [ "$force" = yes ] || refuse "something is wrong already, so nothing is broken on top of it. --force does it all the same"
  fi
}

# well PART…: waits until they run and are healthy.
well() {
  local part end=$((SECONDS + 180))
  for part in "$@"; do
    until [[ "$(docker inspect -f '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "${id[$part]}")" == running\ ?(healthy) ]]; do
      if ((SECONDS > end)); then
        say "$part does not become healthy again: docker compose logs --tail 20 $part"
        return 1
      fi
      sleep 0.5
    done
  done
}

broken=()
# Puts one fault back: what the faults noted in `broken`.
put_back() {
  local undo
  for undo in ${broken[@]+"${broken[@]}"}; do
    $undo || say "this could not be put back: $undo"
  done
  broken=()
}

# The end, whatever it is.
leave() {
  trap - EXIT
  # A second Ctrl-C must not leave something broken.
  trap '' INT TERM HUP
  if ((${#broken[@]})) || [ -n "$stale_row" ]; then say "puts everything back"; fi
  put_back
  if [ -n "$stale_row" ]; then start backup || say "this could not be put back: start backup"; fi
  remove_own
  exit "$1"
}
remove_own() {
  docker rm -f -v "$watcher" "$relay" "$hand" >/dev/null 2>&1 || true
  docker volume rm -f "$project-drill-secrets" "$project-drill-mails" "$project-drill-disk" >/dev/null 2>&1 || true
}

# What a drill that was killed may have left, all of it. Where nothing was left, nothing happens.
put_everything_back() {
  local part parts=()
  for part in "${!id[@]}"; do
    case "$(docker inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.State.Status}}' "${id[$part]}")" in
      no\ *) continue ;;
      *\ paused) docker unpause "${id[$part]}" >/dev/null ;;
      *\ exited | *\ created) docker start "${id[$part]}" >/dev/null ;;
    esac
    parts+=("$part")
  done
  init_again || say "init does not end well: docker compose up init says why"
  remove_own
  well "${parts[@]}"
  usual_rules
  erase_nobody
}
# init makes every secret what it was.
init_again() { docker start -a "${id[init]}" >/dev/null 2>&1; }
