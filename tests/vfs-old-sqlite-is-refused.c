/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The module does not load into an SQLite that lacks a call which it needs, and
 * says which one it wants; nor does it use more of the table of calls than such
 * an SQLite has.
 */
#include "vfs.h"

#include <dlfcn.h>

#define SQLITE_CORE 1           /* the type alone: calls stay calls */
#include <sqlite3ext.h>

typedef int init_fn (sqlite3 *db, char **error,
                     const sqlite3_api_routines *api);

static int number;

static int
its_number (void)
{
  return number;
}

static const char *
its_version (void)
{
  return "3.30.1";
}

int
main (void)
{
  const char *build = getenv ("top_builddir");
  sqlite3_api_routines api = { .libversion_number = its_number,
                               .libversion = its_version,
                               .mprintf = sqlite3_mprintf };
  char path[1024];
  char *error = NULL;
  union {
    void *object;
    init_fn *call;
  } init;
  void *module;

  snprintf (path, sizeof path, "%s/.libs/oriel_vfs.so", build ? build : ".");
  module = dlopen (path, RTLD_NOW | RTLD_LOCAL);
  if (!module)
    skip_all ("there is no module to load");
  init.object = dlsym (module, "sqlite3_orielvfs_init");
  if (!init.object)
    bail_out ("%s: %s", path, dlerror ());
  number = 3030001;
  is_int (init.call (NULL, &error, &api), SQLITE_ERROR, "3.30.1 is refused");
  is_str (error, "oriel: this is SQLite 3.30.1; 3.31 or later is needed",
          "and the message says so");
  sqlite3_free (error);
  return done_testing ();
}
