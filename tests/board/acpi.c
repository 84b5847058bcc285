/*
 * The test board's helper, an EFI program: Bochs with OVMF has no ACPI tables, and without them an
 * operating system finds neither its second core nor the way to power off. This installs what the
 * board lacks (FADT, FACS, MADT, HPET and the DSDT of dsdt.asl), describing Bochs's i440FX, PIIX4
 * and IOAPIC, mends the SIPI that Bochs loses (sipi.c), and then starts the program that the first
 * line of \board.cfg names, with the rest of that line as its load options. On firmware that has
 * ACPI tables it does only the latter. It is part of the test board and not of plinth.
 */
#include <efi.h>
#include <efilib.h>

#include "dsdt.h"
#include "tests/board/sipi.h"

#define IOAPIC_BASE      0xfec00000u
#define LAPIC_BASE       0xfee00000u
#define HPET_BASE        0xfed00000u
#define PM_BASE          0xb000u /* where OVMF puts the PIIX4's power management block */
#define SCI_IRQ          9
#define SCI_GSI          16 /* PIRQA: device 1, pin INTA */
#define RESET_PORT       0xcf9u
#define RESET_VALUE      6
#define PIIX4_PM_ADDRESS 0x80000b00u /* PCI configuration address of 00:01.3 */
#define PIIX4_PM_ID      0x71138086u
#define PIIX4_PMBA       0x40
#define PIIX4_PMREGMISC  0x80

/* EFI protocols that gnu-efi does not declare (PI 1.7 volume 2, 13.4; UEFI 2.9, 20.2). */
struct processor_info {
	UINT64 apic_id;
	UINT32 status; /* bit 1: enabled */
	UINT32 location[3];
	UINT64 extended[3];
};
#define PROCESSOR_ENABLED 2

struct mp_services {
	EFI_STATUS(EFIAPI *count)(struct mp_services *self, UINTN *all, UINTN *enabled);
	EFI_STATUS(EFIAPI *info)(struct mp_services *self, UINTN i, struct processor_info *info);
};

struct acpi_table_protocol {
	EFI_STATUS(EFIAPI *install)
	(struct acpi_table_protocol *self, const void *table, UINTN size, UINTN *key);
};

static EFI_GUID mp_services_guid = {
	0x3fdda605, 0xa76e, 0x4f46, { 0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08 }
};
static EFI_GUID acpi_table_protocol_guid = {
	0xffe06bdd, 0x6107, 0x46a6, { 0x7b, 0xb2, 0x5a, 0x9c, 0x7e, 0xc5, 0x27, 0x5c }
};
static EFI_GUID acpi_20_guid = ACPI_20_TABLE_GUID;

/* ACPI 6.4 chapter 5.2; checksums are the firmware's work. */
#pragma pack(push, 1)
struct sdt {
	char signature[4];
	UINT32 length;
	UINT8 revision;
	UINT8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	UINT32 oem_revision;
	char creator_id[4];
	UINT32 creator_revision;
};

struct address {
	UINT8 space; /* 0: memory, 1: I/O ports */
	UINT8 width, offset, access;
	UINT64 address;
};

struct fadt {
	struct sdt header;
	UINT32 facs, dsdt; /* filled in by the firmware */
	UINT8 reserved0, profile;
	UINT16 sci_int;
	UINT32 smi_cmd;
	UINT8 acpi_enable, acpi_disable, s4bios, pstate_cnt;
	UINT32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	UINT8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_len, gpe1_len, gpe1_base;
	UINT8 cst_cnt;
	UINT16 c2_latency, c3_latency, flush_size, flush_stride;
	UINT8 duty_offset, duty_width, day_alarm, month_alarm, century;
	UINT16 boot_arch;
	UINT8 reserved1;
	UINT32 flags;
	struct address reset;
	UINT8 reset_value;
	UINT16 arm_boot_arch;
	UINT8 minor;
	UINT64 x_facs, x_dsdt;
	struct address x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt, x_pm_tmr;
	struct address x_gpe0, x_gpe1;
};

