# SPDX-License-Identifier: BSD-2-Clause
#
# The SQLite VFS, as a module that stands alone, and as a static library for
# programs that link with liboriel.  The module reaches SQLite through the table
# that it is handed, the library (-DSQLITE_CORE) by linking.

vfs_sources = \
	vfs/coherence-log.c \
	vfs/coherence.c \
	vfs/coherence.h \
	vfs/control.c \
	vfs/fetch-cells.h \
	vfs/fetch.c \
	vfs/file.c \
	vfs/futex.c \
	vfs/lease-recall.c \
	vfs/lease-thread.c \
	vfs/lease.c \
	vfs/lease.h \
	vfs/params.c \
	vfs/pragma.c \
	vfs/queue.c \
	vfs/registry.c \
	vfs/status.c \
	vfs/vfs.c \
	vfs/vfs.h \
	vfs/vtab.c \
	vfs/wal-map.c \
	vfs/wal.c \
	vfs/walindex.c \
	vfs/write.c \
	$(NULL)

if HAVE_SQLITE3

oriel_LTLIBRARIES += oriel_vfs.la
oriel_vfs_la_SOURCES = $(vfs_sources)
oriel_vfs_la_CFLAGS = $(AM_CFLAGS) $(SQLITE3_CFLAGS)
oriel_vfs_la_LIBADD = libcore.la
oriel_vfs_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-no-undefined -export-symbols-regex '^sqlite3_orielvfs_init$$'

lib_LTLIBRARIES += liboriel_vfs.la
liboriel_vfs_la_SOURCES = $(vfs_sources)
liboriel_vfs_la_CPPFLAGS = $(AM_CPPFLAGS) -DSQLITE_CORE
liboriel_vfs_la_CFLAGS = $(AM_CFLAGS) $(SQLITE3_CFLAGS)
liboriel_vfs_la_LIBADD = liboriel.la $(SQLITE3_LIBS)
liboriel_vfs_la_LDFLAGS = $(AM_LDFLAGS) -static

include_HEADERS += include/oriel_vfs.h

endif
