#!/bin/sh
# Copy env_template/ to NAME in the current folder, with the name filled in; needs nothing installed.
set -eu
export LC_ALL=C
template=$(cd "$(dirname "$0")/../env_template" && pwd)
fail() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 1; }
[ $# = 1 ] || { echo "usage: scripts/new-env.sh NAME" >&2; exit 2; }
name=$(printf %s "$1" | tr 'A-Z_ ' 'a-z--')
case $name in
  '' | -* | *- | *--* | *[!a-z0-9-]*)
    fail "\`$1\` is no name for an environment" "use letters, digits and single hyphens, like \`my-env\`" ;;
esac
[ ${#name} -le 63 ] || fail "the name has ${#name} characters; at most 63 fit" "choose a shorter one"
! [ -e "$name" ] || rmdir "$name" 2>/dev/null || fail "\`$name\` exists already" "choose another name"
half=$(mktemp -d "./.$name.XXXXXX")
trap 'rm -rf "$half"' EXIT
(cd "$template" && find . -type f ! -path '*/__pycache__/*' ! -path './.hud/*' ! -path './.venv/*' ! -name .env) | while read -r file; do
  mkdir -p "$half/$(dirname "$file")"
  sed "s/letter-counter/$name/g" "$template/$file" >"$half/$file"
done
chmod 755 "$half"
mv "$half" "$name"
echo "made $name/; next: cd $name && hud eval tasks.py oracle --full" >&2
