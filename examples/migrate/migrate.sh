#!/bin/sh
# Brings the tags of one connection, and who has them, to another, and looks whether all of it has arrived:
#
#     ./migrate.sh look [OLD NEW]     what would be copied; sends nothing
#     ./migrate.sh copy [OLD NEW]     copies it; may be stopped and run again at any time
#     ./migrate.sh check [OLD NEW]    compares both: exit code 0 when NEW has everything, 1 when it has not
set -eu
step=${1:-} old=${2:-old} new=${3:-new} ledger=tagua.db

case $step in
  look) exec tagua copy --from "$old" --to "$new" --plan ;;
  copy) exec tagua copy --from "$old" --to "$new" --yes ;;
  check) ;;
  *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

# Both are read afresh; what is compared is what the platforms say, not what was sent.
tagua pull "$old" 2>/dev/null
tagua pull "$new" 2>/dev/null
sqlite3 -header -column "$ledger" "
  select o.tag, o.users as \"$old\", coalesce(n.users, 0) as \"$new\"
  from tag_sizes o left join tag_sizes n on n.connection = '$new' and n.tag = o.tag
  where o.connection = '$old' order by o.tag"
missing=$(sqlite3 "$ledger" "
  select count(*) from tagged o where o.connection = '$old' and not exists (
    select 1 from tagged n where n.connection = '$new' and n.user = o.user and n.tag = o.tag)")
echo
if [ "$missing" -gt 0 ]; then
  echo "$missing tags on users are on $old and not on $new"
  exit 1
fi
echo "$new has every tag that $old has, on the same users"
