# SPDX-License-Identifier: Apache-2.0
#
#   make            builds the module for every Lua whose headers are here
#   make demo       installs what is missing, builds, starts the embedded CDF, runs the first example against it
#   make test       installs what is missing, builds, runs all specs; ends in "N passed, N failed"
#                   (one file on one Lua: make test SPECS=spec/core/json_spec.lua LUAS=5.4)
#   make lint       luacheck, one hand, annotations, gcc and clang with warnings as errors, cppcheck, clang-tidy, clang-format, symbols
#   make asan       the specs with an AddressSanitizer and UndefinedBehaviorSanitizer build, leaks on
#   make valgrind   the specs of 5.4 (or LUAS) under memcheck
#   make stress     the specs of 5.4 (or LUAS) while the collector stops the world all the time
#   make bench      spec/bench: the embedded CDF, nginx and HAProxy under load; at the end one table of what is measured
#                   against an aim (ROWS="run require": these groups of spec/bench/rows only)
#   make machines   the specs of the rooms in C on armhf, arm64 and i386, under qemu; and the sizes (MACHINES, DEBIANS: where
#                   their Debian packages are kept)
#   make model      spec/model: every sequence of up to four faults in a model of CDF (MODEL="run_id: …" replays one)
#   make fuzz       spec/fuzz: libFuzzer, ten minutes for each target
#   make soak       spec/soak: 100,000 runs with faults
#   make queue      spec/campaign/queue.sh: queues whose processes are killed, whose disk is full, whose link is down
#   make gateway    spec/campaign: gateways reloaded and killed under load, each delivery sent three times
#   make redis      spec/campaign: a queue in Redis, whose drains are killed and frozen, and Redis too (SEED=2: other
#                   chances); some twelve minutes
#   make torture    spec/torture: every allocation failed once
#   make page       pictures of the embedded CDF's pages in headless Chromium
#   make man        the manual pages, into build/man (needs scdoc)
#   make reference  all public functions and types, as HTML and as Markdown, into build/reference
#   make install    builds and installs for LUA_VERSION (default 5.4) into PREFIX (default /usr/local), below DESTDIR where
#                   that is given: modules, programs, completion of the shells, and the manual pages where scdoc is here
#   make deb        Debian packages, into build/deb (needs dpkg-dev and scdoc)
#   make rockspec   the rockspec of this version for the public address ADDRESS, into build/
#   make fresh      installs in every way that README.md tells, each on a Debian that is made for it (as root; debootstrap)
#   make format     clang-format over all C files
#   make clean      removes build/
#
# Variables: CC (default cc), CFLAGS, LUAS ("5.4 luajit", default: all found), BUILD (where the build goes), SPECS; with
# install also LUA (which starts the programs, default: lua of that version). This is for GNU make: gmake on BSD.

# To BSD's make this is the order to say so and stop; to GNU's a rule that nothing asks for.
.error This is for GNU make: install gmake, and say gmake in place of make
.DEFAULT_GOAL := build

CFLAGS ?= -O2
BUILD ?= build

# Times after 2038, also on machines of 32 bits.
LANGUAGE := -std=c99 -fPIC -fvisibility=hidden -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
WARNINGS := -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wcast-qual -Wundef -pedantic
# Lua's own functions are those of the program that loads the module, which ld64 (macOS) wants to be told.
SYSTEM ?= $(shell uname -s)
LINK := $(if $(filter Darwin,$(SYSTEM)),-bundle -undefined dynamic_lookup,-shared)

# What pkg-config calls a Lua: as Debian, as FreeBSD, as Arch do. Where pkg-config is not here, none is found.
KNOWN_LUAS := 5.4 5.3 5.1 luajit 5.5
pc_names = $(if $(filter luajit,$(1)),luajit,lua$(1) lua-$(1) lua$(subst .,,$(1)))
pc = $(shell for name in $(call pc_names,$(1)); do pkg-config $(2) $$name 2>/dev/null && $(or $(3),break); done)
FOUND_LUAS = $(foreach lua,$(KNOWN_LUAS),$(call pc,$(lua),--exists,echo $(lua) && break))
ifndef LUAS # looked for once
LUAS := $(FOUND_LUAS)
LUAS_NOT_HERE := $(filter-out $(LUAS),$(KNOWN_LUAS))
endif

