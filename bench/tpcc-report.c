/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-report.c - the results as text, the sides beside each other
 */
#include <string.h>

#include "tpcc.h"

#define MIB (1024.0 * 1024.0)

static double
per_minute (uint64_t n, double seconds)
{
  return seconds > 0 ? (double) n * 60 / seconds : 0;
}

static uint64_t
all_done (const struct result *result)
{
  uint64_t n = 0;
  int type;

  for (type = 0; type < TYPES; type++)
    n += result->done[type];
  return n;
}

/* ------------------------------------------------------------------ */
/* A table with a column for each side                                */

typedef double value_of (const struct result *result);

/* Negative values are unknown. */
static void
print_values (const struct tpcc *tpcc, const char *name, value_of *value,
              int decimals)
{
  double v;
  int i;

  printf ("  %-34s", name);
  for (i = 0; i < tpcc->sides; i++)
    {
      v = value (&tpcc->result[i]);
      if (v < 0)
        printf ("%13s", "unknown");
      else
        printf ("%13.*f", decimals, v);
    }
}

static void
print_row (const struct tpcc *tpcc, const char *name, value_of *value,
           int decimals)
{
  print_values (tpcc, name, value, decimals);
  putchar ('\n');
}

/* And how many times the second side's value the first has. */
static void
print_speed_row (const struct tpcc *tpcc, const char *name, value_of *value)
{
  double stock;

  print_values (tpcc, name, value, 0);
  if (tpcc->sides == 2 && (stock = value (&tpcc->result[1])) > 0)
    printf ("   (x %.2f)", value (&tpcc->result[0]) / stock);
  putchar ('\n');
}

static void
print_title (const struct tpcc *tpcc, const char *title)
{
  int i;

  printf ("\n%-36s", title);
  for (i = 0; i < tpcc->sides; i++)
    printf ("%13s", tpcc->side[i].name);
  putchar ('\n');
}

static double
tpmc (const struct result *r)
{
  return per_minute (r->done[NEW_ORDER], r->seconds);
}

static double
total (const struct result *r)
{
  return per_minute (all_done (r), r->seconds);
}

static double
rolled_back (const struct result *r)
{
  return (double) r->rolled_back;
}

static double
retries (const struct result *r)
{
  return (double) r->retries;
}

static double
skipped (const struct result *r)
{
  return (double) r->skipped_districts;
}

static double
kills (const struct result *r)
{
  return (double) r->kills;
}

static double
cpu (const struct result *r)
{
  uint64_t n = all_done (r) + r->rolled_back;

  return n ? (double) r->proc.cpu_usec / (double) n : -1;
}

static double
peak_rss (const struct result *r)
{
  return (double) r->proc.peak_rss_kb / 1024;
}

static double
private (const struct result *r)
{
  return (double) r->proc.private_kb / 1024;
}

static double
page_table (const struct result *r)
{
  return (double) r->proc.page_table_kb;
}

static double
vmas (const struct result *r)
{
  return (double) r->proc.vmas;
}

static double
mib (long long bytes)
{
  return bytes < 0 ? -1 : (double) bytes / MIB;
}

static double
rchar (const struct result *r)
{
  return mib (r->proc.rchar);
}

static double
wchar (const struct result *r)
{
  return mib (r->proc.wchar);
}

static double
disk_read (const struct result *r)
{
  return mib (r->proc.read_bytes);
}

static double
disk_written (const struct result *r)
{
  return mib (r->proc.write_bytes);
}

static double
wal (const struct result *r)
{
  return mib (r->wal_bytes);
}

static double
limit (const struct result *r)
{
  return (double) r->memory_limit / MIB;
}

static double
peak (const struct result *r)
{
  return (double) r->memory_peak / MIB;
}

static void
print_speed (const struct tpcc *tpcc)
{
  print_title (tpcc, "Throughput");
  print_speed_row (tpcc, "new-orders committed/min (tpmC)", tpmc);
  print_speed_row (tpcc, "all transactions/min", total);
  print_row (tpcc, "new-orders rolled back on purpose", rolled_back, 0);
  print_row (tpcc, "retries after a busy timeout", retries, 0);
  print_row (tpcc, "deliveries with nothing to deliver", skipped, 0);
  if (tpcc->opt.kill_every)
    print_row (tpcc, "terminals killed", kills, 0);
  print_row (tpcc, "CPU us/transaction", cpu, 1);
}

