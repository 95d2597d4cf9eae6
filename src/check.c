/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.c - is the shared state as the code leaves it?
 *
 * Rules are such as hold at every instant, whatever the owners of things are in
 * the middle of: an owner says in its ledger what it is about to do, so the rule
 * is that what is owned is in its owner's ledger.  Whether the owner lives does
 * not matter then: repair goes by the same entries.
 *
 * A rule reads several words, one after another, and others may change them in
 * between.  So what fails is a suspect at first.  Suspects are looked at again
 * and again; a finding is what fails in the same way, with the same values,
 * LOOKS times in a row.
 *
 * Here: the super block, processes, ledgers, files.  check-pages.c has the rest.
 *
 * Locks: none.  Reads only.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "error.h"
#include "frame.h"
#include "ledger.h"
#include "lock.h"
#include "proc.h"
#include "sys.h"

/* Looks, and the time between them: what is no one's work but a moment's takes
 * microseconds, or a time slice if its process has to wait for the processor. */
#define LOOKS 6
#define PAUSE_MS 4
/* After so many looks at something that changes all the time, it is alive. */
#define LOOKS_MAX 40
/* Suspects that share their pauses. */
#define SUSPECTS 256

bool
orl_check_wrong (struct orl_check *c, const char *fmt, ...)
{
  va_list ap;

  va_start (ap, fmt);
  vsnprintf (c->text, sizeof c->text, fmt, ap);
  va_end (ap);
  return false;
}

bool
orl_check_owner (const struct orl_check *c, uint32_t owner)
{
  return owner > 0 && owner <= c->shm->geo.nledgers
         && atomic_load (&c->shm->tokens[owner - 1]) != 0;
}

static void
report (struct orl_check *c, const char *text)
{
  if (c->found < INT32_MAX)
    c->found++;
  if (c->problem)
    {
      int was = orl_cancel_off ();

      c->problem (c->arg, text);
      orl_cancel_back (was);
    }
}

/* Find out which suspects are guilty; there are none afterwards. */
static void
judge (struct orl_check *c)
{
  const struct timespec pause = { 0, PAUSE_MS * 1000000L };
  uint8_t looks[SUSPECTS] = { 0 };
  uint32_t open = c->nsuspects;

  for (int round = 0; round < LOOKS_MAX && open > 0; round++)
    {
      int was = orl_cancel_off ();

      nanosleep (&pause, NULL);
      orl_cancel_back (was);
      for (uint32_t i = 0; i < c->nsuspects; i++)
        {
          struct orl_suspect *s = &c->suspects[i];

          if (!s->rule)
            continue;
          if (s->rule (c, s->index))
            s->rule = NULL;
          else if (strcmp (c->text, s->text) != 0)
            {
              memcpy (s->text, c->text, sizeof s->text);
              looks[i] = 0;
            }
          else if (++looks[i] == LOOKS)
            {
              report (c, s->text);
              s->rule = NULL;
            }
          open -= !s->rule;
        }
    }
  c->nsuspects = 0;
}

void
orl_check_all (struct orl_check *c, orl_check_rule *rule, uint64_t count)
{
  for (uint64_t i = 0; i < count; i++)
    {
      struct orl_suspect *s = &c->suspects[c->nsuspects];

      if (rule (c, i))
        continue;
      s->rule = rule;
      s->index = i;
      memcpy (s->text, c->text, sizeof s->text);
      if (++c->nsuspects == SUSPECTS)
        judge (c);
    }
}

/* ------------------------------------------------------------------ */
/* Super block                                                        */

/* A lock's owner says in its ledger that it has it: flag. */
static bool
lock_is_right (struct orl_check *c, const orl_a32 *lock, uint32_t flag,
               const char *name)
{
  uint32_t owner = atomic_load (lock);

  if (owner == 0)
    return true;
  if (!orl_check_owner (c, owner))
    return orl_check_wrong (c, "super block: %s is held by %u, which is no "
                               "one's number", name, owner);
  if (!(atomic_load (&c->shm->ledgers[owner - 1].locks) & flag))
    return orl_check_wrong (c, "super block: %s is held by %u, who does not "
                               "know of it", name, owner);
  return true;
}

/* Read in the order in which a resize, up or down, keeps them so. */
static bool
sizes_are_right (struct orl_check *c)
{
  const struct orl_super *super = c->shm->super;
  uint32_t frames = atomic_load (&super->frames);
  uint32_t backed = atomic_load (&super->backed);
  uint32_t span = atomic_load (&super->span);
  uint32_t resizer = atomic_load (&super->resizer);

  if (frames < ORL_MIN_FRAMES || frames > backed || backed > span
      || span > c->shm->geo.nframes)
    return orl_check_wrong (c, "super block: %u frames, %u with memory, %u with "
                               "tables, and at most %llu",
                            frames, backed, span,
                            (unsigned long long) c->shm->geo.nframes);
  if (resizer && !orl_check_owner (c, resizer))
    return orl_check_wrong (c, "super block: is being resized by %u, which is "
                               "no one's number", resizer);
  if (frames < backed && resizer == 0)
    return orl_check_wrong (c, "super block: %u frames of %u are not in use, and "
                               "no one resizes the pool", backed - frames,
                            backed);
  return true;
}

