/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window.h - this process's window on the pool
 *
 * A range of address space cut into slots; each shows one extent of the pool's
 * pages, or nothing.  Everything here is private to the process.
 */
#ifndef ORL_WINDOW_H
#define ORL_WINDOW_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "layout.h"

#define ORL_SLOT_MAX (2u << 20)
#define ORL_SWEEP 16            /* slots that one sweep frees, if one is wanted */
#define ORL_SHOW 64             /* extents that are shown at once at most */
#define ORL_SPARES (ORL_SHOW + ORL_SWEEP)

struct orl_window;
struct orl_grants;
struct orl_views;

/* How slots are remapped.  The functions return 0 or -errno, and are called
 * between orl_window_enter() and orl_window_leave(). */
struct orl_backend {
  uint32_t id;                  /* ORIEL_BACKEND_* */
  const char *name;
  bool linear;                  /* one mapping; nothing else is ever called */
  bool one_vma;                 /* slots need no VMAs of their own */
  /* Map the window's range, of which no slot shows anything yet. */
  int (*reserve) (struct orl_window *w);
  /* Let n slots from slot on show n extents from extent on. */
  int (*show) (struct orl_window *w, uint32_t slot, uint32_t extent,
               uint32_t n);
  /* Let n slots from slot on show nothing: who touches them faults. */
  int (*hide) (struct orl_window *w, uint32_t slot, uint32_t n);
  /* Drop all that is mapped; what extent[] says comes back at a touch. */
  int (*trim) (struct orl_window *w);
};

extern const struct orl_backend orl_backend_emulated;
extern const struct orl_backend orl_backend_mmap;
extern const struct orl_backend orl_backend_linear;
extern const struct orl_backend orl_backend_native;

struct orl_window {
  /* constant after open */
  bool linear;                  /* backend->linear, near at hand */
  const struct orl_backend *backend;
  const struct orl_shm *shm;
  unsigned char *base;
  uint64_t bytes;               /* of a linear one, of all that there may be */
  uint64_t locked;              /* of those, if they are locked in memory: what the
                                   pool had at open */
  void *reserved;               /* what munmap needs */
  uint64_t reserved_bytes;
  uint64_t page_size;
  uint32_t page_shift;
  uint32_t slot_shift;
  uint32_t extent_shift;        /* frames of an extent, log 2 */
  uint32_t nslots;
  uint32_t nextents;
  uint32_t populate;            /* ORIEL_POPULATE_* */
  uint32_t copies_per_swap;     /* pages that can be copied in the time */
  bool guard;                   /* hide by guard pages; cleared, under the lock,
                                   when the kernel refuses them */
  bool handled;                 /* the fault handler maps what is not */
  uint32_t huge_page;           /* bytes, 0 if the pool is on small ones */
  bool lazy;                    /* slots are mapped by it alone */
  bool try_lock;                /* go on unlocked where locking is refused */
  struct orl_grants *grants;    /* not NULL: strict, see window-grant.h */
  struct orl_views *views;      /* the area behind the window; window-view.h */
  uint32_t ncells;              /* pages of it */
  /* by the lock's holder; read by all */
  orl_a32 *slot_of;             /* [extent]: slot + 1, 0 if no slot shows it */
  orl_a32 *shown;               /* the same array; in a strict window another
                                   one of zeroes, as no one may use a page
                                   there without a grant */
  orl_a32 *extent;              /* [slot]: extent + 1 that it shows, or showed
                                   last; 0 none yet */
  orl_a32 *turn;                /* [slot]: how often it was given an extent */
  _Atomic uint8_t *ref;         /* [slot]: used since the hand passed; by all */
  _Atomic uint8_t *heat;        /* [extent]: copies from it while not shown */
  orl_a32 copied;               /* since heat was halved */
  /* by the lock's holder */
  pthread_mutex_t lock;
  orl_a32 used;                 /* slots below it have been spares or shown;
                                   read by all */
  uint32_t hand;
  uint32_t nspare;
  uint32_t spare[ORL_SPARES];   /* hidden, unpinned */
  /* who changes mappings now: orl_window_enter() */
  _Atomic uintptr_t mapper;
  orl_a32 trims;                /* so far, by it */
  /* by all */
  orl_a32 residency;            /* ORIEL_RESIDENCY_*: what holds */
};

