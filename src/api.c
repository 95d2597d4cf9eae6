/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * api.c - the calls of oriel.h on pools, and those that look into them
 *
 * Here, and in api-file.c and api-page.c, arguments are checked, and nothing
 * else is done.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "check.h"
#include "checkpoint.h"
#include "error.h"
#include "evict.h"
#include "fault.h"
#include "guard.h"
#include "inspect.h"
#include "options.h"
#include "pool.h"
#include "proc.h"
#include "resize.h"
#include "stats.h"
#include "trace.h"
#include "writeback.h"

#define POOL_FLAGS                                                            \
  (ORIEL_ATTACH | ORIEL_EXCL | ORIEL_FENCE | ORIEL_NO_FAULT_HANDLER           \
   | ORIEL_WATCH | ORIEL_LAZY | ORIEL_PROTECT | ORIEL_RETIRE | ORIEL_HOLES \
   | ORIEL_TRY_LOCK | ORIEL_WRITEBACK)

int
orl_api_null (const char *call)
{
  return orl_fail (-EINVAL, "%s: null argument", call);
}

int
orl_api_writable (const oriel_file *file)
{
  return file->flags & ORIEL_RDONLY
             ? orl_fail (-EACCES, "%s: is open read-only", file->path)
             : 0;
}

int
oriel_pool_open (const char *name, const oriel_options *opt, oriel_pool **pool)
{
  const char *trace = secure_getenv ("ORIEL_TRACE");
  oriel_options defaults;
  struct oriel_pool *made;
  int r;

  if (!name || !pool)
    return orl_api_null ("oriel_pool_open");
  oriel_options_init (&defaults);
  if (!opt)
    opt = &defaults;
  if (opt->struct_size != sizeof *opt)
    return orl_fail (-EINVAL, "oriel_pool_open: options were not set up by "
                              "oriel_options_init()");
  if ((opt->flags & ~POOL_FLAGS)
      || ((opt->flags & ORIEL_EXCL)
          && (opt->flags & (ORIEL_ATTACH | ORIEL_WATCH)))
      || ((opt->flags & ORIEL_LAZY)
          && (opt->flags & (ORIEL_NO_FAULT_HANDLER | ORIEL_PROTECT
                            | ORIEL_RETIRE))))
    return orl_fail (-EINVAL, "%s: flags 0x%x are unknown or contradict each "
                              "other",
                     name, opt->flags);
  if (opt->flags & ORIEL_WATCH)
    return orl_inspect_open (name, opt, pool);
  r = orl_options_check (opt);
  if (r == 0)
    r = orl_pool_open (name, opt, &made);
  if (r == 0 && trace && *trace && (r = orl_trace_start (made, trace)) < 0)
    orl_pool_close (made);
  if (r == 0)
    *pool = made;
  return r;
}

int
oriel_pool_close (oriel_pool *pool)
{
  return pool ? orl_pool_close (pool) : orl_api_null ("oriel_pool_close");
}

int
oriel_window_trim (oriel_pool *pool)
{
  struct orl_thread *me;
  int r;

  if (!pool)
    return orl_api_null ("oriel_window_trim");
  r = orl_thread_self (pool, &me);
  return r < 0 ? r : orl_window_trim (pool->window);
}

int
oriel_copy (oriel_pool *pool, void *to, const void *from, size_t n)
{
  if (!pool || ((!to || !from) && n > 0))
    return orl_api_null ("oriel_copy");
  if (orl_forked (pool))
    return orl_fail (-EOWNERDEAD, "%s: the pool was opened before fork()",
                     pool->path);
  if (!pool->shm.handled)
    return orl_fail (-EOPNOTSUPP, "%s: SIGBUS is not handled "
                                  "(ORIEL_NO_FAULT_HANDLER)",
                     pool->path);
  if (!orl_fault_would_come ())
    return orl_fail (-EOPNOTSUPP, "oriel_copy: this thread blocks SIGBUS, or "
                                  "its handler is not Oriel's");
  return orl_guard_copy (memcpy, to, from, n, from)
             ? 0
             : orl_fail (-EFAULT, "oriel_copy: a page of %zu bytes at %p is "
                                  "missing",
                         n, from);
}

int
oriel_pool_destroy (const char *name, const char *directory, int force)
{
  return name ? orl_pool_destroy (name, directory, force)
              : orl_api_null ("oriel_pool_destroy");
}

int
oriel_pool_resize (oriel_pool *pool, uint64_t bytes)
{
  struct orl_thread *me;
  int r;

  if (!pool)
    return orl_api_null ("oriel_pool_resize");
  r = orl_thread_self (pool, &me);
  return r < 0 ? r : orl_resize (me, bytes);
}

int
oriel_pool_evict (oriel_pool *pool, oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!pool)
    return orl_api_null ("oriel_pool_evict");
  if (file && file->pool != pool)
    return orl_fail (-EINVAL, "oriel_pool_evict: %s is open in another pool",
                     file->path);
  r = orl_thread_self (pool, &me);
  if (r == 0)
    orl_evict_all (me, file ? file->index : UINT32_MAX);
  return r;
}

