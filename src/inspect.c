/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inspect.c - look at a pool without taking part in it
 *
 * Who watches maps the metadata read-only and nothing else: it can hold no
 * lock, so no one waits for it, and it waits for no one.  Whether processes live
 * it learns from the locks on their places, as everyone does.
 *
 * All that is read may change meanwhile, and a damaged pool may say anything:
 * indices are held against the geometry.  Where tables were cut off there are
 * zeroes after a fault (fault.c), so what was seen counts only if they were not:
 * api.c asks after each call.
 *
 * Locks: none.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counters.h"
#include "error.h"
#include "evict.h"
#include "fault.h"
#include "frame.h"
#include "inspect.h"
#include "mapping.h"
#include "poolfile.h"
#include "proc.h"
#include "sys.h"

int
orl_inspect_open (const char *name, const oriel_options *opt,
                  struct oriel_pool **result)
{
  static uint64_t none = UINT64_MAX; /* that of no attachment */
  struct oriel_pool *pool = calloc (1, sizeof *pool);
  struct orl_super super;
  void *map;
  int r;

  if (!pool)
    return orl_fail (-ENOMEM, "%s: no memory", name);
  pool->watch = true;
  pool->id = &none;
  pool->shm.fd = pool->shm.look = pool->shm.uffd = -1;
  r = orl_poolfile_path (name, opt->directory, &pool->path);
  if (r == 0)
    r = orl_poolfile_open (pool->path, &super, &pool->shm.fd);
  if (r < 0)
    goto out;
  pool->shm.geo = super.geo;
  map = orl_mapping_tables (pool->shm.fd, &super.geo, PROT_READ);
  if (map == MAP_FAILED)
    {
      r = orl_fail (-errno, "%s: its tables cannot be mapped", pool->path);
      goto out;
    }
  pool->shm.map = map;
  orl_layout_bind (&pool->shm);
  r = orl_fault_watch (pool, !(opt->flags & ORIEL_NO_FAULT_HANDLER));
  if (r < 0)
    goto out;
  pthread_mutex_init (&pool->lock, NULL);
  *result = pool;
  return 0;
out:
  if (pool->shm.fd >= 0)
    orl_sys.close (pool->shm.fd);
  free (pool->path);
  free (pool);
  return r;
}

/* ------------------------------------------------------------------ */
/* Files                                                              */

struct tally {
  const struct orl_shm *shm;
  struct file_tally {
    uint64_t pages, dirty, pinned;
  } file[];
};

/* The file whose present page the frame has; nfiles if there is none. */
static uint32_t
file_of (const struct orl_shm *shm, const struct orl_frame *f, uint64_t word)
{
  enum orl_frame_state state = orl_state (word);

  if ((state != ORL_VALID && state != ORL_WRITING && state != ORL_EVICTING)
      || orl_frame_is_dead (shm, f, word))
    return shm->geo.nfiles;
  return (uint32_t) atomic_load_explicit (&f->file, memory_order_relaxed);
}

static void
see_pin (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  struct tally *t = arg;
  const struct orl_frame *f = &t->shm->frames[frame];
  uint32_t file = file_of (t->shm, f, atomic_load (&f->state));

  (void) ledger;
  (void) mode;
  if (file < t->shm->geo.nfiles)
    t->file[file].pinned++;
}

static struct tally *
count_pages (const struct orl_shm *shm)
{
  struct tally *t
      = calloc (1, sizeof *t + shm->geo.nfiles * sizeof t->file[0]);

  if (!t)
    return NULL;
  t->shm = shm;
  for (uint32_t i = 0; i < orl_span (shm); i++)
    {
      const struct orl_frame *f = &shm->frames[i];
      uint64_t word = atomic_load_explicit (&f->state, memory_order_acquire);
      uint32_t file = file_of (shm, f, word);

      if (file >= shm->geo.nfiles)
        continue;
      t->file[file].pages++;
      t->file[file].dirty
          += (word & ORL_DIRTY) || orl_state (word) == ORL_WRITING;
    }
  orl_ledger_scan (shm, ORL_EVERYONE, see_pin, t);
  return t;
}

static uint64_t
count_openers (const struct orl_shm *shm, uint32_t file)
{
  uint64_t n = 0;

  for (uint32_t p = 0; p < shm->geo.nprocs; p++)
    if ((atomic_load (
             &shm->open_maps[(uint64_t) p * shm->geo.map_words + file / 64])
         >> file % 64 & 1)
        && orl_proc_alive (shm, atomic_load (&shm->procs[p].token)))
      n++;
  return n;
}

