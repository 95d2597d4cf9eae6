/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.c - create, attach, detach and destroy pools
 *
 * To attach: open and check the file; pass its gate, so that no one removes it
 * meanwhile; map the metadata; take a process place, which is then locked, and
 * leave the gate; write our token there, which makes us visible; repair what a
 * dead one left in it, and other dead ones that no one else repairs; then open
 * the window.
 *
 * Locks: a list of the process's pools, for fork(), under its own mutex.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "copy.h"
#include "error.h"
#include "evict.h"
#include "fault.h"
#include "flush-ring.h"
#include "holes.h"
#include "ledger.h"
#include "load-async.h"
#include "mapping.h"
#include "point.h"
#include "pool.h"
#include "poolfile.h"
#include "proc.h"
#include "recover.h"
#include "sys-lock.h"
#include "sys.h"
#include "thread.h"
#include "torn.h"
#include "trace.h"
#include "window-view.h"
#include "writeback.h"

/* Times that a pool may vanish or change between our looks at it. */
#define TRIES 1000

#define ID_BYTES 4096           /* a page */

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct oriel_pool *list;
static _Atomic uint64_t last_id;

/* What the child gets no part of: window and views. */
static size_t
shown_bytes (const struct orl_window *w)
{
  return (size_t) (w->views->base + w->views->bytes - w->base);
}

/* The child gets no part of a window.  That is said here, since of a window that
 * is swapped each slot would have to say it at each swap.  No slot is swapped
 * meanwhile: the child keeps a copy of the slots' table. */
static void
before_fork (void)
{
  pthread_mutex_lock (&list_lock);
  /* Before the windows: who makes a ring may be interrupted by a signal whose
   * handler touches a page, and come there. */
  orl_async_before_fork ();
  orl_ring_before_fork ();
  for (struct oriel_pool *p = list; p; p = p->next)
    if (p->window && !p->forked)
      {
        p->entered = orl_window_enter (p->window);
        p->kept = orl_sys.madvise (p->window->base, shown_bytes (p->window),
                                   MADV_DONTFORK)
                  == 0;
      }
  orl_posix_before_fork ();
}

static void
after_fork_parent (void)
{
  orl_posix_after_fork (false);
  orl_ring_after_fork ();
  orl_async_after_fork ();
  for (struct oriel_pool *p = list; p; p = p->next)
    if (p->window && !p->forked)
      {
        orl_sys.madvise (p->window->base, shown_bytes (p->window),
                         MADV_DOFORK);
        orl_window_leave (p->window, p->entered);
      }
  pthread_mutex_unlock (&list_lock);
}

/* What lies about the window goes, and the window, if the child has got it after
 * all.  What lies within is the child's own: of a handler that ran before ours. */
static void
unmap_in_child (struct oriel_pool *pool)
{
  struct orl_window *w = pool->window;
  unsigned char *first = w->reserved;
  unsigned char *behind = w->base + shown_bytes (w);
  unsigned char *end = first + w->reserved_bytes;

  if (!pool->kept)
    behind = w->base;
  if (w->base > first)
    orl_sys.munmap (first, (size_t) (w->base - first));
  if (end > behind)
    orl_sys.munmap (behind, (size_t) (end - behind));
}

/* Keep the window's addresses, so that nothing of the child's comes to lie
 * there, and what the child touches there is told apart.  Where something has
 * already, the child's window is closed. */
static void
reserve_in_child (struct oriel_pool *pool)
{
  struct orl_window *w = pool->window;
  size_t bytes = (size_t) w->reserved_bytes;
  void *at;

  orl_window_leave (w, pool->entered);
  unmap_in_child (pool);
  at = orl_sys.mmap (w->reserved, bytes, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == w->reserved)
    return;
  if (at != MAP_FAILED)
    orl_sys.munmap (at, bytes);
  w->reserved = NULL;
  orl_fault_hide (pool);
}

