/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-fail.c - the error that ends a run
 */
#include "sql.h"

int
sql_fail (struct shared *shared, const char *format, ...)
{
  va_list ap;
  int none = 0;

  if (atomic_compare_exchange_strong (&shared->error_taken, &none, 1))
    {
      va_start (ap, format);
      vsnprintf (shared->error, sizeof shared->error, format, ap);
      va_end (ap);
    }
  return 1;
}
