# make demo | demo-openresty | demo-picture | demo-api-keys | check-pure | check | test | test-versions | soak | asan | valgrind | bench | lint | docs
#      types | install | rockspecs | deb | test-deb | deps | clean
# LUA_VERSION=5.4, 5.3, 5.1 or jit where one Lua is meant.
LUA_VERSION = 5.4
TEST_VERSIONS = 5.4 5.3 5.1 jit
CC = gcc
CFLAGS = -O2 -g
WARNINGS = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
PREFIX = /usr/local
# Debian's packages have these elsewhere.
LIBDIR = $(PREFIX)/lib
ZSHDIR = $(PREFIX)/share/zsh/site-functions
DESTDIR =
# What each test suite multiplies its loads with.
FORGELOG_SCALE ?= 1
DEMO_SECONDS = 15
OPENRESTY_PORT = 8090
# Empty: until Ctrl-C.
OPENRESTY_SECONDS =
DEMO_CLIENTS = 8
DEMO_SCALE = 10

BUILD = build/$(LUA_VERSION)
LUA_PC_5.4 = lua5.4
LUA_PC_5.3 = lua5.3
LUA_PC_5.1 = lua5.1
LUA_PC_jit = luajit
LUA_PC = $(LUA_PC_$(LUA_VERSION))
LUA_DEV_5.4 = liblua5.4-dev
LUA_DEV_5.3 = liblua5.3-dev
LUA_DEV_5.1 = liblua5.1-0-dev
LUA_DEV_jit = libluajit2-5.1-dev
LUA_API_5.4 = 5.4
LUA_API_5.3 = 5.3
LUA_API_5.1 = 5.1
LUA_API_jit = 5.1
LUA_API = $(LUA_API_$(LUA_VERSION))
LUA_5.4 = lua5.4
LUA_5.3 = lua5.3
LUA_5.1 = lua5.1
LUA_jit = $(CURDIR)/$(BUILD)/lua
LUA = $(LUA_$(LUA_VERSION))

# Expanded when a command runs: pkg-config may come with 'make deps' only.
LUA_CFLAGS = $(shell pkg-config --cflags $(LUA_PC) 2>/dev/null)
LUA_LIBS = $(shell pkg-config --libs $(LUA_PC) 2>/dev/null)
PQ_CFLAGS = $(shell pkg-config --cflags libpq 2>/dev/null)
PQ_LIBS = $(shell pkg-config --libs libpq 2>/dev/null)