/* The child has no part in its parent's pools.  Its copies of the descriptor and
 * of the mappings would keep the parent's place alive when the parent dies, so
 * they go at once; where the tables were, calls that only look find zeroes.
 * What the parent has pinned the child sees by another descriptor, when it looks
 * (fault-child.c). */
static void
after_fork_child (void)
{
  int was = orl_cancel_off (); /* fork() is no cancellation point */

  orl_posix_after_fork (true);
  orl_ring_after_fork ();
  orl_async_after_fork ();
  orl_fault_forked ();
  for (struct oriel_pool *p = list; p; p = p->next)
    {
      if (p->forked) /* the grandparent's: gone already */
        continue;
      p->forked = true;
      if (p->window)
        reserve_in_child (p);
      if (p->shm.map)
        orl_sys.mmap (p->shm.map, orl_mapping_bytes (&p->shm.geo),
                      PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
                      -1, 0);
      orl_async_forked (p);
      for (uint32_t i = 0; i < p->shm.geo.nfiles; i++)
        if (p->files && p->files[i])
          orl_torn_forked (p->files[i]);
      if (p->shm.fd >= 0)
        orl_sys.close (p->shm.fd);
      p->shm.fd = -1;
      if (p->shm.uffd >= 0)
        orl_sys.close (p->shm.uffd);
      p->shm.uffd = -1;
      pthread_mutex_init (&p->lock, NULL);
    }
  orl_thread_forget ();
  pthread_mutex_unlock (&list_lock); /* of the thread that has forked */
  orl_cancel_back (was);
}

/* When the library is loaded, so before any handler of those who use it: what
 * is installed later runs earlier before a fork, and takes its locks first, as
 * callers do who hold one while they open a pool. */
__attribute__ ((constructor)) static void
install_fork_handlers (void)
{
  pthread_atfork (before_fork, after_fork_parent, after_fork_child);
}

/* Remove the file's name if no one is attached: 1; or 0, and nothing was done. */
static int
remove_unused (const char *path, int fd, uint32_t nprocs)
{
  int r = orl_poolfile_enter_gate (fd);

  if (r < 0)
    return r;
  r = orl_proc_count (fd, nprocs);
  if (r == 0)
    {
      /* Who makes it anew knows nothing of what the dead of this one write. */
      orl_proc_settle_file (fd, nprocs);
      ORL_POINT ("replace.gated");
      r = orl_sys.unlink (path);
      ORL_POINT ("replace.unlinked");
      r = r < 0 ? r : 1;
    }
  else if (r > 0)
    r = 0;
  orl_poolfile_leave_gate (fd);
  return r;
}

/* A pool of an earlier boot is memory that no longer is what it says; what others
 * use is of this one.  -EAGAIN: look again. */
static int
replace_old (const char *path, int fd, const struct orl_super *super,
             enum orl_age age)
{
  int r = remove_unused (path, fd, super->geo.nprocs);

  if (r == 0 && age == ORL_OTHER_BOOT)
    return orl_fail (-EPROTO, "%s: a pool of another boot, and processes are "
                              "attached to it; choose another name",
                     path);
  if (r < 0 && r != -ENOENT)
    return orl_fail (r, "%s: cannot be locked, or removed", path);
  return r == 0 ? 0 : -EAGAIN;
}

/* Open the pool's file, creating it as the options want.  *fd is inside the
 * gate.  -EAGAIN: it changed under us; if *made we have just made it. */
static int
open_file (const char *path, const oriel_options *opt, bool fence,
           struct orl_super *super, int *fd, bool *made)
{
  int r = orl_poolfile_open (path, super, fd);
  int age;

