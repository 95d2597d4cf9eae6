/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file-record.h - the pool's record of a file, which all processes share
 */
#ifndef ORL_FILE_RECORD_H
#define ORL_FILE_RECORD_H

#include "thread.h"

/* super.file_lock, under which records change. */
void orl_file_lock (struct orl_thread *me);
void orl_file_unlock (struct orl_thread *me);

/* Does a living process other than this one have the file open? */
bool orl_file_is_open_elsewhere (const struct orl_shm *shm, uint32_t index);
bool orl_file_has_dirty_pages (const struct orl_shm *shm, uint32_t index);
bool orl_file_is_same (const struct orl_frec *rec,
                       const struct orl_store_id *id);

/* Make its dirty pages STALE, and those that are being written: of a foreign
 * file. */
void orl_file_drop_dirty (const struct orl_shm *shm, uint32_t index);

/* Forget the file's pages, where others have it open, or this process has.  Of
 * what log there is now is not known; who does know says so again. */
void orl_file_discard (struct orl_frec *rec);

/* The file's record, its own or a new one, marked open by this process; flags
 * as in oriel_file_open().  Errors: -ENFILE, -ESTALE as there.  1 if look_again,
 * no one has it open, and the dead still write: then id is old. */
int orl_file_enter (struct orl_thread *me, const char *path, unsigned flags,
                    const struct orl_store_id *id, bool look_again,
                    uint32_t *index);
void orl_file_leave (struct orl_thread *me, uint32_t index);

#endif /* ORL_FILE_RECORD_H */
