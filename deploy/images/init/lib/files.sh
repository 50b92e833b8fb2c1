# shellcheck shell=bash
# Files that appear whole or not at all. Included by init.

# What this run wrote, for its last line: names only.
changed=()

refuse() {
  printf 'init: %s\n' "$1" >&2
  exit 1
}

warn() { printf 'init: warning: %s\n' "$1" >&2; }

# put FILE MODE OWNER < content: writes under another name, brings it to the disk, and renames. The same content is left alone.
put() {
  local file=$1 mode=$2 owner=$3 part
  part="$(dirname "$file")/.$(basename "$file").new"
  cat >"$part"
  if [ -f "$file" ] && cmp -s "$part" "$file"; then
    rm -f "$part"
    [ "$(stat -c '%a %u:%g' "$file")" = "${mode#0} $owner" ] && return
    chown "$owner" "$file"
    chmod "$mode" "$file"
  else
    chown "$owner" "$part"
    chmod "$mode" "$part"
    sync "$part"
    mv -f "$part" "$file"
    sync "$(dirname "$file")"
  fi
  changed+=("$(basename "$(dirname "$file")")/$(basename "$file")")
}

# keep NAME COMMAND...: a file of init's own that is made once.
keep() {
  local file=$state/$1 made
  shift
  if [ ! -s "$file" ]; then
    made=$("$@" 2>/dev/null) || refuse "$1 failed: the disk may be full"
    put "$file" 0600 0:0 <<<"$made"
  fi
}

# The only consumer that is given something; all of them without a name.
only=''

# A consumer's volume belongs to its user; nobody else looks in.
volume() {
  local folder=$secrets/$1
  [ -d "$folder" ] || refuse "the volume of $1 is not mounted at $folder: docker-compose.yml is not the one of this version"
  if [ "$(stat -c '%a %u' "$folder")" != "500 $2" ]; then
    chown "$2:$2" "$folder"
    chmod 0500 "$folder"
  fi
}

# give CONSUMER UID NAME VALUE
give() {
  [ -z "$only" ] || [ "$1" = "$only" ] || return 0
  volume "$1" "$2"
  # Not through a pipe: what a pipe's end notes in `changed` is lost.
  put "$secrets/$1/$3" 0400 "$2:$2" < <(printf '%s' "$4")
}

# give_file CONSUMER UID NAME FILE
give_file() {
  [ -z "$only" ] || [ "$1" = "$only" ] || return 0
  volume "$1" "$2"
  put "$secrets/$1/$3" 0400 "$2:$2" <"$4"
}

# share FOLDER MODE WRITER READERS [SETTING]: a volume of two parts, or the folder that the setting names. The writer runs in the readers' group.
share() {
  local folder=/shared/$1
  mkdir -p "$folder"
  if [ "$(stat -c '%a %u:%g' "$folder")" != "${2#0} $3:$4" ]; then
    # NFS that takes root for nobody lets only its own machine do this.
    { chown "$3:$4" "$folder" && chmod "$2" "$folder"; } 2>/dev/null ||
      refuse "${5:-the volume $1} cannot be given to user $3: do it where the folder lies, by chown $3:$4 and chmod $2"
  fi
}
