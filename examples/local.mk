# SPDX-License-Identifier: BSD-2-Clause
# Programs to read, in the order of their numbers; the tests run them
# (tests/example-*.sh).

examples_c = \
	examples/01-pin-a-page \
	examples/02-two-processes \
	$(NULL)

EXTRA_DIST += \
	examples/link/CMakeLists.txt \
	examples/link/meson.build \
	$(NULL)

noinst_PROGRAMS += $(examples_c)
$(examples_c): private AM_LDFLAGS += -no-install

if HAVE_XXHASH
noinst_PROGRAMS += examples/05-checksums
examples_05_checksums_CPPFLAGS = $(AM_CPPFLAGS) $(XXHASH_CFLAGS)
examples_05_checksums_LDFLAGS = $(AM_LDFLAGS) -no-install
examples_05_checksums_LDADD = liboriel.la $(XXHASH_LIBS)
endif

if HAVE_SQLITE3
noinst_PROGRAMS += examples/03-sqlite
examples_03_sqlite_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE3_CFLAGS)
examples_03_sqlite_LDFLAGS = $(AM_LDFLAGS) -no-install
examples_03_sqlite_LDADD = liboriel_vfs.la $(SQLITE3_LIBS)

# -rpath: a shared library, though it is not installed.  The VFS's static
# library is compiled for use in shared ones, whatever libtool says about others.
noinst_LTLIBRARIES += examples/preload.la
examples_preload_la_SOURCES = examples/04-preload.c
examples_preload_la_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE3_CFLAGS)
examples_preload_la_LIBADD = liboriel_vfs.la liboriel.la $(SQLITE3_LIBS)
examples_preload_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-rpath $(abs_builddir)
endif

# A key-value store, and a program that uses it.  The library is made for the tests
# and bench-kv, too; it finds oriel.h as any user's would.
EXTRA_DIST += $(kv_sources) examples/06-kv.c
kv_sources = \
	examples/kv/kv-find.c \
	examples/kv/kv-impl.h \
	examples/kv/kv-log.c \
	examples/kv/kv-page.h \
	examples/kv/kv-tree.c \
	examples/kv/kv-txn.c \
	examples/kv/kv.c \
	examples/kv/kv.h \
	$(NULL)
if HAVE_XXHASH
noinst_LIBRARIES += examples/libkv.a
examples_libkv_a_SOURCES = $(kv_sources)
examples_libkv_a_CPPFLAGS = $(AM_CPPFLAGS) $(XXHASH_CFLAGS)

noinst_PROGRAMS += examples/06-kv
examples_06_kv_LDFLAGS = $(AM_LDFLAGS) -no-install
examples_06_kv_LDADD = examples/libkv.a liboriel.la
endif
