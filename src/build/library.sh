# Shared by the stand-ins; /.langrun holds what the build knows about the packages:
#   packages/<name>/version  packages/<name>/list (absolute paths, as `dpkg -L`)  architecture
# and /.langrun-state is theirs to write.
ARCHITECTURE=$(cat /.langrun/architecture)
STATE=/.langrun-state

# A request that no stand-in answers must be seen: it fails the script that makes it.
complain() {
  echo "langrun's stand-in cannot answer: $*" >&2
  exit 2
}

is_installed() {
  [ -d "/.langrun/packages/${1%%:*}" ]
}

list_files() {
  for package; do
    is_installed "$package" || { echo "dpkg-query: package '$package' is not installed" >&2 && return 1; }
    cat "/.langrun/packages/${package%%:*}/list"
  done
}

status_of() {
  for package; do
    is_installed "$package" || { echo "dpkg-query: package '$package' is not installed" >&2 && return 1; }
    printf 'Package: %s\nStatus: install ok installed\nArchitecture: %s\nVersion: %s\n' \
      "${package%%:*}" "$ARCHITECTURE" "$(cat "/.langrun/packages/${package%%:*}/version")"
  done
}

search_files() {
  found=1
  for path; do
    for list in $(grep -lxF -- "$path" /.langrun/packages/*/list); do
      name=${list%/list} && echo "${name##*/}: $path" && found=0
    done
  done
  return $found
}

# dpkg(1): an empty version is older than any for lt le eq ne ge gt, newer than any for the -nl forms.
compare_versions() {
  case $2 in
    lt | '<<') precedes "$1" "$3" first ;;
    gt | '>>') precedes "$3" "$1" first ;;
    le | '<=' | '<') ! precedes "$3" "$1" first ;;
    ge | '>=' | '>') ! precedes "$1" "$3" first ;;
    lt-nl) precedes "$1" "$3" last ;;
    gt-nl) precedes "$3" "$1" last ;;
    le-nl) ! precedes "$3" "$1" last ;;
    ge-nl) ! precedes "$1" "$3" last ;;
    eq | '=') [ "$1" = "$3" ] ;;
    ne) [ "$1" != "$3" ] ;;
    *) complain "dpkg --compare-versions $*" ;;
  esac
}

precedes() {
  [ "$1" != "$2" ] || return 1
  if [ -z "$1" ]; then [ "$3" = first ] && return 0 || return 1; fi
  if [ -z "$2" ]; then [ "$3" = last ] && return 0 || return 1; fi
  one=$1 two=$2
  case $one in *:*) ;; *) one=0:$one ;; esac
  case $two in *:*) ;; *) two=0:$two ;; esac
  [ "$(printf '%s\n%s\n' "$one" "$two" | sort -V | head -n 1)" = "$one" ]
}