struct facs {
	char signature[4];
	UINT32 length, hardware, waking, lock, flags;
	UINT64 x_waking;
	UINT8 version, reserved[31];
};

struct madt {
	struct sdt header;
	UINT32 lapic;
	UINT32 flags; /* bit 0: there are 8259s too */
};

struct madt_lapic {
	UINT8 type, length, processor, apic_id;
	UINT32 flags;
};

struct madt_ioapic {
	UINT8 type, length, id, reserved;
	UINT32 address, gsi_base;
};

struct madt_override {
	UINT8 type, length, bus, irq;
	UINT32 gsi;
	UINT16 flags;
};

struct madt_nmi {
	UINT8 type, length, processor;
	UINT16 flags;
	UINT8 lint;
};

struct hpet {
	struct sdt header;
	UINT32 id;
	struct address base;
	UINT8 number;
	UINT16 min_tick;
	UINT8 page_protection;
};
#pragma pack(pop)

#define FADT_WBINVD      (1u << 0)
#define FADT_PROC_C1     (1u << 2)
#define FADT_SLP_BUTTON  (1u << 5) /* no fixed sleep button */
#define FADT_RESET_REG   (1u << 10)
#define BOOT_LEGACY_8042 3 /* IAPC_BOOT_ARCH: legacy devices, keyboard controller */

static EFI_STATUS fail(const CHAR16 *what, EFI_STATUS status)
{
	Print(L"board: %s: %r\n", what, status);
	return status;
}

static void set_header(struct sdt *h, const char *signature, UINT8 revision, UINTN length)
{
	*h = (struct sdt){ .length = (UINT32)length,
			   .revision = revision,
			   .oem_id = "PLINTH",
			   .oem_table_id = { 'B', 'O', 'C', 'H', 'S', ' ', ' ', ' ' },
			   .oem_revision = 1,
			   .creator_id = { 'P', 'L', 'T', 'H' },
			   .creator_revision = 1 };
	CopyMem(h->signature, (VOID *)signature, 4);
}

static struct address io(UINT16 port, UINT8 width)
{
	return (struct address){ .space = 1, .width = width, .address = port };
}

