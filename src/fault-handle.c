/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault-handle.c - answer faults in windows and tables
 *
 * What a fault at an address of ours means, and what is done:
 *
 *   in the tables
 *     SIGBUS              they were cut away: zeroes in their place, and the
 *                         pool is of no use any more (lost.c)
 *   in a window
 *     SIGSEGV, the slot   it was never mapped (ORIEL_LAZY), or its mapping was
 *       has an extent     dropped by oriel_window_trim() or by a stranger: map
 *                         it; a write to what may only be read is stray
 *     SIGBUS              the file was cut or has a hole, or memory failed:
 *                         mark the frames lost, fill the file up (lost.c); if
 *                         that cannot be, zeroes in their place
 *     in the area of      likewise, for each page by itself
 *       views behind it
 *     in a forked child   show what the parent has pinned (fault-child.c)
 *     anything else       is a stray access: name it (fault-name.c)
 *
 *
 *   in a copy from or to a file that is mapped (guard.h)
 *     SIGBUS              the file was cut, or has no room: leave the copy
 *
 * and the access is made again; or, for stray ones and those elsewhere, the
 * signal goes to whoever handled it before.
 *
 * Which extent a slot shows changes only with the slot's mapping, under
 * orl_window_enter(): so here, inside it, to map what the table says is right.
 *
 * The registry of pools is the process's, because signal handlers are.  The
 * handler reads it without locks: an entry is published by its pointers, and
 * forgotten by clearing them and waiting until no handler runs.
 *
 * All of this file is async-signal-safe, and so is what it calls: a test holds
 * the names against a list.  SIGSEGV and SIGBUS stay open meanwhile: the tables
 * are touched, and those may be gone, too.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "fault-child.h"
#include "fault-handle.h"
#include "fault-name.h"
#include "guard.h"
#include "ledger.h"
#include "lost.h"
#include "sys.h"
#include "window-view.h"

/* Faults of one thread at one address, one after the other, for which nothing
 * was found to be done, and none before the slot was given its extent, or was
 * trimmed.  The first of two threads does it, so some are usual; these many mean
 * that the memory fails without saying so, and twice as many that we are
 * wrong. */
#define VAIN_MAX 100

/* What was mapped anew may be dropped by others again and again, but not so
 * often with nothing between. */
#define AGAIN_MAX 100000

struct orl_watched orl_watched[ORL_WATCHED];
_Atomic unsigned orl_fault_running;
struct orl_before orl_before[2] = { { .sig = SIGSEGV }, { .sig = SIGBUS } };

struct fault {
  struct oriel_pool *pool;
  struct orl_window *w;
  int sig;
  const siginfo_t *info;
  uintptr_t where;
  bool view;                    /* in the area of views */
  uint64_t offset;              /* in the window, or in that */
  bool write;                   /* it certainly was one */
};

static _Thread_local struct {
  uintptr_t where;
  uint64_t turn;
  unsigned times;
} vain __attribute__ ((tls_model ("initial-exec")));

/* How often in a row has this thread come here in vain?  turn: what it was that
 * the slot showed. */
static unsigned
times_in_vain (uintptr_t where, uint64_t turn)
{
  if (vain.where != where || vain.turn != turn)
    vain.times = 0;
  vain.where = where;
  vain.turn = turn;
  return ++vain.times;
}

/* What is mapped at once: a slot, or a page of a view. */
static uint32_t
shift_of (const struct fault *f)
{
  return f->view ? f->w->page_shift : f->w->slot_shift;
}

static struct orl_cell *
cell_of (const struct fault *f)
{
  return &f->w->views->cell[f->offset >> f->w->page_shift];
}

/* Another number whenever the slot has reason to be mapped. */
static uint64_t
turn_of (const struct fault *f)
{
  const struct orl_window *w = f->w;
  uint64_t turn = (uint64_t) atomic_load (&w->trims) << 32;

  if (f->view)
    turn |= atomic_load (&cell_of (f)->turn);
  else if (!w->linear)
    turn |= atomic_load (&w->turn[f->offset >> w->slot_shift]);
  return turn;
}

