/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A view is there again after oriel_window_trim() and when someone unmapped it;
 * pages whose memory is taken away are told at its end; a forked child sees it;
 * stores into a view for reading, and touches of what was ended, are named.
 */
#include "cut.h"

#define PAGES 30 /* a 32nd of the pool is 32 */

static oriel_pool *pool;
static oriel_file *file;
static struct oriel_view view;

/* Loaded backwards, so that the window never shows them in order. */
static void
begin (uint32_t backend, size_t window)
{
  oriel_options opt = test_options ();

  opt.slot_size = 16 * KiB;
  opt.window_size = window;
  opt.flags |= ORIEL_HOLES;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  diag ("backend %s", oriel_backend_name (backend));
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < PAGES; i++) {
    oriel_page page = must_pin (file, i * 7 % PAGES, ORIEL_READ);

    must (oriel_unpin (&page), "oriel_unpin");
  }
}

static void
end (void)
{
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

static int
is_there (void)
{
  for (uint64_t i = 0; i < view.count; i++)
    if (!is_stamped ((char *) view.data + i * 4096, 4096, 1, view.first + i))
      return 0;
  return 1;
}

static int
sees (void *arg)
{
  (void) arg;
  return is_there () ? 0 : 1;
}

static int
writes (void *arg)
{
  *(volatile char *) arg = 1;
  return 0;
}

static int
reads (void *arg)
{
  return *(volatile char *) arg == 'x' ? 5 : 6;
}

/* In a child that has the pool open, not as a fork's. */
struct stray {
  uint32_t backend;
  size_t window;
  int write;
};

static int
strays (void *arg)
{
  const struct stray *s = arg;

  begin (s->backend, s->window);
  must (oriel_view (file, 0, PAGES, ORIEL_READ, &view), "oriel_view");
  if (!s->write)
    must (oriel_view_end (&(struct oriel_view){
              view.data, view.first, view.count, view.file, view.id, view.cell,
              view.flags }),
          "oriel_view_end");
  return s->write ? writes (view.data) : reads (view.data);
}

static void
name_strays (uint32_t backend, size_t window)
{
  struct stray s = { backend, window, 0 };
  char text[2000];
  int code = in_child_stderr (strays, &s, text, sizeof text);

  ok (code == 128 + SIGSEGV || code == 128 + SIGBUS,
      "what was ended cannot be touched");
  ok (strstr (text, "of its views shows nothing") != NULL, "and it is named");
  diag ("%s", text);
  must (oriel_pool_destroy ("test", pool_dir (), 1), "oriel_pool_destroy");
  if (backend == ORIEL_BACKEND_EMULATED || backend == ORIEL_BACKEND_NATIVE)
    return;
  s.write = 1;
  is_int (in_child_stderr (strays, &s, text, sizeof text), 128 + SIGSEGV,
          "a view for reading cannot be written to");
  ok (strstr (text, "the view is for reading") != NULL
          || strstr (text, "of its views shows frame") != NULL,
      "and that is named");
  diag ("%s", text);
  must (oriel_pool_destroy ("test", pool_dir (), 1), "oriel_pool_destroy");
}

static void
come_back (void)
{
  char text[2000];
  void *data;

  must (oriel_view (file, 0, PAGES, ORIEL_WRITE, &view), "oriel_view");
  data = view.data;
  is_rc (oriel_window_trim (pool), 0, "oriel_window_trim");
  ok (is_there (), "the view is there after a trim");
  munmap ((char *) view.data + 4096, 3 * 4096);
  ok (is_there (), "and after someone unmapped some of it");
  is_int (in_child (sees, NULL), 0, "a forked child sees it");
  is_int (in_child_stderr (writes, view.data, text, sizeof text),
          128 + SIGSEGV, "and cannot write to it");
  ok (strstr (text, "may not write") != NULL, "which is named");
  ok (is_there (), "after the fork all is as it was");
  is_rc (oriel_view_end (&view), 0, "oriel_view_end");
  is_int (in_child_stderr (reads, data, text, sizeof text),
          128 + SIGSEGV, "what is no view is nothing to a child");
}

/* Of a page in the middle, by a hole or by all behind it being cut off. */
static void
lose (int cut)
{
  oriel_page page = must_pin (file, 20, ORIEL_READ);
  off_t at = place_of (pool, page.frame);
  const char *path = pool_path ("test");

  must (oriel_unpin (&page), "oriel_unpin");
  if (!cut && !holes_fault ()) {
    skip ("no userfaultfd: no one notices a hole");
    return;
  }
  must (oriel_view (file, 0, PAGES, ORIEL_READ, &view), "oriel_view");
  if (cut)
    cut_file (path, at);
  else
    punch_file (path, at, 4096);
  ok (is_zero ((char *) view.data + 20 * 4096, 4096), "it reads as zeroes");
  is_rc (oriel_view_end (&view), -EIO, "and that is told");
  must (oriel_view (file, 0, PAGES, ORIEL_READ, &view), "oriel_view");
  ok (is_there (), "another view has the page from the store");
  is_rc (oriel_view_end (&view), 0, "and ends as any");
}

int
main (void)
{
  scratch ();
  pool_dir ();
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  for (size_t i = 0; i < COUNT (windows); i++) {
    begin (windows[i].backend, windows[i].window);
    if (!pool)
      continue;
    come_back ();
    lose (0);
    lose (1);
    end ();
    name_strays (windows[i].backend, windows[i].window);
  }
  return done_testing ();
}