static void
print_costs (const struct tpcc *tpcc)
{
  print_title (tpcc, "Memory of one terminal (the largest)");
  print_row (tpcc, "peak RSS, MiB", peak_rss, 1);
  print_row (tpcc, "private, MiB", private, 1);
  print_row (tpcc, "page tables, KiB", page_table, 0);
  print_row (tpcc, "VMAs (lines of /proc/self/maps)", vmas, 0);

  print_title (tpcc, "I/O of all terminals, MiB");
  print_row (tpcc, "read by system calls", rchar, 1);
  print_row (tpcc, "written by system calls", wchar, 1);
  print_row (tpcc, "read from disk", disk_read, 1);
  print_row (tpcc, "written to disk", disk_written, 1);
  if (strcmp (tpcc->opt.journal, "wal") == 0)
    print_row (tpcc, "WAL file at the end", wal, 1);

  if (tpcc->result[0].memory_limit == 0)
    return;
  print_title (tpcc, "Memory cgroup, MiB");
  print_row (tpcc, "limit", limit, 1);
  print_row (tpcc, "peak", peak, 1);
}

/* ------------------------------------------------------------------ */
/* Latencies                                                          */

static void
print_latency (const char *type, const char *side, const struct hist *hist)
{
  static const double at[] = { 0.5, 0.95, 0.99, 0.999, 1 };
  size_t i;

  printf ("  %-13s %-8.8s", type, side);
  for (i = 0; i < sizeof at / sizeof *at; i++)
    printf ("%9.3f", (double) tpcc_hist_at (hist, at[i]) / 1e6);
  printf ("%9llu\n", (unsigned long long) hist->count);
}

static void
print_latencies (const struct tpcc *tpcc)
{
  int type, i;

  printf ("\n%-24s%9s%9s%9s%9s%9s%9s\n", "Latency, ms", "p50", "p95", "p99",
          "p99.9", "max", "count");
  for (type = 0; type < TYPES; type++)
    for (i = 0; i < tpcc->sides; i++)
      print_latency (i ? "" : tpcc_type_name[type], tpcc->side[i].name,
                     &tpcc->result[i].hist[type]);
}

/* ------------------------------------------------------------------ */
/* The pool                                                           */

static void
print_count (const char *name, uint64_t n)
{
  printf ("  %-34s%13llu\n", name, (unsigned long long) n);
}

static void
print_io (const char *name, uint64_t calls, uint64_t bytes)
{
  printf ("  %-34s%13llu  (%.1f MiB)\n", name, (unsigned long long) calls,
          (double) bytes / MIB);
}

static void
print_pool (const struct result *result)
{
  const oriel_stats *pool = &result->pool;
  uint64_t asked = pool->hits + pool->misses;

  printf ("\nThe pool during the run: %llu frames of %llu bytes, %llu free\n",
          (unsigned long long) pool->frames,
          (unsigned long long) pool->page_size,
          (unsigned long long) pool->frames_free);
  printf ("  %-34s%12.2f%%  (of %llu pages)\n", "hit ratio",
          asked ? 100 * (double) pool->hits / (double) asked : 0.0,
          (unsigned long long) asked);
  print_count ("slot swaps", pool->swaps);
  print_count ("slots mapped for the first time", pool->installs);
  print_count ("copied past the window", pool->copies);
  print_count ("evictions", pool->evictions);
  print_io ("reads from the database", pool->reads, pool->read_bytes);
  print_io ("writes to the database", pool->writes, pool->write_bytes);
  print_count ("pages read ahead", pool->readahead);
  print_count ("dropped files (changed by others)", pool->drops);
  print_count ("barriers", pool->barriers);
  print_count ("waits for a latch", pool->latch_waits);
  if (result->kills)
    print_count ("repairs of what the dead left", pool->repairs);
}

/* ------------------------------------------------------------------ */
/* Consistency                                                        */

