/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-view.c - the area behind the window that is mapped page by page
 *
 * A slot shows an extent; a view wants page after page from wherever they are.
 * So it has an area of its own, of cells as large as a page, and each run of
 * frames that are neighbours in the pool is mapped by one call: by
 * remap_file_pages() where the window is (native or emulated), else by
 * mmap(MAP_FIXED), which can also make it read-only.
 *
 * A view takes the first gap that is long enough: the page tables of what is
 * used anew are there, and the area stays short in VMAs.
 *
 * What a cell shows changes together with its mapping, inside
 * orl_window_enter(), so that the fault handler can map it anew.
 *
 * Locks: the area's for who has which cells, a leaf but for w->mapper.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "holes.h"
#include "oriel.h"
#include "sys.h"
#include "window-view.h"

/* As many as nine threads with all their pins, and not too much of the address
 * space of 32 bits. */
#define CELLS_MAX 4096
#define BYTES_MAX (32u << 20)

/* Part of the process's VMAs. */
#define BUDGET 8

uint32_t
orl_views_cells (const struct orl_window *w, int64_t budget)
{
  const struct orl_geometry *geo = &w->shm->geo;
  uint64_t n = CELLS_MAX;

  if (geo->page_size < geo->block
      || geo->page_size < (uint64_t) sysconf (_SC_PAGESIZE))
    return 0;
  if (n > orl_frames (w->shm))
    n = orl_frames (w->shm);
  if (n > BYTES_MAX >> geo->page_shift)
    n = BYTES_MAX >> geo->page_shift;
  if (budget < 0)
    budget = 0;
  if (!(w->backend->one_vma && !w->backend->linear)
      && n > (uint64_t) budget / BUDGET)
    n = (uint64_t) budget / BUDGET;
  return (uint32_t) n;
}

static bool
remaps (const struct orl_window *w)
{
  return w->backend->id == ORIEL_BACKEND_NATIVE
         || w->backend->id == ORIEL_BACKEND_EMULATED;
}

static unsigned char *
at_cell (const struct orl_window *w, uint32_t cell)
{
  return w->views->base + ((uint64_t) cell << w->page_shift);
}

static int
map (struct orl_window *w, uint32_t cell, uint32_t n, uint32_t frame,
     bool write)
{
  size_t bytes = (size_t) n << w->page_shift;
  uint64_t from = w->shm->geo.data + ((uint64_t) frame << w->page_shift);
  unsigned char *at = at_cell (w, cell);
  int r = -ENOSYS;

  if (remaps (w))
    r = orl_sys.remap_file_pages (
        at, bytes, (size_t) (from / (uint64_t) sysconf (_SC_PAGESIZE)),
        MAP_NONBLOCK);
  /* Someone may have unmapped what the call starts from. */
  if (r < 0
      && orl_sys.mmap (at, bytes, PROT_READ | (write ? PROT_WRITE : 0),
                       MAP_SHARED | MAP_FIXED, w->shm->fd, (off_t) from)
             == MAP_FAILED)
    return -errno;
  if (w->linear || w->shm->holes)
    orl_holes_watch (w->shm->uffd, at, bytes);
  return 0;
}

/* Where slots are remapped: behind the pool's end, by a new mapping, so that no
 * page tables are left. */
static int
map_nowhere (struct orl_window *w, uint32_t cell, uint32_t n)
{
  unsigned char *at = at_cell (w, cell);

  return orl_sys.mmap (at, (size_t) n << w->page_shift, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_FIXED, w->shm->fd,
                       (off_t) (orl_window_nowhere (w)
                                + (uint64_t) (at - w->base)))
                 == MAP_FAILED
             ? -errno
             : 0;
}

/* As the area was reserved, so that neighbours are one VMA. */
static int
unmap (struct orl_window *w, uint32_t cell, uint32_t n)
{
  size_t bytes = (size_t) n << w->page_shift;
  unsigned char *at = at_cell (w, cell);
  uint64_t nowhere;

  if (!remaps (w))
    return orl_sys.mmap (at, bytes, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
                             | MAP_FIXED,
                         -1, 0)
                   == MAP_FAILED
               ? -errno
               : 0;
  nowhere = orl_window_nowhere (w) + (uint64_t) (at - w->base);
  if (w->backend->one_vma
      && orl_sys.remap_file_pages (
             at, bytes, (size_t) (nowhere / (uint64_t) sysconf (_SC_PAGESIZE)),
             MAP_NONBLOCK)
             == 0)
    return 0;
  return map_nowhere (w, cell, n);
}

int
orl_views_open (struct orl_window *w, uint32_t n, unsigned char *base)
{
  struct orl_views *v = calloc (1, sizeof *v);

  if (!v)
    return -ENOMEM;
  pthread_mutex_init (&v->lock, NULL);
  v->cell = calloc (n ? n : 1, sizeof *v->cell);
  v->base = base;
  v->n = n;
  v->bytes = (uint64_t) n << w->page_shift;
  w->views = v;
  if (!v->cell)
    return -ENOMEM;
  return n > 0 && remaps (w) ? unmap (w, 0, n) : 0;
}

