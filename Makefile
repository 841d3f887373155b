# Two commands on a fresh machine: make demo, make test. The rest: make help.
SHELL   := /bin/sh
BUILD   ?= build
LUA     := lua5.4
SAN     :=
PREFIX  ?= /usr/local
DESTDIR ?=
LUADIR  ?= $(PREFIX)/share/lua/5.4
LIBDIR  ?= $(PREFIX)/lib/lua/5.4
SHARE    = $(PREFIX)/share

# Asked once, when first used: before `make deps` there may be no pkg-config, and that is no error.
once      = $(eval $(1) := $(2))$($(1))
PACKAGE_CFLAGS = $(call once,PACKAGE_CFLAGS,$(shell pkg-config --cflags lua5.4 libcurl libmicrohttpd libcrypto libjwt sqlite3))
PACKAGE_LIBS   = $(call once,PACKAGE_LIBS,$(shell pkg-config --libs $(if $(LATE_CURL),,libcurl) \
  $(if $(LATE_MICROHTTPD),,libmicrohttpd) libcrypto libjwt sqlite3))
# Two libraries that most commands never use, and that bring thirty others: the file that each is found by when it is
# first used. LATE= links them as usual.
LATE           := yes
so_name         = $(if $(LATE),$(shell readelf -d "$$($(CC) -print-file-name=lib$(1).so)" 2>/dev/null | \
  sed -n 's/.*(SONAME).*\[\(.*\)\]$$/\1/p'))
LATE_CURL       = $(call once,LATE_CURL,$(call so_name,curl))
LATE_MICROHTTPD = $(call once,LATE_MICROHTTPD,$(call so_name,microhttpd))
LATE_CFLAGS     = $(if $(LATE_CURL),-DTAGUA_LATE_CURL='"$(LATE_CURL)"') \
  $(if $(LATE_MICROHTTPD),-DTAGUA_LATE_MICROHTTPD='"$(LATE_MICROHTTPD)"')
LUA_LIBRARIES  = $(call once,LUA_LIBRARIES,$(shell pkg-config --variable=libdir lua5.4))

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Werror
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=c11 $(WARNINGS) $(CFLAGS) $(SAN) -fPIC -fvisibility=hidden -pthread $(PACKAGE_CFLAGS) $(LATE_CFLAGS)
LIBS      = $(PACKAGE_LIBS) -lpthread -lm -ldl
# Lua and lua-cjson go into the executable itself; in plain lua5.4 the module uses the interpreter's.
LUA_LIBS  = $(LUA_LIBRARIES)/liblua5.4-cjson.a $(LUA_LIBRARIES)/liblua5.4.a -ldl

