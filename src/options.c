/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - options of a pool, also from text
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "options.h"
#include "window.h"

void
oriel_options_init (oriel_options *opt)
{
  if (!opt)
    return;
  memset (opt, 0, sizeof *opt);
  opt->struct_size = sizeof *opt;
}

static int
wrong (const char *name, const char *value, int error, const char *wanted)
{
  return orl_fail (error, "%s=%s: must be %s", name, value, wanted);
}

/* A size: digits, then at most one of K, M, G. */
static int
parse_size (const char *name, const char *value, uint64_t max, uint64_t *size)
{
  unsigned shift = 0;
  uint64_t n;
  char *end;

  if (*value < '0' || *value > '9')
    return wrong (name, value, -EINVAL, "a number, and K, M or G if you like");
  errno = 0;
  n = strtoull (value, &end, 10);
  if (errno == ERANGE)
    return wrong (name, value, -ERANGE, "smaller");
  switch (*end)
    {
    case 'k':
    case 'K':
      shift = 10;
      break;
    case 'm':
    case 'M':
      shift = 20;
      break;
    case 'g':
    case 'G':
      shift = 30;
      break;
    }
  if (end[shift > 0] != 0)
    return wrong (name, value, -EINVAL, "a number, and K, M or G if you like");
  if (n > max >> shift)
    return wrong (name, value, -ERANGE, "smaller");
  *size = n << shift;
  return 0;
}

static int
set_u32 (const char *name, const char *value, uint32_t *field)
{
  uint64_t n;
  int r = parse_size (name, value, UINT32_MAX, &n);

  if (r == 0)
    *field = (uint32_t) n;
  return r;
}

static int
set_backend (const char *name, const char *value, uint32_t *field)
{
  for (uint32_t id = 0; id <= ORIEL_BACKEND_NATIVE; id++)
    if (strcmp (value, oriel_backend_name (id)) == 0)
      {
        *field = id;
        return 0;
      }
  return wrong (name, value, -EINVAL, "auto, native, emulated, mmap or linear");
}

static int
set_populate (const char *name, const char *value, uint32_t *field)
{
  static const char *const names[] = { "none", "all", "resident" };

  for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp (value, names[i]) == 0)
      {
        *field = i;
        return 0;
      }
  return wrong (name, value, -EINVAL, "none, all or resident");
}

static int
set_residency (const char *name, const char *value, uint32_t *field)
{
  static const char *const names[] = { "none", "locked", "onfault" };

  for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp (value, names[i]) == 0)
      {
        *field = i;
        return 0;
      }
  return wrong (name, value, -EINVAL, "none, locked or onfault");
}

static int
set_store (const char *name, const char *value, uint32_t *field)
{
  for (uint32_t id = 0; id <= ORIEL_STORE_PMEM; id++)
    if (strcmp (value, oriel_store_name (id)) == 0)
      {
        *field = id;
        return 0;
      }
  return wrong (name, value, -EINVAL, "auto, posix, uring or pmem");
}

static int
set_flag (const char *name, const char *value, uint32_t flag, uint32_t *flags)
{
  if (strcmp (value, "1") == 0)
    *flags |= flag;
  else if (strcmp (value, "0") == 0)
    *flags &= ~flag;
  else
    return wrong (name, value, -EINVAL, "0 or 1");
  return 0;
}

int
oriel_options_set (oriel_options *opt, const char *name, const char *value)
{
  if (!opt || !name || !value)
    return orl_fail (-EINVAL, "oriel_options_set: null argument");
  if (strcmp (name, "directory") == 0)
    {
      opt->directory = value;
      return 0;
    }
  if (strcmp (name, "pool_size") == 0)
    return parse_size (name, value, UINT64_MAX, &opt->pool_size);
  if (strcmp (name, "max_size") == 0)
    return parse_size (name, value, UINT64_MAX, &opt->max_size);
  if (strcmp (name, "window_size") == 0 || strcmp (name, "window") == 0)
    return parse_size (name, value, UINT64_MAX, &opt->window_size);
  if (strcmp (name, "page_size") == 0)
    return set_u32 (name, value, &opt->page_size);
  if (strcmp (name, "slot_size") == 0 || strcmp (name, "slot") == 0)
    return set_u32 (name, value, &opt->slot_size);
  if (strcmp (name, "backend") == 0)
    return set_backend (name, value, &opt->backend);
  if (strcmp (name, "populate") == 0)
    return set_populate (name, value, &opt->populate);
  if (strcmp (name, "residency") == 0)
    return set_residency (name, value, &opt->residency);
  if (strcmp (name, "store") == 0)
    return set_store (name, value, &opt->store);
  if (strcmp (name, "lazy") == 0)
    return set_flag (name, value, ORIEL_LAZY, &opt->flags);
  if (strcmp (name, "holes") == 0)
    return set_flag (name, value, ORIEL_HOLES, &opt->flags);
  if (strcmp (name, "try_lock") == 0)
    return set_flag (name, value, ORIEL_TRY_LOCK, &opt->flags);
  if (strcmp (name, "protect") == 0)
    return set_flag (name, value, ORIEL_PROTECT, &opt->flags);
  if (strcmp (name, "retire") == 0)
    return set_flag (name, value, ORIEL_RETIRE, &opt->flags);
  if (strcmp (name, "writeback") == 0)
    return set_flag (name, value, ORIEL_WRITEBACK, &opt->flags);
  if (strcmp (name, "writeback_rate") == 0)
    return parse_size (name, value, UINT64_MAX, &opt->writeback_rate);
  if (strcmp (name, "dirty_low") == 0)
    return set_u32 (name, value, &opt->dirty_low);
  if (strcmp (name, "dirty_high") == 0)
    return set_u32 (name, value, &opt->dirty_high);
  if (strcmp (name, "max_processes") == 0)
    return set_u32 (name, value, &opt->max_processes);
  if (strcmp (name, "max_threads") == 0)
    return set_u32 (name, value, &opt->max_threads);
  if (strcmp (name, "max_files") == 0)
    return set_u32 (name, value, &opt->max_files);
  return orl_fail (-ENOENT, "%s: there is no such option", name);
}

