/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture.h - two more files of the torture
 *
 * One is truncated, to fewer and to more bytes, and its pages are written whole: a
 * page is what was written once, up to some byte, and zeroes behind that.
 *
 * In the other a page has its content twice, each with a checksum, changed one
 * after the other without a copy of what was before (ORIEL_NO_IMAGES).  What a
 * dead writer left oriel_file_on_indoubt() puts right.
 */
#ifndef TORTURE_H
#define TORTURE_H

#include "util.h"

#define ENDS 24                 /* pages */
#define TWINS 48

struct torture_files {
  oriel_file *ends;
  oriel_file *twins;
};

/* Byte i of a page that was written with this count, never 0. */
UTIL unsigned char
end_byte (uint64_t page, uint32_t count, size_t i)
{
  return (unsigned char) (1 + (page * 7 + count * 31 + i * 13) % 255);
}

UTIL void
write_end (oriel_file *file, uint64_t page, uint32_t count)
{
  unsigned char bytes[4096];

  memcpy (bytes, &count, sizeof count);
  for (size_t i = sizeof count; i < sizeof bytes; i++)
    bytes[i] = end_byte (page, count, i);
  oriel_write (file, page * sizeof bytes, bytes, sizeof bytes);
}

/* The first byte that cannot be; 4096: none. */
UTIL size_t
wrong_end (uint64_t page, const unsigned char bytes[4096])
{
  uint32_t count;
  size_t i = sizeof count;

  memcpy (&count, bytes, sizeof count);
  while (i < 4096 && bytes[i] == end_byte (page, count, i))
    i++;
  while (i < 4096 && bytes[i] == 0)
    i++;
  return i;
}

/* NULL, or what is wrong. */
UTIL const char *
read_end (oriel_file *file, uint64_t page)
{
  static _Thread_local char why[100];
  unsigned char bytes[4096];
  size_t i;

  if (oriel_read (file, page * sizeof bytes, bytes, sizeof bytes, NULL) < 0
      || (i = wrong_end (page, bytes)) == sizeof bytes)
    return NULL;
  snprintf (why, sizeof why, "truncated file: page %llu: byte %zu is %u",
            (unsigned long long) page, i, bytes[i]);
  return why;
}

struct twin {
  uint64_t count;
  uint64_t fill[254];
  uint64_t sum;
};

UTIL uint64_t
twin_sum (const struct twin *t)
{
  uint64_t s = 77 * (t->count != 0);

  for (int i = 0; i < 254; i++)
    s = s * 31 + t->fill[i] + t->count;
  return t->count ? s : 0;
}

UTIL void
write_twin (oriel_file *file, uint64_t number, uint64_t *rnd,
            uint64_t (*dice) (uint64_t *))
{
  struct twin t = { 0 };
  oriel_page page;

  if (oriel_pin (file, number, ORIEL_WRITE, &page) < 0)
    return;
  t.count = ((struct twin *) page.data)->count + 1;
  for (int i = 0; i < 254; i++)
    t.fill[i] = dice (rnd);
  t.sum = twin_sum (&t);
  for (int i = 0; i < 2; i++)
    memcpy ((struct twin *) page.data + i, &t, sizeof t);
  oriel_dirty (&page, 0);
  oriel_unpin (&page);
}

/* Of the two the one that is whole counts, and the first if both are. */
UTIL int
settle_twin (void *arg, oriel_page *page, uint64_t lsn)
{
  struct twin *t = page->data;
  int first = t[0].sum == twin_sum (&t[0]);

  (void) arg, (void) lsn;
  memcpy (&t[first], &t[!first], sizeof *t);
  return 0;
}

UTIL const char *
read_twin (oriel_file *file, uint64_t number)
{
  const char *why = NULL;
  oriel_page page;
  struct twin *t;

  if (oriel_pin (file, number, ORIEL_READ, &page) < 0)
    return NULL;
  t = page.data;
  if (t[0].sum != twin_sum (&t[0]) || memcmp (&t[0], &t[1], sizeof *t) != 0)
    why = "a page that was in doubt is not whole";
  oriel_unpin (&page);
  return why;
}

UTIL const char *
torture_more (const struct torture_files *f, uint64_t *rnd,
              uint64_t (*dice) (uint64_t *))
{
  switch (dice (rnd) % 8)
    {
    case 0:
      oriel_file_truncate (f->ends, dice (rnd) % (ENDS * 4096 + 1));
      return NULL;
    case 1:
    case 2:
      write_end (f->ends, dice (rnd) % ENDS, (uint32_t) dice (rnd));
      return NULL;
    case 3:
      if (dice (rnd) % 8 == 0)
        oriel_flush (dice (rnd) % 2 ? f->ends : f->twins);
      return read_end (f->ends, dice (rnd) % ENDS);
    case 4:
    case 5:
      write_twin (f->twins, dice (rnd) % TWINS, rnd, dice);
      return NULL;
    case 6:
      return read_twin (f->twins, dice (rnd) % TWINS);
    default:
      return read_end (f->ends, dice (rnd) % ENDS);
    }
}

UTIL int
torture_open (oriel_pool *pool, struct torture_files *f)
{
  return oriel_file_open (pool, scratch_file ("ends"), ORIEL_CREATE, &f->ends)
             == 0
         && oriel_file_open (pool, scratch_file ("twins"),
                             ORIEL_CREATE | ORIEL_NO_IMAGES, &f->twins)
                == 0
         && oriel_file_on_indoubt (f->twins, settle_twin, NULL) == 0;
}

UTIL int
torture_close (const struct torture_files *f)
{
  return oriel_file_close (f->ends) == 0 && oriel_file_close (f->twins) == 0;
}

#endif /* TORTURE_H */
