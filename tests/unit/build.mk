# Unit tests on the build host: each tests/unit/test_NAME.c is a cmocka program, linked with the
# sources of the tree that unit_sources_NAME lists, all compiled with address and undefined
# behaviour sanitizers. `make test-unit` builds and runs them; outputs are build/tests/unit/NAME.log.

UNIT_CC     ?= gcc
UNIT_CFLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Werror -DUNIT_TEST -Itests/unit/shim -I. \
               -pthread -fno-omit-frame-pointer -fsanitize=address,undefined \
               -fno-sanitize-recover=all
UNIT_BUILD  := build/tests/unit

# The whole kernel on a processor that is a program.
unit_kernel := $(addprefix hv/,control_registers.c cpuid.c event.c exception.c format.c \
	guest_memory.c hypercalls.c instructions.c kick.c memory.c msr.c preflight.c vcpu.c) \
	arch/x86/mtrr.c $(wildcard arch/x86/vmx/*.c) \
	$(addprefix tests/unit/,fake_cpu.c fake_log.c fake_vmcs.c fake_vmx.c)

unit_sources_config := boot/config.c
unit_sources_control_registers := hv/control_registers.c hv/guest_memory.c \
	tests/unit/fake_cpu.c tests/unit/fake_vendor.c
unit_sources_controls := arch/x86/vmx/controls.c
unit_sources_cpuid := tests/unit/fake_vendor.c
unit_sources_entry_check := arch/x86/vmx/entry_check.c
unit_sources_ept := arch/x86/vmx/ept.c tests/unit/fake_heap.c
unit_sources_event := hv/event.c tests/unit/fake_vendor.c
unit_sources_exception := hv/exception.c tests/unit/fake_cpu.c tests/unit/fake_vendor.c
unit_sources_exits := arch/x86/vmx/exits.c arch/x86/vmx/controls.c \
	tests/unit/fake_cpu.c tests/unit/fake_log.c tests/unit/fake_vendor.c tests/unit/fake_vmcs.c
unit_sources_format := hv/format.c
unit_sources_hypercalls := hv/hypercalls.c \
	tests/unit/fake_cpu.c tests/unit/fake_log.c tests/unit/fake_vendor.c
unit_sources_kick := hv/kick.c hv/event.c tests/unit/fake_log.c
unit_sources_log := hv/debug/log.c hv/format.c
unit_sources_memory := hv/memory.c arch/x86/mtrr.c arch/x86/vmx/ept.c tests/unit/fake_heap.c
unit_sources_msr := hv/msr.c tests/unit/fake_cpu.c tests/unit/fake_log.c tests/unit/fake_vendor.c
unit_sources_mtrr := arch/x86/mtrr.c
unit_sources_preflight := hv/preflight.c hv/format.c tests/unit/fake_cpu.c tests/unit/fake_log.c
unit_sources_requirements := arch/x86/vmx/requirements.c arch/x86/vmx/controls.c \
	hv/preflight.c hv/format.c tests/unit/fake_cpu.c tests/unit/fake_log.c
unit_sources_settings := boot/settings.c boot/config.c tests/unit/fake_efi.c
unit_sources_string :=
unit_sources_tables := boot/tables.c
unit_sources_text := boot/text.c tests/unit/fake_efi.c
unit_sources_uart := drivers/uart.c
unit_sources_vmx := $(unit_kernel)
unit_sources_vmx_exception := arch/x86/vmx/exception.c hv/exception.c \
	tests/unit/fake_cpu.c tests/unit/fake_vendor.c tests/unit/fake_vmcs.c
unit_sources_vmx_exits := $(unit_kernel)
unit_sources_vcpu := hv/vcpu.c tests/unit/fake_cpu.c tests/unit/fake_log.c tests/unit/fake_vendor.c

UNIT_TESTS   := $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_OBJECTS := $(foreach t,$(UNIT_TESTS),tests/unit/test_$(t).c $(unit_sources_$(t)))
UNIT_OBJECTS := $(patsubst %.c,$(UNIT_BUILD)/obj/%.o,$(sort $(UNIT_OBJECTS)))

$(UNIT_BUILD)/obj/%.o: %.c tests/unit/build.mk
	@mkdir -p $(@D)
	$(UNIT_CC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

define unit_test
$(UNIT_BUILD)/$(1): $(patsubst %.c,$(UNIT_BUILD)/obj/%.o,tests/unit/test_$(1).c $(unit_sources_$(1)))
	$$(UNIT_CC) $$(UNIT_CFLAGS) -o $$@ $$^ -lcmocka
endef
$(foreach t,$(UNIT_TESTS),$(eval $(call unit_test,$(t))))

.PHONY: unit-tests-build unit-tests-run
unit-tests-build: $(addprefix $(UNIT_BUILD)/,$(UNIT_TESTS))

unit-tests-run: unit-tests-build
	@tests/unit/run $(addprefix $(UNIT_BUILD)/,$(UNIT_TESTS))

-include $(UNIT_OBJECTS:.o=.d)
