/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * warm-sqlite.c - read databases of SQLite through Oriel's VFS
 *
 * The VFS believes the pool's pages, and puts pages there, under SQLite's locks
 * only.  So a read transaction is begun as by any reader; then the file's own
 * read method is called, page after page, which SQLite offers nothing for; and
 * the transaction ends soon, since it keeps checkpoints and writers waiting.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

#define MAGIC "SQLite format 3"

bool
tool_is_database (const char *path)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  char head[sizeof MAGIC] = { 0 };
  bool is;

  if (fd < 0)
    return false;
  is = read (fd, head, sizeof head) == sizeof head
       && memcmp (head, MAGIC, sizeof head) == 0;
  close (fd);
  return is;
}

#ifdef HAVE_SQLITE3

#include <sqlite3.h>

#include "oriel_vfs.h"

#define PIECE 65536             /* bytes that are read by one call */
#define BUSY_MS 5000            /* for a writer that holds the database */

struct tool_database {
  sqlite3 *db;
  sqlite3_file *file;
  const char *path;
  char piece[PIECE];
};

static char why[400];           /* what SQLite's log said at last */

static void
keep_log (void *arg, int code, const char *text)
{
  (void) arg, (void) code;
  snprintf (why, sizeof why, "%s", text);
}

static int
failed (const struct tool_database *db)
{
  tool_error ("%s: %s%s%s", tool_text (db->path),
              db->db ? tool_text (sqlite3_errmsg (db->db)) : "no memory",
              why[0] ? ": " : "", tool_text (why));
  return TOOL_TROUBLE;
}

/* As part of a URI, where some characters mean something. */
static void
escape (char *to, const char *text)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                              "WXYZ0123456789-_./";

  for (; *text; text++)
    if (strchr (plain, *text))
      *to++ = *text;
    else
      to += sprintf (to, "%%%02X", (unsigned char) *text);
  *to = '\0';
}

static char *
uri_of (const char *path, const char *pool, const char *directory)
{
  char *whole = realpath (path, NULL);
  char *part[3], *uri = NULL;
  const char *text[3] = { whole ? whole : path, pool, directory };
  bool good = true;

  for (int i = 0; i < 3; i++)
    {
      part[i] = malloc (3 * strlen (text[i]) + 1);
      good = good && part[i];
      if (part[i])
        escape (part[i], text[i]);
    }
  if (good
      && asprintf (&uri, "file:%s?pool=%s&pool_dir=%s&oriel_required=1",
                   part[0], part[1], part[2])
             < 0)
    uri = NULL;
  for (int i = 0; i < 3; i++)
    free (part[i]);
  free (whole);
  return uri;
}

static bool
set_up (void)
{
  static bool done;

  if (!done)
    sqlite3_config (SQLITE_CONFIG_LOG, keep_log, NULL);
  done = true;
  return oriel_vfs_register (0) == SQLITE_OK;
}

int
tool_database_open (const char *path, const char *pool,
                    const struct tool_options *opt, struct tool_database **to)
{
  struct tool_database *db = calloc (1, sizeof *db);
  char *uri = uri_of (path, pool, tool_directory (opt));
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI;
  int rc = SQLITE_NOMEM;

  why[0] = '\0';
  if (db && uri && set_up ())
    {
      db->path = path;
      tool_patience (pool, opt);
      rc = sqlite3_open_v2 (uri, &db->db, flags, "oriel");
      tool_patience_ends ();
    }
  if (rc == SQLITE_OK)
    {
      sqlite3_busy_timeout (db->db, BUSY_MS);
      rc = sqlite3_file_control (db->db, "main", SQLITE_FCNTL_FILE_POINTER,
                                 &db->file);
    }
  free (uri);
  if (rc == SQLITE_OK)
    {
      *to = db;
      return TOOL_DONE;
    }
  if (!db)
    {
      tool_error ("%s: no memory", tool_text (path));
      return TOOL_TROUBLE;
    }
  failed (db);
  tool_database_close (db);
  return TOOL_TROUBLE;
}

/* A read past the end is short: the file may have been cut meanwhile. */
static int
read_pieces (struct tool_database *db, uint64_t offset, uint64_t bytes)
{
  for (uint64_t end = offset + bytes; offset < end; offset += PIECE)
    {
      int n = end - offset < PIECE ? (int) (end - offset) : PIECE;
      int rc = db->file->pMethods->xRead (db->file, db->piece, n,
                                          (sqlite3_int64) offset);

      if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ)
        {
          tool_error ("%s: cannot be read (%s) at byte %llu",
                      tool_text (db->path), sqlite3_errstr (rc),
                      (unsigned long long) offset);
          return TOOL_TROUBLE;
        }
    }
  return TOOL_DONE;
}

int
tool_database_read (struct tool_database *db, uint64_t offset, uint64_t bytes)
{
  int status;

  why[0] = '\0';
  if (sqlite3_exec (db->db, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1", NULL,
                    NULL, NULL)
      != SQLITE_OK)
    return failed (db);
  status = read_pieces (db, offset, bytes);
  sqlite3_exec (db->db, "COMMIT", NULL, NULL, NULL);
  return status;
}

void
tool_database_close (struct tool_database *db)
{
  sqlite3_close (db->db);
  free (db);
}

#else

int
tool_database_open (const char *path, const char *pool,
                    const struct tool_options *opt, struct tool_database **to)
{
  (void) pool, (void) opt, (void) to;
  tool_error ("%s: is a database of SQLite, and this build has no VFS "
              "(configure did not find SQLite)",
              tool_text (path));
  return TOOL_TROUBLE;
}

int
tool_database_read (struct tool_database *db, uint64_t offset, uint64_t bytes)
{
  (void) db, (void) offset, (void) bytes;
  return TOOL_TROUBLE;
}

void
tool_database_close (struct tool_database *db)
{
  (void) db;
}

#endif
