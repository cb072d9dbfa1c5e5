#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing: `install.sh demo` for make demo, `test` for the specs, `lint`, `valgrind`, `bench`, `fuzz`,
# `fresh`, `machines`.
# On Debian with apt-get (sudo when not root) and npm; elsewhere it names what is missing and stops.
set -euo pipefail
cd "$(dirname "$0")"

# One line each: Debian's package, and a command that succeeds when it is there, from wherever it came.
demo_needs() {
  cat <<'LIST'
gcc                   | command -v "${CC:-cc}"
pkg-config            | command -v pkg-config
lua5.4                | command -v lua5.4
liblua5.4-dev         | pkg-config --exists lua5.4
libcurl4-openssl-dev  | pkg-config --exists libcurl
lua-cjson             | lua5.4 -e 'require "cjson"'
lua-zlib              | lua5.4 -e 'require "zlib"'
lua-argparse          | lua5.4 -e 'require "argparse"'
lua-http              | LUA_PATH='/usr/share/lua/5.3/?.lua;/usr/share/lua/5.2/?.lua;;' lua5.4 -e 'require "http.server"'
tzdata                | test -e /usr/share/zoneinfo/Europe/Oslo
LIST
}

test_needs() {
  demo_needs
  cat <<'LIST'
lua5.3                | command -v lua5.3
liblua5.3-dev         | pkg-config --exists lua5.3
lua5.1                | command -v lua5.1
liblua5.1-0-dev       | pkg-config --exists lua5.1
lua5.2                | command -v lua5.2
liblua5.2-dev         | pkg-config --exists lua5.2
luajit2               | command -v luajit
libluajit2-5.1-dev    | pkg-config --exists luajit
lua-busted            | command -v busted
lua-luv               | lua5.4 -e 'require "luv"'
lua-socket            | lua5.4 -e 'require "socket"'
neovim                | command -v nvim
lua-luaossl           | lua5.4 -e 'require "openssl.x509"'
lua-yaml              | lua5.4 -e 'require "lyaml"'
lua-cqueues           | lua5.4 -e 'require "cqueues"'
luarocks              | command -v luarocks
dpkg-dev              | command -v dpkg-buildflags
bmake                 | command -v bmake
python3               | command -v python3
python3-dotenv        | /usr/bin/python3 -c 'import dotenv'
systemd               | command -v systemd-analyze
locales               | test -e /usr/share/i18n/charmaps/ANSI_X3.4-1968.gz
openssl               | command -v openssl
procps                | command -v ps
curl                  | command -v curl
nodejs                | command -v node
npm                   | command -v npm
chromium              | command -v chromium
haproxy               | PATH=$PATH:/usr/sbin command -v haproxy
nginx                 | PATH=$PATH:/usr/sbin command -v nginx
libnginx-mod-http-lua | test -e /usr/lib/nginx/modules/ngx_http_lua_module.so
lua-resty-core        | test -e /usr/share/lua/5.1/resty/core.lua
redis-tools           | command -v redis-cli && command -v redis-check-rdb
lua-redis             | test -e /usr/share/lua/5.3/redis.lua && test -e /usr/share/lua/5.1/redis.lua
lua-socket            | lua5.4 -e 'require "socket"'
lua-nginx-redis       | test -e /usr/share/lua/5.1/nginx/redis.lua
nghttp2-server        | PATH=$PATH:/usr/sbin command -v nghttpd
lua-yaml              | lua5.4 -e 'require "lyaml"'
scdoc                 | command -v scdoc
man-db                | command -v man
fish                  | command -v fish
zsh                   | command -v zsh
LIST
}

lint_needs() {
  demo_needs
  cat <<'LIST'
liblua5.3-dev         | pkg-config --exists lua5.3
liblua5.1-0-dev       | pkg-config --exists lua5.1
libluajit2-5.1-dev    | pkg-config --exists luajit
lua-check             | command -v luacheck
clang                 | command -v clang
clang-format          | command -v clang-format
clang-tidy            | command -v clang-tidy
cppcheck              | command -v cppcheck
LIST
}

valgrind_needs() {
  test_needs
  cat <<'LIST'
valgrind              | command -v valgrind
libc6-dbg             | valgrind -q true
LIST
}

bench_needs() {
  valgrind_needs
  cat <<'LIST'
lua-curl              | lua5.1 -e 'require "curl"'
LIST
}

fuzz_needs() {
  demo_needs
  cat <<'LIST'
clang                 | command -v clang
libclang-rt-14-dev    | test -e "$(clang --print-file-name="libclang_rt.fuzzer-$(uname -m).a")"
LIST
}

fresh_needs() {
  cat <<'LIST'
debootstrap           | PATH=$PATH:/usr/sbin command -v debootstrap
iproute2              | PATH=$PATH:/sbin command -v ip
util-linux            | command -v unshare
git                   | command -v git
LIST
}

machines_needs() {
  test_needs
  cat <<'LIST'
debootstrap             | PATH=$PATH:/usr/sbin command -v debootstrap
qemu-user-static        | command -v qemu-arm-static
gcc-arm-linux-gnueabihf | command -v arm-linux-gnueabihf-gcc
gcc-aarch64-linux-gnu   | command -v aarch64-linux-gnu-gcc
gcc-i686-linux-gnu      | command -v i686-linux-gnu-gcc
LIST
}

missing() {
  local package probe
  "$1_needs" | while IFS='|' read -r package probe; do
    (eval "$probe") >/dev/null 2>&1 </dev/null || echo "${package// /}"
  done
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
  local packages
  packages=$(missing "$1")
  [ -n "$packages" ] || return 0
  if ! [ -e /etc/debian_version ] || ! command -v apt-get >/dev/null; then
    echo "This is no Debian system. Please install what these Debian packages hold, then try again:" $packages >&2
    exit 1
  fi
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    echo "Not root, and sudo is not here. As root: apt-get install --no-install-recommends" $packages >&2
    exit 1
  fi
  echo "Installing" $packages >&2
  as_root apt-get update -qq </dev/null >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages </dev/null >&2
  packages=$(missing "$1")
  [ -z "$packages" ] || { echo "Installed, and still not usable:" $packages >&2; exit 1; }
}

# The lock file names versions and checksums; npm takes them from whichever registry it is set up with.
install_node_modules() { # folder
  cd "$1"
  [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error </dev/null >&2
}

install_packages "$1"
case $1 in
  test | valgrind | bench)
    (install_node_modules .)
    (install_node_modules oidc)
    ;;
esac
