/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * params.c - URI parameters of a database, and the environment's defaults
 *
 * The environment is read when the VFS is registered and kept: some hosts (PHP)
 * free it while databases are still being opened and closed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfs.h"

/* What may be set: by which URI parameter, by which variable, and which of
 * oriel_options it is. */
static const struct {
  const char *parameter;
  const char *variable;
  const char *option;
} settings[] = {
  { "pool_size", "ORIEL_POOL_SIZE", "pool_size" },
  { "window", "ORIEL_WINDOW", "window_size" },
  { "slot", "ORIEL_SLOT", "slot_size" },
  { "backend", "ORIEL_BACKEND", "backend" },
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

static int
get_required (const char *name, bool *required)
{
  static const char *const words[2][4] = {
    { "0", "no", "off", "false" },
    { "1", "yes", "on", "true" },
  };
  const char *text = parameter (name, "oriel_required");

  *required = false;
  if (!text)
    return SQLITE_OK;
  for (int i = 0; i < 8; i++)
    if (strcmp (text, words[i / 4][i % 4]) == 0)
      {
        *required = i / 4;
        return SQLITE_OK;
      }
  return bad (name, "oriel_required", text, "must be 0 or 1");
}

int
vfs_params_get (const char *name, struct vfs_params *params)
{
  int rc = get_required (name, &params->required);

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
      if (value
          && oriel_options_set (&params->options, settings[i].option, value)
                 < 0)
        rc = bad (name, which, value, oriel_error ());
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
