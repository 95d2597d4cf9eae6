/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-main.c - oriel-tpcc: TPC-C on SQLite, through Oriel's VFS and others
 *
 * This is not a TPC Benchmark C result and cannot be compared with one: there
 * are no keying and think times, and no independent auditor.
 */
#include "tpcc.h"

int
main (int argc, char **argv)
{
  static struct sql sql;

  tpcc_options_parse (&sql, argc, argv);
  return sql_main (&sql, argc, argv);
}
