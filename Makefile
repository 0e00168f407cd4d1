# SPDX-License-Identifier: Apache-2.0
# telltale: BPF objects -> skeleton -> program, tests, packaging. `make help` lists the targets.

VERSION := 0.1.0

PREFIX  ?= /usr/local
DESTDIR ?=
BINDIR   = $(DESTDIR)$(PREFIX)/bin
MANDIR   = $(DESTDIR)$(PREFIX)/share/man
DOCDIR   = $(DESTDIR)$(PREFIX)/share/doc/telltale
UNITDIR  = $(DESTDIR)$(PREFIX)/lib/systemd/system
SYSUSERS = $(DESTDIR)$(PREFIX)/lib/sysusers.d
COMPDIR  = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR   = $(DESTDIR)$(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
FISHDIR  = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

CC         = gcc
CLANG      = clang
LLVM_STRIP = llvm-strip
BPFTOOL   ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PKG_CONFIG = pkg-config
INSTALL    = install

# Everything made goes below build/; SANITIZE=1 builds the program itself with ASan and UBSan, apart.
BUILD := build
PACKAGES := libbpf libelf grpc libprotobuf-c json-c libcurl libmicrohttpd yaml-0.1 libevent_core libcap expat gmp \
	libcrypto sqlite3 ncursesw zlib libseccomp

WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CPPFLAGS = -D_GNU_SOURCE -DTELLTALE_VERSION='"$(VERSION)"' -I. -Iuser -I$(BUILD)
CFLAGS  ?= -O2 -g
# What is made says nothing of the folder that it was made in, so that two builds are equal.
MAPPED   = -ffile-prefix-map=$(CURDIR)=.
HARDEN   = $(MAPPED) -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2
# What a record passes from the ring to the release is optimised as one: it takes a fifth fewer instructions. The
# objects have plain code too, for a linker that does not know the other.
ONE_PIECE = -flto=auto -ffat-lto-objects
# Compiled in half the time of -O2, with as much as a report needs.
SAN      = -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
DEPEND   = -MMD -MP
, := ,

# Asked once for both, as pkg-config takes a third of a second.
PKG        := $(shell $(PKG_CONFIG) --cflags --libs $(PACKAGES) 2>/dev/null)
PKG_LIBS   := $(filter -l% -L% -Wl$(,)%,$(PKG))
PKG_CFLAGS := $(filter-out $(PKG_LIBS),$(PKG))

ALL_CFLAGS = -std=gnu11 $(WARN) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -pthread
LDLIBS     = $(PKG_LIBS) -lm -pthread

V ?= 0
ifeq ($(V),0)
Q = @
say = @printf '  %-7s %s\n' $(1) $(2);
endif

# Of what the compiler makes programs for, which need not be this machine (scripts/cross).
ARCH    := $(shell $(CC) -dumpmachine | sed 's/-.*//; s/x86_64/x86/; s/aarch64/arm64/')
HEADERS := $(shell $(CC) -print-sysroot 2>/dev/null)/usr/include/$(shell $(CC) -print-multiarch)

# --- files --------------------------------------------------------------------------------------

SKEL   := $(BUILD)/bpf/telltale.skel.h $(BUILD)/bpf/profile.skel.h $(BUILD)/bpf/stacks.skel.h
PROTOS := $(wildcard proto/*.proto)
PB_SRC := $(PROTOS:proto/%.proto=$(BUILD)/proto/%.pb-c.c)
USER   := $(wildcard user/*/*.c)
UNIT   := $(wildcard tests/unit/*/test_*.c)
FUZZ   := $(wildcard tests/fuzz/fuzz_*.c)
BENCH  := $(wildcard tests/bench/bench_*.c)
DOCS   := README.md SECURITY.md CHANGELOG.md LICENSE $(wildcard bpf/LICENSE.*) \
	$(addprefix scripts/deploy/,OPERATOR.md LIMITS.md METRICS.md THREATS.md PRIVACY.md privacy-errors.md privacy.svg telltale.yaml \
	telltale.schema.json)
C_FILES = $(shell find bpf user tests -name node_modules -prune -o -name '*.[ch]' -print)

SERVICES := telltale.service telltale-probe.service telltale-rates.service

# $(1): the flavour's folder.
objects = $(USER:user/%.c=$(BUILD)/$(1)/%.o) $(PB_SRC:$(BUILD)/proto/%.c=$(BUILD)/$(1)/%.o)

UNIT_BIN := $(addprefix $(BUILD)/tests/,$(notdir $(UNIT:.c=)))
FUZZ_BIN := $(FUZZ:tests/fuzz/%.c=$(BUILD)/fuzz/%)
BENCH_BIN := $(BENCH:tests/bench/%.c=$(BUILD)/bench/%)

ifeq ($(SANITIZE),1)
PROGRAM := $(BUILD)/telltale-san
FLAVOUR := san
else
PROGRAM := $(BUILD)/telltale
FLAVOUR := obj
endif

all: $(PROGRAM) ## build the program (the default); SANITIZE=1: with ASan and UBSan, V=1: show commands

# --- BPF ----------------------------------------------------------------------------------------

# The kernel and libbpf read BTF. The compiler's other notes for debuggers would only make the program larger.
$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf -D__TARGET_ARCH_$(ARCH) -mcpu=v3 -O2 -g $(MAPPED) -Wall -Wextra -Wno-unused-parameter \
		-I. -I$(HEADERS) $(DEPEND) -c $< -o $@
	$(Q)$(LLVM_STRIP) --strip-debug $@

# The same with what a test plants into the socket tap. $(1): the flavour's folder, $(2): the header.
define planted_rule
$$(BUILD)/$(1)/bpf/%.bpf.o: bpf/%.bpf.c $(2)
	$$(call say,BPF,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CLANG) -target bpf -D__TARGET_ARCH_$$(ARCH) -mcpu=v3 -O2 -g -DTAP_BLIND='"$(2)"' \
		-I. -I$$(HEADERS) $$(DEPEND) -c $$< -o $$@

$$(BUILD)/tests/telltale-$(1): user/main.c $$(SKEL_USERS) user/halves/wire.c $$(LIB) $$(BUILD)/$(1)/bpf/telltale.skel.h
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -I$$(BUILD)/$(1) $$(ALL_CFLAGS) $$(HARDEN) -Wl,--as-needed -o $$@ $$(filter %.c %.a,$$^) $$(LDLIBS)
endef

SKEL_USERS := $(shell grep -lE 'telltale.skel.h|probe_parts.h' user/*/*.c)

$(BUILD)/tests/%.bpf.o: tests/witness/%.bpf.c
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf -mcpu=v3 -O2 -g -I$(HEADERS) -c $< -o $@

# Programs of the tests. $(1): where they go, $(2): where the sources lie.
define other_bpf_rule
$$(BUILD)/$(1)/%.bpf.o: $(2)/%.bpf.c
	$$(call say,BPF,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CLANG) -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -I. -I$$(HEADERS) $$(DEPEND) -c $$< -o $$@
endef

# What telltale's programs are measured against; a network that loses segments.
$(eval $(call other_bpf_rule,bench,tests/bench))
$(eval $(call other_bpf_rule,tests,tests/profile))

# The marks keep clang-tidy from judging what bpftool wrote. Made anew when this file changes: one
# made before the marks were put in would be judged.
%.skel.h: %.bpf.o Makefile
	$(call say,SKEL,$@)
	$(Q)echo '/* NOLINTBEGIN */' >$@.tmp
	$(Q)$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf >>$@.tmp
	$(Q)echo '/* NOLINTEND */' >>$@.tmp && mv $@.tmp $@

# --- the local page ------------------------------------------------------------------------------

# One document: ours, and the charts of Debian's libjs-dygraphs with their licence. The page's policy
# refuses style attributes; what sets one is made to set the style itself.
DYGRAPHS         ?= /usr/share/javascript/dygraphs/dygraph.min.js
DYGRAPHS_LICENCE ?= /usr/share/doc/libjs-dygraphs/copyright
WEB := user/page/web
PAGE := $(WEB)/page.html $(WEB)/page.css $(wildcard $(WEB)/*.js) $(BUILD)/page/words.js

$(BUILD)/page/words.js: $(WEB)/page_words.js.in user/release/words.h
	$(call say,PAGE,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -E -P -undef -Iuser -x c -o $@ $<

$(BUILD)/page/page.html: $(PAGE) $(DYGRAPHS) $(DYGRAPHS_LICENCE) Makefile
	$(call say,PAGE,$@)
	@mkdir -p $(@D)
	$(Q)sed '/^\/\/# sourceMappingURL/d; s/\.setAttribute("style",\("[^"]*"\))/.style.cssText=\1/g' \
		$(DYGRAPHS) >$(@D)/dygraph.js
	$(Q)sed 's/&/\&amp;/g; s/</\&lt;/g' $(DYGRAPHS_LICENCE) >$(@D)/licence
	$(Q)cat $(filter %.js,$(PAGE)) | sed 's/^ *//; /^\/\/ [^S]/d' >$(@D)/page.js
	$(Q)sed 's/^ *//; /^\/\* [^S].*\*\/$$/d' $(WEB)/page.css >$(@D)/page.css
	$(Q)sed -e '/@page.css@/{r $(@D)/page.css' -e 'd}' -e '/@dygraph.js@/{r $(@D)/dygraph.js' -e 'd}' \
		-e '/@page.js@/{r $(@D)/page.js' -e 'd}' -e '/@licence@/{r $(@D)/licence' -e 'd}' \
		$(WEB)/page.html >$@.tmp && mv $@.tmp $@

$(DYGRAPHS) $(DYGRAPHS_LICENCE):
	@echo "$@ is missing: install libjs-dygraphs, or set DYGRAPHS and DYGRAPHS_LICENCE" >&2; exit 1

$(BUILD)/page/page.html.gz: $(BUILD)/page/page.html
	$(Q)gzip -9 --no-name --stdout $< >$@.tmp && mv $@.tmp $@

$(BUILD)/obj/page/html.o $(BUILD)/san/page/html.o: $(BUILD)/page/page.html $(BUILD)/page/page.html.gz
$(BUILD)/obj/profile/output.o $(BUILD)/san/profile/output.o: user/profile/web/profile.html

# --- messages on the wire -----------------------------------------------------------------------

$(BUILD)/proto/%.pb-c.c $(BUILD)/proto/%.pb-c.h &: proto/%.proto
	$(call say,PROTO,$@)
	@mkdir -p $(@D)
	$(Q)protoc-c --proto_path=proto --c_out=$(BUILD)/proto $<

# --- program ------------------------------------------------------------------------------------

# $(1): the flavour's folder, $(2): where the sources lie, $(3): flags.
define object_rule
$$(BUILD)/$(1)/%.o: $(2)/%.c
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(ALL_CFLAGS) $(3) $$(DEPEND) -c $$< -o $$@
endef

$(foreach wing,base exchange privacy rates release,\
	$(eval $(call object_rule,obj/$(wing),user/$(wing),$(HARDEN) $(ONE_PIECE))))
$(BUILD)/obj/daemon/pipeline.o: HARDEN += $(ONE_PIECE)
$(eval $(call object_rule,obj,user,$$(HARDEN)))
$(eval $(call object_rule,obj,$(BUILD)/proto,$(HARDEN)))
$(eval $(call object_rule,san,user,$(SAN)))
$(eval $(call object_rule,san,$(BUILD)/proto,$(SAN)))

# Generated headers must be there before anything that may include them is compiled.
$(call objects,obj) $(call objects,san): | $(SKEL) $(PB_SRC)

# The commit is main's alone to know: a new one does not relink all tests. Whoever owns the folder, it is the same.
COMMIT := $(shell git -c safe.directory='*' describe --always --exclude='*' --abbrev=12 --dirty=+ 2>/dev/null)

ifneq ($(COMMIT),)
$(BUILD)/obj/main.o $(BUILD)/san/main.o: CPPFLAGS += -DTELLTALE_COMMIT='"$(COMMIT)"'
endif
$(BUILD)/obj/main.o $(BUILD)/san/main.o: $(BUILD)/commit
$(BUILD)/commit: FORCE
	$(Q)mkdir -p $(@D) && echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@
FORCE:

LIB     := $(BUILD)/libtelltale.a
LIB_SAN := $(BUILD)/libtelltale-san.a

$(LIB): $(call objects,obj)
$(LIB_SAN): $(call objects,san)
$(LIB) $(LIB_SAN):
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/telltale: $(BUILD)/obj/main.o $(LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(MAPPED) -pie -Wl,-z,relro,-z,now -Wl,--as-needed -o $@ $^ $(LDLIBS)

$(BUILD)/telltale-san: $(BUILD)/san/main.o $(LIB_SAN)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SAN) -o $@ $^ $(LDLIBS)

# --- tests --------------------------------------------------------------------------------------

# Faults in the tap, for tests/witness; another build's programs, tables and messages, for tests/targets.
$(eval $(call planted_rule,blind,tests/witness/blind.h))
$(eval $(call planted_rule,other,tests/targets/other.h))
$(BUILD)/tests/telltale-other: $(BUILD)/other/halves/wire.h
$(BUILD)/other/halves/wire.h: user/halves/wire.h
	@mkdir -p $(@D)
	$(Q)sed 's/^#define WIRE_VERSION .*/#define WIRE_VERSION 999/' $< >$@

# A program of one file. $(1): the program, $(2): its source, $(3): flags, $(4): the part of telltale
# that it links with, $(5): libraries.
define program_rule
$$(BUILD)/$(1): $(2) $(4)
	$$(call say,TEST,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(ALL_CFLAGS) $(3) $$(DEPEND) -MF $$@.d -o $$@ $$< $(4) $(5)
endef

# Unit tests run under ASan and UBSan, always.
$(foreach wing,$(sort $(dir $(UNIT))),\
	$(eval $(call program_rule,tests/%,$(wing)%.c,$(SAN),$(LIB_SAN),$(LDLIBS) -lcmocka)))
# One stage alone, driven by an end-to-end test.
$(eval $(call program_rule,tests/%,tests/e2e/%.c,$(SAN),$(LIB_SAN),$(LDLIBS)))
# The conversations of the corpus, through the decoders alone and through the kernel programs.
$(eval $(call program_rule,tests/conformance-%,tests/conformance/%.c,$(SAN),$(LIB_SAN),$(LDLIBS)))
# The decoders alone, driven by the comparison with npm's ilp-packet.
$(eval $(call program_rule,tests/%,tests/ilp-packet/%.c,$(SAN)))
# The decoder of HTTP/2 alone, held against nghttp2.
$(eval $(call program_rule,tests/http2-%,tests/http2/%.c,$(SAN),,-lnghttp2))
# The right half of the program, as a node of the service under test; several run at once.
$(eval $(call program_rule,tests/%,tests/service/%.c,$(HARDEN),$(LIB),$(LDLIBS)))
# The page of a year that never was.
$(eval $(call program_rule,tests/page-%,tests/page/%.c,$(HARDEN),$(LIB),$(LDLIBS)))
# The bad network.
$(eval $(call program_rule,tests/%,tests/network/%.c))
# A network that loses segments.
$(eval $(call program_rule,tests/%,tests/profile/%.c,,,-lbpf))
$(BUILD)/tests/lose: $(BUILD)/tests/lose.skel.h
# A program that opens the TLS library it is told to: no sanitizer, which would see to its memory.
$(eval $(call program_rule,tests/%,tests/tls/%.c,$(HARDEN)))
# Preloaded into the program: no sanitizer, which would have to come first.
$(eval $(call program_rule,tests/%.so,tests/e2e/%.c,-shared -fPIC,,-ldl))
# Benchmarks measure the program's own objects, with its flags.
$(eval $(call program_rule,bench/%,tests/bench/%.c,,$(LIB),$(LDLIBS)))
$(BUILD)/bench/bench_bpf: $(BUILD)/bench/floor.skel.h
# What runs inside the kernels that scripts/vm boots.
$(eval $(call program_rule,kernels/%,tests/kernels/%.c,,$(LIB),-Wl$(,)--as-needed $(LDLIBS) -lssl -lcrypto))
$(eval $(call program_rule,kernels/%.so,tests/kernels/%.c,-shared -fPIC,,-ldl))

# Python parts of the tests, at the versions the file pins.
define venv_rule
$$(BUILD)/$(1)/ready: $(2)/requirements.txt
	$$(call say,VENV,$$(@D))
	$$(Q)python3 -m venv $$(@D) && $$(@D)/bin/pip -q install -r $$< && touch $$@
endef

$(eval $(call venv_rule,venv,tests/e2e))
$(eval $(call venv_rule,venv-service,tests/service))

FUZZ_FLAGS = -std=gnu11 $(WARN) $(CPPFLAGS) -O1 -g -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined

$(BUILD)/fuzz/%: tests/fuzz/%.c
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) $(PKG_CFLAGS) $(DEPEND) -MF $@.d -o $@ $< $(filter %.o,$^) \
		-Wl,--as-needed $(LDLIBS)

# Node.js' parser, which ours is compared with, is part of the target.
LLHTTP := $(addprefix $(BUILD)/fuzz/llhttp-,llhttp.o api.o http.o)

$(LLHTTP:$(BUILD)/fuzz/llhttp-%.o=$(BUILD)/parts/llhttp/src/%.c) &: scripts/parts
	$(Q)scripts/parts llhttp && touch $(BUILD)/parts/llhttp/src/*.c

$(LLHTTP): $(BUILD)/fuzz/llhttp-%.o: $(BUILD)/parts/llhttp/src/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -I$(BUILD)/parts/llhttp/include -O1 -g -fsanitize=fuzzer-no-link,address -c $< -o $@

$(BUILD)/fuzz/fuzz_llhttp: $(LLHTTP)

unit: $(UNIT_BIN) ## run the unit tests (TAP, ASan and UBSan)
	$(Q)scripts/run-unit $(UNIT_BIN)

# Seconds for each target.
FUZZ_TIME ?= 60

# The corpus of conversations, as what the fuzz targets of HTTP begin with.
$(BUILD)/fuzz/cases/made: $(BUILD)/tests/conformance-replay $(wildcard tests/conformance/cases/*)
	$(Q)mkdir -p $(@D)/http1 $(@D)/llhttp $(@D)/http2_streams
	$(Q)$< --inputs $(@D) tests/conformance/cases/* && touch $@

fuzz: $(FUZZ_BIN) $(BUILD)/fuzz/cases/made ## fuzz with every target, FUZZ_TIME seconds each (default 60)
	$(Q)tests/fuzz/run $(FUZZ_TIME) $(FUZZ_BIN)

fuzz-replay: $(FUZZ_BIN) $(BUILD)/fuzz/cases/made ## run every fuzz target over its corpus (TAP)
	$(Q)tests/fuzz/run replay $(FUZZ_BIN)

CONFORMANCE := $(addprefix $(BUILD)/tests/conformance-,replay kernel segments)

conformance: $(CONFORMANCE) ## replay tests/conformance's conversations, as root also in the kernel (TAP)
	$(Q)tests/conformance/run

# What several parts of scripts/check, which run at once, would else each make.
test-programs: $(BUILD)/telltale-san $(UNIT_BIN) $(CONFORMANCE) \
	$(addprefix $(BUILD)/tests/,exporter clock.so page-serve node talker crowd shim lose decode http2-compare) \
	$(addprefix $(BUILD)/kernels/,ilp verify refuse.so) $(addprefix $(BUILD)/tests/,telltale-blind telltale-other shortcut.bpf.o) \
	$(BUILD)/venv/ready $(BUILD)/venv-service/ready image ## build all that the tests run

vm: ## boot 5.10, 6.1, 6.12 and the newest kernel in QEMU and check each: scripts/vm (TAP)
	$(Q)scripts/vm

compare: ## compare the ILP decoder with npm's ilp-packet on 120,000 packets (TAP)
	$(Q)tests/ilp-packet/run

compare-http2: ## hold the decoder of HTTP/2 against nghttp2 on 5,000,000 frames, and plant faults into it (TAP)
	$(Q)tests/http2/run

# As check does, and more: other releases of Node.js, Go, Java, Rust, nginx.
http2: $(PROGRAM) ## count ILP over HTTP/2 between ends that nobody here wrote, against their own counts, as root (TAP)
	$(Q)scripts/wires >&2
	$(Q)bats --tap tests/http2 tests/http2/more

# The faults are planted into a copy of one file, with the program's own flags.
audit: export AUDIT_CFLAGS = $(ALL_CFLAGS) $(HARDEN)
audit: export AUDIT_LIBS = -pie $(LDLIBS)
audit: $(BUILD)/telltale ## plant faults into the privacy mechanism and have the audit find each (TAP)
	$(Q)tests/audit/run

network: $(PROGRAM) $(BUILD)/tests/shim ## count 20,000 exchanges over a good and a bad network, as root (scripts/parts first)
	$(Q)tests/network/figures

# Those that take long to fetch are for this target only; scripts/check runs the others.
stacks: $(PROGRAM) ## run ILP stacks that nobody here wrote against their own counters, as root (TAP)
	$(Q)scripts/stacks
	$(Q)bats --tap tests/stacks

hostile: $(BUILD)/telltale $(BUILD)/telltale-san ## a hostile peer at full size, as root: 100,000 connections, a million endpoints (TAP)
	$(Q)HOSTILE=large bats --tap tests/hostile

soak: $(BUILD)/telltale ## ten minutes and more of load, restarts and faults, as root (SOAK seconds, default 660)
	$(Q)tests/soak/run $${SOAK:-660}

outages: $(PROGRAM) $(BUILD)/tests/clock.so ## break everything between telltale and Prometheus for OUTAGE seconds each (600), as root (TAP)
	$(Q)tests/outage/run $${OUTAGE:-600}

# As check does, and more: Prometheus 3, a distributed engine, whole daemons, the manifests.
service: $(PROGRAM) $(BUILD)/tests/node $(BUILD)/venv-service/ready ## run the network's service from scripts/deploy's own files, as root (TAP)
	$(Q)scripts/parts-service >&2
	$(Q)bats --tap tests/service tests/service/more
	$(Q)PROMETHEUS=$(CURDIR)/$(BUILD)/parts/prometheus3 bats --tap tests/service/service.bats
	$(Q)$(BUILD)/parts/manifests scripts/deploy

dashboards: $(PROGRAM) $(BUILD)/tests/node ## draw the dashboards with Grafana's own components, into build/dashboards, as root (25 minutes)
	$(Q)tests/service/drawn

scale: ## play up to 5,000 nodes before the service, and measure each part, as root (some minutes)
	$(Q)scripts/parts-service >&2
	$(Q)tests/service/scale
	$(Q)tests/service/disk

storm: $(PROGRAM) ## restart connectors under load, STORM times each (50), in units of a real systemd and in containers too, as root (TAP)
	$(Q)STORM=$${STORM:-50} bats --tap --filter 'under load' tests/targets

tls: $(PROGRAM) ## read TLS in every process there is, as root, more than `check` does (TAP)
	$(Q)scripts/parts-tls all >&2
	$(Q)bats --tap tests/tls tests/tls/more

bench: $(PROGRAM) $(BENCH_BIN) ## measure the program on this machine, as root (scripts/parts first)
	$(Q)tests/bench/report

pictures: $(PROGRAM) ## photograph page and `top` beside real connectors that pay for an hour, as root, for the README
	tests/page/pictures

bench-privacy: $(PROGRAM) $(BUILD)/bench/bench_privacy ## how wrong released totals are; writes scripts/deploy/PRIVACY.md's tables, privacy-errors.md and the plot
	$(Q)tests/bench/privacy

# --- the tree ------------------------------------------------------------------------------------

check: ## everything that says whether the tree is good, as root: scripts/check
	$(Q)scripts/check

# Generated headers are included by what is looked at; the flags cannot be known from outside.
lint: export LINT_CFLAGS = $(ALL_CFLAGS)
lint: $(SKEL) $(BUILD)/bench/floor.skel.h $(BUILD)/tests/lose.skel.h $(PB_SRC) $(BUILD)/parts/llhttp/src/llhttp.c ## look for faults without running anything: scripts/lint
	$(Q)scripts/lint

format: ## put all C into the one format
	clang-format -i $(C_FILES)

# --- packaging -----------------------------------------------------------------------------------

# The configuration is installed as an example: /etc is the operator's. The units are told where the
# program lies.
install: $(BUILD)/telltale ## install below DESTDIR and PREFIX (/usr/local)
	$(INSTALL) -D -m 755 $(BUILD)/telltale $(BINDIR)/telltale
	$(INSTALL) -D -m 644 scripts/deploy/telltale.8 $(MANDIR)/man8/telltale.8
	$(INSTALL) -D -m 644 scripts/deploy/telltale.yaml.5 $(MANDIR)/man5/telltale.yaml.5
	$(INSTALL) -D -m 644 scripts/deploy/telltale.bash-completion $(COMPDIR)/telltale
	$(INSTALL) -D -m 644 scripts/deploy/telltale.zsh-completion $(ZSHDIR)/_telltale
	$(INSTALL) -D -m 644 scripts/deploy/telltale.fish-completion $(FISHDIR)/telltale.fish
	$(INSTALL) -d -m 755 $(UNITDIR) $(DOCDIR)
	for unit in $(SERVICES); do \
		sed 's,/usr/local/bin/,$(PREFIX)/bin/,' scripts/deploy/$$unit >$(UNITDIR)/$$unit; \
		chmod 644 $(UNITDIR)/$$unit; \
	done
	$(INSTALL) -D -m 644 scripts/deploy/telltale.sysusers $(SYSUSERS)/telltale.conf
	$(INSTALL) -m 644 scripts/deploy/telltale-rates.timer $(UNITDIR)
	$(INSTALL) -m 644 $(DOCS) $(DOCDIR)

# Empty where there is no dpkg.
DEB_ARCH := $(shell dpkg --print-architecture 2>/dev/null)
DEB      := $(BUILD)/telltale_$(VERSION)_$(DEB_ARCH).deb
IMAGE    := $(BUILD)/telltale-$(VERSION)-$(DEB_ARCH).image.tar

$(DEB): $(BUILD)/telltale scripts/deb Makefile $(DOCS) $(wildcard scripts/deploy/deb/* scripts/deploy/telltale*)
	$(Q)scripts/deb

$(IMAGE): $(DEB) scripts/image
	$(Q)scripts/image

deb: $(DEB) ## make build/telltale_VERSION_ARCHITECTURE.deb: scripts/deb

image: $(IMAGE) ## make build/telltale-VERSION-ARCHITECTURE.image.tar, a container image: scripts/image

dist: image ## put sources, package, image, SBOM and checksums into build/dist: scripts/dist
	$(Q)scripts/dist

uninstall: ## remove what install put there; the configuration and the state stay
	rm -f $(BINDIR)/telltale $(MANDIR)/man8/telltale.8 $(MANDIR)/man5/telltale.yaml.5 $(COMPDIR)/telltale $(SYSUSERS)/telltale.conf
	rm -f $(ZSHDIR)/_telltale $(FISHDIR)/telltale.fish
	rm -f $(addprefix $(UNITDIR)/,$(SERVICES) telltale-rates.timer)
	rm -f $(addprefix $(DOCDIR)/,$(notdir $(DOCS)))
	if [ -d $(DOCDIR) ]; then rmdir --ignore-fail-on-non-empty $(DOCDIR); fi

clean: ## remove everything made
	rm -rf $(BUILD)

help: ## print this
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: all unit fuzz fuzz-replay conformance compare compare-http2 http2 audit test-programs vm tls storm stacks hostile soak outages service dashboards scale network bench pictures bench-privacy \
	check lint format install deb image dist uninstall clean help FORCE
.SECONDARY:
.DELETE_ON_ERROR:

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d)
