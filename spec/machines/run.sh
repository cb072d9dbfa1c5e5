#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make machines`: builds the module for other machines with Debian's cross compilers and runs the specs of the rooms in C
# there, in qemu's emulation of their processors; then a table of how many passed, and of the sizes of core.so.
#
# MACHINES says which (default "armhf arm64 i386"), LUAS on which Luas ("5.4 5.1 luajit"), SPECS which files. Their Debian
# packages are kept in DEBIANS (default build/debians), from MIRROR where that is given, so that a second time is quick.
set -euo pipefail
cd "$(dirname "$0")/../.."

machines=${MACHINES:-armhf arm64 i386}
luas=${LUAS:-5.4 5.1 luajit}
mkdir -p "${DEBIANS:=build/debians}" build/machines
debians=$(cd "$DEBIANS" && pwd)
# What starts programs of this machine's own kind says nothing of another machine; nor do times in an emulation, nor how
# much of the processor trust_spec.lua sees used.
specs=${SPECS:-$(grep -LE 'require "(native|other_curl|nginx)"|http_world\.nginx' spec/core/*_spec.lua | grep -v /trust_)
  spec/json_spec.lua
  spec/promises/retries_spec.lua spec/promises/first_contact_spec.lua spec/machines/late_spec.lua}
packages=lua5.4,liblua5.4-dev,lua5.1,liblua5.1-0-dev,luajit2,libluajit2-5.1-dev,libc6-dev,libcurl4-openssl-dev,lua-cjson
packages=$packages,lua-busted,lua-cqueues,lua-luaossl,lua-yaml,lua-argparse,lua-http,lua-zlib

describe() { # machine: its compiler, its emulator, its folder of headers
  case $1 in
    armhf) compiler=arm-linux-gnueabihf emulator=qemu-arm-static triplet=arm-linux-gnueabihf ;;
    arm64) compiler=aarch64-linux-gnu emulator=qemu-aarch64-static triplet=aarch64-linux-gnu ;;
    i386) compiler=i686-linux-gnu emulator=qemu-i386-static triplet=i386-linux-gnu ;;
    *) echo "Not a machine that is known: $1" >&2; exit 2 ;;
  esac
}

# Unpacks that machine's packages, without running anything of them: so no root is needed.
unpack() { # machine
  local root=$debians/$1 package
  [ -e "$root/complete" ] && return
  echo "Getting Debian's packages for $1"
  rm -rf "$root"
  mkdir -p "$root"
  debootstrap --download-only --variant=minbase --arch="$1" --include="$packages" bookworm "$root" ${MIRROR:+"$MIRROR"} \
    >"$debians/$1.log" 2>&1 || { tail -n 5 "$debians/$1.log" >&2; exit 1; }
  for package in "$root"/var/cache/apt/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
  rm -rf "$root/var/cache/apt"
  touch "$root/complete"
}

headers() { # lua
  case $1 in luajit) echo luajit-2.1 ;; *) echo "lua$1" ;; esac
}

program() { # lua
  case $1 in luajit) echo luajit ;; *) echo "lua$1" ;; esac
}

build() { # machine lua
  local root=$debians/$1
  make --no-print-directory -s -j2 build-for-specs BUILD="build/machines/$1" LUAS="$2" CC="$compiler-gcc --sysroot=$root" \
    CURL_CFLAGS="-I$root/usr/include/$triplet" LUA_CFLAGS="-I$root/usr/include/$(headers "$2")" >"build/machines/$1.log" \
    || { cat "build/machines/$1.log" >&2; exit 1; }
}

# A Lua of that machine under the name of this one's, for whatever starts it.
wrap() { # machine lua
  local root=$debians/$1 folder=build/machines/$1/bin
  mkdir -p "$folder"
  printf '#!/bin/sh\nexec %s -L "%s" "%s" "$@"\n' "$emulator" "$root" "$root/usr/bin/$(program "$2")" \
    >"$folder/$(program "$2")"
  chmod +x "$folder/$(program "$2")"
}

size() { # machine lua
  "$compiler-strip" -o build/machines/stripped "build/machines/$1/$2/cdfworkflow/core.so"
  stat -c %s build/machines/stripped
}

try() { # machine lua
  describe "$1"
  build "$1" "$2"
  wrap "$1" "$2"
  # shellcheck disable=SC2086
  PATH="$PWD/build/machines/$1/bin:$PATH" MACHINE="$1" CC="$compiler-gcc --sysroot=$debians/$1" BUILD="build/machines/$1" \
    SPEC_TIMEOUT=600 BUSTED_OPTIONS=--exclude-tags=timed spec/support/run.sh "$2" $specs | tee "build/machines/$1-$2.log" || failed=1
  printf '%-8s %-8s %8d   %s\n' "$1" "$2" "$(size "$1" "$2")" "$(tail -n 1 "build/machines/$1-$2.log")" >>"$table"
}

spec/support/install.sh machines
table=$(mktemp)
trap 'rm -f "$table"' EXIT
failed=0
for machine in $machines; do
  unpack "$machine"
  for lua in $luas; do try "$machine" "$lua"; done
done
printf '\n%-8s %-8s %8s   %s\n' machine Lua "bytes" "specs of the rooms in C"
cat "$table"
exit $failed
