/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.c - offsets of the shared structures, and the super block's checks
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "layout.h"
#include "sys.h"

#define BYTE_ORDER_MARK 0x01020304u

/* Extents of up to 2 MiB must be aligned in the file as in the window, so that
 * a huge page can back them. */
#define DATA_ALIGN (2u << 20)

/* Inserts and removals lock a partition for some 100 ns: with 256 of them, 8
 * threads that do nothing else meet in about one case of ten.  A partition must
 * take every key that falls into it: with 64 buckets or more, 448 words for 128
 * pages on average, too many would be 28 standard deviations away; and a table
 * of one partition has 3.5 words for each frame. */
#define MAX_PARTS 256
#define MIN_PART_BUCKETS 64

/* Between the arrays; tests/fuzz builds with more, so that an index that is out
 * of range hits nothing. */
#ifndef ORL_GAP
# define ORL_GAP 0
#endif

_Static_assert (sizeof (struct orl_super) <= 4096, "super block");
_Static_assert (sizeof (struct orl_frame) == ORL_LINE, "a line a frame");
_Static_assert (sizeof (struct orl_bucket) == ORL_LINE, "a line a bucket");

static void
fingerprint (uint32_t p[ORL_PRINT_WORDS])
{
  const uint32_t words[] = {
    ORL_FORMAT,
    sizeof (struct orl_geometry),
    sizeof (struct orl_super),
    offsetof (struct orl_super, hand),
    offsetof (struct orl_super, serial),
    offsetof (struct orl_super, file_lock),
    sizeof (struct orl_proc),
    offsetof (struct orl_proc, ended),
    sizeof (struct orl_ledger),
    offsetof (struct orl_ledger, repairer),
    offsetof (struct orl_ledger, stat),
    offsetof (struct orl_ledger, work),
    offsetof (struct orl_ledger, pins),
    ORL_NSTATS,
    ORL_WORK,
    ORL_PINS,
    sizeof (struct orl_frec),
    offsetof (struct orl_frec, epoch),
    offsetof (struct orl_frec, words),
    offsetof (struct orl_frec, path),
    sizeof (struct orl_part),
    sizeof (struct orl_bucket),
    ORL_BUCKET_WORDS,
    sizeof (struct orl_frame),
    offsetof (struct orl_frame, latch),
    offsetof (struct orl_frame, ref),
    offsetof (struct orl_frame, since),
    sizeof (struct orl_image),
    offsetof (struct orl_super, clock),
    offsetof (struct orl_super, writer),
    offsetof (struct orl_frec, durable),
  };

  _Static_assert (sizeof words <= ORL_PRINT_WORDS * sizeof *p, "room");
  memset (p, 0, ORL_PRINT_WORDS * sizeof *p);
  memcpy (p, words, sizeof words);
}

static uint64_t
round_up (uint64_t n, uint64_t to)
{
  return (n + to - 1) & ~(to - 1);
}

static uint64_t
place (uint64_t *end, uint64_t bytes)
{
  uint64_t at = round_up (*end + ORL_GAP, ORL_LINE);

  *end = at + bytes;
  return at;
}

static bool
power_of_two (uint64_t n)
{
  return n && !(n & (n - 1));
}

static bool
choices_are_valid (const struct orl_geometry *geo)
{
  return geo->made >= ORL_MIN_FRAMES && geo->made <= geo->nframes
         && geo->nframes < ORL_MAX_FRAMES
         && power_of_two (geo->page_size) && geo->page_size >= 512
         && geo->page_size <= 65536 && geo->nprocs >= 1
         && geo->nprocs <= ORL_MAX_PROCS && geo->nthreads >= 1
         && geo->nthreads <= ORL_MAX_LEDGERS
         && geo->nthreads + geo->nprocs <= ORL_MAX_LEDGERS && geo->nfiles >= 1
         && geo->nfiles <= ORL_MAX_FILES && power_of_two (geo->block)
         && geo->block >= 4096 && geo->block <= ORL_BLOCK_MAX
         && !(geo->flags & ~ORL_POOL_FENCE);
}

/* Two pages being changed for each ledger, but no more than a 32nd of the pool:
 * threads that change pages all the time are few. */
static uint32_t
images (const struct orl_geometry *geo)
{
  uint64_t n = geo->made / 32;

  if (n > 2 * (uint64_t) geo->nledgers)
    n = 2 * (uint64_t) geo->nledgers;
  return n < 16 ? 16 : (uint32_t) n;
}

