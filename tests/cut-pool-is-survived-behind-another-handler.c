/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole file of a pool is cut away, and a page that is pinned is touched: while
 * the handler answers that it comes upon the tables, which are gone, too.  So that
 * signal has to come also where the application has a handler of its own, which
 * calls ours with the signal blocked, as is the rule.
 */
#include "cut.h"

static struct sigaction ours;
static volatile sig_atomic_t calls;

static void
pass_on (int sig, siginfo_t *info, void *context)
{
  calls++;
  ours.sa_sigaction (sig, info, context);
}

static int
touch (void *unused)
{
  const struct sigaction sa = { .sa_sigaction = pass_on,
                                .sa_flags = SA_SIGINFO };
  oriel_options opt = test_options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page = must_pin (file, 1, ORIEL_READ);

  (void) unused;
  if (sigaction (SIGBUS, &sa, &ours) < 0)
    bail_out ("sigaction: %s", strerror (errno));
  cut_file (pool_path ("test"), 0);
  (void) *(volatile char *) page.data;
  if (calls < 1)
    return 1;
  if (oriel_unpin (&page) != -EIO)
    return 2;
  oriel_file_abandon (file);
  return oriel_pool_close (pool) == 0 ? 0 : 3;
}

int
main (void)
{
  pool_dir (); /* the child's, too */
  make_stamped_file (scratch_file ("data"), 4096, 4, 0, 1);
  is_int (in_child (touch, NULL), 0, "the process goes on, and is told");
  return done_testing ();
}
