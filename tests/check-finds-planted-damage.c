/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_pool_check() finds each kind of damage that is planted in a pool at
 * rest, says where, and finds nothing once the damage is undone.
 */
#include "util.h"

#include "frame.h"
#include "../src/latch.h"
#include "table.h"

static struct orl_shm shm;      /* the pool's metadata, to write */
static uint32_t clean, dirty, latched, fresh; /* frames */
static uint32_t mine;           /* owner number of this thread */

static char found[300];

static void
keep (void *arg, const char *text)
{
  (void) arg;
  if (!found[0])
    snprintf (found, sizeof found, "%s", text);
}

static void
map_metadata (const char *path)
{
  struct orl_super super;
  int fd = open (path, O_RDWR | O_CLOEXEC);

  if (fd < 0 || pread (fd, &super, sizeof super, 0) != sizeof super)
    bail_out ("cannot read %s", path);
  shm.geo = super.geo;
  shm.map = mmap (NULL, shm.geo.meta_bytes, PROT_READ | PROT_WRITE,
                  MAP_SHARED, fd, 0);
  if (shm.map == MAP_FAILED)
    bail_out ("cannot map %s", path);
  orl_layout_bind (&shm);
  close (fd);
}

static uint32_t
frame_of (uint64_t page)
{
  for (uint32_t i = 0; i < shm.geo.nframes; i++)
    if (orl_state (shm.frames[i].state) == ORL_VALID
        && shm.frames[i].page == page)
      return i;
  bail_out ("page %d is in no frame", (int) page);
}

static uint32_t
frame_in (enum orl_frame_state state)
{
  for (uint32_t i = 0; i < shm.geo.nframes; i++)
    if (orl_state (shm.frames[i].state) == state)
      return i;
  bail_out ("no frame is in state %d", state);
}

static orl_a64 *
entry_of (uint32_t frame)
{
  uint64_t n = (uint64_t) shm.geo.nparts * shm.geo.part_buckets;

  for (uint64_t b = 0; b < n; b++)
    for (int i = 0; i < ORL_BUCKET_WORDS; i++)
      if ((uint32_t) shm.buckets[b].word[i] == frame + 1)
        return &shm.buckets[b].word[i];
  bail_out ("frame %u is not in the page table", frame);
}

static struct orl_bucket *
bucket_of (uint32_t frame)
{
  uintptr_t at = (uintptr_t) entry_of (frame) - (uintptr_t) shm.buckets;

  return &shm.buckets[at / sizeof (struct orl_bucket)];
}

/* A ledger that no one has. */
static uint32_t
spare (void)
{
  for (uint32_t i = 0; i < shm.geo.nthreads; i++)
    if (shm.tokens[i] == 0)
      return i;
  bail_out ("every ledger is taken");
}

static void
set_state (uint32_t frame, enum orl_frame_state state, uint32_t owner)
{
  uint64_t word = shm.frames[frame].state;

  shm.frames[frame].state
      = orl_state_word (orl_state_gen (word), owner, state,
                        (uint32_t) word & ORL_FLAGS);
}

/* ------------------------------------------------------------------ */

static void
free_with_entry (void)
{
  set_state (clean, ORL_FREE, 0);
}

static void
no_state (void)
{
  shm.frames[clean].state |= 0xf;
}

static void
unknown_bit (void)
{
  shm.frames[clean].state |= 0x800;
}

static void
valid_with_owner (void)
{
  set_state (clean, ORL_VALID, mine);
}

static void
owner_out_of_range (void)
{
  set_state (clean, ORL_WRITING, 0xffff);
}

static void
owner_is_no_one (void)
{
  set_state (clean, ORL_LOADING, spare () + 1);
}

static void
owner_does_not_work (void)
{
  set_state (clean, ORL_EVICTING, mine);
}

static void
reserved_is_leaked (void)
{
  set_state (fresh, ORL_RESERVED, mine);
}

static void
free_is_stale (void)
{
  shm.frames[fresh].state |= ORL_STALE;
}

