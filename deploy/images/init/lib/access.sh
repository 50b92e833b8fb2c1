# shellcheck shell=bash
# Who may look at Prometheus and Alertmanager. Included by init.
#
# `monitor` is made once and may silence alerts. Further accounts only look: nginx lets them read and nothing else. Of their passwords init keeps the
# hash alone.

# In letters that a person types.
password() { openssl rand -base64 15 | tr '+/' '-_'; }

# Gives nginx all accounts; it looks for itself.
give_accounts() {
  give nginx 10004 watch_htpasswd "$(cat "$state/monitor_htpasswd"; if [ -f "$state/accounts" ]; then cat "$state/accounts"; fi)"
}

# access add NAME | list | revoke NAME
access() {
  local name=${2:-} made accounts=''
  [ -s "$state/monitor_htpasswd" ] || refuse "there is no monitoring yet: start the cluster with deploy/up first"
  if [ -f "$state/accounts" ]; then accounts=$(<"$state/accounts"); fi
  case "${1:-}" in
    list)
      if [ -n "$accounts" ]; then cut -d: -f1 <<<"$accounts"; fi
      return
      ;;
    add | revoke) ;;
    *) refuse "access is followed by add NAME, list, or revoke NAME" ;;
  esac
  [[ $name =~ ^[a-z][a-z0-9_-]{0,31}$ ]] || refuse "an account's name has up to 32 small letters, digits, _ and -, and begins with a letter"
  [ "$name" != monitor ] || refuse "monitor is the login of the house: it cannot be added or revoked"
  if [ "$1" = add ]; then
    ! grep -q "^$name:" <<<"$accounts" || refuse "there is an account $name already: revoke it first"
    made=$(password)
    accounts+=${accounts:+$'\n'}$(htpasswd "$name" "$made")
  else
    grep -q "^$name:" <<<"$accounts" || refuse "there is no account $name"
    accounts=$(grep -v "^$name:" <<<"$accounts" || true)
  fi
  put "$state/accounts" 0600 0:0 < <(if [ -n "$accounts" ]; then printf '%s\n' "$accounts"; fi)
  give_accounts
  if [ "$1" = add ]; then printf '%s:%s\n' "$name" "$made"; fi
}

# htpasswd NAME PASSWORD: a line for nginx.
htpasswd() { printf '%s:%s\n' "$1" "$(openssl passwd -6 -stdin <<<"$2")"; }