static bool
was_write (const void *context)
{
#if defined REG_ERR
  const ucontext_t *u = context;

  return (u->uc_mcontext.gregs[REG_ERR] & 2) != 0; /* of the page fault */
#else
  (void) context;
  return false;
#endif
}

struct pins {
  uint32_t first;               /* frames */
  uint32_t n;
  bool any;
};

static void
see_pin (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  struct pins *p = arg;

  (void) ledger;
  (void) mode;
  p->any = p->any || frame - p->first < p->n;
}

/* Where the slot's extent begins among the pages; false: it has none that ought
 * to be seen.  A slot that is hidden, to be given another extent, has none, and
 * one that a sweep looks at has, if it is pinned.  Inside orl_window_enter(). */
static bool
extent_of (const struct fault *f, uint64_t *from)
{
  const struct orl_window *w = f->w;
  uint32_t slot = (uint32_t) (f->offset >> w->slot_shift);
  uint32_t extent = slot + 1;
  struct pins p;

  if (f->view)
    {
      uint32_t shows = atomic_load (&cell_of (f)->shows);

      *from = (uint64_t) ((shows & ORL_CELL_FRAME) - 1) << w->page_shift;
      return shows != 0;
    }
  if (!w->linear)
    extent = atomic_load (&w->extent[slot]);
  *from = (uint64_t) (extent - 1) << w->slot_shift;
  if (w->linear || extent == 0)
    return w->linear;
  if (atomic_load (&w->slot_of[extent - 1]) == slot + 1
      || atomic_load (&f->pool->gone) == ORL_GONE_TABLES) /* so are all pins */
    return true;
  p = (struct pins){ .first = (extent - 1) << w->extent_shift,
                     .n = 1u << w->extent_shift };
  orl_ledger_scan (w->shm, w->shm->token, see_pin, &p);
  return p.any && atomic_load (&w->extent[slot]) == extent;
}

/* Where all slots are one VMA they stay so, unless someone has taken it away, or
 * the right to use it, which is a SIGSEGV. */
static bool
remap (const struct fault *f, uint32_t slot, uint64_t from)
{
  struct orl_window *w = f->w;

  return w->backend->one_vma && !w->linear && f->sig == SIGBUS
         && w->backend->show (w, slot, (uint32_t) (from >> w->slot_shift),
                              1)
                == 0;
}

/* Inside orl_window_enter(). */
static bool
map_slot (const struct fault *f)
{
  struct orl_window *w = f->w;
  uint32_t slot = (uint32_t) (f->offset >> w->slot_shift);
  uint64_t start = (uint64_t) slot << w->slot_shift;
  uint64_t size = UINT64_C (1) << w->slot_shift;
  uint64_t from;

  if (start + size > w->bytes)
    size = w->bytes - start;
  return extent_of (f, &from)
         && (remap (f, slot, from)
             || orl_window_map (w, w->base + start, (size_t) size, 0, from,
                                true)
                    == 0);
}

/* Map the slot anew. */
static bool
reinstall (const struct fault *f)
{
  const struct orl_shm *shm = &f->pool->shm;
  struct orl_window *w = f->w;
  bool entered = orl_window_enter (w);
  bool done = f->view ? orl_view_remap (
                            w, (uint32_t) (f->offset >> w->page_shift))
                            == 0
                      : map_slot (f);

  orl_window_leave (w, entered);
  if (done)
    atomic_fetch_add_explicit (
        &shm->ledgers[shm->geo.nthreads + shm->proc].stat[ORL_REINSTALLS], 1,
        memory_order_relaxed);
  return done;
}

/* Zeroes in place of what cannot be had: of a block; or of all, when the tables
 * are gone, and nothing that the window shows means anything.  from: what the
 * slot had when it was looked at; if it has something else now, the access will
 * tell. */
static bool
patch (const struct fault *f, uint64_t from, bool all)
{
  struct orl_window *w = f->w;
  uint64_t block = f->pool->shm.geo.block;
  uint64_t start = f->offset & ~(block - 1);
  uint64_t size = block;
  unsigned char *base = f->view ? w->views->base : w->base;
  uint64_t now;
  bool entered;
  bool done = true;

  if (all && w->linear && !f->view)
    size = w->bytes - start;
  else if (all)
    {
      start = f->offset >> shift_of (f) << shift_of (f);
      size = UINT64_C (1) << shift_of (f);
    }
  entered = orl_window_enter (w);
  if (extent_of (f, &now)
      && now == from)
    done = orl_sys.mmap (base + start, (size_t) size,
                         PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
                             | MAP_NORESERVE,
                         -1, 0)
           != MAP_FAILED;
  orl_window_leave (w, entered);
  return done;
}

