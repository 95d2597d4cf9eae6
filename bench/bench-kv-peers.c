/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-kv-peers.c - the stores that are compared: examples/kv, LMDB, Berkeley DB
 *
 * Each as its manual says for several processes and many reads.  LMDB: a reader's
 * transaction is renewed for each get, as one must to see what others write; with
 * and without the kernel's readahead.  Berkeley DB: a shared environment with
 * transactions, locks and log; direct I/O for its pages, so that memory is not
 * spent twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../examples/kv/kv.h"
#include "bench-kv.h"

/* What errno says is not what went wrong here. */
static void
must (bool good, const char *what, const char *why)
{
  if (!good) {
    fprintf (stderr, "bench-kv: %s: %s\n", what, why);
    exit (1);
  }
}

static void *
allocate (size_t bytes)
{
  void *p = calloc (1, bytes);

  need (p != NULL, "memory");
  return p;
}

/* ------------------------------------------------------------------ */
/* Ours                                                               */

struct ours {
  oriel_pool *pool;
  kv *store;
  unsigned flags;
};

struct our_session {
  struct ours *store;
  kv_cursor *cursor;
};

static void
ours_must (int r, const char *what)
{
  if (r < 0)
    must (false, what, *oriel_error () ? oriel_error () : strerror (-r));
}

static void *
ours_open (const struct place *place)
{
  struct ours *o = allocate (sizeof *o);
  char path[320], pool[320];
  oriel_options opt;

  snprintf (path, sizeof path, "%s/store.kv", place->path);
  snprintf (pool, sizeof pool, "%s/oriel-bench-kv-%d", pool_directory (),
            (int) getppid ());
  oriel_options_init (&opt);
  /* With what it keeps of each page, some 170 bytes. */
  opt.page_size = place->page;
  opt.pool_size = place->cache / (place->page + 170) * place->page;
  opt.max_threads = opt.max_processes = 16; /* a little memory for each */
  /* Others of the round may still be there, and have it. */
  ours_must (oriel_pool_open (pool, &opt, &o->pool), "oriel_pool_open");
  ours_must (kv_open (o->pool, path, &(kv_options) { .log_size = 256 * MiB },
                      &o->store),
             "kv_open");
  if (place->warm) { /* in the file's order; that of keys is another */
    oriel_file *file;

    ours_must (oriel_file_open (o->pool, path, 0, &file), "oriel_file_open");
    ours_must (oriel_prefetch (file, 0, oriel_file_size (file) / place->page),
               "oriel_prefetch");
    ours_must (oriel_file_abandon (file), "oriel_file_abandon");
  }
  o->flags = place->durable ? 0 : KV_NOSYNC;
  return o;
}

static void *
ours_begin (void *store)
{
  struct our_session *s = allocate (sizeof *s);

  s->store = store;
  ours_must (kv_cursor_open (s->store->store, &s->cursor), "kv_cursor_open");
  return s;
}

static void
ours_end (void *session)
{
  kv_cursor_close (((struct our_session *) session)->cursor);
  free (session);
}

static void
ours_close (void *store)
{
  struct ours *o = store;

  ours_must (kv_close (o->store), "kv_close");
  ours_must (oriel_pool_close (o->pool), "oriel_pool_close");
  free (o);
}

static bool
ours_get (void *session, const void *key, void *value)
{
  struct our_session *s = session;
  int r = kv_get (s->store->store, key, KEY, value, MAX_VALUE, NULL);

  if (r != -ENOENT)
    ours_must (r, "kv_get");
  return r == 0;
}

static void
ours_put (void *session, const void *key, const void *value, size_t length)
{
  struct our_session *s = session;

  ours_must (kv_put (s->store->store, key, KEY, value, length,
                     s->store->flags),
             "kv_put");
}

static unsigned
ours_scan (void *session, const void *key, unsigned n, void *value)
{
  struct our_session *s = session;
  unsigned got = 0;
  kv_pair pair;

  ours_must (kv_seek (s->cursor, key, KEY), "kv_seek");
  while (got < n && kv_next (s->cursor, &pair) == 0) {
    memcpy (value, pair.value, pair.length);
    got++;
  }
  return got;
}

