/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-micro-peers.c - other caches that give pages: Berkeley DB's mpool, LMDB
 *
 * mpool is asked for reading only: in 5.3.28 the check of memp_fget()'s
 * arguments clears the flags that it tests, so that DB_MPOOL_DIRTY is lost and
 * two writers get a page at once.
 *
 * LMDB has no pages to give: the nearest is a value of nearly a page, found by
 * the page's number in a read transaction that stays open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench-micro.h"

static void *
refuse (const char **why, const char *text)
{
  *why = text;
  return NULL;
}

#ifdef HAVE_DB
#include <db.h>

struct mpool {
  DB_ENV *env;
  DB_MPOOLFILE *file;
};

static void *
mpool_open (const struct place *place, const char *home, uint32_t flags,
            const char **why)
{
  struct mpool *m = calloc (1, sizeof *m);
  int rc;

  need (m != NULL, "memory");
  if ((rc = db_env_create (&m->env, 0)) != 0
      /* half as much again as the pages: it has headers, and hashes */
      || (rc = m->env->set_cachesize (m->env, 0, PAGES * PAGE / 2 * 3, 1)) != 0
      || (rc = m->env->open (m->env, home,
                             DB_CREATE | DB_INIT_MPOOL | DB_THREAD | flags,
                             0600)) != 0
      || (rc = m->env->memp_fcreate (m->env, &m->file, 0)) != 0
      || (rc = m->file->open (m->file, place->path, 0, 0, PAGE)) != 0)
    return refuse (why, db_strerror (rc));
  return m;
}

static void *
open_private (const struct place *place, const char **why)
{
  return mpool_open (place, NULL, DB_PRIVATE, why);
}

static void *
open_shared (const struct place *place, const char **why)
{
  static char home[300];

  snprintf (home, sizeof home, "%s/mpool", place->directory);
  if (mkdir (home, 0700) < 0 && errno != EEXIST)
    return refuse (why, strerror (errno));
  return mpool_open (place, home, 0, why);
}

static void
mpool_close (void *opened)
{
  struct mpool *m = opened;

  m->file->close (m->file, 0);
  m->env->close (m->env, 0);
  free (m);
}

static uint64_t
mpool_visit (void *opened, const uint32_t *pages, uint64_t n)
{
  DB_MPOOLFILE *file = ((struct mpool *) opened)->file;
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i++) {
    db_pgno_t number = pages[i];
    void *page;

    need (file->get (file, &number, NULL, 0, &page) == 0, "memp_fget");
    sum += *(volatile uint64_t *) page;
    need (file->put (file, page, DB_PRIORITY_UNCHANGED, 0) == 0,
          "memp_fput");
  }
  return sum;
}

const struct subject mpool_private
    = { "Berkeley DB mpool, private", BY_THREADS,
        open_private, mpool_close, mpool_visit, 0 };
const struct subject mpool_shared
    = { "Berkeley DB mpool, shared", BY_ALL,
        open_shared, mpool_close, mpool_visit, 0 };
#else
static void *
no_mpool (const struct place *place, const char **why)
{
  (void) place;
  return refuse (why, "configure found no Berkeley DB");
}

const struct subject mpool_private
    = { "Berkeley DB mpool, private", BY_THREADS, no_mpool, NULL,
        NULL, 0 };
const struct subject mpool_shared
    = { "Berkeley DB mpool, shared", BY_ALL, no_mpool, NULL,
        NULL, 0 };
#endif

#ifdef HAVE_LMDB
#include <lmdb.h>

#define VALUE 4000              /* bytes: with its node, a page of LMDB's */

struct lmdb {
  MDB_env *env;
  MDB_dbi table;
};

/* The first process fills it. */
static int
fill (MDB_env *env)
{
  static unsigned char value[VALUE];
  MDB_txn *txn;
  MDB_dbi table;
  MDB_stat stat;
  int rc;

  if ((rc = mdb_txn_begin (env, NULL, 0, &txn)) != 0)
    return rc;
  if ((rc = mdb_dbi_open (txn, NULL, MDB_INTEGERKEY | MDB_CREATE, &table)) == 0
      && (rc = mdb_stat (txn, table, &stat)) == 0 && stat.ms_entries == 0)
    for (uint32_t i = 0; rc == 0 && i < PAGES; i++) {
      MDB_val key = { sizeof i, &i }, data = { VALUE, value };
      uint64_t word = i;

      memcpy (value, &word, sizeof word);
      rc = mdb_put (txn, table, &key, &data, MDB_APPEND);
    }
  if (rc == 0)
    return mdb_txn_commit (txn);
  mdb_txn_abort (txn);
  return rc;
}

static void *
open_lmdb (const struct place *place, const char **why)
{
  struct lmdb *l = calloc (1, sizeof *l);
  char path[300];
  MDB_txn *txn;
  int rc;

  need (l != NULL, "memory");
  snprintf (path, sizeof path, "%s/lmdb", place->directory);
  if ((rc = mdb_env_create (&l->env)) != 0
      || (rc = mdb_env_set_mapsize (l->env, (size_t) PAGES * PAGE * 3)) != 0
      || (rc = mdb_env_open (l->env, path, MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOTLS,
                             0600)) != 0
      || (rc = fill (l->env)) != 0
      || (rc = mdb_txn_begin (l->env, NULL, MDB_RDONLY, &txn)) != 0)
    return refuse (why, mdb_strerror (rc));
  rc = mdb_dbi_open (txn, NULL, MDB_INTEGERKEY, &l->table);
  mdb_txn_abort (txn);
  return rc == 0 ? l : refuse (why, mdb_strerror (rc));
}

static void
close_lmdb (void *opened)
{
  struct lmdb *l = opened;

  mdb_env_close (l->env);
  free (l);
}

static uint64_t
visit_lmdb (void *opened, const uint32_t *pages, uint64_t n)
{
  struct lmdb *l = opened;
  uint64_t sum = 0;
  MDB_txn *txn;

  need (mdb_txn_begin (l->env, NULL, MDB_RDONLY, &txn) == 0, "mdb_txn_begin");
  for (uint64_t i = 0; i < n; i++) {
    uint32_t number = pages[i];
    MDB_val key = { sizeof number, &number }, data;
    uint64_t word;

    need (mdb_get (txn, l->table, &key, &data) == 0, "mdb_get");
    memcpy (&word, data.mv_data, sizeof word);
    sum += word;
  }
  mdb_txn_abort (txn);
  return sum;
}

const struct subject lmdb_get
    = { "LMDB get, one transaction", BY_ALL, open_lmdb, close_lmdb,
        visit_lmdb, 0 };
#else
static void *
no_lmdb (const struct place *place, const char **why)
{
  (void) place;
  return refuse (why, "configure found no LMDB");
}

const struct subject lmdb_get
    = { "LMDB get, one transaction", BY_ALL, no_lmdb, NULL, NULL, 0 };
#endif