SOURCES := $(wildcard src/*.c)
C_FILES = $(shell find src spec -name node_modules -prune -o -name '*.[ch]' -print)
CURL_CFLAGS ?= $(shell pkg-config --cflags libcurl 2>/dev/null)
CURL_LIBS := $(or $(shell pkg-config --libs libcurl 2>/dev/null),-lcurl)

.PHONY: build
build: $(if $(SOURCES),$(LUAS:%=$(BUILD)/%/cdfworkflow/core.so))
	@test -n "$(strip $(LUAS))" || { echo "No Lua headers found by pkg-config. On Debian: apt-get install pkg-config" \
	  "liblua5.4-dev libcurl4-openssl-dev; elsewhere: make LUAS=5.4 LUA_CFLAGS=-I/its/include/folder" >&2; exit 1; }

# Said before the first file is compiled, since the compiler's own words for either name no remedy.
.PHONY: libcurl
libcurl:
	@echo '#include <curl/curl.h>' | $(CC) $(CURL_CFLAGS) -E - >/dev/null 2>&1 || { echo "No libcurl headers found." \
	  "On Debian: apt-get install libcurl4-openssl-dev; elsewhere: make CURL_CFLAGS=-I/its/include/folder" >&2; exit 1; }
	@printf '%s\n' '#include <curl/curl.h>' '#if !CURL_AT_LEAST_VERSION(7, 80, 0)' '#error' '#endif' | \
	  $(CC) $(CURL_CFLAGS) -E - >/dev/null 2>&1 || { echo "These libcurl headers are too old: cdfworkflow needs 7.80" \
	  "or newer, since an older one may send a request twice; for another: make CURL_CFLAGS=-I/its/include/folder" >&2; \
	  exit 1; }

define compile
@mkdir -p $$(@D)
	@echo "CC  $$@"
	@$$(CC) $(LANGUAGE) $(WARNINGS) $$(CFLAGS) $(CURL_CFLAGS) \
	  $(or $(LUA_CFLAGS),$(call pc,$(1),--cflags)) -MMD -MP -c -o $$@ $$<
endef

# The shared object is moved into place whole, so that a program that is just starting never loads half of it.
define lua_rules
$(BUILD)/$(1)/cdfworkflow/core.so: $(SOURCES:src/%.c=$(BUILD)/$(1)/%.o)
	@mkdir -p $$(@D)
	@echo "LD  $$@"
	@$$(CC) $(LINK) $$(CFLAGS) $$(LDFLAGS) -o $$@.new $$^ $(CURL_LIBS)
	@mv $$@.new $$@

$(BUILD)/$(1)/%.o: src/%.c | libcurl
	$(compile)

# The rooms that know no Lua, opened to their specs.
$(BUILD)/$(1)/rooms.so: $(BUILD)/$(1)/rooms.o $(SOURCES:src/%.c=$(BUILD)/$(1)/%.o)
	@echo "LD  $$@"
	@$$(CC) $(LINK) $$(CFLAGS) $$(LDFLAGS) -o $$@.new $$^ $(CURL_LIBS)
	@mv $$@.new $$@

$(BUILD)/$(1)/%.o: spec/support/%.c
	$(compile)

-include $(SOURCES:src/%.c=$(BUILD)/$(1)/%.d) $(BUILD)/$(1)/rooms.d
endef
$(foreach lua,$(LUAS),$(eval $(call lua_rules,$(lua))))

# What is installed first changes what is found, so each step is a make of its own.
STEP := @$(MAKE) --no-print-directory -j2

.PHONY: demo
demo:
	@spec/support/install.sh demo
	$(STEP) build LUAS=5.4
	@spec/support/demo.sh

.PHONY: test specs
test:
	@spec/support/install.sh test
	$(STEP) specs

.PHONY: build-for-specs
build-for-specs: build $(LUAS:%=$(BUILD)/%/rooms.so)

specs: build-for-specs
	@BUILD=$(BUILD) LUAS_NOT_HERE="$(LUAS_NOT_HERE)" spec/support/run.sh "$(LUAS)" $(SPECS)

# Specs that run on one Lua start nginx and HAProxy, which hold others: so all are built, and LUAS says which are run.
.PHONY: asan
asan:
	@spec/support/install.sh test
	$(STEP) build-for-specs LUAS="$(FOUND_LUAS)" BUILD=build/asan CC=gcc \
	  CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
	@spec/support/watched.sh asan "$(LUAS)" $(SPECS)

.PHONY: valgrind stress
valgrind stress: LUAS := $(if $(filter file,$(origin LUAS)),5.4,$(LUAS))
valgrind:
	@spec/support/install.sh valgrind
	$(STEP) build-for-specs LUAS="$(FOUND_LUAS)" BUILD=build/valgrind CFLAGS="-O1 -g"
	@BUILD=build/valgrind spec/support/watched.sh valgrind "$(LUAS)" $(SPECS)

# The rooms in C with a collection at nearly every allocation, which takes minutes, then everything with fewer.
C_SPECS = $(wildcard spec/core/*_spec.lua)
stress:
	@spec/support/install.sh test
	$(STEP) build-for-specs LUAS="$(FOUND_LUAS)"
	@GC_PAUSE=0 spec/support/watched.sh stress "$(LUAS)" $(C_SPECS)
	@GC_PAUSE=104 spec/support/watched.sh stress "$(LUAS)" $(SPECS)

.PHONY: lint lint-lua lint-hand lint-reference lint-compilers lint-symbols lint-format lint-cppcheck lint-tidy
lint:
	@spec/support/install.sh lint
	$(STEP) --keep-going lint-lua lint-hand lint-reference lint-symbols lint-format lint-cppcheck lint-tidy

lint-lua:
	luacheck --quiet lua spec rockspec

# What luacheck does not look at: above functions `---@param …` and `--- words`, and fences `-- {==== Words ====`.
lint-hand:
	@! grep -rnE --include='*.lua' --exclude-dir=node_modules '^ *---[^ @-]|^ *--- *[{}]====' lua spec

# That public functions say what they take and give, and that what methods take is what is said of them.
lint-reference:
	@lua5.4 spec/support/reference/main.lua check lua

lint-compilers:
	@$(MAKE) --no-print-directory build BUILD=build/lint/gcc CC=gcc CFLAGS="-O2 -Werror"
	@$(MAKE) --no-print-directory build BUILD=build/lint/clang CC=clang CFLAGS="-O2 -Werror"

lint-symbols: lint-compilers
	@for object in build/lint/*/*/cdfworkflow/core.so; do \
	  exported=$$(nm -D --defined-only $$object | awk '{ print $$3 }'); \
	  [ "$$exported" = luaopen_cdfworkflow_core ] || { echo "$$object exports $$exported" >&2; exit 1; }; \
	done

lint-format:
	clang-format --dry-run --Werror $(C_FILES)

lint-cppcheck:
	cppcheck --quiet --std=c99 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 src

lint-tidy:
	clang-tidy --quiet --warnings-as-errors='*' $(SOURCES) -- $(LANGUAGE) $(CURL_CFLAGS) \
	  $(shell pkg-config --cflags lua5.4)

.PHONY: bench soak torture fuzz
bench:
	@spec/support/install.sh bench
	$(STEP) build
	@spec/bench/run.sh
	@spec/bench/table.sh $(ROWS)

soak torture:
	@spec/support/install.sh test
	$(STEP) build
	@spec/$@/run.sh

.PHONY: gateway
gateway:
	@spec/support/install.sh test
	$(STEP) build LUAS="5.4 5.3 luajit"
	@spec/campaign/gateway.sh

.PHONY: redis
redis:
	@spec/support/install.sh test
	$(STEP) build
	@SEED="$(SEED)" spec/campaign/redis_queue.sh

.PHONY: machines
machines:
	@spec/machines/run.sh

.PHONY: model
model:
	@spec/support/install.sh test
	$(STEP) build LUAS=5.4
	@spec/model/run.sh $(if $(MODEL),"$(MODEL)")

.PHONY: queue
queue:
	@spec/support/install.sh test
	$(STEP) build LUAS=5.4
	@spec/campaign/queue.sh

# A picture of the embedded CDF's page, to be looked at; needs chromium.
.PHONY: page
page:
	@spec/support/install.sh test
	$(STEP) build LUAS=5.4
	@spec/page_screenshot.sh

# WAYS="deb make" and LUAS="5.4 5.1" choose.
.PHONY: fresh
fresh:
	@spec/support/install.sh fresh
	@spec/fresh/run.sh "$(WAYS)" "$(if $(filter file,$(origin LUAS)),,$(LUAS))"

fuzz:
	@spec/support/install.sh fuzz
	@spec/fuzz/run.sh

.PHONY: reference
reference:
	@mkdir -p $(BUILD)/reference
	@lua5.4 spec/support/reference/main.lua pages lua $(BUILD)/reference

PREFIX ?= /usr/local
LUA_VERSION ?= 5.4
LUA = $(if $(filter luajit,$(LUA_VERSION)),luajit,lua$(LUA_VERSION))
LUA_FOLDER = lua/$(if $(filter luajit,$(LUA_VERSION)),5.1,$(LUA_VERSION))
TARGET = $(DESTDIR)$(PREFIX)
LIB = lib

.PHONY: install install-modules install-programs
install: install-modules install-programs
	@command -v scdoc >/dev/null && $(MAKE) --no-print-directory install-man || \
	  echo "No manual pages: scdoc is not here" >&2
	@$(MAKE) --no-print-directory install-completion || echo "No completion scripts: see above" >&2

# For one Lua: the shared object, the modules, and what editors read. (`install` of BSD makes no folders.)
define modules # from the build in the folder $(1), into $(2) and $(3)
mkdir -p "$(2)/cdfworkflow" "$(3)/cdfworkflow/meta/cdfworkflow"
	install -m 644 "$(1)/cdfworkflow/core.so" "$(2)/cdfworkflow/core.so.new"
	mv "$(2)/cdfworkflow/core.so.new" "$(2)/cdfworkflow/core.so"
	cd lua && find cdfworkflow -type d -exec sh -c 'for folder; do \
	  set -- "$$folder"/*.lua; [ -e "$$1" ] || continue; \
	  mkdir -p "$$0/$$folder" && install -m 644 "$$@" "$$0/$$folder" || exit; done' "$(3)" {} +
	"$(LUA)" spec/support/reference/main.lua definition lua "$(3)/cdfworkflow/meta"
endef

# Said before anything is compiled: that Lua is not here, or in one sentence why it will not do.
define supported
command -v "$(LUA)" >/dev/null || { echo "$(LUA) is not here: install it, or name another (LUA=)" >&2; exit 1; }; \
	"$(LUA)" -e 'package.preload.cjson = function() end; local fine, why = pcall(dofile, "lua/cdfworkflow/supported.lua"); \
	  if not fine then io.stderr:write(why, "\n"); os.exit(1) end'
endef

install-modules:
	@$(supported)
	$(STEP) build LUAS=$(LUA_VERSION)
	$(call modules,$(BUILD)/$(LUA_VERSION),$(TARGET)/$(LIB)/$(LUA_FOLDER),$(TARGET)/share/$(LUA_FOLDER))

# The programs know this Lua, and where they are also when a link leads to them.
PROGRAMS := lua/cdfworkflow/program/bin/cdfworkflow lua/cdfworkflow/simulator/bin/cdfworkflow-sim
install-programs:
	mkdir -p "$(TARGET)/bin"
	set -e; for program in $(PROGRAMS); do \
	  sed -e '1s|.*|#!$(if $(filter /%,$(LUA)),,/usr/bin/env )$(LUA)|' \
	    -e 's|^local prefix = nil.*|local prefix = "$(PREFIX)"|' $$program >"$(TARGET)/bin/$${program##*/}.new"; \
	  chmod 755 "$(TARGET)/bin/$${program##*/}.new"; \
	  mv "$(TARGET)/bin/$${program##*/}.new" "$(TARGET)/bin/$${program##*/}"; \
	done

# Manual pages: written in scdoc, beside the program.
MANUALS := $(patsubst lua/cdfworkflow/program/man/%.scd,$(BUILD)/man/%,$(wildcard lua/cdfworkflow/program/man/*.scd))
.PHONY: man install-man
man: $(MANUALS)

$(BUILD)/man/%: lua/cdfworkflow/program/man/%.scd
	@mkdir -p $(@D)
	scdoc <$< >$@.new
	@mv $@.new $@

install-man: man
	@set -e; for page in $(MANUALS); do \
	  mkdir -p "$(TARGET)/share/man/man$${page##*.}"; \
	  install -m 644 "$$page" "$(TARGET)/share/man/man$${page##*.}/$${page##*/}"; \
	done

# What the program says to each shell, where that shell looks.
.PHONY: install-completion
install-completion:
	$(STEP) build LUAS=$(LUA_VERSION)
	@set -e; write() { \
	  mkdir -p "$(TARGET)/$${2%/*}"; \
	  LUA_CPATH="$(BUILD)/$(LUA_VERSION)/?.so;;" "$(LUA)" $(firstword $(PROGRAMS)) completion "$$1" >"$(TARGET)/$$2"; \
	}; \
	write bash share/bash-completion/completions/cdfworkflow; \
	write zsh share/zsh/site-functions/_cdfworkflow; \
	write fish share/fish/vendor_completions.d/cdfworkflow.fish

# What the rockspec calls. luarocks knows where its Lua and its libcurl are; the build may have been for another Lua.
# A libcurl of one's own (luarocks make CURL_DIR=/opt/curl) is found there again when the module is loaded.
OWN_LIBDIR = $(filter-out /lib% /usr/lib%,$(CURL_LIBDIR))
.PHONY: rock rock-install
rock:
	@$(supported)
	@rm -rf $(BUILD)/rock
	$(STEP) build LUAS=rock LUA_CFLAGS="-I$(LUA_INCDIR)" CURL_CFLAGS="-I$(CURL_INCDIR)" CURL_LIBS=-lcurl \
	  LDFLAGS="-L$(CURL_LIBDIR) $(OWN_LIBDIR:%=-Wl,-rpath,%)"

rock-install:
	$(call modules,$(BUILD)/rock,$(LIBDIR),$(LUADIR))
	@set -e; for program in $(PROGRAMS); do $(rock_program); done

# In a tree for several Luas the programs are those of the first and stay so: LuaRocks, which keeps a list for each Lua,
# would move them aside for the second, and remove them with it. There is a script of LuaRocks's that starts one of ours.
define rock_program
  there="$(SCRIPTS_DIR)/$${program##*/}"; ours="$(BINDIR)"; \
  starts=$$(sed -n "s|.* '\(/.*/rocks-[^/']*/cdfworkflow/[^']*\)'.*|\1|p" "$$there" 2>/dev/null) || true; \
  case $$starts in \
  "" | "$${ours%/cdfworkflow/*}"/*) mine=yes ;; \
  *) [ -e "$$starts" ] && mine=no || mine=yes ;; \
  esac; \
  if [ $$mine = yes ]; then mkdir -p "$$ours" && install -m 755 $$program "$$ours/$${program##*/}"; \
  else echo "$$there starts $$starts, and stays" >&2; fi
endef

VERSION := $(shell sed -n 's/^\#define CDFW_VERSION "\(.*\)"/\1/p' src/client.h)

# LuaJIT loads what is built for 5.1.
.PHONY: deb
deb:
	@rockspec/deb.sh $(BUILD)/deb $(VERSION) "$(strip $(filter-out luajit,$(LUAS)))" $(ADDRESS)

# The rockspec of this version, for the public address (homepage, issues, source).
.PHONY: rockspec
rockspec:
	@test -n "$(ADDRESS)" || { echo "Its public address is missing: make rockspec ADDRESS=https://..." >&2; exit 1; }
	@mkdir -p $(BUILD)
	sed -e 's|^local address = nil|local address = "$(ADDRESS)"|' -e 's|"scm-1"|"$(VERSION)-1"|' \
	  rockspec/cdfworkflow-scm-1.rockspec >$(BUILD)/cdfworkflow-$(VERSION)-1.rockspec

.PHONY: clean format
clean:
	rm -rf build

format:
	clang-format -i $(C_FILES)
