/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * api-file.c - the calls of oriel.h on files
 */
#include <errno.h>

#include "api.h"
#include "error.h"
#include "file-record.h"
#include "file.h"
#include "flush.h"
#include "load.h"
#include "log.h"

#define OPEN_FLAGS                                                            \
  (ORIEL_CREATE | ORIEL_EXCL | ORIEL_RDONLY | ORIEL_BUFFERED                  \
   | ORIEL_DISCARD | ORIEL_FOREIGN | ORIEL_NO_IMAGES)

int
oriel_file_open (oriel_pool *pool, const char *path, unsigned flags,
                 oriel_file **file)
{
  oriel_file_options opt;

  oriel_file_options_init (&opt);
  opt.flags = flags;
  return oriel_file_open_with (pool, path, &opt, file);
}

int
oriel_file_open_with (oriel_pool *pool, const char *path,
                      const oriel_file_options *opt, oriel_file **file)
{
  struct orl_thread *me;
  int r;

  if (!pool || !path || !opt || !file)
    return orl_api_null ("oriel_file_open");
  if (opt->struct_size != sizeof *opt)
    return orl_fail (-EINVAL,
                     "oriel_file_open_with: options were not set up by "
                     "oriel_file_options_init()");
  if ((opt->flags & ~OPEN_FLAGS)
      || ((opt->flags & ORIEL_RDONLY)
          && (opt->flags & (ORIEL_CREATE | ORIEL_EXCL)))
      || ((opt->flags & ORIEL_EXCL) && !(opt->flags & ORIEL_CREATE))
      || opt->torn > ORIEL_TORN_DOUBLE || opt->adopt > 1
      || ((opt->flags & ORIEL_FOREIGN) && opt->torn > ORIEL_TORN_NONE))
    return orl_fail (-EINVAL, "%s: flags 0x%x or torn=%s are unknown or "
                              "contradict each other",
                     path, opt->flags, oriel_torn_name (opt->torn));
  r = orl_thread_self (pool, &me);
  return r < 0 ? r : orl_file_open (me, path, opt, file);
}

uint32_t
oriel_file_torn (const oriel_file *file)
{
  return !file                            ? ORIEL_TORN_DEFAULT
         : (file->flags & ORIEL_FOREIGN) ? ORIEL_TORN_NONE
                                         : atomic_load (&file->rec->torn);
}

int
oriel_file_close (oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_file_close");
  r = orl_thread_self (file->pool, &me);
  return r < 0 ? r : orl_file_close (me, file, true);
}

int
oriel_file_abandon (oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_file_abandon");
  r = orl_thread_any (file->pool, &me);
  return r < 0 ? r : orl_file_close (me, file, false);
}

uint64_t
oriel_file_size (const oriel_file *file)
{
  return file ? atomic_load (&file->rec->size) : 0;
}
int
oriel_file_truncate (oriel_file *file, uint64_t bytes)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_file_truncate");
  if (bytes > ORL_OFFSET_MAX)
    return orl_fail (-EFBIG, "%s: cannot be so long", file->path);
  if ((r = orl_thread_self (file->pool, &me)) < 0
      || (r = orl_api_writable (file)) < 0)
    return r;
  return orl_file_truncate (me, file, bytes);
}

int
oriel_file_refresh (oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_file_refresh");
  r = orl_thread_self (file->pool, &me);
  return r < 0 ? r : orl_file_refresh (me, file);
}

int
oriel_file_stable (oriel_file *file, int on)
{
  struct orl_thread *me;
  uint32_t n;
  int r;

  if (!file)
    return orl_api_null ("oriel_file_stable");
  r = orl_thread_self (file->pool, &me);
  if (r < 0)
    return r;
  if (!(file->flags & ORIEL_FOREIGN))
    return orl_fail (-EINVAL,
                     "%s: was not opened with ORIEL_FOREIGN: no one changes it "
                     "without Oriel",
                     file->path);
  if (on)
    {
      atomic_fetch_add (&file->stable, 1);
      return 0;
    }
  n = atomic_load (&file->stable);
  do
    if (n == 0)
      return orl_fail (-EINVAL, "%s: was not said to be stable", file->path);
  while (!atomic_compare_exchange_weak (&file->stable, &n, n - 1));
  if (n == 1)
    orl_load_settle (me, file);
  return 0;
}