/* Behind it there is nothing to be had.  The touch of the tables may be what
 * finds them gone; then no one knows how many pages there were. */
static uint64_t
end_of_pages (const struct oriel_pool *pool)
{
  uint64_t end = orl_backed_bytes (&pool->shm);

  return atomic_load (&pool->gone) == ORL_GONE_TABLES
             ? pool->shm.geo.file_bytes - pool->shm.geo.data
             : end;
}

/* The slot is mapped, and there is no memory behind it. */
static bool
on_missing (const struct fault *f)
{
  struct orl_window *w = f->w;
  uint64_t inside = f->offset & ((UINT64_C (1) << shift_of (f)) - 1);
  unsigned vainly = 0;
  uint64_t bytes = 1;
  uint64_t from;
  bool broken = false;
  bool entered;
  bool any;
  int r;

  entered = orl_window_enter (w);
  any = extent_of (f, &from);
  orl_window_leave (w, entered);
  /* The last slot may show what lies behind the pool's end. */
  if (!any
      || from + inside >= end_of_pages (f->pool))
    return false;
#if defined BUS_MCEERR_AR
  broken = f->info->si_code == BUS_MCEERR_AR
           || f->info->si_code == BUS_MCEERR_AO;
  if (broken && f->info->si_addr_lsb > 0
      && f->info->si_addr_lsb <= (int) shift_of (f))
    bytes = UINT64_C (1) << f->info->si_addr_lsb;
#endif
  inside &= ~(bytes - 1);
  if (!broken && (vainly = times_in_vain (f->where, turn_of (f))) > VAIN_MAX)
    broken = true;
  r = -ENODATA;
  if (atomic_load (&f->pool->gone) != ORL_GONE_TABLES)
    r = orl_lost_repair (&f->pool->shm, f->pool->shm.geo.data + from + inside,
                         bytes, broken);
  if (r > 0 && broken && vainly == 0)
    return reinstall (f); /* what was bad is still mapped */
  if (r > 0 && !broken)
    vain.times = 0;
  /* Write protection of a strict window is a SIGBUS, too; and where slots are
   * remapped, so is touching one that was trimmed. */
  if (r == 0 && w->grants)
    return false;
  if (r == 0 && (f->view || !w->linear))
    reinstall (f);
  if (r >= 0)
    return vainly <= 2 * VAIN_MAX;
  orl_lost_pool (f->pool, r == -ENODATA ? ORL_GONE_TABLES : ORL_GONE_ROOM);
  return patch (f, from, r == -ENODATA);
}

/* A view for reading is mapped read-only: such a write is none that a mapping
 * helps. */
static bool
is_refused (const struct fault *f)
{
  uint32_t shows = f->view ? atomic_load (&cell_of (f)->shows) : 0;

  return f->write && shows != 0 && !(shows & ORL_CELL_WRITE)
         && f->info->si_code == SEGV_ACCERR;
}

static bool
on_window (struct fault *f)
{
  const char *why = "no page is pinned there";
  bool again;

  f->offset = f->where
              - (uintptr_t) (f->view ? f->w->views->base : f->w->base);
  if (f->pool->forked)
    {
      again = !f->write && f->sig == SIGSEGV
              && times_in_vain (f->where, 0) < VAIN_MAX
              && orl_fault_child (f->pool, f->view, f->offset);
      why = f->write ? "a forked child may not write to its parent's window"
                     : "it is the parent's window, which has unpinned it";
    }
  else if (f->sig == SIGBUS)
    {
      again = on_missing (f);
      why = f->w->grants ? "no pin allows it" : "the memory there cannot be had";
    }
  else if (is_refused (f))
    {
      again = false;
      why = "the view is for reading";
    }
  else
    again = !f->w->grants
            && (f->info->si_code == SEGV_MAPERR
             || f->info->si_code == SEGV_ACCERR)
            && times_in_vain (f->where, turn_of (f))
                   < (f->view ? VAIN_MAX : AGAIN_MAX)
            && reinstall (f);
  if (!again)
    orl_fault_name (f->pool, f->where, f->sig, why);
  return again;
}

