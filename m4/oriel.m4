# SPDX-License-Identifier: BSD-2-Clause
#
# What configure.ac asks more than once.

# ORL_COMPILER_FLAG(FLAG, IF-YES)
# Does the compiler take FLAG?  -Werror, as clang only warns of what it does
# not know.
AC_DEFUN([ORL_COMPILER_FLAG],
  [AS_VAR_PUSHDEF([cache], [orl_cv_flag_$1])
   AC_CACHE_CHECK([whether $CC takes $1], [cache],
     [orl_save_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS $1 -Werror"
      AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
        [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
      CFLAGS=$orl_save_CFLAGS])
   AS_VAR_IF([cache], [yes], [$2])
   AS_VAR_POPDEF([cache])])

# ORL_VERSION_SCRIPT
# Sets orl_cv_version_script: does the linker version symbols by a map?
AC_DEFUN([ORL_VERSION_SCRIPT],
  [AC_CACHE_CHECK([whether the linker takes a symbol map],
     [orl_cv_version_script],
     [orl_save_LDFLAGS=$LDFLAGS
      LDFLAGS="$LDFLAGS -shared -fPIC -Wl,--version-script=conftest.map"
      echo 'NODE_0 { global: f; local: *; };' > conftest.map
      AC_LINK_IFELSE([AC_LANG_SOURCE([[int f (void) { return 0; }]])],
        [orl_cv_version_script=yes], [orl_cv_version_script=no])
      rm -f conftest.map
      LDFLAGS=$orl_save_LDFLAGS])])

# ORL_SANITIZER(NAMES, IF-WORKS, [IF-NOT])
# Does a program with a thread build with -fsanitize=NAMES, and run?  Sets
# orl_sanitizer_flags.  setarch turns address randomisation off where it may:
# ThreadSanitizer of gcc 12 does not start under much of it, and tests/
# run-test.sh does the same.
AC_DEFUN([ORL_SANITIZER],
  [orl_names="$1"
   orl_sanitizer_flags="-fsanitize=$orl_names -fno-omit-frame-pointer"
   AS_CASE([$orl_names], [*undefined*],
     [orl_sanitizer_flags="$orl_sanitizer_flags -fno-sanitize-recover=undefined"],
     [*thread*],
     [# ThreadSanitizer does not model fences, and gcc warns of each: what the
      # fence of a pin orders are atomics, of which no race is reported.
      ORL_COMPILER_FLAG([-Wtsan],
        [orl_sanitizer_flags="$orl_sanitizer_flags -Wno-tsan"])])
   AC_MSG_CHECKING([whether programs with -fsanitize=$orl_names build and run])
   orl_save_CFLAGS=$CFLAGS
   CFLAGS="$CFLAGS -pthread $orl_sanitizer_flags"
   orl_runs=no
   AC_LINK_IFELSE([AC_LANG_PROGRAM([[
       #include <pthread.h>
       static void *run (void *arg) { return arg; }
     ]], [[
       pthread_t thread;
       return pthread_create (&thread, 0, run, 0)
              || pthread_join (thread, 0);
     ]])],
     [orl_setarch='setarch -R'
      $orl_setarch true 2>&AS_MESSAGE_LOG_FD || orl_setarch=
      AS_IF([test "$cross_compiling" = yes ||
             $orl_setarch ./conftest$EXEEXT >&AS_MESSAGE_LOG_FD 2>&1],
        [orl_runs=yes])])
   CFLAGS=$orl_save_CFLAGS
   AC_MSG_RESULT([$orl_runs])
   AS_IF([test $orl_runs = yes], [$2], [$3])])

# ORL_OPTIONAL_LIBRARY(NAME, PREFIX, MODULE)
# --with-NAME makes the library a must, --without-NAME leaves it out, else it
# is used if pkg-config has it.  Sets have_NAME, PREFIX_CFLAGS, PREFIX_LIBS,
# HAVE_PREFIX for make and for C.
AC_DEFUN([ORL_OPTIONAL_LIBRARY],
  [AC_ARG_WITH([$1],
     [AS_HELP_STRING([--without-$1], [leave out what needs $1])],
     [], [with_$1=auto])
   have_$1=no
   AS_CASE([$with_$1],
     [no], [],
     [auto], [PKG_CHECK_MODULES([$2], [$3], [have_$1=yes], [have_$1=no])],
     [PKG_CHECK_MODULES([$2], [$3], [have_$1=yes])])
   AS_IF([test $have_$1 = yes],
     [AC_DEFINE([HAVE_$2], [1], [Define to 1 if there is $1.])])
   AM_CONDITIONAL([HAVE_$2], [test $have_$1 = yes])])