  if (r == -ENOENT && !(opt->flags & ORIEL_ATTACH))
    {
      r = orl_poolfile_create (path, opt, fence);
      if (r == 0 && (opt->flags & ORIEL_EXCL))
        return orl_fail (-EEXIST, "%s: another process has just made it",
                         path);
      *made = r == 1;
      return r < 0 ? r : -EAGAIN;
    }
  if (r < 0)
    goto out;
  r = age = orl_poolfile_age (*fd, super);
  if (age > ORL_THIS_BOOT && !*made)
    r = replace_old (path, *fd, super, (enum orl_age) age);
  if (r < 0)
    goto out;
  r = orl_poolfile_enter_gate (*fd);
  if (r == -ENOENT)
    r = -EAGAIN;
  else if (r < 0)
    orl_fail (r, "%s: cannot be locked", path);
out:
  if (r < 0 && *fd >= 0)
    orl_sys.close (*fd);
  return r;
}

static int
check_geometry (const char *path, const oriel_options *opt, bool fence,
                const struct orl_geometry *geo)
{
  if (opt->page_size && opt->page_size != geo->page_size)
    return orl_fail (-EINVAL,
                     "%s: its pages have %u bytes and not %u; leave page_size "
                     "0, or choose another pool",
                     path, geo->page_size, opt->page_size);
  if (fence && !(geo->flags & ORL_POOL_FENCE))
    return orl_fail (-EOPNOTSUPP,
                     "%s: was created with membarrier, which this process may "
                     "not call; create the pool with ORIEL_FENCE",
                     path);
  return orl_poolfile_may_write (path, geo);
}

/* With shm's fd and geometry: map, and take a place. */
static int
take_place (struct oriel_pool *pool, unsigned flags)
{
  struct orl_shm *shm = &pool->shm;
  struct orl_range tables[ORL_RANGES];
  void *map = orl_mapping_tables (shm->fd, &shm->geo,
                                  PROT_READ | PROT_WRITE);
  int r;

  if (map == MAP_FAILED)
    return orl_fail (-errno, "%s: its tables cannot be mapped", pool->path);
  shm->map = map;
  orl_layout_bind (shm);
  shm->uffd = orl_holes_open ();
  /* Not the holes behind the tables of the frames that there are. */
  orl_layout_ranges (&shm->geo, orl_span (shm), tables);
  for (int i = 0; i < ORL_RANGES; i++)
    if (tables[i].to > tables[i].from)
      orl_holes_watch (shm->uffd, shm->map + tables[i].from,
                       (size_t) (tables[i].to - tables[i].from));
  shm->holes = (flags & ORIEL_HOLES) && !(flags & (ORIEL_PROTECT | ORIEL_RETIRE));
  pthread_mutex_lock (&list_lock); /* so that no fork() comes between */
  r = orl_fault_watch (pool, !(flags & ORIEL_NO_FAULT_HANDLER));
  shm->handled = !(flags & ORIEL_NO_FAULT_HANDLER);
  pthread_mutex_unlock (&list_lock);
  if (r < 0)
    return r;
  r = orl_proc_enter (shm, orl_recover_claim_place);
  if (r < 0)
    return orl_fail (r,
                     "%s: all %u process places are taken; create the pool "
                     "with a larger max_processes",
                     pool->path, shm->geo.nprocs);
  /* Who wants to remove the pool sees that our place is locked.  Repairs may
   * take a while, or be stopped: others come in meanwhile. */
  ORL_POINT ("attach.gate");
  orl_poolfile_leave_gate (shm->fd);
  orl_recover_place (shm);
  pool->shared[0] = shm->geo.nthreads + shm->proc;
  pool->nshared = 1;
  ORL_POINT ("attach.ledger");
  orl_recover_free (pool, pool->shared[0] + 1);
  return 0;
}

/* The pool's file once more, for children, and for mappings that they may come to
 * have: another open file description, which has none of our locks. */
static void
open_look (struct oriel_pool *pool)
{
  struct orl_shm *shm = &pool->shm;
  struct stat st, now;
  char path[40];

  snprintf (path, sizeof path, "/proc/self/fd/%d", shm->fd);
  shm->look = orl_sys.open (path, O_RDWR, 0);
  if (shm->look < 0) /* no /proc */
    shm->look = orl_sys.open (pool->path, O_RDWR | O_NOFOLLOW, 0);
  if (shm->look < 0)
    shm->look = -1;
  else if (orl_sys.fstat (shm->look, &st) < 0
           || orl_sys.fstat (shm->fd, &now) < 0 || st.st_dev != now.st_dev
           || st.st_ino != now.st_ino)
    {
      orl_sys.close (shm->look);
      shm->look = -1;
    }
}

