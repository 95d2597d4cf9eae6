/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coherence.c - when the pool's pages of a database may be believed
 *
 * The pool is a cache that some of a database's users share.  Others, strangers
 * from here on, change the file without it: processes with the default VFS, or
 * with another pool.  What is said here has to hold whoever they are, whatever
 * they do within SQLite's locking rules, and wherever any process is killed.
 *
 * INVARIANTS
 *
 * 1. A connection reads pages from the pool only under a lock of SQLite's that
 *    keeps those pages, in the file, as they are, and after it has found that
 *    the pool has nothing older.  Without a lock (SQLite reads the header so),
 *    or if it cannot find out, it reads the lower file: it behaves as a
 *    stranger, which is always right.
 * 2. Pages are dirty in the pool only while the connection that wrote them
 *    holds the lock which let it, and is the file's OWNER and WRITING.  Nobody
 *    else drops pages then, since that would lose them.
 * 3. What the words say of the pool was true before they said it.
 * 4. What the pool reads ahead has been read when SHARED goes, as unlocking
 *    waits for that.  So it is read under a lock like all else.
 *
 * THE WORDS, in the memory of the pool that oriel_file_words() gives
 *
 * OWNER    token of the process that drops pages or writes; 0 none.  It is
 *          taken by compare-and-swap.
 * WRITING  the owner's token while it may have dirty pages: for long.  An
 *          owner that is not WRITING is looking or dropping: for microseconds.
 * STATE    digest of the file (size, times, the 16 version bytes) when the pool
 *          was last known to agree with it; 0 unknown.
 * WAL      digest of the wal-index (salts, nBackfill) likewise; 0 unknown.
 * LOG      the salts, and
 * COPIED   nBackfill of that wal-index, and in the upper half its mxFrame;
 * SUM      that frame's checksum: they count while WAL is not 0.
 *
 *        OWNER 0 ---- take() ----> OWNER me ---- vfs_write_begin() ---->
 *          ^                          |             OWNER me, WRITING me
 *          +---------- leave() -------+                     |
 *          +-------------------- vfs_write_end() -----------+
 *
 * A process that dies as OWNER is found dead by the next who looks, who takes
 * its place (compare-and-swap again).  If WRITING is 0, that is all: what the
 * words say is true at each step of those who look.  Else pages are dirty that
 * were protected by a lock that the kernel has released, so the file, with its
 * journal or log, is what counts: they are dropped, and with a rollback journal
 * all others, too, as some may be what is going to be rolled back.  It is
 * essential that the pool itself never writes dirty ones either: to evict, say.
 * Who holds a lock of SQLite's that excludes all other writers (EXCLUSIVE, or
 * the wal-index's CKPT) takes the place of a WRITING owner without asking: that
 * one cannot have such a lock, so it is dead, whatever its attachment's
 * liveness says (a forked child may keep that alive for some time).
 *
 * ROLLBACK JOURNAL
 *
 * Strangers change the file under EXCLUSIVE only, and a commit changes the
 * version bytes.  So after SHARED was taken, and before the first page is read,
 * compare the file with STATE.  If they differ: drop, and note what the file
 * was before.  Rollback of a stranger's transaction puts back what was there:
 * the times differ, and if not (they are as coarse as a tick of the clock) the
 * pages are right all the same, since nobody loads pages without a lock.
 * Our own commits are flushed before the journal is deleted
 * (SQLITE_FCNTL_SYNC), and noted in STATE before EXCLUSIVE goes.
 *
 * WAL
 *
 * Everyone holds SHARED all the time, and the file changes by checkpoints only,
 * each of which advances nBackfill when it is done; the salts change when the
 * log starts anew.  A reader does not read from the database file any page that
 * has a frame in the log behind nBackfill as it loaded it and up to its own
 * mark, and a checkpoint copies no frame behind any reader's mark.  So:
 * - SHARED alone protects nothing: without a read mark, or EXCLUSIVE, pages are
 *   read from the file.  So they are if a VFS above ours keeps the wal-index
 *   itself and its locks do not come by here.
 * - What matters is that the pool has no page from before a checkpoint that
 *   the reader took for done.  SQLite loads nBackfill after it got its read
 *   lock, then calls xShmBarrier, then may give up and try again.  We compare
 *   with WAL at the first read after the lock: nBackfill is then as the reader
 *   has it, or further.
 * - Pages that a stranger's checkpoint is just copying may be loaded, old,
 *   new or torn: as part of a larger pool page, by readahead, or by SQLite when
 *   it looks at the header before it knows that there is a log.  No reader
 *   asks for them until nBackfill has advanced, and then they are dropped.  If
 *   the stranger dies first, they have frames behind nBackfill still, and the
 *   next checkpoint writes them again, or skips them for later frames.  Nor
 *   does it matter whether what is read ahead is read before the read mark goes
 *   or after it: it belongs to the file as it was when the read began, and is
 *   dropped with the rest when that is found to have changed.
 * - Writing back a pool page of which SQLite wrote a part writes its neighbours
 *   too.  They are as in the file (CKPT excludes strangers' checkpoints, and we
 *   compare when we get it), or such as the last point says: unread, and to be
 *   written again.
 * - Our own checkpoints: under CKPT we are OWNER and WRITING.  WAL is noted
 *   before OWNER is given up, before CKPT goes.  A reader of ours that finds
 *   nBackfill advanced and WAL not yet goes without the pool for once.
 * - A stranger's checkpoint costs the pages that it copied, as long as the log is
 *   the one that was noted, or started anew under our eyes: coherence-log.c.
 * - A log that starts anew changes salts, and makes nBackfill 0, and not the
 *   file.  When WAL differs, the file is compared with STATE before pages are
 *   dropped, so that costs nothing.  The version bytes do not tell commits of
 *   this kind apart, so STATE must not be trusted within a tick of the clock:
 *   see settle().
 * - Salts 0 are those of every log without frames: they are no proof, STATE is.
 * - Nor are salts and nBackfill while no one has the file open: someone may
 *   put back an older file with its log, which has the same salts, and go on
 *   until as many frames are copied.  So a connection that had no lock before, as
 *   when it was just opened, holds the log's content against what was noted, and
 *   if it differs, the file against STATE.
 * - locking_mode=EXCLUSIVE, and the checkpoint when the last connection closes,
 *   use no locks of the wal-index: EXCLUSIVE protects them, and everything is
 *   as in rollback mode, but that others may have written between SHARED and
 *   EXCLUSIVE: compare anew.
 * A change from one journal mode to another changes the version bytes, under
 * EXCLUSIVE.
 *
 * THE DEAD, with a log.  When WAL is noted, the file differs from the pool, and
 * from what readers may ask for, by no page.  After that
 * 1. all changes of the file are checkpoints', of frames behind nBackfill as it
 *    was noted, as long as the salts are the same: before a log starts anew, or
 *    is deleted, all of it is copied, and then the salts change.
 * 2. So a page of the file that was changed, by whoever it was, also halfway, has
 *    a frame behind COPIED.  The log is kept, so the frame is there.
 * 3. A reader takes each page that has a frame behind nBackfill, as it is now,
 *    from the log: its mark is not before that frame, as 1's checkpoint copied
 *    none behind the marks of its time, and later marks are at the log's end.
 * If nBackfill is not greater than COPIED, then by 2 and 3 nobody asks for a page
 * of which the pool and the file have different contents; and before nBackfill
 * grows each of these is written anew: by us, through the pool, or by a stranger,
 * and then WAL differs.  So what a dead checkpointer leaves in doubt is what is
 * dirty, as no one would write that any more: it is dropped, the rest stays.
 * When all processes were killed, the next one makes the wal-index anew from the
 * log: nBackfill is 0, less than COPIED.  If it is greater, the dead one, or a
 * stranger after it, came to the end of a checkpoint: what differs then, but for
 * dirty pages, has frames between the two, whoever it was (coherence-log.c).
 *
 * IMMUTABLE databases have no locks; we compare at open, once.
 *
 * Locks: on entry the connection's thread holds none of ours; a vfs_file's
 * mutex keeps the connections of this process, which share a token, apart.
 */
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "coherence.h"

