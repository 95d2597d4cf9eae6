/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hit writes shared memory in the thread's own ledger alone.
 *
 * While a thread pins and unpins a resident page, all of the pool's tables are
 * read-only but for the pages of its ledger: any other write ends the child.
 * The cache lines that two threads change there, for one page, are different.
 */
#include "util.h"

#define LINE 64u
#define MOST 64                 /* lines that one thread may change */

struct lines {
  size_t n;
  size_t at[MOST];              /* offsets in the tables */
};

static char *tables, *before;
static size_t tables_size;
static oriel_file *file;
static const unsigned modes[] = { ORIEL_OPTIMISTIC, ORIEL_READ };

/* The mapping of the pool file's beginning. */
static int
find_tables (void)
{
  FILE *f = fopen ("/proc/self/maps", "r");
  unsigned long from, to, offset;
  char line[600], access[5];

  while (f && fgets (line, sizeof line, f))
    if (strstr (line, "/oriel-test\n")
        && sscanf (line, "%lx-%lx %4s %lx", &from, &to, access, &offset) == 4
        && offset == 0 && access[1] == 'w') {
      tables = (char *) from;
      tables_size = to - from;
    }
  if (f)
    fclose (f);
  before = tables ? malloc (tables_size) : NULL;
  return before ? 0 : -1;
}

/* The lines that differ from before. */
static void
add_changes (struct lines *l)
{
  for (size_t at = 0; at < tables_size; at += LINE) {
    size_t i = 0;

    if (memcmp (tables + at, before + at, LINE) == 0)
      continue;
    while (i < l->n && l->at[i] != at)
      i++;
    if (i == l->n && l->n < MOST)
      l->at[l->n++] = at;
  }
}

static void
pin_and_unpin (unsigned mode)
{
  oriel_page page = must_pin (file, 1, mode);

  must (oriel_unpin (&page), "oriel_unpin");
}

/* What pins change, seen while they hold and after. */
static void *
look (void *arg)
{
  struct lines *l = arg;

  for (size_t m = 0; m < COUNT (modes); m++) {
    oriel_page page;

    for (int i = 0; i < 10; i++) /* the first of a thread do more */
      pin_and_unpin (modes[m]);
    memcpy (before, tables, tables_size);
    page = must_pin (file, 1, modes[m]);
    add_changes (l);
    must (oriel_unpin (&page), "oriel_unpin");
    add_changes (l);
  }
  return NULL;
}

/* Pin with all else read-only. */
static void *
work_protected (void *arg)
{
  size_t unit = (size_t) sysconf (_SC_PAGESIZE);
  struct lines l = { .n = 0 };

  (void) arg;
  look (&l);
  mprotect (tables, tables_size, PROT_READ);
  for (size_t i = 0; i < l.n; i++)
    mprotect (tables + l.at[i] / unit * unit, unit, PROT_READ | PROT_WRITE);
  for (int i = 0; i < 1000; i++)
    for (size_t m = 0; m < COUNT (modes); m++)
      pin_and_unpin (modes[m]);
  mprotect (tables, tables_size, PROT_READ | PROT_WRITE);
  return NULL;
}

struct outcome {
  struct lines a, b;
};

static int
child (void *arg)
{
  struct outcome *o = arg;
  oriel_options opt = test_options ();
  oriel_pool *pool;

  opt.flags = ORIEL_NO_FAULT_HANDLER;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  if (find_tables () < 0)
    return 77;
  look (&o->a);
  in_thread (look, &o->b);
  in_thread (work_protected, NULL);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

int
main (void)
{
  struct outcome *o = shared_memory (sizeof *o);
  int common = 0;

  pool_dir ();
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  is_int (in_child (child, o), 0, "nothing else is written");
  ok (o->a.n > 0 && o->a.n <= 4, "a thread changes %zu lines", o->a.n);
  ok (o->b.n > 0 && o->b.n <= 4, "another one %zu", o->b.n);
  for (size_t i = 0; i < o->a.n; i++)
    for (size_t j = 0; j < o->b.n; j++)
      common += o->a.at[i] == o->b.at[j];
  is_int (common, 0, "no line is common to both");
  return done_testing ();
}
