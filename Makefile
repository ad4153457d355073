# make test | demo | bench | lint | asan | valgrind | docs | install | deps | clean; LUA_VERSION=5.4, 5.1 or jit where one Lua is meant
LUA_VERSION = 5.4
TEST_VERSIONS = 5.4 5.1 jit
CC = gcc
CFLAGS = -O2 -g
WARNINGS = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
PREFIX = /usr/local
DESTDIR =
SPECS = spec
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
LUA_PC_5.1 = lua5.1
LUA_PC_jit = luajit
LUA_PC = $(LUA_PC_$(LUA_VERSION))
LUA_API_5.4 = 5.4
LUA_API_5.1 = 5.1
LUA_API_jit = 5.1
LUA_API = $(LUA_API_$(LUA_VERSION))
LUA_5.4 = lua5.4
LUA_5.1 = lua5.1
LUA_jit = $(CURDIR)/$(BUILD)/lua
LUA = $(LUA_$(LUA_VERSION))

# Expanded when a command runs: pkg-config may come with 'make deps' only.
LUA_CFLAGS = $(shell pkg-config --cflags $(LUA_PC))
LUA_LIBS = $(shell pkg-config --libs $(LUA_PC))
PQ_CFLAGS = $(shell pkg-config --cflags libpq)
PQ_LIBS = $(shell pkg-config --libs libpq)

sources = $(wildcard src/core/*.c)
headers = $(wildcard src/core/*.h)
objects = $(sources:src/core/%.c=$(BUILD)/obj/%.o)
c_specs = $(patsubst spec/c/%.c,$(BUILD)/spec/%,$(wildcard spec/c/*.c))
compile = $(CC) -std=gnu99 $(WARNINGS) $(CFLAGS) -fPIC

# What a Lua started by make sees: this tree before anything installed, and the spec support.
export FORGELOG_ROOT = $(CURDIR)
export FORGELOG_SCALE
lua_env = LUA_PATH='$(CURDIR)/src/?.lua;$(CURDIR)/src/?/init.lua;$(CURDIR)/spec/?.lua;$(CURDIR)/spec/?/init.lua;;' \
  LUA_CPATH='$(CURDIR)/$(BUILD)/?.so;;' FORGELOG_LUA='$(LUA)' FORGELOG_LUA_VERSION=$(LUA_VERSION)
# These would outweigh LUA_PATH.
unexport LUA_PATH_5_4 LUA_CPATH_5_4 LUA_INIT LUA_INIT_5_4
with_postgres = spec/support/with-postgres
deps = spec/support/deps

.PHONY: all build host c-specs deps test check asan valgrind bench lint demo demo-openresty docs install clean env

all: build

build: $(BUILD)/forgelog/core.so

$(BUILD)/forgelog/core.so: $(objects)
	@mkdir -p $(@D)
	$(CC) -shared $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PQ_LIBS)

$(BUILD)/obj/%.o: src/core/%.c $(headers) Makefile
	@mkdir -p $(@D)
	$(compile) $(LUA_CFLAGS) $(PQ_CFLAGS) -c -o $@ $<

# A small interpreter: for LuaJIT, whose package here is the library alone, and for the sanitizers.
host: $(BUILD)/lua

$(BUILD)/lua: spec/support/host.c Makefile
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

# The whole suite on every Lua, each on a server of its own.
test:
	@$(deps) test
	@rm -f build/results && mkdir -p build
	@for version in $(TEST_VERSIONS); do \
	  $(MAKE) --no-print-directory check LUA_VERSION=$$version FORGELOG_RESULTS=$(CURDIR)/build/results \
	    || grep -q "^lua-$$version:" build/results 2>/dev/null \
	    || echo "lua-$$version: 0 passed, 1 failed, 0 skipped (did not run)" >>build/results; \
	done
	@FORGELOG_RESULTS=build/results spec/support/suite --total

# The suite on one Lua; SPECS=spec/x_spec.lua c_specs= for a part of it. RUN is what the interpreter and C specs run under.
RUN =
BUSTED = $(LUA) $(CURDIR)/spec/support/busted.lua -o $(CURDIR)/spec/support/tap.lua --pattern=_spec $(BUSTED_FLAGS) $(SPECS)
NAME = $(LUA_VERSION)
FORGELOG_RESULTS = /dev/null
export FORGELOG_RESULTS
own_host = $(if $(findstring $(BUILD)/lua,$(LUA)),host)

check: build c-specs $(own_host)
	@status=0; \
	for program in $(c_specs); do \
	  spec/support/suite c-$(NAME)-$${program##*/} $(with_postgres) -c lock_timeout=120s $(RUN) $$program || status=1; \
	done; \
	$(lua_env) spec/support/suite lua-$(NAME) $(with_postgres) -c lock_timeout=120s $(RUN) $(BUSTED) || status=1; \
	exit $$status

