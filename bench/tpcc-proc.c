/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-proc.c - what the kernel charges this process for
 *
 * A terminal reads its own /proc/self while its connection is open.  What the
 * kernel does not tell is -1 and is shown as unknown.
 */
#include <string.h>
#include <sys/resource.h>

#include "tpcc.h"

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

static void
read_status (struct proc *proc)
{
  FILE *f = fopen ("/proc/self/status", "re");

  if (f == NULL)
    return;
  proc->page_table_kb = (long) get_value (f, "VmPTE");
  proc->peak_rss_kb = (long) get_value (f, "VmHWM");
  proc->private_kb = (long) get_value (f, "RssAnon");
  fclose (f);
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
tpcc_proc_read (struct proc *proc)
{
  struct rusage usage;

  memset (proc, 0xff, sizeof *proc); /* -1 in each */
  proc->vmas = count_maps ();
  read_status (proc);
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
tpcc_proc_subtract (struct proc *proc, const struct proc *start)
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

static void
largest (long *most, long value)
{
  if (value > *most)
    *most = value;
}

/* Into a zeroed struct: the largest gauges, the sums of counters. */
void
tpcc_proc_merge (struct proc *into, const struct proc *from)
{
  largest (&into->vmas, from->vmas);
  largest (&into->page_table_kb, from->page_table_kb);
  largest (&into->peak_rss_kb, from->peak_rss_kb);
  largest (&into->private_kb, from->private_kb);
  add (&into->rchar, from->rchar);
  add (&into->wchar, from->wchar);
  add (&into->read_bytes, from->read_bytes);
  add (&into->write_bytes, from->write_bytes);
  add (&into->cpu_usec, from->cpu_usec);
}

/* Counters only: those of the processes that were killed are gone. */
void
tpcc_proc_forget (struct proc *proc)
{
  proc->rchar = -1;
  proc->wchar = -1;
  proc->read_bytes = -1;
  proc->write_bytes = -1;
  proc->cpu_usec = -1;
}
