# shellcheck shell=bash
# What came of it. Included by deploy/drill.

# What is worth a word under the table.
notes=()

# Fills in what is wrong with each row, and who else told something while it was broken.
reckon() {
  local i at alert where state name
  for i in "${!row_name[@]}"; do
    what_of "${row_name[$i]}"
    if [ -z "${row_mail[$i]}" ]; then
      row_wrong[i]+="${row_wrong[$i]:+; }no mail within $wait s"
    elif ((row_mail[i] - row_down[i] > limit * 1000)); then
      row_wrong[i]+="${row_wrong[$i]:+; }later than $limit s"
    fi
    if [ -n "${row_mail[$i]}" ] && [ "${row_over[$i]}" = never ] && { [ "$oncall" != yes ] || [ "$later" != yes ]; }; then
      row_wrong[i]+="${row_wrong[$i]:+; }no mail that it is over within $patience s"
    fi
  done
  if [ "$oncall" = yes ] || ((${#row_name[@]} == 0)); then return; fi
  local wanted others=''
  wanted=,$(
    IFS=,
    echo "${row_want[*]}"
  ),
  while IFS=$'\t' read -r at alert where state _; do
    if [ "$state" != firing ] || [[ $alert == alarm && $wanted == *",alarm "* ]] || [[ $wanted == *",alert $alert $where,"* ]]; then continue; fi
    # The row in whose time it came.
    for i in "${!row_name[@]}"; do
      if ((at < row_since[i])); then break; fi
      name=${row_name[$i]}
    done
    others+="${others:+; }$alert of $where during $name"
  done < <(hand since "${row_since[0]}")
  if [ -n "$others" ]; then notes+=("Also told: $others."); fi
}

say_service() {
  case "$1" in
    web | notifier) echo "$1, both" ;;
    catcher) echo "catcher (the relay)" ;;
    host) echo "the whole host" ;;
    *) echo "$1" ;;
  esac
}
say_fault() {
  case "$1" in
    kill) echo "kill -9" ;;
    ends) echo "ends in 5 days" ;;
    stale) echo "its last success 30 hours ago" ;;
    poisoned) echo "one that is refused for good" ;;
    full) echo "less than 5 % free" ;;
    *) echo "$1" ;;
  esac
}

# The table as Markdown, which is readable in a terminal too.
table() {
  local i mail over
  echo "| service | fault | mail after s | allowed s | RESOLVED after s | subject | |"
  echo "|---|---|---:|---:|---:|---|---|"
  for i in "${!row_name[@]}"; do
    what_of "${row_name[$i]}"
    mail=- over=-
    if [ -n "${row_mail[$i]}" ]; then mail=$(in_seconds "${row_down[$i]}" "${row_mail[$i]}"); fi
    if [[ ${row_over[$i]} =~ ^[0-9]+$ ]]; then over=$(in_seconds "${row_back[$i]}" "${row_over[$i]}"); fi
    printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$(say_service "${row_name[$i]%%:*}")" "$(say_fault "${row_name[$i]#*:}")" "$mail" "$limit" "$over" \
      "${row_subject[$i]//|/\\|}" "${row_wrong[$i]:-ok}"
  done
  for i in "${!notes[@]}"; do printf '\n%s\n' "${notes[$i]}"; done
  printf '\n<sub>%s, %s cores, Docker %s, Linux %s, commit %s</sub>\n' "$(date -u +%Y-%m-%d)" "$(nproc)" "$(docker version --format '{{.Server.Version}}')" \
    "$(uname -r)" "$(docker inspect -f '{{index .Config.Labels "org.opencontainers.image.revision"}}' "${id[web-1]}")"
}
tell_table() {
  reckon
  echo
  table
}

# write_document FILE: the table, between its marks.
write_document() {
  local file=$1 made begin='<!-- deploy/drill writes from here -->' end='<!-- deploy/drill writes to here -->'
  made=$(mktemp)
  {
    sed "\|^$begin\$|q" "$file"
    printf '\n%s\n\n' "$(table)"
    sed -n "\|^$end\$|,\$p" "$file"
  } >"$made"
  cat "$made" >"$file"
  rm -f "$made"
}

# The last word: exit 1 if anything is wrong.
all_well() {
  local i code=0
  if ((${#left_out[@]})); then
    say "left out: ${left_out[*]}"
    code=1
  fi
  for i in "${!row_name[@]}"; do
    if [ -n "${row_wrong[$i]}" ]; then
      say "${row_name[$i]}: ${row_wrong[$i]}"
      code=1
    fi
  done
  if [ "$code" = 0 ]; then say "every mail came in time and said what it has to"; fi
  exit "$code"
}
