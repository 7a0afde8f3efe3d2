# socketsend: `make run` and `make test` do everything; `make help` lists the rest.
# CC, CFLAGS, LDFLAGS, PREFIX, DESTDIR and VARIANT (release, asan, tsan) are yours to set; Q= shows every command.

VARIANT ?= release
BUILD   ?= build/$(VARIANT)
PREFIX  ?= /usr/local
CC      ?= cc
PYTHON  ?= /usr/bin/python3
VERSION := 0.1.0
HOSTS   ?= single sentinel cluster
FUZZ_TIME ?= 60
Q       ?= @

CFLAGS ?= -g
STD      = -std=c11 -D_DEFAULT_SOURCE -D_POSIX_C_SOURCE=200809L
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
           -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough \
           -Wnull-dereference -Wconversion -Wno-sign-conversion -Wno-format-zero-length
HARDENING = -O2 -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fPIE
LINK      = -pie -Wl,-z,relro,-z,now,-z,noexecstack

ifneq ($(filter x86_64% i686%,$(shell $(CC) -dumpmachine)),)
HARDENING += -fcf-protection
endif

ifeq ($(VARIANT),fuzz)
CC        = clang
HARDENING = -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
LINK      = -fsanitize=fuzzer,address,undefined
endif

ifneq ($(findstring gcc,$(shell $(CC) --version 2>/dev/null | head -n1)),)
WARNINGS += -Wduplicated-cond -Wduplicated-branches -Wlogical-op
endif
ifeq ($(VARIANT),asan)
HARDENING = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LINK      = -fsanitize=address,undefined
endif
ifeq ($(VARIANT),tsan)
HARDENING = -O1 -fno-omit-frame-pointer -fsanitize=thread -fPIE
LINK      = -fsanitize=thread -pie
endif
ifdef CI
WARNINGS += -Werror
endif

COMPILE = $(CC) $(STD) $(WARNINGS) $(HARDENING) $(CFLAGS) $(CPPFLAGS) -I. -DSOCKETSEND_VERSION='"$(VERSION)"' -MMD -MP

SHARED_LIBS = -lhiredis -ljson-c -linih -ljwt -lssl -lcrypto -lpthread
NODE_LIBS   = -lwebsockets -luv -lcurl
SEND_LIBS   = -lfcgi -lcurl
CTL_LIBS    = -lcurl -lrabbitmq

objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)/*.c))
SHARED_OBJECTS = $(call objects,shared) $(BUILD)/shared/scripts.o
NODE_OBJECTS   = $(filter-out $(BUILD)/wsnode/main.o,$(call objects,wsnode))
SEND_OBJECTS   = $(filter-out $(BUILD)/fcgi-send/main.o,$(call objects,fcgi-send))
CTL_OBJECTS    = $(filter-out $(BUILD)/wsctl/main.o,$(call objects,wsctl))
TEST_OBJECTS   = $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
# What the fuzz targets need besides shared/: a target for another module adds it here.
FUZZED         = wsnode/format wsnode/format_plain wsnode/format_v1 wsnode/format_v1_parse wsnode/hook_answer wsnode/payload wsnode/ws_frame wsnode/ws_handshake \
                 fcgi-send/media_type fcgi-send/path fcgi-send/query fcgi-send/records \
                 wsctl/queue_message wsctl/send_answer tests/fuzz/fuzz
FUZZ_TARGETS   = $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
UNIT_TESTS     = $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))

.PHONY: all help deps deps-test deps-lint run test test-unit test-js test-integration test-browser test-fuzz fuzz fuzz-targets valgrind \
        lint format asan tsan bench-ledger bench-hosts bench-memory \
        bench-node-killed bench-flushall bench-slow-readers bench-slowloris bench-storm bench-send bench-batch bench-tls bench-broadcast docs install clean

all: $(BUILD)/wsnode/wsnode $(BUILD)/fcgi-send/fcgi-send $(BUILD)/wsctl/wsctl ## build the programs

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 20

deps: ## install what building and running needs (Debian)
	@deploy/install-packages.sh run

deps-test: ## install what the tests need besides
	@deploy/install-packages.sh run test
	@deploy/install-npm.sh

deps-lint: ## install what linting needs besides
	@deploy/install-packages.sh run test lint

run: deps ## build and start everything: Redis, two nodes, fcgi-send behind lighttpd
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) exec deploy/run.sh

test: deps-test ## install what is missing and run every test
	@$(MAKE) --no-print-directory test-unit test-fuzz test-js test-integration test-browser

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(Q)$(COMPILE) -c -o $@ $<

$(BUILD)/shared/scripts.c: $(wildcard shared/lua/*)
	@mkdir -p $(@D)
	sh shared/lua/embed.sh shared/lua > $@.tmp && mv $@.tmp $@

$(BUILD)/shared/scripts.o: $(BUILD)/shared/scripts.c
	$(Q)$(COMPILE) -Wno-overlength-strings -c -o $@ $<

# Archives, so that each program and test takes only the modules that it uses.
$(BUILD)/libshared.a: $(SHARED_OBJECTS)
$(BUILD)/libnode.a: $(NODE_OBJECTS)
$(BUILD)/libsend.a: $(SEND_OBJECTS)
$(BUILD)/libctl.a: $(CTL_OBJECTS)
$(BUILD)/libtest.a: $(TEST_OBJECTS)
$(BUILD)/%.a:
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/wsnode/wsnode: $(BUILD)/wsnode/main.o $(BUILD)/libnode.a $(BUILD)/libshared.a
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $^ $(NODE_LIBS) $(SHARED_LIBS)

$(BUILD)/fcgi-send/fcgi-send: $(BUILD)/fcgi-send/main.o $(BUILD)/libsend.a $(BUILD)/libshared.a
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $^ $(SEND_LIBS) $(SHARED_LIBS)

$(BUILD)/wsctl/wsctl: $(BUILD)/wsctl/main.o $(BUILD)/libctl.a $(BUILD)/libshared.a
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $^ $(CTL_LIBS) $(SHARED_LIBS)

# Unit tests link neither libwebsockets nor libfcgi, libcurl or librabbitmq: what needs them is not unit-tested, and STYLE rule 4 holds by itself.
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libtest.a $(BUILD)/libnode.a $(BUILD)/libsend.a $(BUILD)/libctl.a $(BUILD)/libshared.a
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $^ $(SHARED_LIBS) -lcmocka

$(BUILD)/libfuzz.a: $(addprefix $(BUILD)/,$(addsuffix .o,$(FUZZED)))
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/libfuzz.a $(BUILD)/libshared.a
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $^ $(SHARED_LIBS)

.SECONDARY:

test-unit: $(UNIT_TESTS) ## cmocka, one program per module
	@failed=0; for t in $(UNIT_TESTS); do $$t || failed=1; done; exit $$failed

test-js: all ## the JavaScript client, on doubles and on real nodes
	BUILD=$(abspath $(BUILD)) node --test tests/js/*.test.js

test-integration: all $(BUILD)/bench/ledger ## pytest against real Redis, web servers and nodes
	BUILD=$(abspath $(BUILD)) $(PYTHON) -m pytest -q -n auto --maxprocesses 8 --dist loadfile tests/integration

test-browser: all ## Chromium on the demo page
	BUILD=$(abspath $(BUILD)) node --test tests/browser/

asan: deps-test ## every test under AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory VARIANT=asan test-unit test-js test-integration test-browser

tsan: ## fcgi-send's threads under ThreadSanitizer
	@$(MAKE) --no-print-directory VARIANT=tsan test-unit test-integration

fuzz: deps-test ## every fuzz target for FUZZ_TIME seconds, then running programs as long
	@$(MAKE) --no-print-directory VARIANT=fuzz fuzz-targets
	@$(MAKE) --no-print-directory VARIANT=asan all
	BUILD=$(abspath build/asan) FUZZ_TIME=$(FUZZ_TIME) $(PYTHON) -m pytest -q -s tests/integration/test_21_fuzz.py

test-fuzz: ## every fuzz target on its corpus and on the same inputs each time
	@$(MAKE) --no-print-directory VARIANT=fuzz FUZZ_TIME=0 fuzz-targets

fuzz-targets: $(FUZZ_TARGETS)
	@tests/fuzz/run.sh $(BUILD)/tests/fuzz $(FUZZ_TIME) $(notdir $^)

valgrind: deps-test all ## sessions' lives and sends under memcheck
	BUILD=$(abspath $(BUILD)) $(PYTHON) -m pytest -q tests/integration/test_30_valgrind.py

lint: deps-lint ## what the compiler cannot check: dependencies, lengths, format, clang-tidy
	@tests/lint.sh

format: ## clang-format on all C files
	clang-format -i $(wildcard shared/*.[ch] wsnode/*.[ch] fcgi-send/*.[ch] wsctl/*.[ch] tests/unit/*.[ch] tests/fuzz/*.[ch] bench/ledger/*.[ch] bench/poster/*.[ch])

$(BUILD)/bench/ledger: $(wildcard bench/ledger/*.[ch])
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -o $@ $(filter %.c,$^) -lcurl -lpthread

bench-ledger: deps-test all $(BUILD)/bench/ledger ## what is lost, doubled and late while everything is broken in turn
	BUILD=$(abspath $(BUILD)) $(PYTHON) bench/ledger/run.py $(LEDGER)

bench-hosts: deps-test all $(BUILD)/bench/ledger ## the same on three hosts (network namespaces), with Sentinel and as a Cluster; needs root
	@for redis in $(HOSTS); do BUILD=$(abspath $(BUILD)) $(PYTHON) bench/ledger/run.py --hosts $$redis $(LEDGER) || exit 1; done

$(BUILD)/bench/poster: bench/poster/poster.c $(wildcard bench/ledger/times.[ch])
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -D_GNU_SOURCE -o $@ $(filter %.c,$^) -lpthread

BENCH = BUILD=$(abspath $(BUILD)) $(PYTHON)
BENCH_PROGRAMS = all $(BUILD)/bench/ledger $(BUILD)/bench/poster

bench-node-killed: deps-test $(BENCH_PROGRAMS) ## a node with 10,000 sessions is killed: answers to senders, /online, clients back
	$(BENCH) bench/node_killed.py

bench-flushall: deps-test $(BENCH_PROGRAMS) ## Redis is emptied under 10,000 sessions: all registered again, none closed
	$(BENCH) bench/flushall.py

bench-slow-readers: deps-test $(BENCH_PROGRAMS) ## 1,000 clients stop reading: memory, and the latency of 10,000 others
	$(BENCH) bench/slow_readers.py

bench-slowloris: deps-test $(BENCH_PROGRAMS) ## 20,000 clients never finish their handshake: who connects meanwhile, and the latency of sends
	$(BENCH) bench/slowloris.py

bench-storm: deps-test $(BENCH_PROGRAMS) ## all 10,000 sessions of a node are cut at once: connected again, and CPU time per connect
	$(BENCH) bench/storm.py

bench-send: deps-test $(BENCH_PROGRAMS) ## sends and deliveries per second, and the CPU time of each part
	$(BENCH) bench/send.py

bench-batch: deps-test $(BENCH_PROGRAMS) ## batches of 1,000 messages against single sends
	$(BENCH) bench/batch.py

bench-tls: deps-test $(BENCH_PROGRAMS) ## what TLS between fcgi-send and a node costs
	$(BENCH) bench/tls.py

bench-broadcast: deps-test $(BENCH_PROGRAMS) ## one message to 10,000 sessions on two nodes: forwards, deliveries per second
	$(BENCH) bench/broadcast.py

bench-memory: deps-test all ## memory of 10,000 idle sessions
	BUILD=$(abspath $(BUILD)) $(PYTHON) bench/idle_memory.py

docs: $(BUILD)/wsnode/wsnode ## write the tables of docs/configuration.md
	$(BUILD)/wsnode/wsnode --print-docs > $(BUILD)/options.md
	sed -i -e '/<!-- options:/,/<!-- end of options/{//!d}' -e '/<!-- options:/r $(BUILD)/options.md' docs/configuration.md

install: all ## to DESTDIR/PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/socketsend/www
	install -m 755 $(BUILD)/wsnode/wsnode $(BUILD)/fcgi-send/fcgi-send $(BUILD)/wsctl/wsctl $(DESTDIR)$(PREFIX)/bin
	install -m 644 www/* $(DESTDIR)$(PREFIX)/share/socketsend/www
	cp -R deploy/apache deploy/lighttpd deploy/nginx deploy/systemd deploy/socketsend.conf $(DESTDIR)$(PREFIX)/share/socketsend

clean: ## remove build/
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
