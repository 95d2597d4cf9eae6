#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The example 06-kv runs, loses no money, and leaves nothing behind.  Where it has too
# little of something it says of what.  Killed, it leaves no process behind.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/example.sh"

run_example 06-kv
says 'the other was killed; all accounts have 100000'
says 'recovered from its files, they have 100000'

# 32 MiB, or 64 by some shells: less than the log.
run_limited -f 65536
is $status 1 "it fails where files must not be so long as its log"
says 'File too large'

# At each step that takes one; a sanitizer wants some of its own.
n=12
[ -z "$ORIEL_SANITIZER" ] || n=40
while run_limited -n $n; [ $status -ne 0 ] && [ $n -lt 40 ]; do
  is $status 1 "it fails with descriptors up to $n"
  says 'Too many open files'
  n=$((n + 1))
done
is $status 0 "descriptors up to $n suffice"

# Killed while there are both: its output is a pipe that is full, so it can't end.
mkfifo "$scratch/full"
exec 3<> "$scratch/full"
dd if=/dev/zero of="$scratch/full" bs=4096 oflag=nonblock 2> /dev/null
(cd "$scratch/here" && ORIEL_DIR=$pools exec "$program" < /dev/null 3>&-) \
  > "$scratch/full" 2> "$scratch/output" &
child=
children=/proc/$!/task/$!/children
while [ -z "$child" ] && [ -r "$children" ]; do
  read -r child < "$children" || :
done 2> /dev/null
kill -TERM $!
wait $!
is $? 143 "it is killed"
diag < "$scratch/output"
for round in 1 2 3 4 5 6 7 8 9 10; do
  [ -n "$child" ] && [ -d "/proc/$child" ] || break
  sleep 0.2
done
ok "it had another process" test -n "$child"
ok "which is gone with it" test ! -d "/proc/${child:-self}"

done_testing
