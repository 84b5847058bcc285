# The test board's helper: an EFI program with the board's DSDT inside. Where gnu-efi is, boot/build.mk
# knows.

BOARD_CFLAGS := $(CFLAGS_COMMON) -I$(BUILD)/board -isystem $(EFI_INCLUDE) \
	-isystem $(EFI_INCLUDE)/x86_64 -DGNU_EFI_USE_MS_ABI -ffreestanding -fpic -fshort-wchar \
	-fno-stack-protector -fno-strict-aliasing -mno-red-zone

$(BUILD)/board/dsdt.h: tests/board/dsdt.asl
	$(call say,IASL,$@)
	@mkdir -p $(@D)
	$(Q)iasl -vs -tc -p $(@:.h=) $< >$(@:.h=.log) 2>&1 || { cat $(@:.h=.log); exit 1; }
	$(Q)mv $(@:.h=.hex) $@

$(BUILD)/board/%.o: tests/board/%.c tests/board/sipi.h $(BUILD)/board/dsdt.h
	$(call say,CC,$@)
	$(Q)$(CC) $(BOARD_CFLAGS) -c -o $@ $<

$(BUILD)/board/board.so: $(BUILD)/board/acpi.o $(BUILD)/board/sipi.o
	$(call say,LD,$@)
	$(Q)$(LD) -nostdlib -znocombreloc -T $(EFI_LDS) -shared -Bsymbolic \
		--no-warn-rwx-segments $(EFI_CRT0) $^ -o $@ $(EFI_LIBS)

$(BOARD): $(BUILD)/board/board.so
	$(call say,EFI,$@)
	$(Q)$(OBJCOPY) -j .text -j .sdata -j .data -j .rodata -j .dynamic -j .dynsym -j '.rel*' \
		-j .reloc --target=efi-app-x86_64 $< $@
