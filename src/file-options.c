/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file-options.c - options of a file, also from text
 */
#include <errno.h>
#include <string.h>

#include "error.h"
#include "file.h"

const char *
oriel_torn_name (uint32_t torn)
{
  static const char *const names[]
      = { "default", "none", "auto", "atomic", "double" };

  return torn < sizeof names / sizeof *names ? names[torn] : "unknown";
}

void
oriel_file_options_init (oriel_file_options *opt)
{
  if (!opt)
    return;
  memset (opt, 0, sizeof *opt);
  opt->struct_size = sizeof *opt;
}

static int
set_torn (const char *value, uint32_t *torn)
{
  for (uint32_t id = ORIEL_TORN_NONE; id <= ORIEL_TORN_DOUBLE; id++)
    if (strcmp (value, oriel_torn_name (id)) == 0)
      {
        *torn = id;
        return 0;
      }
  return orl_fail (-EINVAL, "torn=%s: must be none, auto, atomic or double",
                   value);
}

int
oriel_file_options_set (oriel_file_options *opt, const char *name,
                        const char *value)
{
  if (!opt || !name || !value)
    return orl_fail (-EINVAL, "oriel_file_options_set: null argument");
  if (strcmp (name, "torn") == 0)
    return set_torn (value, &opt->torn);
  if (strcmp (name, "area") == 0)
    opt->area = value;
  else if (strcmp (name, "adopt") != 0)
    return orl_fail (-ENOENT, "%s: there is no such option of a file", name);
  else if (strcmp (value, "0") != 0 && strcmp (value, "1") != 0)
    return orl_fail (-EINVAL, "adopt=%s: must be 0 or 1", value);
  else
    opt->adopt = *value == '1';
  return 0;
}
