/* SPDX-License-Identifier: BSD-2-Clause */
/* Options that are out of range or contradict each other are -EINVAL. */
#include "util.h"

#define FIELD(name) offsetof (oriel_options, name), \
                    sizeof (((oriel_options *) 0)->name), #name

int
main (void)
{
  static const struct {
    size_t offset, size;
    const char *name;
    uint64_t value;
  } tries[] = {
    { FIELD (page_size), 256 },
    { FIELD (page_size), 131072 },
    { FIELD (page_size), 4095 },
    { FIELD (page_size), 12288 },
    { FIELD (slot_size), 2048 },
    { FIELD (slot_size), 12288 },
    { FIELD (slot_size), 4 * MiB },
    { FIELD (pool_size), 1 },
    { FIELD (pool_size), 15 * 4096 },
    { FIELD (pool_size), UINT64_MAX },
    { FIELD (pool_size), UINT64_MAX - 4095 },
    { FIELD (pool_size), (uint64_t) 1 << 63 },
    { FIELD (window_size), 1 },
    { FIELD (window_size), 4095 },
    { FIELD (backend), 5 },
    { FIELD (backend), UINT32_MAX },
    { FIELD (max_processes), 4097 },
    { FIELD (max_processes), UINT32_MAX },
    { FIELD (max_threads), 65536 },
    { FIELD (max_threads), UINT32_MAX },
    { FIELD (max_files), 65537 },
    { FIELD (max_files), UINT32_MAX },
    { FIELD (dirty_low), 1001 },
    { FIELD (dirty_high), 1001 },
    { FIELD (dirty_high), UINT32_MAX },
    { FIELD (flags), 0x80000000 },
    { FIELD (flags), ORIEL_CREATE },
    { FIELD (struct_size), 0 },
    { FIELD (struct_size), 3 },
    { FIELD (struct_size), 65536 },
  };
  oriel_pool *pool;
  oriel_options opt;
  char what[120];

  for (size_t i = 0; i < COUNT (tries); i++) {
    uint32_t narrow = (uint32_t) tries[i].value;

    opt = test_options ();
    opt.slot_size = 16384;
    memcpy ((char *) &opt + tries[i].offset,
            tries[i].size == 4 ? (const void *) &narrow
                               : (const void *) &tries[i].value,
            tries[i].size);
    snprintf (what, sizeof what, "%s %llu", tries[i].name,
              (unsigned long long) tries[i].value);
    if (!is_rc (oriel_pool_open ("test", &opt, &pool), -EINVAL, what))
      continue;
    if (!ok (unlink (pool_path ("test")) < 0, "no pool is left behind"))
      diag ("%s", what);
    if (strcmp (tries[i].name, "struct_size") == 0)
      continue;
    snprintf (what, sizeof what, "%llu", (unsigned long long) tries[i].value);
    ok (strstr (oriel_error (), tries[i].name) != NULL
        || strstr (oriel_error (), what) != NULL
        || strcmp (tries[i].name, "flags") == 0,
        "the text names option or value: %s", oriel_error ());
  }

  opt = test_options ();
  opt.page_size = 65536;
  opt.slot_size = 16384;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EINVAL,
         "a slot smaller than a page");
  opt = test_options ();
  opt.slot_size = 2 * MiB;
  opt.pool_size = MiB;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EINVAL,
         "a pool smaller than a slot");
  opt = test_options ();
  opt.slot_size = 65536;
  opt.window_size = 32768;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EINVAL,
         "a window smaller than a slot");
  opt = test_options ();
  opt.backend = ORIEL_BACKEND_LINEAR;
  opt.window_size = MiB;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EINVAL,
         "a linear window smaller than the pool");
  ok (access (pool_path ("test"), F_OK) < 0, "none of these left a pool");
  return done_testing ();
}
