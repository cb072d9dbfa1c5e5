#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian packages: for each Lua lua5.4-cdfworkflow (5.1 is for LuaJIT too), and cdfworkflow, the programs with their
# manual pages and completion, which run on the first of these Luas. `deb.sh folder version "5.4 5.3" [homepage]`, at the
# top of the checkout.
# The packages are of whoever builds them: DEBFULLNAME and DEBEMAIL, as Debian's own tools have it.
set -euo pipefail
umask 022

for tool in dpkg-deb dpkg-shlibdeps dpkg-buildflags strip scdoc; do
  command -v $tool >/dev/null || { echo "$tool is not here: install dpkg-dev, binutils and scdoc" >&2; exit 1; }
done

out=$1 version=$2-1 luas=$3 homepage=${4:-}
[ -n "$luas" ] || { echo "No Lua headers found: install liblua5.4-dev, say" >&2; exit 1; }
programs_lua=${luas%% *}
stage=$PWD/$out/stage/debian # as dpkg-shlibdeps expects it
lib=lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH) # LuaJIT looks nowhere else in /usr
maintainer="${DEBFULLNAME:-$(id -un)} <${DEBEMAIL:-$(id -un)@$(uname -n)}>"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(stat -c %Y CHANGELOG.md)}
export DEB_BUILD_MAINT_OPTIONS=hardening=+all

install_into() { # package, targets and variables of make
  local package=$1
  shift
  make --no-print-directory -s "$@" DESTDIR="$stage/$package" PREFIX=/usr LIB="$lib" BUILD="$out/build" \
    CFLAGS="$(dpkg-buildflags --get CFLAGS) $(dpkg-buildflags --get CPPFLAGS)" LDFLAGS="$(dpkg-buildflags --get LDFLAGS)"
}

# What Debian wants to lie in each package.
add_documents() { # package
  local folder=$stage/$1/usr/share/doc/$1
  mkdir -p "$folder"
  cat >"$folder/copyright" <<TEXT
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: cdfworkflow

Files: *
Copyright: 2026 the authors of cdfworkflow
License: Apache-2.0
 On Debian systems the whole text is in /usr/share/common-licenses/Apache-2.0.
TEXT
  gzip -9nc CHANGELOG.md >"$folder/changelog.gz"
  gzip -9nc >"$folder/changelog.Debian.gz" <<TEXT
cdfworkflow ($version) unstable; urgency=medium

  * Packaged as it comes (make deb).

 -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
TEXT
}

# The libraries that the object is linked with; of libcurl a version that keeps the promises.
libraries() { # package
  mkdir -p "$stage/$1/DEBIAN"
  printf 'Source: cdfworkflow\n\nPackage: %s\nArchitecture: any\n' "$1" >"$stage/control"
  (cd "$stage/.." && dpkg-shlibdeps -O debian/"$1/usr/$lib"/lua/*/cdfworkflow/core.so) |
    sed -E 's/^shlibs:Depends=//; s/(libcurl[^ ,]*)( \([^)]*\))?/\1 (>= 7.80)/'
}

pack() { # package architecture depends recommends suggests summary (description on standard input)
  local root=$stage/$1
  mkdir -p "$root/DEBIAN"
  (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
  {
    printf 'Package: %s\nSource: cdfworkflow\nVersion: %s\nArchitecture: %s\n' "$1" "$version" "$2"
    printf 'Maintainer: %s\nInstalled-Size: %s\n' "$maintainer" "$(du -sk --exclude=DEBIAN "$root" | cut -f1)"
    printf 'Section: interpreters\nPriority: optional\nDepends: %s\n' "$3"
    [ -z "$4" ] || printf 'Recommends: %s\n' "$4"
    [ -z "$5" ] || printf 'Suggests: %s\n' "$5"
    [ -z "$homepage" ] || printf 'Homepage: %s\n' "$homepage"
    printf 'Description: %s\n' "$6"
    sed 's/^/ /'
  } >"$root/DEBIAN/control"
  dpkg-deb --root-owner-group --build "$root" "$out/$1_${version}_$2.deb" >/dev/null
  echo "$out/$1_${version}_$2.deb"
}

rm -rf "${stage%/debian}" "$out"/*.deb
mkdir -p "$stage"

for lua in $luas; do
  package=lua$lua-cdfworkflow
  install_into "$package" install-modules LUA_VERSION="$lua" LUA="lua$programs_lua"
  strip --strip-unneeded --remove-section=.comment --remove-section=.note \
    "$stage/$package/usr/$lib/lua/$lua/cdfworkflow/core.so"
  add_documents "$package"
  pack "$package" "$(dpkg --print-architecture)" "$(libraries "$package"), lua-cjson" "" "lua-luaossl, lua-yaml, tzdata" \
    "data workflows of Cognite Data Fusion, for Lua $lua" <<TEXT
Starts, follows and schedules data workflow runs in Cognite Data Fusion, at
most once or exactly once, from a plain script, from nginx, from HAProxy or
from an event loop.
.
lua-luaossl is needed to sign in with a certificate, lua-yaml to read the
settings of an extractor.
TEXT
done

install_into cdfworkflow install-programs install-man install-completion \
  LUA_VERSION="$programs_lua" LUA="/usr/bin/lua$programs_lua"
mv "$stage/cdfworkflow/usr/share/zsh/site-functions" "$stage/cdfworkflow/usr/share/zsh/vendor-completions"
find "$stage/cdfworkflow/usr/share/man" -type f -exec gzip -9n {} +
add_documents cdfworkflow
pack cdfworkflow all "lua$programs_lua, lua$programs_lua-cdfworkflow (= $version), lua-argparse" \
  "lua-http, lua-luaossl, lua-yaml, lua-zlib, tzdata" "" "data workflows of Cognite Data Fusion, from a shell" <<TEXT
cdfworkflow starts, follows and schedules data workflow runs in Cognite Data
Fusion, and its exit status tells how they ended. cdfworkflow-sim serves an
embedded CDF, to try and to test against.
.
lua-yaml is needed to read definitions in YAML, lua-luaossl to sign in with a
certificate, lua-http to serve the embedded CDF.
TEXT

rm -rf "${stage%/debian}"
