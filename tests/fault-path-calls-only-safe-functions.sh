#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What the fault handler calls is async-signal-safe: the undefined symbols of the
# objects that it consists of are held against a list.  A name that is not there
# is a call that someone has to think about first.
. "${top_srcdir:-.}/tests/tap.sh"

if [ -n "${ORIEL_SANITIZER-}" ]; then
  skip "a sanitizer adds calls of its own"
  done_testing
  exit
fi

# Functions that POSIX or the C library call async-signal-safe, and data.
safe='__errno_location errno memcmp memcpy memmove memset pthread_sigmask raise
  sigaction sigaddset sigdelset sigemptyset sigfillset siglongjmp
  __longjmp_chk syscall write'
# What a compiler adds; the last three divide 64 bits by 32-bit instructions.
added='_GLOBAL_OFFSET_TABLE_ __stack_chk_fail __stack_chk_fail_local
  __start_orl_points __stop_orl_points __udivdi3 __udivmoddi4 __umoddi3'
# Ours, outside of these objects, each looked at: it takes no lock but the
# window's spin lock, allocates nothing, and uses orl_sys for what it asks the
# kernel.  orl_backoff sleeps; orl_point_pass compares and kills.
# orl_window_map makes no error text where a pinned page is mapped.
ours='orl_guard orl_backoff orl_frame_is_dead orl_grant_last orl_ledger_scan
  orl_point_pass orl_proc_locked orl_sys orl_thread_cache orl_view_remap
  orl_window_enter
  orl_window_leave orl_window_map'

objects='fault-child fault-handle fault-name lost'

# file OBJECT: where it is, in a build with and without static libraries
file ()
{
  if [ -e "$top_builddir/src/$1.o" ]; then
    echo "$top_builddir/src/$1.o"
  else
    echo "$top_builddir/src/.libs/$1.o"
  fi
}

# undefined OBJECT: names that it wants from others
undefined ()
{
  ${NM:-nm} -u "$(file "$1")" | awk '{ print $2 }' \
    | sed 's/@.*//' | grep -v '^__x86\.'
}

for object in $objects; do
  ${NM:-nm} --defined-only "$(file "$object")" | awk '{ print $3 }'
done > "$scratch/defined"

for object in $objects; do
  undefined "$object" > "$scratch/undefined"
  ok "src/$object.o wants something" test -s "$scratch/undefined"
  unsafe=
  while read -r name; do
    case " $(echo $safe $added $ours) " in
      *" $name "*) ;;
      *) grep -qxF "$name" "$scratch/defined" || unsafe="$unsafe $name" ;;
    esac
  done < "$scratch/undefined"
  is "$unsafe" "" "src/$object.o calls what is safe"
done

done_testing