/* How long an owner that is not WRITING may take: it does a few system calls,
 * on a machine that may be busy.  Then we go without the pool. */
#define PATIENCE_US 100000
#define NAP_US 50

/* How long an owner who was found alive is taken for that by readers: each look
 * is a system call, at each transaction while another process copies the log. */
#define ALIVE_MS 10

/* A file system whose times have no fraction of a second. */
#define COARSE_SECONDS 2

static bool
swap (const struct vfs_file *f, int word, uint64_t from, uint64_t to)
{
  return __atomic_compare_exchange_n (&f->words[word], &from, to, false,
                                      __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
}

/* ------------------------------------------------------------------ */
/* The file's state                                                   */

struct file_state {
  uint64_t digest;              /* never 0 */
  struct timespec mtime;
};

static uint64_t
mix (uint64_t hash, uint64_t value)
{
  hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 29);
}

/* Bytes 16 to 39 of the file, into c->head.  When we have just written it, the
 * pool has them too and spares the disk. */
static bool
read_head (struct vfs_connection *c, bool from_pool)
{
  size_t got = 0;
  ssize_t n = 0;

  if (from_pool)
    c->head_valid = oriel_read (vfs_oriel (c), 16, c->head, sizeof c->head,
                                &got) == 0;
  else
    {
      /* Past the lower file: an error that a later read of its does not meet
       * is none, and must not be told or counted as one. */
      n = pread (oriel_file_fd (vfs_oriel (c)), c->head, sizeof c->head, 16);
      c->head_valid = n >= 0;
      got = n > 0 ? (size_t) n : 0;
      memset (c->head + got, 0, sizeof c->head - got);
    }
  c->head_short = got < sizeof c->head;
  /* Bytes 18 and 19 are 2 in a database that uses a log. */
  c->wal_format = c->head_valid && (c->head[2] == 2 || c->head[3] == 2);
  return c->head_valid;
}