sources = $(wildcard src/core/*.c)
headers = $(wildcard src/core/*.h)
objects = $(sources:src/core/%.c=$(BUILD)/obj/%.o)
c_specs = $(patsubst spec/c/%.c,$(BUILD)/spec/%,$(wildcard spec/c/*.c))
compile = $(CC) -std=gnu99 $(WARNINGS) $(CFLAGS) -fPIC

# What a Lua started by make sees: this tree before anything installed, and the spec support.
export FORGELOG_ROOT = $(CURDIR)
export FORGELOG_SCALE
lua_folders = $(CURDIR)/src/?.lua;$(CURDIR)/src/?/init.lua
spec_folders = $(CURDIR)/spec/?.lua;$(CURDIR)/spec/?/init.lua
lua_env = LUA_PATH='$(lua_folders);$(spec_folders);;' LUA_CPATH='$(CURDIR)/$(BUILD)/?.so;;' \
  FORGELOG_LUA='$(LUA)' FORGELOG_LUA_VERSION=$(LUA_VERSION) LUA_INIT_5_4='@$(CURDIR)/spec/support/strict.lua'
# These would outweigh LUA_PATH.
unexport LUA_PATH_5_4 LUA_CPATH_5_4 LUA_PATH_5_3 LUA_CPATH_5_3 LUA_INIT LUA_INIT_5_4 LUA_INIT_5_3
with_postgres = spec/support/with-postgres
deps = spec/support/deps

.PHONY: all build host c-specs deps check-pure check test test-versions soak asan valgrind list-suites \
  bench lint lint-text demo demo-openresty demo-picture demo-api-keys types docs install install-library install-command \
  command rockspecs deb test-deb clean env

all: build

build: $(BUILD)/forgelog/core.so

$(BUILD)/forgelog/core.so: $(objects)
	@mkdir -p $(@D)
	$(CC) -shared $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PQ_LIBS)

# Looked for once in a folder: without them each source would fail in many lines.
$(BUILD)/headers:
	@has() { echo "#include <$$1>" | $(CC) $(LUA_CFLAGS) $(PQ_CFLAGS) -E - >/dev/null 2>&1; }; \
	command -v $(firstword $(CC)) >/dev/null || missing=' gcc'; \
	has stdio.h || missing="$$missing libc6-dev"; \
	has lua.h || missing="$$missing $(LUA_DEV_$(LUA_VERSION))"; \
	has libpq-fe.h || missing="$$missing libpq-dev"; \
	[ -z "$$missing" ] || command -v pkg-config >/dev/null || missing="$$missing pkg-config"; \
	[ -z "$$missing" ] || { echo "to build for Lua $(LUA_VERSION), install what is missing; in Debian:$$missing" >&2; exit 1; }
	@mkdir -p $(@D) && touch $@

$(BUILD)/obj/%.o: src/core/%.c $(headers) Makefile | $(BUILD)/headers
	@mkdir -p $(@D)
	$(compile) $(LUA_CFLAGS) $(PQ_CFLAGS) -c -o $@ $<

# A small interpreter: for LuaJIT, whose package here is the library alone, and for the sanitizers.
host: $(BUILD)/lua

$(BUILD)/lua: spec/support/host.c Makefile | $(BUILD)/headers
	@mkdir -p $(@D)
	$(compile) $(LUA_CFLAGS) -o $@ $< $(LUA_LIBS)

# Each spec/c/*.c is a program that prints TAP; it may use any part of the core, libpq and Lua.
c-specs: $(c_specs)

$(BUILD)/libcore.a: $(objects)
	rm -f $@
	ar rcs $@ $^

$(BUILD)/spec/%: spec/c/%.c $(wildcard spec/c/*.h) $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(compile) -Isrc/core $(LUA_CFLAGS) $(PQ_CFLAGS) -o $@ $< $(BUILD)/libcore.a $(PQ_LIBS) $(LUA_LIBS) -lm -ldl

deps:
	@$(deps) all

# ---- tests ----
# Every spec file and every C spec is a suite of its own; suites run side by side, see spec/support/suites.
#   make check-pure   the C specs that need no server: seconds
#   make check        the C specs, the library and the command on one Lua: about a minute
#   make test         all that a change must pass
#   make test-versions  all that needs a server, on Lua 5.4 and in nginx, on each PostgreSQL of VERSIONS
#   make loads        the C specs and the loads on each Lua, ten times as long
#   make soak         the fault record: whatever can break, at the size of ten million commits
# SPECS="spec/x_spec.lua spec/folder" and c_specs= choose others; see also RUN, BUSTED_FLAGS, FORGELOG_JOBS.

# What 'make test' runs: all on the first of TEST_VERSIONS. On the others, not what finds out nothing about a Lua:
# SQL, units, documents, and loads, whose Lua other specs run too. 'make loads' has the loads on each.
once = spec/c/% spec/docs/% spec/api/sql/% spec/api/numbers% spec/api/install% spec/api/doctor% spec/api/tables% \
  spec/api/rows/statement% \
  spec/cli/doctor% spec/cli/status% spec/cli/trim% spec/load/%
# Lua 5.3 has the numbers of 5.4 and yields where it does: what turns values into Lua's and back, one spec of each kind of
# reading, and the event loops.
once_5.3 = $(filter-out $(enough_5.3),$(lua_specs))
enough_5.3 = $(addprefix spec/api/,core% values% change% key% units% times% position% drain_spec% feed_spec% consumer_spec% \
  rows_spec% store/%) $(addprefix spec/cli/,cli_spec% drain% lib/json% lib/format% lib/parser%) spec/docs/feed_examples%
# LuaJIT's language is that of 5.1: what yields nowhere runs on one of the two.
once_5.1 = spec/api/metrics% spec/api/seqs% spec/api/status% spec/api/trim%
once_jit = $(filter-out spec/cli/lib/%,$(filter spec/cli/%,$(lua_specs)))
# Of these nevertheless on each: a C spec that runs Lua, and what luarocks makes.
nevertheless = spec/c/alloc% spec/docs/rock%
# On Lua 5.1, where nothing yields across a pcall, also the examples in its event loops.
nevertheless_5.1 = spec/docs/examples% spec/docs/feed_examples%
# On LuaJIT also what a worker of nginx goes through.
nevertheless_jit = spec/load/network% spec/load/reconnect% spec/load/lost%
# Only where the Lua is LuaJIT, as it is inside nginx whatever Lua runs the spec.
jit_only = spec/nginx/%
# C specs that need a server, of their own since they change its settings.
with_server = spec/c/alloc.c
pure = $(filter-out $(with_server),$(filter %.c,$(chosen)))
# Of alloc.c's two halves, the failures of malloc are the same in each Lua.
alloc_of_test = $(if $(filter $(firstword $(TEST_VERSIONS)),$(LUA_VERSION)),,Lua)

SPECS = spec
lua_specs = $(foreach path,$(SPECS),$(if $(filter %.lua,$(path)),$(path), \
  $(sort $(shell find $(path) -name '*_spec.lua'))))
chosen = $(c_specs:$(BUILD)/spec/%=spec/c/%.c) $(lua_specs)
suites = $(if $(filter jit,$(LUA_VERSION)),$(chosen),$(filter-out $(jit_only),$(chosen)))
suites_of_test = $(if $(filter $(firstword $(TEST_VERSIONS)),$(LUA_VERSION)),$(suites), \
  $(filter-out $(once) $(once_$(LUA_VERSION)),$(suites)) $(filter $(nevertheless) $(nevertheless_$(LUA_VERSION)),$(suites)))

# What the interpreter and the C specs run under.
RUN =
NAME = $(LUA_VERSION)
busted = $(LUA) $(CURDIR)/spec/support/busted.lua -o $(CURDIR)/spec/support/tap.lua $(BUSTED_FLAGS)
kind_of = $(if $(filter %.c,$1),alone,server)
command_of = $(if $(filter %.c,$1), \
  $(if $(filter $(with_server),$1),$(with_postgres)) $(RUN) $(1:spec/c/%.c=$(BUILD)/spec/%) \
    $(if $(filter %/alloc.c,$1),$(ALLOC)), \
  env $(lua_env) $(RUN) $(busted) $1)
name_of = $(NAME)/$(patsubst spec/%,%,$(patsubst %_spec.lua,%,$(1:.c=)))
line_of = $(call name_of,$1)$(tab)$(call kind_of,$1)$(tab)$(strip $(call command_of,$1))
tab := $(shell printf '\t')
own_host = $(if $(findstring $(BUILD)/lua,$(LUA)),host)
run_suites = spec/support/suites
cores = $(shell nproc)
make = $(MAKE) --no-print-directory

# The suites LIST, as spec/support/suites reads them.
list-suites:
	@: $(foreach path,$(LIST),$(info $(call line_of,$(path))))

check: SPECS = spec/api spec/cli
check:
	@$(deps) test
	+@$(make) -s prepared
	+@$(make) -s list-suites LIST='$(suites)' >$(BUILD)/suites
	@$(run_suites) $(BUILD)/suites

check-pure: c-specs
	+@$(make) -s list-suites LIST='$(pure)' >$(BUILD)/suites
	@$(run_suites) $(BUILD)/suites

# The suites of the target $1 for each Lua. One for which nothing can be built counts as a suite that fails.
define on_each_lua
	@$(deps) test
	@rm -f build/*/suites
	@for version in $(TEST_VERSIONS); do \
	  mkdir -p build/$$version; \
	  { $(make) -s -j$(cores) prepared LUA_VERSION=$$version && \
	    $(make) -s $1 LUA_VERSION=$$version >build/$$version/suites; } || \
	    printf '%s\talone\t%s\n' $$version/build false >build/$$version/suites; \
	done
	@$(run_suites) $(TEST_VERSIONS:%=build/%/suites)
endef

test:
	$(call on_each_lua,suites-of-test)

# All that needs a server, on Lua 5.4 and in nginx, on each PostgreSQL of VERSIONS: those that are missing are fetched by npm.
# ('make test' runs on the PostgreSQL of this machine.)
VERSIONS = 14 16 17 18
test-versions:
	@$(deps) versions
	@$(make) -s build host LUA_VERSION=jit
	@$(make) -s -j$(cores) prepared
	@$(make) -s list-suites LIST='$(filter-out $(pure),$(suites))' >$(BUILD)/suites-of-versions
	@$(make) -s list-suites LUA_VERSION=jit LIST='$(filter $(jit_only),$(chosen))' >>$(BUILD)/suites-of-versions
	@spec/support/versions $(BUILD)/suites-of-versions $(VERSIONS)

loads: export FORGELOG_SCALE = 10
loads: export FORGELOG_TIMEOUT ?= 14400
loads:
	$(call on_each_lua,suites-of-loads)

# The fault record: docs/fault-record.md is written by a run of all scenarios at full size.
#   make soak                                all, with ten million commits
#   make soak COMMITS=100000                 all, small: no record, but build/soak/record.md
#   make soak SCENARIOS="trim_races" JOBS=1  a part; BROKEN=1 only on broken builds, BROKEN=0 on none
soak: export COMMITS ?= 10000000
soak: export SCENARIOS ?=
soak: export BROKEN ?=
soak: export JOBS ?= 2
soak: export RECORD ?=
soak:
	@$(deps) soak
	@$(make) -s -j$(cores) prepared
	@$(lua_env) $(LUA) spec/soak/run.lua

# ONE="NAME COMMITS SCALE PATH": see spec/soak/one.lua.
soak-one: build
	@$(lua_env) $(with_postgres) --durable $(LUA) spec/soak/one.lua $(ONE)

.PHONY: prepared loads soak-one suites-of-test suites-of-loads
prepared: build c-specs $(own_host)
suites-of-test:
	@$(make) -s list-suites LIST='$(suites_of_test)' ALLOC='$(alloc_of_test)'
suites-of-loads: SPECS = spec/load
suites-of-loads:
	@$(make) -s list-suites LIST='$(suites)'

# The whole suite. Unloaded libraries would leave reports without function names, hence nodelete.
checked_build = SPECS='$(SPECS)' LDFLAGS='-Wl,-z,nodelete'
checked_run = FORGELOG_TIMEOUT=$${FORGELOG_TIMEOUT:-7200} FORGELOG_JOBS=$${FORGELOG_JOBS:-$(cores)}
sanitized = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
  -fno-sanitize-recover=undefined
valgrind_command = valgrind -q --error-exitcode=99 --leak-check=full --num-callers=30 \
  --errors-for-leak-kinds=definite,indirect --soname-synonyms=somalloc=nouserintercepts \
  --suppressions=$(CURDIR)/spec/support/valgrind.supp

asan:
	@$(deps) test
	@$(make) -s build LUA_VERSION=jit
	@ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
	LSAN_OPTIONS=suppressions=$(CURDIR)/spec/support/lsan.supp:print_suppressions=0 $(checked_run) \
	$(make) check $(checked_build) BUILD=build/asan-$(LUA_VERSION) NAME=asan-$(LUA_VERSION) \
	  LUA='$(CURDIR)/build/asan-$(LUA_VERSION)/lua' \
	  CFLAGS='$(sanitized)'

valgrind:
	@$(deps) valgrind
	@$(make) -s build LUA_VERSION=jit
	@$(checked_run) $(make) check $(checked_build) BUILD=build/valgrind-$(LUA_VERSION) \
	  NAME=valgrind-$(LUA_VERSION) CFLAGS='-O1 -g' \
	  RUN='$(valgrind_command)'

# How fast Lua makes the tables of a drain, without one.
$(BUILD)/limit.so: bench/limit.c Makefile
	@mkdir -p $(@D)
	$(compile) $(LUA_CFLAGS) -shared -o $@ $<

# BENCHES="drain trim" for a part of them; VERSION=17 for another PostgreSQL than this machine's.
VERSION =
bench:
	@$(deps) bench $(if $(VERSION),versions)
	@$(MAKE) --no-print-directory -s build LUA_VERSION=jit
	@$(MAKE) --no-print-directory -s build $(own_host) $(BUILD)/limit.so
	@$(if $(VERSION),FORGELOG_PGBIN=$$(spec/support/postgres-of $(VERSION)) && export FORGELOG_PGBIN &&) \
	$(lua_env) $(with_postgres) --durable -c max_wal_size=4GB $(LUA) bench/run.lua $(BENCHES)

demo:
	@$(deps) demo
	@$(MAKE) --no-print-directory -s build $(own_host)
	@$(lua_env) $(with_postgres) --durable $(LUA) examples/demo.lua $(DEMO_SECONDS) $(DEMO_CLIENTS) $(DEMO_SCALE)
	@spec/support/next

# A page that shows rows as they are changed, beside the same page that polls; its buttons do to the database what happens
# to databases. The page tells how long after each commit it showed it, so the server has to keep these times.
with_commit_times = $(with_postgres) --durable -c track_commit_timestamp=on
demo-openresty:
	@$(deps) openresty
	@$(MAKE) --no-print-directory -s build LUA_VERSION=jit
	@$(MAKE) --no-print-directory -s build $(own_host)
	@$(lua_env) $(with_commit_times) examples/openresty/run $(OPENRESTY_PORT) $(OPENRESTY_SECONDS)

# A picture of that page in Chromium, which README shows.
demo-picture:
	@$(deps) test
	@$(MAKE) --no-print-directory -s build LUA_VERSION=jit
	@$(MAKE) --no-print-directory -s build $(own_host)
	@$(lua_env) $(with_postgres) --durable $(LUA) spec/support/picture.lua docs/demo.png

# API keys that nginx looks up in a cache by their text; it prints what to ask and the psql line that deletes one.
demo-api-keys:
	@$(deps) openresty
	@$(MAKE) --no-print-directory -s build LUA_VERSION=jit
	@$(MAKE) --no-print-directory -s build $(own_host)
	@$(lua_env) $(with_postgres) --durable examples/api_keys/run $(OPENRESTY_PORT) $(OPENRESTY_SECONDS)

lint: lint-text
	@$(deps) lint
	luacheck -q $(wildcard src spec examples bench docs)
	@$(MAKE) --no-print-directory build BUILD=build/lint
	@wc -l $$(find src -name '*.[ch]') | awk '$$2 != "total" && $$1 > 500 { print $$2 ": over 500 lines"; bad = 1 } END { exit bad }'
	@wc -l $$(find src -name '*.lua') | awk '$$2 != "total" && $$1 > 300 { print $$2 ": over 300 lines"; bad = 1 } END { exit bad }'

# Lines of 100 columns at most, and a comment at the head of each file.
texts = $$(find src spec docs -name '*.lua' -o -name '*.sql' -o -name '*.[ch]')
lint-text:
	@awk 'FNR == 1 && !/^(--|\/\*|#!)/ { print FILENAME ": no comment at its head"; bad = 1 } \
	  length > 100 { print FILENAME ":" FNR ": over 100 columns"; bad = 1 } END { exit bad }' $(texts)

# What editors know of every public function (types/, which is committed: it comes with the rock), and the reference.
# Both are made of the comments; which modules are public stands in docs/config.ld.
REFERENCE = $(CURDIR)/docs/reference
TYPES = $(CURDIR)/types
# What it prints is shown where it fails alone.
loud = { said=$$($1) || { echo "$$said" >&2; exit 1; }; }
types:
	@$(deps) docs
	@rm -rf '$(TYPES).new'
	@cd docs && export TYPES='$(TYPES).new' LUA_PATH='./?.lua;;' && $(call loud,ldoc -q --filter luacats.write .)
	@rm -rf '$(TYPES)' && mv '$(TYPES).new' '$(TYPES)'

docs: types
	@rm -rf '$(REFERENCE)'
	@cd docs && $(call loud,ldoc -q --fatalwarnings -d '$(REFERENCE)' .)
	@echo 'the reference: $(REFERENCE)/index.html'

# The rockspecs of both rocks, with the files that there are.
rockspecs:
	@$(LUA) spec/support/rockspecs.lua

share = $(PREFIX)/share/lua/$(LUA_API)
lib = $(LIBDIR)/lua/$(LUA_API)
# What the command runs on: a program that is not part of this tree, which may go. Only for LuaJIT there may be none: then
# it is this tree's own.
COMMAND_LUA = $(if $(own_host),luajit,$(LUA))
command_lua = $(or $(shell command -v '$(COMMAND_LUA)'),$(if $(own_host),$(LUA)))
install_files = while read -r file; do \
  install -D -m 644 "$$file" '$(DESTDIR)$(share)'/"$${file\#src/}" || exit 1; done

install: may-install install-library install-command

# Before anything is built. What was made to find out is removed again, for a package would have the empty folders.
.PHONY: may-install
may-install:
	@for folder in '$(DESTDIR)$(share)' '$(DESTDIR)$(lib)' '$(DESTDIR)$(PREFIX)/bin'; do \
	  above=$$folder; while [ ! -e "$$above" ]; do above=$$(dirname "$$above"); done; \
	  mkdir -p "$$folder" 2>/dev/null && [ -w "$$folder" ] || { \
	    echo "$$(id -un) may not write $$folder: make install PREFIX=$$HOME/.local, or sudo make install" >&2; exit 1; }; \
	  while [ "$$folder" != "$$above" ]; do rmdir "$$folder"; folder=$$(dirname "$$folder"); done; \
	done

install-library: may-install build
	@find src/forgelog -name '*.lua' -o -name '*.sql' | grep -v '^src/forgelog/cli[./]' | $(install_files)
	@find types -name '*.lua' | while read -r file; do \
	  install -D -m 644 "$$file" '$(DESTDIR)$(PREFIX)/share/forgelog'/"$$file" || exit 1; \
	done
	install -D -m 755 $(BUILD)/forgelog/core.so '$(DESTDIR)$(lib)/forgelog/core.so'

# The command finds its Lua and what is installed with it, wherever PREFIX is. One that is there stays where this Lua could
# not run it.
install-command: may-install build $(own_host)
	@find src/forgelog/cli.lua src/forgelog/cli -name '*.lua' | $(install_files)
	+@if [ -z '$(command_lua)' ]; then \
	  echo 'no command: there is no program $(COMMAND_LUA) that could run it'; \
	elif [ -e '$(DESTDIR)$(PREFIX)/bin/forgelog' ] && ! command -v '$(COMMAND_LUA)' >/dev/null; then \
	  echo 'the command stays as it is: there is no program $(COMMAND_LUA) that could run it'; \
	elif [ -e '$(DESTDIR)$(PREFIX)/bin/forgelog' ] && ! '$(command_lua)' -e 'require "argparse"' 2>/dev/null; then \
	  echo 'the command stays as it is: $(command_lua) lacks argparse: install lua-argparse, and run make install again'; \
	else \
	  $(make) -s command; \
	fi

command = '$(DESTDIR)$(PREFIX)/bin/forgelog'
command_of_tree = LUA_PATH='$(lua_folders);;' LUA_CPATH='$(CURDIR)/$(BUILD)/?.so;;' $(LUA) bin/forgelog
command: completions = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
command:
	@install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/man/man1' '$(completions)' '$(DESTDIR)$(ZSHDIR)'
	{ echo '#!$(command_lua)'; \
	  echo 'package.path = "$(share)/?.lua;$(share)/?/init.lua;" .. package.path'; \
	  echo 'package.cpath = "$(lib)/?.so;" .. package.cpath'; \
	  tail -n +2 bin/forgelog; } >$(command)
	@chmod 755 $(command)
	@made() { file=$$1; shift; $(command_of_tree) "$$@" >"$$file" || { rm -f "$$file"; return 1; }; }; \
	{ made '$(DESTDIR)$(PREFIX)/share/man/man1/forgelog.1' man && \
	  made '$(completions)/forgelog' completion bash && made '$(DESTDIR)$(ZSHDIR)/_forgelog' completion zsh; } || \
	  echo 'no man page and no completions: the command lacks argparse: install lua-argparse, and run make install again'

# Debian's packages of this tree, in build/deb; without one of debugging symbols, which all would install.
deb: release = $(shell sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)
deb: copy = build/deb/forgelog-$(release)
deb:
	@$(deps) deb
	@rm -rf build/deb && mkdir -p $(copy)
	@tar -c --exclude=./build --exclude=./.git --exclude=./docs/reference . | tar -x -C $(copy)
	cd $(copy) && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -us -uc
	lintian --info --display-info --fail-on error,warning,info build/deb/*.changes

# They are installed in a clean chroot, tried, and removed. As root.
test-deb:
	@$(deps) test-deb
	@spec/support/test-deb build/deb/*.deb

# Prints the settings to try things by hand: eval "$(make -s env)"
env:
	@echo "export FORGELOG_ROOT='$(CURDIR)' $(lua_env)"

clean:
	rm -rf build docs/reference
