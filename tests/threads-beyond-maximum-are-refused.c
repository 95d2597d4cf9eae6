/* SPDX-License-Identifier: BSD-2-Clause */
/* When max_threads threads use the pool, another's calls fail and say so;
 * once one of them is gone they work. */
#include "util.h"

static oriel_file *file;
static steps at;

static void *
holds (void *arg)
{
  oriel_page page = must_pin (file, 1, ORIEL_READ);

  (void) arg;
  atomic_fetch_add (&at, 1);
  await (&at, 10);
  must (oriel_unpin (&page), "oriel_unpin");
  return NULL;
}

struct outcome {
  int rc;
  char text[300];
};

static void *
tries (void *arg)
{
  struct outcome *o = arg;
  oriel_page page;

  o->rc = oriel_pin (file, 1, ORIEL_READ, &page);
  snprintf (o->text, sizeof o->text, "%s", oriel_error ());
  if (o->rc == 0)
    oriel_unpin (&page);
  return NULL;
}

int
main (void)
{
  oriel_options opt = test_options ();
  struct outcome o;
  pthread_t threads[3];
  oriel_pool *pool;

  opt.max_threads = 4;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  ok (!page_is_stamped (pool, file, 1, 1), "the first thread");
  for (int i = 0; i < 3; i++)
    threads[i] = start_thread (holds, NULL);
  await (&at, 3);
  in_thread (tries, &o);
  ok (o.rc < 0, "the fifth thread is refused (%d)", o.rc);
  ok (strstr (o.text, "max_threads") != NULL, "the text says why: %s", o.text);
  go_to (&at, 10);
  for (int i = 0; i < 3; i++)
    pthread_join (threads[i], NULL);
  in_thread (tries, &o);
  is_int (o.rc, 0, "when others have gone it works");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