static bool
super_is_right (struct orl_check *c, uint64_t index)
{
  const struct orl_super *super = c->shm->super;

  (void) index;
  if (memcmp (super->magic, ORL_MAGIC, sizeof super->magic) != 0
      || super->format != ORL_FORMAT
      || memcmp (&super->geo, &c->shm->geo, sizeof super->geo) != 0)
    return orl_check_wrong (c, "super block: magic, format or geometry has "
                               "changed");
  return sizes_are_right (c)
         && lock_is_right (c, &super->file_lock, ORL_HAS_FILE_LOCK, "file_lock");
}

/* ------------------------------------------------------------------ */
/* Processes and ledgers                                              */

/* Can this be a token that some process got? */
static bool
is_token (const struct orl_shm *shm, uint64_t token)
{
  uint32_t proc = (uint32_t) (token & 0xffff) - 1;

  return proc < shm->geo.nprocs && token >> 16 != 0
         && token >> 16 <= atomic_load (&shm->super->serial);
}

static bool
process_is_right (struct orl_check *c, uint64_t index)
{
  const struct orl_proc *p = &c->shm->procs[index];
  uint64_t token = atomic_load (&p->token);
  uint32_t backend = atomic_load (&p->backend);

  if (token != 0
      && (!is_token (c->shm, token) || (token & 0xffff) != index + 1))
    return orl_check_wrong (c, "process place %llu: token 0x%llx was given to "
                               "no process",
                            (unsigned long long) index,
                            (unsigned long long) token);
  if (backend > ORIEL_BACKEND_NATIVE)
    return orl_check_wrong (c, "process place %llu: there is no backend %u",
                            (unsigned long long) index, backend);
  return true;
}

/* A living process has files open that the pool knows; no one has others. */
static bool
open_word_is_right (struct orl_check *c, uint64_t index)
{
  const struct orl_shm *shm = c->shm;
  uint32_t proc = (uint32_t) (index / shm->geo.map_words);
  uint32_t first = (uint32_t) (index % shm->geo.map_words) * 64;
  uint64_t bits = atomic_load (&shm->open_maps[index]);

  if (bits == 0 || !orl_proc_alive (shm, atomic_load (&shm->procs[proc].token)))
    return true;
  for (; bits; bits &= bits - 1)
    {
      uint32_t file = first + (uint32_t) __builtin_ctzll (bits);

      if (file >= shm->geo.nfiles
          || atomic_load (&shm->files[file].state) != ORL_FILE_USED)
        return orl_check_wrong (c, "process place %u: has file %u open, which "
                                   "the pool does not know", proc, file);
    }
  return true;
}

static bool
all_zero (const orl_a32 *words, uint32_t n)
{
  for (uint32_t i = 0; i < n; i++)
    if (atomic_load_explicit (&words[i], memory_order_relaxed) != 0)
      return false;
  return true;
}

/* No one's ledger has nothing in it. */
static bool
free_ledger_is_right (struct orl_check *c, uint64_t index)
{
  const struct orl_ledger *l = &c->shm->ledgers[index];
  const char *what = NULL;

  if (!all_zero (l->pins, ORL_PINS))
    what = "pins";
  else if (!all_zero (l->work, ORL_WORK))
    what = "work";
  else if (atomic_load (&l->part) != 0 || atomic_load (&l->locks) != 0
           || atomic_load (&l->repairing) != 0
           || atomic_load (&l->cutting) != 0)
    what = "locks";
  else if (atomic_load (&l->images) != 0)
    what = "before-images";
  else if (atomic_load (&l->high) > ORL_PINS_LINE
           || atomic_load (&l->work_high) != 0)
    what = "entries in use"; /* a line: of one about to be taken */
  for (int k = 0; k < ORL_NSTATS && !what; k++)
    if (atomic_load (&l->stat[k]) != atomic_load (&l->base[k]))
      what = "counters";
  if (!what || atomic_load (&c->shm->tokens[index]) != 0)
    return true;
  return orl_check_wrong (c, "ledger %llu: no one's, and has %s",
                          (unsigned long long) index, what);
}

static bool
pin_is_right (struct orl_check *c, uint64_t ledger, uint32_t i, uint32_t high)
{
  uint32_t pin = atomic_load (&c->shm->ledgers[ledger].pins[i]);

  if (pin == 0)
    return true;
  if ((pin & ORL_PIN_FRAME) - 1 >= c->shm->geo.nframes
      || (pin & ~ORL_PIN_FRAME) > ORL_PIN_EXCL)
    return orl_check_wrong (c, "ledger %llu: pin %u is 0x%x, which is none",
                            (unsigned long long) ledger, i, pin);
  if (i >= high)
    return orl_check_wrong (c, "ledger %llu: pin %u, of frame %u, is not below "
                               "its mark of %u, so no one sees it",
                            (unsigned long long) ledger, i,
                            (pin & ORL_PIN_FRAME) - 1, high);
  return true;
}

