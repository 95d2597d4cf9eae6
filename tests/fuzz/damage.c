/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * damage.c - what an input changes in the metadata
 *
 * Bytes at random offsets would mostly hit counters.  So an input names a kind
 * of field, which of them, and a kind of value: one that such a field might
 * have (a state word, a pin, a latch, an owner), a small number, a bit, or
 * anything.
 */
#include "fuzz.h"

#include <sys/syscall.h>

#include "frame.h"
#include "latch.h"

#if defined __SANITIZE_ADDRESS__
# define HAVE_ASAN 1
#elif defined __has_feature
# if __has_feature(address_sanitizer)
#  define HAVE_ASAN 1
# endif
#endif
#ifdef HAVE_ASAN
# include <sanitizer/asan_interface.h>
#else
# define ASAN_POISON_MEMORY_REGION(at, n) ((void) (at), (void) (n))
# define ASAN_UNPOISON_MEMORY_REGION(at, n) ((void) (at), (void) (n))
#endif

#define LEDGER(field) offsetof (struct orl_ledger, field)
#define FRAME(field) offsetof (struct orl_frame, field)
#define FREC(field) offsetof (struct orl_frec, field)

/* ------------------------------------------------------------------ */
/* Which field                                                        */

struct field {
  uint64_t offset;
  unsigned width;
};

static struct field
ledger_field (const struct orl_geometry *geo, unsigned which, unsigned i)
{
  static const struct {
    size_t offset;
    unsigned count;
  } fields[] = {
    { LEDGER (high), 10 },
    { LEDGER (work), 24 },
    { LEDGER (pins), 24 },
    { LEDGER (pins), ORL_PINS },
  };
  uint64_t at = geo->ledgers
                + which % geo->nledgers * sizeof (struct orl_ledger);
  unsigned k = which >> 6;

  return (struct field){ at + fields[k].offset + i % fields[k].count * 4, 4 };
}

static struct field
frame_field (const struct orl_geometry *geo, unsigned which, unsigned i)
{
  static const struct field fields[] = {
    { FRAME (state), 8 },   { FRAME (state), 8 }, { FRAME (page), 8 },
    { FRAME (file), 8 },    { FRAME (latch), 4 }, { FRAME (latch), 4 },
    { FRAME (version), 8 }, { FRAME (ref), 4 },
  };
  struct field f = fields[which % COUNT (fields)];

  f.offset += geo->frames + i % geo->nframes * sizeof (struct orl_frame);
  return f;
}

static struct field
super_field (unsigned which)
{
  static const struct field fields[] = {
    { offsetof (struct orl_super, hand), 8 },
    { offsetof (struct orl_super, serial), 8 },
    { offsetof (struct orl_super, file_lock), 4 },
  };

  if (which >= 0xf0)            /* what is judged at open; not too often */
    return (struct field){ which % 16 * 16, 4 };
  return fields[which % COUNT (fields)];
}

static struct field
choose_field (struct fuzz_input *in, const struct orl_geometry *geo)
{
  unsigned kind = fuzz_byte (in), which = fuzz_byte (in), i = fuzz_byte (in);
  uint64_t nbuckets = (uint64_t) geo->nparts * geo->part_buckets;

  switch (kind % 16) {
  case 0:
    return super_field (which);
  case 1:
    return (struct field){ geo->tokens + which % geo->nledgers * 8, 8 };
  case 2:
  case 3:
  case 4:
    return ledger_field (geo, which, i);
  case 5:
  case 6:
  case 7:
  case 8:
    return frame_field (geo, which, i);
  case 9:
  case 10:
    return (struct field){ geo->buckets
                               + i % nbuckets * sizeof (struct orl_bucket)
                               + which % 8 * 8,
                           8 };
  case 11:
    if (which & 1)
      return (struct field){ geo->ghosts
                                 + i % geo->nghosts
                                       * sizeof (struct orl_ghosts)
                                 + which / 2 % ORL_GHOST_WORDS * 8,
                             8 };
    if (which & 2)
      return (struct field){ geo->firsts + i % geo->nframes * 8, 8 };
    return (struct field){ geo->dirty + which % ((geo->nframes + 63) / 64) * 8,
                           8 };
  case 12:
    return (struct field){ geo->files
                               + i % geo->nfiles * sizeof (struct orl_frec)
                               + which % (FREC (words) / 4) * 4,
                           which & 0x80 ? 4 : 8 };
  case 13:
    return (struct field){ geo->images
                               + which
                                     % (sizeof (struct orl_image) / 4
                                        * geo->nimages)
                                     * 4,
                           4 };
  case 14:
    if (which & 1)
      return (struct field){ geo->parts
                                 + i % geo->nparts * sizeof (struct orl_part),
                             4 };
    if (which & 2)
      return (struct field){ geo->open_maps
                                 + i % (geo->nprocs * geo->map_words) * 8,
                             8 };
    return (struct field){ geo->procs
                               + i % geo->nprocs * sizeof (struct orl_proc)
                               + which / 4 % 4 * 8,
                           8 };
  default:
    return (struct field){ (which << 8 | i) * 16 % geo->image_data, 8 };
  }
}

/* ------------------------------------------------------------------ */
/* Which value                                                        */

static uint64_t
some_bytes (struct fuzz_input *in, int n)
{
  uint64_t v = 0;

  while (n-- > 0)
    v = v << 8 | fuzz_byte (in);
  return v;
}

/* An owner: mostly one that there may be. */
static uint32_t
some_owner (struct fuzz_input *in, const struct orl_geometry *geo)
{
  unsigned b = fuzz_byte (in);

  return b < 0xe0 ? b % (geo->nledgers + 2) : b << 8 | fuzz_byte (in);
}

