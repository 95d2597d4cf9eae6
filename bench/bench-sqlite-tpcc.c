/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-sqlite-tpcc.c - TPC-C, by the parts of oriel-tpcc
 */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "bench-sqlite.h"
#include "tpcc.h"

/* Load once, by the stock VFS; all runs start from copies. */
static int
need_base (struct bench *b)
{
  struct sql *tpcc = &b->load;
  char quiet[] = "-q", terminals[] = "-t2", scale[] = "--scale=full";
  char small[] = "--scale=small", name[] = "bench-sqlite";
  char *argv[] = { name, quiet, terminals, b->quick ? small : scale, NULL };

  if (tpcc->base[0])
    return 0;
  tpcc->shared = b->sql.shared;
  tpcc_options_parse (tpcc, 4, argv);
  tpcc->opt.cgroup = b->grouped;
  tpcc->opt.seed = 1;
  tpcc->opt.warm = 1;
  snprintf (tpcc->base, sizeof tpcc->base, "%.3000s/tpcc.db", b->directory);
  snprintf (tpcc->side[0].name, sizeof tpcc->side[0].name, "stock");
  snprintf (tpcc->side[0].vfs, sizeof tpcc->side[0].vfs, "unix");
  snprintf (tpcc->side[0].path, sizeof tpcc->side[0].path, "%s", tpcc->base);
  return sql_run_load (tpcc, &tpcc->side[0]);
}

int
bench_tpcc (struct bench *b, const struct test *t, enum setting s,
            struct outcome *o)
{
  const struct work *w = &t->work;
  struct sql *tpcc = &b->load;
  struct side side = { .oriel = s == ORIEL };
  static struct result result;
  char cache[24], pool[24], mmap[24];
  double done = 0;
  int r;

  if (need_base (b))
    return 1;
  snprintf (cache, sizeof cache, "-%llu",
            (unsigned long long) bench_cache_kib (w, s));
  snprintf (mmap, sizeof mmap, "%llu",
            s == MMAP || s == ORIEL ? 1ull << 32 : 0);
  snprintf (pool, sizeof pool, "%llu", (unsigned long long) w->pool);
  tpcc->opt.cache_size = cache;
  tpcc->opt.mmap_size = mmap;
  tpcc->opt.pool_size = pool;
  tpcc->opt.memory = b->grouped ? w->memory : 0;
  tpcc->opt.synchronous = w->synchronous;
  tpcc->opt.seconds = b->quick ? 1 : 3;
  snprintf (side.name, sizeof side.name, "%s", setting_name[s]);
  snprintf (side.vfs, sizeof side.vfs, s == ORIEL ? "oriel" : "unix");
  snprintf (side.path, sizeof side.path, "%.3000s/run.db", b->directory);
  snprintf (side.pool, sizeof side.pool, "bench-sqlite-%ld",
            (long) getpid ());
  memset (&result, 0, sizeof result);
  r = sql_file_copy (tpcc->base, side.path);
  if (r < 0)
    return sql_fail (b->sql.shared, "copying to %s: %s", side.path,
                      strerror (-r));
  r = sql_run_workers (tpcc, &side, &result);
  for (int type = 0; type < TYPES; type++)
    done += (double) result.pass[0].done[type];
  if (r == 0)
    o->value[0] = done / result.pass[0].seconds;
  sql_file_remove (side.path);
  bench_end (b);
  return r;
}