UNITS   := $(filter-out host/main.c,$(wildcard host/*.c))
OBJECTS := $(UNITS:host/%.c=$(BUILD)/host/%.o)
# Lua modules, and texts that one of them gives out: embed.lua makes a module of each.
MODULES := $(shell find lua/tagua -name '*.lua' -o -name '*.html' -o -name '*.css' -o -name '*.js' | LC_ALL=C sort)
ARGPARSE = $(firstword $(wildcard /usr/share/lua/5.4/argparse.lua /usr/local/share/lua/5.4/argparse.lua))
# lua/tagua/plan.lua is tagua.plan; lua/tagua/command/init.lua is tagua.command
EMBED    = $(foreach file,$(MODULES),$(subst /,.,$(patsubst %/init,%,$(patsubst %.lua,%,$(file:lua/%=%))))=$(file))

.PHONY: build objects deps demo test check rock docs bench fuzz fuzzers install uninstall clean help FORCE
.DEFAULT_GOAL := build
.DELETE_ON_ERROR: # half a file would pass for a whole one the next time

build: $(BUILD)/tagua $(BUILD)/lib/tagua/core.so ## the command and the Lua module, into build/

objects: $(BUILD)/host/main.o $(BUILD)/embedded.o $(OBJECTS)

deps: ## install what is missing on this machine
	@.ci/deps

# The build runs in a make of its own: what deps installed is looked for again.
BUILD_ALL = $(MAKE) --no-print-directory -s $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(getconf _NPROCESSORS_ONLN)) build

demo: ## the main job on examples/shop: a plan, an apply, a change
	@.ci/deps
	@$(BUILD_ALL)
	@BUILD=$(BUILD) examples/demo.sh

test: ## the specs
	@.ci/deps
	@$(BUILD_ALL)
	@BUILD=$(BUILD) .ci/test $(SPEC)

check: ## two compilers, analysers, layer rules, the specs under sanitizers
	@.ci/deps
	@$(BUILD_ALL)
	@.ci/check/run $(STEP)

ROCK_LUA ?= 5.4
rock: ## the LuaRocks rock, in build/rock (ROCK_LUA=5.3 for that Lua)
	@.ci/deps
	@BUILD=$(BUILD) rockspec/build.sh $(ROCK_LUA)

docs: ## the reference of the module and the manual as HTML, in docs/reference
	@.ci/deps
	@cd docs && ldoc --quiet --fatalwarnings .
	@echo docs/reference/index.html

bench: ## how fast, beside its peers
	@.ci/deps
	@$(BUILD_ALL)
	@BUILD=$(BUILD) bench/run.sh $(BENCH)

# libFuzzer, with sanitizers; what is found is kept in build/fuzz/corpus and taken up again. A folder of a
# fuzzer's name in spec/fuzz holds what it begins with.
FUZZ_SECONDS ?= 60
fuzz: ## the readers of what comes from outside, FUZZ_SECONDS each
	@.ci/deps
	@$(MAKE) --no-print-directory -s CC=clang BUILD=$(BUILD)/fuzz CFLAGS="-O1 -g" \
	  SAN="-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined" fuzzers
	@for name in $(FUZZERS); do \
	  echo "== $$name"; mkdir -p $(BUILD)/fuzz/corpus/$$name; \
	  $(BUILD)/fuzz/fuzz-$$name -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=10 -verbosity=0 \
	    -print_final_stats=1 -artifact_prefix=$(BUILD)/fuzz/$$name- $(BUILD)/fuzz/corpus/$$name \
	    $$([ ! -d spec/fuzz/$$name ] || echo spec/fuzz/$$name) || exit 1; \
	done

FUZZERS := $(patsubst spec/fuzz/%.c,%,$(wildcard spec/fuzz/*.c))
fuzzers: $(FUZZERS:%=$(BUILD)/fuzz-%)

$(BUILD)/fuzz-%: spec/fuzz/%.c $(OBJECTS)
	$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -Ihost -o $@ $^ $(LUA_LIBS) $(LIBS)

# The bindings with allocations refused, one after the other.
WRAPPED := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
$(BUILD)/sweep: spec/sweep/sweep.c $(OBJECTS)
	$(CC) $(ALL_CFLAGS) -Ihost $(WRAPPED) -o $@ $^ $(LUA_LIBS) $(LIBS)

# Stops with a list instead of with a compiler's error when something is missing.
$(BUILD)/.looked: .ci/deps
	@.ci/deps --look
	@mkdir -p $(@D) && touch $@

# What is linked and embedded: a file that was added or removed changes it, nothing else does.
$(BUILD)/.inputs: FORCE
	@mkdir -p $(@D) && echo '$(UNITS) $(EMBED) $(ARGPARSE)' | cmp -s - $@ || \
	  echo '$(UNITS) $(EMBED) $(ARGPARSE)' > $@

$(BUILD)/tagua: $(BUILD)/host/main.o $(BUILD)/embedded.o $(OBJECTS) $(BUILD)/.inputs
	$(CC) $(SAN) -o $@ $(filter %.o,$^) $(LUA_LIBS) $(LIBS)

$(BUILD)/lib/tagua/core.so: $(OBJECTS) $(BUILD)/.inputs
	@mkdir -p $(@D)
	$(CC) $(SAN) -shared -Wl,-z,nodelete -o $@ $(filter %.o,$^) $(LIBS)

$(BUILD)/host/%.o: host/%.c Makefile | $(BUILD)/.looked
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/embedded.c: $(MODULES) $(ARGPARSE) host/embed.lua Makefile $(BUILD)/.inputs | $(BUILD)/.looked
	@mkdir -p $(@D)
	$(LUA) host/embed.lua $@ $(EMBED) argparse=$(ARGPARSE)

$(BUILD)/embedded.o: $(BUILD)/embedded.c
	$(CC) $(ALL_CFLAGS) -Ihost -MMD -MP -c -o $@ $<

# A bench of one unit is a program of its own.
$(BUILD)/bench/%: bench/%.c $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LUA_LIBS) $(LIBS)

# Folders of what the command itself writes.
MADE := man/man1 bash-completion/completions zsh/site-functions

UNITS_OF_SYSTEMD := systemd/system sysusers.d

install: build ## to PREFIX (/usr/local), below DESTDIR
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)/tagua
	install -m 755 $(BUILD)/tagua $(DESTDIR)$(PREFIX)/bin/tagua
	install -m 644 $(BUILD)/lib/tagua/core.so $(DESTDIR)$(LIBDIR)/tagua/core.so
	for file in $(MODULES:lua/%=%); do \
	  install -D -m 644 lua/$$file $(DESTDIR)$(LUADIR)/$$file || exit 1; \
	done
	install -d $(MADE:%=$(DESTDIR)$(SHARE)/%)
	$(BUILD)/tagua manual > $(DESTDIR)$(SHARE)/man/man1/tagua.1
	$(BUILD)/tagua completion bash > $(DESTDIR)$(SHARE)/bash-completion/completions/tagua
	$(BUILD)/tagua completion zsh > $(DESTDIR)$(SHARE)/zsh/site-functions/_tagua
	install -d $(UNITS_OF_SYSTEMD:%=$(DESTDIR)$(PREFIX)/lib/%)
	sed 's|@PREFIX@|$(PREFIX)|' host/systemd/tagua.service.in > $(DESTDIR)$(PREFIX)/lib/systemd/system/tagua.service
	install -m 644 host/systemd/tagua.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/tagua.conf

uninstall: ## take away what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/tagua
	rm -rf $(DESTDIR)$(LUADIR)/tagua $(DESTDIR)$(LIBDIR)/tagua
	rm -f $(DESTDIR)$(SHARE)/man/man1/tagua.1 $(DESTDIR)$(SHARE)/bash-completion/completions/tagua \
	  $(DESTDIR)$(SHARE)/zsh/site-functions/_tagua
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/tagua.service $(DESTDIR)$(PREFIX)/lib/sysusers.d/tagua.conf

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1 \2/p' Makefile | \
	  while read -r make target text; do printf '  make %-10s %s\n' "$$target" "$$text"; done

-include $(OBJECTS:.o=.d) $(BUILD)/host/main.d $(BUILD)/embedded.d