static uint64_t
choose_value (struct fuzz_input *in, const struct orl_geometry *geo,
              const unsigned char *meta, bool *flip)
{
  unsigned kind = fuzz_byte (in);
  uint64_t v;

  *flip = false;
  switch (kind % 12) {
  case 0:
    return some_bytes (in, 8);
  case 1:
    return fuzz_byte (in);
  case 2:
    return some_bytes (in, 2);
  case 3:
  case 4:
    v = fuzz_byte (in);
    return orl_state_word (v & 3, some_owner (in, geo),
                           (enum orl_frame_state) (v >> 2 & 7),
                           (uint32_t) v >> 1 & ORL_FLAGS);
  case 5:
    *flip = true;
    return UINT64_C (1) << fuzz_byte (in) % 64;
  case 6:
    v = fuzz_byte (in);
    return (v & 0x3f) % geo->nframes + 1 + ((v >> 6) << 30);
  case 7:
    return 0;
  case 8:
    return kind & 0x80 ? UINT64_MAX : UINT32_MAX >> (kind >> 4);
  case 9:
    return (uint64_t) some_owner (in, geo) << 16 | ORL_LATCH_X
           | (kind >> 7 & 1 ? ORL_LATCH_WAITERS : 0);
  case 10:
    return some_owner (in, geo);
  default:
    /* A token, if one is there. */
    memcpy (&v, meta + geo->tokens + fuzz_byte (in) % geo->nledgers * 8, 8);
    return v;
  }
}

struct fuzz_store
fuzz_store_from (struct fuzz_input *in, const struct orl_geometry *geo,
                 const unsigned char *meta)
{
  struct field f = choose_field (in, geo);
  struct fuzz_store s = { .offset = f.offset, .width = f.width };

  s.value = choose_value (in, geo, meta, &s.flip);
  return s;
}

/* In a signal handler, too. */
void
fuzz_store_do (const struct fuzz_store *s, unsigned char *meta)
{
  if (s->width == 4) {
    orl_a32 *at = (orl_a32 *) (meta + s->offset);

    if (s->flip)
      atomic_fetch_xor (at, (uint32_t) (s->value | s->value >> 32));
    else
      atomic_store (at, (uint32_t) s->value);
  } else {
    uint32_t half[2];

    /* 4 bytes further is as good: not every field of 8 is aligned to them. */
    memcpy (half, &s->value, 8);
    for (int i = 0; i < 2; i++) {
      orl_a32 *at = (orl_a32 *) (meta + s->offset) + i;

      if (s->flip)
        atomic_fetch_xor (at, half[i]);
      else
        atomic_store (at, half[i]);
    }
  }
}

/* ------------------------------------------------------------------ */
/* Where it lies                                                      */

/* More than an index of 30 bits reaches. */
#define APART (UINT64_C (80) << 30)

static struct alone {
  unsigned char *at;
  uint64_t bytes;               /* of the metadata */
} all[4];

void *
fuzz_map_alone (const struct orl_geometry *geo, int fd, int prot)
{
  const uint64_t ends[][2] = {
    { sizeof (struct orl_super), geo->procs },
    { geo->procs + geo->nprocs * sizeof (struct orl_proc), geo->open_maps },
    { geo->open_maps + geo->nprocs * geo->map_words * 8, geo->tokens },
    { geo->tokens + geo->nledgers * 8, geo->ledgers },
    { geo->ledgers + geo->nledgers * sizeof (struct orl_ledger), geo->files },
    { geo->files + geo->nfiles * sizeof (struct orl_frec), geo->parts },
    { geo->parts + geo->nparts * sizeof (struct orl_part), geo->buckets },
    { geo->buckets
          + (uint64_t) geo->nparts * geo->part_buckets
                * sizeof (struct orl_bucket),
      geo->frames },
    { geo->frames + geo->nframes * sizeof (struct orl_frame), geo->firsts },
    { geo->firsts + geo->nframes * 8, geo->ghosts },
    { geo->ghosts + geo->nghosts * sizeof (struct orl_ghosts), geo->dirty },
    { geo->dirty + (geo->nframes + 63) / 64 * 8, geo->images },
    { geo->images + geo->nimages * sizeof (struct orl_image),
      geo->image_data },
  };
  struct alone *m = all;
  long p;

  while (m->at)
    if (++m == all + COUNT (all))
      return MAP_FAILED;
  /* Not by mmap(): a sanitizer would look at each page of it. */
  m->bytes = geo->meta_bytes;
  p = syscall (SYS_mmap, NULL, m->bytes + 2 * APART, PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == -1)
    return MAP_FAILED;
  m->at = (unsigned char *) p + APART;
  p = syscall (SYS_mmap, m->at, m->bytes, prot, MAP_SHARED | MAP_FIXED, fd, 0);
  if (p == -1)
    return MAP_FAILED;
  ASAN_UNPOISON_MEMORY_REGION (m->at, m->bytes);
  for (size_t i = 0; i < COUNT (ends); i++)
    if (ends[i][0] < ends[i][1])
      ASAN_POISON_MEMORY_REGION (m->at + ends[i][0], ends[i][1] - ends[i][0]);
  return m->at;
}

bool
fuzz_unmap_alone (void *at)
{
  for (struct alone *m = all; m < all + COUNT (all); m++)
    if (m->at && m->at == at) {
      ASAN_UNPOISON_MEMORY_REGION (m->at, m->bytes);
      syscall (SYS_munmap, m->at - APART, m->bytes + 2 * APART);
      m->at = NULL;
      return true;
    }
  return false;
}
