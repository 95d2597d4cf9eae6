#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# i386-root.sh DIRECTORY - i386 libraries for an amd64 Debian, not installed
#
# Unpacks SQLite, jansson, ncurses, liburing, xxHash and musl for i386 into
# DIRECTORY, and writes two compilers beside them: DIRECTORY/gcc, gcc -m32 with
# these libraries, and DIRECTORY/musl-gcc, for static programs.  Needs
# gcc-multilib, and no root: packages of another architecture often cannot be
# installed beside one's own, when their versions differ.
set -u
mkdir -p "$1" && root=$(cd "$1" && pwd) || exit

die ()
{
  echo "i386-root: $*" >&2
  exit 1
}

packages='libsqlite3-0 libsqlite3-dev libjansson4 libjansson-dev
  libncurses6 libncursesw6 libtinfo6 libncurses-dev liburing2 liburing-dev
  libxxhash0 libxxhash-dev musl-dev'

apt ()
{
  apt-get -o "Dir::State::Lists=$root/apt/lists" -o "Dir::Cache=$root/apt" \
    -o APT::Sandbox::User=root \
    -o APT::Architectures::=amd64 -o APT::Architectures::=i386 "$@"
}

fetch ()
{
  mkdir -p "$root/apt/lists/partial" "$root/apt/archives/partial" \
    "$root/debs" || exit
  # A list that fails need not be the one that has these.
  apt -q update || echo "i386-root: apt-get update failed: going on" >&2
  cd "$root/debs" || exit
  for package in $packages; do
    ls "$package"_*_i386.deb > /dev/null 2>&1 \
      || apt -q download "$package:i386" || die "no $package for i386"
  done
  for deb in *.deb; do
    dpkg-deb -x "$deb" "$root" || exit
  done
  rm -rf "$root/apt"
}

[ -e "$root/usr/include/i386-linux-musl/stdio.h" ] || (fetch) || exit

# Debian splits these between /lib and /usr/lib.
libraries=$root/usr/lib/i386-linux-gnu
cp -n "$root"/lib/i386-linux-gnu/*.so* "$libraries/" 2> /dev/null

cat > "$root/gcc" << END
#!/bin/sh
exec gcc -m32 "\$@" -isystem '$root/usr/include' -L'$libraries' \\
  -Wl,--disable-new-dtags,-rpath,'$libraries'
END

# The C library's own, with where it lies and what a linker for two machines
# must be told.
sed -e "s,/usr/\(lib\|include\)/i386,$root&,g" \
  -e 's,^-dynamic-linker,-m elf_i386 &,' \
  "$root/usr/lib/i386-linux-musl/musl-gcc.specs" > "$root/musl-gcc.specs"
cat > "$root/musl-gcc" << END
#!/bin/sh
exec gcc -m32 "\$@" -specs '$root/musl-gcc.specs'
END
chmod 755 "$root/gcc" "$root/musl-gcc"