static bool
power_of_two_in (uint32_t n, uint32_t low, uint32_t high)
{
  return n >= low && n <= high && (n & (n - 1)) == 0;
}

int
orl_options_check (const oriel_options *opt)
{
  uint32_t page = opt->page_size ? opt->page_size : 512;
  uint32_t unit = opt->slot_size ? opt->slot_size : page < 4096 ? 4096 : page;

  if (opt->page_size && !power_of_two_in (page, 512, 65536))
    return orl_fail (-EINVAL,
                     "page_size %u: must be a power of two from 512 to 65536",
                     page);
  if (opt->slot_size && !power_of_two_in (opt->slot_size, 4096, ORL_SLOT_MAX))
    return orl_fail (-EINVAL,
                     "slot_size %u: must be a power of two from 4096 to %u",
                     opt->slot_size, ORL_SLOT_MAX);
  if (opt->slot_size && opt->slot_size < page)
    return orl_fail (-EINVAL, "slot_size %u: smaller than a page of %u",
                     opt->slot_size, page);
  if (opt->pool_size && opt->pool_size < opt->slot_size)
    return orl_fail (-EINVAL, "pool_size %llu: smaller than a slot of %u",
                     (unsigned long long) opt->pool_size, opt->slot_size);
  if (opt->window_size && opt->window_size < unit)
    return orl_fail (-EINVAL, "window_size %llu: smaller than a slot of %u",
                     (unsigned long long) opt->window_size, unit);
  if (opt->backend != ORIEL_BACKEND_AUTO && !orl_window_backend (opt->backend))
    return orl_fail (-EINVAL, "backend %u: there is none of that number",
                     opt->backend);
  if (opt->populate > ORIEL_POPULATE_RESIDENT)
    return orl_fail (-EINVAL, "populate %u: there is none of that number",
                     opt->populate);
  if (opt->residency > ORIEL_RESIDENCY_ONFAULT)
    return orl_fail (-EINVAL, "residency %u: there is none of that number",
                     opt->residency);
  if (opt->store == ORIEL_STORE_PMEM && (opt->flags & ORIEL_NO_FAULT_HANDLER))
    return orl_fail (-EINVAL, "store pmem: a file that is cut is a SIGBUS, which "
                              "has to be handled (ORIEL_NO_FAULT_HANDLER)");
  if (opt->store > ORIEL_STORE_PMEM)
    return orl_fail (-EINVAL, "store %u: there is none of that number",
                     opt->store);
  if (opt->dirty_low > 1000 || opt->dirty_high > 1000)
    return orl_fail (-EINVAL,
                     "dirty_low %u, dirty_high %u: are permille of the pool, so "
                     "no more than 1000",
                     opt->dirty_low, opt->dirty_high);
  if (opt->dirty_high && opt->dirty_low > opt->dirty_high)
    return orl_fail (-EINVAL,
                     "dirty_low %u, dirty_high %u: the first must be no greater "
                     "than the second",
                     opt->dirty_low, opt->dirty_high);
  if ((opt->backend == ORIEL_BACKEND_LINEAR
       || opt->backend == ORIEL_BACKEND_NATIVE)
      && (opt->flags & (ORIEL_PROTECT | ORIEL_RETIRE)))
    return orl_fail (-EINVAL, "backend %s: is one mapping, of which no part can "
                              "be protected (ORIEL_PROTECT, ORIEL_RETIRE); leave "
                              "it automatic",
                     oriel_backend_name (opt->backend));
  if (opt->backend == ORIEL_BACKEND_LINEAR && opt->window_size
      && opt->pool_size > opt->window_size)
    return orl_fail (-EINVAL,
                     "backend linear: a window of %llu bytes does not cover a "
                     "pool of %llu",
                     (unsigned long long) opt->window_size,
                     (unsigned long long) opt->pool_size);
  return 0;
}

const char *
oriel_store_name (uint32_t id)
{
  static const char *const names[] = { "auto", "posix", "uring", "pmem",
                                        "msync" };

  return id < sizeof names / sizeof *names ? names[id] : "unknown";
}

const char *
oriel_backend_name (uint32_t id)
{
  const struct orl_backend *b = orl_window_backend (id);

  if (id == ORIEL_BACKEND_AUTO)
    return "auto";
  return b ? b->name : "unknown";
}
