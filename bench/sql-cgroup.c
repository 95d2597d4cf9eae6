/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-cgroup.c - a memory cgroup for the workers of one side
 *
 * In it the kernel charges page cache, tmpfs pages (a pool in /dev/shm) and
 * private memory alike to one limit, so that a VFS that keeps its cache in a
 * pool and one that keeps it in the page cache can have the same memory.  A
 * page is charged to whoever touched it first: the workers create the pool,
 * and the parent drops the database from the page cache before they start.
 *
 * Both versions are known.  The group is made below the one that this process
 * is in, or below one of its ancestors: under version 2 only groups without
 * processes of their own can hand the memory controller down.  Swap is denied,
 * as it would be memory for one side (tmpfs) and not for the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql-base.h"

/* ------------------------------------------------------------------ */
/* Files of a group                                                   */

/* -ENAMETOOLONG if it does not fit. */
static int
join_path (char out[PATH_MAX], const char *a, const char *b)
{
  int n = snprintf (out, PATH_MAX, "%s/%s", a, b);

  return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int
put (const char *directory, const char *file, const char *text)
{
  char path[PATH_MAX];
  ssize_t n;
  int fd, err;

  err = join_path (path, directory, file);
  if (err != 0)
    return err;
  fd = open (path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  n = write (fd, text, strlen (text));
  err = n < 0 ? -errno : 0;
  close (fd);
  return err;
}

/* The file's text, without its last newline; 0 or -errno. */
static int
get (const char *directory, const char *file, char *text, size_t size)
{
  char path[PATH_MAX];
  ssize_t n;
  int fd, err;

  err = join_path (path, directory, file);
  if (err != 0)
    return err;
  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  n = read (fd, text, size - 1);
  err = n < 0 ? -errno : 0;
  close (fd);
  if (err != 0)
    return err;
  while (n > 0 && text[n - 1] == '\n')
    n--;
  text[n] = 0;
  return 0;
}

/* ------------------------------------------------------------------ */
/* Where the memory controller is                                     */

static int
has_word (const char *list, const char *word)
{
  size_t n = strlen (word);
  const char *p;

  for (p = list; (p = strstr (p, word)) != NULL; p += n)
    if ((p == list || p[-1] == ',')
        && (p[n] == 0 || p[n] == ',' || p[n] == '\n'))
      return 1;
  return 0;
}

/*
 * The mount point of the version-1 memory hierarchy, else of version 2:
 * its version, or 0.  A line of mountinfo ends "- TYPE SOURCE OPTIONS", its
 * fifth field is the mount point.
 */
static int
find_mount (char mount[PATH_MAX])
{
  FILE *f = fopen ("/proc/self/mountinfo", "re");
  char *line = NULL, *tail;
  char type[32], options[1024], where[PATH_MAX];
  size_t size = 0;
  int version = 0;

  if (f == NULL)
    return 0;
  while (version != 1 && getline (&line, &size, f) > 0)
    {
      tail = strstr (line, " - ");
      if (tail == NULL
          || sscanf (tail, " - %31s %*s %1023s", type, options) != 2
          || sscanf (line, "%*s %*s %*s %*s %4095s", where) != 1)
        continue;
      if (strcmp (type, "cgroup") == 0 && has_word (options, "memory"))
        version = 1;
      else if (strcmp (type, "cgroup2") == 0)
        version = 2;
      else
        continue;
      snprintf (mount, PATH_MAX, "%s", where);
    }
  free (line);
  fclose (f);
  return version;
}

/* This process's group: the path in the hierarchy; "" for its root.  Lines are
 * "NUMBER:CONTROLLERS:PATH", without controllers for version 2. */
static void
find_own (int version, char own[PATH_MAX])
{
  FILE *f = fopen ("/proc/self/cgroup", "re");
  char *line = NULL, *list, *path;
  size_t size = 0;

  own[0] = 0;
  if (f == NULL)
    return;
  while (getline (&line, &size, f) > 0)
    {
      list = strchr (line, ':');
      path = list ? strchr (list + 1, ':') : NULL;
      if (path == NULL)
        continue;
      *path++ = 0;
      path[strcspn (path, "\n")] = 0;
      if (version == 1 ? has_word (list + 1, "memory") : list[1] == 0)
        snprintf (own, PATH_MAX, "%s", strcmp (path, "/") == 0 ? "" : path);
    }
  free (line);
  fclose (f);
}

/* ------------------------------------------------------------------ */
/* Making one                                                         */

static int
set_limit (const struct cgroup *group, uint64_t bytes)
{
  char text[32];
  int err;

  snprintf (text, sizeof text, "%llu", (unsigned long long) bytes);
  if (group->version == 1)
    {
      err = put (group->path, "memory.limit_in_bytes", text);
      /* Missing where the kernel does not count swap: then there is none to
       * deny, or it is the machine's choice. */
      put (group->path, "memory.memsw.limit_in_bytes", text);
    }
  else
    {
      err = put (group->path, "memory.max", text);
      put (group->path, "memory.swap.max", "0");
    }
  return err;
}

/* Below one directory; 0 or -errno, and nothing is left behind. */
static int
make_below (struct cgroup *group, const char *directory, uint64_t bytes)
{
  char name[64];
  int err;

  snprintf (name, sizeof name, "oriel-bench-%ld", (long) getpid ());
  err = join_path (group->path, directory, name);
  if (err != 0)
    return err;
  if (mkdir (group->path, 0755) != 0)
    return -errno;
  err = set_limit (group, bytes);
  if (err != 0 && group->version == 2)
    {
      put (directory, "cgroup.subtree_control", "+memory");
      err = set_limit (group, bytes);
    }
  if (err != 0)
    rmdir (group->path);
  return err;
}

int
sql_cgroup_make (struct cgroup *group, uint64_t bytes, char why[ERROR_TEXT])
{
  char mount[PATH_MAX], own[PATH_MAX], directory[PATH_MAX];
  char *slash;
  int err = -ENOENT, version;

  memset (group, 0, sizeof *group);
  version = find_mount (mount);
  if (version == 0)
    {
      snprintf (why, ERROR_TEXT, "no cgroup hierarchy is mounted");
      return -ENOENT;
    }
  group->version = version;
  find_own (version, own);
  for (;;)
    {
      if (snprintf (directory, sizeof directory, "%s%s", mount, own)
          < (int) sizeof directory)
        {
          err = make_below (group, directory, bytes);
          if (err == 0)
            return 0;
        }
      slash = strrchr (own, '/');
      if (slash == NULL)
        break;
      *slash = 0;
    }
  snprintf (why, ERROR_TEXT, "%.300s: %s", group->path, strerror (-err));
  memset (group, 0, sizeof *group);
  return err;
}

int
sql_cgroup_join (const struct cgroup *group)
{
  return group->version ? put (group->path, "cgroup.procs", "0") : 0;
}

uint64_t
sql_cgroup_peak (const struct cgroup *group)
{
  char text[32];
  int err = -ENOENT;

  if (group->version)
    err = get (group->path, group->version == 1
               ? "memory.max_usage_in_bytes" : "memory.peak",
               text, sizeof text);
  return err == 0 ? strtoull (text, NULL, 10) : 0;
}

/* What a line "NAME BYTES" of the statistics says; 0 if there is none. */
static uint64_t
statistic (const char *text, const char *name)
{
  size_t n = strlen (name);
  const char *line;

  for (line = text; line != NULL; line = strchr (line, '\n'))
    {
      line += *line == '\n';
      if (strncmp (line, name, n) == 0 && line[n] == ' ')
        return strtoull (line + n, NULL, 10);
    }
  return 0;
}

uint64_t
sql_cgroup_used (const struct cgroup *group)
{
  char text[8192];

  if (group->version == 0
      || get (group->path, "memory.stat", text, sizeof text) != 0)
    return 0;
  /* Either counts tmpfs with the page cache. */
  return group->version == 1
           ? statistic (text, "rss") + statistic (text, "cache")
           : statistic (text, "anon") + statistic (text, "file");
}

int
sql_cgroup_was_full (const struct cgroup *group)
{
  char text[512], *p;

  if (group->version == 0
      || get (group->path, group->version == 1
              ? "memory.oom_control" : "memory.events", text, sizeof text))
    return 0;
  p = strstr (text, "oom_kill ");
  return p != NULL && strtol (p + 9, NULL, 10) > 0;
}

/* Its processes are gone, but the kernel may take a moment to notice. */
void
sql_cgroup_remove (struct cgroup *group)
{
  int i;

  if (group->version == 0)
    return;
  for (i = 0; i < 100; i++)
    {
      if (rmdir (group->path) == 0 || errno != EBUSY)
        break;
      sql_sleep (10);
    }
  group->version = 0;
}