static void
file_out_of_range (void)
{
  shm.frames[clean].file = 999999;
}

static void
epoch_of_future (void)
{
  shm.frames[clean].file += UINT64_C (1) << 32;
}

static void
other_page (void)
{
  shm.frames[clean].page += 1000;
}

static void
dirty_not_in_map (void)
{
  shm.dirty[dirty / 64] &= ~(UINT64_C (1) << dirty % 64);
}

static void
map_beyond_end (void)
{
  shm.dirty[orl_span (&shm) / 64] |= UINT64_C (1) << 63;
}

static void
file_unknown (void)
{
  shm.files[(uint32_t) shm.frames[clean].file].state = ORL_FILE_FREE;
}

static void
entry_is_orphan (void)
{
  *entry_of (clean) = 0;
}

static void
entry_of_no_frame (void)
{
  *entry_of (clean) |= 0xffffffff;
}

static void
entry_of_other_frame (void)
{
  *entry_of (clean) += 1;
}

static void
entry_with_other_tag (void)
{
  *entry_of (clean) ^= UINT64_C (1) << 40;
}

static void
passed_too_high (void)
{
  bucket_of (clean)->passed += 1;
}

static void
entry_twice (void)
{
  struct orl_bucket *b = bucket_of (clean);

  for (int i = 0; i < ORL_BUCKET_WORDS; i++)
    if (b->word[i] == 0)
      {
        b->word[i] = *entry_of (clean);
        return;
      }
  bail_out ("the bucket is full");
}

static void
page_twice (void)
{
  struct orl_frame *a = &shm.frames[clean], *b = &shm.frames[fresh];
  struct orl_spot s = orl_spot (&shm, a->file, a->page);
  struct orl_bucket *home = orl_bucket_at (&shm, &s, 0);

  b->file = a->file;
  b->page = a->page;
  set_state (fresh, ORL_VALID, 0);
  for (int i = 0; i < ORL_BUCKET_WORDS; i++)
    if (home->word[i] == 0)
      {
        home->word[i] = s.tag | (fresh + 1);
        return;
      }
  bail_out ("the bucket is full");
}

static void
latch_has_no_state (void)
{
  shm.frames[clean].latch = 0x100;
}

static void
latched_by_no_one (void)
{
  shm.frames[clean].latch = (spare () + 1) << 16 | ORL_LATCH_X;
}

static void
latched_unpinned (void)
{
  shm.frames[clean].latch = mine << 16 | ORL_LATCH_X;
}

static void
version_odd (void)
{
  shm.frames[clean].version |= 1;
}

static void
latch_lost (void)
{
  shm.frames[latched].latch = 0;
}

static void
more_frames_than_memory (void)
{
  shm.super->frames++;
}

static void
frames_unused (void)
{
  shm.super->frames--;
}

static void
resizer_unknown (void)
{
  shm.super->resizer = shm.geo.nledgers + 1;
}

static void
file_lock_stuck (void)
{
  shm.super->file_lock = spare () + 1;
}

static void
file_lock_unknown (void)
{
  shm.super->file_lock = mine;
}

static void
repairer_unknown (void)
{
  shm.ledgers[mine - 1].repairer = 0xffff0000;
}

static void
repairs_none (void)
{
  shm.ledgers[mine - 1].repairing = 0xffff;
}

static void
part_lock_stuck (void)
{
  shm.parts[0].lock = spare () + 1;
}

static void
part_lock_unknown (void)
{
  shm.parts[0].lock = mine;
}

static void
geometry (void)
{
  shm.super->geo.nframes++;
}

static void
pin_out_of_range (void)
{
  shm.ledgers[mine - 1].pins[5] = 0x3fffffff;
}

static void
pin_of_no_mode (void)
{
  shm.ledgers[mine - 1].pins[0] |= 3u << 30;
}

static void
pin_unseen (void)
{
  shm.ledgers[mine - 1].pins[ORL_PINS - 1] = clean + 1;
}

