/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault-name.c - name accesses to a window that nothing answers
 *
 * Async-signal-safe: plain loads and one write().
 */
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault-name.h"
#include "window-grant.h"
#include "window-view.h"

struct line {
  char text[1024];
  size_t n;
};

static void
put (struct line *l, const char *s)
{
  while (*s && l->n < sizeof l->text - 1)
    l->text[l->n++] = *s++;
}

static void
put_number (struct line *l, uint64_t v, unsigned base)
{
  char digits[24];
  size_t n = sizeof digits;

  digits[--n] = 0;
  do
    digits[--n] = "0123456789abcdef"[v % base];
  while ((v /= base) && n > 0);
  put (l, digits + n);
}

static void
say_what (struct line *l, const struct orl_window *w, uint64_t offset)
{
  uint32_t slot = (uint32_t) (offset >> w->slot_shift);
  uint32_t extent = w->extent ? atomic_load (&w->extent[slot]) : 0;

  if (w->linear)
    {
      put (l, "frame ");
      put_number (l, offset >> w->page_shift, 10);
      put (l, " cannot be reached");
      return;
    }
  put (l, "slot ");
  put_number (l, slot, 10);
  if (extent == 0)
    {
      put (l, " shows nothing");
      return;
    }
  put (l, " showed frame ");
  put_number (l,
              ((uint64_t) (extent - 1) << w->extent_shift)
                  + ((offset & ((UINT64_C (1) << w->slot_shift) - 1))
                     >> w->page_shift),
              10);
}

static void
say_view (struct line *l, const struct orl_window *w, uint64_t offset)
{
  uint32_t cell = (uint32_t) (offset >> w->page_shift);
  uint32_t shows = atomic_load (&w->views->cell[cell].shows);

  put (l, "page ");
  put_number (l, cell, 10);
  put (l, shows ? " of its views shows frame " : " of its views shows nothing");
  if (shows)
    put_number (l, (shows & ORL_CELL_FRAME) - 1, 10);
}

/* As the pool has it: the process's own may be closed just now. */
static void
put_path (struct line *l, const struct orl_frec *rec)
{
  for (int i = 0; i < ORL_PATH_WORDS; i++)
    {
      uint64_t word = atomic_load (&rec->path[i]);
      char text[sizeof word + 1] = { 0 };

      for (size_t k = 0; k < sizeof word; k++)
        text[k] = ((const char *) &word)[k];
      put (l, text);
      if (!text[sizeof word - 1])
        return;
    }
}

/* Strict windows know who pinned last what is there. */
static void
say_last (struct line *l, const struct oriel_pool *pool, uint64_t offset)
{
  const struct orl_grant_last *last = orl_grant_last (pool->window, offset);

  if (!last)
    return;
  put (l, ", pinned last by thread ");
  put_number (l, last->tid, 10);
  put (l, " as page ");
  put_number (l, last->page, 10);
  put (l, " of ");
  if (last->file < pool->shm.geo.nfiles)
    put_path (l, &pool->shm.files[last->file]);
  put (l, " from ");
  put (l, last->module ? last->module : "0x");
  if (last->module)
    put (l, "+0x");
  put_number (l, last->offset, 16);
}

void
orl_fault_name (const struct oriel_pool *pool, uintptr_t where, int sig,
                const char *why)
{
  const struct orl_window *w = pool->window;
  struct line l = { .n = 0 };
  ssize_t unused;

  put (&l, "oriel: stray access to 0x");
  put_number (&l, where, 16);
  put (&l, " by thread ");
  put_number (&l, (uint64_t) syscall (SYS_gettid), 10);
  put (&l, ": ");
  put (&l, why);
  put (&l, "; window of pool ");
  put (&l, pool->path);
  put (&l, ", ");
  if (where >= (uintptr_t) w->views->base)
    say_view (&l, w, where - (uintptr_t) w->views->base);
  else
    {
      say_what (&l, w, where - (uintptr_t) w->base);
      say_last (&l, pool, where - (uintptr_t) w->base);
    }
  put (&l, sig == SIGBUS ? " (SIGBUS)" : " (SIGSEGV)");
  l.text[l.n++] = '\n';
  unused = write (STDERR_FILENO, l.text, l.n);
  (void) unused;
}
