# plinth.efi, the UEFI application: gnu-efi, the files of boot/, and the kernel's flat image inside.
# The top Makefile includes this; `make -f boot/build.mk` works alone where plinth-kernel.bin exists.

BUILD   ?= build
NASM    ?= nasm
OBJCOPY ?= objcopy
Q       ?= $(if $(filter 1,$(V)),,@)

# Distributions and versions of gnu-efi differ in where they put their start-up code.
EFI_DIRS    ?= /usr/lib /usr/lib/gnuefi /usr/lib/x86_64-linux-gnu/gnuefi /usr/lib/x86_64-linux-gnu
EFI_INCLUDE ?= /usr/include/efi
EFI_CRT0    := $(firstword $(wildcard $(addsuffix /crt0-efi-x86_64.o,$(EFI_DIRS))))
EFI_LDS     := $(firstword $(wildcard $(addsuffix /elf_x86_64_efi.lds,$(EFI_DIRS))))
EFI_LIBS    := $(firstword $(wildcard $(addsuffix /libgnuefi.a,$(EFI_DIRS)))) \
               $(firstword $(wildcard $(addsuffix /libefi.a,$(EFI_DIRS))))

BOOT_CFLAGS := -std=c11 -O2 -g -ffreestanding -fpic -fshort-wchar -mno-red-zone -fno-stack-protector \
               -fno-strict-aliasing -fcf-protection=none -Wall -Wextra -Werror -MMD -MP \
               -DGNU_EFI_USE_MS_ABI -I. -isystem $(EFI_INCLUDE) -isystem $(EFI_INCLUDE)/x86_64
BOOT_LDFLAGS := -nostdlib -shared -Bsymbolic -znocombreloc -znoexecstack --no-undefined \
                --no-warn-rwx-segments
# gnu-efi reads its own relocations at start; debugging information stays in plinth.efi.elf.
BOOT_SECTIONS := .text .sdata .data .rodata .dynamic .dynsym .rel .rela .rel.* .rela.* .rodata* \
                 .reloc

BOOT_SRC := main settings config text cores place tables next
BOOT_OBJ := $(BOOT_SRC:%=$(BUILD)/boot/%.o) $(BUILD)/boot/gate.o $(BUILD)/boot/image.o

$(BUILD)/plinth.efi: $(BUILD)/plinth.efi.elf
	@echo "  EFI     $@"
	$(Q)$(OBJCOPY) $(BOOT_SECTIONS:%=-j '%') --target=efi-app-x86_64 --subsystem=10 $< $@

$(BUILD)/plinth.efi.elf: $(BOOT_OBJ)
	@echo "  LD      $@"
	$(Q)test -n "$(EFI_CRT0)" -a -n "$(EFI_LDS)" || \
		{ echo "gnu-efi is not in $(EFI_DIRS): install it, or set EFI_DIRS"; exit 1; }
	$(Q)$(LD) $(BOOT_LDFLAGS) -T $(EFI_LDS) $(EFI_CRT0) $(BOOT_OBJ) $(EFI_LIBS) -o $@

$(BUILD)/boot/%.o: boot/%.c
	@echo "  CC      $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(BOOT_CFLAGS) -c $< -o $@

$(BUILD)/boot/gate.o: boot/gate.asm $(BUILD)/boot/gate-offsets.inc
	@echo "  NASM    $<"
	$(Q)$(NASM) -Werror -f elf64 -I $(BUILD)/boot/ $< -o $@

$(BUILD)/boot/image.o: boot/image.asm $(BUILD)/plinth-kernel.bin
	@echo "  NASM    $<"
	@mkdir -p $(@D)
	$(Q)$(NASM) -Werror -f elf64 -I $(BUILD)/ $< -o $@

# See boot/offsets.c.
$(BUILD)/boot/gate-offsets.inc: $(BUILD)/boot/offsets.s
	@echo "  GEN     $@"
	$(Q)sed -n 's/.*"->\([A-Z0-9_]*\) \$$*\([0-9]*\)".*/%define \1 \2/p' $< > $@

$(BUILD)/boot/offsets.s: boot/offsets.c
	@echo "  CC      $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(BOOT_CFLAGS) -MT $@ -S $< -o $@

-include $(wildcard $(BUILD)/boot/*.d)
