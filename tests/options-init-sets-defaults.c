/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_options_init() makes every field its default, whatever was there. */
#include "util.h"

int
main (void)
{
  oriel_options opt;

  memset (&opt, 0xa5, sizeof opt);
  oriel_options_init (&opt);
  is_int (opt.struct_size, sizeof opt, "struct_size is the struct's size");
  is_int (opt.flags, 0, "no flags");
  ok (opt.directory == NULL, "directory is null");
  is_int ((long long) opt.pool_size, 0, "pool_size is 0");
  is_int ((long long) opt.window_size, 0, "window_size is 0");
  is_int (opt.page_size, 0, "page_size is 0");
  is_int (opt.slot_size, 0, "slot_size is 0");
  is_int (opt.backend, ORIEL_BACKEND_AUTO, "backend is auto");
  is_int (opt.residency, ORIEL_RESIDENCY_NONE, "residency is none");
  is_int (opt.store, ORIEL_STORE_AUTO, "store is automatic");
  is_int ((long long) opt.writeback_rate, 0, "writeback_rate is 0");
  is_int (opt.dirty_low, 0, "dirty_low is 0");
  is_int (opt.dirty_high, 0, "dirty_high is 0");
  is_int (opt.max_processes, 0, "max_processes is 0");
  is_int (opt.max_threads, 0, "max_threads is 0");
  is_int (opt.max_files, 0, "max_files is 0");
  is_int ((long long) opt.max_size, 0, "max_size is 0");
  oriel_options_init (NULL);
  ok (1, "a null pointer does not crash it");
  return done_testing ();
}
