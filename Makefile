# plinth's build. `make help` lists what there is; `make run` on a fresh Debian needs nothing before.
#
# The parts bring their own rules: hv/build.mk (the kernel, $(KERNEL)), boot/build.mk ($(PLINTH)),
# tests/unit/build.mk (unit-tests-build, unit-tests-run), tests/board/build.mk ($(BOARD)),
# tests/guest/build.mk ($(GUEST_PROGRAMS)).
# All of them build below $(BUILD), so that `make compile BUILD=... CC=clang` works beside it.

BUILD   := build
CC      := gcc
LD      := ld
NASM    := nasm
OBJCOPY := objcopy
PYTHON  := /usr/bin/python3
V       := 0

CFLAGS_COMMON := -std=gnu11 -O2 -g -Wall -Wextra -Werror -I.

# $(Q) before a command keeps it quiet, $(call say,CC,$@) says what is being made; V=1 shows all.
Q   := $(if $(filter 1,$(V)),,@)
say  = @$(if $(filter 1,$(V)),:,printf '  %-8s%s\n' '$(1)' '$(2)')

PLINTH     := $(BUILD)/plinth.efi
BOARD      := $(BUILD)/board/board.efi
PLINTHCTL  := $(BUILD)/guest/plinthctl
LOOPBACK   := $(BUILD)/engine/loopback.so
INITRD     := $(BUILD)/guest/initrd.img

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

include hv/build.mk
include boot/build.mk
include tests/unit/build.mk
include tests/board/build.mk
include tests/guest/build.mk

# Everything that a compiler makes, and what a boot needs.
COMPILED := $(PLINTH) $(BOARD) $(PLINTHCTL) $(LOOPBACK) $(GUEST_PROGRAMS)
PARTS    := $(COMPILED) $(INITRD) $(BUILD)/guest/vmlinuz

SOURCES = $(shell find arch boot drivers guest hv scripts tests -name '*.[ch]' | sort)
WITHOUT_ECHO := $(MAKE) --no-print-directory

##@ Targets

.PHONY: help
help: ## list the targets and variables (this text)
	@awk -F ' *## *' '/^##@/ { print "\n" substr($$0, 5) ":" } \
		/^[a-z-]+:.*## / { sub(":.*", "", $$1); printf "  %-12s %s\n", $$1, $$2 } \
		/^#= / { name = $$0; sub("#= ", "", name); text = name; sub(" .*", "", name); \
			sub("[^ ]* *", "", text); printf "  %-12s %s\n", name, text }' Makefile
	@echo

.PHONY: run
run: ## boot Linux under plinth: a shell on a terminal, else a report
	$(Q)scripts/install-deps python
	$(Q)scripts/run

.PHONY: all
all: ## build plinth.efi, the guest and the test board
	$(Q)scripts/install-deps build
	$(Q)$(WITHOUT_ECHO) -j$$(nproc) parts

.PHONY: test
test: deps ## lint, unit tests and boots; the last line is the total
	$(Q)scripts/test lint unit boot

.PHONY: test-unit
test-unit: ## unit tests on this machine, in seconds
	$(Q)scripts/install-deps build unit
	$(Q)scripts/test unit

.PHONY: test-boot
test-boot: deps ## boots on Bochs and QEMU; TESTS= chooses
	$(Q)scripts/test boot

.PHONY: lint
lint: ## formatting, static analysis, and every warning of gcc and clang
	$(Q)scripts/install-deps build unit lint
	$(Q)scripts/test lint

.PHONY: format
format: ## apply .clang-format to every C file
	$(Q)scripts/install-deps lint
	$(Q)clang-format -i $(SOURCES)

.PHONY: deps
deps: ## install everything that the other targets need
	$(Q)scripts/install-deps build unit lint bochs qemu test
	$(Q)scripts/fetch-bochs

.PHONY: clean
clean: ## remove what was built, keep what was downloaded
	$(Q)rm -rf $(filter-out $(BUILD)/engine $(BUILD)/guest,$(wildcard $(BUILD)/*)) \
		$(PLINTHCTL) $(INITRD) $(LOOPBACK)

.PHONY: distclean
distclean: ## remove the downloads too
	$(Q)rm -rf $(BUILD)

##@ Variables of `make run` and `make test`
#= ENGINE       bochs, kvm or tcg (QEMU without VMX: plinth refuses). Default: kvm if it can, else bochs
#= CORES        1 to 8, default 2
#= MEM          memory in MiB, default 1024, on bochs at most 3072
#= CPU          the processor model: for bochs one of `bochs --help cpu`, else QEMU's -cpu
#= KERNEL       a Linux bzImage with an EFI stub. Default: Debian's cloud kernel
#= APPEND       more for Linux's command line; plinth.demo=shell|report|idle|reboot choose the demo
#= CONFIG       a plinth.cfg; its `next`, if any, replaces Linux
#= BARE         1: boot the same Linux without plinth, for comparison
#= TIMEOUT      seconds for a boot without a terminal, default 300
#= TESTS        arguments for pytest, such as -k reboot
#= V            1: show the commands

# --- What is built -------------------------------------------------------------------------------

.PHONY: compile parts
compile: $(COMPILED)
	@:
parts: $(PARTS)
	@:

$(PLINTHCTL): guest/plinthctl.c hv/hypercall.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_COMMON) -Os -static -s -o $@ $<

$(LOOPBACK): scripts/loopback.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_COMMON) -shared -fPIC -o $@ $<

$(BUILD)/guest/vmlinuz $(BUILD)/guest/busybox &:
	$(Q)scripts/fetch-guest $(BUILD)/guest

$(INITRD): guest/init $(BUILD)/guest/busybox $(PLINTHCTL) scripts/image.py
	$(call say,CPIO,$@)
	$(Q)$(PYTHON) scripts/image.py initramfs $@ guest/init $(BUILD)/guest/busybox $(PLINTHCTL)
