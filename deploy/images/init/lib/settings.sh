# shellcheck shell=bash
# Reads and judges the settings of .env. Each refusal is one sentence that names the setting. Included by init.

# Sets demo, public_url, host, smtp_url, backup_key.
read_settings() {
  public_url=${KARIBU_PUBLIC_URL:-}
  smtp_url=$(relay)
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
  else
    demo=off
    [[ $smtp_url =~ ^smtps?://[^[:space:]]+$ ]] ||
      refuse "KARIBU_SMTP_URL is no mail relay: it looks like smtp://user:password@mail.example.org:587 or smtps://…"
    [ -n "${KARIBU_MAIL_FROM:-}" ] ||
      refuse "KARIBU_MAIL_FROM is missing: with KARIBU_SMTP_URL set, say whom mails come from, such as 'Connect <register@example.org>'"
    [ -n "$backup_key" ] ||
      refuse "KARIBU_BACKUP_KEY is missing: make a key on another machine (age-keygen -o karibu.key), keep it there, and set its public half, age1…"
  fi

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
  if [ "$demo" = off ]; then
    [ -n "${KARIBU_ONCALL:-}" ] || warn "KARIBU_ONCALL is not set: nobody is written to when something breaks"
    [ -n "${KARIBU_ORGANIZERS:-}" ] || warn "KARIBU_ORGANIZERS is not set: the sample event's registrations are told to nobody"
  fi
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

# The mail relay, from the project's .env. Its password is nobody's environment: compose tells only whether one is set.
relay() {
  local line value='' file=/project/.env
  if [ -f "$file" ]; then
    # The last one counts, as for compose.
    line=$(tr -d '\r' <"$file" | grep -E '^[[:space:]]*(export[[:space:]]+)?KARIBU_SMTP_URL[[:space:]]*=' | tail -n 1 || true)
    value=${line#*=}
    value=${value#"${value%%[![:space:]]*}"}
    case "$value" in
      \'*) value=${value#\'} value=${value%%\'*} ;;
      \"*)
        value=${value#\"} value=${value%%\"*}
        plain "$value"
        ;;
      *)
        value=${value%%[[:space:]]#*}
        value=${value%"${value##*[![:space:]]}"}
        plain "$value"
        ;;
    esac
  fi
  if [ "${KARIBU_SMTP_SET:-}" = yes ] && [ -z "$value" ]; then
    refuse "KARIBU_SMTP_URL is set, but not in .env beside docker-compose.yml: write it there, because no container gets it as an environment variable"
  fi
  if [ "${KARIBU_SMTP_SET:-}" != yes ] && [ -n "$value" ]; then
    refuse "KARIBU_SMTP_URL is in .env, but the shell or another file sets it to nothing: take one of them away"
  fi
  printf '%s' "$value"
}

# Compose would replace a $ outside of single quotes, and so read something else than we do.
plain() {
  [[ $1 != *[\$\\]* ]] || refuse "KARIBU_SMTP_URL holds a \$ or a \\: put the whole value into single quotes in .env"
}
