/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lease-recall.c - asking all users of the pool for the leases on a file
 *
 * Who finds read marks busy, and needs them, posts a recall, serves it for its
 * own process, and waits until those on the marks are gone; lease.c explains.
 * Several may do so at once: a recall has a number, and who waits posts it
 * again if another has ended it.
 *
 * Locks: none.
 */
#include "lease.h"

/* How long a recall waits.  A thread wakes within 0.1 ms, on a busy machine
 * within some; one that is stopped does not. */
#define RECALL_US 10000
#define RECALL_NAP_US 1000

/* Nor does it within this time. */
#define DEAF_US 1000000

/* The caller has these marks' locks alone: no one has a lease on them. */
static void
clear (const struct vfs_file *f, uint64_t mask)
{
  if (leases_on (f, mask))
    __atomic_fetch_and (&f->words[LEASES], ~mask, __ATOMIC_SEQ_CST);
}

/* What RECALL is then, which names this recall.  Another that ends may have
 * ended it for all, so who waits looks, and posts again. */
static uint32_t
post (const struct vfs_file *f)
{
  uint32_t *at = recall_word (f);
  uint32_t old = __atomic_load_n (at, __ATOMIC_RELAXED);

  while (!__atomic_compare_exchange_n (at, &old, (old + 2) | 1, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    ;
  vfs_futex_wake (at, UINT32_MAX);
  return (old + 2) | 1;
}

/* Unless someone has posted since: then it goes on for him. */
static void
withdraw (const struct vfs_file *f, uint32_t posted)
{
  __atomic_compare_exchange_n (recall_word (f), &posted, posted & ~(uint32_t) 1,
                               false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* Or no one could keep a lease until doubt_recall() finds it out. */
void
vfs_lease_end_recall (struct vfs_connection *c)
{
  if (vfs_has_pool (c) && is_recalled (c->shared))
    withdraw (c->shared, __atomic_load_n (recall_word (c->shared),
                                          __ATOMIC_SEQ_CST));
}

/* Try to lock until the leases on these marks are gone, at most so long. */
static int
await (struct vfs_connection *c, int first, int n, int flags, uint64_t us,
       uint32_t *posted)
{
  struct vfs_file *f = c->shared;
  uint64_t end = vfs_now_us () + us;

  for (bool last = false;;)
    {
      uint32_t given = __atomic_load_n (given_word (f), __ATOMIC_SEQ_CST);
      uint64_t there = leases_on (f, mask_of (first, n));
      int rc = c->lower->pMethods->xShmLock (c->lower, first, n, flags);

      /* Now what is locked is in use, as far as we know. */
      if (rc != SQLITE_BUSY || last)
        return rc;
      if (there && vfs_now_us () >= end)
        {
          /* Whose leases these are was stopped, or killed and others read.  Do
           * not wait for him again soon. */
          atomic_store (&f->deaf, there);
          atomic_store (&f->deaf_until, vfs_now_us () + DEAF_US);
          return rc;
        }
      if (!is_recalled (f))
        *posted = post (f);
      /* The last one is counted out a moment before it is unlocked. */
      last = !there;
      vfs_futex_wait (given_word (f), given, UINT32_MAX,
                      last ? RECALL_NAP_US / 10 : RECALL_NAP_US);
    }
}

int
vfs_lease_recall (struct vfs_connection *c, int first, int n, int flags)
{
  struct vfs_file *f = c->shared;
  uint64_t mask = mask_of (first, n);
  uint64_t there;
  uint32_t posted;
  bool deaf;
  int rc;

  if (!vfs_has_pool (c))
    return SQLITE_BUSY;
  there = leases_on (f, mask);
  if (!there)
    {
      /* The last one is counted out a moment before it is unlocked; our thread
       * has the mutex meanwhile. */
      vfs_lease_settle ();
      return c->lower->pMethods->xShmLock (c->lower, first, n, flags);
    }
  deaf = there == atomic_load (&f->deaf)
         && vfs_now_us () < atomic_load (&f->deaf_until);
  posted = post (f);
  vfs_lease_serve (f);
  rc = await (c, first, n, flags, deaf ? 0 : RECALL_US, &posted);
  if (rc == SQLITE_OK)
    clear (f, mask);
  withdraw (f, posted);
  return rc;
}

void
vfs_lease_recall_all (struct vfs_connection *c)
{
  struct vfs_file *f = c->shared;
  uint64_t mask = mask_of (VFS_SHM_READ, MARKS);
  uint64_t end = vfs_now_us () + RECALL_US;
  uint32_t posted;

  vfs_lease_end (c);
  if (!vfs_has_pool (c) || !leases_on (f, mask))
    return;
  posted = post (f);
  vfs_lease_serve (f);
  for (;;)
    {
      uint32_t given = __atomic_load_n (given_word (f), __ATOMIC_SEQ_CST);

      if (!leases_on (f, mask) || vfs_now_us () >= end)
        break;
      if (!is_recalled (f))
        posted = post (f);
      vfs_futex_wait (given_word (f), given, UINT32_MAX, RECALL_NAP_US);
    }
  withdraw (f, posted);
}
