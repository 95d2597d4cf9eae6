/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-json.c - the results as one JSON object on standard output
 *
 * Latencies are in microseconds, memory and I/O in bytes, money not at all.
 * What is unknown is null.  json_pack() takes its objects over, so one that
 * could not be made (no memory) ends as a null in its parent.
 */
#include "tpcc.h"

#ifdef HAVE_JANSSON

#include <jansson.h>
#include <string.h>

static json_t *
known (long long value)
{
  return value < 0 ? json_null () : json_integer (value);
}

static void
put (json_t *object, const char *name, uint64_t value)
{
  json_object_set_new (object, name, json_integer ((json_int_t) value));
}

static json_t *
latency (const struct hist *hist)
{
  static const struct {
    const char *name;
    double at;
  } list[] = { { "p50", 0.5 }, { "p95", 0.95 }, { "p99", 0.99 },
               { "p99.9", 0.999 }, { "max", 1 } };
  json_t *o = json_object ();
  size_t i;

  for (i = 0; i < sizeof list / sizeof *list; i++)
    json_object_set_new (o, list[i].name,
                         json_real ((double) tpcc_hist_at (hist, list[i].at)
                                    / 1e3));
  return o;
}

static json_t *
types (const struct result *result)
{
  json_t *o = json_object ();
  int type;

  for (type = 0; type < TYPES; type++)
    json_object_set_new (o, tpcc_type_name[type],
                         json_pack ("{s:I, s:o}", "committed",
                                    (json_int_t) result->done[type],
                                    "latency_us",
                                    latency (&result->hist[type])));
  return o;
}

static json_t *
pool (const oriel_stats *s)
{
  json_t *o = json_object ();
  uint64_t asked = s->hits + s->misses;

  json_object_set_new (o, "hit_ratio",
                       asked ? json_real ((double) s->hits / (double) asked)
                             : json_null ());
#define PUT(field) put (o, #field, s->field)
  PUT (hits);
  PUT (misses);
  PUT (readahead);
  PUT (reads);
  PUT (read_bytes);
  PUT (writes);
  PUT (write_bytes);
  PUT (syncs);
  PUT (evictions);
  PUT (writebacks);
  PUT (swaps);
  PUT (installs);
  PUT (copies);
  PUT (barriers);
  PUT (latch_waits);
  PUT (drops);
  PUT (repairs);
  PUT (page_size);
  PUT (frames);
  PUT (frames_free);
  PUT (frames_dirty);
  PUT (pool_bytes);
  PUT (pins);
#undef PUT
  return o;
}

static json_t *
terminal (const struct proc *proc)
{
  return json_pack ("{s:o, s:o, s:o, s:o}",
                    "peak_rss_kib", known (proc->peak_rss_kb),
                    "private_kib", known (proc->private_kb),
                    "page_tables_kib", known (proc->page_table_kb),
                    "vmas", known (proc->vmas));
}

static json_t *
terminals (const struct proc *proc)
{
  return json_pack ("{s:o, s:o, s:o, s:o, s:o}",
                    "cpu_us", known (proc->cpu_usec),
                    "read_by_calls", known (proc->rchar),
                    "written_by_calls", known (proc->wchar),
                    "read_from_disk", known (proc->read_bytes),
                    "written_to_disk", known (proc->write_bytes));
}

static json_t *
check (const struct check_report *report, const char *vfs)
{
  json_t *bad = json_array ();
  json_t *example = json_array ();
  int n;

  for (n = 0; n < CONDITIONS; n++)
    {
      json_array_append_new (bad, json_integer (report->bad[n]));
      if (report->bad[n])
        json_array_append_new (example, json_string (report->example[n]));
    }
  return json_pack ("{s:s, s:b, s:o, s:o, s:s, s:o}", "vfs", vfs, "ok",
                    report->ok, "violations", bad, "examples", example,
                    "integrity_check", report->integrity, "commits",
                    report->commits[0] ? json_string (report->commits)
                                       : json_null ());
}

static json_t *
checks (const struct result *result)
{
  json_t *a = json_array ();
  int n;

  for (n = 0; n < result->checks; n++)
    json_array_append_new (a, check (&result->check[n],
                                     result->check_vfs[n]));
  return a;
}

static void
add_run (json_t *o, const struct result *result)
{
  double minutes = result->seconds / 60;
  uint64_t all = 0;
  int type;

  for (type = 0; type < TYPES; type++)
    all += result->done[type];
  json_object_set_new (o, "seconds", json_real (result->seconds));
  json_object_set_new (o, "tpmc",
                       json_real ((double) result->done[NEW_ORDER]
                                  / minutes));
  json_object_set_new (o, "transactions_per_minute",
                       json_real ((double) all / minutes));
  put (o, "rolled_back", result->rolled_back);
  put (o, "busy_retries", result->retries);
  put (o, "skipped_districts", result->skipped_districts);
  put (o, "kills", result->kills);
  json_object_set_new (o, "transactions", types (result));
  json_object_set_new (o, "largest_terminal", terminal (&result->proc));
  json_object_set_new (o, "all_terminals", terminals (&result->proc));
  json_object_set_new (o, "wal_bytes", known (result->wal_bytes));
  json_object_set_new (o, "memory_limit",
                       result->memory_limit
                       ? json_integer ((json_int_t) result->memory_limit)
                       : json_null ());
  json_object_set_new (o, "memory_peak",
                       result->memory_peak
                       ? json_integer ((json_int_t) result->memory_peak)
                       : json_null ());
  json_object_set_new (o, "pool",
                       result->observed ? pool (&result->pool)
                                        : json_null ());
}

static json_t *
head (const struct tpcc *tpcc)
{
  const struct options *opt = &tpcc->opt;
  int loads = opt->actions & LOAD;

  return json_pack ("{s:s, s:s, s:i, s:s, s:i, s:s, s:s, s:o, s:I}",
                    "sqlite", sqlite3_libversion (),
                    "oriel", oriel_version (),
                    "warehouses",
                    loads ? opt->warehouses : tpcc->shared->warehouses,
                    "scale",
                    loads ? opt->scale->name : tpcc->shared->scale_name,
                    "terminals", opt->terminals,
                    "journal", opt->journal,
                    "synchronous", opt->synchronous,
                    "kill_every_ms",
                    opt->kill_every ? json_integer (opt->kill_every)
                                    : json_null (),
                    "seed", (json_int_t) opt->seed);
}

int
tpcc_report_json (const struct tpcc *tpcc)
{
  json_t *root = head (tpcc);
  json_t *sides = json_array (), *side;
  int i, err;

  for (i = 0; i < tpcc->sides; i++)
    {
      side = json_pack ("{s:s, s:s}", "name", tpcc->side[i].name, "vfs",
                        tpcc->side[i].vfs);
      if (tpcc->opt.actions & RUN)
        add_run (side, &tpcc->result[i]);
      if (tpcc->opt.actions & CHECK)
        json_object_set_new (side, "checks", checks (&tpcc->result[i]));
      json_array_append_new (sides, side);
    }
  err = json_object_set_new (root, "sides", sides);
  if (err == 0)
    err = json_dumpf (root, stdout, JSON_INDENT (2) | JSON_REAL_PRECISION (9));
  putchar ('\n');
  json_decref (root);
  if (err == 0 && fflush (stdout) == 0)
    return 0;
  fprintf (stderr, "oriel-tpcc: the results could not be written\n");
  return 1;
}

#else /* the options refuse --json */

int
tpcc_report_json (const struct tpcc *tpcc)
{
  (void) tpcc;
  return 1;
}

#endif