/* Bytes that the tables have in the file. */
static uint64_t
tables_bytes (const struct orl_shm *shm)
{
  struct orl_range tables[ORL_RANGES];
  uint64_t n = 0;

  orl_layout_ranges (&shm->geo, orl_span (shm), tables);
  for (int i = 0; i < ORL_RANGES; i++)
    n += tables[i].to - tables[i].from;
  return n;
}

/* Lock them as the window is. */
static int
lock_tables (struct oriel_pool *pool)
{
  const struct orl_shm *shm = &pool->shm;
  struct orl_range tables[ORL_RANGES];
  int r = 0;

  orl_layout_ranges (&shm->geo, orl_span (shm), tables);
  for (int i = 0; i < ORL_RANGES && r == 0; i++)
    if (tables[i].to > tables[i].from)
      r = orl_residency_lock (pool->window, shm->map + tables[i].from,
                              (size_t) (tables[i].to - tables[i].from));
  return r;
}

static int
show_window (struct oriel_pool *pool, const oriel_options *opt)
{
  const struct orl_window_options w = {
    .window_size = opt->window_size,
    .slot_size = opt->slot_size,
    .backend = opt->backend,
    .populate = opt->populate,
    .residency = opt->residency,
    .tables = tables_bytes (&pool->shm),
    .copies = orl_copies_bytes (pool->shm.geo.page_size),
    .flags = opt->flags,
  };
  struct orl_shm *shm = &pool->shm;
  struct orl_proc *place = &shm->procs[shm->proc];
  int r = orl_window_open (shm, &w, &pool->window);

  if (r < 0)
    return r;
  pool->copies = orl_copies_open (shm->geo.page_size);
  if (!pool->copies)
    return orl_fail (-ENOMEM, "%s: no address space for copies", pool->path);
  r = lock_tables (pool);
  if (r == 0 && !pool->window->linear)
    r = orl_residency_lock (pool->window, orl_copies_all (pool->copies),
                            w.copies);
  if (r < 0)
    return r;
  atomic_store (&place->backend, pool->window->backend->id);
  atomic_store (&place->window_bytes, orl_window_bytes (pool->window));
  atomic_store (&place->slot_size, UINT64_C (1) << pool->window->slot_shift);
  atomic_store (&place->residency, atomic_load (&pool->window->residency));
  atomic_store (&place->huge_page, pool->window->huge_page);
  open_look (pool);
  orl_fault_show (pool);
  return 0;
}

/* Undo whatever of attaching was done. */
static void
detach (struct oriel_pool *pool)
{
  struct orl_shm *shm = &pool->shm;

  ORL_POINT ("detach");
  orl_async_close (pool);
  if (pool->nshared > 0 && !orl_forked (pool))
    {
      /* Backwards: shared[0], the process's own, answers for all of them. */
      for (uint32_t i = pool->nshared; i-- > 0;)
        orl_ledger_release (shm, pool->shared[i]);
      orl_proc_leave (shm);
    }
  pthread_mutex_lock (&list_lock);
  orl_fault_forget (pool);
  pthread_mutex_unlock (&list_lock);
  orl_trace_close (pool);
  if (pool->window)
    orl_window_close (pool->window);
  orl_copies_close (pool->copies);
  if (shm->uffd >= 0)
    orl_sys.close (shm->uffd);
  if (shm->look >= 0)
    orl_sys.close (shm->look);
  if (shm->map)
    orl_sys.munmap (shm->map, orl_mapping_bytes (&shm->geo));
  if (shm->fd >= 0)
    orl_sys.close (shm->fd);
  pthread_mutex_destroy (&pool->lock);
  orl_writeback_close (pool);
  free (pool->logs);
  free (pool->files);
  free (pool->shm.mine);
  free (pool->path);
  orl_sys.munmap (pool->id, ID_BYTES);
  free (pool);
}