void
orl_views_close (struct orl_window *w)
{
  if (!w->views)
    return;
  pthread_mutex_destroy (&w->views->lock);
  free (w->views->cell);
  free (w->views);
}

/* The first gap of n cells; v->n if there is none. */
static uint32_t
find_gap (const struct orl_views *v, uint32_t n)
{
  uint32_t length = 0;

  for (uint32_t i = 0; i < v->n; i++)
    {
      length = v->cell[i].id == 0 ? length + 1 : 0;
      if (length == n)
        return i + 1 - n;
    }
  return v->n;
}

int
orl_view_take (struct orl_window *w, uint32_t owner, uint32_t n, uint64_t *id,
               uint32_t *cell)
{
  struct orl_views *v = w->views;
  int r = -ENOBUFS;

  pthread_mutex_lock (&v->lock);
  *cell = find_gap (v, n);
  if (*cell < v->n)
    {
      *id = ++v->last_id;
      if (v->high < *cell + n)
        v->high = *cell + n;
      for (uint32_t i = *cell; i < *cell + n; i++)
        {
          v->cell[i].id = *id;
          v->cell[i].owner = owner;
          v->cell[i].entry = NULL;
        }
      r = 0;
    }
  pthread_mutex_unlock (&v->lock);
  return r;
}

bool
orl_view_is (struct orl_window *w, uint64_t id, uint32_t cell)
{
  struct orl_views *v = w->views;
  bool is;

  if (id == 0 || cell >= v->n)
    return false;
  pthread_mutex_lock (&v->lock);
  is = v->cell[cell].id == id;
  pthread_mutex_unlock (&v->lock);
  return is;
}

/* From the cell on: how many have neighbouring frames? */
static uint32_t
run_at (const struct orl_cell *cell, uint32_t n)
{
  uint32_t k = 1;

  while (k < n && cell[k].frame == cell[0].frame + k)
    k++;
  return k;
}

int
orl_view_show (struct orl_window *w, uint32_t cell, uint32_t n, bool write)
{
  struct orl_cell *c = w->views->cell + cell;
  bool entered = orl_window_enter (w);
  int calls = 0;
  int r = 0;

  for (uint32_t i = 0, k; i < n && r == 0; i += k)
    {
      k = run_at (c + i, n - i);
      r = map (w, cell + i, k, c[i].frame, write);
      calls++;
      for (uint32_t j = i; r == 0 && j < i + k; j++)
        {
          atomic_fetch_add (&c[j].turn, 1);
          atomic_store (&c[j].shows,
                        (c[j].frame + 1) | (write ? ORL_CELL_WRITE : 0));
        }
    }
  orl_window_leave (w, entered);
  if (r < 0)
    orl_view_hide (w, cell, n);
  return r < 0 ? r : calls;
}

void
orl_view_hide (struct orl_window *w, uint32_t cell, uint32_t n)
{
  struct orl_cell *c = w->views->cell + cell;
  bool entered = orl_window_enter (w);
  bool any = false;

  for (uint32_t i = 0; i < n; i++)
    any |= atomic_exchange (&c[i].shows, 0) != 0;
  /* Where the kernel is short of VMAs it may still change these. */
  if (any && unmap (w, cell, n) < 0)
    orl_sys.mprotect (at_cell (w, cell), (size_t) n << w->page_shift,
                      PROT_NONE);
  orl_window_leave (w, entered);
}

void
orl_view_give (struct orl_window *w, uint32_t cell, uint32_t n)
{
  struct orl_views *v = w->views;

  pthread_mutex_lock (&v->lock);
  for (uint32_t i = cell; i < cell + n; i++)
    v->cell[i].id = 0;
  pthread_mutex_unlock (&v->lock);
}

void
orl_views_forget (struct orl_window *w, uint32_t owner)
{
  struct orl_views *v = w->views;

  pthread_mutex_lock (&v->lock);
  for (uint32_t i = 0, k; i < v->high; i += k)
    {
      k = 1;
      if (v->cell[i].id == 0 || v->cell[i].owner != owner)
        continue;
      while (i + k < v->high && v->cell[i + k].id == v->cell[i].id)
        k++;
      orl_view_hide (w, i, k);
      for (uint32_t j = i; j < i + k; j++)
        v->cell[j].id = 0;
    }
  pthread_mutex_unlock (&v->lock);
}

int
orl_view_remap (struct orl_window *w, uint32_t cell)
{
  uint32_t shows = atomic_load (&w->views->cell[cell].shows);

  if (shows == 0)
    return -EFAULT;
  return map (w, cell, 1, (shows & ORL_CELL_FRAME) - 1,
              (shows & ORL_CELL_WRITE) != 0);
}

int
orl_views_trim (struct orl_window *w)
{
  if (!w->handled || w->views->n == 0)
    return 0;
  return remaps (w) ? map_nowhere (w, 0, w->views->n)
                    : unmap (w, 0, w->views->n);
}
