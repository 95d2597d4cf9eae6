/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-micro-vmcache.c - vmcache as a peer: a program that the user has
 *
 * vmcache (Leis and others, Virtual-Memory Assisted Buffer Management, SIGMOD 2023)
 * is no library.  Its program, built by the user, makes a B-tree and looks up keys
 * at random for some seconds; the environment says how many, by how many threads,
 * in how much memory.  Each second it writes a line: the second, the lookups, MiB
 * that it read and wrote, and what it was told.
 *
 * It gets a B-tree of as many pages as everybody has here, all in memory: then it
 * reads and writes nothing, and what is in its file does not matter.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-micro.h"

/* Records of 128 bytes that its B-tree has for each page, when they come in order. */
#define RECORDS 26u

static const char *program;
static const char *seconds;

void
vmcache_choose (const char *path, bool quick)
{
  program = path;
  seconds = quick ? "1" : "3";
}

/* A file that it can open with O_DIRECT, which not each tmpfs can do. */
static int
make_file (char *path, size_t size)
{
  const char *parent = getenv ("TMPDIR");
  int fd;

  snprintf (path, size, "%s/bench-micro-XXXXXX",
            parent && *parent ? parent : "/var/tmp");
  fd = mkstemp (path);
  if (fd < 0)
    return -1;
  if (ftruncate (fd, (off_t) GiB) < 0) {
    close (fd);
    unlink (path);
    return -1;
  }
  return fd;
}

static void
tell (const char *name, const char *value)
{
  need (setenv (name, value, 1) == 0, name);
}

/* Its output, to be read; NULL and errno: it cannot be run. */
static FILE *
start (const char *block, unsigned threads, pid_t *pid)
{
  char records[20], workers[20];
  char *argv[] = { (char *) program, NULL };
  posix_spawn_file_actions_t actions;
  int ends[2], rc;

  snprintf (records, sizeof records, "%u", PAGES * RECORDS);
  snprintf (workers, sizeof workers, "%u", threads);
  tell ("BLOCK", block);
  tell ("DATASIZE", records);
  tell ("THREADS", workers);
  tell ("RUNFOR", seconds);
  tell ("RNDREAD", "1");
  tell ("VIRTGB", "1");         /* as little as it takes */
  tell ("PHYSGB", "1");
  tell ("EXMAP", "0");          /* wants a kernel module */
  if (pipe2 (ends, O_CLOEXEC) < 0)
    return NULL;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, ends[1], 1);
  posix_spawn_file_actions_addopen (&actions, 2, "/dev/null", O_WRONLY, 0);
  rc = posix_spawn (pid, program, &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy (&actions);
  close (ends[1]);
  if (rc == 0)
    return fdopen (ends[0], "r");
  close (ends[0]);
  errno = rc;
  return NULL;
}

/* Add up lookups, and seconds, of all lines that are of such a run. */
static void
read_lines (FILE *output, unsigned threads, uint64_t *lookups, uint64_t *lines)
{
  char line[300], workload[20];
  unsigned long long n;
  unsigned by;

  while (fgets (line, sizeof line, output))
    if (sscanf (line, "%*u,%llu,%*[^,],%*[^,],%*[^,],%u,%*u,%19[^,],", &n, &by,
                workload)
            == 3
        && by == threads && strcmp (workload, "rndread") == 0) {
      *lookups += n;
      ++*lines;
    }
}

double
vmcache_lookup (unsigned threads, const char **why)
{
  uint64_t lookups = 0, lines = 0;
  char block[256];
  FILE *output;
  int status = 0;
  pid_t pid;
  int fd = make_file (block, sizeof block);

  if (fd < 0) {
    *why = "no file for it can be made in $TMPDIR or /var/tmp";
    return 0;
  }
  output = start (block, threads, &pid);
  if (!output) {
    *why = strerror (errno);
    goto out;
  }
  read_lines (output, threads, &lookups, &lines);
  fclose (output);
  while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
    ;
  if (status != 0)
    *why = "the program failed";
  else if (lookups == 0)
    *why = "the program printed no line of a run of random reads";
out:
  close (fd);
  unlink (block);
  return *why ? 0 : (double) lines * threads / (double) lookups;
}

/* So that it has a row; it opens its pages itself. */
static void *
open_vmcache (const struct place *place, const char **why)
{
  (void) place;
  if (!program)
    *why = "a program of the user's: --vmcache PATH";
  else if (access (program, X_OK) < 0)
    *why = strerror (errno);
  else
    return (void *) program;
  return NULL;
}

static void
close_vmcache (void *opened)
{
  (void) opened;
}

static uint64_t
visit_vmcache (void *opened, const uint32_t *pages, uint64_t n)
{
  (void) opened, (void) pages;
  return n;
}

const struct subject vmcache
    = { "down a tree: vmcache", BY_THREADS, open_vmcache, close_vmcache,
        visit_vmcache, 0 };
