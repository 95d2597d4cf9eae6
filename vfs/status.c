/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status.c - what an operator may know of a connection and its pool
 *
 * PRAGMA oriel_status is a line for people: what is used and how, or why not.
 * PRAGMA oriel_stats and the table oriel_stats are numbers with names, the same
 * in both.
 *
 * Locks: none.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "vfs.h"

/* ------------------------------------------------------------------ */
/* Numbers                                                            */

#define STAT(name) { #name, offsetof (oriel_stats, name) }

static const struct {
  const char *name;
  size_t offset;
} pool_stats[] = {
  STAT (hits), STAT (misses), STAT (readahead), STAT (reads),
  STAT (read_bytes), STAT (writes), STAT (write_bytes), STAT (syncs),
  STAT (evictions), STAT (writebacks), STAT (swaps), STAT (installs),
  STAT (copies), STAT (barriers), STAT (latch_waits), STAT (drops),
  STAT (repairs), STAT (remaps), STAT (frames_lost), STAT (reinstalls),
  STAT (pages_damaged),
  STAT (views), STAT (view_pages), STAT (view_maps),
  STAT (page_size), STAT (frames), STAT (frames_max), STAT (frames_free),
  STAT (frames_dirty),
  STAT (pool_bytes), STAT (processes), STAT (threads), STAT (files),
  STAT (pins), STAT (window_bytes), STAT (slot_size), STAT (slots),
  STAT (slots_used), STAT (vmas), STAT (page_table_bytes),
  STAT (copies_per_swap), STAT (residency), STAT (locked_bytes),
  STAT (huge_page),
};

#define NPOOL (sizeof pool_stats / sizeof *pool_stats)

int
vfs_stats_each (const struct vfs_connection *c,
                void (*each) (void *arg, const char *name, uint64_t value),
                void *arg)
{
  oriel_stats s = { .struct_size = sizeof s };
  int r;

  if (!vfs_has_pool (c))
    return -ENOENT;
  r = oriel_pool_stats (c->shared->pool->pool, &s);
  if (r < 0)
    return r;
  for (size_t i = 0; i < NPOOL; i++)
    each (arg, pool_stats[i].name,
          *(const uint64_t *) ((const char *) &s + pool_stats[i].offset));
  each (arg, "fetched", c->nfetched);
  return 0;
}

static void
add_stat (void *arg, const char *name, uint64_t value)
{
  char **text = arg;

  /* Out of memory: *text is NULL and stays so. */
  if (*text)
    *text = sqlite3_mprintf ("%z%s%s=%llu", *text, **text ? " " : "", name,
                             (unsigned long long) value);
}

char *
vfs_stats_text (const struct vfs_connection *c)
{
  char *text = sqlite3_mprintf ("");

  if (vfs_stats_each (c, add_stat, &text) < 0)
    {
      sqlite3_free (text);
      return vfs_status_text (c);
    }
  return text;
}

/* ------------------------------------------------------------------ */
/* The line                                                           */

static const char *
residency_name (uint64_t residency)
{
  static const char *const names[] = { "none", "locked", "onfault" };

  return residency < sizeof names / sizeof *names ? names[residency]
                                                  : "unknown";
}

static void
count_page (void *arg, const oriel_page_info *info)
{
  uint64_t *count = arg;

  count[0]++;
  count[1] += info->dirty;
}

char *
vfs_pool_path (const struct vfs_pool *p)
{
  if (strchr (p->name, '/'))
    return sqlite3_mprintf ("%s", p->name);
  return sqlite3_mprintf ("%s/oriel-%s",
                          p->directory ? p->directory : "/dev/shm", p->name);
}

/* Why the connection does without a pool; NULL if it has one. */
static char *
without (const struct vfs_connection *c)
{
  if (!c->shared)
    return sqlite3_mprintf ("no pool: %s", c->why_not);
  if (c->generation != vfs_generation)
    return sqlite3_mprintf ("no pool: the process has forked");
  return sqlite3_mprintf ("no pool: the memory of pool %s was taken away",
                          c->shared->pool->name);
}

char *
vfs_status_text (const struct vfs_connection *c)
{
  oriel_stats s = { .struct_size = sizeof s };
  uint64_t pages[2] = { 0, 0 };
  const struct vfs_pool *p;

  if (!vfs_has_pool (c))
    return without (c);
  p = c->shared->pool;
  if (oriel_pool_stats (p->pool, &s) < 0
      || oriel_file_pages (vfs_oriel (c), count_page, pages) < 0)
    return sqlite3_mprintf ("no pool: %s", oriel_error ());
  return sqlite3_mprintf (
      "pool %s (%z): %llu frames of %llu bytes, backend %s, window of %llu "
      "bytes, slots of %llu, residency %s, %llu processes, %llu files; this "
      "database: %llu pages in the pool, %llu dirty; %s",
      p->name, vfs_pool_path (p), s.frames, s.page_size,
      oriel_backend_name (s.backend), s.window_bytes, s.slot_size,
      residency_name (s.residency), s.processes, s.files, pages[0], pages[1],
      vfs_coherence_text (c));
}
