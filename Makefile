# The face of the build: CMake and Ninja do the work, scripts in tools/ and tests/ the rest.
# `make help` prints the lines that carry two hashes.

BUILD ?= build
PREFIX ?= /usr/local
# Every figure, one on a line, in the order in which `make figures` measures them.
FIGURES := \
    interop \
    truth \
    flip \
    cut \
    power \
    trial \
    drop \
    network \
    otadata \
    badflash \
    badimage \
    clock \
    nth \
    tls \
    rotate \
    brake \
    falsehalt \
    decide \
    verbs \
    fleetsim \
    flush \
    kill \
    vfs \
    io \
    lists \
    size \
    idle \
    wake \
    events \
    slow \
    herd \
    web \
    memory \
    attack \
    tamper \
    ssrf \
    api \
    upload \
    restore \
    login \
    authz \
    upgrade \
    clockjump \
    drill \
    siege \
    field \
    fuzz


# What takes minutes: everything that `make test` tells a sample of, each with its bar.
LONG := \
    cut \
    power \
    trial \
    drop \
    network \
    otadata \
    badflash \
    badimage \
    clock \
    nth \
    tls \
    rotate \
    fleetsim \
    kill \
    vfs \
    io \
    attack \
    api \
    login \
    siege


.DEFAULT_GOAL := all
.PHONY: all help run demo test test-long figures $(FIGURES:%=figure-%) examples asan tidy format deps install deb clean

all: ## build build/godwit (needs the packages that `make deps` installs)
	@tools/build.sh $(BUILD)

run: ## install what is missing, build, start the service with five emulated ESP32s
	@tools/install.sh run
	@tools/build.sh $(BUILD)
	@tools/run.sh

demo: ## the scenario in a terminal: a good release, a bad one, a device that rolls back
	@tools/install.sh run
	@tools/build.sh $(BUILD)
	@tools/demo.sh

test: ## install what is missing, run all quick tests, print the counts
	@tools/install.sh test
	@tools/test.sh

test-long: test ## make test, then everything that it only samples, each figure with its bar
	@tools/figure.sh $(LONG)

figures: ## measure and print every figure
	@tools/install.sh test
	@tools/figure.sh $(FIGURES)

$(FIGURES:%=figure-%): figure-%: ## measure one figure: make figure-cut
	@tools/install.sh test
	@tools/figure.sh $*

examples: ## real ESP32-C3 example images, built by the RISC-V compiler and esptool
	@tools/install.sh test
	@$(MAKE) -C examples

asan: ## build with ASan and UBSan into build-asan
	@tools/build.sh build-asan -DGODWIT_SANITIZE=ON -DGODWIT_STRICT=ON

tidy: ## check the rules of the house (arrows, lengths, banned functions)
	@python3 tools/tidy.py

format: ## clang-format all C
	@git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'examples/*.[ch]' | xargs clang-format-14 -i

deps: ## install the Debian packages that building and testing need
	@tools/install.sh test

install: all ## install the program: make install PREFIX=/usr DESTDIR=/tmp/package
	@cmake --install $(BUILD) --prefix $(PREFIX) --strip

deb: ## a Debian package of it, in build/
	@tools/build.sh $(BUILD)
	@cd $(BUILD) && cpack -G DEB

clean: ## remove what was built
	rm -rf build build-asan build-tsan build-clang build-release build-cov build-fuzz

help: ## this list
	@awk -F ':.*## ' '/^[a-z$$(].*## /{sub(/\$$\(.*/, "figure-NAME", $$1); printf "  make %-12s %s\n", $$1, $$2}' Makefile