static int
attach (struct oriel_pool *pool, const oriel_options *opt, bool fence,
        const struct orl_super *super)
{
  int r = check_geometry (pool->path, opt, fence, &super->geo);

  if (r < 0)
    return r;
  pool->shm.geo = super->geo;
  pool->repair = orl_recover;
  pool->store = opt->store;
  if (opt->store == ORIEL_STORE_POSIX)
    pool->ring = -ENOSYS;
  pool->files = calloc (super->geo.nfiles, sizeof *pool->files);
  pool->shm.mine = calloc (super->geo.nledgers, sizeof *pool->shm.mine);
  pool->logs = calloc (super->geo.nfiles, sizeof *pool->logs);
  if (!pool->files || !pool->shm.mine || !pool->logs)
    return orl_fail (-ENOMEM, "%s: no memory", pool->path);
  r = orl_writeback_open (pool, opt);
  if (r == 0)
    r = take_place (pool, opt->flags);
  if (r < 0)
    return r;
  ORL_POINT ("attach.repaired");
  r = show_window (pool, opt);
  if (r == 0 && opt->store == ORIEL_STORE_URING)
    r = orl_async_open (pool);
  if (r == 0 && opt->store == ORIEL_STORE_PMEM && !orl_store_pmem_works ())
    r = orl_fail (-EOPNOTSUPP,
                  "%s: store pmem: this build of Oriel has no libpmem; choose "
                  "auto or posix",
                  pool->path);
  return r;
}

/* A number for a pool, in a page of its own; NULL: no memory.  Before Linux 4.14
 * the page is not wiped, and only children of fork() are known. */