static void
ours_load (void *store, uint32_t n,
           void (*record) (uint32_t i, char key[KEY], char *value),
           size_t length)
{
  struct ours *o = store;
  char key[KEY], value[MAX_VALUE];

  for (uint32_t i = 0; i < n; i++) {
    record (i, key, value);
    ours_must (kv_put (o->store, key, KEY, value, length, KV_NOSYNC),
               "kv_put");
  }
  ours_must (kv_checkpoint (o->store), "kv_checkpoint");
}

const struct engine oriel_engine
    = { "oriel kv", "oriel", ours_open, ours_begin, ours_end, ours_close,
        ours_get, ours_put, ours_scan, ours_load };

/* ------------------------------------------------------------------ */
/* LMDB                                                               */

#ifdef HAVE_LMDB
#include <lmdb.h>

struct lmdb {
  MDB_env *env;
  MDB_dbi table;
};

struct lmdb_session {
  struct lmdb *store;
  MDB_txn *txn;
  MDB_cursor *cursor;
};

static void
lmdb_must (int rc, const char *what)
{
  must (rc == 0, what, mdb_strerror (rc));
}

static void *
lmdb_open_as (const struct place *place, unsigned flags)
{
  struct lmdb *l = allocate (sizeof *l);
  char path[320];
  MDB_txn *txn;

  snprintf (path, sizeof path, "%s/store.mdb", place->path);
  lmdb_must (mdb_env_create (&l->env), "mdb_env_create");
  lmdb_must (mdb_env_set_mapsize (l->env, place->map), "mdb_env_set_mapsize");
  lmdb_must (mdb_env_open (l->env, path,
                           MDB_NOSUBDIR | flags
                               | (place->durable ? 0 : MDB_NOSYNC),
                           0600),
             path);
  lmdb_must (mdb_txn_begin (l->env, NULL, 0, &txn), "mdb_txn_begin");
  lmdb_must (mdb_dbi_open (txn, NULL, 0, &l->table), "mdb_dbi_open");
  lmdb_must (mdb_txn_commit (txn), "mdb_txn_commit");
  return l;
}

static void *
lmdb_open (const struct place *place)
{
  return lmdb_open_as (place, 0);
}

static void *
lmdb_open_random (const struct place *place)
{
  return lmdb_open_as (place, MDB_NORDAHEAD);
}

static void *
lmdb_begin (void *store)
{
  struct lmdb_session *s = allocate (sizeof *s);

  s->store = store;
  lmdb_must (mdb_txn_begin (s->store->env, NULL, MDB_RDONLY, &s->txn),
             "mdb_txn_begin");
  lmdb_must (mdb_cursor_open (s->txn, s->store->table, &s->cursor),
             "mdb_cursor_open");
  mdb_txn_reset (s->txn);
  return s;
}

static void
lmdb_end (void *session)
{
  struct lmdb_session *s = session;

  mdb_cursor_close (s->cursor);
  mdb_txn_abort (s->txn);
  free (s);
}

static void
lmdb_close (void *store)
{
  mdb_env_close (((struct lmdb *) store)->env);
  free (store);
}

static bool
lmdb_get (void *session, const void *key, void *value)
{
  struct lmdb_session *s = session;
  MDB_val k = { KEY, (void *) key }, v;
  int rc;

  lmdb_must (mdb_txn_renew (s->txn), "mdb_txn_renew");
  rc = mdb_get (s->txn, s->store->table, &k, &v);
  if (rc == 0)
    memcpy (value, v.mv_data, v.mv_size);
  else if (rc != MDB_NOTFOUND)
    lmdb_must (rc, "mdb_get");
  mdb_txn_reset (s->txn);
  return rc == 0;
}

static void
lmdb_put (void *session, const void *key, const void *value, size_t length)
{
  struct lmdb_session *s = session;
  MDB_val k = { KEY, (void *) key }, v = { length, (void *) value };
  MDB_txn *txn;

  lmdb_must (mdb_txn_begin (s->store->env, NULL, 0, &txn), "mdb_txn_begin");
  lmdb_must (mdb_put (txn, s->store->table, &k, &v, 0), "mdb_put");
  lmdb_must (mdb_txn_commit (txn), "mdb_txn_commit");
}

