/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats.c - sum up counters and read gauges
 *
 * Takes no lock that anyone could hold, and needs no window: it also watches a
 * pool in trouble.
 */
#include <stdio.h>
#include <string.h>

#include "counters.h"
#include "evict.h"
#include "frame.h"
#include "ledger.h"
#include "load-async.h"
#include "poolfile.h"
#include "proc.h"
#include "stats.h"

static void
count_pin (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  uint64_t *pins = arg;

  (void) ledger;
  (void) frame;
  (void) mode;
  ++*pins;
}

static void
read_pool (const struct orl_shm *shm, oriel_stats *s)
{
  uint32_t frames = orl_frames (shm);

  for (uint32_t i = 0; i < orl_span (shm); i++)
    {
      uint64_t word = atomic_load_explicit (&shm->frames[i].state,
                                            memory_order_relaxed);

      s->frames_free += orl_state (word) == ORL_FREE && i < frames;
      s->frames_dirty += ((word & ORL_DIRTY) || orl_state (word) == ORL_WRITING)
                         && !orl_frame_is_dead (shm, &shm->frames[i], word);
    }
  for (uint32_t i = 0; i < shm->geo.nprocs; i++)
    s->processes += orl_proc_alive (shm, atomic_load (&shm->procs[i].token));
  for (uint32_t i = 0; i < shm->geo.nthreads; i++)
    s->threads += atomic_load (&shm->tokens[i]) != 0;
  for (uint32_t i = 0; i < shm->geo.nfiles; i++)
    s->files += atomic_load (&shm->files[i].state) == ORL_FILE_USED;
  orl_ledger_scan (shm, ORL_EVERYONE, count_pin, &s->pins);
  s->page_size = shm->geo.page_size;
  s->frames = frames;
  s->frames_max = shm->geo.nframes;
  s->pool_bytes = shm->geo.data + orl_backed_bytes (shm);
}

static uint64_t
count_vmas (const struct orl_window *w)
{
  FILE *maps = fopen ("/proc/self/maps", "rec");
  uint64_t first = (uintptr_t) w->base;
  uint64_t n = 0;
  char line[512];

  if (!maps)
    return 0;
  while (fgets (line, sizeof line, maps))
    {
      unsigned long long from, to;

      if (sscanf (line, "%llx-%llx", &from, &to) == 2
          && from < first + w->bytes && to > first)
        n++;
    }
  fclose (maps);
  return n;
}

/* A line of /proc/self/status, "VmPTE: %llu kB". */
static uint64_t
status_bytes (const char *format)
{
  FILE *status = fopen ("/proc/self/status", "rec");
  unsigned long long kib = 0;
  char line[256];

  if (!status)
    return 0;
  while (fgets (line, sizeof line, status))
    if (sscanf (line, format, &kib) == 1)
      break;
  fclose (status);
  return kib * 1024;
}

void
orl_stats_read (struct oriel_pool *pool, oriel_stats *stats)
{
  const struct orl_shm *shm = &pool->shm;
  struct orl_window *w = pool->window;
  uint32_t size = stats->struct_size;
  uint64_t sum[ORL_NSTATS];
  uint64_t linear;

  memset (stats, 0, sizeof *stats);
  stats->struct_size = size;
  orl_counters_sum (shm, ORL_EVERYONE, sum);
  stats->hits = sum[ORL_HITS];
  stats->misses = sum[ORL_MISSES];
  stats->readahead = sum[ORL_READAHEAD];
  stats->reads = sum[ORL_READS];
  stats->read_bytes = sum[ORL_READ_BYTES];
  stats->writes = sum[ORL_WRITES];
  stats->write_bytes = sum[ORL_WRITE_BYTES];
  stats->syncs = sum[ORL_SYNCS];
  stats->evictions = sum[ORL_EVICTIONS];
  stats->writebacks = sum[ORL_WRITEBACKS];
  stats->swaps = sum[ORL_SWAPS];
  stats->installs = sum[ORL_INSTALLS];
  stats->copies = sum[ORL_COPIES];
  stats->barriers = sum[ORL_BARRIERS];
  stats->latch_waits = sum[ORL_LATCH_WAITS];
  stats->drops = sum[ORL_DROPS];
  stats->repairs = sum[ORL_REPAIRS];
  stats->remaps = sum[ORL_REMAPS];
  stats->frames_lost = sum[ORL_FRAMES_LOST];
  stats->reinstalls = sum[ORL_REINSTALLS];
  stats->pages_damaged = sum[ORL_PAGES_DAMAGED];
  stats->views = sum[ORL_VIEWS];
  stats->view_pages = sum[ORL_VIEW_PAGES];
  stats->view_maps = sum[ORL_VIEW_MAPS];
  read_pool (shm, stats);
  stats->other_boot = pool->watch
                      && orl_poolfile_age (shm->fd, shm->super)
                             == ORL_OTHER_BOOT;
  if (!w) /* one who watches */
    return;
  linear = (orl_window_bytes (w) + (UINT64_C (1) << w->slot_shift) - 1)
           >> w->slot_shift;
  stats->backend = w->backend->id;
  stats->window_bytes = orl_window_bytes (w);
  stats->slot_size = UINT64_C (1) << w->slot_shift;
  stats->slots = w->linear ? linear : w->nslots;
  pthread_mutex_lock (&w->lock);
  stats->slots_used = w->linear ? linear : w->used - w->nspare;
  pthread_mutex_unlock (&w->lock);
  stats->copies_per_swap = w->copies_per_swap;
  stats->vmas = count_vmas (w);
  stats->page_table_bytes = status_bytes ("VmPTE: %llu kB");
  stats->residency = atomic_load (&w->residency);
  stats->locked_bytes = status_bytes ("VmLck: %llu kB");
  stats->huge_page = w->huge_page;
  stats->store = pool->store == ORIEL_STORE_PMEM ? ORIEL_STORE_PMEM
                 : orl_async_works (pool)        ? ORIEL_STORE_URING
                                                 : ORIEL_STORE_POSIX;
}
