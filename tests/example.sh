# SPDX-License-Identifier: BSD-2-Clause
#
# example.sh - for tests that run an example, after tap.sh

# run_example NAME: in a directory of its own, with pools in a directory of
# their own; nothing may be left in either.
run_example ()
{
  program=$(cd "$top_builddir" && pwd)/examples/$1
  pools=$(mktemp -d /dev/shm/oriel-test-XXXXXX 2> /dev/null) \
    || pools=$(mktemp -d "$scratch/pools-XXXXXX")
  trap 'rm -rf "$scratch" "$pools"' EXIT
  mkdir "$scratch/here"
  limit=:
  ok "$1 ends with success" example_runs
  is "$(leavings)" "" "it leaves nothing behind"
}

# run_limited OPTION NUMBER: the same once more, under this ulimit; $status is what it
# ends with.
run_limited ()
{
  limit="ulimit $*"
  example_runs > /dev/null
  is "$(leavings)" "" "it leaves nothing behind under $limit"
  limit=:
}

leavings ()
{
  ls "$scratch/here" "$pools" | grep -v '^$' | grep -v ':$'
}

example_runs ()
{
  (cd "$scratch/here" && $limit && ORIEL_DIR=$pools "$program" < /dev/null) \
    > "$scratch/output" 2>&1
  status=$?
  cat "$scratch/output"
  return $status
}

# says TEXT: the example's output has it.
says ()
{
  ok "it says: $1" grep -F "$1" "$scratch/output"
}