static bool
ledger_is_right (struct orl_check *c, uint64_t index)
{
  const struct orl_shm *shm = c->shm;
  const struct orl_ledger *l = &shm->ledgers[index];
  uint64_t token = atomic_load (&shm->tokens[index]);
  uint32_t high = atomic_load (&l->high);
  uint32_t part = atomic_load (&l->part);

  if (token == 0)
    return free_ledger_is_right (c, index);
  if (!is_token (shm, token)
      || (index >= shm->geo.nthreads
          && (token & 0xffff) - 1 != index - shm->geo.nthreads))
    return orl_check_wrong (c, "ledger %llu: token 0x%llx was given to no "
                               "process that could have it",
                            (unsigned long long) index,
                            (unsigned long long) token);
  if (high > ORL_PINS || atomic_load (&l->work_high) > ORL_WORK
      || part > shm->geo.nparts)
    return orl_check_wrong (c, "ledger %llu: a number is out of range (pins "
                               "%u, work %u, partition %u)",
                            (unsigned long long) index, high,
                            atomic_load (&l->work_high), part);
  if (atomic_load (&l->repairing) > shm->geo.nledgers
      || orl_repair_owner (atomic_load (&l->repairer)) > shm->geo.nledgers)
    return orl_check_wrong (c, "ledger %llu: repairs ledger %u, is repaired "
                               "by owner %u, one of which there is not",
                            (unsigned long long) index,
                            atomic_load (&l->repairing) - 1,
                            orl_repair_owner (atomic_load (&l->repairer)));
  for (uint32_t i = 0; i < ORL_WORK; i++)
    {
      uint32_t work = atomic_load (&l->work[i]);

      if (work > shm->geo.nframes)
        return orl_check_wrong (c, "ledger %llu: works on frame %u, which "
                                   "there is not",
                                (unsigned long long) index, work - 1);
    }
  for (uint32_t i = 0; i < ORL_PINS; i++)
    if (!pin_is_right (c, index, i, high))
      return false;
  return true;
}

/* ------------------------------------------------------------------ */
/* Files                                                              */

static bool
same_file (const struct orl_frec *a, const struct orl_frec *b)
{
  return atomic_load (&a->state) == ORL_FILE_USED
         && atomic_load (&b->state) == ORL_FILE_USED
         && atomic_load (&a->ino) == atomic_load (&b->ino)
         && atomic_load (&a->dev) == atomic_load (&b->dev)
         && atomic_load (&a->birth) == atomic_load (&b->birth);
}

static bool
file_is_right (struct orl_check *c, uint64_t index)
{
  const struct orl_shm *shm = c->shm;
  const struct orl_frec *rec = &shm->files[index];
  uint32_t state = atomic_load (&rec->state);
  uint64_t size = atomic_load (&rec->size);
  uint64_t done = atomic_load (&rec->done); /* before begun is looked at */

  if (state > ORL_FILE_USED)
    return orl_check_wrong (c, "file %llu: there is no state %u",
                            (unsigned long long) index, state);
  if (state == ORL_FILE_FREE)
    return true;
  if (atomic_load (&rec->cutter) > shm->geo.nledgers
      || atomic_load (&rec->cut) > (uint64_t) INT64_MAX + 1)
    return orl_check_wrong (c, "file %llu: is cut to %llu bytes by owner %u, "
                               "one of which cannot be",
                            (unsigned long long) index,
                            (unsigned long long) atomic_load (&rec->cut) - 1,
                            atomic_load (&rec->cutter));
  if (size > INT64_MAX)
    return orl_check_wrong (c, "file %llu: cannot have %llu bytes",
                            (unsigned long long) index,
                            (unsigned long long) size);
  if (done > atomic_load (&rec->begun))
    return orl_check_wrong (c, "file %llu: %llu changes are done, and fewer "
                               "were begun",
                            (unsigned long long) index,
                            (unsigned long long) done);
  for (uint64_t i = 0; i < index; i++)
    if (same_file (rec, &shm->files[i]))
      return orl_check_wrong (c, "file %llu: is file %llu, too",
                              (unsigned long long) index,
                              (unsigned long long) i);
  return true;
}

int
orl_check (struct oriel_pool *pool,
           void (*problem) (void *arg, const char *text), void *arg)
{
  const struct orl_geometry *geo = &pool->shm.geo;
  struct orl_check c
      = { .shm = &pool->shm, .problem = problem, .arg = arg };
  int r;

  c.passed = calloc (geo->part_buckets, sizeof *c.passed);
  c.suspects = calloc (SUSPECTS, sizeof *c.suspects);
  if (!c.passed || !c.suspects)
    {
      r = orl_fail (-ENOMEM, "%s: no memory to check it", pool->path);
      goto out;
    }
  orl_check_all (&c, super_is_right, 1);
  orl_check_all (&c, process_is_right, geo->nprocs);
  orl_check_all (&c, open_word_is_right,
                 (uint64_t) geo->nprocs * geo->map_words);
  orl_check_all (&c, ledger_is_right, geo->nledgers);
  orl_check_all (&c, file_is_right, geo->nfiles);
  orl_check_pages (&c);
  judge (&c);
  r = c.found;
out:
  free (c.passed);
  free (c.suspects);
  return r;
}
