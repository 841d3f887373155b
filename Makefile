# Two commands on a fresh machine: make demo, make test. The rest: make help.
SHELL   := /bin/sh
CC      ?= cc
BUILD   ?= build
LUA     := lua5.4
SAN     :=
PACKAGES := lua5.4 libcurl libmicrohttpd libcrypto sqlite3

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Werror
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=c11 $(WARNINGS) $(CFLAGS) $(SAN) -fPIC -fvisibility=hidden -pthread \
             $(shell pkg-config --cflags $(PACKAGES))
LIBS      = $(shell pkg-config --libs libcurl libmicrohttpd libcrypto sqlite3) -lpthread -lm
LUA_LIBS  = $(shell pkg-config --variable=libdir lua5.4)/liblua5.4-cjson.a \
            $(shell pkg-config --variable=libdir lua5.4)/liblua5.4.a -ldl

UNITS   := $(filter-out host/main.c,$(wildcard host/*.c))
OBJECTS := $(UNITS:host/%.c=$(BUILD)/host/%.o)
MODULES := $(shell find lua/tagua -name '*.lua' | sort)
ARGPARSE = $(firstword $(wildcard /usr/share/lua/5.4/argparse.lua /usr/local/share/lua/5.4/argparse.lua))
# lua/tagua/plan.lua is tagua.plan; lua/tagua/command/init.lua is tagua.command
EMBED    = $(foreach file,$(MODULES),$(subst /,.,$(patsubst %/init,%,$(patsubst lua/%.lua,%,$(file))))=$(file))

.PHONY: build demo test check bench clean help deps
.DEFAULT_GOAL := build

build: $(BUILD)/tagua $(BUILD)/lib/tagua/core.so

deps:
	@.ci/deps build

$(BUILD)/tagua: $(BUILD)/host/main.o $(BUILD)/embedded.o $(OBJECTS)
	$(CC) $(SAN) -o $@ $^ $(LUA_LIBS) $(LIBS)

$(BUILD)/lib/tagua/core.so: $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(SAN) -shared -Wl,-z,nodelete -o $@ $^ $(LIBS)

$(BUILD)/host/%.o: host/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/embedded.c: $(MODULES) $(ARGPARSE) host/embed.lua Makefile
	@mkdir -p $(@D)
	$(LUA) host/embed.lua $@ $(EMBED) argparse=$(ARGPARSE)

$(BUILD)/embedded.o: $(BUILD)/embedded.c
	$(CC) $(ALL_CFLAGS) -Ihost -MMD -MP -c -o $@ $<

test: build
	@BUILD=$(BUILD) .ci/test

clean:
	rm -rf build

-include $(OBJECTS:.o=.d) $(BUILD)/host/main.d $(BUILD)/embedded.d
