# shellcheck shell=bash
# Settings, words and files that appear whole or not at all. Included by karibu-backup.

backups=${KARIBU_BACKUPS:-/backups}
spool=/spool
state=/state
secrets=/run/karibu
# The private key, in memory, while something is restored.
identity=/tmp/identity
# Name of the slot that keeps WAL on the server until it is fetched.
slot=karibu_backup
# Seconds between two closed WAL segments: what can be lost when the machine is.
interval=30
# A base backup each day; they are kept for so many days, and at least two of them.
base_every=$((24 * 3600))
keep_days=${KARIBU_BACKUP_DAYS:-14}
# After so many seconds without a success the service is not healthy.
late=300
# More WAL than this waits at the server, not here: the spool is on the same disk.
spool_limit=$((512 * 1024 * 1024))
# PostgreSQL's --wal-segsize, as the image of postgres makes clusters.
segment_bytes=$((4 * 1024 * 1024))

# Who speaks: the service, or a restore.
who=backup
say() { echo "$who: $*" >&2; }
refuse() { say "$*"; exit 1; }
now_utc() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# Where PostgreSQL is, for libpq. The password goes into a file in memory, never into an environment or an argument.
connect_settings() {
  local password
  [ -r "$secrets/password" ] || refuse "the secret $secrets/password is missing or not readable: let init make it (docker compose up init)"
  [ -r "$secrets/ca.pem" ] || refuse "the secret $secrets/ca.pem is missing or not readable: let init make it (docker compose up init)"
  [ -n "$(recipient)" ] || refuse "the secret $secrets/recipient is missing or empty: set KARIBU_BACKUP_KEY to the public key of age that backups are for"
  age -r "$(recipient)" -o /dev/null </dev/null 2>/dev/null || refuse "KARIBU_BACKUP_KEY is no public key of age: it begins with age1 (age-keygen -y prints it)"
  [ -w "$backups" ] || refuse "the folder of backups cannot be written by uid $(id -u): give it to that user (chown $(id -u):$(id -g))"
  password=$(<"$secrets/password")
  password=${password//\\/\\\\}
  (umask 0077 && printf '*:*:*:karibu_backup:%s\n' "${password//:/\\:}" >/tmp/pgpass)
  export PGPASSFILE=/tmp/pgpass PGHOST=${KARIBU_BACKUP_HOST:-postgres} PGPORT=5432 PGUSER=karibu_backup PGDATABASE=postgres \
    PGSSLMODE=verify-full PGSSLROOTCERT=$secrets/ca.pem PGAPPNAME=karibu_backup PGCONNECT_TIMEOUT=5 \
    PGOPTIONS='-c statement_timeout=20s'
}

# Whom backups are encrypted for: the public key that init gives; in a restore, those of the private keys, which may be two after a change.
recipient() {
  if [ -s "$identity" ]; then
    age-keygen -y "$identity"
  else
    cat "$secrets/recipient" 2>/dev/null || true
  fi
}

ask() { psql --no-psqlrc -qAt -F ' ' -c "$1"; }

# seal FILE < content: compressed and encrypted, whole or not at all. What failed stands in /tmp/seal.log.
seal() {
  local file=$1 part
  part=$(dirname "$file")/.$(basename "$file").$$
  if ! zstd -q -3 2>/tmp/seal.log | age -R <(recipient) -o "$part" 2>>/tmp/seal.log || ! sync "$part" 2>>/tmp/seal.log; then
    rm -f "$part"
    return 1
  fi
  mv -f "$part" "$file" && sync "$(dirname "$file")"
}

# put FILE < content: plain, whole or not at all.
put() {
  local part
  part=$(dirname "$1")/.$(basename "$1").$$
  cat >"$part" && sync "$part" && mv -f "$part" "$1" && sync "$(dirname "$1")"
}

# field NAME FILE: a value of an info file.
field() { sed -n "s/^$1=//p" "$2" 2>/dev/null; }

seconds() { date -u -d "$1" +%s; }

# Folders of finished base backups of a database, oldest first: their names are times.
bases() { find "$backups/$1/base" -mindepth 1 -maxdepth 1 -type d ! -name '.*' 2>/dev/null | sort; }
