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

if HAVE_SQLITE3
noinst_PROGRAMS += examples/03-sqlite
examples_03_sqlite_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE3_CFLAGS)
examples_03_sqlite_LDFLAGS = $(AM_LDFLAGS) -no-install
examples_03_sqlite_LDADD = liboriel_vfs.la $(SQLITE3_LIBS)
endif
