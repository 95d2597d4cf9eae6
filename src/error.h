/* SPDX-License-Identifier: BSD-2-Clause */
/* error.h - the text of a thread's last error */
#ifndef ORL_ERROR_H
#define ORL_ERROR_H

/* Record the text for this thread and return error, a negative errno.  The
 * text ends with what the errno means: say what was tried, on what, and what
 * to do about it.  Arguments may be parts of the old text. */
int orl_fail (int error, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3), cold));

/* The same for failures that are no surprise and must be cheap: why is a literal
 * and is not formatted. */
int orl_decline (int error, const char *why);

/* This thread's text; "" if no call failed yet. */
const char *orl_error_text (void);

/* Say on stderr that the process cannot go on, and why; abort. */
void orl_fatal (const char *why) __attribute__ ((noreturn, cold));

#endif /* ORL_ERROR_H */
