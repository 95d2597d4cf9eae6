/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpch-answers.c - what the queries must answer, and whether they do
 *
 * The answers of the stock VFS, without a cache or mapping of any size, are
 * made once, before all runs.  Every answer of every run is compared with them
 * as text, so it must have the same rows in the same order; reals have 15
 * digits.
 *
 * In a file an answer is the query's name and its number of rows, and then
 * they, one a line.  Without --answers it is a file that has no name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tpch.h"

/* ------------------------------------------------------------------ */
/* One answer                                                         */

/* Newlines would be rows. */
static void
put_value (FILE *f, sqlite3_stmt *stmt, int column)
{
  const unsigned char *text;

  if (sqlite3_column_type (stmt, column) == SQLITE_FLOAT)
    fprintf (f, "%.15g", sqlite3_column_double (stmt, column));
  else
    for (text = sqlite3_column_text (stmt, column); text && *text; text++)
      fputc (*text == '\n' ? ' ' : *text, f);
}

int
tpch_answer (sqlite3 *db, sqlite3_stmt *stmt, char **text)
{
  char *made = NULL;
  size_t size;
  FILE *f = open_memstream (&made, &size);
  int i, rc;

  (void) db;
  if (f == NULL)
    return SQLITE_NOMEM;
  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW)
    for (i = 0; i < sqlite3_column_count (stmt); i++)
      {
        put_value (f, stmt, i);
        fputc (i + 1 < sqlite3_column_count (stmt) ? '|' : '\n', f);
      }
  sqlite3_reset (stmt);
  if (fclose (f) != 0)
    rc = SQLITE_NOMEM;
  if (rc != SQLITE_DONE)
    {
      free (made);
      return rc;
    }
  *text = made;
  return SQLITE_OK;
}

static long
lines_of (const char *text)
{
  long n = 0;

  for (; *text; text++)
    n += *text == '\n';
  return n;
}

void
tpch_answer_compare (const struct tpch *tpch, int query, const char *text,
                     struct worker_report *report)
{
  const char *want = tpch->answer[query];
  int row = 1;

  if (strcmp (text, want) == 0)
    return;
  if (report->wrong++ > 0)
    return;
  for (;; row++)
    {
      size_t a = strcspn (text, "\n"), b = strcspn (want, "\n");

      if (a != b || memcmp (text, want, a) != 0 || *text == 0 || *want == 0)
        {
          snprintf (report->example, sizeof report->example,
                    "%s, row %d: \"%.*s\" and not \"%.*s\"", tpch_name[query],
                    row, a < 150 ? (int) a : 150, text,
                    b < 150 ? (int) b : 150, want);
          return;
        }
      text += a + 1;
      want += b + 1;
    }
}

/* ------------------------------------------------------------------ */
/* All of them                                                        */

static int answers_fd = -1; /* where the child puts them */

static int
put_answer (struct sql *sql, sqlite3 *db, FILE *f, int query)
{
  sqlite3_stmt *stmt;
  char *text = NULL;
  int rc;

  rc = sqlite3_prepare_v2 (db, tpch_query[query], -1, &stmt, NULL);
  if (rc == SQLITE_OK)
    rc = tpch_answer (db, stmt, &text);
  sqlite3_finalize (stmt);
  if (rc != SQLITE_OK)
    return sql_fail (sql->shared, "%s: %s", tpch_name[query],
                     sqlite3_errmsg (db));
  fprintf (f, "%s %ld\n%s", tpch_name[query], lines_of (text), text);
  free (text);
  return 0;
}

/* A child. */
static int
make_answers (struct sql *sql, const struct side *side)
{
  FILE *f = fdopen (dup (answers_fd), "w");
  int query, status = 0;
  sqlite3 *db;

  if (sql_db_open (sql, side, 0, &db) != SQLITE_OK)
    return sql_fail (sql->shared, "%s", sql_db_error ());
  for (query = 0; query < TPCH_QUERIES && status == 0; query++)
    status = put_answer (sql, db, f, query);
  sqlite3_close (db);
  if (fclose (f) != 0 && status == 0)
    status = sql_fail (sql->shared, "writing answers: %s", strerror (errno));
  return status;
}

static int
get_answer (FILE *f, struct tpch *tpch, int query)
{
  char *line = NULL, *text = NULL;
  size_t size = 0, length;
  char name[8];
  long rows, i;
  FILE *out;
  int n;

  n = fscanf (f, "%7s %ld", name, &rows);
  if (n != 2 || fgetc (f) != '\n' || strcmp (name, tpch_name[query]) != 0)
    return -EINVAL;
  out = open_memstream (&text, &length);
  if (out == NULL)
    return -ENOMEM;
  for (i = 0; i < rows && getline (&line, &size, f) > 0; i++)
    fputs (line, out);
  fclose (out);
  free (line);
  tpch->answer[query] = text;
  tpch->rows += rows;
  return i == rows ? 0 : -EINVAL;
}

static int
read_answers (struct sql *sql)
{
  struct tpch *tpch = sql->own;
  FILE *f = fdopen (answers_fd, "r");
  int query, err = f ? 0 : -errno;

  if (err == 0)
    rewind (f);
  for (query = 0; query < TPCH_QUERIES && err == 0; query++)
    err = get_answer (f, tpch, query);
  if (f != NULL)
    fclose (f);
  if (err == -EINVAL)
    return sql_fail (sql->shared, "%s has no answers of bench-tpch",
                     tpch->answers ? tpch->answers : "the answers' file");
  return err ? sql_fail (sql->shared, "reading answers: %s", strerror (-err))
             : 0;
}

int
tpch_answers_need (struct sql *sql)
{
  struct tpch *tpch = sql->own;
  struct side side = { .is = SIDE_STOCK, .name = "stock", .vfs = "unix" };
  bool there = tpch->answers && access (tpch->answers, F_OK) == 0;

  snprintf (side.path, sizeof side.path, "%s", sql->base);
  answers_fd = tpch->answers
    ? open (tpch->answers, there ? O_RDONLY | O_CLOEXEC
                                 : O_RDWR | O_CREAT | O_CLOEXEC, 0666)
    : memfd_create ("answers", MFD_CLOEXEC);
  if (answers_fd < 0)
    return sql_fail (sql->shared, "%s: %s",
                     tpch->answers ? tpch->answers : "the answers' file",
                     strerror (errno));
  if (!there && sql_family_one (sql, make_answers, &side, "the answers"))
    {
      if (tpch->answers)
        unlink (tpch->answers);
      return 1;
    }
  return read_answers (sql);
}
