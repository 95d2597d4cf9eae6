/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-proc.c - what the kernel charges this process for
 *
 * A worker reads its own /proc/self while its connection is open.  Of pages
 * that several processes map, PSS counts its share in each; pages of the pool
 * or of the page cache that no process maps are in no one's.  What the kernel
 * does not tell is -1 and is shown as unknown.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "sql-base.h"

static long
count_maps (void)
{
  FILE *f = fopen ("/proc/self/maps", "re");
  long lines = 0;
  int c;

  if (f == NULL)
    return -1;
  while ((c = getc_unlocked (f)) != EOF)
    lines += c == '\n';
  fclose (f);
  return lines;
}

/* The number behind "name:" in a file of such lines. */
static long long
get_value (FILE *f, const char *name)
{
  size_t n = strlen (name);
  long long value = -1;
  char line[256];

  rewind (f);
  while (fgets (line, sizeof line, f) != NULL)
    if (strncmp (line, name, n) == 0 && line[n] == ':')
      {
        sscanf (line + n + 1, "%lld", &value);
        break;
      }
  return value;
}

/* The same, where it is in KiB. */
static long long
get_kib (FILE *f, const char *name)
{
  long long value = get_value (f, name);

  return value < 0 ? -1 : value * 1024;
}

static void
read_memory (struct proc *proc)
{
  FILE *f = fopen ("/proc/self/status", "re");

  if (f != NULL)
    {
      proc->page_tables = get_kib (f, "VmPTE");
      proc->anonymous = get_kib (f, "RssAnon");
      fclose (f);
    }
  f = fopen ("/proc/self/smaps_rollup", "re");
  if (f != NULL)
    {
      proc->pss = get_kib (f, "Pss");
      fclose (f);
    }
}

static void
read_io (struct proc *proc)
{
  FILE *f = fopen ("/proc/self/io", "re");

  if (f == NULL)
    return;
  proc->rchar = get_value (f, "rchar");
  proc->wchar = get_value (f, "wchar");
  proc->read_bytes = get_value (f, "read_bytes");
  proc->write_bytes = get_value (f, "write_bytes");
  fclose (f);
}

void
sql_proc_read (struct proc *proc)
{
  struct rusage usage;

  memset (proc, 0xff, sizeof *proc); /* -1 in each */
  proc->vmas = count_maps ();
  read_memory (proc);
  read_io (proc);
  getrusage (RUSAGE_SELF, &usage);
  proc->cpu_usec = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL
    + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void
subtract (long long *value, long long start)
{
  if (*value >= 0 && start >= 0)
    *value -= start;
}

/* Counters only; gauges stay as they are. */
void
sql_proc_subtract (struct proc *proc, const struct proc *start)
{
  subtract (&proc->rchar, start->rchar);
  subtract (&proc->wchar, start->wchar);
  subtract (&proc->read_bytes, start->read_bytes);
  subtract (&proc->write_bytes, start->write_bytes);
  subtract (&proc->cpu_usec, start->cpu_usec);
}

static void
add (long long *sum, long long value)
{
  *sum = *sum < 0 || value < 0 ? -1 : *sum + value;
}

/* Into a zeroed struct: sums, but for the most VMAs that one has. */
void
sql_proc_merge (struct proc *into, const struct proc *from)
{
  if (from->vmas > into->vmas)
    into->vmas = from->vmas;
  add (&into->page_tables, from->page_tables);
  add (&into->pss, from->pss);
  add (&into->anonymous, from->anonymous);
  add (&into->rchar, from->rchar);
  add (&into->wchar, from->wchar);
  add (&into->read_bytes, from->read_bytes);
  add (&into->write_bytes, from->write_bytes);
  add (&into->cpu_usec, from->cpu_usec);
}

/* Counters only: those of the processes that were killed are gone. */
void
sql_proc_forget (struct proc *proc)
{
  proc->rchar = -1;
  proc->wchar = -1;
  proc->read_bytes = -1;
  proc->write_bytes = -1;
  proc->cpu_usec = -1;
}
