# shellcheck shell=bash
# Reads and judges the settings of .env. Each refusal is one sentence that names the setting. Included by init.

# Sets demo, public_url, host, smtp_url, alert_smtp_url, heartbeat_url, backup_key.
read_settings() {
  public_url=${KARIBU_PUBLIC_URL:-}
  smtp_url=$(hidden KARIBU_SMTP_URL "${KARIBU_SMTP_SET:-}")
  alert_smtp_url=$(hidden KARIBU_ALERT_SMTP_URL "${KARIBU_ALERT_SMTP_SET:-}")
  heartbeat_url=$(hidden KARIBU_HEARTBEAT_URL "${KARIBU_HEARTBEAT_SET:-}")
  backup_key=${KARIBU_BACKUP_KEY:-}

  [[ $public_url =~ ^https://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]+)?/?$ ]] ||
    refuse "KARIBU_PUBLIC_URL is no address such as https://register.example.org: it begins with https:// and has no path"
  host=${BASH_REMATCH[1],,}
  case "$host" in
    localhost | 127.0.0.1 | '[::1]') local_host=yes ;;
    *) local_host=no ;;
  esac

  if [ -z "$smtp_url" ]; then
    demo=on
    [ "$local_host" = yes ] ||
      refuse "KARIBU_SMTP_URL is not set, so this is a demo, and a demo is for this machine only: set the mail relay, or leave KARIBU_PUBLIC_URL out (it is https://$host)"
    [ -z "$alert_smtp_url" ] ||
      refuse "KARIBU_ALERT_SMTP_URL is set, but KARIBU_SMTP_URL is not, so this is a demo, whose mails leave for nobody: set both, or none"
  else
    demo=off
    [[ $smtp_url =~ ^smtps?://[^[:space:]]+$ ]] ||
      refuse "KARIBU_SMTP_URL is no mail relay: it looks like smtp://user:password@mail.example.org:587 or smtps://…, with a space, @ : / ? # and % in user and password written as %20 %40 %3A %2F %3F %23 and %25"
    [[ -z $alert_smtp_url || $alert_smtp_url =~ ^smtps?://[^[:space:]]+$ ]] ||
      refuse "KARIBU_ALERT_SMTP_URL is no mail relay: it looks like smtp://user:password@mail.example.net:587 or smtps://…, with a space, @ : / ? # and % in user and password written as %20 %40 %3A %2F %3F %23 and %25"
    mailable KARIBU_SMTP_URL "$smtp_url"
    mailable KARIBU_ALERT_SMTP_URL "$alert_smtp_url"
    # The same one twice is no second way.
    [ -z "$alert_smtp_url" ] || [ "$(host_of "$alert_smtp_url")" != "$(host_of "$smtp_url")" ] ||
      warn "KARIBU_ALERT_SMTP_URL is the relay of KARIBU_SMTP_URL: when that is down, so is the way of its alert"
    [ -n "${KARIBU_MAIL_FROM:-}" ] ||
      refuse "KARIBU_MAIL_FROM is missing: with KARIBU_SMTP_URL set, say whom mails come from, such as 'Connect <register@example.org>'"
    [ -n "$backup_key" ] ||
      refuse "KARIBU_BACKUP_KEY is missing: make a key on another machine (age-keygen -o karibu.key), keep it there, and set its public half, age1…"
  fi

  [[ -z $heartbeat_url || $heartbeat_url =~ ^https?://[^/[:space:]]+[^[:space:]]*$ ]] ||
    refuse "KARIBU_HEARTBEAT_URL is no address, such as https://heartbeat.example.net/karibu"

  # Alertmanager's start judges these, too; there nobody reads it.
  [[ ${KARIBU_RUNBOOK_URL:-} =~ ^(https?://[A-Za-z0-9._~:/@%+-]+)?$ ]] ||
    refuse "KARIBU_RUNBOOK_URL is no address of a folder, such as https://git.example.org/karibu/deploy/runbooks"
  [[ ${KARIBU_TIME_ZONE:-} =~ ^([A-Za-z]+(/[A-Za-z0-9_+-]+)*)?$ ]] ||
    refuse "KARIBU_TIME_ZONE is no name of a zone, such as Africa/Lusaka"
  addresses KARIBU_ONCALL "${KARIBU_ONCALL:-}"
  addresses KARIBU_ORGANIZERS "${KARIBU_ORGANIZERS:-}"
  if [ -n "${KARIBU_MAIL_FROM:-}" ]; then
    [[ $KARIBU_MAIL_FROM =~ ^([^\<\>]*\<[^[:space:]@\<\>]+@[^[:space:]@\<\>]+\>|[^[:space:]@\<\>]+@[^[:space:]@\<\>]+)$ ]] ||
      refuse "KARIBU_MAIL_FROM is no sender: it looks like register@example.org or 'Connect <register@example.org>'"
  fi
  if [ -n "$backup_key" ]; then
    [[ $backup_key == age1* ]] && age -r "$backup_key" -o /dev/null </dev/null 2>/dev/null ||
      refuse "KARIBU_BACKUP_KEY is no public key of age: it begins with age1 (age-keygen -y karibu.key prints it); never set the private one"
  fi
  # Or nothing would ever be thrown away, or all.
  [[ ${KARIBU_BACKUP_DAYS:-14} =~ ^[1-9][0-9]{0,4}$ ]] || refuse "KARIBU_BACKUP_DAYS is no number of days: it looks like 14"
  # As the part backup reads it.
  [ -z "${KARIBU_BACKUP_TARGET:-}" ] || [[ $KARIBU_BACKUP_TARGET =~ ^ssh://([^@/]+@[^:/]+)(:([0-9]+))?(/.+)$ ]] ||
    refuse "KARIBU_BACKUP_TARGET cannot be read: it looks like ssh://user@host:22/folder"
  if [ -f /project/.env ] && [ -n "$(find /project/.env -perm /044)" ]; then
    warn ".env holds the relay's password, and others on this machine can read it: chmod 600 .env"
  fi
  if [ "$demo" = off ]; then
    [ -n "${KARIBU_ONCALL:-}" ] || warn "KARIBU_ONCALL is not set: nobody is written to when something breaks"
    [ -n "${KARIBU_ORGANIZERS:-}" ] || warn "KARIBU_ORGANIZERS is not set: the sample event's registrations are told to nobody"
  fi
}

# mailable NAME URL: Alertmanager speaks TLS from the start on port 465, and there only.
mailable() {
  local port=
  if [[ ${2#*://} =~ ^([^/?#]*@)?(\[[^]]*\]|[^:/?#]*)(:([0-9]+))? ]]; then port=${BASH_REMATCH[4]}; fi
  case "$2" in
    smtps:*)
      [ "${port:-465}" = 465 ] ||
        refuse "$1 is smtps:// on port $port, where alerts cannot leave: use port 465, or smtp:// with a port that begins without TLS, such as 587"
      ;;
    *) [ "$port" != 465 ] || refuse "$1 is smtp:// on port 465, where TLS begins at once: write smtps://" ;;
  esac
}

# addresses NAME VALUE: mail addresses by commas.
addresses() {
  local address rest=$2
  [ -n "$2" ] || return 0
  while IFS= read -r -d, address || [ -n "$address" ]; do
    address=${address#"${address%%[![:space:]]*}"}
    address=${address%"${address##*[![:space:]]}"}
    [[ $address =~ ^[^[:space:]@\<\>]+@[^[:space:]@\<\>]+$ ]] || refuse "$1 holds something that is no mail address: write name@example.org, several with commas"
  done <<<"$rest"
}

# hidden NAME SET: a setting with a secret in it, from the project's .env. It is nobody's environment: compose tells only whether it is set.
hidden() {
  local line value='' file=/project/.env
  if [ -f "$file" ]; then
    # The last one counts, as for compose.
    line=$(tr -d '\r' <"$file" | grep -E '^[[:space:]]*(export[[:space:]]+)?'"$1"'[[:space:]]*=' | tail -n 1 || true)
    value=${line#*=}
    value=${value#"${value%%[![:space:]]*}"}
    case "$value" in
      \'*) value=${value#\'} value=${value%%\'*} ;;
      \"*)
        value=${value#\"} value=${value%%\"*}
        plain "$1" "$value"
        ;;
      *)
        value=${value%%[[:space:]]#*}
        value=${value%"${value##*[![:space:]]}"}
        plain "$1" "$value"
        ;;
    esac
  fi
  if [ "$2" = yes ] && [ -z "$value" ]; then
    refuse "$1 is set, but not in .env beside docker-compose.yml: write it there, because no container gets it as an environment variable"
  fi
  if [ "$2" != yes ] && [ -n "$value" ]; then
    refuse "$1 is in .env, but the shell or another file sets it to nothing: take one of them away"
  fi
  printf '%s' "$value"
}

# Compose would replace a $ outside of single quotes, and so read something else than we do.
plain() {
  [[ $2 != *[\$\\]* ]] || refuse "$1 holds a \$ or a \\: put the whole value into single quotes in .env"
}

# Host and port of a relay's address, without user, password and path.
host_of() {
  local rest=${1#*://} default=587
  rest=${rest%%[/?]*} rest=${rest##*@}
  case "$1" in
    smtps:*) default=465 ;;
    *tls=none*) default=25 ;;
  esac
  [[ $rest =~ :[0-9]+$ ]] || rest=$rest:$default
  printf '%s' "$rest"
}

# The relay for Prometheus' probe: where it is and how TLS begins there. No login.
relay_target() {
  local module=smtp_starttls
  case "$1" in
    smtps:*) module=smtp_tls ;;
    *tls=none* | *tls=opportunistic*) module=smtp_plain ;;
  esac
  printf '[{"targets": ["%s"], "labels": {"module": "%s"}}]\n' "$(host_of "$1")" "$module"
}
