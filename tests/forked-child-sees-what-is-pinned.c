/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A forked child sees the pages that its parent has pinned, and its grandchild
 * does; it cannot write them.  What the parent has unpinned, and everything once
 * the parent is dead, is a stray access, and named so.
 */
#include "window.h"

static const struct {
  uint32_t backend;
  size_t window;
} windows[] = {
  { ORIEL_BACKEND_EMULATED, MiB },
  { ORIEL_BACKEND_MMAP, MiB },
  { ORIEL_BACKEND_NATIVE, MiB },
  { ORIEL_BACKEND_LINEAR, 4 * MiB },
};

#define PAGES 20

static oriel_page page[PAGES];
static oriel_page given_back;

static int
looks (void *arg)
{
  (void) arg;
  for (int i = 0; i < PAGES; i++)
    if (!is_stamped (page[i].data, 4096, 1, page[i].number))
      return 1;
  return 0;
}

static int
forks (void *arg)
{
  return looks (arg) ? 2 : in_child (looks, arg);
}

static int
writes (void *arg)
{
  int seen = looks (arg);

  *(volatile char *) page[3].data = 1;
  return seen ? 3 : 4;
}

static int
strays (void *arg)
{
  volatile char *p = arg;

  return *p == 'x' ? 5 : 6;
}

struct orphan {
  steps step;
  pid_t child;
};

/* Leaves a child that looks when its parent is dead. */
static int
dies (void *arg)
{
  struct orphan *o = arg;
  oriel_options opt = test_options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page pin = must_pin (file, 7, ORIEL_WRITE);

  if (fork () == 0) {
    await (&o->step, 1);
    _exit (*(volatile char *) pin.data);
  }
  kill (getpid (), SIGKILL);
  return 0;
}

static void
children (uint32_t backend, size_t window)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  char text[2000];
  void *gone;

  opt.slot_size = 16 * KiB;
  opt.window_size = window;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  diag ("backend %s", oriel_backend_name (backend));
  make_stamped_file (scratch_file ("data"), 4096, 400, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < PAGES; i++)
    page[i] = must_pin (file, i * 8, i % 2 ? ORIEL_OPTIMISTIC : ORIEL_WRITE);
  given_back = must_pin (file, 300, ORIEL_WRITE);
  gone = given_back.data;
  must (oriel_unpin (&given_back), "oriel_unpin");
  is_int (in_child (looks, NULL), 0, "a child sees them");
  is_int (in_child (forks, NULL), 0, "and so does its child");
  is_int (in_child_stderr (writes, NULL, text, sizeof text), 128 + SIGSEGV,
          "to write is SIGSEGV");
  ok (strstr (text, "may not write") != NULL, "and named so");
  diag ("%s", text);
  is_int (in_child_stderr (strays, gone, text, sizeof text), 128 + SIGSEGV,
          "what is not pinned is SIGSEGV");
  ok (strstr (text, "unpinned") != NULL, "and named so");
  ok (looks (NULL) == 0, "the parent has all as it was");
  for (int i = 0; i < PAGES; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

/* Not inherited, but reserved: a window's addresses. */
static int
maps (void *arg)
{
  char line[512];
  FILE *f = fopen ("/proc/self/maps", "r");
  unsigned long from, to, want = (unsigned long) arg;
  char access[8];
  int code = 1;

  while (f && fgets (line, sizeof line, f))
    if (sscanf (line, "%lx-%lx %7s", &from, &to, access) == 3 && from <= want
        && want < to)
      code = strncmp (access, "---p", 4) == 0 ? 0 : 2;
  if (f)
    fclose (f);
  return code;
}

int
main (void)
{
  struct orphan *o = shared_memory (sizeof *o);
  oriel_pool *pool;
  oriel_file *file;
  oriel_page pin;
  int code;

  for (size_t i = 0; i < COUNT (windows); i++)
    children (windows[i].backend, windows[i].window);
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  pin = must_pin (file, 1, ORIEL_WRITE);
  is_int (in_child (maps, pin.data), 0, "the window itself is not inherited");
  must (oriel_unpin (&pin), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");

  if (prctl (PR_SET_CHILD_SUBREAPER, 1) < 0)
    skip ("no orphans can be had before Linux 3.4");
  else {
    reap (spawn (dies, o));
    go_to (&o->step, 1);
    while (waitpid (-1, &code, 0) < 0 && errno == EINTR)
      ;
    ok (WIFSIGNALED (code) && WTERMSIG (code) == SIGSEGV,
        "a dead parent has nothing pinned");
  }
  return done_testing ();
}
