/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mapped file that is not on persistent memory, with a double-write area: each
 * page is in the area, and that was synced, before any of it is in place, so that
 * one of both is whole whenever the power goes.
 */
#include "util.h"

#include "double-write.h"
#include "store.h"
#include "sys.h"

#define PAGES 200               /* more than a batch */
#define ROUNDS 12               /* more than a lap */

static __typeof__ (orl_sys.msync) real_msync;
static const char *data, *area;
static uint64_t tag;            /* what is being written */
static int durable[PAGES];      /* the area has it, synced */
static int early, syncs;

static void
look_at_places (void)
{
  static char page[4096];

  for (uint64_t i = 0; i < PAGES; i++) {
    plain_read (data, (off_t) i * 4096, page, sizeof page);
    early += !durable[i] && is_stamped (page, sizeof page, tag, i);
  }
}

static void
look_at_area (void)
{
  static char room[8 << 20];
  size_t n = plain_read (area, 0, room, sizeof room);

  for (size_t at = 0; at + 4096 <= n; at += 4096)
    for (uint64_t i = 0; i < PAGES; i++)
      if (!durable[i] && is_stamped (room + at, 4096, tag, i)) {
        durable[i] = 1;
        break;
      }
}

static int
watch_msync (void *at, size_t n)
{
  bool is_area = n >= 8192
                 && (memcmp (at, "ORIELDW", 8) == 0
                     || memcmp ((char *) at + 4096, "ORIELDW", 8) == 0);
  int r;

  look_at_places ();
  r = real_msync (at, n);
  if (r == 0 && is_area)
    look_at_area ();
  syncs += is_area;
  return r;
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  int have = 0, rc;

  if (!orl_dw_works ())
    skip_all ("this build has no xxHash");
  opt.pool_size = 4 * MiB;
  opt.store = ORIEL_STORE_PMEM;
  rc = open_with_room ("test", &opt, &pool);
  if (rc == -EOPNOTSUPP)
    skip_all ("this build has no libpmem");
  must (rc, "oriel_pool_open");
  data = strdup (scratch_file ("data"));
  area = strdup (scratch_file ("data.dw"));
  make_stamped_file (data, 4096, PAGES, 0, 1);
  file = must_open_file (pool, data, 0);
  if (oriel_file_store (file) != ORIEL_STORE_MSYNC)
    skip_all ("this is persistent memory");
  is_int (oriel_file_torn (file), ORIEL_TORN_DOUBLE, "a mapped file has an area");
  real_msync = orl_sys.msync;
  orl_sys.msync = watch_msync;
  for (tag = 2; tag < 2 + ROUNDS; tag++) {
    memset (durable, 0, sizeof durable);
    for (uint64_t i = 0; i < PAGES; i++)
      stamp_page (pool, file, i, tag);
    must (tag % 2 ? oriel_flush (file) : oriel_sync (file), "flush");
    look_at_places ();
    for (int i = 0; i < PAGES; i++)
      have += durable[i];
  }
  orl_sys.msync = real_msync;
  ok (syncs >= ROUNDS * 2, "the area is synced for each batch: %d times", syncs);
  is_int (have, ROUNDS * PAGES, "each page was in it then");
  is_int (early, 0, "and was not in place before");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
