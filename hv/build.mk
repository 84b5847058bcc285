# The kernel: build/plinth-kernel.elf with symbols, and the flat image that the loader carries.
# DEBUG=1 adds checks to places where they cost something.

BUILD   ?= build
NASM    ?= nasm
LD      ?= ld
OBJCOPY ?= objcopy

KERNEL_CFLAGS = -std=c11 -O2 -g -ffreestanding -fno-builtin -fno-common -fno-pic -fno-pie \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing -fcf-protection=none \
	-mcmodel=kernel -mno-red-zone -mgeneral-regs-only -Wall -Wextra -Werror \
	-Wmissing-prototypes -Wstrict-prototypes -Wvla -I. $(if $(filter 1,$(DEBUG)),-DPLINTH_DEBUG)

KERNEL_C   := $(filter-out hv/offsets.c,$(wildcard hv/*.c hv/debug/*.c)) \
	$(wildcard arch/x86/*.c arch/x86/vmx/*.c drivers/*.c)
KERNEL_ASM := hv/header.asm arch/x86/traps.asm arch/x86/vmx/switch.asm
KERNEL_FLAGS := $(BUILD)/kernel/flags
KERNEL_OBJ := $(KERNEL_C:%.c=$(BUILD)/kernel/%.o) $(KERNEL_ASM:%.asm=$(BUILD)/kernel/%.asm.o)
ASM_OFFSETS := $(BUILD)/kernel/asm-offsets.inc

# Changes when the flags do, and all objects with it.
$(KERNEL_FLAGS): FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(KERNEL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(KERNEL_CFLAGS)' > $@
.PHONY: FORCE
FORCE:

# Runs once on each core.
$(BUILD)/kernel/arch/x86/vmx/entry_check.o: OPTIMISE := -Os

$(BUILD)/kernel/%.o: %.c $(KERNEL_FLAGS)
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(KERNEL_CFLAGS) $(OPTIMISE) -MMD -MP -c -o $@ $<

$(ASM_OFFSETS): hv/offsets.c
	@mkdir -p $(@D)
	@echo "  OFFSETS $@"
	$(Q)$(CC) $(KERNEL_CFLAGS) -MMD -MP -MT $@ -MF $(@:.inc=.d) -S -o $(@:.inc=.s) $<
	$(Q)sed -n 's/^[[:space:]]*\.ascii[[:space:]]*"->\([A-Z0-9_]*\) $$*\([0-9-]*\)"/%define \1 \2/p' $(@:.inc=.s) > $@

$(BUILD)/kernel/%.asm.o: %.asm $(ASM_OFFSETS)
	@mkdir -p $(@D)
	@echo "  NASM    $<"
	$(Q)$(NASM) -f elf64 -g -Werror -I $(BUILD)/kernel/ -o $@ $<

$(BUILD)/plinth-kernel.elf: $(KERNEL_OBJ) hv/kernel.lds
	@echo "  LD      $@"
	$(Q)$(LD) -nostdlib -static -z noexecstack --fatal-warnings -T hv/kernel.lds -o $@ $(KERNEL_OBJ)

$(BUILD)/plinth-kernel.bin: $(BUILD)/plinth-kernel.elf
	@echo "  OBJCOPY $@"
	$(Q)$(OBJCOPY) -O binary $< $@

-include $(KERNEL_OBJ:.o=.d) $(ASM_OFFSETS:.inc=.d)