static void
print_check (const char *side, const char *vfs,
             const struct check_report *check)
{
  int n;

  printf ("  %-8.8s through %-14.14s", side, vfs);
  for (n = 0; n < CONDITIONS; n++)
    printf ("%6s", check->bad[n] ? "FAILS" : "ok");
  printf ("   %s\n", strcmp (check->integrity, "ok") ? "FAILS" : "ok");
  for (n = 0; n < CONDITIONS; n++)
    if (check->bad[n])
      printf ("    condition %d: %lld of %lld in violation: %s\n", n + 1,
              check->bad[n], check->rows[n], check->example[n]);
  if (strcmp (check->integrity, "ok"))
    printf ("    integrity_check: %s\n", check->integrity);
  if (check->commits[0] && strcmp (check->commits, "ok"))
    printf ("    commits: %s\n", check->commits);
}

static void
print_checks (const struct tpcc *tpcc)
{
  int i, n;

  printf ("\n%-33s%6d%6d%6d%6d   %s\n", "Consistency conditions", 1, 2, 3, 4,
          "integrity_check");
  for (i = 0; i < tpcc->sides; i++)
    for (n = 0; n < tpcc->result[i].checks; n++)
      print_check (tpcc->side[i].name, tpcc->result[i].check_vfs[n],
                   &tpcc->result[i].check[n]);
}

/* ------------------------------------------------------------------ */

/* Before the work, so that the seed of a run that fails is known. */
void
tpcc_report_head (const struct tpcc *tpcc)
{
  const struct options *opt = &tpcc->opt;

  if (opt->json)
    return;
  printf ("TPC-C on SQLite %s, database %s\n", sqlite3_libversion (),
          tpcc->base);
  if (opt->actions & LOAD)
    printf ("%d warehouse%s, scale %s%s\n", opt->warehouses,
            opt->warehouses == 1 ? "" : "s", opt->scale->name,
            strcmp (opt->scale->name, "full")
            ? ": REDUCED, results compare with nothing else" : "");
  if (opt->actions & RUN)
    printf ("%d terminal%s without think time, %d s, journal %s, "
            "synchronous %s\n", opt->terminals,
            opt->terminals == 1 ? "" : "s", opt->seconds, opt->journal,
            opt->synchronous);
  if (opt->kill_every)
    printf ("every %d ms a terminal is killed\n", opt->kill_every);
  printf ("seed %llu\n", (unsigned long long) opt->seed);
  fflush (stdout);
}

static void
print_notes (const struct tpcc *tpcc)
{
  const struct shared *shared = tpcc->shared;

  if (!(tpcc->opt.actions & LOAD))
    printf ("\n%d warehouses, scale %s%s\n", shared->warehouses,
            shared->scale_name, strcmp (shared->scale_name, "full")
            ? ": REDUCED, results compare with nothing else" : "");
  if (!tpcc->opt.compare || tpcc->result[0].memory_limit)
    return;
  if (tpcc->cgroup_why[0])
    printf ("\nNo memory cgroup could be made (%s):\n", tpcc->cgroup_why);
  else
    putchar ('\n');
  printf ("stock had the whole page cache, oriel had its pool.\n");
}

static void
print_kept (const struct tpcc *tpcc)
{
  int i;

  if (tpcc->opt.actions == LOAD)
    printf ("\nLoaded %s\n", tpcc->base);
  if (!tpcc->opt.keep)
    return;
  if (tpcc->base_made && tpcc->opt.actions != LOAD)
    printf ("\nKept %s\n", tpcc->base);
  for (i = 0; i < tpcc->sides; i++)
    if (tpcc->side[i].made)
      printf ("Kept %s\n", tpcc->side[i].path);
}

void
tpcc_report (const struct tpcc *tpcc)
{
  int i;

  if (tpcc->opt.actions & RUN)
    {
      print_notes (tpcc);
      print_speed (tpcc);
      print_latencies (tpcc);
      print_costs (tpcc);
      for (i = 0; i < tpcc->sides; i++)
        if (tpcc->result[i].observed)
          print_pool (&tpcc->result[i]);
    }
  if (tpcc->opt.actions & CHECK)
    print_checks (tpcc);
  print_kept (tpcc);
}
