/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.h - copying reads and writes
 */
#ifndef ORL_IO_H
#define ORL_IO_H

#include "thread.h"

/* As oriel_read() and oriel_write(). */
int orl_io_read (struct orl_thread *me, struct oriel_file *file,
                 uint64_t offset, void *buffer, size_t length);
int orl_io_write (struct orl_thread *me, struct oriel_file *file,
                  uint64_t offset, const void *buffer, size_t length);

#endif /* ORL_IO_H */
