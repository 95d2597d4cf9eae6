/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tool.h - what the commands of the program oriel share
 *
 *   oriel.c      main(), and which command it is
 *   common.c     options, names, messages, pools
 *   view.c       all that a pool says of itself, read in one go
 *   json.c       the same as JSON
 *   cmd-*.c      a command each
 *   warm-sqlite.c  databases, for cmd-warm.c
 *   top-screen.c   the terminal, for cmd-top.c
 *
 * ls, stat, top and check watch (ORIEL_WATCH): they wait for no one.  warm and
 * drop attach, rm removes; these pass the pool's gate, and are patient for as
 * long as --wait says.
 */
#ifndef ORIEL_TOOL_H
#define ORIEL_TOOL_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "oriel.h"

/* How a command ends. */
#define TOOL_DONE 0
#define TOOL_PART 1             /* refused, or not all of it was done, or there
                                   are problems */
#define TOOL_TROUBLE 2          /* cannot be opened; the command line is
                                   wrong */

int tool_check (int argc, char **argv);
int tool_drop (int argc, char **argv);
int tool_ls (int argc, char **argv);
int tool_resize (int argc, char **argv);
int tool_rm (int argc, char **argv);
int tool_stat (int argc, char **argv);
int tool_top (int argc, char **argv);
int tool_warm (int argc, char **argv);

/* ------------------------------------------------------------------ */
/* common.c: options                                                  */

struct tool_options {
  const char *directory;        /* NULL: the library's default */
  const char *pool;             /* of commands that take one */
  int wait;                     /* seconds */
  bool json;
};

#define TOOL_KEY_JSON 0x100
#define TOOL_KEY_DIRECTORY 0x101 /* where -d means something else */
#define TOOL_KEY_FIRST 0x110    /* of a command's own */

/* Entries of a command's table. */
#define TOOL_DIRECTORY_AS(key)                                                \
  { "directory", (key), "DIR", 0,                                             \
    "Look for pools in DIR (default: $ORIEL_DIR, or /dev/shm)", 0 }
#define TOOL_DIRECTORY TOOL_DIRECTORY_AS ('d')
#define TOOL_JSON                                                             \
  { "json", TOOL_KEY_JSON, 0, 0, "Print one JSON object", 0 }
#define TOOL_WAIT                                                             \
  { "wait", 'w', "SECONDS", 0,                                                \
    "Wait so long for processes that attach or remove (default 10)", 0 }

/* A parser ends with this: the options above. */
error_t tool_option (int key, char *arg, struct argp_state *state,
                     struct tool_options *opt);

/* Likewise, for a command of one argument, opt->pool. */
error_t tool_option_pool (int key, char *arg, struct argp_state *state,
                          struct tool_options *opt);

double tool_number (struct argp_state *state, const char *option,
                    const char *text, double low, double high);

/* ------------------------------------------------------------------ */
/* common.c: names and words                                          */

extern const char *tool_name;   /* "oriel stat" */

/* A line on standard error, behind tool_name. */
void tool_error (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));

/* Likewise, the library's last error; returns TOOL_TROUBLE. */
int tool_failed (void);

/* Text with nothing in it that drives a terminal, and bytes as K, M, G: each in
 * one of some buffers that are used in turn. */
const char *tool_text (const char *text);
const char *tool_size (uint64_t bytes);

/* Where the pools are; the file that a pool's name stands for (to be freed). */
const char *tool_directory (const struct tool_options *opt);
char *tool_pool_path (const char *name, const struct tool_options *opt);

/* ------------------------------------------------------------------ */
/* common.c: pools                                                    */

/* Open to look, or attach.  Errors of the library. */
int tool_watch (const char *name, const struct tool_options *opt,
                oriel_pool **pool);
int tool_attach (const char *name, const struct tool_options *opt,
                 oriel_pool **pool);

/* Before and after a call that may wait for a gate: a process that is stopped
 * in it ends the command, after opt->wait, with a word on what. */
void tool_patience (const char *what, const struct tool_options *opt);
void tool_patience_ends (void);

/* ------------------------------------------------------------------ */
/* view.c                                                             */

/* A counter that oriel_stats and oriel_process_info have. */
struct tool_counter {
  const char *name;
  size_t in_stats;
  size_t in_process;
};

#define TOOL_COUNTERS 24
extern const struct tool_counter tool_counter[TOOL_COUNTERS];

uint64_t tool_of_stats (const oriel_stats *stats, int counter);
uint64_t tool_of_process (const oriel_process_info *info, int counter);

/* What of the process's window is locked in memory: "none", ... */
const char *tool_residency (const oriel_process_info *info);

struct tool_process {
  oriel_process_info info;
  int64_t page_tables;          /* bytes; -1: not known */
};

struct tool_view {
  oriel_stats stats;
  uint64_t pages;               /* of files, in frames */
  size_t nfiles;
  oriel_file_info *files;       /* with paths of their own */
  size_t nprocesses;
  struct tool_process *processes;
  uint64_t dead;                /* of those */
  double when;                  /* seconds of the clock */
  bool no_memory;
};

/* path: of the pool's file, to know its processes by; NULL: don't ask. */
int tool_view_read (oriel_pool *pool, const char *path,
                    struct tool_view *view);
void tool_view_free (struct tool_view *view);

/* The file among them, if one has had it open; NULL if it is none. */
const oriel_file_info *tool_view_file (const struct tool_view *view,
                                       const struct stat *st);

/* One look at a file of a pool; known: false if the pool does not know it. */
int tool_look_up (oriel_pool *pool, const struct stat *st,
                  oriel_file_info *info, bool *known);

double tool_now (void);

/* ------------------------------------------------------------------ */
/* json.c: print; without Jansson the options refuse --json           */

struct tool_pool {              /* a line of ls */
  char *name;
  char *path;
  char *error;                  /* NULL: it can be opened */
  const char *state;
  struct stat st;
  oriel_stats stats;            /* zeroes with an error */
};

int tool_json_list (const struct tool_pool *pools, size_t n);
int tool_json_view (const char *name, const char *path,
                    const struct tool_view *view);

/* ------------------------------------------------------------------ */
/* warm-sqlite.c                                                      */

struct tool_database;

/* Is it a database of SQLite, by its first bytes? */
bool tool_is_database (const char *path);

/* A connection through Oriel's VFS.  0, or TOOL_TROUBLE and it was told. */
int tool_database_open (const char *path, const char *pool,
                        const struct tool_options *opt,
                        struct tool_database **db);

/* Read so many bytes from there on, in one read transaction.  Likewise. */
int tool_database_read (struct tool_database *db, uint64_t offset,
                        uint64_t bytes);
void tool_database_close (struct tool_database *db);

/* ------------------------------------------------------------------ */
/* cmd-top.c and top-screen.c                                         */

struct tool_top {
  const char *name;
  const char *path;
  oriel_pool *pool;
  double delay;                 /* seconds */
  long count;                   /* 0: no end */
  int sort;                     /* a key of tool_top_keys */
  struct tool_view before, now;
};

#define TOOL_TOP_WIDTH 400

/* Take the next view; before is then the last. */
int tool_top_step (struct tool_top *top);

/* The picture, a call for each line.  head: it is a table's head. */
void tool_top_draw (const struct tool_top *top,
                    void (*line) (void *arg, const char *text, bool head),
                    void *arg);

/* Is it a key that says by what to sort? */
bool tool_top_is_sort (int key);

/* Show it on the terminal until q. */
int tool_top_screen (struct tool_top *top);

#endif /* ORIEL_TOOL_H */
