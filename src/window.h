/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window.h - this process's window on the pool
 *
 * A range of address space cut into slots; each shows one extent of the pool's
 * pages, or nothing.  Everything here is private to the process.
 */
#ifndef ORL_WINDOW_H
#define ORL_WINDOW_H

#include <pthread.h>
#include <stdatomic.h>

#include "layout.h"

#define ORL_SLOT_MAX (2u << 20)
#define ORL_SPARES 16           /* slots that one sweep frees at most */

struct orl_window;

/* How slots are remapped.  The functions return 0 or -errno, and are called
 * with the window's lock held. */
struct orl_backend {
  uint32_t id;                  /* ORIEL_BACKEND_* */
  const char *name;
  bool linear;                  /* one mapping; show is never called */
  /* Let a slot show an extent; first: it never showed one. */
  int (*show) (struct orl_window *w, uint32_t slot, uint32_t extent,
               bool first);
};

extern const struct orl_backend orl_backend_emulated;
extern const struct orl_backend orl_backend_mmap;
extern const struct orl_backend orl_backend_linear;

struct orl_window {
  /* constant after open */
  bool linear;                  /* backend->linear, near at hand */
  const struct orl_backend *backend;
  const struct orl_shm *shm;
  unsigned char *base;
  uint64_t bytes;
  void *reserved;               /* what munmap needs */
  uint64_t reserved_bytes;
  uint32_t page_shift;
  uint32_t slot_shift;
  uint32_t extent_shift;        /* frames of an extent, log 2 */
  uint32_t nslots;
  uint32_t nextents;
  /* by the lock's holder; read by all */
  orl_a32 *shown;               /* [extent]: slot + 1, 0 if no slot shows it */
  orl_a32 *extent;              /* [slot]: extent + 1, 0 if never mapped */
  _Atomic uint8_t *ref;         /* [slot]: used since the hand passed; by all */
  _Atomic uint8_t *heat;        /* [extent]: copies from it while not shown */
  /* by the lock's holder */
  pthread_mutex_t lock;
  uint32_t used;                /* slots mapped at least once */
  uint32_t hand;
  uint32_t nspare;
  uint32_t spare[ORL_SPARES];   /* unshown, unpinned, old mapping in place */
};

/* Choices for orl_window_open(); 0 is automatic. */
struct orl_window_options {
  uint64_t window_size;
  uint32_t slot_size;
  uint32_t backend;
};

/* -EINVAL contradictory sizes, -ENOMEM no address space or VMAs, -EOPNOTSUPP
 * the kernel lacks the forced backend; with the thread's error text. */
int orl_window_open (const struct orl_shm *shm,
                     const struct orl_window_options *opt,
                     struct orl_window **window);
void orl_window_close (struct orl_window *w);

/* Backend by ORIEL_BACKEND_* number; NULL if there is none. */
const struct orl_backend *orl_window_backend (uint32_t id);

/* Make the frame's extent visible.  The frame is in this thread's ledger.
 * -ENOBUFS: every slot shows a pinned frame.  -ENOMEM: the kernel refused. */
int orl_window_show (struct orl_window *w, struct orl_ledger *ledger,
                     uint32_t frame, void **at);

/* A swap costs as much as copying some 6 pages from the pool file (12.5 us
 * against 1.9), and another extent will pay to come back. */
#define ORL_WORTH 12

/* A page of the frame's extent, which is not shown, is wanted by copy: has it
 * been wanted often enough for a slot? */
static inline bool
orl_window_worth (struct orl_window *w, uint32_t frame)
{
  _Atomic uint8_t *heat = &w->heat[frame >> w->extent_shift];
  uint8_t n = atomic_load_explicit (heat, memory_order_relaxed);

  atomic_store_explicit (heat, n < ORL_WORTH ? n + 1 : 0,
                         memory_order_relaxed);
  return n >= ORL_WORTH;
}

static inline void *
orl_window_place (const struct orl_window *w, uint32_t slot, uint32_t frame)
{
  uint64_t inside = frame & ((1u << w->extent_shift) - 1);

  return w->base + ((uint64_t) slot << w->slot_shift)
         + (inside << w->page_shift);
}

/* The frame's address if it is visible, else NULL.  The frame is in this
 * thread's ledger, so the address holds until the ledger's entry goes. */
static inline void *
orl_window_find (struct orl_window *w, uint32_t frame)
{
  uint32_t slot;

  if (w->linear)
    return w->base + ((uint64_t) frame << w->page_shift);
  slot = atomic_load_explicit (&w->shown[frame >> w->extent_shift],
                               memory_order_acquire);
  if (slot == 0)
    return NULL;
  if (!atomic_load_explicit (&w->ref[slot - 1], memory_order_relaxed))
    atomic_store_explicit (&w->ref[slot - 1], 1, memory_order_relaxed);
  return orl_window_place (w, slot - 1, frame);
}

/* Copy n bytes, skip bytes into the frame's page, from or to the pool file and
 * past the window.  False: the file system can't (hugetlbfs does not write). */
bool orl_window_copy_out (const struct orl_window *w, uint32_t frame,
                          size_t skip, void *to, size_t n);
bool orl_window_copy_in (const struct orl_window *w, uint32_t frame,
                         size_t skip, const void *from, size_t n);

#endif /* ORL_WINDOW_H */