int
orl_layout_compute (struct orl_geometry *geo)
{
  uint64_t end = sizeof (struct orl_super);
  uint64_t buckets = 1;

  if (!choices_are_valid (geo))
    return -ERANGE;
  geo->nledgers = geo->nthreads + geo->nprocs;
  geo->page_shift = (uint32_t) __builtin_ctz (geo->page_size);
  /* Two pages a bucket of seven: one lookup in a thousand looks further; four, of
   * a pool that has grown, and it is one in twenty. */
  while (buckets * 2 < geo->made || buckets * 4 < geo->nframes)
    buckets *= 2;
  geo->nparts = MAX_PARTS;
  while (geo->nparts > 1 && buckets / geo->nparts < MIN_PART_BUCKETS)
    geo->nparts /= 2;
  geo->part_buckets = (uint32_t) (buckets / geo->nparts);
  geo->map_words = (geo->nfiles + 63) / 64;

  geo->procs = place (&end, geo->nprocs * sizeof (struct orl_proc));
  geo->open_maps
      = place (&end, (uint64_t) geo->nprocs * geo->map_words * sizeof (orl_a64));
  geo->tokens = place (&end, geo->nledgers * sizeof (orl_a64));
  geo->ledgers = place (&end, geo->nledgers * sizeof (struct orl_ledger));
  geo->files = place (&end, geo->nfiles * sizeof (struct orl_frec));
  geo->parts = place (&end, geo->nparts * sizeof (struct orl_part));
  geo->buckets = place (&end, buckets * sizeof (struct orl_bucket));
  geo->frames = place (&end, geo->nframes * sizeof (struct orl_frame));
  geo->firsts = place (&end, geo->nframes * sizeof (orl_a64));
  geo->nghosts = (uint32_t) (geo->nframes * ORL_GHOSTS / ORL_GHOST_WORDS);
  geo->ghosts = place (&end, geo->nghosts * sizeof (struct orl_ghosts));
  geo->dirty = place (&end, (geo->nframes + 63) / 64 * sizeof (orl_a64));
  geo->nimages = images (geo);
  geo->images = place (&end, geo->nimages * sizeof (struct orl_image));
  end = round_up (end, 4096);
  geo->image_data = place (&end, (uint64_t) geo->nimages << geo->page_shift);
  geo->meta_bytes = round_up (end, geo->block);
  geo->data = round_up (geo->meta_bytes, DATA_ALIGN);
  geo->file_bytes
      = geo->data + orl_data_bytes (geo, geo->nframes);
  return 0;
}

void
orl_layout_ranges (const struct orl_geometry *geo, uint64_t n,
                   struct orl_range r[ORL_RANGES])
{
  uint64_t unit = orl_data_bytes (geo, geo->made) >= ORL_TABLES_HUGE_FROM
                      ? DATA_ALIGN
                      : geo->block;

  r[0] = (struct orl_range){ 0, geo->frames + n * sizeof (struct orl_frame) };
  r[1] = (struct orl_range){ geo->firsts, geo->firsts + n * sizeof (orl_a64) };
  r[2] = (struct orl_range){ geo->ghosts,
                             geo->ghosts
                                 + n * ORL_GHOSTS / ORL_GHOST_WORDS
                                       * sizeof (struct orl_ghosts) };
  r[3] = (struct orl_range){ geo->dirty,
                             geo->dirty + (n + 63) / 64 * sizeof (orl_a64) };
  r[4] = (struct orl_range){ geo->images, geo->meta_bytes };
  /* Where it cannot grow, and where blocks are large, nothing is left out. */
  if (geo->nframes == geo->made || geo->block > 4096)
    for (int i = 0; i < ORL_RANGES; i++)
      r[i] = (struct orl_range){ i == 0 ? 0 : geo->meta_bytes, geo->meta_bytes };
  for (int i = ORL_RANGES; i-- > 0;)
    {
      r[i].from &= ~(unit - 1);
      r[i].to = round_up (r[i].to, unit);
      if (r[i].to > geo->meta_bytes)
        r[i].to = geo->meta_bytes;
      if (r[i].from > r[i].to)
        r[i].from = r[i].to;
      if (i + 1 < ORL_RANGES && r[i].to > r[i + 1].from)
        r[i].to = r[i + 1].from;
      if (r[i].from > r[i].to)
        r[i].from = r[i].to;
    }
}