static unsigned
lmdb_scan (void *session, const void *key, unsigned n, void *value)
{
  struct lmdb_session *s = session;
  MDB_val k = { KEY, (void *) key }, v;
  unsigned got = 0;
  int rc;

  lmdb_must (mdb_txn_renew (s->txn), "mdb_txn_renew");
  lmdb_must (mdb_cursor_renew (s->txn, s->cursor), "mdb_cursor_renew");
  rc = mdb_cursor_get (s->cursor, &k, &v, MDB_SET_RANGE);
  while (rc == 0 && got < n) {
    memcpy (value, v.mv_data, v.mv_size);
    got++;
    rc = mdb_cursor_get (s->cursor, &k, &v, MDB_NEXT);
  }
  mdb_txn_reset (s->txn);
  return got;
}

static void
lmdb_load (void *store, uint32_t n,
           void (*record) (uint32_t i, char key[KEY], char *value),
           size_t length)
{
  struct lmdb *l = store;
  char key[KEY], value[MAX_VALUE];
  MDB_txn *txn;

  lmdb_must (mdb_txn_begin (l->env, NULL, 0, &txn), "mdb_txn_begin");
  for (uint32_t i = 0; i < n; i++) {
    MDB_val k = { KEY, key }, v = { length, value };

    record (i, key, value);
    lmdb_must (mdb_put (txn, l->table, &k, &v, 0), "mdb_put");
    if (i % 50000 == 49999) {
      lmdb_must (mdb_txn_commit (txn), "mdb_txn_commit");
      lmdb_must (mdb_txn_begin (l->env, NULL, 0, &txn), "mdb_txn_begin");
    }
  }
  lmdb_must (mdb_txn_commit (txn), "mdb_txn_commit");
  lmdb_must (mdb_env_sync (l->env, 1), "mdb_env_sync");
}

const struct engine lmdb_engine
    = { "LMDB", "lmdb", lmdb_open, lmdb_begin, lmdb_end, lmdb_close,
        lmdb_get, lmdb_put, lmdb_scan, lmdb_load };
const struct engine lmdb_random_engine
    = { "LMDB, NORDAHEAD", "lmdb", lmdb_open_random, lmdb_begin, lmdb_end,
        lmdb_close, lmdb_get, lmdb_put, lmdb_scan, lmdb_load };
#else
const struct engine lmdb_engine = { .name = "LMDB" };
const struct engine lmdb_random_engine = { .name = "LMDB, NORDAHEAD" };
#endif

/* ------------------------------------------------------------------ */
/* Berkeley DB                                                        */

#ifdef HAVE_DB
#include <db.h>

struct bdb {
  DB_ENV *env;
  DB *table;
};

static void
bdb_must (int rc, const char *what)
{
  must (rc == 0, what, db_strerror (rc));
}

static void *
bdb_open (const struct place *place)
{
  const uint32_t parts = DB_INIT_MPOOL | DB_INIT_LOCK | DB_INIT_LOG
                         | DB_INIT_TXN | DB_THREAD | DB_CREATE;
  struct bdb *b = allocate (sizeof *b);
  uint64_t bytes;
  char home[320];
  DB_ENV *env;

  /* Its cache in /dev/shm, as ours: in a mapped file, which is its other way, it
   * is written to the disk all the time when memory is short. */
  snprintf (home, sizeof home, "%s/oriel-bench-kv-%d-bdb", pool_directory (),
            (int) getppid ());
  need (mkdir (home, 0700) == 0 || errno == EEXIST, home);
  bdb_must (db_env_create (&env, 0), "db_env_create");
  b->env = env;
  /* It adds a quarter to less than 500 MB. */
  bytes = place->cache < 500 * MiB ? place->cache / 5 * 4 : place->cache;
  bdb_must (env->set_cachesize (env, (uint32_t) (bytes >> 30),
                                (uint32_t) (bytes & (GiB - 1)), 1),
            "set_cachesize");
  bdb_must (env->set_lg_bsize (env, place->tight ? MiB / 4 : 4 * MiB),
            "set_lg_bsize");
  bdb_must (env->set_lg_max (env, 64 * MiB), "set_lg_max");
  bdb_must (env->set_lk_detect (env, DB_LOCK_DEFAULT), "set_lk_detect");
  if (!place->tight) {
    bdb_must (env->set_lk_max_locks (env, 20000), "set_lk_max_locks");
    bdb_must (env->set_lk_max_objects (env, 20000), "set_lk_max_objects");
  }
  bdb_must (env->log_set_config (env, DB_LOG_AUTO_REMOVE, 1),
            "DB_LOG_AUTO_REMOVE");
  if (!place->durable)
    bdb_must (env->set_flags (env, DB_TXN_WRITE_NOSYNC, 1),
              "DB_TXN_WRITE_NOSYNC");
  bdb_must (env->add_data_dir (env, place->path), "add_data_dir");
  bdb_must (env->set_create_dir (env, place->path), "set_create_dir");
  bdb_must (env->set_lg_dir (env, place->path), "set_lg_dir");
  bdb_must (env->open (env, home, parts, 0600), home);
  bdb_must (db_create (&b->table, env, 0), "db_create");
  bdb_must (b->table->set_pagesize (b->table, place->page), "set_pagesize");
  bdb_must (b->table->open (b->table, NULL, "store.db", NULL, DB_BTREE,
                            DB_CREATE | DB_AUTO_COMMIT | DB_THREAD, 0600),
            "DB->open");
  return b;
}

