/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A forked child that touches a page which its parent has pinned sees it also
 * while the pin moves from its thread's ledger to one that the process claimed
 * for such pins, and that lies before it.
 */
#include "attach.h"
#include "sys.h"
#include "window.h"

static oriel_pool *pool;
static oriel_file *file;
static oriel_page page;
static _Atomic int stage;
static ssize_t (*real_pread) (int fd, void *to, size_t n, off_t at);
static unsigned char *map;      /* the pool's file, the child's own mapping */
static uint32_t from, to;       /* ledgers */
static int moved;

static struct orl_ledger *
ledger (uint32_t i)
{
  return (struct orl_ledger *) (map + pool->shm.geo.ledgers) + i;
}

static void
move (void)
{
  uint32_t *old = (uint32_t *) ledger (from)->pins;
  uint32_t *new = (uint32_t *) ledger (to)->pins;

  for (int i = 0; i < ORL_PINS; i++)
    if ((old[i] & ORL_PIN_FRAME) == page.frame + 1) {
      new[ORL_PINS - 1] = old[i];
      old[i] = 0;
      moved++;
    }
}

/* The ledger that it is moved to is looked at, or the pins there: it comes there
 * just behind. */
static size_t offset, length;

static ssize_t
read_and_move (int fd, void *buf, size_t n, off_t at)
{
  ssize_t got = real_pread (fd, buf, n, at);
  uint64_t start
      = pool->shm.geo.ledgers + to * sizeof (struct orl_ledger) + offset;

  if (!moved && (uint64_t) at >= start
      && (uint64_t) at < start + length)
    move ();
  return got;
}

/* Which ledger has the page, and which was claimed for pins of any thread? */
static void
find_ledgers (void)
{
  int fd = open (pool_path ("test"), O_RDWR | O_CLOEXEC);

  map = mmap (NULL, pool->shm.geo.meta_bytes, PROT_READ | PROT_WRITE,
              MAP_SHARED, fd, 0);
  if (fd < 0 || map == MAP_FAILED)
    bail_out ("the pool's file: %s", strerror (errno));
  close (fd);
  from = to = UINT32_MAX;
  for (uint32_t i = 0; i < pool->shm.geo.nthreads; i++) {
    if (atomic_load (&ledger (i)->shared))
      to = i;
    else
      for (int k = 0; k < ORL_PINS; k++)
        if ((atomic_load (&ledger (i)->pins[k]) & ORL_PIN_FRAME)
            == page.frame + 1)
          from = i;
  }
}

static int
child (void *pins_only)
{
  find_ledgers ();
  if (to >= from || from == UINT32_MAX)
    return 3;
  length = sizeof (struct orl_ledger);
  if (pins_only) {
    offset = offsetof (struct orl_ledger, pins);
    length = sizeof ledger (to)->pins;
  }
  real_pread = orl_sys.pread;
  orl_sys.pread = read_and_move;
  if (!is_stamped (page.data, 4096, 1, 3))
    return 1;
  return pins_only || moved == 1 ? 0 : 2;
}

static void *
pins (void *unused)
{
  (void) unused;
  page = must_pin (file, 3, ORIEL_OPTIMISTIC);
  stage = 1;
  while (stage < 2)
    usleep (1000);
  return NULL;
}

int
main (void)
{
  oriel_options opt = test_options ();
  static oriel_page any[ORL_PINS + 1];
  pthread_t thread;

  make_stamped_file (scratch_file ("data"), 4096, 100, 0, 1);
  opt.window_size = MiB;
  opt.slot_size = 4096;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  /* More than the process's own ledger holds, so that it claims another. */
  for (int i = 0; i <= ORL_PINS; i++)
    any[i] = must_pin (file, 4, ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD);
  if (pthread_create (&thread, NULL, pins, NULL) != 0)
    bail_out ("pthread_create");
  while (stage < 1)
    usleep (1000);
  is_int (in_child (child, &any), 0, "the child sees the page");
  is_int (in_child (child, NULL), 0, "so does one that looks when it has just moved");
  stage = 2;
  pthread_join (thread, NULL);
  /* The child has moved the thread's pin: no one knows of it any more. */
  for (int i = 0; i <= ORL_PINS; i++)
    must (oriel_unpin (&any[i]), "oriel_unpin");
  return done_testing ();
}
