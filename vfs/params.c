/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * params.c - URI parameters of a database, and the environment's defaults
 *
 * The environment is read when the VFS is registered and kept: some hosts (PHP)
 * free it while databases are still being opened and closed.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfs.h"

/* What may be set: by which URI parameter, by which variable, and which of
 * oriel_options it is, or which number of struct vfs_params. */
static const struct setting {
  const char *parameter;
  const char *variable;
  const char *option;
  size_t field;                 /* without option: of an unsigned */
  unsigned max;
  unsigned preset;
} settings[] = {
  { "pool_size", "ORIEL_POOL_SIZE", "pool_size", 0, 0, 0 },
  { "pool_max_size", "ORIEL_POOL_MAX_SIZE", "max_size", 0, 0, 0 },
  { "pool_page_size", "ORIEL_POOL_PAGE_SIZE", "page_size", 0, 0, 0 },
  { "pool_processes", "ORIEL_POOL_PROCESSES", "max_processes", 0, 0, 0 },
  { "pool_threads", "ORIEL_POOL_THREADS", "max_threads", 0, 0, 0 },
  { "pool_files", "ORIEL_POOL_FILES", "max_files", 0, 0, 0 },
  { "window", "ORIEL_WINDOW", "window_size", 0, 0, 0 },
  { "slot", "ORIEL_SLOT", "slot_size", 0, 0, 0 },
  { "backend", "ORIEL_BACKEND", "backend", 0, 0, 0 },
  { "populate", "ORIEL_POPULATE", "populate", 0, 0, 0 },
  { "oriel_residency", "ORIEL_RESIDENCY", "residency", 0, 0, 0 },
  { "oriel_try_lock", "ORIEL_TRY_LOCK", "try_lock", 0, 0, 0 },
  { "oriel_required", "ORIEL_REQUIRED", NULL,
    offsetof (struct vfs_params, required), 1, 0 },
  { "oriel_lease", "ORIEL_LEASE", NULL,
    offsetof (struct vfs_params, lease_ms), 3600000, 4 },
  { "oriel_fetch", "ORIEL_FETCH", NULL, offsetof (struct vfs_params, fetch),
    1, 1 },
  { "oriel_lock_wait", "ORIEL_LOCK_WAIT", NULL,
    offsetof (struct vfs_params, lock_wait_ms), 3600000, VFS_WAIT_PRESET },
};

#define NSETTINGS (sizeof settings / sizeof *settings)

static struct {
  char *pool;
  char *directory;
  char *value[NSETTINGS];
  bool make_default;
} environment;

static char *
keep (const char *variable)
{
  const char *text = getenv (variable);

  return text && *text ? strdup (text) : NULL;
}

void
vfs_params_init (void)
{
  char *text = keep ("ORIEL_VFS_DEFAULT");

  environment.make_default = text && strcmp (text, "0") != 0;
  free (text);
  environment.pool = keep ("ORIEL_POOL");
  environment.directory = keep ("ORIEL_DIR");
  for (size_t i = 0; i < NSETTINGS; i++)
    environment.value[i] = keep (settings[i].variable);
}

bool
vfs_params_default (void)
{
  return environment.make_default;
}

static const char *
parameter (const char *name, const char *which)
{
  const char *text = sqlite3_uri_parameter (name, which);

  return text && *text ? text : NULL;
}

static int
bad (const char *name, const char *which, const char *value, const char *why)
{
  sqlite3_log (SQLITE_CANTOPEN, "oriel: %s: %s=%s: %s", name, which, value,
               why);
  return SQLITE_CANTOPEN;
}

/* A number from 0 to max, or a word of SQLite's for 0 and 1. */
static int
get_number (const char *text, unsigned max, unsigned *number)
{
  static const char *const words[][2] = {
    { "no", "yes" }, { "off", "on" }, { "false", "true" },
  };
  char *end;
  unsigned long n;

  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    for (unsigned yes = 0; yes < 2; yes++)
      if (sqlite3_stricmp (text, words[i][yes]) == 0 && max == 1)
        {
          *number = yes;
          return 0;
        }
  errno = 0;
  n = strtoul (text, &end, 10);
  if (errno || *text < '0' || *text > '9' || *end || n > max)
    return -1;
  *number = (unsigned) n;
  return 0;
}

/* Set one; which says where value comes from. */
static int
set (struct vfs_params *params, const struct setting *s, const char *name,
     const char *which, const char *value)
{
  unsigned *number = (unsigned *) ((char *) params + s->field);
  char why[60];

  if (s->option)
    {
      if (!value || oriel_options_set (&params->options, s->option, value) == 0)
        return SQLITE_OK;
      return bad (name, which, value, oriel_error ());
    }
  *number = s->preset;
  if (!value || get_number (value, s->max, number) == 0)
    return SQLITE_OK;
  snprintf (why, sizeof why, "must be a number from 0 to %u", s->max);
  return bad (name, which, value, why);
}

int
vfs_params_get (const char *name, struct vfs_params *params)
{
  int rc = SQLITE_OK;

  oriel_options_init (&params->options);
  for (size_t i = 0; rc == SQLITE_OK && i < NSETTINGS; i++)
    {
      const char *which = settings[i].parameter;
      const char *value = parameter (name, which);

      if (!value)
        {
          which = settings[i].variable;
          value = environment.value[i];
        }
      rc = set (params, &settings[i], name, which, value);
    }
  params->pool = parameter (name, "pool");
  if (!params->pool)
    params->pool = environment.pool;
  if (!params->pool)
    {
      /* A pool belongs to one user. */
      snprintf (params->default_name, sizeof params->default_name,
                "sqlite-%lu", (unsigned long) geteuid ());
      params->pool = params->default_name;
    }
  params->directory = parameter (name, "pool_dir");
  if (!params->directory)
    params->directory = environment.directory;
  params->options.directory = params->directory;
  return rc;
}
