/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a double-write area gives back: of the last page of a file as much as there
 * is of it, between pages that it has and the file's end zeroes, and nothing to
 * another file that came to have the old one's inode, nor by a number that the area
 * does not have.  One whose heads were both cut short is made anew.
 */
#include "util.h"

#include "double-write.h"

#define PAGE 4096
#define PART 128                /* bytes of the last page */
#define LAST 3                  /* its number */

static char path[300];
static struct orl_dw_options how = { .create = true, .page_size = PAGE,
                                     .id = { .dev = 1, .ino = 5, .birth = 9 } };
static unsigned char *pages;

/* Page 0, and a part of page LAST. */
static struct orl_dw *
make_area (void)
{
  struct orl_dw_page put[2] = { { 0, pages, PAGE },
                                { LAST, pages + PAGE, PART } };
  struct orl_dw *dw;

  unlink (path);
  stamp (pages, PAGE, 2, 0);
  memset (pages + PAGE, 0, PAGE);
  stamp (pages + PAGE, PART, 2, LAST);
  must (orl_dw_open (path, &how, &dw), "orl_dw_open");
  dw->mark = 7;
  must (orl_dw_turn (dw, dw->lap + 1), "orl_dw_turn");
  must (orl_dw_put (dw, dw->lap, ORL_DW_FIRST, put, 2), "orl_dw_put");
  return dw;
}

static void
is_copied (int64_t had)
{
  unsigned char *room = malloc ((LAST + 1) * PAGE);
  struct orl_dw *dw = make_area ();
  void *to[LAST + 1];
  int64_t got = had;

  for (unsigned i = 0; i <= LAST; i++)
    to[i] = room + i * PAGE;
  memset (room, 0xee, (LAST + 1) * PAGE);
  must (orl_dw_copy (dw, dw->lap, ORL_DW_FIRST, 0, LAST + 1, to, &got),
        "orl_dw_copy");
  diag ("of which the file has %lld bytes", (long long) had);
  is_int (got, LAST * PAGE + PART, "the copy reaches to the last page's end");
  ok (is_stamped (room, PAGE, 2, 0) && is_stamped (to[LAST], PART, 2, LAST),
      "both pages are there");
  had = had < PAGE ? PAGE : had;
  ok (is_zero (room + had, (size_t) (LAST * PAGE - had)),
      "and zeroes between them");
  if (had > PAGE)
    ok (room[PAGE] == 0xee && room[had - 1] == 0xee,
        "behind what the file has");
  orl_dw_close (dw);
  free (room);
}

static void
is_restored (void)
{
  const char *data = scratch_file ("data");
  const struct orl_store_options plain = { .create = true };
  struct orl_dw *dw = make_area ();
  unsigned char page[PAGE];
  struct orl_store *store;
  uint32_t n;

  make_stamped_file (data, PAGE, LAST, PART, 1);
  must (orl_store_posix_open (data, &plain, &store), "orl_store_posix_open");
  must (orl_dw_restore (dw, store, false, &n), "orl_dw_restore");
  is_int (n, 2, "after a crash both pages are restored");
  is_int ((long long) plain_size (data), LAST * PAGE + PART,
          "the file is no longer for that");
  plain_read (data, LAST * PAGE, page, PART);
  ok (is_stamped (page, PART, 2, LAST), "its last page, too");
  store->ops->close (store);
  orl_dw_close (dw);
}

static void
is_anothers (void)
{
  struct orl_dw_options other = how;
  struct orl_dw *dw;

  orl_dw_close (make_area ());
  other.id.birth++;
  is_rc (orl_dw_open (path, &other, &dw), -ESTALE,
         "a file that came to have the inode has nothing of it");
  other = how;
  other.create = false;
  other.read_only = true;
  other.mark = 8;
  is_rc (orl_dw_open (path, &other, &dw), -ENOENT,
         "nor who looks for another number");
  other.mark = 7;
  is_rc (orl_dw_open (path, &other, &dw), 0, "by its own it is found");
  orl_dw_close (dw);
}

static void
is_made_anew (void)
{
  struct orl_dw *dw = make_area ();

  orl_dw_close (dw);
  for (unsigned i = 0; i < 2; i++)
    plain_write (path, i * 4096 + 300, "junk", 4);
  is_rc (orl_dw_open (path, &how, &dw), 0, "without a whole head it is made anew");
  orl_dw_close (dw);
}

int
main (void)
{
  if (!orl_dw_works ())
    skip_all ("this build has no xxHash");
  snprintf (path, sizeof path, "%s", scratch_file ("area"));
  pages = aligned_alloc (PAGE, 2 * PAGE);
  is_copied (0);
  is_copied (PAGE / 2);
  is_copied (2 * PAGE + 200);
  is_restored ();
  is_anothers ();
  is_made_anew ();
  free (pages);
  return done_testing ();
}