int
oriel_pool_trace (oriel_pool *pool, const char *path)
{
  struct orl_thread *me;
  int r;

  if (!pool)
    return orl_api_null ("oriel_pool_trace");
  if ((r = orl_thread_self (pool, &me)) < 0)
    return r;
  return path ? orl_trace_start (pool, path) : orl_trace_stop (pool);
}

uint32_t
oriel_pool_page_size (const oriel_pool *pool)
{
  return pool ? pool->shm.geo.page_size : 0;
}

uint64_t
oriel_pool_frames (const oriel_pool *pool)
{
  return pool ? orl_frames (&pool->shm) : 0;
}

int
oriel_writeback (oriel_pool *pool, uint64_t *pages)
{
  struct orl_thread *me;
  uint64_t n;
  int r;

  if (!pool)
    return orl_api_null ("oriel_writeback");
  r = orl_thread_self (pool, &me);
  if (r < 0)
    return r;
  r = orl_writeback (me, &n);
  if (pages)
    *pages = n;
  return r;
}

int
oriel_checkpoint (oriel_pool *pool, oriel_file *file, uint64_t *lsn)
{
  struct orl_thread *me;
  uint64_t reached;
  int r;

  if (!pool)
    return orl_api_null ("oriel_checkpoint");
  if (file && file->pool != pool)
    return orl_fail (-EINVAL, "oriel_checkpoint: %s is open in another pool",
                     file->path);
  if ((r = orl_thread_self (pool, &me)) < 0
      || (file && (r = orl_api_writable (file)) < 0))
    return r;
  r = file ? orl_checkpoint (me, file, &reached)
           : orl_checkpoint_all (me, &reached);
  if (r == 0 && lsn)
    *lsn = reached;
  return r;
}

uint64_t
oriel_self (const oriel_pool *pool)
{
  return pool ? pool->shm.token : 0;
}

int
oriel_alive (oriel_pool *pool, uint64_t token)
{
  return pool && !orl_forked (pool) && !atomic_load (&pool->gone)
         && orl_proc_alive (&pool->shm, token);
}

static int
may_look (const oriel_pool *pool)
{
  if (orl_forked (pool))
    return orl_fail (-EOWNERDEAD, "%s: the pool was opened before fork()",
                     pool->path);
  return orl_pool_gone (pool);
}

/* r, unless what was seen are zeroes in place of tables that were cut off. */
static int
has_looked (const oriel_pool *pool, int r)
{
  int gone = orl_pool_gone (pool);

  return gone < 0 ? gone : r;
}

int
oriel_pool_stats (oriel_pool *pool, oriel_stats *stats)
{
  int r;

  if (!pool || !stats)
    return orl_api_null ("oriel_pool_stats");
  if (stats->struct_size != sizeof *stats)
    return orl_fail (-EINVAL, "oriel_pool_stats: struct_size is %u and should "
                              "be %zu",
                     stats->struct_size, sizeof *stats);
  r = may_look (pool);
  if (r < 0)
    return r;
  orl_stats_read (pool, stats);
  return has_looked (pool, 0);
}

int
oriel_pool_files (oriel_pool *pool,
                  void (*each) (void *arg, const oriel_file_info *info),
                  void *arg)
{
  int r;

  if (!pool || !each)
    return orl_api_null ("oriel_pool_files");
  r = may_look (pool);
  return r < 0 ? r : has_looked (pool, orl_inspect_files (pool, each, arg));
}

int
oriel_file_pages (oriel_file *file,
                  void (*each) (void *arg, const oriel_page_info *info),
                  void *arg)
{
  int r;

  if (!file || !each)
    return orl_api_null ("oriel_file_pages");
  r = may_look (file->pool);
  return r < 0 ? r
               : has_looked (file->pool, orl_inspect_pages (file, each, arg));
}

int
oriel_pool_processes (oriel_pool *pool,
                      void (*each) (void *arg,
                                    const oriel_process_info *info),
                      void *arg)
{
  int r;

  if (!pool || !each)
    return orl_api_null ("oriel_pool_processes");
  r = may_look (pool);
  return r < 0 ? r : has_looked (pool, orl_inspect_processes (pool, each, arg));
}

int
oriel_pool_check (oriel_pool *pool,
                  void (*problem) (void *arg, const char *text), void *arg)
{
  int r;

  if (!pool)
    return orl_api_null ("oriel_pool_check");
  r = may_look (pool);
  return r < 0 ? r : has_looked (pool, orl_check (pool, problem, arg));
}

int
oriel_pool_list (const char *directory,
                 void (*each) (void *arg, const char *name, const char *path),
                 void *arg)
{
  return each ? orl_inspect_list (directory, each, arg)
              : orl_api_null ("oriel_pool_list");
}

const char *
oriel_error (void)
{
  return orl_error_text ();
}

#define TEXT(n) #n
#define VERSION(a, b, c) TEXT (a) "." TEXT (b) "." TEXT (c)

const char *
oriel_version (void)
{
  return VERSION (ORIEL_VERSION_MAJOR, ORIEL_VERSION_MINOR,
                  ORIEL_VERSION_PATCH);
}