int
oriel_file_drop (oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_file_drop");
  r = orl_thread_self (file->pool, &me);
  if (r == 0)
    orl_file_drop (me, file);
  return r;
}

int
oriel_file_drop_dirty (oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_file_drop_dirty");
  if (!(file->flags & ORIEL_FOREIGN))
    return orl_fail (-EINVAL,
                     "%s: was not opened with ORIEL_FOREIGN: what is dirty will "
                     "be written",
                     file->path);
  r = orl_thread_self (file->pool, &me);
  if (r == 0)
    orl_file_drop_dirty (&file->pool->shm, file->index);
  return r;
}

int
oriel_file_drop_pages (oriel_file *file, uint64_t first, uint64_t count)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_file_drop_pages");
  if (first + count < first)
    return orl_fail (-EINVAL, "%s: there are no %llu pages from %llu on",
                     file->path, (unsigned long long) count,
                     (unsigned long long) first);
  r = orl_thread_self (file->pool, &me);
  if (r == 0)
    orl_file_drop_pages (me, file, first, count);
  return r;
}

int
oriel_file_on_indoubt (oriel_file *file,
                       int (*indoubt) (void *arg, oriel_page *page,
                                       uint64_t lsn),
                       void *arg)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_file_on_indoubt");
  if ((r = orl_thread_self (file->pool, &me)) < 0
      || (r = orl_api_writable (file)) < 0)
    return r;
  if (file->flags & ORIEL_FOREIGN)
    return orl_fail (-EINVAL,
                     "%s: was opened with ORIEL_FOREIGN, so what a dead writer "
                     "left is for no one",
                     file->path);
  orl_file_on_indoubt (file, indoubt, arg);
  return 0;
}

int
oriel_file_hooks (oriel_file *file, const oriel_hooks *hooks)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_file_hooks");
  if (hooks
      && (hooks->struct_size != sizeof *hooks || hooks->reserved != 0
          || hooks->id == 0))
    return orl_fail (-EINVAL,
                     "oriel_file_hooks: %s",
                     hooks->id == 0 ? "the id is 0"
                                    : "the hooks are of another version");
  if (file->flags & ORIEL_FOREIGN)
    return orl_fail (-EINVAL,
                     "%s: was opened with ORIEL_FOREIGN: others read and write "
                     "its pages as they are",
                     file->path);
  if ((r = orl_thread_self (file->pool, &me)) < 0)
    return r;
  return orl_file_hooks (me, file, hooks);
}

int
oriel_file_durable (oriel_file *file, uint64_t lsn)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_file_durable");
  if ((r = orl_thread_self (file->pool, &me)) < 0
      || (r = orl_api_writable (file)) < 0)
    return r;
  orl_log_tell (file->rec, lsn);
  return 0;
}

uint64_t
oriel_file_durable_lsn (const oriel_file *file)
{
  return file ? atomic_load (&file->rec->durable) : 0;
}

int
oriel_file_on_flush_log (oriel_file *file,
                         int (*flush) (void *arg, uint64_t lsn), void *arg)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_file_on_flush_log");
  if ((r = orl_thread_self (file->pool, &me)) < 0
      || (r = orl_api_writable (file)) < 0)
    return r;
  orl_log_on_flush (file, flush, arg);
  return 0;
}

int
oriel_file_fd (const oriel_file *file)
{
  return file ? file->store->fd : -1;
}

uint32_t
oriel_file_store (const oriel_file *file)
{
  if (!file)
    return ORIEL_STORE_AUTO;
  if (file->store->map)
    return orl_store_is_persistent (file->store) ? ORIEL_STORE_PMEM
                                                 : ORIEL_STORE_MSYNC;
  return file->store->ops->aim ? ORIEL_STORE_URING : ORIEL_STORE_POSIX;
}

uint64_t *
oriel_file_words (oriel_file *file)
{
  return file ? (uint64_t *) file->rec->words : NULL;
}

int
oriel_flush (oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_flush");
  if ((r = orl_thread_self (file->pool, &me)) < 0)
    return r;
  return file->flags & ORIEL_RDONLY ? 0 : orl_flush_file (me, file, false);
}

int
oriel_sync (oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_sync");
  if ((r = orl_thread_self (file->pool, &me)) < 0)
    return r;
  return file->flags & ORIEL_RDONLY ? 0 : orl_file_sync (me, file);
}
