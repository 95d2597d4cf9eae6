/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_options_set() sets the field that it names, with K, M and G. */
#include "util.h"

static oriel_options opt;

static void
sets (const char *name, const char *value, const void *field,
      size_t field_size, uint64_t want)
{
  uint64_t got = 0;
  uint32_t narrow;

  is_rc (oriel_options_set (&opt, name, value), 0, name);
  if (field_size == sizeof narrow) {
    memcpy (&narrow, field, sizeof narrow);
    got = narrow;
  } else
    memcpy (&got, field, sizeof got);
  if (!ok (got == want, "%s=%s sets %llu", name, value,
           (unsigned long long) want))
    diag ("got %llu", (unsigned long long) got);
}

#define SETS(name, value, field, want) \
  sets (name, value, &opt.field, sizeof opt.field, want)

int
main (void)
{
  static const char directory[] = "/dev/shm/some/where";
  static const struct { const char *name; uint32_t backend; } backends[] = {
    { "auto", ORIEL_BACKEND_AUTO },
    { "native", ORIEL_BACKEND_NATIVE },
    { "emulated", ORIEL_BACKEND_EMULATED },
    { "mmap", ORIEL_BACKEND_MMAP },
    { "linear", ORIEL_BACKEND_LINEAR },
  };

  oriel_options_init (&opt);
  is_rc (oriel_options_set (&opt, "directory", directory), 0, "directory");
  ok (opt.directory == directory, "the directory is kept by reference");

  SETS ("pool_size", "1048576", pool_size, 1048576);
  SETS ("pool_size", "512K", pool_size, 512 * KiB);
  SETS ("pool_size", "64M", pool_size, 64 * MiB);
  SETS ("pool_size", "3G", pool_size, (uint64_t) 3 << 30);
  SETS ("window_size", "8M", window_size, 8 * MiB);
  SETS ("window", "16M", window_size, 16 * MiB);
  SETS ("page_size", "8192", page_size, 8192);
  SETS ("page_size", "16K", page_size, 16384);
  SETS ("slot_size", "64K", slot_size, 65536);
  SETS ("slot", "2M", slot_size, 2 * MiB);
  SETS ("max_processes", "17", max_processes, 17);
  SETS ("max_threads", "99", max_threads, 99);
  SETS ("max_files", "7", max_files, 7);
  SETS ("max_size", "7G", max_size, 7ull << 30);
  SETS ("residency", "locked", residency, ORIEL_RESIDENCY_LOCKED);
  SETS ("residency", "onfault", residency, ORIEL_RESIDENCY_ONFAULT);
  SETS ("store", "posix", store, ORIEL_STORE_POSIX);
  SETS ("store", "uring", store, ORIEL_STORE_URING);
  SETS ("store", "pmem", store, ORIEL_STORE_PMEM);
  SETS ("writeback_rate", "3M", writeback_rate, 3 * MiB);
  SETS ("dirty_low", "50", dirty_low, 50);
  SETS ("dirty_high", "400", dirty_high, 400);
  SETS ("writeback", "1", flags, ORIEL_WRITEBACK);
  SETS ("writeback", "0", flags, 0);
  SETS ("store", "auto", store, ORIEL_STORE_AUTO);
  SETS ("residency", "none", residency, ORIEL_RESIDENCY_NONE);
  SETS ("lazy", "1", flags, ORIEL_LAZY);
  SETS ("lazy", "0", flags, 0);
  SETS ("holes", "1", flags, ORIEL_HOLES);
  SETS ("holes", "0", flags, 0);
  SETS ("try_lock", "1", flags, ORIEL_TRY_LOCK);
  SETS ("try_lock", "0", flags, 0);
  for (size_t i = 0; i < COUNT (backends); i++)
    SETS ("backend", backends[i].name, backend, backends[i].backend);
  return done_testing ();
}