static bool
is_inside (uintptr_t where, const void *base, uint64_t bytes)
{
  return where >= (uintptr_t) base && where - (uintptr_t) base < bytes;
}

/* Is the access to be made again? */
static bool
answer (int sig, const siginfo_t *info, const void *context)
{
  uintptr_t where = (uintptr_t) info->si_addr;

  for (int i = 0; i < ORL_WATCHED; i++)
    {
      struct oriel_pool *pool = atomic_load (&orl_watched[i].pool);
      struct fault f = { .pool = pool, .sig = sig, .info = info,
                         .where = where };

      if (!pool)
        continue;
      if (is_inside (where, pool->shm.map, pool->shm.geo.meta_bytes))
        {
          if (sig != SIGBUS || pool->forked)
            return false;
          orl_lost_pool (pool, ORL_GONE_TABLES);
          return times_in_vain (where, 0) < AGAIN_MAX;
        }
      f.w = atomic_load (&orl_watched[i].window);
      f.view = f.w && is_inside (where, f.w->views->base, f.w->views->bytes);
      if (f.view || (f.w && is_inside (where, f.w->base, f.w->bytes)))
        {
          f.write = was_write (context);
          return on_window (&f);
        }
    }
  return false;
}

/* To whoever handled the signal before us, as the kernel would have; the default
 * action ends the process when the access is made again. */
static void
pass_on (int sig, siginfo_t *info, void *context)
{
  struct orl_before *b = &orl_before[sig == SIGBUS];
  struct sigaction old = b->action;
  bool sent = info->si_code <= 0; /* by kill(): it will not come again */
  sigset_t mask;

  if ((old.sa_flags & SA_RESETHAND) && atomic_exchange (&b->used, true))
    old.sa_handler = SIG_DFL;
  if (old.sa_handler == SIG_IGN && sent)
    return;
  if (old.sa_handler == SIG_DFL || old.sa_handler == SIG_IGN)
    {
      struct sigaction dfl = { .sa_handler = SIG_DFL };

      sigaction (sig, &dfl, NULL);
      if (sent)
        raise (sig);
      return;
    }
  if (!(old.sa_flags & SA_NODEFER))
    sigaddset (&old.sa_mask, sig);
  pthread_sigmask (SIG_BLOCK, &old.sa_mask, &mask);
  if (old.sa_flags & SA_SIGINFO)
    old.sa_sigaction (sig, info, context);
  else
    old.sa_handler (sig);
  pthread_sigmask (SIG_SETMASK, &mask, NULL);
}

/* Where a page's memory is gone, that of the tables may be, which are looked at to
 * answer: so that signal has to come then, also if who calls us blocks it. */
static void
let_come (int sig, sigset_t *before)
{
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, sig);
  pthread_sigmask (SIG_UNBLOCK, &set, before);
}

void
orl_fault_handle (int sig, siginfo_t *info, void *context)
{
  struct orl_guard *guard = orl_guard;
  int saved = errno;
  sigset_t mask;
  bool again;

  if (sig == SIGBUS && guard && info->si_code > 0
      && (uintptr_t) info->si_addr - guard->from < guard->bytes)
    {
      /* Whoever's handler calls ours may have signals blocked, which its return
       * would end. */
      pthread_sigmask (SIG_SETMASK, &((ucontext_t *) context)->uc_sigmask,
                       NULL);
      siglongjmp (guard->back, 1);
    }
  if (sig == SIGBUS)
    let_come (SIGBUS, &mask);
  atomic_fetch_add (&orl_fault_running, 1);
  again = info->si_code > 0 && answer (sig, info, context);
  atomic_fetch_sub (&orl_fault_running, 1);
  if (sig == SIGBUS)
    pthread_sigmask (SIG_SETMASK, &mask, NULL);
  errno = saved;
  if (!again)
    pass_on (sig, info, context);
}