static void
read_path (const struct orl_frec *rec,
           char text[ORL_PATH_WORDS * sizeof (uint64_t) + 1])
{
  for (int i = 0; i < ORL_PATH_WORDS; i++)
    {
      uint64_t word = atomic_load_explicit (&rec->path[i],
                                            memory_order_relaxed);

      memcpy (text + (size_t) i * sizeof word, &word, sizeof word);
    }
  text[ORL_PATH_WORDS * sizeof (uint64_t)] = '\0';
}

int
orl_inspect_files (struct oriel_pool *pool,
                   void (*each) (void *arg, const oriel_file_info *info),
                   void *arg)
{
  const struct orl_shm *shm = &pool->shm;
  struct tally *t = count_pages (shm);
  char path[ORL_PATH_WORDS * sizeof (uint64_t) + 1];
  int was;

  if (!t)
    return orl_fail (-ENOMEM, "%s: no memory to count pages", pool->path);
  was = orl_cancel_off ();
  for (uint32_t i = 0; i < shm->geo.nfiles; i++)
    {
      const struct orl_frec *rec = &shm->files[i];
      oriel_file_info info = { .struct_size = sizeof info, .path = path };

      if (atomic_load (&rec->state) != ORL_FILE_USED)
        continue;
      read_path (rec, path);
      info.foreign = atomic_load (&rec->foreign) != 0;
      info.dev = atomic_load (&rec->dev);
      info.ino = atomic_load (&rec->ino);
      info.birth = atomic_load (&rec->birth);
      info.size = atomic_load (&rec->size);
      info.pages = t->file[i].pages;
      info.dirty = t->file[i].dirty;
      info.pinned = t->file[i].pinned;
      info.openers = count_openers (shm, i);
      info.misses = atomic_load (&rec->misses);
      info.readahead = atomic_load (&rec->readahead);
      info.writebacks = atomic_load (&rec->writebacks);
      info.hooks = atomic_load (&rec->hooks);
      info.durable = atomic_load (&rec->durable);
      info.error = atomic_load (&rec->io_error) & 0xffff;
      if (info.error == 0)
        info.error = atomic_load (&rec->write_error);
      each (arg, &info);
    }
  orl_cancel_back (was);
  free (t);
  return 0;
}

/* ------------------------------------------------------------------ */
/* Processes                                                          */

static void
see_any_pin (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  uint64_t *n = arg;

  (void) ledger;
  (void) frame;
  (void) mode;
  ++*n;
}

static void
read_counters (const struct orl_shm *shm, oriel_process_info *info)
{
  uint64_t sum[ORL_NSTATS];

  orl_counters_sum (shm, info->token, sum);
  info->hits = sum[ORL_HITS];
  info->misses = sum[ORL_MISSES];
  info->readahead = sum[ORL_READAHEAD];
  info->reads = sum[ORL_READS];
  info->read_bytes = sum[ORL_READ_BYTES];
  info->writes = sum[ORL_WRITES];
  info->write_bytes = sum[ORL_WRITE_BYTES];
  info->syncs = sum[ORL_SYNCS];
  info->evictions = sum[ORL_EVICTIONS];
  info->writebacks = sum[ORL_WRITEBACKS];
  info->swaps = sum[ORL_SWAPS];
  info->installs = sum[ORL_INSTALLS];
  info->copies = sum[ORL_COPIES];
  info->barriers = sum[ORL_BARRIERS];
  info->latch_waits = sum[ORL_LATCH_WAITS];
  info->drops = sum[ORL_DROPS];
  info->repairs = sum[ORL_REPAIRS];
  info->remaps = sum[ORL_REMAPS];
  info->frames_lost = sum[ORL_FRAMES_LOST];
  info->reinstalls = sum[ORL_REINSTALLS];
  info->pages_damaged = sum[ORL_PAGES_DAMAGED];
  info->views = sum[ORL_VIEWS];
  info->view_pages = sum[ORL_VIEW_PAGES];
  info->view_maps = sum[ORL_VIEW_MAPS];
}

/* The ledgers with this token: those of threads, and all. */
static uint32_t
count_ledgers (const struct orl_shm *shm, uint64_t token, uint64_t *threads)
{
  uint32_t n = 0;

  *threads = 0;
  for (uint32_t i = 0; i < shm->geo.nledgers; i++)
    if (atomic_load (&shm->tokens[i]) == token)
      {
        n++;
        *threads += !atomic_load (&shm->ledgers[i].shared);
      }
  return n;
}

