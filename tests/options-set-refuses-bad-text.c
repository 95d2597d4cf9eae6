/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_options_set() refuses what is no option or no value, and says so. */
#include "util.h"

int
main (void)
{
  static const struct { const char *name, *value; int rc; } tries[] = {
    { "pool", "64M", -ENOENT },
    { "", "1", -ENOENT },
    { "POOL_SIZE", "1", -ENOENT },
    { "pool_size ", "1", -ENOENT },
    { "struct_size", "1", -ENOENT },
    { "pool_size", "", -EINVAL },
    { "pool_size", "M", -EINVAL },
    { "pool_size", "12X", -EINVAL },
    { "pool_size", "12MB", -EINVAL },
    { "pool_size", "1 M", -EINVAL },
    { "pool_size", "-1", -EINVAL },
    { "pool_size", "0x", -EINVAL },
    { "pool_size", "lots", -EINVAL },
    { "window", "", -EINVAL },
    { "page_size", "4096 bytes", -EINVAL },
    { "slot", "-64K", -EINVAL },
    { "backend", "", -EINVAL },
    { "backend", "native-ish", -EINVAL },
    { "residency", "yes", -EINVAL },
    { "store", "disk", -EINVAL },
    { "try_lock", "yes", -EINVAL },
    { "max_processes", "many", -EINVAL },
    { "max_threads", "-5", -EINVAL },
    { "max_files", "1.5", -EINVAL },
    { "max_size", "1.5G", -EINVAL },
    { "pool_size", "18446744073709551616", -ERANGE },
    { "pool_size", "99999999999999999999999", -ERANGE },
    { "pool_size", "17179869184G", -ERANGE },
    { "page_size", "4294967296", -ERANGE },
    { "slot_size", "4G", -ERANGE },
    { "max_files", "4294967296", -ERANGE },
  };
  oriel_options opt, before;
  char what[160];

  oriel_options_init (&opt);
  before = opt;
  for (size_t i = 0; i < COUNT (tries); i++) {
    snprintf (what, sizeof what, "%s=%s is refused", tries[i].name,
              tries[i].value);
    is_rc (oriel_options_set (&opt, tries[i].name, tries[i].value),
           tries[i].rc, what);
    ok (memcmp (&opt, &before, sizeof opt) == 0, "and changed nothing");
    ok (!*tries[i].name || strstr (oriel_error (), tries[i].name) != NULL,
        "the text names the option: %s", oriel_error ());
  }
  is_rc (oriel_options_set (NULL, "slot", "4K"), -EINVAL, "null options");
  is_rc (oriel_options_set (&opt, NULL, "4K"), -EINVAL, "null name");
  is_rc (oriel_options_set (&opt, "slot", NULL), -EINVAL, "null value");
  return done_testing ();
}
