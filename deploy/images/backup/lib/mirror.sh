# shellcheck shell=bash
# The same files on another host, by rsync over ssh. Included by karibu-backup.
#
# KARIBU_BACKUP_TARGET is ssh://user@host[:port]/folder. The service makes its own key, says its public half, and keeps to the
# host key that it met first. What changed stands in a list until it is over there: a removed file is removed there, too, but
# nothing else ever is, so that a machine that lost its backups does not take the others along.

target=${KARIBU_BACKUP_TARGET:-}

# note PATH…: these were written or removed. Base backups stand in a list of their own: they take long, and WAL must not wait.
note() {
  [ -n "$target" ] || return 0
  local path list
  exec 6>/tmp/mirror.lock
  flock 6
  for path in "$@"; do
    case "$path" in */base/*) list=base ;; *) list=wal ;; esac
    printf '%s\n' "${path#"$backups"/}" >>"$spool/outgoing.$list"
  done
  exec 6>&-
}

# mirrored PATH: whether it is over there, or needs not be.
mirrored() {
  [ -z "$target" ] || ! cat "$spool"/outgoing.* 2>/dev/null | grep -qxF "${1#"$backups"/}"
}

# Reads and judges the settings of the target.
target_settings() {
  [ -n "$target" ] || return 0
  [[ $target =~ ^ssh://([^@/]+@[^:/]+)(:([0-9]+))?(/.+)$ ]] ||
    refuse "KARIBU_BACKUP_TARGET cannot be read: it looks like ssh://user@host:22/folder"
  remote=${BASH_REMATCH[1]}:${BASH_REMATCH[4]%/}/
  local port=${BASH_REMATCH[3]:-22}
  [ -s "$spool/ssh_key" ] || ssh-keygen -q -t ed25519 -N '' -C karibu-backup -f "$spool/ssh_key"
  export RSYNC_RSH="ssh -i $spool/ssh_key -p $port -o UserKnownHostsFile=$spool/ssh_known_hosts -o StrictHostKeyChecking=accept-new \
-o BatchMode=yes -o IdentitiesOnly=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=3 -o LogLevel=ERROR"
}

# A target that was not there before has nothing of what was made until now: it stands in the lists, too, so that nothing counts as
# successful before all of it is there.
meet_target() {
  local all
  if [ "$(cat "$spool/target" 2>/dev/null)" = "$target" ]; then return 0; fi
  if [ -n "$target" ]; then
    mapfile -t all < <(find "$backups" -mindepth 1 -name '.*' -prune -o -type f -print)
    note "${all[@]}"
  fi
  put "$spool/target" <<<"$target"
}

# copy_over LIST OPTION…
copy_over() {
  local list=$1
  shift
  if rsync --links --times --perms --fsync --timeout=60 --mkpath "$@" "$backups/" "$remote" 2>"/tmp/rsync.$list"; then
    fine "mirror.$list"
  else
    trouble_of "mirror.$list" "the off-host target does not take backups ($(head -n 1 "/tmp/rsync.$list")): they lie in the local folder only"
    return 1
  fi
}

# mirror_now LIST: sends what stands in it.
mirror_now() {
  local list=$spool/outgoing.$1 done=0
  [ -n "$target" ] || return 0
  exec 5>"/tmp/mirror.$1.running"
  flock 5
  exec 6>/tmp/mirror.lock
  flock 6
  if [ -e "$list" ]; then
    cat "$list" >>"$list.now"
    rm -f "$list"
  fi
  exec 6>&-
  if [ -s "$list.now" ]; then
    if sort -u "$list.now" | copy_over "$1" --files-from=- --recursive --delete-missing-args --force; then
      rm -f "$list.now"
    else
      done=1
    fi
  fi
  exec 5>&-
  return "$done"
}

# mirror_loop LIST: beside the service. The one for base backups begins with everything that is not over there.
mirror_loop() {
  until [ "$1" = wal ] || copy_over "$1" --recursive --ignore-existing --exclude='.*'; do sleep 20; done
  while :; do
    mirror_now "$1" || sleep 15
    sleep 3
  done
}