/*
 * Slots are remapped only in here: between the two calls extent[] and mappings
 * change together, so the fault handler, which comes here too, can always put a
 * slot right by what extent[] says.  A spin lock, for who already has the
 * window's lock, and for the handler.  A thread that is interrupted in here by
 * a signal, whose handler touches a pinned page, meets itself: false, go on, and
 * do not leave.  (The slot it is at work on is not one that shows a pin.)
 */
bool orl_window_enter (struct orl_window *w);
void orl_window_leave (struct orl_window *w, bool entered);

/* Choices for orl_window_open(); 0 is automatic. */
struct orl_window_options {
  uint64_t window_size;
  uint32_t slot_size;
  uint32_t backend;
  uint32_t populate;            /* ORIEL_POPULATE_* */
  uint32_t residency;           /* ORIEL_RESIDENCY_* */
  uint64_t tables;              /* bytes that are locked with the window, */
  uint64_t copies;              /* and with one that is swapped */
  uint32_t flags;               /* ORIEL_PROTECT, ORIEL_RETIRE, ORIEL_LAZY,
                                   ORIEL_NO_FAULT_HANDLER, ORIEL_TRY_LOCK */
};

/* -EINVAL contradictory sizes, -ENOMEM no address space or VMAs, -EOPNOTSUPP
 * the kernel lacks the forced backend, -EPERM RLIMIT_MEMLOCK is too small; with
 * the thread's error text. */
int orl_window_open (const struct orl_shm *shm,
                     const struct orl_window_options *opt,
                     struct orl_window **window);
void orl_window_close (struct orl_window *w);

/* As oriel_window_trim(). */
int orl_window_trim (struct orl_window *w);

/* Map n bytes of the pool's pages, from bytes on, at an address of the window:
 * watched for holes and locked in memory as the window is.  flags: MAP_POPULATE
 * or 0.  If pinned the mapping matters more than the lock.  0 or -errno. */
int orl_window_map (struct orl_window *w, void *at, size_t n, int flags,
                    uint64_t from, bool pinned);

/* With sizes and w->residency as asked for: may that and so many bytes beside it
 * be locked?  -EPERM. */
int orl_residency_open (struct orl_window *w, uint64_t beside);

/* Lock what is mapped as the window is.  -ENOMEM: it may not be locked; with the
 * thread's error text. */
int orl_residency_lock (struct orl_window *w, void *at, size_t n);

/* Where in the pool's file what is hidden is mapped, by remap_file_pages(): behind
 * its end, at a slot's boundary. */
uint64_t orl_window_nowhere (const struct orl_window *w);

/* Backend by ORIEL_BACKEND_* number; NULL if there is none. */
const struct orl_backend *orl_window_backend (uint32_t id);

/* Make the frames' extents visible, with as few calls as their order in the pool
 * and the free slots' in the window allow.  The frames are in this thread's
 * ledger.  at[i] is where frame[i] is, or NULL, and then the error:
 * -ENOBUFS: every slot shows a pinned frame.  -ENOMEM: the kernel refused. */
int orl_window_show_many (struct orl_window *w, struct orl_ledger *ledger,
                          const uint32_t *frame, uint32_t n, void **at);

/* One frame, for the library itself: not in a strict window, where only who
 * has a grant may use what is shown.  -ENOMEM then. */
static inline int
orl_window_show (struct orl_window *w, struct orl_ledger *ledger,
                 uint32_t frame, void **at)
{
  return w->grants ? -ENOMEM
                   : orl_window_show_many (w, ledger, &frame, 1, at);
}

/* Make it impossible to access the slots, if the kernel lets us; under the
 * window's lock. */
void orl_window_hide (struct orl_window *w, const uint32_t *slot, uint32_t n);

/* Bytes of the huge pages that the pool is on; 0: small ones. */
uint32_t orl_window_huge_page (const struct orl_shm *shm);

/* Measure copies_per_swap; no slot is in use yet. */
void orl_window_measure (struct orl_window *w);

/* A page of the frame's extent, which is not shown, is wanted, and a copy will
 * do: has it been wanted often enough for a slot? */
bool orl_window_worth (struct orl_window *w, uint32_t frame);

/* Bytes of the pool that the window can show at once. */
static inline uint64_t
orl_window_bytes (const struct orl_window *w)
{
  return w->linear ? orl_backed_bytes (w->shm) : w->bytes;
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
