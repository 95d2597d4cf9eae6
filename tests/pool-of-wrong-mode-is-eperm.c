/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool that others could read or write is refused. */
#include "util.h"

int
main (void)
{
  static const mode_t modes[] = { 0644, 0660, 0666, 0604, 0700, 04600 };
  oriel_options opt = test_options ();
  oriel_pool *pool = test_pool ();
  char what[40];

  must (oriel_pool_close (pool), "oriel_pool_close");
  for (size_t i = 0; i < COUNT (modes); i++) {
    chmod (pool_path ("test"), modes[i]);
    snprintf (what, sizeof what, "mode %#o is -EPERM", modes[i]);
    is_rc (oriel_pool_open ("test", &opt, &pool), -EPERM, what);
  }
  ok (strstr (oriel_error (), "0600") != NULL, "the text says the right: %s",
      oriel_error ());
  chmod (pool_path ("test"), 0600);
  is_rc (oriel_pool_open ("test", &opt, &pool), 0, "mode 0600 is right");
  must (oriel_pool_close (pool), "oriel_pool_close");
  umask (0);
  is_rc (oriel_pool_open ("umask", &opt, &pool), 0, "created with umask 0");
  must (oriel_pool_close (pool), "oriel_pool_close");
  is_rc (oriel_pool_open ("umask", &opt, &pool), 0, "it has mode 0600");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
