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
#   make model      spec/model: every sequence of up to four faults in a model of CDF (MODEL="run_id: …" replays one)
#   make fuzz       spec/fuzz: libFuzzer, ten minutes for each target
#   make soak       spec/soak: 100,000 runs with faults
#   make queue      spec/queue/campaign.sh: queues whose processes are killed, whose disk is full, whose link is down
#   make torture    spec/torture: every allocation failed once
#   make page       pictures of the embedded CDF's pages in headless Chromium
#   make man        the manual pages, into build/man (needs scdoc)
#   make reference  all public functions and types, as HTML and as Markdown, into build/reference
#   make install    luarocks make into PREFIX (default /usr/local) for LUA_VERSION (default 5.4), with the manual pages
#                   where scdoc is here, and the completion of the shells
#   make format     clang-format over all C files
#   make clean      removes build/
#
# Variables: CC (default cc), CFLAGS, LUAS ("5.4 luajit", default: all found), BUILD (where the build goes), SPECS.

CFLAGS ?= -O2
BUILD ?= build

LANGUAGE := -std=c99 -fPIC -fvisibility=hidden
WARNINGS := -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wcast-qual -Wundef -pedantic
# nodelete: a resolver thread of libcurl may outlive lua_close, and must not find its code unloaded.
LINK := -shared -Wl,-z,nodelete

pc = $(if $(filter luajit,$(1)),luajit,lua$(1))
KNOWN_LUAS := 5.4 5.3 5.1 luajit
ifndef LUAS # looked for once, and where pkg-config is not here, none are
LUAS := $(foreach lua,$(KNOWN_LUAS),$(shell pkg-config --exists $(call pc,$(lua)) 2>/dev/null && echo $(lua)))
endif