static UINT32 inl(UINT16 port)
{
	UINT32 value;
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void outl(UINT16 port, UINT32 value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static UINT32 pci_read(UINT32 reg)
{
	outl(0xcf8, PIIX4_PM_ADDRESS | reg);
	return inl(0xcfc);
}

static void pci_write(UINT32 reg, UINT32 value)
{
	outl(0xcf8, PIIX4_PM_ADDRESS | reg);
	outl(0xcfc, value);
}

/* The port of the PIIX4's power management block, which is enabled here if the firmware has not. */
static UINT16 power_management_base(void)
{
	UINT16 base = pci_read(PIIX4_PMBA) & 0xffc0;

	if (pci_read(0) != PIIX4_PM_ID)
		return 0;
	if (base == 0) {
		base = PM_BASE;
		pci_write(PIIX4_PMBA, base | 1);
	}
	pci_write(PIIX4_PMREGMISC, pci_read(PIIX4_PMREGMISC) | 1);
	return base;
}

static EFI_STATUS install(struct acpi_table_protocol *acpi, const void *table)
{
	UINTN key;

	return acpi->install(acpi, table, ((const struct sdt *)table)->length, &key);
}

static EFI_STATUS install_fadt(struct acpi_table_protocol *acpi, UINT16 pm)
{
	struct fadt fadt = {
		.sci_int = SCI_IRQ,
		.pm1a_evt = pm,
		.pm1a_cnt = pm + 4u,
		.pm_tmr = pm + 8u,
		.pm1_evt_len = 4,
		.pm1_cnt_len = 2,
		.pm_tmr_len = 4,
		.smi_cmd = 0xb2,
		.acpi_enable = 0xf1,
		.acpi_disable = 0xf0,
		.c2_latency = 0xfff, /* no C2, no C3 */
		.c3_latency = 0xfff,
		.century = 0x32,
		.boot_arch = BOOT_LEGACY_8042,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_RESET_REG,
		.reset = io(RESET_PORT, 8),
		.reset_value = RESET_VALUE,
		.x_pm1a_evt = io(pm, 32),
		.x_pm1a_cnt = io(pm + 4, 16),
		.x_pm_tmr = io(pm + 8, 32),
	};
	struct facs facs __attribute__((aligned(64))) = { .signature = { 'F', 'A', 'C', 'S' },
							  .length = sizeof(facs),
							  .version = 1 };
	EFI_STATUS status;

	fadt.reset.access = 1;
	set_header(&fadt.header, "FACP", 4, sizeof(fadt));
	status = install(acpi, &facs);
	return EFI_ERROR(status) ? status : install(acpi, &fadt);
}

/* One local APIC for each enabled core, and the one IOAPIC with what differs from ISA's one to one.
 */
static EFI_STATUS install_madt(struct acpi_table_protocol *acpi, UINTN *cores)
{
	struct mp_services *mp;
	struct processor_info info;
	struct madt *madt;
	UINTN all;
	UINT8 *p;
	EFI_STATUS status = BS->LocateProtocol(&mp_services_guid, NULL, (void **)&mp);

	if (!EFI_ERROR(status))
		status = mp->count(mp, &all, cores);
	if (EFI_ERROR(status))
		return status;
	madt = AllocateZeroPool(sizeof(*madt) + all * sizeof(struct madt_lapic) + 256);
	if (!madt)
		return EFI_OUT_OF_RESOURCES;
	madt->lapic = LAPIC_BASE;
	madt->flags = 1;
	p = (UINT8 *)(madt + 1);
	for (UINTN i = 0; i < all; i++) {
		status = mp->info(mp, i, &info);
		if (EFI_ERROR(status))
			return status;
		if (!(info.status & PROCESSOR_ENABLED))
			continue;
		*(struct madt_lapic *)p = (struct madt_lapic){
			.type = 0,
			.length = sizeof(struct madt_lapic),
			.processor = (UINT8)i,
			.apic_id = (UINT8)info.apic_id,
			.flags = 1,
		};
		p += sizeof(struct madt_lapic);
	}
	*(struct madt_ioapic *)p = (struct madt_ioapic){
		.type = 1,
		.length = sizeof(struct madt_ioapic),
		.id = (UINT8)all,
		.address = IOAPIC_BASE,
	};
	p += sizeof(struct madt_ioapic);
	*(struct madt_override *)p = (struct madt_override){
		.type = 2,
		.length = sizeof(struct madt_override),
		.irq = 0,
		.gsi = 2,
	};
	p += sizeof(struct madt_override);
	*(struct madt_override *)p = (struct madt_override){
		.type = 2,
		.length = sizeof(struct madt_override),
		.irq = SCI_IRQ,
		.gsi = SCI_GSI,
		.flags = 0xd, /* level, active high */
	};
	p += sizeof(struct madt_override);
	*(struct madt_nmi *)p = (struct madt_nmi){
		.type = 4,
		.length = sizeof(struct madt_nmi),
		.processor = 0xff, /* every core */
		.lint = 1,
	};
	p += sizeof(struct madt_nmi);
	set_header(&madt->header, "APIC", 3, (UINTN)(p - (UINT8 *)madt));
	status = install(acpi, madt);
	FreePool(madt);
	return status;
}

static EFI_STATUS install_hpet(struct acpi_table_protocol *acpi)
{
	UINT32 capabilities = *(volatile UINT32 *)(UINTN)HPET_BASE;
	struct hpet hpet = { .id = capabilities, .base = { .width = 64, .address = HPET_BASE } };

	if (capabilities == 0 || capabilities == 0xffffffff)
		return EFI_SUCCESS;
	set_header(&hpet.header, "HPET", 1, sizeof(hpet));
	return install(acpi, &hpet);
}

static EFI_STATUS install_tables(void)
{
	struct acpi_table_protocol *acpi;
	UINTN cores;
	UINT16 pm;
	void *rsdp;
	EFI_STATUS status;

	if (!EFI_ERROR(LibGetSystemConfigurationTable(&acpi_20_guid, &rsdp)))
		return EFI_SUCCESS;
	pm = power_management_base();
	if (pm == 0)
		return fail(L"no PIIX4 at 00:01.3", EFI_NOT_FOUND);
	status = BS->LocateProtocol(&acpi_table_protocol_guid, NULL, (void **)&acpi);
	if (EFI_ERROR(status))
		return fail(L"EFI_ACPI_TABLE_PROTOCOL", status);
	status = install(acpi, dsdt_aml_code);
	if (!EFI_ERROR(status))
		status = install_fadt(acpi, pm);
	if (!EFI_ERROR(status))
		status = install_madt(acpi, &cores);
	if (!EFI_ERROR(status))
		status = install_hpet(acpi);
	if (EFI_ERROR(status))
		return fail(L"installing ACPI tables", status);
	Print(L"board: ACPI tables installed, %d cores\n", cores);
	if (cores <= CORES_WITHOUT_REPEAT)
		return EFI_SUCCESS;
	status = repeat_sipis();
	return EFI_ERROR(status) ? fail(L"repeating SIPIs", status) : EFI_SUCCESS;
}

/* The first line of \board.cfg on the volume that `device` is, as UCS-2 in pool memory. */
static EFI_STATUS read_command(EFI_HANDLE device, CHAR16 **command)
{
	static CHAR8 text[2048];
	UINTN size = sizeof(text) - 1, n = 0;
	EFI_FILE_HANDLE root = LibOpenRoot(device), file;
	EFI_STATUS status;

	if (!root)
		return EFI_NO_MEDIA;
	status = root->Open(root, &file, L"\\board.cfg", EFI_FILE_MODE_READ, 0);
	root->Close(root);
	if (EFI_ERROR(status))
		return status;
	status = file->Read(file, &size, text);
	file->Close(file);
	if (EFI_ERROR(status))
		return status;
	while (n < size && text[n] != '\r' && text[n] != '\n')
		n++;
	*command = AllocateZeroPool((n + 1) * sizeof(CHAR16));
	if (!*command)
		return EFI_OUT_OF_RESOURCES;
	for (UINTN i = 0; i < n; i++)
		(*command)[i] = text[i];
	return EFI_SUCCESS;
}

static EFI_STATUS start(EFI_HANDLE self, EFI_HANDLE device, CHAR16 *command)
{
	CHAR16 *path = StrDuplicate(command);
	EFI_LOADED_IMAGE *image;
	EFI_HANDLE handle;
	EFI_STATUS status;
	UINTN n = 0;

	if (!path)
		return EFI_OUT_OF_RESOURCES;
	while (path[n] && path[n] != L' ')
		n++;
	path[n] = 0;
	status = BS->LoadImage(FALSE, self, FileDevicePath(device, path), NULL, 0, &handle);
	if (!EFI_ERROR(status))
		status = BS->HandleProtocol(handle, &LoadedImageProtocol, (void **)&image);
	if (EFI_ERROR(status))
		return fail(path, status);
	image->LoadOptions = command;
	image->LoadOptionsSize = (UINT32)StrSize(command);
	return BS->StartImage(handle, NULL, NULL);
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
	EFI_LOADED_IMAGE *image;
	CHAR16 *command;
	EFI_STATUS status;

	InitializeLib(self, system);
	status = install_tables();
	if (EFI_ERROR(status))
		return status;
	status = BS->HandleProtocol(self, &LoadedImageProtocol, (void **)&image);
	if (!EFI_ERROR(status))
		status = read_command(image->DeviceHandle, &command);
	if (EFI_ERROR(status))
		fail(L"\\board.cfg", status);
	else
		status = start(self, image->DeviceHandle, command);
	stop_repeating_sipis();
	return status;
}