static bool
stat_file (const struct vfs_connection *c, uint64_t digest,
           struct file_state *s)
{
  struct stat st;

  if (fstat (oriel_file_fd (vfs_oriel (c)), &st) < 0)
    return false;
  digest = mix (digest, (uint64_t) st.st_size);
  digest = mix (digest, (uint64_t) st.st_mtim.tv_sec);
  digest = mix (digest, (uint64_t) st.st_mtim.tv_nsec);
  digest = mix (digest, (uint64_t) st.st_ctim.tv_sec);
  digest = mix (digest, (uint64_t) st.st_ctim.tv_nsec);
  s->digest = digest | 1;
  s->mtime = st.st_mtim;
  return true;
}

static uint64_t
digest_head (const struct vfs_connection *c)
{
  uint64_t half[2];

  memcpy (half, c->head + 8, sizeof half);
  return mix (mix (0, half[0]), half[1]);
}

static bool
get_state (struct vfs_connection *c, bool from_pool, struct file_state *s)
{
  return read_head (c, from_pool) && stat_file (c, digest_head (c), s);
}

/* Is the file's time so old that a write from now on must change it? */
static bool
is_settled (const struct file_state *s)
{
  struct timespec now;

  if (clock_gettime (CLOCK_REALTIME_COARSE, &now) < 0)
    return false;
  if (s->mtime.tv_nsec == 0)
    return now.tv_sec - s->mtime.tv_sec > COARSE_SECONDS;
  return now.tv_sec > s->mtime.tv_sec
         || (now.tv_sec == s->mtime.tv_sec
             && now.tv_nsec > s->mtime.tv_nsec);
}