# Unloaded libraries would leave reports without function names, hence nodelete.
asan:
	@$(deps) test
	@ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 \
	$(MAKE) --no-print-directory check BUILD=build/asan-$(LUA_VERSION) NAME=asan-$(LUA_VERSION) \
	  LUA='$(CURDIR)/build/asan-$(LUA_VERSION)/lua' LDFLAGS='-Wl,-z,nodelete' \
	  CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined'

valgrind:
	@$(deps) valgrind
	@$(MAKE) --no-print-directory check BUILD=build/valgrind-$(LUA_VERSION) NAME=valgrind-$(LUA_VERSION) \
	  CFLAGS='-O1 -g' LDFLAGS='-Wl,-z,nodelete' \
	  RUN='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect --num-callers=30 --soname-synonyms=somalloc=nouserintercepts --suppressions=$(CURDIR)/spec/support/valgrind.supp'

# BENCHES="drain trim" for a part of them.
bench:
	@$(deps) bench
	@$(MAKE) --no-print-directory -s build LUA_VERSION=jit
	@$(MAKE) --no-print-directory -s build $(own_host)
	@$(lua_env) $(with_postgres) --durable -c max_wal_size=4GB $(LUA) bench/run.lua $(BENCHES)

demo:
	@$(deps) demo
	@$(MAKE) --no-print-directory -s build $(own_host)
	@$(lua_env) $(with_postgres) --durable $(LUA) examples/demo.lua $(DEMO_SECONDS) $(DEMO_CLIENTS) $(DEMO_SCALE)

# A JSON service in nginx that answers from a cache; it prints what to open and the psql line that changes a row.
demo-openresty:
	@$(deps) openresty
	@$(MAKE) --no-print-directory -s build LUA_VERSION=jit
	@$(MAKE) --no-print-directory -s build $(own_host)
	@$(lua_env) $(with_postgres) --durable examples/openresty/run $(OPENRESTY_PORT) $(OPENRESTY_SECONDS)

lint:
	@$(deps) lint
	luacheck -q $(wildcard src spec examples bench)
	@$(MAKE) --no-print-directory build BUILD=build/lint
	@wc -l $$(find src -name '*.[ch]') | awk '$$2 != "total" && $$1 > 500 { print $$2 ": over 500 lines"; bad = 1 } END { exit bad }'
	@wc -l $$(find src -name '*.lua') | awk '$$2 != "total" && $$1 > 250 { print $$2 ": over 250 lines"; bad = 1 } END { exit bad }'

# The reference of every public function; which modules these are stands in docs/config.ld.
REFERENCE = $(CURDIR)/docs/reference
docs:
	@$(deps) docs
	@rm -rf '$(REFERENCE)'
	@cd docs && ldoc -q --fatalwarnings -d '$(REFERENCE)' . >/dev/null
	@echo 'the reference: $(REFERENCE)/index.html'

share = $(PREFIX)/share/lua/$(LUA_API)
lib = $(PREFIX)/lib/lua/$(LUA_API)

# The command finds this Lua and what is installed with it, wherever PREFIX is.
install: build $(own_host)
	@cd src && find forgelog -name '*.lua' -o -name '*.sql' | while read -r file; do \
	  install -D -m 644 "$$file" '$(DESTDIR)$(share)'/"$$file" || exit 1; \
	done
	install -D -m 755 $(BUILD)/forgelog/core.so '$(DESTDIR)$(lib)/forgelog/core.so'
	@install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/man/man1'
	{ echo '#!$(or $(shell command -v $(LUA)),/usr/bin/env $(LUA))'; \
	  echo 'package.path = "$(share)/?.lua;$(share)/?/init.lua;" .. package.path'; \
	  echo 'package.cpath = "$(lib)/?.so;" .. package.cpath'; \
	  tail -n +2 bin/forgelog; } >'$(DESTDIR)$(PREFIX)/bin/forgelog'
	@chmod 755 '$(DESTDIR)$(PREFIX)/bin/forgelog'
	@LUA_PATH='$(CURDIR)/src/?.lua;$(CURDIR)/src/?/init.lua;;' LUA_CPATH='$(CURDIR)/$(BUILD)/?.so;;' $(LUA) bin/forgelog man \
	  >'$(DESTDIR)$(PREFIX)/share/man/man1/forgelog.1' || \
	  { rm -f '$(DESTDIR)$(PREFIX)/share/man/man1/forgelog.1'; echo 'no man page: the command needs argparse (lua-argparse)'; }

# Prints the settings to try things by hand: eval "$(make -s env)"
env:
	@echo "export FORGELOG_ROOT='$(CURDIR)' $(lua_env)"

clean:
	rm -rf build docs/reference
