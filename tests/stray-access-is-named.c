/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Touching a part of the window that shows nothing is named on stderr, and the
 * signal goes to whoever handled it before: by default the process dies by it.
 * Faults elsewhere are not Oriel's.
 */
#include "window.h"

/* An address outside every window that can't be accessed. */
static void *
nowhere (void)
{
  return mmap (NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static uint32_t backend;
static int with_handler, elsewhere;

static void
handler (int sig, siginfo_t *info, void *context)
{
  (void) sig, (void) info, (void) context;
  _exit (42);
}

static int
strays (void *arg)
{
  struct sigaction action = { .sa_sigaction = handler,
                              .sa_flags = SA_SIGINFO };
  oriel_options opt = test_options ();
  volatile char *where;
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;

  (void) arg;
  if (!with_handler)
    action = (struct sigaction) { .sa_handler = SIG_DFL };
  sigaction (SIGSEGV, &action, NULL);
  sigaction (SIGBUS, &action, NULL);
  opt.backend = backend;
  opt.slot_size = 16384;
  opt.window_size = 64 * 16384;
  if (oriel_pool_open ("test", &opt, &pool) == -EOPNOTSUPP)
    return 77;
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  /* The first of the slots; two further none was shown yet. */
  page = must_pin (file, 0, ORIEL_OPTIMISTIC);
  where = elsewhere ? nowhere () : (char *) page.data + 2 * 16384;
  fprintf (stderr, "before the stray access\n");
  *where = 1;
  return 0;
}

int
main (void)
{
  char text[4096];
  int code;

  pool_dir ();
  scratch ();
  for (size_t b = 0; b < COUNT (swapping_backends); b++) {
    backend = swapping_backends[b];
    with_handler = elsewhere = 0;
    code = in_child_stderr (strays, NULL, text, sizeof text);
    if (code == 77) {
      skip ("the kernel lacks this backend");
      continue;
    }
    is_int (code, 128 + (backend == ORIEL_BACKEND_MMAP ? SIGSEGV : SIGBUS),
            "the process dies by the signal");
    ok (strstr (text, "oriel") && strstr (text, "slot"),
        "stderr names the slot");
    diag ("stderr: %s", text);
    with_handler = 1;
    code = in_child_stderr (strays, NULL, text, sizeof text);
    is_int (code, 42, "a handler that was there before is called");
    ok (strstr (text, "oriel") && strstr (text, "slot"),
        "after the access is named");
    elsewhere = 1;
    code = in_child_stderr (strays, NULL, text, sizeof text);
    is_int (code, 42, "also for a fault elsewhere");
    ok (!strstr (text, "slot"), "of which Oriel says nothing");
  }
  return done_testing ();
}
