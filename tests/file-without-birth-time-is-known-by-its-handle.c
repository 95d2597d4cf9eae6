/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where statx() is missing, what tells a file from an earlier one with its inode
 * is its handle: the same for all descriptors, and another for another file.
 */
#include "util.h"

#include "sys.h"

static int
refuse (int fd, uint64_t *ns)
{
  (void) fd, (void) ns;
  return -ENOSYS;
}

/* The mark of the file, and its inode. */
static uint64_t
mark (const char *path, int flags, ino_t *ino)
{
  int fd = open (path, flags | O_CLOEXEC, 0600);
  uint64_t value = 0;
  struct stat st;

  if (fd < 0 || orl_sys.birth (fd, &value) < 0 || fstat (fd, &st) < 0)
    bail_out ("%s: %s", path, strerror (errno));
  *ino = st.st_ino;
  close (fd);
  return value;
}

static int
has_handle (const char *path)
{
  struct file_handle handle = { .handle_bytes = 0 };
  int mount;

  return name_to_handle_at (AT_FDCWD, path, &handle, &mount, 0) < 0
         && errno == EOVERFLOW; /* and it is longer than that */
}

int
main (void)
{
  const char *path = scratch_file ("data");
  ino_t ino, same;
  uint64_t old, new;

  orl_sys.statx_birth = refuse;
  old = mark (path, O_RDWR | O_CREAT, &ino);
  if (!has_handle (path))
    skip_all ("the file system has no handles");
  ok (old != 0, "a file has a mark");
  ok (mark (path, O_RDONLY, &same) == old && mark (path, O_PATH, &same) == old,
      "one mark for every descriptor of a file");
  for (int i = 0; i < 100; i++) {
    if (unlink (path) < 0)
      bail_out ("%s: %s", path, strerror (errno));
    new = mark (path, O_RDWR | O_CREAT, &same);
    if (same == ino)
      break;
  }
  if (same != ino)
    skip ("the file system did not reuse the inode");
  else
    ok (new != old, "another for a new file with the old one's inode");
  return done_testing ();
}