static void
pin_of_no_one (void)
{
  shm.ledgers[spare ()].pins[3] = clean + 1;
}

static void
work_of_no_one (void)
{
  shm.ledgers[spare ()].work[3] = clean + 1;
}

static void
count_of_no_one (void)
{
  shm.ledgers[spare ()].stat[ORL_HITS] = 1;
}

static void
work_out_of_range (void)
{
  shm.ledgers[mine - 1].work[60] = 0x7fffffff;
}

static void
high_out_of_range (void)
{
  shm.ledgers[mine - 1].high = 9999;
}

static void
token_of_no_one (void)
{
  shm.tokens[spare ()] = UINT64_C (0x7fff0001);
}

static void
place_of_no_one (void)
{
  shm.procs[1].token = UINT64_C (0x7fff0002);
}

static void
no_backend (void)
{
  shm.procs[0].backend = 77;
}

static void
open_unknown (void)
{
  shm.open_maps[0] |= 8;
}

static void
image_of_no_one (void)
{
  shm.images[shm.geo.nimages - 1].owner = spare () + 1;
}

static void
image_unlatched (void)
{
  shm.images[shm.geo.nimages - 1].owner = mine;
  shm.images[shm.geo.nimages - 1].frame = clean + 1;
}

static void
image_forgotten (void)
{
  shm.ledgers[mine - 1].images = 0;
}

static void
image_out_of_range (void)
{
  shm.images[shm.geo.nimages - 1].frame = 0x7fffffff;
}

static void
no_file_state (void)
{
  shm.files[1].state = 7;
}

static void
too_large (void)
{
  shm.files[0].size = UINT64_MAX;
}

static void
done_before_begun (void)
{
  shm.files[0].done = shm.files[0].begun + 1;
}

static void
file_twice (void)
{
  shm.files[1].dev = shm.files[0].dev;
  shm.files[1].ino = shm.files[0].ino;
  shm.files[1].birth = shm.files[0].birth;
  shm.files[1].state = ORL_FILE_USED;
}