/*
 * What to note in STATE for a file that is as s says.  A stranger that uses the
 * log could change it again within this tick of the clock and leave no trace in
 * digest, so of such a file nothing is noted; but if it was we who wrote it, we
 * first set its time to the nanosecond, which no tick will meet.
 */
static uint64_t
settle (struct vfs_connection *c, struct file_state *s, bool ours)
{
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };

  if (!c->wal_format || is_settled (s))
    return s->digest;
  if (!ours || clock_gettime (CLOCK_REALTIME, &times[1]) < 0)
    return 0;
  times[1].tv_nsec |= 1; /* nor a file system's full second */
  if (futimens (oriel_file_fd (vfs_oriel (c)), times) < 0
      || !stat_file (c, digest_head (c), s)
      || s->mtime.tv_nsec != times[1].tv_nsec)
    return 0;
  return s->digest;
}

/* ------------------------------------------------------------------ */
/* Being the owner                                                    */

enum taken { TAKEN, TAKEN_FROM_DEAD, BUSY };

/* Whoever had it before, if he was writing, did not come to the end of it. */
static enum taken
taken (const struct vfs_file *f)
{
  return load (f, WRITING) ? TAKEN_FROM_DEAD : TAKEN;
}

/* Become OWNER.  exclusive: the connection's lock excludes all writers.
 * The file's mutex is held, and no connection of this process is writer. */
static enum taken
take (const struct vfs_file *f, bool exclusive)
{
  uint64_t me = f->pool->self;

  for (unsigned waited = 0;;)
    {
      uint64_t owner = load (f, OWNER);
      bool writes = owner && load (f, WRITING) == owner;

      if (owner == me) /* a writer that never came to its end */
        return TAKEN_FROM_DEAD;
      if (owner == 0 || (writes && exclusive)
          || !oriel_alive (f->pool->pool, owner))
        {
          if (swap (f, OWNER, owner, me))
            return taken (f);
        }
      else if (writes || waited >= PATIENCE_US)
        return BUSY;
      else
        {
          usleep (NAP_US);
          waited += NAP_US;
        }
    }
}

static void
leave (const struct vfs_file *f)
{
  store (f, WRITING, 0);
  /* It may have been taken from us, by someone who knew better. */
  swap (f, OWNER, f->pool->self, 0);
}

/* The log's digest is that of WAL.  Is it also the log that was noted?  Not being
 * OWNER one may be told that it is not. */
static bool
is_noted_log (struct vfs_connection *c, const struct vfs_log *log)
{
  if (!c->same_log
      && (!vfs_is_same_log (c, log) || load (c->shared, WAL) != log->digest))
    return false;
  c->same_log = true;
  return true;
}

static int
drop_all (const struct vfs_file *f)
{
  int r;

  store (f, STATE, 0);
  store (f, WAL, 0);
  r = oriel_file_drop (f->file);
  return r < 0 ? r : oriel_file_refresh (f->file);
}

/* The pool has nothing of the file, which is as s says.  false: that could not be
 * done. */
static bool
begin_anew (struct vfs_connection *c, struct file_state *s)
{
  int r = drop_all (c->shared);

  if (r < 0)
    vfs_note_failure (c, r);
  else
    store (c->shared, STATE, settle (c, s, false));
  return r == 0;
}

/* As OWNER: make the pool agree with the file.  suspect: it has pages of a dead
 * writer.  false: it could not be done. */
static bool
compare (struct vfs_connection *c, bool suspect)
{
  struct vfs_file *f = c->shared;
  enum restart restart;
  struct vfs_log log;
  struct file_state s;

  vfs_wal_look (c, &log); /* before the file's state: see 3 */
  if (!suspect && log.digest && log.digest == load (f, WAL)
      && is_noted_log (c, &log))
    return true;
  if (vfs_follow_log (c, &log, suspect))
    {
      vfs_note_log (f, &log);
      c->same_log = true;
      return true;
    }
  if (suspect)
    {
      store (f, STATE, 0);
      store (f, WAL, 0); /* also if what follows cannot be done */
    }
  if (!get_state (c, false, &s))
    return false;
  if (s.digest != load (f, STATE))
    {
      restart = suspect ? UNKNOWN : vfs_follow_restart (c, &log);
      if (restart == NOT_YET || (restart == UNKNOWN && !begin_anew (c, &s)))
        return false;
    }
  vfs_note_log (f, &log);
  c->same_log = true;
  return true;
}

