/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * point.h - named places where a process may be made to die
 *
 * ORL_POINT ("evict.marked") stands at each step of each change of shared
 * memory that takes more than one.  Without ORL_DEBUG it is nothing.  With it,
 * the points are listed in a section of their own, and a process dies when it
 * passes the one that it is told to: by orl_point_arm(), or by the environment,
 * ORIEL_DIE_AT=NAME or NAME:N for the N-th time.
 *
 * In an inline function each copy is a point, and all have one name.
 */
#ifndef ORL_POINT_H
#define ORL_POINT_H

#ifdef ORL_DEBUG

struct orl_point {
  const char *name;
};

# define ORL_POINT(text)                                                      \
    do                                                                        \
      {                                                                       \
        static const struct orl_point point_ = { text };                      \
        static const struct orl_point *const listed_                          \
            __attribute__ ((section ("orl_points"), used)) = &point_;         \
        orl_point_pass (&point_);                                             \
      }                                                                       \
    while (0)

void orl_point_pass (const struct orl_point *point);

/* The program's points: how many, and the i-th of them.  Several may have one
 * name. */
unsigned orl_point_count (void);
const struct orl_point *orl_point_at (unsigned i);

/* Die by SIGKILL at the n-th passing, from now on, of a point of this name, by
 * any thread; NULL: live. */
void orl_point_arm (const char *name, unsigned n);

/* Called at each passing if it is set. */
extern void (*orl_point_hook) (const struct orl_point *point);

#else
# define ORL_POINT(text) ((void) 0)
#endif

#endif /* ORL_POINT_H */
