/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cursor gives each key that stays once and in order, in both directions, also
 * when between any two of its steps other keys come and go, so that leaves before,
 * behind and under it are split and joined.
 */
#include "kv.h"

#define KEYS 2000               /* that stay; as many others come and go */
#define VALUE 100
#define SEED 20261123

static kv *store;
static bool there[KEYS];        /* the key behind the one that stays */

static void
turn (unsigned k)
{
  char key[20], value[VALUE] = "";
  size_t length = (size_t) sprintf (key, "%05u+", k);

  must (there[k] ? kv_delete (store, key, length, KV_NOSYNC)
                 : kv_put (store, key, length, value, sizeof value, KV_NOSYNC),
        "a change");
  there[k] = !there[k];
}

/* Between two steps: keys around the cursor's come or go together, and some others
 * anywhere. */
static void
change (unsigned k, uint64_t *random)
{
  unsigned around = (unsigned) (next_random (random) % 80);

  if (next_random (random) % 8 == 0)
    for (unsigned i = k < 40 ? 0 : k - 40; i < k + around && i < KEYS; i++)
      if (there[i] == (around % 2))
        turn (i);
  turn ((unsigned) (next_random (random) % KEYS));
}

/* The keys that stay which were given, as far as they came in order. */
static unsigned
walk (bool back, uint64_t *random)
{
  kv_cursor *cursor;
  unsigned seen = 0;
  kv_pair pair;
  char last[20] = "";

  must (kv_cursor_open (store, &cursor), "kv_cursor_open");
  must (kv_seek (cursor, back ? NULL : "", 0), "kv_seek");
  while (kv_step (cursor, back, &pair) == 0) {
    char its[20];
    int order;

    snprintf (its, sizeof its, "%.*s", (int) pair.key_length,
              (const char *) pair.key);
    order = strcmp (its, last);
    if (last[0] && (back ? order >= 0 : order <= 0)) {
      diag ("%s after %s", its, last);
      break;
    }
    strcpy (last, its);
    if (pair.key_length == 5
        && (unsigned) atoi (its) != (back ? KEYS - 1 - seen : seen)) {
      diag ("%s is the %u-th", its, seen);
      break;
    }
    seen += pair.key_length == 5;
    change ((unsigned) atoi (its), random);
  }
  kv_cursor_close (cursor);
  return seen;
}

int
main (void)
{
  char key[20], value[VALUE] = "";
  uint64_t random = SEED;
  unsigned n;

  diag ("seed %d", SEED);
  store = kv_must_open (test_pool (), kv_file ("a.kv"), 0);
  for (unsigned k = 0; k < KEYS; k++)
    must (kv_put (store, key, (size_t) sprintf (key, "%05u", k), value,
                  sizeof value, KV_NOSYNC),
          "kv_put");
  for (int i = 0; i < 3; i++) {
    n = walk (false, &random);
    is_int (n, KEYS, "forwards each key that stays comes once, in order");
    n = walk (true, &random);
    is_int (n, KEYS, "and backwards");
  }
  ok (kv_check (store) > 0, "it is still a tree");
  return done_testing ();
}