bool
vfs_is_written (const struct vfs_file *f)
{
  return load (f, WRITING) != 0;
}

/* ------------------------------------------------------------------ */
/* Reading                                                            */

void
vfs_lock_taken (struct vfs_connection *c)
{
  c->unchecked = true;
  c->stranger = false;
  c->beside = false;
  c->head_valid = false;
  c->crowded = vfs_has_pool (c) && vfs_is_crowded (c);
}

/* See invariant 4. */
void
vfs_stable (struct vfs_connection *c, bool on)
{
  if (c->stable != on && vfs_has_pool (c)
      && oriel_file_stable (vfs_oriel (c), on) == 0)
    c->stable = on;
}

/*
 * Has the owner been seen alive of late?  Who takes a read mark after it died
 * is where those are who had one before: the pages that it leaves dirty have
 * frames behind nBackfill, or nBackfill has advanced, and WAL differs.
 */
static bool
is_alive (struct vfs_file *f, uint64_t owner)
{
  uint64_t now = vfs_coarse_ms ();

  if (atomic_load_explicit (&f->alive, memory_order_relaxed) == owner
      && now < atomic_load_explicit (&f->alive_until, memory_order_relaxed))
    return true;
  if (!oriel_alive (f->pool->pool, owner))
    return false;
  atomic_store_explicit (&f->alive_until, now + ALIVE_MS,
                         memory_order_relaxed);
  atomic_store_explicit (&f->alive, owner, memory_order_relaxed);
  return true;
}

/* The pool has nothing old, and no dead writer's pages: no need to become
 * OWNER.  Where there is no log, or none with frames, the file says it. */
static bool
is_current (struct vfs_connection *c)
{
  struct vfs_file *f = c->shared;
  uint64_t owner = load (f, OWNER);
  struct vfs_log log;
  struct file_state s;

  if (owner != 0 && owner != f->pool->self && !is_alive (f, owner))
    return false;
  if (vfs_wal_look (c, &log))
    return log.digest == load (f, WAL) && is_noted_log (c, &log);
  return owner == 0 && get_state (c, false, &s) && s.digest == load (f, STATE);
}

static bool
check (struct vfs_connection *c)
{
  struct vfs_file *f = c->shared;
  bool good = false;
  enum taken t;

  if (is_current (c))
    return true;
  pthread_mutex_lock (&f->mutex);
  if (!f->writer)
    {
      t = take (f, false);
      if (t != BUSY)
        {
          good = compare (c, t == TAKEN_FROM_DEAD);
          leave (f);
        }
    }
  pthread_mutex_unlock (&f->mutex);
  return good;
}

void
vfs_log_locked (struct vfs_connection *c)
{
  struct vfs_log log;

  c->begins_log = vfs_has_pool (c) && c->lock != SQLITE_LOCK_NONE
                  && vfs_wal_look (c, &log) && log.end == 0 && check (c)
                  && load (c->shared, WAL) == log.digest;
}

/* It was empty, and the pool right, so that is still so but for the log's frames.
 * Only who had started it anew goes on with its salts. */
void
vfs_log_unlock (struct vfs_connection *c)
{
  struct vfs_file *f = c->shared;
  struct vfs_log log;
  enum taken t = BUSY;

  if (!c->begins_log)
    return;
  c->begins_log = false;
  if (!vfs_has_pool (c) || !vfs_wal_look (c, &log) || log.end == 0
      || log.copied != 0 || log.digest == load (f, WAL))
    return;
  pthread_mutex_lock (&f->mutex);
  if (!f->writer)
    t = take (f, false);
  if (t == TAKEN)
    vfs_note_log (f, &log);
  else if (t == TAKEN_FROM_DEAD)
    compare (c, true);
  if (t != BUSY)
    leave (f);
  pthread_mutex_unlock (&f->mutex);
}

