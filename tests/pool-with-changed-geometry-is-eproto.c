/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each constant field of a pool's head is changed, by name: format version,
 * byte order, fingerprint and every number of the geometry.  All -EPROTO.
 */
#include "corrupt.h"

#include "../src/layout.h"

#define SUPER(field) #field, offsetof (struct orl_super, field), \
                     sizeof (((struct orl_super *) 0)->field)

static const struct {
  const char *name;
  size_t offset, size;
} fields[] = {
  { SUPER (magic) },
  { SUPER (format) },
  { SUPER (byte_order) },
  { SUPER (print) },
  { SUPER (geo.nframes) },
  { SUPER (geo.page_size) },
  { SUPER (geo.nprocs) },
  { SUPER (geo.nthreads) },
  { SUPER (geo.nledgers) },
  { SUPER (geo.nfiles) },
  { SUPER (geo.block) },
  { SUPER (geo.page_shift) },
  { SUPER (geo.nparts) },
  { SUPER (geo.part_buckets) },
  { SUPER (geo.map_words) },
  { SUPER (geo.procs) },
  { SUPER (geo.open_maps) },
  { SUPER (geo.tokens) },
  { SUPER (geo.ledgers) },
  { SUPER (geo.files) },
  { SUPER (geo.parts) },
  { SUPER (geo.buckets) },
  { SUPER (geo.frames) },
  { SUPER (geo.firsts) },
  { SUPER (geo.dirty) },
  { SUPER (geo.meta_bytes) },
  { SUPER (geo.data) },
  { SUPER (geo.file_bytes) },
};

/* Change a copy of the field in the way of this number. */
static void
change (char *field, size_t size, int how)
{
  switch (how) {
  case 0: memset (field, 0, size); break;
  case 1: memset (field, 0xff, size); break;
  case 2: field[0]++; break;
  case 3: field[0]--; break;
  case 4: field[size - 1] ^= (char) 0x80; break;
  default: field[size / 2] ^= 1; break;
  }
}

int
main (void)
{
  char *text = shared_memory (4096);

  make_victim ();
  for (size_t i = 0; i < COUNT (fields); i++) {
    char *field = image + fields[i].offset, saved[256];
    int bad = 0;

    memcpy (saved, field, fields[i].size);
    for (int how = 0; how < 6; how++) {
      int was;

      change (field, fields[i].size, how);
      if (memcmp (field, saved, fields[i].size) == 0)
        continue;
      replace_victim (image, image_size);
      was = in_child (try_victim, text);
      memcpy (field, saved, fields[i].size);
      if (was == REFUSED)
        continue;
      bad++;
      diag ("%s changed in way %d: exit %d", fields[i].name, how, was);
    }
    is_int (bad, 0, fields[i].name);
    if (strcmp (fields[i].name, "format") == 0)
      ok (strstr (text, "version") != NULL || strstr (text, "format") != NULL,
          "the text says why: %s", text);
  }
  return done_testing ();
}
