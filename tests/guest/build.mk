# The programs that run as the guest in tests: EFI applications, build/tests/guest/NAME.efi for each
# NAME in GUEST_PROGRAMS. They share guest.c. Where gnu-efi is, boot/build.mk knows.

GUEST_BUILD    := $(BUILD)/tests/guest
GUEST_PROGRAMS := $(GUEST_BUILD)/lockvmx.efi $(GUEST_BUILD)/run.efi $(GUEST_BUILD)/status.efi \
	$(GUEST_BUILD)/touch.efi

# The handler of an exception saves general registers only.
GUEST_CFLAGS := $(CFLAGS_COMMON) -isystem $(EFI_INCLUDE) -isystem $(EFI_INCLUDE)/x86_64 \
	-DGNU_EFI_USE_MS_ABI -ffreestanding -fpic -fshort-wchar -fno-stack-protector \
	-fno-strict-aliasing -fcf-protection=none -mno-red-zone -mgeneral-regs-only -MMD -MP

GUEST_SHARED := $(GUEST_BUILD)/guest.o $(GUEST_BUILD)/vectors.o $(GUEST_BUILD)/format.o

$(GUEST_BUILD)/%.o: tests/guest/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -c -o $@ $<

$(GUEST_BUILD)/format.o: hv/format.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -c -o $@ $<

$(GUEST_BUILD)/vectors.o: tests/guest/vectors.asm
	$(call say,NASM,$@)
	@mkdir -p $(@D)
	$(Q)$(NASM) -Werror -f elf64 -o $@ $<

$(GUEST_BUILD)/%.so: $(GUEST_BUILD)/%.o $(GUEST_SHARED)
	$(call say,LD,$@)
	$(Q)$(LD) $(BOOT_LDFLAGS) -T $(EFI_LDS) $(EFI_CRT0) $^ -o $@ $(EFI_LIBS)

$(GUEST_PROGRAMS): %.efi: %.so
	$(call say,EFI,$@)
	$(Q)$(OBJCOPY) $(BOOT_SECTIONS:%=-j '%') --target=efi-app-x86_64 --subsystem=10 $< $@

.SECONDARY: $(GUEST_PROGRAMS:.efi=.so) $(GUEST_PROGRAMS:.efi=.o) $(GUEST_SHARED)

-include $(wildcard $(GUEST_BUILD)/*.d)