void
orl_layout_stamp (struct orl_super *super, const struct orl_geometry *geo,
                  const char *boot_id)
{
  memcpy (super->magic, ORL_MAGIC, sizeof super->magic);
  super->format = ORL_FORMAT;
  super->byte_order = BYTE_ORDER_MARK;
  fingerprint (super->print);
  snprintf (super->boot_id, sizeof super->boot_id, "%s", boot_id);
  super->geo = *geo;
  atomic_store (&super->frames, (uint32_t) geo->made);
  atomic_store (&super->backed, (uint32_t) geo->made);
  atomic_store (&super->span, (uint32_t) geo->made);
}

int
orl_layout_check (const struct orl_super *super, uint64_t file_bytes,
                  const char *name)
{
  uint32_t print[ORL_PRINT_WORDS];
  struct orl_geometry geo;

  if (memcmp (super->magic, ORL_MAGIC, sizeof super->magic) != 0)
    return orl_fail (-EPROTO, "%s: not an Oriel pool; choose another name",
                     name);
  if (super->byte_order != BYTE_ORDER_MARK)
    return orl_fail (-EPROTO, "%s: a pool of a machine with another byte order",
                     name);
  fingerprint (print);
  if (super->format != ORL_FORMAT
      || memcmp (super->print, print, sizeof print) != 0)
    return orl_fail (-EPROTO,
                     "%s: a pool of a build with another layout (format %u, "
                     "this is %u); destroy it or choose another name",
                     name, super->format, ORL_FORMAT);
  geo = super->geo;
  if (orl_layout_compute (&geo) < 0
      || memcmp (&geo, &super->geo, sizeof geo) != 0)
    return orl_fail (-EPROTO, "%s: the pool's geometry is damaged; destroy it",
                     name);
  if (geo.file_bytes != file_bytes)
    return orl_fail (-EPROTO,
                     "%s: has %llu bytes and should have %llu: truncated; "
                     "destroy it",
                     name, (unsigned long long) file_bytes,
                     (unsigned long long) geo.file_bytes);
  if (super->cut)
    return orl_fail (-EPROTO,
                     "%s: the pool's tables were cut away by someone; destroy it",
                     name);
  if (memchr (super->boot_id, 0, sizeof super->boot_id) == NULL)
    return orl_fail (-EPROTO, "%s: the pool's boot id is damaged; destroy it",
                     name);
  return 0;
}

void
orl_layout_bind (struct orl_shm *shm)
{
  unsigned char *map = shm->map;

  shm->super = (struct orl_super *) map;
  shm->procs = (struct orl_proc *) (map + shm->geo.procs);
  shm->open_maps = (orl_a64 *) (map + shm->geo.open_maps);
  shm->tokens = (orl_a64 *) (map + shm->geo.tokens);
  shm->ledgers = (struct orl_ledger *) (map + shm->geo.ledgers);
  shm->files = (struct orl_frec *) (map + shm->geo.files);
  shm->parts = (struct orl_part *) (map + shm->geo.parts);
  shm->buckets = (struct orl_bucket *) (map + shm->geo.buckets);
  shm->last_bucket
      = (uint64_t) shm->geo.nparts * shm->geo.part_buckets - 1;
  shm->frames = (struct orl_frame *) (map + shm->geo.frames);
  shm->firsts = (orl_a64 *) (map + shm->geo.firsts);
  shm->ghosts = (struct orl_ghosts *) (map + shm->geo.ghosts);
  shm->dirty = (orl_a64 *) (map + shm->geo.dirty);
  shm->images = (struct orl_image *) (map + shm->geo.images);
  shm->fence = (shm->geo.flags & ORL_POOL_FENCE) != 0;
}

int
orl_layout_boot_id (char id[40])
{
  int fd = orl_sys.open ("/proc/sys/kernel/random/boot_id", O_RDONLY, 0);
  ssize_t n = 0;

  memset (id, 0, 40);
  if (fd < 0 && fd != -ENOENT && fd != -ENOTDIR && fd != -EACCES
      && fd != -EPERM)
    return orl_fail (fd, "the boot's id (/proc/sys/kernel/random/boot_id) cannot "
                         "be read");
  if (fd >= 0)
    {
      n = orl_sys.pread (fd, id, 36, 0);
      orl_sys.close (fd);
    }
  if (n != 36)
    snprintf (id, 40, ORL_NO_BOOT_ID);
  return 0;
}
