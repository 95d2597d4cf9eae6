/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * api.h - what the files of the public calls share
 */
#ifndef ORL_API_H
#define ORL_API_H

#include "thread.h"

/* Pages' offsets must fit off_t, with room for a run behind them. */
#define ORL_OFFSET_MAX (UINT64_C (1) << 62)

/* -EINVAL: the call was given a null pointer. */
int orl_api_null (const char *call);

/* -EACCES: the file is open read-only. */
int orl_api_writable (const oriel_file *file);

#endif /* ORL_API_H */
