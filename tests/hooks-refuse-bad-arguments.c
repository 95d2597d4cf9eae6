/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_file_hooks() refuses hooks of another version, without an id, and for
 * files that others write; then nothing has changed. */
#include "hooked.h"

int
main (void)
{
  static struct hooked hook = { .key = 5, .page_size = 4096 };
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_CREATE);
  oriel_file *foreign = must_open_file (pool, scratch_file ("foreign"),
                                        ORIEL_CREATE | ORIEL_FOREIGN);
  oriel_hooks hooks = hooks_of (&hook);

  hooks.id = 0;
  is_rc (oriel_file_hooks (file, &hooks), -EINVAL, "no id");
  hooks.id = 5;
  hooks.struct_size--;
  is_rc (oriel_file_hooks (file, &hooks), -EINVAL, "another size");
  hooks.struct_size++;
  hooks.reserved = 1;
  is_rc (oriel_file_hooks (file, &hooks), -EINVAL, "a field of the future");
  hooks.reserved = 0;
  is_rc (oriel_file_hooks (foreign, &hooks), -EINVAL, "a foreign file");
  stamp_page (pool, file, 1, 1);
  is_rc (oriel_flush (file), 0, "the file goes on without hooks");
  is_rc (oriel_file_hooks (file, NULL), 0, "to end none is no error");
  hooks.after_read = NULL;
  hooks.before_write = NULL;
  is_rc (oriel_file_hooks (file, &hooks), 0, "hooks that do nothing are some");
  stamp_page (pool, file, 2, 1);
  is_rc (oriel_flush (file), 0, "and pages go past them");
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  ok (page_is_stamped (pool, file, 2, 1), "there and back");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_file_close (foreign), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
