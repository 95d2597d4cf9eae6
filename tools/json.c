/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.c - what the commands say, as one JSON object on standard output
 *
 * Sizes are in bytes, counters as they are; what is not known is null.
 */
#include "tool.h"

#ifdef HAVE_JANSSON

#include <jansson.h>
#include <string.h>

static json_t *
number (uint64_t value)
{
  return json_integer ((json_int_t) value);
}

/* A path need not be UTF-8, and JSON must: then '?' stands for what is not
 * ASCII. */
static json_t *
text (const char *s)
{
  json_t *o = json_string (s);
  char copy[4096];
  size_t n;

  if (o)
    return o;
  n = strnlen (s, sizeof copy - 1);
  memcpy (copy, s, n);
  copy[n] = '\0';
  for (size_t i = 0; i < n; i++)
    if ((unsigned char) copy[i] > 126)
      copy[i] = '?';
  return json_string (copy);
}

static void
put (json_t *o, const char *name, uint64_t value)
{
  json_object_set_new (o, name, number (value));
}

static int
print (json_t *root)
{
  int r = json_dumpf (root, stdout, JSON_INDENT (2));

  putchar ('\n');
  json_decref (root);
  if (r == 0)
    return TOOL_DONE;
  tool_error ("no memory for JSON, or standard output cannot be written");
  return TOOL_TROUBLE;
}

static json_t *
one_pool (const struct tool_pool *p)
{
  json_t *o = json_object ();

  json_object_set_new (o, "pool", text (p->name));
  json_object_set_new (o, "path", text (p->path));
  json_object_set_new (o, "state", text (p->state));
  put (o, "uid", p->st.st_uid);
  json_object_set_new (o, "error", p->error ? text (p->error) : json_null ());
  if (p->error)
    {
      put (o, "pool_bytes", (uint64_t) p->st.st_size);
      return o;
    }
  put (o, "pool_bytes", p->stats.pool_bytes);
  put (o, "page_size", p->stats.page_size);
  put (o, "frames", p->stats.frames);
  put (o, "frames_free", p->stats.frames_free);
  put (o, "processes", p->stats.processes);
  return o;
}

int
tool_json_list (const struct tool_pool *pools, size_t n)
{
  json_t *root = json_object (), *array = json_array ();

  for (size_t i = 0; i < n; i++)
    json_array_append_new (array, one_pool (&pools[i]));
  json_object_set_new (root, "pools", array);
  return print (root);
}

static json_t *
one_file (const oriel_file_info *f)
{
  json_t *o = json_object ();

  json_object_set_new (o, "path", text (f->path));
  json_object_set_new (o, "foreign", json_boolean (f->foreign));
  put (o, "dev", f->dev);
  put (o, "ino", f->ino);
  put (o, "size", f->size);
  put (o, "pages", f->pages);
  put (o, "dirty", f->dirty);
  put (o, "pinned", f->pinned);
  put (o, "openers", f->openers);
  put (o, "misses", f->misses);
  put (o, "readahead", f->readahead);
  put (o, "writebacks", f->writebacks);
  put (o, "hooks", f->hooks);
  return o;
}

static json_t *
one_process (const struct tool_process *p)
{
  json_t *o = json_object ();

  put (o, "pid", p->info.pid);
  put (o, "token", p->info.token);
  json_object_set_new (o, "alive", json_boolean (p->info.alive));
  json_object_set_new (o, "backend",
                       text (oriel_backend_name (p->info.backend)));
  put (o, "window_bytes", p->info.window_bytes);
  put (o, "slot_size", p->info.slot_size);
  json_object_set_new (o, "residency", text (tool_residency (&p->info)));
  put (o, "huge_page", p->info.huge_page);
  json_object_set_new (o, "page_table_bytes",
                       p->page_tables < 0 ? json_null ()
                                          : json_integer (p->page_tables));
  put (o, "threads", p->info.threads);
  put (o, "pins", p->info.pins);
  for (int i = 0; i < TOOL_COUNTERS; i++)
    put (o, tool_counter[i].name, tool_of_process (&p->info, i));
  return o;
}

int
tool_json_view (const char *name, const char *path,
                const struct tool_view *view)
{
  json_t *root = json_object (), *files = json_array ();
  json_t *processes = json_array ();
  const oriel_stats *s = &view->stats;

  json_object_set_new (root, "pool", text (name));
  json_object_set_new (root, "path", text (path));
  put (root, "page_size", s->page_size);
  put (root, "pool_bytes", s->pool_bytes);
  put (root, "frames", s->frames);
  put (root, "frames_max", s->frames_max);
  put (root, "frames_free", s->frames_free);
  put (root, "frames_dirty", s->frames_dirty);
  put (root, "pages", view->pages);
  put (root, "pins", s->pins);
  put (root, "attached", s->processes);
  put (root, "dead", view->dead);
  put (root, "threads", s->threads);
  for (int i = 0; i < TOOL_COUNTERS; i++)
    put (root, tool_counter[i].name, tool_of_stats (s, i));
  for (size_t i = 0; i < view->nfiles; i++)
    json_array_append_new (files, one_file (&view->files[i]));
  for (size_t i = 0; i < view->nprocesses; i++)
    json_array_append_new (processes, one_process (&view->processes[i]));
  json_object_set_new (root, "files", files);
  json_object_set_new (root, "processes", processes);
  return print (root);
}

#else /* the options refuse --json */

int
tool_json_list (const struct tool_pool *pools, size_t n)
{
  (void) pools, (void) n;
  return TOOL_TROUBLE;
}

int
tool_json_view (const char *name, const char *path,
                const struct tool_view *view)
{
  (void) name, (void) path, (void) view;
  return TOOL_TROUBLE;
}

#endif