static void *
bdb_begin (void *store)
{
  return store;
}

static void
bdb_end (void *session)
{
  (void) session;
}

static void
bdb_close (void *store)
{
  struct bdb *b = store;

  bdb_must (b->table->close (b->table, 0), "DB->close");
  bdb_must (b->env->close (b->env, 0), "DB_ENV->close");
  free (b);
}

static DBT
key_dbt (const void *key)
{
  DBT k = { .data = (void *) key, .size = KEY, .ulen = KEY,
            .flags = DB_DBT_USERMEM };

  return k;
}

static bool
bdb_get (void *session, const void *key, void *value)
{
  struct bdb *b = session;
  DBT k = key_dbt (key);
  DBT v = { .data = value, .ulen = MAX_VALUE, .flags = DB_DBT_USERMEM };
  int rc;

  do
    rc = b->table->get (b->table, NULL, &k, &v, 0);
  while (rc == DB_LOCK_DEADLOCK);
  if (rc != DB_NOTFOUND)
    bdb_must (rc, "DB->get");
  return rc == 0;
}

static void
bdb_put (void *session, const void *key, const void *value, size_t length)
{
  struct bdb *b = session;
  DBT k = key_dbt (key);
  DBT v = { .data = (void *) value, .size = (uint32_t) length };
  int rc;

  do
    rc = b->table->put (b->table, NULL, &k, &v, DB_AUTO_COMMIT);
  while (rc == DB_LOCK_DEADLOCK);
  bdb_must (rc, "DB->put");
}

static unsigned
bdb_scan (void *session, const void *key, unsigned n, void *value)
{
  struct bdb *b = session;
  char its[KEY];
  unsigned got;
  int rc;

  do {
    DBT k = key_dbt (its);
    DBT v = { .data = value, .ulen = MAX_VALUE, .flags = DB_DBT_USERMEM };
    DBC *cursor;

    memcpy (its, key, KEY);
    got = 0;
    bdb_must (b->table->cursor (b->table, NULL, &cursor, DB_READ_COMMITTED),
              "DB->cursor");
    rc = cursor->get (cursor, &k, &v, DB_SET_RANGE);
    while (rc == 0 && ++got < n)
      rc = cursor->get (cursor, &k, &v, DB_NEXT);
    cursor->close (cursor);
  } while (rc == DB_LOCK_DEADLOCK);
  if (rc != DB_NOTFOUND)
    bdb_must (rc, "DBC->get");
  return got;
}

static void
bdb_load (void *store, uint32_t n,
          void (*record) (uint32_t i, char key[KEY], char *value),
          size_t length)
{
  struct bdb *b = store;
  char key[KEY], value[MAX_VALUE];

  for (uint32_t i = 0; i < n; i++) {
    record (i, key, value);
    bdb_put (b, key, value, length);
    if (i % 50000 == 49999)
      bdb_must (b->env->txn_checkpoint (b->env, 0, 0, 0), "txn_checkpoint");
  }
  bdb_must (b->env->txn_checkpoint (b->env, 0, 0, DB_FORCE),
            "txn_checkpoint");
}

const struct engine bdb_engine
    = { "Berkeley DB", "bdb", bdb_open, bdb_begin, bdb_end, bdb_close,
        bdb_get, bdb_put, bdb_scan, bdb_load };
#else
const struct engine bdb_engine = { .name = "Berkeley DB" };
#endif