/* With a log it takes more than SHARED: a read mark, or EXCLUSIVE.  We do not
 * see the mark when another VFS above us keeps the wal-index itself. */
static bool
is_protected (const struct vfs_connection *c)
{
  return (!c->wal_format && c->nregions == 0) || c->read_marks != 0
         || c->immutable || c->lock == SQLITE_LOCK_EXCLUSIVE;
}

bool
vfs_may_read (struct vfs_connection *c)
{
  if (!vfs_has_pool (c) || (c->lock == SQLITE_LOCK_NONE && !c->immutable))
    return false;
  if (c->writing)
    return true;
  if (c->stranger)
    return false;
  if (c->unchecked)
    {
      c->stranger = !check (c);
      c->unchecked = c->stranger;
    }
  return !c->stranger && is_protected (c);
}

/* ------------------------------------------------------------------ */
/* Writing                                                            */

bool
vfs_write_begin (struct vfs_connection *c)
{
  struct vfs_file *f = c->shared;
  enum taken t = BUSY;

  if (!vfs_has_pool (c)
      || !(c->checkpointing || c->lock == SQLITE_LOCK_EXCLUSIVE))
    return false;
  if (c->writing)
    return true;
  /* The pool may have what it wrote as it was, and nothing says so yet. */
  if (c->beside)
    return false;
  pthread_mutex_lock (&f->mutex);
  if (!f->writer)
    t = take (f, true);
  if (t != BUSY)
    {
      /* Unless this lock has been checked already. */
      bool good = t == TAKEN && !c->unchecked && !c->stranger;

      if (good || compare (c, t == TAKEN_FROM_DEAD))
        {
          store (f, WRITING, f->pool->self);
          f->writer = c;
          c->writing = true;
          c->wrote = false;
          c->unchecked = false;
          c->safe_page = 0;
        }
      else
        leave (f);
    }
  c->stranger = !c->writing;
  c->head_valid = false;
  pthread_mutex_unlock (&f->mutex);
  return c->writing;
}

/* What the pool has is what the file has; or nothing, if it could not be
 * flushed: then it is as if we had died. */
static void
note (struct vfs_connection *c)
{
  struct vfs_file *f = c->shared;
  struct file_state s;
  struct vfs_log log;

  if (vfs_flush (c) != SQLITE_OK)
    {
      drop_all (f);
      c->dirty = 0;
      return;
    }
  if (c->wrote)
    {
      store (f, STATE,
             get_state (c, true, &s) ? settle (c, &s, true) : 0);
      c->head_valid = false;
    }
  vfs_wal_look (c, &log);
  vfs_note_log (f, &log);
}

void
vfs_write_end (struct vfs_connection *c)
{
  struct vfs_file *f = c->shared;

  if (!c->writing || c->generation != vfs_generation)
    return;
  pthread_mutex_lock (&f->mutex);
  if (vfs_has_pool (c))
    {
      note (c);
      leave (f);
    }
  c->dirty = 0;
  f->writer = NULL;
  c->writing = false;
  pthread_mutex_unlock (&f->mutex);
}

/* ------------------------------------------------------------------ */
/* For people                                                         */

const char *
vfs_coherence_text (const struct vfs_connection *c)
{
  const struct vfs_file *f = c->shared;
  uint64_t writer = load (f, WRITING);

  if (c->crowded)
    return "bypassed: the pool is full";
  if (c->stranger)
    return "bypassed until the next transaction";
  if (writer && writer == f->pool->self)
    return "being written by this process";
  if (writer)
    return "being written by another process";
  if (load (f, WAL))
    return "coherent with the log";
  return load (f, STATE) ? "coherent with the file" : "not yet compared";
}