/* The process whose token this is; proc: where it is or was. */
static void
read_process (const struct orl_shm *shm, uint64_t token, uint32_t proc,
              oriel_process_info *info)
{
  const struct orl_proc *place = &shm->procs[proc];

  memset (info, 0, sizeof *info);
  info->struct_size = sizeof *info;
  info->token = token;
  info->alive = orl_proc_alive (shm, token);
  if (atomic_load (&place->token) == token)
    {
      info->pid = atomic_load (&place->pid);
      info->backend = atomic_load (&place->backend);
      info->window_bytes = atomic_load (&place->window_bytes);
      info->slot_size = atomic_load (&place->slot_size);
      info->residency = atomic_load (&place->residency);
      info->huge_page = atomic_load (&place->huge_page);
    }
  orl_ledger_scan (shm, token, see_any_pin, &info->pins);
  read_counters (shm, info);
}

/* Has a ledger before this one the same token? */
static bool
seen_before (const struct orl_shm *shm, uint32_t ledger, uint64_t token)
{
  for (uint32_t i = 0; i < ledger; i++)
    if (atomic_load (&shm->tokens[i]) == token)
      return true;
  return false;
}

/* Processes have places; one that died also while its place is another's
 * already, as long as a ledger has its token. */
int
orl_inspect_processes (struct oriel_pool *pool,
                       void (*each) (void *arg,
                                     const oriel_process_info *info),
                       void *arg)
{
  const struct orl_shm *shm = &pool->shm;
  oriel_process_info info;
  int was = orl_cancel_off ();
  uint64_t threads;

  for (uint32_t i = 0; i < shm->geo.nprocs; i++)
    {
      uint64_t token = atomic_load (&shm->procs[i].token);

      if (token == 0)
        continue;
      read_process (shm, token, i, &info);
      if (count_ledgers (shm, token, &threads) == 0 && !info.alive)
        continue;
      info.threads = threads;
      each (arg, &info);
    }
  for (uint32_t i = 0; i < shm->geo.nledgers; i++)
    {
      uint64_t token = atomic_load (&shm->tokens[i]);
      uint32_t proc = (uint32_t) (token & 0xffff) - 1;

      if (token == 0 || proc >= shm->geo.nprocs
          || atomic_load (&shm->procs[proc].token) == token
          || seen_before (shm, i, token))
        continue;
      read_process (shm, token, proc, &info);
      count_ledgers (shm, token, &info.threads);
      each (arg, &info);
    }
  orl_cancel_back (was);
  return 0;
}

/* ------------------------------------------------------------------ */
/* Pools                                                              */

static int
has_prefix (const struct dirent *entry)
{
  size_t n = strlen (entry->d_name);
  size_t tail = sizeof ORL_POOL_BUILDING - 1;

  return strncmp (entry->d_name, ORL_POOL_PREFIX, sizeof ORL_POOL_PREFIX - 1)
             == 0
         && n >= sizeof ORL_POOL_PREFIX
         && !(n > tail
              && strcmp (entry->d_name + n - tail, ORL_POOL_BUILDING) == 0);
}

/* A file of this user's that begins as pools do. */
static bool
is_pool (const char *path)
{
  int fd = orl_sys.open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  char magic[sizeof ORL_MAGIC - 1];
  struct stat st;
  bool is;

  if (fd < 0)
    return false;
  is = orl_sys.fstat (fd, &st) == 0 && S_ISREG (st.st_mode)
       && st.st_uid == geteuid ()
       && orl_sys.pread (fd, magic, sizeof magic, 0) == sizeof magic
       && memcmp (magic, ORL_MAGIC, sizeof magic) == 0;
  orl_sys.close (fd);
  return is;
}

int
orl_inspect_list (const char *directory,
                  void (*each) (void *arg, const char *name, const char *path),
                  void *arg)
{
  int was = orl_cancel_off ();
  struct dirent **entries;
  int n;

  directory = orl_poolfile_directory (directory);
  n = scandir (directory, &entries, has_prefix, alphasort);
  if (n < 0)
    n = orl_fail (-errno, "%s: cannot be read", directory);
  for (int i = 0; i < n; i++)
    {
      const char *file = entries[i]->d_name;
      size_t room = strlen (directory) + strlen (file) + 2;
      char *path = malloc (room);

      if (path)
        {
          snprintf (path, room, "%s/%s", directory, file);
          if (is_pool (path))
            each (arg, file + sizeof ORL_POOL_PREFIX - 1, path);
          free (path);
        }
      free (entries[i]);
    }
  if (n >= 0)
    free (entries);
  orl_cancel_back (was);
  return n < 0 ? n : 0;
}
