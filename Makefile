# Each target works in a fresh clone on a machine that has the Swift toolchain, git and make.

PREFIX ?= /usr/local
DESTDIR ?=
SWIFT ?= swift
# The day of the release that the man page speaks of.
RELEASED := November 24, 2026
VERSION := $(shell sed -n 's/.*static let version = "\(.*\)"/\1/p' Sources/Fibril/Scheduling/Fibril.swift)
# The shared library of the C interface, by the name under which programs ask for it.
C_LIBRARY := libfibrilrt.so.$(shell sed -n 's/^\#define FIBRIL_API_VERSION //p' Sources/FibrilC/include/fibril.h)

.PHONY: all c-library demo dashboard man bench test soak lint check-aarch64 install install-c install-probes packages test-packages clean

all: packages c-library
	$(SWIFT) build -c release

# With the Swift libraries inside it: who uses it needs no toolchain. That takes a build folder of its own.
# Valgrind 3.19 stops at DWARF 5.
c-library:
	$(SWIFT) build -c release --scratch-path .build/c-library --product fibrilrt -Xswiftc -static-stdlib -Xcc -gdwarf-4 \
	  -Xlinker -soname=$(C_LIBRARY) -Xlinker "--version-script=$(CURDIR)/packaging/libfibrilrt.map"

# Traces a real program by its process id and says what was seen.
demo: packages
	scripts/demo

# Two programs made of fibrils, and a page that shows what they do, until Ctrl-C. LISTEN=127.0.0.1:0 takes a free port.
dashboard: packages
	scripts/dashboard

# Everything that must hold. Live tests need root and BPF, and fail without. A test that hangs is ended.
test: test-packages lint check-aarch64
	$(SWIFT) build --build-tests
	timeout --signal=ABRT 20m $(SWIFT) test --skip-build
	scripts/test-without-io-uring
	scripts/test-dependent-package
	scripts/test-c-interface
	scripts/test-probes-header
	scripts/test-live-page
	scripts/test-dashboards
	scripts/test-sanitizers

# Ten thousand rounds of attaching to programs under load and detaching again, none of which may leave a trace in
# the program or in the tracer: about half an hour. ROUNDS says how many.
soak: test-packages
	scripts/soak $(ROUNDS)

# Our figures beside those of the peers, in one run. BENCH_JSON names a file for the same as JSON.
bench: packages
	scripts/install-packages python3
	Benchmarks/run

lint:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests Examples Benchmarks Plugins

# The assembly of the architecture this machine is not.
check-aarch64:
	scripts/check-aarch64

install: all install-c
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -d $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 755 .build/release/fibril $(DESTDIR)$(PREFIX)/bin/fibril
	install -m 644 docs/fibril.1 $(DESTDIR)$(PREFIX)/share/man/man1/fibril.1
	.build/release/fibril --generate-completion-script bash \
	  > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/fibril
	.build/release/fibril --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_fibril
	.build/release/fibril --generate-completion-script fish \
	  > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/fibril.fish

# For runtimes that are not this one: the headers of the probes, with which they are traced. Nothing is built.
install-probes:
	install -d $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 bpf/include/fibril_event.h bpf/include/fibril_table.h bpf/include/fibril_probes*.h \
	  $(DESTDIR)$(PREFIX)/include
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' packaging/fibril-probes.pc.in \
	  > $(DESTDIR)$(PREFIX)/lib/pkgconfig/fibril-probes.pc

# For programs in C: header, library and what pkg-config says of them.
install-c: c-library install-probes
	install -d $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 Sources/FibrilC/include/fibril.h $(DESTDIR)$(PREFIX)/include/fibril.h
	install -m 755 .build/c-library/release/libfibrilrt.so $(DESTDIR)$(PREFIX)/lib/$(C_LIBRARY)
	ln -sf $(C_LIBRARY) $(DESTDIR)$(PREFIX)/lib/libfibrilrt.so
	install -d $(DESTDIR)$(PREFIX)/share/fibril $(DESTDIR)$(PREFIX)/share/gdb/auto-load$(PREFIX)/lib
	install -m 644 gdb/fibril-gdb.py $(DESTDIR)$(PREFIX)/share/fibril/fibril-gdb.py
	ln -sf $(PREFIX)/share/fibril/fibril-gdb.py \
	  $(DESTDIR)$(PREFIX)/share/gdb/auto-load$(PREFIX)/lib/$(C_LIBRARY)-gdb.py
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' packaging/fibril.pc.in \
	  > $(DESTDIR)$(PREFIX)/lib/pkgconfig/fibril.pc

# Writes the man page anew, from the commands' own definitions.
man: packages
	$(SWIFT) package generate-manual --configuration debug
	sed 's/^\.Dd .*/.Dd $(RELEASED)/' .build/plugins/GenerateManual/outputs/FibrilCLI/fibril.1 > docs/fibril.1

# What building needs beyond the toolchain, and what the tests need beyond that.
packages:
	scripts/install-packages libbpf-dev libdw-dev libelf-dev pkg-config zlib1g-dev

test-packages: packages
	scripts/install-packages bpftrace dwz gcc g++ gdb libdebuginfod1 python3 strace valgrind

clean:
	$(SWIFT) package clean
	rm -rf .build/c-library .build/address .build/thread .build/bench demo.json demo.txt