static const struct damage {
  const char *name;
  void (*plant) (void);
  const char *says;
} damages[] = {
  { "a frame with a page is free", free_with_entry, "no entry|bucket" },
  { "a state that there is not", no_state, "no such state" },
  { "a bit that no state has", unknown_bit, "no such state" },
  { "VALID with an owner", valid_with_owner, "owner and wants none" },
  { "an owner out of range", owner_out_of_range, "owner is no one" },
  { "an owner whose ledger is free", owner_is_no_one, "owner is no one" },
  { "an owner that does not work on it", owner_does_not_work,
    "does not work on it" },
  { "a frame that leaked", reserved_is_leaked, "does not work on it" },
  { "a free frame that is stale", free_is_stale, "neither" },
  { "a page of no file", file_out_of_range, "no such file" },
  { "an epoch to come", epoch_of_future, "epoch" },
  { "a page under another number", other_page, "found by the page table" },
  { "a dirty page that the map lacks", dirty_not_in_map, "dirty map" },
  { "a dirty map that names too many", map_beyond_end, "dirty map" },
  { "pages of a file record that is free", file_unknown,
    "does not know" },
  { "a page without entry", entry_is_orphan, "found by the page table" },
  { "an entry that leads nowhere", entry_of_no_frame, "found by" },
  { "an entry that leads to another frame", entry_of_other_frame,
    "found by" },
  { "an entry with another tag", entry_with_other_tag, "found by" },
  { "two entries for a page", entry_twice, "two entries" },
  { "two frames with one page", page_twice, "another frame" },
  { "a bucket with a wrong count", passed_too_high, "passed" },
  { "a latch that there is not", latch_has_no_state, "no such state" },
  { "a latch of no one", latched_by_no_one, "latched by no one" },
  { "a latch whose owner has no pin", latched_unpinned, "not pinned it" },
  { "an odd version without latch", version_odd, "half-changed" },
  { "a latch that was lost", latch_lost, "half-changed" },
  { "more frames than have memory", more_frames_than_memory, "with memory" },
  { "frames that no one may take", frames_unused, "not in use" },
  { "a resizer who is none", resizer_unknown, "being resized" },
  { "file_lock with no owner", file_lock_stuck, "file_lock" },
  { "file_lock with an owner who does not know", file_lock_unknown,
    "file_lock" },
  { "a repairer who is no one", repairer_unknown, "is repaired by" },
  { "a repair of no ledger", repairs_none, "is repaired by" },
  { "a partition locked by no one", part_lock_stuck, "partition 0: locked" },
  { "a partition locked by one who does not know", part_lock_unknown,
    "partition 0: locked" },
  { "another geometry", geometry, "geometry" },
  { "a pin out of range", pin_out_of_range, "which is none" },
  { "a pin of no mode", pin_of_no_mode, "which is none" },
  { "a pin that no one sees", pin_unseen, "no one sees it" },
  { "a pin of no one", pin_of_no_one, "has pins" },
  { "work of no one", work_of_no_one, "has work" },
  { "counters of no one", count_of_no_one, "has counters" },
  { "work out of range", work_out_of_range, "there is not" },
  { "more pins than fit", high_out_of_range, "out of range" },
  { "a token that was not given", token_of_no_one, "given to no" },
  { "a place with such a token", place_of_no_one, "given to no" },
  { "a backend that there is not", no_backend, "backend" },
  { "a file open that is not known", open_unknown, "has file 3 open" },
  { "a before-image of no one", image_of_no_one, "before-image" },
  { "a before-image without latch", image_unlatched, "not latched" },
  { "a before-image that its owner forgot", image_forgotten, "not know of" },
  { "a before-image out of range", image_out_of_range, "before-image" },
  { "a file state that there is not", no_file_state, "no state" },
  { "a file too large", too_large, "cannot have" },
  { "changes done that were not begun", done_before_begun, "fewer" },
  { "a file twice", file_twice, "is file 0, too" },
};

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool, *watch;
  oriel_file *file;
  oriel_page page;
  char *good;

  opt.pool_size = 100 * 4096;
  opt.max_files = opt.max_processes = opt.max_threads = 8;
  make_stamped_file (scratch_file ("data"), 4096, 60, 0, 1);
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < 60; i++)
    page_is_stamped (pool, file, i, 1);
  stamp_page (pool, file, 20, 2);
  page = must_pin (file, 30, ORIEL_WRITE);
  opt.flags = ORIEL_WATCH;
  must (oriel_pool_open ("test", &opt, &watch), "oriel_pool_open");

  map_metadata (pool_path ("test"));
  clean = frame_of (10);
  dirty = frame_of (20);
  latched = frame_of (30);
  fresh = frame_in (ORL_FREE);
  mine = orl_latch_owner (shm.frames[latched].latch);
  good = malloc (shm.geo.meta_bytes);
  memcpy (good, shm.map, shm.geo.meta_bytes);
  is_int (oriel_pool_check (watch, keep, NULL), 0, "nothing is found at first");
  if (found[0])
    diag ("%s", found);

  for (size_t i = 0; i < COUNT (damages); i++) {
    const struct damage *d = &damages[i];
    char says[64], *second;
    int n;

    found[0] = '\0';
    d->plant ();
    n = oriel_pool_check (watch, keep, NULL);
    snprintf (says, sizeof says, "%s", d->says);
    second = strchr (says, '|');
    if (second)
      *second++ = '\0';
    if (!ok (n > 0 && (strstr (found, says)
                       || (second && strstr (found, second))),
             "found: %s", d->name))
      diag ("%d findings, the first is: %s", n, found);
    memcpy (shm.map, good, shm.geo.meta_bytes);
  }
  found[0] = '\0';
  is_int (oriel_pool_check (pool, keep, NULL), 0,
          "nothing is found when all is undone");
  if (found[0])
    diag ("%s", found);
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (watch), "oriel_pool_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  free (good);
  return done_testing ();
}