SOURCES := $(wildcard src/*.c)
C_FILES = $(shell find src spec -name node_modules -prune -o -name '*.[ch]' -print)
CURL_CFLAGS ?= $(shell pkg-config --cflags libcurl 2>/dev/null)

.PHONY: build
build: $(if $(SOURCES),$(LUAS:%=$(BUILD)/%/cdfworkflow/core.so))
	@test -n "$(strip $(LUAS))" || { echo "No Lua headers found: run spec/support/install.sh" >&2; exit 1; }

define compile
@mkdir -p $$(@D)
	@echo "CC  $$@"
	@$$(CC) $(LANGUAGE) $(WARNINGS) $$(CFLAGS) $(CURL_CFLAGS) \
	  $(or $(LUA_CFLAGS),$$(shell pkg-config --cflags $(call pc,$(1)))) -MMD -MP -c -o $$@ $$<
endef

# The shared object is moved into place whole, so that a program that is just starting never loads half of it.
define lua_rules
$(BUILD)/$(1)/cdfworkflow/core.so: $(SOURCES:src/%.c=$(BUILD)/$(1)/%.o)
	@mkdir -p $$(@D)
	@echo "LD  $$@"
	@$$(CC) $(LINK) $$(CFLAGS) $$(LDFLAGS) -o $$@.new $$^ -lcurl
	@mv $$@.new $$@

$(BUILD)/$(1)/%.o: src/%.c
	$(compile)

# The rooms that know no Lua, opened to their specs.
$(BUILD)/$(1)/rooms.so: $(BUILD)/$(1)/rooms.o $(SOURCES:src/%.c=$(BUILD)/$(1)/%.o)
	@echo "LD  $$@"
	@$$(CC) $(LINK) $$(CFLAGS) $$(LDFLAGS) -o $$@.new $$^ -lcurl
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
	@BUILD=$(BUILD) spec/support/run.sh "$(LUAS)" $(SPECS)

# Specs that run on one Lua start nginx and HAProxy, which hold others: so all are built, and LUAS says which are run.
.PHONY: asan
asan:
	@spec/support/install.sh test
	$(STEP) build-for-specs LUAS="$(KNOWN_LUAS)" BUILD=build/asan CC=gcc \
	  CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
	@spec/support/watched.sh asan "$(LUAS)" $(SPECS)

.PHONY: valgrind stress
valgrind stress: LUAS := $(if $(filter file,$(origin LUAS)),5.4,$(LUAS))
valgrind:
	@spec/support/install.sh valgrind
	$(STEP) build-for-specs LUAS="$(KNOWN_LUAS)" BUILD=build/valgrind CFLAGS="-O1 -g"
	@BUILD=build/valgrind spec/support/watched.sh valgrind "$(LUAS)" $(SPECS)

# The rooms in C with a collection at nearly every allocation, which takes minutes, then everything with fewer.
C_SPECS = $(wildcard spec/core/*_spec.lua)
stress:
	@spec/support/install.sh test
	$(STEP) build-for-specs LUAS="$(KNOWN_LUAS)"
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

.PHONY: model
model:
	@spec/support/install.sh test
	$(STEP) build LUAS=5.4
	@spec/model/run.sh $(if $(MODEL),"$(MODEL)")

.PHONY: queue
queue:
	@spec/support/install.sh test
	$(STEP) build LUAS=5.4
	@spec/queue/campaign.sh

# A picture of the embedded CDF's page, to be looked at; needs chromium.
.PHONY: page
page:
	@spec/support/install.sh test
	$(STEP) build LUAS=5.4
	@spec/page_screenshot.sh

fuzz:
	@spec/support/install.sh fuzz
	@spec/fuzz/run.sh

.PHONY: reference
reference:
	@mkdir -p $(BUILD)/reference
	@lua5.4 spec/support/reference/main.lua pages lua $(BUILD)/reference

PREFIX ?= /usr/local
LUA_VERSION ?= 5.4
.PHONY: install
install:
	luarocks --lua-version=$(LUA_VERSION) make --deps-mode=none --tree "$(PREFIX)" rockspec/cdfworkflow-scm-1.rockspec
	@command -v scdoc >/dev/null && $(MAKE) --no-print-directory install-man || \
	  echo "No manual pages: scdoc is not here" >&2
	@$(MAKE) --no-print-directory install-completion || echo "No completion scripts" >&2

# Manual pages: written in scdoc, beside the program.
MANUALS := $(patsubst lua/cdfworkflow/program/man/%.scd,$(BUILD)/man/%,$(wildcard lua/cdfworkflow/program/man/*.scd))
.PHONY: man install-man
man: $(MANUALS)

$(BUILD)/man/%: lua/cdfworkflow/program/man/%.scd
	@mkdir -p $(@D)
	scdoc <$< >$@.new
	@mv $@.new $@

install-man: man
	@for page in $(MANUALS); do \
	  install -D -m 644 "$$page" "$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}"; \
	done

# What the installed program says to each shell, where that shell looks.
.PHONY: install-completion
install-completion:
	@set -e; write() { \
	  mkdir -p "$(DESTDIR)$(PREFIX)/$${2%/*}"; \
	  "$(DESTDIR)$(PREFIX)/bin/cdfworkflow" completion "$$1" >"$(DESTDIR)$(PREFIX)/$$2"; \
	}; \
	write bash share/bash-completion/completions/cdfworkflow; \
	write zsh share/zsh/site-functions/_cdfworkflow; \
	write fish share/fish/vendor_completions.d/cdfworkflow.fish

# What the rockspec calls. luarocks knows where its Lua and its libcurl are; the build may have been for another Lua.
# A libcurl of one's own (luarocks make CURL_DIR=/opt/curl) is found there again when the module is loaded.
OWN_LIBDIR = $(filter-out /lib% /usr/lib%,$(CURL_LIBDIR))
.PHONY: rock rock-install
rock:
	@rm -rf $(BUILD)/rock
	$(STEP) build LUAS=rock LUA_CFLAGS="-I$(LUA_INCDIR)" CURL_CFLAGS="-I$(CURL_INCDIR)" \
	  LDFLAGS="-L$(CURL_LIBDIR) $(OWN_LIBDIR:%=-Wl,-rpath,%)"

rock-install:
	install -D -t "$(LIBDIR)/cdfworkflow" $(BUILD)/rock/cdfworkflow/core.so
	cd lua && find cdfworkflow -name '*.lua' -exec install -D -m 644 '{}' '$(LUADIR)/{}' ';'
	mkdir -p "$(LUADIR)/cdfworkflow/meta/cdfworkflow"
	"$(LUA)" spec/support/reference/main.lua definition lua "$(LUADIR)/cdfworkflow/meta"

.PHONY: clean format
clean:
	rm -rf build

format:
	clang-format -i $(C_FILES)
