/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torn-area.h - which double-write area's copies count for a file, and who has it
 */
#ifndef ORL_TORN_AREA_H
#define ORL_TORN_AREA_H

#include "double-write.h"
#include "thread.h"

/* The file, arg, is written by this area from now on, and no other file by it, nor
 * one of another pool, until the area is closed: as orl_dw_options.claim.  -EBUSY;
 * -EINVAL it is the file itself; with the text. */
int orl_area_claim (void *arg, const struct orl_store *area, const char *path);

/* Keep it, while it is open, from other pools alone. */
int orl_area_alone (const struct oriel_file *file,
                    const struct orl_store *area, const char *path);

/* -EBUSY, with the text: others have the file open with another area. */
int orl_area_wrong (const struct oriel_file *file, const char *path);

/* The first who opens the file: restore what is torn by the area that counts,
 * which may be another one; and have dw, with a new lap, be what counts from now
 * on, or none.  dw may be NULL.  Who only reads looks: -EROFS.  Errors of the
 * stores; with the text. */
int orl_area_recover (struct oriel_file *file, struct orl_dw *dw);

#endif /* ORL_TORN_AREA_H */