static uint64_t *
new_id (void)
{
  uint64_t *id = orl_sys.mmap (NULL, ID_BYTES, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (id == MAP_FAILED)
    return NULL;
  orl_sys.madvise (id, ID_BYTES, MADV_WIPEONFORK);
  *id = atomic_fetch_add (&last_id, 1) + 1;
  return id;
}

static void
enlist (struct oriel_pool *pool)
{
  pthread_mutex_lock (&list_lock);
  pool->next = list;
  list = pool;
  pthread_mutex_unlock (&list_lock);
}

static void
delist (struct oriel_pool *pool)
{
  pthread_mutex_lock (&list_lock);
  for (struct oriel_pool **p = &list; *p; p = &(*p)->next)
    if (*p == pool)
      {
        *p = pool->next;
        break;
      }
  pthread_mutex_unlock (&list_lock);
}

int
orl_pool_open (const char *name, const oriel_options *opt,
               struct oriel_pool **result)
{
  bool fence = orl_barrier_register () < 0;
  struct oriel_pool *pool = calloc (1, sizeof *pool);
  struct orl_super super;
  bool made = false;
  int r;

  if (!pool)
    return orl_fail (-ENOMEM, "%s: no memory", name);
  pool->id = new_id ();
  if (!pool->id)
    {
      free (pool);
      return orl_fail (-ENOMEM, "%s: no memory", name);
    }
  pool->shm.fd = pool->shm.look = pool->shm.uffd = -1;
  pthread_mutex_init (&pool->lock, NULL);
  /* From here on a fork() in another thread takes it from the child. */
  enlist (pool);
  r = orl_poolfile_path (name, opt->directory, &pool->path);
  if (r < 0)
    goto out;
  if ((opt->flags & ORIEL_EXCL) && access (pool->path, F_OK) == 0)
    {
      r = orl_fail (-EEXIST, "%s: there is such a pool", pool->path);
      goto out;
    }
  r = -EAGAIN;
  for (int i = 0; i < TRIES && r == -EAGAIN; i++)
    r = open_file (pool->path, opt, fence, &super, &pool->shm.fd, &made);
  if (r < 0)
    {
      pool->shm.fd = -1;
      goto out;
    }
  /* To note each access takes a tenth of the time that copying a page does. */
  orl_sys.no_atime (pool->shm.fd);
  r = attach (pool, opt, fence, &super);
  if (r < 0) /* perhaps still inside */
    orl_poolfile_leave_gate (pool->shm.fd);
  ORL_POINT ("attached");
  if (r == 0)
    r = orl_thread_key (pool);
  if (r == 0 && (opt->flags & ORIEL_WRITEBACK))
    r = orl_writeback_start (pool);
  if (r < 0)
    goto out;
  *result = pool;
out:
  if (r < 0)
    {
      delist (pool);
      /* No one gets to know of memory that a pool has which could not be used. */
      if (made && pool->shm.fd >= 0)
        remove_unused (pool->path, pool->shm.fd, super.geo.nprocs);
      detach (pool);
    }
  return r;
}

struct count {
  uint64_t pins;
};

static void
see_pin (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  struct count *c = arg;

  (void) ledger;
  (void) frame;
  (void) mode;
  c->pins++;
}

static int
is_busy (struct oriel_pool *pool)
{
  struct count c = { 0 };

  for (uint32_t i = 0; i < pool->shm.geo.nfiles; i++)
    if (pool->files[i])
      return orl_fail (-EBUSY, "%s: file %s is open; close it first",
                       pool->path, pool->files[i]->path);
  orl_ledger_scan (&pool->shm, pool->shm.token, see_pin, &c);
  if (c.pins > 0)
    return orl_fail (-EBUSY, "%s: %llu pages are pinned; unpin them first",
                     pool->path, (unsigned long long) c.pins);
  return 0;
}

int
orl_pool_close (struct oriel_pool *pool)
{
  int r;

  if (pool->watch)
    {
      detach (pool);
      return 0;
    }
  if (!orl_forked (pool) && (r = is_busy (pool)) < 0)
    return r;
  orl_writeback_stop (pool);
  delist (pool);
  orl_thread_end_all (pool);
  orl_thread_forget ();
  detach (pool);
  return 0;
}

int
orl_pool_destroy (const char *name, const char *directory, int force)
{
  static const char nothing[sizeof ((struct orl_super *) 0)->magic];
  struct stat st;
  struct orl_super super;
  char *path = NULL;
  int fd = -1;
  int r = orl_poolfile_path (name, directory, &path);

  if (r < 0)
    return r;
  r = orl_poolfile_open (path, &super, &fd);
  /* A pool that is damaged is what one wants to remove; another file is not.
   * Zeroes, or nothing, may be what is left of one. */
  if (r < 0
      && !(r == -EPROTO
           && (memcmp (super.magic, ORL_MAGIC, sizeof super.magic) == 0
               || (force && orl_sys.fstat (fd, &st) == 0 && S_ISREG (st.st_mode)
                   && memcmp (super.magic, nothing, sizeof nothing) == 0))))
    goto out;
  r = orl_poolfile_enter_gate (fd);
  if (r < 0)
    {
      orl_fail (r, "%s: cannot be locked", path);
      goto out;
    }
  r = force ? 0 : orl_proc_count (fd, ORL_MAX_PROCS);
  if (r > 0)
    r = orl_fail (-EBUSY, "%s: %d processes are attached; end them, or force",
                  path, r);
  /* Who makes a pool anew knows nothing of what the dead of this one write.  Behind
   * the count: who lived before it may have died since. */
  if (r == 0)
    orl_proc_settle_file (fd, ORL_MAX_PROCS);
  ORL_POINT ("destroy.gated");
  if (r == 0 && (r = orl_sys.unlink (path)) < 0)
    orl_fail (r, "%s: cannot be removed", path);
  ORL_POINT ("destroyed");
  orl_poolfile_leave_gate (fd);
out:
  if (fd >= 0)
    orl_sys.close (fd);
  free (path);
  return r;
}
