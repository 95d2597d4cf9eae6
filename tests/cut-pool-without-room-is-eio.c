/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool's pages are cut away, and its file system has no room to replace them:
 * no touch crashes, unpin says what was lost, and every call after that is -EIO.
 * When there is room again the pool can be opened anew.
 */
#include <sys/mount.h>

#include "cut.h"

static char mounted[300];

static void
unmount (void)
{
  if (mounted[0])
    umount2 (mounted, MNT_DETACH);
}

/* Fill what is free there. */
static void
fill_up (const char *path)
{
  static char zeroes[65536];
  int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

  for (size_t n = sizeof zeroes; n >= 4096; n /= 2)
    while (write (fd, zeroes, n) == (ssize_t) n)
      ;
  close (fd);
}

static void
without_room (uint32_t backend, size_t window)
{
  oriel_options opt = test_options ();
  const char *path = path_in (mounted, "oriel-test");
  oriel_page page, other;
  oriel_pool *pool;
  oriel_file *file;
  off_t at;
  char byte;

  opt.directory = mounted;
  opt.slot_size = 16 * KiB;
  opt.window_size = window;
  opt.backend = backend;
  opt.flags = ORIEL_HOLES;
  if (oriel_pool_open ("test", &opt, &pool) == -EOPNOTSUPP) {
    oriel_pool_destroy ("test", mounted, 0);
    skip ("the kernel lacks this backend");
    return;
  }
  diag ("backend %s", oriel_backend_name (backend));
  file = must_open_file (pool, scratch_file ("data"), 0);
  page = must_pin (file, 3, ORIEL_WRITE);
  other = must_pin (file, 90, ORIEL_WRITE);
  at = place_of (pool, page.frame);
  punch_file (path, at, 4096);
  fill_up (path_in (mounted, "ballast"));
  memset (page.data, 'x', 4096);
  ok (((char *) page.data)[4095] == 'x', "what was cut can be touched");
  ok (is_stamped (other.data, 4096, 1, 90), "other pages are as they were");
  is_rc (oriel_unpin (&page), -EIO, "unpin says that it is lost");
  is_rc (oriel_unpin (&other), 0, "the other one is not");
  is_rc (oriel_read (file, 0, &byte, 1, NULL), -EIO, "calls are refused");
  ok (strstr (oriel_error (), "no room") != NULL, "and say why");
  is_rc (oriel_flush (file), -EIO, "flush, too");
  is_rc (oriel_file_abandon (file), 0, "abandon");
  is_rc (oriel_pool_close (pool), 0, "close");
  unlink (path_in (mounted, "ballast"));
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < 200; i++)
    if (!page_is_stamped (pool, file, i, 1))
      ok (0, "page %d", (int) i);
  ok (1, "with room all pages are there");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", mounted, 0), "oriel_pool_destroy");
}

int
main (void)
{
  snprintf (mounted, sizeof mounted, "%s", scratch_file ("small"));
  if (mkdir (mounted, 0700) < 0
      || mount ("tmpfs", mounted, "tmpfs", 0, "size=12m,mode=700") < 0) {
    mounted[0] = '\0';
    skip_all ("cannot mount a tmpfs");
  }
  atexit (unmount);
  if (!holes_fault ())
    skip_all ("the kernel lacks userfaultfd");
  make_stamped_file (scratch_file ("data"), 4096, 200, 0, 1);
  for (size_t i = 0; i < COUNT (windows); i++)
    without_room (windows[i].backend, windows[i].window);
  unmount ();
  mounted[0] = '\0';
  return done_testing ();
}
