#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make page`: the simulator's pages in headless Chromium, light and dark, wide and narrow, as pictures to be looked at:
# page_screenshot.sh [folder]. Fails when a page is not there, is wider than its screen, or when the browser finds
# something to complain about.
set -euo pipefail
cd "$(dirname "$0")/.."
. spec/support/env.sh
use_lua 5.4
exec "$LUA" spec/support/page_pictures.lua "${1:-build/page}"
